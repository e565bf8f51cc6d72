/* What a client wrote must reach the provider byte for byte but for a handful of named edits, nothing
 * may reach it that was not priced, and no body may exist that routing reads one way and a provider
 * another. */
#include "check.h"
#include "adapter.h"
#include "chat_request.h"
#include "message.h"

#define M "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define SO "\"store\":false,"
#define US "\"stream_options\":{\"include_usage\":true},"

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

/* in, provider quirks, max_output -> the body that must leave. */
static const struct {
    const char *in;
    unsigned quirks;
    uint32_t max_output;
    const char *want;
} renders[] = {
    /* nothing but model and store */
    {"{\"model\":\"a/b\"," M "}", 0, 0, "{" SO "\"model\":\"up\"," M "}"},
    {"{\"model\":\"a/b\"," M "}", QUIRK_NO_STORE, 0, "{\"model\":\"up\"," M "}"},
    /* fidelity: odd whitespace, 2^63, duplicate unknown keys, escapes, unknown members */
    {" {\n\t\"model\" :\t\"a\\/b\" , \"seed\":9223372036854775808,\"x\":1,\"x\" : 2,\r\n "
     "\"f\":1.50e+01,"
     "\"u\":\"\\u00e9\\ud83d\\ude00\", " M " } \n",
     QUIRK_NO_STORE, 0,
     " {\n\t\"model\" :\t\"up\" , \"seed\":9223372036854775808,\"x\":1,\"x\" : 2,\r\n "
     "\"f\":1.50e+01,"
     "\"u\":\"\\u00e9\\ud83d\\ude00\", " M " } \n"},
    /* "models" alone */
    {"{\"models\":[\"x\"]," M "}", 0, 9, "{\"model\":\"up\"," SO "\"max_tokens\":9," M "}"},
    {"{" M ",\"models\":[\"x\"],\"stream\":true}", QUIRK_NO_STORE | QUIRK_NO_STREAM_OPTIONS, 0,
     "{\"model\":\"up\"," M ",\"stream\":true}"},
    {"{\"model\":null,\"models\":[\"x\"]," M "}", QUIRK_NO_STORE, 0, "{\"model\":\"up\"," M "}"},
    /* an escaped spelling is the same key */
    {"{\"m\\u006fdel\":\"a\"," M "}", QUIRK_NO_STORE, 0, "{\"m\\u006fdel\":\"up\"," M "}"},
    /* store */
    {"{\"store\":true,\"model\":\"a\"," M "}", 0, 0, "{\"store\":false,\"model\":\"up\"," M "}"},
    {"{\"store\":false,\"model\":\"a\"," M "}", 0, 0, "{\"store\":false,\"model\":\"up\"," M "}"},
    {"{\"store\":null,\"model\":\"a\"," M "}", 0, 0, "{\"store\":false,\"model\":\"up\"," M "}"},
    {"{\"store\":true,\"model\":\"a\"," M "}", QUIRK_NO_STORE, 0, "{\"model\":\"up\"," M "}"},
    {"{" M ",\"model\":\"a\" , \"store\":true}", QUIRK_NO_STORE, 0, "{" M ",\"model\":\"up\"}"},
    /* router-only members: alone, first, last, in runs, around kept ones */
    {"{\"models\":[\"x\"],\"model\":\"a\"," M "}", QUIRK_NO_STORE, 0, "{\"model\":\"up\"," M "}"},
    {"{ \"models\":[] , \"provider\":{} ,\"route\":\"r\", \"model\":\"a\", " M "}", QUIRK_NO_STORE,
     0, "{ \"model\":\"up\", " M "}"},
    {"{\"model\":\"a\"," M ",\"transforms\":[],\"plugins\":[],\"usage\":{}}", QUIRK_NO_STORE, 0,
     "{\"model\":\"up\"," M "}"},
    {"{\"tags\":{},\"model\":\"a\",\"debug\":1,\"top_p\":1,\"trace\":{},\"session_id\":\"s\"," M
     ",\"usage\":{\"include\":true}}",
     QUIRK_NO_STORE, 0, "{\"model\":\"up\",\"top_p\":1," M "}"},
    {"{\"tags\":{},\"model\":\"a\"," M "}", 0, 0, "{" SO "\"model\":\"up\"," M "}"},
    /* stream_options */
    {"{\"model\":\"a\",\"stream\":true," M "}", QUIRK_NO_STORE, 0,
     "{" US "\"model\":\"up\",\"stream\":true," M "}"},
    {"{\"model\":\"a\",\"stream\":false," M "}", QUIRK_NO_STORE, 0,
     "{\"model\":\"up\",\"stream\":false," M "}"},
    {"{\"model\":\"a\",\"stream\":true,\"stream_options\":null," M "}", QUIRK_NO_STORE, 0,
     "{\"model\":\"up\",\"stream\":true,\"stream_options\":{\"include_usage\":true}," M "}"},
    {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{}," M "}", QUIRK_NO_STORE, 0,
     "{\"model\":\"up\",\"stream\":true,\"stream_options\":{\"include_usage\":true}," M "}"},
    {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{ \"include_obfuscation\" : false }," M
     "}",
     QUIRK_NO_STORE, 0,
     "{\"model\":\"up\",\"stream\":true,\"stream_options\":{\"include_usage\":true,"
     " \"include_obfuscation\" : false }," M "}"},
    {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"z\":1,\"include_usage\": false}," M
     "}",
     QUIRK_NO_STORE, 0,
     "{\"model\":\"up\",\"stream\":true,\"stream_options\":{\"z\":1,\"include_usage\": true}," M
     "}"},
    {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true}," M "}",
     QUIRK_NO_STORE, 0,
     "{\"model\":\"up\",\"stream\":true,\"stream_options\":{\"include_usage\":true}," M "}"},
    {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true}," M "}",
     QUIRK_NO_STORE | QUIRK_NO_STREAM_OPTIONS, 0, "{\"model\":\"up\",\"stream\":true," M "}"},
    {"{\"model\":\"a\",\"stream\":true," M "}", QUIRK_NO_STORE | QUIRK_NO_STREAM_OPTIONS, 0,
     "{\"model\":\"up\",\"stream\":true," M "}"},
    /* limits */
    {"{\"model\":\"a\",\"max_tokens\": 7 ," M "}", QUIRK_NO_STORE, 0,
     "{\"model\":\"up\",\"max_tokens\": 7 ," M "}"},
    {"{\"model\":\"a\",\"max_completion_tokens\":7," M "}", QUIRK_NO_STORE, 0,
     "{\"model\":\"up\",\"max_completion_tokens\":7," M "}"},
    {"{\"model\":\"a\",\"max_tokens\" : 7," M "}", QUIRK_NO_STORE | QUIRK_MAX_COMPLETION_TOKENS, 0,
     "{\"model\":\"up\",\"max_completion_tokens\" : 7," M "}"},
    {"{\"max_completion_tokens\":7,\"model\":\"a\"," M "}", QUIRK_NO_STORE | QUIRK_MAX_TOKENS, 0,
     "{\"max_tokens\":7,\"model\":\"up\"," M "}"},
    {"{\"max_output_tokens\":7,\"model\":\"a\"," M "}", QUIRK_NO_STORE, 0,
     "{\"max_tokens\":7,\"model\":\"up\"," M "}"},
    {"{\"max_completion_tokens\":9,\"model\":\"a\",\"max_tokens\":7,\"max_output_tokens\":8," M "}",
     QUIRK_NO_STORE, 0, "{\"model\":\"up\",\"max_tokens\":7," M "}"},
    {"{\"max_tokens\":null,\"model\":\"a\",\"max_completion_tokens\":9," M "}", QUIRK_NO_STORE, 0,
     "{\"model\":\"up\",\"max_completion_tokens\":9," M "}"},
    {"{\"max_tokens\":null,\"model\":\"a\"," M "}", QUIRK_NO_STORE, 0,
     "{\"max_tokens\":null,\"model\":\"up\"," M "}"},
    {"{\"model\":\"a\"," M "}", QUIRK_NO_STORE, 50, "{\"max_tokens\":50,\"model\":\"up\"," M "}"},
    {"{\"model\":\"a\",\"max_tokens\":99," M "}", QUIRK_NO_STORE, 50,
     "{\"max_tokens\":50,\"model\":\"up\"," M "}"},
    {"{\"model\":\"a\",\"max_completion_tokens\":99," M "}", QUIRK_NO_STORE, 50,
     "{\"max_completion_tokens\":50,\"model\":\"up\"," M "}"},
    {"{\"model\":\"a\"," M "}", QUIRK_NO_STORE | QUIRK_MAX_COMPLETION_TOKENS, 4294967295u,
     "{\"max_completion_tokens\":4294967295,\"model\":\"up\"," M "}"},
    /* user, n, tools travel */
    {"{\"model\":\"a\",\"user\":\"u\",\"n\":2,\"tools\":[{\"type\":\"function\"}],\"tool_choice\":\"auto\"," M "}",
     QUIRK_NO_STORE, 0,
     "{\"model\":\"up\",\"user\":\"u\",\"n\":2,\"tools\":[{\"type\":\"function\"}],\"tool_choice\":\"auto\"," M "}"},
    /* what strict providers refuse because it means nothing does not travel */
    {"{\"model\":\"a\",\"tools\":[ ],\"tool_choice\":\"auto\",\"parallel_tool_calls\":true,\"top_p\":1," M "}",
     QUIRK_NO_STORE, 0, "{\"model\":\"up\",\"top_p\":1," M "}"},
    {"{\"model\":\"a\",\"functions\":[],\"function_call\":{\"name\":\"f\"},\"tools\":[{\"type\":\"custom\"}]," M "}",
     QUIRK_NO_STORE, 0, "{\"model\":\"up\",\"tools\":[{\"type\":\"custom\"}]," M "}"},
    {"{\"model\":\"a\",\"functions\":[{\"name\":\"f\"}],\"function_call\":\"auto\"," M "}", QUIRK_NO_STORE, 0,
     "{\"model\":\"up\",\"functions\":[{\"name\":\"f\"}],\"function_call\":\"auto\"," M "}"},
    {"{\"tools\":null,\"tool_choice\":null,\"parallel_tool_calls\":null,\"functions\":null,"
     "\"function_call\":\"none\",\"response_format\":null,\"stop\":null,\"model\":\"a\"," M "}",
     QUIRK_NO_STORE, 0, "{\"model\":\"up\"," M "}"},
    {"{\"model\":\"a\",\"tool_choice\":\"auto\",\"parallel_tool_calls\":false," M "}", QUIRK_NO_STORE, 0,
     "{\"model\":\"up\"," M "}"},
    {"{\"model\":\"a\",\"tool_choice\":\"required\"," M "}", QUIRK_NO_STORE, 0,
     "{\"model\":\"up\",\"tool_choice\":\"required\"," M "}"},
    {"{\"model\":\"a\",\"response_format\":{ },\"stop\":[],\"modalities\":[]," M "}", QUIRK_NO_STORE, 0,
     "{\"model\":\"up\"," M "}"},
    {"{\"model\":\"a\",\"response_format\":{\"type\":\"text\"},\"stop\":[\"x\"],\"modalities\":[\"text\"]," M "}",
     QUIRK_NO_STORE, 0,
     "{\"model\":\"up\",\"response_format\":{\"type\":\"text\"},\"stop\":[\"x\"],\"modalities\":[\"text\"]," M "}"},
    /* a byte order mark is no part of the body */
    {"\xef\xbb\xbf{\"model\":\"a\"," M "}", 0, 9, "{" SO "\"max_tokens\":9,\"model\":\"up\"," M "}"},
    /* a provider that does not know the role developer; escapes spell it as well */
    {"{\"model\":\"a\",\"messages\":[{\"role\":\"developer\",\"content\":\"developer\"},"
     "{\"content\":[{\"role\":\"developer\"}],\"role\" : \"devel\\u006fper\"},{\"role\":\"user\"}],\"store\":true}",
     QUIRK_NO_STORE | QUIRK_DEVELOPER_AS_SYSTEM, 0,
     "{\"model\":\"up\",\"messages\":[{\"role\":\"system\",\"content\":\"developer\"},"
     "{\"content\":[{\"role\":\"developer\"}],\"role\" : \"system\"},{\"role\":\"user\"}]}"},
    {"{\"model\":\"a\",\"messages\":[{\"role\":\"developer\",\"content\":\"x\"}]}", QUIRK_NO_STORE, 0,
     "{\"model\":\"up\",\"messages\":[{\"role\":\"developer\",\"content\":\"x\"}]}"},
    {"{\"model\":\"a\",\"stream_options\":{\"include_usage\":true}," M "}", QUIRK_NO_STORE, 0,
     "{\"model\":\"up\"," M "}"},
    {"{\"model\":\"a\",\"stream\":false,\"stream_options\":null," M "}", QUIRK_NO_STORE, 0,
     "{\"model\":\"up\",\"stream\":false," M "}"},
    {"{\"model\":\"a\",\"service_tier\":\"auto\"," M "}", QUIRK_NO_STORE, 0, "{\"model\":\"up\"," M "}"},
    {"{\"model\":\"a\",\"service_tier\":\"default\"," M "}", QUIRK_NO_STORE, 0,
     "{\"model\":\"up\",\"service_tier\":\"default\"," M "}"},
    /* a whole number in any spelling is one; the provider gets the plain spelling */
    {"{\"model\":\"a\",\"max_tokens\":100.0,\"n\":1.0," M "}", QUIRK_NO_STORE, 0,
     "{\"max_tokens\":100,\"model\":\"up\",\"n\":1," M "}"},
    {"{\"model\":\"a\",\"max_completion_tokens\":1e2,\"best_of\":20e-1,\"n\":2,\"min_tokens\":1.0e1," M "}",
     QUIRK_NO_STORE | QUIRK_MAX_TOKENS, 0,
     "{\"max_tokens\":100,\"model\":\"up\",\"best_of\":2,\"n\":2,\"min_tokens\":10," M "}"},
    {"{\"model\":\"a\",\"max_tokens\":1e2," M "}", QUIRK_NO_STORE, 50,
     "{\"max_tokens\":50,\"model\":\"up\"," M "}"},
};

