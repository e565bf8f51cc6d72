#include "request.h"

#include "clock.h"
#include "growth.h"
#include "leave.h"
#include "log.h"
#include "part_lines.h"
#include "refusal.h"
#include "request_internal.h"
#include "reserve.h"
#include "settle.h"
#include "uplink.h"
#include "whole.h"

#include <assert.h>

static const struct {
    enum request_state from, to;
} moves[] = {
    {REQUEST_READING, REQUEST_ADMITTING},
    {REQUEST_ADMITTING, REQUEST_CONNECTING}, /* admitted */
    {REQUEST_READING, REQUEST_CONNECTING},   /* a part: its whole is admitted */
    {REQUEST_ADMITTING, REQUEST_PREPARING},  /* admitted, and parts come first */
    {REQUEST_PREPARING, REQUEST_CONNECTING}, /* they have been */
    {REQUEST_PREPARING, REQUEST_SETTLING},   /* one of them is the answer, or nothing comes of it */
    {REQUEST_PREPARING, REQUEST_LEAVING},    /* the client left, and the parts' figures are awaited */
    {REQUEST_ADMITTING, REQUEST_SETTLING},   /* refused, or the client left, or no provider is needed */
    {REQUEST_CONNECTING, REQUEST_STREAMING}, /* first useful event, or a whole answer */
    {REQUEST_CONNECTING, REQUEST_SETTLING},  /* every candidate failed, or the client left */
    {REQUEST_STREAMING, REQUEST_SETTLING},   /* complete, cut off, or the client left */
    {REQUEST_CONNECTING, REQUEST_LEAVING},   /* the client left a whole answer that is arriving */
    {REQUEST_STREAMING, REQUEST_LEAVING},    /* or a stream behind its finish reason */
    {REQUEST_LEAVING, REQUEST_SETTLING},     /* its figures came, or were waited for long enough */
    {REQUEST_SETTLING, REQUEST_DONE},
};

void request_enter(struct request *r, enum request_state state)
{
    bool legal = false;

    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++)
        legal = legal || (moves[i].from == r->state && moves[i].to == state);
    assert(legal);
    r->state = state;
}

void request_link(struct request *r)
{
    struct request_context *x = r->context;

    r->next = x->requests;
    if (r->next != NULL)
        r->next->prev = r;
    x->requests = r;
    counter_add(r->whole != NULL ? &x->stats->parts_open : &x->stats->requests_open, 1);
}

static void request_unlink(struct request *r)
{
    struct request_context *x = r->context;

    if (r->prev != NULL)
        r->prev->next = r->next;
    else
        x->requests = r->next;
    if (r->next != NULL)
        r->next->prev = r->prev;
    if (x->tick_next == r)
        x->tick_next = r->next;
    counter_add(r->whole != NULL ? &x->stats->parts_open : &x->stats->requests_open, (uint64_t)-1);
}

/* --- the end */

void request_hold(struct request *r)
{
    r->held++;
}

/* Ends the struct when nobody uses it and nothing is pending on either side. */
void request_let(struct request *r)
{
    struct stats *s = r->context->stats;
    struct request *whole = r->whole;

    assert(r->held > 0);
    if (--r->held > 0 || r->state != REQUEST_SETTLING || r->upstream || !r->closed)
        return;
    request_enter(r, REQUEST_DONE);
    settle_log(r);
    request_unlink(r);
    if (whole == NULL) {
        stats_status(s, settle_status(r));
        histogram_add(&s->total, clock_mono_us() - r->received_us);
        admit_release(&r->admission);
        own_drop(&r->own);
        snapshot_release(r->catalog);
    }
    r->ops->destroy(r);
    if (whole != NULL) /* what it borrowed is not used any more */
        request_let(whole);
}

/* --- settlement */

void request_settle(struct request *r, enum err outcome, enum api_error answer, enum settle_bill what)
{
    assert(!r->ending);
    r->ending = true;
    idempotency_cancel(&r->idempotency);
    if (r->own.inquiry != NULL)
        own_drop(&r->own);
    parts_end(r);
    settle(r, outcome, answer, what);
    request_enter(r, REQUEST_SETTLING);
    r->settled_ms = clock_mono_ms();
}

