#include "metrics.h"

#include "audit.h"
#include "clock.h"
#include "quotes.h"
#include "reply.h"

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

enum { METRICS_BODY_MAX = 256 << 10 };

/* One counter over all workers. */
static uint64_t sum(const struct metrics_context *x, size_t offset)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < x->status->n_workers; i++)
        total += counter_get((const counter *)((const char *)x->workers[i].stats + offset));
    return total;
}

static enum err metric(struct buf *out, const char *name, const char *type, const char *help,
                       uint64_t value)
{
    return buf_appendf(out, "# HELP tr_%s %s\n# TYPE tr_%s %s\ntr_%s %llu\n", name, help, name,
                       type, name, (unsigned long long)value);
}

static enum err append_requests(const struct metrics_context *x, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("# HELP tr_requests_total Answers by HTTP status.\n"
                                          "# TYPE tr_requests_total counter\n"));

    for (unsigned status = 100; e == ERR_NONE && status < STATS_STATUS_MAX; status++) {
        uint64_t n = sum(x, offsetof(struct stats, by_status) + status * sizeof(counter));

        if (n != 0)
            e = buf_appendf(out, "tr_requests_total{status=\"%u\",class=\"%uxx\"} %llu\n", status,
                            status / 100, (unsigned long long)n);
    }
    return e;
}

#define METRICS_TOKENS(no, class, price, within, receipt, metric, help)                            \
    {metric, "counter", help, offsetof(struct stats, tokens.class)},
static enum err append_counters(const struct metrics_context *x, struct buf *out)
{
    static const struct {
        const char *name, *type, *help;
        size_t offset;
    } list[] = {
        {"requests_open", "gauge", "Chat requests in flight.", offsetof(struct stats, requests_open)},
        {"streams_open", "gauge", "Event streams open.", offsetof(struct stats, streams_open)},
        {"parts_open", "gauge", "Sub-requests of orchestrations in flight.", offsetof(struct stats, parts_open)},
        {"parts_total", "counter", "Sub-requests of orchestrations.", offsetof(struct stats, parts)},
        {"attempts_total", "counter", "Attempts at providers.", offsetof(struct stats, attempts)},
        {"fallbacks_total", "counter", "Attempts after the first of a request.",
         offsetof(struct stats, fallbacks)},
        {"truncated_total", "counter", "Answers cut off by the provider.",
         offsetof(struct stats, truncated)},
        {"client_gone_total", "counter", "Clients that left early.",
         offsetof(struct stats, client_gone)},
        USAGE_TOKENS(METRICS_TOKENS)
        {"cost_nusd_total", "counter", "Cost billed, in nano-USD.",
         offsetof(struct stats, cost_nusd)},
        {"usage_estimated_total", "counter", "Requests billed by estimate.",
         offsetof(struct stats, estimated)},
        {"usage_clamped_total", "counter", "Requests whose usage was corrected.",
         offsetof(struct stats, clamped)},
    };
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < sizeof list / sizeof list[0]; i++)
        e = metric(out, list[i].name, list[i].type, list[i].help, sum(x, list[i].offset));
    return e;
}

static enum err append_histogram(const struct metrics_context *x, struct buf *out, const char *name,
                                 const char *help, size_t offset)
{
    static const uint32_t bounds_ms[STATS_BUCKETS] = STATS_BUCKETS_MS;
    uint64_t below = 0, us = sum(x, offset + offsetof(struct histogram, sum_us));
    enum err e = buf_appendf(out, "# HELP tr_%s %s\n# TYPE tr_%s histogram\n", name, help, name);

    for (unsigned i = 0; e == ERR_NONE && i < STATS_BUCKETS; i++) {
        below += sum(x, offset + offsetof(struct histogram, bucket) + i * sizeof(counter));
        e = buf_appendf(out, "tr_%s_bucket{le=\"%u.%03u\"} %llu\n", name, bounds_ms[i] / 1000,
                        bounds_ms[i] % 1000, (unsigned long long)below);
    }
    below += sum(x, offset + offsetof(struct histogram, bucket) + STATS_BUCKETS * sizeof(counter));
    if (e == ERR_NONE)
        e = buf_appendf(out,
                        "tr_%s_bucket{le=\"+Inf\"} %llu\ntr_%s_sum %llu.%06llu\n"
                        "tr_%s_count %llu\n",
                        name, (unsigned long long)below, name, (unsigned long long)(us / 1000000),
                        (unsigned long long)(us % 1000000), name, (unsigned long long)below);
    return e;
}

/* The workers' own threads write these without a lock: a figure may be a moment old. */
static enum err append_network(const struct metrics_context *x, struct buf *out)
{
    struct upstream_counters up = {0};
    struct web_counters web = {0};
    enum err e;

