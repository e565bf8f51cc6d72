#include "models.h"

#include "catalog_json.h"
#include "catalog_synth.h"
#include "catalog_words.h"
#include "clock.h"
#include "endpoints.h"
#include "model_query.h"
#include "models_anthropic.h"
#include "path.h"
#include "reply.h"
#include "want.h"

#include <assert.h>
#include <stdlib.h>

enum { MODEL_BODY_MAX = 64 << 10 }; /* one model: about 1 KB */

static int no_model(struct web_request *r)
{
    return reply_refusal(r, &(struct api_failure){.error = API_NO_MODEL, .param = "model"});
}

static int refuse(struct web_request *r, enum api_error error)
{
    return reply_refusal(r, &(struct api_failure){.error = error});
}

/* --- the list of everything */

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

static int answer_all(struct web_request *r, const struct snapshot *s)
{
    bool same = tag_named(r, snapshot_listing_tag(s));
    struct id id = id_new();
    struct reply p;

    reply_init(&p, &id);
    reply_add(&p, VIEW_LIT("etag"), snapshot_listing_tag(s));
    reply_add(&p, VIEW_LIT("cache-control"), VIEW_LIT("no-cache")); /* ask again, with the tag */
    reply_add(&p, VIEW_LIT("vary"), VIEW_LIT("anthropic-version"));
    reply_json(&p, r, same ? 304 : 200, same ? VIEW_EMPTY : snapshot_listing(s));
    return same ? 304 : 200;
}

/* --- some of it, in some order */

/* One model that was taken, and what it is sorted by: the least first, then as the catalog has them. */
struct pick {
    int64_t key;
    size_t i;
};

static int pick_compare(const void *a, const void *b)
{
    const struct pick *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->i < y->i ? -1 : x->i > y->i;
}

/* The smoothed time to the first byte of its quickest endpoint; what was never measured is last. */
static int64_t latency_of(const struct models_context *x, const struct route_model *m)
{
    int64_t best = INT64_MAX;

    for (size_t i = 0; i < m->n_endpoints; i++) {
        struct health_view now;

        if (m->endpoints[i].info->weight == 0)
            continue;
        health_read(x->health, m->endpoints[i].health_slot, HEALTH_NOBODY, clock_mono_ms(), &now);
        if (now.first_byte_us != 0 && now.first_byte_us < best)
            best = now.first_byte_us;
    }
    return best;
}

static int64_t price_of(const struct snapshot *s, const struct route_model *m)
{
    const struct catalog_endpoint *e = catalog_cheapest(m);
    struct catalog_synth_price p;

    if (m->info->kind != KIND_SYNTH)
        return e->price.prompt_pusd / 2 + e->price.completion_pusd / 2;
    p = catalog_synth_price(s, m);
    return p.least_prompt_pusd / 2 + p.least_completion_pusd / 2;
}

static int64_t context_of(const struct snapshot *s, const struct route_model *m)
{
    struct catalog_model facts;

    if (m->info->kind != KIND_SYNTH)
        return m->info->context_length;
    catalog_facts(s, m, &facts);
    return facts.context_length;
}

static int64_t key_of(const struct models_context *x, const struct snapshot *s, enum model_order order,
                      const struct route_model *m)
{
    switch (order) {
    case ORDER_CATALOG:
        return 0;
    case ORDER_NEWEST:
        return m->info->created > INT64_MAX ? -INT64_MAX : -(int64_t)m->info->created;
    case ORDER_CHEAPEST:
        return price_of(s, m);
    case ORDER_DEAREST:
        return -price_of(s, m);
    case ORDER_CONTEXT:
        return -context_of(s, m);
    case ORDER_LATENCY:
        return latency_of(x, m);
    }
    return 0;
}

/* Models and, behind them, the aliases that are listed: their places go on behind the last model's. */
static size_t pick_models(const struct models_context *x, const struct snapshot *s,
                          const struct model_query *q, struct pick *out)
{
    size_t models = snapshot_models(s), n = 0;
    uint64_t now_s = clock_unix_ms() / 1000;

    for (size_t i = 0; i < models + snapshot_catalog(s)->n_aliases; i++) {
        const struct route_model *m = NULL;

        if (i < models)
            m = snapshot_model(s, i);
        else
            (void)snapshot_alias_text(s, i - models, &m);
        if (m != NULL && model_query_takes(q, s, m, now_s))
            out[n++] = (struct pick){key_of(x, s, q->order, m), i};
    }
    qsort(out, n, sizeof *out, pick_compare);
    return n;
}