void request_fail(struct request *r, enum err outcome, struct api_failure *f)
{
    bool began = r->state == REQUEST_STREAMING;

    request_settle(r, outcome, f->error, began ? SETTLE_OUTPUT : SETTLE_FREE);
    f->ran = f->ran || began || r->cost_nusd != 0;
    r->ops->fail(r, f);
}

/* --- admission */

static void request_refuse(struct request *r)
{
    struct api_failure f;

    refusal_of_admission(r, &f);
    request_fail(r, r->admission.why, &f);
}

static void request_watch(struct request *r);

static void request_admit_cb(void *cookie);

static void request_admit_begin(struct request *r, int64_t amount_nusd)
{
    admit_init(&r->admission, &r->context->admit, &r->key_digest, amount_nusd, request_admit_cb, r);
    r->admission.parts = r->parts != NULL;
}

/* Money is short. Without those candidates that cost credit, or with a smaller reservation, the request may still
 * be served. */
static bool request_admit_less(struct request *r)
{
    enum err why = r->admission.why;
    int64_t amount;

    if ((why != ERR_CREDIT && why != ERR_KEY_LIMIT) || r->parts != NULL) /* a whole runs as it was planned */
        return false;
    if (own_route_only(&r->attempts) && reserve_begin(r, &amount) == ERR_NONE) {
        admit_release(&r->admission);
        request_admit_begin(r, amount);
        return true;
    }
    if (!reserve_less(r, r->admission.available_nusd, &amount))
        return false;
    admit_release(&r->admission);
    request_admit_begin(r, amount);
    return true;
}

static void request_claim(struct request *r);

static void request_claim_cb(void *cookie)
{
    struct request *r = cookie;

    request_hold(r);
    request_claim(r);
    request_let(r);
}

/* It is paid for: does it run, as its idempotency key says? */
static void request_claim(struct request *r)
{
    const struct msg_claim claim = {.request = r->id,
                                    .account = key_account(r->admission.key),
                                    .lease = r->admission.lease};
    struct api_failure f;

    assert(r->state == REQUEST_ADMITTING && r->admission.reserved);
    switch (idempotency_step(&r->idempotency, r->context->admit.port, &claim, request_claim_cb, r,
                             &f)) {
    case IDEMPOTENCY_YES:
        if (r->parts != NULL) {
            whole_prepare(r);
        } else {
            request_enter(r, REQUEST_CONNECTING);
            request_connect(r);
        }
        break;
    case IDEMPOTENCY_NO:
        request_fail(r, f.error == API_CONTROL_PLANE ? ERR_CONTROL_PLANE : ERR_CONFLICT, &f);
        break;
    case IDEMPOTENCY_WAIT:
        break;
    }
}

static void request_route(struct request *r);

/* The key was not known when the route was decided, and its account has provider keys of its own: once again,
 * with them. They may be what an account without credit is served with. */
static bool request_admit_own(struct request *r, enum admit_answer answer)
{
    enum err why = r->admission.why;

    if (answer == ADMIT_WAIT || r->local || r->own.version != 0 ||
        (answer == ADMIT_NO && why != ERR_CREDIT && why != ERR_KEY_LIMIT && why != ERR_LENT) ||
        !own_outdated(&r->own, &r->context->admit, &r->key_digest))
        return false;
    admit_withdraw(&r->admission);
    request_route(r);
    return true;
}

/* The key was not known when the route was decided, or its rules have changed since: once again, with those it has. True:
 * the request goes on from there, or has been answered. */
static bool request_admit_rules(struct request *r, enum admit_answer answer)
{
    struct api_failure f = {.error = API_OVERLOAD};

    if (answer != ADMIT_YES || key_use_holds(&r->rules, r->admission.key))
        return false;
    if (r->rules.applied == KEY_USE_APPLIED_MAX ||
        (r->local && !key_use_apply(&r->rules, r->context->admit.keyring, r->admission.key, &r->want, &f))) {
        request_fail(r, f.error == API_OVERLOAD ? ERR_OVERLOAD : ERR_FORBIDDEN, &f);
        return true;
    }
    if (r->local)
        return request_admit_rules(r, answer);
    admit_withdraw(&r->admission);
    request_route(r);
    return true;
}

