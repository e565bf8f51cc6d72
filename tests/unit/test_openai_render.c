/* A client of another dialect gets from an OpenAI-compatible provider what it asked for only if the body says
 * so: every text at its place, results behind their calls, nothing that this provider refuses, nothing that
 * was not priced. Cases build a neutral prompt and name the exact bytes. */
#include "check.h"
#include "openai_render.h"
#include "reasoning_maker.h"

/* The product has a function of that name. */
#define json_object json_c_object
#include <json-c/json.h>
#undef json_object

static struct prompt prompt;

static struct view v(const char *s)
{
    return s == NULL ? VIEW_EMPTY : view_str(s);
}

static struct prompt_item *item(enum prompt_item_kind kind, const char *text)
{
    struct prompt_item *i = NULL;

    CHECK_INT(prompt_add_item(&prompt.list, kind, &i), ERR_NONE);
    i->text.bytes = v(text);
    return i;
}

static void message(enum prompt_role role)
{
    item(ITEM_MESSAGE, NULL)->role = role;
}

static void says(enum prompt_role role, const char *text)
{
    message(role);
    (void)item(ITEM_TEXT, text);
}

static void call(const char *id, const char *name, const char *json)
{
    struct prompt_item *i = item(ITEM_CALL, json);

    i->id = v(id);
    i->name = v(name);
    i->text.json = true;
}

static void result(const char *id, const char *text)
{
    item(ITEM_RESULT, NULL)->id = v(id);
    if (text != NULL)
        (void)item(ITEM_TEXT, text);
}

static struct prompt_tool *tool(enum prompt_tool_kind kind, const char *name, const char *schema)
{
    struct prompt_tool *t = NULL;

    CHECK_INT(prompt_add_tool(&prompt.list, kind, &t), ERR_NONE);
    t->name = v(name);
    t->schema = v(schema);
    return t;
}

/* --- prompts --- */

static void plain(void)
{
    says(ROLE_USER, "a\\n\\\"b\\\" \\u00e9");
}

static void developer(void)
{
    says(ROLE_DEVELOPER, "d");
    says(ROLE_SYSTEM, "s");
}

/* Q1 of the worked examples, as a reader of another dialect has it. */
static void worked(void)
{
    struct prompt_item *i;
    struct prompt_tool *t;

    prompt.max_tokens = 2048;
    prompt.list.setting[SETTING_TEMPERATURE] = v("0.5");
    prompt.list.parallel_calls = 0;
    prompt.list.choice = CHOICE_AUTO;
    says(ROLE_SYSTEM, "Be brief.");
    says(ROLE_USER, "Weather in the picture, and the time?");
    i = item(ITEM_IMAGE, "iVBORw0KGgo=");
    i->media_type = v("image/png");
    message(ROLE_ASSISTANT);
    call("c1", "weather", "{ \"city\" : \"Z\xc3\xbcrich \\\"x\\\" \\\\ \" }");
    call("c2", "now", "");
    result("c1", "sunny");
    result("c2", "12:00");
    says(ROLE_USER, "Go on.");
    t = tool(TOOL_FUNCTION, "weather", "{\"type\":\"object\"}");
    t->description = v("Weather of a city");
    t->strict = 1;
    (void)tool(TOOL_FUNCTION, "now", NULL);
}

