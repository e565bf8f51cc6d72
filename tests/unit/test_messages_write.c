/* What a provider answers must reach a client of Anthropic's Messages as one content block after the other,
 * each event with every member that the SDKs' types promise, and what the model thought must come back to
 * its maker. The streams are those of the recordings' grammar: start, then per block start, deltas, stop. */
#include "messages.h"
#include "messages_internal.h"
#include "replay.h"

#include "check.h"

#define SEALED "~" /* in an expected text: any sealed text */

struct step {
    int kind; /* enum event_kind, or -1: the end of the list */
    uint32_t tool;
    const char *text, *id, *name;
    enum usage_finish finish;
};
#define TEXT(s) {EVENT_TEXT, 0, s, NULL, NULL, FINISH_NONE}
#define THOUGHT(s) {EVENT_REASONING, 0, s, NULL, NULL, FINISH_NONE}
#define DETAIL(s) {EVENT_DETAIL, 0, s, NULL, NULL, FINISH_NONE}
#define REFUSAL(s) {EVENT_REFUSAL, 0, s, NULL, NULL, FINISH_NONE}
#define CALL(n, i, f) {EVENT_TOOL_BEGIN, n, NULL, i, f, FINISH_NONE}
#define ARGS(n, s) {EVENT_TOOL_ARGS, n, s, NULL, NULL, FINISH_NONE}
#define FINISH(f) {EVENT_FINISH, 0, NULL, NULL, NULL, f}
#define END {-1, 0, NULL, NULL, NULL, FINISH_NONE}

static struct view text_of(const char *s)
{
    return s == NULL ? VIEW_EMPTY : view_str(s);
}

static struct event event_of(const struct step *s)
{
    return (struct event){.kind = (enum event_kind)s->kind,
                          .tool = s->tool,
                          .finish = s->finish,
                          .text = s->kind == EVENT_DETAIL ? VIEW_EMPTY : text_of(s->text),
                          .json = s->kind == EVENT_DETAIL ? text_of(s->text) : VIEW_EMPTY,
                          .id = text_of(s->id),
                          .name = text_of(s->name)};
}

static struct prompt prompt;
static struct buf out;

static struct answer answer(bool stream, bool shows)
{
    prompt.list.wants_reasoning = shows;
    buf_init(&out, 1 << 20);
    return (struct answer){.id = "gen-00000000000000000000000000000001",
                           .model = VIEW_LIT("x/y"),
                           .prompt = &prompt,
                           .stream = stream};
}

static const struct token_usage usage = {.present = true, .prompt = 1140, .completion = 60,
                                         .cached_read = 1000, .cache_write = 100, .reasoning = 20,
                                         .cache_write_long = 30, .prompt_nusd = 700, .completion_nusd = 300};

static void play(bool stream, bool shows, const struct step *s, const char *cut)
{
    const struct dialect *d = &messages_2023;
    struct answer a = answer(stream, shows);

    CHECK_INT(d->start(&a), ERR_NONE);
    if (stream)
        CHECK_INT(d->begin(&a, &out), ERR_NONE);
    for (; s->kind >= 0; s++) {
        struct event e = event_of(s);

        CHECK_INT(d->event(&a, &e, stream ? &out : NULL), ERR_NONE);
    }
    CHECK_INT(stream ? d->end(&a, &usage, cut, &out) : d->whole(&a, &usage, &out), ERR_NONE);
    d->close(&a);
    CHECK(a.state == NULL);
}

/* The payloads, one a line, with the name of each event checked; sealed texts become ~, and are kept. */
static char lines[1 << 16], seals[8][4096];
static size_t n_seals;

