/* A client of another dialect than its provider: what it asks is rendered for the provider, what the provider
 * says is read into events, and the answer is the dialect's from its first event to its last, whoever ends
 * it. Money, receipts and fallbacks are those of every exchange. The client speaks Anthropic's Messages. */
#include "lib/chat_sides.h"
#include "completions.h"
#include "messages.h"
#include "responses.h"

static void up_text(const char *text)
{
    up_bytes(view_str(text), strlen(text));
}

#define ASKED                                                                                      \
    "{\"model\":\"demo/echo\",\"max_tokens\":50,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define CHUNK(delta, finish)                                                                       \
    "data: {\"id\":\"up\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up-echo\"," \
    "\"choices\":[{\"index\":0,\"delta\":" delta ",\"finish_reason\":" finish "}]}\n\n"
#define ROLE CHUNK("{\"role\":\"assistant\"}", "null")
#define TEXT CHUNK("{\"content\":\"hello\"}", "null")
#define STOP CHUNK("{}", "\"stop\"")
#define USAGE_EVENT                                                                                \
    "data: {\"id\":\"up\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up-echo\"," \
    "\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}}\n\n"
#define DONE "data: [DONE]\n\n"
#define WHOLE                                                                                      \
    "{\"id\":\"up\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"up-echo\","              \
    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hello\"},"         \
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,"          \
    "\"total_tokens\":11}}"

static void begin(const char *body)
{
    reset();
    spoken = &messages_2023;
    ask(body);
}

/* One exchange is over, billed and wiped, with one receipt of the bytes that the client got. */
static void check_over(int64_t spent, bool complete)
{
    struct digest32 d;

    CHECK(chats.request.requests == NULL);
    CHECK_INT(chats.n_spare, 1);
    CHECK_INT(-balance, spent);
    CHECK_INT(the_key.refs, 0);
    CHECK_INT(receipt.n, 1);
    CHECK_INT((receipt.facts.flags & RECEIPT_COMPLETE) != 0, complete);
    CHECK_INT(receipt.facts.returned_bytes, client.n_taken);
    digest_stream_end(&client.taken, &d);
    CHECK_BYTES(receipt.facts.returned.b, 32, d.b, 32);
}

static unsigned count_of(const char *word)
{
    unsigned n = 0;

    for (const char *at = client.out; (at = strstr(at, word)) != NULL; at++)
        n++;
    return n;
}

static void test_stream(void)
{
    begin(ASKED ",\"stream\":true,\"system\":\"be brief\"}");
    CHECK_INT(up.started, 1);
    CHECK(strstr(up.sent[0], "\"model\":\"up-echo\"") != NULL);
    CHECK(strstr(up.sent[0], "be brief") != NULL && strstr(up.sent[0], "\"max_tokens\":50") != NULL);
    CHECK(strstr(up.sent[0], "\"include_usage\":true") != NULL);
    up_head(200);
    up_text(ROLE);
    CHECK_INT(client.status, 0); /* the head is held */
    up_text(TEXT);
    CHECK_INT(client.status, 200);
    CHECK_INT(client.writes, 1);
    CHECK(strncmp(client.out, "event: message_start\n", 21) == 0);
    client_reads();
    up_text(TEXT STOP USAGE_EVENT DONE);
    CHECK(client.ended && !client.aborted);
    client_reads();
    up_done(ERR_NONE);
    CHECK_INT(count_of("event: message_start\n"), 1);
    CHECK_INT(count_of("\"text\":\"hello\""), 2);
    CHECK_INT(count_of("\"stop_reason\":\"end_turn\""), 1);
    CHECK_INT(count_of("\"output_tokens\":2"), 1);
    CHECK_INT(count_of("event: message_stop\n"), 1);
    CHECK(strstr(client.out, "chat.completion") == NULL);
    check_over(11, true);
}

static void test_whole(void)
{
    begin(ASKED "}");
    up_head(200);
    up_text(WHOLE);
    up_done(ERR_NONE);
    CHECK_INT(client.status, 200);
    CHECK(strstr(client.out, "\"type\":\"message\"") != NULL);
    CHECK(strstr(client.out, "\"text\":\"hello\"") != NULL);
    CHECK(strstr(client.out, "\"input_tokens\":9") != NULL);
    check_over(11, true);

    begin(ASKED "}"); /* the provider streams although it was not asked to */
    up_head(200);
    up_text(ROLE TEXT TEXT STOP USAGE_EVENT DONE);
    CHECK_INT(client.status, 200);
    CHECK(strstr(client.out, "\"text\":\"hellohello\"") != NULL);
    check_over(11, true);
}

/* How much to think is told to a model that does; others' providers would refuse the request. */
static void test_effort(void)
{
    for (int thinks = 0; thinks < 2; thinks++) {
        capabilities = thinks ? CAP_REASONING : 0;
        begin(ASKED ",\"output_config\":{\"effort\":\"high\"}}");
        CHECK_INT(strstr(up.sent[0], "\"reasoning_effort\":\"high\"") != NULL, thinks);
        CHECK_INT(strstr(up.sent[0], "effort") != NULL, thinks);
        up_head(200);
        up_text(WHOLE);
        up_done(ERR_NONE);
        check_over(11, true);
    }
    capabilities = 0;
}

/* A limit over the model's longest answer is that. */
static void test_longest_answer(void)
{
    begin("{\"model\":\"demo/echo\",\"max_tokens\":100001,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    CHECK(strstr(up.sent[0], "\"max_tokens\":100000,") != NULL || strstr(up.sent[0], "\"max_tokens\":100000}") != NULL);
    up_head(200);
    up_text(WHOLE);
    up_done(ERR_NONE);
    check_over(11, true);
}