#define WORKED_TAIL                                                                                \
    ",\"temperature\":0.5,\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"description\":\"Weather of "  \
    "a city\",\"parameters\":{\"type\":\"object\"},\"strict\":true}},{\"type\":\"function\",\"function\":{\"name\":\"now\"}}],"   \
    "\"tool_choice\":\"auto\",\"parallel_tool_calls\":false,\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},"      \
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Weather in the picture, and the time?\"},"                    \
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,iVBORw0KGgo=\"}}]},"                                \
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{"                  \
    "\"name\":\"weather\",\"arguments\":\"{\\\"city\\\":\\\"Z\xc3\xbcrich \\\\\\\"x\\\\\\\" \\\\\\\\ \\\"}\"}},"               \
    "{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"now\",\"arguments\":\"{}\"}}]},"                              \
    "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"sunny\"},{\"role\":\"tool\",\"tool_call_id\":\"c2\","               \
    "\"content\":\"12:00\"},{\"role\":\"user\",\"content\":\"Go on.\"}]}"

/* Text before results, results in another order, one that failed, one that is missing. */
static void disordered(void)
{
    message(ROLE_ASSISTANT);
    (void)item(ITEM_TEXT, "one ");
    (void)item(ITEM_TEXT, "moment");
    call("a", "f", "{}");
    message(ROLE_ASSISTANT);
    (void)item(ITEM_TEXT, "more");
    call("b", "g", "[1, 2]");
    call("c", "h", "{}");
    says(ROLE_USER, "and");
    item(ITEM_RESULT, NULL)->id = v("b");
    prompt.list.item[prompt.list.n_items - 1].failed = true;
    (void)item(ITEM_TEXT, "no");
    (void)item(ITEM_TEXT, "");
    (void)item(ITEM_TEXT, "way");
    result("a", NULL);
    result("z", "stray");
}

#define DISORDERED                                                                                 \
    "[{\"role\":\"assistant\",\"content\":\"one moment\\n\\nmore\",\"tool_calls\":["                  \
    "{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"      \
    "{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"[1,2]\"}},"   \
    "{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"h\",\"arguments\":\"{}\"}}]},"    \
    "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"\"},"                                   \
    "{\"role\":\"tool\",\"tool_call_id\":\"b\",\"content\":\"Error: no\\n\\nway\"},"                 \
    "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"Error: the tool gave no result.\"},"    \
    "{\"role\":\"user\",\"content\":\"and\"},"                                                       \
    "{\"role\":\"tool\",\"tool_call_id\":\"z\",\"content\":\"stray\"}]"

/* Images in results. */
static void pictures(void)
{
    struct prompt_item *i;

    message(ROLE_ASSISTANT);
    call("a", "f", "{}");
    call("b", "f", "{}");
    result("a", "see");
    item(ITEM_IMAGE, "QQ==")->media_type = v("image/png");
    result("b", NULL);
    i = item(ITEM_FILE, "Qg==");
    i->media_type = v("application/pdf");
    i->name = v("b.pdf");
    says(ROLE_USER, "so?");
}

#define FOLLOWS "(The attachments of this result are in the next user message.)"
#define PICTURES                                                                                   \
    "[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["                                     \
    "{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"      \
    "{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"    \
    "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"see\\n\\n" FOLLOWS "\"},"               \
    "{\"role\":\"tool\",\"tool_call_id\":\"b\",\"content\":\"" FOLLOWS "\"},"                        \
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Attachments of the result of a:\"},"  \
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,QQ==\"}},"               \
    "{\"type\":\"text\",\"text\":\"Attachments of the result of b:\"},"                              \
    "{\"type\":\"file\",\"file\":{\"filename\":\"b.pdf\",\"file_data\":\"data:application/pdf;base64,Qg==\"}}]},"  \
    "{\"role\":\"user\",\"content\":\"so?\"}]"

/* An id that is used in every turn; the first turn's result is missing. */
static void same_ids(void)
{
    message(ROLE_ASSISTANT);
    call("0", "f", "{}");
    says(ROLE_USER, "x");
    message(ROLE_ASSISTANT);
    call("0", "f", "{}");
    result("0", "second");
}

#define SAME_IDS                                                                                   \
    "[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"0\",\"type\":\"function\","   \
    "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"                                          \
    "{\"role\":\"tool\",\"tool_call_id\":\"0\",\"content\":\"Error: the tool gave no result.\"},"    \
    "{\"role\":\"user\",\"content\":\"x\"},"                                                         \
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"0\",\"type\":\"function\","    \
    "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"                                          \
    "{\"role\":\"tool\",\"tool_call_id\":\"0\",\"content\":\"second\"}]"

/* Every part, with the marks that they may have. */
static void parts(void)
{
    message(ROLE_USER);
    item(ITEM_TEXT, "t")->extra = v("{\"type\":\"ephemeral\"}");
    (void)item(ITEM_TEXT, "");
    item(ITEM_IMAGE, "https://x/y.png")->extra = v("\"low\"");
    item(ITEM_AUDIO, "QQ==")->media_type = v("audio/wav");
    (void)item(ITEM_VIDEO, "https://x/v.mp4");
    (void)item(ITEM_FILE, "data:text/plain;base64,QQ==");
}

#define PARTS(mark)                                                                                \
    "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"t\"" mark "},"                   \
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y.png\",\"detail\":\"low\"}},"       \
    "{\"type\":\"input_audio\",\"input_audio\":{\"format\":\"wav\",\"data\":\"QQ==\"}},"             \
    "{\"type\":\"video_url\",\"video_url\":{\"url\":\"https://x/v.mp4\"}},"                          \
    "{\"type\":\"file\",\"file\":{\"filename\":\"document\",\"file_data\":\"data:text/plain;base64,QQ==\"}}]}]"

static void marked(void)
{
    message(ROLE_SYSTEM);
    (void)item(ITEM_TEXT, "a");
    item(ITEM_TEXT, "b")->extra = v("{\"type\":\"ephemeral\"}");
}

#define CLAUDE_DETAIL                                                                              \
    "{ \"type\":\"reasoning.text\",\"text\":\"hm\",\"signature\":\"c2ln\",\"format\":\"anthropic-claude-v1\",\"index\":0}"
#define UNTAGGED "{\"type\":\"reasoning.encrypted\",\"data\":\"ZQ==\",\"format\":null}"

static void thoughts(void)
{
    message(ROLE_ASSISTANT);
    (void)item(ITEM_REASONING, "hm");
    (void)item(ITEM_DETAIL, CLAUDE_DETAIL);
    (void)item(ITEM_DETAIL, UNTAGGED);
    item(ITEM_REASONING, "own")->signature = v("U0lH");
    (void)item(ITEM_TEXT, "a");
}

#define THOUGHTS(members) "[{\"role\":\"assistant\",\"content\":\"a\"" members "}]"
#define OWN_DETAIL                                                                                 \
    "{\"type\":\"reasoning.text\",\"text\":\"own\",\"signature\":\"U0lH\",\"format\":\"anthropic-claude-v1\"}"

static void refused(void)
{
    message(ROLE_ASSISTANT);
    (void)item(ITEM_REFUSAL, "no");
    message(ROLE_ASSISTANT);
    message(ROLE_USER);
}

/* A turn that was interrupted while the model thought. */
static void only_thoughts(void)
{
    message(ROLE_ASSISTANT);
    (void)item(ITEM_REASONING, "hm");
    (void)item(ITEM_DETAIL, UNTAGGED);
    message(ROLE_ASSISTANT);
    (void)item(ITEM_TEXT, "");
    says(ROLE_USER, "so");
}

static void every_setting(void)
{
    static const char *const values[SETTING_COUNT] = {
        "1", "0.9", "40", "0.1", "0.2", "-1", "1.5", "1.1", "9223372036854775808", "[\"x\"]", "{\"1\":2}", "true",
        "5", "\"low\"", "\"default\"", "\"key\"", "\"id\"",
    };

    for (size_t i = 0; i < SETTING_COUNT; i++)
        prompt.list.setting[i] = v(values[i]);
    prompt.list.effort = EFFORT_XHIGH;
    prompt.list.reasoning_tokens = 1; /* the word wins */
    plain();
}

static void format(void)
{
    prompt.list.format = FORMAT_JSON_SCHEMA;
    prompt.list.format_schema = v("{\"type\":\"object\"}");
    prompt.list.format_strict = 1;
    plain();
}

static void format_object(void)
{
    prompt.list.format = FORMAT_JSON_OBJECT;
    plain();
}

static void budget(void)
{
    prompt.list.reasoning_tokens = 2048;
    plain();
}

static void no_effort(void)
{
    prompt.list.effort = EFFORT_NONE;
    plain();
}

static void unread_effort(void)
{
    prompt.list.effort = EFFORT_HIGH;
    prompt.list.no_effort = true;
    plain();
}

static void stream(void)
{
    prompt.stream = true;
    prompt.n_choices = 2;
    prompt.list.setting[SETTING_SERVICE_TIER] = v("\"auto\"");
    prompt.list.choice = CHOICE_NONE; /* of no tools: nothing is said */
    prompt.list.parallel_calls = 1;
    plain();
}

/* Free text for OpenAI, a function for others. */
static void custom(void)
{
    struct prompt_item *i;

    tool(TOOL_CUSTOM, "patch", "{\"type\":\"text\"}")->description = v("d");
    prompt.list.choice = CHOICE_TOOL;
    prompt.list.choice_name = v("patch");
    message(ROLE_ASSISTANT);
    i = item(ITEM_CALL, "a \\\"b\\\"\\n\\\\");
    i->id = v("c");
    i->name = v("patch");
    i->custom = true;
    result("c", "ok");
}

#define CUSTOM_OPENAI                                                                              \
    "\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"patch\",\"description\":\"d\",\"format\":{\"type\":\"text\"}}}],"  \
    "\"tool_choice\":{\"type\":\"custom\",\"custom\":{\"name\":\"patch\"}},\"messages\":["          \
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"custom\",\"custom\":{"  \
    "\"name\":\"patch\",\"input\":\"a \\\"b\\\"\\n\\\\\"}}]},"                                       \
    "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"ok\"}]}"
#define CUSTOM_OTHERS                                                                              \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"patch\",\"description\":\"d\",\"parameters\":{"  \
    "\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"],\"additionalProperties\":false}}}],"  \
    "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"patch\"}},\"messages\":["      \
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{"  \
    "\"name\":\"patch\",\"arguments\":\"{\\\"input\\\":\\\"a \\\\\\\"b\\\\\\\"\\\\n\\\\\\\\\\\"}\"}}]},"  \
    "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"ok\"}]}"

static const struct provider usual = {.id = "usual"},
                             bare = {.id = "bare", .quirks = QUIRK_NO_STORE},
                             openai = {.id = "openai", .quirks = QUIRK_OPENAI | QUIRK_MAX_COMPLETION_TOKENS | QUIRK_NO_STORE},
                             strict = {.id = "strict", .quirks = QUIRK_STRICT | QUIRK_NO_STORE | QUIRK_MAX_TOKENS |
                                                  QUIRK_NO_REASONING_EFFORT},
                             qwen = {.id = "qwen", .quirks = QUIRK_ENABLE_THINKING | QUIRK_NO_REASONING_EFFORT | QUIRK_NO_STORE},
                             switched = {.id = "switched", .quirks = QUIRK_THINKING | QUIRK_NO_STORE},
                             old = {.id = "old", .quirks = QUIRK_DEVELOPER_AS_SYSTEM | QUIRK_NO_STREAM_OPTIONS},
                             marks = {.id = "marks", .quirks = QUIRK_NO_STORE | QUIRK_STRICT | QUIRK_REASONING_CONTENT, .n_members = 2,
                                      .members = {"cache_control", "top_k"}};

#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"a\\n\\\"b\\\" \\u00e9\"}]}"
#define ONLY(messages) "{\"model\":\"up\",\"messages\":" messages "}"
#define COMMON_1 "{\"model\":\"up\",\"temperature\":1,\"top_p\":0.9,"
#define COMMON_2 "\"frequency_penalty\":-1,\"presence_penalty\":1.5,"
#define COMMON_3                                                                                   \
    "\"seed\":9223372036854775808,\"stop\":[\"x\"],\"logit_bias\":{\"1\":2},\"logprobs\":true,\"top_logprobs\":5,"
#define OPENAIS                                                                                    \
    "\"verbosity\":\"low\",\"service_tier\":\"default\",\"prompt_cache_key\":\"key\",\"safety_identifier\":\"id\","
#define XHIGH "\"reasoning_effort\":\"xhigh\","

static const struct {
    void (*make)(void);
    const struct provider *provider;
    const char *model;
    uint32_t max_output;
    const char *want;
} cases[] = {
    {plain, &usual, "up", 0, "{\"model\":\"up\",\"store\":false," HI},
    {plain, &bare, "a\"b", 0, "{\"model\":\"a\\\"b\"," HI},
    {plain, &bare, "up", 7, "{\"model\":\"up\",\"max_tokens\":7," HI},
    {plain, &openai, "up", 7, "{\"model\":\"up\",\"max_completion_tokens\":7," HI},
    {plain, &strict, "up", 4294967295u, "{\"model\":\"up\",\"max_tokens\":4294967295," HI},
    {stream, &usual, "up", 0,
     "{\"model\":\"up\",\"store\":false,\"stream\":true,\"stream_options\":{\"include_usage\":true},\"n\":2," HI},
    {stream, &old, "up", 0, "{\"model\":\"up\",\"store\":false,\"stream\":true,\"n\":2," HI},
    {developer, &bare, "up", 0,
     ONLY("[{\"role\":\"developer\",\"content\":\"d\"},{\"role\":\"system\",\"content\":\"s\"}]")},
    {developer, &old, "up", 0,
     "{\"model\":\"up\",\"store\":false,\"messages\":[{\"role\":\"system\",\"content\":\"d\"},{\"role\":\"system\",\"content\":\"s\"}]}"},
    {worked, &bare, "up", 0, "{\"model\":\"up\",\"max_tokens\":2048" WORKED_TAIL},
    {worked, &openai, "up", 9, "{\"model\":\"up\",\"max_completion_tokens\":9" WORKED_TAIL},
    {disordered, &bare, "up", 0, ONLY(DISORDERED)},
    {pictures, &bare, "up", 0, ONLY(PICTURES)},
    {same_ids, &bare, "up", 0, ONLY(SAME_IDS)},
    {parts, &bare, "up", 0, ONLY(PARTS(""))},
    {parts, &marks, "up", 0, ONLY(PARTS(",\"cache_control\":{\"type\":\"ephemeral\"}"))},
    {marked, &bare, "up", 0, ONLY("[{\"role\":\"system\",\"content\":\"a\\n\\nb\"}]")},
    {marked, &marks, "up", 0,
     ONLY("[{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
          "{\"type\":\"text\",\"text\":\"b\",\"cache_control\":{\"type\":\"ephemeral\"}}]}]")},
    /* reasoning goes to its maker; where nobody knows whose the model is, the details go too */
    {thoughts, &bare, "claude-sonnet-4-6", 0,
     "{\"model\":\"claude-sonnet-4-6\",\"messages\":" THOUGHTS(",\"reasoning_details\":[" CLAUDE_DETAIL "," UNTAGGED
                                                               "," OWN_DETAIL "]") "}"},
    {thoughts, &bare, "gemini-3-pro", 0,
     "{\"model\":\"gemini-3-pro\",\"messages\":" THOUGHTS(",\"reasoning_details\":[" UNTAGGED "]") "}"},
    {thoughts, &bare, "up", 0, ONLY(THOUGHTS(",\"reasoning_details\":[" CLAUDE_DETAIL "," UNTAGGED "]"))},
    {thoughts, &openai, "up", 0, ONLY(THOUGHTS(""))},
    {thoughts, &strict, "claude-x", 0, "{\"model\":\"claude-x\",\"messages\":" THOUGHTS("") "}"},
    {thoughts, &marks, "up", 0, ONLY(THOUGHTS(",\"reasoning_content\":\"hmown\""))},
    {refused, &bare, "up", 0,
     ONLY("[{\"role\":\"assistant\",\"content\":null,\"refusal\":\"no\"},{\"role\":\"user\",\"content\":\"\"}]")},
    {only_thoughts, &bare, "up", 0, ONLY("[{\"role\":\"user\",\"content\":\"so\"}]")},
    /* settings that not everybody knows */
    {every_setting, &bare, "up", 0,
     COMMON_1 "\"top_k\":40,\"min_p\":0.1,\"top_a\":0.2," COMMON_2 "\"repetition_penalty\":1.1," COMMON_3 OPENAIS XHIGH HI},
    {every_setting, &openai, "up", 0, COMMON_1 COMMON_2 COMMON_3 OPENAIS XHIGH HI},
    {every_setting, &strict, "up", 0, COMMON_1 COMMON_2 COMMON_3 HI},
    {every_setting, &marks, "up", 0, COMMON_1 "\"top_k\":40," COMMON_2 COMMON_3 XHIGH HI},
    {every_setting, &switched, "up", 0,
     COMMON_1 "\"top_k\":40,\"min_p\":0.1,\"top_a\":0.2," COMMON_2 "\"repetition_penalty\":1.1," COMMON_3 OPENAIS
              "\"thinking\":{\"type\":\"enabled\"}," XHIGH HI},
    {budget, &bare, "up", 0, "{\"model\":\"up\",\"reasoning_effort\":\"medium\"," HI},
    {unread_effort, &bare, "up", 0, "{\"model\":\"up\"," HI},
    {unread_effort, &switched, "up", 0, "{\"model\":\"up\"," HI},
    {no_effort, &bare, "up", 0, "{\"model\":\"up\",\"reasoning_effort\":\"none\"," HI},
    {no_effort, &qwen, "up", 0, "{\"model\":\"up\",\"enable_thinking\":false," HI},
    {budget, &qwen, "up", 0, "{\"model\":\"up\",\"enable_thinking\":true,\"thinking_budget\":2048," HI},
    {no_effort, &switched, "up", 0, "{\"model\":\"up\",\"thinking\":{\"type\":\"disabled\"}," HI},
    {format, &bare, "up", 0,
     "{\"model\":\"up\",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"output\",\"schema\":{\"type\":"
     "\"object\"},\"strict\":true}}," HI},
    {format_object, &bare, "up", 0, "{\"model\":\"up\",\"response_format\":{\"type\":\"json_object\"}," HI},
    {custom, &openai, "up", 0, "{\"model\":\"up\"," CUSTOM_OPENAI},
    {custom, &bare, "up", 0, "{\"model\":\"up\"," CUSTOM_OTHERS},
};

static void fresh(void (*make)(void))
{
    prompt = (struct prompt){.body = VIEW_LIT("{}"), .n_choices = 1};
    prompt_list_init(&prompt.list);
    make();
}

/* What is between the quotes of an argument must itself be JSON. */
static void check_arguments(const struct buf *out)
{
    json_c_object *o, *messages, *calls, *text;

    CHECK(buf_append_byte((struct buf *)out, 0) == ERR_NONE);
    o = json_tokener_parse((const char *)out->ptr);
    messages = json_object_object_get(o, "messages");
    CHECK(messages != NULL);
    for (size_t i = 0; messages != NULL && i < json_object_array_length(messages); i++) {
        calls = json_object_object_get(json_object_array_get_idx(messages, i), "tool_calls");
        for (size_t k = 0; calls != NULL && k < json_object_array_length(calls); k++) {
            json_c_object *parsed;

            text = json_object_object_get(json_object_array_get_idx(calls, k), "function");
            if (text == NULL)
                continue;
            parsed = json_tokener_parse(json_object_get_string(json_object_object_get(text, "arguments")));
            CHECK(parsed != NULL);
            json_object_put(parsed);
        }
    }
    json_object_put(o);
}

static void test_render(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;

        buf_init(&out, 1 << 20);
        fresh(cases[i].make);
        CHECK_INT(openai_render(&prompt, cases[i].provider, cases[i].model, cases[i].max_output, &out), ERR_NONE);
        CHECK_BYTES(out.ptr, out.len, cases[i].want, strlen(cases[i].want));
        check_arguments(&out);
        prompt_list_free(&prompt.list);
        buf_free(&out);
    }
    printf("# %zu bodies rendered\n", sizeof cases / sizeof cases[0]);
}

