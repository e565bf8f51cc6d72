/* What a client asks of several models under one id costs as many calls: each parameter has one meaning or is refused by
 * its path, whichever API it came by, and nothing of the tool is sent to a provider. */
#include "synth_read.c"

#include "chat_request.h"
#include "completions.h"
#include "messages.h"
#include "responses.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>

/* --- the catalog */

static const struct {
    const char *id;
    enum catalog_kind kind;
} models[] = {
    {"moonshotai/kimi-k2.6", KIND_CHAT}, {"minimax/minimax-m3", KIND_CHAT}, {"z-ai/glm-5.2", KIND_CHAT},
    {"x/vectors", KIND_EMBEDDINGS},      {"trustedrouter/synth", KIND_SYNTH}, {"trustedrouter/synth-code", KIND_SYNTH},
    {"trustedrouter/prometheus-1.0", KIND_SYNTH}, {"trustedrouter/iris-1.0", KIND_SYNTH},
    {"trustedrouter/prometheus-code-1.0", KIND_SYNTH},
};
enum { KIMI = 1, MINIMAX, GLM, VECTORS, SYNTH, SYNTH_CODE, PROMETHEUS, IRIS, PROMETHEUS_CODE, MODELS = PROMETHEUS_CODE };

static const struct catalog_alias aliases[] = {
    {.id = "~kimi/latest", .model = {KIMI}, .n_models = 1},
    {.id = "x/vector-alias", .model = {VECTORS}, .n_models = 1},
    {.id = "trustedrouter/prometheus", .model = {PROMETHEUS}, .n_models = 1, .sort = ALIAS_SORT_LATENCY},
    {.id = "x/kept-nowhere", .model = {KIMI}, .n_models = 1, .wants = ALIAS_NO_RETENTION | ALIAS_CONFIDENTIAL},
    {.id = "x/american", .model = {GLM}, .n_models = 1, .wants = ALIAS_US},
    {.id = "x/free", .model = {GLM}, .n_models = 1, .wants = ALIAS_FREE},
    {.id = "trustedrouter/prometheus-eu", .model = {PROMETHEUS}, .n_models = 1, .wants = ALIAS_EU},
};

#define KIMI_MINIMAX {"moonshotai/kimi-k2.6", "minimax/minimax-m3"}
static const struct catalog_synth synths[] = {
    {.model_no = SYNTH, .generic = true, .panel_tokens = 1, .judge_tokens = 1, .final_tokens = 1, .n_panel = 1,
     .n_judges = 1, .n_finals = 1, .panel = {"x/g"}, .judges = {"x/g"}, .finals = {"x/g"}},
    {.model_no = SYNTH_CODE, .generic = true, .code = true, .panel_tokens = 4, .judge_tokens = 5, .final_tokens = 6,
     .n_panel = 1, .n_judges = 1, .n_finals = 1, .panel = {"x/g"}, .judges = {"x/g"}, .finals = {"x/g"}},
    {.model_no = PROMETHEUS, .preset = SYNTH_PRESET_QUALITY, .panel_tokens = 1200, .judge_tokens = 1300,
     .final_tokens = 1400, .n_panel = 2, .n_judges = 1, .n_finals = 2, .panel = KIMI_MINIMAX,
     .judges = {"~kimi/latest"}, .finals = {"z-ai/glm-5.2", "minimax/minimax-m3"}},
    {.model_no = IRIS, .preset = SYNTH_PRESET_BUDGET, .panel_tokens = 100, .judge_tokens = 200, .final_tokens = 300,
     .n_panel = 1, .n_judges = 1, .n_finals = 1, .panel = {"z-ai/glm-5.2"}, .judges = {"z-ai/glm-5.2"},
     .finals = {"z-ai/glm-5.2"}},
    {.model_no = PROMETHEUS_CODE, .preset = SYNTH_PRESET_BUDGET, .code = true, .panel_tokens = 7, .judge_tokens = 8,
     .final_tokens = 9, .n_panel = 1, .n_judges = 1, .n_finals = 1, .panel = {"x/c"}, .judges = {"x/c"},
     .finals = {"x/c"}},
};

static struct providers providers = {.n = 1, .list = {{.no = 0, .id = "demo-a", .name = "Demo A"}}};
static struct health *health;
static struct catalog_store *stores[2]; /* kept: with rows, without */

/* with: how many of the rows, and of the models that they are. */
static struct snapshot *catalog_make(size_t with)
{
    struct catalog_store **store = &stores[with == 0];
    struct catalog c = {.version = 1, .n_models = MODELS - 5 + with, .n_endpoints = 3, .n_synths = with,
                        .n_aliases = sizeof aliases / sizeof aliases[0]};

    c.models = calloc(c.n_models, sizeof *c.models);
    c.endpoints = calloc(c.n_endpoints, sizeof *c.endpoints);
    c.aliases = calloc(c.n_aliases, sizeof *c.aliases);
    c.synths = calloc(with + 1, sizeof *c.synths);
    memcpy(c.aliases, aliases, sizeof aliases);
    memcpy(c.synths, synths, with * sizeof *c.synths);
    for (uint32_t i = 0; i < c.n_models; i++) {
        c.models[i].no = i + 1;
        c.models[i].kind = (uint8_t)models[i].kind;
        snprintf(c.models[i].id, sizeof c.models[i].id, "%s", models[i].id);
    }
    for (uint32_t i = 0; i < 3; i++)
        c.endpoints[i] = (struct catalog_endpoint){.no = i + 1, .model_no = i + 1, .weight = 1};
    if (health == NULL)
        CHECK_INT(health_new(&health), ERR_NONE);
    CHECK_INT(catalog_store_new(&providers, health, 1, store), ERR_NONE);
    CHECK_INT(catalog_store_publish(*store, &c), ERR_NONE);
    return catalog_acquire(*store, 0);
}

static struct snapshot *catalog;

/* --- a request */

enum api { CHAT, RESPONSES, MESSAGES, APIS };
static const char *const api_names[] = {"chat", "responses", "messages"};

static char body[1 << 16];
static struct chat_request chat;
static struct prompt prompt;
static struct prompt_fault fault;
static struct synth_plan plan;
static struct api_failure failure;
static bool is;

static enum err dialect_read(enum api api, const char *text)
{
    if (api == CHAT)
        return chat_request_parse(view_str(text), &chat, &prompt, &fault);
    return (api == RESPONSES ? &responses_dialect : &messages_2023)->read(view_str(text), &prompt, &fault);
}

/* A failure of the dialect's reader is made one of the request, as api/exchange.c does it. */
static enum err read_text(enum api api, const char *text)
{
    enum err e;

