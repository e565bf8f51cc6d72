/* What a request can cost is reserved by its body's bytes, before a provider gets another body, which we make of
 * it: so nothing of the client's text may be there more often than the bound has room for. Each place of each
 * dialect where a client can put a long text gets one of digits, which models read one by one, and the body that
 * each kind of provider gets is searched for them. */
#include "adapter.h"
#include "completions.h"
#include "embeddings_dialect.h"
#include "messages.h"
#include "replay.h"
#include "responses.h"

#include "check.h"

enum { LONG = 5000 };

#define U(content) "{\"role\":\"user\",\"content\":" content "}"
#define A(content) "{\"role\":\"assistant\",\"content\":" content "}"
#define M(list) "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[" list "]}"
#define X(...) "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[" U("\"x\"") "]," __VA_ARGS__ "}"
#define PIXEL "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"iVBO\"}}"
#define USE(id, name, input) "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"" name "\",\"input\":" input "}"
#define RESULT(id, content) "{\"type\":\"tool_result\",\"tool_use_id\":\"" id "\",\"is_error\":true,\"content\":" content "}"
#define R(list) "{\"model\":\"m\",\"input\":[" list "]}"
#define T(...) "{\"model\":\"m\",\"input\":\"x\",\"tools\":[" __VA_ARGS__ "]}"
#define IMAGE "[{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,iVBO\"}]"
#define CALL(id, name, args) "{\"type\":\"function_call\",\"call_id\":\"" id "\",\"name\":\"" name "\",\"arguments\":\"" args "\"}"
#define OUT(id, output) "{\"type\":\"function_call_output\",\"call_id\":\"" id "\",\"output\":" output "}"

