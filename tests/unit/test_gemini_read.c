/* What a model of Google's says reaches a client only through this reader: events, whole answers and errors become the
 * canonical chat that they mean, and an answer without its finishReason is none. Cases of exact bytes; then every
 * recorded stream, cut at each byte. (What every dialect's client gets of each recording is in test_recorded_dialects.) */
#include "check.h"
#include "gemini_read.h"
#include "json.h"
#include "provider_fixtures.h"
#include "view.h"

#include <stdio.h>

static struct provider provider;

static struct chat_canon canon(void)
{
    return (struct chat_canon){
        .id = "gen-1", .created = 1, .model = VIEW_LIT("m"), .provider = &provider, .want_usage = true};
}

/* Line by line: the chunk without what is the same in all, "-" for none, "done", "error STATUS SENTENCE", "failed"; at
 * the end whether the answer is complete, and its figures: prompt, completion, cached, thoughts. */
static const struct {
    const char *name, *events, *want;
} streams[] = {
    {"E5",
     "{\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Two tools.\",\"thought\":true}]}}],\"usageMetadata\":{\"promptTokenCount\":50,\"totalTokenCount\":62,\"thoughtsTokenCount\":12},\"modelVersion\":\"gemini-3.5-flash\",\"responseId\":\"r1\"}\n"
     "{\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"One moment. \"}]}}],\"usageMetadata\":{\"promptTokenCount\":50,\"candidatesTokenCount\":3,\"totalTokenCount\":65,\"thoughtsTokenCount\":12},\"modelVersion\":\"gemini-3.5-flash\",\"responseId\":\"r1\"}\n"
     "{\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"weather\",\"args\":{\"city\":\"Z\xc3""\xbc""rich\"}},\"thoughtSignature\":\"c2ln\"},{\"functionCall\":{\"name\":\"now\",\"args\":{}}}]}}],\"usageMetadata\":{\"promptTokenCount\":50,\"candidatesTokenCount\":25,\"totalTokenCount\":87,\"thoughtsTokenCount\":12},\"modelVersion\":\"gemini-3.5-flash\",\"responseId\":\"r1\"}\n"
     "{\"candidates\":[{\"index\":0,\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":50,\"cachedContentTokenCount\":30,\"candidatesTokenCount\":25,\"totalTokenCount\":87,\"thoughtsTokenCount\":12},\"modelVersion\":\"gemini-3.5-flash\",\"responseId\":\"r1\"}\n"
     ,
     "{\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":\"Two tools.\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"Two tools.\",\"format\":\"google-gemini-v1\",\"index\":0}],\"role\":\"assistant\",\"reasoning_content\":\"Two tools.\"},\"finish_reason\":null}]}\n"
     "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"One moment. \"},\"finish_reason\":null}]}\n"
     "{\"choices\":[{\"index\":0,\"delta\":{\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":\"c2ln\",\"id\":\"call_gen-1_0_0\",\"format\":\"google-gemini-v1\",\"index\":1}],\"tool_calls\":[{\"index\":0,\"id\":\"call_gen-1_0_0\",\"type\":\"function\",\"extra_content\":{\"google\":{\"thought_signature\":\"c2ln\"}},\"function\":{\"name\":\"weather\",\"arguments\":\"{\\\"city\\\":\\\"Z\xc3""\xbc""rich\\\"}\"}},{\"index\":1,\"id\":\"call_gen-1_0_1\",\"type\":\"function\",\"function\":{\"name\":\"now\",\"arguments\":\"{}\"}}]},\"finish_reason\":null}]}\n"
     "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\",\"native_finish_reason\":\"STOP\"}],\"usage\":{\"prompt_tokens\":50,\"completion_tokens\":37,\"total_tokens\":87,\"prompt_tokens_details\":{\"cached_tokens\":30},\"completion_tokens_details\":{\"reasoning_tokens\":12}}}\n"
     "finished 1 usage 50 37 30 12\n"},
    {"a prompt that is blocked",
     "{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"},\"usageMetadata\":{\"promptTokenCount\":7,\"totalTokenCount\":7}}\n"
     ,
     "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\",\"role\":\"assistant\"},\"finish_reason\":\"content_filter\",\"native_finish_reason\":\"PROHIBITED_CONTENT\"}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":0,\"total_tokens\":7,\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}}\n"
     "finished 1 usage 7 0 0 0\n"},
    {"nothing before the limit",
     "{\"candidates\":[{\"content\":{\"role\":\"model\"},\"finishReason\":\"MAX_TOKENS\"}]}\n"
     ,
     "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"},\"finish_reason\":\"length\",\"native_finish_reason\":\"MAX_TOKENS\"}]}\n"
     "finished 1 usage 0 0 0 0\n"},
    {"a call that is malformed",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n"
     "{\"candidates\":[{\"finishReason\":\"MALFORMED_FUNCTION_CALL\",\"finishMessage\":\"Malformed \\\"x\\\"\"}],\"usageMetadata\":{\"promptTokenCount\":7,\"totalTokenCount\":9,\"thoughtsTokenCount\":2}}\n"
     ,
     "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\",\"role\":\"assistant\"},\"finish_reason\":null}]}\n"
     "error 502 Malformed \\\"x\\\"\n"
     "finished 1 usage 7 2 0 2\n"},
    {"an error as an event",
     "{\"error\":{\"code\":503,\"message\":\"overloaded\",\"status\":\"UNAVAILABLE\"}}\n"
     ,
     "error 503 overloaded\n"
     "finished 0 usage 0 0 0 0\n"},
    {"an error in an array",
     "[{\"error\":{\"code\":429,\"message\":\"slow\",\"status\":\"RESOURCE_EXHAUSTED\"}}]\n"
     ,
     "error 429 slow\n"
     "finished 0 usage 0 0 0 0\n"},
    {"an array of answers",
     "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]},{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":1,\"candidatesTokenCount\":2,\"totalTokenCount\":3}}]\n"
     ,
     "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ab\",\"role\":\"assistant\"},\"finish_reason\":\"stop\",\"native_finish_reason\":\"STOP\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3,\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}}\n"
     "finished 1 usage 1 2 0 0\n"},
    {"a number that is none",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"avgLogprobs\":NaN,\"finishReason\":\"STOP\"}]}\n"
     ,
     "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\",\"role\":\"assistant\"},\"finish_reason\":\"stop\",\"native_finish_reason\":\"STOP\"}]}\n"
     "finished 1 usage 0 0 0 0\n"},
    {"media and two candidates",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hi \"},{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"QQ==\"},\"thoughtSignature\":\"Uw==\"},{\"inlineData\":{\"mimeType\":\"audio/L16;rate=24000\",\"data\":\"Qg==\"}}]},\"finishReason\":\"STOP\"},{\"index\":1,\"content\":{\"parts\":[{\"text\":\"two\"}]},\"finishReason\":\"SAFETY\"}],\"usageMetadata\":{\"promptTokenCount\":10,\"toolUsePromptTokenCount\":5,\"candidatesTokenCount\":20,\"totalTokenCount\":35,\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":4},{\"modality\":\"IMAGE\",\"tokenCount\":6}],\"candidatesTokensDetails\":[{\"modality\":\"IMAGE\",\"tokenCount\":15},{\"modality\":\"AUDIO\",\"tokenCount\":5}]}}\n"
     ,
     "{\"choices\":[{\"index\":0,\"delta\":{\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":\"Uw==\",\"format\":\"google-gemini-v1\",\"index\":0}],\"content\":\"hi \",\"images\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,QQ==\"},\"index\":0}],\"audio\":{\"id\":\"audio_gen-1\",\"data\":\"Qg==\"},\"role\":\"assistant\"},\"finish_reason\":\"stop\",\"native_finish_reason\":\"STOP\"},{\"index\":1,\"delta\":{\"content\":\"two\",\"role\":\"assistant\"},\"finish_reason\":\"content_filter\",\"native_finish_reason\":\"SAFETY\"}],\"usage\":{\"prompt_tokens\":15,\"completion_tokens\":20,\"total_tokens\":35,\"prompt_tokens_details\":{\"cached_tokens\":0,\"image_tokens\":6},\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":5,\"image_tokens\":15}}}\n"
     "finished 1 usage 15 20 0 0\n"},
    {"sources",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Z\xc3""\xbc""rich is\"},{\"text\":\" big\"}]},\"groundingMetadata\":{\"groundingChunks\":[{\"web\":{\"uri\":\"https://a\",\"title\":\"A\"}},{\"maps\":{}}],\"groundingSupports\":[{\"segment\":{\"startIndex\":0,\"endIndex\":7},\"groundingChunkIndices\":[0,1,9]}]},\"citationMetadata\":{\"citationSources\":[{\"startIndex\":0,\"endIndex\":3,\"uri\":\"https://b\"},{\"startIndex\":1}]},\"finishReason\":\"STOP\"}]}\n"
     ,
     "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Z\xc3""\xbc""rich is big\",\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":{\"url\":\"https://a\",\"title\":\"A\",\"start_index\":0,\"end_index\":6}},{\"type\":\"url_citation\",\"url_citation\":{\"url\":\"https://b\",\"title\":\"\",\"start_index\":0,\"end_index\":2}}],\"role\":\"assistant\"},\"finish_reason\":\"stop\",\"native_finish_reason\":\"STOP\"}]}\n"
     "finished 1 usage 0 0 0 0\n"},
    {"an answer that would go on",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]},\"finishReason\":\"CONTINUATION\",\"continuationToken\":\"t\"}]}\n"
     ,
     "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\",\"role\":\"assistant\"},\"finish_reason\":\"length\",\"native_finish_reason\":\"CONTINUATION\"}]}\n"
     "finished 1 usage 0 0 0 0\n"},
    {"a call that was not expected",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{}}}]},\"finishReason\":\"UNEXPECTED_TOOL_CALL\"}]}\n"
     ,
     "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"call_gen-1_0_0\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}],\"role\":\"assistant\"},\"finish_reason\":\"tool_calls\",\"native_finish_reason\":\"UNEXPECTED_TOOL_CALL\"}]}\n"
     "finished 1 usage 0 0 0 0\n"},
    {"no call, and that was not expected",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"UNEXPECTED_TOOL_CALL\"}]}\n"
     ,
     "error 502 \n"
     "finished 1 usage 0 0 0 0\n"},
    {"a reason of tomorrow",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]},\"finishReason\":\"TOMORROW\"}]}\n"
     ,
     "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\",\"role\":\"assistant\"},\"finish_reason\":\"length\",\"native_finish_reason\":\"TOMORROW\"}]}\n"
     "finished 1 usage 0 0 0 0\n"},
    {"what says nothing",
     "{\"usageMetadata\":{\"trafficType\":\"ON_DEMAND\"}}\n"
     "{}\n"
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]},\"finishReason\":\"FINISH_REASON_UNSPECIFIED\"}]}\n"
     "[]\n"
     "{\"candidates\":[{\"finishReason\":\"STOP\"}]}\n"
     "[DONE]\n"
     ,
     "-\n"
     "-\n"
     "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\",\"role\":\"assistant\"},\"finish_reason\":null}]}\n"
     "-\n"
     "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\",\"native_finish_reason\":\"STOP\"}]}\n"
     "done\n"
     "finished 1 usage 0 0 0 0\n"},
    {"arguments by their paths",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"partialArgs\":[{\"jsonPath\":\"$.a.b[0]\",\"stringValue\":\"x\\\"y\",\"willContinue\":true}],\"willContinue\":true}}]}}]}\n"
     "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"$.a.b[0]\",\"stringValue\":\"\\nz\"},{\"jsonPath\":\"$.a.b[1].c\",\"numberValue\":1.5e3},{\"jsonPath\":\"$.a.b[1]['d e']\",\"boolValue\":true},{\"jsonPath\":\"$.q\",\"nullValue\":\"NULL_VALUE\"},{\"jsonPath\":\"$[\\\"r\\\"]\",\"stringValue\":\"\"}]}}]},\"finishReason\":\"STOP\"}]}\n"
     ,
     "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"call_gen-1_0_0\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":{\\\"b\\\":[\\\"x\\\\\\\"y\"}}],\"role\":\"assistant\"},\"finish_reason\":null}]}\n"
     "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\\\\nz\\\",{\\\"c\\\":1.5e3,\\\"d e\\\":true}]},\\\"q\\\":null,\\\"r\\\":\\\"\\\"}\"}}]},\"finish_reason\":\"tool_calls\",\"native_finish_reason\":\"STOP\"}]}\n"
     "finished 1 usage 0 0 0 0\n"},
    {"a call without arguments, one in pieces that never ends",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"willContinue\":true}},{\"functionCall\":{}},{\"functionCall\":{\"id\":\"i 1\",\"name\":\"g\"}},{\"functionCall\":{\"id\":\"i-1\",\"name\":\"h\",\"partialArgs\":[{\"jsonPath\":\"$.a\",\"stringValue\":\"b\",\"willContinue\":true}],\"willContinue\":true}}]}}]}\n"
     "{\"candidates\":[{\"finishReason\":\"STOP\"}]}\n"
     ,
     "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"call_gen-1_0_0\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}},{\"index\":0,\"function\":{\"arguments\":\"{}\"}},{\"index\":1,\"id\":\"call_gen-1_0_1\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}},{\"index\":2,\"id\":\"i-1\",\"type\":\"function\",\"function\":{\"name\":\"h\",\"arguments\":\"{\\\"a\\\":\\\"b\"}}],\"role\":\"assistant\"},\"finish_reason\":null}]}\n"
     "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":2,\"function\":{\"arguments\":\"\\\"}\"}}]},\"finish_reason\":\"tool_calls\",\"native_finish_reason\":\"STOP\"}]}\n"
     "finished 1 usage 0 0 0 0\n"},
    {"paths that lead nowhere",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"partialArgs\":[{\"jsonPath\":\"$.a\",\"stringValue\":\"b\"},{\"jsonPath\":\"$.a.c\",\"stringValue\":\"b\"}]}}]}}]}\n"
     ,
     "failed\n"
     "finished 0 usage 0 0 0 0\n"},
    {"a path without step",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"partialArgs\":[{\"jsonPath\":\"$\",\"stringValue\":\"b\"}]}}]}}]}\n"
     ,
     "failed\n"
     "finished 0 usage 0 0 0 0\n"},
    {"figures that cannot be believed",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":-5,\"candidatesTokenCount\":3}}\n"
     ,
     "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\",\"role\":\"assistant\"},\"finish_reason\":\"stop\",\"native_finish_reason\":\"STOP\"}],\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":3,\"total_tokens\":-1,\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}}\n"
     "finished 1 usage 0 3 0 0\n"},
    {"the last figures count",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]}}],\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":9,\"totalTokenCount\":14}}\n"
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"y\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":2,\"totalTokenCount\":7}}\n"
     ,
     "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\",\"role\":\"assistant\"},\"finish_reason\":null}]}\n"
     "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"y\"},\"finish_reason\":\"stop\",\"native_finish_reason\":\"STOP\"}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2,\"total_tokens\":7,\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}}\n"
     "finished 1 usage 5 2 0 0\n"},
    {"no JSON",
     "{\"candidates\":[\n"
     ,
     "failed\n"
     "finished 0 usage 0 0 0 0\n"},
    {"code that Google ran",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"executableCode\":{\"language\":\"PYTHON\",\"code\":\"1\"}},{\"codeExecutionResult\":{\"outcome\":\"OUTCOME_OK\",\"output\":\"1\"}},{\"text\":\"x\"}]},\"finishReason\":\"STOP\"}]}\n"
     ,
     "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\",\"role\":\"assistant\"},\"finish_reason\":\"stop\",\"native_finish_reason\":\"STOP\"}]}\n"
     "finished 1 usage 0 0 0 0\n"},
};

