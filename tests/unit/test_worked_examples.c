/* The worked examples of the translation between chat, Messages and Responses, through a whole exchange: one request
 * in three dialects reaches the provider as the same chat request, and the provider's chat stream reaches each
 * client as the same thoughts, text and calls. (Names are those of the facts: Q1 chat, Q2 Messages, Q4 Responses; E2
 * the stream with two calls, E10 the one that ends with "length". The byte forms E4 and E8 of E2 are in
 * test_messages_write and test_responses_write. Q3 is the same request for a
 * provider of Google's generateContent, whose stream E5 is in test_gemini_read. E1, E6, E7 and E9 need providers or clients
 * of other APIs.) */
#include "lib/chat_sides.h"
#include "lib/client_reads.h"
#include "messages.h"
#include "responses.h"

#define ONLY "\"model\":\"demo/echo\",\"provider\":{\"only\":[\"demo-a\"]}"
#define CITY                                                                                                           \
    "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"],\"additionalProperties\":false}"
#define IMAGE "data:image/png;base64,iVBORw0KGgo="

static const char q1[] =
    "{" ONLY ",\"store\":false,\"max_completion_tokens\":2048,\"temperature\":0.5,\"parallel_tool_calls\":false,\"tool_choice\":\"auto\","
    "\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\","
    "\"text\":\"Weather in the picture, and the time?\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"" IMAGE "\"}}]},"
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":"
    "\"weather\",\"arguments\":\"{\\\"city\\\":\\\"Z\xc3\xbcrich\\\"}\"}},{\"id\":\"c2\",\"type\":\"function\",\"function\":{"
    "\"name\":\"now\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"sunny\"},{\"role\":"
    "\"tool\",\"tool_call_id\":\"c2\",\"content\":\"12:00\"},{\"role\":\"user\",\"content\":\"Go on.\"}],\"tools\":[{\"type\":"
    "\"function\",\"function\":{\"name\":\"weather\",\"description\":\"Weather of a city\",\"parameters\":" CITY
    ",\"strict\":true}},{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]}";

static const char q2[] =
    "{" ONLY ",\"max_tokens\":2048,\"temperature\":0.5,\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true},"
    "\"system\":[{\"type\":\"text\",\"text\":\"Be brief.\"}],\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
    "\"text\":\"Weather in the picture, and the time?\"},{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
    "\"image/png\",\"data\":\"iVBORw0KGgo=\"}}]},{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"c1\","
    "\"name\":\"weather\",\"input\":{\"city\":\"Z\xc3\xbcrich\"}},{\"type\":\"tool_use\",\"id\":\"c2\",\"name\":\"now\",\"input\":{}}]},"
    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c1\",\"content\":\"sunny\"},{\"type\":"
    "\"tool_result\",\"tool_use_id\":\"c2\",\"content\":\"12:00\"},{\"type\":\"text\",\"text\":\"Go on.\"}]}],\"tools\":[{\"name\":"
    "\"weather\",\"description\":\"Weather of a city\",\"input_schema\":" CITY ",\"strict\":true},{\"name\":\"now\","
    "\"input_schema\":{\"type\":\"object\",\"properties\":{}}}]}";

static const char q4[] =
    "{" ONLY ",\"store\":false,\"include\":[\"reasoning.encrypted_content\"],\"max_output_tokens\":2048,\"temperature\":0.5,"
    "\"parallel_tool_calls\":false,\"tool_choice\":\"auto\",\"input\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":"
    "\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"Weather in the picture, and the time?\"},{\"type\":\"input_image\","
    "\"image_url\":\"" IMAGE "\",\"detail\":\"auto\"}]},{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"weather\","
    "\"arguments\":\"{\\\"city\\\":\\\"Z\xc3\xbcrich\\\"}\"},{\"type\":\"function_call\",\"call_id\":\"c2\",\"name\":\"now\","
    "\"arguments\":\"{}\"},{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"sunny\"},{\"type\":"
    "\"function_call_output\",\"call_id\":\"c2\",\"output\":\"12:00\"},{\"role\":\"user\",\"content\":\"Go on.\"}],\"tools\":[{"
    "\"type\":\"function\",\"name\":\"weather\",\"description\":\"Weather of a city\",\"parameters\":" CITY ",\"strict\":true},"
    "{\"type\":\"function\",\"name\":\"now\",\"parameters\":{\"type\":\"object\",\"properties\":{}},\"strict\":false}]}";

