/* (G) One meaning for every provider's token counts (facts/wire.md 3.4). */
#include "chat_parts.h"

#include "content_view.h"

#include <stddef.h>

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

/* Every spelling of a figure, by the object that it stands in. */
struct spelling {
    struct view name;
    size_t figure; /* in struct usage_figures */
};
#define SPELLED(name, figure) {VIEW_LIT(name), offsetof(struct usage_figures, figure)}
static const struct spelling at_top[] = {
    SPELLED("prompt_tokens", prompt),
    SPELLED("input_tokens", input),
    SPELLED("completion_tokens", completion),
    SPELLED("output_tokens", completion),
    SPELLED("total_tokens", total),
    SPELLED("cached_tokens", cached_read),           /* Moonshot */
    SPELLED("prompt_cache_hit_tokens", cached_read), /* DeepSeek */
    SPELLED("prompt_cache_miss_tokens", cache_missed),
    SPELLED("cache_read_input_tokens", input_read), /* Anthropic, and gateways to it */
    SPELLED("cache_creation_input_tokens", input_write),
    SPELLED("reasoning_tokens", reasoning),
    SPELLED("audio_prompt_tokens", audio_input), /* xAI at Azure */
};
static const struct spelling in_prompt[] = {
    SPELLED("cached_tokens", cached_read),
    SPELLED("cache_write_tokens", cache_write),
    SPELLED("cache_write_1h_tokens", cache_write_long), /* as our adapters say it */
    SPELLED("cache_creation_tokens", cache_write),
    SPELLED("cache_creation_input_tokens", cache_write), /* Alibaba */
    SPELLED("audio_tokens", audio_input),
    SPELLED("image_tokens", image_input),
};
static const struct spelling in_completion[] = {
    SPELLED("reasoning_tokens", reasoning),
    SPELLED("thinking_tokens", reasoning), /* Anthropic */
    SPELLED("audio_tokens", audio_output),
    SPELLED("image_tokens", image_output),
};
static const struct spelling in_writes[] = {
    SPELLED("ephemeral_5m_input_tokens", cache_write_short),
    SPELLED("ephemeral_1h_input_tokens", cache_write_long),
    SPELLED("ttl_30m", cache_write_short), /* OpenAI */
    SPELLED("ttl_12h", cache_write_long),
    SPELLED("ttl_30m_tokens", cache_write_short), /* Responses */
    SPELLED("ttl_12h_tokens", cache_write_long),
};
#undef SPELLED
enum { USAGE_DEPTH = 2 }; /* usage.prompt_tokens_details.cache_creation is the deepest */
struct vocabulary {
    const struct spelling *list;
    size_t n;
};
#define VOCABULARY(list) {list, sizeof list / sizeof list[0]}
static const struct vocabulary top = VOCABULARY(at_top), of_prompt = VOCABULARY(in_prompt),
                               of_completion = VOCABULARY(in_completion), of_writes = VOCABULARY(in_writes);
#undef VOCABULARY

/* Objects inside of usage and what stands in them. */
static const struct {
    struct view name;
    const struct vocabulary *words;
} objects[] = {
    {VIEW_LIT("prompt_tokens_details"), &of_prompt},   {VIEW_LIT("input_tokens_details"), &of_prompt},
    {VIEW_LIT("input_token_details"), &of_prompt}, /* of transcripts */
   
    {VIEW_LIT("completion_tokens_details"), &of_completion}, {VIEW_LIT("output_tokens_details"), &of_completion},
    {VIEW_LIT("cache_creation"), &of_writes},          {VIEW_LIT("cache_write_tokens_details"), &of_writes},
};

static bool read_spelled(const struct json_member *m, const struct vocabulary *words, struct usage_figures *f)
{
    for (size_t i = 0; i < words->n; i++) {
        if (key_is(m->key, words->list[i].name)) {
            read_figure(m->value, (uint32_t *)((char *)f + words->list[i].figure), f);
            return true;
        }
    }
    return false;
}

