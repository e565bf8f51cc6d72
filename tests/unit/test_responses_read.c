/* What a client of OpenAI's Responses wrote must become the prompt that it means, with figures that bound its
 * price; what would need a store is refused by its name, and nothing that Codex or the SDKs send is. */
#include "message.h"
#include "prompt_words.h"
#include "provider_fixtures.h"
#include "replay.h"
#include "responses_internal.h"
#include "responses_read.h"

#include "check.h"

static struct prompt prompt;
static struct prompt_fault fault;

static enum err read_body(const char *body)
{
    return responses_read(view_str(body), &prompt, &fault);
}

static void forget(void)
{
    prompt_list_free(&prompt.list);
}

static void must_read(const char *body)
{
    CHECK_INT(read_body(body), ERR_NONE);
    if (fault.message != NULL)
        printf("# %s: %s: %s\n", body, fault.param, fault.message);
    say_list(&prompt);
}

#define SAYS(list) CHECK_BYTES(words, n_words, list, sizeof(list) - 1)

#define J1(a) a
#define J2(a, b) a "," b
#define J3(a, b, c) a "," b "," c
#define J4(a, ...) a "," J3(__VA_ARGS__)
#define J5(a, ...) a "," J4(__VA_ARGS__)
#define J6(a, ...) a "," J5(__VA_ARGS__)
#define J7(a, ...) a "," J6(__VA_ARGS__)
#define J8(a, ...) a "," J7(__VA_ARGS__)
#define J_OF(a, b, c, d, e, f, g, h, n, ...) J##n
#define I(...) "{\"model\":\"m\",\"input\":[" J_OF(__VA_ARGS__, 8, 7, 6, 5, 4, 3, 2, 1, 0)(__VA_ARGS__) "]}"
#define U(content) "{\"role\":\"user\",\"content\":" content "}"
#define A(content) "{\"role\":\"assistant\",\"content\":" content "}"
#define TEXT(kind, text) "[{\"type\":\"" kind "\",\"text\":\"" text "\"}]"
#define CALL(id, name, args)                                                                                           \
    "{\"type\":\"function_call\",\"id\":\"fc_9\",\"call_id\":\"" id "\",\"name\":\"" name "\",\"arguments\":\"" args   \
    "\",\"status\":\"completed\"}"
#define OUT(id, output) "{\"type\":\"function_call_output\",\"call_id\":\"" id "\",\"output\":" output "}"
#define THINK(summary, rest) "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[" summary "]" rest "}"
#define SUM(text) "{\"type\":\"summary_text\",\"text\":\"" text "\"}"

