/* Anthropic's dialect, both ways. A stream of any bytes becomes chunks that are one JSON object each, on one line, with the
 * figures that can be believed and no finish reason without message_stop; a whole answer one completion. And what a
 * client of any dialect asks becomes one JSON object within the room that was promised, whatever the model's gates: each
 * call is followed by its results, none is without one, no message is empty. The first byte says which way. */
#include "adapter.h"
#include "chat_list.h"
#include "chat_request.h"
#include "messages.h"
#include "responses.h"
#include "sse_in.h"

#include <stdlib.h>

static const struct provider provider = {.id = "anthropic", .dialect = DIALECT_ANTHROPIC};

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* --- answers */

static void check_json(struct view v)
{
    struct json_value root;

    must(json_check(v, &root, NULL) == ERR_NONE && root.kind == JSON_OBJECT);
    must(memchr(v.ptr, '\n', v.len) == NULL && memchr(v.ptr, '\r', v.len) == NULL);
}

static void check_figures(const struct token_usage *u)
{
    must(u->prompt <= LIMIT_TOKENS_ABSURD && u->completion <= LIMIT_TOKENS_ABSURD);
    must(u->cached_read + u->cache_write <= u->prompt || u->prompt == LIMIT_TOKENS_ABSURD);
}

static void fresh(struct chat_canon *c)
{
    *c = (struct chat_canon){.id = "gen-1", .model = VIEW_LIT("m"), .provider = &provider, .want_usage = true};
}

static void read_stream(struct view bytes)
{
    static struct chat_canon c;
    const struct adapter *a = adapter_of(&provider, PROMPT_CHAT);
    struct sse_event event;
    struct sse_in in;
    struct buf out;
    bool stopped = false;
    enum err e = ERR_NONE;

    fresh(&c);
    buf_init(&out, 1 << 22);
    sse_in_init(&in, 1 << 20, NULL);
    sse_in_feed(&in, bytes);
    while (e == ERR_NONE && sse_in_next(&in, &event) == ERR_NONE) {
        enum chat_kind kind = CHAT_NOTHING;
        struct chat_error error;

        buf_reset(&out);
        stopped = stopped || memmem(event.data.ptr, event.data.len, "message", 7) != NULL;
        if (event.data.len == 0)
            continue;
        e = a->chunk(&c, event.data, &out, &kind, &error);
        must(e == ERR_NONE || e == ERR_PROVIDER_PROTOCOL || e == ERR_LIMIT);
        must(kind != CHAT_DONE);
        if (e == ERR_NONE && kind == CHAT_EMIT)
            check_json(buf_view(&out));
        check_figures(&c.usage);
        must(stopped || !chat_canon_finished(&c));
    }
    sse_in_free(&in);
    buf_free(&out);
}

static void read_whole(struct view bytes)
{
    static struct chat_canon c;
    const struct adapter *a = adapter_of(&provider, PROMPT_CHAT);
    enum chat_kind kind = CHAT_NOTHING;
    struct chat_error error;
    struct buf out;

    fresh(&c);
    buf_init(&out, 1 << 22);
    if (a->whole(&c, bytes, &out, &kind, &error) == ERR_NONE && kind == CHAT_EMIT) {
        struct json_value root;

        must(json_check(buf_view(&out), &root, NULL) == ERR_NONE);
        check_figures(&c.usage);
    }
    a->error(400, bytes, &error);
    must(error.status >= 400 && error.status <= 599);
    buf_free(&out);
}

/* --- requests */

static bool is(struct json_value object, const char *name, const char *word)
{
    struct json_value v;

    return json_get(object, name, &v) && json_string_is(v, word);
}

static struct view text_of(struct json_value object, const char *name)
{
    struct json_value v;

    return json_get(object, name, &v) && v.kind == JSON_STRING ? v.text : VIEW_EMPTY;
}

/* Results stand first, in the order of the calls in front of them. */
static void check_answered(struct json_value calls, struct json_value results)
{
    struct json_iter it = json_iter(calls), answers = json_iter(results);
    struct json_member call, result;

    while (json_next(&it, &call)) {
        if (!is(call.value, "type", "tool_use"))
            continue;
        must(json_next(&answers, &result) && is(result.value, "type", "tool_result"));
        must(view_eq(text_of(result.value, "tool_use_id"), text_of(call.value, "id")));
    }
}

static bool has_calls(struct json_value content)
{
    struct json_iter it = json_iter(content);
    struct json_member m;

    while (json_next(&it, &m))
        if (is(m.value, "type", "tool_use"))
            return true;
    return false;
}

static void check_messages(struct json_value messages)
{
    struct json_value before = {JSON_NULL, VIEW_EMPTY}, content;
    struct json_iter it = json_iter(messages);
    struct json_member m, any;
    struct view role = VIEW_EMPTY;
    size_t n = 0;

    for (; json_next(&it, &m); n++) {
        struct json_iter blocks;

        must(json_get(m.value, "content", &content) && content.kind == JSON_ARRAY);
        blocks = json_iter(content);
        must(json_next(&blocks, &any));
        must(!view_eq(role, text_of(m.value, "role")));
        role = text_of(m.value, "role");
        if (before.text.len != 0)
            check_answered(before, content);
        before = has_calls(content) ? content : (struct json_value){JSON_NULL, VIEW_EMPTY};
    }
    must(n != 0 && before.text.len == 0);
}

static void render(const struct prompt *p, uint32_t gates)
{
    const struct catalog_model model = {.id = "a/b", .gates.bits = gates & MODEL_GATES_ALL, .gates.efforts = (uint8_t)(gates >> 16),
                                        .capabilities = gates >> 31 != 0 ? 0 : CAP_REASONING};
    const struct catalog_endpoint endpoint = {.upstream_model = "up/model"};
    const struct destination to = {&provider, &model, &endpoint};
    const struct adapter *a = adapter_of(&provider, PROMPT_CHAT);
    struct view refused = VIEW_EMPTY;
    struct json_value root, messages = {JSON_NULL, VIEW_EMPTY};
    struct buf out;
    enum err e;

    if (!a->fits(p, &to, &refused)) {
        must(refused.len != 0);
        return;
    }
    buf_init(&out, a->room(p));
    must(a->render(p, &to, 0, &out) == ERR_NONE);
    e = json_check(buf_view(&out), &root, NULL);
    if (e != ERR_LIMIT) { /* what was nested most deeply stands deeper here */
        must(e == ERR_NONE && json_get(root, "messages", &messages));
        check_messages(messages);
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

static void ask(unsigned dialect, struct view body, uint32_t gates)
{
    const struct dialect *const dialects[] = {&messages_2023, &messages_2026, &responses_dialect};
    struct prompt_fault fault;
    struct prompt p;
    enum err e = dialect == 3 ? read_chat(body, &p, &fault) : dialects[dialect]->read(body, &p, &fault);

    if (e == ERR_NONE) {
        render(&p, 0);
        render(&p, gates);
        render(&p, ~gates);
    }
    prompt_list_free(&p.list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view rest;
    uint32_t gates;

    if (size < 5)
        return 0;
    memcpy(&gates, data + 1, 4);
    rest = view_of(data + 5, size - 5);
    if (data[0] % 6 == 4)
        read_stream(rest);
    else if (data[0] % 6 == 5)
        read_whole(rest);
    else
        ask(data[0] % 6, rest, gates);
    return 0;
}
