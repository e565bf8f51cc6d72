/* One chat completion from the client's bytes to the client's bytes, with the real request machine,
 * reader and canoniser between a fake provider and a fake client. It holds what clients depend on:
 * the head waits for the first useful event, a fallback leaves no trace, [DONE] is last and only behind a complete
 * answer, a failure is the last event of a stream, and an upstream split at any byte gives the same answer. Every answer has
 * one receipt, which speaks of the very bytes that went each way. */
#include "base64.h"
#include "chat_request.h"
#include "lib/chat_sides.h"

#include "aci.h"
#include "identity.h"
#include "keyset.h"

#include <zlib.h>

static void up_body(const char *text, size_t step)
{
    up_bytes(view_str(text), step);
}

enum {
    SERVED = RECEIPT_ADMITTED | RECEIPT_FORWARDED | RECEIPT_RETURNED | RECEIPT_COMPLETE,
    SERVED_STREAM = SERVED | RECEIPT_STREAM,
    CUT_STREAM = (SERVED_STREAM & ~RECEIPT_COMPLETE) | RECEIPT_ESTIMATED,
};

/* One receipt, of the bytes that the client sent, a provider was sent and the client was sent. */
static void check_receipt(unsigned flags)
{
    const struct receipt_facts *f = &receipt.facts;
    struct digest32 d;

    CHECK_INT(receipt.n, 1);
    CHECK_INT(f->flags, flags);
    CHECK_BYTES(f->received.b, 32, receipt.received.b, 32);
    CHECK_INT(f->returned_bytes, (flags & RECEIPT_RETURNED) != 0 ? client.n_taken : 0);
    digest_stream_end(&client.taken, &d);
    if ((flags & RECEIPT_RETURNED) != 0)
        CHECK_BYTES(f->returned.b, 32, d.b, 32);
    CHECK_INT(f->status, client.status != 0 ? client.status : 499);
    if ((flags & RECEIPT_FORWARDED) == 0)
        return;
    digest_sha256(view_str(up.sent[up.started - 1]), &d);
    CHECK_BYTES(f->forwarded.b, 32, d.b, 32);
    CHECK(strcmp(providers.list[f->candidate[f->answered].provider_no].id,
                 up.provider[up.started - 1]) == 0);
    CHECK(strcmp(f->upstream_model, "up-echo") == 0);
    CHECK_INT(f->cost_nusd, -balance);
}

#define CHUNK(delta, finish)                                                                       \
    "data: {\"id\":\"up\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up-echo\"," \
    "\"choices\":[{\"index\":0,\"delta\":" delta ",\"finish_reason\":" finish "}]}\n\n"
#define CHUNK2(delta, finish)                                                                      \
    "data: {\"choices\":[{\"index\":1,\"delta\":" delta ",\"finish_reason\":" finish "}]}\n\n"
#define ROLE CHUNK("{\"role\":\"assistant\"}", "null")
#define TEXT CHUNK("{\"content\":\"hello\"}", "null")
#define STOP CHUNK("{}", "\"stop\"")
#define USAGE_EVENT                                                                                \
    "data: {\"id\":\"up\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up-echo\"," \
    "\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}}\n\n"
#define DONE "data: [DONE]\n\n"

#define WHOLE                                                                                      \
    "{\"id\":\"up\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"up-echo\",\"odd\" : 1e5," \
    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hello\"},"         \
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,"          \
    "\"total_tokens\":11}}"

static struct identity_keys *keys;
static struct keyset *keyset;

static void signer_begin(void)
{
    struct identity_config identity = {.audience = "test"};

    CHECK_INT(identity_keys_new(&identity, &keys), ERR_NONE);
    CHECK_INT(keyset_new(keys, &keyset), ERR_NONE);
    signer = (struct receipt_signer){.keys = keys, .keyset = keyset, .providers = &providers,
                                            .receipts = chats.receipts,
                                            .salt = receipts_salt_secret(chats.receipts)};
}
static void signer_end(void)
{
    keyset_free(keyset);
    identity_keys_free(keys);
}

/* Everything is settled and wiped, and nothing is lost. */
static void check_quiet(int64_t spent)
{
    CHECK(chats.request.requests == NULL);
    CHECK_INT(chats.n_spare, 1);
    CHECK_INT(-balance, spent);
    CHECK_INT(records, 1);
    CHECK_INT(the_key.refs, 0);
}

static unsigned count_in_out(const char *word)
{
    unsigned n = 0;

    for (const char *at = client.out; (at = strstr(at, word)) != NULL; at++)
        n++;
    return n;
}

static void test_stream(void)
{
    const char *tail = "\n\ndata: [DONE]\n\n";

    reset();
    ask(ASK ",\"stream\":true}");
    CHECK_INT(up.started, 1);
    CHECK(strstr(up.sent[0], "\"up-echo\"") != NULL && strstr(up.sent[0], "provider") == NULL);
    up_head(200);
    up_body(ROLE, 1000);
    CHECK_INT(client.status, 0); /* a role is nothing useful: the head is held */
    up_body(TEXT, 1000);
    CHECK_INT(client.status, 200);
    CHECK_INT(client.writes, 1); /* role and text together */
    CHECK(strstr(client.headers, "x-tr-provider: demo-a\n") != NULL);
    CHECK(strstr(client.headers, "content-type: text/event-stream\n") != NULL);
    CHECK(strstr(client.headers, "x-tr-fallback-from: ") == NULL);
    client_reads();
    up_body(STOP USAGE_EVENT DONE, 10000);
    CHECK(client.ended && !client.aborted);
    CHECK_INT(client.writes, 1); /* the rest went with the end */
    CHECK(strcmp(client.out + client.out_len - strlen(tail), tail) == 0);
    CHECK(strstr(client.out, "usage") == NULL); /* not asked for */
    CHECK(strstr(client.out, "\"model\":\"demo/echo\"") != NULL);
    CHECK(strstr(client.out, "up-echo") == NULL);
    CHECK_INT(records, 1);
    client_reads();
    up_done(ERR_NONE);
    check_quiet(9 + 2);
    check_receipt(SERVED_STREAM);
    CHECK(strstr(client.headers, "x-receipt-id: rcpt-") != NULL);
    CHECK(strstr(client.headers, "trailer: ") == NULL && client.fill == NULL); /* not asked for */
    CHECK_INT(up.cancelled, 0); /* the connection goes back to its pool */
}

