/* A whole from its plan to its own attempts, and how these end. */
#include "whole.h"

#include "clock.h"
#include "money.h"
#include "part.h"
#include "refusal.h"
#include "request_internal.h"
#include "uplink.h"

#include <assert.h>

/* --- before admission */

void whole_begin(struct request *r)
{
    if (r->parts == NULL)
        return;
    assert(r->parts->model != NULL && r->parts->n == 0);
    if (r->want.n_models > PARTS_FINALS_MAX)
        r->want.n_models = PARTS_FINALS_MAX;
    if (r->want.n_named > r->want.n_models)
        r->want.n_named = r->want.n_models;
}

/* As if one of its models were asked alone. */
static void route_of_model(const struct request *r, size_t m, struct route *out)
{
    struct route_want at = r->want;
    struct attempts one = r->attempts;
    struct route_health health;
    size_t place = 0;

    for (size_t k = 0; k < at.n_models; k++)
        for (size_t i = 0; i < at.models[k]->n_endpoints && place < ROUTE_ENDPOINTS_MAX; i++, place++)
            if (k != m)
                at.barred[place / 64] |= UINT64_C(1) << place % 64;
    attempts_health(&r->attempts, &health);
    route_decide(&at, &health, r->attempts.seed, &one.route);
    if (r->own.keys != NULL)
        own_route(&one, &at, r->own.keys);
    *out = one.route;
}

/* The providers of one model can fill a route, and the next model, which shall be asked after a refusal, would not be in it. */
void whole_route(struct request *r)
{
    struct route *route = &r->attempts.route, of[PARTS_FINALS_MAX];
    size_t take[PARTS_FINALS_MAX], left = LIMIT_CANDIDATES, n = r->want.n_models;

    if (r->parts == NULL || route->n < LIMIT_CANDIDATES || n < 2 || r->want.across_models)
        return;
    for (size_t m = 0; m < n; m++) {
        route_of_model(r, m, &of[m]);
        take[m] = of[m].n < LIMIT_CANDIDATES / n ? of[m].n : LIMIT_CANDIDATES / n;
        left -= take[m];
    }
    for (size_t m = 0; m < n; m++)
        for (; left > 0 && take[m] < of[m].n; left--)
            take[m]++;
    route->n = 0;
    for (size_t m = 0; m < n; m++)
        for (size_t i = 0; i < take[m]; i++)
            route->list[route->n++] = of[m].list[i];
    r->attempts.inputs_len = 0; /* they do not say how it was shared */
}

static enum err plan_outcome(const struct api_failure *f)
{
    switch (errors_row(f->error)->status) {
    case 403:
        return ERR_FORBIDDEN;
    case 503:
        return f->error == API_OVERLOAD ? ERR_OVERLOAD : ERR_UNSUPPORTED;
    default:
        return ERR_UNSUPPORTED;
    }
}

/* The account of a key that is not known here may have provider keys of its own, which the parts need: once again when it
 * is known. */
static bool plan_waits(struct request *r)
{
    struct key *key;

    if (r->unplanned)
        return false;
    r->unplanned = keyring_find(r->context->admit.keyring, &r->key_digest, clock_mono_ms(), &key) != ERR_NONE;
    if (!r->unplanned)
        key_release(key);
    return r->unplanned;
}

bool whole_plan(struct request *r, int64_t *amount_nusd)
{
    struct api_failure f = {0};
    int64_t more = 0;

    if (r->parts == NULL)
        return true;
    r->parts->reserved_nusd = 0;
    if (!r->ops->plan(r, &more, &f)) {
        r->unrouted = plan_waits(r);
        if (r->unrouted)
            return true;
        request_fail(r, plan_outcome(&f), &f);
        return false;
    }
    assert(more >= 0);
    if (money_add(*amount_nusd, more, amount_nusd) != ERR_NONE) {
        f = (struct api_failure){.error = API_BAD_REQUEST,
                                 .message = "The request could cost more than any account can hold; ask fewer models, or "
                                            "for shorter answers."};
        request_fail(r, ERR_RANGE, &f);
        return false;
    }
    r->parts->reserved_nusd = more;
    return true;
}

