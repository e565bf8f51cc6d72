/* An answer in the form of OpenAI's Responses: every event in the order that its SDKs enforce, numbered without
 * gaps, and a last event, or a whole answer, that has all that the stream said. What is right is the worked
 * example E8 of translate.md, from the chat stream E2, and json-c compares. */
#include "check.h"
#include "openai_events.h"
#include "replay.h"
#include "responses.h"
#include "responses_read.h"
#include "responses_state.h"

#define json_object json_c_object
#include <json-c/json.h>

enum { EVENTS_MAX = 256 };

static struct prompt prompt;
static struct answer answer;
static struct buf out;
static struct openai_events events_state;
static struct json_c_object *events[EVENTS_MAX];
static size_t n_events;
static bool done;

#define ASK "{\"model\":\"m\",\"input\":\"x\"}"

static void begin_asked(const char *ask, bool stream)
{
    struct prompt_fault fault;

    CHECK_INT(responses_read(view_str(ask), &prompt, &fault), ERR_NONE);
    answer = (struct answer){.id = "gen-1", .created = 1700000000, .model = view_str("x/y"),
                             .provider = view_str("p"), .prompt = &prompt, .stream = stream};
    CHECK_INT(responses_dialect.start(&answer), ERR_NONE);
    prompt_list_free(&prompt.list);
    answer.prompt = NULL; /* it is forgotten by now */
    buf_init(&out, 64 << 20);
    events_state = (struct openai_events){.held = false};
    if (stream)
        CHECK_INT(responses_dialect.begin(&answer, &out), ERR_NONE);
}

static enum err take(void *cookie, const struct event *e)
{
    return responses_dialect.event(&answer, e, cookie);
}

static enum err chunk(const char *json)
{
    struct event_sink sink = {take, answer.stream ? &out : NULL};

    return openai_events_chunk(&events_state, view_str(json), &sink);
}

static void finish(void)
{
    for (size_t i = 0; i < n_events; i++)
        json_object_put(events[i]);
    n_events = 0;
    responses_dialect.close(&answer);
    CHECK(answer.state == NULL);
    buf_free(&out);
}

static const char *text_of(struct json_c_object *o, const char *name)
{
    return json_object_get_string(json_object_object_get(o, name));
}

/* Takes the stream apart: names, numbers, framing. */
static void parse(void)
{
    const char *at = (const char *)out.ptr, *end = at + out.len;

    done = false;
    while (at < end) {
        const char *name = at, *data, *stop;
        struct json_c_object *o;
        char event[64];

        if (end - at >= 14 && memcmp(at, "data: [DONE]\n\n", 14) == 0) {
            CHECK_INT(end - at, 14);
            done = true;
            return;
        }
        CHECK_INT(memcmp(name, "event: ", 7), 0);
        data = memchr(at, '\n', (size_t)(end - at));
        CHECK_INT(memcmp(data, "\ndata: ", 7), 0);
        snprintf(event, sizeof event, "%.*s", (int)(data - name - 7), name + 7);
        data += 7;
        stop = memmem(data, (size_t)(end - data), "\n\n", 2);
        CHECK(stop != NULL && n_events < EVENTS_MAX);
        if (stop == NULL || n_events == EVENTS_MAX)
            return;
        CHECK(memchr(data, '\n', (size_t)(stop - data)) == NULL);
        {
            struct json_tokener *t = json_tokener_new();

            o = json_tokener_parse_ex(t, data, (int)(stop - data));
            json_tokener_free(t);
        }
        CHECK(o != NULL);
        CHECK_BYTES(event, strlen(event), text_of(o, "type"), strlen(text_of(o, "type")));
        CHECK_INT(json_object_get_int64(json_object_object_get(o, "sequence_number")), n_events);
        json_object_object_del(o, "sequence_number");
        events[n_events++] = o;
        at = stop + 2;
    }
}

