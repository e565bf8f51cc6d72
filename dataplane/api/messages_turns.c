/* (G) Reads the system prompt and the messages. */
#include "messages_internal.h"

#include "content_view.h"

enum err messages_read_system(struct messages_reader *r, struct json_value v)
{
    r->p->prompt_bytes += v.text.len;
    return messages_read_blocks(r, ROLE_SYSTEM, v);
}

/* Beta members of a system message: what they ask for cannot be done elsewhere. */
static enum err check_system_members(struct messages_reader *r, struct json_value clear_at,
                                     struct json_value output_config)
{
    if (messages_has(clear_at) && !json_string_is(clear_at, "never"))
        return messages_refuse(r, "clear_at", "is not supported by this router", ERR_UNSUPPORTED);
    if (messages_has(output_config))
        return messages_refuse(r, "output_config", "is not supported in a message", ERR_UNSUPPORTED);
    return ERR_NONE;
}

static enum err read_turn(struct messages_reader *r, struct json_value v)
{
    static const struct messages_field fields[] = {
        {"role", OF_TEXT}, {"content", OF_TEXT | OF_LIST}, {"clear_at", OF_TEXT}, {"output_config", OF_OBJECT}};
    size_t before = r->p->list.n_items;
    struct json_value m[4];
    enum prompt_role role;
    enum err e;

    if (v.kind != JSON_OBJECT)
        return messages_refuse(r, "messages", "Input should be an object", ERR_FORMAT);
    e = messages_fields(r, v, fields, 4, true, m);
    if (e != ERR_NONE)
        return e;
    if (!messages_has(m[0]))
        return messages_refuse(r, "role", "Field required", ERR_FORMAT);
    if (json_string_is(m[0], "user"))
        role = ROLE_USER;
    else if (json_string_is(m[0], "assistant"))
        role = ROLE_ASSISTANT;
    else if (json_string_is(m[0], "system"))
        role = ROLE_SYSTEM;
    else
        return messages_refuse(r, "role", "Input should be 'user', 'assistant' or 'system'", ERR_FORMAT);
    if (!messages_has(m[1]))
        return messages_refuse(r, "content", "Field required", ERR_FORMAT);
    e = check_system_members(r, m[2], m[3]);
    if (e == ERR_NONE)
        e = messages_read_blocks(r, role, m[1]);
    if (e == ERR_NONE && role == ROLE_USER && r->p->list.n_items == before)
        return messages_refuse(r, "messages", "all messages must have non-empty content", ERR_FORMAT);
    return e;
}

enum err messages_read_turns(struct messages_reader *r, struct json_value v)
{
    const struct prompt_list *l = &r->p->list;
    struct json_iter it = json_iter(v);
    struct json_member m;
    enum err e = ERR_NONE;
    size_t n = 0, before = l->n_items;

    r->p->prompt_bytes += v.text.len; /* less what is dropped, and media */
    for (; e == ERR_NONE && json_next(&it, &m); n++)
        e = read_turn(r, m.value);
    if (e == ERR_NONE && n == 0)
        return messages_refuse(r, "messages", "at least one message is required", ERR_FORMAT);
    if (e == ERR_NONE && !prompt_says(l, before, l->n_items))
        return messages_refuse(r, "messages", "at least one message must have content other than thinking",
                               ERR_FORMAT);
    return e;
}