    if (catalog == NULL)
        catalog = catalog_make(5);
    prompt_list_free(&prompt.list);
    is = false;
    e = dialect_read(api, text);
    if (e == ERR_NONE)
        return synth_read(&prompt, catalog, &plan, &is, &failure);
    failure = (struct api_failure){.error = errors_of(e), .param = fault.param, .member = fault.member,
                                   .message = fault.message};
    return e;
}

/* extra: members behind the question, beginning with a comma. */
static enum err read_of(enum api api, const char *model, const char *extra)
{
    static const char *const asks[] = {
        "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]",
        "\"input\":\"hi\"",
        "\"max_tokens\":200000,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]",
    };

    snprintf(body, sizeof body, "{\"model\":\"%s\",%s%s}", model, asks[api], extra);
    return read_text(api, body);
}

/* How a client gives parameters. */
enum way { TOOL, PLUGIN, WAYS };

static enum err read_with(enum api api, enum way way, const char *model, const char *parameters)
{
    static char extra[40000];

    if (way == TOOL)
        snprintf(extra, sizeof extra, ",\"tools\":[{\"type\":\"trustedrouter:synth\",\"parameters\":{%s}}]", parameters);
    else
        snprintf(extra, sizeof extra, ",\"plugins\":[{\"id\":\"synth\"%s%s}]", *parameters == '\0' ? "" : ",", parameters);
    return read_of(api, model, extra);
}

/* --- what was made of it */

static char words[4096];

static void say(const char *name, const struct synth_list *l)
{
    size_t at = strlen(words);

    at += (size_t)snprintf(words + at, sizeof words - at, "%s%s:", name, l->given ? "!" : "");
    for (size_t i = 0; i < l->n; i++)
        at += (size_t)snprintf(words + at, sizeof words - at, "%s%.*s", i == 0 ? "" : ",", (int)l->id[i].len,
                               (const char *)l->id[i].ptr);
    snprintf(words + at, sizeof words - at, " ");
}

/* "M:quality synthesize_non_refusals panel:... judges:... finals:... 1200/1300/1400 60000", M the place of the row's model; then what was
 * said beside. */
static const char *plan_words(void)
{
    size_t at;
    const char *preset = synth_preset_name((enum synth_preset)plan.preset);

    snprintf(words, sizeof words, "%u%s%s %s ", plan.row->model_no, preset == NULL ? "" : ":", preset == NULL ? "" : preset,
             synth_strategy_name(plan.strategy));
    say("panel", &plan.panel);
    say("judges", &plan.judges);
    say("finals", &plan.finals);
    at = strlen(words);
    at += (size_t)snprintf(words + at, sizeof words - at, "%u/%u/%u %u", plan.panel_tokens, plan.judge_tokens,
                           plan.final_tokens, plan.deadline_ms);
    if (plan.quorum != 0)
        at += (size_t)snprintf(words + at, sizeof words - at, " quorum:%u", plan.quorum);
    if (plan.synthesis_prompt.len != 0)
        at += (size_t)snprintf(words + at, sizeof words - at, " prompt:%.*s", (int)plan.synthesis_prompt.len,
                               (const char *)plan.synthesis_prompt.ptr);
    snprintf(words + at, sizeof words - at, "%s%s", plan.events ? " events" : "", plan.event_text ? " text" : "");
    return words;
}

static void check_plan(const char *of, const char *want)
{
    if (!is) {
        printf("# %s: no plan; %s%s: %s\n", of, failure.place, failure.param == NULL ? "" : failure.param,
               failure.message == NULL ? "" : failure.message);
        CHECK(is);
        return;
    }
    if (strcmp(plan_words(), want) != 0)
        printf("# of %s\n", of);
    CHECK_BYTES(words, strlen(words), want, strlen(want));
}

/* The path that the client is told. */
static const char *path(void)
{
    static char text[256];

    snprintf(text, sizeof text, "%s%s%.*s", failure.place, failure.param == NULL ? "" : failure.param,
             (int)failure.member.len, (const char *)failure.member.ptr);
    return text;
}

static void check_refused(const char *of, enum err e, enum err want, const char *want_path)
{
    if (e != want || strcmp(path(), want_path) != 0)
        printf("# of %s: %s\n", of, failure.message == NULL ? "" : failure.message);
    CHECK(!is);
    CHECK_INT(e, want);
    CHECK_BYTES(path(), strlen(path()), want_path, strlen(want_path));
    CHECK(failure.error != API_OK && errors_row(failure.error)->status / 100 == 4);
}

/* --- by id */

#define QUALITY_LISTS                                                                                                   \
    "panel:moonshotai/kimi-k2.6,minimax/minimax-m3 judges:~kimi/latest finals:z-ai/glm-5.2,minimax/minimax-m3 "
#define BUDGET_LISTS "panel:z-ai/glm-5.2 judges:z-ai/glm-5.2 finals:z-ai/glm-5.2 "

