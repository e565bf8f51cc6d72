#include "models_anthropic.h"

#include "catalog_synth.h"
#include "path.h"
#include "query.h"
#include "reply.h"
#include "time_text.h"

#include <stdlib.h>

enum {
    PAGE_DEFAULT = 20, /* Anthropic's figures */
    PAGE_MAX = 1000,
    BODY_MAX = 4 << 20, /* a page of 1000 models of about 2 KB */
};

/* --- one model */

/* What a client can ask of the model through this router. The catalog says nothing of citations and of PDF
 * documents; batches, code execution and the tools of Anthropic's servers are not here. */
static enum err append_capabilities(struct buf *out, uint16_t has)
{
#define SUPPORTED(name, yes) ",\"" name "\":{\"supported\":" yes "}"
#define THINKING(yes)                                                                              \
    ",\"effort\":{\"supported\":" yes SUPPORTED("low", yes) SUPPORTED("medium", yes)               \
        SUPPORTED("high", yes) SUPPORTED("xhigh", yes) SUPPORTED("max", yes)                       \
    "},\"thinking\":{\"supported\":" yes ",\"types\":{\"disabled\":{\"supported\":true}"             \
        SUPPORTED("adaptive", yes) SUPPORTED("enabled", yes) SUPPORTED("between_tools", "false")   \
    "}}}"
    static const char never[] = ",\"capabilities\":{\"batch\":{\"supported\":false}"
        SUPPORTED("citations", "false") SUPPORTED("code_execution", "false")
        SUPPORTED("pdf_input", "false") SUPPORTED("context_management", "false")
        SUPPORTED("server_tools", "false");
    enum err e = buf_append(out, view_str(never));

    if (e == ERR_NONE)
        e = buf_append(out, (has & CAP_IMAGES) != 0 ? VIEW_LIT(SUPPORTED("image_input", "true"))
                                                    : VIEW_LIT(SUPPORTED("image_input", "false")));
    if (e == ERR_NONE)
        e = buf_append(out, (has & CAP_JSON_SCHEMA) != 0
                                ? VIEW_LIT(SUPPORTED("structured_outputs", "true"))
                                : VIEW_LIT(SUPPORTED("structured_outputs", "false")));
    return e == ERR_NONE ? buf_append(out, (has & CAP_REASONING) != 0 ? VIEW_LIT(THINKING("true"))
                                                                      : VIEW_LIT(THINKING("false")))
                         : e;
#undef SUPPORTED
#undef THINKING
}

/* null: not known. */
static enum err append_limit(struct buf *out, const char *name, uint32_t n)
{
    return n == 0 ? buf_appendf(out, ",\"%s\":null", name) : buf_appendf(out, ",\"%s\":%u", name, n);
}

static enum err append_model(struct buf *out, const struct snapshot *s, const struct route_model *of)
{
    char created[TIME_TEXT_BYTES];
    struct catalog_model facts;
    const struct catalog_model *m = &facts;
    enum err e = buf_append(out, VIEW_LIT("{\"type\":\"model\",\"id\":"));

    catalog_facts(s, of, &facts);

    time_format(m->created, created);
    if (e == ERR_NONE)
        e = buf_append_json_string(out, view_str(m->id));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"display_name\":"));
    if (e == ERR_NONE)
        e = buf_append_json_string(out, view_str(m->name[0] != '\0' ? m->name : m->id));
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"created_at\":\"%s\"", created);
    if (e == ERR_NONE)
        e = append_limit(out, "max_input_tokens", m->context_length);
    if (e == ERR_NONE)
        e = append_limit(out, "max_tokens", m->max_output);
    if (e == ERR_NONE)
        e = append_capabilities(out, m->capabilities);
    return e == ERR_NONE ? buf_append(out, VIEW_LIT(",\"lifecycle\":\"active\",\"line\":null,"
                                                    "\"deprecated_at\":null,\"retires_at\":null}"))
                         : e;
}

int models_anthropic_one(const struct snapshot *s, const struct route_model *m, struct web_request *r)
{
    struct buf body;

    buf_init(&body, BODY_MAX);
    return reply_done(r, append_model(&body, s, m), &body);
}

/* --- the list */

struct page {
    const struct snapshot *s;
    const struct route_model **all; /* those that are served, newest first */
    size_t n;
    size_t from, to;
    bool has_more;
};

