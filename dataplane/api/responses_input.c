/* (G) Reads the items of a request's input: messages, calls and their results, what the model thought. Items
 * of the assistant that follow each other are one turn, and become one message. */
#include "content_view.h"
#include "replay.h"
#include "responses_internal.h"

static enum err begin_message(struct responses_reader *r, enum prompt_role role)
{
    struct prompt_item *item = NULL;
    enum err e = prompt_add_item(&r->p->list, ITEM_MESSAGE, &item);

    if (e != ERR_NONE)
        return e;
    item->role = role;
    r->turn = role == ROLE_ASSISTANT;
    r->turn_said = false;
    return ERR_NONE;
}

/* The assistant's turn goes on, or begins. */
static enum err need_turn(struct responses_reader *r)
{
    return r->turn ? ERR_NONE : begin_message(r, ROLE_ASSISTANT);
}

enum err responses_read_instructions(struct responses_reader *r, struct json_value v)
{
    enum err e;

    if (v.kind != JSON_STRING)
        return responses_refuse(r, "instructions must be a string", ERR_FORMAT);
    r->p->prompt_bytes += v.text.len;
    e = begin_message(r, ROLE_SYSTEM);
    return e == ERR_NONE ? responses_read_parts(r, v) : e;
}

/* --- messages */

static bool role_read(struct json_value v, enum prompt_role *out)
{
    static const struct {
        const char *name;
        enum prompt_role role;
    } roles[] = {{"user", ROLE_USER},
                 {"assistant", ROLE_ASSISTANT},
                 {"system", ROLE_SYSTEM},
                 {"developer", ROLE_DEVELOPER}};

    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (json_string_is(v, roles[i].name)) {
            *out = roles[i].role;
            return true;
        }
    }
    return false;
}

/* The second text of a turn begins a paragraph. */
static enum err begin_text(struct responses_reader *r)
{
    struct prompt_item *item = NULL;
    enum err e = need_turn(r);

    if (e == ERR_NONE && r->turn_said) {
        e = prompt_add_item(&r->p->list, ITEM_TEXT, &item);
        if (e == ERR_NONE)
            item->text.bytes = VIEW_LIT("\\n\\n");
    }
    r->turn_said = true;
    return e;
}

static enum err read_message(struct responses_reader *r, struct json_value item)
{
    struct json_value role, content;
    enum prompt_role who = ROLE_USER;
    enum err e;

    if (!json_get(item, "role", &role) || !role_read(role, &who))
        return responses_refuse(r, "a message's role must be user, assistant, system or developer",
                                ERR_FORMAT);
    if (!json_get(item, "content", &content))
        return responses_refuse(r, "a message needs content", ERR_FORMAT);
    e = who == ROLE_ASSISTANT ? begin_text(r) : begin_message(r, who);
    return e == ERR_NONE ? responses_read_parts(r, content) : e;
}

/* --- calls and their results */

static enum err call_id(struct responses_reader *r, struct json_value item, struct view *out)
{
    *out = responses_text(item, "call_id");
    return out->len != 0 ? ERR_NONE
                         : responses_refuse(r, "a call and its output need a call_id", ERR_FORMAT);
}

static enum err read_call(struct responses_reader *r, struct json_value item, bool custom)
{
    struct prompt_item *call = NULL;
    struct json_value input;
    struct view id, name;
    enum err e = call_id(r, item, &id);

    if (e == ERR_NONE)
        e = responses_keep_name(r, VIEW_EMPTY, item, "a call needs the name of its tool", &name);
    if (e == ERR_NONE && !json_get(item, custom ? "input" : "arguments", &input))
        e = responses_refuse(r, "a call needs its arguments", ERR_FORMAT);
    if (e == ERR_NONE)
        e = need_turn(r);
    if (e == ERR_NONE)
        e = prompt_add_item(&r->p->list, ITEM_CALL, &call);
    if (e != ERR_NONE)
        return e;
    call->id = id;
    call->name = name;
    call->custom = custom;
    return prompt_read_text(input, "the arguments of a call must be a string", r->fault,
                            &call->text.bytes);
}

static enum err read_function_call(struct responses_reader *r, struct json_value item)
{
    return read_call(r, item, false);
}