#define TAIL ",\"id\":\"gen-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\"}"

static size_t put_chunk(char *to, struct view chunk)
{
    size_t tail = sizeof TAIL - 1;

    CHECK(chunk.len > tail && memcmp(chunk.ptr + chunk.len - tail, TAIL, tail) == 0);
    return (size_t)sprintf(to, "%.*s}\n", (int)(chunk.len - tail), (const char *)chunk.ptr);
}

static size_t put_event(struct chat_canon *c, struct view line, char *to)
{
    struct chat_error error = {0};
    enum chat_kind kind = CHAT_NOTHING;
    struct buf out;
    size_t n = 0;

    buf_init(&out, 1 << 16);
    if (gemini_chunk(c, line, &out, &kind, &error) != ERR_NONE)
        n = (size_t)sprintf(to, "failed\n");
    else if (kind == CHAT_EMIT)
        n = put_chunk(to, buf_view(&out));
    else if (kind == CHAT_ERROR)
        n = (size_t)sprintf(to, "error %d %.*s\n", error.status, (int)error.message.len, (const char *)error.message.ptr);
    else
        n = (size_t)sprintf(to, kind == CHAT_DONE ? "done\n" : "-\n");
    CHECK(kind == CHAT_EMIT || out.len == 0);
    buf_free(&out);
    return n;
}

