/* Provider keys of customers' own, opened: what an account has, as routing, reservation and the request to the
 * provider use it. Plain keys lie in guarded, locked memory, are never changed there, and are wiped when the
 * last request that uses them has ended. Written by the link thread, read by workers. */
#ifndef TR_DATAPLANE_KEYS_OWN_KEYS_H
#define TR_DATAPLANE_KEYS_OWN_KEYS_H

#include "bounds.h"
#include "err.h"
#include "id.h"
#include "message.h"
#include "view.h"

enum {
    OWN_KEY_TEXT_MAX = 512, /* bytes of a plain key, as of the operator's */
    OWN_ACCOUNTS_MAX = 1024, /* held at once; a further one takes the place of the longest unused */
};

enum own_key_state {
    OWN_KEY_READY,
    OWN_KEY_RESEAL, /* sealed to a sealing key that this fleet no longer has */
    OWN_KEY_BAD,    /* does not open, or says inside another account or provider, or is no key */
    OWN_KEY_STATES
};

struct own_key {
    struct id id;
    uint16_t provider_no;
    uint8_t flags; /* enum own_key_flag bits */
    uint8_t state; /* enum own_key_state */
    uint16_t len;  /* of text; 0 unless READY */
    uint8_t text[OWN_KEY_TEXT_MAX];
};

/* One account's, in its order of preference. */
struct own_keys {
    struct id account;
    uint64_t version;
    uint32_t fee_ppm; /* of the catalog's price, on these keys */
    uint32_t markup_ppm; /* on the catalog's price, on the operator's keys */
    unsigned n;
    unsigned refs; /* under the store's lock */
    uint64_t used; /* likewise: a count, for the longest unused */
    struct own_key list[];
};

struct own_store;
must_check enum err own_store_new(struct own_store **out); /* ERR_MEMORY */
/* Nobody holds a reference any more. */
void own_store_free(struct own_store *s);

/* --- any thread */

/* This account's keys of at least this version, referenced: end with own_keys_release(). NULL: not known here. */
struct own_keys *own_store_find(struct own_store *s, const struct id *account, uint64_t version);
void own_keys_release(struct own_store *s, struct own_keys *k); /* NULL is fine */
/* The key by its place in the list; empty when it is not READY. Lives as long as the reference. */
struct view own_key_text(const struct own_keys *k, unsigned at);

/* --- the link thread */

/* Empty, with room for n keys, which the caller fills in. ERR_MEMORY. End with own_store_put(). */
must_check enum err own_keys_new(const struct id *account, unsigned n, struct own_keys **out);
/* Takes k: it is this account's from now on. */
void own_store_put(struct own_store *s, struct own_keys *k);
/* Something has changed: what is held of this account, of all accounts, is not handed out any more, and wiped
 * when no request uses it. */
void own_store_forget(struct own_store *s, const struct id *account);
void own_store_clear(struct own_store *s);

/* What was sealed says inside whose it is (docs/byok.md): *key is the provider's key, borrowed from plain. False:
 * it is not this account's or not for this provider, or no such document. */
bool own_key_read(struct view plain, const struct id *account, struct view provider, struct view *key);

#endif
