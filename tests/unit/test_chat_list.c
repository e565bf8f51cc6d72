/* A chat client whose model is served by a provider of another dialect is understood as a client of that dialect would be
 * only if the list holds all that its body says, in order. Bodies are read into lists that are told in words; and the
 * list of each recorded request, written as chat again, must say what the spliced body says. */
#include "chat_list.h"
#include "chat_request.h"
#include "check.h"
#include "openai_render.h"
#include "prompt_words.h"
#include "provider_fixtures.h"

/* The product has a function of that name. */
#define json_object json_c_object
#include <json-c/json.h>
#undef json_object

static struct chat_request request;
static struct prompt prompt;
static struct prompt_fault fault;

static enum err read_list(const char *body)
{
    enum err e = chat_request_parse(view_str(body), &request, &prompt, &fault);

    return e == ERR_NONE ? chat_list_make(&prompt, &fault) : e;
}

#define USER(content) "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":" content "}]}"
#define TURN(members) "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\"," members "}]}"
#define CALL(id, args) "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"" args "\"}}"

static const struct {
    const char *body, *want;
} cases[] = {
    {USER("\"hi\""), "user text:hi"},
    {USER("\"\""), "user"},
    {USER("null"), "user"},
    {USER("[\"a\",{\"type\":\"text\",\"text\":\"b\"},{\"type\":\"text\",\"text\":\"\"}]"), "user text:a text:b"},
    {USER("[{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y.png\",\"detail\":\"low\"}}]"),
     "user image:https://x/y.png +mark"},
    {USER("[{\"type\":\"image_url\",\"image_url\":\"data:image/png;base64,AA\"}]"), "user image:data:image/png;base64,AA"},
    {USER("[{\"type\":\"image_url\",\"image_url\":{\"url\":\"u\",\"detail\":\"low\"},\"cache_control\":{\"type\":\"ephemeral\"}}]"),
     "user image:u +mark"},
    {USER("[{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;base64,QQ\"}}]"),
     "user file:data:application/pdf;base64,QQ,a.pdf"},
    {USER("[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QQ\",\"format\":\"wav\"}}]"), "user audio:wav,QQ"},
    {USER("[{\"type\":\"video_url\",\"video_url\":{\"url\":\"https://v\"}}]"), "user video:https://v"},
    {USER("[{\"type\":\"text\",\"text\":\"a\",\"prompt_cache_breakpoint\":{\"ttl\":\"30m\"}}]"),
     "user text:a +mark"},
    {"{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"developer\",\"content\":\"d\"},"
     "{\"role\":\"user\",\"content\":\"u\",\"name\":\"n\",\"cache_control\":{\"type\":\"ephemeral\"}}]}",
     "system text:s | developer text:d | user text:u +mark"},
    /* a turn: thoughts, answer, calls, whatever the order of the members */
    {TURN("\"tool_calls\":[" CALL("c1", "{\\\"a\\\":1}") "," CALL("c2", "") "],\"content\":\"x\",\"reasoning\":\"hm\""),
     "assistant thought:hm text:x call:c1,f,{\\\"a\\\":1} call:c2,f,"},
    {TURN("\"content\":null,\"refusal\":\"no\""), "assistant refusal:no"},
    {TURN("\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]"), "assistant refusal:no"},
    {TURN("\"content\":\"x\",\"reasoning\":\"a\",\"reasoning_content\":\"b\",\"reasoning_details\":[{\"type\":\"reasoning.text\"},7]"),
     "assistant thought:b detail:{\"type\":\"reasoning.text\"} text:x"},
    {TURN("\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"hm\"}]},{\"type\":\"text\",\"text\":\"x\"}]"),
     "assistant thought:hm text:x"},
    {TURN("\"content\":\"\",\"images\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:x\"}}]"), "assistant image:data:x"},
    {TURN("\"tool_calls\":[{\"id\":\"c\",\"type\":\"custom\",\"custom\":{\"name\":\"p\",\"input\":\"t\"}}]},"
          "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"9\"},{\"role\":\"tool\",\"tool_call_id\":\"d\",\"content\":[]"),
     "assistant call:custom:c,p,t | result(c custom) text:9 | result(d)"},
    {TURN("\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":{\"a\":[1]}}}]},"
          "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":[{\"type\":\"text\",\"text\":\"9\"},{\"type\":\"image_url\","
          "\"image_url\":{\"url\":\"u\"}}]"),
     "assistant call:c,f,{\"a\":[1]} | result(c) text:9 image:u"},
    /* calls in the way of old are numbered, and their results find them */
    {TURN("\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"role\":\"function\",\"name\":\"f\",\"content\":\"1\"},"
          "{\"role\":\"assistant\",\"function_call\":{\"name\":\"g\",\"arguments\":\"{}\"}},"
          "{\"role\":\"function\",\"name\":\"g\",\"content\":\"2\""),
     "assistant call:function_call_1,f,{} | result(function_call_1) text:1 | assistant call:function_call_2,g,{} | "
     "result(function_call_2) text:2"},
};

static void test_words(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(read_list(cases[i].body), ERR_NONE);
        say_list(&prompt);
        CHECK_BYTES(words, n_words, cases[i].want, strlen(cases[i].want));
        prompt_list_free(&prompt.list);
    }
    printf("# %zu bodies read\n", sizeof cases / sizeof cases[0]);
}

static const struct {
    const char *body;
    enum err want;
    const char *param, *member;
} refused[] = {
    {USER("[{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\"}}]"), ERR_UNSUPPORTED, "messages", ""},
    {USER("[{\"type\":\"hologram\",\"hologram\":{}}]"), ERR_UNSUPPORTED, NULL, "hologram"},
    {USER("[{\"text\":\"x\"}]"), ERR_FORMAT, "messages", ""},
    {USER("[{\"type\":\"text\",\"text\":7}]"), ERR_FORMAT, "messages", ""},
    {USER("[{\"type\":\"image_url\",\"image_url\":{}}]"), ERR_FORMAT, "messages", ""},
    {USER("[{\"type\":\"text\",\"text\":\"a\",\"text\":\"b\"}]"), ERR_DUPLICATE, "messages", ""},
    {USER("7"), ERR_FORMAT, "messages", ""},
    {"{\"messages\":[{\"role\":\"narrator\",\"content\":\"x\"}]}", ERR_FORMAT, "messages", ""},
    {"{\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}", ERR_FORMAT, "messages", ""},
    {TURN("\"audio\":{\"id\":\"a\"}"), ERR_UNSUPPORTED, "messages", ""},
    {TURN("\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]"), ERR_FORMAT, "messages", ""},
    {TURN("\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":7}}]"), ERR_FORMAT, "messages", ""},
    {"{\"temperature\":\"hot\",\"messages\":[{\"role\":\"user\"}]}", ERR_FORMAT, "temperature", ""},
    {"{\"stop\":[7],\"messages\":[{\"role\":\"user\"}]}", ERR_FORMAT, "stop", ""},
    {"{\"reasoning_effort\":\"hard\",\"messages\":[{\"role\":\"user\"}]}", ERR_FORMAT, "reasoning_effort", ""},
    {"{\"response_format\":{\"type\":\"xml\"},\"messages\":[{\"role\":\"user\"}]}", ERR_UNSUPPORTED, "response_format", ""},
    {"{\"tools\":[{\"type\":\"function\",\"function\":{}}],\"messages\":[{\"role\":\"user\"}]}", ERR_FORMAT, "tools", ""},
    {"{\"tools\":[{\"function\":{\"name\":\"f\"}}],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"g\"}},"
     "\"messages\":[{\"role\":\"user\"}]}", ERR_FORMAT, "tool_choice", ""},
};

static void test_refused(void)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        CHECK_INT(read_list(refused[i].body), refused[i].want);
        CHECK(fault.message != NULL);
        CHECK(refused[i].param == NULL ? fault.param == NULL
                                       : fault.param != NULL && strcmp(fault.param, refused[i].param) == 0);
        CHECK_BYTES(fault.member.ptr, fault.member.len, refused[i].member, strlen(refused[i].member));
        CHECK_INT((int64_t)prompt.list.n_items, 0);
    }
}