static void ask_as(const struct dialect *d, enum receipt_endpoint at, const char *path, const char *body)
{
    capabilities = CAP_TOOLS | CAP_IMAGES | CAP_JSON_SCHEMA | CAP_REASONING;
    context_length = 100000;
    reset();
    spoken = d;
    spoken_at = at;
    client.path = path;
    ask(body);
    CHECK_INT(up.started, 1);
}

static void over(void)
{
    up_head(400);
    up_done(ERR_NONE);
    client_reads();
}

/* What differs by rule between the dialects and Q1: how a limit is called, what an image says of its detail,
 * and how a function without parameters is written. */
static void level(json_c_object *o)
{
    json_c_object *now = jc(jc_at(jc(o, "tools"), 1), "function"), *limit = jc(o, "max_completion_tokens");
    json_c_object *user = jc(jc_at(jc(o, "messages"), 1), "content");
    json_c_object *none = json_tokener_parse("{\"type\":\"object\",\"properties\":{}}");

    if (limit != NULL)
        json_object_object_add(o, "max_tokens", json_object_get(limit));
    json_object_object_del(o, "max_completion_tokens");
    json_object_object_del(o, "model");
    json_object_object_del(o, "provider");
    if (jc_is(jc(jc(jc_at(user, 1), "image_url"), "detail"), "auto"))
        json_object_object_del(jc(jc_at(user, 1), "image_url"), "detail");
    if (json_object_equal(jc(now, "parameters"), none))
        json_object_object_del(now, "parameters");
    json_object_put(none);
    if (!json_object_get_boolean(jc(now, "strict")))
        json_object_object_del(now, "strict");
}

static void becomes_q1(const char *name)
{
    json_c_object *want = jc_parse(q1, strlen(q1)), *got = jc_parse(up.sent[0], strlen(up.sent[0]));

    level(want);
    level(got);
    CHECK(want != NULL && got != NULL);
    if (!json_object_equal(want, got))
        printf("# %s: %s\n#     for %s\n", name, json_object_to_json_string(got), json_object_to_json_string(want));
    CHECK(json_object_equal(want, got));
    json_object_put(want);
    json_object_put(got);
    over();
}

static void one_request_in_three_dialects(void)
{
    ask_as(&chat_dialect, RECEIPT_CHAT_V1, "/v1/chat/completions", q1);
    becomes_q1("Q1");
    ask_as(&messages_2023, RECEIPT_MESSAGES_V1, "/v1/messages", q2);
    becomes_q1("Q2");
    ask_as(&responses_dialect, RECEIPT_RESPONSES_V1, "/v1/responses", q4);
    becomes_q1("Q4");
}

/* --- the same at a provider that speaks generateContent */

/* With the switch for what Google keeps, which is always sent. */
static const char q3[] =
    "{\"systemInstruction\":{\"parts\":[{\"text\":\"Be brief.\"}]},\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":"
    "\"Weather in the picture, and the time?\"},{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"iVBORw0KGgo=\"}}]},"
    "{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\":\"c1\",\"name\":\"weather\",\"args\":{\"city\":"
    "\"Z\xc3\xbcrich\"}},\"thoughtSignature\":\"skip_thought_signature_validator\"},{\"functionCall\":{\"id\":\"c2\","
    "\"name\":\"now\",\"args\":{}}}]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"id\":\"c1\",\"name\":"
    "\"weather\",\"response\":{\"output\":\"sunny\"}}},{\"functionResponse\":{\"id\":\"c2\",\"name\":\"now\",\"response\":{"
    "\"output\":\"12:00\"}}},{\"text\":\"Go on.\"}]}],\"tools\":[{\"functionDeclarations\":[{\"name\":\"weather\","
    "\"description\":\"Weather of a city\",\"parametersJsonSchema\":" CITY "},{\"name\":\"now\"}]}],\"toolConfig\":{"
    "\"functionCallingConfig\":{\"mode\":\"VALIDATED\"}},\"generationConfig\":{\"maxOutputTokens\":2048,\"temperature\":0.5},"
    "\"store\":false}";