static const struct {
    const char *body, *list;
} lists[] = {
    {"{\"model\":\"m\",\"input\":\"hi \\\"there\\\"\"}", "user text:hi \\\"there\\\""},
    {"\xef\xbb\xbf{\"model\":\"m\",\"input\":\"hi\"}", "user text:hi"},
    {"{\"model\":\"m\",\"input\":\"hi\",\"instructions\":\"Be brief.\",\"previous_response_id\":null}",
     "system text:Be brief. | user text:hi"},
    /* with and without a type; all roles; Codex's and the AI SDK's shapes */
    {I("{\"role\":\"system\",\"content\":\"s\"}", "{\"type\":\"message\",\"id\":\"msg_0\",\"role\":\"developer\","
       "\"content\":" TEXT("input_text", "d") "}", U(TEXT("input_text", "u")), A(TEXT("output_text", "a"))),
     "system text:s | developer text:d | user text:u | assistant text:a"},
    {I(U("[{\"type\":\"input_text\",\"text\":\"see\"},{\"type\":\"input_image\",\"detail\":\"low\",\"image_url\":"
         "\"data:image/png;base64,iVBO\"},{\"type\":\"input_file\",\"filename\":\"a.pdf\",\"file_data\":"
         "\"data:application/pdf;base64,JVBE\"},{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"UklG\","
         "\"format\":\"wav\"}},{\"type\":\"input_video\",\"video_url\":\"https://x/y.mp4\"}]")),
     "user text:see image:data:image/png;base64,iVBO +mark file:data:application/pdf;base64,JVBE,a.pdf "
     "audio:wav,UklG video:https://x/y.mp4"},
    /* one turn of the assistant is one message */
    {I(U("\"q\""), THINK(SUM("hm"), ""), A(TEXT("output_text", "One moment.")), CALL("c1", "f", "{}"),
       CALL("c2", "g", "{\\\"a\\\":1}"), OUT("c1", "\"sunny\""), OUT("c2", "[{\"type\":\"input_text\",\"text\":\"12\"},"
       "{\"type\":\"input_image\",\"image_url\":\"https://x/y.png\"}]"), U("\"Go on.\"")),
     "user text:q | assistant thought:hm text:One moment. call:c1,f,{} call:c2,g,{\\\"a\\\":1} | result(c1) text:sunny"
     " | result(c2) text:12 image:https://x/y.png | user text:Go on."},
    {I(A("\"first\""), A("\"second\""), U("\"x\"")), "assistant text:first text:\\n\\n text:second | user text:x"},
    {I(A("[{\"type\":\"refusal\",\"refusal\":\"No.\"}]")), "assistant refusal:No."},
    /* a turn that begins with its call, and results of calls that are not here */
    {I(CALL("c1", "f", "{}"), OUT("c1", "\"\"")), "assistant call:c1,f,{} | result(c1) text:"},
    {I("{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"patch\",\"input\":\"*** Begin\"}",
       "{\"type\":\"custom_tool_call_output\",\"call_id\":\"c\",\"output\":\"done\"}"),
     "assistant call:custom:c,patch,*** Begin | result(c custom) text:done"},
    /* content in clear wins over its summary; another's sealed thoughts say nothing */
    {I(U("\"q\""), THINK(SUM("s"), ",\"content\":[{\"type\":\"reasoning_text\",\"text\":\"t\"}],"
                                "\"encrypted_content\":\"gAAA\"")),
     "user text:q | assistant thought:t"},
    {I(U("\"q\""), THINK("", ",\"encrypted_content\":\"gAAA\"")), "user text:q | assistant"},
    /* calls of a namespace; what hosted tools did */
    {I("{\"type\":\"function_call\",\"call_id\":\"c\",\"namespace\":\"mail\",\"name\":\"send\",\"arguments\":\"{}\"}",
       "{\"type\":\"web_search_call\",\"id\":\"ws_1\",\"status\":\"completed\"}", U("\"x\"")),
     "assistant call:c,mail__send,{} | user text:x"},
    /* Codex's report of what happened beside its calls answers none */
    {I("{\"type\":\"function_call_output\",\"id\":\"fco_1\",\"namespace\":\"agent\",\"name\":\"goal\",\"output\":\"x\"}",
       "{\"type\":\"function_call_output\",\"name\":\"note\",\"output\":" TEXT("input_text", "y") "}"),
     "user text:Output of agent.goal: text:x | user text:Output of note: text:y"},
};

static void lists_come_out(void)
{
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        must_read(lists[i].body);
        CHECK_BYTES(words, n_words, lists[i].list, strlen(lists[i].list));
        forget();
    }
}

/* --- what cannot be honoured --- */

#define T(tool) "{\"model\":\"m\",\"input\":\"x\",\"tools\":[" tool "]}"
#define FN "{\"type\":\"function\",\"name\":\"f\",\"parameters\":{}}"
#define C(tools, choice) "{\"model\":\"m\",\"input\":\"x\",\"tools\":[" tools "],\"tool_choice\":" choice "}"
#define X(rest) "{\"model\":\"m\",\"input\":\"x\"," rest "}"

