#include "health_json.h"

enum err health_json_percent(uint64_t good, uint64_t bad, struct buf *out)
{
    uint64_t all = good + bad, hundredths;

    if (all == 0)
        return buf_append(out, VIEW_LIT("null"));
    hundredths = good * 10000 / all; /* rounded down: 100 means that nothing failed */
    return buf_appendf(out, "%llu.%02llu", (unsigned long long)(hundredths / 100),
                       (unsigned long long)(hundredths % 100));
}

static enum err append_percentiles(const uint32_t figure[static ROUTE_PERCENTILES], uint32_t unit, struct buf *out)
{
    static const char *const names[ROUTE_PERCENTILES] = {"{\"p50\":", ",\"p75\":", ",\"p90\":", ",\"p99\":"};
    enum err e = ERR_NONE;

    if (figure[ROUTE_P50] == 0)
        return buf_append(out, VIEW_LIT("null"));
    for (unsigned i = 0; e == ERR_NONE && i < ROUTE_PERCENTILES; i++)
        e = buf_appendf(out, "%s%u", names[i], figure[i] / unit);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

enum err health_json_latency(const struct health_view *v, struct buf *out)
{
    return append_percentiles(v->latency_us, 1000, out);
}

enum err health_json_throughput(const struct health_view *v, struct buf *out)
{
    return append_percentiles(v->throughput, 1, out);
}

/* OpenRouter's figures: 0 is normal, what is lower is tried later. */
static int endpoint_status(enum health_state now)
{
    switch (now) {
    case HEALTH_GOOD:
        break;
    case HEALTH_PROBE:
        return -1;
    case HEALTH_COOLING:
        return -2;
    case HEALTH_OPEN:
        return -5;
    }
    return 0;
}

enum err health_json_endpoint(const struct health_report *r, struct buf *out)
{
    static const char *const names[HEALTH_SPANS] = {
        [HEALTH_5M] = ",\"uptime_last_5m\":", [HEALTH_30M] = ",\"uptime_last_30m\":",
        [HEALTH_1D] = ",\"uptime_last_1d\":"};
    enum err e = ERR_NONE;

    for (unsigned i = 0; e == ERR_NONE && i < HEALTH_SPANS; i++) {
        e = buf_append(out, view_str(names[i]));
        if (e == ERR_NONE)
            e = health_json_percent(r->span[i].good, r->span[i].bad, out);
    }
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"latency_last_30m\":"));
    if (e == ERR_NONE)
        e = health_json_latency(&r->now, out);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"throughput_last_30m\":"));
    if (e == ERR_NONE)
        e = health_json_throughput(&r->now, out);
    return e == ERR_NONE ? buf_appendf(out, ",\"status\":%d", endpoint_status(r->now.state)) : e;
}