/* The same bytes however the network cuts them. */
static void test_every_split(void)
{
    static const char events[] = ": comment\r\n\r\n" ROLE TEXT STOP USAGE_EVENT DONE;
    static char want[sizeof client.out];

    for (size_t step = sizeof events; step > 0; step--) {
        char *id;

        reset();
        ask(ASK ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
        up_head(200);
        up_body(events, step);
        client_reads();
        up_done(ERR_NONE);
        client_reads();
        /* ids and times differ from run to run */
        while ((id = strstr(client.out, "\"gen-")) != NULL)
            memcpy(id, "\"ID..", 5), memset(id + 5, '0', ID_TEXT_LEN);
        while ((id = strstr(client.out, "\"created\":1")) != NULL)
            memcpy(id, "\"c\"......:0000000000", 20);
        if (step == sizeof events)
            strcpy(want, client.out);
        else if (strcmp(want, client.out) != 0)
            CHECK(!"the answer depends on the split");
        check_quiet(11);
        check_receipt(SERVED_STREAM);
    }
    CHECK(strstr(want, "\"prompt_tokens\":9") != NULL);
}

static void test_fallbacks(void)
{
    static const struct {
        const char *what;
        int status;
        const char *body;
        enum err done;
    } cases[] = {
        {"429", 429, "{\"error\":{\"message\":\"slow down\"}}", ERR_NONE},
        {"500", 500, "oops", ERR_NONE},
        {"502 page", 502, "<html>", ERR_NONE},
        {"401 is the operator's", 401, "{\"error\":{\"message\":\"bad key\"}}", ERR_NONE},
        {"200 with an error body", 200, "{\"error\":{\"message\":\"x\"}}", ERR_NONE},
        {"error as the first event", 200, "data: {\"error\":{\"message\":\"x\"}}\n\n", ERR_NONE},
        {"role, then an error", 200, ROLE "data: {\"error\":{\"message\":\"x\"}}\n\n", ERR_NONE},
        {"error in the same read as the text", 200,
         ROLE TEXT "data: {\"error\":{\"message\":\"x\"}}\n\n", ERR_NONE},
        {"named error event", 200, "event: error\ndata: {\"oops\":1}\n\n", ERR_NONE},
        {"no JSON", 200, "data: hello\n\n", ERR_NONE},
        {"an end before anything", 200, "", ERR_NONE},
        {"only [DONE]", 200, DONE, ERR_NONE},
        {"reset after the role", 200, ROLE, ERR_PROVIDER_TRUNCATED},
        {"refused", 0, "", ERR_CONNECT},
        {"silent", 0, "", ERR_FIRST_BYTE_TIMEOUT},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reset();
        ask(ASK ",\"stream\":true}");
        if (cases[i].status != 0)
            up_head(cases[i].status);
        up_body(cases[i].body, 10000);
        if (up.started == 1)
            up_done(cases[i].done);
        CHECK_INT(client.status, 0);
        CHECK_INT(up.started, 2);
        if (up.started != 2) {
            printf("# case: %s\n", cases[i].what);
            continue;
        }
        CHECK(strcmp(up.provider[1], "demo-b") == 0);
        CHECK(strcmp(up.sent[0], up.sent[1]) == 0);
        up_head(200);
        up_body(ROLE TEXT STOP DONE, 10000);
        client_reads();
        up_done(ERR_NONE);
        CHECK_INT(client.status, 200);
        CHECK(strstr(client.headers, "x-tr-fallback-from: demo-a\n") != NULL);
        CHECK(strstr(client.headers, "x-tr-fallback-to: demo-b\n") != NULL);
        CHECK(strstr(client.out, "error") == NULL);
        CHECK(strstr(strstr(client.out, "hello") + 1, "hello") == NULL); /* no trace of the first */
        CHECK_INT(last_record.attempts, 2);
        CHECK(chats.request.requests == NULL && records == 1);
        check_receipt(SERVED_STREAM | RECEIPT_ESTIMATED);
        CHECK_INT(receipt.facts.n_candidates, 2);
        CHECK_INT(receipt.facts.candidate[0].tried, 1);
        CHECK(receipt.facts.candidate[0].result != ERR_NONE);
        CHECK_INT(receipt.facts.candidate[1].result, ERR_NONE);
        CHECK_INT(receipt.facts.answered, 1);
    }
}

/* Every provider refuses: the sentence of the first one is what the client reads. */
static void test_refusals(void)
{
    reset();
    ask(ASK ",\"stream\":true}");
    up_head(400);
    up_body("{\"error\":{\"message\":\"say \\\"please\\\"\",\"code\":\"x\"}}", 7);
    up_done(ERR_NONE);
    CHECK_INT(client.status, 0);
    CHECK_INT(up.started, 2);
    up_head(400);
    up_body("{\"error\":{\"message\":\"say thanks\",\"code\":\"x\"}}", 7);
    up_done(ERR_NONE);
    CHECK_INT(client.status, 400);
    CHECK(strstr(client.out, "say \\\"please\\\"") != NULL);
    CHECK(strstr(client.out, "thanks") == NULL);
    CHECK(client.responded);
    check_quiet(0);
    check_receipt(SERVED_STREAM);
    CHECK_INT(receipt.facts.error, API_BAD_REQUEST);
    CHECK_INT(receipt.facts.candidate[1].tried, 1);
}

/* Nobody but the operator reads of the operator's account, and nobody of its key. */
static void test_operator_is_not_quoted(void)
{
    static const struct {
        const char *message;
        int status;
        const char *says;
    } cases[] = {
        {"bad header Authorization: Bearer sk-operator-1", 400, "The request is not valid."},
        {"bad key sk-opera****", 400, "The request is not valid."},
        {"bad key \\u0073k-operator-1", 400, "The request is not valid."},
        {"no key sk-oper", 400, "no key sk-oper"},
        {"bad key ****erator-1", 400, "The request is not valid."},
        {"no operator", 400, "no operator"},
        {"In organization `org_01jabc` reduce x", 400, "In organization `***` reduce x"},
        {"Your credit balance is too low to access the API.", 502, "provider_credentials"},
        {"Incorrect API key provided", 502, "provider_credentials"},
        {"balance the equation", 400, "balance the equation"},
    };

    struct credentials *keys_held;

    CHECK_INT(credentials_new(&keys_held), ERR_NONE);
    chats.credentials = keys_held;
    for (uint16_t no = 0; no < 2; no++)
        CHECK_INT(credentials_set(keys_held, no, 0, 1, VIEW_LIT("sk-operator-1")), ERR_NONE);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reset();
        ask(ASK "}");
        for (int k = 0; k < 2; k++) {
            char body[256];

            snprintf(body, sizeof body, "{\"error\":{\"message\":\"%s\"}}", cases[i].message);
            up_head(400);
            up_body(body, 1000);
            up_done(ERR_NONE);
        }
        CHECK_INT(up.started, 2);
        CHECK_INT(client.status, cases[i].status);
        CHECK(strstr(client.out, cases[i].says) != NULL);
        CHECK(strstr(client.out, "operator-1") == NULL && strstr(client.out, "org_01") == NULL);
        CHECK(strstr(client.out, "sk-opera") == NULL);
        check_quiet(0);
    }
    credentials_free(keys_held);
    chats.credentials = NULL;
}

