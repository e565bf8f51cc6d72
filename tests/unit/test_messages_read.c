/* What a client of Anthropic's Messages wrote must become the prompt that it means, with figures that bound
 * its price; what cannot be honoured is refused in Anthropic's words, and nothing that Claude Code or the
 * SDKs send is. */
#include "messages.h"
#include "messages_internal.h"
#include "message.h"
#include "prompt_words.h"
#include "provider_fixtures.h"
#include "replay.h"

#include "check.h"

#define U(content) "{\"role\":\"user\",\"content\":" content "}"
#define A(content) "{\"role\":\"assistant\",\"content\":" content "}"
#define S(content) "{\"role\":\"system\",\"content\":" content "}"
#define HI U("\"hi\"")
#define B(rest) "{\"model\":\"a/b\",\"max_tokens\":100," rest "}"
#define M(messages) "\"messages\":[" messages "]"

#define BILLING "x-anthropic-billing-header: cc_version=2.1"
#define PDF "{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"JVBERi0=\"}"
#define PNG "{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"iVBO\"}"
static const struct {
    const char *body, *list;
} lists[] = {
    {B(M(HI)), "user text:hi"},
    {"\xef\xbb\xbf" B(M(HI)), "user text:hi"},
    {B("\"system\":\"Be \\\"brief\\\".\"," M(HI)), "system text:Be \\\"brief\\\". | user text:hi"},
    /* blocks, marks, and what Claude Code puts in front; a system message at its place */
    {B("\"system\":[{\"type\":\"text\",\"text\":\"" BILLING "\"},{\"type\":\"text\",\"text\":\"one\","
       "\"cache_control\":{\"type\":\"ephemeral\",\"scope\":\"global\"}},{\"type\":\"text\",\"text\":\"two\"}]," M(HI "," S("\"mid\"") "," A("\"yes\""))),
     "system text:one +mark text:two | user text:hi | system text:mid | assistant text:yes"},
    {B("\"system\":\"" BILLING "\"," M(HI)), "user text:hi"},
    {B("\"system\":\"\"," M(U("[{\"type\":\"text\",\"text\":\"\"},{\"type\":\"text\",\"text\":\"a\"}]"))), "user text:a"},
    /* images, documents, search results */
    {B(M(U("[{\"type\":\"image\",\"source\":" PNG "},{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x/y.png\"}}]"))),
     "user image:image/png,iVBO image:https://x/y.png"},
    {B(M(U("[{\"type\":\"document\",\"title\":\"T\",\"context\":\"C\",\"source\":" PDF "}]"))),
     "user text:C file:application/pdf,JVBERi0=,T"},
    {B(M(U("[{\"type\":\"document\",\"title\":\"T\",\"context\":\"C\",\"citations\":{\"enabled\":true},"
           "\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"D\"}}]"))),
     "user text:T text:C text:D"},
    {B(M(U("[{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":[{\"type\":\"text\",\"text\":\"p\"},"
           "{\"type\":\"image\",\"source\":" PNG "}]}},{\"type\":\"text\",\"text\":\"q\"}]"))),
     "user text:p image:image/png,iVBO text:q"},
    {B(M(U("[{\"type\":\"search_result\",\"source\":\"s\",\"title\":\"t\",\"content\":[{\"type\":\"text\",\"text\":\"c\"}]}]"))),
     "user text:t text:s text:c"},
    /* calls and results: results are items of their own, what follows begins a message again */
    {B(M(HI ","
         A("[{\"type\":\"text\",\"text\":\"One moment. \"},{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"weather\","
           "\"input\":{\"city\": \"Z\\u00fcrich\"},\"caller\":{\"type\":\"direct\"}},"
           "{\"type\":\"tool_use\",\"id\":\"toolu_2\",\"name\":\"now\",\"input\":{}}]") ","
         U("[{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_1\",\"content\":[{\"type\":\"text\",\"text\":\"9\"},"
           "{\"type\":\"image\",\"source\":" PNG "}]},{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_2\",\"is_error\":true,"
           "\"content\":\"no clock\",\"cache_control\":{\"type\":\"ephemeral\"}},{\"type\":\"text\",\"text\":\"well?\"}]"))),
     "user text:hi | assistant text:One moment.  call:toolu_1,weather,{\"city\": \"Z\\u00fcrich\"} call:toolu_2,now,{}"
     " | result(toolu_1) text:9 image:image/png,iVBO | result(toolu_2 failed) +mark text:no clock | user text:well?"},
    {B(M(U("[{\"type\":\"tool_result\",\"tool_use_id\":\"t\"}]"))), " | result(t)"},
    {B(M(U("[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":\"r\"},"
           "{\"type\":\"text\",\"text\":\"b\"}]"))),
     "user text:a | result(t) text:r | user text:b"},
    {B(M(U("[{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":[{\"type\":\"tool_reference\",\"tool_name\":\"f\"}]}]"))),
     " | result(t) text:f"},
    /* thoughts that Anthropic signed, and what its servers did */
    {B(M(HI "," A("[{\"type\":\"thinking\",\"thinking\":\"Hm.\",\"signature\":\"EuQC\"},{\"type\":\"redacted_thinking\",\"data\":\"EmwK\"},"
               "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"EuQC\"},"
               "{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\",\"input\":{}},"
               "{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"s\",\"content\":[]},{\"type\":\"text\",\"text\":\"x\"}]"))),
     "user text:hi | assistant thought:Hm.,signed EuQC "
     "detail:{\"type\":\"reasoning.encrypted\",\"format\":\"anthropic-claude-v1\",\"data\":\"EmwK\"} thought:,signed EuQC text:x"},
};

static struct prompt prompt;
static struct prompt_fault fault;

static enum err read_old(const char *body)
{
    return messages_2023.read(view_str(body), &prompt, &fault);
}

static void lists_come_out(void)
{
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        CHECK_INT(read_old(lists[i].body), ERR_NONE);
        if (fault.message != NULL)
            printf("# %s: %s\n", lists[i].body, fault.message);
        say_list(&prompt);
        CHECK_BYTES(words, n_words, lists[i].list, strlen(lists[i].list));
        CHECK(prompt.prompt_bytes <= prompt.body.len);
        prompt_list_free(&prompt.list);
    }
}

/* --- thoughts that we sealed --- */

#define SIGNED "{\"type\":\"reasoning.text\",\"signature\":\"c2ln\",\"format\":\"anthropic-claude-v1\",\"index\":0}"
#define CRYPT "{\"type\":\"reasoning.encrypted\",\"data\":\"gAAA\"}"

static void one_sealed(const char *type, const char *text, const char *inside, const char *details,
                       const char *want)
{
    char body[4096];
    struct buf sealed;

    buf_init(&sealed, 2048);
    CHECK_INT(replay_seal(view_str("a/b"), view_str(inside), view_str(details), &sealed), ERR_NONE);
    if (strcmp(type, "thinking") == 0)
        snprintf(body, sizeof body, B(M(HI "," A("[{\"type\":\"thinking\",\"thinking\":\"%s\",\"signature\":\"%.*s\"}]"))), text,
                 (int)sealed.len, (const char *)sealed.ptr);
    else
        snprintf(body, sizeof body, B(M(HI "," A("[{\"type\":\"redacted_thinking\",\"data\":\"%.*s\"}]"))), (int)sealed.len,
                 (const char *)sealed.ptr);
    CHECK_INT(read_old(body), ERR_NONE);
    say_list(&prompt);
    CHECK_BYTES(words, n_words, want, strlen(want));
    /* the bound holds for thoughts that a renderer gives twice */
    CHECK(prompt.prompt_bound >= strlen(body) + strlen(text) + PROMPT_TEMPLATE_TOKENS);
    prompt_list_free(&prompt.list);
    buf_free(&sealed);
}

static void sealed_thoughts_open(void)
{
    one_sealed("thinking", "Two \\\"tools\\\".", "", SIGNED,
               "user text:hi | assistant thought:Two \\\"tools\\\". "
               "detail:{\"text\":\"Two \\\"tools\\\".\",\"type\":\"reasoning.text\",\"signature\":\"c2ln\","
               "\"format\":\"anthropic-claude-v1\",\"index\":0}");
    one_sealed("thinking", "", "hidden", SIGNED "," CRYPT,
               "user text:hi | assistant thought:hidden detail:{\"text\":\"hidden\",\"type\":\"reasoning.text\","
               "\"signature\":\"c2ln\",\"format\":\"anthropic-claude-v1\",\"index\":0} detail:" CRYPT);
    one_sealed("thinking", "Just text.", "", "", "user text:hi | assistant thought:Just text.");
    one_sealed("redacted_thinking", "", "", CRYPT, "user text:hi | assistant detail:" CRYPT);
}

/* --- settings --- */

static void settings_are_read(void)
{
    CHECK_INT(read_old(B("\"stream\":true,\"temperature\":0.5,\"top_p\":1e0,\"top_k\":4,\"stop_sequences\":[\"a\",\"b\"],"
                         "\"metadata\":{\"user_id\":\"u\\u0031\"},\"service_tier\":\"standard_only\",\"speed\":\"fast\","
                         "\"tools\":[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"},\"strict\":true,"
                         "\"defer_loading\":true,\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}},"
                         "{\"type\":\"custom\",\"name\":\"g\",\"input_schema\":{}},{\"type\":\"tool_search_tool_regex_20251119\",\"name\":\"s\"}],"
                         "\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\",\"disable_parallel_tool_use\":true},"
                         "\"output_config\":{\"effort\":\"max\",\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}},"
                         "\"models\":[\"c/d\"],\"provider\":{\"only\":[\"x\"]},\"route\":\"fallback\"," M(HI))),
              ERR_NONE);
    CHECK(strcmp(prompt.model, "a/b") == 0 && prompt.stream && prompt.include_usage);
    CHECK_INT(prompt.max_tokens, 100);
    CHECK_INT(prompt.n_choices, 1);
#define TEXT_IS(v, s) CHECK_BYTES((v).ptr, (v).len, s, strlen(s))
    TEXT_IS(prompt.list.setting[SETTING_TEMPERATURE], "0.5");
    TEXT_IS(prompt.list.setting[SETTING_TOP_P], "1e0");
    TEXT_IS(prompt.list.setting[SETTING_TOP_K], "4");
    TEXT_IS(prompt.list.setting[SETTING_STOP], "[\"a\",\"b\"]");
    TEXT_IS(prompt.user, "u\\u0031");
    CHECK_INT(prompt.list.n_tools, 2);
    TEXT_IS(prompt.list.tool[0].name, "f");
    TEXT_IS(prompt.list.tool[0].description, "d");
    TEXT_IS(prompt.list.tool[0].schema, "{\"type\":\"object\"}");
    CHECK_INT(prompt.list.tool[0].strict, 1);
    CHECK_INT(prompt.list.tool[1].strict, -1);
    CHECK(prompt.list.tool[1].description.ptr == NULL);
    CHECK_INT(prompt.list.choice, CHOICE_TOOL);
    TEXT_IS(prompt.list.choice_name, "f");
    CHECK_INT(prompt.list.parallel_calls, 0);
    CHECK_INT(prompt.list.effort, EFFORT_MAX);
    CHECK_INT(prompt.list.format, FORMAT_JSON_SCHEMA);
    TEXT_IS(prompt.list.format_schema, "{\"type\":\"object\"}");
    CHECK_INT(prompt.needs, CAP_TOOLS | CAP_JSON_SCHEMA);
    CHECK(prompt.long_cache && !prompt.hosted_tools && !prompt.has_media && prompt.chat == NULL);
    TEXT_IS(prompt.models.text, "[\"c/d\"]");
    TEXT_IS(prompt.provider.text, "{\"only\":[\"x\"]}");
    prompt_list_free(&prompt.list);
}

static const struct {
    const char *member;
    enum prompt_effort effort;
    bool shows;
    enum prompt_effort output; /* as it was said, whatever "thinking" is */
    bool between;
} efforts[] = {
    {"\"stream\":false", EFFORT_UNSAID, true, EFFORT_UNSAID, false},
    {"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}", EFFORT_LOW, true, EFFORT_UNSAID, false},
    {"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048,\"display\":\"summarized\"}", EFFORT_MEDIUM, true, EFFORT_UNSAID, false},
    {"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1e4}", EFFORT_HIGH, true, EFFORT_UNSAID, false},
    {"\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}", EFFORT_UNSAID, false, EFFORT_UNSAID, false},
    {"\"thinking\":{\"type\":\"adaptive\",\"display\":null},\"output_config\":{\"effort\":\"medium\"}", EFFORT_MEDIUM, true, EFFORT_MEDIUM, false},
    {"\"output_config\":{\"effort\":\"xhigh\"},\"thinking\":{\"type\":\"adaptive\"}", EFFORT_XHIGH, true, EFFORT_XHIGH, false},
    {"\"thinking\":{\"type\":\"disabled\"},\"output_config\":{\"effort\":\"low\"}", EFFORT_NONE, true, EFFORT_LOW, false},
    {"\"output_config\":{\"effort\":\"low\"},\"thinking\":{\"type\":\"disabled\"}", EFFORT_NONE, true, EFFORT_LOW, false},
    {"\"output_config\":{\"effort\":\"max\"},\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}", EFFORT_MAX, true, EFFORT_MAX, false},
    {"\"output_config\":{\"effort\":\"max\"}", EFFORT_MAX, true, EFFORT_MAX, false},
    {"\"thinking\":{\"type\":\"between_tools\"}", EFFORT_LOW, true, EFFORT_UNSAID, true},
};

static void efforts_are_read(void)
{
    for (size_t i = 0; i < sizeof efforts / sizeof efforts[0]; i++) {
        char body[512];

        snprintf(body, sizeof body, "{\"model\":\"a/b\",\"max_tokens\":32000,%s," M(HI) "}", efforts[i].member);
        CHECK_INT(read_old(body), ERR_NONE);
        CHECK_INT(prompt.list.effort, efforts[i].effort);
        CHECK_INT(prompt.list.wants_reasoning, efforts[i].shows);
        CHECK_INT(prompt.list.output_effort, efforts[i].output);
        CHECK_INT(prompt.list.between_tools, efforts[i].between);
        prompt_list_free(&prompt.list);
    }
}

/* --- money --- */

static void figures_bound_the_price(void)
{
    static char body[400000];
    char *at = body;
    uint64_t text;

    /* a text of many short tokens is bounded by its bytes, whatever holds it */
    CHECK_INT(read_old(B(M(U("[{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":\"0123456789\"}]")))), ERR_NONE);
    CHECK_INT(prompt.prompt_bound, prompt.body.len + PROMPT_TEMPLATE_TOKENS);
    CHECK(prompt.prompt_bytes < prompt.body.len);
    prompt_list_free(&prompt.list);

    /* images and files leave the text's bound and have their own */
    at += sprintf(at, "{\"model\":\"a/b\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\","
                      "\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"");
    memset(at, 'A', 200000);
    at += 200000;
    at += sprintf(at, "\"}},{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"");
    memset(at, 'A', 100000);
    at += 100000;
    sprintf(at, "\"}},{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x\"}}]}]}");
    CHECK_INT(read_old(body), ERR_NONE);
    CHECK_INT(prompt.media.images, 2);
    CHECK_INT(prompt.media.references, 0);
    CHECK(prompt.media.bound > 100000 && prompt.media.bound < 101000); /* a file: a token a byte */
    text = strlen(body) - 300000;
    CHECK(prompt.prompt_bound <= text + PROMPT_TEMPLATE_TOKENS && prompt.prompt_bound > 512);
    CHECK(prompt.prompt_bytes < text);
    CHECK((prompt.needs & CAP_IMAGES) != 0 && !prompt.has_media);
    prompt_list_free(&prompt.list);
}

/* --- refusals --- */

/* A thought that begins like one of ours and cannot be opened. */
#define NOT_OURS "eyJ0ciI6MSwib"
#define TOOL(type) "\"tools\":[{\"type\":\"" type "\",\"name\":\"x\"}]," M(HI)
static const struct {
    const char *body;
    enum err e;
    const char *name; /* param or member */
} refused[] = {
    {"", ERR_SHORT, NULL},
    {"[]", ERR_FORMAT, NULL},
    {"{\"max_tokens\":1," M(HI) "}", ERR_FORMAT, "model"},
    {"{\"model\":\"a/b\"," M(HI) "}", ERR_FORMAT, "max_tokens"},
    {"{\"model\":\"a/b\",\"max_tokens\":1}", ERR_FORMAT, "messages"},
    {"{\"model\":\"a/b\",\"max_tokens\":0," M(HI) "}", ERR_RANGE, "max_tokens"},
    {"{\"model\":\"a/b\",\"max_tokens\":1.5," M(HI) "}", ERR_FORMAT, "max_tokens"},
    {"{\"model\":\"a/b\",\"max_tokens\":99999999," M(HI) "}", ERR_RANGE, "max_tokens"},
    {"{\"model\":\"a/b\",\"max_tokens\":1,\"max_tokens\":2," M(HI) "}", ERR_DUPLICATE, "max_tokens"},
    {"{\"model\":7,\"max_tokens\":1," M(HI) "}", ERR_FORMAT, "model"},
    {B(M("")), ERR_FORMAT, "messages"},
    {B(M("1")), ERR_FORMAT, "messages"},
    {B(M(U("\"\""))), ERR_FORMAT, "messages"},
    {B(M(HI "," U("[]"))), ERR_FORMAT, "messages"},
    {B(M(U("[{\"type\":\"text\",\"text\":\"\"}]"))), ERR_FORMAT, "messages"},
    /* a provider must not be sent an empty list: turns of the model that hold nothing, or nothing but thoughts */
    {B(M(A("\"\""))), ERR_FORMAT, "messages"},
    {B("\"system\":\"s\"," M(A("[]"))), ERR_FORMAT, "messages"},
    {B(M(A("[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"c2ln\"}]"))), ERR_FORMAT, "messages"},
    {B(M(A("[{\"type\":\"redacted_thinking\",\"data\":\"c2ln\"}]"))), ERR_FORMAT, "messages"},
    {B(M(A("[{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"" NOT_OURS "\"}]"))), ERR_FORMAT, "messages"},
    {B(M(A("[{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"w\",\"content\":[]}]"))), ERR_FORMAT, "messages"},
    {B(M("{\"content\":\"x\"}")), ERR_FORMAT, "role"},
    {B(M("{\"role\":\"tool\",\"content\":\"x\"}")), ERR_FORMAT, "role"},
    {B(M("{\"role\":\"user\"}")), ERR_FORMAT, "content"},
    {B(M("{\"role\":\"user\",\"content\":\"x\",\"name\":\"n\"}")), ERR_UNSUPPORTED, "name"},
    {B(M("{\"role\":\"user\",\"role\":\"system\",\"content\":\"x\"}")), ERR_DUPLICATE, "role"},
    {B("\"n\":2," M(HI)), ERR_UNSUPPORTED, "n"},
    {B("\"Max_tokens\":2," M(HI)), ERR_UNSUPPORTED, "Max_tokens"},
    {B("\"stream\":1," M(HI)), ERR_FORMAT, "stream"},
    {B("\"stop_sequences\":[1]," M(HI)), ERR_FORMAT, "stop_sequences"},
    {B("\"metadata\":{\"x\":1}," M(HI)), ERR_UNSUPPORTED, "x"},
    {B("\"service_tier\":\"priority\"," M(HI)), ERR_FORMAT, "service_tier"},
    {B("\"container\":\"c\"," M(HI)), ERR_UNSUPPORTED, "container"},
    {B("\"mcp_servers\":[{}]," M(HI)), ERR_UNSUPPORTED, "mcp_servers"},
    {B("\"inference_geo\":\"eu\"," M(HI)), ERR_UNSUPPORTED, "inference_geo"},
    {B("\"fallbacks\":[{\"model\":\"c/d\"}]," M(HI)), ERR_UNSUPPORTED, "fallbacks"},
    {B("\"thinking\":{\"type\":\"enabled\"}," M(HI)), ERR_FORMAT, "thinking"},
    {B("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1000}," M(HI)), ERR_RANGE, "thinking"},
    {B("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}," M(HI)), ERR_RANGE, "thinking"}, /* >= max_tokens */
    {B("\"thinking\":{\"type\":\"always\"}," M(HI)), ERR_FORMAT, "thinking"},
    {B("\"thinking\":{\"type\":\"adaptive\",\"budget\":1}," M(HI)), ERR_UNSUPPORTED, "budget"},
    {B("\"output_config\":{\"effort\":\"minimal\"}," M(HI)), ERR_FORMAT, "effort"}, /* OpenAI's */
    {B("\"output_config\":{\"effort\":\"huge\"}," M(HI)), ERR_FORMAT, "effort"},
    {B("\"output_config\":{\"format\":{\"type\":\"json_object\"}}," M(HI)), ERR_FORMAT, "format"},
    {B("\"tool_choice\":{\"type\":\"tool\"}," M(HI)), ERR_FORMAT, "tool_choice"},
    {B("\"tool_choice\":{\"type\":\"function\"}," M(HI)), ERR_FORMAT, "tool_choice"},
    {B("\"tools\":[{\"name\":\"f\"}]," M(HI)), ERR_FORMAT, "input_schema"},
    {B(TOOL("web_search_20250305")), ERR_UNSUPPORTED, "web_search_20250305"},
    {B(TOOL("bash_20250124")), ERR_UNSUPPORTED, "bash_20250124"},
    {B(TOOL("mcp_toolset")), ERR_UNSUPPORTED, "mcp_toolset"},
    {B(TOOL("tool_search_tool_bm25_20251119")), ERR_UNSUPPORTED, "tools"}, /* nothing to find */
    {B(M(U("[{\"type\":\"text\"}]"))), ERR_FORMAT, "text"},
    {B(M(U("[{\"text\":\"x\"}]"))), ERR_FORMAT, "type"},
    {B(M(U("[{\"type\":\"text\",\"text\":\"x\",\"text\":\"y\"}]"))), ERR_DUPLICATE, "text"},
    {B(M(U("[{\"type\":\"video\"}]"))), ERR_UNSUPPORTED, "video"},
    {B(M(U("[{\"type\":\"tool_use\",\"id\":\"x\",\"name\":\"y\",\"input\":{}}]"))), ERR_UNSUPPORTED, "tool_use"},
    {B(M(A("[{\"type\":\"tool_use\",\"id\":\"x\",\"name\":\"y\",\"input\":\"{}\"}]"))), ERR_FORMAT, "input"},
    {B(M(A("[{\"type\":\"tool_result\",\"tool_use_id\":\"x\"}]"))), ERR_UNSUPPORTED, "tool_result"},
    {B(M(U("[{\"type\":\"tool_result\",\"content\":\"x\"}]"))), ERR_FORMAT, "tool_use_id"},
    {B(M(U("[{\"type\":\"container_upload\",\"file_id\":\"x\"}]"))), ERR_UNSUPPORTED, "container_upload"},
    {B(M(U("[{\"type\":\"image\",\"source\":{\"type\":\"file\",\"file_id\":\"x\"}}]"))), ERR_UNSUPPORTED, "source"},
    {B(M(U("[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/tiff\",\"data\":\"A\"}}]"))), ERR_FORMAT, "media_type"},
    {B(M(U("[{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"file:///etc/passwd\"}}]"))), ERR_FORMAT, "url"},
    {B(M(U("[{\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":\"https://x\"}}]"))), ERR_UNSUPPORTED, "source"},
    {B(M("{\"role\":\"system\",\"content\":\"x\",\"clear_at\":\"next_user_message\"}")), ERR_UNSUPPORTED, "clear_at"},
};

static bool named(const char *name)
{
    if (name == NULL)
        return fault.param == NULL && fault.member.len == 0;
    return fault.member.len != 0 ? view_eq(fault.member, view_str(name))
                                 : fault.param != NULL && strcmp(fault.param, name) == 0;
}

static void wrong_requests_are_refused(void)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        enum err e = read_old(refused[i].body);

        if (e != refused[i].e || !named(refused[i].name) || fault.message == NULL)
            printf("# %s: %s, param %s member %.*s: %s\n", refused[i].body, err_name(e),
                   fault.param == NULL ? "" : fault.param, (int)fault.member.len,
                   fault.member.ptr == NULL ? "" : (const char *)fault.member.ptr,
                   fault.message == NULL ? "" : fault.message);
        CHECK_INT(e, refused[i].e);
        CHECK(named(refused[i].name));
        CHECK(fault.message != NULL);
        prompt_list_free(&prompt.list);
    }
}

/* The same bodies under both versions. */
static const struct {
    const char *body, *name;
} versions[] = {
    {B("\"temperature\":1," M(HI)), "temperature"},
    {B("\"top_p\":1," M(HI)), "top_p"},
    {B("\"top_k\":1," M(HI)), "top_k"},
    {B(M(HI "," A("[{\"type\":\"document\",\"source\":" PDF "}]"))), "messages"},
    {B(M(U("[{\"type\":\"text\",\"text\":\"x\",\"citations\":[{}]}]"))), "citations"},
    {B(M(U("[{\"type\":\"text\",\"text\":\"x\",\"citations\":[]}]"))), NULL},
    {B(M(U("[{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":[{\"type\":\"document\",\"source\":" PDF "}]}]"))), NULL},
};

static void versions_differ(void)
{
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        CHECK_INT(read_old(versions[i].body), ERR_NONE);
        prompt_list_free(&prompt.list);
        CHECK_INT(messages_2026.read(view_str(versions[i].body), &prompt, &fault) == ERR_NONE,
                  versions[i].name == NULL);
        CHECK(named(versions[i].name));
        prompt_list_free(&prompt.list);
    }
    CHECK(messages_of_version(VIEW_EMPTY) == &messages_2023);
    CHECK(messages_of_version(VIEW_LIT("2023-06-01")) == &messages_2023);
    CHECK(messages_of_version(VIEW_LIT("2023-01-01")) == &messages_2023);
    CHECK(messages_of_version(VIEW_LIT("2026-10-21")) == &messages_2026);
    CHECK(messages_of_version(VIEW_LIT("2027-01-01")) == &messages_2026);
    CHECK(messages_of_version(VIEW_LIT("bedrock-2023-05-31")) == &messages_2023);
}

/* --- what clients send --- */

#define CLAUDE_CODE                                                                                \
    "{\"model\":\"a/b\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\",\"cache_control\":"   \
    "{\"type\":\"ephemeral\"}}]},{\"role\":\"system\",\"content\":\"be brief\"}],\"system\":[{\"type\":\"text\",\"text\":" \
    "\"" BILLING "\"},{\"type\":\"text\",\"text\":\"You are Claude Code\",\"cache_control\":{\"type\":\"ephemeral\"}}],"  \
    "\"tools\":[{\"name\":\"Bash\",\"description\":\"d\",\"input_schema\":{\"$schema\":\"s\",\"type\":\"object\"},"       \
    "\"eager_input_streaming\":true}],\"metadata\":{\"user_id\":\"{\\\"device_id\\\":\\\"d\\\"}\"},\"max_tokens\":32000," \
    "\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"},\"context_management\":{\"edits\":[{\"type\":"         \
    "\"clear_thinking_20251015\",\"keep\":\"all\"}]},\"output_config\":{\"effort\":\"medium\"},\"stream\":true}"

static unsigned n_read;

static void read_recorded(const char *path, const uint8_t *bytes, size_t len)
{
    enum err old = messages_2023.read(view_of(bytes, len), &prompt, &fault);

    if (old != ERR_NONE)
        printf("# %s: %s (%s)\n", path, fault.message == NULL ? "" : fault.message,
               fault.param == NULL ? "" : fault.param);
    CHECK_INT(old, ERR_NONE);
    CHECK(prompt.list.n_items > 1 && prompt.prompt_bound > prompt.prompt_bytes);
    prompt_list_free(&prompt.list);
    CHECK_INT(messages_2026.read(view_of(bytes, len), &prompt, &fault), ERR_NONE);
    prompt_list_free(&prompt.list);
    n_read += old == ERR_NONE;
}

static void what_clients_send_is_read(void)
{
    char dir[600];

    CHECK_INT(read_old(CLAUDE_CODE), ERR_NONE);
    say_list(&prompt);
    CHECK_BYTES(words, n_words, "system text:You are Claude Code +mark | user text:x +mark | system text:be brief",
                strlen("system text:You are Claude Code +mark | user text:x +mark | system text:be brief"));
    CHECK_INT(prompt.list.effort, EFFORT_MEDIUM);
    CHECK(!prompt.long_cache);
    prompt_list_free(&prompt.list);
    snprintf(dir, sizeof dir, "%s/anthropic", fixtures_root());
    n_read = 0;
    CHECK_INT(fixtures_each_in(dir, ".req.json", read_recorded), n_read);
    printf("# %u recorded requests read\n", n_read);
    if (strncmp(fixtures_root(), "tests/", 6) != 0)
        CHECK_INT(n_read, 16);
}

static void tokens_are_counted(void)
{
    struct buf out;

    buf_init(&out, 256);
    CHECK_INT(messages_2023.read_count(VIEW_LIT("{\"model\":\"a/b\"," M(HI) "}"), &prompt, &fault), ERR_NONE);
    CHECK_INT(messages_2023.count(&prompt, &out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, "{\"input_tokens\":8}", 18); /* 31 bytes of messages */
    buf_reset(&out);
    prompt_list_free(&prompt.list);
    CHECK_INT(messages_2023.read_count(VIEW_LIT("{\"model\":\"a/b\"}"), &prompt, &fault), ERR_FORMAT);
    CHECK(named("messages"));
    prompt_list_free(&prompt.list);
    buf_free(&out);
}

static const struct check_case cases[] = {
    {"lists_come_out", lists_come_out},
    {"sealed_thoughts_open", sealed_thoughts_open},
    {"settings_are_read", settings_are_read},
    {"efforts_are_read", efforts_are_read},
    {"figures_bound_the_price", figures_bound_the_price},
    {"wrong_requests_are_refused", wrong_requests_are_refused},
    {"versions_differ", versions_differ},
    {"what_clients_send_is_read", what_clients_send_is_read},
    {"tokens_are_counted", tokens_are_counted},
};
CHECK_MAIN(cases)