/* What an attempt that failed has written is forgotten. */
static void test_fallback(void)
{
    begin(ASKED ",\"stream\":true}");
    up_head(200);
    up_text(ROLE CHUNK("{\"content\":\"lost\"}", "null") "data: {\"error\":{\"code\":500}}\n\n"); /* in one read */
    CHECK_INT(up.started, 2);
    CHECK_INT(client.status, 0);
    up_head(200);
    up_text(ROLE TEXT STOP USAGE_EVENT DONE);
    client_reads();
    up_done(ERR_NONE);
    CHECK_INT(count_of("event: message_start\n"), 1);
    CHECK_INT(count_of("\"text\":\"hello\""), 1);
    CHECK_INT(count_of("lost"), 0);
    CHECK(strstr(client.headers, "x-tr-fallback-to: ") != NULL);
    CHECK_INT(receipt.n, 1);

    begin(ASKED "}"); /* half of a whole answer */
    up_head(200);
    up_text("{\"choices\":[{\"index\":0,\"message\":{\"content\":\"half\"");
    up_done(ERR_CONNECT);
    up_head(200);
    up_text(WHOLE);
    up_done(ERR_NONE);
    CHECK(strstr(client.out, "half") == NULL && strstr(client.out, "\"text\":\"hello\"") != NULL);
}

