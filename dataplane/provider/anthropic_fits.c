/* (G) Whether a model of Anthropic's API may be sent a prompt. */
#include "anthropic_body.h"
#include "anthropic_render.h"
#include "anthropic_schema.h"
#include "call_pairs.h"
#include "chat_members.h"
#include "chat_request.h"
#include "content_view.h"

#include <stdlib.h>

/* Members of chat that only some providers know. Those about the time that a cache lasts say nothing to Anthropic, whose
 * marks have one. */
static bool extras_fit(const struct chat_request *r, const struct provider *provider, struct view *refused)
{
    for (size_t i = 0; r != NULL && i < r->n_extras; i++) {
        *refused = r->extras[i];
        if (!chat_member_allowed(provider, r->extras[i]) && !json_key_is(r->extras[i], "prompt_cache_retention") &&
            !json_key_is(r->extras[i], "prompt_cache_options"))
            return false;
    }
    return true;
}

/* The catalog has the price of the standard tier. */
static bool tier_fits(const struct prompt_list *l, const struct provider *provider)
{
    struct view tier = l->setting[SETTING_SERVICE_TIER];
    struct json_value v = {JSON_STRING, tier};

    return tier.len == 0 || tier.ptr[0] != '"' || json_string_is(v, "auto") || json_string_is(v, "default") ||
           chat_member_allowed(provider, VIEW_LIT("service_tier"));
}

static bool logprobs_fit(const struct prompt_list *l)
{
    return !view_eq(l->setting[SETTING_LOGPROBS], VIEW_LIT("true"));
}

static bool format_fits(const struct prompt_list *l, const struct destination *d)
{
    if (l->format != FORMAT_JSON_SCHEMA || l->format_schema.len == 0)
        return true;
    return !anthropic_gated(d, GATE_NO_SCHEMA) && anthropic_schema_fits(l->format_schema);
}

/* --- tools */

static bool name_fits(struct view name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return name.len != 0 && name.len <= ANTHROPIC_NAME_MAX;
}

/* A text that must follow a grammar cannot be asked for; a schema's root is an object. */
static bool tool_fits(const struct prompt_tool *t)
{
    const struct json_value schema = {JSON_OBJECT, t->schema};
    struct json_value type;

    if (!name_fits(t->name))
        return false;
    if (t->schema.len == 0 || !json_get(schema, "type", &type))
        return true;
    return json_string_is(type, t->kind == TOOL_CUSTOM ? "text" : "object");
}

static bool tools_fit(const struct prompt *p)
{
    if (p->hosted_tools)
        return false;
    for (size_t i = 0; i < p->list.n_tools; i++)
        if (!tool_fits(&p->list.tool[i]))
            return false;
    return true;
}

/* --- the conversation */

static bool part_fits(const struct prompt_item *i, const struct destination *d, struct view *refused)
{
    if (!prompt_is_media(i))
        return true;
    *refused = prompt_media_member(i);
    if (i->kind == ITEM_IMAGE)
        return i->block.len != 0 || anthropic_takes_image(i, &d->model->gates);
    return i->kind == ITEM_FILE && anthropic_takes_file(i);
}

static bool parts_fit(const struct prompt_list *l, const struct destination *d, struct view *refused)
{
    for (size_t i = 0; i < l->n_items; i++)
        if (!part_fits(&l->item[i], d, refused))
            return false;
    return true;
}

/* The conversation ends with words of the model's, which it shall go on with. */
static bool is_prefill(const struct prompt_list *l)
{
    for (size_t i = l->n_items; i-- > 0;) {
        const struct prompt_item *item = &l->item[i];

        if (item->kind == ITEM_CALL || item->kind == ITEM_RESULT)
            return false; /* a result follows */
        if (item->kind != ITEM_MESSAGE)
            continue;
        if (item->role != ROLE_ASSISTANT)
            return false;
        for (size_t k = i + 1; k < l->n_items && l->item[k].kind != ITEM_MESSAGE; k++)
            if (anthropic_is_text(&l->item[k]))
                return true;
    }
    return false;
}

static bool prefill_fits(const struct prompt_list *l, const struct destination *d)
{
    return !(anthropic_gated(d, GATE_NO_PREFILL) || l->format == FORMAT_JSON_SCHEMA) || !is_prefill(l);
}

/* Each result answers a call of its own: the API refuses others. Without memory to look, the API says it. */
static bool results_fit(const struct prompt_list *l)
{
    uint32_t *partner;
    bool good = true;

    if (call_pairs(l->item, l->n_items, &partner) != ERR_NONE)
        return true;
    for (size_t i = 0; i < l->n_items; i++)
        good = good && (l->item[i].kind != ITEM_RESULT || partner[i] != 0);
    free(partner);
    return good;
}

/* Of the formats there is the one with a schema; a model that thinks takes no sampling. */
bool anthropic_omits(const struct prompt *p, const struct destination *d)
{
    const struct prompt_list *l = &p->list;
    const struct anthropic_plan plan = anthropic_plan(p, d, 0);
    bool samples = l->setting[SETTING_TEMPERATURE].len != 0 || l->setting[SETTING_TOP_P].len != 0 ||
                   l->setting[SETTING_TOP_K].len != 0;

    return l->format == FORMAT_JSON_OBJECT || (l->format == FORMAT_JSON_SCHEMA && l->format_schema.len == 0) ||
           plan.choice != l->choice || (samples && !plan.sampling);
}

bool anthropic_fits(const struct prompt *p, const struct destination *d, struct view *refused)
{
    const struct prompt_list *l = &p->list;

    if (!extras_fit(p->chat, d->provider, refused))
        return false;
    *refused = VIEW_LIT("n");
    if (p->n_choices > 1)
        return false;
    *refused = VIEW_LIT("service_tier");
    if (!tier_fits(l, d->provider))
        return false;
    *refused = VIEW_LIT("logprobs");
    if (!logprobs_fit(l))
        return false;
    *refused = VIEW_LIT("response_format");
    if (!format_fits(l, d))
        return false;
    *refused = VIEW_LIT("tools");
    if (!tools_fit(p))
        return false;
    if (!parts_fit(l, d, refused))
        return false;
    *refused = VIEW_LIT("messages");
    return prefill_fits(l, d) && results_fit(l);
}