static const struct {
    const char *body, *param;
    enum err e;
} refused[] = {
    {"{\"model\":\"m\"", NULL, ERR_SHORT},
    {"[]", NULL, ERR_FORMAT},
    {"{\"input\":\"x\"}", "model", ERR_FORMAT},
    {"{\"model\":\"m\"}", "input", ERR_FORMAT},
    {"{\"model\":\"m\",\"instructions\":\"x\"}", "input", ERR_FORMAT},
    {"{\"model\":\"m\",\"input\":[]}", "input", ERR_FORMAT},
    {"{\"model\":\"m\",\"input\":7}", "input", ERR_FORMAT},
    {"{\"model\":\"m\",\"model\":\"n\",\"input\":\"x\"}", "model", ERR_DUPLICATE},
    {"{\"model\":\"\",\"input\":\"x\"}", "model", ERR_FORMAT},
    /* what needs a store */
    {X("\"previous_response_id\":\"resp_1\""), "previous_response_id", ERR_UNSUPPORTED},
    {X("\"conversation\":\"conv_1\""), "conversation", ERR_UNSUPPORTED},
    {X("\"prompt\":{\"id\":\"pmpt_1\"}"), "prompt", ERR_UNSUPPORTED},
    {X("\"background\":true"), "background", ERR_UNSUPPORTED},
    {I("{\"type\":\"item_reference\",\"id\":\"msg_1\"}"), "input", ERR_UNSUPPORTED},
    {I("{\"id\":\"msg_1\"}"), "input", ERR_UNSUPPORTED},
    {I(U("[{\"type\":\"input_image\",\"file_id\":\"file_1\"}]")), "input", ERR_UNSUPPORTED},
    {I(U("[{\"type\":\"input_file\",\"file_id\":\"file_1\"}]")), "input", ERR_UNSUPPORTED},
    {I(U("[{\"type\":\"input_file\",\"file_url\":\"https://x\"}]")), "input", ERR_UNSUPPORTED},
    {I("{\"type\":\"compaction\",\"encrypted_content\":\"x\"}"), "input", ERR_UNSUPPORTED},
    {I("{\"type\":\"telepathy\"}"), "input", ERR_UNSUPPORTED},
    {I(U("[{\"type\":\"telepathy\"}]")), "input", ERR_UNSUPPORTED},
    /* malformed items */
    {I("7"), "input", ERR_FORMAT},
    {I("{\"role\":\"tool\",\"content\":\"x\"}"), "input", ERR_FORMAT},
    {I("{\"role\":\"user\"}"), "input", ERR_FORMAT},
    {I(U("7")), "input", ERR_FORMAT},
    {I(U("[\"x\"]")), "input", ERR_FORMAT},
    {I(U("[{\"type\":\"input_text\"}]")), "input", ERR_FORMAT},
    {I(U("[{\"type\":\"input_text\",\"text\":7}]")), "input", ERR_FORMAT},
    {I("{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"{}\"}"), "input", ERR_FORMAT},
    {I("{\"type\":\"function_call\",\"call_id\":\"c\",\"arguments\":\"{}\"}"), "input", ERR_FORMAT},
    {I("{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\"}"), "input", ERR_FORMAT},
    {I("{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":{}}"), "input", ERR_FORMAT},
    {I("{\"type\":\"function_call_output\",\"call_id\":\"c\"}"), "input", ERR_FORMAT},
    {I("{\"type\":\"function_call_output\",\"output\":\"x\"}"), "input", ERR_FORMAT},
    {I(THINK("", ",\"encrypted_content\":\"eyJ0ciI6MSwiAAAA\"")), "input", ERR_FORMAT},
    /* nothing that a model can be sent */
    {I(THINK(SUM("hm"), "")), "input", ERR_FORMAT},
    {I(THINK("", ",\"encrypted_content\":\"gAAA\"")), "input", ERR_FORMAT},
    {I("{\"type\":\"web_search_call\",\"id\":\"ws_1\"}"), "input", ERR_FORMAT},
    {I(A("\"\"")), "input", ERR_FORMAT},
    {"{\"model\":\"m\",\"instructions\":\"x\",\"input\":[" THINK(SUM("hm"), "") "]}", "input", ERR_FORMAT},
    /* members */
    {X("\"max_output_tokens\":0"), "max_output_tokens", ERR_RANGE},
    {X("\"max_output_tokens\":\"9\""), "max_output_tokens", ERR_FORMAT},
    {X("\"stream\":\"yes\""), "stream", ERR_FORMAT},
    {X("\"temperature\":\"hot\""), "temperature", ERR_FORMAT},
    {X("\"top_logprobs\":21"), "top_logprobs", ERR_RANGE},
    {X("\"reasoning\":{\"effort\":\"huge\"}"), "reasoning", ERR_FORMAT},
    {X("\"max_output_tokens\":10,\"reasoning\":{\"max_tokens\":11}"), "reasoning", ERR_RANGE},
    {X("\"text\":{\"format\":{\"type\":\"xml\"}}"), "text", ERR_UNSUPPORTED},
    {X("\"text\":{\"format\":{\"type\":\"json_schema\",\"schema\":{}}}"), "text", ERR_FORMAT},
    {X("\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\"}}"), "text", ERR_FORMAT},
    {X("\"include\":\"all\""), "include", ERR_FORMAT},
    {X("\"metadata\":[]"), "metadata", ERR_FORMAT},
    {X("\"modalities\":[\"text\",\"audio\"]"), "modalities", ERR_UNSUPPORTED},
    {X("\"plugins\":[{\"id\":\"web\"}]"), "plugins", ERR_UNSUPPORTED},
    /* tools */
    {T("7"), "tools", ERR_FORMAT},
    {T("{\"type\":\"function\",\"function\":{\"name\":\"f\"}}"), "tools", ERR_FORMAT},
    {T("{\"type\":\"function\",\"name\":\"f\",\"parameters\":[]}"), "tools", ERR_FORMAT},
    {T("{\"type\":\"code_interpreter\",\"container\":{\"type\":\"auto\"}}"), "tools", ERR_UNSUPPORTED},
    {T("{\"type\":\"mcp\",\"server_label\":\"x\"}"), "tools", ERR_UNSUPPORTED},
    {T("{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"type\":\"mcp\"}]}"), "tools", ERR_UNSUPPORTED},
    {T("{\"type\":\"custom\",\"name\":\"n\",\"format\":{\"type\":\"grammar\",\"syntax\":\"lark\"}}"), "tools", ERR_FORMAT},
    {C(FN, "\"maybe\""), "tool_choice", ERR_FORMAT},
    {C(FN, "{\"type\":\"function\",\"name\":\"g\"}"), "tool_choice", ERR_FORMAT},
    {C(FN, "{\"type\":\"web_search\"}"), "tool_choice", ERR_UNSUPPORTED},
    {C("{\"type\":\"web_search\"}", "\"required\""), "tool_choice", ERR_UNSUPPORTED},
    {C(FN, "{\"type\":\"allowed_tools\",\"mode\":\"auto\",\"tools\":[{\"type\":\"function\",\"name\":\"g\"}]}"),
     "tool_choice", ERR_FORMAT},
};

static void refusals_name_the_member(void)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        enum err e = read_body(refused[i].body);

        if (e != refused[i].e)
            printf("# %s\n", refused[i].body);
        CHECK_INT(e, refused[i].e);
        CHECK(fault.message != NULL);
        CHECK((fault.param == NULL) == (refused[i].param == NULL));
        if (fault.param != NULL && refused[i].param != NULL)
            CHECK_BYTES(fault.param, strlen(fault.param), refused[i].param, strlen(refused[i].param));
        CHECK_INT(fault.member.len, 0);
        forget();
    }
    CHECK_INT(read_body(X("\"te\\u006dperatures\":1")), ERR_UNSUPPORTED);
    CHECK_BYTES(fault.member.ptr, fault.member.len, "te\\u006dperatures", 17);
    forget();
}

