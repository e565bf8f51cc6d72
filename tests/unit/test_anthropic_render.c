/* A client of any dialect gets from Anthropic's API what it asked for only if the request says it in that API's words, and
 * nothing that the model refuses: each row of the translation is a case here, with its client's body, the model's gates
 * and the request that it becomes. Recorded requests of Anthropic's own clients come out as they went in. Given a file
 * in $TR_RENDERED, each request is also written there, a line each, for a validator of schemas. */
#include "adapter.h"
#include "anthropic_body.h"
#include "anthropic_render.h"
#include "base64.h"
#include "chat_list.h"
#include "chat_request.h"
#include "check.h"
#include "messages.h"
#include "provider_fixtures.h"
#include "replay.h"
#include "responses.h"

/* The product has a function of that name. */
#define json_object json_c_object
#include <json-c/json.h>
#undef json_object
#include <sys/resource.h>

static struct chat_request request;
static struct prompt prompt;
static struct prompt_fault fault;
static struct catalog_model model = {.id = "anthropic/claude-x", .max_output = 64000, .capabilities = CAP_REASONING | CAP_TOOLS | CAP_IMAGES};
static struct catalog_endpoint endpoint = {.upstream_model = "claude-x",
                                           .price = {.cache_write_pusd = 5, .cache_write_long_pusd = 8}};
static struct provider provider = {.id = "anthropic", .dialect = DIALECT_ANTHROPIC};
static const struct destination to = {&provider, &model, &endpoint};
static struct buf rendered;

/* Models by what they take. */
#define OLD (GATE_ONE_SAMPLING | GATE_THINKS_BY_BUDGET | GATE_NO_FORCED_TOOL_THINKING | GATE_NO_SYSTEM_INSIDE)
#define V46 (OLD | GATE_THINKS_ADAPTIVELY | GATE_NO_PREFILL)
#define V48 (GATE_NO_SAMPLING | GATE_THINKS_ADAPTIVELY | GATE_NO_PREFILL)
#define V55 (V48 | GATE_THINKS_BY_DEFAULT | GATE_THINKS_ALWAYS | GATE_NO_FORCED_TOOL)
#define S55 (V48 | GATE_THINKS_BY_DEFAULT | GATE_THINKS_BETWEEN_TOOLS | GATE_NO_FORCED_TOOL)
enum { EFFORTS_46 = 1 << (EFFORT_LOW - 1) | 1 << (EFFORT_MEDIUM - 1) | 1 << (EFFORT_HIGH - 1) | 1 << (EFFORT_MAX - 1) };

typedef enum err read_fn(struct view body, struct prompt *out, struct prompt_fault *f);

static enum err read_chat(struct view body, struct prompt *out, struct prompt_fault *f)
{
    enum err e = chat_request_parse(body, &request, out, f);

    return e == ERR_NONE ? chat_list_make(out, f) : e;
}

static enum err read_messages(struct view body, struct prompt *out, struct prompt_fault *f)
{
    return messages_2023.read(body, out, f);
}

static enum err read_responses(struct view body, struct prompt *out, struct prompt_fault *f)
{
    return responses_dialect.read(body, out, f);
}

/* The request as text, NULL when the endpoint is no candidate. */
static const char *render(read_fn *read, struct view body, struct view *refused)
{
    const struct adapter *a = adapter_of(&provider, PROMPT_CHAT);
    enum err e = read(body, &prompt, &fault);

    CHECK(a->list);
    CHECK_INT(e, ERR_NONE);
    if (e != ERR_NONE) {
        printf("# %.*s\n# %s\n", (int)body.len, (const char *)body.ptr, fault.message);
        return NULL;
    }
    if (!a->fits(&prompt, &to, refused))
        return NULL;
    buf_free(&rendered);
    buf_init(&rendered, a->room(&prompt));
    CHECK_INT(a->render(&prompt, &to, 0, &rendered), ERR_NONE);
    CHECK_INT(buf_append_byte(&rendered, 0), ERR_NONE);
    return (const char *)rendered.ptr;
}

static void write_down(const char *text)
{
    const char *path = getenv("TR_RENDERED");
    FILE *f = path == NULL ? NULL : fopen(path, "a");

    if (f == NULL)
        return;
    fprintf(f, "%s\n", text);
    fclose(f);
}

static bool same(const char *text, const char *want)
{
    json_c_object *a = json_tokener_parse(text), *b = json_tokener_parse(want);
    bool equal;

    if (a == NULL || b == NULL)
        printf("# no JSON: %s\n", a == NULL ? text : want);
    equal = a != NULL && b != NULL && json_object_equal(a, b);
    json_object_put(a);
    json_object_put(b);
    return equal;
}

#define BODY(rest) "{\"model\":\"m\",\"max_tokens\":2000," rest "}"
#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define OUT(rest) "{\"model\":\"claude-x\",\"max_tokens\":2000," rest "}"
#define TEXT(t) "{\"type\":\"text\",\"text\":\"" t "\"}"
#define USER(blocks) "{\"role\":\"user\",\"content\":[" blocks "]}"
#define MODEL(blocks) "{\"role\":\"assistant\",\"content\":[" blocks "]}"
#define SAID USER(TEXT("hi"))
#define MESSAGES(list) "\"messages\":[" list "]"
#define MARK "{\"type\":\"ephemeral\"}"
#define MARK_1H "{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"
#define CALL(id, name, args) "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"arguments\":\"" args "\"}}"
#define USE(id, name, input) "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"" name "\",\"input\":" input "}"
#define RESULT(id, more) "{\"type\":\"tool_result\",\"tool_use_id\":\"" id "\"" more "}"
#define CALLED(calls) "{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" calls "]}"
#define TOOL(id, text) "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"" text "\"}"
#define F "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},{\"type\":\"function\",\"function\":{\"name\":\"g\"}}]"
#define F_OUT "\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}},{\"name\":\"g\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}}]"
#define F_ONE "\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}}]"
#define CHOOSE_F "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}"
#define CITY "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"],\"additionalProperties\":false}"
#define PART(part) MESSAGES("{\"role\":\"user\",\"content\":[" part "]}")
#define IMAGE(url) "{\"type\":\"image_url\",\"image_url\":{\"url\":\"" url "\",\"detail\":\"low\"}}"
#define IMAGE_OUT(type, data) "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"" type "\",\"data\":\"" data "\"}}"
#define DETAIL(more) "{\"type\":\"reasoning.text\",\"format\":\"anthropic-claude-v1\",\"index\":0" more "}"
#define THOUGHT(details, rest) MESSAGES("{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"yo\",\"reasoning_details\":[" details "]}," rest)
#define GO_ON "{\"role\":\"user\",\"content\":\"go\"}"
#define THINKING(t, s) "{\"type\":\"thinking\",\"thinking\":\"" t "\",\"signature\":\"" s "\"}"

