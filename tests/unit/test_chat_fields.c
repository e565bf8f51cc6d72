/* Every request field of chat completions that OpenAI's and OpenRouter's clients have is forwarded as it came,
 * honoured by the router, or refused by its name: one row each. What is in no row of a class here is told
 * wrongly to somebody. The lists are those of facts/wire.md 1.2 and OpenAI's specification. */
#include "check.h"
#include "adapter.h"
#include "chat_request.h"

#define M "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define HEAD "{\"model\":\"a\","

static const struct provider usual = {.id = "usual", .quirks = QUIRK_NO_STORE | QUIRK_NO_STREAM_OPTIONS},
                             openai = {.id = "openai", .quirks = QUIRK_OPENAI | QUIRK_MAX_COMPLETION_TOKENS | QUIRK_NO_STORE},
                             strict = {.id = "strict", .quirks = QUIRK_STRICT | QUIRK_NO_STORE},
                             switched = {.id = "switched", .quirks = QUIRK_THINKING | QUIRK_NO_STORE},
                             qwen = {.id = "qwen", .quirks = QUIRK_ENABLE_THINKING | QUIRK_NO_REASONING_EFFORT | QUIRK_NO_STORE},
                             wordless = {.id = "wordless", .quirks = QUIRK_NO_REASONING_EFFORT | QUIRK_NO_STORE},
                             thinker = {.id = "thinker", .quirks = QUIRK_REASONING_CONTENT | QUIRK_NO_STORE},
                             strict_thinker = {.id = "st", .quirks = QUIRK_REASONING_CONTENT | QUIRK_STRICT | QUIRK_NO_STORE},
                             marks = {.id = "marks", .quirks = QUIRK_STRICT | QUIRK_NO_STORE, .n_members = 1, .members = {"cache_control"}},
                             router = {.id = "router", .quirks = QUIRK_NO_STORE, .n_members = 2,
                                       .members = {"reasoning", "web_search_options"}};

/* As the row of the dialect decides, at an endpoint with these prices of a cache write and a longer one. */
static bool fits_priced(const struct chat_request *r, const struct provider *provider, int64_t write, int64_t longer,
                        struct view *refused)
{
    const struct catalog_model model = {0};
    const struct catalog_endpoint endpoint = {.price = {.cache_write_pusd = write, .cache_write_long_pusd = longer}};
    const struct destination to = {provider, &model, &endpoint};

    return adapter_of(provider, PROMPT_CHAT)->fits(r->facts, &to, refused);
}

static bool fits(const struct chat_request *r, const struct provider *provider, struct view *refused)
{
    return fits_priced(r, provider, 5, 5, refused);
}

/* --- the top of the body --- */

/* Sent byte for byte, whatever the provider: each changes neither price nor limits. */
static const char *const forwarded[] = {
    /* OpenAI */
    "\"metadata\":{\"k\":\"v\"}", "\"top_logprobs\":20", "\"temperature\":1.50", "\"top_p\":1e-1",
    "\"user\":\"u\"", "\"safety_identifier\":\"s\"", "\"prompt_cache_key\":\"k\"", "\"prompt_cache_retention\":\"in_memory\"",
    "\"service_tier\":\"default\"", "\"modalities\":[\"text\"]", "\"verbosity\":\"low\"", "\"reasoning_effort\":\"xhigh\"",
    "\"frequency_penalty\":-2", "\"presence_penalty\":0.1", "\"response_format\":{\"type\":\"text\"}",
    "\"response_format\":{\"type\":\"json_object\"}",
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{},\"strict\":true}}",
    "\"moderation\":{}", "\"stop\":\"x\"", "\"stop\":[\"a\",\"b\"]", "\"logit_bias\":{\"50256\":-100}", "\"logprobs\":true",
    "\"n\":128", "\"prediction\":{\"type\":\"content\",\"content\":\"x\"}", "\"seed\":9223372036854775808",
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"tool_choice\":\"none\"",
    "\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"f\"}}],\"tool_choice\":{\"type\":\"custom\",\"custom\":{\"name\":\"f\"}}",
    ("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"tool_choice\":{\"type\":\"allowed_tools\","
     "\"allowed_tools\":{\"mode\":\"auto\",\"tools\":[]}},\"parallel_tool_calls\":false"),
    "\"functions\":[{\"name\":\"f\"}],\"function_call\":{\"name\":\"f\"}",
    /* OpenRouter and others */
    "\"top_k\":40", "\"min_p\":0.05", "\"top_a\":0", "\"repetition_penalty\":1.1",
    "\"thinking\":{\"type\":\"enabled\"}", "\"chat_template_kwargs\":{\"enable_thinking\":false}",
};