static void events(void)
{
    static char got[1 << 16];

    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        struct chat_canon c = canon();
        size_t n = 0;

        for (const char *at = streams[i].events, *end; (end = strchr(at, '\n')) != NULL; at = end + 1)
            n += put_event(&c, view_of(at, (size_t)(end - at)), got + n);
        sprintf(got + n, "finished %d usage %u %u %u %u\n", chat_canon_finished(&c), c.usage.prompt, c.usage.completion,
                c.usage.cached_read, c.usage.reasoning);
        if (strcmp(got, streams[i].want) != 0)
            printf("# %s\n# got  %s\n# want %s\n", streams[i].name, got, streams[i].want);
        CHECK(strcmp(got, streams[i].want) == 0);
    }
}

/* --- whole answers: the same parts as one message --- */

static const struct {
    const char *body, *want; /* the member "choices"; NULL: it is no answer */
} wholes[] = {
    {"\xef\xbb\xbf{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"t\",\"thought\":true},{\"text\":\"a\"},{\"text\":\"b\"}]},"
     "\"finishReason\":\"STOP\"}]}",
     "[{\"index\":0,\"message\":{\"reasoning\":\"t\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"t\",\"format\":"
     "\"google-gemini-v1\",\"index\":0}],\"content\":\"ab\",\"role\":\"assistant\",\"refusal\":null,\"reasoning_content\":\"t\"},"
     "\"finish_reason\":\"stop\",\"native_finish_reason\":\"STOP\"}]"},
    /* a stream's array, in which a call comes in pieces */
    {"[{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"willContinue\":true}}]}}]},"
     "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"$.a\",\"stringValue\":\"b\"}]}},"
     "{\"functionCall\":{\"name\":\"g\",\"args\":{\"c\":1}}}]},\"finishReason\":\"STOP\"}]}]",
     "[{\"index\":0,\"message\":{\"tool_calls\":[{\"id\":\"call_gen-1_0_0\",\"type\":\"function\",\"function\":{\"name\":\"f\","
     "\"arguments\":\"{\\\"a\\\":\\\"b\\\"}\"}},{\"id\":\"call_gen-1_0_1\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":"
     "\"{\\\"c\\\":1}\"}}],\"role\":\"assistant\",\"content\":null,\"refusal\":null},\"finish_reason\":\"tool_calls\","
     "\"native_finish_reason\":\"STOP\"}]"},
    /* an event stream, although none was asked for */
    {"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n\ndata: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n",
     "[{\"index\":0,\"message\":{\"content\":\"a\",\"role\":\"assistant\",\"refusal\":null},\"finish_reason\":\"stop\","
     "\"native_finish_reason\":\"STOP\"}]"},
    {"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n\n", NULL},
    {"{\"usageMetadata\":{\"promptTokenCount\":3}}", NULL},
    {"{\"candidates\":[]}", NULL},
    {"[]", NULL},
    {"3", NULL},
    {"", NULL},
};