/* Errors are the dialect's, before the body was read, from a provider and inside of a stream. */
static void test_failures(void)
{
    static const char error[] = "{\"type\":\"error\",\"error\":{\"type\":\"";

    begin("{\"model\":");
    CHECK_INT(client.status, 400);
    CHECK(strncmp(client.out, error, sizeof error - 1) == 0);
    begin("{\"model\":\"demo/echo\",\"max_tokens\":50,\"messages\":7}");
    CHECK_INT(client.status, 400);
    CHECK(strncmp(client.out, error, sizeof error - 1) == 0);
    begin("{\"model\":\"demo/none\",\"max_tokens\":50,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    CHECK_INT(client.status, 404);
    CHECK(strstr(client.out, "\"not_found_error\"") != NULL);
    check_over(0, true);

    begin(ASKED "}"); /* both candidates refuse it */
    for (unsigned i = 0; i < 2; i++) {
        up_head(400);
        up_text(i == 0 ? "{\"error\":{\"message\":\"first words\",\"type\":\"invalid_request_error\"}}"
                       : "{\"error\":{\"message\":\"later words\",\"type\":\"invalid_request_error\"}}");
        up_done(ERR_NONE);
    }
    CHECK_INT(client.status, 400);
    CHECK(strncmp(client.out, error, sizeof error - 1) == 0);
    CHECK(strstr(client.out, "first words") != NULL && strstr(client.out, "later") == NULL);
    check_over(0, true);

    begin(ASKED ",\"stream\":true}"); /* cut off behind its first words */
    up_head(200);
    up_text(ROLE TEXT);
    client_reads();
    up_done(ERR_NONE);
    CHECK(client.ended && !client.aborted);
    client_reads();
    CHECK_INT(count_of("event: error\n"), 1);
    CHECK_INT(count_of("event: message_stop\n"), 0);
    CHECK_INT(count_of("\"stop_reason\":\"end_turn\""), 0);
    CHECK_INT(receipt.facts.flags & RECEIPT_COMPLETE, 0);
    CHECK_INT(receipt.n, 1);
}

/* The provider goes past the limit: we end the stream, and the dialect says so. */
static void test_cut(void)
{
    static char big[50000];

    strcpy(big, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"");
    memset(big + strlen(big), 'x', 49200);
    strcat(big, "\"},\"finish_reason\":null}]}\n\n");
    begin(ASKED ",\"stream\":true}");
    up_head(200);
    up_text(ROLE TEXT);
    client_reads();
    up_text(big);
    CHECK_INT(up.cancelled, 1);
    CHECK(client.ended && !client.aborted);
    client_reads();
    CHECK_INT(count_of("\"stop_reason\":\"max_tokens\""), 1);
    CHECK_INT(count_of("event: message_stop\n"), 1);
    CHECK(strstr(client.out, "chat.completion") == NULL);
    CHECK_INT(receipt.n, 1);
}

/* A last candidate that is silent: the answer begins, once, and stays alive in the dialect's way. */
static void test_keep_alive(void)
{
    begin(ASKED ",\"stream\":true}");
    up_head(500);
    up_text("{}");
    up_done(ERR_NONE);
    CHECK_INT(up.started, 2);
    request_tick(chats.request.requests, clock_mono_ms() + REQUEST_HOLD_MS + 1);
    CHECK_INT(client.status, 200);
    CHECK(strncmp(client.out, "event: message_start\n", 21) == 0);
    CHECK_INT(count_of("event: ping\n"), 0); /* that it begins is a sign of life */
    client_reads();
    request_tick(chats.request.requests, clock_mono_ms() + REQUEST_SILENCE_MS + 1);
    CHECK_INT(count_of("event: ping\n"), 1);
    client_reads();
    up_head(200);
    up_text(ROLE TEXT STOP USAGE_EVENT DONE);
    client_reads();
    up_done(ERR_NONE);
    CHECK_INT(count_of("event: message_start\n"), 1);
    CHECK_INT(count_of("\"text\":\"hello\""), 1);
    CHECK_INT(count_of("event: message_stop\n"), 1);
    CHECK_INT(receipt.n, 1);
}

/* Each dialect's sign of life stands between two whole events, also while half of a provider's event is
 * there, and the stream goes on behind it as if it had not been. */
static void test_keep_alive_at_event_boundaries(void)
{
    static const char prompt[] = "{\"model\":\"demo/echo\",\"stream\":true,\"prompt\":\"hi\"}";
    static const char input[] = "{\"model\":\"demo/echo\",\"stream\":true,\"input\":\"hi\"}";
    static const struct {
        const struct dialect *dialect;
        const char *asked, *sign, *last;
    } rows[] = {
        {&chat_dialect, ASKED ",\"stream\":true}", ": keep-alive\n\n", "data: [DONE]\n\n"},
        {&messages_2023, ASKED ",\"stream\":true}", "event: ping\ndata: {\"type\":\"ping\"}\n\n", "event: message_stop\n"},
        {&messages_2026, ASKED ",\"stream\":true}", "event: ping\ndata: {\"type\":\"ping\"}\n\n", "event: message_stop\n"},
        {&responses_dialect, input, ": keep-alive\n\n", "event: response.completed\n"},
        {&completions_dialect, prompt, ": keep-alive\n\n", "data: [DONE]\n\n"},
    };
    static const char half[] = TEXT;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = strlen(rows[i].sign), before;

        reset();
        spoken = rows[i].dialect;
        ask(rows[i].asked);
        up_head(200);
        up_text(ROLE TEXT);
        client_reads();
        up_bytes((struct view){(const uint8_t *)half, 40}, 40);
        client_reads();
        before = strlen(client.out);
        CHECK(before > 2 && strcmp(client.out + before - 2, "\n\n") == 0);
        request_tick(chats.request.requests, clock_mono_ms() + REQUEST_SILENCE_MS - 1000);
        CHECK_INT(strlen(client.out), before);
        request_tick(chats.request.requests, clock_mono_ms() + REQUEST_SILENCE_MS + 1);
        CHECK_INT(strlen(client.out), before + n);
        CHECK(strcmp(client.out + before, rows[i].sign) == 0);
        client_reads();
        up_text(half + 40);
        up_text(STOP USAGE_EVENT DONE);
        client_reads();
        up_done(ERR_NONE);
        CHECK(strstr(client.out, rows[i].last) != NULL);
        CHECK_INT(count_of(rows[i].sign), 1);
        check_over(11, true);
    }
}

/* Behind the finish reason the provider's figures are awaited for a client that is gone, and its events
 * have nowhere to go. */
