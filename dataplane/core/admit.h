/* Admission: who is asking, and is the worst case of the request paid for before a byte goes
 * upstream. A warm key is decided at once, with atomics only; with a cold or short one the request waits
 * at the link, in order, and has one answer:
 *   ERR_CREDIT, ERR_KEY_LIMIT  the account or the key's limit cannot pay it, even if all that is lent came back;
 *   ERR_LENT                   it is there, but reserved by other requests: try again soon;
 *   ERR_CONTROL_PLANE          the control plane did not answer. */
#ifndef TR_DATAPLANE_CORE_ADMIT_H
#define TR_DATAPLANE_CORE_ADMIT_H

#include "keyring.h"
#include "meter.h"
#include "uplink.h"

#include <stdbool.h>

enum { ADMIT_LENT_RETRY_MS = 1000 }; /* what a request is told that found all credit reserved */

/* What admission works with; one per worker, outlives every admission. */
struct admit_context {
    struct keyring *keyring;
    struct meter *meter;
    unsigned worker;
    const struct uplink *uplink;
    struct uplink_port *port;
};

enum admit_answer {
    ADMIT_YES,  /* reserved; end with admit_settle() */
    ADMIT_NO,   /* refused: a->why */
    ADMIT_WAIT, /* asked the link; `ready` fires once, then make the same call again */
};

struct admission {
    /* set by admit_init() */
    const struct admit_context *context;
    struct digest32 digest;
    int64_t amount_nusd; /* the worst case; grows by admit_grow() */
    void (*ready)(void *cookie);
    void *cookie;
    bool parts; /* set after admit_init(): an orchestration, whose parts are metered, too (meter_parts()) */
    /* results */
    struct key *key; /* referenced until admit_settle() or admit_release() */
    struct id lease;
    enum err why;           /* after ADMIT_NO */
    uint32_t retry_ms;      /* with ERR_RATE, ERR_LENT */
    int64_t available_nusd; /* with ERR_CREDIT, ERR_KEY_LIMIT: what could be reserved at most */
    bool reserved;
    bool settled;           /* rates is what the key's limits left then */
    struct key_rates rates;
    /* private */
    struct ask *ask;
    int64_t asked_nusd;       /* of the question that is open or answered */
    bool answered;            /* answer is valid and has not been used yet */
    struct ask_answer answer;
};

void admit_init(struct admission *a, const struct admit_context *context,
                const struct digest32 *digest, int64_t amount_nusd, void (*ready)(void *cookie),
                void *cookie);
/* Nothing may be reserved yet. */
enum admit_answer admit_step(struct admission *a);
/* Enlarge the reservation while the request runs, by more_nusd >= 0. ADMIT_YES: a->amount_nusd has grown
 * by more_nusd. ADMIT_WAIT: the link was asked; `ready` fires once, then call again with the same
 * more_nusd. ADMIT_NO: it cannot grow now, a->why says why (as above; ERR_LENT also when its lease was
 * replaced); a later call asks again. What was reserved
 * stays reserved, and growth comes from the same lease, because a usage record names one. It does not count against requests per minute. The request may end,
 * with admit_settle() or admit_release(), while the growth waits. */
enum admit_answer admit_grow(struct admission *a, int64_t more_nusd);
/* The request is over and has cost more than was reserved: enlarge the reservation by more_nusd >= 0 out of
 * its lease, now or not at all. A growth that waits is dropped. False: the lease does not hold it. */
bool admit_cover(struct admission *a, int64_t more_nusd);
/* The request is over and costs cost_nusd, 0 <= cost <= amount (asserted). */
void admit_settle(struct admission *a, int64_t cost_nusd, uint64_t tokens);
/* What the key's limits leave when the request is answered: now, or when it was settled. {0}: there are none, or the
 * key cannot be used here (any more). c and digest: as in admit_init(), which may not have been called. */
void admit_rates(const struct admission *a, const struct admit_context *c,
                 const struct digest32 *digest, struct key_rates *out);
/* Give up in whatever state: cancels an ask, gives a reservation back whole, drops the key.
 * Harmless after admit_settle() and when called twice. */
void admit_release(struct admission *a);
/* The same before anything was done for the request, which will be admitted once more: it does not count against requests
 * per minute. */
void admit_withdraw(struct admission *a);

#endif
