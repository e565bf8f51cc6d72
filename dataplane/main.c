/* tr-dataplane and tr-dataplane-sim: the same program but for the quote backend it is linked with. */
#include "boot.h"
#include "audit.h"
#include "catalog_store.h"
#include "certified.h"
#include "clock.h"
#include "config.h"
#include "fetch.h"
#include "log.h"
#include "log_proof.h"
#include "catalog_json.h"
#include "opening.h"
#include "ports.h"
#include "process.h"
#include "rate.h"
#include "reply.h"
#include "secret.h"
#include "tls.h"
#include "uplink.h"
#include "version.h"
#include "web.h"
#include "worker.h"

#include "conf.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    WHY_MAX = 1024,               /* bytes of a start-up sentence */
    SELF_SIGNED_DAYS = 30,        /* until the link brings a certificate, within a second or so */
    METRICS_CONNECTIONS_MAX = 64, /* the private listener */
    UNTRIED_MS = 60000,           /* an authority needs 5 to 20 s; then clients get the control plane's certificate */
};

static const char usage[] =
    "usage: %s -c FILE [--host FILE] [--check-config | --print-measurement | --print-egress]\n"
    "       %s --make-platform DIR | --version\n";

struct program {
    struct config config;
    struct providers providers;
    struct buf providers_text;
    struct buf why; /* one sentence about what went wrong at start-up */
    struct boot boot;
    struct web_header always[REPLY_ALWAYS];
    struct shared shared;
    struct web_server *metrics;
    uv_loop_t loop;
    uv_signal_t term, interrupt;
    uv_timer_t audit;    /* chains what workers picked */
    uv_timer_t unproven; /* the public port is opened without a certificate of the control plane's */
    uv_timer_t untried;  /* the public authority takes too long */
    struct opening opening;
    struct certified certified;
    struct seal_ring *ring; /* the link thread's while it runs */
    bool stopping;
    uv_async_t drain;      /* the link thread has been told to */
    atomic_bool draining;  /* any thread */
};

/* --- what the link pushes, on its thread */

static void main_on_catalog(void *cookie, struct catalog *c)
{
    struct program *p = cookie;
    uint32_t version = c->version;
    enum err e = catalog_store_publish(p->shared.catalogs, c);

    LOG("catalog", KV("version", version), KV("outcome", log_err((int)e)),
        KV("refused_endpoints", catalog_store_refused(p->shared.catalogs)));
    if (e == ERR_NONE)
        opening_catalog(&p->opening);
}

static void main_on_secret(void *cookie, uint16_t provider_no, uint8_t index, uint8_t total, struct view key)
{
    struct program *p = cookie;
    enum err e = provider_no < p->providers.n
                     ? credentials_set(p->shared.credentials, provider_no, index, total, key)
                     : ERR_RANGE;

    LOG("provider_key", KV("provider", provider_no), KV("key", index), KV("keys", total), KV("outcome", log_err((int)e)));
}

static void main_on_cert(void *cookie, struct view leaf_der, struct view ca_der)
{
    struct program *p = cookie;
    enum err e = certified_control(&p->certified, leaf_der, ca_der);

    LOG("certificate", KV("outcome", log_err((int)e)));
    if (e == ERR_NONE)
        opening_cert(&p->opening);
}

static void main_on_peer(void *cookie, const struct identity *who)
{
    struct program *p = cookie;

    certified_peer(&p->certified, who);
}

static void main_on_acme_challenge(void *cookie, const struct msg_acme_challenge *m)
{
    struct program *p = cookie;

    certified_challenge(&p->certified, m);
}

/* A refusal of a key as the operator is told of it. */
static enum key_trouble key_trouble_of(int status)
{
    return status == 401 ? KEY_UNAUTHORIZED : status == 402 ? KEY_UNPAID : status == 403 ? KEY_FORBIDDEN : KEY_RATE_LIMITED;
}