static struct chat_request request;
static struct prompt facts;
static struct prompt_fault fault;
static char body[4096];
static struct buf out;

/* Parse a body with these members. */
static enum err parse(const char *members)
{
    snprintf(body, sizeof body, HEAD "%s%s" M "}", members, members[0] != '\0' ? "," : "");
    return chat_request_parse(view_str(body), &request, &facts, &fault);
}

static const char *render(const struct provider *p)
{
    struct view refused;

    buf_reset(&out);
    CHECK(fits(&request, p, &refused));
    CHECK_INT(chat_request_render(&request, p, "up", 0, &out), ERR_NONE);
    CHECK(buf_append_byte(&out, 0) == ERR_NONE);
    return (const char *)out.ptr;
}

/* members in a body become `want` for this provider. */
static void check_members(const char *members, const struct provider *p, const char *want)
{
    char expected[4096];
    const char *got;

    CHECK_INT(parse(members), ERR_NONE);
    got = render(p);
    snprintf(expected, sizeof expected, "%s", want);
    CHECK_BYTES(got, strlen(got), expected, strlen(expected));
}

static void test_forwarded(void)
{
    static const struct provider *const all[] = {&usual, &openai, &strict, &switched, &wordless, &thinker};

    for (size_t i = 0; i < sizeof forwarded / sizeof forwarded[0]; i++) {
        for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) {
            char want[4096];

            snprintf(want, sizeof want, "{\"model\":\"up\",%s," M "}", forwarded[i]);
            check_members(forwarded[i], all[k], want);
        }
    }
    printf("# %zu members\n", sizeof forwarded / sizeof forwarded[0]);
}

/* Only for a provider whose row says that it costs nothing there, or that the price covers it. */
static const struct {
    const char *members, *refused;
} by_name[] = {
    {"\"service_tier\":\"flex\"", "service_tier"},
    {"\"service_tier\":\"priority\"", "service_tier"},
    {"\"service_tier\":\"scale\"", "service_tier"},
    {"\"service_tier\":\"fast\"", "service_tier"},
    {"\"prompt_cache_retention\":\"24h\"", "prompt_cache_retention"},
    {"\"prompt_cache_options\":{\"mode\":\"explicit\",\"ttl\":\"12h\"}", "prompt_cache_options"},
    {"\"modalities\":[\"text\",\"audio\"]", "modalities"},
    {"\"audio\":{\"voice\":\"alloy\",\"format\":\"wav\"}", "audio"},
    {"\"web_search_options\":{}", "web_search_options"},
    {"\"tools\":[{\"type\":\"web_search\"}]", "tools"},
    {"\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}", "cache_control"},
    {"\"image_config\":{}", "image_config"},
    {"\"stop_server_tools_when\":{}", "stop_server_tools_when"},
    {"\"depth\":2", "depth"},
    {"\"x_nobody_knows\":1", "x_nobody_knows"},
};

