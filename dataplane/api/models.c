#include "models.h"

#include "money.h"
#include "reply.h"

#include <stdio.h>

enum {
    MODEL_BODY_MAX = 64 << 10, /* one model: about 1 KB */
    DESCRIPTION_MAX = 512,     /* bytes; the names that do not fit are left out */
};

/* The endpoint whose price stands for the model's: the cheapest that is enabled. NULL: none is. */
static const struct catalog_endpoint *cheapest(const struct route_model *m)
{
    const struct catalog_endpoint *best = NULL;

    for (size_t i = 0; i < m->n_endpoints; i++) {
        const struct catalog_endpoint *e = m->endpoints[i].info;

        if (e->weight != 0 &&
            (best == NULL || e->price_prompt_pusd + e->price_completion_pusd <
                                 best->price_prompt_pusd + best->price_completion_pusd))
            best = e;
    }
    return best;
}

/* Dollars per token, as a string, the way OpenRouter's clients expect it. */
static enum err append_price(struct buf *out, const char *name, int64_t pusd, bool first)
{
    char text[MONEY_TEXT_MAX];

    money_text_price(pusd, text);
    return buf_appendf(out, "%s\"%s\":\"%s\"", first ? "" : ",", name, text);
}

static enum err append_pricing(struct buf *out, const struct catalog_endpoint *e)
{
    const struct {
        const char *name;
        int64_t pusd;
    } prices[] = {
        {"prompt", e->price_prompt_pusd},
        {"completion", e->price_completion_pusd},
        {"request", 0},
        {"image", 0},
        {"input_cache_read", e->price_cached_pusd},
        {"input_cache_write", e->price_cache_write_pusd},
    };
    enum err err = buf_append(out, VIEW_LIT(",\"pricing\":{"));

    for (size_t i = 0; err == ERR_NONE && i < sizeof prices / sizeof prices[0]; i++)
        err = append_price(out, prices[i].name, prices[i].pusd, i == 0);
    return err == ERR_NONE ? buf_append_byte(out, '}') : err;
}

static const char *parameters_of(uint16_t capabilities, unsigned i)
{
    static const struct {
        uint16_t needs;
        const char *name;
    } all[] = {
        {0, "max_tokens"},
        {0, "temperature"},
        {0, "top_p"},
        {0, "stop"},
        {0, "seed"},
        {0, "frequency_penalty"},
        {0, "presence_penalty"},
        {CAP_TOOLS, "tools"},
        {CAP_TOOLS, "tool_choice"},
        {CAP_TOOLS, "parallel_tool_calls"},
        {CAP_JSON_SCHEMA, "response_format"},
        {CAP_JSON_SCHEMA, "structured_outputs"},
        {CAP_REASONING, "reasoning"},
        {CAP_REASONING, "include_reasoning"},
    };

    if (i >= sizeof all / sizeof all[0])
        return NULL;
    return (capabilities & all[i].needs) == all[i].needs ? all[i].name : "";
}

static enum err append_parameters(struct buf *out, uint16_t capabilities)
{
    enum err e = buf_append(out, VIEW_LIT(",\"supported_parameters\":["));
    const char *name, *comma = "";

    for (unsigned i = 0; e == ERR_NONE && (name = parameters_of(capabilities, i)) != NULL; i++) {
        if (*name == '\0')
            continue;
        e = buf_appendf(out, "%s\"%s\"", comma, name);
        comma = ",";
    }
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}

static enum err append_names(struct buf *out, const struct catalog_model *m)
{
    struct view id = view_str(m->id);
    const uint8_t *slash = id.len != 0 ? memchr(id.ptr, '/', id.len) : NULL;
    enum err e = buf_append(out, VIEW_LIT("{\"id\":"));

    if (e == ERR_NONE)
        e = buf_append_json_string(out, id);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"canonical_slug\":"));
    if (e == ERR_NONE)
        e = buf_append_json_string(out, id);
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"object\":\"model\",\"created\":%llu,\"owned_by\":",
                        (unsigned long long)m->created);
    if (e == ERR_NONE)
        e = buf_append_json_string(
            out, slash != NULL ? view_of(id.ptr, (size_t)(slash - id.ptr)) : id);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"name\":"));
    if (e == ERR_NONE)
        e = buf_append_json_string(out, view_str(m->name[0] != '\0' ? m->name : m->id));
    return e;
}

/* One sentence from the catalog: who serves the model now. */
static enum err append_description(struct buf *out, const struct route_model *m)
{
    enum err e = buf_append(out, VIEW_LIT(",\"description\":"));
    char text[DESCRIPTION_MAX];
    size_t len = 0;

    for (size_t i = 0; i < m->n_endpoints; i++) {
        const char *name = m->endpoints[i].provider->name;
        size_t left = sizeof text - len;

        if (m->endpoints[i].info->weight == 0 || left < strlen(name) + sizeof "Served by ")
            continue;
        len += (size_t)snprintf(text + len, left, "%s%s", len == 0 ? "Served by " : ", ", name);
    }
    return e == ERR_NONE ? buf_append_json_string(out, view_of(text, len)) : e;
}

