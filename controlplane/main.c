/* tr-controlplane: keys, money and the trust in data planes. One loop, one thread; what it must not
 * forget is in PostgreSQL. */
#include "api.h"
#include "catalog_file.h"
#include "catalog_start.h"
#include "check_catalog.h"
#include "commands.h"
#include "conf.h"
#include "config.h"
#include "control_health.h"
#include "fleet.h"
#include "identity.h"
#include "ledger.h"
#include "log.h"
#include "mail.h"
#include "monitor.h"
#include "pages.h"
#include "payments.h"
#include "operator_keys.h"
#include "peers.h"
#include "process.h"
#include "provider_keys.h"
#include "rules.h"
#include "state.h"
#include "tls.h"
#include "version.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WHY_MAX = 1024 };

static const char usage[] =
    "usage: %s -c FILE [--check-config | --init-state | --print-link-spki | "
    "--print-log-key | --bootstrap | --check-ledger |\n"
    "        --rebuild-log entries | --rebuild-log DIR | --check-catalog]\n"
    "       %s --check-catalog CATALOG PROVIDERS\n"
    "       %s --version | --print-routes\n";

struct program {
    struct controlplane_config config;
    struct providers providers;
    struct catalog_file catalog;
    struct buf catalog_text;
    struct rules *rules;
    struct provider_keys *keys;
    struct vault *vault;
    struct operator_keys *operator_keys;
    struct state state;
    struct buf why; /* one sentence about what went wrong */
    uv_loop_t loop;
    SSL_CTX *tls;
    struct db *db;
    struct ledger *ledger;
    struct payments *payments; /* NULL: none are configured */
    struct identity *identity;
    struct mailer *mailer; /* NULL: no messages are sent */
    struct translog *log;
    struct fleet *fleet;
    struct api *api;
    struct peers *peers;
    struct control_health *health;
    struct monitor *monitor;
    struct pages *pages; /* the console's; NULL: there is none */
    uv_signal_t term, interrupt, hangup;
    uv_timer_t drain;
    unsigned running; /* of api, monitor and peers: those that have not stopped */
    bool stopping;
    enum err outcome; /* of what the loop is run for */
    int64_t catalog_version;
    uint64_t keyless; /* endpoints that only customers' own keys use, because the operator has none */
};

static enum err fail(struct program *p, enum err e, const char *sentence)
{
    if (p->why.len == 0 && buf_append(&p->why, view_str(sentence)) != ERR_NONE)
        buf_reset(&p->why);
    return e;
}

/* --- reading what the operator wrote --- */

static enum err load_providers(struct program *p)
{
    struct buf text;
    enum err e;

    buf_init(&text, CONTROLPLANE_FILE_MAX);
    e = conf_read_file(p->config.providers, CONTROLPLANE_FILE_MAX, &text);
    if (e != ERR_NONE)
        e = fail(p, e, "providers: the file cannot be read");
    else
        e = providers_parse(buf_view(&text), &p->providers, &p->why);
    buf_free(&text);
    return e;
}

/* A provider that wants a key and has none answers nothing but refusals: only customers' own keys use it (peers/). */
static void count_keyless(struct program *p)
{
    const struct catalog *c = &p->catalog.catalog;

    for (size_t i = 0; i < c->n_endpoints; i++) {
        const struct provider *provider = p->catalog.providers[i];

        p->keyless += c->endpoints[i].weight != 0 && provider->auth != AUTH_NONE &&
                      provider_keys_of(p->keys, provider->no) == 0;
    }
}

static enum err load_catalog(struct program *p)
{
    enum err e;

    buf_init(&p->catalog_text, CATALOG_FILE_MAX);
    e = conf_read_file(p->config.catalog, CATALOG_FILE_MAX, &p->catalog_text);
    if (e == ERR_NONE)
        return catalog_file_parse(buf_view(&p->catalog_text), p->config.catalog, &p->providers, &p->catalog, &p->why);
    if (buf_appendf(&p->why, "%s cannot be read", p->config.catalog) != ERR_NONE)
        buf_reset(&p->why);
    return e;
}

/* Everything but the state directory and the database. */
static enum err load(struct program *p)
{
    enum err e = load_providers(p);