/* --- settings --- */

static void settings_are_read(void)
{
    const struct prompt_list *l = &prompt.list;

    must_read(X("\"instructions\":null,\"stream\":true,\"max_output_tokens\":1e3,\"temperature\":0.50,\"top_p\":1,"
                "\"top_logprobs\":3,\"include\":[\"message.output_text.logprobs\",\"reasoning.encrypted_content\"],"
                "\"reasoning\":{\"effort\":\"xhigh\",\"summary\":\"auto\"},\"service_tier\":\"flex\","
                "\"prompt_cache_key\":\"k\",\"safety_identifier\":\"s\",\"user\":\"u\\u0031\",\"store\":true,"
                "\"truncation\":\"auto\",\"max_tool_calls\":3,\"metadata\":{\"a\":\"b\"},\"client_metadata\":{},"
                "\"stream_options\":{\"include_obfuscation\":false},\"tools\":[],\"tool_choice\":\"auto\","
                "\"parallel_tool_calls\":true,\"background\":false,\"frequency_penalty\":1,"
                "\"text\":{\"verbosity\":\"low\",\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"strict\":true,"
                "\"schema\":{\"type\":\"object\"}}}"));
    CHECK(prompt.stream && prompt.include_usage && !prompt.hosted_tools && !prompt.has_media);
    CHECK(prompt.asked_store); /* the answer's head says that it was not done */
    CHECK_INT(prompt.max_tokens, 1000);
    CHECK_INT(prompt.needs, CAP_JSON_SCHEMA);
    CHECK_BYTES(prompt.model, strlen(prompt.model), "m", 1);
    CHECK_BYTES(prompt.user.ptr, prompt.user.len, "u\\u0031", 7);
    CHECK_BYTES(l->setting[SETTING_TEMPERATURE].ptr, l->setting[SETTING_TEMPERATURE].len, "0.50", 4);
    CHECK_BYTES(l->setting[SETTING_LOGPROBS].ptr, l->setting[SETTING_LOGPROBS].len, "true", 4);
    CHECK_BYTES(l->setting[SETTING_TOP_LOGPROBS].ptr, l->setting[SETTING_TOP_LOGPROBS].len, "3", 1);
    CHECK_BYTES(l->setting[SETTING_VERBOSITY].ptr, l->setting[SETTING_VERBOSITY].len, "\"low\"", 5);
    CHECK_BYTES(l->setting[SETTING_SERVICE_TIER].ptr, l->setting[SETTING_SERVICE_TIER].len, "\"flex\"", 6);
    CHECK_INT(l->effort, EFFORT_XHIGH);
    CHECK(l->wants_reasoning);
    CHECK_INT(l->format, FORMAT_JSON_SCHEMA);
    CHECK_INT(l->format_strict, 1);
    CHECK_INT(l->choice, CHOICE_UNSAID); /* providers refuse a choice, and a say on parallel calls, without tools */
    CHECK_INT(l->parallel_calls, -1);
    forget();
    must_read(X("\"top_logprobs\":3"));
    CHECK_INT(l->setting[SETTING_TOP_LOGPROBS].len, 0); /* not asked to be included */
    forget();
    must_read(X("\"reasoning\":{\"max_tokens\":50,\"exclude\":true},\"max_output_tokens\":60"));
    CHECK_INT(prompt.extra_output, 50);
    CHECK(!l->wants_reasoning);
    forget();
}