static void test_ids(void)
{
    static const struct {
        const char *model, *plan; /* NULL: an ordinary request */
        uint8_t sort;
    } cases[] = {
        {"trustedrouter/synth", "5:quality synthesize_non_refusals " QUALITY_LISTS "1200/1300/1400 60000", 0},
        {"trustedrouter/prometheus-1.0", "7:quality synthesize_non_refusals " QUALITY_LISTS "1200/1300/1400 60000", 0},
        {"trustedrouter/prometheus-1.0:floor", "7:quality synthesize_non_refusals " QUALITY_LISTS "1200/1300/1400 60000", ROUTE_PRICE},
        {"trustedrouter/prometheus", "7:quality synthesize_non_refusals " QUALITY_LISTS "1200/1300/1400 60000", ROUTE_LATENCY},
        {"trustedrouter/prometheus:nitro", "7:quality synthesize_non_refusals " QUALITY_LISTS "1200/1300/1400 60000", ROUTE_THROUGHPUT},
        {"prometheus-1.0", "7:quality synthesize_non_refusals " QUALITY_LISTS "1200/1300/1400 60000", 0},
        {"trustedrouter/iris-1.0", "8:budget synthesize_non_refusals " BUDGET_LISTS "100/200/300 60000", 0},
        /* no row is the quality preset for code: its own */
        {"trustedrouter/synth-code", "6 synthesize_non_refusals panel:x/g judges:x/g finals:x/g 4/5/6 60000", 0},
        {"trustedrouter/prometheus-eu", NULL, 0}, /* its constraint would be lost: want_models.c refuses it */
        {"moonshotai/kimi-k2.6", NULL, 0},
        {"~kimi/latest", NULL, 0},
        {"nobody/knows", NULL, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(read_of(CHAT, cases[i].model, ""), ERR_NONE);
        CHECK_INT(is, cases[i].plan != NULL);
        CHECK_INT(prompt.synth.sort, cases[i].sort);
        if (cases[i].plan != NULL)
            check_plan(cases[i].model, cases[i].plan);
    }
}

/* What "models" says beside. */
static void test_models(void)
{
    CHECK_INT(read_of(CHAT, "trustedrouter/iris-1.0", ",\"models\":[\"iris-1.0\"]"), ERR_NONE);
    CHECK(is);
    /* what cannot be read is not passed over: it would be a model that nobody asks */
    check_refused("no list", read_of(CHAT, "trustedrouter/iris-1.0", ",\"models\":\"z-ai/glm-5.2\""), ERR_FORMAT, "models");
    check_refused("no id", read_of(CHAT, "trustedrouter/iris-1.0", ",\"models\":[7]"), ERR_FORMAT, "models");
    check_refused("escaped", read_of(CHAT, "trustedrouter/iris-1.0", ",\"models\":[\"z-ai\\/glm-5.2\"]"), ERR_FORMAT, "models");
    check_refused("escaped, with the tool",
                  read_of(CHAT, "z-ai/glm-5.2", ",\"models\":[\"minimax\\/minimax-m3\"],\"tools\":[{\"type\":\"trustedrouter:synth\"}]"),
                  ERR_FORMAT, "models");
    CHECK_INT(read_of(CHAT, "trustedrouter/iris-1.0", ",\"models\":null"), ERR_NONE);
    CHECK_INT(read_of(CHAT, "trustedrouter/iris-1.0", ",\"models\":[]"), ERR_NONE);
    check_refused("beside", read_of(CHAT, "trustedrouter/iris-1.0", ",\"models\":[\"z-ai/glm-5.2\"]"), ERR_FORMAT, "models");
    check_refused("behind", read_of(CHAT, "z-ai/glm-5.2", ",\"models\":[\"trustedrouter/iris-1.0\"]"), ERR_FORMAT, "models");
    CHECK_INT(read_text(CHAT, "{\"models\":[\"trustedrouter/iris-1.0\"],\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}"), ERR_NONE);
    CHECK(is);
    CHECK_INT(read_of(CHAT, "z-ai/glm-5.2", ",\"models\":[\"minimax/minimax-m3\"]"), ERR_NONE);
    CHECK(!is);
    CHECK_INT(read_of(CHAT, "z-ai/glm-5.2", ",\"models\":7"), ERR_NONE); /* want_models.c says what is wrong */
    CHECK(!is);
}

/* --- parameters */

#define BY "5:quality synthesize_non_refusals "
#define BY_BUDGET "5:budget synthesize_non_refusals "
#define BY_OWN "5 synthesize_non_refusals "
#define LIST8(x) "[" x "," x "," x "," x "," x "," x "," x "," x "]"
#define GLM8 "z-ai/glm-5.2,z-ai/glm-5.2,z-ai/glm-5.2,z-ai/glm-5.2,z-ai/glm-5.2,z-ai/glm-5.2,z-ai/glm-5.2,z-ai/glm-5.2"
#define GLM9 "\"z-ai/glm-5.2\",\"z-ai/glm-5.2\",\"z-ai/glm-5.2\",\"z-ai/glm-5.2\",\"z-ai/glm-5.2\",\"z-ai/glm-5.2\",\"z-ai/glm-5.2\",\"z-ai/glm-5.2\",\"z-ai/glm-5.2\""
#define NUMBERS " 60000"

static const struct {
    const char *model, *parameters, *plan;
} accepted[] = {
    {"trustedrouter/synth", "", BY QUALITY_LISTS "1200/1300/1400" NUMBERS},
    {"trustedrouter/synth", "\"enabled\":true,\"preset\":\"quality\"", BY QUALITY_LISTS "1200/1300/1400" NUMBERS},
    {"trustedrouter/synth", "\"preset\":\"budget\"", BY_BUDGET BUDGET_LISTS "100/200/300" NUMBERS},
    {"trustedrouter/synth-code", "\"preset\":\"budget\"",
     "6:budget synthesize_non_refusals panel:x/c judges:x/c finals:x/c 7/8/9" NUMBERS},
    {"trustedrouter/iris-1.0", "\"preset\":\"budget\"", "8:budget synthesize_non_refusals " BUDGET_LISTS "100/200/300" NUMBERS},
    {"trustedrouter/synth", "\"preset\":\"budget\",\"analysis_models\":[\"~kimi/latest\",\"glm-5.2:floor\"]",
     BY_BUDGET "panel!:~kimi/latest,glm-5.2:floor judges:z-ai/glm-5.2 finals:z-ai/glm-5.2 100/200/300" NUMBERS},
    {"trustedrouter/synth", "\"analysis_models\":" LIST8("\"z-ai/glm-5.2\""),
     BY_OWN "panel!:" GLM8 " judges:~kimi/latest finals:z-ai/glm-5.2,minimax/minimax-m3 1200/1300/1400" NUMBERS},
    {"trustedrouter/synth", "\"analysis_models\":[\"z-ai\\/glm-5.2\",\"\\u007ekimi/latest\"]",
     BY_OWN "panel!:z-ai/glm-5.2,~kimi/latest judges:~kimi/latest finals:z-ai/glm-5.2,minimax/minimax-m3 1200/1300/1400" NUMBERS},
    {"trustedrouter/synth", "\"model\":\"minimax/minimax-m3\"",
     BY "panel:moonshotai/kimi-k2.6,minimax/minimax-m3 judges!:minimax/minimax-m3 finals!:minimax/minimax-m3 "
        "1200/1300/1400" NUMBERS},
    {"trustedrouter/iris-1.0", "\"model\":\"minimax/minimax-m3\",\"judges\":[\"~kimi/latest\"]",
     "8:budget synthesize_non_refusals panel:z-ai/glm-5.2 judges!:~kimi/latest finals!:minimax/minimax-m3 100/200/300" NUMBERS},
    {"trustedrouter/iris-1.0", "\"judge_models\":[\"~kimi/latest\",\"z-ai/glm-5.2\"]",
     "8:budget synthesize_non_refusals panel:z-ai/glm-5.2 judges!:~kimi/latest,z-ai/glm-5.2 finals:z-ai/glm-5.2 100/200/300" NUMBERS},
    {"trustedrouter/iris-1.0", "\"fallback_judges\":[\"~kimi/latest\"]",
     "8:budget synthesize_non_refusals panel:z-ai/glm-5.2 judges!:~kimi/latest finals:z-ai/glm-5.2 100/200/300" NUMBERS},
    {"trustedrouter/iris-1.0", "\"final_models\":[\"~kimi/latest\"]",
     "8:budget synthesize_non_refusals panel:z-ai/glm-5.2 judges:z-ai/glm-5.2 finals!:~kimi/latest 100/200/300" NUMBERS},
    {"trustedrouter/iris-1.0", "\"fallback_final_models\":[\"~kimi/latest\"]",
     "8:budget synthesize_non_refusals panel:z-ai/glm-5.2 judges:z-ai/glm-5.2 finals!:~kimi/latest 100/200/300" NUMBERS},
    {"trustedrouter/iris-1.0", "\"synthesis_models\":[\"~kimi/latest\"]",
     "8:budget synthesize_non_refusals panel:z-ai/glm-5.2 judges:z-ai/glm-5.2 finals!:~kimi/latest 100/200/300" NUMBERS},
    {"trustedrouter/iris-1.0", "\"synthesizer_models\":[\"~kimi/latest\"]",
     "8:budget synthesize_non_refusals panel:z-ai/glm-5.2 judges:z-ai/glm-5.2 finals!:~kimi/latest 100/200/300" NUMBERS},
    {"trustedrouter/iris-1.0", "\"selection_strategy\":\"synthesize\"", "8:budget synthesize " BUDGET_LISTS "100/200/300" NUMBERS},
    {"trustedrouter/iris-1.0", "\"selection_strategy\":\"synthesize_non_refusals\"",
     "8:budget synthesize_non_refusals " BUDGET_LISTS "100/200/300" NUMBERS},
    {"trustedrouter/iris-1.0", "\"selection_strategy\":\"first_success\"", "8:budget first_success " BUDGET_LISTS "100/200/300" NUMBERS},
    {"trustedrouter/iris-1.0", "\"selection_strategy\":\"first_non_refusal\"",
     "8:budget first_non_refusal " BUDGET_LISTS "100/200/300" NUMBERS},
    {"trustedrouter/iris-1.0", "\"selection_strategy\":\"selector\"", "8:budget selector " BUDGET_LISTS "100/200/300" NUMBERS},
    {"trustedrouter/iris-1.0", "\"synthesis_prompt\":\"Be \\\"brief\\\".\"",
     "8:budget synthesize_non_refusals " BUDGET_LISTS "100/200/300" NUMBERS " prompt:Be \\\"brief\\\"."},
    {"trustedrouter/iris-1.0", "\"max_completion_tokens\":800,\"max_tool_calls\":16",
     "8:budget synthesize_non_refusals " BUDGET_LISTS "800/800/800" NUMBERS},
    {"trustedrouter/iris-1.0", "\"max_completion_tokens\":131072,\"max_tool_calls\":1",
     "8:budget synthesize_non_refusals " BUDGET_LISTS "131072/131072/131072" NUMBERS},
    {"trustedrouter/iris-1.0", "\"max_completion_tokens\":1.0", "8:budget synthesize_non_refusals " BUDGET_LISTS "1/1/1" NUMBERS},
    {"trustedrouter/prometheus-1.0", "\"quorum\":2,\"deadline_ms\":1000",
     "7:quality synthesize_non_refusals " QUALITY_LISTS "1200/1300/1400 1000 quorum:2"},
    {"trustedrouter/prometheus-1.0", "\"quorum\":1,\"deadline_ms\":300000",
     "7:quality synthesize_non_refusals " QUALITY_LISTS "1200/1300/1400 300000 quorum:1"},
    {"trustedrouter/iris-1.0", "\"events\":false,\"event_text\":false",
     "8:budget synthesize_non_refusals " BUDGET_LISTS "100/200/300" NUMBERS},
    {"trustedrouter/iris-1.0", "\"preset\":null,\"analysis_models\":null,\"quorum\":null",
     "8:budget synthesize_non_refusals " BUDGET_LISTS "100/200/300" NUMBERS},
    /* beside an ordinary model: it writes and judges */
    {"moonshotai/kimi-k2.6", "",
     BY "panel:moonshotai/kimi-k2.6,minimax/minimax-m3 judges!:moonshotai/kimi-k2.6 finals!:moonshotai/kimi-k2.6 "
        "1200/1300/1400" NUMBERS},
    {"~kimi/latest", "\"preset\":\"budget\",\"model\":\"~kimi/latest\"",
     BY_BUDGET "panel:z-ai/glm-5.2 judges!:~kimi/latest finals!:~kimi/latest 100/200/300" NUMBERS},
    {"z-ai/glm-5.2", "\"final_models\":[\"minimax/minimax-m3\",\"z-ai/glm-5.2\"],\"judges\":[\"~kimi/latest\"]",
     BY "panel:moonshotai/kimi-k2.6,minimax/minimax-m3 judges!:~kimi/latest finals!:minimax/minimax-m3,z-ai/glm-5.2 "
        "1200/1300/1400" NUMBERS},
};

/* The final's limit is what a client of Messages must say itself, which read_of() does. */
static void with_limit(enum api api, const char *parameters, const char *plan_said, char out[static 4096])
{
    const char *limits = strchr(plan_said, '/'), *at = limits;

    snprintf(out, 4096, "%s", plan_said);
    if (api != MESSAGES || strstr(parameters, "max_completion_tokens") != NULL)
        return;
    for (; at != NULL; at = strchr(at + 1, '/')) /* ".../1300/1400 60000": the last "/" that digits follow */
        limits = at;
    snprintf(out, 4096, "%.*s/200000%s", (int)(limits - plan_said), plan_said, strchr(limits, ' '));
}

static void test_accepted(void)
{
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++)
        for (int api = 0; api < APIS; api++)
            for (int way = 0; way < WAYS; way++) {
                char want[4096], of[512];
                enum err e = read_with((enum api)api, (enum way)way, accepted[i].model, accepted[i].parameters);

                snprintf(of, sizeof of, "%s %s %s", api_names[api], accepted[i].model, accepted[i].parameters);
                with_limit((enum api)api, accepted[i].parameters, accepted[i].plan, want);
                CHECK_INT(e, ERR_NONE);
                check_plan(of, want);
            }
}