static struct view pick_text(const struct snapshot *s, size_t i)
{
    const struct route_model *unused;

    return i < snapshot_models(s) ? snapshot_model_text(s, snapshot_model(s, i))
                                  : snapshot_alias_text(s, i - snapshot_models(s), &unused);
}

/* The path of the next page: this query with another offset. */
static enum err append_next(struct buf *out, struct view base, struct view query,
                            const struct model_query *q, uint64_t offset)
{
    struct buf path;
    enum err e;

    buf_init(&path, LIMIT_HEADER_BYTES);
    e = buf_append(&path, base);
    if (e == ERR_NONE)
        e = buf_appendf(&path, "?offset=%llu&limit=%llu", (unsigned long long)offset,
                        (unsigned long long)q->limit);
    while (e == ERR_NONE && query.len != 0) {
        const uint8_t *end = memchr(query.ptr, '&', query.len);
        struct view one = end == NULL ? query : view_of(query.ptr, (size_t)(end - query.ptr));

        query = view_from(query, end == NULL ? query.len : one.len + 1);
        if (one.len == 0 || view_starts(one, VIEW_LIT("offset=")) ||
            view_starts(one, VIEW_LIT("limit=")))
            continue;
        e = buf_append_byte(&path, '&');
        if (e == ERR_NONE)
            e = buf_append(&path, one);
    }
    if (e == ERR_NONE)
        e = buf_append_json_string(out, buf_view(&path));
    buf_free(&path);
    return e;
}

static enum err append_page(struct buf *out, const struct snapshot *s, const struct pick *picked,
                            size_t n, struct view base, struct view query,
                            const struct model_query *q)
{
    size_t from = q->offset < n ? (size_t)q->offset : n;
    size_t to = q->limit < n - from ? from + (size_t)q->limit : n;
    enum err e = buf_append(out, VIEW_LIT("{\"object\":\"list\",\"data\":["));

    for (size_t i = from; e == ERR_NONE && i < to; i++) {
        if (i != from)
            e = buf_append_byte(out, ',');
        if (e == ERR_NONE)
            e = buf_append(out, pick_text(s, picked[i].i));
    }
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("],\"links\":{\"next\":"));
    if (e == ERR_NONE)
        e = to < n ? append_next(out, base, query, q, to) : buf_append(out, VIEW_LIT("null"));
    return e == ERR_NONE ? buf_appendf(out, "},\"total_count\":%zu}", n) : e;
}

static int answer_page(const struct models_context *x, struct web_request *r,
                       const struct snapshot *s, struct view base, const struct model_query *q)
{
    struct pick *picked = calloc(snapshot_models(s) + snapshot_catalog(s)->n_aliases + 1, sizeof *picked);
    struct buf body;
    enum err e = ERR_MEMORY;

    buf_init(&body, CATALOG_LISTING_MAX);
    if (picked != NULL)
        e = append_page(&body, s, picked, pick_models(x, s, q, picked), base, web_query(r), q);
    free(picked);
    return reply_done(r, e, &body);
}

/* --- handlers */

/* The query of r. 0, or the status of the refusal, which has left. */
static int read_query(const struct models_context *x, struct web_request *r, struct model_query *q)
{
    struct model_query_fault why;
    enum err e = model_query_read(web_query(r), x->providers, q, &why);

    if (e == ERR_NONE)
        return 0;
    return reply_refusal(r, &(struct api_failure){
                                .error = e == ERR_UNSUPPORTED ? API_UNSUPPORTED_PARAMETER
                                                              : API_BAD_REQUEST,
                                .param = why.param,
                                .message = why.message});
}

/* Is there a catalog, and is it in words? *s is referenced in every case, or NULL. 0 or the status. */
static int open_catalog(const struct models_context *x, struct web_request *r, struct snapshot **s)
{
    *s = catalog_acquire(x->catalogs, x->worker);
    if (*s == NULL)
        return refuse(r, API_NOT_READY);
    return snapshot_listing(*s).len == 0 ? refuse(r, API_INTERNAL) : 0;
}

int models_list(const struct models_context *x, struct web_request *r, struct view base)
{
    struct snapshot *s;
    struct model_query q;
    int status = open_catalog(x, r, &s);
    struct view version;

    if (status == 0 && web_header(r, VIEW_LIT("anthropic-version"), &version))
        status = models_anthropic_list(s, r);
    if (status == 0)
        status = read_query(x, r, &q);
    if (status == 0)
        status = q.filtered ? answer_page(x, r, s, base, &q) : answer_all(r, s);
    snapshot_release(s);
    return status;
}