static void tool_is(size_t i, enum prompt_tool_kind kind, const char *name, int strict, const char *schema)
{
    const struct prompt_tool *t = &prompt.list.tool[i];

    CHECK(i < prompt.list.n_tools);
    CHECK_INT(t->kind, kind);
    CHECK_INT(t->strict, strict);
    CHECK_BYTES(t->name.ptr, t->name.len, name, strlen(name));
    CHECK_BYTES(t->schema.ptr, t->schema.len, schema, strlen(schema));
}

#define LONG40 "abcdefghijklmnopqrstuvwxyz0123456789abcd"

static void tools_are_flattened(void)
{
    char name[65];

    must_read(C("{\"type\":\"function\",\"name\":\"f\",\"description\":\"d\",\"parameters\":{\"type\":\"object\"},"
                "\"strict\":true},{\"type\":\"web_search\",\"external_web_access\":true},{\"type\":\"namespace\","
                "\"name\":\"mail\",\"description\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"send\",\"strict\":false,"
                "\"parameters\":null}]},{\"type\":\"custom\",\"name\":\"patch\",\"format\":{\"type\":\"grammar\","
                "\"syntax\":\"lark\",\"definition\":\"start: x\"}},{\"type\":\"custom\",\"name\":\"free\"},"
                "{\"type\":\"namespace\",\"name\":\"" LONG40 "\",\"tools\":[{\"type\":\"function\",\"name\":\"" LONG40
                "\"}]}", "{\"type\":\"function\",\"name\":\"send\",\"namespace\":\"mail\"}"));
    CHECK_INT(prompt.list.n_tools, 5);
    tool_is(0, TOOL_FUNCTION, "f", 1, "{\"type\":\"object\"}");
    tool_is(1, TOOL_FUNCTION, "mail__send", 0, "");
    tool_is(2, TOOL_CUSTOM, "patch", -1,
            "{\"type\":\"grammar\",\"grammar\":{\"syntax\":\"lark\",\"definition\":\"start: x\"}}");
    tool_is(3, TOOL_CUSTOM, "free", -1, "");
    CHECK_INT(prompt.list.tool[4].name.len, RESPONSES_NAME_MAX);
    CHECK_INT(memcmp(prompt.list.tool[4].name.ptr, LONG40 "__abcde_", 48), 0);
    CHECK_INT(prompt.list.choice, CHOICE_TOOL);
    CHECK_BYTES(prompt.list.choice_name.ptr, prompt.list.choice_name.len, "mail__send", 10);
    CHECK_INT(prompt.needs, CAP_TOOLS);
    CHECK(!prompt.hosted_tools);
    memcpy(name, prompt.list.tool[4].name.ptr, 64);
    forget();
    /* the same tool has the same name in a call of an earlier turn */
    must_read(I("{\"type\":\"function_call\",\"call_id\":\"c\",\"namespace\":\"" LONG40 "\",\"name\":\"" LONG40
                "\",\"arguments\":\"{}\"}"));
    CHECK_BYTES(prompt.list.item[1].name.ptr, prompt.list.item[1].name.len, name, 64);
    forget();
}

