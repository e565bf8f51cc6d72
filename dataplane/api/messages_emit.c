/* (G) One content block as events of a stream, or as an element of a whole answer's content. */
#include "messages_write.h"

#include "content_view.h"

static uint32_t index_of(const struct answer *a)
{
    return ((const struct messages_answer *)a->state)->index;
}

/* What may be missing at the end of a text that ends with half a character. */
static struct view half_as_text(const struct messages_block *b)
{
    return b->text.len == 0 ? VIEW_EMPTY : VIEW_LIT("\\ufffd");
}

void messages_begin_block(const struct answer *a, const struct messages_block *b, struct pen *o)
{
    pen_text(o, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":");
    pen_number(o, index_of(a));
    switch (b->kind) {
    case BLOCK_THINKING:
        pen_text(o, ",\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n");
        break;
    case BLOCK_TEXT:
        pen_text(o, ",\"content_block\":{\"type\":\"text\",\"text\":\"\",\"citations\":null}}\n\n");
        break;
    case BLOCK_REDACTED:
        pen_text(o, ",\"content_block\":{\"type\":\"redacted_thinking\",\"data\":\"");
        messages_seal(a, b, o);
        pen_text(o, "\"}}\n\n");
        break;
    case BLOCK_CALL:
        pen_text(o, ",\"content_block\":{\"type\":\"tool_use\",\"id\":\"");
        pen_put(o, buf_view(&b->id));
        pen_text(o, "\",\"name\":\"");
        pen_put(o, buf_view(&b->name));
        pen_text(o, "\",\"input\":{},\"caller\":{\"type\":\"direct\"}}}\n\n");
        break;
    }
}

static void begin_delta(const struct answer *a, struct pen *o)
{
    pen_text(o, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
    pen_number(o, index_of(a));
}

void messages_delta(const struct answer *a, const struct messages_block *b, struct view text,
                    struct pen *o)
{
    begin_delta(a, o);
    pen_put(o, b->kind == BLOCK_TEXT ? VIEW_LIT(",\"delta\":{\"type\":\"text_delta\",\"text\":\"")
                : b->kind == BLOCK_CALL
                    ? VIEW_LIT(",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"")
                    : VIEW_LIT(",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\""));
    pen_put(o, text);
    pen_text(o, "\"}}\n\n");
}

/* --- arguments --- */

/* The arguments as JSON, decoded into *plain; false when they are none. */
static bool decoded(const struct messages_block *b, struct buf *plain, struct json_value *root,
                    struct pen *o)
{
    struct buf quoted;
    enum err e;

    buf_init_charged(&quoted, MESSAGES_KEPT_MAX + 2, b->text.budget);
    e = buf_append_byte(&quoted, '"');
    if (e == ERR_NONE)
        e = buf_append(&quoted, buf_view(&b->text));
    if (e == ERR_NONE)
        e = buf_append_byte(&quoted, '"');
    if (e != ERR_NONE)
        o->e = e;
    else
        e = json_string_decode((struct json_value){JSON_STRING, buf_view(&quoted)}, plain);
    if (e == ERR_NONE)
        e = json_check(buf_view(plain), root, NULL);
    else if (e == ERR_MEMORY || e == ERR_OVERLOAD)
        o->e = e;
    buf_free(&quoted);
    return e == ERR_NONE;
}

/* "input" must be an object: another value stands in one, and what is no JSON is told as it came. */
static void out_input(const struct messages_block *b, struct pen *o)
{
    struct json_value root;
    struct buf plain;

    if (!b->arguments.begun) {
        pen_text(o, "{}");
        return;
    }
    buf_init_charged(&plain, MESSAGES_KEPT_MAX, b->text.budget);
    if (!decoded(b, &plain, &root, o)) {
        pen_text(o, "{\"raw\":\"");
        pen_put(o, buf_view(&b->text));
        pen_text(o, "\"}");
    } else if (root.kind == JSON_OBJECT) {
        pen_put(o, root.text);
    } else {
        pen_text(o, "{\"value\":");
        pen_put(o, root.text);
        pen_text(o, "}");
    }
    buf_free(&plain);
}

/* The same as the only delta of a stream's call: as text. */
static void delta_input(const struct answer *a, const struct messages_block *b, struct pen *o)
{
    struct pen input;
    struct buf json, text;

    buf_init_charged(&json, 2 * MESSAGES_KEPT_MAX, b->text.budget);
    buf_init_charged(&text, 4 * MESSAGES_KEPT_MAX, b->text.budget);
    input = (struct pen){&json, ERR_NONE};
    out_input(b, &input);
    if (input.e == ERR_NONE)
        input.e = buf_append_json_string(&text, buf_view(&json));
    if (input.e == ERR_NONE)
        messages_delta(a, b, view_of(text.ptr + 1, text.len - 2), o);
    else if (o->e == ERR_NONE)
        o->e = input.e;
    buf_free(&text);
    buf_free(&json);
}

/* --- ends --- */

void messages_end_block(const struct answer *a, struct messages_block *b, struct pen *o)
{
    if (b->kind == BLOCK_CALL && !b->arguments.object)
        delta_input(a, b, o);
    else if (b->text.len != 0)
        messages_delta(a, b, half_as_text(b), o);
    if (b->kind == BLOCK_THINKING) {
        begin_delta(a, o);
        pen_text(o, ",\"delta\":{\"type\":\"signature_delta\",\"signature\":\"");
        messages_seal(a, b, o);
        pen_text(o, "\"}}\n\n");
    }
    pen_text(o, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":");
    pen_number(o, index_of(a));
    pen_text(o, "}\n\n");
}

void messages_whole_block(const struct answer *a, struct messages_block *b, struct pen *o)
{
    switch (b->kind) {
    case BLOCK_THINKING:
        pen_text(o, "{\"type\":\"thinking\",\"thinking\":\"");
        pen_put(o, buf_view(&b->text));
        pen_text(o, "\",\"signature\":\"");
        messages_seal(a, b, o);
        pen_text(o, "\"}");
        break;
    case BLOCK_REDACTED:
        pen_text(o, "{\"type\":\"redacted_thinking\",\"data\":\"");
        messages_seal(a, b, o);
        pen_text(o, "\"}");
        break;
    case BLOCK_TEXT:
        pen_text(o, "{\"type\":\"text\",\"text\":\"");
        pen_put(o, buf_view(&b->text));
        /* Not null, which real answers never say: AI SDK 5 and 6 refuse the whole message for it. */
        pen_text(o, "\",\"citations\":[]}");
        break;
    case BLOCK_CALL:
        pen_text(o, "{\"type\":\"tool_use\",\"id\":\"");
        pen_put(o, buf_view(&b->id));
        pen_text(o, "\",\"name\":\"");
        pen_put(o, buf_view(&b->name));
        pen_text(o, "\",\"input\":");
        out_input(b, o);
        pen_text(o, ",\"caller\":{\"type\":\"direct\"}}");
        break;
    }
}
