/* Health and figures as JSON and as Prometheus text. */
#include "health_text.h"

enum err health_text_json(const struct control_figures *f, struct buf *out)
{
    unsigned n = 0;
    enum err e = buf_appendf(out, "{\"status\":\"%s\",\"ready\":%s,\"reasons\":[",
                             control_status_name(f->status),
                             control_figures_ready(f) ? "true" : "false");

    if (e == ERR_NONE)
        e = trouble_append(f->troubles, "", &n, out);
    if (e == ERR_NONE && f->booking.violations != 0)
        e = trouble_append_name("", "ledger_violations", &n, out);
    if (e == ERR_NONE && f->draining)
        e = trouble_append_name("", "draining", &n, out);
    if (e == ERR_NONE)
        e = buf_appendf(out,
                        "],\"database\":%s,\"database_silent_ms\":%llu,"
                        "\"usage_batches_waiting\":%llu,\"usage_oldest_batch_ms\":%llu,"
                        "\"usage_set_aside\":%llu,\"usage_locked\":%llu,\"usage_lost\":%llu,"
                        "\"catalog_refused\":%llu}",
                        (f->troubles & TROUBLE_DATABASE) == 0 ? "true" : "false",
                        (unsigned long long)f->database_silent_ms,
                        (unsigned long long)f->waiting.batches,
                        (unsigned long long)f->waiting.oldest_ms,
                        (unsigned long long)f->booking.set_aside,
                        (unsigned long long)f->booking.locked, (unsigned long long)f->booking.lost,
                        (unsigned long long)f->catalog_refused);
    return e;
}

static enum err metric(struct buf *out, const char *name, const char *type, const char *help,
                       uint64_t value)
{
    return buf_appendf(out,
                       "# HELP tr_control_%s %s\n# TYPE tr_control_%s %s\n"
                       "tr_control_%s %llu\n",
                       name, help, name, type, name, (unsigned long long)value);
}

static enum err append_troubles(uint8_t troubles, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("# HELP tr_control_trouble 1: this is wrong now.\n"
                                          "# TYPE tr_control_trouble gauge\n"));

    for (unsigned bit = 1; e == ERR_NONE && bit <= TROUBLE_ALL; bit <<= 1)
        e = buf_appendf(out, "tr_control_trouble{reason=\"%s\"} %d\n", trouble_name(bit),
                        (troubles & bit) != 0);
    return e;
}

static enum err append_refusals(const struct peers_counters *c, struct buf *out)
{
    enum err e =
        buf_append(out, VIEW_LIT("# HELP tr_control_refused_total Evidence refused, by reason.\n"
                                 "# TYPE tr_control_refused_total counter\n"));

    for (unsigned r = REFUSAL_NONE + 1; e == ERR_NONE && r < REFUSAL_COUNT; r++)
        if (c->refused[r] != 0)
            e = buf_appendf(out, "tr_control_refused_total{reason=\"%s\"} %llu\n",
                            refusal_name((enum refusal)r), (unsigned long long)c->refused[r]);
    return e;
}

enum err health_text_metrics(const struct control_figures *f, struct buf *out)
{
    const struct {
        const char *name, *type, *help;
        uint64_t value;
    } list[] = {
        {"status", "gauge", "0 ok, 1 degraded, 2 failing.", f->status},
        {"ready", "gauge", "1: serves.", control_figures_ready(f)},
        {"database_silent_ms", "gauge", "How long the database owes an answer.",
         f->database_silent_ms},
        {"log_size", "gauge", "Log entries under the last checkpoint signed here.", f->log_size},
        {"usage_batches_waiting", "gauge", "Batches of usage that came and are not booked.",
         f->waiting.batches},
        {"usage_oldest_batch_ms", "gauge", "How long the oldest of them waits.",
         f->waiting.oldest_ms},
        {"usage_set_aside", "gauge", "Records kept and never booked.", f->booking.set_aside},
        {"usage_locked", "gauge", "Records that wait for a locked account.", f->booking.locked},
        {"usage_locked_ms", "gauge", "How long the oldest of them waits.", f->booking.locked_ms},
        {"usage_gaps", "gauge", "Gaps in the records, ever.", f->booking.gaps},
        {"usage_lost", "gauge", "Records lost in them.", f->booking.lost},
        {"usage_lost_nusd", "gauge", "What those can have been worth at most.",
         f->booking.lost_nusd},
        {"ledger_violations", "gauge", "Broken invariants of the ledger that --check-ledger found last.",
         f->booking.violations},
        {"usage_set_aside_total", "counter", "Records set aside by this instance.",
         f->peers.usage_set_aside},
        {"usage_missing_total", "counter", "Times that this instance asked for earlier records.",
         f->peers.usage_gaps},
        {"usage_lost_total", "counter", "Records that data planes told this instance are lost.",
         f->peers.usage_lost},
        {"catalog_refused", "gauge", "Endpoints of the catalog whose provider is not in providers.conf.",
         f->catalog_refused},
        {"peers_connected", "gauge", "Connections on the link.", f->peers.connected},
        {"peers_accepted_total", "counter", "Acceptances of evidence.", f->peers.accepted_total},
    };
    enum err e = append_troubles(f->troubles, out);

    for (size_t i = 0; e == ERR_NONE && i < sizeof list / sizeof list[0]; i++)
        e = metric(out, list[i].name, list[i].type, list[i].help, list[i].value);
    return e == ERR_NONE ? append_refusals(&f->peers, out) : e;
}
