/* (G) The conversation of a neutral prompt in Anthropic's dialect. System text in front is the request's; runs of one role
 * are one message; the results of a turn's calls stand first in the message behind it, in the order of the calls. */
#include "anthropic_body.h"
#include "call_pairs.h"
#include "content_view.h"

#include <assert.h>
#include <stdlib.h>

struct turns {
    struct anthropic_body *a;
    const struct prompt_item *item;
    size_t n;
    uint32_t *partner; /* as call_pairs() has them */
    struct view role;  /* of the message that is open; empty: none is */
    bool any;          /* it has a block */
    bool some;         /* a message has been written */
    size_t spoken;     /* of the model's turn that is being written: behind its last part or call; its begin: none */
};

static bool is_begin(const struct prompt_item *i)
{
    return i->kind == ITEM_MESSAGE || i->kind == ITEM_RESULT;
}

static bool has_role(const struct prompt_item *i, enum prompt_role role)
{
    return i->kind == ITEM_MESSAGE && i->role == role;
}

static bool is_system(const struct prompt_item *i)
{
    return has_role(i, ROLE_SYSTEM) || has_role(i, ROLE_DEVELOPER);
}

static size_t parts_end(const struct turns *t, size_t at)
{
    for (at++; at < t->n && !is_begin(&t->item[at]);)
        at++;
    return at;
}

/* --- messages */

static void close_message(struct turns *t)
{
    if (t->role.len != 0)
        BODY_PUT(&t->a->b, "]}");
    t->role = VIEW_EMPTY;
}

/* Goes on with the open message when it is of this role. */
static void open_message(struct turns *t, struct view role)
{
    struct body *b = &t->a->b;

    if (view_eq(t->role, role))
        return;
    close_message(t);
    body_put(b, t->some ? VIEW_LIT(",{\"role\":\"") : VIEW_LIT("{\"role\":\""));
    body_put(b, role);
    BODY_PUT(b, "\",\"content\":[");
    t->role = role;
    t->any = false;
    t->some = true;
}

/* A block of Anthropic's own dialect, which came from it. Returns the first item that is not its. */
static size_t put_block(struct turns *t, size_t at, size_t end, bool *any)
{
    const struct view block = t->item[at].block;

    if (*any)
        BODY_PUT(&t->a->b, ",");
    *any = true;
    body_put(&t->a->b, block);
    while (at < end && t->item[at].block.ptr == block.ptr)
        at++;
    return at;
}

static bool is_part(const struct prompt_item *i)
{
    return anthropic_is_text(i) || i->kind == ITEM_IMAGE || i->kind == ITEM_FILE;
}

/* --- results */

/* A result that is one text says it as such. */
static bool is_one_text(const struct prompt_item *i, size_t n)
{
    size_t texts = 0;

    for (size_t k = 0; k < n; k++) {
        if (!is_part(&i[k]))
            continue;
        if (i[k].kind != ITEM_TEXT || i[k].block.len != 0 || (i[k].extra.len != 0 && i[k].extra.ptr[0] == '{'))
            return false;
        texts++;
    }
    return texts == 1;
}

static void put_result_content(struct turns *t, size_t from, size_t end)
{
    struct body *b = &t->a->b;
    bool any = false, one = is_one_text(&t->item[from], end - from);

    for (size_t i = from; i < end;) {
        if (!is_part(&t->item[i])) {
            i++;
            continue;
        }
        if (!any)
            body_put(b, one ? VIEW_LIT(",\"content\":\"") : VIEW_LIT(",\"content\":["));
        if (one) {
            body_put_text(b, t->item[i++].text);
            any = true;
        } else if (t->item[i].block.len != 0) {
            i = put_block(t, i, end, &any);
        } else {
            anthropic_put_part(t->a, &t->item[i++], false, &any);
        }
    }
    if (any)
        body_put(b, one ? VIEW_LIT("\"") : VIEW_LIT("]"));
}

static void put_result(struct turns *t, size_t at)
{
    const struct prompt_item *i = &t->item[at];
    struct body *b = &t->a->b;

    open_message(t, VIEW_LIT("user"));
    body_put(b, t->any ? VIEW_LIT(",{\"type\":\"tool_result\",\"tool_use_id\":") : VIEW_LIT("{\"type\":\"tool_result\",\"tool_use_id\":"));
    t->any = true;
    anthropic_put_id(b, i->id);
    put_result_content(t, at + 1, parts_end(t, at));
    if (i->failed)
        BODY_PUT(b, ",\"is_error\":true");
    anthropic_put_mark(t->a, i->extra);
    BODY_PUT(b, "}");
}

