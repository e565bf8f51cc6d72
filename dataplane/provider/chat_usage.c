/* (G) One meaning for every provider's token counts (facts/wire.md 3.4). */
#include "chat_parts.h"

#include "content_view.h"

/* A figure as found. Absent ones read 0. */
struct figures {
    uint64_t prompt, completion, total, cached_read, cache_write, reasoning;
    bool any, odd;
};

static void read_figure(struct json_value v, uint64_t *into, struct figures *f)
{
    int64_t n = 0;
    enum err e;

    if (v.kind != JSON_NUMBER)
        return;
    f->any = true;
    e = json_i64(v, &n);
    if (e == ERR_RANGE)
        n = v.text.ptr[0] == '-' ? -1 : INT64_MAX;
    else if (e != ERR_NONE) { /* 12.0, 1e3: no provider counts like that */
        f->odd = true;
        return;
    }
    if (n < 0 || n > LIMIT_TOKENS_ABSURD)
        f->odd = true;
    *into = n < 0 ? 0 : n > LIMIT_TOKENS_ABSURD ? LIMIT_TOKENS_ABSURD : (uint64_t)n;
}

static void read_details(struct json_value v, struct figures *f)
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

static void read_figures(struct json_value usage, struct figures *f)
{
    struct json_iter it = json_iter(usage);
    struct json_member m;

    while (json_next(&it, &m)) {
        if (KEY_IS(m, "prompt_tokens") || KEY_IS(m, "input_tokens"))
            read_figure(m.value, &f->prompt, f);
        else if (KEY_IS(m, "completion_tokens") || KEY_IS(m, "output_tokens"))
            read_figure(m.value, &f->completion, f);
        else if (KEY_IS(m, "total_tokens"))
            read_figure(m.value, &f->total, f);
        else if (KEY_IS(m, "prompt_tokens_details") || KEY_IS(m, "input_tokens_details") ||
                 KEY_IS(m, "completion_tokens_details") || KEY_IS(m, "output_tokens_details"))
            read_details(m.value, f);
        else if (f->cached_read == 0 &&
                 (KEY_IS(m, "cached_tokens") || KEY_IS(m, "prompt_cache_hit_tokens") ||
                  KEY_IS(m, "cache_read_input_tokens")))
            read_figure(m.value, &f->cached_read, f);
        else if (f->cache_write == 0 && KEY_IS(m, "cache_creation_input_tokens"))
            read_figure(m.value, &f->cache_write, f);
        else if (f->reasoning == 0 && KEY_IS(m, "reasoning_tokens"))
            read_figure(m.value, &f->reasoning, f);
    }
}

/* Is reasoning inside completion? The total tells; the provider's quirk only when it cannot. */
static void settle_reasoning(const struct provider *provider, struct figures *f)
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
static void settle_cache(struct figures *f)
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

static uint32_t clamp(uint64_t n, struct figures *f)
{
    if (n <= LIMIT_TOKENS_ABSURD)
        return (uint32_t)n;
    f->odd = true;
    return LIMIT_TOKENS_ABSURD;
}

bool chat_usage_read(const struct provider *provider, struct json_value usage,
                     struct token_usage *out)
{
    struct figures f = {0};

    if (usage.kind != JSON_OBJECT)
        return false;
    read_figures(usage, &f);
    if (!f.any || (f.prompt == 0 && f.completion == 0 && !f.odd))
        return false;
    settle_reasoning(provider, &f);
    settle_cache(&f);
    *out = (struct token_usage){
        .present = true,
        .prompt = clamp(f.prompt, &f),
        .completion = clamp(f.completion, &f),
        .cached_read = clamp(f.cached_read, &f),
        .cache_write = clamp(f.cache_write, &f),
        .reasoning = clamp(f.reasoning, &f),
    };
    out->clamped = f.odd;
    return true;
}