static void cut_seals(const char *from, size_t len, char **to)
{
    const char *end = from + len;

    n_seals = 0;
    while (from < end) {
        if (replay_is_sealed(view_of(from, (size_t)(end - from))) && n_seals < 8) {
            size_t n = strspn(from, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

            snprintf(seals[n_seals++], sizeof seals[0], "%.*s", (int)n, from);
            from += n;
            *(*to)++ = '~';
        } else {
            *(*to)++ = *from++;
        }
    }
    **to = '\0';
}

static void read_stream(void)
{
    static char plain[1 << 16];
    char *at = lines, *p = plain, *event;

    cut_seals((const char *)out.ptr, out.len, &p);
    lines[0] = '\0';
    for (event = plain; *event != '\0';) {
        char *end = strstr(event, "\n\n"), *data = strstr(event, "data: ");
        char name[64] = "", type[64];

        CHECK(end != NULL && data != NULL && data < end);
        if (end == NULL || data == NULL)
            return;
        sscanf(event, "event: %63[a-z_]", name);
        snprintf(type, sizeof type, "data: {\"type\":\"%s\"", name);
        CHECK(name[0] == '\0' ? strncmp(data, "data: [DONE]", 12) == 0 && data == event
                              : strncmp(data, type, strlen(type)) == 0);
        at += sprintf(at, "%.*s\n", (int)(end - data - 6), data + 6);
        event = end + 2;
    }
}

/* --- E4 of the facts: a stream of OpenAI's shape --- */

static const struct step e4[] = {
    THOUGHT("Two tools."),
    DETAIL("{\"type\":\"reasoning.text\",\"text\":\"Two tools.\",\"format\":\"anthropic-claude-v1\",\"index\":0}"),
    DETAIL("{\"type\":\"reasoning.text\",\"signature\":\"c2ln\",\"format\":\"anthropic-claude-v1\",\"index\":0}"),
    TEXT("One moment. "),
    CALL(0, "toolu_1", "weather"),
    ARGS(0, ""),
    ARGS(0, "{\\\"city\\\":"),
    ARGS(0, "\\\"Z\xc3\xbcrich\\\"}"),
    CALL(1, "toolu_2", "now"),
    ARGS(1, "{}"),
    FINISH(FINISH_TOOL_CALLS),
    END,
};

#define START                                                                                      \
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_00000000000000000000000000000001\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"x/y\",\"content\":[],\"container\":null,\"diagnostics\":null,\"stop_reason\":null,\"stop_sequence\":null,\"stop_details\":null,\"usage\":{\"input_tokens\":0,\"output_tokens\":0,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens_details\":null,\"server_tool_use\":null,\"cache_creation\":null,\"inference_geo\":null,\"service_tier\":null,\"speed\":null}}}\n"
#define THINKING_START(i) "{\"type\":\"content_block_start\",\"index\":" #i ",\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n"
#define THINKING(i, s) "{\"type\":\"content_block_delta\",\"index\":" #i ",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"" s "\"}}\n"
#define SIGNATURE(i) "{\"type\":\"content_block_delta\",\"index\":" #i ",\"delta\":{\"type\":\"signature_delta\",\"signature\":\"" SEALED "\"}}\n"
#define TEXT_START(i) "{\"type\":\"content_block_start\",\"index\":" #i ",\"content_block\":{\"type\":\"text\",\"text\":\"\",\"citations\":null}}\n"
#define TEXT_DELTA(i, s) "{\"type\":\"content_block_delta\",\"index\":" #i ",\"delta\":{\"type\":\"text_delta\",\"text\":\"" s "\"}}\n"
#define CALL_START(i, id, name) "{\"type\":\"content_block_start\",\"index\":" #i ",\"content_block\":{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"" name "\",\"input\":{},\"caller\":{\"type\":\"direct\"}}}\n"
#define CALL_DELTA(i, s) "{\"type\":\"content_block_delta\",\"index\":" #i ",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"" s "\"}}\n"
#define STOP(i) "{\"type\":\"content_block_stop\",\"index\":" #i "}\n"
#define TOKENS "\"input_tokens\":40,\"output_tokens\":60,\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":1000,\"output_tokens_details\":{\"thinking_tokens\":20},\"server_tool_use\":null"
#define LAST(reason, details) "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" reason "\",\"stop_sequence\":null,\"stop_details\":" details ",\"container\":null},\"usage\":{" TOKENS "}}\n{\"type\":\"message_stop\"}\n[DONE]\n"

static void expect(const char *want)
{
    CHECK_BYTES(lines, strlen(lines), want, strlen(want));
}

/* Opens a kept seal: its elements with the text that the client has. */
static void expect_seal(size_t i, const char *beside, const char *want)
{
    struct replay r;
    struct buf elements;

    buf_init(&elements, 1 << 16);
    CHECK(i < n_seals);
    if (i < n_seals) {
        CHECK_INT(replay_open(view_str(seals[i]), &r), ERR_NONE);
        CHECK_BYTES(r.maker.ptr, r.maker.len, "x/y", 3);
        CHECK_INT(replay_details(&r, view_str(beside), &elements), ERR_NONE);
        CHECK_BYTES(elements.ptr, elements.len, want, strlen(want));
        replay_close(&r);
    }
    buf_free(&elements);
}

static void worked_example_e4(void)
{
    play(true, true, e4, "");
    read_stream();
    expect(START THINKING_START(0) THINKING(0, "Two tools.") SIGNATURE(0) STOP(0) TEXT_START(1)
               TEXT_DELTA(1, "One moment. ") STOP(1) CALL_START(2, "toolu_1", "weather") CALL_DELTA(2, "{\\\"city\\\":")
                   CALL_DELTA(2, "\\\"Z\xc3\xbcrich\\\"}") STOP(2) CALL_START(3, "toolu_2", "now") CALL_DELTA(3, "{}")
                       STOP(3) LAST("tool_use", "null"));
    expect_seal(0, "Two tools.",
                "{\"text\":\"Two tools.\",\"type\":\"reasoning.text\",\"format\":\"anthropic-claude-v1\",\"index\":0,"
                "\"signature\":\"c2ln\"}");
    buf_free(&out);
}

#define WHOLE(content, reason, details)                                                            \
    "{\"id\":\"msg_00000000000000000000000000000001\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"x/y\",\"content\":[" content "],\"stop_reason\":\"" reason "\",\"stop_sequence\":null,\"stop_details\":" details ",\"container\":null,\"diagnostics\":null,\"usage\":{" TOKENS "," WRITES ",\"inference_geo\":null,\"service_tier\":null,\"speed\":null}}"
#define WRITES "\"cache_creation\":{\"ephemeral_5m_input_tokens\":70,\"ephemeral_1h_input_tokens\":30}"
#define W_THINKING(s) "{\"type\":\"thinking\",\"thinking\":\"" s "\",\"signature\":\"" SEALED "\"}"
#define W_TEXT(s) "{\"type\":\"text\",\"text\":\"" s "\",\"citations\":[]}"
#define W_CALL(id, name, input) "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"" name "\",\"input\":" input ",\"caller\":{\"type\":\"direct\"}}"

static void read_whole(void)
{
    char *p = lines;

    cut_seals((const char *)out.ptr, out.len, &p);
}

static void the_same_whole(void)
{
    play(false, true, e4, "");
    read_whole();
    expect(WHOLE(W_THINKING("Two tools.") "," W_TEXT("One moment. ") "," W_CALL("toolu_1", "weather", "{\"city\":\"Z\xc3\xbcrich\"}") "," W_CALL("toolu_2", "now", "{}"),
                 "tool_use", "null"));
    expect_seal(0, "Two tools.",
                "{\"text\":\"Two tools.\",\"type\":\"reasoning.text\",\"format\":\"anthropic-claude-v1\",\"index\":0,"
                "\"signature\":\"c2ln\"}");
    buf_free(&out);
}

/* --- streams --- */

static const struct {
    const char *name;
    struct step step[12];
    const char *cut, *want;
} streams[] = {
    {"nothing", {FINISH(FINISH_STOP), END}, "", START LAST("end_turn", "null")},
    {"no finish reason", {TEXT("a"), TEXT(""), TEXT("b"), END}, "",
     START TEXT_START(0) TEXT_DELTA(0, "a") TEXT_DELTA(0, "b") STOP(0) LAST("end_turn", "null")},
    {"length", {TEXT("a"), FINISH(FINISH_LENGTH), END}, "",
     START TEXT_START(0) TEXT_DELTA(0, "a") STOP(0) LAST("max_tokens", "null")},
    {"cut by us", {TEXT("a"), END}, "credit", START TEXT_START(0) TEXT_DELTA(0, "a") STOP(0) LAST("max_tokens", "null")},
    {"filter", {FINISH(FINISH_CONTENT_FILTER), END}, "",
     START LAST("refusal", "{\"type\":\"refusal\",\"category\":null,\"explanation\":null}")},
    {"refusal", {REFUSAL("I \\\"can"), REFUSAL("not\\\"."), FINISH(FINISH_STOP), END}, "",
     START TEXT_START(0) TEXT_DELTA(0, "I \\\"can") TEXT_DELTA(0, "not\\\".") STOP(0)
         LAST("refusal", "{\"type\":\"refusal\",\"category\":null,\"explanation\":\"I \\\"cannot\\\".\"}")},
    {"stop with calls", {CALL(0, "a", "f"), ARGS(0, "{}"), FINISH(FINISH_STOP), END}, "",
     START CALL_START(0, "a", "f") CALL_DELTA(0, "{}") STOP(0) LAST("tool_use", "null")},
    /* calls that interleave: the later one waits */
    {"interleaved",
     {CALL(0, "a", "f"), ARGS(0, "{\\\"x\\\":"), CALL(1, "b", "g"), ARGS(1, "{\\\"y\\\":"), ARGS(0, "1"), ARGS(1, "2}"),
      ARGS(0, "}"), CALL(2, "c", "h"), ARGS(2, "{}"), FINISH(FINISH_TOOL_CALLS), END},
     "",
     START CALL_START(0, "a", "f") CALL_DELTA(0, "{\\\"x\\\":") CALL_DELTA(0, "1") CALL_DELTA(0, "}") STOP(0)
         CALL_START(1, "b", "g") CALL_DELTA(1, "{\\\"y\\\":2}") STOP(1) CALL_START(2, "c", "h") CALL_DELTA(2, "{}") STOP(2)
             LAST("tool_use", "null")},
    /* all begin first; text comes between them; the first one never gets arguments */
    {"begun together",
     {CALL(0, "a", "f"), CALL(1, "b", "g"), TEXT("say"), ARGS(1, "{\\\"k\\\":{\\\"]\\\":[1]}}"), FINISH(FINISH_TOOL_CALLS), END},
     "",
     START CALL_START(0, "a", "f") CALL_DELTA(0, "{}") STOP(0) CALL_START(1, "b", "g")
         CALL_DELTA(1, "{\\\"k\\\":{\\\"]\\\":[1]}}") STOP(1) TEXT_START(2) TEXT_DELTA(2, "say") STOP(2)
             LAST("tool_use", "null")},
    {"white space first", {CALL(0, "a", "f"), ARGS(0, " \\n"), ARGS(0, "{"), ARGS(0, "}\\n"), END}, "",
     START CALL_START(0, "a", "f") CALL_DELTA(0, " \\n{") CALL_DELTA(0, "}\\n") STOP(0) LAST("tool_use", "null")},
    /* arguments that are no object */
    {"a list", {CALL(0, "a", "f"), ARGS(0, "[\\\"x\\\","), ARGS(0, "1]"), END}, "",
     START CALL_START(0, "a", "f") CALL_DELTA(0, "{\\\"value\\\":[\\\"x\\\",1]}") STOP(0) LAST("tool_use", "null")},
    {"no JSON", {CALL(0, "a", "f"), ARGS(0, "say \\\"x\\\"\\n"), END}, "",
     START CALL_START(0, "a", "f") CALL_DELTA(0, "{\\\"raw\\\":\\\"say \\\\\\\"x\\\\\\\"\\\\n\\\"}") STOP(0)
         LAST("tool_use", "null")},
    /* ids of other makers, and none */
    {"ids", {CALL(0, "functions.f:0", "f"), ARGS(0, "{}"), CALL(1, NULL, "g"), ARGS(1, "{}"), END}, "",
     START CALL_START(0, "functions_f_0", "f") CALL_DELTA(0, "{}") STOP(0)
         CALL_START(1, "toolu_00000000000000000000000000000001_1", "g") CALL_DELTA(1, "{}") STOP(1) LAST("tool_use", "null")},
    /* half a pair of surrogates waits for the other half; a backslash before it makes it a text */
    {"surrogates",
     {TEXT("a\\ud83d"), TEXT("\\ude00b"), TEXT("\\\\ud83d"), TEXT("c\\uD83D"), CALL(0, "i", "f"), ARGS(0, "{\\\"a\\\":\\\"\\ud83d"),
      ARGS(0, "\\ude00\\\"}"), END},
     "",
     START TEXT_START(0) TEXT_DELTA(0, "a") TEXT_DELTA(0, "\\ud83d\\ude00b") TEXT_DELTA(0, "\\\\ud83d") TEXT_DELTA(0, "c")
         TEXT_DELTA(0, "\\ufffd") STOP(0) CALL_START(1, "i", "f") CALL_DELTA(1, "{\\\"a\\\":\\\"")
             CALL_DELTA(1, "\\ud83d\\ude00\\\"}") STOP(1) LAST("tool_use", "null")},
    /* thoughts: another phase is another block; what has no text is redacted */
    {"two phases", {THOUGHT("a"), TEXT("b"), THOUGHT("c"), TEXT("d"), END}, "",
     START THINKING_START(0) THINKING(0, "a") SIGNATURE(0) STOP(0) TEXT_START(1) TEXT_DELTA(1, "b") STOP(1) THINKING_START(2)
         THINKING(2, "c") SIGNATURE(2) STOP(2) TEXT_START(3) TEXT_DELTA(3, "d") STOP(3) LAST("end_turn", "null")},
    {"encrypted",
     {DETAIL("{\"type\":\"reasoning.encrypted\",\"data\":\"A\"}"), DETAIL("{\"type\":\"reasoning.encrypted\",\"data\":\"B\"}"),
      TEXT("a"), END},
     "",
     START "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"redacted_thinking\",\"data\":\"" SEALED "\"}}\n"
     STOP(0) TEXT_START(1) TEXT_DELTA(1, "a") STOP(1) LAST("end_turn", "null")},
};

static void streams_come_out(void)
{
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        printf("# %s\n", streams[i].name);
        play(true, true, streams[i].step, streams[i].cut);
        read_stream();
        expect(streams[i].want);
        buf_free(&out);
    }
}