/* A client that can show thoughts is told them. */
static void becomes_q3(const char *name)
{
    json_c_object *want = jc_parse(q3, strlen(q3)), *got = jc_parse(up.sent[0], strlen(up.sent[0]));

    json_object_object_del(jc(got, "generationConfig"), "thinkingConfig");
    CHECK(want != NULL && got != NULL);
    if (!json_object_equal(want, got))
        printf("# %s: %s\n", name, json_object_to_json_string(got));
    CHECK(json_object_equal(want, got));
    json_object_put(want);
    json_object_put(got);
    over();
}

static void one_request_for_google(void)
{
    providers.list[0].dialect = DIALECT_GEMINI;
    gates = (struct model_gates){.bits = GATE_SIGNS_CALLS | GATE_THINKS_ADAPTIVELY};
    ask_as(&chat_dialect, RECEIPT_CHAT_V1, "/v1/chat/completions", q1);
    becomes_q3("Q1");
    ask_as(&messages_2023, RECEIPT_MESSAGES_V1, "/v1/messages", q2);
    becomes_q3("Q2");
    ask_as(&responses_dialect, RECEIPT_RESPONSES_V1, "/v1/responses", q4);
    becomes_q3("Q4");
    providers.list[0].dialect = DIALECT_OPENAI;
    gates = (struct model_gates){0};
}

#define CHUNK(choices, more)                                                                                           \
    "data: {\"id\":\"up\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"up-echo\",\"choices\":[" choices "]" more \
    "}\n\n"
#define D(delta) CHUNK("{\"index\":0,\"delta\":{" delta "},\"finish_reason\":null}", "")
#define F(reason) CHUNK("{\"index\":0,\"delta\":{},\"finish_reason\":\"" reason "\"}", "")

static const char e2[] =
    D("\"role\":\"assistant\",\"content\":\"\"")
    D("\"reasoning\":\"Two tools.\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"Two tools.\",\"format\":"
      "\"anthropic-claude-v1\",\"index\":0}]")
    D("\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\"c2ln\",\"format\":\"anthropic-claude-v1\",\"index\":0}]")
    D("\"content\":\"One moment. \"")
    D("\"tool_calls\":[{\"index\":0,\"id\":\"toolu_1\",\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":\"\"}}]")
    D("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"city\\\":\"}}]")
    D("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\\\"Z\xc3\xbcrich\\\"}\"}}]")
    D("\"tool_calls\":[{\"index\":1,\"id\":\"toolu_2\",\"type\":\"function\",\"function\":{\"name\":\"now\",\"arguments\":\"\"}}]")
    D("\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"{}\"}}]")
    F("tool_calls")
    CHUNK("", ",\"usage\":{\"prompt_tokens\":140,\"completion_tokens\":60,\"total_tokens\":200,\"prompt_tokens_details\":{"
              "\"cached_tokens\":100,\"cache_write_tokens\":10},\"completion_tokens_details\":{\"reasoning_tokens\":20}}")
    "data: [DONE]\n\n";

static const char e10[] =
    D("\"role\":\"assistant\",\"content\":\"\"")
    D("\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"id\":\"rs_9\",\"data\":\"bGFzdA==\",\"format\":"
      "\"openai-responses-v1\",\"index\":0}]")
    D("\"content\":\"Gr\xc3\xbc" "ezi\"")
    F("length")
    CHUNK("", ",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":16,\"total_tokens\":25,\"prompt_tokens_details\":{"
              "\"cached_tokens\":0,\"cache_write_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":12}}")
    "data: [DONE]\n\n";

