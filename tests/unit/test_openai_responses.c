/* OpenAI's Responses as a provider speaks it. What chat clients ask becomes its request, byte for byte (the worked
 * examples Q1 to Q4, and a case for each rule); its events become canonical chat (E9 to E10, and a case for each rule);
 * and each recorded stream says what the response at its own end says. */
#include "openai_responses.h"

#include "chat_list.h"
#include "chat_request.h"
#include "openai_events.h"
#include "check.h"
#include "provider_fixtures.h"

#include <stdio.h>

static struct chat_request request;
static struct prompt prompt;
static struct prompt_fault fault;
static const struct provider openai = {.id = "openai-responses", .quirks = QUIRK_OPENAI},
                             other = {.id = "other", .quirks = QUIRK_NO_STORE | QUIRK_STRICT | QUIRK_DEVELOPER_AS_SYSTEM};
static const struct catalog_model thinker = {.id = "openai/gpt-x", .capabilities = CAP_REASONING},
                                  plain = {.id = "openai/gpt-4.1"},
                                  fixed = {.id = "openai/gpt-y", .capabilities = CAP_REASONING,
                                           .gates = {.bits = GATE_NO_SAMPLING | GATE_NO_FORCED_TOOL,
                                                     .efforts = 1 << (EFFORT_LOW - 1) | 1 << (EFFORT_HIGH - 1)}};
static const struct catalog_endpoint gpt = {.upstream_model = "gpt-5.4"};

static enum err prompt_of(const char *body)
{
    enum err e = chat_request_parse(view_str(body), &request, &prompt, &fault);

    return e == ERR_NONE ? chat_list_make(&prompt, &fault) : e;
}

/* --- requests --- */

