#include "bill.h"

#include <assert.h>

/* --- figures of an answer, as prices take them */

#define BILL_GIVE(no, class, ...) .class = t->class,
#define BILL_TAKE(no, class, ...) t->class = u.class;
static struct price_usage bill_usage(const struct token_usage *t)
{
    return (struct price_usage){USAGE_TOKENS(BILL_GIVE)};
}

bool bill_believe(struct token_usage *t)
{
    struct price_usage u = bill_usage(t);
    bool lowered = price_believe(&u);

    USAGE_TOKENS(BILL_TAKE)
    return lowered;
}

/* Fill in what is missing, figure by figure. A figure of 0 is missing when there was something to count,
 * and so is one that is too small for what was delivered. */
static void bill_estimate(struct bill *b, const struct bill_evidence *evidence)
{
    struct token_usage *t = &b->tokens;
    bool whole = evidence->complete && evidence->usage.present;

    if (t->prompt == 0 && evidence->prompt != 0) {
        t->prompt = evidence->prompt;
        b->estimated = true;
    }
    if ((uint64_t)t->completion * BILL_BYTES_PER_TOKEN_MAX < evidence->delivered_bytes ||
        (!whole && t->completion < evidence->output)) {
        t->completion = evidence->output;
        b->estimated = true;
    }
}

/* Not more than was asked for: what a provider writes beyond it is nobody's order. */
static void bill_limit(struct bill *b, uint64_t limit)
{
    if (limit == 0 || b->tokens.completion <= limit)
        return;
    b->tokens.completion = (uint32_t)limit; /* what is within is lowered by bill_believe() */
    b->clamped = true;
}

/* The prompt's side is what it costs by itself, request included; the other side is the rest. */
static void bill_sides(const struct price_usage *u, struct bill *b)
{
    struct price_usage prompt = *u;

    prompt.completion = 0; /* and so is what is within it */
    prompt.units = (struct price_units){0};
    if (price_cost(&b->rates, &prompt, &b->tokens.prompt_nusd) != ERR_NONE || b->tokens.prompt_nusd > b->cost_nusd)
        b->tokens.prompt_nusd = b->cost_nusd;
    b->tokens.completion_nusd = b->cost_nusd - b->tokens.prompt_nusd;
}

void bill_make(const struct catalog_endpoint *e, const struct bill_evidence *evidence,
               int64_t reserved_nusd, struct bill *out)
{
    const struct token_usage *usage = &evidence->usage;
    struct price_usage u;

    *out = (struct bill){.tokens = *usage, .clamped = usage->clamped};
    price_at(&e->price, 0, evidence->received_ms, &out->rates);
    assert(reserved_nusd >= 0);
    if (!usage->present && evidence->output == 0 && !evidence->prompt_owed)
        return; /* failure before any output: free */
    out->estimated = evidence->no_tokens ? evidence->units_guessed : !usage->present;
    bill_estimate(out, evidence);
    bill_limit(out, evidence->limit);
    if (bill_believe(&out->tokens))
        out->clamped = true;
    out->units = evidence->units;
    out->requests = 1;
    u = bill_usage(&out->tokens);
    u.units = evidence->units;
    u.requests = 1;
    price_at(&e->price, u.prompt, evidence->received_ms, &out->rates);
    if (price_cost(&out->rates, &u, &out->cost_nusd) != ERR_NONE || out->cost_nusd > reserved_nusd) {
        out->cost_nusd = reserved_nusd;
        out->clamped = true;
    }
    bill_sides(&u, out);
}