/* --- whole answers --- */

static const struct {
    struct step step[8];
    const char *want;
} wholes[] = {
    {{FINISH(FINISH_STOP), END}, WHOLE("", "end_turn", "null")},
    {{TEXT("a\\ud83d"), TEXT("\\ude00"), FINISH(FINISH_LENGTH), END}, WHOLE(W_TEXT("a\\ud83d\\ude00"), "max_tokens", "null")},
    {{REFUSAL("No."), FINISH(FINISH_STOP), END},
     WHOLE(W_TEXT("No."), "refusal", "{\"type\":\"refusal\",\"category\":null,\"explanation\":\"No.\"}")},
    {{CALL(0, "a", "f"), CALL(1, "b", "g"), ARGS(1, "7"), CALL(2, "c", "h"), ARGS(2, "{\\\"a\\\": \\\"\\\\u00e9\\\"}"), CALL(3, "d", "i"),
      ARGS(3, "{\\\"a\\\":"), END},
     WHOLE(W_CALL("a", "f", "{}") "," W_CALL("b", "g", "{\"value\":7}") "," W_CALL("c", "h", "{\"a\": \"\\u00e9\"}") "," W_CALL("d", "i", "{\"raw\":\"{\\\"a\\\":\"}"),
           "tool_use", "null")},
    {{THOUGHT("a"), END}, WHOLE(W_THINKING("a"), "end_turn", "null")},
};