static const struct {
    read_fn *read;
    uint32_t gates;
    const char *body, *want;
} cases[] = {
    /* system and roles */
    {read_chat, OLD, BODY(HI), OUT(MESSAGES(SAID))},
    {read_chat, OLD, BODY(MESSAGES("{\"role\":\"system\",\"content\":[" TEXT("a") ",{\"type\":\"text\",\"text\":\"b\",\"cache_control\":" MARK "}]},"
                                   "{\"role\":\"developer\",\"content\":\"c\"},{\"role\":\"user\",\"content\":\"hi\"}")),
     OUT("\"system\":[" TEXT("a") ",{\"type\":\"text\",\"text\":\"b\",\"cache_control\":" MARK "}," TEXT("c") "]," MESSAGES(SAID))},
    {read_chat, OLD, BODY(MESSAGES("{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"x\"}")),
     OUT(MESSAGES(USER(TEXT("hi") "," TEXT("s") "," TEXT("x"))))},
    {read_chat, V48, BODY(MESSAGES("{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"x\"}")),
     OUT(MESSAGES(SAID ",{\"role\":\"system\",\"content\":[" TEXT("s") "]}," USER(TEXT("x"))))},
    {read_chat, OLD, BODY(MESSAGES("{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"},"
                                   "{\"role\":\"user\",\"content\":\"c\"},{\"role\":\"user\",\"content\":\"d\"}")),
     OUT(MESSAGES(MODEL(TEXT("a") "," TEXT("b")) "," USER(TEXT("c") "," TEXT("d"))))},
    {read_chat, OLD, BODY(MESSAGES("{\"role\":\"user\",\"content\":\" \\n\"}")), OUT(MESSAGES(USER(TEXT("."))))},
    {read_chat, OLD, BODY(MESSAGES("{\"role\":\"system\",\"content\":\"s\"}")), OUT("\"system\":[" TEXT("s") "]," MESSAGES(USER(TEXT("."))))},
    {read_chat, OLD, BODY(MESSAGES("{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"go \\\\n \\n\"}")),
     OUT(MESSAGES(SAID "," MODEL(TEXT("go \\\\n"))))}, /* prefill */
    {read_chat, OLD, BODY(MESSAGES("{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"a \",\"refusal\":\"no \"}," GO_ON)),
     OUT(MESSAGES(SAID "," MODEL(TEXT("a ") "," TEXT("no ")) "," USER(TEXT("go"))))},
    /* images and files */
    {read_chat, OLD, BODY(PART(IMAGE("data:image/jpeg;base64,iVBORw0KGgo="))), OUT(MESSAGES(USER(IMAGE_OUT("image/png", "iVBORw0KGgo="))))},
    {read_chat, OLD, BODY(PART(IMAGE("data:image\\/png;base64,\\/9j\\/4AAQ\\nSkZJ"))), OUT(MESSAGES(USER(IMAGE_OUT("image/jpeg", "/9j/4AAQSkZJ"))))},
    {read_chat, OLD, BODY(PART(IMAGE("https://x/y.png"))), OUT(MESSAGES(USER("{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x/y.png\"}}")))},
    {read_chat, OLD, BODY(PART("{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;base64,JVBERi0=\"}}")),
     OUT(MESSAGES(USER("{\"type\":\"document\",\"title\":\"a.pdf\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"JVBERi0=\"}}")))},
    {read_chat, OLD, BODY(PART("{\"type\":\"file\",\"file\":{\"filename\":\"a.txt\",\"file_data\":\"data:text/plain;charset=utf-8;base64,w7wiCg==\"},\"cache_control\":" MARK_1H "}")),
     OUT(MESSAGES(USER("{\"type\":\"document\",\"title\":\"a.txt\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"\xc3\xbc\\\"\\n\"},\"cache_control\":" MARK_1H "}")))},
    {read_chat, OLD, BODY(PART("{\"type\":\"file\",\"file\":{\"file_data\":\"https://x/a.pdf\"}}")),
     OUT(MESSAGES(USER("{\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":\"https://x/a.pdf\"}}")))},
    {read_messages, OLD, BODY(PART("{\"type\":\"document\",\"title\":\"t\",\"context\":\"c\",\"citations\":{\"enabled\":true},\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"d\"}}," TEXT("hi"))),
     OUT(MESSAGES(USER("{\"type\":\"document\",\"title\":\"t\",\"context\":\"c\",\"citations\":{\"enabled\":true},\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"d\"}}," TEXT("hi"))))},
    {read_messages, OLD, BODY(PART("{\"type\":\"search_result\",\"source\":\"s\",\"title\":\"t\",\"content\":[" TEXT("x") "]}")),
     OUT(MESSAGES(USER("{\"type\":\"search_result\",\"source\":\"s\",\"title\":\"t\",\"content\":[" TEXT("x") "]}")))},
    /* calls and results */
    {read_chat, OLD, BODY(F "," MESSAGES(CALLED(CALL("c1", "f", "{\\\"a\\\":1}") "," CALL("c2", "g", "")) "," TOOL("c2", "2") "," TOOL("c1", "") "," GO_ON)),
     OUT(F_OUT "," MESSAGES(SAID "," MODEL(USE("c1", "f", "{\"a\":1}") "," USE("c2", "g", "{}")) "," USER(RESULT("c1", "") "," RESULT("c2", ",\"content\":\"2\"") "," TEXT("go"))))},
    {read_chat, OLD, BODY(MESSAGES(CALLED(CALL("c1", "f", "[1]") "," CALL("c2", "g", "{\\\"a\\\"")) "," TOOL("c1", "1") "," GO_ON)),
     OUT(MESSAGES(SAID "," MODEL(USE("c1", "f", "{\"value\":[1]}") "," USE("c2", "g", "{\"raw\":\"{\\\"a\\\"\"}")) ","
                  USER(RESULT("c1", ",\"content\":\"1\"") "," RESULT("c2", ",\"content\":\"The tool gave no result.\",\"is_error\":true") "," TEXT("go"))))},
    {read_chat, OLD, BODY(MESSAGES(CALLED(CALL("functions.f:0", "f", "{}")) "," TOOL("functions.f:0", "1"))),
     OUT(MESSAGES(SAID "," MODEL(USE("toolu_ad492dc3d03b28a0576e9b4c184db8a8", "f", "{}")) "," USER(RESULT("toolu_ad492dc3d03b28a0576e9b4c184db8a8", ",\"content\":\"1\""))))},
    {read_messages, OLD, BODY(MESSAGES(SAID "," MODEL(USE("c1", "f", "{}")) "," USER(TEXT("late") "," RESULT("c1", ",\"is_error\":true,\"content\":[" TEXT("bad") "," IMAGE_OUT("image/png", "iVBORw0KGgo=") "],\"cache_control\":" MARK)))),
     OUT(MESSAGES(SAID "," MODEL(USE("c1", "f", "{}")) "," USER(RESULT("c1", ",\"is_error\":true,\"content\":[" TEXT("bad") "," IMAGE_OUT("image/png", "iVBORw0KGgo=") "],\"cache_control\":" MARK) "," TEXT("late"))))},
    {read_chat, OLD, BODY(MESSAGES("{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"custom\",\"custom\":{\"name\":\"p\",\"input\":\"a\\nb\"}}]}," TOOL("c", "1"))),
     OUT(MESSAGES(SAID "," MODEL(USE("c", "p", "{\"input\":\"a\\nb\"}")) "," USER(RESULT("c", ",\"content\":\"1\""))))},
    /* tools and choices */
    {read_chat, OLD, BODY("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\",\"parameters\":" CITY ",\"strict\":true},\"cache_control\":" MARK "},"
                          "{\"type\":\"custom\",\"custom\":{\"name\":\"p\",\"format\":{\"type\":\"text\"}}},{\"type\":\"function\",\"function\":{\"name\":\"m\",\"strict\":true,\"parameters\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}}},"
                          "{\"type\":\"function\",\"function\":{\"name\":\"o\",\"parameters\":{\"properties\":{\"a\":{}}}}}]," HI),
     OUT("\"tools\":[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":" CITY ",\"strict\":true,\"cache_control\":" MARK "},"
         "{\"name\":\"p\",\"input_schema\":{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"],\"additionalProperties\":false}},"
         "{\"name\":\"m\",\"input_schema\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}},{\"name\":\"o\",\"input_schema\":{\"type\":\"object\",\"properties\":{\"a\":{}}}}]," MESSAGES(SAID))},
    {read_chat, OLD, BODY(F ",\"tool_choice\":\"auto\"," HI), OUT(F_OUT ",\"tool_choice\":{\"type\":\"auto\"}," MESSAGES(SAID))},
    {read_chat, OLD, BODY(F ",\"tool_choice\":\"none\",\"parallel_tool_calls\":false," HI), OUT(F_OUT ",\"tool_choice\":{\"type\":\"none\"}," MESSAGES(SAID))},
    {read_chat, OLD, BODY(F ",\"tool_choice\":\"required\"," HI), OUT(F_OUT ",\"tool_choice\":{\"type\":\"any\"}," MESSAGES(SAID))},
    {read_chat, OLD, BODY(F "," CHOOSE_F ",\"parallel_tool_calls\":false," HI), OUT(F_OUT ",\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\",\"disable_parallel_tool_use\":true}," MESSAGES(SAID))},
    {read_chat, OLD, BODY(F ",\"parallel_tool_calls\":false," HI), OUT(F_OUT ",\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}," MESSAGES(SAID))},
    {read_chat, V55, BODY(F "," CHOOSE_F "," HI), OUT(F_ONE ",\"tool_choice\":{\"type\":\"auto\"}," MESSAGES(SAID))},
    {read_chat, OLD, BODY(F "," CHOOSE_F ",\"reasoning_effort\":\"low\"," HI), OUT(F_ONE ",\"tool_choice\":{\"type\":\"auto\"},\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}," MESSAGES(SAID))},
    {read_chat, V48, BODY(F "," CHOOSE_F ",\"reasoning_effort\":\"low\"," HI),
     OUT(F_OUT ",\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\"},\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"},\"output_config\":{\"effort\":\"low\"}," MESSAGES(SAID))},
    {read_chat, OLD, BODY(F ",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"required\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}}," HI),
     OUT(F_ONE ",\"tool_choice\":{\"type\":\"any\"}," MESSAGES(SAID))},
    /* settings */
    {read_chat, OLD, "{\"model\":\"m\"," HI "}", "{\"model\":\"claude-x\",\"max_tokens\":64000," MESSAGES(SAID) "}"},
    {read_chat, OLD, "{\"model\":\"m\",\"max_completion_tokens\":99999,\"stream\":true," HI "}", "{\"model\":\"claude-x\",\"max_tokens\":64000,\"stream\":true," MESSAGES(SAID) "}"},
    {read_chat, OLD, BODY("\"temperature\":1.5,\"top_p\":0.9,\"top_k\":5,\"seed\":1,\"presence_penalty\":1,\"logit_bias\":{\"1\":2},\"verbosity\":\"low\",\"user\":\"u\",\"prompt_cache_key\":\"k\",\"metadata\":{}," HI),
     OUT("\"temperature\":1,\"top_k\":5," MESSAGES(SAID))},
    {read_chat, 0, BODY("\"temperature\":0.5,\"top_p\":0.9," HI), OUT("\"temperature\":0.5,\"top_p\":0.9," MESSAGES(SAID))},
    {read_chat, V48, BODY("\"temperature\":0.5,\"top_p\":0.9,\"top_k\":5," HI), OUT(MESSAGES(SAID))},
    {read_chat, OLD, BODY("\"temperature\":0.5,\"reasoning_effort\":\"low\"," HI), OUT("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}," MESSAGES(SAID))},
    {read_chat, OLD, BODY("\"stop\":[\"a\",\" \\n\",\"b\"]," HI), OUT("\"stop_sequences\":[\"a\",\"b\"]," MESSAGES(SAID))},
    {read_chat, OLD, BODY("\"stop\":\"a\",\"prompt_cache_retention\":\"24h\"," HI), OUT("\"stop_sequences\":[\"a\"]," MESSAGES(SAID))},
    /* effort */
    {read_chat, OLD, BODY("\"reasoning_effort\":\"max\"," HI), OUT("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1999}," MESSAGES(SAID))},
    {read_chat, OLD, "{\"model\":\"m\",\"max_tokens\":1024,\"reasoning_effort\":\"high\"," HI "}", "{\"model\":\"claude-x\",\"max_tokens\":1024," MESSAGES(SAID) "}"},
    {read_chat, OLD, BODY("\"reasoning\":{\"max_tokens\":1500}," HI), OUT("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1500}," MESSAGES(SAID))},
    {read_chat, OLD, BODY("\"reasoning_effort\":\"none\"," HI), OUT(MESSAGES(SAID))},
    {read_chat, V46, BODY("\"reasoning_effort\":\"xhigh\"," HI), OUT("\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"},\"output_config\":{\"effort\":\"high\"}," MESSAGES(SAID))},
    {read_chat, V48, BODY("\"reasoning\":{\"effort\":\"minimal\",\"exclude\":true}," HI), OUT("\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"},\"output_config\":{\"effort\":\"low\"}," MESSAGES(SAID))},
    {read_chat, V48, BODY("\"reasoning\":{\"max_tokens\":2000}," HI), OUT("\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"},\"output_config\":{\"effort\":\"low\"}," MESSAGES(SAID))},
    {read_chat, V48 | GATE_THINKS_BY_DEFAULT, BODY("\"reasoning_effort\":\"none\"," HI), OUT("\"thinking\":{\"type\":\"disabled\"}," MESSAGES(SAID))},
    {read_chat, V55, BODY("\"reasoning_effort\":\"none\"," HI), OUT("\"output_config\":{\"effort\":\"low\"}," MESSAGES(SAID))},
    {read_chat, S55, BODY("\"reasoning_effort\":\"none\"," HI), OUT("\"thinking\":{\"type\":\"between_tools\"}," MESSAGES(SAID))},
    {read_messages, V48, BODY("\"thinking\":{\"type\":\"adaptive\"}," HI), OUT("\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"}," MESSAGES(SAID))},
    /* a Messages client's effort: how much the model writes, whether it thinks or not */
#define EFFORT(word) "\"output_config\":{\"effort\":\"" word "\"},"
#define TYPE(type) "\"thinking\":{\"type\":\"" type "\"},"
#define ADAPTIVE "\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"},"
#define BUDGET(n) "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":" n "},"
    {read_messages, V48, BODY(EFFORT("low") HI), OUT(EFFORT("low") MESSAGES(SAID))},
    {read_messages, V46, BODY("\"temperature\":0.5," EFFORT("xhigh") HI), OUT("\"temperature\":0.5," EFFORT("high") MESSAGES(SAID))},
    {read_messages, V48, BODY(EFFORT("low") TYPE("disabled") HI), OUT(EFFORT("low") MESSAGES(SAID))},
    {read_messages, V48 | GATE_THINKS_BY_DEFAULT, BODY(TYPE("disabled") EFFORT("low") HI), OUT(TYPE("disabled") EFFORT("low") MESSAGES(SAID))},
    {read_messages, V55, BODY(EFFORT("max") HI), OUT(EFFORT("max") MESSAGES(SAID))},
    {read_messages, V55, BODY(TYPE("disabled") EFFORT("high") HI), OUT(EFFORT("high") MESSAGES(SAID))},
    {read_messages, V48, BODY(TYPE("adaptive") EFFORT("medium") HI), OUT(ADAPTIVE EFFORT("medium") MESSAGES(SAID))},
    {read_messages, V46, BODY(BUDGET("1500") EFFORT("high") HI), OUT(ADAPTIVE EFFORT("high") MESSAGES(SAID))},
    {read_messages, V46, BODY(BUDGET("1500") HI), OUT(ADAPTIVE EFFORT("low") MESSAGES(SAID))},
    {read_messages, OLD, BODY(EFFORT("low") HI), OUT(MESSAGES(SAID))}, /* its words are not known: it would refuse any */
    {read_messages, OLD, BODY(BUDGET("1500") EFFORT("high") HI), OUT(BUDGET("1500") MESSAGES(SAID))},
    {read_messages, S55, BODY(TYPE("between_tools") HI), OUT(TYPE("between_tools") MESSAGES(SAID))},
    {read_messages, S55, BODY(TYPE("between_tools") EFFORT("medium") HI), OUT(TYPE("between_tools") EFFORT("medium") MESSAGES(SAID))},
    {read_messages, S55, BODY(TYPE("disabled") EFFORT("max") HI), OUT(TYPE("between_tools") EFFORT("high") MESSAGES(SAID))},
    {read_messages, V48, BODY(TYPE("between_tools") HI), OUT(ADAPTIVE EFFORT("low") MESSAGES(SAID))},
    /* format */
    {read_chat, OLD, BODY("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"strict\":true,\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":1,\"description\":\"x\"},"
                          "\"b\":{\"oneOf\":[{\"type\":\"string\",\"pattern\":\"^a\\\"$\",\"format\":\"uuid\"},{\"type\":\"null\"}]},\"c\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/d\"},\"minItems\":2}},\"$defs\":{\"d\":{\"type\":\"object\",\"properties\":{\"e\":{\"const\":1}}}}}}}," HI),
     OUT("\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"description\":\"x {minimum: 1}\"},"
         "\"b\":{\"anyOf\":[{\"type\":\"string\",\"format\":\"uuid\",\"description\":\"{pattern: \\\"^a\\\\\\\"$\\\"}\"},{\"type\":\"null\"}]},\"c\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/d\"},\"description\":\"{minItems: 2}\"}},"
         "\"$defs\":{\"d\":{\"type\":\"object\",\"properties\":{\"e\":{\"const\":1}},\"additionalProperties\":false}},\"additionalProperties\":false}}}," MESSAGES(SAID))},
    {read_chat, OLD, BODY("\"response_format\":{\"type\":\"json_object\"}," HI), OUT("\"system\":[" TEXT("Answer with one JSON object and nothing else.") "]," MESSAGES(SAID))},
    {read_chat, OLD, BODY("\"response_format\":{\"type\":\"text\"}," HI), OUT(MESSAGES(SAID))},
    /* marks: the last four; a longer time is never behind a shorter one; OpenAI's count too */
    {read_chat, OLD, BODY(PART("{\"type\":\"text\",\"text\":\"1\",\"cache_control\":" MARK "},{\"type\":\"text\",\"text\":\"2\",\"cache_control\":" MARK_1H "},{\"type\":\"text\",\"text\":\"3\",\"prompt_cache_breakpoint\":{\"ttl\":\"12h\"}},"
                               "{\"type\":\"text\",\"text\":\"4\",\"prompt_cache_breakpoint\":{}},{\"type\":\"text\",\"text\":\"5\",\"cache_control\":" MARK_1H "}")),
     OUT(MESSAGES(USER(TEXT("1") ",{\"type\":\"text\",\"text\":\"2\",\"cache_control\":" MARK_1H "},{\"type\":\"text\",\"text\":\"3\",\"cache_control\":" MARK_1H "},"
                       "{\"type\":\"text\",\"text\":\"4\",\"cache_control\":" MARK "},{\"type\":\"text\",\"text\":\"5\",\"cache_control\":" MARK "}")))},
    {read_chat, OLD, BODY("\"cache_control\":" MARK "," HI), OUT("\"cache_control\":" MARK "," MESSAGES(SAID))},
    {read_messages, OLD, BODY("\"cache_control\":" MARK_1H "," HI), OUT("\"cache_control\":" MARK_1H "," MESSAGES(SAID))},
    /* thoughts: signed by Anthropic, whole or in a stream's pieces, in front of the answer; others are dropped */
    {read_chat, V48, BODY(THOUGHT(DETAIL(",\"text\":\"h\\u00e9\\\"m\",\"signature\":\"s+/=\""), GO_ON)),
     OUT(MESSAGES(SAID "," MODEL(THINKING("h\xc3\xa9\\\"m", "s+/=") "," TEXT("yo")) "," USER(TEXT("go"))))},
    {read_chat, V48, BODY(THOUGHT(DETAIL(",\"text\":\"a\"") "," DETAIL(",\"text\":\"b\"") "," DETAIL(",\"signature\":\"s\"") ",{\"type\":\"reasoning.encrypted\",\"data\":\"d\",\"format\":\"anthropic-claude-v1\",\"index\":1}", GO_ON)),
     OUT(MESSAGES(SAID "," MODEL(THINKING("ab", "s") ",{\"type\":\"redacted_thinking\",\"data\":\"d\"}," TEXT("yo")) "," USER(TEXT("go"))))},
    {read_chat, V48, BODY(THOUGHT(DETAIL(",\"text\":\"a\"") ",{\"type\":\"reasoning.text\",\"text\":\"o\",\"signature\":\"x\",\"format\":\"google-gemini-v1\"},{\"type\":\"reasoning.encrypted\",\"data\":\"d\"}", GO_ON)),
     OUT(MESSAGES(SAID "," MODEL(TEXT("yo")) "," USER(TEXT("go"))))},
    {read_messages, V48, BODY(MESSAGES(SAID "," MODEL(THINKING("", "native") ",{\"type\":\"redacted_thinking\",\"data\":\"d\"}," TEXT("a") "," THINKING("b", "s2") "," USE("c", "f", "{}")) "," USER(RESULT("c", "")))),
     OUT(MESSAGES(SAID "," MODEL(THINKING("", "native") ",{\"type\":\"redacted_thinking\",\"data\":\"d\"}," TEXT("a") "," THINKING("b", "s2") "," USE("c", "f", "{}")) "," USER(RESULT("c", ""))))},
    /* in an open loop without its thoughts a model with a budget does not think */
    {read_chat, OLD, BODY("\"reasoning_effort\":\"low\"," MESSAGES(CALLED(CALL("c1", "f", "{}")) "," TOOL("c1", "1"))),
     OUT(MESSAGES(SAID "," MODEL(USE("c1", "f", "{}")) "," USER(RESULT("c1", ",\"content\":\"1\""))))},
    {read_chat, OLD, BODY("\"reasoning_effort\":\"low\"," MESSAGES(CALLED(CALL("c1", "f", "{}")) "," TOOL("c1", "1") "," GO_ON)),
     OUT("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}," MESSAGES(SAID "," MODEL(USE("c1", "f", "{}")) "," USER(RESULT("c1", ",\"content\":\"1\"") "," TEXT("go"))))},
    /* another dialect */
    {read_responses, OLD, "{\"model\":\"m\",\"max_output_tokens\":2000,\"instructions\":\"s\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hi\"}]},{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{}\"},"
                          "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"9\"}]}",
     OUT("\"system\":[" TEXT("s") "]," MESSAGES(SAID "," MODEL(USE("c1", "f", "{}")) "," USER(RESULT("c1", ",\"content\":\"9\""))))},
};

