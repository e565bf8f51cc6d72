#include "request.h"

#include "bill.h"
#include "clock.h"
#include "log.h"
#include "money.h"
#include "worker.h"

#include <assert.h>
#include <stdio.h>

static const struct {
    enum request_state from, to;
} moves[] = {
    {REQUEST_READING, REQUEST_ADMITTING},
    {REQUEST_ADMITTING, REQUEST_CONNECTING}, /* admitted */
    {REQUEST_ADMITTING, REQUEST_SETTLING},   /* refused, or the client left */
    {REQUEST_CONNECTING, REQUEST_STREAMING}, /* first useful event, or a whole answer */
    {REQUEST_CONNECTING, REQUEST_SETTLING},  /* every candidate failed, or the client left */
    {REQUEST_STREAMING, REQUEST_SETTLING},   /* complete, cut off, or the client left */
    {REQUEST_SETTLING, REQUEST_DONE},
};

/* The only writer of r->state. */
static void request_enter(struct request *r, enum request_state state)
{
    bool legal = false;

    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++)
        legal = legal || (moves[i].from == r->state && moves[i].to == state);
    assert(legal);
    r->state = state;
}

static void request_link(struct request *r)
{
    struct worker *w = r->worker;

    r->next = w->requests;
    if (r->next != NULL)
        r->next->prev = r;
    w->requests = r;
    counter_add(&w->stats.requests_open, 1);
}

static void request_unlink(struct request *r)
{
    struct worker *w = r->worker;

    if (r->prev != NULL)
        r->prev->next = r->next;
    else
        w->requests = r->next;
    if (r->next != NULL)
        r->next->prev = r->prev;
    counter_add(&w->stats.requests_open, (uint64_t)-1);
}

/* --- the end */

static int request_status(const struct request *r)
{
    return r->outcome == ERR_CLIENT_GONE ? 499 : errors_row(r->answer)->status;
}

static struct static_name answer_name(enum api_error a)
{
    const char *code = errors_row(a)->code;

    return (struct static_name){code != NULL ? code : a == API_OK ? "ok" : "invalid_request"};
}

/* The only line a request logs. */
static void request_log(const struct request *r)
{
    const struct route_endpoint *e = r->candidate.endpoint;
    const struct token_usage *t = &r->account.usage;

    LOG("request_done", KV("request", r->id), KV("status", (int32_t)request_status(r)),
        KV("outcome", log_err((int)r->outcome)), KV("answer", answer_name(r->answer)),
        KV("stream", r->stream), KV("attempts", r->attempts),
        KV("model", (uint32_t)(e != NULL ? r->candidate.model->info->no : 0)),
        KV("endpoint", (uint32_t)(e != NULL ? e->info->no : 0)), KV("tokens_in", t->prompt),
        KV("tokens_out", t->completion), KV("cost_nusd", r->cost_nusd), KV("flags", r->flags),
        KV("route_us", r->route_us), KV("first_byte_us", r->first_byte_us),
        KV("latency_us", clock_mono_us() - r->received_us));
}

void request_hold(struct request *r)
{
    r->held++;
}

/* Ends the struct when nobody uses it and nothing is pending on either side. */
void request_let(struct request *r)
{
    struct stats *s = &r->worker->stats;

    assert(r->held > 0);
    if (--r->held > 0 || r->state != REQUEST_SETTLING || r->upstream || !r->closed)
        return;
    request_enter(r, REQUEST_DONE);
    stats_status(s, request_status(r));
    histogram_add(&s->total, clock_mono_us() - r->received_us);
    request_log(r);
    request_unlink(r);
    admit_release(&r->admission);
    snapshot_release(r->catalog);
    r->ops->destroy(r);
}

/* --- settlement */