static void whole_answers(void)
{
    for (size_t i = 0; i < sizeof wholes / sizeof wholes[0]; i++) {
        struct chat_canon c = canon();
        struct chat_error error = {0};
        enum chat_kind kind = CHAT_NOTHING;
        struct json_value root, choices;
        struct buf out;
        enum err e;

        buf_init(&out, 1 << 16);
        e = gemini_whole(&c, view_str(wholes[i].body), &out, &kind, &error);
        CHECK((e == ERR_NONE && kind == CHAT_EMIT) == (wholes[i].want != NULL));
        if (wholes[i].want != NULL && e == ERR_NONE) {
            CHECK_INT(json_check(buf_view(&out), &root, NULL), ERR_NONE);
            CHECK(json_get(root, "choices", &choices));
            if (!view_eq(choices.text, view_str(wholes[i].want)))
                printf("# case %zu: %.*s\n", i, (int)choices.text.len, (const char *)choices.text.ptr);
            CHECK(view_eq(choices.text, view_str(wholes[i].want)));
        } else
            CHECK_INT(out.len, 0);
        buf_free(&out);
    }
}

/* What the model thought is counted and not told. */
static void hidden(void)
{
    struct chat_canon c = canon();
    char got[4096];

    c.hide_reasoning = true;
    (void)put_event(&c, VIEW_LIT("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"t\",\"thought\":true},{\"text\":\"a\",\"thoughtSignature\":"
                                 "\"UQ==\"}]},\"finishReason\":\"STOP\"}]}"), got);
    CHECK(strstr(got, "\"content\":\"a\"") != NULL && strstr(got, "reasoning") == NULL && strstr(got, "UQ==") == NULL);
}