/* The event equals this JSON; a snapshot, under "response", in the members that are given. */
static void event_is(size_t i, const char *want)
{
    struct json_c_object *w = json_tokener_parse(want), *given;
    bool same = w != NULL && i < n_events;

    if (same && json_object_object_get_ex(w, "response", &given)) {
        struct json_c_object *r = json_object_object_get(events[i], "response");

        same = strcmp(text_of(w, "type"), text_of(events[i], "type")) == 0;
        json_object_object_foreach(given, key, value)
            same = same && json_object_equal(value, json_object_object_get(r, key));
    } else if (same) {
        same = json_object_equal(w, events[i]);
    }
    if (!same)
        printf("# event %zu is %s\n# want %s\n", i, i < n_events ? json_object_to_json_string(events[i]) : "absent", want);
    CHECK(same);
    json_object_put(w);
}

static const struct token_usage usage = {.present = true, .prompt = 1140, .completion = 60, .cached_read = 1000,
                                         .cache_write = 100, .reasoning = 20};
#define USAGE                                                                                                          \
    "\"usage\":{\"input_tokens\":1140,\"input_tokens_details\":{\"cached_tokens\":1000,\"cache_write_tokens\":100},"   \
    "\"output_tokens\":60,\"output_tokens_details\":{\"reasoning_tokens\":20},\"total_tokens\":1200}"

#define D(delta) "{\"choices\":[{\"index\":0,\"delta\":" delta ",\"finish_reason\":null}]}"
#define F(reason) "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" reason "\"}]}"

/* --- E2 to E8 */

static const char *const e2[] = {
    D("{\"role\":\"assistant\",\"content\":\"\"}"),
    D("{\"reasoning\":\"Two tools.\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"Two tools.\","
      "\"format\":\"anthropic-claude-v1\",\"index\":0}]}"),
    D("{\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\"c2ln\",\"format\":\"anthropic-claude-v1\","
      "\"index\":0}]}"),
    D("{\"content\":\"One moment. \"}"),
    D("{\"tool_calls\":[{\"index\":0,\"id\":\"toolu_1\",\"type\":\"function\",\"function\":{\"name\":\"weather\","
      "\"arguments\":\"\"}}]}"),
    D("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"city\\\":\"}}]}"),
    D("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\\\"Z\xc3\xbcrich\\\"}\"}}]}"),
    D("{\"tool_calls\":[{\"index\":1,\"id\":\"toolu_2\",\"type\":\"function\",\"function\":{\"name\":\"now\","
      "\"arguments\":\"\"}}]}"),
    D("{\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"{}\"}}]}"),
    F("tool_calls"),
};
enum { N_E2 = sizeof e2 / sizeof e2[0] };

/* What E2's signature is sealed as: opened by the reader's own test. */
#define SEALED "eyJ0ciI6MSwibWFrZXIiOiJ4L3kiLCJ0ZXh0IjoiIiwiZGV0YWlscyI6W3sidHlwZSI6InJlYXNvbmluZy50ZXh0IiwiZm9ybWF0Ijoi" \
               "YW50aHJvcGljLWNsYXVkZS12MSIsImluZGV4IjowLCJzaWduYXR1cmUiOiJjMmxuIiwidGV4dCI6IlR3byB0b29scy4ifV19"

#define RS "{\"id\":\"rs_1_0\",\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"Two tools.\"}],"       \
           "\"encrypted_content\":\"" SEALED "\",\"status\":\"completed\"}"
#define PART "{\"type\":\"output_text\",\"text\":\"One moment. \",\"annotations\":[],\"logprobs\":[]}"
#define MSG "{\"id\":\"msg_1_1\",\"type\":\"message\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":[" PART "]}"
#define FC(n, call, name, args, status)                                                                                \
    "{\"id\":\"fc_1_" n "\",\"type\":\"function_call\",\"call_id\":\"" call "\",\"name\":\"" name "\",\"arguments\":\"" \
    args "\",\"status\":\"" status "\"}"
