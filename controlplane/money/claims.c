/* Idempotency keys for the link: which request of an account came first under a key (sql/018). */
#include "clock.h"
#include "ledger_state.h"
#include "log.h"

#include <assert.h>
#include <stdlib.h>

enum {
    CLAIMS_CLEAN_EVERY_MS = 10000,
    CLAIMS_CLEAN_MAX = 5000, /* rows forgotten in one transaction: 500 a second */
};

struct claim_op {
    struct ledger *l;
    void (*cb)(void *cookie, enum err e, const struct msg_claimed *answer);
    void *cookie;
    struct id request;
};

/* A claim and its release follow each other. */
static uint32_t claim_lane(const struct id *request)
{
    uint32_t hash;

    memcpy(&hash, &request->b[12], sizeof hash); /* the random end of the id */
    return db_lane_lookups(hash);
}

static struct claim_op *claim_begin(struct ledger *l, const struct id *request,
                                    void (*cb)(void *cookie, enum err e,
                                               const struct msg_claimed *answer),
                                    void *cookie)
{
    struct claim_op *op = malloc(sizeof *op);

    assert(op != NULL);
    *op = (struct claim_op){l, cb, cookie, *request};
    ledger_begin(l);
    return op;
}

static void claim_end(struct claim_op *op, enum err e, const struct msg_claimed *answer)
{
    op->cb(op->cookie, e, answer);
    ledger_end(op->l);
    free(op);
}

static enum err claim_status_of(struct view name, uint8_t *status)
{
    static const struct {
        struct view name;
        uint8_t status;
    } names[] = {{VIEW_LIT("granted"), CLAIM_GRANTED},
                 {VIEW_LIT("in_flight"), CLAIM_IN_FLIGHT},
                 {VIEW_LIT("used"), CLAIM_USED},
                 {VIEW_LIT("none"), CLAIM_NONE}};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (view_eq(name, names[i].name)) {
            *status = names[i].status;
            return ERR_NONE;
        }
    return ERR_FORMAT;
}

static void claim_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct claim_op *op = cookie;
    struct msg_claimed answer = {.request = op->request};

    if (e == ERR_NONE)
        e = claim_status_of(db_get_text(r, 0, 0), &answer.status);
    if (e == ERR_NONE && answer.status != CLAIM_NONE)
        answer.first = db_get_id(r, 0, 1);
    claim_end(op, e, &answer);
}

void ledger_claim(struct ledger *l, const struct id *boot, const struct msg_claim *claim,
                  void (*cb)(void *cookie, enum err e, const struct msg_claimed *answer),
                  void *cookie)
{
    const struct db_param p[] = {db_id(&claim->request),
                                 db_id(boot),
                                 db_id(&claim->account),
                                 db_id(&claim->lease),
                                 db_bytes(view_of(claim->key.b, sizeof claim->key.b)),
                                 db_i64((int64_t)l->config.idempotency_ms)};

    db_query(l->config.db, STMT_IDEMPOTENCY_CLAIM, p, 6, claim_lane(&claim->request), claim_cb,
             claim_begin(l, &claim->request, cb, cookie));
}

static void release_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct claim_op *op = cookie;
    const struct msg_claimed answer = {.request = op->request, .status = CLAIM_NONE};

    (void)r;
    claim_end(op, e, &answer);
}

void ledger_release(struct ledger *l, const struct id *boot, const struct id *request,
                    void (*cb)(void *cookie, enum err e, const struct msg_claimed *answer),
                    void *cookie)
{
    const struct db_param p[] = {db_id(request), db_id(boot)};

    db_query(l->config.db, STMT_IDEMPOTENCY_RELEASE, p, 2, claim_lane(request), release_cb,
             claim_begin(l, request, cb, cookie));
}

/* --- forgetting --- */

static void clean_cb(void *cookie, enum err e, const struct db_result *r)
{
    if (e == ERR_NONE && db_get_i64(r, 0, 0) > 0)
        LOG("idempotency_keys_forgotten", KV("count", db_get_i64(r, 0, 0)));
    ledger_end(cookie);
}

void claims_tick(struct ledger *l)
{
    const struct db_param p[] = {db_i64((int64_t)l->config.idempotency_ms),
                                 db_i64(CLAIMS_CLEAN_MAX)};
    uint64_t now_ms = clock_mono_ms();

    if (l->claims_cleaned_ms != 0 && now_ms - l->claims_cleaned_ms < CLAIMS_CLEAN_EVERY_MS)
        return;
    l->claims_cleaned_ms = now_ms;
    ledger_begin(l);
    db_query(l->config.db, STMT_IDEMPOTENCY_CLEAN, p, 2, 0, clean_cb, l);
    ledger_begin(l); /* those of the REST API, too (sql/028) */
    db_query(l->config.db, STMT_REST_CLEAN, p, 2, 0, clean_cb, l);
}
