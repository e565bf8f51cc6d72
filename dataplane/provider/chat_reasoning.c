/* (G) Reads how much a chat client's model shall think and whether the client wants to see it: "reasoning"
 * and "include_reasoning" of OpenRouter's clients. Providers know "reasoning_effort" instead. */
#include "chat_request_internal.h"
#include "content_view.h"
#include "effort.h"

static chat_read_fn read_effort, read_budget, read_enabled, read_exclude;

/* What "reasoning" may hold and is read; "summary" has no place in this API. In this order: the word
 * wins over the budget, the switch over both. */
static const struct {
    const char *name;
    chat_read_fn *read;
} members[] = {
    {"max_tokens", read_budget},
    {"effort", read_effort},
    {"enabled", read_enabled},
    {"exclude", read_exclude},
};

static enum err read_budget(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    int64_t n;
    enum err e = chat_read_budget(r, v, fault);

    if (e == ERR_NONE && json_whole(v, &n) == ERR_NONE)
        r->effort = n == 0 ? EFFORT_NONE : effort_of_budget((uint32_t)n);
    return e;
}

static enum err read_effort(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    return effort_read(v, &r->effort)
               ? ERR_NONE
               : chat_refuse(fault, "reasoning.effort must be none, minimal, low, medium, high, xhigh or max",
                             ERR_FORMAT);
}

static enum err read_switch(struct json_value v, bool *out, struct prompt_fault *fault)
{
    if (v.kind != JSON_TRUE && v.kind != JSON_FALSE)
        return chat_refuse(fault, "a switch of reasoning must be true or false", ERR_FORMAT);
    *out = v.kind == JSON_TRUE;
    return ERR_NONE;
}

static enum err read_enabled(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    bool on = false;
    enum err e = read_switch(v, &on, fault);

    if (e == ERR_NONE && (!on || r->effort == EFFORT_UNSAID))
        r->effort = on ? EFFORT_MEDIUM : EFFORT_NONE;
    return e;
}

static enum err read_exclude(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    return read_switch(v, &r->facts->hide_reasoning, fault);
}

enum err chat_read_reasoning(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    enum err e = ERR_NONE;

    if (v.kind != JSON_OBJECT)
        return chat_refuse(fault, "must be an object", ERR_FORMAT);
    for (size_t i = 0; e == ERR_NONE && i < sizeof members / sizeof members[0]; i++) {
        struct json_value value;

        e = chat_nested_find(v, members[i].name, &value, fault);
        if (e == ERR_NONE && value.kind != JSON_NULL)
            e = members[i].read(r, value, fault);
    }
    return e;
}

/* What "reasoning" says of it wins. */
enum err chat_read_include_reasoning(struct chat_request *r, struct json_value v, struct prompt_fault *fault)
{
    bool include = true;
    enum err e = read_switch(v, &include, fault);

    r->facts->hide_reasoning = r->facts->hide_reasoning || !include;
    return e;
}