#define TOOLS                                                                                                          \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"},"  \
    "\"strict\":true},\"cache_control\":{\"type\":\"ephemeral\"}},{\"type\":\"custom\",\"custom\":{\"name\":\"p\"}},{\"name\":\"g\"}]"

static void test_tools(void)
{
    static const struct {
        const char *said;
        enum prompt_choice_kind choice;
        const char *name;
        size_t n;
    } choices[] = {
        {"\"auto\"", CHOICE_AUTO, "", 3},
        {"\"any\"", CHOICE_REQUIRED, "", 3},
        {"\"none\"", CHOICE_NONE, "", 3},
        {"{\"type\":\"custom\",\"custom\":{\"name\":\"p\"}}", CHOICE_TOOL, "p", 3},
        {"{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"required\",\"tools\":[{\"type\":\"function\",\"function\":{"
         "\"name\":\"g\"}},{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}}", CHOICE_REQUIRED, "", 2},
    };

    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        char body[2048];

        snprintf(body, sizeof body, "{" TOOLS ",\"tool_choice\":%s,\"messages\":[{\"role\":\"user\"}]}", choices[i].said);
        CHECK_INT(read_list(body), ERR_NONE);
        CHECK_INT(prompt.list.choice, choices[i].choice);
        CHECK_BYTES(prompt.list.choice_name.ptr, prompt.list.choice_name.len, choices[i].name, strlen(choices[i].name));
        CHECK_INT((int64_t)prompt.list.n_tools, (int64_t)choices[i].n);
        CHECK_BYTES(prompt.list.tool[0].name.ptr, prompt.list.tool[0].name.len, "f", 1);
        CHECK_INT(prompt.list.tool[0].strict, 1);
        CHECK(prompt.list.tool[0].mark.len != 0);
        CHECK_BYTES(prompt.list.tool[choices[i].n - 1].name.ptr, 1, "g", 1);
        prompt_list_free(&prompt.list);
    }
}