/* A client's question whose answer may have all that the examples have, as a stream. */
static const struct {
    const char *name, *path, *body;
    const struct dialect *dialect;
    enum receipt_endpoint at;
    enum meant_dialect reads;
} clients[] = {
    {"chat", "/v1/chat/completions",
     "{" ONLY ",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
     &chat_dialect, RECEIPT_CHAT_V1, READS_CHAT},
    {"messages", "/v1/messages",
     "{" ONLY ",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":true,\"max_tokens\":2048,\"thinking\":{\"type\":"
     "\"enabled\",\"budget_tokens\":1024}}",
     &messages_2023, RECEIPT_MESSAGES_V1, READS_MESSAGES},
    {"responses", "/v1/responses",
     "{" ONLY ",\"input\":\"hi\",\"stream\":true,\"reasoning\":{\"summary\":\"auto\"},\"include\":[\"reasoning.encrypted_content\"]}",
     &responses_dialect, RECEIPT_RESPONSES_V1, READS_RESPONSES},
};

static void expect_words(const struct meant_words *got, const char *want)
{
    CHECK_BYTES(got->s, got->n, want, strlen(want));
}

static void expect_e2(const struct meaning *m)
{
    expect_words(&m->reasoning, "Two tools.");
    expect_words(&m->text, "One moment. ");
    CHECK_INT(m->n_calls, 2);
    expect_words(&m->call[0].id, "toolu_1");
    expect_words(&m->call[0].name, "weather");
    expect_words(&m->call[0].input, "{\"city\":\"Z\xc3\xbcrich\"}");
    expect_words(&m->call[1].id, "toolu_2");
    expect_words(&m->call[1].name, "now");
    expect_words(&m->call[1].input, "{}");
    CHECK_INT(m->finish, MEANT_CALL);
    CHECK_INT(m->prompt, 140);
    CHECK_INT(m->cached, 100);
    CHECK_INT(m->completion, 60);
    CHECK_INT(m->thought, 20);
}

static void expect_e10(const struct meaning *m)
{
    CHECK_INT(m->reasoning.n, 0);
    expect_words(&m->text, "Gr\xc3\xbc" "ezi");
    CHECK_INT(m->n_calls, 0);
    CHECK_INT(m->finish, MEANT_LENGTH);
    CHECK_INT(m->prompt, 9);
    CHECK_INT(m->completion, 16);
    CHECK_INT(m->thought, 12);
}

static void play(size_t i, const char *stream, size_t step, void (*expect)(const struct meaning *m))
{
    struct meaning m = {0};
    unsigned failed = check_failed_;

    ask_as(clients[i].dialect, clients[i].at, clients[i].path, clients[i].body);
    up_head(200);
    for (size_t at = 0; stream[at] != '\0'; at += step) {
        size_t n = strnlen(stream + at, step);

        up_bytes(view_of(stream + at, n), n);
        client_reads();
        if (n < step)
            break;
    }
    up_done(ERR_NONE);
    client_reads();
    CHECK_INT(client.status, 200);
    meant_read_stream(&m, clients[i].reads, client.out, client.out_len);
    CHECK(m.odd == NULL && m.complete);
    expect(&m);
    if (check_failed_ != failed)
        printf("# %s, %zu bytes at once, %s: %s\n", clients[i].name, step, m.odd != NULL ? m.odd : "", client.out);
    meaning_free(&m);
}

static void streams_mean_the_same(void)
{
    static const size_t steps[] = {1, 7, sizeof e2};

    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++)
        for (size_t k = 0; k < 3; k++) {
            play(i, e2, steps[k], expect_e2);
            play(i, e10, steps[k], expect_e10);
        }
}

/* What was thought in E10 is encrypted: each dialect hands it to its client in its own member, for the next turn. */
static void encrypted_thoughts_are_handed_over(void)
{
    static const char *const members[] = {"\"data\":\"bGFzdA==\"", "\"type\":\"redacted_thinking\",\"data\":\"eyJ0ciI6MSwi",
                                          "\"encrypted_content\":\"eyJ0ciI6MSwi"};

    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        play(i, e10, sizeof e10, expect_e10);
        CHECK(strstr(client.out, members[i]) != NULL);
    }
}

static const struct check_case cases[] = {
    {"one_request_in_three_dialects", one_request_in_three_dialects},
    {"one_request_for_google", one_request_for_google},
    {"streams_mean_the_same", streams_mean_the_same},
    {"encrypted_thoughts_are_handed_over", encrypted_thoughts_are_handed_over},
};
CHECK_MAIN(cases)