static void request_unroutable(struct request *r)
{
    struct api_failure f = {0};

    refusal_of_route(r, &f);
    request_fail(r, ERR_UNSUPPORTED, &f);
}

static void request_admit(struct request *r)
{
    enum admit_answer answer = admit_step(&r->admission);
    struct id account;

    if (request_admit_own(r, answer))
        return;
    if (answer == ADMIT_YES && r->unrouted && r->attempts.route.refusal == ROUTE_OK) { /* but its parts have none */
        admit_withdraw(&r->admission);
        request_route(r);
        return;
    }
    if (answer == ADMIT_YES && r->unrouted) { /* its account has no own key that could serve it */
        admit_release(&r->admission);
        request_admit_begin(r, 0);
        request_unroutable(r);
        return;
    }
    if (answer == ADMIT_NO && request_admit_less(r))
        answer = admit_step(&r->admission);
    if (request_admit_rules(r, answer))
        return;
    switch (answer) {
    case ADMIT_YES:
        account = key_account(r->admission.key);
        r->attempts.who = health_who(r->context->health, &account);
        r->route_us = (uint32_t)(clock_mono_us() - r->received_us);
        if (r->local) { /* no provider runs, so there is nothing to claim */
            request_settle(r, ERR_NONE, API_OK, SETTLE_FREE);
            r->ops->complete(r);
        } else if (whole_is_one_too_many(r)) {
            request_fail(r, ERR_OVERLOAD, &(struct api_failure){.error = API_OVERLOAD,
                         .message = "The account has too many orchestrations under way here; try again when one has ended."});
        } else {
            request_claim(r);
        }
        break;
    case ADMIT_NO:
        request_refuse(r);
        break;
    case ADMIT_WAIT:
        break;
    }
}

/* The link has answered: about the key or its lease, or about a growth. */
static void request_admit_cb(void *cookie)
{
    struct request *r = cookie;

    request_hold(r);
    if (r->state == REQUEST_ADMITTING) {
        request_admit(r);
    } else {
        assert(r->growing && r->upstream);
        r->growing = false;
        request_watch(r);
    }
    request_let(r);
}

bool request_rules(struct request *r, uint32_t *who, struct api_failure *f)
{
    struct request_context *x = r->context;
    struct key *key = NULL;
    bool allowed;

    *who = HEALTH_NOBODY;
    if (keyring_find(x->admit.keyring, &r->key_digest, clock_mono_ms(), &key) == ERR_NONE) {
        struct id account = key_account(key);

        *who = health_who(x->health, &account);
    } else {
        key = NULL;
    }
    allowed = key_use_apply(&r->rules, x->admit.keyring, key, &r->want, f);
    if (key != NULL)
        key_release(key);
    return allowed;
}

/* What is known here of the key. False: the request has been answered. */
static bool request_key(struct request *r, uint32_t *who)
{
    struct api_failure f;

    if (request_rules(r, who, &f))
        return true;
    request_fail(r, f.error == API_OVERLOAD ? ERR_OVERLOAD : ERR_FORBIDDEN, &f);
    return false;
}

static void request_own_cb(void *cookie)
{
    struct request *r = cookie;

    request_hold(r);
    request_route(r);
    request_let(r);
}

/* False: the request has been answered, or waits. */
static bool request_own(struct request *r)
{
    struct api_failure f = {.error = API_CONTROL_PLANE,
                            .message = "The account has provider keys of its own, and the control plane "
                                       "cannot be asked for them now."};

    switch (own_step(&r->own, r->context->own, &r->context->admit, &r->key_digest, request_own_cb, r)) {
    case OWN_KNOWN:
        return true;
    case OWN_WAIT:
        return false;
    case OWN_UNREACHABLE:
        break;
    }
    request_fail(r, ERR_CONTROL_PLANE, &f);
    return false;
}

/* No endpoint, but one that an own key could use, of a key that is not known here yet: its account may have one. */
static bool request_may_own(const struct request *r)
{
    struct key *key;
    bool may = false;

    for (size_t m = 0; m < r->want.n_models; m++)
        for (size_t i = 0; i < r->want.models[m]->n_endpoints; i++)
            may = may || r->want.models[m]->endpoints[i].info->own_only;
    if (!may || r->own.version != 0)
        return false;
    if (keyring_find(r->context->admit.keyring, &r->key_digest, clock_mono_ms(), &key) != ERR_NONE)
        return true;
    key_release(key);
    return false;
}

