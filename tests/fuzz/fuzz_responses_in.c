/* Whatever a provider of OpenAI's Responses sends, what leaves is a canonical chunk or completion with our id, or nothing;
 * the clients' events can be read from it; a failure's sentence lies in what was sent; and the stream, gathered for a
 * whole answer, keeps to the same. */
#include "json.h"
#include "openai_events.h"
#include "openai_responses.h"

#include <stdlib.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

static enum err hear(void *cookie, const struct event *e)
{
    (void)cookie;
    must(e->choice == 0 && e->kind <= EVENT_FINISH);
    return ERR_NONE;
}

static const struct event_sink sink = {hear, NULL};

static void check_out(const struct buf *out)
{
    struct json_value root, id, choices;

    must(json_check(buf_view(out), &root, NULL) == ERR_NONE && root.kind == JSON_OBJECT);
    must(json_get(root, "id", &id) && json_string_is(id, "gen-1"));
    must(json_get(root, "choices", &choices) && choices.kind == JSON_ARRAY);
}

static bool lies_in(struct view whole, struct view part)
{
    return part.len == 0 || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

static void check_whole(struct view body)
{
    static const struct provider provider = {.quirks = 0};
    struct chat_canon c = {.id = "gen-1", .model = VIEW_LIT("x-ai/grok"), .provider = &provider};
    struct chat_error error = {0};
    enum chat_kind kind;
    struct buf out;

    buf_init(&out, 1 << 22);
    if (openai_responses_whole(&c, body, &out, &kind, &error) == ERR_NONE && kind == CHAT_EMIT) {
        check_out(&out);
        must(c.useful && openai_events_whole(buf_view(&out), &sink) == ERR_NONE);
    } else {
        must(out.len == 0 && lies_in(body, error.message));
    }
    buf_free(&out);
}

/* The events as a stream for a whole answer. */
static void check_gathered(struct view events)
{
    struct buf body;

    buf_init(&body, 1 << 20);
    while (events.len != 0) {
        const uint8_t *zero = memchr(events.ptr, 0, events.len);
        size_t n = zero == NULL ? events.len : (size_t)(zero - events.ptr);

        must(buf_append(&body, VIEW_LIT("data: ")) == ERR_NONE && buf_append(&body, view_of(events.ptr, n)) == ERR_NONE &&
             buf_append(&body, VIEW_LIT("\n\n")) == ERR_NONE);
        events = view_from(events, n + 1);
    }
    check_whole(buf_view(&body));
    buf_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct provider provider = {.quirks = QUIRK_OPENAI};
    struct chat_canon c = {.id = "gen-1", .model = VIEW_LIT("openai/gpt"), .provider = &provider, .want_usage = true};
    struct openai_events events = {.held = false};
    struct view rest = view_of(data, size);
    struct chat_error error;
    enum chat_kind kind;
    struct buf out;

    if (size == 0 || size > 65536)
        return 0;
    check_whole(rest);
    check_gathered(rest);
    buf_init(&out, 1 << 22);
    while (rest.len != 0) { /* events are separated by a zero byte */
        const uint8_t *zero = memchr(rest.ptr, 0, rest.len);
        struct view one = view_of(rest.ptr, zero == NULL ? rest.len : (size_t)(zero - rest.ptr));

        buf_reset(&out);
        error = (struct chat_error){0};
        if (openai_responses_chunk(&c, one, &out, &kind, &error) == ERR_NONE && kind == CHAT_EMIT) {
            check_out(&out);
            must(memchr(out.ptr, '\n', out.len) == NULL);
            must(openai_events_chunk(&events, buf_view(&out), &sink) == ERR_NONE);
        } else {
            must(out.len == 0 && lies_in(one, error.message));
        }
        rest = view_from(rest, one.len + 1);
    }
    must(c.usage.prompt <= LIMIT_TOKENS_ABSURD && c.usage.completion <= LIMIT_TOKENS_ABSURD);
    buf_free(&out);
    return 0;
}