static void main_state(void *cookie, struct msg_state *out)
{
    struct program *p = cookie;
    uint64_t now_ms = clock_mono_ms();

    *out = (struct msg_state){.catalog_version = catalog_store_version(p->shared.catalogs),
                              .draining = atomic_load(&p->draining),
                              .region = view_str(p->config.region)};
    for (uint16_t no = 0; no < p->providers.n; no++)
        for (unsigned i = 0; i < PROVIDER_KEYS_MAX && out->n < STATE_KEYS_MAX; i++) {
            int status = credentials_aside(p->shared.credentials, no, i, now_ms);

            if (status != 0)
                out->keys[out->n++] = (struct key_state){no, (uint8_t)i, (uint8_t)key_trouble_of(status)};
        }
}

static void main_on_orders(void *cookie, const struct msg_orders *m)
{
    struct program *p = cookie;

    for (uint16_t no = 0; no < p->providers.n; no++)
        if ((m->keyed[no / 8] >> no % 8 & 1) == 0 && credentials_present(p->shared.credentials, no)) {
            credentials_forget(p->shared.credentials, no);
            LOG("provider_keys_forgotten", KV("provider", no));
        }
    for (uint16_t no = 0; no < p->providers.n; no++)
        credentials_weigh(p->shared.credentials, no, NULL);
    for (uint16_t i = 0; i < m->n; i++)
        credentials_weigh(p->shared.credentials, m->weights[i].provider_no, m->weights[i].weight);
    if (m->drain && !atomic_exchange(&p->draining, true)) {
        LOG("drain_ordered", KV("boot", identity_boot(p->boot.keys)));
        uv_async_send(&p->drain);
    }
}

static void main_on_refused(void *cookie)
{
    struct program *p = cookie;

    opening_anyhow(&p->opening); /* so that it can be asked why */
}

static void main_on_log_proof(void *cookie, struct view statement, struct view proof)
{
    struct program *p = cookie;
    enum err e = log_proof_set(p->shared.facts.log_proof, statement, proof);

    LOG("log_proof", KV("bytes", (uint64_t)proof.len), KV("outcome", log_err((int)e)));
}

/* --- start-up */

static enum err fail(struct program *p, enum err e, const char *sentence)
{
    if (p->why.len == 0 && buf_append(&p->why, view_str(sentence)) != ERR_NONE)
        buf_reset(&p->why);
    return e;
}

static enum err make_tls(struct program *p)
{
    X509 *cert = NULL;
    enum err e = tls_cert_self(identity_tls_key(p->boot.keys), p->config.cert_names, SELF_SIGNED_DAYS,
                               &cert);

    if (e == ERR_NONE)
        e = tls_server_ctx(identity_tls_key(p->boot.keys), cert, &p->shared.tls);
    X509_free(cert);
    return e == ERR_NONE ? e : fail(p, e, "cert_names: no certificate can be made for them");
}

static enum err make_stores(struct program *p)
{
    struct shared *s = &p->shared;
    const struct rate_config evidence = {.per_s = p->config.evidence_per_s,
                                         .burst = p->config.evidence_burst,
                                         .address_per_s = p->config.evidence_per_ip_per_s,
                                         .address_burst = p->config.evidence_per_ip_burst};
    static const struct rate_config account = {.per_s = ACCOUNT_PER_S,
                                               .burst = ACCOUNT_BURST,
                                               .address_per_s = ACCOUNT_ADDRESS_PER_S,
                                               .address_burst = ACCOUNT_ADDRESS_BURST};
    enum err e = health_new(&s->health);

