/* Which endpoints of a model may be sent a request is decided before anything is reserved: where chat refuses tools beside
 * an effort, the endpoint that speaks Responses is the candidate. */
#include "adapter.h"
#include "chat_list.h"
#include "chat_request.h"
#include "check.h"
#include "parameters.h"

static const struct provider chat_row = {.id = "openai", .quirks = QUIRK_OPENAI},
                             responses_row = {.id = "openai-responses", .quirks = QUIRK_OPENAI, .dialect = DIALECT_RESPONSES},
                             kimi = {.id = "moonshot", .drop = {{"n", "temperature", "stop"}, 3}},
                             plain = {.id = "plain"}, strict = {.id = "strict", .quirks = QUIRK_STRICT},
                             mute = {.id = "near-ai", .quirks = QUIRK_NO_REASONING_EFFORT},
                             claude_row = {.id = "anthropic", .dialect = DIALECT_ANTHROPIC},
                             gemini_row = {.id = "google", .dialect = DIALECT_GEMINI},
                             strict_responses = {.id = "r", .quirks = QUIRK_STRICT, .dialect = DIALECT_RESPONSES};
static const struct catalog_model both = {.id = "openai/gpt-5.4", .capabilities = CAP_REASONING,
                                          .gates = {.bits = GATE_EFFORT_OR_TOOLS}},
                                  free_one = {.id = "openai/gpt-5"};
static const struct catalog_endpoint endpoint = {.upstream_model = "m"};

#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define TOOL "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],"

static const struct {
    const struct provider *provider;
    const struct catalog_model *model;
    const char *members, *refused; /* NULL: it fits */
} fits[] = {
    {&chat_row, &both, TOOL "\"reasoning_effort\":\"low\",", "reasoning_effort"},
    {&chat_row, &both, TOOL "\"reasoning\":{\"effort\":\"low\"},", "reasoning_effort"},
    {&chat_row, &both, TOOL "\"reasoning_effort\":\"none\",", NULL},
    {&chat_row, &both, TOOL, NULL},
    {&chat_row, &both, "\"reasoning_effort\":\"low\",", NULL},
    {&chat_row, &free_one, TOOL "\"reasoning_effort\":\"low\",", NULL},
    {&responses_row, &both, TOOL "\"reasoning_effort\":\"low\",", NULL},
    {&responses_row, &both, "\"n\":2,", "n"},
    {&kimi, &free_one, "\"n\":2,", "n"},
    {&kimi, &free_one, "\"n\":1,", NULL},
    {&chat_row, &free_one, "\"n\":2,", NULL},
};

static void each_endpoint(void)
{
    static struct chat_request request;
    static struct prompt prompt;
    struct prompt_fault fault;
    char body[512];

    for (size_t i = 0; i < sizeof fits / sizeof fits[0]; i++) {
        const struct destination to = {fits[i].provider, fits[i].model, &endpoint};
        struct view refused = VIEW_EMPTY;
        bool ok;

        snprintf(body, sizeof body, "{\"model\":\"m\",%s" HI "}", fits[i].members);
        CHECK_INT(chat_request_parse(view_str(body), &request, &prompt, &fault), ERR_NONE);
        CHECK_INT(chat_list_make(&prompt, &fault), ERR_NONE);
        ok = adapter_of(to.provider, PROMPT_CHAT)->fits(&prompt, &to, &refused);
        CHECK(ok == (fits[i].refused == NULL));
        if (fits[i].refused != NULL)
            CHECK_BYTES(refused.ptr, refused.len, fits[i].refused, strlen(fits[i].refused));
        prompt_list_free(&prompt.list);
    }
}