/* Writes for an hour cost more: without a price for them, or the operator's word, they are asked for as short ones. */
static void test_marks_have_a_price(void)
{
    static const char body[] = BODY("\"cache_control\":" MARK_1H "," HI);
    static const char longer[] = OUT("\"cache_control\":" MARK_1H "," MESSAGES(SAID)),
                      shorter[] = OUT("\"cache_control\":" MARK "," MESSAGES(SAID));
    struct view refused = VIEW_EMPTY;

    model.gates = (struct model_gates){.bits = OLD};
    CHECK(same(render(read_messages, view_str(body), &refused), longer));
    prompt_list_free(&prompt.list);
    endpoint.price.cache_write_long_pusd = 5;
    CHECK(same(render(read_messages, view_str(body), &refused), shorter));
    prompt_list_free(&prompt.list);
    provider.n_members = 1;
    memcpy(provider.members[0], "cache_control", sizeof "cache_control");
    CHECK(same(render(read_messages, view_str(body), &refused), longer));
    prompt_list_free(&prompt.list);
    provider.n_members = 0;
    endpoint.price.cache_write_long_pusd = 8;
}

static void test_render(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct view refused = VIEW_EMPTY;
        const char *text;

        model.gates = (struct model_gates){.bits = cases[i].gates, .efforts = cases[i].gates == V46 ? EFFORTS_46 : 0};
        text = render(cases[i].read, view_str(cases[i].body), &refused);
        if (text == NULL || !same(text, cases[i].want)) {
            printf("# %s\n#   got %s\n#  want %s\n", cases[i].body, text != NULL ? text : (const char *)refused.ptr, cases[i].want);
            CHECK(!"the request says what the client asked");
        } else {
            write_down(text);
        }
        prompt_list_free(&prompt.list);
    }
    printf("# %zu requests rendered\n", sizeof cases / sizeof cases[0]);
}

