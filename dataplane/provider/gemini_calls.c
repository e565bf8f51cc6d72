/* (G) Function calls. Most arrive whole; Vertex can send the arguments in pieces, each with the JSON path of the value it
 * belongs to, in the order in which a document would have them. */
#include "gemini_read_internal.h"

#include "content_view.h"

#include <string.h>

enum { ID_MAX_BYTES = 64 }; /* that all clients take */

/* --- the beginning of a call --- */

static bool id_is_good(struct view id)
{
    for (size_t i = 0; i < id.len; i++) {
        uint8_t c = id.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return id.len != 0 && id.len <= ID_MAX_BYTES;
}

/* The call's id, or one made of the answer's and the call's number. */
static enum err make_id(const struct gemini_pieces *x, struct view id, struct buf *out)
{
    enum err e;

    if (id_is_good(id))
        return buf_append(out, id);
    e = buf_append(out, VIEW_LIT("call_"));
    if (e == ERR_NONE)
        e = buf_append(out, view_str(x->c->id));
    if (e == ERR_NONE)
        e = buf_append_byte(out, '_');
    if (e == ERR_NONE)
        e = buf_append_u64(out, x->choice);
    if (e == ERR_NONE)
        e = buf_append_byte(out, '_');
    return e == ERR_NONE ? buf_append_u64(out, x->c->gemini.calls) : e;
}

static void put_index(struct gemini_pieces *x, uint32_t number)
{
    gemini_pieces_next(x, PIECE_CALLS, VIEW_LIT("{"));
    if (x->whole)
        return;
    PIECE_PUT(x, PIECE_CALLS, "\"index\":");
    gemini_pieces_put_u64(x, PIECE_CALLS, number);
    PIECE_PUT(x, PIECE_CALLS, ",");
}

/* Up to its arguments, whose text comes next. */
static void begin(struct gemini_pieces *x, struct json_value call, struct view name, struct view signature)
{
    struct json_value v = {JSON_NULL, VIEW_EMPTY};
    struct buf id;

    buf_init(&id, sizeof x->c->id + ID_MAX_BYTES);
    (void)json_get(call, "id", &v);
    if (x->e == ERR_NONE)
        x->e = make_id(x, gemini_text(v), &id);
    gemini_put_signature(x, signature, buf_view(&id));
    put_index(x, x->c->gemini.calls++);
    PIECE_PUT(x, PIECE_CALLS, "\"id\":\"");
    gemini_pieces_put(x, PIECE_CALLS, buf_view(&id));
    PIECE_PUT(x, PIECE_CALLS, "\",\"type\":\"function\",");
    if (signature.len != 0) { /* for clients that keep nothing but calls */
        PIECE_PUT(x, PIECE_CALLS, "\"extra_content\":{\"google\":{\"thought_signature\":\"");
        gemini_pieces_put(x, PIECE_CALLS, signature);
        PIECE_PUT(x, PIECE_CALLS, "\"}},");
    }
    PIECE_PUT(x, PIECE_CALLS, "\"function\":{\"name\":\"");
    gemini_pieces_put(x, PIECE_CALLS, name);
    PIECE_PUT(x, PIECE_CALLS, "\",\"arguments\":\"");
    x->called = true;
    buf_free(&id);
}

/* --- JSON text inside of a string --- */

static void put_escaped(struct gemini_pieces *x, struct view json)
{
    size_t from = 0;

    for (size_t i = 0; i < json.len; i++) {
        uint8_t c = json.ptr[i];

        if (c != '"' && c != '\\' && c >= 0x20)
            continue;
        gemini_pieces_put(x, PIECE_CALLS, view_of(json.ptr + from, i - from));
        from = i + 1;
        if (c == '"' || c == '\\') {
            PIECE_PUT(x, PIECE_CALLS, "\\");
            from = i;
        } /* else white space between tokens */
    }
    gemini_pieces_put(x, PIECE_CALLS, view_from(json, from));
}

/* --- arguments by their paths --- */

/* One step of a path: a member's name, or an element of an array. */
struct step {
    struct view name; /* escaped */
    bool element;
};

static bool is_end(uint8_t c)
{
    return c == '.' || c == '[';
}

/* Takes "[0]", "['a b']" or "[\"a b\"]", in which the quotes are escaped. */
static bool take_bracket(struct view *path, struct step *out)
{
    size_t close = 0;
    struct view in;

    while (close < path->len && path->ptr[close] != ']')
        close++;
    if (close == path->len || close < 2)
        return false;
    in = view_of(path->ptr + 1, close - 1);
    *path = view_from(*path, close + 1);
    out->element = in.ptr[0] >= '0' && in.ptr[0] <= '9';
    if (!out->element && in.len >= 4 && in.ptr[0] == '\\')
        in = view_of(in.ptr + 2, in.len - 4);
    else if (!out->element && in.len >= 2)
        in = view_of(in.ptr + 1, in.len - 2);
    out->name = in;
    return true;
}

/* The next step of a path behind "$"; false: there is none, or none that can be read. */
static bool take_step(struct view *path, struct step *out)
{
    size_t n = 1;

    if (path->len < 2)
        return false;
    if (path->ptr[0] == '[')
        return take_bracket(path, out);
    if (path->ptr[0] != '.')
        return false;
    while (n < path->len && !is_end(path->ptr[n]))
        n++;
    *out = (struct step){.name = view_of(path->ptr + 1, n - 1)};
    *path = view_from(*path, n);
    return out->name.len != 0;
}

static struct view steps_of(struct view path)
{
    return view_starts(path, VIEW_LIT("$")) ? view_from(path, 1) : path;
}

/* A path that can be read to its end, and has a step. */
static bool path_is_good(struct view path)
{
    struct view rest = steps_of(path);
    struct step step;

    if (path.len > GEMINI_PATH_BYTES || rest.len == 0)
        return false;
    while (rest.len != 0)
        if (!take_step(&rest, &step))
            return false;
    return true;
}

/* Each step stands in an array or object of its own. Those of all but the first `keep` steps are closed, the last first. */
static void close_steps(struct gemini_pieces *x, struct view rest, unsigned keep)
{
    struct step step;

    if (!take_step(&rest, &step))
        return;
    close_steps(x, rest, keep != 0 ? keep - 1 : 0);
    if (keep == 0)
        gemini_pieces_put(x, PIECE_CALLS, step.element ? VIEW_LIT("]") : VIEW_LIT("}"));
}

/* Opens those of the steps behind the first `had`, in the last of which a value comes next. */
static void open_steps(struct gemini_pieces *x, struct view rest, unsigned had)
{
    struct step step;

    for (unsigned i = 0; take_step(&rest, &step); i++) {
        if (i + 1 < had)
            continue;
        if (i + 1 > had)
            gemini_pieces_put(x, PIECE_CALLS, step.element ? VIEW_LIT("[") : VIEW_LIT("{"));
        else
            PIECE_PUT(x, PIECE_CALLS, ",");
        if (step.element)
            continue;
        PIECE_PUT(x, PIECE_CALLS, "\\\"");
        put_escaped(x, step.name);
        PIECE_PUT(x, PIECE_CALLS, "\\\":");
    }
}

/* Steps that two paths have in common at their beginning. False: one is the whole beginning of the other. */
static bool common_steps(struct view a, struct view b, unsigned *out)
{
    struct step x, y;

    for (*out = 0; take_step(&a, &x) && take_step(&b, &y); ++*out)
        if (x.element != y.element || !view_eq(x.name, y.name))
            return true;
    return false;
}

static void close_string(struct gemini_pieces *x)
{
    if (x->c->gemini.call.in_string)
        PIECE_PUT(x, PIECE_CALLS, "\\\"");
    x->c->gemini.call.in_string = false;
}

/* From the value before to the place of this one. */
static void move_to(struct gemini_pieces *x, struct view path)
{
    struct gemini_call *call = &x->c->gemini.call;
    struct view was = steps_of(view_of(call->path, call->path_len));
    unsigned common = 0;

    close_string(x);
    if (!path_is_good(path) || (call->begun && !common_steps(was, steps_of(path), &common))) {
        x->e = x->e == ERR_NONE ? ERR_PROVIDER_PROTOCOL : x->e;
        return;
    }
    if (call->begun)
        close_steps(x, was, common + 1);
    open_steps(x, steps_of(path), call->begun ? common + 1 : 0);
    call->begun = true;
    memcpy(call->path, path.ptr, path.len);
    call->path_len = (uint16_t)path.len;
}

static void put_argument(struct gemini_pieces *x, struct json_value part)
{
    struct gemini_call *call = &x->c->gemini.call;
    struct json_value path = {JSON_NULL, VIEW_EMPTY}, more = path, v;
    bool goes_on;

    (void)json_get(part, "jsonPath", &path);
    (void)json_get(part, "willContinue", &more);
    goes_on = call->in_string && view_eq(gemini_text(path), view_of(call->path, call->path_len));
    if (!goes_on)
        move_to(x, gemini_text(path));
    if (json_get(part, "stringValue", &v) && v.kind == JSON_STRING) {
        if (!goes_on)
            PIECE_PUT(x, PIECE_CALLS, "\\\"");
        put_escaped(x, gemini_text(v));
        call->in_string = true;
        if (more.kind != JSON_TRUE)
            close_string(x);
    } else if (goes_on) {
        close_string(x);
    } else if (json_get(part, "numberValue", &v) || json_get(part, "boolValue", &v)) {
        put_escaped(x, v.text);
    } else {
        PIECE_PUT(x, PIECE_CALLS, "null");
    }
}

static void put_arguments(struct gemini_pieces *x, struct json_value call)
{
    struct json_value list;
    struct json_member m;
    struct json_iter it;

    if (!json_get(call, "partialArgs", &list) || list.kind != JSON_ARRAY)
        return;
    for (it = json_iter(list); x->e == ERR_NONE && json_next(&it, &m);)
        put_argument(x, m.value);
}

/* The last of its arguments. */
static void put_rest(struct gemini_pieces *x)
{
    struct gemini_call *call = &x->c->gemini.call;

    close_string(x);
    if (call->begun)
        close_steps(x, steps_of(view_of(call->path, call->path_len)), 0);
    else
        PIECE_PUT(x, PIECE_CALLS, "{}");
    *call = (struct gemini_call){.pending = false};
}

/* --- calls --- */

/* More of the open call's arguments: a delta of its own in a stream; in a whole answer the call is still being written. */
static void put_more(struct gemini_pieces *x, struct json_value call, bool last)
{
    if (!x->whole) {
        put_index(x, x->c->gemini.call.number);
        PIECE_PUT(x, PIECE_CALLS, "\"function\":{\"arguments\":\"");
    }
    put_arguments(x, call);
    if (last)
        put_rest(x);
    if (last || !x->whole)
        PIECE_PUT(x, PIECE_CALLS, "\"}}");
}

void gemini_call_close(struct gemini_pieces *x)
{
    if (x->c->gemini.call.pending && x->c->gemini.call.choice == x->choice)
        put_more(x, (struct json_value){JSON_NULL, VIEW_EMPTY}, true);
}

static void put_begun(struct gemini_pieces *x, struct json_value call, bool goes_on)
{
    struct json_value args;

    if (!goes_on) {
        if (json_get(call, "args", &args) && args.kind == JSON_OBJECT)
            put_escaped(x, args.text);
        else
            PIECE_PUT(x, PIECE_CALLS, "{}");
    } else {
        x->c->gemini.call =
            (struct gemini_call){.pending = true, .choice = x->choice, .number = x->c->gemini.calls - 1};
        put_arguments(x, call);
    }
    if (!goes_on || !x->whole)
        PIECE_PUT(x, PIECE_CALLS, "\"}}");
}

void gemini_call(struct gemini_pieces *x, struct json_value call, struct view signature)
{
    struct json_value name = {JSON_NULL, VIEW_EMPTY}, more = name, pieces;
    bool pending = x->c->gemini.call.pending;

    (void)json_get(call, "name", &name);
    (void)json_get(call, "willContinue", &more);
    if (pending && x->c->gemini.call.choice != x->choice) {
        x->e = x->e == ERR_NONE ? ERR_PROVIDER_PROTOCOL : x->e; /* two at once: whose pieces come next? */
        return;
    }
    if (gemini_text(name).len == 0) {
        if (pending)
            put_more(x, call, more.kind != JSON_TRUE);
        return;
    }
    gemini_call_close(x);
    begin(x, call, gemini_text(name), signature);
    put_begun(x, call, more.kind == JSON_TRUE || json_get(call, "partialArgs", &pieces));
    if (more.kind != JSON_TRUE && x->c->gemini.call.pending)
        gemini_call_close(x);
}
