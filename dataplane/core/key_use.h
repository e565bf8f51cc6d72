/* What a key may be used for, applied to one request: from where, at which data plane, and which of the endpoints that
 * the client asks for are left. Numbers only: a model of the catalog has its names as numbers (proto/key_rules.h). */
#ifndef TR_DATAPLANE_CORE_KEY_USE_H
#define TR_DATAPLANE_CORE_KEY_USE_H

#include "errors.h"
#include "keyring.h"
#include "route_decide.h"

/* Where a request comes from, and what it asks for without its key's rules. */
struct key_use {
    uint8_t client[16]; /* the peer's address, IPv4 mapped */
    bool in_eu;         /* this data plane is */
    uint64_t generation; /* of the rules that were applied; 0: none, or the key was not known here yet */
    unsigned applied;    /* how often */
    /* the client's own constraints, to begin from when the rules are applied again */
    bool kept, no_retention, confidential;
    uint8_t privacy_by, places;
};

enum { KEY_USE_APPLIED_MAX = 4 }; /* for one request, whose key's rules keep changing */

/* Narrow want to what the rules of the key allow. key: referenced, or NULL when it is not known here, which changes
 * nothing but what an earlier call did. False: *f says what is not allowed, or that the rules are being written. */
must_check bool key_use_apply(struct key_use *x, const struct keyring *k, const struct key *key, struct route_want *want,
                            struct api_failure *f);
/* Are the rules that were applied those of the key now? */
bool key_use_holds(const struct key_use *x, const struct key *key);

#endif