/* The API refuses a call without a result. */
static void put_no_result(struct turns *t, const struct prompt_item *call)
{
    struct body *b = &t->a->b;

    open_message(t, VIEW_LIT("user"));
    body_put(b, t->any ? VIEW_LIT(",{\"type\":\"tool_result\",\"tool_use_id\":") : VIEW_LIT("{\"type\":\"tool_result\",\"tool_use_id\":"));
    t->any = true;
    anthropic_put_id(b, call->id);
    BODY_PUT(b, ",\"content\":\"The tool gave no result.\",\"is_error\":true}");
}

static void put_results(struct turns *t, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (t->item[i].kind != ITEM_CALL)
            continue;
        if (t->partner[i] != 0)
            put_result(t, t->partner[i]);
        else
            put_no_result(t, &t->item[i]);
    }
}

/* --- a turn of the model */

/* The arguments are an object, as the API wants them. Text that is none becomes one that holds it. */
static void put_decoded(struct body *b, struct view escaped)
{
    struct json_value root = {JSON_NULL, VIEW_EMPTY};
    struct buf plain;
    enum err e;

    buf_init_charged(&plain, escaped.len + 1, b->out->budget);
    e = json_inner_decode(escaped, &plain);
    if (e == ERR_NONE)
        e = json_check(buf_view(&plain), &root, NULL);
    if (e == ERR_NONE && root.kind == JSON_OBJECT) {
        body_put(b, root.text);
    } else if (e == ERR_NONE) {
        BODY_PUT(b, "{\"value\":");
        body_put(b, root.text);
        BODY_PUT(b, "}");
    } else if (e == ERR_MEMORY || e == ERR_OVERLOAD) {
        b->e = b->e == ERR_NONE ? e : b->e;
    } else {
        BODY_PUT(b, "{\"raw\":\"");
        body_put(b, escaped);
        BODY_PUT(b, "\"}");
    }
    buf_free(&plain);
}

static void put_input(struct body *b, const struct prompt_item *i)
{
    if (i->custom) {
        BODY_PUT(b, "{\"input\":\"");
        body_put_text(b, i->text);
        BODY_PUT(b, "\"}");
    } else if (i->text.json) {
        body_put(b, i->text.bytes);
    } else if (anthropic_is_blank(i->text.bytes)) {
        BODY_PUT(b, "{}");
    } else {
        put_decoded(b, i->text.bytes);
    }
}

static void put_call(struct turns *t, const struct prompt_item *i)
{
    struct body *b = &t->a->b;

    body_put(b, t->any ? VIEW_LIT(",{\"type\":\"tool_use\",\"id\":") : VIEW_LIT("{\"type\":\"tool_use\",\"id\":"));
    t->any = true;
    anthropic_put_id(b, i->id);
    BODY_PUT(b, ",\"name\":\"");
    body_put(b, i->name.len <= ANTHROPIC_CALL_NAME_MAX ? i->name : VIEW_LIT("tool"));
    BODY_PUT(b, "\",\"input\":");
    put_input(b, i);
    anthropic_put_mark(t->a, i->extra);
    BODY_PUT(b, "}");
}

/* Is this the last thing that the model has said, in a conversation that ends with it? */
static bool is_last_text(const struct turns *t, size_t at)
{
    for (at++; at < t->n; at++)
        if (is_part(&t->item[at]) || t->item[at].kind == ITEM_CALL || (is_begin(&t->item[at]) && !has_role(&t->item[at], ROLE_ASSISTANT)))
            return false;
    return true;
}

/* Behind the last item from..to that is more than a thought; `from` when there is none. */
static size_t spoken_end(const struct turns *t, size_t from, size_t to)
{
    while (to > from && !is_part(&t->item[to - 1]) && t->item[to - 1].kind != ITEM_CALL)
        to--;
    return to;
}

