/* The candidate loop of one request. */
#include "attempts.h"

#include "clock.h"

#include <assert.h>

/* --- the next candidate */

/* Health of endpoints as route_decide() wants it, for one account. */
static void read_health(const void *cookie, uint32_t slot, struct health_view *out)
{
    const struct attempts *a = cookie;

    health_read(a->health, slot, a->who, clock_mono_ms(), out);
    if (a->measures)
        health_measure(a->health, slot, clock_mono_ms(), out);
}

static bool needs_measures(const struct route_want *w)
{
    bool needs = w->sort == ROUTE_EXACTO;

    for (unsigned i = 0; i < ROUTE_PERCENTILES; i++)
        needs = needs || w->latency_us[i] != 0 || w->throughput[i] != 0;
    return needs;
}

void attempts_health(const struct attempts *a, struct route_health *out)
{
    *out = (struct route_health){read_health, a};
}

enum route_refusal attempts_begin(struct attempts *a, const struct route_want *want,
                                  struct health *health, struct stats *stats, uint64_t seed,
                                  uint32_t who, bool stream)
{
    struct route_health own;
    struct route_judged judged[ROUTE_ENDPOINTS_MAX];

    *a = (struct attempts){.health = health,
                           .stats = stats,
                           .stream = stream,
                           .seed = seed,
                           .who = who,
                           .measures = needs_measures(want)};
    attempts_health(a, &own);
    route_judge(want, &own, judged);
    route_rank(want, judged, seed, &a->route);
    a->inputs_len = (uint16_t)route_inputs_write(want, judged, a->inputs);
    return a->route.refusal;
}

bool attempts_is_last(const struct attempts *a)
{
    return a->next == a->route.n;
}

/* So that `next` is a candidate that may be asked, or the end. */
static void skip(struct attempts *a)
{
    while (a->next < a->route.n && a->skipped[a->next])
        a->next++;
}

void attempts_next_model(struct attempts *a)
{
    for (size_t i = a->next; i < a->route.n; i++)
        a->skipped[i] = a->skipped[i] || a->route.list[i].model == a->candidate.model;
    skip(a);
}

void attempts_none(struct attempts *a)
{
    a->next = a->route.n;
}

bool attempts_next(struct attempts *a)
{
    const struct candidate *c;

    do {
        if (a->next == a->route.n)
            return false;
        c = &a->route.list[a->next++];
        a->place = (uint8_t)(a->next - 1);
        skip(a);
    } while (c->probe && !attempts_is_last(a) &&
             !health_claim_probe(a->health, c->endpoint->health_slot, a->who,
                                 clock_mono_ms())); /* another request is finding out */
    a->candidate = *c;
    if (a->made++ == 0)
        a->first = *c;
    else
        counter_add(&a->stats->fallbacks, 1);
    counter_add(&a->stats->attempts, 1);
    a->tried[a->place] = 1;
    a->begun_us = clock_mono_us();
    return true;
}

/* --- how attempts come out */