static void test_render(void)
{
    for (size_t i = 0; i < sizeof renders / sizeof renders[0]; i++) {
        struct chat_request r;
        struct prompt facts;
        struct prompt_fault fault;
        struct provider p = {.quirks = renders[i].quirks};
        struct buf out;

        buf_init(&out, 1 << 20);
        CHECK_INT(chat_request_parse(view_str(renders[i].in), &r, &facts, &fault), ERR_NONE);
        CHECK_INT(chat_request_render(&r, &p, "up", renders[i].max_output, &out), ERR_NONE);
        CHECK_BYTES(out.ptr, out.len, renders[i].want, strlen(renders[i].want));
        buf_free(&out);
    }
    printf("# %zu bodies rendered\n", sizeof renders / sizeof renders[0]);
}

static const struct {
    const char *in;
    enum err want;
    const char *param;
} refused[] = {
    {"", ERR_SHORT, NULL},
    {"{\"model\":\"a\"", ERR_SHORT, NULL},
    {"[]", ERR_FORMAT, NULL},
    {"{\"model\":\"a\",}", ERR_FORMAT, NULL},
    {"{\"model\":7," M "}", ERR_FORMAT, "model"},
    {"{\"model\":\"\"," M "}", ERR_FORMAT, "model"},
    {"{\"model\":\"a\\u0000b\"," M "}", ERR_FORMAT, "model"},
    {"{\"model\":\"a\\nb\"," M "}", ERR_FORMAT, "model"},
    {"{\"model\":\"a\"}", ERR_FORMAT, "messages"},
    {"{\"model\":\"a\",\"messages\":[]}", ERR_FORMAT, "messages"},
    {"{\"model\":\"a\",\"messages\":{}}", ERR_FORMAT, "messages"},
    {"{\"model\":\"a\",\"messages\":[1]}", ERR_FORMAT, "messages"},
    {"{\"model\":\"a\",\"stream\":1," M "}", ERR_FORMAT, "stream"},
    {"{\"model\":\"a\",\"stream\":\"true\"," M "}", ERR_FORMAT, "stream"},
    {"{\"model\":\"a\",\"stream_options\":[]," M "}", ERR_FORMAT, "stream_options"},
    {"{\"model\":\"a\",\"stream_options\":{\"include_usage\":1}," M "}", ERR_FORMAT,
     "stream_options"},
    {"{\"model\":\"a\",\"stream_options\":{\"include_usage\":true,\"include_usage\":false}," M "}",
     ERR_DUPLICATE, "stream_options"},
    {"{\"model\":\"a\",\"max_tokens\":0," M "}", ERR_RANGE, "max_tokens"},
    {"{\"model\":\"a\",\"max_tokens\":-1," M "}", ERR_RANGE, "max_tokens"},
    {"{\"model\":\"a\",\"max_tokens\":1.5," M "}", ERR_FORMAT, "max_tokens"},
    {"{\"model\":\"a\",\"max_tokens\":\"9\"," M "}", ERR_FORMAT, "max_tokens"},
    {"{\"model\":\"a\",\"max_tokens\":16777217," M "}", ERR_RANGE, "max_tokens"},
    {"{\"model\":\"a\",\"max_completion_tokens\":99999999999999999999," M "}", ERR_RANGE,
     "max_completion_tokens"},
    {"{\"model\":\"a\",\"max_tokens\":5,\"max_output_tokens\":true," M "}", ERR_FORMAT,
     "max_output_tokens"},
    {"{\"model\":\"a\",\"n\":0," M "}", ERR_RANGE, "n"},
    {"{\"model\":\"a\",\"n\":129," M "}", ERR_RANGE, "n"},
    {"{\"model\":\"a\",\"n\":1.5," M "}", ERR_FORMAT, "n"},
    {"{\"model\":\"a\",\"best_of\":129," M "}", ERR_RANGE, "best_of"},
    {"{\"model\":\"a\",\"best_of\":\"2\"," M "}", ERR_FORMAT, "best_of"},
    {"{\"model\":\"a\",\"max_tokens\":1e-1," M "}", ERR_FORMAT, "max_tokens"},
    {"{\"model\":\"a\",\"max_tokens\":1e8," M "}", ERR_RANGE, "max_tokens"},
    /* nothing may have to be produced, or be thought, beyond the limit that was priced */
    {"{\"model\":\"a\",\"min_tokens\":9," M "}", ERR_FORMAT, "min_tokens"},
    {"{\"model\":\"a\",\"min_tokens\":9,\"max_tokens\":8," M "}", ERR_RANGE, "min_tokens"},
    {"{\"model\":\"a\",\"thinking\":{\"budget_tokens\":9},\"max_completion_tokens\":8," M "}", ERR_RANGE,
     "thinking"},
    {"{\"model\":\"a\",\"reasoning\":{\"max_tokens\":9},\"max_tokens\":8," M "}", ERR_RANGE, "reasoning"},
    {"{\"model\":\"a\",\"thinking_budget\":9,\"max_tokens\":8," M "}", ERR_RANGE, "thinking_budget"},
    {"{\"model\":\"a\",\"thinking\":{\"budget_tokens\":1,\"budget_tokens\":9}," M "}", ERR_DUPLICATE, "thinking"},
    {"{\"model\":\"a\",\"thinking\":true," M "}", ERR_FORMAT, "thinking"},
    {"{\"model\":\"a\",\"prediction\":\"x\"," M "}", ERR_FORMAT, "prediction"},
    {"{\"model\":\"a\",\"modalities\":\"text\"," M "}", ERR_FORMAT, "modalities"},
    {"{\"model\":\"a\",\"tools\":{}," M "}", ERR_FORMAT, "tools"},
    {"{\"model\":\"a\",\"user\":5," M "}", ERR_FORMAT, "user"},
    {"{\"model\":\"a\",\"plugins\":[{\"id\":\"web\"}]," M "}", ERR_UNSUPPORTED, "plugins"},
    {"{\"model\":\"a\",\"response_format\":\"json\"," M "}", ERR_FORMAT, "response_format"},
    {"{\"model\":\"a\",\"model\":\"a\"," M "}", ERR_DUPLICATE, "model"},
    {"{\"model\":\"a\",\"mod\\u0065l\":\"b\"," M "}", ERR_DUPLICATE, "model"},
};