#define CITY "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"],\"additionalProperties\":false}"
#define IMAGE "data:image/png;base64,iVBORw0KGgo="
#define Q1                                                                                                             \
    "{\"model\":\"m\",\"max_completion_tokens\":2048,\"temperature\":0.5,\"parallel_tool_calls\":false,\"tool_choice\":\"auto\","  \
    "\"include_reasoning\":false,\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":[{"  \
    "\"type\":\"text\",\"text\":\"Weather in the picture, and the time?\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"" IMAGE \
    "\"}}]},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":"  \
    "\"weather\",\"arguments\":\"{\\\"city\\\":\\\"Z\xc3\xbcrich\\\"}\"}},{\"id\":\"c2\",\"type\":\"function\",\"function\":{"     \
    "\"name\":\"now\",\"arguments\":\"\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"sunny\"},{\"role\":\"tool\"," \
    "\"tool_call_id\":\"c2\",\"content\":\"12:00\"},{\"role\":\"user\",\"content\":\"Go on.\"}],\"tools\":[{\"type\":\"function\","  \
    "\"function\":{\"name\":\"weather\",\"description\":\"Weather of a city\",\"parameters\":" CITY                               \
    ",\"strict\":true}},{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]}"
#define Q4                                                                                                             \
    "{\"model\":\"gpt-5.4\",\"store\":false,\"include\":[\"reasoning.encrypted_content\"],\"max_output_tokens\":2048,"             \
    "\"temperature\":0.5,\"tools\":[{\"type\":\"function\",\"name\":\"weather\",\"description\":\"Weather of a city\","             \
    "\"parameters\":" CITY ",\"strict\":true},{\"type\":\"function\",\"name\":\"now\",\"parameters\":{\"type\":\"object\","        \
    "\"properties\":{}},\"strict\":false}],\"tool_choice\":\"auto\",\"parallel_tool_calls\":false,\"input\":[{\"role\":\"system\"," \
    "\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"Weather in the picture, and "   \
    "the time?\"},{\"type\":\"input_image\",\"image_url\":\"" IMAGE "\",\"detail\":\"auto\"}]},{\"type\":\"function_call\","      \
    "\"call_id\":\"c1\",\"name\":\"weather\",\"arguments\":\"{\\\"city\\\":\\\"Z\xc3\xbcrich\\\"}\"},{\"type\":\"function_call\","   \
    "\"call_id\":\"c2\",\"name\":\"now\",\"arguments\":\"{}\"},{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":"    \
    "\"sunny\"},{\"type\":\"function_call_output\",\"call_id\":\"c2\",\"output\":\"12:00\"},{\"role\":\"user\",\"content\":\"Go "   \
    "on.\"}]}"

#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define HI_IN "\"input\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define MUTE "\"include_reasoning\":false"
#define HEAD "{\"model\":\"gpt-5.4\",\"store\":false"
#define SEALED HEAD ",\"include\":[\"reasoning.encrypted_content\"]"
#define F(more) "{\"type\":\"function\",\"function\":{\"name\":\"f\"" more "}}"
#define F_IN(strict) "{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{}},\"strict\":" strict "}"
#define TURN(members) "{\"model\":\"m\"," MUTE ",\"messages\":[{\"role\":\"assistant\"," members "}]}"
#define ID64 "0123456789012345678901234567890123456789012345678901234567890123"

static const struct {
    const struct provider *provider;
    const struct catalog_model *model;
    const char *body, *want;
} requests[] = {
    {&openai, &thinker, Q1, Q4},
    {&openai, &thinker, "{\"model\":\"m\"," HI "}", SEALED ",\"reasoning\":{\"summary\":\"auto\"}," HI_IN},
    {&openai, &plain, "{\"model\":\"m\",\"reasoning_effort\":\"low\"," HI "}", HEAD "," HI_IN},
    {&openai, &thinker, "{\"model\":\"m\",\"stream\":true,\"reasoning_effort\":\"medium\"," HI "}",
     HEAD ",\"stream\":true,\"include\":[\"reasoning.encrypted_content\"],\"reasoning\":{\"effort\":\"medium\",\"summary\":\"auto\"},"
     HI_IN},
    {&openai, &thinker, "{\"model\":\"m\",\"reasoning_effort\":\"none\"," HI "}", SEALED ",\"reasoning\":{\"effort\":\"none\"}," HI_IN},
    /* the words that a model knows; no sampling; no forced tool */
    {&openai, &fixed,
     "{\"model\":\"m\"," MUTE ",\"reasoning_effort\":\"medium\",\"temperature\":1,\"top_p\":1,\"tools\":[" F("") "],"
     "\"tool_choice\":\"required\"," HI "}",
     SEALED ",\"reasoning\":{\"effort\":\"low\"},\"tools\":[" F_IN("false") "],\"tool_choice\":\"auto\"," HI_IN},
    {&openai, &fixed, "{\"model\":\"m\"," MUTE ",\"reasoning_effort\":\"none\"," HI "}", SEALED ",\"reasoning\":{\"effort\":\"low\"}," HI_IN},
    {&openai, &fixed, "{\"model\":\"m\"," MUTE ",\"logprobs\":true,\"top_logprobs\":2," HI "}", SEALED "," HI_IN},
    {&openai, &plain, "{\"model\":\"m\",\"max_tokens\":3,\"logprobs\":true,\"top_logprobs\":2," HI "}",
     HEAD ",\"include\":[\"message.output_text.logprobs\"],\"max_output_tokens\":16,\"top_logprobs\":2," HI_IN},
    {&openai, &plain,
     "{\"model\":\"m\",\"seed\":1,\"presence_penalty\":1,\"service_tier\":\"default\",\"prompt_cache_key\":\"k\",\"user\":\"u\"," HI "}",
     HEAD ",\"service_tier\":\"default\",\"prompt_cache_key\":\"k\"," HI_IN},
    {&other, &plain, "{\"model\":\"m\",\"prompt_cache_key\":\"k\",\"verbosity\":\"low\",\"messages\":[{\"role\":\"developer\",\"content\":\"d\"}]}",
     "{\"model\":\"gpt-5.4\",\"input\":[{\"role\":\"system\",\"content\":\"d\"}]}"},
    /* formats */
    {&openai, &plain,
     "{\"model\":\"m\",\"verbosity\":\"low\",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{"
     "\"type\":\"object\"},\"strict\":true}}," HI "}",
     HEAD ",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":{\"type\":\"object\"},\"strict\":true},"
          "\"verbosity\":\"low\"}," HI_IN},
    {&openai, &plain, "{\"model\":\"m\",\"response_format\":{\"type\":\"json_object\"}," HI "}",
     HEAD ",\"text\":{\"format\":{\"type\":\"json_object\"}}," HI_IN},
    {&openai, &plain, "{\"model\":\"m\",\"response_format\":{\"type\":\"text\"}," HI "}", HEAD "," HI_IN},
    /* tools */
    {&openai, &plain,
     "{\"model\":\"m\",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"c\",\"format\":{\"type\":\"grammar\",\"grammar\":{"
     "\"syntax\":\"lark\",\"definition\":\"x\"}}}},{\"type\":\"custom\",\"custom\":{\"name\":\"d\",\"format\":{\"type\":\"text\"}}}],"
     "\"tool_choice\":{\"type\":\"custom\",\"custom\":{\"name\":\"c\"}}," HI "}",
     HEAD ",\"tools\":[{\"type\":\"custom\",\"name\":\"c\",\"format\":{\"type\":\"grammar\",\"syntax\":\"lark\",\"definition\":\"x\"}},{"
          "\"type\":\"custom\",\"name\":\"d\",\"format\":{\"type\":\"text\"}}],\"tool_choice\":{\"type\":\"custom\",\"name\":\"c\"}," HI_IN},
    {&openai, &plain,
     "{\"model\":\"m\",\"tools\":[" F("") "],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}," HI "}",
     HEAD ",\"tools\":[" F_IN("false") "],\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"}," HI_IN},
    /* a turn: thoughts before what follows from them; only its maker's, only sealed ones; refusals are text */
    {&openai, &thinker,
     TURN("\"content\":\"x\",\"reasoning\":\"t\",\"reasoning_details\":[{\"type\":\"reasoning.summary\",\"summary\":\"a\"},{\"type\":"
          "\"reasoning.summary\",\"summary\":\"b\"},{\"type\":\"reasoning.encrypted\",\"id\":\"rs_1\",\"data\":\"ZQ==\",\"format\":"
          "\"openai-responses-v1\"},{\"type\":\"reasoning.encrypted\",\"data\":\"Zg==\",\"format\":\"openai-responses-v1\"},{\"type\":"
          "\"reasoning.encrypted\",\"data\":\"Zw==\",\"format\":\"anthropic-claude-v1\"},{\"type\":\"reasoning.summary\",\"summary\":\"c\"}]"),
     SEALED ",\"input\":[{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"a\"},{\"type\":"
            "\"summary_text\",\"text\":\"b\"}],\"encrypted_content\":\"ZQ==\"},{\"type\":\"reasoning\",\"summary\":[],"
            "\"encrypted_content\":\"Zg==\"},{\"role\":\"assistant\",\"content\":\"x\"}]}"},
    {&openai, &thinker,
     "{\"model\":\"m\"," MUTE ",\"messages\":[{\"role\":\"assistant\",\"content\":\"\",\"reasoning_details\":[{\"type\":"
     "\"reasoning.encrypted\",\"data\":\"ZQ==\"}]},{\"role\":\"user\",\"content\":\"hi\"}]}",
     SEALED "," HI_IN},
    {&openai, &plain, TURN("\"content\":null,\"refusal\":\"no\""), HEAD ",\"input\":[{\"role\":\"assistant\",\"content\":\"no\"}]}"},
    /* a call without a result gets one; a long id is cut the same way in both; a result that failed */
    {&openai, &plain, TURN("\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]"),
     HEAD ",\"input\":[{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{}\"},{\"type\":"
          "\"function_call_output\",\"call_id\":\"c1\",\"output\":\"Error: the tool gave no result.\"}]}"},
    {&openai, &plain,
     "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"" ID64 "x\",\"type\":\"custom\",\"custom\":{\"name\":"
     "\"f\",\"input\":\"\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"" ID64 "x\",\"content\":\"r\"}]}",
     HEAD ",\"input\":[{\"type\":\"custom_tool_call\",\"call_id\":\"call_23975c6df71a336f019e2a2b8b55f6046e62ab77c6aa9ace\",\"name\":\"f\","
          "\"input\":\"\"},{\"type\":\"custom_tool_call_output\",\"call_id\":\"call_23975c6df71a336f019e2a2b8b55f6046e62ab77c6aa9ace\","
          "\"output\":\"r\"}]}"},
    {&openai, &plain,
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":"
     "\"data:application/pdf;base64,QQ\"}},{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}]}",
     HEAD ",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"filename\":\"a.pdf\",\"file_data\":"
          "\"data:application/pdf;base64,QQ\"},{\"type\":\"input_text\",\"text\":\"a\"},{\"type\":\"input_text\",\"text\":\"b\"}]}]}"},
};

static void each_request(void)
{
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        const struct destination to = {requests[i].provider, requests[i].model, &gpt};
        struct view refused;
        struct buf out;

        CHECK_INT(prompt_of(requests[i].body), ERR_NONE);
        buf_init(&out, openai_responses_room(&prompt));
        CHECK(openai_responses_fits(&prompt, &to, &refused));
        CHECK_INT(openai_responses_render(&prompt, &to, 0, &out), ERR_NONE);
        if (out.len != strlen(requests[i].want) || memcmp(out.ptr, requests[i].want, out.len) != 0)
            printf("# request %zu\n#   got  %.*s\n#   want %s\n", i, (int)out.len, (const char *)out.ptr, requests[i].want);
        CHECK_BYTES(out.ptr, out.len, requests[i].want, strlen(requests[i].want));
        buf_free(&out);
        prompt_list_free(&prompt.list);
    }
}

/* What the API has no member for is no request of its endpoints; its twin without is. */
static void refusals(void)
{
    static const char *const refused[][2] = {
        {"\"stop\":\"x\"", "stop"},
        {"\"n\":2", "n"},
        {"\"service_tier\":\"priority\"", "service_tier"},
    };
    static const char *const parts[][2] = {
        {"{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QQ\",\"format\":\"wav\"}}", "input_audio"},
        {"{\"type\":\"video_url\",\"video_url\":{\"url\":\"https://v.example/a.mp4\"}}", "video_url"},
    };
    const struct destination to = {&openai, &plain, &gpt};
    char body[512];
    struct view member;

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        snprintf(body, sizeof body, "{\"model\":\"m\",%s," HI "}", refused[i][0]);
        CHECK_INT(prompt_of(body), ERR_NONE);
        CHECK(!openai_responses_fits(&prompt, &to, &member));
        CHECK_BYTES(member.ptr, member.len, refused[i][1], strlen(refused[i][1]));
        prompt_list_free(&prompt.list);
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        snprintf(body, sizeof body, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[%s]}]}", parts[i][0]);
        CHECK_INT(prompt_of(body), ERR_NONE);
        CHECK(!openai_responses_fits(&prompt, &to, &member));
        CHECK_BYTES(member.ptr, member.len, parts[i][1], strlen(parts[i][1]));
        prompt_list_free(&prompt.list);
    }
    CHECK_INT(prompt_of("{\"model\":\"m\",\"n\":1,\"service_tier\":\"auto\"," HI "}"), ERR_NONE);
    CHECK(openai_responses_fits(&prompt, &to, &member));
    prompt_list_free(&prompt.list);
}