static void wholes_come_out(void)
{
    for (size_t i = 0; i < sizeof wholes / sizeof wholes[0]; i++) {
        play(false, true, wholes[i].step, "");
        read_whole();
        expect(wholes[i].want);
        buf_free(&out);
    }
}

/* --- thoughts --- */

#define TWO_SIGNED                                                                                 \
    DETAIL("{\"type\":\"reasoning.text\",\"text\":\"on\",\"index\":0,\"format\":null}"),           \
        DETAIL("{\"type\":\"reasoning.text\",\"text\":\"e\",\"index\":0,\"signature\":\"s1\"}"),    \
        DETAIL("{\"type\":\"reasoning.text\",\"text\":\"two\",\"signature\":\"s2\",\"index\":1}")

/* Each of two signed thoughts is replayed with its own text, however the answer came. */
static void each_thought_has_its_signature(void)
{
    static const struct step whole[] = {THOUGHT("onetwo"), TWO_SIGNED, TEXT("x"), END};
    static const struct step stream[] = {
        THOUGHT("one"), DETAIL("{\"type\":\"reasoning.text\",\"text\":\"one\",\"index\":0,\"format\":null}"),
        DETAIL("{\"type\":\"reasoning.text\",\"index\":0,\"signature\":\"s1\"}"), THOUGHT("two"),
        DETAIL("{\"type\":\"reasoning.text\",\"text\":\"two\",\"signature\":\"s2\",\"index\":1}"), TEXT("x"), END};

    play(false, true, whole, "");
    read_whole();
    expect(WHOLE(W_THINKING("one") "," W_THINKING("two") "," W_TEXT("x"), "end_turn", "null"));
    expect_seal(0, "one", "{\"text\":\"one\",\"type\":\"reasoning.text\",\"index\":0,\"signature\":\"s1\"}");
    expect_seal(1, "two", "{\"text\":\"two\",\"type\":\"reasoning.text\",\"signature\":\"s2\",\"index\":1}");
    buf_free(&out);
    play(true, true, stream, "");
    read_stream();
    expect(START THINKING_START(0) THINKING(0, "one") SIGNATURE(0) STOP(0) THINKING_START(1) THINKING(1, "two") SIGNATURE(1)
               STOP(1) TEXT_START(2) TEXT_DELTA(2, "x") STOP(2) LAST("end_turn", "null"));
    expect_seal(0, "one", "{\"text\":\"one\",\"type\":\"reasoning.text\",\"index\":0,\"signature\":\"s1\"}");
    expect_seal(1, "two", "{\"text\":\"two\",\"type\":\"reasoning.text\",\"signature\":\"s2\",\"index\":1}");
    buf_free(&out);
}

