/* A row's edits decide whether a provider keeps prompts, and whether it takes the request at all: each edit in a finished
 * body, byte for byte, and what stays as it was. */
#include "check.h"

#include "json.h"
#include "prompt.h"
#include "row_edits.h"
#include "secret.h"

static struct provider plain = {.id = "plain"},
    kimi = {.id = "kimi", .drop = {{"temperature", "top_p", "n"}, 3}},
    mistral = {.id = "mistral", .quirks = QUIRK_SHORT_TOOL_IDS, .n_renames = 1, .rename = {{"seed", "random_seed"}}},
    effortless = {.id = "effortless", .drop = {{"reasoning_effort"}, 1}},
    renaming = {.id = "renaming", .n_renames = 1, .rename = {{"reasoning_effort", "effort"}}},
    hub = {.id = "hub", .force = "{\"provider\":{\"zdr\":true},\"y\":1}"};
static struct catalog_model open_model = {.id = "a/open"},
    fixed = {.id = "a/fixed", .gates = {.bits = GATE_NO_SAMPLING | GATE_NO_PENALTIES}},
    gpt5 = {.id = "openai/gpt-5", /* minimal to high */
            .gates = {.bits = GATE_THINKS_ALWAYS, .efforts = 0x0f << (EFFORT_MINIMAL - 1)}},
    gpt51 = {.id = "openai/gpt-5.1", /* none, low to high */
             .gates = {.efforts = 1 << (EFFORT_NONE - 1) | 0x07 << (EFFORT_LOW - 1)}},
    claude = {.id = "anthropic/claude-x", .gates = {.efforts = 0x1f << (EFFORT_LOW - 1)}},
    streams = {.id = "a/streams", .gates = {.bits = GATE_STREAMS_ONLY}};
static const struct catalog_endpoint endpoint = {.upstream_model = "m"};

static const struct {
    const struct provider *provider;
    const struct catalog_model *model;
    const char *body, *want;
} edits[] = {
    {&plain, &open_model, "{\"model\":\"m\",\"n\":1,\"seed\":2}", "{\"model\":\"m\",\"n\":1,\"seed\":2}"},
    {&kimi, &open_model, "{\"temperature\":1,\"model\":\"m\",\"n\":1, \"top_p\" : 2 ,\"x\":3}", "{\"model\":\"m\" ,\"x\":3}"},
    {&kimi, &open_model, "{\"model\":\"m\",\"top\\u005fp\":1,\"top_P\":2}", "{\"model\":\"m\",\"top_P\":2}"},
    {&kimi, &open_model, "{\"n\":1,\"top_p\":1,\"model\":\"m\",\"n\":1}", "{\"model\":\"m\"}"},
    {&mistral, &open_model, "{\"model\":\"m\",\"seed\":2}", "{\"model\":\"m\",\"random_seed\":2}"},
    {&mistral, &open_model, "{\"model\":\"m\",\"messages\":[{\"role\":\"tool\",\"tool_call_id\":\"abcDEF123\"}]}",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"tool\",\"tool_call_id\":\"abcDEF123\"}]}"},
    {&hub, &open_model, "{\"model\":\"m\"}", "{\"provider\":{\"zdr\":true},\"y\":1,\"model\":\"m\"}"},
    {&hub, &open_model, "{\"provider\":{\"zdr\":false},\"model\":\"m\",\"\\u0079\":2}",
     "{\"provider\":{\"zdr\":true},\"y\":1,\"model\":\"m\"}"},
    {&plain, &fixed,
     "{\"model\":\"m\",\"temperature\":1,\"top_k\":1,\"logprobs\":true,\"top_logprobs\":2,\"logit_bias\":{\"1\":2},\"presence_penalty\":1,\"frequency_penalty\":0,\"stop\":[\"temperature\"]}",
     "{\"model\":\"m\",\"stop\":[\"temperature\"]}"},
    {&plain, &streams, "{\"model\":\"m\",\"stream\":false}",
     "{\"stream\":true,\"stream_options\":{\"include_usage\":true},\"model\":\"m\"}"},
    /* an effort that the model does not know: the next lower, but for none, else the next higher */
#define EFFORT(word) "{\"model\":\"m\",\"reasoning_effort\":" word ",\"messages\":[{\"reasoning_effort\":\"max\"}]}"
    {&plain, &gpt5, EFFORT("\"none\""), EFFORT("\"minimal\"")},
    {&plain, &gpt5, EFFORT("\"m\\u0061x\""), EFFORT("\"high\"")},
    {&plain, &gpt5, EFFORT("\"minimal\""), EFFORT("\"minimal\"")},
    {&plain, &gpt51, EFFORT("\"max\""), EFFORT("\"high\"")},
    {&plain, &gpt51, EFFORT("\"minimal\""), EFFORT("\"low\"")},
    {&plain, &gpt51, EFFORT("\"none\""), EFFORT("\"none\"")},
    {&plain, &gpt51, EFFORT("\"huge\""), EFFORT("\"huge\"")},
    {&plain, &gpt51, EFFORT("null"), EFFORT("null")},
    {&plain, &open_model, EFFORT("\"max\""), EFFORT("\"max\"")},
    {&plain, &claude, EFFORT("\"minimal\""), EFFORT("\"low\"")},
    {&plain, &claude, EFFORT("\"none\""), EFFORT("\"none\"")}, /* it can be kept from thinking */
    {&effortless, &gpt51, EFFORT("\"max\""), "{\"model\":\"m\",\"messages\":[{\"reasoning_effort\":\"max\"}]}"},
    {&renaming, &gpt51, "{\"reasoning_effort\":\"max\"}", "{\"effort\":\"high\"}"},
    {&kimi, &open_model, "--boundary", "--boundary"},
    {&kimi, &open_model, "[1]", "[1]"},
};