    if (e == ERR_NONE)
        e = catalog_store_new(&p->providers, s->health, s->n_workers, &s->catalogs);
    if (e == ERR_NONE)
        catalog_store_list(s->catalogs, catalog_json);
    if (e == ERR_NONE)
        e = credentials_new(&s->credentials);
    if (e == ERR_NONE)
        e = own_store_new(&s->own);
    if (e == ERR_NONE)
        e = seal_ring_new(p->boot.keys, &p->ring);
    if (e == ERR_NONE)
        e = keyring_new(p->config.keys_max, &s->keyring);
    if (e == ERR_NONE)
        e = meter_new(s->n_workers, &s->meter);
    if (e == ERR_NONE)
        e = log_proof_new(&s->facts.log_proof);
    if (e == ERR_NONE)
        e = rate_new(&evidence, &s->evidence_rate);
    if (e == ERR_NONE)
        e = rate_new(&account, &s->account_rate);
    if (e == ERR_NONE)
        e = budget_new((size_t)p->config.body_total_bytes, &s->content);
    if (e == ERR_NONE)
        e = shares_init(&s->shares, s->content, s->keyring);
    if (e == ERR_NONE)
        e = budget_new((size_t)p->config.unknown_total_bytes, &s->unknown);
    if (e == ERR_NONE)
        e = receipts_new(s->n_workers, p->config.receipts_max, &s->receipts);
    if (e == ERR_NONE)
        e = ehbp_seen_new(&s->sealed_seen);
    if (e == ERR_NONE)
        e = status_page_new(p->config.region, &s->status_page);
    return e == ERR_NONE ? e : fail(p, e, "out of memory");
}

/* From the first answer on: nothing that is served escapes being picked. */
static enum err make_audit(struct program *p)
{
    struct shared *s = &p->shared;
    struct audit_config audit = {.workers = s->n_workers,
                                 .rate_ppm = p->config.audit_ppm,
                                 .keep = (size_t)p->config.audit_keep,
                                 .keys = p->boot.keys,
                                 .salts = receipts_salt_secret(s->receipts),
                                 .simulated = s->facts.simulated};
    enum err e = audit_new(&audit, &s->audit);

    if (e != ERR_NONE)
        return fail(p, e, "the audit sampler cannot be set up");
    receipts_observe(s->receipts, audit_offer, s->audit);
    return ERR_NONE;
}

static enum err start_link(struct program *p)
{
    struct uplink_config link = {
        .targets = p->config.control,
        .cp_spki = p->config.control_spki,
        .place = view_str(p->config.place),
        .keys = p->boot.keys,
        .quotes = p->boot.link_source,
        .keyring = p->shared.keyring,
        .meter = p->shared.meter,
        .providers = &p->providers,
        .own = p->shared.own,
        .ring = p->ring,
        .seal = {.identity = identity_document(p->boot.keys),
                 .report = p->boot.report,
                 .root = buf_view(&p->boot.root)},
        .n_providers = p->providers.n,
        .on_catalog = main_on_catalog,
        .on_secret = main_on_secret,
        .on_cert = main_on_cert,
        .on_refused = main_on_refused,
        .on_log_proof = main_on_log_proof,
        .on_peer = main_on_peer,
        .on_acme_challenge = main_on_acme_challenge,
        .state = main_state,
        .on_orders = main_on_orders,
        .cookie = p,
    };
    enum err e = uplink_start(&link, &p->shared.uplink);

    p->certified.uplink = p->shared.uplink;

    return e == ERR_NONE ? e : fail(p, e, "the link to the control plane cannot be set up");
}

static enum err start_workers(struct program *p)
{
    struct shared *s = &p->shared;
    enum err e = ERR_NONE;

    for (unsigned i = 0; e == ERR_NONE && i < s->n_workers; i++)
        e = worker_start(s, i, &s->workers[i], &p->why);
    return e == ERR_NONE ? e : fail(p, e, "a worker cannot be started");
}