/* --- requests that no endpoint of this kind may be sent */

static const struct {
    read_fn *read;
    uint32_t gates;
    const char *body, *refused; /* NULL: it fits */
} refused_cases[] = {
    {read_chat, OLD, BODY("\"n\":2," HI), "n"},
    {read_chat, OLD, BODY("\"n\":1," HI), NULL},
    {read_chat, OLD, BODY("\"logprobs\":true," HI), "logprobs"},
    {read_chat, OLD, BODY("\"logprobs\":false," HI), NULL},
    {read_chat, OLD, BODY("\"service_tier\":\"flex\"," HI), "service_tier"},
    {read_chat, OLD, BODY("\"service_tier\":\"auto\"," HI), NULL},
    {read_chat, OLD, BODY("\"web_search_options\":{}," HI), "web_search_options"},
    {read_chat, OLD, BODY("\"modalities\":[\"text\",\"audio\"]," HI), "modalities"},
    {read_chat, OLD, BODY("\"tools\":[{\"type\":\"web_search\"}]," HI), "tools"},
    {read_chat, OLD, BODY("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a.b\"}}]," HI), "tools"},
    {read_chat, OLD, BODY("\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"p\",\"format\":{\"type\":\"grammar\"}}}]," HI), "tools"},
    {read_chat, OLD, BODY(PART("{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QQ==\",\"format\":\"wav\"}}")), "input_audio"},
    {read_chat, OLD, BODY(PART("{\"type\":\"video_url\",\"video_url\":{\"url\":\"https://v\"}}")), "video_url"},
    {read_chat, OLD, BODY(PART(IMAGE("data:image/bmp;base64,Qk0="))), "image_url"},
    {read_chat, OLD, BODY(PART(IMAGE("data:image/png,abc"))), "image_url"},
    {read_chat, OLD, BODY(PART(IMAGE("data:image/png;base64,iVBORw0K*go="))), "image_url"},
    {read_chat, OLD | GATE_NO_URLS, BODY(PART(IMAGE("https://x"))), "image_url"},
    {read_chat, OLD, BODY(PART("{\"type\":\"file\",\"file\":{\"file_data\":\"data:application/zip;base64,UEs=\"}}")), "file"},
    {read_chat, OLD, BODY(PART("{\"type\":\"file\",\"file\":{\"file_data\":\"data:text/plain;base64,\\/w==\"}}")), "file"},
    {read_chat, V48, BODY(MESSAGES("{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"x\"}")), "messages"},
    {read_chat, V48, BODY(MESSAGES("{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\" \"}")), NULL},
    {read_chat, V48, BODY(MESSAGES(CALLED(CALL("c", "f", "{}")))), NULL},
    {read_chat, OLD, BODY("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":" CITY "}}," MESSAGES("{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"{\"}")), "messages"},
    {read_chat, OLD, BODY(MESSAGES(CALLED(CALL("c", "f", "{}")) "," TOOL("d", "1"))), "messages"},
    {read_chat, OLD, BODY(MESSAGES(CALLED(CALL("c", "f", "{}")) "," TOOL("c", "1") "," TOOL("c", "2"))), "messages"},
    {read_chat, OLD | GATE_NO_SCHEMA, BODY("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":" CITY "}}," HI), "response_format"},
    {read_chat, OLD, BODY("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}}}," HI), "response_format"},
    {read_chat, OLD, BODY("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}}}}}," HI), "response_format"},
    {read_chat, OLD, BODY("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\",\"properties\":{},\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"k\":{\"$ref\":\"#/$defs/n\"}}}}}}}," HI), "response_format"},
};