/* path: behind "tools[0].parameters." or "plugins[0]."; "^": from the beginning. */
static const struct {
    const char *model, *parameters;
    enum err e;
    const char *path;
} refused[] = {
    {"trustedrouter/synth", "\"enabled\":\"yes\"", ERR_FORMAT, "enabled"},
    {"trustedrouter/synth", "\"enabled\":false", ERR_FORMAT, "enabled"},
    {"trustedrouter/synth", "\"preset\":\"best\"", ERR_FORMAT, "preset"},
    {"trustedrouter/synth", "\"preset\":1", ERR_FORMAT, "preset"},
    {"trustedrouter/synth", "\"preset\":\"frontier\"", ERR_UNSUPPORTED, "preset"}, /* the catalog has none */
    {"trustedrouter/synth-code", "\"preset\":\"quality\"", ERR_UNSUPPORTED, "preset"},
    {"trustedrouter/iris-1.0", "\"preset\":\"quality\"", ERR_FORMAT, "preset"},
    {"trustedrouter/synth", "\"analysis_models\":[]", ERR_RANGE, "analysis_models"},
    {"trustedrouter/synth", "\"analysis_models\":\"z-ai/glm-5.2\"", ERR_FORMAT, "analysis_models"},
    {"trustedrouter/synth", "\"analysis_models\":[\"z-ai/glm-5.2\",7]", ERR_FORMAT, "analysis_models[1]"},
    {"trustedrouter/synth", "\"analysis_models\":[\"\"]", ERR_FORMAT, "analysis_models[0]"},
    {"trustedrouter/synth", "\"analysis_models\":[\"z-ai\\/glm-5.2:floor\"]", ERR_FORMAT, "analysis_models[0]"},
    {"trustedrouter/synth", "\"analysis_models\":[\"\\ud800\"]", ERR_FORMAT, "analysis_models[0]"},
    {"trustedrouter/synth",
     "\"analysis_models\":[\"a\",\"b\"]", ERR_NOT_FOUND, "analysis_models[0]"},
    {"trustedrouter/synth", "\"analysis_models\":[\"~kimi/latest\",\"nobody/knows\"]", ERR_NOT_FOUND, "analysis_models[1]"},
    {"trustedrouter/synth", "\"analysis_models\":[\"nobody\\/knows\"]", ERR_NOT_FOUND, "analysis_models[0]"},
    {"trustedrouter/synth", "\"analysis_models\":[\"x/vectors\"]", ERR_NOT_FOUND, "analysis_models[0]"},
    {"trustedrouter/synth", "\"analysis_models\":[\"x/vector-alias\"]", ERR_NOT_FOUND, "analysis_models[0]"},
    {"trustedrouter/synth", "\"analysis_models\":[\"trustedrouter/iris-1.0\"]", ERR_FORMAT, "analysis_models[0]"},
    {"trustedrouter/synth", "\"analysis_models\":[\"trustedrouter/iris-1.0:floor\"]", ERR_FORMAT, "analysis_models[0]"},
    {"trustedrouter/synth", "\"analysis_models\":[\"trustedrouter/prometheus-eu\"]", ERR_FORMAT, "analysis_models[0]"},
    {"trustedrouter/synth", "\"analysis_models\":[" GLM9 "]", ERR_RANGE, "analysis_models"},
    {"trustedrouter/synth", "\"model\":\"nobody/knows\"", ERR_NOT_FOUND, "model"},
    {"trustedrouter/synth", "\"model\":[\"z-ai/glm-5.2\"]", ERR_FORMAT, "model"},
    {"trustedrouter/synth", "\"model\":\"trustedrouter/synth\"", ERR_FORMAT, "model"},
    {"trustedrouter/synth", "\"judge_models\":[]", ERR_RANGE, "judge_models"},
    {"trustedrouter/synth", "\"fallback_judges\":{}", ERR_FORMAT, "fallback_judges"},
    {"trustedrouter/synth", "\"judges\":[\"nobody/knows\"]", ERR_NOT_FOUND, "judges[0]"},
    {"trustedrouter/synth", "\"judges\":[\"z-ai/glm-5.2\"],\"judge_models\":[\"z-ai/glm-5.2\"]", ERR_DUPLICATE, "judge_models"},
    {"trustedrouter/synth", "\"judges\":null,\"fallback_judges\":[\"z-ai/glm-5.2\"]", ERR_DUPLICATE, "fallback_judges"},
    {"trustedrouter/synth", "\"final_models\":[" GLM9 "]", ERR_RANGE, "final_models"},
    {"trustedrouter/synth", "\"fallback_final_models\":[null]", ERR_FORMAT, "fallback_final_models[0]"},
    {"trustedrouter/synth", "\"synthesis_models\":[\"x/vectors\"]", ERR_NOT_FOUND, "synthesis_models[0]"},
    {"trustedrouter/synth", "\"synthesizer_models\":[\"synth\"]", ERR_FORMAT, "synthesizer_models[0]"},
    {"trustedrouter/synth", "\"final_models\":[\"z-ai/glm-5.2\"],\"synthesis_models\":[\"z-ai/glm-5.2\"]", ERR_DUPLICATE,
     "synthesis_models"},
    {"trustedrouter/synth", "\"preset\":\"quality\",\"preset\":\"quality\"", ERR_DUPLICATE, "preset"},
    {"trustedrouter/synth", "\"selection_strategy\":\"best\"", ERR_FORMAT, "selection_strategy"},
    {"trustedrouter/synth", "\"selection_strategy\":true", ERR_FORMAT, "selection_strategy"},
    {"trustedrouter/synth", "\"synthesis_prompt\":[\"a\"]", ERR_FORMAT, "synthesis_prompt"},
    {"trustedrouter/synth", "\"synthesis_prompt\":\"\\ud800\"", ERR_FORMAT, "synthesis_prompt"},
    {"trustedrouter/synth", "\"max_completion_tokens\":0", ERR_RANGE, "max_completion_tokens"},
    {"trustedrouter/synth", "\"max_completion_tokens\":131073", ERR_RANGE, "max_completion_tokens"},
    {"trustedrouter/synth", "\"max_completion_tokens\":1.5", ERR_FORMAT, "max_completion_tokens"},
    {"trustedrouter/synth", "\"max_completion_tokens\":\"800\"", ERR_FORMAT, "max_completion_tokens"},
    {"trustedrouter/synth", "\"max_tool_calls\":0", ERR_RANGE, "max_tool_calls"},
    {"trustedrouter/synth", "\"max_tool_calls\":17", ERR_RANGE, "max_tool_calls"},
    {"trustedrouter/synth", "\"max_tool_calls\":99999999999999999999", ERR_RANGE, "max_tool_calls"},
    {"trustedrouter/synth", "\"quorum\":0", ERR_RANGE, "quorum"},
    {"trustedrouter/synth", "\"quorum\":9", ERR_RANGE, "quorum"},
    {"trustedrouter/synth", "\"quorum\":3", ERR_RANGE, "quorum"}, /* the panel has two */
    {"trustedrouter/synth", "\"deadline_ms\":999", ERR_RANGE, "deadline_ms"},
    {"trustedrouter/synth", "\"deadline_ms\":300001", ERR_RANGE, "deadline_ms"},
    {"trustedrouter/synth", "\"events\":1", ERR_FORMAT, "events"},
    {"trustedrouter/synth", "\"event_text\":\"\"", ERR_FORMAT, "event_text"},
    {"trustedrouter/synth", "\"event_text\":true", ERR_FORMAT, "event_text"},
    {"trustedrouter/synth", "\"Preset\":\"quality\"", ERR_UNSUPPORTED, "Preset"},
    {"trustedrouter/synth", "\"panel_prompt\":\"\"", ERR_UNSUPPORTED, "panel_prompt"},
    {"trustedrouter/synth", "\"judge_prompt\":null", ERR_UNSUPPORTED, "judge_prompt"},
    {"trustedrouter/synth", "\"a\\\"b\":1", ERR_UNSUPPORTED, "a\\\"b"},
    {"nobody/knows", "", ERR_NOT_FOUND, "^model"},
    {"z-ai/glm-5.2", "\"model\":\"minimax/minimax-m3\"", ERR_FORMAT, "model"},
    {"z-ai/glm-5.2", "\"synthesis_models\":[\"minimax/minimax-m3\"]", ERR_FORMAT, "synthesis_models"},
};

