#include "status_page.h"

#include "clock.h"
#include "health_json.h"
#include "reply.h"

#include <pthread.h>
#include <stdlib.h>

struct status_page {
    const char *region;
    pthread_mutex_t lock; /* of what follows; held while the page is made and copied */
    struct buf body;
    uint64_t made_ms; /* 0: never */
};

/* Outcomes of several endpoints together. */
struct sum {
    uint64_t good[HEALTH_SPANS], bad[HEALTH_SPANS];
    uint32_t endpoints;
};

/* The page while it is made. */
struct making {
    const struct models_context *x;
    struct snapshot *s;
    struct buf *out;
    uint64_t now_ms;
    struct sum all;
    struct sum provider[LIMIT_PROVIDERS];
    uint32_t unmeasured; /* enabled endpoints without an outcome in a day */
};

enum err status_page_new(const char *region, struct status_page **out)
{
    struct status_page *p = calloc(1, sizeof *p);

    if (p == NULL)
        return ERR_MEMORY;
    if (pthread_mutex_init(&p->lock, NULL) != 0) {
        free(p);
        return ERR_MEMORY;
    }
    p->region = region;
    buf_init(&p->body, STATUS_PAGE_MAX);
    *out = p;
    return ERR_NONE;
}

void status_page_free(struct status_page *p)
{
    if (p == NULL)
        return;
    buf_free(&p->body);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static void sum_add(struct sum *s, const struct health_report *r)
{
    for (unsigned i = 0; i < HEALTH_SPANS; i++) {
        s->good[i] += r->span[i].good;
        s->bad[i] += r->span[i].bad;
    }
    s->endpoints++;
}

static void sum_merge(struct sum *s, const struct sum *other)
{
    for (unsigned i = 0; i < HEALTH_SPANS; i++) {
        s->good[i] += other->good[i];
        s->bad[i] += other->bad[i];
    }
    s->endpoints += other->endpoints;
}

/* "uptime":{"5m":{"percent":99.50,"samples":200},...} */
static enum err append_uptime(const struct sum *s, struct buf *out)
{
    static const char *const names[HEALTH_SPANS] = {
        [HEALTH_5M] = "{\"5m\":", [HEALTH_30M] = ",\"30m\":", [HEALTH_1D] = ",\"1d\":"};
    enum err e = buf_append(out, VIEW_LIT("\"uptime\":"));

    for (unsigned i = 0; e == ERR_NONE && i < HEALTH_SPANS; i++) {
        e = buf_appendf(out, "%s{\"percent\":", names[i]);
        if (e == ERR_NONE)
            e = health_json_percent(s->good[i], s->bad[i], out);
        if (e == ERR_NONE)
            e = buf_appendf(out, ",\"samples\":%llu}", (unsigned long long)(s->good[i] + s->bad[i]));
    }
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

static const char *state_name(enum health_state s)
{
    static const char *const names[] = {[HEALTH_GOOD] = "ok", [HEALTH_PROBE] = "probing",
                                        [HEALTH_OPEN] = "failing", [HEALTH_COOLING] = "rate_limited"};

    return names[s];
}

static enum err append_endpoint(struct making *m, const struct route_endpoint *e,
                                const struct health_report *r, bool first)
{
    struct buf *out = m->out;
    struct sum own = {0};
    enum err err = buf_append(out, first ? VIEW_LIT("{\"provider\":") : VIEW_LIT(",{\"provider\":"));

    sum_add(&own, r);
    if (err == ERR_NONE)
        err = buf_append_json_string(out, view_str(e->provider->id));
    if (err == ERR_NONE)
        err = buf_appendf(out, ",\"state\":\"%s\",", state_name(r->now.state));
    if (err == ERR_NONE)
        err = append_uptime(&own, out);
    if (err == ERR_NONE)
        err = buf_append(out, VIEW_LIT(",\"latency_ms\":"));
    if (err == ERR_NONE)
        err = health_json_latency(&r->now, out);
    if (err == ERR_NONE)
        err = buf_appendf(out, ",\"latency_samples\":%u,\"tokens_per_second\":", r->latencies);
    if (err == ERR_NONE)
        err = health_json_throughput(&r->now, out);
    return err == ERR_NONE ? buf_appendf(out, ",\"throughput_samples\":%u}", r->rates) : err;
}

/* A model with its endpoints that had an outcome today; nothing where none had. */
static enum err append_model(struct making *m, const struct route_model *model, bool *any)
{
    size_t start = m->out->len;
    struct sum of_model = {0};
    bool measured = false;
    enum err e = buf_append(m->out, *any ? VIEW_LIT(",{\"id\":") : VIEW_LIT("{\"id\":"));

    if (e == ERR_NONE)
        e = buf_append_json_string(m->out, view_str(model->info->id));
    if (e == ERR_NONE)
        e = buf_append(m->out, VIEW_LIT(",\"endpoints\":["));
    for (size_t i = 0; e == ERR_NONE && i < model->n_endpoints; i++) {
        const struct route_endpoint *at = &model->endpoints[i];
        struct health_report r;

        if (at->info->weight == 0)
            continue;
        health_report(m->x->health, at->health_slot, m->now_ms, &r);
        sum_add(&m->provider[at->provider->no], &r);
        sum_add(&of_model, &r);
        if (r.span[HEALTH_1D].good + r.span[HEALTH_1D].bad == 0 && r.now.state == HEALTH_GOOD) {
            m->unmeasured++;
            continue;
        }
        e = append_endpoint(m, at, &r, !measured);
        measured = true;
    }
    sum_merge(&m->all, &of_model);
    if (!measured) {
        m->out->len = start;
        return e;
    }
    *any = true;
    if (e == ERR_NONE)
        e = buf_append(m->out, VIEW_LIT("],"));
    if (e == ERR_NONE)
        e = append_uptime(&of_model, m->out);
    return e == ERR_NONE ? buf_append_byte(m->out, '}') : e;
}

static enum err append_sum(const struct sum *s, struct buf *out)
{
    enum err e = buf_appendf(out, ",\"endpoints\":%u,", s->endpoints);

    if (e == ERR_NONE)
        e = append_uptime(s, out);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

static enum err append_providers(struct making *m)
{
    const struct providers *p = m->x->providers;
    struct buf *out = m->out;
    enum err e = buf_append(out, VIEW_LIT("],\"providers\":["));
    bool any = false;

    for (size_t i = 0; e == ERR_NONE && i < p->n; i++) {
        if (m->provider[i].endpoints == 0)
            continue;
        e = buf_append(out, any ? VIEW_LIT(",{\"id\":") : VIEW_LIT("{\"id\":"));
        any = true;
        if (e == ERR_NONE)
            e = buf_append_json_string(out, view_str(p->list[i].id));
        if (e == ERR_NONE)
            e = buf_append(out, VIEW_LIT(",\"name\":"));
        if (e == ERR_NONE)
            e = buf_append_json_string(out, view_str(p->list[i].name));
        if (e == ERR_NONE)
            e = append_sum(&m->provider[i], out);
    }
    return e;
}

static bool same_region(const struct provider *a, const struct provider *b)
{
    return strcmp(a->region, b->region) == 0;
}

/* The regions of the rows of providers.conf; "" is null. */
static enum err append_regions(struct making *m)
{
    const struct providers *p = m->x->providers;
    struct buf *out = m->out;
    enum err e = buf_append(out, VIEW_LIT("],\"regions\":["));
    bool any = false;

    for (size_t i = 0; e == ERR_NONE && i < p->n; i++) {
        struct sum of_region = {0};
        bool seen = false;

        for (size_t k = 0; k < i; k++)
            seen = seen || same_region(&p->list[k], &p->list[i]);
        for (size_t k = i; !seen && k < p->n; k++)
            if (same_region(&p->list[k], &p->list[i]))
                sum_merge(&of_region, &m->provider[k]);
        if (of_region.endpoints == 0)
            continue;
        e = buf_append(out, any ? VIEW_LIT(",{\"region\":") : VIEW_LIT("{\"region\":"));
        any = true;
        if (e == ERR_NONE)
            e = p->list[i].region[0] == '\0' ? buf_append(out, VIEW_LIT("null"))
                                             : buf_append_json_string(out, view_str(p->list[i].region));
        if (e == ERR_NONE)
            e = append_sum(&of_region, out);
    }
    return e;
}

static enum err append_page(const struct status_page *p, struct making *m)
{
    struct buf *out = m->out;
    enum err e = buf_appendf(out, "{\"object\":\"status\",\"generated_at\":%llu,\"refreshed_every_s\":%d,\"region\":",
                             (unsigned long long)(clock_unix_ms() / 1000), STATUS_PAGE_MS / 1000);
    bool any = false;

    if (e == ERR_NONE)
        e = p->region[0] == '\0' ? buf_append(out, VIEW_LIT("null")) : buf_append_json_string(out, view_str(p->region));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(
                   ",\"method\":\"Outcomes of customers' requests at this data plane since it started; nothing is "
                   "probed. An attempt is good when its answer began, bad when the provider could not be reached, failed "
                   "or was too slow; refusals of a request and rate limits are neither. Failures that a request may "
                   "have caused itself count at most three times per account in 30 to 60 seconds. Latency is the time to "
                   "the first useful event of streams, throughput the tokens a second after it, both of the last 15 "
                   "to 30 minutes, rounded to the worse end of a step of 41 percent, with at least five samples.\","
                   "\"models\":["));
    for (size_t i = 0; e == ERR_NONE && i < snapshot_models(m->s); i++)
        e = append_model(m, snapshot_model(m->s, i), &any);
    if (e == ERR_NONE)
        e = append_providers(m);
    if (e == ERR_NONE)
        e = append_regions(m);
    if (e == ERR_NONE)
        e = buf_appendf(out, "],\"unmeasured_endpoints\":%u,\"all\":{\"models\":%zu", m->unmeasured,
                        snapshot_models(m->s));
    if (e == ERR_NONE)
        e = append_sum(&m->all, out);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

/* A new page, when there is none or it is old. ERR_CONTROL_PLANE: there is no catalog yet. The lock is held. */
static enum err page_make(struct status_page *p, const struct models_context *x)
{
    uint64_t now_ms = clock_mono_ms();
    struct making *m;
    enum err e = ERR_MEMORY;

    if (p->made_ms != 0 && now_ms - p->made_ms < STATUS_PAGE_MS)
        return ERR_NONE;
    m = calloc(1, sizeof *m);
    if (m == NULL)
        return ERR_MEMORY;
    m->x = x;
    m->s = catalog_acquire(x->catalogs, x->worker);
    m->out = &p->body;
    m->now_ms = now_ms;
    if (m->s == NULL) {
        e = ERR_CONTROL_PLANE;
    } else {
        buf_reset(&p->body);
        e = append_page(p, m);
    }
    p->made_ms = e == ERR_NONE ? now_ms : 0;
    snapshot_release(m->s);
    free(m);
    return e;
}

int status_page_answer(struct status_page *p, const struct models_context *x, struct web_request *r)
{
    struct id id = id_new();
    struct reply answer;
    enum err e;
    int status = 200;

    pthread_mutex_lock(&p->lock);
    e = page_make(p, x);
    if (e == ERR_NONE) {
        reply_init(&answer, &id);
        reply_add(&answer, VIEW_LIT("cache-control"), VIEW_LIT("public, max-age=10"));
        reply_json(&answer, r, status, buf_view(&p->body));
    } else {
        status = reply_refusal(r, &(struct api_failure){
                                      .error = e == ERR_CONTROL_PLANE ? API_NOT_READY : API_INTERNAL});
    }
    pthread_mutex_unlock(&p->lock);
    return status;
}