static void test_refused(void)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct chat_request r;
        struct prompt facts;
        struct prompt_fault fault;
        enum err e = chat_request_parse(view_str(refused[i].in), &r, &facts, &fault);

        if (e != refused[i].want)
            printf("# %s\n", refused[i].in);
        CHECK_INT(e, refused[i].want);
        CHECK(fault.message != NULL);
        CHECK((fault.param == NULL) == (refused[i].param == NULL));
        if (fault.param != NULL && refused[i].param != NULL)
            CHECK_BYTES(fault.param, strlen(fault.param), refused[i].param,
                        strlen(refused[i].param));
    }
}

/* A key that a reader who ignores letter case, or who reads C strings, takes for one that we read: it is
 * refused by its own spelling, at the top and inside what we read. */
static void test_look_alikes(void)
{
    static const struct {
        const char *in, *member;
    } cases[] = {
#define TOP(key, value) {"{\"model\":\"a\",\"" key "\":" value "," M "}", key}
        TOP("MODEL", "\"b\""),
        TOP("Max_Tokens", "100000"),
        TOP("N", "64"),
        TOP("Store", "true"),
        TOP("\xc5\xbftore", "true"),
        TOP("Stream", "true"),
        TOP("sTream_options", "{}"),
        TOP("Messages", "[]"),
        TOP("BEST_OF", "5"),
        TOP("Service_Tier", "\"priority\""),
        TOP("model\\u0000", "\"b\""),
        TOP("mod\\u0045l", "\"b\""),
        TOP("max_to\\u212aens", "9"),
        TOP("n\\u0000x", "9"),
        TOP("Provider", "{}"),
#undef TOP
        {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"Include_Usage\":false}," M "}", "Include_Usage"},
        {"{\"model\":\"a\",\"thinking\":{\"Budget_Tokens\":9}," M "}", "Budget_Tokens"},
        {"{\"model\":\"a\",\"reasoning\":{\"max_tokens\":1,\"max_tokens\\u0000\":9}," M "}", "max_tokens\\u0000"},
        {"{\"model\":\"a\",\"cache_control\":{\"TTL\":\"1h\"}," M "}", "TTL"},
        {"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"Content\":[{\"type\":\"image_url\"}]}]}", "Content"},
        {"{\"model\":\"a\",\"messages\":[{\"content\":[{\"type\":\"text\",\"Cache_Control\":{}}]}]}", "Cache_Control"},
        {"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\\u0000\":\"x\"}]}", "content\\u0000"},
        {"{\"model\":\"a\",\"messages\":[{\"Role\":\"user\"}]}", "Role"},
        {"{\"model\":\"a\",\"messages\":[{\"content\":[{\"type\":\"text\",\"Type\":\"image_url\"}]}]}", "Type"},
        {"{\"model\":\"a\",\"tools\":[{\"type\":\"function\",\"TYPE\":\"web_search\"}]," M "}", "TYPE"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct chat_request r;
        struct prompt facts;
        struct prompt_fault fault;
        enum err e = chat_request_parse(view_str(cases[i].in), &r, &facts, &fault);

        if (e != ERR_UNSUPPORTED)
            printf("# %s\n", cases[i].in);
        CHECK_INT(e, ERR_UNSUPPORTED);
        CHECK(fault.message != NULL);
        CHECK_BYTES(fault.member.ptr, fault.member.len, cases[i].member, strlen(cases[i].member));
    }
}

/* What may be sent to whom: the harmless to everybody, the rest to whose row allows it. */
static void test_members(void)
{
    static const struct provider plain = {.id = "plain"};
    static const struct provider wide = {.id = "wide", .n_members = 3, .hosted_tools = true,
                                         .members = {"mock", "service_tier", "web_search_options"}};
    static const struct {
        const char *members;
        const char *plain, *wide; /* what is refused; NULL: nothing */
    } cases[] = {
        {"", NULL, NULL},
        {",\"temperature\":0.5,\"top_p\":1,\"stop\":[\"x\"],\"seed\":1,\"logprobs\":true,\"top_logprobs\":5,"
         "\"logit_bias\":{},\"metadata\":{},\"user\":\"u\",\"presence_penalty\":0,\"frequency_penalty\":0,"
         "\"safety_identifier\":\"s\",\"prompt_cache_key\":\"k\",\"verbosity\":\"low\",\"reasoning_effort\":\"low\","
         "\"parallel_tool_calls\":true,\"tool_choice\":\"auto\",\"function_call\":\"auto\",\"functions\":[{\"name\":\"f\"}],"
         "\"modalities\":[\"text\"],\"audio\":null,\"service_tier\":\"auto\",\"web_search_options\":null,\"n\":2,"
         "\"prediction\":{\"type\":\"content\",\"content\":\"x\"},\"moderation\":null,\"store\":true", NULL, NULL},
        {",\"top_k\":1,\"min_p\":0,\"top_a\":0,\"repetition_penalty\":1,\"include_reasoning\":true,\"reasoning\":{\"effort\":\"low\"},"
         "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":100},\"enable_thinking\":true,\"chat_template_kwargs\":{\"a\":1},"
         "\"guided_json\":{},\"ignore_eos\":true,\"random_seed\":1,\"safe_prompt\":true,\"t\\u006fp_k\":1,\"best_of\":2,"
         "\"models\":[],\"transforms\":[],\"session_id\":\"s\",\"cache_control\":{\"type\":\"ephemeral\"}", NULL, NULL},
        {",\"mock\":{}", "mock", NULL},
        {",\"m\\u006fck\":{}", "m\\u006fck", NULL},
        {",\"Mock\":{}", "Mock", "Mock"},
        {",\"Temperature\":1", "Temperature", "Temperature"},
        {",\"\":1", "", ""},
        {",\"service_tier\":\"priority\"", "service_tier", NULL},
        {",\"service_tier\":\"flex\"", "service_tier", NULL},
        {",\"web_search_options\":{}", "web_search_options", NULL},
        {",\"search_parameters\":{\"mode\":\"on\"}", "search_parameters", "search_parameters"},
        {",\"modalities\":[\"text\",\"audio\"]", "modalities", "modalities"},
        {",\"audio\":{\"voice\":\"x\"}", "audio", "audio"},
        {",\"prompt_cache_retention\":\"24h\"", "prompt_cache_retention", "prompt_cache_retention"},
        {",\"prompt_cache_retention\":\"in_memory\"", NULL, NULL},
        {",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}", "cache_control", "cache_control"},
        {",\"max_new_tokens\":9", "max_new_tokens", "max_new_tokens"},
        {",\"num_generations\":9", "num_generations", "num_generations"},
        {",\"use_beam_search\":true", "use_beam_search", "use_beam_search"},
        {",\"webhook\":\"http://x/\"", "webhook", "webhook"},
        {",\"background\":true", "background", "background"},
        {",\"extra_body\":{}", "extra_body", "extra_body"},
        {",\"tools\":[{\"type\":\"function\"},{\"type\":\"custom\"},{\"function\":{\"name\":\"f\"}}]", NULL, NULL},
        {",\"tools\":[{\"type\":\"web_search\"}]", "tools", NULL},
        {",\"tools\":[{\"google_search\":{}}]", "tools", NULL},
        {",\"tools\":[\"web_search\"]", "tools", NULL},
        {",\"tools\":[{\"type\":\"function\",\"type\":\"web_search\"}]", "tools", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct chat_request r;
        struct prompt facts;
        struct prompt_fault fault;
        struct view blamed;
        char body[2048];

        snprintf(body, sizeof body, "{\"model\":\"a\"," M "%s}", cases[i].members);
        CHECK_INT(chat_request_parse(view_str(body), &r, &facts, &fault), ERR_NONE);
        CHECK_INT(fits(&r, &plain, &blamed), cases[i].plain == NULL);
        if (cases[i].plain != NULL)
            CHECK_BYTES(blamed.ptr, blamed.len, cases[i].plain, strlen(cases[i].plain));
        CHECK_INT(fits(&r, &wide, &blamed), cases[i].wide == NULL);
        if (cases[i].wide != NULL)
            CHECK_BYTES(blamed.ptr, blamed.len, cases[i].wide, strlen(cases[i].wide));
    }
}

/* A cache write of an hour has another price, wherever it is asked for. */
static void test_cache_control(void)
{
    static const struct provider plain = {.id = "plain"};
    static const struct provider wide = {.id = "wide", .n_members = 1, .members = {"cache_control"}};
    static const struct {
        const char *in;
        bool longer;
    } cases[] = {
#define HOUR "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"
#define FIVE "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"5m\"}"
        {"{\"model\":\"a\"," FIVE "," M "}", false},
        {"{\"model\":\"a\"," HOUR "," M "}", true},
        {"{\"model\":\"a\",\"cache_control\":{\"ttl\":\"5m\",\"ttl\":\"1h\"}," M "}", true},
        {"{\"model\":\"a\",\"messages\":[{\"content\":[{\"type\":\"text\"," FIVE "}]}]}", false},
        {"{\"model\":\"a\",\"messages\":[{\"content\":[{\"type\":\"text\"," HOUR "}]}]}", true},
        {"{\"model\":\"a\",\"messages\":[{\"content\":[{\"type\":\"text\"," FIVE "," HOUR "}]}]}", true},
        {"{\"model\":\"a\",\"messages\":[{\"content\":\"x\"," HOUR "}]}", true},
        {"{\"model\":\"a\",\"messages\":[{\"content\":\"x\",\"cache_control\":null}]}", false},
        {"{\"model\":\"a\",\"tools\":[{\"type\":\"function\"," HOUR "}]," M "}", true},
        {"{\"model\":\"a\",\"tools\":[{\"type\":\"function\"," FIVE "}]," M "}", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct chat_request r;
        struct prompt facts;
        struct prompt_fault fault;
        struct view blamed;

        CHECK_INT(chat_request_parse(view_str(cases[i].in), &r, &facts, &fault), ERR_NONE);
        if (fits(&r, &plain, &blamed) == cases[i].longer)
            printf("# %s\n", cases[i].in);
        CHECK_INT(fits(&r, &plain, &blamed), !cases[i].longer);
        if (cases[i].longer)
            CHECK_BYTES(blamed.ptr, blamed.len, "cache_control", 13);
        CHECK(fits(&r, &wide, &blamed));
        /* where it has a price of its own, nobody has to permit it */
        CHECK(fits_priced(&r, &plain, 5, 8, &blamed));
        CHECK_INT(facts.long_cache, cases[i].longer);
    }
}

/* More members of no list than any row can allow. */
static void test_too_many_extras(void)
{
    char body[2048] = "{\"model\":\"a\"," M;
    struct chat_request r;
    struct prompt facts;
    struct prompt_fault fault;

    for (int i = 0; i < CHAT_EXTRAS_MAX; i++)
        snprintf(body + strlen(body), sizeof body - strlen(body), ",\"x%d\":1", i);
    strcat(body, "}");
    CHECK_INT(chat_request_parse(view_str(body), &r, &facts, &fault), ERR_NONE);
    CHECK_INT(r.n_extras, CHAT_EXTRAS_MAX);
    strcpy(strrchr(body, '}'), ",\"last\":1}");
    CHECK_INT(chat_request_parse(view_str(body), &r, &facts, &fault), ERR_UNSUPPORTED);
    CHECK_BYTES(fault.member.ptr, fault.member.len, "last", 4);
}

/* What multiplies or adds to the output that is reserved. */
static void test_output(void)
{
    static const struct {
        const char *members;
        uint32_t max_tokens, n;
        uint64_t extra;
    } cases[] = {
        {"", 0, 1, 0},
        {",\"best_of\":20", 0, 20, 0},
        {",\"best_of\":2,\"n\":3", 0, 3, 0},
        {",\"n\":2.0,\"best_of\":3e0,\"max_tokens\":1e1", 10, 3, 0},
        {",\"min_tokens\":0", 0, 1, 0},
        {",\"min_tokens\":8,\"max_tokens\":8", 8, 1, 0},
        {",\"thinking\":{\"budget_tokens\":8},\"max_tokens\":8", 8, 1, 8},
        {",\"reasoning\":{\"max_tokens\":5,\"effort\":\"low\"},\"thinking_budget\":7,\"max_tokens\":8", 8, 1, 7},
        {",\"reasoning\":{\"max_tokens\":null},\"thinking\":null", 0, 1, 0},
        {",\"prediction\":{\"type\":\"content\",\"content\":\"x\"}", 0, 1, 32},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct chat_request r;
        struct prompt facts;
        struct prompt_fault fault;
        char body[512];

        snprintf(body, sizeof body, "{\"model\":\"a\"," M "%s}", cases[i].members);
        CHECK_INT(chat_request_parse(view_str(body), &r, &facts, &fault), ERR_NONE);
        CHECK_INT(facts.max_tokens, cases[i].max_tokens);
        CHECK_INT(facts.n_choices, cases[i].n);
        CHECK_INT(facts.extra_output, cases[i].extra);
    }
}

/* Every key that is read or edited: once is fine, twice is refused, whatever the spelling. */
static void test_duplicates(void)
{
    static const struct {
        const char *key, *value;
    } keys[] = {
        {"stream", "true"},
        {"stream_options", "{}"},
        {"max_tokens", "1"},
        {"max_completion_tokens", "1"},
        {"max_output_tokens", "1"},
        {"n", "1"},
        {"best_of", "1"},
        {"min_tokens", "0"},
        {"reasoning", "{}"},
        {"reasoning_effort", "\"low\""},
        {"include_reasoning", "true"},
        {"thinking", "{}"},
        {"thinking_budget", "1"},
        {"prediction", "{}"},
        {"service_tier", "\"auto\""},
        {"prompt_cache_retention", "\"in_memory\""},
        {"cache_control", "{}"},
        {"modalities", "[]"},
        {"audio", "null"},
        {"tools", "[]"},
        {"tool_choice", "\"auto\""},
        {"parallel_tool_calls", "true"},
        {"functions", "[]"},
        {"function_call", "\"auto\""},
        {"stop", "[]"},
        {"response_format", "{}"},
        {"web_search_options", "{}"},
        {"user", "\"u\""},
        {"store", "true"},
        {"models", "[]"},
        {"provider", "{}"},
        {"route", "\"\""},
        {"transforms", "[]"},
        {"plugins", "[]"},
        {"usage", "{}"},
        {"session_id", "\"\""},
        {"trace", "{}"},
        {"tags", "{}"},
        {"debug", "{}"},
    };

    CHECK_INT(sizeof keys / sizeof keys[0] + 2, CHAT_KEY_COUNT); /* model, messages: elsewhere */
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct chat_request r;
        struct prompt facts;
        struct prompt_fault fault;
        char body[512];

        snprintf(body, sizeof body, "{\"model\":\"a\"," M ",\"%s\":%s}", keys[i].key,
                 keys[i].value);
        CHECK_INT(chat_request_parse(view_str(body), &r, &facts, &fault), ERR_NONE);
        snprintf(body, sizeof body, "{\"model\":\"a\",\"%s\":%s," M ",\"\\u00%02x%s\":%s}",
                 keys[i].key, keys[i].value, (unsigned)keys[i].key[0], keys[i].key + 1,
                 keys[i].value);
        CHECK_INT(chat_request_parse(view_str(body), &r, &facts, &fault), ERR_DUPLICATE);
        CHECK(fault.param != NULL && strcmp(fault.param, keys[i].key) == 0);
    }
}

static const struct {
    const char *in;
    bool stream, usage, media;
    uint32_t max_tokens, n;
    uint16_t needs;
    const char *model, *user;
} bodies[] = {
    {"{\"model\":\"a\\/b\"," M "}", false, false, false, 0, 1, 0, "a/b", ""},
    {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"n\":3,"
     "\"user\":\"u\\n1\",\"max_completion_tokens\":9,\"max_output_tokens\":4," M "}",
     true, true, false, 9, 3, 0, "a", "u\\n1"},
    {"{\"model\":\"a\",\"max_tokens\":5,\"max_completion_tokens\":9," M "}", false, false, false, 5,
     1, 0, "a", ""},
    {"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
     "\"x\"}]},"
     "{\"content\":[{\"type\":\"refusal\",\"refusal\":\"x\"}]}]}",
     false, false, false, 0, 1, 0, "a", ""},
    {"{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
     "\"x\"},"
     "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x\"}}]}]}",
     false, false, false, 0, 1, CAP_IMAGES, "a", ""},
    {"{\"model\":\"a\",\"messages\":[{\"content\":[{\"type\":\"input_audio\"}]}]}", false, false,
     false, 0, 1, 0, "a", ""},
    {"{\"model\":\"a\",\"messages\":[{\"content\":[{\"text\":\"typeless\"}]}]}", false, false, true,
     0, 1, 0, "a", ""},
    /* A second "type" that another reader may prefer. */
    {"{\"model\":\"a\",\"messages\":[{\"content\":[{\"type\":\"text\",\"text\":\"x\","
     "\"type\":\"input_audio\"}]}]}",
     false, false, true, 0, 1, 0, "a", ""},
    {"{\"model\":\"a\",\"messages\":[{\"content\":[{\"type\":\"text\",\"typ\\u0065\":\"image_url\","
     "\"image_url\":{\"url\":\"https://x\"}}]}]}",
     false, false, true, 0, 1, CAP_IMAGES, "a", ""},
    {"{\"model\":\"a\",\"tools\":[{\"type\":\"function\",\"type\":\"web_search\"}]," M "}", false,
     false, true, 0, 1, CAP_TOOLS, "a", ""},
    {"{\"model\":\"a\",\"messages\":[{\"role\":\"assistant\",\"audio\":{\"id\":\"x\"}}]}", false,
     false, true, 0, 1, 0, "a", ""},
    {"{\"model\":\"a\",\"tools\":[{\"type\":\"function\"}],\"response_format\":{\"type\":\"json_"
     "schema\"}," M "}",
     false, false, false, 0, 1, CAP_TOOLS | CAP_JSON_SCHEMA, "a", ""},
    {"{\"model\":\"a\",\"tools\":[{\"type\":\"web_search\"}]," M "}", false, false, true, 0, 1,
     CAP_TOOLS, "a", ""},
    {"{\"model\":\"a\",\"web_search_options\":{}," M "}", false, false, true, 0, 1, 0, "a", ""},
    {"{\"model\":\"a\",\"tools\":[],\"user\":null,\"n\":null,\"stream\":null," M "}", false, false,
     false, 0, 1, 0, "a", ""},
};

static void test_facts(void)
{
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct chat_request r;
        struct prompt facts;
        struct prompt_fault fault;

        CHECK_INT(chat_request_parse(view_str(bodies[i].in), &r, &facts, &fault), ERR_NONE);
        CHECK_INT(facts.stream, bodies[i].stream);
        CHECK_INT(facts.include_usage, bodies[i].usage);
        CHECK_INT(facts.has_media, bodies[i].media);
        CHECK_INT(facts.max_tokens, bodies[i].max_tokens);
        CHECK_INT(facts.n_choices, bodies[i].n);
        CHECK_INT(facts.needs, bodies[i].needs);
        CHECK_INT(facts.prompt_bound, strlen(bodies[i].in) - facts.media.bytes + CHAT_TEMPLATE_TOKENS);
        CHECK_BYTES(facts.model, strlen(facts.model), bodies[i].model, strlen(bodies[i].model));
        CHECK_BYTES(facts.user.ptr, facts.user.len, bodies[i].user, strlen(bodies[i].user));
    }
}

