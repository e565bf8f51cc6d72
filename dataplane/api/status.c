#include "status.h"

#include "clock.h"
#include "reply.h"
#include "uplink.h"
#include "version.h"

enum { STATUS_BODY_MAX = 4096 };

bool status_ready(const struct shared *s)
{
    return uplink_trust(s->uplink) == ERR_NONE && catalog_store_version(s->catalogs) != 0;
}

static enum err append_status(const struct shared *s, bool ready, struct buf *out)
{
    enum refusal refusal = uplink_refusal(s->uplink);
    enum standing standing = uplink_standing(s->uplink);
    bool connected = uplink_connected(s->uplink);
    enum err e;

    e = buf_appendf(out,
                    "{\"status\":\"%s\",\"ready\":%s,\"simulated\":%s,\"attestation\":\"%s\","
                    "\"trust\":\"%s%s%s\",\"link\":\"%s\",\"refusal\":",
                    !ready        ? "not_ready"
                    : !connected  ? "degraded"
                                  : "ok",
                    ready ? "true" : "false", s->simulated ? "true" : "false",
                    s->simulated ? "SIMULATED" : "sev-snp",
                    standing_name(standing), standing == STANDING_REFUSED ? ":" : "",
                    standing == STANDING_REFUSED ? refusal_name(refusal) : "",
                    connected ? "connected" : "disconnected");
    if (e == ERR_NONE && refusal == REFUSAL_NONE)
        e = buf_append(out, VIEW_LIT("null"));
    else if (e == ERR_NONE)
        e = buf_append_json_string(out, view_str(refusal_name(refusal)));
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"version\":\"%s\",\"catalog_version\":%u,\"workers\":%u,"
                             "\"uptime_s\":%llu}",
                        TR_VERSION, catalog_store_version(s->catalogs), s->n_workers,
                        (unsigned long long)((clock_unix_ms() - s->started_unix_ms) / 1000));
    return e;
}

int status_answer(const struct shared *s, struct web_request *r)
{
    bool ready = status_ready(s);
    struct id id = id_new();
    struct reply p;
    struct buf body;

    buf_init(&body, STATUS_BODY_MAX);
    reply_init(&p, &id);
    reply_add(&p, VIEW_LIT("cache-control"), VIEW_LIT("no-store"));
    if (append_status(s, ready, &body) != ERR_NONE)
        buf_reset(&body);
    reply_json(&p, r, ready ? 200 : 503, buf_view(&body));
    buf_free(&body);
    return ready ? 200 : 503;
}
