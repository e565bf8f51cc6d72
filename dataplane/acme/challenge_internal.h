/* What challenge.c and challenge_peer.c share. */
#ifndef TR_DATAPLANE_ACME_CHALLENGE_INTERNAL_H
#define TR_DATAPLANE_ACME_CHALLENGE_INTERNAL_H

#include "challenge.h"

#include <pthread.h>

struct challenge {
    struct id boot; /* whose */
    uint64_t created_ms, until_ms; /* unix; until_ms 0: the place is free */
    bool over; /* withdrawn; kept until until_ms, so that an older word does not bring it back */
    uint8_t method;
    char name[LIMIT_ACME_NAME_BYTES + 1];
    uint8_t authorization_len;
    uint8_t authorization[LIMIT_ACME_AUTHORIZATION_BYTES];
};

struct challenge_peer {
    struct id boot;
    uint64_t not_after_s; /* 0: the place is free */
    uint8_t ed25519[32];
};

struct challenges {
    pthread_mutex_t lock; /* of everything below */
    const struct identity_keys *keys;
    const struct acme_names *names;
    EVP_PKEY *key; /* of the certificates that answer; not the identity's */
    struct challenge list[CHALLENGES_MAX];
    struct challenge_peer peers[CHALLENGE_PEERS_MAX];
    unsigned next_peer;
};

/* With the lock: the one of this boot, name and method; else a place for it, which is free; NULL: there is none. */
struct challenge *challenge_place(struct challenges *c, const struct id *boot, struct view name, uint8_t method,
                                  uint64_t now_ms);
/* With the lock: fill the place. */
void challenge_set(struct challenge *p, const struct msg_acme_challenge *m);

#endif
