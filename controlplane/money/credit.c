/* Keys and their leases for the link: grant, check, more, return. Each is one SQL function of sql/005
 * or sql/011. */
#include "ledger.h"
#include "ledger_state.h"

#include <assert.h>
#include <stdlib.h>

struct credit_op {
    struct ledger *l;
    union {
        void (*grant)(void *cookie, enum err e, const struct msg_grant *g,
                      const struct msg_no_key *n);
        void (*check)(void *cookie, enum err e, const struct msg_revoke *r);
        void (*lease)(void *cookie, enum err e, const struct msg_lease *l);
        void (*done)(void *cookie, enum err e);
    } cb;
    void *cookie;
    struct digest32 digest;
    struct id key, lease;
};

static struct credit_op *credit_begin(struct ledger *l, void *cookie)
{
    struct credit_op *op = calloc(1, sizeof *op);

    assert(op != NULL);
    op->l = l;
    op->cookie = cookie;
    ledger_begin(l);
    return op;
}

static void credit_end(struct credit_op *op)
{
    ledger_end(op->l);
    free(op);
}

/* --- KEY_LOOKUP --- */

static const struct {
    struct view outcome;
    uint8_t reason;
} no_key_reasons[] = {
    {VIEW_LIT("unknown"), NO_KEY_UNKNOWN}, {VIEW_LIT("disabled"), NO_KEY_DISABLED},
    {VIEW_LIT("expired"), NO_KEY_EXPIRED}, {VIEW_LIT("credit"), NO_KEY_CREDIT},
    {VIEW_LIT("limit"), NO_KEY_LIMIT},
};

static void grant_yes(struct credit_op *op, const struct db_result *r)
{
    const struct msg_grant g = {
        .key_digest = op->digest,
        .key = db_get_id(r, 0, 1),
        .account = db_get_id(r, 0, 2),
        .lease = db_get_id(r, 0, 3),
        .granted_nusd = db_get_i64(r, 0, 4),
        .lease_ms = op->l->config.lease_ms,
        .requests_per_minute = (uint32_t)db_get_i64(r, 0, 5),
        .tokens_per_minute = (uint32_t)db_get_i64(r, 0, 6),
        .expires_ms = (uint64_t)db_get_i64(r, 0, 7),
    };

    op->cb.grant(op->cookie, ERR_NONE, &g, NULL);
}

static enum err no_key_reason(struct view outcome, uint8_t *reason)
{
    for (size_t i = 0; i < sizeof no_key_reasons / sizeof no_key_reasons[0]; i++)
        if (view_eq(outcome, no_key_reasons[i].outcome)) {
            *reason = no_key_reasons[i].reason;
            return ERR_NONE;
        }
    return ERR_BUG;
}

static void grant_no(struct credit_op *op, struct view outcome)
{
    struct msg_no_key n = {.key_digest = op->digest};
    enum err e = no_key_reason(outcome, &n.reason);

    op->cb.grant(op->cookie, e, NULL, e == ERR_NONE ? &n : NULL);
}

static void grant_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct credit_op *op = cookie;

    if (e != ERR_NONE)
        op->cb.grant(op->cookie, e, NULL, NULL);
    else if (view_eq(db_get_text(r, 0, 0), VIEW_LIT("ok")))
        grant_yes(op, r);
    else
        grant_no(op, db_get_text(r, 0, 0));
    credit_end(op);
}

void ledger_grant(struct ledger *l, const struct id *boot, const struct msg_key_lookup *ask,
                  void (*cb)(void *cookie, enum err e, const struct msg_grant *grant,
                             const struct msg_no_key *no),
                  void *cookie)
{
    struct credit_op *op = credit_begin(l, cookie);
    const struct id lease = id_new();
    const struct db_param p[] = {
        db_bytes(view_of(ask->key_digest.b, sizeof ask->key_digest.b)),
        db_id(boot),
        db_id(&lease),
        db_i64(ask->want_nusd > 0 ? ask->want_nusd : 0),
        db_i64(l->config.lease_default_nusd),
        db_i64(l->config.lease_ms),
    };

    op->cb.grant = cb;
    op->digest = ask->key_digest;
    db_query(l->config.db, STMT_LEASE_OPEN, p, 6, ledger_lane(boot), grant_cb, op);
}

