#include "status.h"

#include "bounds.h"
#include "clock.h"
#include "reply.h"
#include "version.h"

enum { STATUS_BODY_MAX = 4096 };

/* What is wrong here, beside what the control plane says of itself. */
enum {
    REASON_TRUST = 1,    /* no accepted evidence */
    REASON_CATALOG = 2,  /* no catalog yet */
    REASON_FULL = 4,     /* as many records wait as may: nothing more can be metered */
    REASON_LINK = 8,     /* no control plane is connected */
    REASON_UNACKED = 16, /* a record has waited STATUS_USAGE_LATE_MS for its acknowledgement */
    REASON_CERTIFICATE = 32, /* the public authority gave no certificate at the last try */
    REASONS_FAILING = REASON_TRUST | REASON_CATALOG | REASON_FULL,
};
static const struct {
    unsigned bit;
    const char *name;
} reason_names[] = {
    {REASON_TRUST, "attestation"},     {REASON_CATALOG, "catalog"},
    {REASON_FULL, "usage_full"},       {REASON_LINK, "link_disconnected"},
    {REASON_UNACKED, "usage_unacked"}, {REASON_CERTIFICATE, "certificate"},
};

uint64_t status_usage_age_ms(const struct status_context *x)
{
    uint64_t since = uplink_counters(x->uplink).oldest_unix_ms, now = clock_unix_ms();

    return since != 0 && now > since ? now - since : 0;
}

static unsigned reasons(const struct status_context *x)
{
    unsigned r = 0;

    if (uplink_trust(x->uplink) != ERR_NONE)
        r |= REASON_TRUST;
    if (catalog_store_version(x->catalogs) == 0)
        r |= REASON_CATALOG;
    if (meter_places(x->meter) >= LIMIT_USAGE_BACKLOG)
        r |= REASON_FULL;
    if (!uplink_connected(x->uplink))
        r |= REASON_LINK;
    if (status_usage_age_ms(x) >= STATUS_USAGE_LATE_MS)
        r |= REASON_UNACKED;
    if (acme_status(x->acme).state == ACME_FAILED)
        r |= REASON_CERTIFICATE;
    return r;
}

static enum status_word word_of(unsigned why, unsigned troubles)
{
    if ((why & REASONS_FAILING) != 0)
        return STATUS_FAILING;
    return why != 0 || troubles != 0 ? STATUS_DEGRADED : STATUS_OK;
}

enum status_word status_now(const struct status_context *x)
{
    return word_of(reasons(x), uplink_troubles(x->uplink));
}

const char *status_word_name(enum status_word w)
{
    return w == STATUS_OK ? "ok" : w == STATUS_DEGRADED ? "degraded" : "failing";
}

bool status_ready(const struct status_context *x)
{
    return (reasons(x) & REASONS_FAILING) == 0;
}

/* ["usage_unacked","control_plane:database"]: ours, then the control plane's own. */
static enum err append_reasons(unsigned why, unsigned troubles, struct buf *out)
{
    enum err e = buf_append_byte(out, '[');
    unsigned n = 0;

    for (size_t i = 0; e == ERR_NONE && i < sizeof reason_names / sizeof reason_names[0]; i++)
        if ((why & reason_names[i].bit) != 0)
            e = trouble_append_name("", reason_names[i].name, &n, out);
    if (e == ERR_NONE)
        e = trouble_append(troubles, "control_plane:", &n, out);
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}

static enum err append_trust(const struct status_context *x, struct buf *out)
{
    enum refusal refusal = uplink_refusal(x->uplink);
    enum standing standing = uplink_standing(x->uplink);
    enum err e;

    e = buf_appendf(out,
                    ",\"simulated\":%s,\"attestation\":\"%s\",\"memory_locked\":%s,"
                    "\"trust\":\"%s%s%s\",\"refusal\":",
                    x->simulated ? "true" : "false", x->simulated ? "SIMULATED" : "sev-snp",
                    x->memory_locked ? "true" : "false",
                    standing_name(standing), standing == STANDING_REFUSED ? ":" : "",
                    standing == STANDING_REFUSED ? refusal_name(refusal) : "");
    if (e != ERR_NONE)
        return e;
    return refusal == REFUSAL_NONE ? buf_append(out, VIEW_LIT("null"))
                                   : buf_append_json_string(out, view_str(refusal_name(refusal)));
}

/* ,"certificate":{"source":"public","not_after":1790000000,"acme":"good"}: what clients are shown, and until
 * when; of a public authority that gave none, where that failed and why. */
static enum err append_certificate(const struct status_context *x, struct buf *out)
{
    struct acme_status a = acme_status(x->acme);
    struct served_now now = served_now(x->served);
    enum err e = buf_appendf(out, ",\"certificate\":{\"source\":\"%s\",\"not_after\":%llu,\"acme\":\"%s\"",
                             served_source_name(now.source), (unsigned long long)now.not_after_s,
                             acme_state_name(a.state));

    if (e == ERR_NONE && a.state == ACME_FAILED)
        e = buf_appendf(out, ",\"acme_step\":\"%s\",\"acme_problem\":\"%s\",\"acme_error\":\"%s\"",
                        acme_step_name(a.step), acme_problem_name(a.problem), err_name(a.err));
    if (e == ERR_NONE && a.next_s != 0)
        e = buf_appendf(out, ",\"acme_next\":%llu", (unsigned long long)a.next_s);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

static enum err append_status(const struct status_context *x, unsigned why, struct buf *out)
{
    unsigned troubles = uplink_troubles(x->uplink);
    enum err e = buf_appendf(out, "{\"status\":\"%s\",\"ready\":%s,\"reasons\":",
                             status_word_name(word_of(why, troubles)),
                             (why & REASONS_FAILING) == 0 ? "true" : "false");

    if (e == ERR_NONE)
        e = append_reasons(why, troubles, out);
    if (e == ERR_NONE)
        e = append_trust(x, out);
    if (e == ERR_NONE)
        e = append_certificate(x, out);
    if (e == ERR_NONE)
        e = buf_appendf(out,
                        ",\"link\":\"%s\",\"usage_backlog\":%llu,\"usage_oldest_ms\":%llu,"
                        "\"version\":\"%s\",\"catalog_version\":%u,\"workers\":%u,"
                        "\"uptime_s\":%llu}",
                        (why & REASON_LINK) == 0 ? "connected" : "disconnected",
                        (unsigned long long)uplink_counters(x->uplink).backlog,
                        (unsigned long long)status_usage_age_ms(x), TR_VERSION,
                        catalog_store_version(x->catalogs), x->n_workers,
                        (unsigned long long)((clock_unix_ms() - x->started_unix_ms) / 1000));
    return e;
}

static void answer(struct web_request *r, int status, struct view json)
{
    struct id id = id_new();
    struct reply p;

    reply_init(&p, &id);
    reply_add(&p, VIEW_LIT("cache-control"), VIEW_LIT("no-store"));
    reply_json(&p, r, status, json);
}

int status_answer(const struct status_context *x, struct web_request *r)
{
    unsigned why = reasons(x);
    int status = (why & REASONS_FAILING) == 0 ? 200 : 503;
    struct buf body;

    buf_init(&body, STATUS_BODY_MAX);
    if (append_status(x, why, &body) != ERR_NONE)
        buf_reset(&body);
    answer(r, status, buf_view(&body));
    buf_free(&body);
    return status;
}

void status_answer_alive(struct web_request *r)
{
    answer(r, 200, VIEW_LIT("{\"status\":\"alive\"}"));
}