/* Decide the route, reserve for it. */
static void request_route(struct request *r)
{
    struct request_context *x = r->context;
    struct api_failure f = {0};
    int64_t amount = 0;
    uint32_t who;
    enum err e;

    if (!request_own(r) || !request_key(r, &who))
        return;
    r->want.prompt_most = r->prompt_bound;
    r->want.received_ms = r->received_unix_ms;
    (void)attempts_begin(&r->attempts, &r->want, x->health, x->stats, x->route_seed++, who, r->stream);
    if (r->own.keys != NULL)
        own_route(&r->attempts, &r->want, r->own.keys);
    whole_route(r);
    e = reserve_begin(r, &amount);
    r->unrouted = r->attempts.route.refusal != ROUTE_OK && request_may_own(r);
    if (r->attempts.route.refusal == ROUTE_OK && e == ERR_NONE && !whole_plan(r, &amount))
        return;
    request_admit_begin(r, r->unrouted ? 0 : amount);
    if (r->unrouted) {
        request_admit(r);
    } else if (r->attempts.route.refusal != ROUTE_OK) {
        request_unroutable(r);
    } else if (e != ERR_NONE) {
        f.error = API_BAD_REQUEST;
        f.message = "The request could cost more than any account can hold; lower n or max_tokens.";
        request_fail(r, e, &f);
    } else {
        request_admit(r);
    }
}

void request_begin(struct request *r)
{
    assert(r->state == REQUEST_READING && r->want.n_models > 0 && r->n_choices > 0);
    whole_begin(r);
    request_hold(r);
    request_link(r);
    request_enter(r, REQUEST_ADMITTING);
    if (r->local) {
        request_admit_begin(r, 0);
        request_admit(r);
    } else {
        request_route(r);
    }
    request_let(r);
}

void request_reject(struct request *r, enum err why, struct api_failure *f)
{
    request_hold(r);
    request_link(r);
    request_enter(r, REQUEST_ADMITTING);
    request_fail(r, why, f);
    request_let(r);
}

/* --- attempts */

static void request_exhausted(struct request *r)
{
    struct api_failure f;

    if (whole_rescues(r))
        return;
    refusal_of_attempts(&r->attempts, &f);
    whole_refusal(r, &f);
    request_fail(r, r->attempts.last == ERR_NONE ? ERR_PROVIDER_STATUS : r->attempts.last, &f);
}

void request_connect(struct request *r)
{
    struct attempts *a = &r->attempts;
    enum err e;

    assert(r->state == REQUEST_CONNECTING && !r->upstream);
    for (;;) {
        if ((a->made != 0 || r->parts != NULL || r->whole != NULL) && !attempts_is_last(a) &&
            uplink_trust(r->context->admit.uplink) != ERR_NONE) { /* lost meanwhile */
            request_fail(r, ERR_ATTESTATION, &(struct api_failure){.error = API_ATTESTATION});
            return;
        }
        if (!attempts_next(a))
            break;
        e = r->ops->attempt(r, attempts_is_last(a));
        if (e == ERR_NONE) {
            r->upstream = true;
            return;
        }
        attempts_failed(a, &(struct attempt_result){.e = e, .retry_after_ms = -1});
    }
    request_exhausted(r);
}

static void request_attempt_good(struct request *r)
{
    r->first_byte_us = (uint32_t)(clock_mono_us() - r->received_us);
    attempts_good(&r->attempts);
    if (r->whole == NULL)
        histogram_add(&r->context->stats->first_byte, r->first_byte_us);
    request_enter(r, REQUEST_STREAMING);
    r->streams = r->stream && r->whole == NULL;
    counter_add(&r->context->stats->streams_open, r->streams);
}

/* The answer's head may leave. A part has no client. */
static void request_commit(struct request *r)
{
    if (r->committed || r->whole != NULL) /* committed: a comment has begun the answer already */
        return;
    r->committed = true;
    r->ops->commit(r);
}

static void request_answer_begins(struct request *r)
{
    request_attempt_good(r);
    if (r->stream)
        request_commit(r);
}

