/* What an answer's head says of its key's limits per minute: to every dialect in its own words, on whole answers,
 * streams and refusals, and not a word of limits that the key does not have. */
#include "lib/chat_sides.h"

#include "chat_dialect.h"
#include "completions.h"
#include "messages.h"
#include "rate_headers.h"
#include "responses.h"

#define WHOLE                                                                                      \
    "{\"id\":\"up\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"up-echo\","            \
    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hello\"},"         \
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,"          \
    "\"total_tokens\":11}}"
#define CHUNK                                                                                      \
    "data: {\"id\":\"up\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up-echo\"," \
    "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hello\"},"           \
    "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
#define TALK "{\"model\":\"demo/echo\",\"max_tokens\":50,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define TEXT_IN "{\"model\":\"demo/echo\",\"input\":\"hi\""
#define TEXT_ON "{\"model\":\"demo/echo\",\"prompt\":\"hi\""

static void check_text(const char *got, const char *want)
{
    CHECK_BYTES(got, strlen(got), want, strlen(want));
}

static void test_duration(void)
{
    static const struct {
        uint32_t ms;
        const char *text;
    } cases[] = {
        {0, "0s"},           {1, "1ms"},          {999, "999ms"},       {1000, "1s"},
        {1200, "1.2s"},      {8640, "8.64s"},     {1001, "1.001s"},     {10000, "10s"},
        {59999, "59.999s"},  {60000, "1m0s"},     {86400, "1m26.4s"},   {360000, "6m0s"},
        {3600000, "1h0m0s"}, {3661050, "1h1m1.05s"}, {UINT32_MAX, "1193h2m47.295s"},
    };
    char text[RATE_DURATION_BYTES];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rate_duration(cases[i].ms, text);
        check_text(text, cases[i].text);
    }
}

static void listed(const struct key_rates *rates, const struct rate_words *words, bool rejected,
                   char out[static 2048])
{
    struct rate_header_text text;
    struct web_header h[RATE_HEADERS_MAX];
    size_t at = 0, n = rate_headers(rates, words, rejected, UINT64_C(1795225505250), &text, h);

    out[0] = '\0';
    for (size_t i = 0; i < n; i++)
        if (!view_eq(h[i].name, VIEW_LIT("access-control-expose-headers")))
            at += (size_t)snprintf(out + at, 2048 - at, "%.*s: %.*s\n", (int)h[i].name.len,
                                   (const char *)h[i].name.ptr, (int)h[i].value.len,
                                   (const char *)h[i].value.ptr);
    CHECK(n == 0 || at != 0);
}

/* Each name is exposed, and nothing else is. */
static void exposed(const struct rate_words *words)
{
    const struct key_rates both = {{60, 59, 1}, {9, 8, 1}};
    struct rate_header_text text;
    struct web_header h[RATE_HEADERS_MAX];
    struct view list = VIEW_EMPTY;
    size_t n = rate_headers(&both, words, true, 0, &text, h), len = 0, names = 0;

    for (size_t i = 0; i < n; i++)
        if (view_eq(h[i].name, VIEW_LIT("access-control-expose-headers")))
            list = h[i].value;
    for (size_t i = 0; i < n; i++) {
        if (view_eq(h[i].name, VIEW_LIT("access-control-expose-headers")))
            continue;
        CHECK(memmem(list.ptr, list.len, h[i].name.ptr, h[i].name.len) != NULL);
        len += h[i].name.len;
        names++;
    }
    CHECK_INT(list.len, len + 2 * (names - 1));
}

static void test_words(void)
{
    static const struct key_rates none, requests = {.requests = {60, 0, 60000}},
                                        tokens = {.tokens = {4000000000, 7, 1750}},
                                        both = {{60, 59, 1000}, {100, 100, 0}};
    char text[2048];

    listed(&none, &rate_words_openai, true, text);
    check_text(text, "");
    listed(&none, &rate_words_anthropic, true, text);
    check_text(text, "");
    listed(&requests, &rate_words_openai, true, text);
    check_text(text, "x-ratelimit-limit-requests: 60\nx-ratelimit-remaining-requests: 0\n"
                    "x-ratelimit-reset-requests: 1m0s\n");
    listed(&tokens, &rate_words_openai, false, text);
    check_text(text, "x-ratelimit-limit-tokens: 4000000000\nx-ratelimit-remaining-tokens: 7\n"
                    "x-ratelimit-reset-tokens: 1.75s\n");
    listed(&both, &rate_words_anthropic, false, text);
    check_text(text, "anthropic-ratelimit-requests-limit: 60\n"
                    "anthropic-ratelimit-requests-remaining: 59\n"
                    "anthropic-ratelimit-requests-reset: 2026-11-21T01:45:07Z\n"
                    "anthropic-ratelimit-tokens-limit: 100\n"
                    "anthropic-ratelimit-tokens-remaining: 100\n"
                    "anthropic-ratelimit-tokens-reset: 2026-11-21T01:45:06Z\n");
    listed(&tokens, &rate_words_anthropic, true, text);
    check_text(text, "anthropic-ratelimit-tokens-limit: 4000000000\n"
                    "anthropic-ratelimit-tokens-remaining: 7\n"
                    "anthropic-ratelimit-tokens-reset: 2026-11-21T01:45:07Z\n"
                    "anthropic-ratelimit-unified-status: rejected\n");
    exposed(&rate_words_openai);
    exposed(&rate_words_anthropic);
}