    if (e == ERR_NONE)
        e = load_catalog(p);
    if (e == ERR_NONE)
        e = rules_new(p->config.attestation, &p->rules, &p->why);
    if (e == ERR_NONE)
        e = provider_keys_load(&p->config, &p->providers, &p->keys, &p->why);
    if (e == ERR_NONE)
        e = vault_new(&p->config, &p->vault, &p->why);
    if (e == ERR_NONE && p->config.console_dir[0] != '\0')
        e = pages_load(p->config.console_dir, p->config.console_evidence, p->config.console_dataplanes, &p->pages,
                       &p->why);
    if (e == ERR_NONE)
        count_keyless(p);
    return e;
}

static enum err open_state(struct program *p)
{
    return state_open(p->config.state_dir, p->config.rest_names, &p->state, &p->why);
}

static enum err open_database(struct program *p)
{
    const struct db_config c = {&p->loop, p->config.database,
                                (unsigned)p->config.database_connections};
    enum err e = db_migrate(p->config.database, p->config.sql_dir, &p->why);

    if (e == ERR_NONE && uv_loop_init(&p->loop) != 0)
        e = fail(p, ERR_IO, "the loop cannot be set up");
    return e == ERR_NONE ? db_open(&c, &p->db) : e;
}

/* --- stopping: listeners, then the ledger, then the database; then the loop has nothing left ---
 */

static void database_closed_cb(void *cookie)
{
    struct program *p = cookie;

    p->db = NULL;
    control_health_free(p->health);
    fleet_free(p->fleet);
    operator_keys_free(p->operator_keys);
    translog_free(p->log);
    peers_free(p->peers);
}

static void stopped_cb(void *cookie)
{
    struct program *p = cookie;

    if (--p->running > 0)
        return;
    uv_close((uv_handle_t *)&p->drain, NULL);
    uv_close((uv_handle_t *)&p->term, NULL);
    uv_close((uv_handle_t *)&p->interrupt, NULL);
    uv_close((uv_handle_t *)&p->hangup, NULL);
    control_health_stop(p->health);
    payments_free(p->payments);
    identity_free(p->identity);
    mailer_free(p->mailer);
    fleet_stop(p->fleet);
    ledger_free(p->ledger);
    db_close(p->db, database_closed_cb, p);
}

static void drain_cb(uv_timer_t *t)
{
    struct program *p = t->data;

    LOG("drain_timeout", KV("listeners", p->running));
    uv_stop(&p->loop);
}

static void signal_cb(uv_signal_t *signal, int number)
{
    struct program *p = signal->data;

    (void)number;
    if (p->stopping)
        return;
    p->stopping = true;
    LOG("draining", KV("drain_ms", p->config.drain_ms));
    if (p->running == 0) { /* still starting */
        uv_stop(&p->loop);
        return;
    }
    uv_timer_start(&p->drain, drain_cb, p->config.drain_ms, 0);
    control_health_drain(p->health);
    if (p->monitor != NULL)
        monitor_stop(p->monitor, stopped_cb, p);
    ledger_feed(p->ledger, NULL, NULL);
    peers_stop(p->peers, stopped_cb, p); /* first: it hands questions on to the api */
    api_stop(p->api, stopped_cb, p);
}

/* --- running --- */

static void hangup_cb(uv_signal_t *signal, int number)
{
    struct program *p = signal->data;

    (void)number;
    if (!p->stopping)
        rules_reload(p->rules);
}

static void rules_changed_cb(void *cookie, const struct attest_policy *now)
{
    struct program *p = cookie;

    if (p->peers != NULL)
        peers_set_policy(p->peers, now);
}

static size_t provider_keys_cb(void *cookie, uint16_t provider_no)
{
    struct program *p = cookie;

    return operator_keys_count(p->operator_keys, provider_no);
}

static bool provider_key_cb(void *cookie, uint16_t provider_no, size_t index, struct view *key)
{
    struct program *p = cookie;

    return operator_keys_get(p->operator_keys, provider_no, index, key);
}

static uint8_t provider_weight_cb(void *cookie, uint16_t provider_no, size_t index)
{
    struct program *p = cookie;

    return operator_keys_weight(p->operator_keys, provider_no, index);
}

static void operator_keys_changed_cb(void *cookie)
{
    struct program *p = cookie;

    if (p->peers != NULL)
        peers_keys_changed(p->peers);
}