static void test_effort(void)
{
    static const struct {
        const char *said;
        enum prompt_effort effort;
        uint32_t tokens;
    } efforts[] = {
        {"\"x\":1", EFFORT_UNSAID, 0},
        {"\"reasoning_effort\":\"low\"", EFFORT_LOW, 0},
        {"\"reasoning\":{\"effort\":\"high\"}", EFFORT_HIGH, 0},
        {"\"reasoning\":{\"max_tokens\":2048}", EFFORT_MEDIUM, 2048},
        {"\"reasoning\":{\"enabled\":false}", EFFORT_NONE, 0},
        {"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":5000}", EFFORT_HIGH, 5000},
        {"\"thinking\":{\"type\":\"disabled\"}", EFFORT_NONE, 0},
        {"\"enable_thinking\":true", EFFORT_MEDIUM, 0},
        {"\"thinking_budget\":1024", EFFORT_LOW, 1024},
        {"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":5000},\"reasoning_effort\":\"none\"", EFFORT_NONE, 0},
    };

    for (size_t i = 0; i < sizeof efforts / sizeof efforts[0]; i++) {
        char body[512];

        snprintf(body, sizeof body, "{\"messages\":[{\"role\":\"user\"}],%s}", efforts[i].said);
        CHECK_INT(read_list(body), ERR_NONE);
        CHECK_INT(prompt.list.effort, efforts[i].effort);
        CHECK_INT(prompt.list.reasoning_tokens, efforts[i].tokens);
        prompt_list_free(&prompt.list);
    }
}

/* --- recorded requests */

static json_c_object *get(json_c_object *o, const char *name)
{
    return json_object_is_type(o, json_type_object) ? json_object_object_get(o, name) : NULL;
}

/* Text parts are one text, a blank line between two (none in the model's own). */
static void level_content(json_c_object *message)
{
    json_c_object *content = get(message, "content");
    const char *role = json_object_get_string(get(message, "role")), *between = strcmp(role, "assistant") == 0 ? "" : "\n\n";
    char text[1 << 16] = "";

    if (json_object_is_type(content, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(content); i++) {
            json_c_object *part = json_object_array_get_idx(content, i), *t = get(part, "text");

            if (strcmp(json_object_get_string(get(part, "type")), "thinking") == 0)
                continue; /* thoughts in clear are sent to nobody who does not ask for them */
            if (t == NULL)
                return; /* media beside it */
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", *text ? between : "", json_object_get_string(t));
        }
        json_object_object_add(message, "content", json_object_new_string(text));
    } else if (content == NULL && get(message, "tool_calls") == NULL)
        json_object_object_add(message, "content", json_object_new_string(""));
    if (get(message, "tool_calls") != NULL && json_object_get_string_len(get(message, "content")) == 0)
        json_object_object_del(message, "content"); /* "" and null are one */
}

static void drop_nulls(json_c_object *o)
{
    static const char *const names[] = {"tool_calls", "content"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        json_c_object *v = get(o, names[i]);

        if (v == NULL || (json_object_is_type(v, json_type_array) && json_object_array_length(v) == 0))
            json_object_object_del(o, names[i]);
    }
}

static void level_message(json_c_object *message)
{
    static const char *const no_place[] = {"name", "prefix", "reasoning", "reasoning_content", "reasoning_details", "cache_control"};
    json_c_object *calls;

    drop_nulls(message);
    calls = get(message, "tool_calls");
    for (size_t i = 0; i < sizeof no_place / sizeof no_place[0]; i++)
        json_object_object_del(message, no_place[i]);
    for (size_t i = 0; calls != NULL && i < json_object_array_length(calls); i++) {
        json_c_object *call = json_object_array_get_idx(calls, i), *f = get(call, "function");

        json_object_object_del(call, "index");
        json_object_object_del(call, "cache_control");
        json_object_object_add(call, "type", json_object_new_string("function"));
        if (json_object_get_string_len(get(f, "arguments")) == 0)
            json_object_object_add(f, "arguments", json_object_new_string("{}"));
    }
    level_content(message);
}

