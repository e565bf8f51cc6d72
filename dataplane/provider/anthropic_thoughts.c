/* (G) What the model thought in earlier turns, given back to it byte for byte. Signatures are Anthropic's alone: nothing
 * else is sent. */
#include "anthropic_body.h"
#include "content_view.h"
#include "reasoning_maker.h"

/* A piece of a thought. A client may send back a stream's pieces as they came: texts first, the signature last. */
struct piece {
    struct view text, signature, data, index;
};

static struct view string_of(struct json_value element, const char *name)
{
    struct json_value v;

    return json_get(element, name, &v) && v.kind == JSON_STRING ? view_of(v.text.ptr + 1, v.text.len - 2) : VIEW_EMPTY;
}

/* Another model's thoughts are of no use to this one, and some refuse them. */
static bool is_of_model(const struct prompt_item *i, const struct destination *d)
{
    if (reasoning_maker_of(i->text.bytes, maker_of_model(i->name)) != MAKER_ANTHROPIC)
        return false;
    return i->name.len == 0 || view_eq(i->name, view_str(d->model->id));
}

/* False: nothing that is sent. */
static bool read_piece(const struct prompt_item *i, const struct destination *d, struct piece *out)
{
    const struct json_value element = {JSON_OBJECT, i->text.bytes};
    struct json_value type, index;

    *out = (struct piece){.text = VIEW_EMPTY};
    if (i->kind == ITEM_REASONING) { /* in Anthropic's own dialect */
        out->text = i->text.bytes;
        out->signature = i->signature;
        return i->signature.len != 0;
    }
    if (i->kind != ITEM_DETAIL || !is_of_model(i, d) || !json_get(element, "type", &type))
        return false;
    if (json_get(element, "index", &index))
        out->index = index.text;
    out->data = json_string_is(type, "reasoning.encrypted") ? string_of(element, "data") : VIEW_EMPTY;
    if (!json_string_is(type, "reasoning.text"))
        return out->data.len != 0;
    out->text = string_of(element, "text");
    out->signature = string_of(element, "signature");
    return true;
}

/* The number of items whose pieces are one thought, at least 1. Its signature comes last; empty: it is missing. */
static size_t thought_run(const struct prompt_item *i, size_t n, const struct destination *d, struct view *signature)
{
    struct piece first, p;
    size_t k = 0;

    *signature = VIEW_EMPTY;
    if (!read_piece(i, d, &first))
        return 1;
    while (k < n && signature->len == 0 && read_piece(&i[k], d, &p) && p.data.len == 0 && view_eq(p.index, first.index)) {
        *signature = p.signature;
        k++;
    }
    return k;
}

static void open_thought(struct body *b, struct view head, bool *any)
{
    if (*any)
        BODY_PUT(b, ",");
    *any = true;
    body_put(b, head);
}

static void put_signed(struct anthropic_body *a, const struct prompt_item *i, size_t n, struct view signature, bool *any)
{
    struct body *b = &a->b;
    struct piece p;

    open_thought(b, VIEW_LIT("{\"type\":\"thinking\",\"thinking\":\""), any);
    for (size_t k = 0; k < n; k++)
        if (read_piece(&i[k], a->to, &p))
            body_put(b, p.text);
    BODY_PUT(b, "\",\"signature\":\"");
    body_put(b, signature);
    BODY_PUT(b, "\"}");
}

size_t anthropic_put_thoughts(struct anthropic_body *a, const struct prompt_item *i, size_t n, bool *any)
{
    struct view signature;
    struct piece p;
    size_t run;

    if ((a->to->model->capabilities & CAP_REASONING) == 0 || !read_piece(i, a->to, &p))
        return 1;
    if (p.data.len != 0) {
        open_thought(&a->b, VIEW_LIT("{\"type\":\"redacted_thinking\",\"data\":\""), any);
        body_put(&a->b, p.data);
        BODY_PUT(&a->b, "\"}");
        return 1;
    }
    run = thought_run(i, n, a->to, &signature);
    if (signature.len != 0)
        put_signed(a, i, run, signature, any);
    return run;
}

bool anthropic_has_thoughts(const struct prompt_item *i, size_t n, const struct destination *d)
{
    struct piece p;

    for (size_t k = 0; k < n; k++)
        if (read_piece(&i[k], d, &p) && (p.signature.len != 0 || p.data.len != 0))
            return true;
    return false;
}