/* --- answers --- */

static struct chat_canon canon_new(const char *model)
{
    struct chat_canon c = {.created = 1, .model = view_str(model), .provider = &openai, .want_usage = true};

    strcpy(c.id, "gen-1");
    return c;
}

/* What an event became, without the members that the canon adds: "!" and a status for an error. */
static void take(struct chat_canon *c, const char *event, struct buf *told)
{
    struct chat_error error = {0};
    enum chat_kind kind;
    struct buf out;
    const uint8_t *id;
    enum err e;

    buf_init(&out, 1 << 20);
    e = openai_responses_chunk(c, view_str(event), &out, &kind, &error);
    if (e != ERR_NONE)
        e = buf_append(told, VIEW_LIT("#"));
    else if (kind == CHAT_DONE)
        e = buf_append(told, VIEW_LIT("[DONE]"));
    else if (kind == CHAT_ERROR)
        e = buf_appendf(told, "!%d", error.status);
    else if (kind == CHAT_EMIT) {
        id = memmem(out.ptr, out.len, ",\"id\":\"gen-1\"", 13);
        CHECK(id != NULL);
        e = id == NULL ? ERR_NONE : buf_append(told, view_of(out.ptr, (size_t)(id - out.ptr)));
    }
    CHECK_INT(e, ERR_NONE);
    buf_free(&out);
}

