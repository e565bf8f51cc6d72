/* Every recorded answer of an OpenAI-compatible provider, as a client of Anthropic's Messages gets it: the text,
 * thoughts, calls and end that the canonical chunks have, read back from the dialect's own bytes by json-c. */
#include "check.h"
#include "chat_canon.h"
#include "messages.h"
#include "openai_events.h"
#include "provider_fixtures.h"

/* The product has a function of that name. */
#define json_object json_c_object
#include <json-c/json.h>
#undef json_object

enum { CALLS = 64 };

/* What one side says. Of the events everything is escaped; decoded before it is compared. */
struct said {
    char *text, *thought, *name[CALLS], *args[CALLS];
    unsigned calls;
    char stop[32];
};
static struct said wanted, got;

static void append(char **to, const char *s, size_t len)
{
    size_t had = *to != NULL ? strlen(*to) : 0;

    *to = realloc(*to, had + len + 1);
    memcpy(*to + had, s, len);
    (*to)[had + len] = '\0';
}

static void said_free(struct said *s)
{
    free(s->text);
    free(s->thought);
    for (size_t i = 0; i < CALLS; i++) {
        free(s->name[i]);
        free(s->args[i]);
    }
    *s = (struct said){0};
}

static void decode(char **text)
{
    char *quoted = NULL;
    json_c_object *o;

    if (*text == NULL)
        return;
    append(&quoted, "\"", 1);
    append(&quoted, *text, strlen(*text));
    append(&quoted, "\"", 1);
    o = json_tokener_parse(quoted);
    CHECK(json_object_is_type(o, json_type_string));
    free(*text);
    *text = NULL;
    append(text, json_object_get_string(o), strlen(json_object_get_string(o)));
    json_object_put(o);
    free(quoted);
}

/* --- what the provider said */

static const char *stop_of(enum usage_finish f, unsigned calls, bool refused)
{
    if (f == FINISH_LENGTH)
        return "max_tokens";
    if (f == FINISH_CONTENT_FILTER || refused)
        return "refusal";
    return calls != 0 ? "tool_use" : "end_turn";
}

static enum usage_finish finish;
static bool refused;

static void want(const struct event *e)
{
    if (e->choice != 0)
        return;
    if (e->kind == EVENT_TEXT || e->kind == EVENT_REFUSAL)
        append(&wanted.text, (const char *)e->text.ptr, e->text.len);
    if (e->kind == EVENT_REFUSAL)
        refused = true;
    if (e->kind == EVENT_REASONING)
        append(&wanted.thought, (const char *)e->text.ptr, e->text.len);
    if (e->kind == EVENT_TOOL_BEGIN && wanted.calls < CALLS)
        append(&wanted.name[wanted.calls++], (const char *)e->name.ptr, e->name.len);
    if (e->kind == EVENT_TOOL_ARGS && e->tool < CALLS)
        append(&wanted.args[e->tool], (const char *)e->text.ptr, e->text.len);
    if (e->kind == EVENT_FINISH)
        finish = e->finish;
}

static struct answer answer;
static struct buf out;

static enum err take(void *cookie, const struct event *e)
{
    (void)cookie;
    want(e);
    return messages_2023.event(&answer, e, answer.stream ? &out : NULL);
}
static const struct event_sink sink = {take, NULL};

/* --- what the client reads */

static json_c_object *member(json_c_object *o, const char *name)
{
    return json_object_is_type(o, json_type_object) ? json_object_object_get(o, name) : NULL;
}

static const char *text_of(json_c_object *o, const char *name)
{
    const char *s = json_object_get_string(member(o, name));

    return s == NULL ? "" : s;
}

static void read_block(json_c_object *block)
{
    const char *type = text_of(block, "type");

    append(&got.text, text_of(block, "text"), strlen(text_of(block, "text")));
    append(&got.thought, text_of(block, "thinking"), strlen(text_of(block, "thinking")));
    if (strcmp(type, "tool_use") != 0 || got.calls == CALLS)
        return;
    append(&got.name[got.calls], text_of(block, "name"), strlen(text_of(block, "name")));
    if (!answer.stream)
        append(&got.args[got.calls], text_of(block, "input"), strlen(text_of(block, "input")));
    got.calls++;
}

static void read_event(json_c_object *o)
{
    json_c_object *delta = member(o, "delta");
    const char *json = text_of(delta, "partial_json"), *stop = text_of(delta, "stop_reason");

    if (member(o, "content_block") != NULL)
        read_block(member(o, "content_block"));
    append(&got.text, text_of(delta, "text"), strlen(text_of(delta, "text")));
    append(&got.thought, text_of(delta, "thinking"), strlen(text_of(delta, "thinking")));
    if (*json != '\0')
        append(&got.args[(got.calls + CALLS - 1) % CALLS], json, strlen(json));
    if (*stop != '\0')
        snprintf(got.stop, sizeof got.stop, "%s", stop);
}

static json_c_object *parse(struct view v)
{
    struct json_tokener *t = json_tokener_new_ex(128);
    json_c_object *o = json_tokener_parse_ex(t, (const char *)v.ptr, (int)v.len);

    CHECK(o != NULL && json_tokener_get_error(t) == json_tokener_success);
    json_tokener_free(t);
    return o;
}

static void read_stream(void)
{
    struct view rest = buf_view(&out), line;

    while (rest.len != 0) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);

        CHECK(end != NULL && view_take(&rest, (size_t)(end - rest.ptr) + 1, &line));
        line.len--;
        if (view_starts(line, VIEW_LIT("data: {"))) {
            json_c_object *o = parse(view_from(line, 6));

            read_event(o);
            json_object_put(o);
        }
    }
}