/* An answer over a limit of ours was made, so it is billed, once, and nobody makes it again. */
static void test_too_large(void)
{
    static const struct {
        bool stream, began;
        size_t piece, times;
    } cases[] = {{false, false, 1 << 20, 33}, {true, false, 1 << 18, 17}, {true, true, 1 << 18, 17}};
    char *piece = malloc((1 << 20) + 1);

    memset(piece, ' ', 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reset();
        ask(cases[i].stream ? ASK ",\"stream\":true}" : ASK "}");
        up_head(200);
        if (cases[i].began)
            up_body(ROLE TEXT, 1000);
        client_reads();
        up_body("data: {", 7);
        piece[cases[i].piece] = '\0';
        for (size_t k = 0; k < cases[i].times; k++)
            up_body(piece, cases[i].piece);
        piece[cases[i].piece] = ' ';
        CHECK_INT(up.started, 1);
        CHECK_INT(up.cancelled, 1);
        CHECK_INT(client.status, cases[i].began ? 200 : 502);
        CHECK(strstr(client.out, "answer_too_large") != NULL);
        client_reads();
        CHECK_INT(last_record.flags & (USAGE_ESTIMATED | USAGE_CLAMPED),
                  USAGE_ESTIMATED | USAGE_CLAMPED);
        CHECK(last_record.tokens_completion >= (4 << 20) / 4);
        CHECK_INT(records, 1);
        CHECK(-balance >= (cases[i].stream ? 4096 : 100000)); /* all the output that was reserved */
        CHECK_INT(receipt.n, 1);
        CHECK_INT(receipt.facts.outcome, ERR_PROVIDER_LARGE);
    }
    free(piece);
}

