#include "ledger.h"
#include "ledger_state.h"
#include "log.h"

#include <assert.h>
#include <stdlib.h>

enum {
    RECLAIM_EVERY_MS = 1000,
    RECLAIM_MAX = 500, /* leases closed in one transaction: some tens of milliseconds */
    REBOOK_MAX = 256,  /* records set aside as busy that are tried again in one transaction, of each boot */
};

void ledger_begin(struct ledger *l)
{
    assert(!l->freed);
    l->pending++;
}

void ledger_end(struct ledger *l)
{
    assert(l->pending > 0);
    if (--l->pending == 0 && l->freed)
        free(l);
}

uint32_t ledger_lane(const struct id *boot)
{
    uint32_t lane;

    memcpy(&lane, &boot->b[12], sizeof lane); /* the random end of the id */
    return db_lane(lane);
}

/* --- reclaiming what dead data planes left behind --- */

static void reclaim_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct ledger *l = cookie;

    l->reclaiming = false;
    if (e == ERR_NONE) {
        l->db_seen_ms = db_get_i64(r, 0, 1);
        l->db_up_ms = db_get_i64(r, 0, 2);
        if (db_get_i64(r, 0, 0) > 0)
            LOG("leases_reclaimed", KV("count", db_get_i64(r, 0, 0)));
    }
    ledger_end(l);
}

/* Records that waited for a locked account are booked before leases are reclaimed. */
static void rebook_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct ledger *l = cookie;
    const struct db_param p[] = {db_i64(l->config.reclaim_grace_ms), db_i64(RECLAIM_MAX),
                                 db_i64(LIMIT_LINKLESS_MS + LIMIT_CLOCK_SKEW_MS),
                                 db_i64(l->db_seen_ms), db_i64(l->db_up_ms)};

    if (e == ERR_NONE && db_get_i64(r, 0, 0) > 0)
        LOG("usage_rebooked", KV("count", db_get_i64(r, 0, 0)));
    if (e == ERR_NONE && !l->freed) {
        db_query(l->config.db, STMT_RECLAIM_ROUND, p, 5, 0, reclaim_cb, l);
        return;
    }
    l->reclaiming = false;
    ledger_end(l);
}

static void reclaim_timer_cb(uv_timer_t *t)
{
    struct ledger *l = t->data;
    const struct db_param p[] = {db_i64(REBOOK_MAX)};

    /* While the database is away there is nothing to queue for. */
    if (l->reclaiming || !db_ready(l->config.db))
        return;
    l->reclaiming = true;
    claims_tick(l);
    rollup_tick(l);
    upkeep_tick(l);
    ledger_begin(l);
    db_query(l->config.db, STMT_USAGE_REBOOK, p, 1, 0, rebook_cb, l);
}

/* --- life --- */

static void timer_closed_cb(uv_handle_t *h)
{
    free(h);
}

enum err ledger_new(const struct ledger_config *c, struct ledger **out)
{
    struct ledger *l = calloc(1, sizeof *l);
    uv_timer_t *timer = calloc(1, sizeof *timer), *again = calloc(1, sizeof *again);

    if (l == NULL || timer == NULL || again == NULL) {
        free(l);
        free(timer);
        free(again);
        return ERR_MEMORY;
    }
    uv_timer_init(db_loop(c->db), timer);
    uv_timer_init(db_loop(c->db), again);
    l->config = *c;
    if (l->config.lease_ms == 0)
        l->config.lease_ms = 75000;
    if (l->config.lease_default_nusd == 0)
        l->config.lease_default_nusd = 250000000;
    if (l->config.idempotency_ms == 0)
        l->config.idempotency_ms = UINT64_C(86400000);
    l->reclaim = timer;
    l->again = again;
    timer->data = again->data = l;
    uv_timer_start(timer, reclaim_timer_cb, RECLAIM_EVERY_MS, RECLAIM_EVERY_MS);
    *out = l;
    return ERR_NONE;
}