#define CITY "{\\\"city\\\":\\\"Z\xc3\xbcrich\\\"}"
#define ADDED(n, item) "{\"type\":\"response.output_item.added\",\"output_index\":" n ",\"item\":" item "}"
#define DONE(n, item) "{\"type\":\"response.output_item.done\",\"output_index\":" n ",\"item\":" item "}"
#define OF(type, id, n, rest) "{\"type\":\"response." type "\",\"item_id\":\"" id "\",\"output_index\":" n "," rest "}"
#define OUTPUT "[" RS "," MSG "," FC("2", "toolu_1", "weather", CITY, "completed") ","                                 \
               FC("3", "toolu_2", "now", "{}", "completed") "]"

static const char *const e8[] = {
    "{\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"status\":\"in_progress\",\"output\":[]}}",
    "{\"type\":\"response.in_progress\",\"response\":{\"status\":\"in_progress\",\"output\":[]}}",
    ADDED("0", "{\"id\":\"rs_1_0\",\"type\":\"reasoning\",\"summary\":[],\"status\":\"in_progress\"}"),
    OF("reasoning_summary_part.added", "rs_1_0", "0", "\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"\"}"),
    OF("reasoning_summary_text.delta", "rs_1_0", "0", "\"summary_index\":0,\"delta\":\"Two tools.\""),
    OF("reasoning_summary_text.done", "rs_1_0", "0", "\"summary_index\":0,\"text\":\"Two tools.\""),
    OF("reasoning_summary_part.done", "rs_1_0", "0",
       "\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"Two tools.\"}"),
    DONE("0", RS),
    ADDED("1", "{\"id\":\"msg_1_1\",\"type\":\"message\",\"role\":\"assistant\",\"status\":\"in_progress\",\"content\":[]}"),
    OF("content_part.added", "msg_1_1", "1",
       "\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[],\"logprobs\":[]}"),
    OF("output_text.delta", "msg_1_1", "1", "\"content_index\":0,\"delta\":\"One moment. \",\"logprobs\":[]"),
    OF("output_text.done", "msg_1_1", "1", "\"content_index\":0,\"text\":\"One moment. \",\"logprobs\":[]"),
    OF("content_part.done", "msg_1_1", "1", "\"content_index\":0,\"part\":" PART),
    DONE("1", MSG),
    ADDED("2", FC("2", "toolu_1", "weather", "", "in_progress")),
    OF("function_call_arguments.delta", "fc_1_2", "2", "\"delta\":\"{\\\"city\\\":\""),
    OF("function_call_arguments.delta", "fc_1_2", "2", "\"delta\":\"\\\"Z\xc3\xbcrich\\\"}\""),
    OF("function_call_arguments.done", "fc_1_2", "2", "\"name\":\"weather\",\"arguments\":\"" CITY "\""),
    DONE("2", FC("2", "toolu_1", "weather", CITY, "completed")),
    ADDED("3", FC("3", "toolu_2", "now", "", "in_progress")),
    OF("function_call_arguments.delta", "fc_1_3", "3", "\"delta\":\"{}\""),
    OF("function_call_arguments.done", "fc_1_3", "3", "\"name\":\"now\",\"arguments\":\"{}\""),
    DONE("3", FC("3", "toolu_2", "now", "{}", "completed")),
    "{\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"status\":\"completed\",\"error\":null,"
    "\"incomplete_details\":null,\"model\":\"x/y\",\"output\":" OUTPUT "," USAGE "}}",
};
enum { N_E8 = sizeof e8 / sizeof e8[0] };

static void worked_example(void)
{
    begin_asked(ASK, true);
    for (size_t i = 0; i < N_E2; i++)
        CHECK_INT(chunk(e2[i]), ERR_NONE);
    CHECK_INT(responses_dialect.end(&answer, &usage, "", &out), ERR_NONE);
    parse();
    CHECK(done);
    CHECK_INT(n_events, N_E8);
    for (size_t i = 0; i < N_E8; i++)
        event_is(i, e8[i]);
    finish();
}