static enum err start_link(struct program *p)
{
    const struct peers_config c = {
        .loop = &p->loop,
        .host = p->config.link_host,
        .port = (uint16_t)p->config.link_port,
        .link_key = p->state.link_key,
        .link_cert = p->state.link,
        .ca_key = p->state.ca_key,
        .ca_cert = p->state.ca,
        .dataplane_names = p->config.dataplane_names,
        .reattest_ms = (uint32_t)p->config.reattest_ms,
        .own_fee_ppm = (uint32_t)(p->config.byok_fee_percent * 10000),
        .policy = rules_policy(p->rules),
        .ledger = p->ledger,
        .api = p->api,
        .log = p->log,
        .providers = &p->providers,
        .fleet = fleet_hooks(p->fleet),
        .provider_keys = provider_keys_cb,
        .provider_key = provider_key_cb,
        .provider_weight = provider_weight_cb,
        .cookie = p,
    };
    enum err e = peers_start(&c, &p->peers);

    return e == ERR_NONE ? e : fail(p, e, "link_host, link_port: cannot listen there");
}

static enum err start_api(struct program *p)
{
    const struct api_config c = {.loop = &p->loop,
                                 .db = p->db,
                                 .host = p->config.rest_host,
                                 .port = (uint16_t)p->config.rest_port,
                                 .tls = p->tls,
                                 .log = p->log,
                                 .payments = p->payments,
                                 .health = p->health,
                                 .sign_up = p->config.sign_up,
                                 .console_origin = p->config.console_origin,
                                 .identity = p->identity,
                                 .mailer = p->mailer,
                                 .rules = p->rules,
                                 .vault = p->vault,
                                 .providers = &p->providers,
                                 .pages = {.per_s = p->config.pages_per_s,
                                           .burst = p->config.pages_burst,
                                           .address_per_s = p->config.pages_per_ip_per_s,
                                           .address_burst = p->config.pages_per_ip_burst},
                                 .caller = {.address_per_s = p->config.rest_per_key_per_s,
                                            .address_burst = p->config.rest_per_key_burst},
                                 .cors_origins = p->config.cors_origins,
                                 .console = p->pages,
                                 .console_name = p->config.console_name,
                                 .console_dataplanes = p->config.console_dataplanes,
                                 .release_key = p->config.release_key,
                                 .security_contact = p->config.security_contact,
                                 .idempotency_ms = p->config.idempotency_hours * 3600000};
    enum err e = api_start(&c, &p->api);

    if (e == ERR_NONE)
        ledger_feed(p->ledger, api_usage_told, p->api);
    return e == ERR_NONE ? e : fail(p, e, "rest_host, rest_port: cannot listen there");
}

static void troubles_cb(void *cookie, uint8_t troubles)
{
    struct program *p = cookie;

    if (p->peers != NULL)
        peers_set_troubles(p->peers, troubles);
}

static enum err start_monitor(struct program *p)
{
    enum err e;

    if (p->config.metrics_port == 0)
        return ERR_NONE;
    e = monitor_start(&p->loop, p->config.metrics_host, (uint16_t)p->config.metrics_port, p->health,
                      &p->monitor);
    return e == ERR_NONE ? e : fail(p, e, "metrics_host, metrics_port: cannot listen there");
}

/* The rules are in the log, or the log says why not and then takes no data plane either: its
 * readers and the operator are served all the same. */
static void rules_started_cb(void *cookie, enum err e, uint64_t index)
{
    struct program *p = cookie;

    (void)index;
    if (p->stopping)
        return;
    e = start_api(p);
    if (e == ERR_NONE)
        e = start_monitor(p);
    if (e == ERR_NONE)
        e = start_link(p);
    p->outcome = e;
    if (e != ERR_NONE) {
        uv_stop(&p->loop);
        return;
    }
    p->running = p->monitor == NULL ? 2 : 3;
    control_health_watch(p->health, p->peers);
    fleet_watch(p->fleet, p->peers);
    LOG("listening", KV("rest_port", api_port(p->api)), KV("link_port", peers_port(p->peers)),
        KV("catalog_version", p->catalog_version), KV("providers", (uint64_t)p->providers.n),
        KV("provider_keys", (uint64_t)provider_keys_count(p->keys)));
}

