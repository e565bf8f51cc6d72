/* A customer's own provider keys in one request: known before its route is decided, tried before or after the
 * operator's as their owner wants it, and paid for with a fee instead of the price. */
#ifndef TR_DATAPLANE_CORE_OWN_H
#define TR_DATAPLANE_CORE_OWN_H

#include "admit.h"
#include "attempts.h"
#include "inquiry.h"
#include "own_keys.h"

struct own {
    struct own_store *store; /* NULL: nothing was asked yet */
    struct own_keys *keys;   /* referenced; NULL: the account has none, or is not known yet */
    uint64_t version;        /* that was looked for; 0 likewise */
    struct inquiry *inquiry; /* the control plane is being asked */
    bool asked, failed;
    void (*ready)(void *cookie);
    void *cookie;
};

enum own_answer {
    OWN_KNOWN,       /* o->keys is what there is, as far as the key is known here */
    OWN_WAIT,        /* `ready` fires once; then call again */
    OWN_UNREACHABLE, /* the account has some, and they cannot be had now */
};
enum own_answer own_step(struct own *o, struct own_store *store, const struct admit_context *x,
                         const struct digest32 *digest, void (*ready)(void *cookie), void *cookie);
/* The key has become known, or its account's own keys have changed, since own_step() said OWN_KNOWN. */
bool own_outdated(const struct own *o, const struct admit_context *x, const struct digest32 *digest);
/* Ends what is asked, and the reference. Harmless when called twice. */
void own_drop(struct own *o);

/* The candidates of a->route, which was decided without them, with those on own keys: OpenRouter's rules. Own keys
 * come first, each at the endpoints of its provider in the order that routing gives these, whatever order the
 * request asks for among providers; then the operator's, but not at a provider with a key that is always to
 * be used; then the keys that are a fallback. Pure, as route_decide() is: same inputs, same order. Nobody left:
 * a->route.n is 0, and a->own_trouble says when that is an own key's doing. */
void own_route(struct attempts *a, const struct route_want *want, const struct own_keys *keys);
/* Leave out what is paid with the account's credit. False: nothing would be left, or nothing was left out. */
bool own_route_only(struct attempts *a);

/* The account's markup on the catalog's price at c, in millionths; 0 on a key of its own, where the fee is paid. The
 * request keeps the answer that it began with, so a change does not touch it. */
uint32_t own_markup(const struct attempts *a, const struct candidate *c);
/* What the account pays when the catalog's price of a request at c is cost_nusd >= 0: that with the account's markup,
 * or on an own key the fee, rounded up. Never decreases as the cost grows, so a bill is within its reservation. */
int64_t own_charge(const struct attempts *a, const struct candidate *c, int64_t cost_nusd);

#endif