/* A whole answer is what the stream's last event has. */
static void whole_answer(void)
{
    struct json_c_object *got, *want = json_tokener_parse("{\"object\":\"response\",\"status\":\"completed\",\"output\":" OUTPUT
                                                          "," USAGE "}");

    begin_asked(ASK, false);
    for (size_t i = 0; i < N_E2; i++)
        CHECK_INT(chunk(e2[i]), ERR_NONE);
    CHECK_INT(responses_dialect.whole(&answer, &usage, &out), ERR_NONE);
    CHECK_INT(buf_append_byte(&out, 0), ERR_NONE);
    got = json_tokener_parse((const char *)out.ptr);
    json_object_object_foreach(want, key, value)
        CHECK(json_object_equal(value, json_object_object_get(got, key)));
    CHECK(json_object_get_int64(json_object_object_get(got, "completed_at")) >= 1700000000);
    json_object_put(got);
    json_object_put(want);
    finish();
}

/* --- ends */

static const struct {
    const char *reason, *cut, *type, *want, *item;
} ends[] = {
    {"stop", "", "response.completed", "null", "completed"},
    {"length", "", "response.incomplete", "{\"reason\":\"max_output_tokens\"}", "incomplete"},
    {"content_filter", "", "response.incomplete", "{\"reason\":\"content_filter\"}", "incomplete"},
    {"length", "credit", "response.incomplete", "{\"reason\":\"max_output_tokens\",\"x_tr_end_reason\":\"credit\"}",
     "incomplete"},
    {NULL, "control_plane", "response.incomplete",
     "{\"reason\":\"max_output_tokens\",\"x_tr_end_reason\":\"control_plane\"}", "incomplete"},
    {NULL, "", "response.completed", "null", "completed"},
};

static void ends_are_told_apart(void)
{
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct json_c_object *r, *want = json_tokener_parse(ends[i].want), *item;
        char last[128];

        begin_asked(ASK, true);
        CHECK_INT(chunk(D("{\"content\":\"a\"}")), ERR_NONE);
        snprintf(last, sizeof last, F("%s"), ends[i].reason == NULL ? "" : ends[i].reason);
        if (ends[i].reason != NULL)
            CHECK_INT(chunk(last), ERR_NONE);
        CHECK_INT(responses_dialect.end(&answer, &usage, ends[i].cut, &out), ERR_NONE);
        parse();
        CHECK(done);
        CHECK_BYTES(text_of(events[n_events - 1], "type"), strlen(text_of(events[n_events - 1], "type")),
                    ends[i].type, strlen(ends[i].type));
        r = json_object_object_get(events[n_events - 1], "response");
        CHECK(json_object_equal(json_object_object_get(r, "incomplete_details"), want));
        CHECK((strcmp(text_of(r, "status"), "completed") == 0) ==
              (json_object_object_get(r, "completed_at") != NULL));
        item = json_object_array_get_idx(json_object_object_get(r, "output"), 0);
        CHECK_BYTES(text_of(item, "status"), strlen(text_of(item, "status")), ends[i].item, strlen(ends[i].item));
        json_object_put(want);
        finish();
    }
}

/* The event "error" serves those who look inside and those who look at its "error"; "response.failed" the rest. */
static void failures_are_said(void)
{
    static const struct {
        enum api_error error;
        const char *code;
    } fails[] = {{API_PROVIDER_CUT, "server_error"}, {API_PROVIDER_RATE, "rate_limit_exceeded"}};

    for (size_t i = 0; i < 2; i++) {
        struct api_failure f = {.error = fails[i].error};
        struct json_c_object *e, *r;

        begin_asked(ASK, true);
        CHECK_INT(chunk(D("{\"content\":\"a\"}")), ERR_NONE);
        CHECK_INT(responses_dialect.fail(&answer, &f, &out), ERR_NONE);
        parse();
        CHECK(!done);
        e = events[n_events - 2];
        CHECK_BYTES(text_of(e, "type"), strlen(text_of(e, "type")), "error", 5);
        CHECK(strcmp(text_of(e, "message"), errors_row(f.error)->message) == 0);
        CHECK(strcmp(text_of(e, "code"), errors_row(f.error)->code) == 0);
        CHECK(strcmp(text_of(json_object_object_get(e, "error"), "message"), errors_row(f.error)->message) == 0);
        r = json_object_object_get(events[n_events - 1], "response");
        CHECK(strcmp(text_of(events[n_events - 1], "type"), "response.failed") == 0);
        CHECK(strcmp(text_of(r, "status"), "failed") == 0);
        CHECK(strcmp(text_of(json_object_object_get(r, "error"), "code"), fails[i].code) == 0);
        CHECK_INT(json_object_array_length(json_object_object_get(r, "output")), 1);
        finish();
    }
}

