/* (G) What a request asks for, and what would be lost of it at an endpoint. */
#include "parameters.h"

#include "chat_request.h"
#include "content_view.h"
#include "openai_render.h"

bool parameters_effort(const struct prompt *p)
{
    const struct chat_member *word;

    if (p->chat == NULL)
        return p->list.effort > EFFORT_NONE || p->list.reasoning_tokens != 0;
    word = &p->chat->member[CHAT_KEY_REASONING_EFFORT];
    return p->chat->effort > EFFORT_NONE ||
           (word->present && word->value.kind != JSON_NULL && !json_string_is(word->value, "none"));
}

/* --- a forced tool */

static bool mode_forces(struct json_value v)
{
    return v.kind == JSON_STRING && !json_string_is(v, "auto") && !json_string_is(v, "none");
}

/* A word, or an object that names a tool, or one that allows some of them in a mode of its own. */
static bool choice_forces(const struct chat_member *m)
{
    struct json_value type, allowed, mode;

    if (!m->present)
        return false;
    if (m->value.kind != JSON_OBJECT)
        return mode_forces(m->value);
    if (!json_get(m->value, "type", &type) || !json_string_is(type, "allowed_tools"))
        return true;
    if (!json_get(m->value, "allowed_tools", &allowed) || allowed.kind != JSON_OBJECT)
        allowed = m->value;
    return json_get(allowed, "mode", &mode) && mode_forces(mode);
}

bool parameters_forced_tool(const struct prompt *p)
{
    if (p->chat == NULL)
        return p->list.choice == CHOICE_REQUIRED || p->list.choice == CHOICE_TOOL;
    return choice_forces(&p->chat->member[CHAT_KEY_TOOL_CHOICE]) ||
           choice_forces(&p->chat->member[CHAT_KEY_FUNCTION_CALL]);
}

/* --- what a row drops */

static bool drops(const struct provider *p, struct view key)
{
    for (size_t i = 0; i < p->drop.n; i++)
        if (json_key_is(key, p->drop.name[i]))
            return true;
    return false;
}

/* One answer is what a request without "n" gets; for more of them the endpoint does not fit. */
static bool body_has_dropped(struct view body, const struct provider *p)
{
    struct json_value root;
    struct json_member m;

    if (json_check(body, &root, NULL) != ERR_NONE)
        return false; /* a form, which is not edited */
    for (struct json_iter it = json_iter(root); json_next(&it, &m);)
        if (m.value.kind != JSON_NULL && drops(p, m.key) && !json_key_is(m.key, "n"))
            return true;
    return false;
}

static bool list_has_dropped(const struct prompt *p, const struct provider *to)
{
    const struct prompt_list *l = &p->list;
    const struct {
        struct view name;
        bool said;
    } others[] = {
        {VIEW_LIT("max_tokens"), p->max_tokens != 0},
        {VIEW_LIT("reasoning_effort"), parameters_effort(p)},
        {VIEW_LIT("response_format"), l->format > FORMAT_TEXT},
        {VIEW_LIT("tools"), l->n_tools != 0},
        {VIEW_LIT("tool_choice"), l->choice != CHOICE_UNSAID},
        {VIEW_LIT("parallel_tool_calls"), l->parallel_calls >= 0},
    };

    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (l->setting[i].len != 0 && drops(to, openai_setting_name((enum prompt_setting)i)))
            return true;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (others[i].said && drops(to, others[i].name))
            return true;
    return false;
}

/* A client of another dialect spells its members otherwise than the finished body, where they are dropped. */
static bool row_loses(const struct prompt *p, const struct provider *to)
{
    if (to->drop.n == 0)
        return false;
    if (p->chat == NULL && (p->kind == PROMPT_CHAT || p->kind == PROMPT_FILL))
        return list_has_dropped(p, to);
    return body_has_dropped(p->chat != NULL ? p->chat->body : p->body, to);
}

/* --- all of it */

static bool setting_loses(const struct adapter *a, const struct prompt_list *l)
{
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if ((a->lacks >> i & 1) != 0 && l->setting[i].len != 0)
            return true;
    return false;
}

bool parameters_lost(const struct adapter *a, const struct prompt *p, const struct destination *d)
{
    const unsigned capabilities = d->model->capabilities & ~(unsigned)d->endpoint->lacks;

    return row_loses(p, d->provider) || setting_loses(a, &p->list) || (a->omits != NULL && a->omits(p, d)) ||
           (p->kind == PROMPT_CHAT && (capabilities & CAP_REASONING) == 0 && parameters_effort(p));
}