static void test_refused(void)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        for (int api = 0; api < APIS; api++)
            for (int way = 0; way < WAYS; way++) {
                char want[256], of[1024];
                const char *at = refused[i].path;
                enum err e = read_with((enum api)api, (enum way)way, refused[i].model, refused[i].parameters);

                snprintf(of, sizeof of, "%s %s %s", api_names[api], refused[i].model, refused[i].parameters);
                snprintf(want, sizeof want, "%s%s", *at == '^' ? "" : way == TOOL ? "tools[0].parameters." : "plugins[0].",
                         *at == '^' ? at + 1 : at);
                check_refused(of, e, refused[i].e, want);
                CHECK(failure.message != NULL);
                if (refused[i].e == ERR_NOT_FOUND)
                    CHECK_INT(errors_row(failure.error)->status, 404);
            }
}

/* 4000 bytes of text, however they are written. */
static void test_prompt(void)
{
    static char text[16384];
    size_t at = (size_t)snprintf(text, sizeof text, "\"synthesis_prompt\":\"");

    for (size_t i = 0; i < SYNTH_PROMPT_MAX / 2; i++, at += 6)
        snprintf(text + at, sizeof text - at, "\\u00e9");
    snprintf(text + at, sizeof text - at, "\"");
    CHECK_INT(read_with(CHAT, TOOL, "trustedrouter/iris-1.0", text), ERR_NONE);
    CHECK(is);
    CHECK_INT(plan.synthesis_prompt.len, 3 * SYNTH_PROMPT_MAX);
    snprintf(text + at, sizeof text - at, "x\"");
    check_refused("4001 bytes", read_with(CHAT, TOOL, "trustedrouter/iris-1.0", text), ERR_RANGE,
                  "tools[0].parameters.synthesis_prompt");
}

