/* (G) The list of a chat client: settings, effort and format; the conversation is in chat_list_messages.c, tools are in
 * chat_list_tools.c. */
#include "chat_list.h"

#include "chat_list_internal.h"
#include "content_view.h"
#include "effort.h"

#include <assert.h>

bool chat_list_member(const struct chat_lister *l, enum chat_key key, struct json_value *out)
{
    const struct chat_member *m = &l->r->member[key];

    if (!m->present || m->value.kind == JSON_NULL)
        return false;
    *out = m->value;
    return true;
}

enum err chat_list_fields(struct chat_lister *l, struct json_value object, const char *const *names, size_t n,
                          struct json_value *out)
{
    struct json_iter it = json_iter(object);
    struct json_member m;

    assert(object.kind == JSON_OBJECT);
    for (size_t i = 0; i < n; i++)
        out[i] = (struct json_value){JSON_NULL, VIEW_EMPTY};
    while (json_next(&it, &m)) {
        for (size_t i = 0; i < n; i++) {
            if (!json_key_is(m.key, names[i]))
                continue;
            if (out[i].text.len != 0)
                return chat_list_refuse(l, "has a member that appears more than once", ERR_DUPLICATE);
            out[i] = m.value;
        }
    }
    for (size_t i = 0; i < n; i++)
        if (!chat_list_has(out[i]))
            out[i] = (struct json_value){JSON_NULL, VIEW_EMPTY};
    return ERR_NONE;
}

/* --- settings */

enum {
    OF_NUMBER = 1 << JSON_NUMBER,
    OF_TEXT = 1 << JSON_STRING,
    OF_BOOL = 1 << JSON_TRUE | 1 << JSON_FALSE,
    OF_OBJECT = 1 << JSON_OBJECT,
};

static const struct {
    const char *name;
    unsigned kinds;
} settings[] = {
    [SETTING_TEMPERATURE] = {"temperature", OF_NUMBER},
    [SETTING_TOP_P] = {"top_p", OF_NUMBER},
    [SETTING_TOP_K] = {"top_k", OF_NUMBER},
    [SETTING_MIN_P] = {"min_p", OF_NUMBER},
    [SETTING_TOP_A] = {"top_a", OF_NUMBER},
    [SETTING_FREQUENCY_PENALTY] = {"frequency_penalty", OF_NUMBER},
    [SETTING_PRESENCE_PENALTY] = {"presence_penalty", OF_NUMBER},
    [SETTING_REPETITION_PENALTY] = {"repetition_penalty", OF_NUMBER},
    [SETTING_SEED] = {"seed", OF_NUMBER},
    [SETTING_STOP] = {"stop", OF_TEXT | 1 << JSON_ARRAY},
    [SETTING_LOGIT_BIAS] = {"logit_bias", OF_OBJECT},
    [SETTING_LOGPROBS] = {"logprobs", OF_BOOL},
    [SETTING_TOP_LOGPROBS] = {"top_logprobs", OF_NUMBER},
    [SETTING_VERBOSITY] = {"verbosity", OF_TEXT},
    [SETTING_SERVICE_TIER] = {"service_tier", OF_TEXT},
    [SETTING_PROMPT_CACHE_KEY] = {"prompt_cache_key", OF_TEXT},
    [SETTING_SAFETY_IDENTIFIER] = {"safety_identifier", OF_TEXT},
};
_Static_assert(sizeof settings / sizeof settings[0] == SETTING_COUNT, "one each");

/* An empty list of stop sequences says nothing. */
static enum err check_stops(struct chat_lister *l, struct json_value v, bool *any)
{
    struct json_iter it = json_iter(v);
    struct json_member m;

    *any = v.kind == JSON_STRING;
    while (v.kind == JSON_ARRAY && json_next(&it, &m)) {
        if (m.value.kind != JSON_STRING)
            return chat_list_refuse(l, "stop must be a string or an array of strings", ERR_FORMAT);
        *any = true;
    }
    return ERR_NONE;
}