/* --- other events, one at a time */

static void some(const struct event *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        CHECK_INT(take(answer.stream ? &out : NULL, &list[i]), ERR_NONE);
}

#define TEXT(t) {.kind = EVENT_TEXT, .text = VIEW_LIT(t)}
#define BEGIN(n, call, what) {.kind = EVENT_TOOL_BEGIN, .tool = n, .id = VIEW_LIT(call), .name = VIEW_LIT(what)}
#define ARGS(n, t) {.kind = EVENT_TOOL_ARGS, .tool = n, .text = VIEW_LIT(t)}
#define STOP {.kind = EVENT_FINISH, .finish = FINISH_STOP}
#define N(a) (sizeof(a) / sizeof(a)[0])

/* The answer's items, of events that are all given at once, are these: in a stream and whole. */
static void output_is(const char *ask, const struct event *list, size_t n, const char *want)
{
    struct json_c_object *w = json_tokener_parse(want), *got;

    CHECK(w != NULL);
    begin_asked(ask, true);
    some(list, n);
    CHECK_INT(responses_dialect.end(&answer, &usage, "", &out), ERR_NONE);
    parse();
    got = json_object_object_get(json_object_object_get(events[n_events - 1], "response"), "output");
    if (!json_object_equal(got, w))
        printf("# got  %s\n# want %s\n", json_object_to_json_string(got), want);
    CHECK(json_object_equal(got, w));
    /* each item was begun and ended, as it stands at the end */
    for (size_t i = 0; i < json_object_array_length(w); i++) {
        unsigned added = 0, over = 0;

        for (size_t k = 0; k < n_events; k++) {
            const char *type = text_of(events[k], "type");
            struct json_c_object *at;

            if (!json_object_object_get_ex(events[k], "output_index", &at) ||
                json_object_get_int64(at) != (int64_t)i)
                continue;
            CHECK(over == 0 && (added == 1) == (strcmp(type, "response.output_item.added") != 0));
            added += strcmp(type, "response.output_item.added") == 0;
            if (strcmp(type, "response.output_item.done") != 0)
                continue;
            over++;
            CHECK(json_object_equal(json_object_object_get(events[k], "item"), json_object_array_get_idx(w, i)));
        }
        CHECK(added == 1 && over == 1);
    }
    finish();
    begin_asked(ask, false);
    some(list, n);
    CHECK_INT(responses_dialect.whole(&answer, &usage, &out), ERR_NONE);
    CHECK_INT(buf_append_byte(&out, 0), ERR_NONE);
    got = json_tokener_parse((const char *)out.ptr);
    CHECK(json_object_equal(json_object_object_get(got, "output"), w));
    json_object_put(got);
    json_object_put(w);
    finish();
}

static void interleaved_calls(void)
{
    static const struct event list[] = {BEGIN(0, "a", "f"), BEGIN(1, "b", "g"), ARGS(1, "{\\\"y\\\":"), ARGS(0, "{\\\"x\\\":"),
                                        ARGS(1, "2}"), ARGS(0, "1}"), BEGIN(2, "", "h"), STOP};

    output_is(ASK, list, N(list),
              "[" FC("0", "a", "f", "{\\\"x\\\":1}", "completed") "," FC("1", "b", "g", "{\\\"y\\\":2}", "completed")
              "," FC("2", "call_1_2", "h", "{}", "completed") "]");
}

#define TOOLS "{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"namespace\",\"name\":\"mail\",\"tools\":[{\"type\":" \
              "\"function\",\"name\":\"send\"}]},{\"type\":\"custom\",\"name\":\"patch\"},{\"type\":\"function\","     \
              "\"name\":\"mail__read\"}]}"

