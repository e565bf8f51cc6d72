/* Keys and their leases for the link: grant, changes, more, return. Each is one SQL function of sql/012.
 * One whose account is held by another statement ('busy') is sent again, so that no connection
 * ever waits for the lock of one account with others queued behind. */
#include "clock.h"
#include "ledger.h"
#include "ledger_state.h"
#include "terms.h"

#include <assert.h>
#include <stdlib.h>

enum { CREDIT_AGAIN_MS = 10, CREDIT_PARAMS = 8 };
enum { GRANT_TERMS = 11, LEASE_TERMS = 9 }; /* the columns where a key's terms begin */

struct credit_op {
    struct credit_op *next; /* in ledger->busy */
    struct ledger *l;
    union {
        void (*grant)(void *cookie, enum err e, const struct msg_grant *g,
                      const struct msg_no_key *n);
        void (*changes)(void *cookie, enum err e, const struct msg_revoke *r, size_t n);
        void (*lease)(void *cookie, enum err e, const struct msg_lease *l);
        void (*done)(void *cookie, enum err e);
    } cb;
    void *cookie;
    /* How to send it again: the parameters borrow from what is below. */
    enum stmt stmt;
    db_cb *answer;
    uint32_t lane;
    size_t n_params;
    struct db_param params[CREDIT_PARAMS];
    uint64_t began_ms;
    struct digest32 digest;
    struct id boot, key, lease;
    bool obeys; /* the data plane takes RULED */
};

static struct credit_op *credit_begin(struct ledger *l, void *cookie)
{
    struct credit_op *op = calloc(1, sizeof *op);

    assert(op != NULL);
    op->l = l;
    op->cookie = cookie;
    op->began_ms = clock_mono_ms();
    ledger_begin(l);
    return op;
}

static void credit_end(struct credit_op *op)
{
    ledger_end(op->l);
    free(op);
}

static void credit_send(struct credit_op *op)
{
    db_query(op->l->config.db, op->stmt, op->params, op->n_params, op->lane, op->answer, op);
}

static uint32_t credit_hash(const struct id *id)
{
    uint32_t w;

    memcpy(&w, &id->b[12], sizeof w); /* the random end of the id */
    return w;
}

/* --- again --- */

/* True: another statement held the account, and the operation will be sent again; otherwise *e says how it
 * ends. */
static bool credit_busy(struct credit_op *op, bool busy, enum err *e)
{
    struct ledger *l = op->l;

    if (!busy)
        return false;
    if (l->freed || clock_mono_ms() - op->began_ms >= LEDGER_BUSY_MS) {
        *e = l->freed ? ERR_CANCELLED : ERR_DB;
        return false;
    }
    if (l->busy == NULL)
        uv_timer_start(l->again, credit_again_cb, CREDIT_AGAIN_MS, 0);
    op->next = l->busy;
    l->busy = op;
    return true;
}

void credit_again_cb(uv_timer_t *t)
{
    struct ledger *l = t->data;
    struct credit_op *op, *list = l->busy;

    l->busy = NULL;
    while ((op = list) != NULL) {
        list = op->next;
        credit_send(op);
    }
}

void credit_cancel(struct ledger *l)
{
    struct credit_op *op;

    while ((op = l->busy) != NULL) {
        l->busy = op->next;
        op->answer(op, ERR_CANCELLED, NULL);
    }
}

/* --- KEY_LOOKUP --- */

static const struct {
    struct view name;
    uint8_t reason;
} reasons[] = {
    {VIEW_LIT("unknown"), NO_KEY_UNKNOWN}, {VIEW_LIT("disabled"), NO_KEY_DISABLED},
    {VIEW_LIT("expired"), NO_KEY_EXPIRED}, {VIEW_LIT("credit"), NO_KEY_CREDIT},
    {VIEW_LIT("limit"), NO_KEY_LIMIT},     {VIEW_LIT("changed"), NO_KEY_CHANGED},
};

enum err credit_reason(struct view name, uint8_t *reason)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (view_eq(name, reasons[i].name)) {
            *reason = reasons[i].reason;
            return ERR_NONE;
        }
    return ERR_FORMAT;
}

/* A data plane that does not know in how many parts a limit is divided is told its part. */
static void share_limit(uint32_t *limit, const struct key_terms *terms)
{
    if (*limit != 0)
        *limit = *limit < terms->parts ? 1 : *limit / terms->parts;
}

static void grant_yes(struct credit_op *op, const struct db_result *r)
{
    struct key_terms terms = {.parts = 1};
    struct msg_grant g = {
        .key_digest = op->digest,
        .key = db_get_id(r, 0, 1),
        .account = db_get_id(r, 0, 2),
        .lease = db_get_id(r, 0, 3),
        .granted_nusd = db_get_i64(r, 0, 4),
        .lease_ms = op->l->config.lease_ms,
        .requests_per_minute = (uint32_t)db_get_i64(r, 0, 5),
        .tokens_per_minute = (uint32_t)db_get_i64(r, 0, 6),
        .expires_ms = (uint64_t)db_get_i64(r, 0, 7),
        .version = (uint64_t)db_get_i64(r, 0, 8),
        .own_version = (uint64_t)db_get_i64(r, 0, 10),
    };

    if (terms_read(r, GRANT_TERMS, op->l->config.providers, &terms) && op->obeys) {
        g.terms = &terms;
    } else if (!op->obeys && (g.requests_per_minute | g.tokens_per_minute) != 0) {
        share_limit(&g.requests_per_minute, &terms);
        share_limit(&g.tokens_per_minute, &terms);
    }
    op->cb.grant(op->cookie, ERR_NONE, &g, NULL);
}

