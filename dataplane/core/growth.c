/* Does the reservation still cover the stream, and does the stream keep to its limit? */
#include "growth.h"

#include "estimate.h"
#include "bill.h"
#include "providers.h"
#include "reserve.h"

static uint64_t growth_limit(const struct request *r)
{
    uint64_t each = r->max_output != 0 || r->told ? r->output : reserve_most(r);

    return (each + r->extra_output) * r->n_choices;
}

/* Some providers do not count reasoning towards the limit. */
static bool limit_holds(const struct request *r)
{
    return (r->candidate.endpoint->provider->quirks & QUIRK_REASONING_EXCLUDED) == 0;
}

bool growth_overrun(const struct request *r, const struct token_usage *usage)
{
    uint64_t limit = growth_limit(r);

    return usage->present && limit_holds(r) &&
           usage->completion > limit + limit / 8 + GROWTH_SLACK_TOKENS;
}

static uint64_t text_bytes_max(uint64_t limit)
{
    return limit * GROWTH_TEXT_BYTES_MAX + GROWTH_SLACK_BYTES;
}

static bool past_limit(const struct request *r, const struct attempt_account *a)
{
    uint64_t limit = growth_limit(r);

    if (!limit_holds(r))
        return false;
    if (growth_overrun(r, &a->usage) ||
        a->delivered_bytes > limit * GROWTH_TOKEN_BYTES_MAX + GROWTH_SLACK_BYTES)
        return true;
    return a->delivered_bytes > text_bytes_max(limit) &&
           a->chunks > limit + limit / 4 + GROWTH_SLACK_CHUNKS;
}

/* Ask for twice what there is, at most the longest answer. */
static enum admit_answer growth_ask(struct request *r)
{
    uint32_t most = reserve_most(r), next = r->output < most / 2 ? r->output * 2 : most;
    enum admit_answer answer;
    int64_t cost;

    if (reserve_cost(r, next, &cost) != ERR_NONE)
        return ADMIT_NO;
    answer = admit_grow(&r->admission, cost - r->admission.amount_nusd);
    r->growing = answer == ADMIT_WAIT;
    if (answer == ADMIT_YES)
        r->output = next;
    return answer;
}

enum growth_next growth_check(struct request *r)
{
    struct attempt_account a = {0};
    enum admit_answer answer = ADMIT_WAIT;
    uint64_t used, covered;

    r->ops->account(r, &a);
    if (past_limit(r, &a))
        return GROWTH_LIMIT;
    if (r->max_output != 0 || r->told) { /* reserved whole; the provider ends it */
        r->watch_bytes = text_bytes_max(growth_limit(r));
        return GROWTH_ON;
    }
    used = estimate_output(r, &a);
    covered = (uint64_t)r->output * r->n_choices;
    if (r->output < reserve_most(r) && !r->growing && used >= covered / 2)
        answer = growth_ask(r);
    if (answer == ADMIT_YES)
        covered = (uint64_t)r->output * r->n_choices;
    /* Tokens may be shorter than estimated: growing begins at half, the end comes at the whole. */
    r->watch_bytes = (used < covered / 2 ? covered / 2 : covered) * BILL_BYTES_PER_TOKEN;
    if (used < covered || r->output == reserve_most(r))
        return GROWTH_ON;
    return r->growing ? GROWTH_HOLD : GROWTH_CREDIT;
}