/* Names come back as the client knows them, a custom call as one, whatever the provider made of it. */
static void names_and_customs_come_back(void)
{
    static const struct event list[] = {
        BEGIN(0, "a", "mail__send"), ARGS(0, "{}"), BEGIN(1, "b", "mail__read"), ARGS(1, "{}"), BEGIN(2, "c", "patch"),
        ARGS(2, "{\\\"input\\\":\\\"a"), ARGS(2, "\\\\n\\\\\\\"b\\\\\\\"\\\"}"),
        {.kind = EVENT_TOOL_BEGIN, .tool = 3, .custom = true, .id = VIEW_LIT("d"), .name = VIEW_LIT("patch")},
        {.kind = EVENT_TOOL_ARGS, .tool = 3, .custom = true, .text = VIEW_LIT("a\\n{")}, BEGIN(4, "e", "patch"), ARGS(4, "no"),
        BEGIN(5, "f", "made_up"), STOP};

    output_is(TOOLS, list, N(list),
              "[{\"id\":\"fc_1_0\",\"type\":\"function_call\",\"call_id\":\"a\",\"namespace\":\"mail\",\"name\":\"send\","
              "\"arguments\":\"{}\",\"status\":\"completed\"}," FC("1", "b", "mail__read", "{}", "completed")
              ",{\"id\":\"ctc_1_2\",\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"patch\","
              "\"input\":\"a\\n\\\"b\\\"\",\"status\":\"completed\"},"
              "{\"id\":\"ctc_1_3\",\"type\":\"custom_tool_call\",\"call_id\":\"d\",\"name\":\"patch\",\"input\":\"a\\n{\","
              "\"status\":\"completed\"},"
              "{\"id\":\"ctc_1_4\",\"type\":\"custom_tool_call\",\"call_id\":\"e\",\"name\":\"patch\",\"input\":\"no\","
              "\"status\":\"completed\"}," FC("5", "f", "made_up", "{}", "completed") "]");
}

static void parts_of_a_message(void)
{
    static const struct event list[] = {
        {.kind = EVENT_LOGPROBS, .json = VIEW_LIT("{\"content\":[{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":null,\"top_logprobs\":"
                                                  "[{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":[97]}]}]}")},
        TEXT("a"), {.kind = EVENT_LOGPROBS, .json = VIEW_LIT("{\"content\":[{\"token\":\"b\",\"logprob\":-1}],\"refusal\":null}")},
        TEXT("b"), {.kind = EVENT_ANNOTATION, .json = VIEW_LIT("{\"type\":\"url_citation\",\"url_citation\":{\"url\":\"u\","
                                                               "\"title\":\"t\",\"start_index\":0,\"end_index\":2}}")},
        {.kind = EVENT_ANNOTATION, .json = VIEW_LIT("{\"type\":\"riddle\"}")},
        {.kind = EVENT_REFUSAL, .text = VIEW_LIT("No")}, {.kind = EVENT_REFUSAL, .text = VIEW_LIT(".")},
        {.kind = EVENT_IMAGE, .json = VIEW_LIT("{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,iVBO\"}}")},
        STOP};

    output_is(ASK, list, N(list),
              "[{\"id\":\"msg_1_0\",\"type\":\"message\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":["
              "{\"type\":\"output_text\",\"text\":\"ab\",\"annotations\":[{\"type\":\"url_citation\",\"url\":\"u\",\"title\":\"t\","
              "\"start_index\":0,\"end_index\":2}],\"logprobs\":[{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":[],\"top_logprobs\":"
              "[{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":[97]}]},{\"token\":\"b\",\"logprob\":-1,\"bytes\":[],"
              "\"top_logprobs\":[]}]},{\"type\":\"refusal\",\"refusal\":\"No.\"}]},"
              "{\"id\":\"ig_1_1\",\"type\":\"image_generation_call\",\"result\":\"iVBO\",\"status\":\"completed\"}]");
}

