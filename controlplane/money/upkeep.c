/* What the ledger does by itself: takes what is due (promotions that end, debts), and folds or forgets what is kept no
 * longer (sql/034). Any number of control planes may do it at the same time. */
#include "clock.h"
#include "ledger_state.h"
#include "log.h"

enum {
    DUE_MAX = 500,       /* accounts in one transaction */
    TIDY_MAX = 20,       /* account days, or boots, in one transaction: some tens of milliseconds */
    TIDY_EVERY_MS = 60000, /* unless the last round found something: then the next tick goes on */
    FOLD_DAYS = 35,      /* leases and batches of usage are single transfers for so long, then one per day */
    LEASE_DAYS = 90,     /* closed leases */
    BOOT_DAYS = 760,     /* boots that are not heard of: longer than any usage record is kept (730) */
};

static void due_cb(void *cookie, enum err e, const struct db_result *r)
{
    if (e == ERR_NONE && db_get_i64(r, 0, 0) > 0)
        LOG("credits_due_taken", KV("accounts", db_get_i64(r, 0, 0)));
    ledger_end(cookie);
}

static void tidy_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct ledger *l = cookie;

    if (e == ERR_NONE && db_get_i64(r, 0, 0) + db_get_i64(r, 0, 1) + db_get_i64(r, 0, 2) > 0) {
        LOG("ledger_tidied", KV("transfers_folded", db_get_i64(r, 0, 0)),
            KV("leases", db_get_i64(r, 0, 1)), KV("boots", db_get_i64(r, 0, 2)));
        l->tidied_ms = 0;
    }
    ledger_end(l);
}

void upkeep_tick(struct ledger *l)
{
    const struct db_param due[] = {db_i64(DUE_MAX)};
    const struct db_param tidy[] = {db_i64(FOLD_DAYS), db_i64(LEASE_DAYS), db_i64(BOOT_DAYS), db_i64(TIDY_MAX)};
    uint64_t now_ms = clock_mono_ms();

    ledger_begin(l);
    db_query(l->config.db, STMT_LEDGER_DUE_ROUND, due, 1, 0, due_cb, l);
    if (l->tidied_ms != 0 && now_ms - l->tidied_ms < TIDY_EVERY_MS)
        return;
    l->tidied_ms = now_ms;
    ledger_begin(l);
    db_query(l->config.db, STMT_LEDGER_TIDY, tidy, 4, 0, tidy_cb, l);
}