static void test_fits(void)
{
    for (size_t i = 0; i < sizeof refused_cases / sizeof refused_cases[0]; i++) {
        struct view refused = VIEW_EMPTY;
        const char *want = refused_cases[i].refused, *text;

        model.gates = (struct model_gates){.bits = refused_cases[i].gates};
        text = render(refused_cases[i].read, view_str(refused_cases[i].body), &refused);
        if ((want == NULL) != (text != NULL) || (want != NULL && !view_eq(refused, view_str(want)))) {
            printf("# %s: refused %.*s\n", refused_cases[i].body, (int)refused.len, (const char *)refused.ptr);
            CHECK(!"the member that cannot be sent is named");
        }
        if (text != NULL)
            write_down(text);
        prompt_list_free(&prompt.list);
    }
}

/* What a Messages client was told by our own signature is Anthropic's again; of another model's nothing is sent. */
static void test_sealed(void)
{
    static const char *const makers[] = {"anthropic/claude-x", "anthropic/claude-y", "google/gemini"};

    for (size_t i = 0; i < 3; i++) {
        struct view refused = VIEW_EMPTY;
        struct buf sealed;
        char body[2048], want[2048];
        const char *text;

        buf_init(&sealed, 1024);
        CHECK_INT(replay_seal(view_str(makers[i]), VIEW_EMPTY, VIEW_LIT("{\"type\":\"reasoning.text\",\"signature\":\"c2ln\",\"format\":\"anthropic-claude-v1\",\"index\":0}"), &sealed), ERR_NONE);
        snprintf(body, sizeof body, BODY(MESSAGES(SAID "," MODEL(THINKING("hm", "%.*s") "," USE("c", "f", "{}")) "," USER(RESULT("c", "")))), (int)sealed.len, (const char *)sealed.ptr);
        snprintf(want, sizeof want, OUT(MESSAGES(SAID "," MODEL("%s" USE("c", "f", "{}")) "," USER(RESULT("c", "")))), i == 0 ? THINKING("hm", "c2ln") "," : "");
        model.gates = (struct model_gates){.bits = V48};
        text = render(read_messages, view_str(body), &refused);
        CHECK(text != NULL && same(text, want));
        prompt_list_free(&prompt.list);
        buf_free(&sealed);
    }
}

