#include "catalog_values.h"

#include "money.h"
#include "time_text.h"

#include <stdio.h>

struct word_bit {
    struct view name;
    uint32_t bit;
};

static const struct word_bit capabilities[] = {
    {VIEW_LIT("tools"), CAP_TOOLS},
    {VIEW_LIT("images"), CAP_IMAGES},
    {VIEW_LIT("json_schema"), CAP_JSON_SCHEMA},
    {VIEW_LIT("reasoning"), CAP_REASONING},
    {VIEW_LIT("embeddings"), CAP_EMBEDDINGS},
};
static const struct word_bit media[] = {
    {VIEW_LIT("text"), MEDIUM_TEXT},   {VIEW_LIT("image"), MEDIUM_IMAGE}, {VIEW_LIT("audio"), MEDIUM_AUDIO},
    {VIEW_LIT("video"), MEDIUM_VIDEO}, {VIEW_LIT("file"), MEDIUM_FILE},
};
static const struct word_bit gates[] = {
#define GATE(name, symbol) {VIEW_LIT(name), symbol},
    MODEL_GATES(GATE)
#undef GATE
};
/* Bit n-1 is enum prompt_effort n. */
static const struct word_bit efforts[] = {
    {VIEW_LIT("none"), 1}, {VIEW_LIT("minimal"), 2}, {VIEW_LIT("low"), 4},  {VIEW_LIT("medium"), 8},
    {VIEW_LIT("high"), 16}, {VIEW_LIT("xhigh"), 32}, {VIEW_LIT("max"), 64},
};
static const struct word_bit wants[] = {
    {VIEW_LIT("no_retention"), ALIAS_NO_RETENTION},
    {VIEW_LIT("confidential"), ALIAS_CONFIDENTIAL},
    {VIEW_LIT("eu"), ALIAS_EU},
    {VIEW_LIT("us"), ALIAS_US},
    {VIEW_LIT("free"), ALIAS_FREE},
};

const char *const catalog_kind_names[] = {
    [KIND_CHAT] = "chat",     [KIND_EMBEDDINGS] = "embeddings",       [KIND_IMAGES] = "images",
    [KIND_SPEECH] = "speech", [KIND_TRANSCRIPTION] = "transcription", [KIND_MODERATION] = "moderation",
    [KIND_RERANK] = "rerank", [KIND_SYNTH] = "synth", [KIND_COUNT] = NULL,
};
const char *const catalog_sort_names[] = {
    [ALIAS_SORT_BALANCE] = "balance", [ALIAS_SORT_PRICE] = "price",
    [ALIAS_SORT_LATENCY] = "latency", [ALIAS_SORT_THROUGHPUT] = "throughput",
    [ALIAS_SORT_COUNT] = NULL,
};
const char *const catalog_known_names[] = {
    [KNOWN_NOT] = "unknown", [KNOWN_NO] = "no", [KNOWN_YES] = "yes", NULL,
};

/* --- words */

bool catalog_word(struct view *v, struct view *word)
{
    size_t n = 0;

    while (v->len > 0 && (v->ptr[0] == ' ' || v->ptr[0] == ','))
        *v = view_from(*v, 1);
    while (n < v->len && v->ptr[n] != ' ' && v->ptr[n] != ',')
        n++;
    *word = view_of(v->ptr, n);
    *v = view_from(*v, n);
    return n != 0;
}

static bool take_bits(struct view v, const struct word_bit *table, size_t n, uint32_t *out)
{
    struct view word;

    while (catalog_word(&v, &word)) {
        size_t i = 0;

        while (i < n && !view_eq(word, table[i].name))
            i++;
        if (i == n)
            return false;
        *out |= table[i].bit;
    }
    return true;
}

#define BITS(name, table, type)                                                                    \
    bool name(struct view v, type *out)                                                            \
    {                                                                                              \
        uint32_t bits = 0;                                                                         \
        bool ok = take_bits(v, table, sizeof table / sizeof table[0], &bits);                      \
                                                                                                   \
        *out |= (type)bits;                                                                        \
        return ok;                                                                                 \
    }
BITS(catalog_capabilities, capabilities, uint16_t)
BITS(catalog_media, media, uint8_t)
BITS(catalog_gates, gates, uint32_t)
BITS(catalog_efforts, efforts, uint8_t)
BITS(catalog_wants, wants, uint8_t)
#undef BITS

/* --- days */

enum { DAY_S = 86400, DAY_TEXT = sizeof "2026-11-20" - 1, MONTH_TEXT = sizeof "2026-11" - 1 };