/* The catalog is in the database: now there is something to serve, under rules that are logged. */
static void catalog_started_cb(void *cookie, enum err e, int64_t version, bool from_file)
{
    struct program *p = cookie;
    const struct rules_watch watch = {p->log, p->providers.digest, rules_started_cb,
                                      rules_changed_cb, p, p->db, p->config.state_dir};

    p->catalog_version = version;
    buf_free(&p->catalog_text);
    LOG("catalog_in_force", KV("version", version), KV("from_file", from_file), KV("error", log_err((int)e)));
    if (e == ERR_NONE) {
        rules_start(p->rules, &watch);
        return;
    }
    p->outcome = fail(p, e, "the catalog cannot be put into the database");
    uv_stop(&p->loop);
}

static struct payments_config payments_config(const struct program *p)
{
    return (struct payments_config){
        .db = p->db,
        .base = p->config.stripe_base,
        .ca = p->config.stripe_ca,
        .key_file = p->config.stripe_key_file,
        .secret_file = p->config.stripe_webhook_secret_file,
        .origins = p->config.payment_origins,
        .taxes = p->config.stripe_taxes,
        .invoices = p->config.stripe_invoices,
        .event_days = p->config.payment_event_days,
    };
}

static enum err start_payments(struct program *p)
{
    const struct payments_config c = payments_config(p);

    return c.key_file[0] == '\0' ? ERR_NONE : payments_new(&c, &p->payments, &p->why);
}

/* Ways to sign in at others, and to be written to. */
static enum err start_sign_in(struct program *p)
{
    const struct controlplane_config *f = &p->config;
    const struct identity_config identity = {&p->loop, f->sign_in, f->n_sign_in, f->console_origin};
    const struct mailer_config mail = {&p->loop, f->mail_url, f->mail_from, f->mail_user, f->mail_password_file, f->mail_ca};
    enum err e = identity_new(&identity, &p->identity, &p->why);

    if (e == ERR_NONE && f->mail_url[0] != '\0')
        e = mailer_new(&mail, &p->mailer, &p->why);
    return e;
}

static enum err prepare(struct program *p)
{
    struct ledger_config c = {
        .lease_ms = (uint32_t)p->config.lease_ms,
        .lease_default_nusd = p->config.lease_default_nusd,
        .reclaim_grace_ms = (uint32_t)p->config.reclaim_grace_ms,
        .idempotency_ms = p->config.idempotency_hours * UINT64_C(3600000),
        .providers = &p->providers,
    };
    enum err e = open_state(p);

    if (e == ERR_NONE)
        e = open_database(p);
    c.db = p->db;
    if (e == ERR_NONE)
        e = ledger_new(&c, &p->ledger);
    if (e == ERR_NONE)
        e = start_payments(p);
    if (e == ERR_NONE)
        e = start_sign_in(p);
    if (e == ERR_NONE) {
        const struct translog_config log = {p->db, p->config.state_dir, p->config.log_origin};

        e = translog_new(&log, &p->log, &p->why);
    }
    if (e == ERR_NONE) {
        const struct control_health_config health = {p->db, p->log, p->catalog.n_refused, troubles_cb, p};

        e = control_health_start(&health, &p->health);
    }
    if (e == ERR_NONE) {
        const struct operator_keys_config keys = {p->db, p->keys, p->vault, &p->providers, operator_keys_changed_cb, p};

        e = operator_keys_new(&keys, &p->operator_keys);
    }
    if (e == ERR_NONE) {
        const struct fleet_config fleet = {p->db, p->rules, p->operator_keys};

        e = fleet_new(&fleet, &p->fleet);
    }
    if (e == ERR_NONE)
        e = tls_server_ctx(p->state.rest_key, p->state.rest, &p->tls);
    /* The CA goes along, so that clients see the whole chain. */
    if (e == ERR_NONE)
        e = tls_ctx_set_cert(p->tls, p->state.rest_key, p->state.rest, p->state.ca);
    if (e == ERR_NONE &&
        (uv_signal_init(&p->loop, &p->term) != 0 || uv_signal_init(&p->loop, &p->interrupt) != 0 ||
         uv_signal_init(&p->loop, &p->hangup) != 0 || uv_timer_init(&p->loop, &p->drain) != 0))
        e = ERR_IO;
    return e == ERR_NONE ? e : fail(p, e, "the control plane cannot be set up");
}

static void release(struct program *p)
{
    SSL_CTX_free(p->tls);
    state_close(&p->state);
    provider_keys_free(p->keys);
    vault_free(p->vault);
    rules_free(p->rules);
    pages_free(p->pages);
    catalog_file_free(&p->catalog);
    buf_free(&p->catalog_text);
}