static enum err append_model(struct buf *out, const struct route_model *m,
                             const struct catalog_endpoint *price)
{
    const struct catalog_model *i = m->info;
    bool images = (i->capabilities & CAP_IMAGES) != 0;
    enum err e = append_names(out, i);

    if (e == ERR_NONE)
        e = append_description(out, m);
    if (e == ERR_NONE)
        e = buf_appendf(out,
                        ",\"context_length\":%u,\"architecture\":{"
                        "\"modality\":\"%s\",\"input_modalities\":[\"text\"%s],"
                        "\"output_modalities\":[\"text\"],\"tokenizer\":\"Other\","
                        "\"instruct_type\":null}",
                        i->context_length, images ? "text+image->text" : "text->text",
                        images ? ",\"image\"" : "");
    if (e == ERR_NONE)
        e = append_pricing(out, price);
    if (e == ERR_NONE)
        e = buf_appendf(out,
                        ",\"top_provider\":{\"context_length\":%u,\"max_completion_tokens\":%u,"
                        "\"is_moderated\":false},\"per_request_limits\":null",
                        i->context_length, i->max_output);
    if (e == ERR_NONE)
        e = append_parameters(out, i->capabilities);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

enum err models_render(const struct snapshot *s, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("{\"object\":\"list\",\"data\":["));
    bool first = true;

    for (size_t i = 0; e == ERR_NONE && i < snapshot_models(s); i++) {
        const struct route_model *m = snapshot_model(s, i);
        const struct catalog_endpoint *price = cheapest(m);

        if (price == NULL)
            continue; /* nobody serves it now */
        if (!first)
            e = buf_append_byte(out, ',');
        first = false;
        if (e == ERR_NONE)
            e = append_model(out, m, price);
    }
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("]}")) : e;
}

static int answer(struct web_request *r, enum api_error error, struct view body)
{
    struct api_failure f = {.error = error, .param = error == API_NO_MODEL ? "model" : NULL};
    struct id id = id_new();
    struct reply p;

    reply_init(&p, &id);
    if (error == API_OK)
        reply_json(&p, r, 200, body);
    else
        reply_failure(&p, r, &f);
    return errors_row(error)->status;
}

/* Does If-None-Match name this tag? Weakly compared (RFC 9110, 13.1.2): the list has no ranges. */
static bool tag_named(const struct web_request *r, struct view tag)
{
    struct view list;

    if (!web_header(r, VIEW_LIT("if-none-match"), &list))
        return false;
    while (list.len != 0) {
        const uint8_t *comma = memchr(list.ptr, ',', list.len);
        struct view one = comma == NULL ? list : view_of(list.ptr, (size_t)(comma - list.ptr));

        list = view_from(list, comma == NULL ? list.len : one.len + 1);
        one = view_trim(one);
        if (one.len > 2 && one.ptr[0] == 'W' && one.ptr[1] == '/')
            one = view_from(one, 2);
        if (view_eq(one, tag) || view_eq(one, VIEW_LIT("*")))
            return true;
    }
    return false;
}

static int answer_list(struct web_request *r, const struct snapshot *s)
{
    bool same = tag_named(r, snapshot_listing_tag(s));
    struct id id = id_new();
    struct reply p;

    reply_init(&p, &id);
    reply_add(&p, VIEW_LIT("etag"), snapshot_listing_tag(s));
    reply_add(&p, VIEW_LIT("cache-control"), VIEW_LIT("no-cache")); /* ask again, with the tag */
    reply_json(&p, r, same ? 304 : 200, same ? VIEW_EMPTY : snapshot_listing(s));
    return same ? 304 : 200;
}

int models_list(const struct models_context *x, struct web_request *r)
{
    struct snapshot *s = catalog_acquire(x->catalogs, x->worker);
    int status;

    if (s == NULL)
        status = answer(r, API_NOT_READY, VIEW_EMPTY);
    else if (snapshot_listing(s).len == 0)
        status = answer(r, API_INTERNAL, VIEW_EMPTY);
    else
        status = answer_list(r, s);
    snapshot_release(s);
    return status;
}

/* "author%2Fslug" as "author/slug". False when it is too long for any model. */
static bool decode_id(struct view in, char out[static LIMIT_MODEL_ID_BYTES + 1], size_t *len)
{
    *len = 0;
    while (in.len != 0) {
        struct view byte;

        if (*len == LIMIT_MODEL_ID_BYTES)
            return false;
        if (in.len >= 3 && view_eq_nocase(view_of(in.ptr, 3), VIEW_LIT("%2f"))) {
            out[(*len)++] = '/';
            in = view_from(in, 3);
        } else if (view_take(&in, 1, &byte)) {
            out[(*len)++] = (char)byte.ptr[0];
        }
    }
    return true;
}

int models_one(const struct models_context *x, struct web_request *r, struct view id)
{
    struct snapshot *s = catalog_acquire(x->catalogs, x->worker);
    const struct route_model *m = NULL;
    const struct catalog_endpoint *price = NULL;
    char text[LIMIT_MODEL_ID_BYTES + 1];
    struct buf body;
    size_t len;
    int status;

    buf_init(&body, MODEL_BODY_MAX);
    if (s != NULL && decode_id(id, text, &len))
        m = snapshot_find(s, view_of(text, len));
    if (m != NULL)
        price = cheapest(m);
    if (s == NULL)
        status = answer(r, API_NOT_READY, VIEW_EMPTY);
    else if (price == NULL)
        status = answer(r, API_NO_MODEL, VIEW_EMPTY);
    else if (append_model(&body, m, price) != ERR_NONE)
        status = answer(r, API_INTERNAL, VIEW_EMPTY);
    else
        status = answer(r, API_OK, buf_view(&body));
    buf_free(&body);
    snapshot_release(s);
    return status;
}