bool whole_is_one_too_many(const struct request *r)
{
    const struct id account = key_account(r->admission.key);
    unsigned others = 0;

    for (const struct request *o = r->context->requests; r->parts != NULL && o != NULL; o = o->next) {
        struct id of;

        if (o == r || o->parts == NULL || o->admission.key == NULL)
            continue;
        of = key_account(o->admission.key);
        others += id_eq(&of, &account);
    }
    return others >= WHOLES_OF_ONE_MAX;
}

/* --- PREPARING */

void whole_prepare(struct request *r)
{
    request_enter(r, REQUEST_PREPARING);
    r->prepare_ms = clock_mono_ms();
    r->ops->prepare(r);
}

/* Reports that come while it ends say nothing new. */
static bool is_preparing(const struct request *r)
{
    assert(r->parts != NULL);
    return r->state == REQUEST_PREPARING && !r->stopped && !r->ending;
}

void request_prepared(struct request *r)
{
    if (!is_preparing(r))
        return;
    assert(!r->parts->given);
    request_hold(r);
    request_enter(r, REQUEST_CONNECTING);
    request_connect(r);
    request_let(r);
}

/* What the client gets is there, and none of the whole's own attempts made it. */
static void whole_give(struct request *r)
{
    if (r->stream && !r->committed) {
        r->committed = true;
        r->ops->commit(r);
    }
    r->first_byte_us = (uint32_t)(clock_mono_us() - r->received_us);
    histogram_add(&r->context->stats->first_byte, r->first_byte_us);
    request_settle(r, ERR_NONE, API_OK, SETTLE_FREE);
    r->ops->complete(r);
}

void request_given(struct request *r)
{
    if (!is_preparing(r))
        return;
    request_hold(r);
    whole_give(r);
    request_let(r);
}

void request_unprepared(struct request *r, enum err why, struct api_failure *f)
{
    if (!is_preparing(r))
        return;
    request_hold(r);
    request_fail(r, why, f);
    request_let(r);
}

void request_idle(struct request *r)
{
    if (r->state != REQUEST_LEAVING || r->upstream || r->ending)
        return;
    request_hold(r);
    request_left(r, SETTLE_FREE);
    request_let(r);
}

void whole_client_gone(struct request *r)
{
    assert(r->state == REQUEST_PREPARING);
    r->stopped = true;
    if (r->ops->stop(r)) {
        request_left(r, SETTLE_FREE);
        return;
    }
    request_enter(r, REQUEST_LEAVING);
    r->left_ms = clock_mono_ms();
}

void whole_fail(struct request *r, enum err outcome, struct api_failure *f)
{
    assert(r->state == REQUEST_PREPARING);
    r->stopped = true;
    (void)r->ops->stop(r); /* a client waits: what still runs is billed by what is known */
    request_fail(r, outcome, f);
}

/* --- its own attempts */

bool whole_is_empty(const struct request *r)
{
    struct attempt_account a = {0};

    r->ops->account(r, &a);
    return a.delivered_bytes == 0;
}

bool whole_refuses(struct request *r)
{
    assert(r->state == REQUEST_CONNECTING);
    if (r->ops->accepts(r))
        return false;
    attempts_good(&r->attempts); /* the provider has done what it does */
    settle_attempt(r, ERR_NONE);
    request_end_upstream(r);
    attempts_next_model(&r->attempts);
    request_connect(r);
    return true;
}

/* The prompt is ours in part, and each model is paid for, so that neither a refusal nor a charge ends it. */
void whole_attempt_over(struct request *r, const struct attempt_result *x)
{
    assert(r->state == REQUEST_CONNECTING);
    attempts_failed(&r->attempts, x);
    if (attempts_final(&r->attempts, x)) {
        settle_attempt(r, x->e);
        attempts_next_model(&r->attempts);
    }
    if (attempts_ours(x->e))
        attempts_none(&r->attempts);
    request_connect(r);
}

void whole_refusal(const struct request *r, struct api_failure *f)
{
    for (size_t i = 0; r->parts != NULL && f->error == API_PROVIDER_FAILED && i < r->parts->n; i++)
        if (r->parts->line[i].role == PART_FINAL && r->parts->line[i].outcome == ERR_NONE)
            f->message = "Every final model failed, refused, or answered with nothing.";
}

bool whole_rescues(struct request *r)
{
    if (r->parts == NULL || !r->ops->rescue(r))
        return false;
    whole_give(r);
    return true;
}