/* A place counts characters in the first 256 parts of an event, and bytes in those behind them. */
static void places(void)
{
    static const char *const want[] = {"\"start_index\":0,\"end_index\":1}", "\"start_index\":0,\"end_index\":2}"};
    static char line[1 << 14], got[1 << 14];

    for (int i = 0; i < 2; i++) {
        struct chat_canon c = canon();
        size_t n = (size_t)sprintf(line, "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}");

        for (int k = 1; k <= 256; k++)
            n += (size_t)sprintf(line + n, ",{\"text\":\"\xc3\xbc\"}");
        n += (size_t)sprintf(line + n, "]},\"citationMetadata\":{\"citations\":[{\"uri\":\"u\",\"partIndex\":%d,\"endIndex\":2}]}}]}",
                             255 + i);
        (void)put_event(&c, view_of(line, n), got);
        CHECK(strstr(got, want[i]) != NULL);
    }
}

/* --- errors --- */

#define DETAILS(list) ",\"details\":[" list "]}}"
static const struct {
    int status;
    const char *body;
    int want;
    bool client_fault, context_length;
    int64_t retry_after_ms;
    const char *message; /* NULL: withheld */
} errors[] = {
    {400, "{\"error\":{\"code\":400,\"message\":\"Bad\",\"status\":\"INVALID_ARGUMENT\"}}", 400, true, false, 0, "Bad"},
    {400, "{\"error\":{\"code\":400,\"message\":\"It is refused\",\"status\":\"INVALID_ARGUMENT\""
          DETAILS("{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"API_KEY_INVALID\"}"), 401, false, false, 0, NULL},
    {400, "{\"error\":{\"code\":400,\"message\":\"User location is not supported for the API use.\",\"status\":\"FAILED_PRECONDITION\"}}",
     403, false, false, 0, NULL},
    {400, "{\"error\":{\"code\":400,\"message\":\"The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).\","
          "\"status\":\"INVALID_ARGUMENT\"}}",
     400, true, true, 0, "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576)."},
    {429, "[{\"error\":{\"code\":429,\"message\":\"Quota\",\"status\":\"RESOURCE_EXHAUSTED\""
          DETAILS("{},{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"34.4s\"}") "]", 429, false, false, 34400, "Quota"},
    {429, "{\"error\":{\"code\":429,\"message\":\"Quota\"" DETAILS("{\"retryDelay\":\"7s\"}"), 429, false, false, 7000, "Quota"},
    {429, "{\"error\":{\"code\":429,\"message\":\"Quota\"" DETAILS("{\"retryDelay\":\"soon\"}"), 429, false, false, 0, "Quota"},
    {429, "{\"error\":{\"code\":429,\"message\":\"Quota\"" DETAILS("{\"retryDelay\":\"99999999999999999999s\"}"), 429, false, false, 0, "Quota"},
    {404, "{\"error\":{\"code\":404,\"message\":\"no model\",\"status\":\"NOT_FOUND\"}}", 404, true, false, 0, "no model"},
    {503, "{\"error\":{\"code\":503,\"message\":\"later\",\"status\":\"UNAVAILABLE\"}}", 503, false, false, 0, "later"},
    {500, "<html>", 500, false, false, 0, NULL},
};

