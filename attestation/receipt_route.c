#include "receipt_route.h"

#include "base64.h"
#include "json.h"
#include "route_inputs.h"

#include <stdlib.h>

/* --- the catalog, grouped by model as a data plane does */

struct table {
    struct route_model *models;
    struct route_endpoint *endpoints;
    size_t n_models;
};

static void table_free(struct table *t)
{
    free(t->models);
    free(t->endpoints);
}

/* Endpoints whose provider is not in providers.conf are no part of it. */
static enum err table_make(const struct catalog *c, const struct providers *p, struct table *t)
{
    size_t filled = 0;

    t->n_models = c->n_models;
    t->models = calloc(c->n_models + 1, sizeof *t->models);
    t->endpoints = calloc(c->n_endpoints + 1, sizeof *t->endpoints);
    if (t->models == NULL || t->endpoints == NULL)
        return ERR_MEMORY;
    for (size_t m = 0; m < c->n_models; m++) {
        t->models[m] = (struct route_model){.info = &c->models[m], .endpoints = &t->endpoints[filled]};
        for (size_t i = 0; i < c->n_endpoints; i++) {
            const struct catalog_endpoint *e = &c->endpoints[i];

            if (e->model_no != c->models[m].no || e->provider_no >= p->n)
                continue;
            t->endpoints[filled++] =
                (struct route_endpoint){.info = e, .provider = &p->list[e->provider_no]};
            t->models[m].n_endpoints++;
        }
    }
    return ERR_NONE;
}

static const struct route_model *table_model(const void *cookie, uint32_t no)
{
    const struct table *t = cookie;

    for (size_t i = 0; i < t->n_models; i++)
        if (t->models[i].info->no == no)
            return &t->models[i];
    return NULL;
}

/* --- the event */

struct event {
    struct digest32 catalog;
    uint64_t seed;
    uint8_t inputs[ROUTE_INPUTS_MAX];
    size_t inputs_len; /* 0: null */
    struct json_value candidates;
};

static bool event_find(struct view document, struct json_value *out, bool *twice)
{
    struct json_value root, log, type;
    struct json_member item;
    bool found = false;

    *twice = false;
    if (json_check(document, &root, NULL) != ERR_NONE || json_only(root, "event_log", &log) != ERR_NONE)
        return false;
    for (struct json_iter it = json_iter(log); json_next(&it, &item);) {
        if (json_only(item.value, "type", &type) != ERR_NONE || !json_string_is(type, "route"))
            continue;
        *twice = found;
        found = true;
        *out = item.value;
    }
    return found;
}

static bool text_of(struct json_value v, const char *name, struct view *out)
{
    struct json_value m;

    return json_only(v, name, &m) == ERR_NONE && json_string_plain(m, out);
}

static bool inputs_read(struct json_value event, struct event *out)
{
    struct json_value v;
    struct view text;
    struct buf bytes;
    bool ok;

    if (json_only(event, "inputs", &v) != ERR_NONE)
        return false;
    if (v.kind == JSON_NULL)
        return true;
    if (!json_string_plain(v, &text))
        return false;
    buf_init(&bytes, ROUTE_INPUTS_MAX);
    ok = base64_decode(text, &bytes) == ERR_NONE && bytes.len != 0;
    if (ok)
        memcpy(out->inputs, bytes.ptr, bytes.len);
    out->inputs_len = ok ? bytes.len : 0;
    buf_free(&bytes);
    return ok;
}

static bool event_read(struct json_value v, struct event *out)
{
    struct view digest, seed;
    uint8_t bytes[8];

    *out = (struct event){0};
    if (!text_of(v, "catalog_digest", &digest) || !view_starts(digest, VIEW_LIT("sha256:")) ||
        hex_decode(view_from(digest, 7), out->catalog.b, sizeof out->catalog.b) != ERR_NONE ||
        !text_of(v, "seed", &seed) || hex_decode(seed, bytes, sizeof bytes) != ERR_NONE ||
        json_only(v, "candidates", &out->candidates) != ERR_NONE ||
        out->candidates.kind != JSON_ARRAY)
        return false;
    for (size_t i = 0; i < sizeof bytes; i++)
        out->seed = out->seed << 8 | bytes[i];
    return inputs_read(v, out);
}

/* --- the comparison */

static bool candidate_is(struct json_value v, const struct candidate *c, bool *provider_is)
{
    struct json_value no;
    struct view provider, reason;
    int64_t endpoint;

    if (json_only(v, "endpoint", &no) != ERR_NONE || json_i64(no, &endpoint) != ERR_NONE ||
        !text_of(v, "provider", &provider) || !text_of(v, "reason", &reason))
        return false;
    *provider_is = view_eq(provider, view_str(c->endpoint->provider->id));
    return endpoint == c->endpoint->info->no &&
           view_eq(reason, view_str(route_reason_name((enum route_reason)c->reason)));
}

static enum route_replay compare(struct json_value list, const struct route *route)
{
    struct json_member item;
    size_t n = 0;
    bool providers_same = true, provider_is;

    for (struct json_iter it = json_iter(list); json_next(&it, &item); n++) {
        provider_is = true;
        if (n == route->n || !candidate_is(item.value, &route->list[n], &provider_is))
            return REPLAY_DIFFERENT;
        providers_same = providers_same && provider_is;
    }
    if (n != route->n)
        return REPLAY_DIFFERENT;
    return providers_same ? REPLAY_SAME : REPLAY_PROVIDERS;
}

static enum err replay(const struct event *event, const struct table *table,
                       const struct providers *providers, struct buf *told, enum route_replay *out)
{
    const struct route_catalog catalog = {table_model, table};
    struct route_judged judged[ROUTE_ENDPOINTS_MAX];
    struct route_want want;
    struct route route;
    enum err e = route_inputs_read(view_of(event->inputs, event->inputs_len), &catalog, &want, judged);

    if (e != ERR_NONE) {
        *out = e == ERR_NOT_FOUND ? REPLAY_PROVIDERS : REPLAY_MALFORMED;
        return ERR_NONE;
    }
    route_rank(&want, judged, event->seed, &route);
    *out = compare(event->candidates, &route);
    return route_inputs_tell(&want, providers, told);
}

enum err receipt_route_replay(struct view document, const struct catalog *catalog,
                              const struct providers *providers, struct buf *told,
                              enum route_replay *out)
{
    struct json_value found;
    struct event event;
    struct table table = {0};
    bool twice;
    enum err e = ERR_NONE;

    *out = REPLAY_NONE;
    if (!event_find(document, &found, &twice))
        return ERR_NONE;
    if (twice || !event_read(found, &event)) {
        *out = REPLAY_MALFORMED;
    } else if (!secret_equal(event.catalog.b, catalog->digest.b, sizeof event.catalog.b)) {
        *out = REPLAY_CATALOG;
    } else if (event.inputs_len == 0) {
        *out = REPLAY_NO_INPUTS;
    } else {
        e = table_make(catalog, providers, &table);
        if (e == ERR_NONE)
            e = replay(&event, &table, providers, told, out);
    }
    table_free(&table);
    return e;
}