/* OpenAI's: a summary in pieces, then what is encrypted; all of it is one thought. */
static void summary_and_encrypted(void)
{
    static const struct step steps[] = {
        THOUGHT("Su"), DETAIL("{\"type\":\"reasoning.summary\",\"summary\":\"Su\",\"id\":null,\"index\":0}"),
        THOUGHT("m"), DETAIL("{\"type\":\"reasoning.summary\",\"summary\":\"m\",\"id\":\"rs_1\",\"index\":0}"),
        DETAIL("{\"type\":\"reasoning.encrypted\",\"data\":\"gA\",\"id\":\"rs_1\"}"), TEXT("x"), END};

    for (int stream = 0; stream < 2; stream++) {
        play(stream, true, steps, "");
        if (stream)
            read_stream();
        else
            read_whole();
        CHECK_INT(n_seals, 1);
        expect_seal(0, "Sum",
                    "{\"summary\":\"Sum\",\"type\":\"reasoning.summary\",\"index\":0,\"id\":\"rs_1\"},"
                    "{\"type\":\"reasoning.encrypted\",\"data\":\"gA\",\"id\":\"rs_1\"}");
        buf_free(&out);
    }
}

/* Claude Code asks not to see them: they are inside of the seal. */
static void omitted_thoughts_are_sealed(void)
{
    static const struct step steps[] = {THOUGHT("hid"), THOUGHT("den"), TEXT("x"), END};
    struct replay r;

    play(true, false, steps, "");
    read_stream();
    expect(START THINKING_START(0) SIGNATURE(0) STOP(0) TEXT_START(1) TEXT_DELTA(1, "x") STOP(1) LAST("end_turn", "null"));
    CHECK_INT(replay_open(view_str(seals[0]), &r), ERR_NONE);
    CHECK_BYTES(r.text.ptr, r.text.len, "hidden", 6);
    replay_close(&r);
    buf_free(&out);
    play(false, false, steps, "");
    read_whole();
    expect(WHOLE(W_THINKING("") "," W_TEXT("x"), "end_turn", "null"));
    buf_free(&out);
}