static void error_responses(void)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct chat_error error = {0};

        gemini_error(errors[i].status, view_str(errors[i].body), &error);
        CHECK_INT(error.status, errors[i].want);
        CHECK_INT(error.client_fault, errors[i].client_fault);
        CHECK_INT(error.context_length, errors[i].context_length);
        CHECK_INT(error.retry_after_ms, errors[i].retry_after_ms);
        CHECK(view_eq(error.message, errors[i].message == NULL ? VIEW_EMPTY : view_str(errors[i].message)));
    }
}

/* --- every recorded stream, cut at each byte --- */

static unsigned n_streams, n_cuts;

/* Where the last event that has a reason begins to be whole: its closing brace. */
static size_t reason_ends(const char *bytes, size_t len)
{
    const char *reason = NULL, *end;

    for (const char *at = bytes; (at = memmem(at, len - (size_t)(at - bytes), "\"finishReason\"", 14)) != NULL; at++)
        reason = at;
    if (reason == NULL)
        return len + 1;
    end = memchr(reason, '\n', len - (size_t)(reason - bytes));
    for (end = end != NULL ? end : bytes + len; end[-1] != '}'; end--)
        ;
    return (size_t)(end - bytes);
}

static void cut_at(const char *bytes, size_t n, bool whole)
{
    struct chat_canon c = canon();
    struct chat_error error = {0};
    enum chat_kind kind = CHAT_NOTHING;
    struct buf out;
    enum err e;

    buf_init(&out, 1 << 20);
    e = gemini_whole(&c, view_of(bytes, n), &out, &kind, &error);
    CHECK(whole == (e == ERR_NONE && kind == CHAT_EMIT));
    CHECK(whole || out.len == 0);
    buf_free(&out);
    n_cuts++;
}