static int newer_first(const void *a, const void *b)
{
    const struct catalog_model *x = (*(const struct route_model *const *)a)->info,
                               *y = (*(const struct route_model *const *)b)->info;

    if (x->created != y->created)
        return x->created > y->created ? -1 : 1;
    return strcmp(x->id, y->id);
}

/* False: no memory. */
static bool page_gather(const struct snapshot *s, struct page *p)
{
    *p = (struct page){.s = s, .all = calloc(snapshot_models(s) + 1, sizeof *p->all)};
    for (size_t i = 0; p->all != NULL && i < snapshot_models(s); i++)
        if (catalog_listed(s, snapshot_model(s, i)))
            p->all[p->n++] = snapshot_model(s, i);
    if (p->all != NULL)
        qsort(p->all, p->n, sizeof *p->all, newer_first);
    return p->all != NULL;
}

/* The place of the model that a cursor names. False: it is none of ours, or is there twice. */
static bool page_cursor(const struct page *p, struct view query, const char *name, bool *said,
                        size_t *at)
{
    char text[LIMIT_MODEL_ID_BYTES];
    struct view raw;
    size_t len;

    *said = false;
    switch (query_find(query, name, &raw)) {
    case QUERY_ABSENT:
        return true;
    case QUERY_TWICE:
        return false;
    case QUERY_ONE:
        break;
    }
    *said = true;
    if (!query_decode(raw, text, sizeof text, &len))
        return false;
    for (*at = 0; *at < p->n; ++*at)
        if (view_eq(view_str(p->all[*at]->info->id), view_of(text, len)))
            return true;
    return false;
}

/* NULL, or the parameter that is wrong. */
static const char *page_cut(struct page *p, struct view query)
{
    bool after, before;
    size_t after_at = 0, before_at = 0;
    uint64_t limit = PAGE_DEFAULT;
    struct view text;

    if (!page_cursor(p, query, "after_id", &after, &after_at))
        return "after_id";
    if (!page_cursor(p, query, "before_id", &before, &before_at) || (after && before))
        return "before_id";
    switch (query_find(query, "limit", &text)) {
    case QUERY_ABSENT:
        break;
    case QUERY_TWICE:
        return "limit";
    case QUERY_ONE:
        if (!view_u64(text, &limit) || limit == 0 || limit > PAGE_MAX)
            return "limit";
        break;
    }
    if (before) {
        p->to = before_at;
        p->from = p->to > limit ? p->to - (size_t)limit : 0;
        p->has_more = p->from != 0;
    } else {
        p->from = after ? after_at + 1 : 0;
        p->to = p->n - p->from > limit ? p->from + (size_t)limit : p->n;
        p->has_more = p->to != p->n;
    }
    return NULL;
}

static enum err append_id(struct buf *out, const char *name, const struct page *p, size_t at)
{
    enum err e = buf_appendf(out, ",\"%s\":", name);

    if (e != ERR_NONE)
        return e;
    return p->from == p->to ? buf_append(out, VIEW_LIT("null"))
                            : buf_append_json_string(out, view_str(p->all[at]->info->id));
}

static enum err append_page(struct buf *out, const struct page *p)
{
    enum err e = buf_append(out, VIEW_LIT("{\"data\":["));

    for (size_t i = p->from; e == ERR_NONE && i < p->to; i++) {
        if (i != p->from)
            e = buf_append_byte(out, ',');
        if (e == ERR_NONE)
            e = append_model(out, p->s, p->all[i]);
    }
    if (e == ERR_NONE)
        e = buf_appendf(out, "],\"has_more\":%s", p->has_more ? "true" : "false");
    if (e == ERR_NONE)
        e = append_id(out, "first_id", p, p->from);
    if (e == ERR_NONE)
        e = append_id(out, "last_id", p, p->to - 1);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

int models_anthropic_list(const struct snapshot *s, struct web_request *r)
{
    struct page p;
    struct buf body;
    const char *wrong = NULL;
    int status;

    buf_init(&body, BODY_MAX);
    if (!page_gather(s, &p))
        return reply_done(r, ERR_MEMORY, &body);
    wrong = page_cut(&p, web_query(r));
    if (wrong != NULL)
        status = reply_refusal(
            r, &(struct api_failure){.error = API_BAD_REQUEST,
                                     .param = wrong,
                                     .message = "after_id or before_id is the id of a model that is "
                                                "served; limit is 1 to 1000."});
    else
        status = reply_done(r, append_page(&body, &p), &body);
    free(p.all);
    return status;
}
