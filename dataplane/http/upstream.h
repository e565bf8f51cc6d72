/* The connections of one loop to its providers: name lookup, TCP, TLS, the keep-alive pool. Knows
 * nothing of HTTP. Private to this directory; fetch.h is what others use. */
#ifndef TR_DATAPLANE_HTTP_UPSTREAM_H
#define TR_DATAPLANE_HTTP_UPSTREAM_H

#include "fetch.h"
#include "resolve.h"
#include "secret.h"

#include <openssl/ssl.h>

enum {
    UPSTREAM_READ_BYTES = 64 << 10,  /* one read; one delivery to the owner */
    UPSTREAM_STAGE_BYTES = 48 << 10, /* plain text encrypted at once: three full records */
    UPSTREAM_WIRE_BYTES = 64 << 10,  /* their cipher text, or a handshake flight */
    UPSTREAM_IDLE_MS = 25000, /* pooled connections end before the provider's end (30-75 s) */
    UPSTREAM_IDLE_MAX = 256,  /* pooled connections per provider and loop */
    UPSTREAM_CONNECTIONS_MAX = 16384, /* per loop; a data plane serves fewer clients than that */
    /* names */
    UPSTREAM_NAME_MS = 60000,    /* looked-up addresses are used without another lookup */
    UPSTREAM_STALE_MS = 3600000, /* and this long while newer ones cannot be had */
    UPSTREAM_STALE_WAIT_MS = 200, /* a connection with old addresses waits for newer ones */
    UPSTREAM_LOOKUP_MS = 5000,    /* a lookup without an answer by then is taken for hung */
    UPSTREAM_LOOKUPS_MAX = 2, /* per provider and loop: a hung one, and one that may do better */
    UPSTREAM_LOOKUP_AGAIN_MS = 1000, /* after one that failed, when there are old addresses */
    /* addresses */
    UPSTREAM_STEP_MS = 250, /* RFC 8305: the next is tried beside one that does not answer */
    UPSTREAM_SILENT_AVOID_MS = 60000, /* one that did not answer is tried last */
    UPSTREAM_FAILED_AVOID_MS = 5000,  /* the same for one that refused, or failed in TLS */
    UPSTREAM_SESSIONS_MAX = 4,        /* TLS sessions kept per provider; TLS 1.3 uses each once */
};

struct upstream; /* one connection */

/* The user of a connection. `end` is the last call, the connection is gone then: ERR_NONE for an
 * orderly end of the stream. `bytes` may be changed in place; they die when the call returns. */
struct upstream_owner {
    void (*ready)(void *cookie);
    void (*bytes)(void *cookie, uint8_t *bytes, size_t n);
    void (*late)(void *cookie); /* the deadline passed */
    void (*end)(void *cookie, enum err e);
};

struct upstream_address {
    union resolve_address to;
    uint64_t avoid_until; /* loop time: until then the others are tried before it */
    bool preferred;       /* it answered where an earlier one did not */
};

/* One provider on one loop. */
struct upstream_site {
    struct upstreams *u;
    const struct provider *provider;
    SSL_CTX *tls; /* NULL: plain text */
    SSL_SESSION *sessions[UPSTREAM_SESSIONS_MAX];
    unsigned n_sessions;
    struct upstream_address addresses[RESOLVE_ADDRESSES_MAX];
    unsigned n_addresses;
    uint64_t fresh_until, stale_until; /* loop time; UINT64_MAX for a literal address */
    struct resolve *lookups[UPSTREAM_LOOKUPS_MAX];
    unsigned n_lookups;
    uint64_t lookup_at, lookup_again_at; /* when the last one began; before that no other begins */
    struct upstream *waiting;            /* for a lookup */
    struct upstream *idle;    /* the pool, last used first */
    unsigned n_idle;
};

