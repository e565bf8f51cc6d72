#include "bill.h"

#include "money.h"

#include <assert.h>

/* One multiplication and one rounding per price class. */
static enum err bill_sum(const struct catalog_endpoint *e, const struct token_usage *t,
                         int64_t *out_nusd)
{
    uint32_t special = t->cached_read + t->cache_write;
    const struct {
        uint32_t tokens;
        int64_t price_pusd;
    } class[] = {
        {t->prompt - special, e->price_prompt_pusd},
        {t->cached_read, e->price_cached_pusd},
        {t->cache_write, e->price_cache_write_pusd},
        {t->completion, e->price_completion_pusd},
    };
    int64_t sum = 0, part;
    enum err err = ERR_NONE;

    for (size_t i = 0; i < sizeof class / sizeof class[0] && err == ERR_NONE; i++) {
        err = money_cost(class[i].tokens, class[i].price_pusd, &part);
        if (err == ERR_NONE)
            err = money_add(sum, part, &sum);
    }
    if (err == ERR_NONE)
        *out_nusd = sum;
    return err;
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
    b->tokens.completion = (uint32_t)limit;
    if (b->tokens.reasoning > b->tokens.completion)
        b->tokens.reasoning = b->tokens.completion;
    b->clamped = true;
}

void bill_make(const struct catalog_endpoint *e, const struct bill_evidence *evidence,
               int64_t reserved_nusd, struct bill *out)
{
    const struct token_usage *usage = &evidence->usage;

    *out = (struct bill){.tokens = *usage, .clamped = usage->clamped};
    assert(reserved_nusd >= 0);
    if (!usage->present && evidence->output == 0 && !evidence->prompt_owed)
        return; /* failure before any output: free */
    out->estimated = !usage->present;
    bill_estimate(out, evidence);
    bill_limit(out, evidence->limit);
    /* Cached tokens are part of the prompt; figures that say otherwise are not to be believed. */
    if (out->tokens.cached_read > out->tokens.prompt) {
        out->tokens.cached_read = out->tokens.prompt;
        out->clamped = true;
    }
    if (out->tokens.cache_write > out->tokens.prompt - out->tokens.cached_read) {
        out->tokens.cache_write = out->tokens.prompt - out->tokens.cached_read;
        out->clamped = true;
    }
    if (bill_sum(e, &out->tokens, &out->cost_nusd) != ERR_NONE || out->cost_nusd > reserved_nusd) {
        out->cost_nusd = reserved_nusd;
        out->clamped = true;
    }
}