static enum err run(struct program *p)
{
    struct process_state state = {0};
    enum err e = process_harden(&state);

    if (e != ERR_NONE)
        return fail(p, e, "the process cannot be hardened");
    e = load(p);
    if (e == ERR_NONE)
        e = prepare(p);
    if (e != ERR_NONE)
        return e;
    LOG("starting", KV("memory_locked", state.memory_locked), KV("undumpable", state.undumpable));
    LOG("catalog_read", KV("models", (uint64_t)p->catalog.catalog.n_models),
        KV("endpoints", (uint64_t)p->catalog.catalog.n_endpoints), KV("without_key", p->keyless),
        KV("unknown_provider", (uint64_t)p->catalog.n_refused));
    if (p->pages != NULL)
        LOG("console_read", KV("files", (uint64_t)pages_count(p->pages)), KV("bytes", (uint64_t)pages_bytes(p->pages)));
    p->term.data = p->interrupt.data = p->hangup.data = p->drain.data = p;
    uv_signal_start(&p->term, signal_cb, SIGTERM);
    uv_signal_start(&p->interrupt, signal_cb, SIGINT);
    uv_signal_start(&p->hangup, hangup_cb, SIGHUP);
    catalog_start(p->db, &p->providers, buf_view(&p->catalog_text), p->config.state_dir, catalog_started_cb,
                  p);
    uv_run(&p->loop, UV_RUN_DEFAULT);
    if (p->outcome == ERR_NONE && p->db == NULL)
        release(p);
    LOG("stopped", KV("drained", p->db == NULL));
    return p->outcome;
}

/* --- commands --- */

/* All that a start reads from files; nothing is connected to. */
static enum err check_config(struct program *p)
{
    const struct payments_config payments = payments_config(p);
    enum err e = load(p);

    if (e == ERR_NONE && payments.key_file[0] != '\0')
        e = payments_check(&payments, &p->why);
    if (e == ERR_NONE && uv_loop_init(&p->loop) != 0)
        e = fail(p, ERR_IO, "the loop cannot be set up");
    return e == ERR_NONE ? start_sign_in(p) : e;
}

static const struct {
    const char *name;
    enum err (*act)(const struct controlplane_config *c, struct buf *why);
} commands[] = {
    {"--init-state", command_init_state},
    {"--print-link-spki", command_print_link_spki},
    {"--print-log-key", command_print_log_key},
    {"--bootstrap", command_bootstrap},
    {"--check-ledger", command_check_ledger},
};

static enum err act(struct program *p, int argc, char **argv)
{
    enum err e;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("tr-controlplane %s\n", TR_VERSION);
        return ERR_NONE;
    }
    if (argc == 2 && strcmp(argv[1], "--print-routes") == 0)
        return command_print_routes();
    if (argc == 4 && strcmp(argv[1], "--check-catalog") == 0)
        return check_catalog(argv[2], argv[3], &p->why);
    if (argc >= 3 && argc <= 5 && strcmp(argv[1], "-c") == 0) {
        e = controlplane_config_load(argv[2], &p->config, &p->why);
        if (e != ERR_NONE)
            return e;
        if (argc == 3)
            return run(p);
        if (argc == 4 && strcmp(argv[3], "--check-config") == 0)
            return check_config(p);
        if (argc == 4 && strcmp(argv[3], "--check-catalog") == 0)
            return check_catalog(p->config.catalog, p->config.providers, &p->why);
        if (argc == 5 && strcmp(argv[3], "--rebuild-log") == 0)
            return command_rebuild_log(&p->config, argv[4], &p->why);
        for (size_t i = 0; argc == 4 && i < sizeof commands / sizeof commands[0]; i++)
            if (strcmp(argv[3], commands[i].name) == 0)
                return commands[i].act(&p->config, &p->why);
    }
    fprintf(stderr, usage, argv[0], argv[0], argv[0]);
    return ERR_UNSUPPORTED;
}

int main(int argc, char **argv)
{
    static struct program program;
    enum err e;

    buf_init(&program.why, WHY_MAX);
    e = secret_init();
    if (e == ERR_NONE)
        e = act(&program, argc, argv);
    if (e != ERR_NONE && program.why.len != 0)
        fprintf(stderr, "%s: %.*s\n", argv[0], (int)program.why.len, (const char *)program.why.ptr);
    buf_free(&program.why);
    return e == ERR_NONE ? 0 : 1;
}
