/* (G) generationConfig: limits, sampling, format, thinking. Which model takes what are the gates of the catalog's row. */
#include "gemini_render_internal.h"

#include "content_view.h"
#include "effort.h"
#include "gemini_render.h"
#include "json.h"

enum {
    STOP_MAX = 5,       /* stop sequences */
    CANDIDATES_MAX = 8, /* answers to one request */
};

/* A member of generationConfig; *any: there is one before it. */
static void put_name(struct gemini_body *g, struct view name, bool *any)
{
    body_put(&g->b, *any ? VIEW_LIT(",\"") : VIEW_LIT(",\"generationConfig\":{\""));
    body_put(&g->b, name);
    GEMINI_PUT(g, "\":");
    *any = true;
}

static struct json_value value_of(struct view raw)
{
    struct json_value v = {JSON_NULL, VIEW_EMPTY};

    if (raw.len != 0 && json_check(raw, &v, NULL) != ERR_NONE)
        v.kind = JSON_NULL;
    return v;
}

/* --- limits and sampling --- */

static void put_limits(struct gemini_body *g, uint32_t limit, bool *any)
{
    if (limit != 0) {
        put_name(g, VIEW_LIT("maxOutputTokens"), any);
        body_put_number(&g->b, limit);
    }
    if (g->b.prompt->n_choices > 1) {
        put_name(g, VIEW_LIT("candidateCount"), any);
        body_put_number(&g->b, g->b.prompt->n_choices);
    }
}

static void put_number(struct gemini_body *g, enum prompt_setting setting, struct view name, bool *any)
{
    struct json_value v = value_of(g->b.prompt->list.setting[setting]);

    if (v.kind != JSON_NUMBER)
        return;
    put_name(g, name, any);
    body_put(&g->b, v.text);
}

/* A whole number of 32 bits; another one is left out. */
static bool read_int32(struct view raw, int64_t *n)
{
    struct json_value v = value_of(raw);

    return v.kind == JSON_NUMBER && json_whole(v, n) == ERR_NONE && *n >= INT32_MIN && *n <= INT32_MAX;
}

static void put_int32(struct gemini_body *g, enum prompt_setting setting, struct view name, bool *any)
{
    int64_t n;

    if (!read_int32(g->b.prompt->list.setting[setting], &n))
        return;
    put_name(g, name, any);
    if (n < 0)
        GEMINI_PUT(g, "-");
    body_put_number(&g->b, (uint64_t)(n < 0 ? -n : n));
}

static void put_sampling(struct gemini_body *g, bool *any)
{
    if (!gemini_gated(g, GATE_NO_SAMPLING)) {
        put_number(g, SETTING_TEMPERATURE, VIEW_LIT("temperature"), any);
        put_number(g, SETTING_TOP_P, VIEW_LIT("topP"), any);
        put_int32(g, SETTING_TOP_K, VIEW_LIT("topK"), any);
    }
    put_int32(g, SETTING_SEED, VIEW_LIT("seed"), any);
    if (!gemini_gated(g, GATE_NO_PENALTIES)) {
        put_number(g, SETTING_PRESENCE_PENALTY, VIEW_LIT("presencePenalty"), any);
        put_number(g, SETTING_FREQUENCY_PENALTY, VIEW_LIT("frequencyPenalty"), any);
    }
}

static size_t stops(struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    size_t n = 0;

    if (v.kind != JSON_ARRAY)
        return v.kind == JSON_STRING;
    while (json_next(&it, &m))
        n++;
    return n;
}

static void put_stops(struct gemini_body *g, bool *any)
{
    struct json_value v = value_of(g->b.prompt->list.setting[SETTING_STOP]);

    if (stops(v) == 0)
        return;
    put_name(g, VIEW_LIT("stopSequences"), any);
    if (v.kind == JSON_STRING)
        GEMINI_PUT(g, "[");
    body_put(&g->b, v.text);
    if (v.kind == JSON_STRING)
        GEMINI_PUT(g, "]");
}

static void put_format(struct gemini_body *g, bool *any)
{
    const struct prompt_list *l = &g->b.prompt->list;

    if (l->format != FORMAT_JSON_OBJECT && l->format != FORMAT_JSON_SCHEMA)
        return;
    put_name(g, VIEW_LIT("responseMimeType"), any);
    GEMINI_PUT(g, "\"application/json\"");
    if (l->format != FORMAT_JSON_SCHEMA || l->format_schema.len == 0)
        return;
    put_name(g, VIEW_LIT("responseJsonSchema"), any);
    gemini_put_schema(g, l->format_schema);
}

/* --- thinking --- */

static uint32_t clamp(uint32_t n, uint32_t min, uint32_t max)
{
    n = max != 0 && n > max ? max : n;
    return n < min ? min : n;
}

static uint32_t budget_of(const struct gemini_body *g, enum prompt_effort effort, uint32_t tokens, uint32_t limit)
{
    static const uint32_t words[] = {[EFFORT_LOW] = 1024, [EFFORT_MEDIUM] = 2048, [EFFORT_HIGH] = 4096};
    const struct model_gates *m = g->gates;
    uint32_t n = tokens;

    if (effort == EFFORT_NONE)
        return gemini_gated(g, GATE_THINKS_ALWAYS) ? m->budget_min : 0;
    if (tokens == 0)
        n = effort == EFFORT_MINIMAL ? m->budget_min
            : effort <= EFFORT_HIGH  ? words[effort]
            : m->budget_max != 0     ? m->budget_max
                                     : words[EFFORT_HIGH];
    if (limit > 1 && n >= limit)
        n = limit - 1; /* the limit counts thoughts as well */
    return clamp(n, m->budget_min, m->budget_max);
}