/* What cannot be written leaves nothing behind. */
static void test_failures(void)
{
    static const struct {
        const char *model;
        size_t max;
        enum err want;
    } fails[] = {{"a\nb", 1 << 20, ERR_FORMAT}, {"up", 600, ERR_LIMIT}, {"up", 880, ERR_LIMIT}};

    for (size_t i = 0; i < sizeof fails / sizeof fails[0]; i++) {
        struct buf out;

        buf_init(&out, fails[i].max);
        CHECK_INT(buf_append(&out, VIEW_LIT("kept")), ERR_NONE);
        fresh(worked);
        CHECK_INT(openai_render(&prompt, &bare, fails[i].model, 0, &out), fails[i].want);
        CHECK_BYTES(out.ptr, out.len, "kept", 4);
        prompt_list_free(&prompt.list);
        buf_free(&out);
    }
}

/* --- who may be sent it --- */

static void tier(void)
{
    prompt.list.setting[SETTING_SERVICE_TIER] = v("\"priority\"");
}

static void tier_default(void)
{
    prompt.list.setting[SETTING_SERVICE_TIER] = v("\"default\"");
}

static void five_stops(void)
{
    prompt.list.setting[SETTING_STOP] = v("[\"a\",\"b\",\"c\",\"d\",\"e\"]");
}

