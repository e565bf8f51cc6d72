/* Does the reservation still cover the stream, and does the stream keep to its limit? */
#include "growth.h"

#include "bill.h"
#include "estimate.h"
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
    return (r->attempts.candidate.endpoint->provider->quirks & QUIRK_REASONING_EXCLUDED) == 0;
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

/* Twice what there is, or what is used when one read brought more; at most the longest answer. */
static uint32_t growth_step(const struct request *r, uint64_t used)
{
    uint64_t most = reserve_most(r), each = used / r->n_choices + 1;

    if (each < r->output)
        each = r->output;
    return (uint32_t)(each < most / 2 ? each * 2 : most);
}

/* Once asked, the same amount is tried again when the link has answered. */
static enum admit_answer growth_ask(struct request *r, uint64_t used)
{
    uint32_t next = r->grow_to != 0 ? r->grow_to : growth_step(r, used);
    enum admit_answer answer;
    int64_t cost;

    r->grow_to = 0;
    if (reserve_cost(r, next, &cost) != ERR_NONE)
        return ADMIT_NO;
    answer = admit_grow(&r->admission, cost - r->admission.amount_nusd);
    r->growing = answer == ADMIT_WAIT;
    if (answer == ADMIT_WAIT)
        r->grow_to = next;
    else if (answer == ADMIT_YES)
        r->output = next;
    return answer;
}

/* The delivered bytes at which to ask again: growing begins at half, the end comes at the whole. Tokens may
 * be shorter than estimated, at least a byte each: where the events say so, ask earlier. */
static uint64_t watch_from(uint64_t used, uint64_t reached, uint64_t covered, uint64_t delivered)
{
    uint64_t target = reached < covered / 2 ? covered / 2 : covered;

    if (reached > used && reached < target)
        return delivered + target - reached;
    return target * BILL_BYTES_PER_TOKEN;
}

enum growth_next growth_check(struct request *r)
{
    struct attempt_account a = {0};
    uint64_t used, reached, covered;

    r->ops->account(r, &a);
    if (past_limit(r, &a))
        return GROWTH_LIMIT;
    if (r->max_output != 0 || r->told) { /* reserved whole; the provider ends it */
        r->watch_bytes = text_bytes_max(growth_limit(r));
        return GROWTH_ON;
    }
    used = estimate_output(r, &a);
    /* An event has a token or more, mostly: good for growing in time, not for ending an answer. */
    reached = a.chunks > used ? a.chunks : used;
    covered = (uint64_t)r->output * r->n_choices;
    while (r->output < reserve_most(r) && !r->growing && reached >= covered / 2 &&
           growth_ask(r, reached) == ADMIT_YES)
        covered = (uint64_t)r->output * r->n_choices;
    r->watch_bytes = watch_from(used, reached, covered, a.delivered_bytes);
    if (used < covered || r->output == reserve_most(r))
        return GROWTH_ON;
    return r->growing ? GROWTH_HOLD : GROWTH_CREDIT;
}
