/* (G) Model, limit, settings, thinking, format and tools of a Messages request. */
#include "anthropic_render.h"

#include "anthropic_body.h"
#include "anthropic_schema.h"
#include "chat_members.h"
#include "content_view.h"
#include "effort.h"

#include <stdlib.h>

enum {
    GROWTH = 4,       /* times the client's body, at most: a hint of a schema is quoted, a text escaped */
    SLACK = 8192,     /* what stands around it */
    PER_CALL = 256,   /* a result of our own for each call, and another id */
    NUMBER_MAX = 31,  /* bytes of a number that is looked at */
};

size_t anthropic_room(const struct prompt *p)
{
    return (p->body.len + prompt_list_kept(&p->list)) * GROWTH + prompt_list_bytes(&p->list) + p->list.n_items * PER_CALL + SLACK;
}

/* --- settings */

/* A temperature above 1 is one of OpenAI's scale, which goes to 2. */
static bool is_above_one(struct view number)
{
    char text[NUMBER_MAX + 1];

    if (number.len > NUMBER_MAX)
        return false;
    memcpy(text, number.ptr, number.len);
    text[number.len] = '\0';
    return strtod(text, NULL) > 1;
}

static void put_sampling(struct anthropic_body *a)
{
    const struct prompt_list *l = &a->b.prompt->list;
    struct view temperature = l->setting[SETTING_TEMPERATURE], top_p = l->setting[SETTING_TOP_P];
    bool one = anthropic_gated(a->to, GATE_ONE_SAMPLING);

    if (!a->plan.sampling)
        return;
    if (temperature.len != 0) {
        BODY_PUT(&a->b, ",\"temperature\":");
        body_put(&a->b, is_above_one(temperature) ? VIEW_LIT("1") : temperature);
    }
    if (top_p.len != 0 && !(one && temperature.len != 0)) {
        BODY_PUT(&a->b, ",\"top_p\":");
        body_put(&a->b, top_p);
    }
    if (l->setting[SETTING_TOP_K].len != 0) {
        BODY_PUT(&a->b, ",\"top_k\":");
        body_put(&a->b, l->setting[SETTING_TOP_K]);
    }
}

/* Sequences of white space alone are refused. */
static void put_stop(struct anthropic_body *a, struct json_value v, bool *any)
{
    if (v.kind != JSON_STRING || anthropic_is_blank(view_of(v.text.ptr + 1, v.text.len - 2)))
        return;
    body_put(&a->b, *any ? VIEW_LIT(",") : VIEW_LIT(",\"stop_sequences\":["));
    *any = true;
    body_put(&a->b, v.text);
}

static void put_stops(struct anthropic_body *a)
{
    struct view stop = a->b.prompt->list.setting[SETTING_STOP];
    struct json_iter it;
    struct json_member m;
    bool any = false;

    if (stop.len == 0)
        return;
    if (stop.ptr[0] == '"')
        put_stop(a, (struct json_value){JSON_STRING, stop}, &any);
    it = json_iter((struct json_value){JSON_ARRAY, stop});
    while (stop.ptr[0] == '[' && json_next(&it, &m))
        put_stop(a, m.value, &any);
    if (any)
        BODY_PUT(&a->b, "]");
}

/* --- thinking and form */

static void put_display(struct anthropic_body *a)
{
    body_put(&a->b, a->b.prompt->list.wants_reasoning ? VIEW_LIT(",\"display\":\"summarized\"}")
                                                      : VIEW_LIT(",\"display\":\"omitted\"}"));
}

static void put_thinking(struct anthropic_body *a)
{
    struct body *b = &a->b;

    switch (a->plan.thinking) {
    case THINKING_UNSAID:
        break;
    case THINKING_OFF:
        BODY_PUT(b, ",\"thinking\":{\"type\":\"disabled\"}");
        break;
    case THINKING_BETWEEN:
        BODY_PUT(b, ",\"thinking\":{\"type\":\"between_tools\"}");
        break;
    case THINKING_BUDGET: /* these models tell by themselves what they thought */
        BODY_PUT(b, ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":");
        body_put_number(b, a->plan.budget);
        BODY_PUT(b, "}");
        break;
    case THINKING_ADAPTIVE:
        BODY_PUT(b, ",\"thinking\":{\"type\":\"adaptive\"");
        put_display(a);
        break;
    }
}

static void put_output(struct anthropic_body *a)
{
    const struct prompt_list *l = &a->b.prompt->list;
    bool format = l->format == FORMAT_JSON_SCHEMA && l->format_schema.len != 0;
    struct body *b = &a->b;

    if (a->plan.effort == EFFORT_UNSAID && !format)
        return;
    BODY_PUT(b, ",\"output_config\":{");
    if (a->plan.effort != EFFORT_UNSAID) {
        BODY_PUT(b, "\"effort\":\"");
        body_put(b, view_str(effort_word(a->plan.effort)));
        BODY_PUT(b, "\"");
    }
    if (format) {
        body_put(b, a->plan.effort != EFFORT_UNSAID ? VIEW_LIT(",\"format\":{\"type\":\"json_schema\",\"schema\":")
                                                    : VIEW_LIT("\"format\":{\"type\":\"json_schema\",\"schema\":"));
        if (b->e == ERR_NONE)
            b->e = anthropic_schema_put(l->format_schema, b->out);
        BODY_PUT(b, "}");
    }
    BODY_PUT(b, "}");
}

/* --- tools */