static void request_record(const struct request *r, const struct bill *b, struct usage_record *out)
{
    const struct catalog_endpoint *e = r->candidate.endpoint->info;
    uint64_t total_ms = (clock_mono_us() - r->received_us) / 1000;

    *out = (struct usage_record){
        .request = r->id,
        .key = key_id(r->admission.key),
        .account = key_account(r->admission.key),
        .lease = r->admission.lease,
        .received_ms = r->received_unix_ms,
        .user_hash = r->user_hash,
        .cost_nusd = b->cost_nusd,
        .model_no = e->model_no,
        .endpoint_no = e->no,
        .first_model_no = r->want.models[0]->info->no,
        .price_version = e->price_version,
        .catalog_version = snapshot_catalog(r->catalog)->version,
        .route_us = r->route_us,
        .first_byte_us = r->first_byte_us,
        .total_ms = total_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)total_ms,
        .tokens_prompt = b->tokens.prompt,
        .tokens_completion = b->tokens.completion,
        .tokens_cached_read = b->tokens.cached_read,
        .tokens_cache_write = b->tokens.cache_write,
        .tokens_reasoning = b->tokens.reasoning,
        .http_status = (uint16_t)request_status(r),
        .flags = r->flags,
        .error_class = (uint8_t)r->outcome,
        .finish = (uint8_t)r->account.finish,
        .route_reason = r->candidate.reason,
        .attempt = r->attempts,
        .attempts = r->attempts,
    };
}

static void request_count(struct request *r, const struct bill *b)
{
    struct stats *s = &r->worker->stats;

    counter_add(&s->tokens_prompt, b->tokens.prompt);
    counter_add(&s->tokens_completion, b->tokens.completion);
    counter_add(&s->tokens_cached_read, b->tokens.cached_read);
    counter_add(&s->cost_nusd, (uint64_t)b->cost_nusd);
    counter_add(&s->estimated, b->estimated);
    counter_add(&s->clamped, b->clamped);
    counter_add(&s->client_gone, r->outcome == ERR_CLIENT_GONE);
    counter_add(&s->truncated, r->outcome == ERR_PROVIDER_TRUNCATED);
    if (r->state == REQUEST_STREAMING && r->stream)
        counter_add(&s->streams_open, (uint64_t)-1);
}

/* Exactly once per request, on the way into SETTLING: money moves, the record is written. bill_it:
 * a provider produced output that the customer pays for. */
static void request_settle(struct request *r, enum err outcome, enum api_error answer, bool bill_it)
{
    struct bill bill = {0};
    struct usage_record record;

    r->outcome = outcome;
    r->answer = answer;
    if (bill_it) {
        r->ops->account(r, &r->account);
        bill_make(r->candidate.endpoint->info, &r->account.usage, r->prompt_bytes,
                  r->account.delivered_bytes, r->admission.amount_nusd, &bill);
        r->account.usage = bill.tokens;
    }
    r->cost_nusd = bill.cost_nusd;
    r->flags = (uint16_t)((r->stream ? USAGE_STREAM : 0) | (bill.estimated ? USAGE_ESTIMATED : 0) |
                          (bill.clamped ? USAGE_CLAMPED : 0) |
                          (outcome == ERR_CLIENT_GONE ? USAGE_CLIENT_GONE : 0) |
                          (r->attempts > 1 ? USAGE_FALLBACK : 0));
    if (r->admission.reserved) {
        request_record(r, &bill, &record);
        admit_settle(&r->admission, bill.cost_nusd,
                     (uint64_t)bill.tokens.prompt + bill.tokens.completion);
        meter_push(r->worker->shared->meter, r->worker->no, &record);
    }
    request_count(r, &bill);
    request_enter(r, REQUEST_SETTLING);
    r->settled_ms = clock_mono_ms();
}

/* Nothing useful came of it, or not all: settle and tell the client. */
static void request_fail(struct request *r, enum err outcome, struct api_failure *f)
{
    bool began = r->state == REQUEST_STREAMING;

    f->ran = f->ran || began;
    request_settle(r, outcome, f->error, began);
    r->ops->fail(r, f);
}

/* --- admission */

/* Every candidate's worst case; the dearest is what must be paid for. */
static enum err request_worst_case(const struct request *r, int64_t *out_nusd)
{
    int64_t dearest = 0, cost;
    enum err e;