static void note_time(struct attempts *a)
{
    uint64_t ms = (clock_mono_us() - a->begun_us) / 1000;

    a->took_ms[a->place] = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static void blame(struct attempts *a, enum health_fault fault)
{
    health_failure(a->health, a->candidate.endpoint->health_slot, a->who, fault, clock_mono_ms());
}

void attempts_good(struct attempts *a)
{
    uint64_t now_us = clock_mono_us();

    note_time(a);
    health_success(a->health, a->candidate.endpoint->health_slot, a->who, clock_mono_ms(),
                   a->stream ? (uint32_t)(now_us - a->begun_us) : 0);
}

void attempts_written(struct attempts *a, uint64_t tokens, uint64_t us)
{
    health_written(a->health, a->candidate.endpoint->health_slot, clock_mono_ms(), tokens, us);
}

void attempts_overran(struct attempts *a)
{
    blame(a, HEALTH_FAULT_REQUEST);
}

static bool is_timeout(enum err e, int status)
{
    return e == ERR_CONNECT_TIMEOUT || e == ERR_TLS_TIMEOUT || e == ERR_FIRST_BYTE_TIMEOUT ||
           e == ERR_IDLE_TIMEOUT || e == ERR_TOTAL_TIMEOUT || status == 408 || status == 504 ||
           status == 524;
}

bool attempts_ours(enum err e)
{
    return e == ERR_MEMORY || e == ERR_OVERLOAD;
}

bool attempts_final(const struct attempts *a, const struct attempt_result *x)
{
    return x->e == ERR_PROVIDER_LARGE || (x->e == ERR_TOTAL_TIMEOUT && !a->stream);
}

bool attempts_blamed(const struct attempt_result *x)
{
    return x->e == ERR_PROVIDER_STATUS && x->client_fault && x->status == 400 && x->invalid_request &&
           !x->own_limit && !x->context_length && !x->translated;
}

/* A 404 is about the provider's catalog: the model stands in ours. */
static bool blames_request(const struct attempt_result *x)
{
    return x->client_fault && x->status != 404;
}

static void note_retry(struct attempts *a, int64_t ms)
{
    if (ms > HEALTH_COOL_MAX_MS)
        ms = HEALTH_COOL_MAX_MS;
    if (ms > 0 && (a->retry_ms == 0 || ms < (int64_t)a->retry_ms))
        a->retry_ms = (uint32_t)ms;
}

/* Providers refuse with the same statuses what no provider could serve and what only they cannot: a
 * smaller max_tokens, a role they do not know, a body or a context too long for them. So the next
 * candidate is asked, unless attempts_blamed(); refusal_of_attempts() says when the first refusal is what the client is
 * told. */
static void note_refusal(struct attempts *a, const struct attempt_result *x)
{
    bool by_status = x->e == ERR_PROVIDER_STATUS;

    a->refused_by_status = a->refused_by_status || by_status;
    a->refused_for_all = a->refused_for_all || (by_status && !x->own_limit);
    if (a->refused++ != 0)
        return;
    a->refusal = x->context_length ? API_CONTEXT_LENGTH : errors_of_provider_status(x->status);
    a->refusal_message = x->message;
}

/* Does this failure say that the endpoint is unwell? Not our own trouble, not an answer that was
 * too long for us or slow to complete, not a refusal. An error object under status 200 is believed
 * to blame the request only when nobody else is left: providers that answer like that also dress
 * their own failures so. */
static bool is_unwell(const struct attempts *a, const struct attempt_result *x)
{
    if (attempts_ours(x->e) || attempts_final(a, x))
        return false;
    return !blames_request(x) ||
           (x->e != ERR_PROVIDER_STATUS && a->next < a->route.n);
}

/* Could another request have fared better there? Once a request is sent, nearly everything may be its own
 * doing: a reset by a server that it crashed, an answer over our limits, a time-out. */
static enum health_fault fault_of(const struct attempt_result *x)
{
    bool unreachable = x->e == ERR_DNS || x->e == ERR_CONNECT || x->e == ERR_CONNECT_TIMEOUT ||
                       x->e == ERR_TLS || x->e == ERR_TLS_TIMEOUT || x->e == ERR_CONFIG;

    return unreachable || x->status == 401 ? HEALTH_FAULT_ENDPOINT : HEALTH_FAULT_REQUEST;
}

/* What a provider says about the customer's account there is nothing that other customers would meet. */
static bool own_account(const struct attempt_result *x)
{
    return x->status == 401 || x->status == 402 || x->status == 403 || x->status == 429;
}

static void note_own(struct attempts *a, const struct attempt_result *x)
{
    if (x->status == 429) {
        a->failed_rate++;
        return;
    }
    a->failed_own++;
    a->failed_own_at = (uint8_t)(a->candidate.own - 1);
    a->failed_own_status = x->status;
}

void attempts_failed(struct attempts *a, const struct attempt_result *x)
{
    uint32_t slot = a->candidate.endpoint->health_slot;

    a->last = x->e;
    note_time(a);
    a->failed[a->place] = (uint8_t)x->e;
    a->statuses[a->place] = (uint16_t)x->status;
    note_retry(a, x->retry_after_ms);
    if (a->candidate.own != 0 && own_account(x)) {
        note_own(a, x);
        return;
    }
    if (x->status == 429) {
        a->failed_rate++;
        health_rate_limited(a->health, slot, clock_mono_ms(), x->retry_after_ms);
        return;
    }
    if (is_unwell(a, x))
        blame(a, fault_of(x));
    if (blames_request(x))
        note_refusal(a, x);
    else if (attempts_ours(x->e))
        return;
    else if (is_timeout(x->e, x->status))
        a->failed_timeout++;
    else if (x->status == 503 || x->status == 529)
        a->failed_overload++;
    else if (x->status == 401 || x->status == 402 || x->status == 403 || x->e == ERR_CONFIG)
        a->failed_credentials++;
}

void attempts_broke(struct attempts *a, const struct attempt_result *x)
{
    a->failed[a->place] = (uint8_t)x->e;
    if (x->e != ERR_PROVIDER_LARGE && !attempts_ours(x->e))
        blame(a, fault_of(x));
}