static void allowed_tools_filter(void)
{
    must_read(C("{\"type\":\"function\",\"name\":\"f\"},{\"type\":\"function\",\"name\":\"g\"},"
                "{\"type\":\"custom\",\"name\":\"h\"}",
                "{\"type\":\"allowed_tools\",\"mode\":\"required\",\"tools\":[{\"type\":\"custom\",\"name\":\"h\"},"
                "{\"type\":\"function\",\"name\":\"g\"},{\"type\":\"custom\",\"name\":\"h\"},{\"type\":\"web_search\"}]}"));
    CHECK_INT(prompt.list.n_tools, 2);
    tool_is(0, TOOL_CUSTOM, "h", -1, "");
    tool_is(1, TOOL_FUNCTION, "g", 0, "");
    CHECK_INT(prompt.list.choice, CHOICE_REQUIRED);
    forget();
}

/* Parameters of a function that says nothing of strict -> what chat is told. */
#define O(rest) "{\"type\":\"object\"" rest "}"
#define CLOSED ",\"additionalProperties\":false"
#define STR "{\"type\":\"string\"}"
static const struct {
    const char *schema;
    int strict;
} strictness[] = {
    {O(CLOSED), 1},
    {O(""), 0},
    {O(CLOSED ",\"properties\":{\"a\":" STR "},\"required\":[\"a\"]"), 1},
    {O(CLOSED ",\"properties\":{\"a\":" STR ",\"b\":" STR "},\"required\":[\"a\"]"), 0},
    {O(",\"properties\":{\"a\":" STR "},\"required\":[\"a\"]"), 0},
    {O(CLOSED ",\"properties\":{\"a\":" O(CLOSED) "},\"required\":[\"a\"]"), 1},
    {O(CLOSED ",\"properties\":{\"a\":" O("") "},\"required\":[\"a\"]"), 0},
    {O(CLOSED ",\"properties\":{\"a\":{\"type\":\"array\",\"items\":" O("") "}},\"required\":[\"a\"]"), 0},
    {O(CLOSED ",\"properties\":{\"a\":{\"anyOf\":[" STR "," O(CLOSED) "]}},\"required\":[\"a\"]"), 1},
    {O(CLOSED ",\"properties\":{\"a\":{\"anyOf\":[" STR "," O("") "]}},\"required\":[\"a\"]"), 0},
    {O(CLOSED ",\"properties\":{\"a\":{\"oneOf\":[" STR "]}},\"required\":[\"a\"]"), 0},
    {O(CLOSED ",\"$defs\":{\"d\":" O("") "}"), 0},
    /* a property that is called like a keyword is none */
    {O(CLOSED ",\"properties\":{\"not\":" STR ",\"default\":" STR "},\"required\":[\"not\",\"default\"]"), 1},
    {"{\"type\":\"string\"}", 0},
    {"{}", 0},
};

