/* What the files behind ledger.h share. */
#ifndef TR_CONTROLPLANE_MONEY_LEDGER_STATE_H
#define TR_CONTROLPLANE_MONEY_LEDGER_STATE_H

#include "ledger.h"

struct ledger {
    struct ledger_config config;
    struct ledger_watch watch;
    void (*usage_told)(void *cookie, const struct id *account, struct view json); /* NULL: nobody listens */
    void *usage_cookie;
    uv_timer_t *reclaim, *again; /* closed by ledger_free, freed by their close callbacks */
    struct credit_op *busy;      /* to be sent again when `again` fires */
    bool watching, reclaiming;
    int64_t db_seen_ms, db_up_ms; /* the database's clock in the last round of reclaiming, and since when
                                     rounds follow each other without a pause (sql/015) */
    bool rolling, retaining; /* a round of rollup.c is on its way */
    uint64_t partitioned_ms, retained_ms; /* when its last rounds began; 0: none did, or it goes on at once */
    uint64_t claims_cleaned_ms; /* when idempotency keys were last forgotten; 0: never */
    uint64_t tidied_ms;         /* when what is kept no longer was last looked for; 0: go on */
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

/* The records of one boot are booked in the order in which they came. */
uint32_t ledger_lane(const struct id *boot);

/* claims.c: from time to time, forget idempotency keys whose window is over. */
void claims_tick(struct ledger *l);

/* rollup.c: what is done with usage after it is booked. Every second. */
void rollup_tick(struct ledger *l);
/* upkeep.c: take what is due; from time to time fold and forget what is kept no longer. */
void upkeep_tick(struct ledger *l);

/* credit.c: the reason of a key_refusal(), or 'changed', by name. */
must_check enum err credit_reason(struct view name, uint8_t *reason);
/* Send the operations again whose account another statement held. */
void credit_again_cb(uv_timer_t *t);
/* The ledger ends: operations that wait to be sent again end with ERR_CANCELLED. */
void credit_cancel(struct ledger *l);

#endif