/* A parameter that the provider's request would be without: each dialect's, each row's, and a twin that is sent. */
static const struct catalog_model thinker = {.id = "a/t", .capabilities = CAP_REASONING, .gates = {.bits = GATE_THINKS_BY_BUDGET | GATE_NO_FORCED_TOOL_THINKING}};
static const struct {
    const struct provider *provider;
    const struct catalog_model *model;
    const char *members;
    bool lost;
} losses[] = {
    {&plain, &free_one, "\"seed\":1,\"logit_bias\":{\"1\":1},\"top_k\":1,\"min_p\":0.1,", false},
    {&kimi, &free_one, "\"temperature\":1,", true},
    {&kimi, &free_one, "\"temp\\u0065rature\":1,", true},
    {&kimi, &free_one, "\"temperature\":null,\"n\":1,\"top_p\":1,", false},
    {&kimi, &free_one, "\"stop\":[\"a\"],", true},
    {&plain, &free_one, "\"reasoning_effort\":\"low\",", true}, /* a model that does not think */
    {&plain, &free_one, "\"reasoning_effort\":\"none\",", false},
    {&plain, &thinker, "\"reasoning_effort\":\"low\",", false},
    {&mute, &thinker, "\"reasoning\":{\"effort\":\"low\"},", true},
    {&mute, &thinker, "\"reasoning\":{\"effort\":\"none\"},", false},

    {&claude_row, &thinker, "\"temperature\":1,\"top_k\":1,\"stop\":\"a\",\"parallel_tool_calls\":false,", false},
    {&claude_row, &thinker, "\"seed\":1,", true},
    {&claude_row, &thinker, "\"logit_bias\":{},", true},
    {&claude_row, &thinker, "\"verbosity\":\"low\",", true},
    {&claude_row, &thinker, "\"frequency_penalty\":1,", true},
    {&claude_row, &thinker, "\"presence_penalty\":1,", true},
    {&claude_row, &thinker, "\"presence_penalty\":null,\"response_format\":{\"type\":\"text\"},", false},
    {&claude_row, &thinker, "\"response_format\":{\"type\":\"json_object\"},", true},
    {&claude_row, &thinker, "\"temperature\":1,\"reasoning_effort\":\"low\",", true},
    {&claude_row, &thinker, "\"max_tokens\":9000,\"reasoning_effort\":\"low\"," TOOL "\"tool_choice\":\"auto\",", false},
    {&claude_row, &thinker, "\"max_tokens\":9000,\"reasoning_effort\":\"low\"," TOOL "\"tool_choice\":\"required\",", true},
    {&claude_row, &thinker, TOOL "\"tool_choice\":\"required\",", false},

    {&responses_row, &thinker, "\"temperature\":1,\"top_p\":1,\"verbosity\":\"low\",\"response_format\":{\"type\":\"json_object\"},", false},
    {&responses_row, &thinker, "\"seed\":1,", true},
    {&responses_row, &thinker, "\"logit_bias\":{},", true},
    {&responses_row, &thinker, "\"frequency_penalty\":1,", true},
    {&responses_row, &thinker, "\"presence_penalty\":1,", true},
    {&responses_row, &thinker, "\"top_k\":1,", true},
    {&strict_responses, &thinker, "\"verbosity\":\"low\",", true},

    {&gemini_row, &thinker, "\"seed\":1,\"top_k\":1,\"presence_penalty\":1,\"response_format\":{\"type\":\"json_object\"},", false},
    {&gemini_row, &thinker, "\"logit_bias\":{},", true},
    {&gemini_row, &thinker, "\"verbosity\":\"low\",", true},
    {&gemini_row, &thinker, "\"seed\":4294967296,", true},
    {&gemini_row, &thinker, "\"repetition_penalty\":1,", true},
    {&gemini_row, &thinker, TOOL "\"parallel_tool_calls\":false,", true},
    {&gemini_row, &thinker, TOOL "\"parallel_tool_calls\":true,", false},
};