static void four_stops(void)
{
    prompt.list.setting[SETTING_STOP] = v("[\"a\",\"b\",\"c\",\"d\"]");
}

static void one_stop(void)
{
    prompt.list.setting[SETTING_STOP] = v("\"a,b,c,d,e\"");
}

static void hosted(void)
{
    prompt.hosted_tools = true;
}

static void long_name(void)
{
    (void)tool(TOOL_FUNCTION, "x1234567890123456789012345678901234567890123456789012345678901234", NULL);
}

static void name_of_64(void)
{
    (void)tool(TOOL_FUNCTION, "x123456789012345678901234567890123456789012345678901234567890123", NULL);
}

static const struct provider tiers = {.id = "tiers", .n_members = 1, .members = {"service_tier"}},
                             hosts = {.id = "hosts", .hosted_tools = true};

static void test_fits(void)
{
    static const struct {
        void (*make)(void);
        const struct provider *provider;
        const char *refused; /* NULL: it fits */
    } fits[] = {
        {plain, &strict, NULL},
        {tier, &usual, "service_tier"},  {tier, &openai, "service_tier"}, {tier, &tiers, NULL},
        {tier_default, &usual, NULL},    {five_stops, &openai, "stop"},   {five_stops, &usual, NULL},
        {four_stops, &openai, NULL},     {one_stop, &openai, NULL},       {hosted, &usual, "tools"},
        {hosted, &hosts, NULL},          {long_name, &openai, "tools"},   {long_name, &usual, NULL},
        {name_of_64, &openai, NULL},
    };

    for (size_t i = 0; i < sizeof fits / sizeof fits[0]; i++) {
        struct view refused = VIEW_EMPTY;
        bool ok;

        fresh(fits[i].make);
        ok = openai_fits(&prompt, fits[i].provider, &refused);
        CHECK_INT(ok, fits[i].refused == NULL);
        if (!ok && fits[i].refused != NULL)
            CHECK_BYTES(refused.ptr, refused.len, fits[i].refused, strlen(fits[i].refused));
        prompt_list_free(&prompt.list);
    }
}

