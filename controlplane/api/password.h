/* Passwords as libsodium's argon2id strings (64 MiB, two passes): made and compared on libuv's worker threads, a
 * few at once, so that the loop never waits for them and they never take more memory than that. */
#ifndef TR_CONTROLPLANE_API_PASSWORD_H
#define TR_CONTROLPLANE_API_PASSWORD_H

#include "err.h"
#include "view.h"

#include <stdbool.h>
#include <uv.h>

struct passwords;

enum {
    PASSWORD_MIN = 10, /* bytes of a new one */
    PASSWORD_MAX = 256,
    PASSWORD_SECRET_MAX = 128, /* of the string that is kept, with its NUL */
    PASSWORDS_AT_ONCE = 2,     /* of libuv's four threads, and 64 MiB each */
    PASSWORDS_WAITING = 64,    /* some seconds' work */
};

struct password_ask {
    bool compare;       /* given with secret */
    struct view given;  /* at most PASSWORD_MAX bytes */
    const char *secret; /* NULL: there is none; it takes as long, and is wrong */
    struct view fresh;  /* a new one to make a string of, if the comparison is right; empty: none */
};
/* ERR_NONE, and secret is the new string, "" without one: borrowed, wiped afterwards. ERR_AUTH: the password is
 * wrong. ERR_CRYPTO: no memory for it. */
typedef void password_cb(void *cookie, enum err e, const char *secret);

/* The loop is borrowed. */
must_check enum err passwords_new(uv_loop_t *loop, struct passwords **out);
/* No job may be under way. */
void passwords_free(struct passwords *p);
/* Copies what it needs. cb fires once, later, on the loop. ERR_OVERLOAD: too many wait, and it does not fire. */
must_check enum err passwords_start(struct passwords *p, const struct password_ask *ask, password_cb *cb,
                                    void *cookie);

/* NULL when this may be the password of somebody with this e-mail address; otherwise a literal sentence. */
const char *password_fault(struct view password, struct view email);

#endif