#define INPUT_SCHEMA                                                                               \
    "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"],"   \
    "\"additionalProperties\":false}"

/* The root of a tool's schema says that it is an object. */
static void put_plain_schema(struct body *b, struct view schema)
{
    struct json_value type;
    struct json_iter it = json_iter((struct json_value){JSON_OBJECT, schema});
    struct json_member m;

    if (schema.len == 0 || !json_next(&it, &m)) {
        BODY_PUT(b, "{\"type\":\"object\",\"properties\":{}}");
        return;
    }
    if (json_get((struct json_value){JSON_OBJECT, schema}, "type", &type)) {
        body_put(b, schema);
        return;
    }
    BODY_PUT(b, "{\"type\":\"object\",");
    body_put(b, view_from(schema, 1));
}

static void put_tool(struct anthropic_body *a, const struct prompt_tool *t, bool *any)
{
    bool strict = t->kind == TOOL_FUNCTION && t->strict == 1 &&
                  !anthropic_gated(a->to, GATE_NO_SCHEMA) && anthropic_schema_fits(t->schema);
    struct body *b = &a->b;

    body_put(b, *any ? VIEW_LIT(",{\"name\":\"") : VIEW_LIT("{\"name\":\""));
    *any = true;
    body_put(b, t->name);
    BODY_PUT(b, "\"");
    if (t->description.ptr != NULL && t->description.len != 0) {
        BODY_PUT(b, ",\"description\":\"");
        body_put(b, t->description);
        BODY_PUT(b, "\"");
    }
    BODY_PUT(b, ",\"input_schema\":");
    if (t->kind == TOOL_CUSTOM)
        BODY_PUT(b, INPUT_SCHEMA);
    else if (strict && b->e == ERR_NONE)
        b->e = anthropic_schema_put(t->schema, b->out);
    else
        put_plain_schema(b, t->schema);
    if (strict)
        BODY_PUT(b, ",\"strict\":true");
    anthropic_put_mark(a, t->mark);
    BODY_PUT(b, "}");
}

static void put_choice(struct anthropic_body *a)
{
    static const struct view words[] = {
        [CHOICE_UNSAID] = VIEW_LIT("auto"),  [CHOICE_AUTO] = VIEW_LIT("auto"), [CHOICE_NONE] = VIEW_LIT("none"),
        [CHOICE_REQUIRED] = VIEW_LIT("any"), [CHOICE_TOOL] = VIEW_LIT("tool"),
    };
    const struct prompt_list *l = &a->b.prompt->list;
    bool serial = l->parallel_calls == 0 && a->plan.choice != CHOICE_NONE;

    if (a->plan.choice == CHOICE_UNSAID && !serial)
        return;
    BODY_PUT(&a->b, ",\"tool_choice\":{\"type\":\"");
    body_put(&a->b, words[a->plan.choice]);
    BODY_PUT(&a->b, "\"");
    if (a->plan.choice == CHOICE_TOOL) {
        BODY_PUT(&a->b, ",\"name\":\"");
        body_put(&a->b, l->choice_name);
        BODY_PUT(&a->b, "\"");
    }
    if (serial)
        BODY_PUT(&a->b, ",\"disable_parallel_tool_use\":true");
    BODY_PUT(&a->b, "}");
}

static void put_tools(struct anthropic_body *a)
{
    const struct prompt_list *l = &a->b.prompt->list;
    bool any = false;

    for (size_t i = 0; i < l->n_tools; i++) {
        if (a->plan.only_chosen && !view_eq(l->tool[i].name, l->choice_name))
            continue;
        if (!any)
            BODY_PUT(&a->b, ",\"tools\":[");
        put_tool(a, &l->tool[i], &any);
    }
    if (!any)
        return;
    BODY_PUT(&a->b, "]");
    put_choice(a);
}

/* --- the body */

static void put_limit(struct anthropic_body *a)
{
    BODY_PUT(&a->b, ",\"max_tokens\":");
    body_put_number(&a->b, a->plan.max_tokens);
    if (a->b.prompt->stream)
        BODY_PUT(&a->b, ",\"stream\":true");
}

/* The last block of the request, whichever that is. */
static void put_last_mark(struct anthropic_body *a)
{
    anthropic_put_mark(a, a->b.prompt->list.mark);
}

enum err anthropic_render(const struct prompt *p, const struct destination *d, uint32_t max_output, struct buf *out)
{
    struct anthropic_body a = {
        .b = {.prompt = p, .provider = d->provider, .model = d->endpoint->upstream_model, .out = out},
        .to = d,
        .plan = anthropic_plan(p, d, max_output),
        /* Who has no price for a longer time is not asked for one. */
        .short_mark = !destination_prices_long_cache(d) && !chat_member_allowed(d->provider, VIEW_LIT("cache_control")),
    };
    const size_t start = out->len, marks = anthropic_count_marks(&p->list);

    a.marks_left_out = marks > ANTHROPIC_MARKS_MAX ? marks - ANTHROPIC_MARKS_MAX : 0;
    a.b.e = buf_reserve(out, p->body.len + SLACK); /* seldom more */
    body_put_model(&a.b);
    put_limit(&a);
    put_sampling(&a);
    put_stops(&a);
    put_thinking(&a);
    put_output(&a);
    put_tools(&a);
    anthropic_put_conversation(&a);
    put_last_mark(&a);
    BODY_PUT(&a.b, "}");
    return body_end(&a.b, start);
}
