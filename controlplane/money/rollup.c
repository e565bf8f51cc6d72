/* What is done with usage after it is booked, by whichever control plane comes first (sql/035, 036, 038): partitions of
 * the next days, roll-ups, what goes when its retention is over. */
#include "ledger_state.h"
#include "log.h"

#include "clock.h"

enum {
    ROLL_UP_MAX = 64,                    /* batches in one transaction: some tenths of a second when they are full */
    PARTITIONS_EVERY_MS = 60000,         /* they are made a week ahead */
    RETENTION_EVERY_MS = 60 * 60 * 1000, /* when the last round found nothing more */
    RETENTION_MAX = 5000,                /* rows of one kind in one transaction */
};

static void rolled_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct ledger *l = cookie;

    l->rolling = false;
    if (e == ERR_NONE && db_get_i64(r, 0, 0) == ROLL_UP_MAX && !l->freed)
        rollup_tick(l); /* more waits */
    ledger_end(l);
}

static void partitions_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct ledger *l = cookie;

    if (e == ERR_NONE && db_get_i64(r, 0, 0) > 0)
        LOG("usage_partitions_made", KV("count", db_get_i64(r, 0, 0)));
    ledger_end(l);
}

static void retention_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct ledger *l = cookie;

    l->retaining = false;
    if (e == ERR_NONE && db_get_i64(r, 0, 0) > 0) {
        LOG("retention_removed", KV("rows", db_get_i64(r, 0, 0)));
        l->retained_ms = 0; /* the next tick goes on */
    }
    ledger_end(l);
}

void rollup_tick(struct ledger *l)
{
    const struct db_param batches[] = {db_i64(ROLL_UP_MAX)}, rows[] = {db_i64(RETENTION_MAX)};
    uint64_t now_ms = clock_mono_ms();

    if (!l->rolling) {
        l->rolling = true;
        ledger_begin(l);
        db_query(l->config.db, STMT_USAGE_ROLL_UP, batches, 1, 0, rolled_cb, l);
    }
    if (l->partitioned_ms == 0 || now_ms - l->partitioned_ms >= PARTITIONS_EVERY_MS) {
        l->partitioned_ms = now_ms;
        ledger_begin(l);
        db_query(l->config.db, STMT_USAGE_PARTITIONS, NULL, 0, 0, partitions_cb, l);
    }
    if (!l->retaining && (l->retained_ms == 0 || now_ms - l->retained_ms >= RETENTION_EVERY_MS)) {
        l->retained_ms = now_ms;
        l->retaining = true;
        ledger_begin(l);
        db_query(l->config.db, STMT_USAGE_RETENTION, rows, 1, 0, retention_cb, l);
    }
}
