/* (G) One meaning for every provider's token counts (facts/wire.md 3.4). */
#include "chat_parts.h"

#include "content_view.h"

/* A number, or a number in quotes. Not negative, not absurd: else it says nothing, but is noted. */
static bool read_number(struct json_value v, uint32_t *out)
{
    struct json_value number = v;
    struct view text;
    int64_t n;

    if (v.kind == JSON_STRING &&
        (!json_string_plain(v, &text) || json_check(text, &number, NULL) != ERR_NONE))
        return false;
    if (json_whole(number, &n) != ERR_NONE || n < 0 || n > LIMIT_TOKENS_ABSURD)
        return false;
    *out = (uint32_t)n;
    return true;
}

/* Keep the largest: counts of a running total only grow, and a zero beside a figure is a blank. */
static void read_figure(struct json_value v, uint32_t *into, struct usage_figures *f)
{
    uint32_t n = 0;

    if (v.kind == JSON_NULL)
        return;
    if (!read_number(v, &n))
        f->odd = true;
    else if (n > *into)
        *into = n;
}

static void read_details(struct json_value v, struct usage_figures *f)
{
    struct json_iter it;
    struct json_member m;

    if (v.kind != JSON_OBJECT)
        return;
    for (it = json_iter(v); json_next(&it, &m);) {
        if (KEY_IS(m, "cached_tokens"))
            read_figure(m.value, &f->cached_read, f);
        else if (KEY_IS(m, "cache_write_tokens"))
            read_figure(m.value, &f->cache_write, f);
        else if (KEY_IS(m, "reasoning_tokens"))
            read_figure(m.value, &f->reasoning, f);
    }
}

static void read_figures(struct json_value usage, struct usage_figures *f)
{
    struct json_iter it = json_iter(usage);
    struct json_member m;

    while (json_next(&it, &m)) {
        if (KEY_IS(m, "prompt_tokens"))
            read_figure(m.value, &f->prompt, f);
        else if (KEY_IS(m, "input_tokens"))
            read_figure(m.value, &f->input, f);
        else if (KEY_IS(m, "completion_tokens") || KEY_IS(m, "output_tokens"))
            read_figure(m.value, &f->completion, f);
        else if (KEY_IS(m, "total_tokens"))
            read_figure(m.value, &f->total, f);
        else if (KEY_IS(m, "prompt_tokens_details") || KEY_IS(m, "input_tokens_details") ||
                 KEY_IS(m, "completion_tokens_details") || KEY_IS(m, "output_tokens_details"))
            read_details(m.value, f);
        else if (KEY_IS(m, "cached_tokens") || KEY_IS(m, "prompt_cache_hit_tokens"))
            read_figure(m.value, &f->cached_read, f);
        else if (KEY_IS(m, "cache_read_input_tokens"))
            read_figure(m.value, &f->input_read, f);
        else if (KEY_IS(m, "cache_creation_input_tokens"))
            read_figure(m.value, &f->input_write, f);
        else if (KEY_IS(m, "reasoning_tokens"))
            read_figure(m.value, &f->reasoning, f);
    }
}

/* What the merged figures come to, in 64 bits: no sum of them can wrap. */
struct counts {
    uint64_t prompt, completion, total, cached_read, cache_write, reasoning;
    bool odd;
};

/* Is reasoning inside completion? The total tells; the provider's quirk only when it cannot. */
static void settle_reasoning(const struct provider *provider, struct counts *f)
{
    uint64_t sum = f->prompt + f->completion;
    bool quirk = (provider->quirks & QUIRK_REASONING_EXCLUDED) != 0;

    if (f->reasoning != 0 && f->total == sum + f->reasoning)
        f->completion += f->reasoning;
    else if (f->total == sum) {
        f->odd = f->odd || f->reasoning > f->completion; /* a part cannot exceed the whole */
        if (f->reasoning > f->completion)
            f->reasoning = f->completion;
    } else if (f->reasoning > f->completion)
        f->completion += f->reasoning; /* so it cannot be inside */
    else if (quirk && f->reasoning == 0 &&
             f->total > sum) { /* Gemini counts it in the total only */
        f->reasoning = f->total - sum;
        f->completion += f->reasoning;
    } else if (quirk)
        f->completion += f->reasoning;
}

/* Is the cache inside prompt? It is, unless that is impossible and the total says otherwise. */
static void settle_cache(struct counts *f)
{
    uint64_t cache = f->cached_read + f->cache_write;

    if (cache <= f->prompt)
        return;
    if (f->total == f->prompt + cache + f->completion) {
        f->prompt += cache;
        return;
    }
    f->odd = true;
    if (f->cached_read > f->prompt)
        f->cached_read = f->prompt;
    if (f->cache_write > f->prompt - f->cached_read)
        f->cache_write = f->prompt - f->cached_read;
}

/* One figure that is missing follows from the other one and the total. */
static void settle_missing(struct counts *f)
{
    if (f->completion == 0 && f->prompt != 0 && f->total > f->prompt)
        f->completion = f->total - f->prompt;
    else if (f->prompt == 0 && f->completion != 0 && f->total > f->completion)
        f->prompt = f->total - f->completion;
}

static uint32_t clamp(uint64_t n, struct counts *f)
{
    if (n <= LIMIT_TOKENS_ABSURD)
        return (uint32_t)n;
    f->odd = true;
    return LIMIT_TOKENS_ABSURD;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static void settle_figures(const struct provider *provider, const struct usage_figures *all,
                           struct token_usage *out)
{
    struct counts f = {
        .prompt = larger(all->prompt, all->input),
        .completion = all->completion,
        .total = all->total,
        .cached_read = larger(all->cached_read, all->input_read),
        .cache_write = larger(all->cache_write, all->input_write),
        .reasoning = all->reasoning,
        .odd = all->odd,
    };

    if (all->prompt == 0 && (all->input_read != 0 || all->input_write != 0))
        f.prompt += f.cached_read + f.cache_write; /* Anthropic counts its input beside its cache */
    settle_reasoning(provider, &f);
    settle_missing(&f);
    settle_cache(&f);
    *out = (struct token_usage){
        .present = f.prompt != 0 || f.completion != 0 || f.odd,
        .prompt = clamp(f.prompt, &f),
        .completion = clamp(f.completion, &f),
        .cached_read = clamp(f.cached_read, &f),
        .cache_write = clamp(f.cache_write, &f),
        .reasoning = clamp(f.reasoning, &f),
    };
    out->clamped = f.odd;
}

/* False: one says nothing. */
static bool merge(struct usage_figures *all, const struct usage_figures *one)
{
    uint32_t *into[] = {&all->prompt,     &all->input,       &all->completion,
                        &all->total,      &all->cached_read, &all->cache_write,
                        &all->input_read, &all->input_write, &all->reasoning};
    const uint32_t from[] = {one->prompt,     one->input,       one->completion,
                             one->total,      one->cached_read, one->cache_write,
                             one->input_read, one->input_write, one->reasoning};
    bool any = one->odd;

    _Static_assert(sizeof into / sizeof into[0] == sizeof from / sizeof from[0], "each figure");
    for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
        any = any || from[i] != 0;
        *into[i] = larger(*into[i], from[i]);
    }
    all->odd = all->odd || one->odd;
    return any;
}

bool chat_usage_read(struct chat_canon *c, struct json_value usage)
{
    struct usage_figures one = {0};

    if (usage.kind != JSON_OBJECT)
        return false;
    read_figures(usage, &one);
    if (!merge(&c->figures, &one))
        return false;
    settle_figures(c->provider, &c->figures, &c->usage);
    return true;
}