/* What an estimate counts: everything a provider may read as prompt, wherever in the body it stands,
 * because a client that leaves pays by it. An image of megabytes is no text of megabytes; what only
 * calls itself one is. */
static void test_prompt_bytes(void)
{
#define IMAGE "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAAAAAAAAAAAA\"}}"
#define AUDIO "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AAAA\",\"format\":\"wav\"}}"
#define TEXT "{\"type\":\"text\",\"text\":\"what is this?\"}"
#define TWICE "{\"type\":\"text\",\"type\":\"image_url\",\"text\":\"what is this?\"}"
#define OTHER "{\"type\":\"document\",\"text\":\"what is this?\"}"
#define MESSAGES(parts) "[{\"role\":\"user\",\"content\":[" parts "]}]"
#define TOOLS "[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"long\"}}]"
#define FUNCTIONS "[{\"name\":\"f\",\"description\":\"long\"}]"
#define FORMAT "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{}}}"
#define DOCUMENTS "[{\"title\":\"t\",\"text\":\"long\"}]"
#define BODY(parts, more) "{\"model\":\"a\",\"messages\":" MESSAGES(parts) more "}"
    static const struct {
        const char *body;
        size_t bytes;
    } cases[] = {
        {BODY(TEXT, ""), sizeof MESSAGES(TEXT) - 1},
        {BODY(TEXT "," IMAGE "," AUDIO, ""),
         sizeof MESSAGES(TEXT ",{\"type\":\"image_url\",\"image_url\":},"
                              "{\"type\":\"input_audio\",\"input_audio\":}") - 1},
        {BODY(TWICE, ""), sizeof MESSAGES(TWICE) - 1},
        {BODY(OTHER, ""), sizeof MESSAGES(OTHER) - 1},
        {BODY(TEXT, ",\"tools\":" TOOLS), sizeof MESSAGES(TEXT) TOOLS - 1},
        {BODY(TEXT, ",\"functions\":" FUNCTIONS), sizeof MESSAGES(TEXT) FUNCTIONS - 1},
        {BODY(TEXT, ",\"response_format\":" FORMAT), sizeof MESSAGES(TEXT) FORMAT - 1},
        {BODY(TEXT, ",\"documents\":" DOCUMENTS), sizeof MESSAGES(TEXT) DOCUMENTS - 1},
        /* known, and nothing that a model reads; or never sent to one */
        {BODY(TEXT, ",\"user\":\"u\",\"max_tokens\":5,\"stream\":true,\"tags\":[\"x\"]"),
         sizeof MESSAGES(TEXT) - 1},
    };
    struct chat_request r;
    struct prompt facts;
    struct prompt_fault fault;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(chat_request_parse(view_str(cases[i].body), &r, &facts, &fault), ERR_NONE);
        CHECK_INT(facts.prompt_bytes, cases[i].bytes);
    }
}