static enum err read_custom_call(struct responses_reader *r, struct json_value item)
{
    return read_call(r, item, true);
}

/* Codex reports what happened beside the calls, a new goal for example, by an output that answers none and
 * names a tool. No other API has such an item: it becomes a user's message. */
static enum err read_report(struct responses_reader *r, struct json_value item, struct json_value output)
{
    struct view space = responses_text(item, "namespace"), name = responses_text(item, "name");
    struct prompt_item *title = NULL;
    struct view kept = VIEW_EMPTY;
    struct buf text;
    enum err e;

    buf_init(&text, space.len + name.len + sizeof "Output of .:");
    e = buf_append(&text, VIEW_LIT("Output of "));
    if (e == ERR_NONE)
        e = buf_append(&text, space);
    if (e == ERR_NONE && space.len != 0)
        e = buf_append_byte(&text, '.');
    if (e == ERR_NONE)
        e = buf_append(&text, name);
    if (e == ERR_NONE)
        e = buf_append(&text, VIEW_LIT(":"));
    if (e == ERR_NONE)
        e = prompt_keep(&r->p->list, buf_view(&text), &kept);
    buf_free(&text);
    if (e == ERR_NONE)
        e = begin_message(r, ROLE_USER);
    if (e == ERR_NONE)
        e = prompt_add_item(&r->p->list, ITEM_TEXT, &title);
    if (e != ERR_NONE)
        return e;
    title->text.bytes = kept;
    return responses_read_parts(r, output);
}

static enum err read_output(struct responses_reader *r, struct json_value item, bool custom)
{
    struct prompt_item *result = NULL;
    struct json_value output;
    struct view id;
    enum err e;

    if (!json_get(item, "output", &output))
        return responses_refuse(r, "the output of a call must be a string or an array", ERR_FORMAT);
    if (responses_text(item, "call_id").len == 0 && responses_text(item, "name").len != 0)
        return read_report(r, item, output);
    e = call_id(r, item, &id);
    if (e == ERR_NONE)
        e = prompt_add_item(&r->p->list, ITEM_RESULT, &result);
    if (e != ERR_NONE)
        return e;
    result->id = id;
    result->custom = custom;
    r->turn = false;
    return responses_read_parts(r, output);
}

static enum err read_function_output(struct responses_reader *r, struct json_value item)
{
    return read_output(r, item, false);
}

static enum err read_custom_output(struct responses_reader *r, struct json_value item)
{
    return read_output(r, item, true);
}

/* --- what the model thought */

/* Each text of an array of parts is one item. */
static enum err add_thoughts(struct responses_reader *r, struct json_value parts, size_t *n)
{
    struct json_iter it = json_iter(parts);
    struct json_member m;
    enum err e = ERR_NONE;

    while (e == ERR_NONE && parts.kind == JSON_ARRAY && json_next(&it, &m)) {
        struct view text = responses_text(m.value, "text");
        struct prompt_item *item = NULL;

        if (text.len == 0)
            continue;
        e = prompt_add_item(&r->p->list, ITEM_REASONING, &item);
        if (e == ERR_NONE)
            item->text.bytes = text;
        ++*n;
    }
    return e;
}

/* What another router or OpenAI has sealed says nothing to anybody here: it is left out, and its text in
 * clear is not. */
static enum err read_reasoning(struct responses_reader *r, struct json_value item)
{
    struct view sealed = responses_text(item, "encrypted_content");
    struct json_value parts;
    struct replay thoughts;
    size_t n = 0;
    enum err e = need_turn(r);

    if (e == ERR_NONE && json_get(item, "content", &parts))
        e = add_thoughts(r, parts, &n);
    if (e == ERR_NONE && n == 0 && json_get(item, "summary", &parts))
        e = add_thoughts(r, parts, &n);
    if (e != ERR_NONE)
        return e;
    if (!replay_is_sealed(sealed)) {
        r->p->prompt_bytes -= sealed.len;
        return ERR_NONE;
    }
    e = replay_open(sealed, &thoughts);
    if (e == ERR_FORMAT)
        e = responses_refuse(r, "the encrypted_content of a reasoning item is damaged", e);
    if (e == ERR_NONE) /* the text inside, when the client has kept none beside it */
        e = replay_add_opened(&r->p->list, &thoughts, n == 0, VIEW_EMPTY, &r->added);
    replay_close(&thoughts);
    return e;
}