static void strict_is_said(void)
{
    for (size_t i = 0; i < sizeof strictness / sizeof strictness[0]; i++) {
        char body[1024];

        snprintf(body, sizeof body, T("{\"type\":\"function\",\"name\":\"f\",\"parameters\":%s}"),
                 strictness[i].schema);
        must_read(body);
        tool_is(0, TOOL_FUNCTION, "f", strictness[i].strict, strictness[i].schema);
        forget();
    }
}

/* --- figures --- */

#define IMAGE "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"

static void prices_are_bounded(void)
{
    const char *image = I(U("[{\"type\":\"input_image\",\"image_url\":\"" IMAGE "\"}]"));
    const char *plain = I(U("\"hi\""));
    const char *spaces = T("{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]}");

    must_read(plain);
    CHECK_INT(prompt.prompt_bound, strlen(plain) + PROMPT_TEMPLATE_TOKENS);
    CHECK_INT(prompt.prompt_bytes, strlen("[" U("\"hi\"") "]"));
    forget();
    must_read(image);
    CHECK_INT(prompt.media.images, 1);
    CHECK_INT(prompt.media.bytes, strlen("\"" IMAGE "\""));
    CHECK_INT(prompt.prompt_bound, strlen(image) - strlen("\"" IMAGE "\"") + PROMPT_TEMPLATE_TOKENS);
    CHECK_INT(prompt.prompt_bytes,
              strlen("[" U("[{\"type\":\"input_image\",\"image_url\":\"" IMAGE "\"}]") "]") - strlen("\"" IMAGE "\""));
    CHECK_INT(prompt.needs, CAP_IMAGES);
    CHECK(!prompt.has_media);
    forget();
    must_read(I(U("[{\"type\":\"input_file\",\"file_data\":\"https://x/a.pdf\"}]")));
    CHECK_INT(prompt.media.references, 1);
    forget();
    must_read(spaces); /* the provider sees both names */
    CHECK(prompt.prompt_bound > strlen(spaces) + PROMPT_TEMPLATE_TOKENS);
    CHECK(prompt.prompt_bytes > strlen("\"x\""));
    forget();
    must_read(T("{\"type\":\"web_search\"}")); /* is not sent */
    CHECK_INT(prompt.prompt_bytes, strlen("\"x\""));
    CHECK_INT(prompt.needs, 0);
    forget();
    must_read(I("{\"type\":\"web_search_call\",\"id\":\"ws\"}", U("\"hi\"")));
    CHECK_INT(prompt.prompt_bytes, strlen("[," U("\"hi\"") "]"));
    forget();
}

/* --- thoughts that we sealed --- */

#define DETAIL "{\"type\":\"reasoning.text\",\"text\":\"Two tools.\",\"signature\":\"c2ln\",\"index\":0}"

