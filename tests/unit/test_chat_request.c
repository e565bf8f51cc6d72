/* What a client wrote must reach the provider byte for byte but for a handful of named edits, and
 * no body may exist that routing reads one way and a provider another. */
#include "check.h"
#include "chat_request.h"
#include "message.h"

#define M "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define SO "\"store\":false,"
#define US "\"stream_options\":{\"include_usage\":true},"

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
    {"{\"model\":\"a\",\"user\":\"u\",\"n\":2,\"tools\":[]," M "}", QUIRK_NO_STORE, 0,
     "{\"model\":\"up\",\"user\":\"u\",\"n\":2,\"tools\":[]," M "}"},
};

static void test_render(void)
{
    for (size_t i = 0; i < sizeof renders / sizeof renders[0]; i++) {
        struct chat_request r;
        struct chat_fault fault;
        struct provider p = {.quirks = renders[i].quirks};
        struct buf out;

        buf_init(&out, 1 << 20);
        CHECK_INT(chat_request_parse(view_str(renders[i].in), &r, &fault), ERR_NONE);
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
    {"{" M "}", ERR_FORMAT, "model"},
    {"{\"model\":null," M "}", ERR_FORMAT, "model"},
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
    {"{\"model\":\"a\",\"tools\":{}," M "}", ERR_FORMAT, "tools"},
    {"{\"model\":\"a\",\"user\":5," M "}", ERR_FORMAT, "user"},
    {"{\"model\":\"a\",\"response_format\":\"json\"," M "}", ERR_FORMAT, "response_format"},
    {"{\"model\":\"a\",\"model\":\"a\"," M "}", ERR_DUPLICATE, "model"},
    {"{\"model\":\"a\",\"mod\\u0065l\":\"b\"," M "}", ERR_DUPLICATE, "model"},
};

static void test_refused(void)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct chat_request r;
        struct chat_fault fault;
        enum err e = chat_request_parse(view_str(refused[i].in), &r, &fault);

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
        {"tools", "[]"},
        {"functions", "[]"},
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
        struct chat_fault fault;
        char body[512];

        snprintf(body, sizeof body, "{\"model\":\"a\"," M ",\"%s\":%s}", keys[i].key,
                 keys[i].value);
        CHECK_INT(chat_request_parse(view_str(body), &r, &fault), ERR_NONE);
        snprintf(body, sizeof body, "{\"model\":\"a\",\"%s\":%s," M ",\"\\u00%02x%s\":%s}",
                 keys[i].key, keys[i].value, (unsigned)keys[i].key[0], keys[i].key + 1,
                 keys[i].value);
        CHECK_INT(chat_request_parse(view_str(body), &r, &fault), ERR_DUPLICATE);
        CHECK(fault.param != NULL && strcmp(fault.param, keys[i].key) == 0);
    }
}

static const struct {
    const char *in;
    bool stream, usage, media;
    uint32_t max_tokens, n;
    uint16_t needs;
    const char *model, *user;
} facts[] = {
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
     false, false, true, 0, 1, CAP_IMAGES, "a", ""},
    {"{\"model\":\"a\",\"messages\":[{\"content\":[{\"type\":\"input_audio\"}]}]}", false, false,
     true, 0, 1, 0, "a", ""},
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
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        struct chat_request r;
        struct chat_fault fault;

        CHECK_INT(chat_request_parse(view_str(facts[i].in), &r, &fault), ERR_NONE);
        CHECK_INT(r.stream, facts[i].stream);
        CHECK_INT(r.include_usage, facts[i].usage);
        CHECK_INT(r.has_media, facts[i].media);
        CHECK_INT(r.max_tokens, facts[i].max_tokens);
        CHECK_INT(r.n_choices, facts[i].n);
        CHECK_INT(r.needs, facts[i].needs);
        CHECK_INT(r.prompt_bound, strlen(facts[i].in) + CHAT_TEMPLATE_TOKENS);
        CHECK_BYTES(r.model, strlen(r.model), facts[i].model, strlen(facts[i].model));
        CHECK_BYTES(r.user.ptr, r.user.len, facts[i].user, strlen(facts[i].user));
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
        {BODY(TEXT "," IMAGE "," AUDIO, ""), sizeof MESSAGES(TEXT ",,") - 1},
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
    struct chat_fault fault;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(chat_request_parse(view_str(cases[i].body), &r, &fault), ERR_NONE);
        CHECK_INT(r.prompt_bytes, cases[i].bytes);
    }
}

static void test_model_length(void)
{
    char body[512], id[LIMIT_MODEL_ID_BYTES + 2];
    struct chat_request r;
    struct chat_fault fault;

    memset(id, 'm', sizeof id);
    id[LIMIT_MODEL_ID_BYTES] = 0;
    snprintf(body, sizeof body, "{\"model\":\"%s\"," M "}", id);
    CHECK_INT(chat_request_parse(view_str(body), &r, &fault), ERR_NONE);
    CHECK_INT(strlen(r.model), LIMIT_MODEL_ID_BYTES);
    snprintf(body, sizeof body, "{\"model\":\"%sm\"," M "}", id);
    CHECK_INT(chat_request_parse(view_str(body), &r, &fault), ERR_RANGE);
    snprintf(body, sizeof body, "{\"model\":\"\\u006d%s\"," M "}", id);
    CHECK_INT(chat_request_parse(view_str(body), &r, &fault), ERR_RANGE);
}

static void test_render_bounds(void)
{
    struct chat_request r;
    struct chat_fault fault;
    struct provider p = {.quirks = 0};
    struct view body = VIEW_LIT("{\"model\":\"a\"," M "}");
    char odd[300];
    struct buf out;

    CHECK_INT(chat_request_parse(body, &r, &fault), ERR_NONE);
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
        {"chat_request_duplicates", test_duplicates},
        {"chat_request_facts", test_facts},
        {"chat_request_prompt_bytes", test_prompt_bytes},
    {"chat_request_model_length", test_model_length},
        {"chat_request_render_bounds", test_render_bounds},
    };

    return check_main(list, sizeof list / sizeof list[0], argc, argv);
}