    for (unsigned i = 0; i < x->status->n_workers; i++) {
        struct upstream_counters u = upstreams_counters(x->workers[i].upstreams);
        struct web_counters w = web_counters(x->workers[i].web);

        up.connects += u.connects;
        up.reuses += u.reuses;
        up.resumptions += u.resumptions;
        up.stale_retries += u.stale_retries;
        up.timeouts += u.timeouts;
        up.connections += u.connections;
        up.idle += u.idle;
        web.connections_open += w.connections_open;
        web.connections_total += w.connections_total;
        web.write_stalls += w.write_stalls;
        web.crowded_out += w.crowded_out;
    }
    e = metric(out, "connections_open", "gauge", "Client connections.", web.connections_open);
    if (e == ERR_NONE)
        e = metric(out, "connections_total", "counter", "Client connections accepted.",
                   web.connections_total);
    if (e == ERR_NONE)
        e = metric(out, "write_stalls_total", "counter", "Clients cut off for not reading.",
                   web.write_stalls);
    if (e == ERR_NONE)
        e = metric(out, "connections_crowded_out_total", "counter",
                   "Client connections closed to make room for others.", web.crowded_out);
    if (e == ERR_NONE)
        e = metric(out, "upstream_connects_total", "counter", "Provider connections opened.",
                   up.connects);
    if (e == ERR_NONE)
        e = metric(out, "upstream_reuses_total", "counter", "Requests on a pooled connection.",
                   up.reuses);
    if (e == ERR_NONE)
        e = metric(out, "upstream_resumptions_total", "counter", "TLS sessions resumed.",
                   up.resumptions);
    if (e == ERR_NONE)
        e = metric(out, "upstream_stale_total", "counter", "Pooled connections found dead.",
                   up.stale_retries);
    if (e == ERR_NONE)
        e = metric(out, "upstream_timeouts_total", "counter", "Provider deadlines missed.",
                   up.timeouts);
    if (e == ERR_NONE)
        e = metric(out, "upstream_connections", "gauge", "Provider connections now.",
                   up.connections);
    if (e == ERR_NONE)
        e = metric(out, "upstream_idle", "gauge", "Of these, idle in a pool.", up.idle);
    return e;
}

/* The control plane's own word about itself. */
static enum err append_troubles(const struct metrics_context *x, struct buf *out)
{
    unsigned troubles = uplink_troubles(x->status->uplink);
    enum err e = buf_append(out, VIEW_LIT("# HELP tr_control_trouble 1: the control plane says so.\n"
                                          "# TYPE tr_control_trouble gauge\n"));

    for (unsigned bit = 1; e == ERR_NONE && bit <= TROUBLE_ALL; bit <<= 1)
        e = buf_appendf(out, "tr_control_trouble{reason=\"%s\"} %d\n", trouble_name(bit),
                        (troubles & bit) != 0);
    return e;
}

static enum err append_link(const struct metrics_context *x, struct buf *out)
{
    struct uplink_counters c = uplink_counters(x->status->uplink);
    struct audit_counters a = audit_counters(x->audit);
    struct quotes_counters q = quotes_counters(x->quotes);
    const struct {
        const char *name, *type, *help;
        uint64_t value;
    } list[] = {
        {"simulated", "gauge", "1: attestation is SIMULATED.", x->status->simulated},
        {"ready", "gauge", "1: evidence accepted, a catalog present, room for records.",
         status_ready(x->status)},
        {"status", "gauge", "0 ok, 1 degraded, 2 failing: /health has the reasons.", status_now(x->status)},
        {"link_connected", "gauge", "1: accepted by the control plane now.",
         uplink_connected(x->status->uplink)},
        {"link_connects_total", "counter", "Links accepted.", c.connects},
        {"link_refusals_total", "counter", "Evidence refused.", c.refusals},
        {"usage_sent_total", "counter", "Usage records sent.", c.records_sent},
        {"usage_parts_sent_total", "counter", "Parts of orchestrations sent, with their usage records.", c.parts_sent},
        {"usage_parts_lost_total", "counter",
         "Parts of orchestrations that a restored control plane wants and that are not kept any more.", c.parts_lost},
        {"usage_acked_total", "counter", "Usage records acknowledged.", c.records_acked},
        {"usage_backlog", "gauge", "Usage records not acknowledged yet.", c.backlog},
        {"usage_oldest_ms", "gauge", "Age of the oldest of them.", status_usage_age_ms(x->status)},
        {"usage_places", "gauge", "Records and running requests that hold a place for one.",
         meter_places(x->status->meter)},
        {"provider_unknown_total", "counter", "Pushes that named an unmeasured provider.",
         c.unknown_provider_pushes + catalog_store_refused(x->status->catalogs)},
        {"catalog_version", "gauge", "Version of the catalog in use.",
         catalog_store_version(x->status->catalogs)},
        {"content_bytes", "gauge", "Bodies, their copies and answers in memory.",
         budget_used(x->content)},
        {"content_peak_bytes", "gauge", "The most of them there ever were.",
         budget_peak(x->content)},
        {"content_max_bytes", "gauge", "From here on large ones are refused.",
         x->content_max_bytes},
        {"unknown_bytes", "gauge", "Requests in memory whose key is not known yet.",
         budget_used(x->unknown)},
        {"audit_samples_total", "counter", "Answers in the audit chain.", a.sampled},
        {"audit_missed_total", "counter", "Audit samples lost to a full queue.", a.missed},
        {"quote_reports_total", "counter", "Reports made for strangers.", q.reports},
        {"quote_asks_total", "counter", "Asks that they answered.", q.asks},
        {"quote_failures_total", "counter", "Reports the platform did not give.", q.failures},
        {"quote_refused_total", "counter", "Asks refused: a queue was full.", q.refused},
    };
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < sizeof list / sizeof list[0]; i++)
        e = metric(out, list[i].name, list[i].type, list[i].help, list[i].value);
    return e;
}