/* A mark of OpenAI's cache with a time of its own is written at another price. */
static void test_breakpoints(void)
{
    static const struct {
        const char *mark;
        bool fits;
    } breakpoints[] = {
        {"\"prompt_cache_breakpoint\":{}", true},
        {"\"prompt_cache_breakpoint\":{\"ttl\":null}", true},
        {"\"prompt_cache_breakpoint\":{\"ttl\":\"12h\"}", false},
        {"\"prompt_cache_breakpoint\":{},\"prompt_cache_breakpoint\":{\"ttl\":\"30m\"}", false},
    };

    for (size_t i = 0; i < sizeof breakpoints / sizeof breakpoints[0]; i++) {
        for (int in_tool = 0; in_tool < 2; in_tool++) {
            struct view refused = VIEW_EMPTY;

            snprintf(body, sizeof body,
                     in_tool ? HEAD "\"tools\":[{\"type\":\"function\",%s}]," M "}"
                             : HEAD "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",%s}]}]}",
                     breakpoints[i].mark);
            CHECK_INT(chat_request_parse(view_str(body), &request, &facts, &fault), ERR_NONE);
            CHECK_INT(fits(&request, &usual, &refused), breakpoints[i].fits);
            if (!breakpoints[i].fits)
                CHECK_BYTES(refused.ptr, refused.len, "prompt_cache_breakpoint", 23);
            CHECK(fits_priced(&request, &usual, 5, 8, &refused));
        }
    }
}

static void test_refused_by_name(void)
{
    for (size_t i = 0; i < sizeof by_name / sizeof by_name[0]; i++) {
        struct view refused = VIEW_EMPTY;

        CHECK_INT(parse(by_name[i].members), ERR_NONE);
        CHECK(!fits(&request, &usual, &refused));
        CHECK_BYTES(refused.ptr, refused.len, by_name[i].refused, strlen(by_name[i].refused));
    }
    test_breakpoints();
    CHECK_INT(parse("\"web_search_options\":{}"), ERR_NONE);
    CHECK(strstr(render(&router), "\"web_search_options\":{}") != NULL);
    CHECK_INT(parse("\"plugins\":[{\"id\":\"web\"}]"), ERR_UNSUPPORTED);
    CHECK_INT(parse("\"debug\":{\"echo_upstream_body\":true}"), ERR_UNSUPPORTED);
    CHECK(fault.param != NULL && strcmp(fault.param, "debug") == 0);
    CHECK_INT(parse("\"debug\":{\"echo_upstream_body\":false}"), ERR_NONE);
}