static enum err read_setting(struct chat_lister *l, const struct json_member *m)
{
    size_t s = 0;
    bool any = true;
    enum err e = ERR_NONE;

    while (s < SETTING_COUNT && !json_key_is(m->key, settings[s].name))
        s++;
    if (s == SETTING_COUNT || m->value.kind == JSON_NULL)
        return ERR_NONE;
    l->fault->param = settings[s].name;
    if ((settings[s].kinds >> m->value.kind & 1) == 0)
        return chat_list_refuse(l, "has a value of the wrong type", ERR_FORMAT);
    if (s == SETTING_STOP)
        e = check_stops(l, m->value, &any);
    if (e == ERR_NONE && any)
        l->p->list.setting[s] = m->value.text; /* of two the last counts, as with most readers */
    return e;
}

/* --- how much it shall think */

/* "thinking": {"type": "enabled", "budget_tokens": 2048}, as several providers have it. */
static enum err read_thinking(struct chat_lister *l, struct json_value v)
{
    static const char *const names[] = {"type", "budget_tokens"};
    struct prompt_list *list = &l->p->list;
    struct json_value m[2];
    int64_t n = 0;
    enum err e = chat_list_fields(l, v, names, 2, m);

    if (e != ERR_NONE)
        return e;
    if (json_string_is(m[0], "disabled")) {
        list->effort = EFFORT_NONE;
        return ERR_NONE;
    }
    if (chat_list_has(m[1]) && json_whole(m[1], &n) == ERR_NONE && n > 0) {
        list->reasoning_tokens = (uint32_t)n; /* at most CHAT_MAX_TOKENS_MAX: chat_request.c has read it */
        list->effort = effort_of_budget((uint32_t)n);
    } else if (list->effort == EFFORT_UNSAID && (json_string_is(m[0], "enabled") || json_string_is(m[0], "adaptive")))
        list->effort = EFFORT_MEDIUM;
    return ERR_NONE;
}

/* Qwen's "enable_thinking" and "thinking_budget". */
static void read_switches(struct chat_lister *l, const struct json_member *m)
{
    struct prompt_list *list = &l->p->list;
    int64_t n = 0;

    if (json_key_is(m->key, "enable_thinking") && m->value.kind == JSON_FALSE)
        list->effort = EFFORT_NONE;
    else if (json_key_is(m->key, "enable_thinking") && m->value.kind == JSON_TRUE && list->effort == EFFORT_UNSAID)
        list->effort = EFFORT_MEDIUM;
    else if (json_key_is(m->key, "thinking_budget") && json_whole(m->value, &n) == ERR_NONE && n > 0) {
        list->reasoning_tokens = (uint32_t)n;
        list->effort = effort_of_budget((uint32_t)n);
    }
}

/* A budget of "reasoning", where no word stands beside it. */
static uint32_t budget_of(const struct chat_lister *l)
{
    struct json_value reasoning, v;
    int64_t n = 0;

    if (!chat_list_member(l, CHAT_KEY_REASONING, &reasoning) ||
        (json_get(reasoning, "effort", &v) && v.kind != JSON_NULL) || !json_get(reasoning, "max_tokens", &v) ||
        json_whole(v, &n) != ERR_NONE)
        return 0;
    return (uint32_t)n;
}

/* The word of OpenAI's own API wins over all others. */
static enum err read_effort(struct chat_lister *l)
{
    struct prompt_list *list = &l->p->list;
    struct json_value v;
    enum err e = ERR_NONE;

    if (chat_list_member(l, CHAT_KEY_THINKING, &v)) {
        l->fault->param = "thinking";
        e = read_thinking(l, v);
    }
    if (e == ERR_NONE && chat_list_member(l, CHAT_KEY_REASONING_EFFORT, &v) && !json_string_is(v, "default")) {
        l->fault->param = "reasoning_effort";
        e = prompt_read_effort(v, l->fault, &list->effort);
        list->reasoning_tokens = 0;
    }
    if (list->effort == EFFORT_NONE)
        list->reasoning_tokens = 0;
    return e;
}

/* --- its form */