/* @ is the long text, $ a text that we have sealed, with it inside. */
static const struct {
    const struct dialect *dialect;
    const char *body;
} places[] = {
    {&messages_2023, X("\"system\":\"@\"")},
    {&messages_2023, X("\"system\":[{\"type\":\"text\",\"text\":\"@\",\"cache_control\":{\"type\":\"@\"}}]")},
    {&messages_2023, X("\"tools\":[{\"name\":\"@\",\"input_schema\":{}}],\"tool_choice\":{\"type\":\"tool\",\"name\":\"@\"}")},
    {&messages_2023, X("\"tools\":[{\"name\":\"f\",\"description\":\"@\",\"input_schema\":{\"a\":\"@\"}}]")},
    {&messages_2023, X("\"stop_sequences\":[\"@\"],\"metadata\":{\"user_id\":\"@\"}")},
    {&messages_2023, X("\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"a\":\"@\"}}}")},
    {&messages_2023, M(U("[{\"type\":\"text\",\"text\":\"@\"}]"))},
    {&messages_2023, M(U("\"x\"") "," A("[" USE("@", "f", "{}") "]") "," U("\"x\""))},
    {&messages_2023, M(U("\"x\"") "," A("[" USE("a", "@", "{\"a\":\"@\"}") "]") "," U("[" RESULT("a", "\"@\"") "]"))},
    {&messages_2023, M(U("\"x\"") "," A("[" USE("@", "f", "{}") "]") "," U("[" RESULT("@", "[" PIXEL "]") "]"))},
    {&messages_2023, M(U("[" RESULT("@", "[" PIXEL "," PIXEL "]") "]"))},
    {&messages_2023, M(U("[" RESULT("@", "[{\"type\":\"tool_reference\",\"tool_name\":\"@\"}]") "]"))},
    {&messages_2023, M(U("[{\"type\":\"document\",\"title\":\"@\",\"context\":\"@\",\"source\":{\"type\":\"text\",\"data\":\"@\"}}]"))},
    {&messages_2023, M(U("[{\"type\":\"document\",\"title\":\"@\",\"context\":\"@\",\"source\":{\"type\":\"base64\","
                         "\"media_type\":\"application/pdf\",\"data\":\"AAAA\"}}]"))},
    {&messages_2023, M(U("[{\"type\":\"search_result\",\"title\":\"@\",\"source\":\"@\",\"content\":[{\"type\":\"text\",\"text\":\"@\"}]}]"))},
    {&messages_2023, M(A("[{\"type\":\"thinking\",\"thinking\":\"@\",\"signature\":\"@\"},{\"type\":\"text\",\"text\":\"a\"}]"))},
    {&messages_2023, M(A("[{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"$\"},{\"type\":\"text\",\"text\":\"a\"}]"))},
    {&messages_2023, M(A("[{\"type\":\"thinking\",\"thinking\":\"@\",\"signature\":\"$\"},{\"type\":\"text\",\"text\":\"a\"}]"))},
    {&messages_2023, M(A("[{\"type\":\"redacted_thinking\",\"data\":\"$\"},{\"type\":\"text\",\"text\":\"a\"}]"))},
    {&messages_2023, M(A("[{\"type\":\"redacted_thinking\",\"data\":\"@\"},{\"type\":\"text\",\"text\":\"a\"}]"))},
    {&responses_dialect, "{\"model\":\"m\",\"instructions\":\"@\",\"input\":\"@\",\"user\":\"@\",\"prompt_cache_key\":\"@\"}"},
    {&responses_dialect, "{\"model\":\"m\",\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"@\",\"schema\":{\"a\":\"@\"}}}}"},
    {&responses_dialect, T("{\"type\":\"function\",\"name\":\"@\",\"description\":\"@\",\"parameters\":{\"a\":\"@\"}}")},
    {&responses_dialect, T("{\"type\":\"custom\",\"name\":\"@\",\"description\":\"@\",\"format\":{\"type\":\"grammar\",\"syntax\":\"@\",\"definition\":\"@\"}}")},
    {&responses_dialect, T("{\"type\":\"namespace\",\"name\":\"@\",\"description\":\"@\",\"tools\":[{\"type\":\"function\",\"name\":\"@\"},"
                           "{\"type\":\"function\",\"name\":\"b\"},{\"type\":\"function\",\"name\":\"c\"},{\"type\":\"custom\",\"name\":\"d\"}]}")},
    {&responses_dialect, R("{\"type\":\"additional_tools\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"description\":\"@\"}]}" "," U("\"x\""))},
    {&responses_dialect, R(U("\"x\"") "," CALL("@", "@", "@"))},
    {&responses_dialect, R(U("\"x\"") "," CALL("@", "f", "") "," OUT("@", IMAGE))},
    {&responses_dialect, R(OUT("@", IMAGE))},
    {&responses_dialect, R(U("\"x\"") "," "{\"type\":\"custom_tool_call\",\"call_id\":\"a\",\"name\":\"f\",\"input\":\"@\"}")},
    {&responses_dialect, R("{\"type\":\"function_call_output\",\"namespace\":\"@\",\"name\":\"@\",\"output\":\"@\"}")},
    {&responses_dialect, R(U("[{\"type\":\"input_file\",\"filename\":\"@\",\"file_data\":\"AAAA\"},{\"type\":\"input_audio\","
                             "\"input_audio\":{\"format\":\"@\",\"data\":\"AAAA\"}}]"))},
    {&responses_dialect, R("{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"$\"}" "," A("\"a\""))},
    {&responses_dialect, R("{\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"@\"}],"
                           "\"encrypted_content\":\"$\"}" "," A("\"a\""))},
    {&completions_dialect, "{\"model\":\"m\",\"prompt\":\"@\",\"stop\":\"@\",\"user\":\"@\"}"},
    {&embeddings_dialect, "{\"model\":\"m\",\"input\":[\"@\",\"@\"]}"},
};

