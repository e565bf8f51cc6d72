/* Google's dialect, both ways. Whatever a client asks becomes one JSON object within the room that was promised, whose
 * contents change sides, none is empty, and each turn of calls is followed by as many results. Whatever Google sends
 * becomes one line of JSON with our id in it, with OpenAI's finish reasons, or nothing. The first byte says which: the
 * dialect of a client (the two bytes behind it: gates of the model, host), events separated by zeros, or a whole answer. */
#include "chat_list.h"
#include "chat_request.h"
#include "gemini_embeddings.h"
#include "gemini_read.h"
#include "gemini_render.h"
#include "json.h"
#include "messages.h"
#include "responses.h"

#include <stdlib.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* --- requests --- */

static size_t count(struct json_value parts, const char *member, bool *any)
{
    struct json_iter it = json_iter(parts);
    struct json_member m;
    struct json_value v;
    size_t n = 0;

    for (*any = false; json_next(&it, &m); *any = true)
        n += json_get(m.value, member, &v);
    return n;
}

static void check_contents(struct json_value contents)
{
    struct json_iter it = json_iter(contents);
    struct json_member m;
    struct json_value role, parts;
    struct view last = VIEW_EMPTY;
    size_t calls = 0;
    bool any;

    must(contents.kind == JSON_ARRAY);
    while (json_next(&it, &m)) {
        must(json_get(m.value, "role", &role) && json_get(m.value, "parts", &parts) && parts.kind == JSON_ARRAY);
        must(!view_eq(role.text, last)); /* one content holds all that a side says in a row */
        last = role.text;
        must(json_string_is(role, "user") || json_string_is(role, "model"));
        if (json_string_is(role, "user")) {
            must(count(parts, "functionResponse", &any) == calls && any);
            calls = 0;
        } else {
            must(calls == 0);
            calls = count(parts, "functionCall", &any);
            must(any);
        }
    }
    must(last.len != 0 && calls == 0);
}

static void render(const struct prompt *p, unsigned gates, bool vertex)
{
    const struct provider provider = {.path = "/v1beta"}, other = {.path = "/v1/projects/p/publishers/google"};
    const struct catalog_model model = {.gates = {.bits = gates << 3, .efforts = (uint8_t)gates, .budget_max = gates * 8}};
    const struct catalog_endpoint endpoint = {.upstream_model = "up/model"};
    const struct destination to = {vertex ? &other : &provider, &model, &endpoint};
    struct json_value root, contents = {JSON_NULL, VIEW_EMPTY};
    struct view refused = VIEW_EMPTY;
    struct buf out;
    enum err e;

    if (!gemini_fits(p, &to, &refused)) {
        must(refused.len != 0);
        return;
    }
    buf_init(&out, gemini_room(p));
    must(gemini_render(p, &to, 0, &out) == ERR_NONE);
    e = json_check(buf_view(&out), &root, NULL);
    if (e != ERR_LIMIT) { /* schemas and arguments of the greatest depth stand deeper here */
        must(e == ERR_NONE && root.kind == JSON_OBJECT && json_get(root, "contents", &contents));
        check_contents(contents);
    }
    buf_free(&out);
}

static enum err read_chat(struct view body, struct prompt *out, struct prompt_fault *fault)
{
    static struct chat_request r;
    enum err e = chat_request_parse(body, &r, out, fault);

    if (e == ERR_NONE)
        return chat_list_make(out, fault);
    prompt_list_init(&out->list);
    return e;
}

static void ask(unsigned dialect, unsigned gates, bool vertex, struct view body)
{
    const struct dialect *const dialects[] = {&messages_2023, &messages_2026, &responses_dialect};
    struct prompt_fault fault;
    struct prompt p;
    enum err e = dialect == 3 ? read_chat(body, &p, &fault) : dialects[dialect]->read(body, &p, &fault);

    if (e == ERR_NONE)
        render(&p, gates, vertex);
    prompt_list_free(&p.list);
}

/* --- answers --- */