/* --- failures --- */

static const struct {
    struct api_failure f;
    const char *type, *message;
} failures[] = {
    {{.error = API_BAD_REQUEST, .member = VIEW_LIT("temperature"), .message = "Extra inputs are not permitted"},
     "invalid_request_error", "temperature: Extra inputs are not permitted"},
    {{.error = API_BAD_REQUEST, .param = "max_tokens", .message = "Field required"}, "invalid_request_error",
     "max_tokens: Field required"},
    {{.error = API_UNSUPPORTED_PARAMETER, .param = "thread", .message = "is not supported"},
     "invalid_request_error", "thread: is not supported"},
    {{.error = API_BAD_KEY}, "authentication_error", "The API key is not known."},
    {{.error = API_NO_CREDIT, .text = "afford 7"}, "billing_error", "afford 7"},
    {{.error = API_NO_MODEL, .param = "model"}, "not_found_error", NULL},
    {{.error = API_TOO_LARGE}, "request_too_large", NULL},
    {{.error = API_UNPROCESSABLE}, "invalid_request_error", NULL},
    {{.error = API_CONFLICT}, "conflict_error", NULL},
    {{.error = API_RATE}, "rate_limit_error", NULL},
    {{.error = API_UNSUPPORTED_PARAMETER, .param = "container"}, "invalid_request_error", NULL},
    {{.error = API_INTERNAL}, "api_error", NULL},
    {{.error = API_PROVIDER_FAILED}, "api_error", NULL},
    {{.error = API_OVERLOAD}, "overloaded_error", NULL},
    {{.error = API_NO_PROVIDER}, "overloaded_error", NULL},
    {{.error = API_PROVIDER_OVERLOAD}, "overloaded_error", NULL},
    {{.error = API_PROVIDER_TIMEOUT}, "timeout_error", NULL},
    {{.error = API_REQUEST_TIMEOUT}, "timeout_error", NULL},
};