/* Thoughts behind a text, and details that say nothing beside each of its pieces. */
static void thoughts_anywhere(void)
{
    static const struct event list[] = {
        TEXT("a"), {.kind = EVENT_DETAIL, .json = VIEW_LIT("{\"type\":\"reasoning.text\",\"text\":\"\",\"signature\":null}")},
        TEXT("b"), {.kind = EVENT_DETAIL, .json = VIEW_LIT("{\"type\":\"reasoning.encrypted\",\"id\":\"call_1\",\"data\":\"c2ln\"}")},
        BEGIN(0, "call_1", "f"), STOP};
    struct buf sealed;
    char want[2048];

    buf_init(&sealed, 1024);
    CHECK_INT(replay_seal(view_str("x/y"), VIEW_EMPTY,
                          view_str("{\"type\":\"reasoning.encrypted\",\"id\":\"call_1\",\"data\":\"c2ln\"}"), &sealed), ERR_NONE);
    snprintf(want, sizeof want,
             "[{\"id\":\"msg_1_0\",\"type\":\"message\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":[{\"type\":"
             "\"output_text\",\"text\":\"ab\",\"annotations\":[],\"logprobs\":[]}]},{\"id\":\"rs_1_1\",\"type\":\"reasoning\","
             "\"summary\":[],\"encrypted_content\":\"%.*s\",\"status\":\"completed\"},%s]",
             (int)sealed.len, (const char *)sealed.ptr, FC("2", "call_1", "f", "{}", "completed"));
    output_is(ASK, list, N(list), want);
    buf_free(&sealed);
    {
        static const struct event hidden[] = {{.kind = EVENT_REASONING, .text = VIEW_LIT("hm")}, STOP};

        output_is("{\"model\":\"m\",\"input\":\"x\",\"reasoning\":{\"exclude\":true}}", hidden, N(hidden), "[]");
    }
}

static bool wrote(const char *text)
{
    return memmem(out.ptr, out.len, text, strlen(text)) != NULL;
}

/* Half a surrogate pair goes with its other half, wherever a provider cuts; alone at the end it is no character. */
static void pairs_stay_together(void)
{
    static const struct event list[] = {TEXT("x\\ud83d"), TEXT("\\ude00y"), TEXT("\\\\ud83d"), TEXT("z\\uD83D"), STOP};

    begin_asked(ASK, true);
    some(list, N(list));
    CHECK_INT(responses_dialect.end(&answer, &usage, "", &out), ERR_NONE);
    CHECK(wrote("\"delta\":\"x\""));
    CHECK(wrote("\"delta\":\"\\ud83d\\ude00y\""));
    CHECK(wrote("\"delta\":\"\\\\ud83d\""));
    CHECK(wrote("\"text\":\"x\\ud83d\\ude00y\\\\ud83dz\""));
    CHECK(!wrote("D83D"));
    finish();
}

/* --- what is repeated of the request */

static void echo_is_whole(void)
{
    /* Open Responses: present and not null; present. */
    static const char *const here[] = {"presence_penalty", "frequency_penalty", "top_logprobs", "temperature", "top_p",
                                       "tool_choice", "truncation", "background", "service_tier", "tools", "output",
                                       "parallel_tool_calls", "text", "store", "metadata", "created_at", "id", "usage"};
    static const char *const nullable[] = {"completed_at", "incomplete_details", "previous_response_id", "instructions",
                                           "error", "reasoning", "max_output_tokens", "max_tool_calls",
                                           "safety_identifier", "prompt_cache_key"};
    struct json_c_object *v, *r;

    begin_asked(ASK, true);
    parse();
    r = json_object_object_get(events[0], "response");
    for (size_t i = 0; i < N(here); i++)
        CHECK(json_object_object_get_ex(r, here[i], &v) && v != NULL);
    for (size_t i = 0; i < N(nullable); i++)
        CHECK(json_object_object_get_ex(r, nullable[i], &v));
    finish();
    begin_asked("{\"model\":\"m\",\"input\":\"x\",\"instructions\":\"i\",\"store\":true,\"truncation\":\"auto\",\"temperature\":0.2,"
                "\"max_output_tokens\":99,\"metadata\":{\"a\":\"b\"},\"service_tier\":\"auto\",\"parallel_tool_calls\":false,"
                "\"reasoning\":{\"effort\":\"low\"},\"text\":{\"format\":{\"type\":\"json_object\"}},\"tool_choice\":\"none\","
                "\"tools\":[{\"type\":\"web_search\"},{\"type\":\"function\",\"name\":\"f\",\"strict\":true,\"parameters\":{\n"
                "\"type\":\r\n\"object\"}}]}", true); /* an event is one line, however the request is laid out */
    parse();
    event_is(0, "{\"type\":\"response.created\",\"response\":{\"instructions\":\"i\",\"store\":false,\"truncation\":\"disabled\","
                "\"temperature\":0.2,\"max_output_tokens\":99,\"metadata\":{\"a\":\"b\"},\"service_tier\":\"default\","
                "\"parallel_tool_calls\":false,\"reasoning\":{\"effort\":\"low\",\"summary\":null},\"tool_choice\":\"none\","
                "\"text\":{\"format\":{\"type\":\"json_object\"},\"verbosity\":\"medium\"},\"tools\":[{\"type\":\"function\","
                "\"name\":\"f\",\"description\":null,\"parameters\":{\"type\":\"object\"},\"strict\":true}]}}");
    finish();
}

/* --- limits */

static void too_much_is_an_error(void)
{
    static uint8_t much[1 << 20];
    struct event e = {.kind = EVENT_TEXT, .text = view_of(much, sizeof much)};
    struct budget *small;
    enum err last = ERR_NONE;
    size_t before;

    memset(much, 'a', sizeof much);
    begin_asked(ASK, false);
    for (unsigned i = 0; i < 32; i++)
        CHECK_INT(take(NULL, &e), ERR_NONE);
    CHECK_INT(take(NULL, &e), ERR_PROVIDER_LARGE);
    finish();
    /* also of what stands beside a text */
    {
        static char detail[1 << 20] = "{\"type\":\"reasoning.encrypted\",\"data\":\"";
        const size_t head = strlen(detail);
        struct event d = {.kind = EVENT_DETAIL, .json = view_of(detail, sizeof detail)};
        unsigned n = 0;

        memset(detail + head, 'a', sizeof detail - head - 2);
        memcpy(detail + sizeof detail - 2, "\"}", 2);
        begin_asked(ASK, false);
        while (n < 40 && take(NULL, &d) == ERR_NONE)
            n++;
        CHECK_INT(n, 32);
        finish();
    }
    /* no room: the event is taken back */
    CHECK_INT(budget_new(1 << 20, &small), ERR_NONE);
    begin_asked(ASK, true);
    answer.budget = small;
    before = out.len;
    for (unsigned i = 0; last == ERR_NONE && i < 8; i++) {
        before = out.len;
        last = take(&out, &e);
    }
    CHECK_INT(last, ERR_OVERLOAD);
    CHECK_INT(out.len, before);
    finish();
    CHECK_INT(budget_used(small), 0);
    budget_free(small);
}

static void tokens_are_estimated(void)
{
    struct prompt_fault fault;
    struct buf body;

    buf_init(&body, 256);
    CHECK_INT(responses_read(view_str("{\"model\":\"m\",\"input\":\"12345678\"}"), &prompt, &fault), ERR_NONE);
    CHECK_INT(responses_dialect.count(&prompt, &body), ERR_NONE);
    CHECK_BYTES(body.ptr, body.len, "{\"object\":\"response.input_tokens\",\"input_tokens\":2}", 51);
    prompt_list_free(&prompt.list);
    buf_free(&body);
}

static const struct check_case cases[] = {
    {"worked_example", worked_example},
    {"whole_answer", whole_answer},
    {"ends_are_told_apart", ends_are_told_apart},
    {"failures_are_said", failures_are_said},
    {"interleaved_calls", interleaved_calls},
    {"names_and_customs_come_back", names_and_customs_come_back},
    {"parts_of_a_message", parts_of_a_message},
    {"thoughts_anywhere", thoughts_anywhere},
    {"pairs_stay_together", pairs_stay_together},
    {"echo_is_whole", echo_is_whole},
    {"too_much_is_an_error", too_much_is_an_error},
    {"tokens_are_estimated", tokens_are_estimated},
};
CHECK_MAIN(cases)