static void apply(const struct provider *provider, const struct catalog_model *model, const char *body, struct buf *out)
{
    const struct destination to = {provider, model, &endpoint};
    const size_t n = strlen(body), path = 5;

    buf_init(out, path + n + row_edits_room(&to, n));
    CHECK_INT(buf_append(out, VIEW_LIT("/path")), ERR_NONE);
    CHECK_INT(buf_append(out, view_str(body)), ERR_NONE);
    CHECK_INT(row_edits_apply(&to, path, out), ERR_NONE);
    CHECK_BYTES(out->ptr, path, "/path", path);
    buf_consume(out, path);
}

static void each_edit(void)
{
    struct buf out;

    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        apply(edits[i].provider, edits[i].model, edits[i].body, &out);
        CHECK_BYTES(out.ptr, out.len, edits[i].want, strlen(edits[i].want));
        buf_free(&out);
    }
}

/* An id that is refused becomes one that is not: the same in a call and in its result, another for another. */
static void ids_of_calls(void)
{
    static const char body[] =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"call_1\",\"type\":\"function\"},"
        "{\"type\":\"function\",\"id\":\"\"}]},{\"tool_call_id\":\"call_1\",\"role\":\"tool\"},"
        "{\"tool_call_id\":\"\",\"role\":\"tool\"},{\"id\":\"call_1\",\"role\":\"user\"}]}";
    struct json_value root, messages, v;
    struct json_member m, call;
    struct json_iter it, in;
    struct view id[4];
    size_t n = 0;
    struct buf out;

    apply(&mistral, &open_model, body, &out);
    CHECK_INT(json_check(buf_view(&out), &root, NULL), ERR_NONE);
    CHECK(json_get(root, "messages", &messages));
    for (it = json_iter(messages); json_next(&it, &m);) {
        if (json_get(m.value, "tool_call_id", &v))
            CHECK(n < 4 && json_string_plain(v, &id[n++]));
        if (json_get(m.value, "tool_calls", &v))
            for (in = json_iter(v); json_next(&in, &call);)
                CHECK(n < 4 && json_get(call.value, "id", &v) && json_string_plain(v, &id[n++]));
        if (json_get(m.value, "id", &v))
            CHECK(json_string_is(v, "call_1"));
    }
    CHECK_INT(n, 4);
    for (size_t i = 0; i < n; i++)
        CHECK_INT(id[i].len, 9);
    CHECK(view_eq(id[0], id[2]) && view_eq(id[1], id[3]) && !view_eq(id[0], id[1]));
    buf_free(&out);
}

/* What a row forces is never left out: a body that has no place for it, or is too deep to be read, is not sent. */
static void nothing_forced(void)
{
    const struct destination to = {&hub, &open_model, &endpoint};
    char deep[160];
    const char *const bodies[] = {"--boundary", "[1]", "", deep};

    memset(deep, '[', sizeof deep);
    memcpy(deep, "{\"a\":", 5);
    deep[sizeof deep - 1] = '\0';
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct buf out;

        buf_init(&out, 1024);
        CHECK_INT(buf_append(&out, view_str(bodies[i])), ERR_NONE);
        CHECK_INT(row_edits_apply(&to, 0, &out), ERR_FORMAT);
        buf_free(&out);
    }
}

static const struct check_case cases[] = {
    {"row_edits_each", each_edit},
    {"row_edits_nothing_forced", nothing_forced},
    {"row_edits_ids_of_calls", ids_of_calls},
};
CHECK_MAIN(cases)