/* --- the tool and the plugin */

static void test_forms(void)
{
    static const struct {
        const char *extra;
        enum err e;
        const char *path; /* NULL: it is one */
    } cases[] = {
        {",\"tools\":[{\"type\":\"trustedrouter:synth\"}]", ERR_NONE, NULL},
        {",\"tools\":[{\"type\":\"trustedrouter:fusion\",\"parameters\":null}]", ERR_NONE, NULL},
        {",\"tools\":[{\"type\":\"trustedrouter\\u003asynth\"}]", ERR_NONE, NULL},
        {",\"plugins\":[{\"id\":\"fusion\"}]", ERR_NONE, NULL},
        {",\"plugins\":[],\"tools\":[{\"type\":\"trustedrouter:synth\"}]", ERR_NONE, NULL},
        {",\"tools\":[{\"type\":\"trustedrouter:synth\",\"parameters\":[]}]", ERR_FORMAT, "tools[0].parameters"},
        {",\"tools\":[{\"type\":\"trustedrouter:synth\",\"preset\":\"quality\"}]", ERR_UNSUPPORTED, "tools[0].preset"},
        {",\"tools\":[{\"type\":\"trustedrouter:synth\",\"parameters\":{},\"parameters\":{}}]", ERR_DUPLICATE,
         "tools[0].parameters"},
        {",\"tools\":[{\"type\":\"trustedrouter:synth\"}],\"plugins\":[{\"id\":\"synth\"}]", ERR_FORMAT, "plugins"},
        {",\"tools\":[{\"type\":\"trustedrouter:synth\"},{\"type\":\"trustedrouter:synth\"}]", ERR_DUPLICATE, "tools"},
        {",\"tools\":[{\"type\":\"trustedrouter:selector\"}]", ERR_UNSUPPORTED, "tools"},
        {",\"tools\":[{\"type\":\"trustedrouter\\u003aother\"}]", ERR_UNSUPPORTED, "tools"},
        {",\"plugins\":[{\"id\":\"synth\"},{\"id\":\"fusion\"}]", ERR_DUPLICATE, "plugins"},
        {",\"plugins\":[{\"id\":\"synth\"},{\"id\":\"web\"}]", ERR_UNSUPPORTED, "plugins"},
        {",\"plugins\":[{\"id\":\"web\"}]", ERR_UNSUPPORTED, "plugins"},
        {",\"plugins\":[{\"id\":\"synth\",\"id\":\"web\"}]", ERR_DUPLICATE, "plugins"},
        {",\"plugins\":[{}]", ERR_FORMAT, "plugins"},
        {",\"plugins\":[7]", ERR_FORMAT, "plugins"},
    };

    for (int api = 0; api < APIS; api++)
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            enum err e = read_of((enum api)api, "trustedrouter/iris-1.0", cases[i].extra);

            if (cases[i].path != NULL)
                check_refused(cases[i].extra, e, cases[i].e, cases[i].path);
            else {
                CHECK_INT(e, ERR_NONE);
                CHECK(is);
            }
        }
    CHECK_INT(read_of(CHAT, "iris-1.0", ",\"tools\":[{\"type\":\"trustedrouter:synth\",\"type\":\"function\"}]"), ERR_DUPLICATE);
    CHECK_INT(read_of(CHAT, "iris-1.0", ",\"plugins\":7"), ERR_NONE); /* as ever */
}

#define FUNCTION "{\"type\":\"function\",\"name\":\"f\",\"input_schema\":{},\"function\":{\"name\":\"f\"}}"