void ledger_free(struct ledger *l)
{
    if (l == NULL)
        return;
    uv_close((uv_handle_t *)l->reclaim, timer_closed_cb);
    uv_close((uv_handle_t *)l->again, timer_closed_cb);
    credit_cancel(l);
    if (l->watching)
        db_unlisten(l->config.db);
    l->freed = true;
    l->pending++;
    ledger_end(l);
}

/* --- boots --- */

struct number_op *number_begin(struct ledger *l, ledger_number_cb *cb, void *cookie)
{
    struct number_op *op = malloc(sizeof *op);

    assert(op != NULL);
    *op = (struct number_op){l, cb, cookie};
    ledger_begin(l);
    return op;
}

void number_end(void *cookie, enum err e, const struct db_result *r)
{
    struct number_op *op = cookie;
    uint64_t number = 0;

    if (e == ERR_NONE && db_is_null(r, 0, 0))
        e = ERR_NOT_FOUND; /* no such boot */
    if (e == ERR_NONE)
        number = (uint64_t)db_get_i64(r, 0, 0);
    op->cb(op->cookie, e, number);
    ledger_end(op->l);
    free(op);
}

struct boot_op {
    struct ledger *l;
    ledger_boot_cb *cb;
    void *cookie;
};

static void boot_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct boot_op *op = cookie;

    if (e == ERR_NONE && db_get_i64(r, 0, 2) != 0)
        e = db_get_i64(r, 0, 2) == 2 ? ERR_FORBIDDEN : ERR_STALE;
    op->cb(op->cookie, e, e == ERR_NONE ? (uint64_t)db_get_i64(r, 0, 0) : 0,
           e == ERR_NONE && db_get_bool(r, 0, 1));
    ledger_end(op->l);
    free(op);
}

void ledger_boot(struct ledger *l, const struct id *boot, const struct id *session,
                 struct view measurement, bool simulated, ledger_boot_cb *cb, void *cookie)
{
    const struct db_param p[] = {db_id(boot), db_id(session), db_bytes(measurement),
                                 db_bool(simulated)};
    struct boot_op *op = malloc(sizeof *op);

    assert(op != NULL && measurement.len == 48);
    *op = (struct boot_op){l, cb, cookie};
    ledger_begin(l);
    db_query(l->config.db, STMT_BOOT_ADMIT, p, 4, ledger_lane(boot), boot_cb, op);
}

static void unanswered_cb(void *cookie, enum err e, const struct db_result *r)
{
    (void)e; /* the pool has logged it */
    (void)r;
    ledger_end(cookie);
}

void ledger_unlink(struct ledger *l, const struct id *boot, const struct id *session)
{
    const struct db_param p[] = {db_id(boot), db_id(session)};

    ledger_begin(l);
    db_query(l->config.db, STMT_BOOT_UNLINK, p, 2, ledger_lane(boot), unanswered_cb, l);
}

void ledger_place(struct ledger *l, const struct id *boot, struct view place)
{
    const struct db_param p[] = {db_id(boot), db_bytes(place)};

    ledger_begin(l);
    db_query(l->config.db, STMT_BOOT_PLACE, p, 2, ledger_lane(boot), unanswered_cb, l);
}

void ledger_settled(struct ledger *l, const struct id *boot, const struct id *session, uint64_t seq,
                    uint64_t at_ms, void (*cb)(void *cookie, enum err e, uint64_t db_ms),
                    void *cookie)
{
    const struct db_param p[] = {db_id(boot), db_id(session), db_i64((int64_t)seq),
                                 db_i64((int64_t)at_ms)};

    db_query(l->config.db, STMT_BOOT_SETTLED, p, 4, ledger_lane(boot), number_end,
             number_begin(l, cb, cookie));
}

/* --- notifications --- */

/* Up to the next space, which is dropped. */
static bool view_take_word(struct view *v, struct view *word)
{
    const uint8_t *space = v->len == 0 ? NULL : memchr(v->ptr, ' ', v->len);
    struct view gone;

    return space != NULL && view_take(v, (size_t)(space - v->ptr), word) && view_take(v, 1, &gone);
}

/* "digest-in-hex reason version", from the trigger on api_key. */
static enum err parse_revocation(struct view v, struct msg_revoke *out)
{
    struct view hex, reason;