static void test_makers(void)
{
    static const struct {
        const char *model;
        enum maker maker;
    } models[] = {
        {"claude-sonnet-4-6", MAKER_ANTHROPIC}, {"anthropic/Claude-Opus-5.5", MAKER_ANTHROPIC},
        {"us.anthropic.claude-x-v1:0", MAKER_ANTHROPIC}, {"gpt-6", MAKER_OPENAI}, {"openai/gpt-oss-120b", MAKER_OPENAI},
        {"o3", MAKER_OPENAI}, {"openai/o4-mini", MAKER_OPENAI}, {"o300", MAKER_UNKNOWN}, {"solo1", MAKER_UNKNOWN},
        {"gemini-3-pro", MAKER_GOOGLE}, {"grok-4", MAKER_XAI}, {"MiniMax-M2", MAKER_MINIMAX},
        {"deepseek-r1-distill-llama-70b", MAKER_OTHER}, {"kimi-k2", MAKER_OTHER}, {"glm-5", MAKER_OTHER},
        {"echo", MAKER_UNKNOWN}, {"", MAKER_UNKNOWN},
    };
    static const struct {
        const char *model, *element;
        bool replays;
        const char *thinker;
    } elements[] = {
        {"claude-x", "{\"format\":\"anthropic-claude-v1\"}", true, NULL},
        {"gpt-6", "{\"format\":\"anthropic-claude-v1\"}", false, NULL},
        {"gpt-6", "{\"format\":\"azure-openai-responses-v1\"}", true, NULL},
        {"qwen3", "{\"format\":\"openai-responses-v1\"}", false, NULL},
        {"MiniMax-M2", "{\"format\":\"MiniMax-response-v1\"}", true, NULL},
        {"claude-x", "{\"format\":\"MiniMax-response-v1\"}", false, NULL},
        {"gpt-6", "{\"format\":\"unknown\"}", true, NULL}, {"gpt-6", "{\"format\":null}", true, NULL}, {"gpt-6", "{}", true, NULL},
        {"echo", "{\"format\":\"google-gemini-v1\"}", true, NULL},
        /* the model that thought counts where the element names nobody */
        {"gpt-6", "{}", false, "anthropic/claude-x"}, {"gpt-6", "{\"format\":null}", true, "openai/gpt-5"},
        {"claude-x", "{\"format\":\"unknown\"}", false, "google/gemini-3"}, {"gpt-6", "{}", true, "demo/echo"},
        {"claude-x", "{\"format\":\"anthropic-claude-v1\"}", true, "google/gemini-3"},
    };

    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
        CHECK_INT(maker_of_model(view_str(models[i].model)), models[i].maker);
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++)
        CHECK_INT(reasoning_replays(maker_of_model(view_str(elements[i].model)), view_str(elements[i].element),
                                    maker_of_model(v(elements[i].thinker))),
                  elements[i].replays);
}

static const struct check_case list[] = {
    {"render_bodies", test_render},
    {"render_failures", test_failures},
    {"render_fits", test_fits},
    {"render_makers", test_makers},
};

CHECK_MAIN(list)