static size_t put_turn_item(struct turns *t, size_t i, size_t to)
{
    const struct prompt_item *item = &t->item[i];

    if (item->kind == ITEM_REASONING || item->kind == ITEM_DETAIL) {
        size_t end = i;

        while (end < to && (t->item[end].kind == ITEM_REASONING || t->item[end].kind == ITEM_DETAIL))
            end++;
        while (i < end && end < t->spoken) /* a message may not end with a thought */
            i += anthropic_put_thoughts(t->a, &t->item[i], end - i, &t->any);
        return end;
    }
    if (item->kind == ITEM_CALL)
        put_call(t, item);
    else if (is_part(item) && item->block.len != 0)
        return put_block(t, i, to, &t->any);
    else
        anthropic_put_part(t->a, item, is_last_text(t, i), &t->any);
    return i + 1;
}

/* Assistant messages in a row are one. */
static size_t put_turn(struct turns *t, size_t from)
{
    size_t to = parts_end(t, from);

    while (to < t->n && has_role(&t->item[to], ROLE_ASSISTANT))
        to = parts_end(t, to);
    t->spoken = spoken_end(t, from, to);
    if (t->spoken == from)
        return to;
    open_message(t, VIEW_LIT("assistant"));
    for (size_t i = from; i < to;)
        i = is_begin(&t->item[i]) ? i + 1 : put_turn_item(t, i, to);
    put_results(t, from, to);
    return to;
}

/* --- the others */

static void put_parts(struct turns *t, size_t from, size_t end)
{
    for (size_t i = from; i < end;) {
        if (is_part(&t->item[i]) && t->item[i].block.len != 0)
            i = put_block(t, i, end, &t->any);
        else
            anthropic_put_part(t->a, &t->item[i++], false, &t->any);
    }
}

static size_t put_message(struct turns *t, size_t at)
{
    const struct prompt_item *i = &t->item[at];
    const size_t end = parts_end(t, at);
    bool inside = is_system(i) && !anthropic_gated(t->a->to, GATE_NO_SYSTEM_INSIDE);

    if (i->kind == ITEM_RESULT) {
        if (t->partner[at] == 0)
            put_result(t, at); /* of no call: anthropic_fits() refuses it where it has room to look */
        return end;
    }
    if (i->role == ROLE_ASSISTANT)
        return put_turn(t, at);
    if (is_system(i) && spoken_end(t, at, end) == at)
        return end;
    open_message(t, inside ? VIEW_LIT("system") : VIEW_LIT("user"));
    put_parts(t, at + 1, end);
    if (!t->any)
        anthropic_put_text_block(t->a, VIEW_LIT("."), &t->any); /* the API refuses a message without content */
    return end;
}

/* System text in front of the conversation, a block for each part. */
static size_t put_system(struct turns *t)
{
    struct body *b = &t->a->b;
    bool any = false, begun = false;
    size_t i = 0;

    while (i < t->n && is_system(&t->item[i])) {
        size_t end = parts_end(t, i);

        for (i++; i < end; i++) {
            if (!anthropic_is_text(&t->item[i]))
                continue;
            if (!begun)
                BODY_PUT(b, ",\"system\":[");
            begun = true;
            anthropic_put_part(t->a, &t->item[i], false, &any);
        }
    }
    if (t->a->b.prompt->list.format == FORMAT_JSON_OBJECT) {
        if (!begun)
            BODY_PUT(b, ",\"system\":[");
        begun = true;
        anthropic_put_text_block(t->a, VIEW_LIT("Answer with one JSON object and nothing else."), &any);
    }
    if (begun)
        BODY_PUT(b, "]");
    return i;
}

void anthropic_put_conversation(struct anthropic_body *a)
{
    const struct prompt_list *l = &a->b.prompt->list;
    struct turns t = {.a = a, .item = l->item, .n = l->n_items};
    size_t at;

    assert(t.n == 0 || is_begin(&t.item[0]));
    if (a->b.e == ERR_NONE)
        a->b.e = call_pairs(t.item, t.n, &t.partner);
    at = put_system(&t);
    BODY_PUT(&a->b, ",\"messages\":[");
    while (a->b.e == ERR_NONE && at < t.n)
        at = put_message(&t, at);
    if (!t.some) {
        open_message(&t, VIEW_LIT("user"));
        anthropic_put_text_block(a, VIEW_LIT("."), &t.any);
    }
    close_message(&t);
    BODY_PUT(&a->b, "]");
    free(t.partner);
}