int models_embeddings(const struct models_context *x, struct web_request *r, struct view base)
{
    struct snapshot *s;
    struct model_query q;
    int status = open_catalog(x, r, &s);

    if (status == 0)
        status = read_query(x, r, &q);
    if (status == 0) {
        q.output = 1u << MODALITY_EMBEDDINGS;
        status = answer_page(x, r, s, base, &q);
    }
    snapshot_release(s);
    return status;
}

int models_count(const struct models_context *x, struct web_request *r)
{
    struct snapshot *s;
    struct model_query q;
    struct pick *picked;
    struct buf body;
    int status = open_catalog(x, r, &s);

    buf_init(&body, MODEL_BODY_MAX);
    if (status == 0)
        status = read_query(x, r, &q);
    picked = status == 0 ? calloc(snapshot_models(s) + snapshot_catalog(s)->n_aliases + 1, sizeof *picked) : NULL;
    if (status == 0 && picked == NULL)
        status = refuse(r, API_INTERNAL);
    if (status == 0)
        status = reply_done(r, buf_appendf(&body, "{\"data\":{\"count\":%zu}}", pick_models(x, s, &q, picked)), &body);
    free(picked);
    snapshot_release(s);
    return status;
}

/* What an id in a path names, and what the listing says of it. */
struct found {
    const struct route_model *model; /* NULL: nothing that is served */
    struct view text;                /* of an alias, its own: with the id that was asked for, and alias_target */
};

/* A suffix that is a sort order makes no other model of it. An alias that the list has is found as the model that it is
 * listed as. */
static struct found find_model(const struct snapshot *s, struct view id)
{
    char decoded[LIMIT_MODEL_ID_BYTES];
    const struct catalog_alias *alias;
    struct found f = {NULL, VIEW_EMPTY};
    enum route_sort unused;
    size_t len;

    if (!path_decode(id, decoded, sizeof decoded, &len))
        return f;
    alias = snapshot_alias(s, view_of(decoded, len));
    if (alias != NULL) {
        f.text = snapshot_alias_text(s, (size_t)(alias - snapshot_catalog(s)->aliases), &f.model);
        return f;
    }
    f.model = want_find(s, view_of(decoded, len), &unused);
    if (f.model == NULL || !catalog_listed(s, f.model))
        return (struct found){NULL, VIEW_EMPTY};
    f.text = snapshot_model_text(s, f.model);
    return f;
}

static int answer_one(struct web_request *r, struct view text, const char *before, const char *after)
{
    struct buf body;
    enum err e;

    buf_init(&body, MODEL_BODY_MAX);
    e = buf_append(&body, view_str(before));
    if (e == ERR_NONE)
        e = buf_append(&body, text);
    if (e == ERR_NONE)
        e = buf_append(&body, view_str(after));
    return reply_done(r, e, &body);
}

int models_one(const struct models_context *x, struct web_request *r, struct view id)
{
    static const char tail[] = "/endpoints";
    struct snapshot *s;
    int status = open_catalog(x, r, &s);
    struct found f = status == 0 ? find_model(s, id) : (struct found){NULL, VIEW_EMPTY};
    size_t before = id.len > sizeof tail - 1 ? id.len - (sizeof tail - 1) : 0;
    struct view version;

    if (status == 0 && f.model == NULL && view_eq(view_from(id, before), VIEW_LIT("/endpoints"))) {
        f = find_model(s, view_of(id.ptr, before));
        status = f.model == NULL ? no_model(r) : endpoints_of(x, r, s, f.model);
    }
    if (status == 0 && f.model == NULL)
        status = no_model(r);
    if (status == 0) /* Anthropic's clients ask for an alias to learn whose it is */
        status = web_header(r, VIEW_LIT("anthropic-version"), &version)
                     ? models_anthropic_one(s, f.model, r)
                     : answer_one(r, f.text, "", "");
    snapshot_release(s);
    return status;
}

int models_wrapped(const struct models_context *x, struct web_request *r, struct view id)
{
    struct snapshot *s;
    int status = open_catalog(x, r, &s);
    struct found f = status == 0 ? find_model(s, id) : (struct found){NULL, VIEW_EMPTY};

    if (status == 0)
        status = f.model == NULL ? no_model(r) : answer_one(r, f.text, "{\"data\":", "}");
    snapshot_release(s);
    return status;
}