static enum err append_certificate(const struct metrics_context *x, struct buf *out)
{
    struct served_now now = served_now(x->status->served);
    struct acme_status a = acme_status(x->status->acme);
    enum err e = metric(out, "certificate_public", "gauge", "1: clients are shown a public authority's.",
                        now.source == SERVED_PUBLIC);

    if (e == ERR_NONE)
        e = metric(out, "certificate_not_after_seconds", "gauge", "Unix time of its end; 0: self-signed.",
                   now.not_after_s);
    if (e == ERR_NONE)
        e = metric(out, "acme_certificates_total", "counter", "Certificates got from the authority.",
                   a.certificates);
    return e == ERR_NONE ? metric(out, "acme_failures_total", "counter", "Tries that failed.", a.failures) : e;
}

/* Resident memory in bytes, from the second number of /proc/self/statm; 0 when unknown. */
static uint64_t resident_bytes(void)
{
    char text[128];
    struct view v;
    const uint8_t *space;
    uint64_t pages = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof text);
    close(fd);
    if (n <= 0)
        return 0;
    v = view_of(text, (size_t)n);
    space = memchr(v.ptr, ' ', v.len);
    if (space == NULL)
        return 0;
    v = view_from(v, (size_t)(space - v.ptr) + 1);
    space = memchr(v.ptr, ' ', v.len);
    if (space == NULL || !view_u64(view_of(v.ptr, (size_t)(space - v.ptr)), &pages))
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The operator's keys, for each provider that has any. */
static enum err append_keys(const struct metrics_context *x, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("# TYPE tr_provider_keys gauge\n# TYPE tr_provider_keys_aside gauge\n"
                                          "# TYPE tr_provider_key_refusals_total counter\n"));

    for (size_t i = 0; e == ERR_NONE && i < x->providers->n; i++) {
        const struct provider *p = &x->providers->list[i];
        struct credential_counters k;

        credentials_counters(x->credentials, p->no, clock_mono_ms(), &k);
        if (k.keys == 0)
            continue;
        e = buf_appendf(out, "tr_provider_keys{provider=\"%s\"} %u\ntr_provider_keys_aside{provider=\"%s\"} %u\n", p->id,
                        k.keys, p->id, k.aside);
        if (e == ERR_NONE)
            e = buf_appendf(out, "tr_provider_key_refusals_total{provider=\"%s\"} %" PRIu64 "\n", p->id, k.refusals);
    }
    return e;
}

void metrics_answer(const struct metrics_context *x, struct web_request *r)
{
    struct id id = id_new();
    struct reply p;
    struct buf body;
    enum err e;

    buf_init(&body, METRICS_BODY_MAX);
    reply_init(&p, &id);
    reply_add(&p, VIEW_LIT("content-type"), VIEW_LIT("text/plain; version=0.0.4"));
    e = append_requests(x, &body);
    if (e == ERR_NONE)
        e = append_counters(x, &body);
    if (e == ERR_NONE)
        e = append_histogram(x, &body, "request_seconds", "From request to the end of its answer.",
                             offsetof(struct stats, total));
    if (e == ERR_NONE)
        e = append_histogram(x, &body, "first_byte_seconds", "From request to its first useful byte.",
                             offsetof(struct stats, first_byte));
    if (e == ERR_NONE)
        e = append_network(x, &body);
    if (e == ERR_NONE)
        e = append_link(x, &body);
    if (e == ERR_NONE)
        e = append_certificate(x, &body);
    if (e == ERR_NONE)
        e = append_troubles(x, &body);
    if (e == ERR_NONE)
        e = append_keys(x, &body);
    if (e == ERR_NONE)
        e = metric(&body, "resident_bytes", "gauge", "Memory in use.", resident_bytes());
    web_respond(r, e == ERR_NONE ? 200 : 500, p.headers, p.n,
                e == ERR_NONE ? buf_view(&body) : VIEW_EMPTY);
    buf_free(&body);
}