/* --- recorded requests of Anthropic's clients */

static unsigned n_recorded;

/* Two spellings of one thing: a text and a list of one text block; an empty list and nothing; a result that is one
 * text. */
static json_c_object *block_of(const char *text)
{
    json_c_object *list = json_object_new_array(), *block = json_object_new_object();

    json_object_object_add(block, "type", json_object_new_string("text"));
    json_object_object_add(block, "text", json_object_new_string(text));
    json_object_array_add(list, block);
    return list;
}

static void level_content(json_c_object *o, const char *name)
{
    json_c_object *v = json_object_object_get(o, name);

    if (json_object_is_type(v, json_type_string))
        json_object_object_add(o, name, block_of(json_object_get_string(v)));
}

static void level(json_c_object *o, const char *model_name)
{
    static const char *const none[] = {"tools", "tool_choice", "metadata", "service_tier"};
    json_c_object *messages = json_object_object_get(o, "messages"), *thinking = json_object_object_get(o, "thinking"), *tools;

    level_content(o, "system");
    for (size_t i = 0; i < json_object_array_length(messages); i++) {
        json_c_object *m = json_object_array_get_idx(messages, i), *content;

        level_content(m, "content");
        content = json_object_object_get(m, "content");
        for (size_t k = 0; k < json_object_array_length(content); k++)
            if (json_object_object_get(json_object_array_get_idx(content, k), "tool_use_id") != NULL) {
                json_c_object *r = json_object_array_get_idx(content, k);

                level_content(r, "content");
                if (!json_object_get_boolean(json_object_object_get(r, "is_error")))
                    json_object_object_del(r, "is_error");
            }
    }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        json_c_object *v = json_object_object_get(o, none[i]);

        if (v == NULL || i >= 2 || (json_object_is_type(v, json_type_array) && json_object_array_length(v) == 0))
            json_object_object_del(o, none[i]);
    }
    if (!json_object_get_boolean(json_object_object_get(o, "stream")))
        json_object_object_del(o, "stream");
    if (json_object_object_get(o, "tool_choice") != NULL &&
        !json_object_get_boolean(json_object_object_get(json_object_object_get(o, "tool_choice"), "disable_parallel_tool_use")))
        json_object_object_del(json_object_object_get(o, "tool_choice"), "disable_parallel_tool_use");
    if (thinking != NULL && strcmp(json_object_get_string(json_object_object_get(thinking, "type")), "enabled") == 0)
        json_object_object_del(thinking, "display");
    tools = json_object_object_get(o, "tools");
    for (size_t i = 0; tools != NULL && i < json_object_array_length(tools); i++)
        json_object_object_del(json_object_array_get_idx(tools, i), "type");
    json_object_object_add(o, "model", json_object_new_string(model_name));
}

