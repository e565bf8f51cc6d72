#include "bill.h"

#include "money.h"

#include <assert.h>
#include <stddef.h>

/* The classes of tokens: where each one's figure and price are, and which class counts it too. */
enum bill_class {
#define BILL_CLASS(no, class, ...) BILL_##class,
    USAGE_TOKENS(BILL_CLASS)
#undef BILL_CLASS
    BILL_none
};
static const struct {
    size_t tokens; /* offset in struct token_usage */
    size_t price;  /* offset in struct catalog_endpoint; 0: none of its own */
    enum bill_class within;
} classes[BILL_none] = {
#define BILL_PRICE(name) offsetof(struct catalog_endpoint, name)
#define BILL_AT_none 0
#define BILL_AT_prompt BILL_PRICE(price.prompt_pusd)
#define BILL_AT_completion BILL_PRICE(price.completion_pusd)
#define BILL_AT_cached BILL_PRICE(price.cached_pusd)
#define BILL_AT_cache_write BILL_PRICE(price.cache_write_pusd)
#define BILL_AT_cache_write_long BILL_PRICE(price.cache_write_long_pusd)
#define BILL_AT_audio_input BILL_PRICE(price.audio_input_pusd)
#define BILL_AT_audio_output BILL_PRICE(price.audio_output_pusd)
#define BILL_AT_image_input BILL_PRICE(price.image_input_pusd)
#define BILL_AT_image_output BILL_PRICE(price.image_output_pusd)
#define BILL_ROW(no, class, price_, within_, ...)                                                  \
    [BILL_##class] = {.tokens = offsetof(struct token_usage, class),                               \
                      .price = BILL_AT_##price_,                                                   \
                      .within = BILL_##within_},
    USAGE_TOKENS(BILL_ROW)
#undef BILL_ROW
};
_Static_assert(BILL_AT_prompt != 0, "no price is the first member, so that 0 is none");

static uint32_t *bill_tokens(struct token_usage *t, enum bill_class c)
{
    return (uint32_t *)((char *)t + classes[c].tokens);
}

/* Tokens within a class are part of it, and those with a price of their own are parts beside each other;
 * figures that say otherwise are not to be believed. paid: tokens to be paid at the class's own price. */
static bool bill_part(struct token_usage *t, uint32_t paid[static BILL_none])
{
    bool lowered = false;

    for (enum bill_class c = 0; c < BILL_none; c++)
        paid[c] = *bill_tokens(t, c);
    for (enum bill_class c = 0; c < BILL_none; c++) {
        enum bill_class whole = classes[c].within;
        uint32_t *tokens = bill_tokens(t, c), most;

        if (whole == BILL_none)
            continue;
        most = classes[c].price != 0 ? paid[whole] : *bill_tokens(t, whole);
        if (*tokens > most) {
            *tokens = most;
            lowered = true;
        }
        paid[c] = *tokens;
        if (classes[c].price != 0)
            paid[whole] -= *tokens;
    }
    return lowered;
}

/* One multiplication and one rounding per price class. */
static enum err bill_sum(const struct catalog_endpoint *e, const uint32_t paid[static BILL_none],
                         int64_t *out_nusd)
{
    int64_t sum = 0, part, price;
    enum err err = ERR_NONE;

    for (enum bill_class c = 0; c < BILL_none && err == ERR_NONE; c++) {
        if (classes[c].price == 0)
            continue;
        memcpy(&price, (const char *)e + classes[c].price, sizeof price);
        err = money_cost(paid[c], price, &part);
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
    uint32_t paid[BILL_none];

    *out = (struct bill){.tokens = *usage, .clamped = usage->clamped};
    assert(reserved_nusd >= 0);
    if (!usage->present && evidence->output == 0 && !evidence->prompt_owed)
        return; /* failure before any output: free */
    out->estimated = !usage->present;
    bill_estimate(out, evidence);
    bill_limit(out, evidence->limit);
    if (bill_part(&out->tokens, paid))
        out->clamped = true;
    if (bill_sum(e, paid, &out->cost_nusd) != ERR_NONE || out->cost_nusd > reserved_nusd) {
        out->cost_nusd = reserved_nusd;
        out->clamped = true;
    }
}