/* What /health and /metrics tell. */
static void introduce_status(struct program *p)
{
    struct shared *s = &p->shared;

    s->status = (struct status_context){.uplink = s->uplink,
                                        .catalogs = s->catalogs,
                                        .meter = s->meter,
                                        .simulated = s->facts.simulated,
                                        .memory_locked = p->boot.memory_locked,
                                        .served = p->certified.served,
                                        .acme = p->certified.acme,
                                        .n_workers = s->n_workers,
                                        .started_unix_ms = clock_unix_ms()};
    s->metrics = (struct metrics_context){.status = &s->status,
                                          .workers = s->figures,
                                          .audit = s->audit,
                                          .quotes = s->quotes,
                                          .content = s->content,
                                          .unknown = s->unknown,
                                          .content_max_bytes = p->config.body_total_bytes,
                                          .providers = &p->providers,
                                          .credentials = s->credentials};
}

static enum err start_metrics(struct program *p)
{
    struct web_config web = {
        .loop = &p->loop,
        .host = p->config.metrics_host,
        .port = (uint16_t)p->config.metrics_port,
        .limits = {.body_max = 1024,
                   .connections_max = METRICS_CONNECTIONS_MAX,
                   .request_timeout_ms = 10000,
                   .write_stall_ms = 10000,
                   .sweep_ms = 1000},
        .handler = front_private_handle,
        .error = front_private_error,
        .cookie = &p->shared.metrics,
    };
    enum err e;

    if (p->config.metrics_port == 0)
        return ERR_NONE;
    e = web_start(&web, &p->metrics);
    return e == ERR_NONE ? e : fail(p, e, "metrics_port: this address cannot be listened on");
}

static enum err prepare(struct program *p)
{
    struct shared *s = &p->shared;
    enum err e = boot_prepare(&p->boot, &p->config, &p->providers, &p->why);

    if (e != ERR_NONE)
        return fail(p, e, "this boot cannot prove what it is");
    s->n_always = reply_always(keyset_digest_text(p->boot.keyset), p->always);
    s->always = p->always;
    s->facts = (struct attest_facts){.keys = p->boot.keys,
                                     .keyset = p->boot.keyset,
                                     .provenance = &p->boot.provenance,
                                     .simulated = quote_backend.simulated};
    s->quotes = p->boot.quotes;
    s->config = &p->config;
    s->providers = &p->providers;
    s->n_workers = p->config.workers != 0 ? (unsigned)p->config.workers
                                          : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    if (s->n_workers > CONFIG_WORKERS_MAX)
        s->n_workers = CONFIG_WORKERS_MAX;
    secret_random(s->user_key, sizeof s->user_key);
    e = make_tls(p);
    if (e == ERR_NONE &&
        certified_init(&p->certified, &p->config, p->boot.keys, s->tls, &p->opening) != ERR_NONE)
        e = fail(p, ERR_MEMORY, "the store of certificates cannot be set up");
    if (e == ERR_NONE)
        e = make_stores(p);
    if (e != ERR_NONE)
        return e;
    s->signer = (struct receipt_signer){
        .keys = p->boot.keys,
        .keyset = p->boot.keyset,
        .providers = &p->providers,
        .receipts = s->receipts,
        .salt = receipts_salt_secret(s->receipts),
        .simulated = quote_backend.simulated,
    };
    memcpy(s->signer.measurement, p->boot.report + SNP_AT_MEASUREMENT, sizeof s->signer.measurement);
    return make_audit(p);
}

/* --- the main loop */

static void main_audit_cb(uv_timer_t *tick)
{
    struct program *p = tick->data;

    audit_advance(p->shared.audit);
}

static void main_unproven_cb(uv_timer_t *timer)
{
    struct program *p = timer->data;

    opening_late(&p->opening);
}

static void main_untried_cb(uv_timer_t *timer)
{
    struct program *p = timer->data;

    opening_public(&p->opening);
}

/* --- the end */

static void main_stop(struct program *p)
{
    if (p->stopping)
        return;
    p->stopping = true;
    atomic_store(&p->draining, true);
    LOG("draining", KV("workers", (uint32_t)p->shared.n_workers));
    uv_stop(&p->loop);
}

static void main_signal_cb(uv_signal_t *signal, int number)
{
    (void)number;
    main_stop(signal->data);
}