static void test_model_length(void)
{
    char body[512], id[LIMIT_MODEL_ID_BYTES + 2];
    struct chat_request r;
    struct prompt facts;
    struct prompt_fault fault;

    memset(id, 'm', sizeof id);
    id[LIMIT_MODEL_ID_BYTES] = 0;
    snprintf(body, sizeof body, "{\"model\":\"%s\"," M "}", id);
    CHECK_INT(chat_request_parse(view_str(body), &r, &facts, &fault), ERR_NONE);
    CHECK_INT(strlen(facts.model), LIMIT_MODEL_ID_BYTES);
    snprintf(body, sizeof body, "{\"model\":\"%sm\"," M "}", id);
    CHECK_INT(chat_request_parse(view_str(body), &r, &facts, &fault), ERR_RANGE);
    snprintf(body, sizeof body, "{\"model\":\"\\u006d%s\"," M "}", id);
    CHECK_INT(chat_request_parse(view_str(body), &r, &facts, &fault), ERR_RANGE);
}

/* As many as there may be, each edited; and one more. */
static void test_developer_bounds(void)
{
    static char body[(CHAT_DEVELOPER_MAX + 1) * 32 + 64];
    struct chat_request r;
    struct prompt facts;
    struct prompt_fault fault;
    struct provider p = {.quirks = QUIRK_DEVELOPER_AS_SYSTEM};
    struct buf out;

    for (unsigned n = CHAT_DEVELOPER_MAX; n <= CHAT_DEVELOPER_MAX + 1; n++) {
        size_t at = (size_t)sprintf(body, "{\"model\":\"a\",\"messages\":[");

        for (unsigned i = 0; i < n; i++)
            at += (size_t)sprintf(body + at, "%s{\"role\":\"developer\"}", i == 0 ? "" : ",");
        sprintf(body + at, "]}");
        CHECK_INT(chat_request_parse(view_str(body), &r, &facts, &fault),
                  n > CHAT_DEVELOPER_MAX ? ERR_LIMIT : ERR_NONE);
        if (n > CHAT_DEVELOPER_MAX)
            continue;
        buf_init(&out, sizeof body + CHAT_RENDER_SLACK);
        CHECK_INT(chat_request_render(&r, &p, "up", 0, &out), ERR_NONE);
        CHECK(memmem(out.ptr, out.len, "developer", 9) == NULL);
        buf_free(&out);
    }
}