static void grant_no(struct credit_op *op, const struct db_result *r)
{
    struct msg_no_key n = {.key_digest = op->digest,
                           .version = (uint64_t)db_get_i64(r, 0, 8),
                           .most_nusd = db_get_i64(r, 0, 9)};
    enum err e = credit_reason(db_get_text(r, 0, 0), &n.reason);

    op->cb.grant(op->cookie, e == ERR_NONE ? ERR_NONE : ERR_BUG, NULL, e == ERR_NONE ? &n : NULL);
}

static void grant_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct credit_op *op = cookie;

    if (credit_busy(op, e == ERR_NONE && view_eq(db_get_text(r, 0, 0), VIEW_LIT("busy")), &e))
        return;
    if (e != ERR_NONE)
        op->cb.grant(op->cookie, e, NULL, NULL);
    else if (view_eq(db_get_text(r, 0, 0), VIEW_LIT("ok")))
        grant_yes(op, r);
    else
        grant_no(op, r);
    credit_end(op);
}

void ledger_grant(struct ledger *l, const struct id *boot, const struct msg_key_lookup *ask,
                  void (*cb)(void *cookie, enum err e, const struct msg_grant *grant,
                             const struct msg_no_key *no),
                  void *cookie)
{
    struct credit_op *op = credit_begin(l, cookie);
    uint32_t hash;

    op->cb.grant = cb;
    op->digest = ask->key_digest;
    op->boot = *boot;
    op->lease = id_new();
    op->stmt = STMT_LEASE_OPEN;
    op->answer = grant_cb;
    memcpy(&hash, op->digest.b, sizeof hash); /* look-ups of one key follow each other */
    op->lane = db_lane_lookups(hash);
    op->obeys = ask->obeys;
    op->n_params = 7;
    op->params[0] = db_bytes(view_of(op->digest.b, sizeof op->digest.b));
    op->params[1] = db_id(&op->boot);
    op->params[2] = db_id(&op->lease);
    op->params[3] = db_i64(ask->need_nusd);
    op->params[4] = db_i64(ask->want_nusd > 0 ? ask->want_nusd : l->config.lease_default_nusd);
    op->params[5] = db_i64(l->config.lease_ms);
    op->params[6] = db_bool(ask->obeys);
    credit_send(op);
}

/* --- what has changed --- */

static enum err changes_read(const struct db_result *r, struct msg_revoke *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct view digest = db_get_text(r, i, 0);

        if (digest.len != sizeof out[i].key_digest.b ||
            credit_reason(db_get_text(r, i, 1), &out[i].reason) != ERR_NONE)
            return ERR_BUG;
        memcpy(out[i].key_digest.b, digest.ptr, digest.len);
        out[i].version = (uint64_t)db_get_i64(r, i, 2);
    }
    return ERR_NONE;
}

static void changes_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct credit_op *op = cookie;
    struct msg_revoke changes[LEDGER_KEYS_MAX];
    size_t n = e == ERR_NONE ? db_rows(r) : 0;

    assert(n <= LEDGER_KEYS_MAX);
    if (e == ERR_NONE)
        e = changes_read(r, changes, n);
    op->cb.changes(op->cookie, e, changes, e == ERR_NONE ? n : 0);
    credit_end(op);
}

static enum err changes_arrays(const struct ledger_key *keys, size_t n, struct buf *digests,
                               struct buf *versions)
{
    enum err e = db_array_begin(digests, DB_ELEMENT_BYTES, n);

    if (e == ERR_NONE)
        e = db_array_begin(versions, DB_ELEMENT_I64, n);
    for (size_t i = 0; e == ERR_NONE && i < n; i++) {
        e = db_array_put(digests, view_of(keys[i].digest.b, sizeof keys[i].digest.b));
        if (e == ERR_NONE)
            e = db_array_put_i64(versions, (int64_t)keys[i].version);
    }
    return e;
}

void ledger_changes(struct ledger *l, const struct ledger_key *keys, size_t n,
                    void (*cb)(void *cookie, enum err e, const struct msg_revoke *changes, size_t n),
                    void *cookie)
{
    struct credit_op *op = credit_begin(l, cookie);
    struct buf digests, versions;
    enum err e;

    assert(n >= 1 && n <= LEDGER_KEYS_MAX);
    op->cb.changes = cb;
    buf_init(&digests, 64 + (size_t)LEDGER_KEYS_MAX * (4 + sizeof keys->digest.b));
    buf_init(&versions, 64 + (size_t)LEDGER_KEYS_MAX * 12);
    e = changes_arrays(keys, n, &digests, &versions);
    if (e == ERR_NONE) {
        const struct db_param p[] = {db_bytes(buf_view(&digests)), db_bytes(buf_view(&versions))};

        db_query(l->config.db, STMT_KEY_CHANGES, p, 2, 0, changes_cb, op);
    } else {
        db_fail(l->config.db, STMT_KEY_CHANGES, e, changes_cb, op);
    }
    buf_free(&digests);
    buf_free(&versions);
}