static void cut(const char *path, const char *bytes, size_t len)
{
    size_t ends = reason_ends(bytes, len);
    unsigned failed = check_failed_;

    if (strstr(path, "/gemini/") == NULL || memmem(bytes, len, "\"candidates\"", 12) == NULL)
        return;
    n_streams++;
    for (size_t n = 0; n <= len; n += n + 600 < ends && n > 600 ? 7 : 1) /* each where events end, others in between */
        cut_at(bytes, n, n >= ends);
    if (check_failed_ != failed)
        printf("# %s\n", path);
}

static void cut_sse(const char *path, const uint8_t *bytes, size_t len)
{
    cut(path, (const char *)bytes, len);
}

static void cut_lines(const char *path, const uint8_t *bytes, size_t len)
{
    static char framed[1 << 18];

    cut(path, framed, fixture_framed(bytes, len, framed, sizeof framed));
}

static void cuts(void)
{
    fixtures_each(".resp.sse", cut_sse);
    fixtures_each(".resp.chunks.jsonl", cut_lines);
    printf("#| %u recorded streams of Google's, ended at %u places\n", n_streams, n_cuts);
    if (strncmp(fixtures_root(), "tests/", 6) == 0)
        check_skip("the recordings are not here");
    else
        CHECK(n_streams >= 11);
}

static const struct check_case cases[] = {
    {"events", events},   {"whole_answers", whole_answers}, {"hidden", hidden},
    {"places", places},   {"error_responses", error_responses}, {"cuts", cuts},
};

int main(int argc, char **argv)
{
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