static bool head_has(const char *line)
{
    return strstr(client.headers, line) != NULL;
}

static const struct {
    const struct dialect *dialect;
    const char *body;
    bool anthropic;
} clients[] = {
    {&chat_dialect, TALK, false},        {&messages_2023, TALK, true},
    {&messages_2026, TALK, true},        {&responses_dialect, TEXT_IN, false},
    {&completions_dialect, TEXT_ON, false},
};

/* An answer of client i: streamed or whole. */
static void answer(size_t i, bool stream)
{
    char body[512];

    spoken = clients[i].dialect;
    snprintf(body, sizeof body, "%s%s}", clients[i].body, stream ? ",\"stream\":true" : "");
    ask(body);
    if (up.started == 0)
        return;
    up_head(200);
    up_bytes(stream ? VIEW_LIT(CHUNK) : VIEW_LIT(WHOLE), 4096);
    client_reads();
    up_done(ERR_NONE);
    client_reads();
}

static void check_head(size_t i, const char *requests, const char *tokens)
{
    const char *const left[] = {requests, tokens}, *const names[] = {"requests", "tokens"};
    char line[128];

    for (size_t k = 0; k < 2; k++) {
        if (clients[i].anthropic)
            snprintf(line, sizeof line, "anthropic-ratelimit-%s-remaining: %s\n", names[k], left[k]);
        else
            snprintf(line, sizeof line, "x-ratelimit-remaining-%s: %s\n", names[k], left[k]);
        CHECK(head_has(line));
    }
    CHECK_INT(head_has("anthropic-ratelimit-"), clients[i].anthropic);
    CHECK_INT(head_has("x-ratelimit-"), !clients[i].anthropic);
}

/* A whole answer's own tokens are counted before its head leaves, a stream's are not known then. */
static void test_answers(void)
{
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++)
        for (int stream = 0; stream < 2; stream++) {
            reset();
            limits = (struct key_rates){{60, 60, 0}, {1000, 1000, 0}};
            answer(i, stream);
            CHECK_INT(client.status, 200);
            check_head(i, "59", stream ? "1000" : "989");
            CHECK(!head_has("unified-status: "));
            limits = (struct key_rates){0};
            reset();
            answer(i, stream);
            CHECK_INT(client.status, 200);
            CHECK(!head_has("ratelimit"));
        }
}

static void test_refusals(void)
{
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        reset();
        limits = (struct key_rates){{60, 0, 2500}, {1000, 10, 5000}};
        answer(i, i % 2);
        CHECK_INT(client.status, 429);
        check_head(i, "0", "10");
        CHECK(head_has("retry-after: 3\n") && head_has("retry-after-ms: 2500\n"));
        CHECK_INT(head_has("anthropic-ratelimit-unified-status: rejected\n"), clients[i].anthropic);
        CHECK_INT(the_key.refs, 0);
        limits.requests.remaining = 1; /* a provider's refusal is told with the key's own figures */
        reset();
        spoken = clients[i].dialect;
        ask(i == 3   ? TEXT_IN "}"
            : i == 4 ? TEXT_ON "}"
                     : TALK "}");
        for (int n = 0; n < 2; n++) {
            up_head(429);
            up_done(ERR_NONE);
        }
        CHECK_INT(client.status, 429);
        check_head(i, "0", "10");
        CHECK(!head_has("unified-status: "));
        CHECK_INT(the_key.refs, 0);
        limits.requests.remaining = 1; /* so is what was wrong from the start */
        reset();
        spoken = clients[i].dialect;
        ask("{");
        CHECK_INT(client.status, 400);
        check_head(i, "1", "10");
        CHECK_INT(the_key.refs, 0);
        reset();
        stranger = true; /* nothing is known of a key that is not here */
        ask("{");
        CHECK_INT(client.status, 400);
        CHECK(!head_has("ratelimit"));
        stranger = false;
    }
    limits = (struct key_rates){0};
}

static const struct check_case cases[] = {
    {"rate_duration", test_duration},
    {"rate_words", test_words},
    {"rate_answers", test_answers},
    {"rate_refusals", test_refusals},
};
CHECK_MAIN(cases)