#define D(delta) "{\"choices\":[{\"index\":0,\"delta\":{" delta "},\"finish_reason\":null}]"
#define END(reason) "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" reason "\"}]"
#define ADDED(n, item) "{\"type\":\"response.output_item.added\",\"output_index\":" n ",\"item\":{" item "}}"
#define DONE(n, item) "{\"type\":\"response.output_item.done\",\"output_index\":" n ",\"item\":{" item "}}"
#define TEXT(n, part, text) "{\"type\":\"response.output_text.delta\",\"output_index\":" n ",\"content_index\":" part ",\"delta\":\"" text "\"}"
#define SUMMARY(text, index)                                                                                           \
    "{\"type\":\"reasoning.summary\",\"summary\":\"" text "\",\"format\":\"openai-responses-v1\",\"index\":" index "}"
#define OVER(type, more) "{\"type\":\"response." type "\",\"response\":{\"status\":\"" type "\"" more "}}"

static const struct {
    const char *name, *in[9], *want[9]; /* "": nothing */
} streams[] = {
    {"E9 to E10",
     {"{\"type\":\"response.created\",\"response\":{\"status\":\"in_progress\",\"output\":[]}}",
      ADDED("0", "\"id\":\"rs_9\",\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"Zmlyc3Q=\""),
      DONE("0", "\"id\":\"rs_9\",\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"bGFzdA==\""),
      ADDED("1", "\"id\":\"msg_9\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[]"), TEXT("1", "0", "Gr\xc3\xbc" "ezi"),
      "{\"type\":\"response.output_text.done\",\"output_index\":1,\"content_index\":0,\"text\":\"Gr\xc3\xbc" "ezi\"}",
      OVER("incomplete", ",\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"output\":[],\"usage\":{\"input_tokens\":9,"
                         "\"input_tokens_details\":{\"cached_tokens\":0,\"cache_write_tokens\":0},\"output_tokens\":16,"
                         "\"output_tokens_details\":{\"reasoning_tokens\":12},\"total_tokens\":25}")},
     {"", "",
      D("\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"id\":\"rs_9\",\"data\":"
        "\"bGFzdA==\",\"format\":\"openai-responses-v1\",\"index\":0}],\"role\":\"assistant\""),
      "", D("\"content\":\"Gr\xc3\xbc" "ezi\""), "",
      END("length") ",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":16,\"total_tokens\":25,\"prompt_tokens_details\":{"
                    "\"cached_tokens\":0,\"cache_write_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":12}}"}},
    {"calls: whole at the end, in pieces, free text",
     {ADDED("0", "\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{}\""),
      "{\"type\":\"response.function_call_arguments.done\",\"output_index\":0,\"arguments\":\"{\\\"a\\\":1}\"}",
      DONE("0", "\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\""),
      DONE("1", "\"type\":\"function_call\",\"id\":\"fc_2\",\"call_id\":\"c2\",\"name\":\"g\",\"arguments\":\"{}\""),
      ADDED("2", "\"type\":\"custom_tool_call\",\"call_id\":\"c3\",\"name\":\"h\",\"input\":\"\""),
      "{\"type\":\"response.custom_tool_call_input.delta\",\"output_index\":2,\"delta\":\"free\"}", OVER("completed", "")},
     {D("\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}],\"role\":\"assistant\""),
      D("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\":1}\"}}]"), "",
      D("\"tool_calls\":[{\"index\":1,\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}},{\"index\":1,"
        "\"function\":{\"arguments\":\"{}\"}}]"),
      D("\"tool_calls\":[{\"index\":2,\"id\":\"c3\",\"type\":\"custom\",\"custom\":{\"name\":\"h\",\"input\":\"\"}}]"),
      D("\"tool_calls\":[{\"index\":2,\"custom\":{\"input\":\"free\"}}]"), END("tool_calls")}},
    {"two messages, a citation, a refusal, text that came at the end alone",
     {TEXT("0", "0", "a"), TEXT("0", "1", "b"), TEXT("1", "0", "c"),
      "{\"type\":\"response.output_text.annotation.added\",\"output_index\":1,\"annotation\":{\"type\":\"url_citation\",\"url\":\"u\","
      "\"start_index\":0}}",
      "{\"type\":\"response.output_text.annotation.added\",\"output_index\":1,\"annotation\":{\"type\":\"file_citation\"}}",
      "{\"type\":\"response.refusal.delta\",\"output_index\":2,\"delta\":\"no\"}",
      DONE("3", "\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"d\"}]"), OVER("completed", ""), "[DONE]"},
     {D("\"content\":\"a\",\"role\":\"assistant\""), D("\"content\":\"b\""), D("\"content\":\"\\n\\nc\""),
      D("\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":{\"url\":\"u\",\"start_index\":0}}]"), "", D("\"refusal\":\"no\""),
      D("\"content\":\"\\n\\nd\""), END("stop"), "[DONE]"}},
    {"thoughts: summaries, in clear",
     {"{\"type\":\"response.reasoning_summary_text.delta\",\"output_index\":0,\"summary_index\":0,\"delta\":\"a\"}",
      "{\"type\":\"response.reasoning_summary_text.delta\",\"output_index\":0,\"summary_index\":1,\"delta\":\"b\"}",
      DONE("0", "\"type\":\"reasoning\",\"summary\":[{\"text\":\"a\"},{\"text\":\"b\"}],\"encrypted_content\":null"),
      "{\"type\":\"response.reasoning_text.delta\",\"output_index\":1,\"delta\":\"c\"}",
      "{\"type\":\"response.reasoning_text.done\",\"output_index\":1,\"text\":\"c\"}"},
     {D("\"reasoning\":\"a\",\"reasoning_details\":[" SUMMARY("a", "0") "],\"role\":\"assistant\",\"reasoning_content\":\"a\""),
      D("\"reasoning\":\"\\n\\nb\",\"reasoning_details\":[" SUMMARY("b", "1") "],\"reasoning_content\":\"\\n\\nb\""),
      "", D("\"reasoning\":\"\\n\\nc\",\"reasoning_content\":\"\\n\\nc\""), ""}},
    {"errors",
     {"{\"type\":\"error\",\"code\":\"server_error\",\"message\":\"m\",\"param\":null}",
      "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"m\"}}",
      OVER("failed", ",\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"m\"}"),
      OVER("failed", ",\"error\":{\"code\":\"invalid_image\",\"message\":\"m\"}"), OVER("failed", ""),
      "{\"error\":{\"message\":\"m\",\"code\":429}}", "{", "[1]", "{\"type\":\"keepalive\",\"sequence_number\":3}"},
     {"!500", "!400", "!429", "!400", "!502", "!429", "#", "#", ""}},
    {"ends",
     {OVER("completed", ",\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"all\"}]}]"),
      "{\"type\":\"response.unknown\"}"},
     {"{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"all\",\"role\":\"assistant\"},\"finish_reason\":\"stop\"}]",
      "[DONE]"}}, /* whatever comes behind the end */
    {"an end for what it said",
     {TEXT("0", "0", "a"), OVER("incomplete", ",\"incomplete_details\":{\"reason\":\"content_filter\"}")},
     {D("\"content\":\"a\",\"role\":\"assistant\""), END("content_filter")}},
};

static void each_event(void)
{
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        struct chat_canon c = canon_new("openai/gpt-x");

        for (size_t k = 0; k < 9 && streams[i].in[k] != NULL; k++) {
            struct buf told;

            buf_init(&told, 1 << 16);
            take(&c, streams[i].in[k], &told);
            if (told.len != strlen(streams[i].want[k]) || (told.len != 0 && memcmp(told.ptr, streams[i].want[k], told.len) != 0))
                printf("# %s, %zu\n#   got  %.*s\n#   want %s\n", streams[i].name, k, (int)told.len, (const char *)told.ptr,
                       streams[i].want[k]);
            CHECK_BYTES(told.ptr, told.len, streams[i].want[k], strlen(streams[i].want[k]));
            buf_free(&told);
        }
    }
}