/* It is no tool of the client's: not in the list, not counted, in no capability. */
static void test_no_tool(void)
{
    static const char tool[] = "{\"type\":\"trustedrouter:synth\",\"parameters\":{\"preset\":\"budget\"}}";

    for (int api = 0; api < APIS; api++) {
        char extra[512];
        uint64_t alone;
        size_t n_tools = api != CHAT;

        CHECK_INT(read_of((enum api)api, "trustedrouter/iris-1.0", ""), ERR_NONE);
        alone = prompt.prompt_bytes;
        snprintf(extra, sizeof extra, ",\"tools\":[%s]", tool);
        CHECK_INT(read_of((enum api)api, "trustedrouter/iris-1.0", extra), ERR_NONE);
        CHECK(is && !prompt.hosted_tools && !prompt.has_media && prompt.needs == 0 && prompt.list.n_tools == 0);
        CHECK(prompt.prompt_bytes <= alone + 2);
        CHECK_INT(prompt.synth.tool_at, 0);
        CHECK_BYTES(prompt.synth.tool.ptr, prompt.synth.tool.len, tool, sizeof tool - 1);
        snprintf(extra, sizeof extra, ",\"tools\":[%s,%s]", api == MESSAGES ? "{\"name\":\"f\",\"input_schema\":{}}" : FUNCTION, tool);
        CHECK_INT(read_of((enum api)api, "trustedrouter/iris-1.0", extra), ERR_NONE);
        CHECK(is && prompt.needs == CAP_TOOLS && prompt.list.n_tools == n_tools && prompt.synth.tool_at == 1);
    }
}