static void failures_are_told(void)
{
    struct id request = {{0}};

    request.b[15] = 1;
    buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        const struct api_failure *f = &failures[i].f;
        char want[1024];

        snprintf(want, sizeof want,
                 "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"%s\"},"
                 "\"request_id\":\"00000000000000000000000000000001\"}",
                 failures[i].type,
                 failures[i].message != NULL ? failures[i].message : errors_row(f->error)->message);
        if (f->param != NULL && strcmp(f->param, "thread") == 0)
            strcpy(strstr(want, "},\"request_id"),
                   ",\"details\":{\"error_code\":\"thread_unsupported_request\",\"unsupported\":[\"thread\"]}},"
                   "\"request_id\":\"00000000000000000000000000000001\"}");
        CHECK_INT(messages_2023.status(f), f->error == API_PROVIDER_OVERLOAD || f->error == API_OVERLOAD
                                               ? 529
                                               : errors_row(f->error)->status);
        CHECK_INT(messages_2023.failure(f, &request, false, &out), ERR_NONE);
        CHECK_BYTES(out.ptr, out.len, want, strlen(want));
        buf_reset(&out);
    }
    buf_free(&out);
}

/* The last event of a stream that failed names itself; the blocks stay open. */
static void a_failed_stream_says_so(void)
{
    struct api_failure f = {.error = API_PROVIDER_CUT};
    struct event e = {.kind = EVENT_TEXT, .text = VIEW_LIT("a")};
    struct answer a = answer(true, true);
    const char *tail = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",";

    CHECK_INT(messages_2023.start(&a), ERR_NONE);
    CHECK_INT(messages_2023.event(&a, &e, &out), ERR_NONE);
    buf_reset(&out);
    CHECK_INT(messages_2023.fail(&a, &f, &out), ERR_NONE);
    CHECK_BYTES(out.ptr, strlen(tail), tail, strlen(tail));
    CHECK(view_eq(view_from(buf_view(&out), out.len - 3), VIEW_LIT("}\n\n")));
    messages_2023.close(&a);
    messages_2023.close(&a);
    buf_free(&out);
}