/* --- recordings: a stream says what the response at its end says --- */

/* What an answer said, kind by kind. */
static struct said {
    struct buf text, thoughts, sealed, calls;
    enum usage_finish finish;
} streamed, told_whole;

static void said_init(struct said *s)
{
    buf_init(&s->text, 1 << 20);
    buf_init(&s->thoughts, 1 << 20);
    buf_init(&s->sealed, 1 << 20);
    buf_init(&s->calls, 1 << 20);
    s->finish = FINISH_NONE;
}

static void said_free(struct said *s)
{
    buf_free(&s->text);
    buf_free(&s->thoughts);
    buf_free(&s->sealed);
    buf_free(&s->calls);
}

static enum err hear(void *cookie, const struct event *e)
{
    struct said *s = cookie;
    struct json_value type, data;
    enum err x = ERR_NONE;

    switch ((int)e->kind) {
    case EVENT_TEXT:
        return buf_append(&s->text, e->text);
    case EVENT_REASONING:
        return buf_append(&s->thoughts, e->text);
    case EVENT_TOOL_BEGIN:
        x = buf_append(&s->calls, e->name);
        return x == ERR_NONE ? buf_append(&s->calls, e->id) : x;
    case EVENT_TOOL_ARGS:
        return buf_append(&s->calls, e->text);
    case EVENT_FINISH:
        s->finish = e->finish;
        return ERR_NONE;
    case EVENT_DETAIL:
        CHECK(json_get((struct json_value){JSON_OBJECT, e->json}, "type", &type));
        return json_string_is(type, "reasoning.encrypted") && json_get((struct json_value){JSON_OBJECT, e->json}, "data", &data)
                   ? buf_append(&s->sealed, data.text)
                   : ERR_NONE;
    default:
        return ERR_NONE;
    }
}

