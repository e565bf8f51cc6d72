/* (G) Reads what the model thought before, how much it shall think, and in which form it answers. */
#include "messages_internal.h"

#include "content_view.h"
#include "effort.h"
#include "replay.h"

/* A text that we sealed opens to its maker's own elements; one that Anthropic signed stays a signature. */
enum err messages_add_thought(struct messages_reader *r, struct view text, struct view signature)
{
    struct prompt *p = r->p;
    struct prompt_item *item;
    enum err e;

    if (replay_is_sealed(signature))
        return replay_add(&p->list, signature, text, &p->prompt_bound);
    if (text.len == 0 && signature.len == 0)
        return ERR_NONE;
    e = prompt_add_item(&p->list, ITEM_REASONING, &item);
    if (e != ERR_NONE)
        return e;
    item->text.bytes = text;
    item->signature = signature;
    return ERR_NONE;
}

#define REDACTED_BEGIN "{\"type\":\"reasoning.encrypted\",\"format\":\"anthropic-claude-v1\",\"data\":\""

/* Thoughts that Anthropic encrypted go back as OpenRouter's dialect has them. */
enum err messages_add_redacted(struct messages_reader *r, struct view data)
{
    struct prompt *p = r->p;
    struct prompt_item *item;
    struct buf element;
    struct view kept;
    enum err e;

    if (replay_is_sealed(data))
        return replay_add(&p->list, data, VIEW_EMPTY, &p->prompt_bound);
    buf_init(&element, data.len + sizeof REDACTED_BEGIN + 2);
    e = buf_append(&element, VIEW_LIT(REDACTED_BEGIN));
    if (e == ERR_NONE)
        e = buf_append(&element, data);
    if (e == ERR_NONE)
        e = buf_append(&element, VIEW_LIT("\"}"));
    if (e == ERR_NONE)
        e = prompt_keep(&p->list, buf_view(&element), &kept);
    if (e == ERR_NONE)
        e = prompt_add_item(&p->list, ITEM_DETAIL, &item);
    if (e == ERR_NONE)
        item->text = (struct prompt_text){kept, true};
    p->prompt_bound += sizeof REDACTED_BEGIN;
    buf_free(&element);
    return e;
}

enum { BUDGET_MIN = 1024 }; /* tokens; Anthropic's */

static enum err read_budget(struct messages_reader *r, struct json_value v)
{
    struct prompt_list *l = &r->p->list;
    enum err e;

    if (!messages_has(v))
        return messages_refuse(r, "thinking", "budget_tokens: Field required", ERR_FORMAT);
    r->fault->param = "thinking";
    e = prompt_read_count(v, BUDGET_MIN, LIMIT_TOKENS_ABSURD,
                          "budget_tokens: Input should be an integer greater than or equal to 1024",
                          r->fault, &l->reasoning_tokens);
    if (e == ERR_NONE && r->p->max_tokens != 0 && l->reasoning_tokens >= r->p->max_tokens)
        return messages_refuse(r, "thinking", "budget_tokens must be less than max_tokens", ERR_RANGE);
    if (e == ERR_NONE)
        l->effort = effort_of_budget(l->reasoning_tokens);
    return e;
}

enum err messages_read_thinking(struct messages_reader *r, struct json_value v)
{
    static const struct messages_field fields[] = {
        {"type", OF_TEXT}, {"budget_tokens", OF_NUMBER}, {"display", OF_TEXT}, {"block_binding", OF_OBJECT}};
    struct prompt_list *l = &r->p->list;
    struct json_value m[4];
    enum err e = messages_fields(r, v, fields, 4, true, m);

    if (e != ERR_NONE)
        return e;
    if (json_string_is(m[2], "omitted"))
        l->wants_reasoning = false;
    if (json_string_is(m[0], "enabled"))
        return read_budget(r, m[1]);
    if (json_string_is(m[0], "disabled"))
        l->effort = EFFORT_NONE;
    else if (json_string_is(m[0], "between_tools")) {
        l->between_tools = true;
        l->effort = EFFORT_LOW;
    } else if (json_string_is(m[0], "adaptive"))
        l->thinks = true;
    else
        return messages_refuse(r, "thinking",
                               "Input tag should be one of adaptive, between_tools, disabled, enabled",
                               ERR_FORMAT);
    return ERR_NONE;
}

enum err messages_read_format(struct messages_reader *r, struct json_value v)
{
    static const struct messages_field fields[] = {{"type", OF_TEXT}, {"schema", OF_OBJECT}};
    struct prompt_list *l = &r->p->list;
    struct json_value m[2];
    enum err e = messages_fields(r, v, fields, 2, true, m);

    if (e != ERR_NONE)
        return e;
    if (!json_string_is(m[0], "json_schema") || !messages_has(m[1]))
        return messages_refuse(r, "format", "Input should be a json_schema with a schema", ERR_FORMAT);
    l->format = FORMAT_JSON_SCHEMA;
    l->format_name = VIEW_LIT("output");
    l->format_schema = m[1].text;
    l->format_strict = 1;
    r->p->needs |= CAP_JSON_SCHEMA;
    r->p->prompt_bytes += v.text.len;
    return ERR_NONE;
}

static enum err read_effort(struct messages_reader *r, struct json_value v)
{
    enum prompt_effort effort;

    if (!effort_read(v, &effort) || effort < EFFORT_LOW)
        return messages_refuse(r, "effort", "Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
                               ERR_FORMAT);
    r->p->list.output_effort = effort;
    if (r->p->list.effort != EFFORT_NONE) /* thinking is disabled: for other makers nothing to say how much */
        r->p->list.effort = effort;
    return ERR_NONE;
}

/* task_budget advises Claude over several requests; no other model knows it. */
enum err messages_read_output(struct messages_reader *r, struct json_value v)
{
    static const struct messages_field fields[] = {
        {"effort", OF_TEXT}, {"format", OF_OBJECT}, {"task_budget", OF_OBJECT}};
    struct json_value m[3];
    enum err e = messages_fields(r, v, fields, 3, true, m);

    if (e == ERR_NONE && messages_has(m[0]))
        e = read_effort(r, m[0]);
    if (e == ERR_NONE && messages_has(m[1]))
        e = messages_read_format(r, m[1]);
    return e;
}