static enum err read_schema(struct chat_lister *l, struct json_value v)
{
    static const char *const names[] = {"name", "schema", "strict"};
    struct prompt_list *list = &l->p->list;
    struct json_value m[3];
    enum err e;

    if (v.kind != JSON_OBJECT)
        return chat_list_refuse(l, "json_schema must be an object", ERR_FORMAT);
    e = chat_list_fields(l, v, names, 3, m);
    if (e != ERR_NONE)
        return e;
    if (chat_list_has(m[1]) && m[1].kind != JSON_OBJECT)
        return chat_list_refuse(l, "schema must be an object", ERR_FORMAT);
    list->format = FORMAT_JSON_SCHEMA;
    list->format_name = chat_list_text(m[0]);
    list->format_schema = m[1].text;
    if (m[2].kind == JSON_TRUE || m[2].kind == JSON_FALSE)
        list->format_strict = m[2].kind == JSON_TRUE;
    return ERR_NONE;
}

static enum err read_format(struct chat_lister *l)
{
    static const char *const names[] = {"type", "json_schema"};
    struct json_value v, m[2];
    enum err e;

    if (!chat_list_member(l, CHAT_KEY_RESPONSE_FORMAT, &v))
        return ERR_NONE;
    l->fault->param = "response_format";
    e = chat_list_fields(l, v, names, 2, m);
    if (e != ERR_NONE || !chat_list_has(m[0]))
        return e;
    if (json_string_is(m[0], "json_schema"))
        return read_schema(l, m[1]);
    if (json_string_is(m[0], "json_object"))
        l->p->list.format = FORMAT_JSON_OBJECT;
    else if (json_string_is(m[0], "text"))
        l->p->list.format = FORMAT_TEXT;
    else
        return chat_list_refuse(l, "type must be text, json_object or json_schema", ERR_UNSUPPORTED);
    return ERR_NONE;
}

/* The body without white space before it, as an object to walk. */
static struct json_value root_of(struct view body)
{
    while (body.len != 0 && body.ptr[0] != '{')
        body = view_from(body, 1);
    return (struct json_value){JSON_OBJECT, body};
}

static enum err read_top(struct chat_lister *l)
{
    struct json_iter it = json_iter(root_of(l->r->body));
    struct json_member m;
    enum err e = ERR_NONE;

    while (e == ERR_NONE && json_next(&it, &m)) {
        read_switches(l, &m);
        e = read_setting(l, &m);
    }
    return e;
}

static enum err read_all(struct chat_lister *l)
{
    enum err e = read_top(l);

    if (e == ERR_NONE)
        e = read_effort(l);
    if (e == ERR_NONE)
        e = read_format(l);
    if (e == ERR_NONE)
        e = chat_list_tools(l);
    if (e != ERR_NONE)
        return e;
    l->fault->param = "messages";
    return chat_list_messages(l, l->r->member[CHAT_KEY_MESSAGES].value);
}

enum err chat_list_make(struct prompt *p, struct prompt_fault *fault)
{
    struct chat_lister l = {.r = p->chat, .p = p, .fault = fault};
    struct json_value mark;
    const char *param;
    enum err e;

    assert(p->chat != NULL && p->list.n_items == 0);
    *fault = (struct prompt_fault){0};
    prompt_list_init(&p->list);
    p->list.effort = p->chat->effort;
    p->list.reasoning_tokens = budget_of(&l);
    p->list.wants_reasoning = !p->hide_reasoning;
    if (chat_list_member(&l, CHAT_KEY_CACHE_CONTROL, &mark) && mark.kind == JSON_OBJECT)
        p->list.mark = mark.text;
    e = read_all(&l);
    if (e == ERR_NONE) {
        p->prompt_bound += prompt_list_repeats(&p->list);
        *fault = (struct prompt_fault){0};
        return ERR_NONE;
    }
    param = fault->param;
    if (e == ERR_LIMIT && fault->message == NULL)
        fault->message = "too many messages, parts or tools";
    fault->param = fault->member.len != 0 ? NULL : param;
    prompt_list_free(&p->list);
    return e;
}
