/* (G) A Responses request: limits, settings, tools. The conversation is in openai_responses_input.c. */
#include "openai_responses.h"

#include "chat_request.h"
#include "content_view.h"
#include "effort.h"
#include "openai_render.h"
#include "openai_responses_body.h"

#include <assert.h>

enum {
    MAX_OUTPUT_MIN = 16, /* the API takes no smaller limit */
    /* What the body may be longer than the client's: the smallest call of 60 bytes becomes a call and a result of 200. */
    ROOM_GROWTH = 6,
    ROOM_SLACK = 4096,
};

enum err openai_responses_path(const struct prompt *p, const struct destination *d, struct buf *out)
{
    (void)p, (void)d;
    return buf_append(out, VIEW_LIT("/responses"));
}

/* --- what an endpoint may be sent --- */

static bool media_fits(const struct prompt *p, struct view *refused)
{
    for (size_t i = 0; i < p->list.n_items; i++) {
        const struct prompt_item *item = &p->list.item[i];

        if (item->kind == ITEM_AUDIO || item->kind == ITEM_VIDEO) {
            *refused = prompt_media_member(item);
            return false;
        }
    }
    return true;
}

bool openai_responses_fits(const struct prompt *p, const struct destination *d, struct view *refused)
{
    if (p->chat != NULL && !chat_request_fits(p->chat, d->provider, refused))
        return false;
    if (!openai_fits(p, d->provider, refused))
        return false;
    *refused = VIEW_LIT("messages");
    if (p->list.n_items == 0 || !media_fits(p, refused))
        return false;
    *refused = VIEW_LIT("stop");
    if (p->list.setting[SETTING_STOP].len != 0)
        return false;
    *refused = VIEW_LIT("n");
    return p->n_choices <= 1;
}

bool openai_responses_omits(const struct prompt *p, const struct destination *d)
{
    return p->list.setting[SETTING_VERBOSITY].len != 0 &&
           !body_may_send(d->provider, MEMBER_OPENAI, openai_setting_name(SETTING_VERBOSITY));
}

size_t openai_responses_room(const struct prompt *p)
{
    return (p->body.len + prompt_list_kept(&p->list)) * ROOM_GROWTH + ROOM_SLACK;
}

/* --- settings --- */

static bool gated(const struct destination *d, enum model_gate gate)
{
    return (d->model->gates.bits & gate) != 0;
}

static void put_setting(struct body *b, enum prompt_setting s, struct view head)
{
    struct view v = b->prompt->list.setting[s];

    if (v.len == 0)
        return;
    body_put(b, head);
    body_put(b, v);
}

static bool is_true(struct view v)
{
    return view_eq(v, VIEW_LIT("true"));
}

static bool sends_logprobs(const struct body *b, const struct destination *d)
{
    return is_true(b->prompt->list.setting[SETTING_LOGPROBS]) && !gated(d, GATE_NO_SAMPLING);
}

static void put_stream(struct body *b, const struct destination *d, bool thinks)
{
    bool logprobs = sends_logprobs(b, d);

    if ((b->provider->quirks & QUIRK_NO_STORE) == 0)
        BODY_PUT(b, ",\"store\":false");
    if (b->prompt->stream)
        BODY_PUT(b, ",\"stream\":true");
    if (thinks && logprobs)
        BODY_PUT(b, ",\"include\":[\"reasoning.encrypted_content\",\"message.output_text.logprobs\"]");
    else if (thinks)
        BODY_PUT(b, ",\"include\":[\"reasoning.encrypted_content\"]");
    else if (logprobs)
        BODY_PUT(b, ",\"include\":[\"message.output_text.logprobs\"]");
}

static void put_limit(struct body *b, uint32_t max_output)
{
    uint32_t limit = max_output != 0 ? max_output : b->prompt->max_tokens;

    if (limit == 0)
        return;
    BODY_PUT(b, ",\"max_output_tokens\":");
    body_put_number(b, limit < MAX_OUTPUT_MIN ? MAX_OUTPUT_MIN : limit);
}

static bool tier_is_said(struct view tier)
{
    return tier.len >= 2 && tier.ptr[0] == '"' && !json_string_is((struct json_value){JSON_STRING, tier}, "auto");
}