static void read_whole(void)
{
    json_c_object *o = parse(buf_view(&out)), *content = member(o, "content");

    for (size_t i = 0; i < json_object_array_length(content); i++)
        read_block(json_object_array_get_idx(content, i));
    snprintf(got.stop, sizeof got.stop, "%s", text_of(o, "stop_reason"));
    json_object_put(o);
}

/* --- compared */

static unsigned answers, with_calls, with_thoughts, wrapped;

static void same_text(const char *path, const char *what, const char *a, const char *b)
{
    a = a == NULL ? "" : a;
    b = b == NULL ? "" : b;
    if (strcmp(a, b) != 0) {
        printf("# %s: %s\n", path, what);
        CHECK_BYTES(a, strlen(a), b, strlen(b));
    }
}

/* The same object, however it is spelled; what is none is in "value" or "raw". */
static void same_input(const char *path, const char *client, const char *provider)
{
    json_c_object *a = json_tokener_parse(client == NULL ? "" : client), *b;

    CHECK(json_object_is_type(a, json_type_object));
    b = json_tokener_parse(provider == NULL || strspn(provider, " \n\t") == strlen(provider) ? "{}" : provider);
    if (!json_object_is_type(b, json_type_object)) {
        wrapped++;
        CHECK(member(a, "value") != NULL || member(a, "raw") != NULL);
    } else if (!json_object_equal(a, b)) {
        printf("# %s: %s, want %s\n", path, client, provider);
        CHECK(!"the same input");
    }
    json_object_put(a);
    json_object_put(b);
}

static void compare(const char *path)
{
    decode(&wanted.text);
    decode(&wanted.thought);
    same_text(path, "text", got.text, wanted.text);
    same_text(path, "thoughts", got.thought, wanted.thought);
    CHECK_INT(got.calls, wanted.calls);
    for (unsigned i = 0; i < wanted.calls && i < got.calls; i++) {
        decode(&wanted.name[i]);
        decode(&wanted.args[i]);
        same_text(path, "name", got.name[i], wanted.name[i]);
        same_input(path, got.args[i], wanted.args[i]);
    }
    same_text(path, "stop_reason", got.stop, stop_of(finish, wanted.calls, refused));
    answers++;
    with_calls += wanted.calls != 0;
    with_thoughts += wanted.thought != NULL;
}

/* --- one recording */

static struct chat_canon canon;
static struct openai_events state;
static struct prompt prompt = {.list = {.wants_reasoning = true}};
static unsigned documents;
static bool failed;

static void start(bool stream)
{
    static const struct provider provider = {.id = "recorded"};

    canon = (struct chat_canon){.id = "gen-1", .created = 1, .model = VIEW_LIT("m"), .provider = &provider,
                                .want_usage = true};
    state = (struct openai_events){0};
    answer = (struct answer){.id = "gen-00000000000000000000000000000001", .model = VIEW_LIT("m"),
                             .prompt = &prompt, .stream = stream};
    buf_init(&out, 32 << 20);
    finish = FINISH_NONE;
    refused = failed = false;
    documents = 0;
    CHECK_INT(messages_2023.start(&answer), ERR_NONE);
    if (stream)
        CHECK_INT(messages_2023.begin(&answer, &out), ERR_NONE);
}

static void take_document(struct view data, bool whole)
{
    struct buf document;
    enum chat_kind kind = CHAT_NOTHING;
    struct chat_error error;
    enum err e;

    if (failed)
        return;
    buf_init(&document, 8 << 20);
    e = whole ? chat_canon_whole(&canon, data, &document, &kind, &error)
              : chat_canon_chunk(&canon, data, &document, &kind, &error);
    failed = e != ERR_NONE || kind == CHAT_ERROR;
    if (e == ERR_NONE && kind == CHAT_EMIT) {
        documents++;
        CHECK_INT(whole ? openai_events_whole(buf_view(&document), &sink)
                        : openai_events_chunk(&state, buf_view(&document), &sink),
                  ERR_NONE);
    }
    buf_free(&document);
}

static void end(const char *path)
{
    static const struct token_usage usage = {.present = true, .prompt = 1, .completion = 1};

    if (!failed && documents != 0) {
        CHECK_INT(answer.stream ? messages_2023.end(&answer, &usage, "", &out)
                                : messages_2023.whole(&answer, &usage, &out),
                  ERR_NONE);
        if (answer.stream)
            read_stream();
        else
            read_whole();
        compare(path);
    }
    messages_2023.close(&answer);
    buf_free(&out);
    said_free(&wanted);
    said_free(&got);
}

static void run_whole(const char *path, const uint8_t *bytes, size_t len)
{
    start(false);
    take_document(view_of(bytes, len), true);
    end(path);
}

static void take_payload(const uint8_t *payload, size_t len)
{
    take_document(view_of(payload, len), false);
}

static void run_lines(const char *path, const uint8_t *bytes, size_t len)
{
    start(true);
    fixture_payloads(path, bytes, len, take_payload);
    end(path);
}

static void recordings(void)
{
    unsigned files = fixtures_each(".resp.sse", run_lines);

    files += fixtures_each(".resp.chunks.jsonl", run_lines);
    files += fixtures_each(".resp.json", run_whole);
    printf("# %u files, %u answers, %u with calls, %u with thoughts, %u inputs wrapped\n", files, answers, with_calls,
           with_thoughts, wrapped);
    CHECK(files != 0 && answers != 0 && with_calls != 0 && with_thoughts != 0);
}

static const struct check_case cases[] = {
    {"messages_of_recordings", recordings},
};
CHECK_MAIN(cases)