static const struct provider providers[] = {
    {.id = "usual", .quirks = QUIRK_REASONING_CONTENT},
    {.id = "openai", .quirks = QUIRK_OPENAI},
    {.id = "strict", .quirks = QUIRK_STRICT | QUIRK_REASONING_CONTENT, .n_members = 2,
     .members = {"cache_control", "reasoning_details"}},
};
static const char *const models[] = {"m", "claude-sonnet-4", "gpt-5"};

static void put_long(struct buf *b)
{
    for (unsigned i = 0; i < LONG; i++)
        CHECK_INT(buf_append_byte(b, '7'), ERR_NONE);
}

static void put_sealed(struct buf *b)
{
    struct buf text;

    buf_init(&text, LONG);
    put_long(&text);
    CHECK_INT(replay_seal(view_str("m"), buf_view(&text), VIEW_LIT("{\"type\":\"reasoning.text\"}"), b), ERR_NONE);
    buf_free(&text);
}

static void make(const char *body, struct buf *out)
{
    for (const char *c = body; *c != '\0'; c++)
        if (*c == '@')
            put_long(out);
        else if (*c == '$')
            put_sealed(out);
        else
            CHECK_INT(buf_append_byte(out, (uint8_t)*c), ERR_NONE);
}

static uint64_t count_sevens(struct view v)
{
    uint64_t n = 0;

    for (size_t i = 0; i < v.len; i++)
        n += v.ptr[i] == '7';
    return n;
}

static void render_within(const struct prompt *p, const struct provider *provider, size_t place)
{
    const struct adapter *adapter = adapter_of(provider, p->kind);
    const uint64_t media = media_bound(&p->media, 0, 0);

    for (size_t m = 0; m < sizeof models / sizeof models[0]; m++) {
        const struct catalog_model model = {0};
        struct catalog_endpoint endpoint = {0};
        const struct destination to = {provider, &model, &endpoint};
        struct buf out;
        uint64_t sevens;

        snprintf(endpoint.upstream_model, sizeof endpoint.upstream_model, "%s", models[m]);
        buf_init(&out, adapter->room(p));
        CHECK_INT(adapter->render(p, &to, 0, &out), ERR_NONE);
        sevens = count_sevens(buf_view(&out));
        if (sevens > p->prompt_bound + media)
            printf("# %s, %s: %llu of %llu: %.120s\n", provider->id, models[m], (unsigned long long)sevens,
                   (unsigned long long)p->prompt_bound, places[place].body);
        CHECK(sevens <= p->prompt_bound + media);
        buf_free(&out);
    }
}

static void test_places(void)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct prompt_fault fault;
        struct prompt prompt;
        struct buf body;
        enum err e;

        buf_init(&body, LIMIT_BODY_BYTES);
        make(places[i].body, &body);
        e = places[i].dialect->read(buf_view(&body), &prompt, &fault);
        if (e != ERR_NONE)
            printf("# %s: %s: %s\n", places[i].body, fault.param, fault.message);
        CHECK_INT(e, ERR_NONE);
        for (size_t p = 0; e == ERR_NONE && p < sizeof providers / sizeof providers[0]; p++)
            render_within(&prompt, &providers[p], i);
        prompt_list_free(&prompt.list);
        buf_free(&body);
    }
}

/* A provider may put this member in front of each input. */
static void test_members_of_embeddings(void)
{
    struct prompt_fault fault;
    struct prompt prompt;
    struct buf body;

    buf_init(&body, LIMIT_BODY_BYTES);
    make("{\"model\":\"m\",\"input\":[\"a\",\"b\",\"c\"],\"instruction\":\"@\"}", &body);
    CHECK_INT(embeddings_dialect.read(buf_view(&body), &prompt, &fault), ERR_NONE);
    CHECK(prompt.prompt_bound >= 3 * LONG);
    prompt_list_free(&prompt.list);
    buf_free(&body);
}

static const struct check_case cases[] = {
    {"no_text_is_there_more_often_than_paid_for", test_places},
    {"a_member_stands_before_each_input", test_members_of_embeddings},
};
CHECK_MAIN(cases)