static void sealed_thoughts_are_opened(void)
{
    char body[4096];
    struct buf sealed;

    buf_init(&sealed, 4096);
    CHECK_INT(replay_seal(view_str("a/b"), VIEW_EMPTY, view_str(DETAIL ",{\"type\":\"reasoning.encrypted\",\"data\":\"x\"}"),
                          &sealed), ERR_NONE);
    snprintf(body, sizeof body, I(THINK(SUM("Two tools."), ",\"encrypted_content\":\"%.*s\""), CALL("c", "f", "{}")),
             (int)sealed.len, (const char *)sealed.ptr);
    must_read(body);
    SAYS("assistant thought:Two tools. detail:" DETAIL
         " detail:{\"type\":\"reasoning.encrypted\",\"data\":\"x\"} call:c,f,{}");
    forget();
    buf_reset(&sealed);
    /* of a provider that signs nothing: the client has thrown the text away */
    CHECK_INT(replay_seal(view_str("a/b"), view_str("Hm\\n"), VIEW_EMPTY, &sealed), ERR_NONE);
    snprintf(body, sizeof body, I(U("\"q\""), THINK("", ",\"encrypted_content\":\"%.*s\"")), (int)sealed.len,
             (const char *)sealed.ptr);
    must_read(body);
    SAYS("user text:q | assistant thought:Hm\\n");
    forget();
    buf_reset(&sealed);
    /* the thoughts are given twice, in the clear and in their element; the bound has room for both, and who
     * thought it is known */
    CHECK_INT(replay_seal(view_str("openai/gpt-5"), view_str("1212121212121212121212121212121212121212"),
                          view_str("{\"type\":\"reasoning.text\",\"signature\":\"s\"}"), &sealed), ERR_NONE);
    snprintf(body, sizeof body, I(U("\"q\""), THINK("", ",\"encrypted_content\":\"%.*s\"")), (int)sealed.len,
             (const char *)sealed.ptr);
    must_read(body);
    CHECK_INT(prompt.list.n_items, 5);
    CHECK(prompt.prompt_bound >= strlen(body) + 40 + PROMPT_TEMPLATE_TOKENS);
    for (size_t i = 3; i < 5; i++)
        if (prompt.list.item[i].kind == ITEM_DETAIL)
            CHECK_BYTES(prompt.list.item[i].name.ptr, prompt.list.item[i].name.len, "openai/gpt-5", 12);
    forget();
    buf_free(&sealed);
}

/* --- recordings: all that clients have sent is read --- */

static unsigned n_recorded;

static void recorded(const char *path, const uint8_t *bytes, size_t len)
{
    struct view body = view_of(bytes, len);
    struct json_value root, input;
    enum err e;

    if (json_check(body, &root, NULL) != ERR_NONE || !json_get(root, "input", &input) ||
        strstr(path, "embed") != NULL)
        return;
    n_recorded++;
    e = responses_read(body, &prompt, &fault);
    CHECK_INT(e, ERR_NONE);
    if (e != ERR_NONE)
        printf("# %s: %s: %s\n", path, fault.param, fault.message);
    CHECK(prompt.list.n_items >= 2);
    forget();
}

static void recorded_requests_are_read(void)
{
    fixtures_each_in(fixtures_root(), ".req.json", recorded);
    printf("# %u recorded requests\n", n_recorded);
    if (strncmp(fixtures_root(), "tests/", 6) == 0)
        check_skip("the recordings are not here");
    else
        CHECK_INT(n_recorded, 22);
}

static const struct check_case cases[] = {
    {"lists_come_out", lists_come_out},
    {"refusals_name_the_member", refusals_name_the_member},
    {"settings_are_read", settings_are_read},
    {"tools_are_flattened", tools_are_flattened},
    {"allowed_tools_filter", allowed_tools_filter},
    {"strict_is_said", strict_is_said},
    {"prices_are_bounded", prices_are_bounded},
    {"sealed_thoughts_are_opened", sealed_thoughts_are_opened},
    {"recorded_requests_are_read", recorded_requests_are_read},
};
CHECK_MAIN(cases)