/* An operator wants this boot to end (ORDERS). */
static void main_drain_cb(uv_async_t *drain)
{
    main_stop(drain->data);
}

/* Running answers finish, usage is shipped, leases go back. */
static void finish(struct program *p)
{
    struct shared *s = &p->shared;

    opening_end(&p->opening);
    for (unsigned i = 0; i < s->n_workers; i++)
        worker_drain(s->workers[i]);
    for (unsigned i = 0; i < s->n_workers; i++)
        worker_join(s->workers[i]);
    certified_stop(&p->certified); /* it may wait for an authority that does not answer: nothing else waits for that */
    uplink_stop(s->uplink);
    meter_free(s->meter);
    log_proof_free(s->facts.log_proof);
    receipts_free(s->receipts);
    ehbp_seen_free(s->sealed_seen);
    status_page_free(s->status_page);
    audit_free(s->audit);
    keyring_free(s->keyring);
    credentials_free(s->credentials);
    own_store_free(s->own);
    seal_ring_free(p->ring);
    catalog_store_free(s->catalogs);
    health_free(s->health);
    SSL_CTX_free(s->tls);
    certified_free(&p->certified);
    rate_free(s->evidence_rate);
    rate_free(s->account_rate);
    boot_free(&p->boot);
    opening_free(&p->opening);
    LOG("stopped", KV("simulated", s->facts.simulated));
}

static enum err run(struct program *p)
{
    struct process_state state = {0};
    enum err e;

    log_catch_fatal();
    e = process_harden(&state);

    if (e != ERR_NONE)
        return fail(p, e, "the process cannot be hardened");
    p->boot.memory_locked = state.memory_locked;
    e = opening_init(&p->opening);
    if (e == ERR_NONE)
        e = prepare(p);
    if (e == ERR_NONE && (uv_loop_init(&p->loop) != 0 || uv_signal_init(&p->loop, &p->term) != 0 ||
                          uv_signal_init(&p->loop, &p->interrupt) != 0 ||
                          uv_async_init(&p->loop, &p->drain, main_drain_cb) != 0 ||
                          uv_timer_init(&p->loop, &p->audit) != 0 ||
                          uv_timer_init(&p->loop, &p->unproven) != 0 ||
                          uv_timer_init(&p->loop, &p->untried) != 0))
        e = fail(p, ERR_IO, "the main loop cannot be set up");
    if (e == ERR_NONE)
        e = start_link(p);
    if (e == ERR_NONE && certified_start(&p->certified) != ERR_NONE)
        e = fail(p, ERR_IO, "acme_directory: the thread that asks it cannot be started");
    if (e == ERR_NONE) {
        introduce_status(p);
        e = start_workers(p);
    }
    if (e == ERR_NONE)
        e = start_metrics(p);
    if (e == ERR_NONE && certified_listen(&p->certified, &p->loop) != ERR_NONE)
        e = fail(p, ERR_IO, "listen_host, acme_http_port: this address cannot be listened on");
    if (e != ERR_NONE)
        return e;
    p->drain.data = p->term.data = p->interrupt.data = p->audit.data = p->unproven.data =
        p->untried.data = p;
    signal(SIGHUP, SIG_IGN); /* nothing to read again: the configuration is part of what is attested */
    uv_signal_start(&p->term, main_signal_cb, SIGTERM);
    uv_signal_start(&p->interrupt, main_signal_cb, SIGINT);
    uv_timer_start(&p->audit, main_audit_cb, AUDIT_TICK_MS, AUDIT_TICK_MS);
    uv_timer_start(&p->unproven, main_unproven_cb, p->config.listen_unproven_ms, 0);
    uv_timer_start(&p->untried, main_untried_cb, UNTRIED_MS, 0);
    e = process_sandbox(&state);
    if (e != ERR_NONE)
        return fail(p, e, "the system call filter cannot be installed");
    LOG("started", KV("simulated", p->shared.facts.simulated), KV("workers", (uint32_t)p->shared.n_workers),
        KV("port", worker_port(p->shared.workers[0])), KV("boot", identity_boot(p->boot.keys)),
        KV("memory_locked", state.memory_locked), KV("undumpable", state.undumpable),
        KV("sandboxed", state.sandboxed));
    opening_ready(&p->opening, &p->shared);
    uv_run(&p->loop, UV_RUN_DEFAULT);
    finish(p);
    return ERR_NONE;
}