/* Honoured by the router: what a provider gets instead. */
#define UP "{\"model\":\"up\","
#define EFFORT(word) "{\"reasoning_effort\":\"" word "\",\"model\":\"up\","
static const struct {
    const char *members;
    const struct provider *provider;
    const char *want;
} honoured[] = {
    {"\"stream\":false", &usual, UP "\"stream\":false," M "}"},
    {"\"stream\":true,\"stream_options\":{\"include_usage\":true,\"include_obfuscation\":false}", &strict,
     UP "\"stream\":true,\"stream_options\":{\"include_usage\":true,\"include_obfuscation\":false}," M "}"},
    {"\"max_tokens\":5", &openai, UP "\"max_completion_tokens\":5," M "}"},
    {"\"max_completion_tokens\":5", &usual, UP "\"max_completion_tokens\":5," M "}"},
    {"\"max_output_tokens\":5", &usual, UP "\"max_tokens\":5," M "}"},
    {"\"store\":true", &usual, UP M "}"},
    {"\"service_tier\":\"auto\"", &usual, UP M "}"},
    {"\"models\":[\"a\",\"b\"],\"provider\":{\"order\":[\"x\"]},\"route\":\"fallback\",\"transforms\":[\"middle-out\"],\"plugins\":[],"
     "\"usage\":{\"include\":true},\"session_id\":\"s\",\"trace\":{},\"tags\":{},\"debug\":{}", &usual, UP M "}"},
    /* reasoning in the provider's words */
    {"\"reasoning\":{\"effort\":\"low\"}", &usual, EFFORT("low") M "}"},
    {"\"reasoning\":{\"effort\":\"high\",\"summary\":\"auto\",\"exclude\":false}", &openai, EFFORT("high") M "}"},
    {"\"reasoning\":{\"max_tokens\":4096}", &strict, EFFORT("high") M "}"},
    {"\"reasoning\":{\"max_tokens\":2048,\"effort\":\"minimal\"}", &usual, EFFORT("minimal") M "}"},
    {"\"reasoning\":{\"max_tokens\":1024}", &usual, EFFORT("low") M "}"},
    {"\"reasoning\":{\"max_tokens\":5}", &usual, EFFORT("minimal") M "}"},
    {"\"reasoning\":{\"max_tokens\":0}", &usual, EFFORT("none") M "}"},
    {"\"reasoning\":{\"enabled\":true}", &usual, EFFORT("medium") M "}"},
    {"\"reasoning\":{\"enabled\":true,\"effort\":\"max\"}", &usual, EFFORT("max") M "}"},
    {"\"reasoning\":{\"enabled\":false,\"effort\":\"high\"}", &usual, EFFORT("none") M "}"},
    {"\"reasoning\":{}", &usual, UP M "}"},
    {"\"reasoning\":null", &usual, UP M "}"},
    {"\"reasoning\":{\"effort\":null,\"exclude\":true}", &usual, UP M "}"},
    {"\"reasoning\":{\"effort\":\"low\"},\"reasoning_effort\":\"high\"", &usual, UP "\"reasoning_effort\":\"high\"," M "}"},
    {"\"reasoning\":{\"effort\":\"low\"}", &wordless, UP M "}"},
    {"\"reasoning\":{\"effort\":\"low\"}", &switched,
     "{\"thinking\":{\"type\":\"enabled\"},\"reasoning_effort\":\"low\",\"model\":\"up\"," M "}"},
    {"\"reasoning\":{\"effort\":\"low\"}", &qwen, "{\"enable_thinking\":true,\"model\":\"up\"," M "}"},
    {"\"reasoning_effort\":\"high\"", &qwen, "{\"enable_thinking\":true,\"model\":\"up\"," M "}"},
    {"\"reasoning_effort\":\"none\"", &qwen, "{\"enable_thinking\":false,\"model\":\"up\"," M "}"},
    {"\"reasoning_effort\":\"none\",\"enable_thinking\":true", &qwen, UP "\"enable_thinking\":true," M "}"},
    {"\"reasoning_effort\":\"most\"", &qwen, UP "\"reasoning_effort\":\"most\"," M "}"},
    {"\"reasoning\":{\"enabled\":false}", &switched, "{\"thinking\":{\"type\":\"disabled\"},\"model\":\"up\"," M "}"},
    {"\"reasoning\":{\"enabled\":true},\"thinking\":{\"type\":\"disabled\"}", &switched,
     "{\"reasoning_effort\":\"medium\",\"model\":\"up\",\"thinking\":{\"type\":\"disabled\"}," M "}"},
    {"\"reasoning\":{\"effort\":\"low\"}", &router, UP "\"reasoning\":{\"effort\":\"low\"}," M "}"},
    {"\"include_reasoning\":true", &usual, UP M "}"},
    /* marks for a cache, where the provider caches by itself */
    {"\"cache_control\":{\"type\":\"ephemeral\"}", &usual, UP "\"cache_control\":{\"type\":\"ephemeral\"}," M "}"},
    {"\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}", &openai, UP M "}"},
    {"\"cache_control\":{\"type\":\"ephemeral\"}", &marks, UP "\"cache_control\":{\"type\":\"ephemeral\"}," M "}"},
    {"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"},\"cache_control\":{\"type\":\"ephemeral\"}}]", &usual,
     UP "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"},\"cache_control\":{\"type\":\"ephemeral\"}}]," M "}"},
    {"\"tools\":[{\"cache_control\":{},\"type\":\"function\",\"function\":{\"name\":\"f\"}},{\"type\":\"custom\"}]", &strict,
     UP "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},{\"type\":\"custom\"}]," M "}"},
    {"\"tools\":[],\"cache_control\":{}", &strict, UP M "}"},
};

static void test_honoured(void)
{
    for (size_t i = 0; i < sizeof honoured / sizeof honoured[0]; i++)
        check_members(honoured[i].members, honoured[i].provider, honoured[i].want);
}