/* --- the others */

static enum err read_more_tools(struct responses_reader *r, struct json_value item)
{
    struct json_value tools;

    if (!responses_has(item, "tools", &tools))
        return ERR_NONE;
    r->p->prompt_bytes -= tools.text.len; /* those that are kept are counted as tools */
    return responses_read_tools(r, tools);
}

static enum err drop(struct responses_reader *r, struct json_value item)
{
    r->p->prompt_bytes -= item.text.len;
    return ERR_NONE;
}

static enum err refuse_reference(struct responses_reader *r, struct json_value item)
{
    (void)item;
    return responses_refuse(r, "This router stores no items: send the item itself, not an item_reference "
                               "to it (with store: false, the SDKs do).", ERR_UNSUPPORTED);
}

static enum err refuse_compaction(struct responses_reader *r, struct json_value item)
{
    (void)item;
    return responses_refuse(r, "A compaction item can be read only by the one who made it.",
                            ERR_UNSUPPORTED);
}

/* Of hosted tools nothing ran here; what another API's did is left out. */
static const struct {
    const char *type;
    responses_read_fn *read;
} items[] = {
    {"message", read_message},
    {"function_call", read_function_call},
    {"function_call_output", read_function_output},
    {"reasoning", read_reasoning},
    {"custom_tool_call", read_custom_call},
    {"custom_tool_call_output", read_custom_output},
    {"additional_tools", read_more_tools},
    {"item_reference", refuse_reference},
    {"compaction", refuse_compaction},
    {"compaction_trigger", refuse_compaction},
    {"apply_patch_call", drop},
    {"apply_patch_call_output", drop},
    {"code_interpreter_call", drop},
    {"computer_call", drop},
    {"computer_call_output", drop},
    {"configuration_update", drop},
    {"file_search_call", drop},
    {"image_generation_call", drop},
    {"local_shell_call", drop},
    {"local_shell_call_output", drop},
    {"mcp_approval_request", drop},
    {"mcp_approval_response", drop},
    {"mcp_call", drop},
    {"mcp_list_tools", drop},
    {"program", drop},
    {"program_output", drop},
    {"shell_call", drop},
    {"shell_call_output", drop},
    {"tool_search_call", drop},
    {"tool_search_output", drop},
    {"web_search_call", drop},
};

static enum err read_item(struct responses_reader *r, struct json_value item)
{
    struct json_value type;

    if (item.kind != JSON_OBJECT)
        return responses_refuse(r, "each item of the input must be an object", ERR_FORMAT);
    r->asked = true;
    if (!responses_has(item, "type", &type))
        return responses_has(item, "role", &type) || !responses_has(item, "id", &type)
                   ? read_message(r, item)
                   : refuse_reference(r, item); /* the type of an item_reference may be left out */
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
        if (json_string_is(type, items[i].type))
            return items[i].read(r, item);
    return responses_refuse(r, "an input item of this type is not known", ERR_UNSUPPORTED);
}

enum err responses_read_input(struct responses_reader *r, struct json_value v)
{
    const struct prompt_list *l = &r->p->list;
    struct json_iter it = json_iter(v);
    struct json_member m;
    size_t before = l->n_items;
    enum err e = ERR_NONE;

    r->p->prompt_bytes += v.text.len;
    if (v.kind == JSON_STRING) {
        r->asked = true;
        e = begin_message(r, ROLE_USER);
        return e == ERR_NONE ? responses_read_parts(r, v) : e;
    }
    if (v.kind != JSON_ARRAY)
        return responses_refuse(r, "input must be a text or a list of items", ERR_FORMAT);
    while (e == ERR_NONE && json_next(&it, &m))
        e = read_item(r, m.value);
    if (e == ERR_NONE && r->asked && !prompt_says(l, before, l->n_items))
        e = responses_refuse(r, "input must hold a message, a call or a result: its items are none that a model "
                                "can be sent", ERR_FORMAT);
    return e;
}