static void test_client_leaves(void)
{
    begin(ASKED ",\"stream\":true}");
    up_head(200);
    up_text(ROLE TEXT STOP);
    client_reads();
    client.gone(client.gone_cookie);
    CHECK_INT(up.cancelled, 0);
    up_text(TEXT USAGE_EVENT DONE);
    up_done(ERR_NONE);
    CHECK_INT(-balance, 11);
    CHECK(chats.request.requests == NULL);

    begin(ASKED "}");
    client.gone(client.gone_cookie);
    CHECK_INT(up.cancelled, 1);
    CHECK(chats.request.requests == NULL);
}

/* Wherever memory ends, the client reads an error or the connection breaks, and nothing is lost: reset()
 * asserts that all of the budget came back. */
static void test_no_memory(void)
{
    for (size_t most = 64; most < 64 << 10; most += most / 4) {
        for (int stream = 0; stream < 2; stream++) {
            content_max = most;
            begin(stream ? ASKED ",\"stream\":true}" : ASKED "}");
            for (unsigned i = 0; i < up.started; i++) {
                up_head(200);
                up_text(stream ? ROLE TEXT STOP USAGE_EVENT DONE : WHOLE);
                client_reads();
                up_done(ERR_NONE);
            }
            client_reads();
            CHECK(chats.request.requests == NULL);
            CHECK_INT(the_key.refs, 0);
            CHECK(client.status == 529 || client.status == 200);
            CHECK(client.status == 529 || client.aborted || count_of("event: error\n") == 1 ||
                  strstr(client.out, "hello") != NULL);
            CHECK_INT(receipt.n, 1);
        }
    }
    CHECK(strstr(client.out, "hello") != NULL); /* at last there was enough */
    content_max = 128 << 20;
    reset();
}

enum { MESSAGES_MAX = 20000 };

static const char *short_messages(unsigned n)
{
    static char body[64 + MESSAGES_MAX * 32];
    size_t len = (size_t)sprintf(body, "{\"model\":\"demo/echo\",\"max_tokens\":5,\"messages\":[");

    for (unsigned i = 0; i < n; i++)
        len += (size_t)sprintf(body + len, "%s{\"role\":\"user\",\"content\":\"x\"}", i == 0 ? "" : ",");
    sprintf(body + len, "]}");
    return body;
}

/* What the reader makes of many short messages takes several times their bytes: it is charged as they are. */
static void test_many_items(void)
{
    content_max = 4 << 20;
    begin(short_messages(MESSAGES_MAX));
    CHECK_INT(client.status, 529);
    CHECK_INT(up.started, 0);
    content_max = 128 << 20;
    begin(short_messages(50));
    CHECK_INT(up.started, 1);
    CHECK(budget_used(content) > 100 * sizeof(struct prompt_item));
    up_head(200);
    up_text(WHOLE);
    up_done(ERR_NONE);
    CHECK_INT(client.status, 200);
    check_over(11, true);
    reset(); /* all of it came back */
}

/* Answered from the prompt alone: the key must be good, nobody is asked, nothing is charged or recorded. */
static void test_count(void)
{
    static const struct digest32 who;

    for (int i = 0; i < 3; i++) {
        reset();
        client.body = view_str(i == 1 ? "{\"model\":\"demo/echo\",\"messages\":7}"
                                      : "{\"model\":\"demo/echo\",\"messages\":[{\"role\":\"user\","
                                        "\"content\":\"one two three four\"}]}");
        stranger = i == 2; /* and nobody can be asked about the key */
        exchange_count(&chats, &client, &who, &messages_2023, false);
        stranger = false;
        CHECK_INT(client.status, i == 0 ? 200 : i == 1 ? 400 : 503);
        CHECK((strncmp(client.out, "{\"input_tokens\":", 16) == 0) == (i == 0));
        CHECK((strstr(client.out, "\"type\":\"error\"") != NULL) == (i != 0));
        CHECK_INT(up.started, 0);
        CHECK_INT(records, 0);
        CHECK_INT(receipt.n, 0);
        CHECK_INT(balance, 0);
        CHECK_INT(the_key.refs, 0);
        CHECK(chats.request.requests == NULL);
        CHECK_INT(chats.n_spare, 1);
    }
}

static const struct check_case cases[] = {
    {"exchange_stream", test_stream},
    {"exchange_whole", test_whole},
    {"exchange_effort", test_effort},
    {"exchange_longest_answer", test_longest_answer},
    {"exchange_fallback", test_fallback},
    {"exchange_failures", test_failures},
    {"exchange_cut", test_cut},
    {"exchange_keep_alive", test_keep_alive},
    {"exchange_keep_alive_at_event_boundaries", test_keep_alive_at_event_boundaries},
    {"exchange_client_leaves", test_client_leaves},
    {"exchange_count", test_count},
    {"exchange_no_memory", test_no_memory},
    {"exchange_many_items", test_many_items},
};
CHECK_MAIN(cases)
