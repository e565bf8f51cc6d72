/* What the files behind ledger.h share. */
#ifndef TR_CONTROLPLANE_MONEY_LEDGER_STATE_H
#define TR_CONTROLPLANE_MONEY_LEDGER_STATE_H

#include "ledger.h"

struct ledger {
    struct ledger_config config;
    struct ledger_watch watch;
    uv_timer_t *reclaim; /* closed by ledger_free, freed by its close callback */
    bool watching, reclaiming;
    int64_t db_seen_ms, db_up_ms; /* the database's clock in the last round of reclaiming, and since when
                                     rounds follow each other without a pause (sql/015) */
    bool freed;       /* the owner is gone; the last answer frees this */
    unsigned pending; /* operations whose answer is due */
};

/* Count an operation in and out; out may free l. */
void ledger_begin(struct ledger *l);
void ledger_end(struct ledger *l);

/* A call about a boot whose answer is one number, or NULL: the database does not know the boot. */
typedef void ledger_number_cb(void *cookie, enum err e, uint64_t number);
struct number_op {
    struct ledger *l;
    ledger_number_cb *cb;
    void *cookie;
};
struct number_op *number_begin(struct ledger *l, ledger_number_cb *cb, void *cookie);
/* A db_cb: hands the number on and frees the op. */
void number_end(void *op, enum err e, const struct db_result *r);

/* All that one boot asks for runs in the order in which it asked: a lease that was returned is
 * closed before the key is looked up again, and records come before the return that follows them.
 */
uint32_t ledger_lane(const struct id *boot);

#endif
