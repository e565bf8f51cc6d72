/* How attempts fail: health, the next candidate, the last word. */
#include "outcome.h"

#include "clock.h"

static bool is_timeout(enum err e, int status)
{
    return e == ERR_CONNECT_TIMEOUT || e == ERR_TLS_TIMEOUT || e == ERR_FIRST_BYTE_TIMEOUT ||
           e == ERR_IDLE_TIMEOUT || e == ERR_TOTAL_TIMEOUT || status == 408 || status == 504 ||
           status == 524;
}

bool outcome_is_ours(enum err e)
{
    return e == ERR_MEMORY || e == ERR_OVERLOAD;
}

bool outcome_is_final(const struct request *r, const struct attempt_result *x)
{
    return x->e == ERR_PROVIDER_LARGE || (x->e == ERR_TOTAL_TIMEOUT && !r->stream);
}

/* A 404 is about the provider's catalog: the model stands in ours. */
static bool blames_request(const struct attempt_result *x)
{
    return x->client_fault && x->status != 404;
}

static void note_retry(struct request *r, int64_t ms)
{
    if (ms > HEALTH_COOL_MAX_MS)
        ms = HEALTH_COOL_MAX_MS;
    if (ms > 0 && (r->retry_ms == 0 || ms < (int64_t)r->retry_ms))
        r->retry_ms = (uint32_t)ms;
}

/* Providers refuse with the same statuses what no provider could serve and what only they cannot: a
 * smaller max_tokens, a role they do not know, a body or a context too long for them. So the next
 * candidate is asked; refusal_of_attempts() says when the first refusal is what the client is told. */
static void note_refusal(struct request *r, const struct attempt_result *x)
{
    bool by_status = x->e == ERR_PROVIDER_STATUS;

    r->refused_by_status = r->refused_by_status || by_status;
    r->refused_for_all = r->refused_for_all || (by_status && !x->own_limit);
    if (r->refused++ != 0)
        return;
    r->refusal = x->context_length ? API_CONTEXT_LENGTH : errors_of_provider_status(x->status);
    r->refusal_message = x->message;
}

/* Does this failure say that the endpoint is unwell? Not our own trouble, not an answer that was
 * too long for us or slow to complete, not a refusal. An error object under status 200 is believed
 * to blame the request only when nobody else is left: providers that answer like that also dress
 * their own failures so. */
static bool is_unwell(const struct request *r, const struct attempt_result *x)
{
    if (outcome_is_ours(x->e) || outcome_is_final(r, x))
        return false;
    return !blames_request(x) ||
           (x->e != ERR_PROVIDER_STATUS && r->next_candidate < r->route.n);
}

enum health_fault outcome_fault(const struct attempt_result *x)
{
    bool unreachable = x->e == ERR_DNS || x->e == ERR_CONNECT || x->e == ERR_CONNECT_TIMEOUT ||
                       x->e == ERR_TLS || x->e == ERR_TLS_TIMEOUT || x->e == ERR_CONFIG;

    return unreachable || x->status == 401 ? HEALTH_FAULT_ENDPOINT : HEALTH_FAULT_REQUEST;
}

void outcome_note(struct request *r, const struct attempt_result *x)
{
    uint32_t slot = r->candidate.endpoint->health_slot;

    r->outcome = x->e;
    r->failed[r->place] = (uint8_t)x->e;
    r->statuses[r->place] = (uint16_t)x->status;
    note_retry(r, x->retry_after_ms);
    if (x->status == 429) {
        r->failed_rate++;
        health_rate_limited(r->context->health, slot, clock_mono_ms(), x->retry_after_ms);
        return;
    }
    if (is_unwell(r, x))
        health_failure(r->context->health, slot, r->who, outcome_fault(x), clock_mono_ms());
    if (blames_request(x))
        note_refusal(r, x);
    else if (outcome_is_ours(x->e))
        return;
    else if (is_timeout(x->e, x->status))
        r->failed_timeout++;
    else if (x->status == 503 || x->status == 529)
        r->failed_overload++;
    else if (x->status == 401 || x->status == 402 || x->status == 403 || x->e == ERR_CONFIG)
        r->failed_credentials++;
}