static bool is_reason(struct json_value v, bool chunk)
{
    static const char *const words[] = {"stop", "length", "tool_calls", "content_filter"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (json_string_is(v, words[i]))
            return true;
    return chunk && v.kind == JSON_NULL;
}

static void check_calls(struct json_value said, bool chunk)
{
    struct json_value calls, id, function, arguments, root;
    struct json_iter it;
    struct json_member m;
    struct buf text;

    if (!json_get(said, "tool_calls", &calls))
        return;
    for (it = json_iter(calls); json_next(&it, &m);) {
        must(json_get(m.value, "function", &function) && json_get(function, "arguments", &arguments));
        if (chunk)
            continue;
        must(json_get(m.value, "id", &id) && id.kind == JSON_STRING && id.text.len > 2);
        buf_init(&text, 1 << 20);
        if (json_string_decode(arguments, &text) == ERR_NONE) /* no half of a surrogate pair */
            must(json_check(buf_view(&text), &root, NULL) == ERR_NONE && root.kind == JSON_OBJECT);
        buf_free(&text);
    }
}

static void check_out(const struct buf *out, bool chunk)
{
    struct json_value root, v, choices, said;
    struct json_iter it;
    struct json_member m;

    must(json_check(buf_view(out), &root, NULL) == ERR_NONE && root.kind == JSON_OBJECT);
    must(json_get(root, "id", &v) && json_string_is(v, "gen-1"));
    must(json_get(root, "choices", &choices) && choices.kind == JSON_ARRAY);
    must(memchr(out->ptr, '\n', out->len) == NULL);
    for (it = json_iter(choices); json_next(&it, &m);) {
        must(json_get(m.value, "finish_reason", &v) && is_reason(v, chunk));
        must(json_get(m.value, chunk ? "delta" : "message", &said) && said.kind == JSON_OBJECT);
        check_calls(said, chunk);
    }
}

static void read_one(struct chat_canon *c, struct view data, bool chunk)
{
    struct chat_error error = {0};
    enum chat_kind kind = CHAT_NOTHING;
    struct buf out;
    enum err e;

    buf_init(&out, 1 << 22);
    e = chunk ? gemini_chunk(c, data, &out, &kind, &error) : gemini_whole(c, data, &out, &kind, &error);
    if (e == ERR_NONE && kind == CHAT_EMIT)
        check_out(&out, chunk);
    else
        must(out.len == 0);
    if (e == ERR_NONE && kind == CHAT_ERROR)
        must(error.message.len == 0 || (error.message.ptr >= data.ptr && error.message.ptr < data.ptr + data.len));
    buf_free(&out);
}

/* Vectors, or nothing. */
static void read_vectors(struct view body)
{
    static const struct provider provider;
    struct chat_canon c = {.id = "gen-1", .model = VIEW_LIT("m"), .provider = &provider, .embeddings.n_inputs = 1};
    struct chat_error error = {0};
    enum chat_kind kind = CHAT_NOTHING;
    struct json_value root;
    struct buf out;

    buf_init(&out, 1 << 22);
    if (gemini_embeddings_whole(&c, body, &out, &kind, &error) == ERR_NONE && kind == CHAT_EMIT)
        must(json_check(buf_view(&out), &root, NULL) == ERR_NONE && root.kind == JSON_OBJECT);
    else
        must(out.len == 0);
    buf_free(&out);
}

static void answer(struct view rest, bool chunks)
{
    static const struct provider provider;
    struct chat_canon c = {.id = "gen-1", .model = VIEW_LIT("m"), .provider = &provider, .want_usage = true};
    struct chat_error error;

    gemini_error(400, rest, &error);
    if (!chunks) {
        read_one(&c, rest, false);
        read_vectors(rest);
    }
    while (chunks && rest.len != 0) {
        const uint8_t *zero = memchr(rest.ptr, 0, rest.len);
        size_t n = zero == NULL ? rest.len : (size_t)(zero - rest.ptr);

        read_one(&c, view_of(rest.ptr, n), true);
        rest = view_from(rest, n == rest.len ? n : n + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view rest = view_of(data, size);

    if (size < 3)
        return 0;
    if (data[0] % 6 >= 4)
        answer(view_from(rest, 1), data[0] % 6 == 4);
    else
        ask(data[0] % 6, data[1] | (unsigned)(data[2] & 0x7f) << 8, data[2] >> 7, view_from(rest, 3));
    return 0;
}