/* Turned off beside an ordinary model, it is not there; and no provider is sent it. */
static void test_disabled(void)
{
#define OFF "{\"type\":\"trustedrouter:synth\",\"parameters\":{\"enabled\":false}}"
#define OTHER(n) "{\"type\":\"function\",\"function\":{\"name\":\"" n "\"}}"
#define MARKED(n) "{\"type\":\"function\",\"function\":{\"name\":\"" n "\"},\"cache_control\":{\"type\":\"ephemeral\"}}"
    static const struct provider strict = {.id = "strict", .quirks = QUIRK_STRICT}; /* takes no marks */
    static const struct {
        const char *tools, *sent; /* NULL: no tools */
    } cases[] = {
        {OFF, NULL},
        {OFF "," OTHER("a"), "[" OTHER("a") "]"},
        {OTHER("a") "," OFF, "[" OTHER("a") "]"},
        {OTHER("a") " , " OFF " , " OTHER("b"), "[" OTHER("a") " , " OTHER("b") "]"},
        {MARKED("a") "," OFF "," MARKED("b"), "[" OTHER("a") "," OTHER("b") "]"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_value root = {JSON_NULL, VIEW_EMPTY}, tools;
        char extra[1024];
        struct buf out;

        snprintf(extra, sizeof extra, ",\"tools\":[%s],\"tool_choice\":\"auto\",\"plugins\":[]", cases[i].tools);
        CHECK_INT(read_of(CHAT, "z-ai/glm-5.2", extra), ERR_NONE);
        CHECK(!is && prompt.chat == &chat);
        buf_init(&out, 1 << 16);
        CHECK_INT(chat_request_render(&chat, &strict, "up", 0, &out), ERR_NONE);
        CHECK_INT(json_check(buf_view(&out), &root, NULL), ERR_NONE);
        CHECK(memmem(out.ptr, out.len, "trustedrouter:", 14) == NULL);
        CHECK_INT(json_get(root, "tools", &tools), cases[i].sent != NULL);
        CHECK_INT(json_get(root, "tool_choice", &root), cases[i].sent != NULL);
        if (cases[i].sent != NULL)
            CHECK_BYTES(tools.text.ptr, tools.text.len, cases[i].sent, strlen(cases[i].sent));
        buf_free(&out);
    }
    for (int api = 0; api < APIS; api++)
        for (int way = 0; way < WAYS; way++) {
            CHECK_INT(read_with((enum api)api, (enum way)way, "z-ai/glm-5.2", "\"enabled\":false,\"preset\":\"quality\""), ERR_NONE);
            CHECK(!is);
            CHECK_INT(read_with((enum api)api, (enum way)way, "z-ai/glm-5.2", "\"enabled\":false,\"x\":1"), ERR_UNSUPPORTED);
        }
}

/* --- the rest of the request */

static void test_limits(void)
{
    static const struct {
        const char *extra, *parameters, *limits;
    } cases[] = {
        {"", "", "100/200/300"},
        {",\"max_tokens\":50", "", "100/200/50"},
        {",\"max_completion_tokens\":5000", "", "100/200/5000"}, /* the client's word, not the catalog's */
        {",\"max_tokens\":5000", "\"max_completion_tokens\":70", "70/70/70"},
        {",\"max_tokens\":50", "\"max_completion_tokens\":70", "70/70/50"},
        /* where the panel writes the answer, it is limited likewise */
        {",\"max_tokens\":50", "\"selection_strategy\":\"first_success\"", "50/200/50"},
        {",\"max_tokens\":50", "\"selection_strategy\":\"selector\"", "50/200/50"},
        {",\"max_tokens\":150", "\"selection_strategy\":\"first_non_refusal\"", "100/200/150"},
        {",\"max_tokens\":50", "\"selection_strategy\":\"synthesize\"", "100/200/50"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char extra[512], got[64];

        snprintf(extra, sizeof extra, ",\"plugins\":[{\"id\":\"synth\"%s%s}]%s", *cases[i].parameters == '\0' ? "" : ",",
                 cases[i].parameters, cases[i].extra);
        CHECK_INT(read_of(CHAT, "trustedrouter/iris-1.0", extra), ERR_NONE);
        snprintf(got, sizeof got, "%u/%u/%u", plan.panel_tokens, plan.judge_tokens, plan.final_tokens);
        CHECK_BYTES(got, strlen(got), cases[i].limits, strlen(cases[i].limits));
    }
}

static void test_members(void)
{
    static const struct {
        enum api api;
        const char *extra, *path; /* NULL: it is honoured */
    } cases[] = {
        {CHAT, ",\"n\":1,\"logprobs\":false,\"logit_bias\":null,\"temperature\":0.5,\"seed\":7,\"stop\":[\"x\"]", NULL},
        {CHAT, ",\"metadata\":{},\"user\":\"u\",\"top_k\":5,\"reasoning_effort\":\"low\",\"enable_thinking\":true", NULL},
        {CHAT, ",\"response_format\":{\"type\":\"json_object\"},\"store\":true,\"usage\":{},\"trace\":{},\"session_id\":\"s\"", NULL},
        {CHAT, ",\"tools\":[" FUNCTION "],\"tool_choice\":\"auto\",\"parallel_tool_calls\":false", NULL},
        {CHAT, ",\"modalities\":[\"text\"],\"service_tier\":\"auto\"", NULL},
        {CHAT, ",\"n\":2", "n"},
        {CHAT, ",\"best_of\":2", "n"},
        {CHAT, ",\"logprobs\":true", "logprobs"},
        {CHAT, ",\"top_logprobs\":2", "top_logprobs"},
        {CHAT, ",\"logit_bias\":{}", "logit_bias"},
        {CHAT, ",\"modalities\":[\"text\",\"audio\"]", "modalities"},
        {CHAT, ",\"audio\":{\"voice\":\"a\"}", "audio"},
        {CHAT, ",\"service_tier\":\"priority\"", "service_tier"},
        {CHAT, ",\"web_search_options\":{}", "web_search_options"},
        {CHAT, ",\"prediction\":{}", "prediction"},
        {CHAT, ",\"max_tokens\":9,\"min_tokens\":2", "min_tokens"},
        {CHAT, ",\"guided_json\":{}", "guided_json"},
        {CHAT, ",\"documents\":[]", "documents"},
        {CHAT, ",\"mock\":{}", "mock"},
        {CHAT, ",\"tools\":[{\"type\":\"web_search\"}]", "tools"},
        {RESPONSES, ",\"temperature\":0.5,\"service_tier\":\"default\",\"include\":[\"reasoning.encrypted_content\"]", NULL},
        {RESPONSES, ",\"include\":[\"message.output_text.logprobs\"]", "include"},
        {RESPONSES, ",\"service_tier\":\"flex\"", "service_tier"},
        {RESPONSES, ",\"previous_response_id\":\"r\"", "previous_response_id"},
        {MESSAGES, ",\"temperature\":0.5,\"stop_sequences\":[\"x\"],\"metadata\":{\"user_id\":\"u\"}", NULL},
        {RESPONSES, ",\"plugins\":[{\"id\":\"synth\",\"events\":true}]", "plugins[0].events"},
        {MESSAGES, ",\"plugins\":[{\"id\":\"synth\",\"events\":true}]", "plugins[0].events"},
        {CHAT, ",\"plugins\":[{\"id\":\"synth\",\"events\":true,\"event_text\":true}]", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum err e = read_of(cases[i].api, "trustedrouter/iris-1.0", cases[i].extra);

        if (cases[i].path != NULL)
            check_refused(cases[i].extra, e, ERR_UNSUPPORTED, cases[i].path);
        else {
            if (!is)
                printf("# of %s: %s\n", cases[i].extra, path());
            CHECK_INT(e, ERR_NONE);
            CHECK(is);
        }
    }
    CHECK(is && plan.events && plan.event_text);
}

/* With the tool on ordinary models, in their order. */
static void test_named(void)
{
    CHECK_INT(read_of(CHAT, "z-ai/glm-5.2", ",\"models\":[\"nobody/knows\",\"~kimi/latest\"],\"plugins\":[{\"id\":\"synth\"}]"), ERR_NONE);
    check_plan("models", BY "panel:moonshotai/kimi-k2.6,minimax/minimax-m3 judges!:z-ai/glm-5.2 "
                            "finals!:z-ai/glm-5.2,~kimi/latest 1200/1300/1400" NUMBERS);
}

static void test_no_synth(void)
{
    static struct snapshot *without; /* kept, as the other one is */
    struct snapshot *with = catalog;

    catalog = without = catalog_make(0);
    CHECK_INT(read_of(CHAT, "z-ai/glm-5.2", ""), ERR_NONE);
    CHECK(!is);
    check_refused("no rows", read_with(CHAT, TOOL, "z-ai/glm-5.2", ""), ERR_UNSUPPORTED, "tools");
    check_refused("no rows", read_with(CHAT, PLUGIN, "z-ai/glm-5.2", ""), ERR_UNSUPPORTED, "plugins");
    CHECK_INT(read_with(CHAT, TOOL, "z-ai/glm-5.2", "\"enabled\":false"), ERR_NONE);
    CHECK(!is);
    catalog = with;
}

/* Who names an alias with constraints means all that reads the prompt, not the one call alone. */
static void test_constraints(void)
{
    static const struct {
        const char *model, *parameters;
        uint8_t wants;
    } cases[] = {
        {"trustedrouter/synth", "", 0},
        {"~kimi/latest", "", 0},
        {"x/kept-nowhere", "", ALIAS_NO_RETENTION | ALIAS_CONFIDENTIAL},
        {"x/kept-nowhere:floor", "\"final_models\":[\"x/kept-nowhere:floor\",\"x/american\"]",
         ALIAS_NO_RETENTION | ALIAS_CONFIDENTIAL | ALIAS_US},
        {"trustedrouter/synth", "\"analysis_models\":[\"z-ai/glm-5.2\",\"x/american\"]", ALIAS_US},
        {"trustedrouter/synth", "\"judge_models\":[\"x/kept-nowhere\"]", ALIAS_NO_RETENTION | ALIAS_CONFIDENTIAL},
        {"trustedrouter/synth", "\"final_models\":[\"z-ai/glm-5.2\",\"x/american\"]", ALIAS_US},
        {"trustedrouter/synth", "\"model\":\"x/american\"", ALIAS_US},
        {"trustedrouter/synth", "\"analysis_models\":[\"x/free\",\"z-ai/glm-5.2\"]", 0}, /* free is that one */
        {"x/free", "", ALIAS_FREE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int way = 0; way < WAYS; way++) {
            CHECK_INT(read_with(CHAT, (enum way)way, cases[i].model, cases[i].parameters), ERR_NONE);
            CHECK(is);
            if (plan.wants != cases[i].wants)
                printf("# of %s %s\n", cases[i].model, cases[i].parameters);
            CHECK_INT(plan.wants, cases[i].wants);
        }
}

/* The readers of the other calls take no such tool, so none of it is read. */
static void test_completions(void)
{
    prompt_list_free(&prompt.list);
    CHECK_INT(completions_dialect.read(VIEW_LIT("{\"model\":\"m\",\"prompt\":\"p\",\"plugins\":[{\"id\":\"synth\"}]}"), &prompt, &fault),
              ERR_UNSUPPORTED);
    CHECK_BYTES(fault.member.ptr, fault.member.len, "plugins", 7);
}

static const struct check_case cases[] = {
    {"synth_read_ids", test_ids},           {"synth_read_models", test_models},   {"synth_read_accepted", test_accepted},
    {"synth_read_refused", test_refused},   {"synth_read_prompt", test_prompt},   {"synth_read_forms", test_forms},
    {"synth_read_no_tool", test_no_tool},   {"synth_read_disabled", test_disabled}, {"synth_read_limits", test_limits},
    {"synth_read_members", test_members},   {"synth_read_named", test_named},     {"synth_read_no_synth", test_no_synth},
    {"synth_read_completions", test_completions}, {"synth_read_constraints", test_constraints},
};
CHECK_MAIN(cases)
