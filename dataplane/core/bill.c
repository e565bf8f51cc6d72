#include "bill.h"

#include "money.h"

#include <assert.h>

static uint32_t tokens_of_bytes(uint64_t bytes)
{
    uint64_t tokens = (bytes + BILL_BYTES_PER_TOKEN - 1) / BILL_BYTES_PER_TOKEN;

    return tokens > LIMIT_TOKENS_ABSURD ? LIMIT_TOKENS_ABSURD : (uint32_t)tokens;
}

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

/* Fill in what is missing. A figure of 0 is missing when there was something to count. */
static void bill_estimate(struct bill *b, uint64_t prompt_bytes, uint64_t delivered_bytes)
{
    struct token_usage *t = &b->tokens;

    if (t->prompt == 0 && prompt_bytes != 0) {
        t->prompt = tokens_of_bytes(prompt_bytes);
        b->estimated = true;
    }
    if ((uint64_t)t->completion * BILL_BYTES_PER_TOKEN_MAX < delivered_bytes) {
        t->completion = tokens_of_bytes(delivered_bytes);
        b->estimated = true;
    }
}

void bill_make(const struct catalog_endpoint *e, const struct token_usage *usage,
               uint64_t prompt_bytes, uint64_t delivered_bytes, bool prompt_owed,
               int64_t reserved_nusd, struct bill *out)
{
    *out = (struct bill){.tokens = *usage, .clamped = usage->clamped};
    assert(reserved_nusd >= 0);
    if (!usage->present && delivered_bytes == 0 && !prompt_owed)
        return; /* failure before any output: free */
    out->estimated = !usage->present;
    bill_estimate(out, prompt_bytes, delivered_bytes);
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