bool catalog_day(struct view v, uint32_t *out)
{
    char text[DAY_TEXT + 1];
    uint64_t s;

    if (v.len != DAY_TEXT && v.len != MONTH_TEXT)
        return false;
    memcpy(text, v.ptr, v.len);
    text[v.len] = '\0';
    for (unsigned day = 31; v.len == MONTH_TEXT && day > 28; day--) {
        snprintf(text + MONTH_TEXT, sizeof text - MONTH_TEXT, "-%02u", day);
        if (time_parse(text, &s))
            break;
        snprintf(text + MONTH_TEXT, sizeof text - MONTH_TEXT, "-28");
    }
    if (!time_parse(text, &s))
        return false;
    *out = (uint32_t)(s / DAY_S);
    return true;
}

bool catalog_time(struct view v, uint64_t *out)
{
    uint32_t day;

    if (view_u64(v, out))
        return *out <= UINT32_MAX;
    if (!catalog_day(v, &day))
        return false;
    *out = (uint64_t)day * DAY_S;
    return true;
}

bool catalog_source(struct view v, char *out, size_t cap, uint32_t *day)
{
    size_t last = v.len;

    while (last > 0 && v.ptr[last - 1] != ' ')
        last--;
    if (catalog_day(view_from(v, last), day))
        v = view_trim(view_of(v.ptr, last));
    if (v.len >= cap || !catalog_text_ok(v, cap - 1))
        return false;
    if (v.len != 0)
        memcpy(out, v.ptr, v.len);
    out[v.len] = '\0';
    return true;
}

/* --- numbers */

static bool take_u32(struct view *v, uint32_t *out)
{
    struct view word;
    uint64_t n;

    if (!catalog_word(v, &word) || !view_u64(word, &n) || n > UINT32_MAX)
        return false;
    *out = (uint32_t)n;
    return true;
}

bool catalog_budget(struct view v, uint32_t *min, uint32_t *max)
{
    struct view word;

    return take_u32(&v, min) && take_u32(&v, max) && !catalog_word(&v, &word) &&
           (*max == 0 || *min <= *max);
}

/* "16:30-00:30" */
static bool take_hours(struct view v, struct price_tier *t)
{
    unsigned h1, m1, h2, m2;
    char text[12], again[12];

    if (v.len != sizeof text - 1)
        return false;
    memcpy(text, v.ptr, v.len);
    text[v.len] = '\0';
    if (sscanf(text, "%2u:%2u-%2u:%2u", &h1, &m1, &h2, &m2) != 4 || h1 > 23 || h2 > 24 || m1 > 59 || m2 > 59 ||
        (h2 == 24 && m2 != 0))
        return false;
    snprintf(again, sizeof again, "%02u:%02u-%02u:%02u", h1 % 100, m1 % 100, h2 % 100, m2 % 100);
    t->from_minute = (uint16_t)(h1 * 60 + m1);
    t->until_minute = (uint16_t)(h2 * 60 + m2);
    return strcmp(text, again) == 0 && t->from_minute != t->until_minute;
}

static bool take_condition(struct view v, struct price_tier *t)
{
    struct view word;
    bool said = false;

    while (catalog_word(&v, &word)) {
        bool ok = view_eq(word, VIEW_LIT("above"))
                      ? take_u32(&v, &t->above_prompt_tokens) && t->above_prompt_tokens != 0
                      : take_hours(word, t);

        if (!ok)
            return false;
        said = true;
    }
    return said;
}

static bool take_prices(struct view v, struct price_tier *t)
{
    const struct {
        struct view name;
        int64_t *pusd;
    } classes[] = {
        {VIEW_LIT("prompt"), &t->prompt_pusd},
        {VIEW_LIT("completion"), &t->completion_pusd},
        {VIEW_LIT("cached"), &t->cached_pusd},
        {VIEW_LIT("cache_write"), &t->cache_write_pusd},
    };
    struct view word, amount;
    bool said = false;

    while (catalog_word(&v, &word)) {
        size_t i = 0;

        while (i < 4 && !view_eq(word, classes[i].name))
            i++;
        if (i == 4 || *classes[i].pusd >= 0 || !catalog_word(&v, &amount) ||
            money_price_per_million(amount, classes[i].pusd) != ERR_NONE)
            return false;
        said = true;
    }
    return said;
}

bool catalog_tier(struct view v, struct price_tier *out)
{
    size_t colon = 0;

    *out = (struct price_tier){
        .prompt_pusd = -1, .completion_pusd = -1, .cached_pusd = -1, .cache_write_pusd = -1};
    while (colon + 1 < v.len && (v.ptr[colon] != ':' || v.ptr[colon + 1] != ' '))
        colon++;
    return colon + 1 < v.len && take_condition(view_of(v.ptr, colon), out) &&
           take_prices(view_from(v, colon + 1), out);
}