/* An answer that interleaves more calls than anybody makes is not kept. */
static void too_many_calls_fail(void)
{
    struct answer a = answer(true, true);
    enum err last = ERR_NONE;

    CHECK_INT(messages_2023.start(&a), ERR_NONE);
    for (uint32_t i = 0; i <= 1024 && last == ERR_NONE; i++) {
        struct event e = {.kind = EVENT_TOOL_BEGIN, .tool = i, .id = VIEW_LIT("i"), .name = VIEW_LIT("f")};

        CHECK_INT(last, ERR_NONE);
        last = messages_2023.event(&a, &e, &out);
    }
    CHECK_INT(last, ERR_PROVIDER_LARGE);
    messages_2023.close(&a);
    buf_free(&out);
}

/* A full buffer gets an event whole or not at all. */
static void no_half_events(void)
{
    struct event e = {.kind = EVENT_TEXT, .text = VIEW_LIT("a")};
    struct answer a = answer(true, true);

    CHECK_INT(messages_2023.start(&a), ERR_NONE);
    out.max = 150;
    CHECK_INT(messages_2023.event(&a, &e, &out), ERR_LIMIT);
    CHECK_INT(out.len, 0);
    messages_2023.close(&a);
    buf_free(&out);
}

/* OpenRouter's API adds the cost, where the figures are. */
static void cost_is_told(void)
{
    static const char cost[] = ",\"cost\":0.000001,\"cost_details\":{\"upstream_inference_cost\":null,"
                               "\"upstream_inference_prompt_cost\":0.0000007,"
                               "\"upstream_inference_completions_cost\":0.0000003}}}";

    for (int stream = 0; stream < 2; stream++) {
        for (int openrouter = 0; openrouter < 2; openrouter++) {
            struct answer a = answer(stream != 0, false);

            a.openrouter = openrouter != 0;
            a.cost_nusd = 1000;
            CHECK_INT(messages_2023.start(&a), ERR_NONE);
            CHECK_INT(stream != 0 ? messages_2023.end(&a, &usage, "", &out) : messages_2023.whole(&a, &usage, &out),
                      ERR_NONE);
            CHECK_INT(memmem(out.ptr, out.len, cost, sizeof cost - 1) != NULL, openrouter);
            messages_2023.close(&a);
            buf_free(&out);
        }
    }
}

static const struct check_case cases[] = {
    {"cost_is_told", cost_is_told},
    {"worked_example_e4", worked_example_e4},
    {"the_same_whole", the_same_whole},
    {"streams_come_out", streams_come_out},
    {"wholes_come_out", wholes_come_out},
    {"each_thought_has_its_signature", each_thought_has_its_signature},
    {"summary_and_encrypted", summary_and_encrypted},
    {"omitted_thoughts_are_sealed", omitted_thoughts_are_sealed},
    {"failures_are_told", failures_are_told},
    {"a_failed_stream_says_so", a_failed_stream_says_so},
    {"too_many_calls_fail", too_many_calls_fail},
    {"no_half_events", no_half_events},
};
CHECK_MAIN(cases)