/* usage, its details, and their own: no deeper. */
static void read_figures(struct json_value usage, const struct vocabulary *words, unsigned depth,
                         struct usage_figures *f)
{
    struct json_iter it = json_iter(usage);
    struct json_member m;

    while (json_next(&it, &m)) {
        if (read_spelled(&m, words, f) || depth == 0 || m.value.kind != JSON_OBJECT)
            continue;
        for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++)
            if (key_is(m.key, objects[i].name))
                read_figures(m.value, objects[i].words, depth - 1, f);
    }
}

/* What the merged figures come to, in 64 bits: no sum of them can wrap. */
struct counts {
#define COUNT(figure) uint64_t figure;
    TOKENS_FIGURES(COUNT)
#undef COUNT
    bool odd;
};

/* A part cannot exceed the whole. */
static void count_within(uint64_t *part, uint64_t whole, struct counts *f)
{
    if (*part <= whole)
        return;
    *part = whole;
    f->odd = true;
}

/* Is reasoning inside completion? The total tells; the provider's quirk only when it cannot. */
static void settle_reasoning(const struct provider *provider, struct counts *f)
{
    uint64_t sum = f->prompt + f->completion;
    bool quirk = (provider->quirks & QUIRK_REASONING_EXCLUDED) != 0;

    if (f->reasoning != 0 && f->total == sum + f->reasoning)
        f->completion += f->reasoning;
    else if (f->total == sum) {
        count_within(&f->reasoning, f->completion, f);
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
    count_within(&f->cached_read, f->prompt, f);
    count_within(&f->cache_write, f->prompt - f->cached_read, f);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* One figure for each meaning, whatever the names were. */
static void settle_names(struct counts *f)
{
    const uint64_t by_duration = f->cache_write_short + f->cache_write_long;
    const bool anthropic = f->prompt == 0 && (f->input_read != 0 || f->input_write != 0 || by_duration != 0);

    f->prompt = larger(f->prompt, f->input);
    f->cached_read = larger(f->cached_read, f->input_read);
    f->cache_write = larger(larger(f->cache_write, f->input_write), by_duration);
    if (anthropic)
        f->prompt += f->cached_read + f->cache_write; /* it counts its input beside its cache */
    if (f->prompt == 0 && f->cache_missed != 0)
        f->prompt = f->cached_read + f->cache_missed;
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

static void settle_figures(const struct provider *provider, const struct usage_figures *all,
                           struct token_usage *out)
{
#define COUNT(figure) .figure = all->figure,
    struct counts f = {TOKENS_FIGURES(COUNT).odd = all->odd};
#undef COUNT

    settle_names(&f);
    settle_reasoning(provider, &f);
    settle_missing(&f);
    settle_cache(&f);
    count_within(&f.cache_write_long, f.cache_write, &f);
    count_within(&f.audio_input, f.prompt, &f);
    count_within(&f.image_input, f.prompt, &f);
    count_within(&f.audio_output, f.completion, &f);
    count_within(&f.image_output, f.completion, &f);
#define SETTLED(no, class, ...) .class = clamp(f.class, &f),
    *out = (struct token_usage){.present = f.prompt != 0 || f.completion != 0 || f.odd,
                                USAGE_TOKENS(SETTLED)};
#undef SETTLED
    out->clamped = f.odd;
}

/* False: one says nothing. */
static bool merge(struct usage_figures *all, const struct usage_figures *one)
{
    bool any = one->odd;

#define MERGE(figure)                                                                              \
    any = any || one->figure != 0;                                                                 \
    if (one->figure > all->figure)                                                                 \
        all->figure = one->figure;
    TOKENS_FIGURES(MERGE)
#undef MERGE
    all->odd = all->odd || one->odd;
    return any;
}

bool chat_usage_read(struct chat_canon *c, struct json_value usage)
{
    struct usage_figures one = {0};

    if (usage.kind != JSON_OBJECT)
        return false;
    read_figures(usage, &top, USAGE_DEPTH, &one);
    if (!merge(&c->figures, &one))
        return false;
    settle_figures(c->provider, &c->figures, &c->usage);
    return true;
}
