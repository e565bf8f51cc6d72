/* Whatever a provider sends, what leaves is one line of JSON with our id in it, or nothing: no error in it,
 * no finish reason that is not OpenAI's, "stop" only from a word that means it, no call without id and
 * name. The same holds for a stream that is gathered into one completion. */
#include "chat_gather.h"
#include "json.h"

#include <stdlib.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

static bool is_reason(struct json_value v, bool chunk)
{
    static const char *const words[] = {"stop", "length", "tool_calls", "content_filter", "function_call"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (json_string_is(v, words[i]))
            return true;
    return chunk && v.kind == JSON_NULL;
}

static void check_choice(struct json_value choice, bool chunk)
{
    struct json_value v;

    must(choice.kind == JSON_OBJECT);
    must(json_get(choice, "finish_reason", &v) && is_reason(v, chunk));
    must(!json_get(choice, "error", &v) && !json_get(choice, chunk ? "message" : "delta", &v));
    must(json_get(choice, chunk ? "delta" : "message", &v) && v.kind == JSON_OBJECT);
}

static void check_out(const struct buf *out, bool chunk)
{
    struct json_value root, id, choices;
    struct json_iter it;
    struct json_member one;

    must(json_check(buf_view(out), &root, NULL) == ERR_NONE);
    must(root.kind == JSON_OBJECT);
    must(json_get(root, "id", &id) && json_string_is(id, "gen-1"));
    must(json_get(root, "choices", &choices) && choices.kind == JSON_ARRAY);
    must(!json_get(root, "error", &id));
    for (it = json_iter(choices); json_next(&it, &one);)
        check_choice(one.value, chunk);
    must(!chunk || memchr(out->ptr, '\n', out->len) == NULL);
}

/* The chunks as a stream for a whole answer. */
static void check_gathered(const uint8_t *data, size_t size, const struct provider *provider)
{
    struct chat_canon c = {.id = "gen-1", .model = VIEW_LIT("m"), .provider = provider};
    struct view rest = view_of(data, size);
    struct chat_error error = {0};
    enum chat_kind kind;
    struct buf body, out;

    buf_init(&body, 1 << 20);
    buf_init(&out, 1 << 22);
    while (rest.len != 0) {
        const uint8_t *zero = memchr(rest.ptr, 0, rest.len);
        size_t n = zero == NULL ? rest.len : (size_t)(zero - rest.ptr);

        must(buf_append(&body, VIEW_LIT("data: ")) == ERR_NONE &&
             buf_append(&body, view_of(rest.ptr, n)) == ERR_NONE &&
             buf_append(&body, VIEW_LIT("\n\n")) == ERR_NONE);
        rest = view_from(rest, n + 1);
    }
    if (chat_gather(&c, buf_view(&body), &out, &kind, &error) == ERR_NONE && kind == CHAT_EMIT) {
        check_out(&out, false);
        must(c.useful);
    } else
        must(out.len == 0);
    must(error.message.len == 0 || (error.message.ptr >= body.ptr && error.message.ptr < body.ptr + body.len));
    buf_free(&body);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct provider provider = {.quirks = QUIRK_REASONING_EXCLUDED};
    struct chat_canon c = {.id = "gen-1", .model = VIEW_LIT("m"), .provider = &provider};
    struct chat_canon slow;
    struct view rest = view_of(data, size);
    struct chat_error error;
    enum chat_kind kind, slow_kind;
    struct buf out, slow_out;

    if (size == 0 || size > 65536)
        return 0;
    buf_init(&out, 1 << 22);
    buf_init(&slow_out, 1 << 22);
    check_gathered(data, size, &provider);
    c.want_usage = (data[0] & 1) != 0;
    slow = c;
    while (rest.len != 0) { /* chunks are separated by a zero byte */
        const uint8_t *zero = memchr(rest.ptr, 0, rest.len);
        size_t n = zero == NULL ? rest.len : (size_t)(zero - rest.ptr);

        buf_reset(&out);
        if (chat_canon_chunk(&c, view_of(rest.ptr, n), &out, &kind, &error) == ERR_NONE &&
            kind == CHAT_EMIT)
            check_out(&out, true);
        else
            must(out.len == 0);
        slow.repeat = (struct chat_repeat){0}; /* the short way must not show */
        buf_reset(&slow_out);
        if (chat_canon_chunk(&slow, view_of(rest.ptr, n), &slow_out, &slow_kind, &error) !=
            ERR_NONE)
            slow_kind = kind;
        must(kind == slow_kind && view_eq(buf_view(&out), buf_view(&slow_out)));
        must(c.content_bytes == slow.content_bytes && c.finish == slow.finish);
        must(c.n_tools == slow.n_tools && c.useful == slow.useful);
        rest = view_from(rest, n + 1);
    }
    must(c.usage.prompt <= LIMIT_TOKENS_ABSURD && c.usage.completion <= LIMIT_TOKENS_ABSURD);
    must(c.usage.reasoning <= c.usage.completion || c.usage.clamped);
    c = (struct chat_canon){.id = "gen-1", .model = VIEW_LIT("m"), .provider = &provider};
    buf_reset(&out);
    if (chat_canon_whole(&c, view_of(data, size), &out, &kind, &error) == ERR_NONE &&
        kind == CHAT_EMIT)
        check_out(&out, false);
    else
        must(out.len == 0);
    chat_canon_error(400, view_of(data, size), &error);
    buf_free(&out);
    buf_free(&slow_out);
    return 0;
}