static json_c_object *levelled(const struct buf *body)
{
    char *text = strndup((const char *)body->ptr, body->len);
    json_c_object *o = json_tokener_parse(text), *messages = get(o, "messages");

    free(text);
    if (get(get(o, "response_format"), "json_schema") != NULL) /* a description has no place in the list */
        json_object_object_del(get(get(o, "response_format"), "json_schema"), "description");
    if (strcmp(json_object_get_string(get(o, "reasoning_effort")) ?: "", "default") == 0)
        json_object_object_del(o, "reasoning_effort"); /* what its absence means */
    for (size_t i = 0; get(o, "tools") != NULL && i < json_object_array_length(get(o, "tools")); i++)
        json_object_object_del(json_object_array_get_idx(get(o, "tools"), i), "eager_input_streaming");
    if (strcmp(json_object_get_string(get(get(o, "thinking"), "type")) ?: "", "disabled") == 0)
        json_object_object_add(o, "reasoning_effort", json_object_new_string("none"));
    CHECK(messages != NULL);
    for (size_t i = 0; messages != NULL && i < json_object_array_length(messages); i++)
        level_message(json_object_array_get_idx(messages, i));
    return o;
}

static const struct provider provider = {.id = "any", .quirks = QUIRK_NO_STORE | QUIRK_MAX_TOKENS, .n_members = 4,
                                         .members = {"service_tier", "inferenceConfig", "moderation", "prediction"}};
static unsigned n_compared, n_other;

static void compare(const char *path, const struct buf *spliced, const struct buf *listed)
{
    static const char *const members[] = {"messages", "model", "tools", "tool_choice", "parallel_tool_calls", "stream", "max_tokens",
                                          "max_completion_tokens", "n", "temperature", "top_p", "frequency_penalty",
                                          "presence_penalty", "response_format", "reasoning_effort", "service_tier", "stop"};
    json_c_object *a = levelled(spliced), *b = levelled(listed);

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        json_c_object *x = get(a, members[i]), *y = get(b, members[i]);

        if (y == NULL && ((strcmp(members[i], "n") == 0 && json_object_get_int(x) == 1) ||
                          (strcmp(members[i], "stream") == 0 && !json_object_get_boolean(x))))
            continue; /* what their absence means */
        if (!json_object_equal(x, y)) {
            printf("# %s: %s\n#  %s\n#  %s\n", path, members[i], json_object_to_json_string(x), json_object_to_json_string(y));
            CHECK(!"what is spliced and what is written from the list say the same");
        }
    }
    n_compared++;
    json_object_put(a);
    json_object_put(b);
}

static void one_recording(const char *path, const uint8_t *bytes, size_t len)
{
    struct buf spliced, listed;

    buf_init(&spliced, 1 << 22);
    buf_init(&listed, 1 << 22);
    if (chat_request_parse(view_of(bytes, len), &request, &prompt, &fault) != ERR_NONE) {
        n_other++; /* of another API */
        return;
    }
    if (chat_list_make(&prompt, &fault) != ERR_NONE) {
        printf("# %s: %s\n", path, fault.message);
        CHECK(strstr(path, "/anthropic/") != NULL || strstr(path, "bedrock") != NULL || strstr(path, "vercel") != NULL);
        n_other++;
        return;
    }
    CHECK_INT(chat_request_render(&request, &provider, "up", 0, &spliced), ERR_NONE);
    prompt.chat = NULL;
    CHECK_INT(openai_render(&prompt, &provider, "up", 0, &listed), ERR_NONE);
    if (strstr(path, "/anthropic/") == NULL && !prompt.hosted_tools) /* its tools are not chat's, or have no place in the list */
        compare(path, &spliced, &listed);
    prompt_list_free(&prompt.list);
    buf_free(&spliced);
    buf_free(&listed);
}

static void test_recordings(void)
{
    (void)fixtures_each_in(fixtures_root(), ".req.json", one_recording);
    printf("# %u recorded requests compared, %u of other APIs\n", n_compared, n_other);
    CHECK(n_compared != 0);
}

static const struct check_case tests[] = {
    {"chat_bodies_as_lists", test_words},
    {"chat_bodies_without_a_list", test_refused},
    {"chat_tools_as_a_list", test_tools},
    {"chat_efforts_as_a_list", test_effort},
    {"recorded_chat_requests_as_lists", test_recordings},
};
CHECK_MAIN(tests)