static struct chat_canon stream_canon;
static struct openai_events stream_events;
static unsigned n_streams, n_wholes, n_calls, n_sealed;

static void same(const struct buf *a, const struct buf *b)
{
    CHECK_INT(a->len, b->len);
    CHECK(a->len == b->len && (a->len == 0 || memcmp(a->ptr, b->ptr, a->len) == 0));
}

static void check_whole(struct view response)
{
    struct chat_canon c = canon_new("openai/gpt-x");
    const struct event_sink sink = {hear, &told_whole};
    struct chat_error error;
    enum chat_kind kind;
    struct buf out;

    buf_init(&out, 1 << 22);
    CHECK_INT(openai_responses_whole(&c, response, &out, &kind, &error), ERR_NONE);
    CHECK_INT(kind, CHAT_EMIT);
    CHECK_INT(openai_events_whole(buf_view(&out), &sink), ERR_NONE);
    CHECK(c.usage.present && c.usage.completion == stream_canon.usage.completion && c.usage.prompt == stream_canon.usage.prompt);
    buf_free(&out);
}

static void hear_event(const uint8_t *payload, size_t len)
{
    const struct event_sink sink = {hear, &streamed};
    struct json_value root, type, response;
    struct chat_error error;
    enum chat_kind kind;
    struct buf out;

    while (len != 0 && *payload == ' ')
        payload++, len--;
    if (json_check(view_of(payload, len), &root, NULL) != ERR_NONE || !json_get(root, "type", &type))
        return;
    if (json_string_is(type, "response.created")) {
        stream_canon = canon_new("openai/gpt-x");
        stream_events = (struct openai_events){.held = false};
        said_init(&streamed);
        said_init(&told_whole);
        n_streams++;
    }
    buf_init(&out, 1 << 22);
    CHECK_INT(openai_responses_chunk(&stream_canon, view_of(payload, len), &out, &kind, &error), ERR_NONE);
    CHECK(kind == CHAT_EMIT || kind == CHAT_NOTHING);
    if (kind == CHAT_EMIT)
        CHECK_INT(openai_events_chunk(&stream_events, buf_view(&out), &sink), ERR_NONE);
    buf_free(&out);
    if (!json_string_is(type, "response.completed") || !json_get(root, "response", &response))
        return;
    check_whole(response.text);
    same(&streamed.text, &told_whole.text);
    same(&streamed.thoughts, &told_whole.thoughts);
    CHECK((streamed.sealed.len == 0) == (told_whole.sealed.len == 0)); /* sealed anew each time that it is said */
    same(&streamed.calls, &told_whole.calls);
    CHECK(streamed.finish != FINISH_NONE && streamed.finish == told_whole.finish && chat_canon_finished(&stream_canon));
    n_calls += streamed.calls.len != 0;
    n_sealed += streamed.sealed.len != 0;
    said_free(&streamed);
    said_free(&told_whole);
}