void request_useful(struct request *r)
{
    if (r->state != REQUEST_CONNECTING || (r->parts != NULL && whole_is_empty(r)))
        return;
    request_hold(r);
    request_answer_begins(r);
    request_let(r);
}

/* In CONNECTING: another candidate, or the last word. */
static void request_attempt_over(struct request *r, const struct attempt_result *x)
{
    struct api_failure f = {.error = errors_of(x->e), .ran = true};

    if (r->parts != NULL) {
        whole_attempt_over(r, x);
        return;
    }
    attempts_failed(&r->attempts, x);
    if (attempts_final(&r->attempts, x)) {
        request_settle(r, x->e, f.error, SETTLE_OUTPUT);
        r->ops->fail(r, &f);
    } else if (attempts_ours(x->e) || /* an answer that has no room here is not bought again elsewhere */
               attempts_blamed(x)) {
        request_exhausted(r);
    } else {
        request_connect(r);
    }
}

/* The answer is complete, or cut. */
static void request_complete(struct request *r)
{
    request_settle(r, ERR_NONE, API_OK, SETTLE_OUTPUT);
    if (r->overran)
        attempts_overran(&r->attempts);
    else if (r->stream && r->cut == CUT_NONE && (r->flags & USAGE_ESTIMATED) == 0)
        attempts_written(&r->attempts, r->account.usage.completion,
                         clock_mono_us() - r->received_us - r->first_byte_us);
    r->ops->complete(r);
}

void request_end_upstream(struct request *r)
{
    if (r->upstream)
        r->ops->cancel(r);
    r->upstream = false;
}

void request_left(struct request *r, enum settle_bill what)
{
    request_settle(r, ERR_CLIENT_GONE, API_CLIENT_GONE, what);
    r->ops->left(r);
}

/* Which of the operator's keys: its place in the list, never the key. */
static void log_refused_keys(const struct request *r, const struct attempt_result *x)
{
    for (unsigned key = 0; key < PROVIDER_KEYS_MAX; key++)
        if ((x->keys_refused >> key & 1) != 0)
            LOG("provider_key_refused", KV("provider", r->attempts.candidate.endpoint->provider->no), KV("key", key),
                KV("status", x->key_status));
}

/* All of it is here; of a whole it may be no answer, as long as nothing of it has left. */
static void request_attempt_complete(struct request *r)
{
    if (r->state == REQUEST_CONNECTING) {
        if (r->parts != NULL && whole_refuses(r))
            return;
        request_answer_begins(r);
    }
    request_complete(r);
}

void request_attempt_ended(struct request *r, const struct attempt_result *x, bool upstream_open)
{
    struct api_failure f = {.error = errors_of(x->e), .provider_message = x->message, .ran = true};

    assert(r->upstream);
    request_hold(r);
    r->upstream = upstream_open;
    if (x->keys_refused != 0)
        log_refused_keys(r, x);
    if (r->state == REQUEST_LEAVING) {
        request_left(r, SETTLE_PROMPT);
    } else if (x->e == ERR_NONE) {
        request_attempt_complete(r);
    } else if (r->state == REQUEST_CONNECTING) {
        assert(!upstream_open);
        request_attempt_over(r, x);
    } else {
        assert(r->state == REQUEST_STREAMING && !upstream_open);
        attempts_broke(&r->attempts, x);
        request_fail(r, x->e, &f);
    }
    request_let(r);
}

void request_upstream_closed(struct request *r)
{
    assert(r->state == REQUEST_SETTLING);
    request_hold(r);
    r->upstream = false;
    request_let(r);
}

void request_closed(struct request *r)
{
    assert(r->state == REQUEST_SETTLING && !r->closed);
    request_hold(r);
    r->closed = true;
    request_let(r);
}

void request_client_gone(struct request *r)
{
    enum settle_bill what = leave_bill(r); /* before the attempt is forgotten */

    request_hold(r);
    r->closed = true;
    if (r->state == REQUEST_PREPARING) {
        whole_client_gone(r);
    } else if (leave_waits(r)) {
        request_enter(r, REQUEST_LEAVING);
        r->left_ms = clock_mono_ms();
        r->ops->hold(r, false); /* no reader holds it back any more */
    } else {
        request_end_upstream(r);
        if (r->state != REQUEST_SETTLING)
            request_left(r, what);
        else
            r->ops->left(r);
    }
    request_let(r);
}

