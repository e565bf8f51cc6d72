/* Which endpoints of a model may be sent a request is decided before anything is reserved: where chat refuses tools beside
 * an effort, the endpoint that speaks Responses is the candidate. */
#include "adapter.h"
#include "chat_list.h"
#include "chat_request.h"
#include "check.h"

static const struct provider chat_row = {.id = "openai", .quirks = QUIRK_OPENAI},
                             responses_row = {.id = "openai-responses", .quirks = QUIRK_OPENAI, .dialect = DIALECT_RESPONSES},
                             kimi = {.id = "moonshot", .drop = {{"n"}, 1}};
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

static const struct check_case cases[] = {
    {"adapter_fits_each_endpoint", each_endpoint},
};
CHECK_MAIN(cases)