/* What a program that writes UTF-16 or Latin-1 can act on. */
static void test_not_utf8(void)
{
    static const struct {
        struct view body;
        const char *message;
    } cases[] = {
        {VIEW_LIT("\xff\xfe{\0\"\0"), "the body is UTF-16; send UTF-8"},
        {VIEW_LIT("\xfe\xff\0{\0\""), "the body is UTF-16; send UTF-8"},
        {VIEW_LIT("{\"model\":\"\xe9\"}"), "the body is not a JSON object in UTF-8"},
        {VIEW_LIT("\xef\xbb\xbf\xef\xbb\xbf{}"), "the body is not a JSON object in UTF-8"},
        {VIEW_LIT("\xef\xbb\xbf"), "the body is not a JSON object in UTF-8"},
    };
    struct chat_request r;
    struct prompt facts;
    struct prompt_fault fault;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(chat_request_parse(cases[i].body, &r, &facts, &fault) != ERR_NONE);
        CHECK(fault.message != NULL && strcmp(fault.message, cases[i].message) == 0);
    }
}

static void test_render_bounds(void)
{
    struct chat_request r;
    struct prompt facts;
    struct prompt_fault fault;
    struct provider p = {.quirks = 0};
    struct view body = VIEW_LIT("{\"model\":\"a\"," M "}");
    char odd[300];
    struct buf out;

    CHECK_INT(chat_request_parse(body, &r, &facts, &fault), ERR_NONE);
    buf_init(&out, body.len + CHAT_RENDER_SLACK - 1);
    CHECK_INT(chat_request_render(&r, &p, "up", 0, &out), ERR_LIMIT);
    buf_free(&out);
    buf_init(&out, body.len + CHAT_RENDER_SLACK);
    CHECK_INT(chat_request_render(&r, &p, "u\"p\\", 0, &out), ERR_NONE);
    CHECK(memmem(out.ptr, out.len, "\"model\":\"u\\\"p\\\\\"", 16) != NULL);
    buf_free(&out);
    memset(odd, '"', sizeof odd);
    odd[LIMIT_MODEL_ID_BYTES] = 0; /* the longest id, every byte escaped, fits the slack */
    CHECK_INT(chat_request_render(&r, &p, odd, 4294967295u, &out), ERR_NONE);
    buf_free(&out);
    odd[LIMIT_MODEL_ID_BYTES] = '"';
    odd[299] = 0;
    CHECK_INT(chat_request_render(&r, &p, odd, 0, &out), ERR_FORMAT);
    CHECK_INT(chat_request_render(&r, &p, "a\nb", 0, &out), ERR_FORMAT);
    buf_free(&out);
}

int main(int argc, char **argv)
{
    static const struct check_case list[] = {
        {"chat_request_render", test_render},
        {"chat_request_refused", test_refused},
        {"chat_request_not_utf8", test_not_utf8},
        {"chat_request_developer_bounds", test_developer_bounds},
        {"chat_request_look_alikes", test_look_alikes},
        {"chat_request_members", test_members},
        {"chat_request_cache_control", test_cache_control},
        {"chat_request_too_many_extras", test_too_many_extras},
        {"chat_request_output", test_output},
        {"chat_request_duplicates", test_duplicates},
        {"chat_request_facts", test_facts},
        {"chat_request_prompt_bytes", test_prompt_bytes},
    {"chat_request_model_length", test_model_length},
        {"chat_request_render_bounds", test_render_bounds},
    };

    return check_main(list, sizeof list / sizeof list[0], argc, argv);
}
