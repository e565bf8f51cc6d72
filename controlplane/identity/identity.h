/* Signing in at providers of identities: OpenID Connect issuers and GitHub. Where a browser is sent, and what the code that
 * it brings back is worth: who has signed in there. Users, sessions and states are the API's and the database's. */
#ifndef TR_CONTROLPLANE_IDENTITY_IDENTITY_H
#define TR_CONTROLPLANE_IDENTITY_IDENTITY_H

#include "config.h"
#include "id_token.h"

#include <uv.h>

struct identity;
struct identity_provider;

enum {
    IDENTITY_TIMEOUT_MS = 10000,       /* of one request to a provider: somebody waits at a browser */
    IDENTITY_ANSWER_MAX = 256 << 10,   /* of it */
    IDENTITY_FRESH_MS = 3600 * 1000,   /* how long what an issuer publishes is used */
    IDENTITY_KEYS_AGAIN_MS = 10000,    /* how often keys are fetched at most because of one that is not known */
    IDENTITY_CODE_MAX = 2048,          /* of a provider: bytes */
    IDENTITY_SUBJECT_MAX = 255 + 1 + ID_SUBJECT_MAX,
    IDENTITY_RANDOM_TEXT = 43,         /* 256 bits in base64url */
};

struct identity_config {
    uv_loop_t *loop;
    const struct sign_in_source *sources; /* borrowed, outlives this */
    size_t n;
    const char *origin; /* of the console: where browsers come back to; borrowed */
};

/* why: one printable sentence, when a secret cannot be read. */
must_check enum err identity_new(const struct identity_config *c, struct identity **out, struct buf *why);
/* What is under way ends with ERR_CANCELLED before this returns. NULL does nothing. */
void identity_free(struct identity *i);

/* NULL: there is none of this id. Borrowed. */
struct identity_provider *identity_find(struct identity *i, struct view id);
size_t identity_count(const struct identity *i);
const char *identity_id(const struct identity *i, size_t at);
const char *identity_name(const struct identity *i, size_t at);

/* What binds a code to the browser that it was made for; all in base64url, NUL-terminated. */
struct identity_pass {
    char state[IDENTITY_RANDOM_TEXT + 1]; /* the provider sees it, and gives it back */
    char nonce[IDENTITY_RANDOM_TEXT + 1]; /* is in the token */
    char verifier[IDENTITY_RANDOM_TEXT + 1]; /* of PKCE: the provider sees its digest first, then it */
};
/* All of them from the state and what the browser keeps, so that nothing secret has to be stored. */
void identity_pass(const char *state, const char *kept, struct identity_pass *out);

/* Borrowed, during the callback. */
struct identity_answer {
    const char *url;     /* of identity_begin(): where the browser goes */
    const char *subject; /* of identity_finish(): the issuer, a space, and what the issuer calls the user */
    const struct id_person *person;
};
/* Exactly once, maybe before the function that was given it has returned. ERR_AUTH: the provider refuses the code, or what
 * it says is not for us, not for this sign-in or not signed by it; ERR_RANGE: its token is of another time; ERR_FORMAT,
 * ERR_UNSUPPORTED: no such answer; others: it cannot be asked. */
typedef void identity_cb(void *cookie, enum err e, const struct identity_answer *a);

void identity_begin(struct identity_provider *p, const struct identity_pass *pass, identity_cb *cb, void *cookie);
/* iss: the parameter of the redirect (RFC 9207); empty: there was none. */
void identity_finish(struct identity_provider *p, const struct identity_pass *pass, struct view code, struct view iss,
                     identity_cb *cb, void *cookie);

#endif