    if (!view_take(&v, 64, &hex) || !view_take_word(&v, &reason) || reason.len != 0 ||
        hex_decode(hex, out->key_digest.b, sizeof out->key_digest.b) != ERR_NONE)
        return ERR_FORMAT;
    if (!view_take_word(&v, &reason) || !view_u64(v, &out->version))
        return ERR_FORMAT;
    return credit_reason(reason, &out->reason);
}

/* "recall boot key lease need", from lease_recall(). */
static enum err parse_recall(struct view v, struct id *boot, struct msg_recall *out)
{
    struct view word, boot_text, key_text, lease_text;
    uint64_t need;

    if (!view_take_word(&v, &word) || !view_eq(word, VIEW_LIT("recall")) ||
        !view_take_word(&v, &boot_text) || !view_take_word(&v, &key_text) ||
        !view_take_word(&v, &lease_text) || !view_u64(v, &need) || need > INT64_MAX ||
        id_parse(boot_text, boot) != ERR_NONE || id_parse(key_text, &out->key) != ERR_NONE)
        return ERR_FORMAT;
    out->need_nusd = (int64_t)need;
    return id_parse(lease_text, &out->lease);
}

/* "parts key count version", from key_share_count(). */
static enum err parse_parts(struct view v, struct msg_key_parts *out)
{
    struct view word, key, count;
    uint64_t n;

    if (!view_take_word(&v, &word) || !view_eq(word, VIEW_LIT("parts")) || !view_take_word(&v, &key) ||
        !view_take_word(&v, &count) || !view_u64(count, &n) || n < 1 || n > LIMIT_KEY_PARTS ||
        !view_u64(v, &out->version))
        return ERR_FORMAT;
    out->parts = (uint16_t)n;
    return id_parse(key, &out->key);
}

/* "account-in-hex json", from usage_fold(). */
static void tell_usage(struct ledger *l, struct view payload)
{
    struct view word;
    struct id account;

    if (l->usage_told != NULL && view_take_word(&payload, &word) && id_parse(word, &account) == ERR_NONE)
        l->usage_told(l->usage_cookie, &account, payload);
}

void ledger_feed(struct ledger *l, void (*told)(void *cookie, const struct id *account, struct view json),
                 void *cookie)
{
    l->usage_told = told;
    l->usage_cookie = cookie;
}

static void notified_cb(void *cookie, struct view channel, struct view payload)
{
    struct ledger *l = cookie;
    struct msg_revoke revoke;
    struct msg_recall recall;
    struct msg_key_parts parts;
    struct id boot;

    if (view_eq(channel, VIEW_LIT("tr_usage"))) {
        tell_usage(l, payload);
    } else if (view_eq(channel, VIEW_LIT("tr_catalog"))) {
        l->watch.catalog_changed(l->watch.cookie);
    } else if (view_eq(channel, VIEW_LIT("tr_fleet"))) {
        l->watch.fleet_changed(l->watch.cookie);
    } else if (parse_revocation(payload, &revoke) == ERR_NONE) {
        l->watch.revoked(l->watch.cookie, &revoke);
    } else if (parse_recall(payload, &boot, &recall) == ERR_NONE) {
        l->watch.recalled(l->watch.cookie, &boot, &recall);
    } else if (parse_parts(payload, &parts) == ERR_NONE) {
        l->watch.parts(l->watch.cookie, &parts);
    } else {
        /* Somebody else's notification on our channel: be safe, have every key looked up again. */
        LOG("db_notification_unknown", KV("bytes", (uint64_t)payload.len));
        l->watch.resync(l->watch.cookie);
    }
}

static void listening_cb(void *cookie)
{
    struct ledger *l = cookie;

    l->watch.resync(l->watch.cookie);
}

enum err ledger_watch(struct ledger *l, const struct ledger_watch *w)
{
    const struct db_watch watch = {notified_cb, listening_cb, l};
    enum err e = db_listen(l->config.db, &watch);

    if (e != ERR_NONE)
        return e;
    l->watch = *w;
    l->watching = true;
    return ERR_NONE;
}