static void put_settings(struct body *b, const struct destination *d)
{
    const struct prompt_list *l = &b->prompt->list;

    if (!gated(d, GATE_NO_SAMPLING)) {
        put_setting(b, SETTING_TEMPERATURE, VIEW_LIT(",\"temperature\":"));
        if (!gated(d, GATE_ONE_SAMPLING) || l->setting[SETTING_TEMPERATURE].len == 0)
            put_setting(b, SETTING_TOP_P, VIEW_LIT(",\"top_p\":"));
    }
    if (sends_logprobs(b, d))
        put_setting(b, SETTING_TOP_LOGPROBS, VIEW_LIT(",\"top_logprobs\":"));
    if (tier_is_said(l->setting[SETTING_SERVICE_TIER]) &&
        body_may_send(b->provider, MEMBER_OPENAI, VIEW_LIT("service_tier")))
        put_setting(b, SETTING_SERVICE_TIER, VIEW_LIT(",\"service_tier\":"));
    if (body_may_send(b->provider, MEMBER_OPENAI, VIEW_LIT("prompt_cache_key")))
        put_setting(b, SETTING_PROMPT_CACHE_KEY, VIEW_LIT(",\"prompt_cache_key\":"));
    if (body_may_send(b->provider, MEMBER_OPENAI, VIEW_LIT("safety_identifier")))
        put_setting(b, SETTING_SAFETY_IDENTIFIER, VIEW_LIT(",\"safety_identifier\":"));
}

static void put_reasoning(struct body *b, const struct destination *d, bool thinks)
{
    const struct prompt_list *l = &b->prompt->list;
    enum prompt_effort effort = l->effort == EFFORT_UNSAID && l->reasoning_tokens != 0
                                    ? effort_of_budget(l->reasoning_tokens)
                                    : l->effort;
    bool shown = l->wants_reasoning && !b->prompt->hide_reasoning && effort != EFFORT_NONE;

    if (!thinks || (effort == EFFORT_UNSAID && !shown))
        return;
    BODY_PUT(b, ",\"reasoning\":{");
    if (effort != EFFORT_UNSAID) {
        BODY_PUT(b, "\"effort\":\"");
        body_put(b, view_str(effort_word(effort_known(d->model->gates.efforts, effort))));
        body_put(b, shown ? VIEW_LIT("\",") : VIEW_LIT("\""));
    }
    if (shown)
        BODY_PUT(b, "\"summary\":\"auto\"");
    BODY_PUT(b, "}");
}

static void put_schema_format(struct body *b)
{
    const struct prompt_list *l = &b->prompt->list;

    BODY_PUT(b, "\"format\":{\"type\":\"json_schema\",\"name\":\"");
    body_put(b, l->format_name.len != 0 ? l->format_name : VIEW_LIT("output"));
    BODY_PUT(b, "\",\"schema\":");
    body_put(b, l->format_schema.len != 0 ? l->format_schema : VIEW_LIT("{\"type\":\"object\"}"));
    body_put_switch(b, VIEW_LIT(",\"strict\":"), l->format_strict);
    BODY_PUT(b, "}");
}

static void put_text(struct body *b)
{
    const struct prompt_list *l = &b->prompt->list;
    struct view verbosity = l->setting[SETTING_VERBOSITY];
    bool said = l->format == FORMAT_JSON_OBJECT || l->format == FORMAT_JSON_SCHEMA;

    if (!body_may_send(b->provider, MEMBER_OPENAI, VIEW_LIT("verbosity")))
        verbosity = VIEW_EMPTY;
    if (!said && verbosity.len == 0)
        return;
    BODY_PUT(b, ",\"text\":{");
    if (l->format == FORMAT_JSON_OBJECT)
        BODY_PUT(b, "\"format\":{\"type\":\"json_object\"}");
    if (l->format == FORMAT_JSON_SCHEMA)
        put_schema_format(b);
    if (verbosity.len != 0) {
        body_put(b, said ? VIEW_LIT(",\"verbosity\":") : VIEW_LIT("\"verbosity\":"));
        body_put(b, verbosity);
    }
    BODY_PUT(b, "}");
}

/* --- tools --- */

