/* (G) The conversation of a chat client as items of the list. A turn of the model has its thoughts first, then its
 * answer, then its calls: the order that every provider takes. */
#include "chat_list_internal.h"

#include "content_view.h"

#include <stdio.h>

enum field {
    F_ROLE,
    F_CONTENT,
    F_TOOL_CALLS,
    F_TOOL_CALL_ID,
    F_NAME,
    F_FUNCTION_CALL,
    F_REFUSAL,
    F_REASONING,
    F_REASONING_CONTENT,
    F_REASONING_DETAILS,
    F_IMAGES,
    F_AUDIO,
    F_CACHE_CONTROL,
    F_COUNT
};
static const char *const fields[F_COUNT] = {
    "role",    "content",   "tool_calls",        "tool_call_id",      "name",   "function_call",
    "refusal", "reasoning", "reasoning_content", "reasoning_details", "images", "audio",
    "cache_control"};

static enum err add(struct chat_lister *l, enum prompt_item_kind kind, struct view text, bool json,
                    struct prompt_item **out)
{
    enum err e = prompt_add_item(&l->p->list, kind, out);

    if (e == ERR_NONE)
        (*out)->text = (struct prompt_text){text, json};
    return e;
}

static enum err begin(struct chat_lister *l, enum prompt_role role)
{
    struct prompt_item *item;
    enum err e = prompt_add_item(&l->p->list, ITEM_MESSAGE, &item);

    if (e == ERR_NONE)
        item->role = role;
    return e;
}

/* --- what the model thought */

static enum err read_thoughts(struct chat_lister *l, const struct json_value *m)
{
    struct view clear = chat_list_text(m[F_REASONING_CONTENT]);
    struct json_iter it = json_iter(m[F_REASONING_DETAILS]);
    struct json_member element;
    struct prompt_item *item;
    enum err e = ERR_NONE;

    if (clear.len == 0)
        clear = chat_list_text(m[F_REASONING]);
    if (clear.len != 0)
        e = add(l, ITEM_REASONING, clear, false, &item);
    while (e == ERR_NONE && m[F_REASONING_DETAILS].kind == JSON_ARRAY && json_next(&it, &element))
        if (element.value.kind == JSON_OBJECT)
            e = add(l, ITEM_DETAIL, element.value.text, true, &item);
    return e;
}

/* --- calls */

/* Google's clients keep the thought behind a call beside it. */
static struct view signature_of(struct json_value extra)
{
    struct json_value google, signature;

    return json_get(extra, "google", &google) && json_get(google, "thought_signature", &signature)
               ? chat_list_text(signature)
               : VIEW_EMPTY;
}

/* function: the object with name and arguments (custom: input). */
static enum err add_call(struct chat_lister *l, struct view id, struct json_value function, bool custom,
                         struct prompt_item **out)
{
    const char *const names[] = {"name", custom ? "input" : "arguments"};
    struct json_value m[2];
    enum err e;

    if (function.kind != JSON_OBJECT)
        return chat_list_refuse(l, "each tool call must have a function or a custom tool", ERR_FORMAT);
    e = chat_list_fields(l, function, names, 2, m);
    if (e != ERR_NONE)
        return e;
    if (chat_list_text(m[0]).len == 0)
        return chat_list_refuse(l, "each tool call must name its tool", ERR_FORMAT);
    if (custom ? m[1].kind != JSON_STRING : m[1].kind != JSON_STRING && m[1].kind != JSON_OBJECT && chat_list_has(m[1]))
        return chat_list_refuse(l, "what a tool is called with must be a string", ERR_FORMAT);
    e = add(l, ITEM_CALL, m[1].kind == JSON_OBJECT ? m[1].text : chat_list_text(m[1]), m[1].kind == JSON_OBJECT, out);
    if (e != ERR_NONE)
        return e;
    (*out)->id = id;
    (*out)->name = chat_list_text(m[0]);
    (*out)->custom = custom;
    return ERR_NONE;
}

static enum err read_call(struct chat_lister *l, struct json_value call)
{
    static const char *const names[] = {"id", "function", "custom", "type", "extra_content", "cache_control"};
    struct json_value m[6];
    struct prompt_item *item;
    bool custom;
    enum err e;

    if (call.kind != JSON_OBJECT)
        return chat_list_refuse(l, "each tool call must be an object", ERR_FORMAT);
    e = chat_list_fields(l, call, names, 6, m);
    if (e != ERR_NONE)
        return e;
    if (chat_list_text(m[0]).len == 0)
        return chat_list_refuse(l, "each tool call must have an id", ERR_FORMAT);
    custom = m[2].kind == JSON_OBJECT && (m[1].kind != JSON_OBJECT || json_string_is(m[3], "custom"));
    e = add_call(l, chat_list_text(m[0]), custom ? m[2] : m[1], custom, &item);
    if (e != ERR_NONE)
        return e;
    item->signature = signature_of(m[4]);
    item->extra = chat_list_mark(m[5], (struct json_value){JSON_NULL, VIEW_EMPTY});
    return ERR_NONE;
}

static enum err read_calls(struct chat_lister *l, struct json_value calls)
{
    struct json_iter it = json_iter(calls);
    struct json_member m;
    enum err e = ERR_NONE;

    if (chat_list_has(calls) && calls.kind != JSON_ARRAY)
        return chat_list_refuse(l, "tool_calls must be an array", ERR_FORMAT);
    while (e == ERR_NONE && json_next(&it, &m))
        e = read_call(l, m.value);
    return e;
}

/* A call in the way of old has no id, and its result follows: it gets a number. */
static enum err legacy_id(struct chat_lister *l, struct view *out)
{
    char id[32];
    int n = snprintf(id, sizeof id, "function_call_%u", (unsigned)l->legacy_calls);

