/* Embeddings: what a client asks is read with the bound that it is paid by, or refused by name; the provider is
 * sent just that; and whatever form the provider's vectors have, the client gets the form it asked for, the same
 * float32s, one for each input in order, or no answer. */
#include "embeddings_dialect.h"
#include "openai_embeddings.h"
#include "vector.h"

#include "base64.h"
#include "check.h"
#include "provider_fixtures.h"

#include <math.h>
#include <string.h>

/* --- the request */

#define B(rest) "{\"model\":\"a/b\"" rest "}"
enum { T = EMBEDDINGS_TEMPLATE_TOKENS };

static void test_read(void)
{
    static const struct {
        const char *body;
        enum err want;
        const char *name; /* of the member that is refused */
        unsigned inputs, bound, bytes;
    } rows[] = {
        {B(",\"input\":\"hello\""), ERR_NONE, NULL, 1, 5 + T, 5},
        {"\xef\xbb\xbf" B(",\"input\":\"hello\""), ERR_NONE, NULL, 1, 5 + T, 5},
        {B(",\"input\":[\"ab\",\"\\u00e9\"]"), ERR_NONE, NULL, 2, 8 + 2 * T, 8},
        {B(",\"input\":[1,2,30000]"), ERR_NONE, NULL, 1, 3 + T, 12},
        {B(",\"input\":[[1,2],[3]]"), ERR_NONE, NULL, 2, 3 + 2 * T, 12},
        {B(",\"input\":\"x\",\"dimensions\":1,\"encoding_format\":\"float\",\"user\":\"u\""), ERR_NONE, NULL, 1, 1 + T, 1},
        {B(",\"input\":\"x\",\"dimensions\":null,\"encoding_format\":null,\"user\":null,\"stream\":false"), ERR_NONE, NULL, 1, 1 + T, 1},
        {B(",\"input\":\"x\",\"models\":[\"c/d\"],\"provider\":{},\"route\":\"fallback\",\"trace\":{},\"tags\":{}"), ERR_NONE, NULL, 1, 1 + T, 1},
        {B(",\"input\":\"x\",\"input_type\":\"search_query\""), ERR_NONE, NULL, 1, 1 + T + 14, 1},
        {"{\"input\":\"x\"}", ERR_NONE, NULL, 1, 1 + T, 1}, /* an Azure client's path may name the model */
        {B(""), ERR_FORMAT, "input", 0, 0, 0},
        {B(",\"input\":null"), ERR_FORMAT, "input", 0, 0, 0},
        {B(",\"input\":\"\""), ERR_FORMAT, "input", 0, 0, 0},
        {B(",\"input\":[]"), ERR_FORMAT, "input", 0, 0, 0},
        {B(",\"input\":[\"a\",\"\"]"), ERR_FORMAT, "input", 0, 0, 0},
        {B(",\"input\":[\"a\",1]"), ERR_FORMAT, "input", 0, 0, 0},
        {B(",\"input\":[1,\"a\"]"), ERR_FORMAT, "input", 0, 0, 0},
        {B(",\"input\":[1,1.5]"), ERR_FORMAT, "input", 0, 0, 0},
        {B(",\"input\":[-1]"), ERR_RANGE, "input", 0, 0, 0},
        {B(",\"input\":[4294967296]"), ERR_RANGE, "input", 0, 0, 0},
        {B(",\"input\":[[1],[]]"), ERR_FORMAT, "input", 0, 0, 0},
        {B(",\"input\":[[1],2]"), ERR_FORMAT, "input", 0, 0, 0},
        {B(",\"input\":[[[1]]]"), ERR_FORMAT, "input", 0, 0, 0},
        {B(",\"input\":[true]"), ERR_FORMAT, "input", 0, 0, 0},
        {B(",\"input\":7"), ERR_FORMAT, "input", 0, 0, 0},
        {B(",\"input\":{\"text\":\"a\"}"), ERR_FORMAT, "input", 0, 0, 0},
        {B(",\"input\":[{\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}]"), ERR_UNSUPPORTED, "input", 0, 0, 0},
        {B(",\"input\":\"x\",\"encoding_format\":\"hex\""), ERR_FORMAT, "encoding_format", 0, 0, 0},
        {B(",\"input\":\"x\",\"encoding_format\":1"), ERR_FORMAT, "encoding_format", 0, 0, 0},
        {B(",\"input\":\"x\",\"dimensions\":0"), ERR_RANGE, "dimensions", 0, 0, 0},
        {B(",\"input\":\"x\",\"dimensions\":65537"), ERR_RANGE, "dimensions", 0, 0, 0},
        {B(",\"input\":\"x\",\"dimensions\":\"8\""), ERR_FORMAT, "dimensions", 0, 0, 0},
        {B(",\"input\":\"x\",\"user\":1"), ERR_FORMAT, "user", 0, 0, 0},
        {B(",\"input\":\"x\",\"stream\":true"), ERR_UNSUPPORTED, "stream", 0, 0, 0},
        {B(",\"input\":\"x\",\"input\":\"y\""), ERR_DUPLICATE, "input", 0, 0, 0},
        {B(",\"input\":\"x\",\"in\\u0070ut\":\"y\""), ERR_DUPLICATE, "input", 0, 0, 0},
        {B(",\"input\":\"x\",\"z\":1,\"z\":2"), ERR_DUPLICATE, "z", 0, 0, 0},
        {"{\"model\":1,\"input\":\"x\"}", ERR_FORMAT, "model", 0, 0, 0},
        {"[]", ERR_FORMAT, NULL, 0, 0, 0},
        {B(",\"input\":\"x"), ERR_SHORT, NULL, 0, 0, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prompt_fault fault;
        struct prompt p;
        enum err e = embeddings_dialect.read(view_str(rows[i].body), &p, &fault);

        CHECK_INT(e, rows[i].want);
        if (e == ERR_NONE) {
            CHECK(p.kind == PROMPT_EMBEDDINGS && !p.stream && fault.message == NULL);
            CHECK_INT(p.embeddings.form.n_inputs, rows[i].inputs);
            CHECK_INT(p.prompt_bound, rows[i].bound);
            CHECK_INT(p.prompt_bytes, rows[i].bytes);
        } else if (rows[i].name != NULL) {
            struct view name = fault.member.len != 0 ? fault.member : view_str(fault.param);

            CHECK(fault.message != NULL && view_eq(name, view_str(rows[i].name)));
        }
        prompt_list_free(&p.list);
    }
}

/* 2048 inputs and not one more; an array of ids is one input of any length. */
static void test_how_many(void)
{
    static const struct {
        const char *one;
        unsigned n;
        enum err want;
        unsigned inputs;
    } rows[] = {{"\"a\"", 2048, ERR_NONE, 2048}, {"\"a\"", 2049, ERR_RANGE, 0}, {"[7]", 2048, ERR_NONE, 2048},
                {"[7]", 2049, ERR_RANGE, 0},     {"7", 9000, ERR_NONE, 1}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prompt_fault fault;
        struct prompt p;
        struct buf body;

        buf_init(&body, 1 << 20);
        CHECK_INT(buf_append(&body, view_str("{\"model\":\"a/b\",\"input\":[")), ERR_NONE);
        for (unsigned k = 0; k < rows[i].n; k++)
            CHECK_INT(buf_appendf(&body, "%s%s", k == 0 ? "" : ",", rows[i].one), ERR_NONE);
        CHECK_INT(buf_append(&body, view_str("]}")), ERR_NONE);
        CHECK_INT(embeddings_dialect.read(buf_view(&body), &p, &fault), rows[i].want);
        if (rows[i].want == ERR_NONE)
            CHECK_INT(p.embeddings.form.n_inputs, rows[i].inputs);
        prompt_list_free(&p.list);
        buf_free(&body);
    }
}

static const struct provider open_provider = {.n_members = 1, .members = {"input_type"}};
static const struct provider strict_provider = {.quirks = QUIRK_STRICT};

static void test_render(void)
{
    static const struct {
        const char *body, *want;
        const struct provider *provider;
        const char *refused;
    } rows[] = {
        {B(",\"input\":[\"a\\u00e9\", \"b\"],\"user\":\"u\",\"provider\":{\"zdr\":true}"),
         "{\"model\":\"up\",\"input\":[\"a\\u00e9\", \"b\"]}", &open_provider, NULL},
        {B(",\"input\":[1,2],\"encoding_format\":\"base64\",\"dimensions\":2.56e2"),
         "{\"model\":\"up\",\"input\":[1,2],\"encoding_format\":\"base64\",\"dimensions\":256}", &open_provider, NULL},
        {B(",\"input\":\"a\",\"encoding_format\":\"float\""), "{\"model\":\"up\",\"input\":\"a\"}", &open_provider, NULL},
        {B(",\"input\":\"a\",\"encoding_format\":\"base64\",\"dimensions\":8"),
         "{\"model\":\"up\",\"input\":\"a\",\"dimensions\":8}", &strict_provider, NULL},
        {B(",\"input\":\"a\",\"input_type\":\"query\""), "{\"model\":\"up\",\"input\":\"a\",\"input_type\":\"query\"}",
         &open_provider, NULL},
        {B(",\"input\":\"a\",\"input_type\":\"query\""), NULL, &strict_provider, "input_type"},
        {B(",\"input\":\"a\",\"Input\":\"b\""), NULL, &open_provider, "Input"},
        {B(",\"input\":\"a\",\"input_type\":1,\"messages\":[]"), NULL, &open_provider, "messages"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prompt_fault fault;
        struct view refused = VIEW_EMPTY;
        struct prompt p;
        struct buf out;

        CHECK_INT(embeddings_dialect.read(view_str(rows[i].body), &p, &fault), ERR_NONE);
        buf_init(&out, openai_embeddings_room(&p));
        CHECK_INT(openai_embeddings_fits(&p, rows[i].provider, &refused), rows[i].refused == NULL);
        if (rows[i].refused != NULL) {
            CHECK(view_eq(refused, view_str(rows[i].refused)));
        } else {
            CHECK_INT(openai_embeddings_render(&p, rows[i].provider, "up", 0, &out), ERR_NONE);
            CHECK_BYTES(out.ptr, out.len, rows[i].want, strlen(rows[i].want));
        }
        buf_free(&out);
        prompt_list_free(&p.list);
    }
}

/* --- one vector */

static void write_vector(const char *text, bool base64, enum err want, const char *want_text)
{
    struct json_value v;
    struct buf scratch, out;
    size_t count = 0;

    buf_init(&scratch, 1 << 20);
    buf_init(&out, 1 << 20);
    CHECK_INT(json_check(view_str(text), &v, NULL), ERR_NONE);
    CHECK_INT(vector_write(v, base64, &scratch, &out, &count), want);
    if (want == ERR_NONE)
        CHECK_BYTES(out.ptr, out.len, want_text, strlen(want_text));
    buf_free(&scratch);
    buf_free(&out);
}

static void test_vector(void)
{
    static const struct {
        const char *text;
        bool base64;
        enum err want;
        const char *out;
    } rows[] = {
        {"[1, -0.5,\n2e0]", false, ERR_NONE, "[1, -0.5,\n2e0]"}, /* as it came */
        {"[1,-0.5]", true, ERR_NONE, "\"AACAPwAAAL8=\""},
        {"\"AACAPwAAAL8=\"", true, ERR_NONE, "\"AACAPwAAAL8=\""},
        {"\"AACAPwAAAL8=\"", false, ERR_NONE, "[1,-0.5]"},
        {"\"AAAAAAAAAIA=\"", false, ERR_NONE, "[0,-0]"},
        {"[0,-0]", true, ERR_NONE, "\"AAAAAAAAAIA=\""},
        {"\"\\/\\/9/fw==\"", true, ERR_NONE, "\"//9/fw==\""}, /* the largest; slashes escaped by a server */
        {"\"//9/fw==\"", false, ERR_NONE, "[3.40282347e+38]"},
        {"[3.4028234663852886e38]", true, ERR_NONE, "\"//9/fw==\""},
        {"\"AQAAAA==\"", false, ERR_NONE, "[1.40129846e-45]"}, /* the least */
        {"[1.4e-45]", true, ERR_NONE, "\"AQAAAA==\""},
        {"[1e-60]", true, ERR_NONE, "\"AAAAAA==\""}, /* less than the least is zero */
        {"[1e39]", true, ERR_PROVIDER_PROTOCOL, NULL},
        {"[1e39]", false, ERR_PROVIDER_PROTOCOL, NULL},
        {"\"AADAfw==\"", true, ERR_PROVIDER_PROTOCOL, NULL},  /* NaN */
        {"\"AADAfw==\"", false, ERR_PROVIDER_PROTOCOL, NULL},
        {"\"AACAfw==\"", true, ERR_PROVIDER_PROTOCOL, NULL},  /* infinity */
        {"\"AACA/w==\"", false, ERR_PROVIDER_PROTOCOL, NULL},
        {"\"AACAPwA=\"", false, ERR_PROVIDER_PROTOCOL, NULL}, /* five bytes */
        {"\"AACAPw\"", true, ERR_PROVIDER_PROTOCOL, NULL},    /* no padding */
        {"\"AACA*w==\"", true, ERR_PROVIDER_PROTOCOL, NULL},
        {"\"\"", true, ERR_PROVIDER_PROTOCOL, NULL},
        {"[]", false, ERR_PROVIDER_PROTOCOL, NULL},
        {"[1,null]", true, ERR_PROVIDER_PROTOCOL, NULL},
        {"[1,\"2\"]", false, ERR_PROVIDER_PROTOCOL, NULL},
        {"[[1]]", false, ERR_PROVIDER_PROTOCOL, NULL},
        {"{}", false, ERR_PROVIDER_PROTOCOL, NULL},
        {"null", true, ERR_PROVIDER_PROTOCOL, NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        write_vector(rows[i].text, rows[i].base64, rows[i].want, rows[i].out);
}

/* One number there and back: packed it is the float32 that strtof() makes of it, and that is what it is again as
 * a number. */
static void there_and_back(const char *text, struct buf *scratch, struct buf *packed, struct buf *number)
{
    struct json_value v;
    uint8_t bytes[4];
    size_t count;
    float f = strtof(text + 1, NULL);

    if (!isfinite(f))
        return;
    buf_reset(packed);
    buf_reset(number);
    CHECK_INT(json_check(view_str(text), &v, NULL), ERR_NONE);
    CHECK_INT(vector_write(v, true, scratch, packed, &count), ERR_NONE);
    CHECK_INT(base64_exact(view_of(packed->ptr + 1, packed->len - 2), bytes, 4), ERR_NONE);
    CHECK_BYTES(bytes, 4, (const uint8_t *)&f, 4);
    v = (struct json_value){JSON_STRING, buf_view(packed)};
    CHECK_INT(vector_write(v, false, scratch, number, &count), ERR_NONE);
    CHECK_INT(buf_append_byte(number, 0), ERR_NONE);
    CHECK(memcmp(&(float){strtof((const char *)number->ptr + 1, NULL)}, &f, 4) == 0);
}

/* In the spellings that servers use; every third lies halfway between two float32s, or as near as a double is. */
static void test_numbers_are_exact(void)
{
    struct buf scratch, packed, number;
    uint32_t bits = 12345;
    char text[400];

    buf_init(&scratch, 4096);
    buf_init(&packed, 4096);
    buf_init(&number, 4096);
    for (unsigned i = 0; i < 100000; i++) {
        double d;
        float f;

        bits = bits * 1664525 + 1013904223;
        memcpy(&f, &bits, sizeof f);
        if (i % 2 == 0) /* of the size that a vector's have */
            f = (float)((double)bits / 4294967296.0 - 0.5);
        if (!isfinite(f))
            continue;
        d = i % 3 == 0 ? ((double)f + (double)nextafterf(f, 0)) / 2 : (double)f;
        if (i % 5 == 0)
            snprintf(text, sizeof text, "[%.*f]", (int)(i / 5 % 18), d);
        else
            snprintf(text, sizeof text, "[%.*g]", (int)(i / 5 % 18 + 1), d);
        there_and_back(text, &scratch, &packed, &number);
    }
    there_and_back("[0.500000029802322387]", &scratch, &packed, &number);  /* just below halfway, */
    there_and_back("[0.5000000298023223876953125]", &scratch, &packed, &number); /* there, */
    there_and_back("[0.50000002980232239]", &scratch, &packed, &number);   /* just above */
    buf_free(&scratch);
    buf_free(&packed);
    buf_free(&number);
}

/* --- an answer */

static const struct provider provider = {.id = "p"};

static struct chat_canon canon(uint32_t n, uint32_t dimensions, bool base64)
{
    return (struct chat_canon){.id = "gen-1", .model = VIEW_LIT("a/b"), .provider = &provider,
                               .embeddings = {.n_inputs = n, .dimensions = dimensions, .base64 = base64}};
}

#define LIST(data, rest) "{\"object\":\"list\",\"data\":[" data "]" rest "}"
#define V(i, vector) "{\"object\":\"embedding\",\"index\":" i ",\"embedding\":" vector "}"
#define OURS(data) LIST(data, ",\"model\":\"a/b\"")

static void test_answer(void)
{
    static const struct {
        const char *body;
        uint32_t n, dimensions;
        bool base64;
        const char *want; /* NULL: no such answer */
        bool present;
        uint32_t prompt;
    } rows[] = {
        {LIST(V("0", "[1]"), ",\"model\":\"up\",\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}"), 1, 0, false,
         OURS(V("0", "[1]")), true, 8},
        {"\xef\xbb\xbf " LIST(V("0", "[1]"), ",\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":5}"), 1, 1, true,
         OURS(V("0", "\"AACAPw==\"")), true, 8},
        {LIST(V("0", "\"AACAPw==\""), ",\"usage\":{\"total_tokens\":6}"), 1, 0, false, OURS(V("0", "[1]")), true, 6},
        {LIST(V("0", "[1]"), ",\"usage\":{\"prompt_tokens\":-1}"), 1, 0, false, OURS(V("0", "[1]")), true, 0},
        {LIST(V("0", "[1]"), ",\"usage\":null"), 1, 0, false, OURS(V("0", "[1]")), false, 0},
        /* in the order of the inputs, and by place where there is no index */
        {LIST(V("1", "[2]") "," V("0", "[1]"), ""), 2, 0, false, OURS(V("0", "[1]") "," V("1", "[2]")), false, 0},
        {LIST("{\"embedding\":[1]},{\"index\":null,\"embedding\":[2],\"x\":3}", ""), 2, 0, false,
         OURS(V("0", "[1]") "," V("1", "[2]")), false, 0},
        {LIST(V("0", "[1]"), ""), 2, 0, false, NULL, false, 0},
        {LIST(V("0", "[1]") "," V("1", "[2]"), ""), 1, 0, false, NULL, false, 0},
        {LIST(V("0", "[1]") "," V("0", "[2]"), ""), 2, 0, false, NULL, false, 0},
        {LIST(V("0", "[1]") "," V("2", "[2]"), ""), 2, 0, false, NULL, false, 0},
        {LIST(V("-1", "[1]"), ""), 1, 0, false, NULL, false, 0},
        {LIST(V("\"0\"", "[1]"), ""), 1, 0, false, NULL, false, 0},
        {LIST(V("0", "[1]") "," V("1", "[2,3]"), ""), 2, 0, false, NULL, false, 0},
        {LIST(V("0", "[1,2]"), ""), 1, 3, false, NULL, false, 0},
        {LIST(V("0", "[]"), ""), 1, 0, false, NULL, false, 0},
        {LIST(V("0", "7"), ""), 1, 0, false, NULL, false, 0},
        {LIST("{\"index\":0}", ""), 1, 0, false, NULL, false, 0},
        {LIST("7", ""), 1, 0, false, NULL, false, 0},
        {LIST("", ""), 1, 0, false, NULL, false, 0},
        {"{\"data\":{}}", 1, 0, false, NULL, false, 0},
        {"{\"data\":[],\"data\":[]}", 1, 0, false, NULL, false, 0},
        {"{\"id\":\"x\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},"
         "\"finish_reason\":\"stop\"}]}", 1, 0, false, NULL, false, 0}, /* a chat answer */
        {"[]", 1, 0, false, NULL, false, 0},
        {"", 1, 0, false, NULL, false, 0},
        {LIST(V("0", "[NaN]"), ""), 1, 0, false, NULL, false, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct chat_canon c = canon(rows[i].n, rows[i].dimensions, rows[i].base64);
        struct chat_error error = {0};
        enum chat_kind kind;
        struct buf out;
        enum err e;

        buf_init(&out, 1 << 20);
        CHECK_INT(buf_append_byte(&out, '!'), ERR_NONE);
        e = openai_embeddings_whole(&c, view_str(rows[i].body), &out, &kind, &error);
        CHECK_INT(e, rows[i].want != NULL ? ERR_NONE : ERR_PROVIDER_PROTOCOL);
        if (rows[i].want != NULL) {
            CHECK_INT(kind, CHAT_EMIT);
            CHECK_BYTES(out.ptr + 1, out.len - 1, rows[i].want, strlen(rows[i].want));
            CHECK_INT(c.usage.present, rows[i].present);
            CHECK_INT(c.usage.prompt, rows[i].prompt);
            CHECK(c.usage.completion == 0 && c.content_bytes == 0);
        } else {
            CHECK_INT(out.len, 1);
        }
        buf_free(&out);
    }
}

static void test_error_under_200(void)
{
    struct chat_canon c = canon(1, 0, false);
    struct chat_error error = {0};
    enum chat_kind kind;
    struct buf out;

    buf_init(&out, 1 << 20);
    CHECK_INT(openai_embeddings_whole(&c, VIEW_LIT("{\"error\":{\"message\":\"too long\",\"code\":400}}"), &out, &kind, &error),
              ERR_NONE);
    CHECK_INT(kind, CHAT_ERROR);
    CHECK(error.client_fault && view_eq(error.message, VIEW_LIT("too long")) && out.len == 0);
    buf_free(&out);
}

/* What the bill says stands behind the list, and the answer is JSON. */
static void test_figures(void)
{
    static const struct token_usage usage = {.present = true, .prompt = 8, .prompt_nusd = 160};
    static const struct {
        bool openrouter;
        const char *want;
    } rows[] = {
        {false, OURS("") "?,\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}"},
        {true, OURS("") "?,\"id\":\"embd-01\",\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8,\"cost\":0.00000016,"
               "\"cost_details\":{\"upstream_inference_cost\":null,\"upstream_inference_prompt_cost\":0.00000016,"
               "\"upstream_inference_completions_cost\":0}}}"},
    };

    for (size_t i = 0; i < 2; i++) {
        struct answer a = {.id = "gen-01", .openrouter = rows[i].openrouter, .cost_nusd = 160};
        const char *tail = strchr(rows[i].want, '?') + 1;
        struct json_value root;
        struct buf out;
        size_t head = strlen(OURS("")) - 1;

        buf_init(&out, 4096);
        CHECK_INT(buf_append(&out, view_str(OURS(""))), ERR_NONE);
        CHECK_INT(embeddings_dialect.figures(&a, &usage, &out), ERR_NONE);
        CHECK_INT(json_check(buf_view(&out), &root, NULL), ERR_NONE);
        CHECK_BYTES(out.ptr + head, out.len - head, tail, strlen(tail));
        buf_free(&out);
        buf_init(&out, strlen(OURS("")) + 8); /* no room: the answer stays what it was */
        CHECK_INT(buf_append(&out, view_str(OURS(""))), ERR_NONE);
        CHECK_INT(embeddings_dialect.figures(&a, &usage, &out), ERR_LIMIT);
        CHECK_BYTES(out.ptr, out.len, OURS(""), strlen(OURS("")));
        buf_free(&out);
    }
}

/* --- recorded answers: whole they are answers in both forms with the same float32s; cut anywhere they are none */

static unsigned recorded;

static void check_cuts(struct view body, uint32_t n)
{
    for (size_t cut = 0; cut < body.len; cut += cut < 64 || body.len - cut < 64 ? 1 : 499) {
        struct chat_canon c = canon(n, 0, false);
        struct chat_error error = {0};
        enum chat_kind kind;
        struct buf out;

        buf_init(&out, 8 << 20);
        CHECK(openai_embeddings_whole(&c, view_of(body.ptr, cut), &out, &kind, &error) == ERR_PROVIDER_PROTOCOL);
        CHECK_INT(out.len, 0);
        buf_free(&out);
    }
}

static void one_recording(const char *path, const uint8_t *bytes, size_t len)
{
    struct view body = view_of(bytes, len);
    struct json_value root, data, model;
    struct json_member m;
    struct chat_error error = {0};
    enum chat_kind kind;
    struct buf packed, numbers, again;
    uint32_t n = 0;

    if (strstr(path, "mbed") == NULL || json_check(body, &root, NULL) != ERR_NONE ||
        !json_get(root, "data", &data) || data.kind != JSON_ARRAY || !json_get(root, "model", &model))
        return;
    for (struct json_iter it = json_iter(data); json_next(&it, &m); n++)
        ;
    while (body.len != 0 && strchr(" \r\n\t", body.ptr[body.len - 1]) != NULL)
        body.len--;
    recorded++;
    buf_init(&packed, 8 << 20);
    buf_init(&numbers, 8 << 20);
    buf_init(&again, 8 << 20);
    for (unsigned i = 0; i < 3; i++) { /* the recording packed, that as numbers, and those packed again */
        struct chat_canon c = canon(n, 0, i != 1);
        struct buf *out = i == 0 ? &packed : i == 1 ? &numbers : &again;

        CHECK_INT(openai_embeddings_whole(&c, i == 0 ? body : i == 1 ? buf_view(&packed) : buf_view(&numbers), out,
                                          &kind, &error), ERR_NONE);
        CHECK(kind == CHAT_EMIT && (i != 0 || c.usage.prompt != 0));
    }
    CHECK_BYTES(again.ptr, again.len, packed.ptr, packed.len);
    buf_free(&packed);
    buf_free(&numbers);
    buf_free(&again);
    check_cuts(body, n);
}

static void test_recordings(void)
{
    recorded = 0;
    fixtures_each_in(fixtures_root(), ".resp.json", one_recording);
    printf("# %u recorded answers\n", recorded);
    CHECK(recorded != 0);
}

static const struct check_case cases[] = {
    {"embeddings_read", test_read},
    {"embeddings_how_many", test_how_many},
    {"embeddings_render", test_render},
    {"embeddings_vector", test_vector},
    {"embeddings_numbers_are_exact", test_numbers_are_exact},
    {"embeddings_answer", test_answer},
    {"embeddings_error_under_200", test_error_under_200},
    {"embeddings_figures", test_figures},
    {"embeddings_recordings", test_recordings},
};
CHECK_MAIN(cases)