/* Whether the client wants to be told what the model thought. */
static void test_excluded(void)
{
    static const struct {
        const char *members;
        bool hide;
    } cases[] = {
        {"", false},
        {"\"reasoning\":{\"exclude\":true}", true},
        {"\"reasoning\":{\"exclude\":false}", false},
        {"\"include_reasoning\":false", true},
        {"\"include_reasoning\":true", false},
        {"\"include_reasoning\":null", false},
        {"\"include_reasoning\":true,\"reasoning\":{\"exclude\":true}", true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(parse(cases[i].members), ERR_NONE);
        CHECK_INT(facts.hide_reasoning, cases[i].hide);
    }
}

static void test_malformed(void)
{
    static const struct {
        const char *members, *param;
        enum err want;
    } cases[] = {
        {"\"reasoning\":\"high\"", "reasoning", ERR_FORMAT},
        {"\"reasoning\":{\"effort\":\"much\"}", "reasoning", ERR_FORMAT},
        {"\"reasoning\":{\"effort\":3}", "reasoning", ERR_FORMAT},
        {"\"reasoning\":{\"exclude\":1}", "reasoning", ERR_FORMAT},
        {"\"reasoning\":{\"enabled\":\"yes\"}", "reasoning", ERR_FORMAT},
        {"\"reasoning\":{\"max_tokens\":-1}", "reasoning", ERR_RANGE},
        {"\"reasoning\":{\"effort\":\"low\",\"effort\":\"high\"}", "reasoning", ERR_DUPLICATE},
        {"\"include_reasoning\":\"no\"", "include_reasoning", ERR_FORMAT},
        {"\"reasoning_effort\":\"low\",\"reasoning_effort\":\"high\"", "reasoning_effort", ERR_DUPLICATE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(parse(cases[i].members), cases[i].want);
        CHECK(fault.param != NULL && strcmp(fault.param, cases[i].param) == 0);
        CHECK(fault.message != NULL);
    }
    CHECK_INT(parse("\"reasoning\":{\"Effort\":\"high\"}"), ERR_UNSUPPORTED);
    CHECK_BYTES(fault.member.ptr, fault.member.len, "Effort", 6);
}

/* --- messages --- */

#define CLAUDE "{ \"type\":\"reasoning.text\", \"signature\":\"c2ln\",\"format\":\"anthropic-claude-v1\"}"
#define GPT "{\"type\":\"reasoning.encrypted\",\"data\":\"ZQ\",\"format\":\"openai-responses-v1\"}"
#define NOBODY "{\"type\":\"reasoning.text\",\"text\":\"t\"}"

static const struct {
    const struct provider *provider;
    const char *model, *message, *want; /* want NULL: as it is */
} messages[] = {
    /* roles and parts travel untouched */
    {&strict, "up", "{\"role\":\"developer\",\"content\":\"d\"}", NULL},
    {&strict, "up", "{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"s\",\"prompt_cache_breakpoint\":{}}]}", NULL},
    {&strict, "up", "{\"role\":\"user\",\"name\":\"n\",\"content\":[{\"type\":\"text\",\"text\":\"t\"},"
     "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/\",\"detail\":\"low\"}},"
     "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QQ==\",\"format\":\"wav\"}},"
     "{\"type\":\"file\",\"file\":{\"filename\":\"f\",\"file_data\":\"data:application/pdf;base64,QQ==\"}},"
     "{\"type\":\"file\",\"file\":{\"file_id\":\"f\"}},"
     "{\"type\":\"video_url\",\"video_url\":{\"url\":\"https://x/\"}},{\"type\":\"input_video\",\"video_url\":{\"url\":\"https://x/\"}}]}", NULL},
    {&strict, "up", "{\"role\":\"assistant\",\"content\":null,\"refusal\":\"r\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\","
     "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":\"d\",\"type\":\"custom\",\"custom\":{\"name\":\"g\",\"input\":\"\"}}]}", NULL},
    {&strict, "up", "{\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"r\"}],\"images\":[]}", NULL},
    {&strict, "up", "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"r\"}", NULL},
    {&strict, "up", "{\"role\":\"function\",\"name\":\"f\",\"content\":\"r\"}", NULL},
    /* thoughts in clear: to those that take them */
    {&usual, "up", "{\"role\":\"assistant\",\"reasoning\":\"r\",\"reasoning_content\":\"r\",\"content\":\"a\"}", NULL},
    {&thinker, "up", "{\"role\":\"assistant\",\"reasoning\":\"r\",\"reasoning_content\":\"r\",\"content\":\"a\"}", NULL},
    {&thinker, "up", "{\"role\":\"assistant\",\"reasoning\" : \"r\",\"content\":\"a\"}",
     "{\"role\":\"assistant\",\"reasoning_content\" : \"r\",\"content\":\"a\"}"},
    {&thinker, "up", "{\"role\":\"assistant\",\"reasoning\":null,\"content\":\"a\"}", NULL},
    {&thinker, "up", "{\"role\":\"assistant\",\"reasoning\":\"r\",\"reasoning_content\":null,\"content\":\"a\"}",
     "{\"role\":\"assistant\",\"reasoning_content\":\"r\",\"reasoning_content\":null,\"content\":\"a\"}"},
    {&strict_thinker, "up", "{\"reasoning\":\"r\",\"reasoning_details\":[],\"role\":\"assistant\",\"content\":\"a\"}",
     "{\"reasoning_content\":\"r\",\"role\":\"assistant\",\"content\":\"a\"}"},
    {&strict_thinker, "up", "{\"reasoning\":\"r\",\"reasoning_content\":\"r\",\"role\":\"assistant\"}",
     "{\"reasoning_content\":\"r\",\"role\":\"assistant\"}"},
    {&openai, "up", "{\"role\":\"assistant\",\"reasoning\":\"r\",\"content\":\"a\",\"reasoning_content\":\"r\"}",
     "{\"role\":\"assistant\",\"content\":\"a\"}"},
    {&strict, "up", "{ \"reasoning\":\"r\" ,\"reasoning_content\":\"r\", \"role\":\"assistant\",\"content\":\"a\"}",
     "{ \"role\":\"assistant\",\"content\":\"a\"}"},
    {&strict, "up", "{ \"reasoning\":\"r\" , \"reasoning_content\":\"r\" }", "{  }"},
    {&usual, "up", "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"t\",\"cache_control\":{\"type\":\"ephemeral\"}}]}", NULL},
    {&marks, "up", "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"t\",\"cache_control\":{\"type\":\"ephemeral\"}}]}", NULL},
    {&openai, "up", "{\"cache_control\":{},\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"t\",\"cache_control\":{\"ttl\":\"1h\"}}, "
     "{\"cache_control\":{\"type\":\"ephemeral\"},\"cache_control\":null,\"type\":\"text\",\"text\":\"u\"}, 1]}",
     "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"t\"}, {\"type\":\"text\",\"text\":\"u\"}, 1]}"},
    /* signatures: to their maker's models, byte for byte */
    {&usual, "claude-x", "{\"role\":\"assistant\",\"reasoning_details\": [" CLAUDE ", " NOBODY "]}", NULL},
    {&usual, "up", "{\"role\":\"assistant\",\"reasoning_details\":[" CLAUDE "," GPT "]}", NULL},
    {&usual, "gpt-6", "{\"role\":\"assistant\",\"reasoning_details\":[" CLAUDE " , " GPT "," NOBODY "]}",
     "{\"role\":\"assistant\",\"reasoning_details\":[" GPT "," NOBODY "]}"},
    {&usual, "gpt-6", "{\"role\":\"assistant\",\"reasoning_details\":[" GPT " , " CLAUDE "," CLAUDE "," NOBODY "," CLAUDE "]}",
     "{\"role\":\"assistant\",\"reasoning_details\":[" GPT "," NOBODY "]}"},
    {&usual, "qwen3", "{\"reasoning_details\":[" CLAUDE "," GPT "],\"role\":\"assistant\"}", "{\"role\":\"assistant\"}"},
    {&usual, "qwen3", "{\"role\":\"assistant\",\"reasoning_details\":[]}", "{\"role\":\"assistant\"}"},
    {&usual, "qwen3", "{\"role\":\"assistant\",\"reasoning_details\":null}", NULL},
    {&openai, "gpt-6", "{\"role\":\"assistant\",\"reasoning_details\":[" GPT "]}", "{\"role\":\"assistant\"}"},
};

static void test_messages(void)
{
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        static char in[4096], want[4096];
        const char *one = messages[i].message;
        struct view refused;

        /* twice, and something behind it, so that edits meet edits */
        snprintf(in, sizeof in, "{\"model\":\"a\",\"messages\":[%s,%s,{\"role\":\"user\"}],\"stream\":false}", one, one);
        if (messages[i].want != NULL)
            one = messages[i].want;
        snprintf(want, sizeof want, "{\"model\":\"%s\",\"messages\":[%s,%s,{\"role\":\"user\"}],\"stream\":false}",
                 messages[i].model, one, one);
        CHECK_INT(chat_request_parse(view_str(in), &request, &facts, &fault), ERR_NONE);
        CHECK(fits(&request, messages[i].provider, &refused));
        buf_free(&out);
        buf_init(&out, chat_request_room(&request));
        CHECK_INT(chat_request_render(&request, messages[i].provider, messages[i].model, 0, &out), ERR_NONE);
        CHECK_BYTES(out.ptr, out.len, want, strlen(want));
    }
    buf_free(&out);
    buf_init(&out, 1 << 16);
}

/* Every field of this API is in a row above. */
static void test_complete(void)
{
    static const char *const fields[] = {
        "metadata", "top_logprobs", "temperature", "top_p", "user", "safety_identifier", "prompt_cache_key",
        "prompt_cache_retention", "prompt_cache_options", "service_tier", "modalities", "verbosity", "reasoning_effort",
        "max_completion_tokens", "max_tokens", "frequency_penalty", "presence_penalty", "web_search_options",
        "response_format", "audio", "store", "moderation", "stream", "stop", "logit_bias", "logprobs", "n", "prediction",
        "seed", "stream_options", "tools", "tool_choice", "parallel_tool_calls", "function_call", "functions",
        "models", "provider", "reasoning", "include_reasoning", "plugins", "transforms", "route", "top_k", "min_p", "top_a",
        "repetition_penalty", "usage", "cache_control", "session_id", "trace", "image_config", "debug",
        "stop_server_tools_when", "tags", "depth", "max_output_tokens",
    };
    static char all[1 << 16];
    size_t n = 0;

    for (size_t i = 0; i < sizeof forwarded / sizeof forwarded[0]; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s\n", forwarded[i]);
    for (size_t i = 0; i < sizeof by_name / sizeof by_name[0]; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s\n", by_name[i].members);
    for (size_t i = 0; i < sizeof honoured / sizeof honoured[0]; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s\n", honoured[i].members);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        char key[64];

        snprintf(key, sizeof key, "\"%s\":", fields[i]);
        if (strstr(all, key) == NULL)
            printf("# %s\n", key);
        CHECK(strstr(all, key) != NULL);
    }
    printf("# %zu fields\n", sizeof fields / sizeof fields[0]);
}

int main(int argc, char **argv)
{
    static const struct check_case list[] = {
        {"fields_forwarded", test_forwarded},   {"fields_refused_by_name", test_refused_by_name},
        {"fields_honoured", test_honoured},     {"fields_reasoning_excluded", test_excluded},
        {"fields_malformed", test_malformed},   {"fields_of_messages", test_messages},
        {"fields_complete", test_complete},
    };
    int failed;

    buf_init(&out, 1 << 16);
    failed = check_main(list, sizeof list / sizeof list[0], argc, argv);
    buf_free(&out);
    return failed;
}