    l->p->prompt_bound += (uint64_t)n;
    return prompt_keep(&l->p->list, view_of(id, (size_t)n), out);
}

static enum err read_legacy_call(struct chat_lister *l, struct json_value call)
{
    struct prompt_item *item;
    struct view id;
    enum err e;

    if (!chat_list_has(call))
        return ERR_NONE;
    l->legacy_calls++;
    e = legacy_id(l, &id);
    return e == ERR_NONE ? add_call(l, id, call, false, &item) : e;
}

/* --- messages */

static enum err read_assistant(struct chat_lister *l, const struct json_value *m)
{
    struct prompt_item *item;
    enum err e;

    if (m[F_AUDIO].kind == JSON_OBJECT)
        return chat_list_refuse(l, "the audio of an earlier answer is not kept by this router", ERR_UNSUPPORTED);
    l->turn = l->next_call = l->p->list.n_items;
    e = begin(l, ROLE_ASSISTANT);
    if (e == ERR_NONE)
        e = read_thoughts(l, m);
    if (e == ERR_NONE)
        e = chat_list_content(l, m[F_CONTENT]);
    if (e == ERR_NONE && chat_list_text(m[F_REFUSAL]).len != 0)
        e = add(l, ITEM_REFUSAL, chat_list_text(m[F_REFUSAL]), false, &item);
    if (e == ERR_NONE)
        e = chat_list_images(l, m[F_IMAGES]);
    if (e == ERR_NONE)
        e = read_calls(l, m[F_TOOL_CALLS]);
    return e == ERR_NONE ? read_legacy_call(l, m[F_FUNCTION_CALL]) : e;
}

/* Does the result answer a call whose input is free text? Results come in the order of the calls, so each
 * search begins where the last one ended. */
static bool answers_custom(struct chat_lister *l, struct view id)
{
    const struct prompt_list *list = &l->p->list;
    size_t at = l->next_call;

    for (size_t n = list->n_items - l->turn; n != 0 && l->steps < CHAT_LIST_STEPS_MAX; n--, l->steps++) {
        const struct prompt_item *i = &list->item[at];

        at = at + 1 == list->n_items ? l->turn : at + 1;
        if (i->kind != ITEM_CALL || !view_eq(i->id, id))
            continue;
        l->next_call = at;
        return i->custom;
    }
    return false;
}

static enum err read_result(struct chat_lister *l, struct view id, const struct json_value *m)
{
    bool custom = answers_custom(l, id);
    struct prompt_item *item;
    enum err e = prompt_add_item(&l->p->list, ITEM_RESULT, &item);

    if (e != ERR_NONE)
        return e;
    item->id = id;
    item->name = chat_list_text(m[F_NAME]);
    item->custom = custom;
    return chat_list_content(l, m[F_CONTENT]);
}

static enum err read_legacy_result(struct chat_lister *l, const struct json_value *m)
{
    struct view id = VIEW_EMPTY;
    enum err e = legacy_id(l, &id);

    return e == ERR_NONE ? read_result(l, id, m) : e;
}

static enum err read_role(struct chat_lister *l, const struct json_value *m)
{
    static const struct {
        const char *name;
        enum prompt_role role;
    } roles[] = {{"user", ROLE_USER}, {"system", ROLE_SYSTEM}, {"developer", ROLE_DEVELOPER}};

    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (json_string_is(m[F_ROLE], roles[i].name)) {
            enum err e = begin(l, roles[i].role);

            return e == ERR_NONE ? chat_list_content(l, m[F_CONTENT]) : e;
        }
    }
    if (json_string_is(m[F_ROLE], "assistant"))
        return read_assistant(l, m);
    if (json_string_is(m[F_ROLE], "function"))
        return read_legacy_result(l, m);
    if (!json_string_is(m[F_ROLE], "tool"))
        return chat_list_refuse(l, "the role of a message must be system, developer, user, assistant, tool or function",
                                ERR_FORMAT);
    if (chat_list_text(m[F_TOOL_CALL_ID]).len == 0)
        return chat_list_refuse(l, "a tool's message must have a tool_call_id", ERR_FORMAT);
    return read_result(l, chat_list_text(m[F_TOOL_CALL_ID]), m);
}

/* A mark of the whole message is one of its last part; a result has a place for it. */
static void mark_last(struct chat_lister *l, size_t from, struct view mark)
{
    struct prompt_list *list = &l->p->list;
    struct prompt_item *last = &list->item[list->n_items - 1];

    if (list->n_items == from || mark.len == 0)
        return;
    if (list->item[from].kind == ITEM_RESULT)
        last = &list->item[from];
    if (last->kind != ITEM_MESSAGE && last->kind != ITEM_REASONING && last->kind != ITEM_DETAIL &&
        (last->extra.len == 0 || last->extra.ptr[0] != '{'))
        last->extra = mark;
}

static enum err read_message(struct chat_lister *l, struct json_value message)
{
    const size_t from = l->p->list.n_items;
    struct json_value m[F_COUNT];
    enum err e = chat_list_fields(l, message, fields, F_COUNT, m);

    if (e == ERR_NONE)
        e = read_role(l, m);
    if (e == ERR_NONE)
        mark_last(l, from, chat_list_mark(m[F_CACHE_CONTROL], (struct json_value){JSON_NULL, VIEW_EMPTY}));
    return e;
}

enum err chat_list_messages(struct chat_lister *l, struct json_value messages)
{
    struct json_iter it = json_iter(messages);
    struct json_member m;
    enum err e = ERR_NONE;

    while (e == ERR_NONE && json_next(&it, &m))
        e = read_message(l, m.value); /* an object: chat_prompt.c has looked */
    return e;
}