static void recorded_stream(const char *path, const uint8_t *bytes, size_t len)
{
    if (memmem(bytes, len, "\"response.created\"", 18) != NULL)
        fixture_payloads(path, bytes, len, hear_event);
}

static void recorded_whole(const char *path, const uint8_t *bytes, size_t len)
{
    const struct view body = view_of(bytes, len);
    struct chat_canon c = canon_new("openai/gpt-x");
    struct json_value root, object;
    struct chat_error error;
    enum chat_kind kind;
    struct buf out;

    (void)path;
    if (json_check(body, &root, NULL) != ERR_NONE || !json_get(root, "object", &object) || !json_string_is(object, "response"))
        return;
    buf_init(&out, 1 << 22);
    CHECK_INT(openai_responses_whole(&c, body, &out, &kind, &error), ERR_NONE);
    CHECK_INT(kind, CHAT_EMIT);
    CHECK(c.useful && c.finish != FINISH_NONE && c.usage.present && !c.usage.clamped);
    n_wholes++;
    buf_free(&out);
}

static void recordings(void)
{
    fixtures_each(".resp.sse", recorded_stream);
    fixtures_each(".resp.chunks.jsonl", recorded_stream);
    fixtures_each(".resp.json", recorded_whole);
    printf("#| %u recorded streams of Responses (%u with calls, %u with sealed thoughts), %u whole answers\n", n_streams, n_calls,
           n_sealed, n_wholes);
    if (strncmp(fixtures_root(), "tests/", 6) != 0)
        CHECK(n_streams >= 15 && n_calls >= 5 && n_sealed >= 1 && n_wholes >= 10);
}

static const struct check_case cases[] = {
    {"openai_responses_requests", each_request},
    {"openai_responses_refusals", refusals},
    {"openai_responses_events", each_event},
    {"openai_responses_recordings", recordings},
};
CHECK_MAIN(cases)