/* --- is it still good? --- */

static void check_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct credit_op *op = cookie;
    struct msg_revoke revoke = {.key_digest = op->digest};
    bool good = e == ERR_NONE && view_eq(db_get_text(r, 0, 0), VIEW_LIT("ok"));

    if (e == ERR_NONE && !good)
        e = no_key_reason(db_get_text(r, 0, 0), &revoke.reason);
    op->cb.check(op->cookie, e, e == ERR_NONE && !good ? &revoke : NULL);
    credit_end(op);
}

void ledger_check(struct ledger *l, const struct id *boot, const struct digest32 *key,
                  void (*cb)(void *cookie, enum err e, const struct msg_revoke *revoke),
                  void *cookie)
{
    struct credit_op *op = credit_begin(l, cookie);
    const struct db_param p[] = {db_bytes(view_of(key->b, sizeof key->b))};

    op->cb.check = cb;
    op->digest = *key;
    db_query(l->config.db, STMT_KEY_CHECK, p, 1, ledger_lane(boot), check_cb, op);
}

/* --- LEASE_MORE --- */

static void lease_cb(void *cookie, enum err e, const struct db_result *r)
{
    static const struct {
        struct view outcome;
        uint8_t status;
    } statuses[] = {{VIEW_LIT("ok"), LEASE_OK},
                    {VIEW_LIT("credit"), LEASE_NO_CREDIT},
                    {VIEW_LIT("limit"), LEASE_KEY_LIMIT},
                    {VIEW_LIT("gone"), LEASE_GONE}};
    struct credit_op *op = cookie;
    struct msg_lease m = {.key = op->key,
                          .lease = op->lease,
                          .lease_ms = op->l->config.lease_ms,
                          .status = LEASE_STATUS_COUNT};

    for (size_t i = 0; e == ERR_NONE && i < sizeof statuses / sizeof statuses[0]; i++)
        if (view_eq(db_get_text(r, 0, 0), statuses[i].outcome))
            m.status = statuses[i].status;
    if (e == ERR_NONE && m.status == LEASE_STATUS_COUNT)
        e = ERR_BUG;
    if (e == ERR_NONE)
        m.granted_nusd = db_get_i64(r, 0, 1);
    if (m.status == LEASE_GONE)
        m.lease_ms = 0;
    op->cb.lease(op->cookie, e, e == ERR_NONE ? &m : NULL);
    credit_end(op);
}

void ledger_lease_more(struct ledger *l, const struct id *boot, const struct msg_lease_more *ask,
                       void (*cb)(void *cookie, enum err e, const struct msg_lease *lease),
                       void *cookie)
{
    struct credit_op *op = credit_begin(l, cookie);
    const struct db_param p[] = {
        db_id(&ask->lease),
        db_id(&ask->key),
        db_id(boot),
        db_i64(ask->want_nusd > 0 ? ask->want_nusd : 0),
        db_i64(l->config.lease_default_nusd),
        db_i64(l->config.lease_ms),
    };

    op->cb.lease = cb;
    op->key = ask->key;
    op->lease = ask->lease;
    db_query(l->config.db, STMT_LEASE_EXTEND, p, 6, ledger_lane(boot), lease_cb, op);
}

/* --- LEASE_RETURN --- */

static void return_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct credit_op *op = cookie;

    (void)r;
    op->cb.done(op->cookie, e);
    credit_end(op);
}

void ledger_lease_return(struct ledger *l, const struct id *boot,
                         const struct msg_lease_return *ret, void (*cb)(void *cookie, enum err e),
                         void *cookie)
{
    struct credit_op *op = credit_begin(l, cookie);
    const struct db_param p[] = {
        db_id(&ret->lease),
        db_id(boot),
        db_i64(ret->amount_nusd > 0 ? ret->amount_nusd : 0),
        db_bool(ret->final != 0),
    };

    op->cb.done = cb;
    db_query(l->config.db, STMT_LEASE_RETURN, p, 4, ledger_lane(boot), return_cb, op);
}