    for (size_t i = 0; i < r->route.n; i++) {
        const struct catalog_model *m = r->route.list[i].model->info;
        uint64_t output = m->max_output != 0 ? m->max_output : m->context_length;
        uint64_t prompt = r->prompt_bound < m->context_length ? r->prompt_bound : m->context_length;

        if (r->max_output != 0 && r->max_output < output)
            output = r->max_output;
        e = route_worst_case(r->route.list[i].endpoint->info, prompt, output * r->n_choices, &cost);
        if (e != ERR_NONE)
            return e;
        if (cost > dearest)
            dearest = cost;
    }
    *out_nusd = dearest;
    return ERR_NONE;
}

static const char *refusal_sentence(enum route_refusal refusal)
{
    static const char *const sentences[] = {
        [ROUTE_OK] = "",
        [ROUTE_NO_ENDPOINT] = "No provider of this model is enabled at present.",
        [ROUTE_NO_PROVIDER] = "provider.only, provider.ignore or provider.order leave no provider "
                              "of this model.",
        [ROUTE_NO_PRIVACY] = "No provider of this model promises to keep no data, as "
                             "data_collection:\"deny\" or zdr demand.",
        [ROUTE_NO_PRICE] = "No provider of this model is within provider.max_price.",
        [ROUTE_NO_CAPABILITY] = "No provider of this model supports every parameter of the "
                                "request, as provider.require_parameters demands.",
    };

    return sentences[refusal];
}

/* The 402 says what it would take. Numbers of ours only. */
static void credit_sentence(const struct request *r, struct api_failure *f)
{
    char need[MONEY_TEXT_MAX], have[MONEY_TEXT_MAX];

    money_text_usd(r->admission.amount_nusd, need);
    money_text_usd(r->admission.available_nusd, have);
    snprintf(f->text, sizeof f->text,
             "This request may cost up to $%s; the key can spend $%s now. Lower max_tokens, %s.",
             need, have,
             f->error == API_KEY_LIMIT ? "or raise the key's limit" : "or add credits");
}

static void request_refuse(struct request *r)
{
    struct api_failure f = {.error = errors_of(r->admission.why)};

    if (r->admission.why == ERR_NOT_FOUND)
        f.error = API_BAD_KEY;
    if (f.error == API_NO_CREDIT || f.error == API_KEY_LIMIT)
        credit_sentence(r, &f);
    if (f.error == API_RATE)
        f.retry_after_ms = r->admission.retry_ms;
    request_fail(r, r->admission.why, &f);
}

static void request_connect(struct request *r);

static void request_admit(struct request *r)
{
    switch (admit_step(&r->admission)) {
    case ADMIT_YES:
        r->route_us = (uint32_t)(clock_mono_us() - r->received_us);
        request_enter(r, REQUEST_CONNECTING);
        request_connect(r);
        break;
    case ADMIT_NO:
        request_refuse(r);
        break;
    case ADMIT_WAIT:
        break;
    }
}

static void request_admit_cb(void *cookie)
{
    struct request *r = cookie;

    assert(r->state == REQUEST_ADMITTING);
    request_hold(r);
    request_admit(r);
    request_let(r);
}