/* --- a stream that is running */

/* End the stream at the edge: the answer is whole as far as it goes. */
static void request_cut(struct request *r, enum request_cut why)
{
    if (r->state == REQUEST_CONNECTING)
        request_answer_begins(r);
    request_end_upstream(r);
    r->cut = why;
    request_complete(r);
}

static void request_watch(struct request *r)
{
    enum growth_next next;

    if (!r->stream || !r->upstream ||
        (r->state != REQUEST_CONNECTING && r->state != REQUEST_STREAMING))
        return;
    next = growth_check(r);
    if (next == GROWTH_CREDIT)
        request_cut(r, r->admission.why == ERR_CONTROL_PLANE ? CUT_CONTROL_PLANE : CUT_CREDIT);
    else if (next == GROWTH_LIMIT)
        request_cut(r, CUT_LIMIT);
    else
        r->ops->hold(r, next == GROWTH_HOLD);
}

void request_progress(struct request *r)
{
    request_hold(r);
    request_watch(r);
    request_let(r);
}

/* The client is gone, and the figures have not come. */
static void request_leave(struct request *r)
{
    enum settle_bill what = r->upstream ? SETTLE_PROMPT : SETTLE_FREE; /* a whole may have waited for its parts' */

    request_end_upstream(r);
    request_left(r, what);
}

/* Has a stream's head been held long enough? Nobody else can answer, or parts come first whatever happens, so nothing is
 * lost by saying that we are alive. */
static bool request_held_long(const struct request *r, uint64_t now_ms)
{
    if (!r->stream || r->committed || r->whole != NULL)
        return false;
    if (r->state == REQUEST_PREPARING)
        return now_ms - r->prepare_ms >= REQUEST_HOLD_MS;
    return r->state == REQUEST_CONNECTING && attempts_is_last(&r->attempts) &&
           now_ms - r->attempts.begun_us / 1000 >= REQUEST_HOLD_MS;
}

void request_tick(struct request *r, uint64_t now_ms)
{
    request_hold(r);
    if (r->state == REQUEST_SETTLING && now_ms - r->settled_ms >= ATTEMPT_END_MS)
        request_end_upstream(r);
    if (r->state == REQUEST_LEAVING && now_ms - r->left_ms >= ATTEMPT_USAGE_MS)
        request_leave(r);
    if (r->state == REQUEST_PREPARING && uplink_trust(r->context->admit.uplink) != ERR_NONE)
        whole_fail(r, ERR_ATTESTATION, &(struct api_failure){.error = API_ATTESTATION});
    request_watch(r);
    if (request_held_long(r, now_ms)) {
        request_commit(r);
        r->ops->keep_alive(r);
    }
    if (r->committed && r->state != REQUEST_SETTLING && r->state != REQUEST_LEAVING &&
        now_ms - r->last_out_ms >= REQUEST_SILENCE_MS)
        r->ops->keep_alive(r);
    request_let(r);
}

void request_abort(struct request *r)
{
    struct api_failure f = {.error = API_OVERLOAD, .message = "This data plane is shutting down."};

    request_hold(r);
    if (r->state == REQUEST_LEAVING) {
        request_leave(r);
    } else if (r->whole != NULL && r->state != REQUEST_SETTLING) {
        part_end(r);
    } else if (r->state == REQUEST_PREPARING) {
        whole_fail(r, ERR_CANCELLED, &f);
    } else {
        request_end_upstream(r);
        if (r->state != REQUEST_SETTLING)
            request_fail(r, ERR_CANCELLED, &f);
    }
    request_let(r);
}

void requests_tick(struct request_context *x, uint64_t now_ms, bool late)
{
    struct request *r;

    x->tick_next = x->requests;
    while ((r = x->tick_next) != NULL) {
        x->tick_next = r->next; /* request_unlink() moves it on: a part may end its whole, and a whole its parts */
        if (!late)
            request_tick(r, now_ms);
        else if (r->whole == NULL || r->state == REQUEST_SETTLING || r->state == REQUEST_LEAVING)
            request_abort(r); /* which ends its running parts too */
    }
}