struct upstreams {
    uv_loop_t *loop;
    const struct providers *providers;
    struct upstream_site *sites; /* one per provider, same order */
    struct upstream_counters counters;
    uv_async_t resolved; /* a lookup of one of the sites has ended */
    unsigned pending;    /* connections, fetches and handles that still refer to this struct */
    bool closing;
    struct fetch *spare; /* fetch.c's free list */
    /* Scratch memory of the loop: content passes through and is wiped. */
    uint8_t in[UPSTREAM_READ_BYTES], plain[UPSTREAM_READ_BYTES];
    uint8_t stage[UPSTREAM_STAGE_BYTES], wire[UPSTREAM_WIRE_BYTES];
    size_t wire_len;
};
/* Drop one reference; the last one of a closing struct frees it. */
void upstreams_release(struct upstreams *u);
/* fetch.c: free its list of spare structs. */
void fetch_spare_free(struct upstreams *u);

/* A pooled connection of the site, or NULL. */
struct upstream *upstream_reuse(struct upstream_site *s, const struct upstream_owner *owner,
                                void *cookie);
/* A new one; ready or end will be called, never before this returns. ERR_OVERLOAD, ERR_MEMORY. */
must_check enum err upstream_connect(struct upstream_site *s, const struct upstream_owner *owner,
                                     void *cookie, struct upstream **out);
/* Send head, then body. head is copied where needed; body is borrowed until the connection is
 * closed or given back. Trouble is reported by end(), later. */
void upstream_send(struct upstream *c, struct view head, struct view body);
/* SHA-256 of the key (SubjectPublicKeyInfo) of the certificate that the provider has shown and that was verified,
 * in this connection or in the one that its session was made in. NULL: plain text. From ready() on. */
const struct digest32 *upstream_peer_key(const struct upstream *c);
/* The kernel has all of it. */
bool upstream_sent(const struct upstream *c);
/* Loop time (uv_now) at which late() is due; 0: never. */
void upstream_deadline(struct upstream *c, uint64_t at_ms);
void upstream_pause(struct upstream *c);
void upstream_resume(struct upstream *c);
/* To the pool, for at most idle_ms. Everything sent was taken and everything received was read. */
void upstream_give_back(struct upstream *c, uint32_t idle_ms);
/* Close now; no call to the owner any more. */
void upstream_close(struct upstream *c);

/* --- upstream_name.c: the addresses of a provider --- */

/* An address in the configuration needs no lookup. */
void upstream_name_init(struct upstream_site *s);
/* Are there addresses to try now? May start a lookup; then *wait_until says how long (loop time) a
 * connection waits for it although there are stale addresses. ERR_NONE: dial, they are fresh.
 * ERR_SHORT: wait. ERR_OVERLOAD: nothing to wait for, a lookup cannot be begun. */
must_check enum err upstream_name_find(struct upstream_site *s, uint64_t *wait_until);
/* Addresses that may still be used, fresh or stale. */
bool upstream_name_known(const struct upstream_site *s);
/* In the order in which they are to be tried: the one preferred lately, the others, those to be
 * avoided. Returns how many. */
unsigned upstream_name_order(const struct upstream_site *s,
                             union resolve_address out[static RESOLVE_ADDRESSES_MAX]);
/* It answered. preferred: others that were tried before it did not. */
void upstream_name_good(struct upstream_site *s, const union resolve_address *a, bool preferred);
/* It is tried last for avoid_ms. */
void upstream_name_bad(struct upstream_site *s, const union resolve_address *a, uint64_t avoid_ms);
/* uv_async: take the answers of lookups that have ended and go on with who waited for them. */
void upstream_name_resolved_cb(uv_async_t *resolved);
void upstream_name_free(struct upstream_site *s);

/* --- upstream_tls.c --- */

/* The site's context: TLS 1.2 or better, the provider's CA bundle, http/1.1. share: sites made
 * before, whose certificate store is used again if it comes from the same file. */
must_check enum err upstream_tls_site(struct upstream_site *s, const struct upstream_site *share,
                                      size_t n_share);
void upstream_tls_site_free(struct upstream_site *s);
/* The connection's SSL over our own BIO; ERR_CRYPTO. */
must_check enum err upstream_tls_start(struct upstream *c);
/* Feed cipher text (may be empty, to start the handshake). On ERR_NONE go on reading. */
must_check enum err upstream_tls_feed(struct upstream *c, struct view cipher);
/* Encrypt n bytes of u->stage into u->wire. */
must_check enum err upstream_tls_seal(struct upstream *c, size_t n);

#endif