static enum err print_measurement(struct program *p)
{
    struct digest48 m;
    char text[2 * 48 + 1];
    enum err e;

    if (!quote_backend.simulated)
        return fail(p, ERR_UNSUPPORTED,
                    "a real launch is measured from its image: use tr-verify measure");
    e = boot_simulated_measurement(&p->providers, &m);
    if (e != ERR_NONE)
        return fail(p, e, "the program cannot read itself to be measured");
    hex_encode(m.b, sizeof m.b, text);
    printf("%s\n", text);
    return ERR_NONE;
}

static enum err make_platform(struct program *p, const char *dir)
{
    if (quote_backend.make_platform == NULL)
        return fail(p, ERR_UNSUPPORTED, "--make-platform exists in tr-dataplane-sim only");
    return quote_backend.make_platform(dir, &p->why);
}

static enum err load(struct program *p, const char *path, const char *host_path)
{
    enum err e = config_load(path, host_path, &p->config, &p->why);

    if (e == ERR_NONE)
        e = config_load_providers(&p->config, quote_backend.simulated, &p->providers,
                                  &p->providers_text, &p->why);
    return e;
}

static enum err act(struct program *p, int argc, char **argv)
{
    bool with_file = argc >= 3 && strcmp(argv[1], "-c") == 0;
    bool with_host = with_file && argc >= 5 && strcmp(argv[3], "--host") == 0;
    const char *what = argc == (with_host ? 6 : 4) ? argv[argc - 1] : NULL;
    enum err e;

    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("%s %s (attestation: %s)\n", argv[0], TR_VERSION, quote_backend.name);
        return ERR_NONE;
    }
    if (argc == 3 && strcmp(argv[1], "--make-platform") == 0)
        return make_platform(p, argv[2]);
    if (!with_file || argc > (with_host ? 6 : 4)) {
        fprintf(stderr, usage, argv[0], argv[0]);
        return ERR_UNSUPPORTED;
    }
    e = load(p, argv[2], with_host ? argv[4] : NULL);
    if (e != ERR_NONE)
        return e;
    if (what == NULL)
        return run(p);
    if (strcmp(what, "--check-config") == 0)
        return ERR_NONE;
    if (strcmp(what, "--print-measurement") == 0)
        return print_measurement(p);
    if (strcmp(what, "--print-egress") == 0) {
        ports_print(&p->config, &p->providers, stdout);
        return ERR_NONE;
    }
    fprintf(stderr, usage, argv[0], argv[0]);
    return ERR_UNSUPPORTED;
}

int main(int argc, char **argv)
{
    static struct program program;
    enum err e;

    /* Libraries would take orders from it (OPENSSL_CONF, SSL_CERT_FILE, HOSTALIASES, ...): what is
     * not in a measured file says nothing here. */
    if (clearenv() != 0)
        return 1;
    buf_init(&program.why, WHY_MAX);
    buf_init(&program.providers_text, CONFIG_FILE_MAX);
    e = secret_init();
    if (e == ERR_NONE)
        e = act(&program, argc, argv);
    if (e != ERR_NONE && program.why.len != 0)
        fprintf(stderr, "%s: %.*s\n", argv[0], (int)program.why.len, (const char *)program.why.ptr);
    fflush(stdout);
    log_last_words();
    /* Not exit(): other threads may still run after a failed start. */
    _exit(e == ERR_NONE ? 0 : 1);
}