/* --- LEASE_MORE --- */

static enum err lease_status(struct view outcome, uint8_t *status)
{
    static const struct {
        struct view outcome;
        uint8_t status;
    } statuses[] = {{VIEW_LIT("ok"), LEASE_OK},
                    {VIEW_LIT("credit"), LEASE_NO_CREDIT},
                    {VIEW_LIT("limit"), LEASE_KEY_LIMIT},
                    {VIEW_LIT("gone"), LEASE_GONE}};

    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (view_eq(outcome, statuses[i].outcome)) {
            *status = statuses[i].status;
            return ERR_NONE;
        }
    return ERR_BUG;
}

/* terms: filled in when *out points to it. */
static enum err lease_read(const struct credit_op *op, const struct db_result *r, struct key_terms *terms,
                           struct msg_lease *out)
{
    *out = (struct msg_lease){
        .key = op->key,
        .lease = op->lease,
        .granted_nusd = db_get_i64(r, 0, 1),
        .lease_ms = (uint32_t)db_get_i64(r, 0, 2),
        .requests_per_minute = (uint32_t)db_get_i64(r, 0, 3),
        .tokens_per_minute = (uint32_t)db_get_i64(r, 0, 4),
        .expires_ms = (uint64_t)db_get_i64(r, 0, 5),
        .version = (uint64_t)db_get_i64(r, 0, 6),
        .most_nusd = db_get_i64(r, 0, 7),
        .own_version = (uint64_t)db_get_i64(r, 0, 8),
    };
    if (terms_read(r, LEASE_TERMS, op->l->config.providers, terms) && op->obeys) {
        out->terms = terms;
    } else if (!op->obeys && (out->requests_per_minute | out->tokens_per_minute) != 0) {
        share_limit(&out->requests_per_minute, terms);
        share_limit(&out->tokens_per_minute, terms);
    }
    return lease_status(db_get_text(r, 0, 0), &out->status);
}

static void lease_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct credit_op *op = cookie;
    struct key_terms terms = {.parts = 1};
    struct msg_lease m;

    if (credit_busy(op, e == ERR_NONE && view_eq(db_get_text(r, 0, 0), VIEW_LIT("busy")), &e))
        return;
    if (e == ERR_NONE)
        e = lease_read(op, r, &terms, &m);
    op->cb.lease(op->cookie, e, e == ERR_NONE ? &m : NULL);
    credit_end(op);
}

void ledger_lease_more(struct ledger *l, const struct id *boot, const struct msg_lease_more *ask,
                       void (*cb)(void *cookie, enum err e, const struct msg_lease *lease),
                       void *cookie)
{
    struct credit_op *op = credit_begin(l, cookie);

    op->cb.lease = cb;
    op->boot = *boot;
    op->key = ask->key;
    op->lease = ask->lease;
    op->stmt = STMT_LEASE_EXTEND;
    op->answer = lease_cb;
    op->lane = db_lane_leases(credit_hash(&ask->lease));
    op->obeys = ask->obeys;
    op->n_params = 8;
    op->params[0] = db_id(&op->lease);
    op->params[1] = db_id(&op->key);
    op->params[2] = db_id(&op->boot);
    op->params[3] = db_i64(ask->need_nusd);
    op->params[4] = db_i64(ask->want_nusd);
    op->params[5] = db_i64(l->config.lease_ms);
    op->params[6] = db_i64(ask->returned_nusd);
    op->params[7] = db_bool(ask->obeys);
    credit_send(op);
}

/* --- LEASE_RETURN --- */

static void return_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct credit_op *op = cookie;

    if (credit_busy(op, e == ERR_NONE && db_is_null(r, 0, 0), &e))
        return;
    op->cb.done(op->cookie, e);
    credit_end(op);
}

void ledger_lease_return(struct ledger *l, const struct id *boot,
                         const struct msg_lease_return *ret, void (*cb)(void *cookie, enum err e),
                         void *cookie)
{
    struct credit_op *op = credit_begin(l, cookie);

    op->cb.done = cb;
    op->boot = *boot;
    op->lease = ret->lease;
    op->stmt = STMT_LEASE_RETURN;
    op->answer = return_cb;
    op->lane = db_lane_leases(credit_hash(&ret->lease));
    op->n_params = 4;
    op->params[0] = db_id(&op->lease);
    op->params[1] = db_id(&op->boot);
    op->params[2] = db_i64(ret->total_nusd);
    op->params[3] = db_bool(ret->final != 0);
    credit_send(op);
}