static void one_recorded(const char *path, const uint8_t *bytes, size_t len)
{
    struct view refused = VIEW_EMPTY;
    json_c_object *asked = json_tokener_parse((const char *)bytes), *sent;
    const char *text, *name = json_object_get_string(json_object_object_get(asked, "model"));
    bool adaptive = name != NULL && strstr(name, "-5") != NULL && strstr(name, "4-5") == NULL;

    model.gates = (struct model_gates){.bits = adaptive ? V48 : OLD};
    model.max_output = 128000;
    text = render(read_messages, view_of(bytes, len), &refused);
    if (text == NULL) {
        printf("# %s: %.*s\n", path, (int)refused.len, (const char *)refused.ptr);
        CHECK(!"a recorded request is sent");
        json_object_put(asked);
        return;
    }
    write_down(text);
    sent = json_tokener_parse(text);
    level(asked, "claude-x");
    level(sent, "claude-x");
    if (!json_object_equal(asked, sent)) {
        printf("# %s\n#  asked %s\n#  sent  %s\n", path, json_object_to_json_string(asked), json_object_to_json_string(sent));
        CHECK(!"what is sent says what was asked");
    }
    n_recorded++;
    json_object_put(asked);
    json_object_put(sent);
    prompt_list_free(&prompt.list);
}

static void test_recorded(void)
{
    char dir[600];

    snprintf(dir, sizeof dir, "%s/anthropic", fixtures_root());
    (void)fixtures_each_in(dir, ".req.json", one_recorded);
    printf("# %u recorded requests\n", n_recorded);
    if (n_recorded == 0)
        check_skip("no recordings of Anthropic's clients here");
}

/* --- files of text, of which each endpoint is asked whether it takes them */