static bool knows(const struct gemini_body *g, enum prompt_effort effort)
{
    unsigned words = g->gates->efforts != 0
                         ? g->gates->efforts
                         : 1u << (EFFORT_LOW - 1) | 1u << (EFFORT_MEDIUM - 1) | 1u << (EFFORT_HIGH - 1);

    return (words >> ((int)effort - 1) & 1) != 0;
}

/* The level nearest to the effort: the next lower one, else the next higher one. */
static enum prompt_effort level_of(const struct gemini_body *g, enum prompt_effort effort)
{
    int at = effort == EFFORT_NONE ? EFFORT_MINIMAL : effort == EFFORT_MAX ? EFFORT_XHIGH : effort;

    for (int i = at; i >= EFFORT_MINIMAL; i--)
        if (knows(g, (enum prompt_effort)i))
            return (enum prompt_effort)i;
    for (int i = at; i <= EFFORT_XHIGH; i++)
        if (knows(g, (enum prompt_effort)i))
            return (enum prompt_effort)i;
    return EFFORT_LOW;
}

static void put_thinking_name(struct gemini_body *g, struct view name, bool *any, bool *thinking)
{
    if (*thinking)
        GEMINI_PUT(g, ",\"");
    else {
        put_name(g, VIEW_LIT("thinkingConfig"), any);
        GEMINI_PUT(g, "{\"");
    }
    *thinking = true;
    body_put(&g->b, name);
    GEMINI_PUT(g, "\":");
}

static void put_thinking(struct gemini_body *g, uint32_t limit, bool *any)
{
    const struct prompt_list *l = &g->b.prompt->list;
    bool budget = gemini_gated(g, GATE_THINKS_BY_BUDGET), thinking = false;
    bool said = !l->no_effort && (l->effort != EFFORT_UNSAID || l->reasoning_tokens != 0);
    enum prompt_effort effort = l->effort != EFFORT_UNSAID ? l->effort : effort_of_budget(l->reasoning_tokens);

    if (!budget && !gemini_gated(g, GATE_THINKS_ADAPTIVELY))
        return;
    if (said && budget) {
        put_thinking_name(g, VIEW_LIT("thinkingBudget"), any, &thinking);
        body_put_number(&g->b, budget_of(g, effort, l->reasoning_tokens, limit));
    } else if (said) {
        put_thinking_name(g, VIEW_LIT("thinkingLevel"), any, &thinking);
        GEMINI_PUT(g, "\"");
        body_put(&g->b, view_str(effort_word(level_of(g, effort))));
        GEMINI_PUT(g, "\"");
    }
    if (l->wants_reasoning && !g->b.prompt->hide_reasoning && !(said && effort == EFFORT_NONE)) {
        put_thinking_name(g, VIEW_LIT("includeThoughts"), any, &thinking);
        GEMINI_PUT(g, "true");
    }
    if (thinking)
        GEMINI_PUT(g, "}");
}

void gemini_put_config(struct gemini_body *g, uint32_t max_output)
{
    uint32_t limit = max_output != 0 ? max_output : g->b.prompt->max_tokens;
    bool any = false;

    put_limits(g, limit, &any);
    put_sampling(g, &any);
    put_stops(g, &any);
    put_format(g, &any);
    put_thinking(g, limit, &any);
    if (any)
        GEMINI_PUT(g, "}");
}

/* --- what an endpoint may be sent --- */

/* Google's models may always make several calls at once. */
bool gemini_omits(const struct prompt *p, const struct destination *d)
{
    const struct prompt_list *l = &p->list;
    const struct view top_k = l->setting[SETTING_TOP_K], seed = l->setting[SETTING_SEED];
    int64_t n;

    (void)d;
    return (l->parallel_calls == 0 && l->n_tools != 0) || (top_k.len != 0 && !read_int32(top_k, &n)) ||
           (seed.len != 0 && !read_int32(seed, &n));
}

/* The catalog has the price of the standard tier. */
static bool tier_fits(struct json_value tier)
{
    return tier.kind != JSON_STRING || json_string_is(tier, "auto") || json_string_is(tier, "default") ||
           json_string_is(tier, "standard");
}

bool gemini_config_fits(const struct prompt *p, const struct destination *d, struct view *refused)
{
    const struct prompt_list *l = &p->list;

    *refused = VIEW_LIT("n");
    if (p->n_choices > CANDIDATES_MAX)
        return false;
    *refused = VIEW_LIT("stop");
    if (stops(value_of(l->setting[SETTING_STOP])) > STOP_MAX)
        return false;
    *refused = VIEW_LIT("logprobs"); /* refused by most models */
    if (value_of(l->setting[SETTING_LOGPROBS]).kind == JSON_TRUE)
        return false;
    *refused = VIEW_LIT("service_tier");
    if (!tier_fits(value_of(l->setting[SETTING_SERVICE_TIER])))
        return false;
    *refused = VIEW_LIT("response_format");
    return l->format != FORMAT_JSON_SCHEMA || (d->model->gates.bits & GATE_NO_SCHEMA) == 0;
}
