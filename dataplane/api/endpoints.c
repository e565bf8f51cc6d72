#include "endpoints.h"

#include "catalog_json.h"
#include "catalog_synth.h"
#include "clock.h"
#include "reply.h"

enum { PROVIDERS_BODY_MAX = 256 << 10 }; /* 256 of them, about 450 bytes each */

/* The endpoints of m behind those in out. zdr: only those where no data is kept. *n counts all. */
static enum err append_endpoints(const struct models_context *x, const struct snapshot *s,
                                 const struct route_model *m, bool zdr, size_t *n, struct buf *out)
{
    uint64_t now_ms = clock_mono_ms();
    enum err err = ERR_NONE;

    for (size_t i = 0; err == ERR_NONE && i < m->n_endpoints; i++) {
        const struct route_endpoint *e = &m->endpoints[i];
        struct health_report now;

        if (snapshot_endpoint_text(s, e).len == 0 || (zdr && (provider_keeps(e->provider) || e->info->retains_data)))
            continue;
        health_report(x->health, e->health_slot, now_ms, &now);
        if ((*n)++ != 0)
            err = buf_append_byte(out, ',');
        if (err == ERR_NONE)
            err = catalog_json_endpoint(s, e, &now, out);
    }
    return err;
}

static enum err append_head(const struct snapshot *s, const struct route_model *m, struct buf *out)
{
    const struct catalog_model *i = m->info;
    struct catalog_model facts;
    enum err e = buf_append(out, VIEW_LIT("{\"data\":{\"id\":"));

    if (e == ERR_NONE)
        e = buf_append_json_string(out, view_str(i->id));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"name\":"));
    if (e == ERR_NONE)
        e = buf_append_json_string(out, view_str(i->name[0] != '\0' ? i->name : i->id));
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"created\":%llu,\"description\":", (unsigned long long)i->created);
    if (e == ERR_NONE)
        e = catalog_json_description(m, out);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"architecture\":"));
    catalog_facts(s, m, &facts);
    if (e == ERR_NONE)
        e = catalog_json_architecture(&facts, out);
    return e == ERR_NONE ? buf_append(out, VIEW_LIT(",\"endpoints\":[")) : e;
}

/* Behind the endpoints, of which one that is made of several has none. */
static enum err append_tail(const struct snapshot *s, const struct route_model *m, struct buf *out)
{
    enum err e = buf_append_byte(out, ']');

    if (e == ERR_NONE && m->info->kind == KIND_SYNTH) {
        e = buf_append(out, VIEW_LIT(",\"trustedrouter\":{\"note\":\"This model is made of several and has no endpoints of its "
                                     "own; those of its models are under their ids.\",\"synth\":"));
        if (e == ERR_NONE)
            e = catalog_synth_json(s, m, out);
        if (e == ERR_NONE)
            e = buf_append_byte(out, '}');
    }
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("}}")) : e;
}

int endpoints_of(const struct models_context *x, struct web_request *r, const struct snapshot *s,
                 const struct route_model *m)
{
    struct buf body;
    size_t n = 0;
    enum err e;

    buf_init(&body, CATALOG_LISTING_MAX);
    e = append_head(s, m, &body);
    if (e == ERR_NONE)
        e = append_endpoints(x, s, m, false, &n, &body);
    if (e == ERR_NONE)
        e = append_tail(s, m, &body);
    return reply_done(r, e, &body);
}

enum { HEALTH_JSON_BYTES = 320 }; /* of health_json_endpoint(), at most */

/* Room for all endpoints at once: a list that is made for strangers is not to be copied while it grows. */
static enum err reserve_all(const struct snapshot *s, struct buf *out)
{
    size_t room = 64;

    for (size_t i = 0; i < snapshot_models(s); i++)
        for (size_t k = 0; k < snapshot_model(s, i)->n_endpoints; k++)
            room += snapshot_endpoint_text(s, &snapshot_model(s, i)->endpoints[k]).len + HEALTH_JSON_BYTES;
    return buf_reserve(out, room);
}

static enum err append_zdr(const struct models_context *x, const struct snapshot *s,
                           struct buf *out)
{
    enum err e = reserve_all(s, out);
    size_t n = 0;

    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("{\"data\":["));

    for (size_t i = 0; e == ERR_NONE && i < snapshot_models(s); i++)
        e = append_endpoints(x, s, snapshot_model(s, i), true, &n, out);
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("]}")) : e;
}

/* The providers of enabled endpoints. */
static struct provider_set providers_serving(const struct snapshot *s)
{
    struct provider_set set = {0};

    for (size_t i = 0; i < snapshot_models(s); i++)
        for (size_t k = 0; k < snapshot_model(s, i)->n_endpoints; k++)
            if (snapshot_model(s, i)->endpoints[k].info->weight != 0)
                provider_set_add(&set, snapshot_model(s, i)->endpoints[k].provider->no);
    return set;
}

static enum err append_providers(const struct models_context *x, const struct snapshot *s,
                                 struct buf *out)
{
    struct provider_set set = providers_serving(s);
    enum err e = buf_append(out, VIEW_LIT("{\"data\":["));
    const char *comma = "";

    for (size_t i = 0; e == ERR_NONE && i < x->providers->n; i++) {
        if (!provider_set_has(&set, (uint16_t)i))
            continue;
        e = buf_append(out, view_str(comma));
        if (e == ERR_NONE)
            e = catalog_json_provider(&x->providers->list[i], out);
        comma = ",";
    }
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("]}")) : e;
}

static int answer(const struct models_context *x, struct web_request *r, size_t max,
                  enum err (*append)(const struct models_context *x, const struct snapshot *s,
                                     struct buf *out))
{
    struct snapshot *s = catalog_acquire(x->catalogs, x->worker);
    struct buf body;
    int status;

    buf_init(&body, max);
    status = s == NULL ? reply_refusal(r, &(struct api_failure){.error = API_NOT_READY})
                       : reply_done(r, append(x, s, &body), &body);
    snapshot_release(s);
    return status;
}

int endpoints_zdr(const struct models_context *x, struct web_request *r)
{
    return answer(x, r, CATALOG_LISTING_MAX, append_zdr);
}

int endpoints_providers(const struct models_context *x, struct web_request *r)
{
    return answer(x, r, PROVIDERS_BODY_MAX, append_providers);
}
