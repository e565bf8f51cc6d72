/* What a client asks of several models: whatever it sends by any API is a plan within its bounds, an ordinary request, or
 * refused with a sentence; and the tool is in no request for a provider. The first byte chooses the API. */
#include "chat_request.h"
#include "messages.h"
#include "prompt_read.h"
#include "responses.h"
#include "synth_read.h"
#include "want.h"

#include <stdio.h>
#include <stdlib.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* --- the catalog: two ordinary models and each kind of row */

static const char *const ids[] = {"a/one", "b/two", "t/synth", "t/quality", "t/budget-code"};
static const struct catalog_alias alias_of[] = {
    {.id = "~a/latest", .model = {1}, .n_models = 1}, {.id = "t/latest", .model = {4}, .n_models = 1}};
#define ROW(no, ...)                                                                                                    \
    {.model_no = no, .panel_tokens = 100, .judge_tokens = 200, .final_tokens = 300, .n_panel = 2, .n_judges = 1,          \
     .n_finals = 1, .panel = {"a/one", "~a/latest"}, .judges = {"b/two"}, .finals = {"b/two"}, __VA_ARGS__}
static const struct catalog_synth rows[] = {ROW(3, .generic = true), ROW(4, .preset = SYNTH_PRESET_QUALITY),
                                            ROW(5, .preset = SYNTH_PRESET_BUDGET, .code = true)};
static struct providers providers = {.n = 1, .list = {{.no = 0, .id = "p", .name = "P", .quirks = QUIRK_STRICT}}};
static struct snapshot *catalog;

static void catalog_make(void)
{
    static struct catalog_store *store;
    static struct health *health;
    struct catalog c = {.version = 1, .n_models = 5, .n_endpoints = 2, .n_aliases = 2, .n_synths = 3};

    c.models = calloc(c.n_models, sizeof *c.models);
    c.endpoints = calloc(c.n_endpoints, sizeof *c.endpoints);
    c.aliases = calloc(1, sizeof alias_of);
    c.synths = calloc(1, sizeof rows);
    must(c.models != NULL && c.endpoints != NULL && c.aliases != NULL && c.synths != NULL);
    memcpy(c.aliases, alias_of, sizeof alias_of);
    memcpy(c.synths, rows, sizeof rows);
    for (uint32_t i = 0; i < 5; i++) {
        c.models[i].no = i + 1;
        c.models[i].kind = i < 2 ? KIND_CHAT : KIND_SYNTH;
        snprintf(c.models[i].id, sizeof c.models[i].id, "%s", ids[i]);
    }
    for (uint32_t i = 0; i < 2; i++)
        c.endpoints[i] = (struct catalog_endpoint){.no = i + 1, .model_no = i + 1, .weight = 1};
    must(health_new(&health) == ERR_NONE && catalog_store_new(&providers, health, 1, &store) == ERR_NONE);
    must(catalog_store_publish(store, &c) == ERR_NONE);
    catalog = catalog_acquire(store, 0);
}

/* --- what came of it */

static void check_list(const struct synth_list *l, bool ordinary)
{
    must(l->n >= 1 && l->n <= SYNTH_LIST_MAX);
    for (size_t i = 0; i < l->n; i++) {
        struct want_name n = want_named(catalog, l->id[i]);
        uint8_t sort;

        must(n.model != NULL || n.alias != NULL || !ordinary);
        must(want_synth(catalog, l->id[i], &sort) == NULL);
    }
}

static void check_plan(const struct synth_plan *p)
{
    struct json_value root;
    struct buf text;

    must(p->row != NULL && p->strategy < SYNTH_STRATEGY_COUNT && synth_strategy_name(p->strategy) != NULL);
    check_list(&p->panel, true);
    check_list(&p->judges, true);
    check_list(&p->finals, true);
    must(p->panel_tokens != 0 && p->judge_tokens != 0 && p->final_tokens != 0 && p->panel_tokens <= LIMIT_TOKENS_ABSURD &&
         p->final_tokens <= LIMIT_TOKENS_ABSURD);
    must(p->quorum <= p->panel.n && p->deadline_ms >= SYNTH_DEADLINE_MIN_MS && p->deadline_ms <= SYNTH_DEADLINE_MAX_MS);
    must(!p->event_text || p->events);
    buf_init(&text, 6 * SYNTH_PROMPT_MAX + 2);
    must(buf_append_byte(&text, '"') == ERR_NONE && buf_append(&text, p->synthesis_prompt) == ERR_NONE &&
         buf_append_byte(&text, '"') == ERR_NONE);
    must(json_check(buf_view(&text), &root, NULL) == ERR_NONE && root.kind == JSON_STRING);
    buf_free(&text);
}

/* A provider's request never has the tool, whether it is one of several or turned off. */
static void check_sent(const struct prompt *p)
{
    struct json_value root, tools, type;
    struct json_member m;
    struct buf out;

    if (p->chat == NULL)
        return;
    buf_init(&out, chat_request_room(p->chat) + 64);
    must(chat_request_render(p->chat, &providers.list[0], "up", 0, &out) == ERR_NONE);
    must(json_check(buf_view(&out), &root, NULL) == ERR_NONE);
    if (json_get(root, "tools", &tools) && tools.kind == JSON_ARRAY)
        for (struct json_iter it = json_iter(tools); json_next(&it, &m);)
            must(!json_get(m.value, "type", &type) || !json_string_is(type, "trustedrouter:synth"));
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct chat_request chat;
    struct view body = size == 0 ? VIEW_EMPTY : view_of(data + 1, size - 1);
    char api = size == 0 ? 'c' : (char)data[0];
    struct prompt p;
    struct prompt_fault fault;
    struct synth_plan plan;
    struct api_failure failure;
    bool is = true;
    enum err e;

    if (catalog == NULL)
        catalog_make();
    e = api == 'r'   ? responses_dialect.read(body, &p, &fault)
        : api == 'm' ? messages_2023.read(body, &p, &fault)
                     : chat_request_parse(body, &chat, &p, &fault);
    if (e == ERR_NONE) {
        e = synth_read(&p, catalog, &plan, &is, &failure);
        must(e == ERR_NONE || (!is && failure.error != API_OK && errors_row(failure.error)->status / 100 == 4));
        must(memchr(failure.place, 0, sizeof failure.place) != NULL);
        if (e == ERR_NONE && is)
            check_plan(&plan);
        if (e == ERR_NONE)
            check_sent(&p);
    }
    prompt_list_free(&p.list);
    return 0;
}