enum { FILE_DIGITS = 16 << 20, CHARACTER = 3 }; /* the euro sign's bytes */
#define FILE_BEGIN                                                                                                   \
    "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":["                             \
    "{\"type\":\"file\",\"file\":{\"file_data\":\"data:text/plain;base64,"
#define FILE_END "\"}}]}]}"

/* A message with a file of n bytes: euro signs, behind `before` letters, then what the case puts at the end. */
static void file_body(size_t before, size_t n, const char *end, bool broken, struct buf *out)
{
    struct buf plain, base64;

    buf_init(&plain, n + 64);
    buf_init(&base64, 2 * n + 256);
    buf_init(out, 3 * n + 1024);
    for (size_t i = 0; i < before; i++)
        CHECK_INT(buf_append_byte(&plain, 'a'), ERR_NONE);
    while (plain.len + CHARACTER <= n)
        CHECK_INT(buf_append(&plain, VIEW_LIT("\xe2\x82\xac")), ERR_NONE);
    CHECK_INT(buf_append(&plain, view_str(end)), ERR_NONE);
    CHECK_INT(base64_append(buf_view(&plain), &base64), ERR_NONE);
    CHECK_INT(buf_append(out, VIEW_LIT(FILE_BEGIN)), ERR_NONE);
    for (size_t at = 0; at < base64.len; at += 76) {
        size_t line = base64.len - at < 76 ? base64.len - at : 76;

        CHECK_INT(buf_append(out, view_of(base64.ptr + at, broken ? line : base64.len)), ERR_NONE);
        if (!broken)
            break;
        CHECK_INT(buf_append(out, VIEW_LIT("\\r\\n")), ERR_NONE);
    }
    CHECK_INT(buf_append(out, VIEW_LIT(FILE_END)), ERR_NONE);
    buf_free(&plain);
    buf_free(&base64);
}

static bool file_taken(size_t before, size_t n, const char *end, bool broken)
{
    struct view refused = VIEW_EMPTY;
    struct buf body;
    bool taken;

    file_body(before, n, end, broken, &body);
    CHECK_INT(read_chat(buf_view(&body), &prompt, &fault), ERR_NONE);
    taken = anthropic_fits(&prompt, &to, &refused);
    CHECK(taken || view_eq(refused, VIEW_LIT("file")));
    prompt_list_free(&prompt.list);
    buf_free(&body);
    return taken;
}

/* Files are decoded in pieces of 3,072 bytes: sequences lie across each border in each way. */
static void test_text_files(void)
{
    static const char *const bad[] = {"\xe2", "\xe2\x82", "\xff", "\xed\xa0\x80", "\x80", "\xe2\x82z"};

    for (size_t n = 3060; n < 3090; n++)
        for (size_t before = 0; before < CHARACTER; before++)
            for (int broken = 0; broken < 2; broken++) {
                CHECK(file_taken(before, n, "", broken));
                CHECK(file_taken(before, 2 * n, "\xc3\xbc", broken));
                for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
                    CHECK(!file_taken(before, n, bad[k], broken));
            }
}

static void check_base64(const char *base64, bool want)
{
    bool is = anthropic_is_text_file(view_str(base64));

    if (is != want)
        printf("# %.60s\n", base64);
    CHECK(is == want);
}

static void test_base64_of_text(void)
{
    static char many[5000];

    check_base64("YWI=", true);
    check_base64(" Y W\\nI\\r\\n=\\t", true);
    check_base64("Pz8\\/", true);
    check_base64("YWI", false);
    check_base64("YWJ=", false); /* bits behind the last byte */
    check_base64("Y===", false);
    check_base64("YQ==YWI=", false);
    check_base64("YW?i", false);
    for (size_t i = 0; i < 4096; i += 4)
        memcpy(many + i, "YWFh", 4);
    strcpy(many + 4096, "YWI=");
    check_base64(many, true);
    memcpy(many + 4092, "YWI=", 4); /* padding at the end of a piece that is not the last */
    check_base64(many, false);
    many[4096] = '\0'; /* and of one that is */
    check_base64(many, true);
}

/* Whoever asks has no budget for it, so that it takes no memory. The body is made in place: its making must not have
 * raised the peak. */
static void test_files_take_no_memory(void)
{
    struct view refused = VIEW_EMPTY;
    struct rusage before, after;
    struct buf body;

    buf_init(&body, FILE_DIGITS + 1024);
    CHECK_INT(buf_reserve(&body, FILE_DIGITS + 1024), ERR_NONE);
    CHECK_INT(buf_append(&body, VIEW_LIT(FILE_BEGIN)), ERR_NONE);
    for (size_t i = 0; i < FILE_DIGITS; i += 4)
        CHECK_INT(buf_append(&body, VIEW_LIT("YWFh")), ERR_NONE);
    CHECK_INT(buf_append(&body, VIEW_LIT(FILE_END)), ERR_NONE);
    CHECK_INT(read_chat(buf_view(&body), &prompt, &fault), ERR_NONE);
    buf_free(&rendered);
    CHECK_INT(getrusage(RUSAGE_SELF, &before), 0);
    CHECK(anthropic_fits(&prompt, &to, &refused));
    CHECK_INT(getrusage(RUSAGE_SELF, &after), 0);
    printf("# peak of memory: %ld KB more\n", after.ru_maxrss - before.ru_maxrss);
    CHECK(after.ru_maxrss - before.ru_maxrss < FILE_DIGITS / 1024 / 4);
    prompt_list_free(&prompt.list);
    buf_free(&body);
}

static const struct check_case tests[] = {
    {"anthropic_files_take_no_memory", test_files_take_no_memory}, /* the first: no memory has been freed before */
    {"anthropic_text_files", test_text_files},
    {"anthropic_base64_of_text", test_base64_of_text},
    {"anthropic_requests", test_render},
    {"anthropic_marks_have_a_price", test_marks_have_a_price},
    {"anthropic_requests_refused", test_fits},
    {"anthropic_sealed_thoughts", test_sealed},
    {"anthropic_recorded_requests", test_recorded},
};
CHECK_MAIN(tests)