static void test_truncated(void)
{
    static const struct {
        const char *body;
        enum err done;
    } cases[] = {
        {"", ERR_NONE},                    /* a clean end in the middle */
        {"data: {\"half\":", ERR_NONE},    /* half an event */
        {"", ERR_PROVIDER_TRUNCATED},      /* reset */
        {"", ERR_IDLE_TIMEOUT},            /* stalled */
        {"data: nonsense\n\n", ERR_NONE},  /* rubbish */
        {"data: {\"error\":{\"message\":\"mid\"}}\n\n", ERR_NONE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reset();
        ask(ASK ",\"stream\":true}");
        up_head(200);
        up_body(ROLE TEXT, 10000);
        client_reads();
        up_body(cases[i].body, 10000);
        up_done(cases[i].done);
        CHECK(client.ended && !client.aborted); /* behind an error event the body ends well */
        CHECK(strstr(client.out, "data: {\"error\":{\"message\":") != NULL);
        CHECK(strcmp(client.out + client.out_len - 2, "\n\n") == 0);
        CHECK(strstr(client.out, "finish_reason\":\"") == NULL);
        CHECK(strstr(client.out, "[DONE]") == NULL);
        CHECK_INT(up.started, 1); /* never another provider after the first byte */
        client_reads();
        /* estimated: the messages are 32 bytes, five bytes were delivered */
        CHECK((last_record.flags & USAGE_ESTIMATED) != 0);
        check_quiet(8 + 2);
        check_receipt(CUT_STREAM);
        CHECK(receipt.facts.error != API_OK);
    }
}

static void test_end_without_done(void)
{
    reset();
    ask(ASK ",\"stream\":true}");
    up_head(200);
    up_body(ROLE TEXT STOP USAGE_EVENT, 10000);
    client_reads();
    up_done(ERR_NONE);
    CHECK(client.ended && !client.aborted);
    CHECK(strstr(client.out, "data: [DONE]\n\n") != NULL);
    client_reads();
    check_quiet(11);
    check_receipt(SERVED_STREAM);
}

#define TAIL(event) "data: " event "\n" /* and no blank line */
#define STOP_JSON                                                                                  \
    "{\"id\":\"up\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up-echo\","   \
    "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}"

/* Behind the finish reason nothing is missing, however the provider ends: [DONE], figures and a break of any kind,
 * rubbish, nothing at all. */
static void test_finished_is_complete(void)
{
    static const struct {
        const char *body; /* behind ROLE TEXT */
        enum err done;
        uint32_t within; /* what the fetch was told: the figures are there or awaited */
        bool estimated, cancelled;
    } cases[] = {
        {STOP USAGE_EVENT, ERR_PROVIDER_TRUNCATED, ATTEMPT_END_MS, false, false}, /* RST */
        {STOP, ERR_PROVIDER_TRUNCATED, ATTEMPT_USAGE_MS, true, false},
        {STOP USAGE_EVENT, ERR_PROVIDER_PROTOCOL, ATTEMPT_END_MS, false, false},
        {STOP, ERR_TLS, ATTEMPT_USAGE_MS, true, false},
        {STOP USAGE_EVENT ": ping\n\n: ping\n\n", ERR_IDLE_TIMEOUT, ATTEMPT_END_MS, false,
         false}, /* heartbeats, or nothing, until the wait is over */
        {STOP, ERR_TOTAL_TIMEOUT, ATTEMPT_USAGE_MS, true, false},
        {TAIL(STOP_JSON), ERR_NONE, 0, true, false}, /* without the blank line */
        {"data: " STOP_JSON, ERR_NONE, 0, true, false},
        {TAIL(STOP_JSON), ERR_PROVIDER_TRUNCATED, 0, true, false},
        {STOP "data: [DONE]", ERR_NONE, ATTEMPT_USAGE_MS, true, false},
        {"data: [DONE]", ERR_NONE, 0, true, false},
        {STOP "data: {\"half\":", ERR_NONE, ATTEMPT_USAGE_MS, true, false}, /* half of the figures */
        {STOP USAGE_EVENT "data: nonsense\n\n", ERR_NONE, 0, false, true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t step = 1; step < 10000; step += 9998) {
            reset();
            ask(ASK ",\"stream\":true}");
            up_head(200);
            up_body(ROLE TEXT, step);
            CHECK_INT(current()->within, 0);
            CHECK_INT(current()->progressed, 5);
            up_body(cases[i].body, step);
            if (!cases[i].cancelled)
                CHECK_INT(current()->within, cases[i].within);
            CHECK_INT(up.cancelled, cases[i].cancelled);
            client_reads();
            up_done(cases[i].done);
            CHECK(client.ended && !client.aborted);
            CHECK(strstr(client.out, "\"finish_reason\":\"stop\"") != NULL);
            CHECK(strstr(client.out, "error") == NULL);
            CHECK(strcmp(client.out + client.out_len - strlen(DONE), DONE) == 0);
            client_reads();
            CHECK_INT((last_record.flags & USAGE_ESTIMATED) != 0, cases[i].estimated);
            check_quiet(cases[i].estimated ? 8 + 2 : 11);
            check_receipt(SERVED_STREAM | (cases[i].estimated ? RECEIPT_ESTIMATED : 0));
        }
    }
}

/* An answer of two choices is complete when both are, and only an error that the provider tells is one
 * behind a finish reason. */
static void test_finished_is_not_complete(void)
{
    static const struct {
        const char *members, *body;
        bool complete;
    } cases[] = {
        {",\"n\":2", CHUNK2("{\"content\":\"x\"}", "null") STOP, false},
        {",\"n\":2", CHUNK2("{\"content\":\"x\"}", "\"stop\"") STOP, true},
        {",\"n\":2", STOP, true}, /* it makes only one: the others have not begun */
        {"", STOP "data: {\"error\":{\"message\":\"late\"}}\n\n", false},
        {"", STOP "event: error\ndata: {}\n\n", false},
        {"", STOP "data: {\"error\":{\"message\":\"late\"}}", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[512];

        reset();
        snprintf(body, sizeof body, ASK ",\"stream\":true%s}", cases[i].members);
        ask(body);
        up_head(200);
        up_body(ROLE TEXT, 10000);
        up_body(cases[i].body, 10000);
        CHECK_INT(current()->within != 0 && i < 3, i == 1); /* the wait is for all that were asked for */
        client_reads();
        up_done(ERR_PROVIDER_TRUNCATED);
        CHECK(client.ended && !client.aborted);
        CHECK_INT(strstr(client.out, "[DONE]") != NULL, cases[i].complete);
        CHECK_INT(strstr(client.out, "\"error\"") == NULL, cases[i].complete);
        client_reads();
        CHECK(chats.request.requests == NULL);
        CHECK_INT((receipt.facts.flags & RECEIPT_COMPLETE) != 0, cases[i].complete);
    }
}

/* A whole answer that is complete is one, whatever happens to the connection behind it; one that is not, is not; and
 * an error keeps its status. */
static void test_whole_cut_off(void)
{
    static const struct {
        int status;
        const char *body;
        int told;
    } cases[] = {
        {200, WHOLE, 200},
        {200, WHOLE "\n", 200},
        {200, "{\"id\":\"up\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"hel", 502},
        {429, "{\"error\":{\"mess", 429},
        {400, "{\"error\":{\"message\":\"odd\"}}", 400},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reset();
        ask(ASK "}");
        for (unsigned k = 0; k < 2 && up.started == k + 1; k++) {
            up_head(cases[i].status);
            up_body(cases[i].body, 10000);
            up_done(ERR_PROVIDER_TRUNCATED);
        }
        CHECK_INT(up.started, cases[i].told == 200 ? 1 : 2);
        CHECK_INT(client.status, cases[i].told);
        client_reads();
        CHECK(chats.request.requests == NULL);
    }
}

/* Behind the object of a whole answer there is nothing to wait for; inside it, and in what is no object, there is. */
static void test_whole_kept_open(void)
{
    static const struct {
        const char *body;
        bool over;
    } cases[] = {
        {WHOLE, true},
        {"\xef\xbb\xbf \r\n" WHOLE " \n", true},
        {"{\"a\":\"}\\\"}\",\"b\":[{}],\"c\":\"\\\\\"}", true},
        {"{\"a\":\"}\\\"}\",\"b\":[{}],\"c\":\"\\\\\"", false},
        {"data: " WHOLE "\n\n", true},
        {"data: {}\n\n", false},
        {"[{}]", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t step = 1; step < 10000; step += 9998) {
            reset();
            ask(ASK "}");
            up_head(200);
            up_body(cases[i].body, step);
            CHECK_INT(current()->within, cases[i].over ? ATTEMPT_END_MS : 0);
            if (i > 0) { /* whether it can be used is not the question */
                client.gone(client.gone_cookie);
                up_done(ERR_TOTAL_TIMEOUT);
                continue;
            }
            up_done(ERR_IDLE_TIMEOUT);
            CHECK_INT(client.status, 200);
            client_reads();
            check_quiet(11);
        }
}

/* The same for a stream where a whole answer was asked for, which may never say "[DONE]": its finish reason ends it,
 * with some time for figures; comments do not make that longer. */
static void test_whole_stream_kept_open(void)
{
#define PING ": ping\n\n"
    static const struct {
        const char *members, *body;
        uint32_t within;
    } cases[] = {
        {"", ROLE TEXT STOP USAGE_EVENT PING, ATTEMPT_END_MS},
        {"", ROLE TEXT STOP PING, ATTEMPT_USAGE_MS},
        {"", ROLE TEXT CHUNK("{}", "\"\"") PING, 0},
        {"", ROLE TEXT PING, 0},
        {"", ROLE CHUNK("{\"content\":\"\\\"finish_reason\\\":\\\"stop\\\"\"}", "null") PING, 0},
        {"", ROLE TEXT ": \"finish_reason\":\"stop\"\n", 0},
        {"", ROLE TEXT "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}", 0},
        {",\"n\":2", ROLE TEXT STOP PING, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t step = 1; step < 10000; step += 9998) {
            char body[512];

            reset();
            snprintf(body, sizeof body, ASK "%s}", cases[i].members);
            ask(body);
            up_head(200);
            up_body(cases[i].body, step);
            CHECK_INT(current()->within, cases[i].within);
            if (i > 1) {
                client.gone(client.gone_cookie);
                up_done(ERR_TOTAL_TIMEOUT);
                continue;
            }
            current()->within = 0;
            up_body(PING, step);
            CHECK_INT(current()->within, 0);
            up_done(ERR_IDLE_TIMEOUT);
            CHECK_INT(client.status, 200);
            CHECK(strstr(client.out, "hello") != NULL);
            client_reads();
        }
#undef PING
}

/* Without memory for the error event the connection breaks: nobody takes that for an end. */
static void test_no_room_for_the_error(void)
{
    size_t taken = 0;

    reset();
    ask(ASK ",\"stream\":true}");
    up_head(200);
    up_body(ROLE TEXT, 10000);
    client_reads();
    for (size_t n = 1 << 20; n != 0; n /= 2)
        while (budget_take(content, n))
            taken += n;
    up_done(ERR_PROVIDER_TRUNCATED);
    CHECK(client.ended && client.aborted);
    CHECK(strstr(client.out, "error") == NULL);
    client_reads();
    budget_give(content, taken);
    CHECK(chats.request.requests == NULL);
}

/* Some never say why they stop; clients hang on that word. */
static void test_finish_is_supplied(void)
{
    reset();
    ask(ASK ",\"stream\":true}");
    up_head(200);
    up_body(ROLE TEXT DONE, 10000);
    CHECK(client.ended && !client.aborted);
    CHECK(strstr(client.out, "\"finish_reason\":\"stop\"") != NULL);
    client_reads();
    up_done(ERR_NONE);
    CHECK(chats.request.requests == NULL);
}

static void test_client_leaves(void)
{
    reset();
    ask(ASK ",\"stream\":true}");
    up_head(200);
    up_body(ROLE TEXT, 10000);
    client_reads();
    client.gone(client.gone_cookie);
    CHECK_INT(up.cancelled, 1); /* in this very turn */
    CHECK((last_record.flags & USAGE_CLIENT_GONE) != 0);
    check_quiet(8 + 2);
    check_receipt(CUT_STREAM); /* of what had left until then */
    CHECK_INT(receipt.facts.outcome, ERR_CLIENT_GONE);

    reset(); /* with bytes that were never written: they are not in it */
    ask(ASK ",\"stream\":true}");
    up_head(200);
    client.stuck = true;
    up_body(ROLE TEXT, 10000);
    up_body(TEXT TEXT, 10000);
    CHECK_INT(client.writes, 1);
    client.gone(client.gone_cookie);
    check_receipt(CUT_STREAM);

    reset(); /* before the provider had it all: free */
    ask(ASK ",\"stream\":false}");
    up.sending = true;
    client.gone(client.gone_cookie);
    CHECK_INT(up.cancelled, 1);
    check_quiet(0);
    check_receipt(RECEIPT_ADMITTED | RECEIPT_FORWARDED);

    reset(); /* while it works on it: the prompt, by its text */
    ask(ASK ",\"stream\":false}");
    client.gone(client.gone_cookie);
    CHECK_INT(up.cancelled, 1);
    CHECK_INT(last_record.flags, USAGE_CLIENT_GONE | USAGE_ESTIMATED);
    check_quiet(8);
    check_receipt(RECEIPT_ADMITTED | RECEIPT_FORWARDED | RECEIPT_ESTIMATED);

    reset(); /* while its error is read: free */
    ask(ASK ",\"stream\":true}");
    up_head(503);
    client.gone(client.gone_cookie);
    check_quiet(0);
    check_receipt(RECEIPT_ADMITTED | RECEIPT_FORWARDED | RECEIPT_STREAM);

    reset(); /* and before the request had left: no provider has seen it */
    up.unsent = true;
    ask(ASK ",\"stream\":false}");
    client.gone(client.gone_cookie);
    check_quiet(0);
    check_receipt(RECEIPT_ADMITTED);
}

/* The client has its finish reason and hangs up before the figures come: they are read all the same, and
 * nothing that it does not read is kept. */
static void test_left_behind_the_finish(void)
{
    reset();
    ask(ASK ",\"stream\":true}");
    up_head(200);
    up_body(ROLE TEXT STOP, 10000);
    client_reads();
    client.gone(client.gone_cookie);
    CHECK_INT(up.cancelled, 0);
    CHECK_INT(receipt.n, 0);
    up_body(USAGE_EVENT DONE, 10000);
    CHECK_INT(records, 1);
    up_done(ERR_NONE);
    check_quiet(11);
    CHECK_INT(last_record.flags, USAGE_STREAM | USAGE_CLIENT_GONE);
    check_receipt(CUT_STREAM & ~RECEIPT_ESTIMATED);

    reset(); /* the same with a slow reader that leaves while the provider is not being read */
    ask(ASK ",\"stream\":true}");
    up_head(200);
    client.stuck = true;
    up_body(ROLE TEXT STOP, 10000);
    exchange_hold(chats.request.requests, true);
    client.gone(client.gone_cookie);
    CHECK_INT(up.resumes, 1);
    up_body(USAGE_EVENT DONE, 10000);
    up_done(ERR_NONE);
    check_quiet(11);

    reset(); /* a whole answer whose body is arriving */
    ask(ASK "}");
    up_head(200);
    up_body(WHOLE, 11);
    client.gone(client.gone_cookie);
    CHECK_INT(up.cancelled, 0);
    up_done(ERR_NONE);
    check_quiet(11);
    CHECK_INT(last_record.flags, USAGE_CLIENT_GONE);
}

/* The first provider had the request, the second could not be reached: the receipt names the one
 * that saw it. */
static void test_sent_to_the_first_only(void)
{
    reset();
    ask(ASK "}");
    up_head(500);
    up_body("oops", 10);
    up_done(ERR_NONE);
    CHECK_INT(up.started, 2);
    up.unsent = true;
    up_done(ERR_CONNECT);
    CHECK_INT(client.status, 502);
    CHECK_INT(receipt.n, 1);
    CHECK_INT(receipt.facts.flags, SERVED);
    CHECK_INT(receipt.facts.answered, 0);
    CHECK_INT(receipt.facts.candidate[0].result, ERR_PROVIDER_STATUS);
    CHECK_INT(receipt.facts.candidate[1].result, ERR_CONNECT);
    check_quiet(0);
}

static void read_good(const void *cookie, uint32_t slot, struct health_view *out)
{
    (void)cookie, (void)slot;
    *out = (struct health_view){.state = HEALTH_GOOD};
}

/* What a receipt says of its route is enough to decide it again. */
static void test_route_again(void)
{
    unsigned first[2] = {0};

    for (unsigned i = 0; i < 64; i++) {
        struct route_health good = {read_good, NULL};
        struct route_want want = {.n_models = 1, .max_prompt_pusd = -1, .max_completion_pusd = -1, .max_audio_pusd = -1, .max_request_nusd = -1, .max_image_nusd = -1};
        struct snapshot *catalog;
        struct route again;

        reset();
        chats.request.route_seed = i * 0x9e3779b97f4a7c15u;
        ask("{\"model\":\"demo/echo\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
        client.gone(client.gone_cookie);
        CHECK_INT(receipt.facts.route_seed, i * 0x9e3779b97f4a7c15u);
        catalog = catalog_acquire(chats.catalogs, 0);
        want.models[0] = snapshot_find(catalog, view_str(receipt.facts.model));
        route_decide(&want, &good, receipt.facts.route_seed, &again);
        CHECK_INT(receipt.facts.n_candidates, again.n);
        for (size_t k = 0; k < again.n; k++) {
            CHECK_INT(receipt.facts.candidate[k].endpoint_no, again.list[k].endpoint->info->no);
            CHECK_INT(receipt.facts.candidate[k].reason, again.list[k].reason);
        }
        first[again.list[0].endpoint->provider->no]++;
        snapshot_release(catalog);
    }
    CHECK(first[0] != 0 && first[1] != 0); /* the seed decides something */
}

/* --- in-band */

static void ask_with_te(const char *te, bool old)
{
    reset();
    client.old = old;
    client.in[client.n_in++] = (struct web_header){VIEW_LIT("te"), view_str(te)};
    ask(ASK ",\"stream\":true}");
    up_head(200);
    up_body(ROLE TEXT STOP USAGE_EVENT DONE, 10000);
    CHECK(client.ended);
    CHECK_INT(client.trailer[0], 0); /* signed when everything has left, not before */
    client_reads();
    up_done(ERR_NONE);
    check_quiet(11);
}

static void test_trailer(void)
{
    static const char *const wanted[] = {"trailers", "Trailers", "gzip, trailers",
                                         "trailers,gzip;q=1"};
    static const char *const not_wanted[] = {"", "gzip", "trailer", "trailers;q=1", "trailersx",
                                             ","};
    uint8_t public[32];
    struct buf text;
    struct aci_receipt got;

    reset();
    buf_init(&text, RECEIPT_DOCUMENT_MAX);
    signer_begin();
    identity_receipt_key(keys, public);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        struct view value;

        ask_with_te(wanted[i], false);
        CHECK(strstr(client.headers, "trailer: ACI-Receipt\n") != NULL);
        value = view_str(client.trailer);
        CHECK(view_starts(value, VIEW_LIT("ACI-Receipt: ")));
        value = view_from(value, 13);
        CHECK(value.len > 2 && memcmp(value.ptr + value.len - 2, "\r\n", 2) == 0);
        value.len -= 2;
        buf_reset(&text);
        CHECK_INT(base64_decode(value, &text), ERR_NONE);
        CHECK_INT(aci_receipt_open(buf_view(&text), public, &got), ERR_NONE);
        CHECK_BYTES(got.returned.b, 32, receipt.facts.returned.b, 32);
        check_receipt(SERVED_STREAM);
    }
    for (size_t i = 0; i < sizeof not_wanted / sizeof not_wanted[0]; i++) {
        ask_with_te(not_wanted[i], false);
        CHECK(strstr(client.headers, "trailer: ") == NULL);
        CHECK_INT(client.trailer[0], 0);
    }
    ask_with_te("trailers", true); /* none can be sent, so none is announced */
    CHECK(strstr(client.headers, "trailer: ") == NULL);
    CHECK_INT(client.trailer[0], 0);
    buf_free(&text);
    signer_end();
}

static void test_backpressure(void)
{
    static char big[40000];
    int i;

    strcpy(big, "data: {\"id\":\"u\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"");
    memset(big + strlen(big), 'x', 30000);
    strcat(big, "\"},\"finish_reason\":null}]}\n\n");
    reset();
    ask(ASK ",\"stream\":true}");
    up_head(200);
    client.stuck = true;
    client.out_len = 0;
    for (i = 0; i < 100 && up.pauses == 0; i++)
        up_body(big, sizeof big);
    CHECK_INT(up.pauses, 1);
    CHECK(i <= SSE_OUT_HIGH / 30000 + 2); /* bounded by the mark, not by the client */
    client.gone(client.gone_cookie);
    CHECK_INT(up.cancelled, 1);
    CHECK(chats.request.requests == NULL);
}

static void test_backpressure_resumes(void)
{
    static char big[40000];

    strcpy(big, "data: {\"id\":\"u\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"");
    memset(big + strlen(big), 'x', 10000);
    strcat(big, "\"},\"finish_reason\":null}]}\n\n");
    reset();
    ask(ASK ",\"stream\":true}");
    up_head(200);
    for (int i = 0; i < 100 && up.pauses == 0; i++)
        up_body(big, sizeof big);
    CHECK_INT(up.pauses, 1);
    CHECK_INT(client.writes, 1);
    client.out_len = 0; /* room in the fake */
    client.busy = false;
    client.writable(client.cookie);
    CHECK_INT(client.writes, 2); /* all that waited, in one write */
    CHECK_INT(up.resumes, 1);
    client.gone(client.gone_cookie);
    CHECK(chats.request.requests == NULL);
}

/* A stream that is ended at the edge ends cleanly, says why, and comes with figures. */
static void test_cut(void)
{
    static const struct {
        const char *members, *says, *trailer;
        unsigned spent;
        enum err grow;
    } cases[] = {
        /* three choices of 4096 tokens are paid for, and no more */
        {"", "\"x_tr_end_reason\":\"credit\"", "x-tr-end-reason: credit\r\n", 12302,
         ERR_CONFLICT},
        {"", "\"x_tr_end_reason\":\"control_plane\"", "x-tr-end-reason: control_plane\r\n", 12302,
         ERR_CREDIT}, /* and the link cannot be asked */
        {",\"max_tokens\":2", "\"x_tr_end_reason\":\"max_tokens\"", "x-tr-end-reason: max_tokens\r\n",
         6, ERR_NONE},
    };
    static char big[50000];

    strcpy(big, "data: {\"choices\":[{\"index\":2,\"delta\":{\"content\":\"");
    memset(big + strlen(big), 'x', 49200);
    strcat(big, "\"},\"finish_reason\":null}]}\n\n");
    signer_begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[512], *at;

        reset();
        grow = cases[i].grow;
        client.in[client.n_in++] = (struct web_header){VIEW_LIT("te"), VIEW_LIT("trailers")};
        snprintf(body, sizeof body, ASK ",\"stream\":true,\"n\":3,\"stream_options\":{\"include_usage\":true}%s}",
                 cases[i].members);
        ask(body);
        up_head(200);
        up_body(ROLE TEXT, 10000);
        up_body("data: {\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n", 1000);
        client_reads();
        CHECK(!client.ended);
        up_body(big, sizeof big);
        client_reads();
        CHECK_INT(up.cancelled, 1);
        CHECK(client.ended && !client.aborted);
        at = strstr(client.out, cases[i].says);
        CHECK(at != NULL && strstr(at, "\"usage\":{\"prompt_tokens\":8,") != NULL);
        CHECK(strstr(client.out, "[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"},"
                                 "{\"index\":2,\"delta\":{},\"finish_reason\":\"length\"}]") != NULL);
        CHECK(strcmp(client.out + client.out_len - 14, "data: [DONE]\n\n") == 0);
        CHECK(strstr(client.trailer, cases[i].trailer) != NULL);
        CHECK_INT(last_record.finish, FINISH_LENGTH);
        CHECK_INT(last_record.tokens_completion, cases[i].spent);
        check_quiet(8 + cases[i].spent);
        check_receipt(SERVED_STREAM | RECEIPT_ESTIMATED | (i == 2 ? RECEIPT_CLAMPED : 0));
    }
    signer_end();
}

/* A limit is written into the request when less is reserved than the model may write, and the client reads
 * it; else its bytes stay. */
static void test_told(void)
{
    static const struct {
        const char *members;
        bool poor, told;
    } cases[] = {{"}", false, false},
                 {"}", true, true},
                 {",\"stream\":true}", false, false},
                 {",\"max_tokens\":7}", false, false}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[512];

        reset();
        lease = cases[i].poor ? 5000 : 0;
        snprintf(body, sizeof body, ASK "%s", cases[i].members);
        ask(body);
        if (cases[i].poor)
            lease_cb(lease_cookie, &(struct ask_answer){.e = ERR_CREDIT, .most_nusd = lease});
        CHECK_INT(up.started, 1);
        CHECK_INT(strstr(up.sent[0], "\"max_tokens\":4096,") != NULL, cases[i].told);
        if (!cases[i].told)
            CHECK_INT(strstr(up.sent[0], "max_tokens") != NULL, i == 3);
        if (i < 2) {
            up_head(200);
            up_body(WHOLE, 999);
            up_done(ERR_NONE);
            CHECK_INT(strstr(client.headers, "x-tr-max-tokens: 4096\n") != NULL, cases[i].told);
            check_quiet(11);
        } else {
            client.gone(client.gone_cookie);
        }
    }
    lease = 0;
}

/* An image reserves an image's worth, and is billed as one when there are no figures. */
static void test_media(void)
{
    enum { CONTEXT = 1000 };
    static const struct {
        const char *type, *holder;
        int64_t bound, floor;
    } cases[] = {
        {"image_url", "{\"url\":\"https://x/y.png\"}", 300, 1600},
        {"image_url", "{\"url\":\"data:image/png;base64,AAAA\"}", 300, 1600},
        {"file", "{\"file_id\":\"f\"}", 320, 1600},
        {"video_url", "{\"url\":\"https://x/y.mp4\"}", 320, 1600},
        {"input_audio", "{\"data\":\"AAAAAAAAAA\",\"format\":\"mp3\"}", 64 + 2, 64},
        {"hologram", "{\"url\":\"https://x\"}", CONTEXT, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[512];
        int64_t text;

        reset();
        snprintf(body, sizeof body,
                 "{\"model\":\"demo/echo\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"%s\","
                 "\"%s\":%s}]}],\"max_tokens\":1,\"provider\":{\"only\":[\"demo-a\"]}}",
                 cases[i].type, cases[i].type, cases[i].holder);
        ask(body);
        text = (int64_t)(strlen(body) - strlen(cases[i].holder)) + CHAT_TEMPLATE_TOKENS;
        if (cases[i].bound == CONTEXT)
            text = 0;
        CHECK_INT(-balance, text + cases[i].bound + 1 + 1); /* and one token of output */
        client.gone(client.gone_cookie);
        CHECK(last_record.tokens_prompt >= cases[i].floor);
        CHECK(last_record.tokens_prompt < cases[i].floor + 40);
    }
}

static void test_whole(void)
{
    reset();
    ask(ASK "}");
    up_head(200);
    up_body(WHOLE, 11);
    CHECK_INT(client.status, 0);
    up_done(ERR_NONE);
    CHECK_INT(client.status, 200);
    CHECK(client.responded);
    CHECK(strstr(client.headers, "content-type: application/json\n") != NULL);
    CHECK(strstr(client.headers, "x-generation-id: gen-") != NULL);
    CHECK(strstr(client.out, "\"odd\" : 1e5") != NULL);
    CHECK(strstr(client.out, "\"model\":\"demo/echo\"") != NULL);
    CHECK(strstr(client.out, "\"prompt_tokens\":9") != NULL);
    check_quiet(11);
    check_receipt(SERVED);
    CHECK(strstr(client.headers, "x-receipt-id: rcpt-") != NULL);
    CHECK(strcmp(receipt.facts.model, "demo/echo") == 0);
    CHECK_INT(receipt.facts.tokens_prompt, 9);
    CHECK_INT(receipt.facts.class_pusd[PRICE_CLASS_prompt], 1000);

    reset(); /* cut off: the next provider answers, nothing was sent */
    ask(ASK "}");
    up_head(200);
    up_body("{\"id\":", 100);
    up_done(ERR_PROVIDER_TRUNCATED);
    CHECK_INT(up.started, 2);
    up_head(200);
    up_body("not json", 100);
    up_done(ERR_NONE);
    CHECK_INT(client.status, 502);
    check_quiet(0);
    check_receipt(SERVED);
    CHECK_INT(receipt.facts.error, API_PROVIDER_FAILED);
}

/* Memory for other people's words has a bound; at it a request is refused, and said to be worth another
 * try, wherever on its way it needs more. A stream that runs is not broken off for a large body. */
static void test_no_memory(void)
{
    static char huge[400 << 10];
    static const char begin[] = ASK ",\"user\":\"";
    enum { BODY = 200 << 10 };

    content_max = 320 << 10;
    reset(); /* the body itself: */
    CHECK(budget_take(content, 100 << 10));
    memset(huge, 'x', sizeof huge - 1);
    memcpy(huge, begin, sizeof begin - 1);
    memcpy(huge + BODY, "\"}", 3);
    ask(huge);
    CHECK_INT(client.status, 503);
    CHECK(strstr(client.out, "\"code\":\"overloaded\"") != NULL);
    CHECK(strstr(client.headers, "retry-after: ") != NULL);
    CHECK_INT(up.started, 0);
    budget_give(content, 100 << 10);
    reset(); /* the copy for the provider: */
    ask(huge);
    CHECK_INT(client.status, 503);
    CHECK_INT(up.started, 0);
    CHECK_INT(-balance, 0);
    reset(); /* a whole answer: */
    ask(ASK "}");
    memset(huge, ' ', sizeof huge - 1);
    up_head(200);
    up_body(huge, 64 << 10);
    CHECK_INT(up.started, 1); /* not bought again from the next provider, which would not help */
    CHECK_INT(client.status, 503);
    CHECK(strstr(client.out, "\"code\":\"overloaded\"") != NULL);
    check_quiet(0);
    reset(); /* a stream goes on beside large bodies that have used it up: */
    ask(ASK ",\"stream\":true}");
    up_head(200);
    CHECK(budget_take(content, (size_t)(content_max - budget_used(content))));
    up_body(ROLE TEXT, 1000);
    client_reads();
    up_body(STOP USAGE_EVENT DONE, 10000);
    CHECK(client.ended && !client.aborted);
    client_reads();
    up_done(ERR_NONE);
    budget_give(content, budget_used(content));
    content_max = 128 << 20;
    reset();
}

static void test_bad_requests(void)
{
    static const struct {
        const char *body;
        int status;
        const char *says;
    } cases[] = {
        {"", 400, "missing_body"},
        {"{", 400, "invalid_json"},
        {"{\"model\":\"demo/echo\"}", 400, "messages"},
        {"{\"model\":\"demo/none\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", 404,
         "model_not_found"},
        {"{\"model\":\"demo/echo\",\"model\":\"demo/echo\",\"messages\":[{\"role\":\"user\","
         "\"content\":\"x\"}]}",
         400, "duplicate_key"},
        {ASK ",\"max_tokens\":-1}", 400, "max_tokens"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reset();
        ask(cases[i].body);
        CHECK_INT(client.status, cases[i].status);
        CHECK(strstr(client.out, cases[i].says) != NULL);
        if (strstr(client.out, cases[i].says) == NULL)
            printf("# %s\n", client.out);
        CHECK(strstr(client.headers, "x-request-id: ") != NULL);
        CHECK_INT(up.started, 0);
        CHECK(chats.request.requests == NULL && records == 0);
        check_receipt(RECEIPT_RETURNED | RECEIPT_COMPLETE |
                      (strstr(cases[i].body, "\"stream\":true") != NULL ? RECEIPT_STREAM : 0));
        CHECK_INT(receipt.facts.status, cases[i].status);
        CHECK(strstr(client.headers, "x-receipt-id: rcpt-") != NULL);
    }
    reset();
    client.in[0] = (struct web_header){VIEW_LIT("content-type"), VIEW_LIT("text/plain")};
    client.n_in = 1;
    ask(ASK "}");
    CHECK_INT(client.status, 415);
    check_receipt(RECEIPT_RETURNED | RECEIPT_COMPLETE);
    reset();
    client.in[0] = (struct web_header){VIEW_LIT("content-type"),
                                       VIEW_LIT("Application/JSON; charset=utf-8")};
    client.n_in = 1;
    ask(ASK "}");
    CHECK_INT(up.started, 1);
    client.gone(client.gone_cookie);
}

/* Bodies as zlib and zstd make them of ASK "}". */
static struct view gzip_of(struct view plain, uint8_t *to, size_t room)
{
    z_stream z = {0};
    struct view out;

    CHECK_INT(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)plain.ptr;
    z.avail_in = (uInt)plain.len;
    z.next_out = to;
    z.avail_out = (uInt)room;
    CHECK_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
    out = view_of(to, z.total_out);
    (void)deflateEnd(&z);
    return out;
}

static void ask_encoded(const char *coding, struct view body)
{
    static const struct digest32 who;

    reset();
    client.in[0] = (struct web_header){VIEW_LIT("content-encoding"), view_str(coding)};
    client.n_in = 1;
    client.body = body;
    digest_sha256(body, &receipt.received); /* what came, not what it was decoded to */
    exchange_begin(&chats, &client, &who, &chat_dialect, RECEIPT_CHAT_V1);
}

static void test_encoded_bodies(void)
{
    static const char begun[] = "{\"model\":\"demo/none\",\"messages\":[{}]";
    static uint8_t packed[8192], big[4 << 20];
    struct view body;

    body = gzip_of(VIEW_LIT(ASK "}"), packed, sizeof packed);
    ask_encoded("gzip", body);
    CHECK_INT(up.started, 1);
    CHECK(strstr(up.sent[0], "\"content\":\"hi\"") != NULL);
    client.gone(client.gone_cookie);
    check_receipt(RECEIPT_ADMITTED | RECEIPT_FORWARDED | RECEIPT_ESTIMATED);

    ask_encoded("br", body);
    CHECK_INT(client.status, 415);
    CHECK(strstr(client.headers, "accept-encoding: gzip, deflate, zstd\n") != NULL);
    CHECK(strstr(client.out, "unsupported_content_encoding") != NULL);
    ask_encoded("gzip", view_of(body.ptr, body.len - 1));
    CHECK_INT(client.status, 400);
    CHECK(strstr(client.out, "invalid_content_encoding") != NULL);
    ask_encoded("gzip", VIEW_LIT(ASK "}"));
    CHECK_INT(client.status, 400);
    CHECK(strstr(client.out, "invalid_content_encoding") != NULL);

    /* 4 MiB out of 4 KiB: read for a key that is known here, not for one that may be invented */
    memset(big, ' ', sizeof big);
    memcpy(big, begun, sizeof begun - 1);
    big[sizeof big - 1] = '}';
    body = gzip_of(view_of(big, sizeof big), packed, sizeof packed);
    ask_encoded("gzip", body);
    CHECK_INT(client.status, 404); /* it was read: there is no such model */
    stranger = true;
    ask_encoded("gzip", body);
    stranger = false;
    CHECK_INT(client.status, 413);
}

/* Under /api/v1: the provider's name in each chunk, usage with its cost once and without asking, an error as a
 * chunk. */
static void test_openrouter(void)
{
    static const char cost[] = "\"cost\":0.000000011";

    spoken_at = RECEIPT_CHAT_API_V1;
    for (int asked = 0; asked < 2; asked++) {
        reset();
        ask(asked ? ASK ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}" : ASK ",\"stream\":true}");
        up_head(200);
        up_body(ROLE TEXT TEXT STOP USAGE_EVENT DONE, 10000);
        client_reads();
        up_done(ERR_NONE);
        CHECK_INT(count_in_out("\"provider\":\"Demo A\""), 5); /* two with text, one with the finish */
        CHECK_INT(count_in_out("\"usage\":"), 1);
        CHECK_INT(count_in_out(cost), 1);
        CHECK(strcmp(client.out + client.out_len - 14, "data: [DONE]\n\n") == 0);
        check_quiet(11);
        check_receipt(SERVED_STREAM);
    }
    reset();
    ask(ASK ",\"stream\":true}");
    up_head(200);
    up_body(ROLE TEXT, 10000);
    client_reads();
    up_done(ERR_NONE);
    CHECK(client.ended && !client.aborted);
    client_reads();
    CHECK_INT(count_in_out("\"finish_reason\":\"error\"}],\"error\":{\"code\":502,"), 1);
    CHECK_INT(count_in_out("[DONE]"), 0);
    for (int streamed = 0; streamed < 2; streamed++) { /* whole, also of a provider that streams all the same */
        reset();
        ask(ASK "}");
        up_head(200);
        up_body(streamed ? ROLE TEXT STOP USAGE_EVENT DONE : WHOLE, 10000);
        up_done(ERR_NONE);
        CHECK_INT(client.status, 200);
        CHECK_INT(count_in_out("\"provider\":\"Demo A\""), 1);
        CHECK_INT(count_in_out("\"usage\":"), 1);
        CHECK_INT(count_in_out(cost), 1);
        check_receipt(SERVED);
    }
    reset();
    ask(ASK ",\"stream\":true,\"max_tokens\":1,\"n\":1}"); /* past its limit */
    up_head(200);
    for (unsigned i = 0; i < 100 && up.cancelled == 0; i++)
        up_body(TEXT, 1000), client_reads();
    client_reads();
    CHECK_INT(count_in_out("\"x_tr_end_reason\":\"max_tokens\""), 1);
    CHECK_INT(count_in_out("\"usage\":"), 1);
    spoken_at = RECEIPT_CHAT_V1;
}

static const struct check_case cases[] = {
    {"chat_openrouter", test_openrouter},
    {"chat_encoded_bodies", test_encoded_bodies},
    {"chat_stream", test_stream},
    {"chat_every_split", test_every_split},
    {"chat_fallbacks", test_fallbacks},
    {"chat_refusals", test_refusals},
    {"chat_operator_is_not_quoted", test_operator_is_not_quoted},
    {"chat_too_large", test_too_large},
    {"chat_cut", test_cut},
    {"chat_told", test_told},
    {"chat_media", test_media},
    {"chat_left_behind_the_finish", test_left_behind_the_finish},
    {"chat_truncated", test_truncated},
    {"chat_finished_is_complete", test_finished_is_complete},
    {"chat_finished_is_not_complete", test_finished_is_not_complete},
    {"chat_whole_cut_off", test_whole_cut_off},
    {"chat_whole_kept_open", test_whole_kept_open},
    {"chat_whole_stream_kept_open", test_whole_stream_kept_open},
    {"chat_no_room_for_the_error", test_no_room_for_the_error},
    {"chat_end_without_done", test_end_without_done},
    {"chat_finish_is_supplied", test_finish_is_supplied},
    {"chat_client_leaves", test_client_leaves},
    {"chat_sent_to_the_first_only", test_sent_to_the_first_only},
    {"chat_route_again", test_route_again},
    {"chat_trailer", test_trailer},
    {"chat_backpressure", test_backpressure},
    {"chat_backpressure_resumes", test_backpressure_resumes},
    {"chat_whole", test_whole},
    {"chat_no_memory", test_no_memory},
    {"chat_bad_requests", test_bad_requests},
};
CHECK_MAIN(cases)