static void each_loss(void)
{
    static struct chat_request request;
    static struct prompt prompt;
    struct prompt_fault fault;
    struct view refused;
    char body[512];

    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
        const struct destination to = {losses[i].provider, losses[i].model, &endpoint};
        const struct adapter *a = adapter_of(to.provider, PROMPT_CHAT);

        snprintf(body, sizeof body, "{\"model\":\"m\",%s" HI "}", losses[i].members);
        CHECK_INT(chat_request_parse(view_str(body), &request, &prompt, &fault), ERR_NONE);
        if (a->list)
            CHECK_INT(chat_list_make(&prompt, &fault), ERR_NONE);
        CHECK(a->fits(&prompt, &to, &refused));
        if (parameters_lost(a, &prompt, &to) != losses[i].lost)
            printf("# case %zu: %s\n", i, losses[i].members);
        CHECK(parameters_lost(a, &prompt, &to) == losses[i].lost);
        prompt_list_free(&prompt.list);
    }
}

/* A client of another dialect: its list is what it says. */
static void translated(void)
{
    static struct prompt p;
    const struct destination kimis = {&kimi, &free_one, &endpoint}, stricts = {&strict, &free_one, &endpoint},
                             open = {&plain, &free_one, &endpoint};
    const struct adapter *a = adapter_of(&kimi, PROMPT_CHAT);

    p = (struct prompt){.kind = PROMPT_CHAT, .n_choices = 1};
    prompt_list_init(&p.list);
    p.list.setting[SETTING_SAFETY_IDENTIFIER] = VIEW_LIT("\"u\"");
    CHECK(!parameters_lost(a, &p, &kimis) && !parameters_lost(a, &p, &stricts));
    p.list.setting[SETTING_STOP] = VIEW_LIT("[\"a\"]"); /* stop_sequences of Messages */
    CHECK(parameters_lost(a, &p, &kimis) && !parameters_lost(a, &p, &stricts));
    p.list.setting[SETTING_STOP] = VIEW_EMPTY;
    p.list.setting[SETTING_TOP_K] = VIEW_LIT("1");
    CHECK(!parameters_lost(a, &p, &kimis) && parameters_lost(a, &p, &stricts) && !parameters_lost(a, &p, &open));
    p.list.setting[SETTING_TOP_K] = VIEW_EMPTY;
    p.list.effort = EFFORT_LOW;
    CHECK(parameters_lost(a, &p, &open));
}

/* Which choices of a chat client demand a call. */
static void forced(void)
{
    static const struct {
        const char *members;
        bool forced;
    } choices[] = {
        {"", false},
        {"\"tool_choice\":null,", false},
        {"\"tool_choice\":\"auto\",", false},
        {"\"tool_choice\":\"none\",", false},
        {"\"tool_choice\":\"required\",", true},
        {"\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}},", true},
        {"\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\",\"tools\":[]}},", false},
        {"\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"required\",\"tools\":[]}},", true},
        {"\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"required\",\"tools\":[]},", true},
        {"\"function_call\":{\"name\":\"f\"},", true},
        {"\"function_call\":\"auto\",", false},
    };
    static struct chat_request request;
    static struct prompt prompt;
    struct prompt_fault fault;
    char body[512];

    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        snprintf(body, sizeof body, "{\"model\":\"m\"," TOOL "%s" HI "}", choices[i].members);
        CHECK_INT(chat_request_parse(view_str(body), &request, &prompt, &fault), ERR_NONE);
        CHECK(parameters_forced_tool(&prompt) == choices[i].forced);
    }
    prompt = (struct prompt){.list = {.choice = CHOICE_TOOL}};
    CHECK(parameters_forced_tool(&prompt));
    prompt.list.choice = CHOICE_AUTO;
    CHECK(!parameters_forced_tool(&prompt));
}

static const struct check_case cases[] = {
    {"adapter_parameters_lost", each_loss},
    {"adapter_parameters_translated", translated},
    {"adapter_forced_tool", forced},
    {"adapter_fits_each_endpoint", each_endpoint},
};
CHECK_MAIN(cases)
