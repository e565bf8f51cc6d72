/* What the files behind ledger.h share. */
#ifndef TR_CONTROLPLANE_MONEY_LEDGER_STATE_H
#define TR_CONTROLPLANE_MONEY_LEDGER_STATE_H

#include "ledger.h"

struct ledger {
    struct ledger_config config;
    struct ledger_watch watch;
    uv_timer_t *reclaim; /* closed by ledger_free, freed by its close callback */
    bool watching, reclaiming;
    bool freed;       /* the owner is gone; the last answer frees this */
    unsigned pending; /* operations whose answer is due */
};

/* Count an operation in and out; out may free l. */
void ledger_begin(struct ledger *l);
void ledger_end(struct ledger *l);

/* All that one boot asks for runs in the order in which it asked: a lease that was returned is
 * closed before the key is looked up again, and records come before the return that follows them.
 */
uint32_t ledger_lane(const struct id *boot);

#endif