void request_begin(struct request *r)
{
    struct worker *w = r->worker;
    struct route_health health = {worker_read_health, w};
    struct api_failure f = {.error = API_NO_PROVIDER};
    int64_t amount = 0;
    enum err e;

    assert(r->state == REQUEST_READING && r->want.n_models > 0 && r->n_choices > 0);
    request_hold(r);
    request_link(r);
    request_enter(r, REQUEST_ADMITTING);
    route_decide(&r->want, &health, w->route_seed++, &r->route);
    e = request_worst_case(r, &amount);
    admit_init(&r->admission, &w->admit, &r->key_digest, amount, request_admit_cb, r);
    if (r->route.refusal != ROUTE_OK) {
        f.message = refusal_sentence(r->route.refusal);
        request_fail(r, ERR_UNSUPPORTED, &f);
    } else if (e != ERR_NONE) {
        f.error = API_BAD_REQUEST;
        f.message = "The request could cost more than any account can hold; lower n or max_tokens.";
        request_fail(r, e, &f);
    } else {
        request_admit(r);
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

static bool is_timeout(enum err e, int status)
{
    return e == ERR_CONNECT_TIMEOUT || e == ERR_TLS_TIMEOUT || e == ERR_FIRST_BYTE_TIMEOUT ||
           e == ERR_IDLE_TIMEOUT || e == ERR_TOTAL_TIMEOUT || status == 408 || status == 504 ||
           status == 524;
}

/* Remember how an attempt failed: for the endpoint's health and for the last word to the client. */
static void request_attempt_failed(struct request *r, const struct attempt_result *x)
{
    struct health *h = r->worker->shared->health;
    uint32_t slot = r->candidate.endpoint->health_slot;
    uint64_t now_ms = clock_mono_ms();

    r->outcome = x->e;
    if (x->status == 429) {
        r->failed_rate++;
        health_rate_limited(h, slot, now_ms, x->retry_after_ms);
        if (x->retry_after_ms > 0 &&
            (r->retry_ms == 0 || x->retry_after_ms < (int64_t)r->retry_ms))
            r->retry_ms = x->retry_after_ms < HEALTH_COOL_MAX_MS ? (uint32_t)x->retry_after_ms
                                                                 : HEALTH_COOL_MAX_MS;
        return;
    }
    if (x->e == ERR_MEMORY || x->e == ERR_OVERLOAD)
        return; /* our own trouble says nothing about the endpoint */
    health_failure(h, slot, now_ms);
    if (is_timeout(x->e, x->status))
        r->failed_timeout++;
    else if (x->status == 503 || x->status == 529)
        r->failed_overload++;
    else if (x->status == 401 || x->status == 402 || x->status == 403 || x->e == ERR_CONFIG)
        r->failed_credentials++;
}

/* Every candidate failed. A class is named only when all attempts agree on it. */
static void request_exhausted(struct request *r)
{
    struct api_failure f = {.error = API_PROVIDER_FAILED, .retry_after_ms = r->retry_ms};
    unsigned n = r->attempts;

    if (r->outcome == ERR_OVERLOAD || r->outcome == ERR_MEMORY)
        f.error = API_OVERLOAD;
    else if (r->failed_rate == n)
        f.error = API_PROVIDER_RATE;
    else if (r->failed_overload + r->failed_rate == n)
        f.error = API_PROVIDER_OVERLOAD;
    else if (r->failed_timeout == n)
        f.error = API_PROVIDER_TIMEOUT;
    else if (r->failed_credentials == n)
        f.error = API_PROVIDER_CREDENTIALS;
    request_fail(r, r->outcome == ERR_NONE ? ERR_PROVIDER_STATUS : r->outcome, &f);
}

/* Start the next candidate that can be started, or give up. */
static void request_connect(struct request *r)
{
    struct worker *w = r->worker;
    enum err e;

    assert(r->state == REQUEST_CONNECTING && !r->upstream);
    while (r->next_candidate < r->route.n) {
        bool last = r->next_candidate + 1 == r->route.n;

        r->candidate = r->route.list[r->next_candidate++];
        if (r->candidate.probe && !last &&
            !health_claim_probe(w->shared->health, r->candidate.endpoint->health_slot,
                                clock_mono_ms()))
            continue; /* another request is finding out */
        if (r->attempts++ == 0)
            r->first = r->candidate;
        else
            counter_add(&w->stats.fallbacks, 1);
        counter_add(&w->stats.attempts, 1);
        r->attempt_us = clock_mono_us();
        e = r->ops->attempt(r, last);
        if (e == ERR_NONE) {
            r->upstream = true;
            return;
        }
        request_attempt_failed(r, &(struct attempt_result){.e = e, .retry_after_ms = -1});
    }
    request_exhausted(r);
}

static void request_attempt_good(struct request *r)
{
    r->first_byte_us = (uint32_t)(clock_mono_us() - r->received_us);
    health_success(r->worker->shared->health, r->candidate.endpoint->health_slot, clock_mono_ms(),
                   (uint32_t)(clock_mono_us() - r->attempt_us));
    histogram_add(&r->worker->stats.first_byte, r->first_byte_us);
    request_enter(r, REQUEST_STREAMING);
    if (r->stream)
        counter_add(&r->worker->stats.streams_open, 1);
}

void request_useful(struct request *r)
{
    if (r->state != REQUEST_CONNECTING)
        return;
    request_hold(r);
    request_attempt_good(r);
    if (!r->committed) { /* else a comment has begun the answer already */
        r->committed = true;
        r->ops->commit(r);
    }
    request_let(r);
}

/* Is trying elsewhere pointless? An error status that blames the request is believed. An error
 * object under status 200 is believed only when nobody else is left: those who answer like that also
 * dress their own failures so. A 404 is about their catalog, and the model stands in ours. */
static bool request_fault_is_final(const struct request *r, const struct attempt_result *x)
{
    if (!x->client_fault || x->status == 404)
        return false;
    return x->e == ERR_PROVIDER_STATUS || r->next_candidate == r->route.n;
}

/* In CONNECTING: another candidate, or the last word. */
static void request_attempt_over(struct request *r, const struct attempt_result *x)
{
    struct api_failure f = {.error = API_BAD_REQUEST, .provider_message = x->message};

    if (!request_fault_is_final(r, x)) {
        request_attempt_failed(r, x);
        request_connect(r);
        return;
    }
    /* The endpoint did its work; the request is what is wrong. */
    f.error = x->context_length ? API_CONTEXT_LENGTH : errors_of_provider_status(x->status);
    request_fail(r, ERR_PROVIDER_STATUS, &f);
}

void request_attempt_ended(struct request *r, const struct attempt_result *x, bool upstream_open)
{
    struct api_failure f = {.error = errors_of(x->e), .provider_message = x->message, .ran = true};

    assert(r->upstream);
    request_hold(r);
    r->upstream = upstream_open;
    if (x->e == ERR_NONE) {
        if (r->state == REQUEST_CONNECTING)
            request_attempt_good(r);
        request_settle(r, ERR_NONE, API_OK, true);
        r->ops->complete(r);
    } else if (r->state == REQUEST_CONNECTING) {
        assert(!upstream_open);
        request_attempt_over(r, x);
    } else {
        assert(r->state == REQUEST_STREAMING && !upstream_open);
        health_failure(r->worker->shared->health, r->candidate.endpoint->health_slot,
                       clock_mono_ms());
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

static void request_end_upstream(struct request *r)
{
    if (r->upstream)
        r->ops->cancel(r);
    r->upstream = false;
}

void request_client_gone(struct request *r)
{
    bool began = r->state == REQUEST_STREAMING;

    request_hold(r);
    r->closed = true;
    request_end_upstream(r);
    if (r->state != REQUEST_SETTLING)
        request_settle(r, ERR_CLIENT_GONE, API_CLIENT_GONE, began);
    request_let(r);
}

void request_tick(struct request *r, uint64_t now_ms)
{
    bool last = r->next_candidate == r->route.n;

    request_hold(r);
    if (r->state == REQUEST_SETTLING && now_ms - r->settled_ms >= REQUEST_UPSTREAM_END_MS)
        request_end_upstream(r);
    if (r->state == REQUEST_CONNECTING && r->stream && last && !r->committed &&
        now_ms - r->attempt_us / 1000 >= REQUEST_HOLD_MS) {
        /* Nobody else can answer, so nothing is lost by saying that we are alive. */
        r->committed = true;
        r->ops->commit(r);
        r->ops->keep_alive(r);
    }
    if (r->committed && r->state != REQUEST_SETTLING &&
        now_ms - r->last_out_ms >= REQUEST_SILENCE_MS)
        r->ops->keep_alive(r);
    request_let(r);
}

void request_abort(struct request *r)
{
    struct api_failure f = {.error = API_OVERLOAD, .message = "This data plane is shutting down."};

    request_hold(r);
    request_end_upstream(r);
    if (r->state != REQUEST_SETTLING)
        request_fail(r, ERR_CANCELLED, &f);
    request_let(r);
}