/* Chat has what a grammar consists of one level deeper. */
static void put_custom_format(struct body *b, struct view format)
{
    struct json_value v = {JSON_OBJECT, format}, grammar, syntax, definition;

    if (format.len == 0)
        return;
    BODY_PUT(b, ",\"format\":");
    if (!json_get(v, "grammar", &grammar) || !json_get(grammar, "syntax", &syntax) ||
        !json_get(grammar, "definition", &definition)) {
        body_put(b, format);
        return;
    }
    BODY_PUT(b, "{\"type\":\"grammar\",\"syntax\":");
    body_put(b, syntax.text);
    BODY_PUT(b, ",\"definition\":");
    body_put(b, definition.text);
    BODY_PUT(b, "}");
}

/* Without "strict" a tool is strict there, and in chat it is not. */
static void put_tool(struct body *b, const struct prompt_tool *t, bool strict)
{
    body_put(b, t->kind == TOOL_CUSTOM ? VIEW_LIT("{\"type\":\"custom\",\"name\":\"")
                                       : VIEW_LIT("{\"type\":\"function\",\"name\":\""));
    body_put(b, t->name);
    BODY_PUT(b, "\"");
    if (t->description.ptr != NULL) {
        BODY_PUT(b, ",\"description\":\"");
        body_put(b, t->description);
        BODY_PUT(b, "\"");
    }
    if (t->kind == TOOL_CUSTOM) {
        put_custom_format(b, t->schema);
    } else {
        BODY_PUT(b, ",\"parameters\":");
        body_put(b, t->schema.len != 0 ? t->schema : VIEW_LIT("{\"type\":\"object\",\"properties\":{}}"));
        body_put_switch(b, VIEW_LIT(",\"strict\":"), strict && t->strict == 1);
    }
    BODY_PUT(b, "}");
}

static bool chosen_is_custom(const struct prompt_list *l)
{
    for (size_t i = 0; i < l->n_tools; i++)
        if (view_eq(l->tool[i].name, l->choice_name))
            return l->tool[i].kind == TOOL_CUSTOM;
    return false;
}

static void put_choice(struct body *b, const struct destination *d)
{
    const struct prompt_list *l = &b->prompt->list;
    bool forced = l->choice == CHOICE_REQUIRED || l->choice == CHOICE_TOOL;

    if (l->choice == CHOICE_AUTO || (forced && gated(d, GATE_NO_FORCED_TOOL)))
        BODY_PUT(b, ",\"tool_choice\":\"auto\"");
    else if (l->choice == CHOICE_NONE)
        BODY_PUT(b, ",\"tool_choice\":\"none\"");
    else if (l->choice == CHOICE_REQUIRED)
        BODY_PUT(b, ",\"tool_choice\":\"required\"");
    else if (l->choice == CHOICE_TOOL) {
        body_put(b, chosen_is_custom(l) ? VIEW_LIT(",\"tool_choice\":{\"type\":\"custom\",\"name\":\"")
                                        : VIEW_LIT(",\"tool_choice\":{\"type\":\"function\",\"name\":\""));
        body_put(b, l->choice_name);
        BODY_PUT(b, "\"}");
    }
}

static void put_tools(struct body *b, const struct destination *d)
{
    const struct prompt_list *l = &b->prompt->list;

    if (l->n_tools == 0)
        return;
    BODY_PUT(b, ",\"tools\":[");
    for (size_t i = 0; i < l->n_tools; i++) {
        if (i != 0)
            BODY_PUT(b, ",");
        put_tool(b, &l->tool[i], !gated(d, GATE_NO_SCHEMA));
    }
    BODY_PUT(b, "]");
    put_choice(b, d);
    body_put_switch(b, VIEW_LIT(",\"parallel_tool_calls\":"), l->parallel_calls);
}

enum err openai_responses_render(const struct prompt *p, const struct destination *d, uint32_t max_output,
                                 struct buf *out)
{
    struct body b = {.prompt = p, .provider = d->provider, .model = d->endpoint->upstream_model, .out = out};
    bool thinks = (d->model->capabilities & CAP_REASONING) != 0;
    size_t start = out->len;

    assert(p->kind == PROMPT_CHAT && p->list.n_items != 0);
    b.e = buf_reserve(out, p->body.len + CHAT_RENDER_SLACK); /* seldom more */
    body_put_model(&b);
    put_stream(&b, d, thinks);
    put_limit(&b, max_output);
    put_settings(&b, d);
    put_reasoning(&b, d, thinks);
    put_text(&b);
    put_tools(&b, d);
    openai_responses_put_input(&b);
    BODY_PUT(&b, "}");
    return body_end(&b, start);
}
