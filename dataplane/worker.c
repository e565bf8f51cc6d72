#include "worker.h"

#include "clock.h"
#include "log.h"

#include <assert.h>
#include <stdlib.h>

enum { WORKER_TICK_MS = 1000 };

/* --- draining */

/* Nothing runs any more: let every handle go. */
static void worker_close(struct worker *w)
{
    while (w->exchange.request.requests != NULL) /* answered, but a provider's last bytes are still awaited */
        request_abort(w->exchange.request.requests);
    uv_close((uv_handle_t *)&w->tick, NULL);
    uv_close((uv_handle_t *)&w->wake, NULL);
    log_gather_end(); /* what is still to be said is said at once */
    uv_close((uv_handle_t *)&w->log, NULL);
    uplink_port_free(w->link);
    attest_desk_free(w->attest);
    upstreams_free(w->upstreams);
    w->link = NULL;
    w->attest = NULL;
    w->upstreams = NULL;
    uv_stop(&w->loop); /* the server's own handles go with web_free() */
}

static void worker_drained_cb(void *cookie)
{
    worker_close(cookie);
}

static void worker_wake_cb(uv_async_t *wake)
{
    struct worker *w = wake->data;

    if (atomic_exchange(&w->listens, false) && web_accept(w->web) != ERR_NONE)
        LOG("not_listening", KV("worker", (uint32_t)w->no));
    if (!atomic_load(&w->drains) || w->draining_since_ms != 0)
        return;
    w->draining_since_ms = clock_mono_ms();
    web_stop(w->web, worker_drained_cb, w);
}

static void worker_tick_cb(uv_timer_t *tick)
{
    struct worker *w = tick->data;
    uint64_t now_ms = clock_mono_ms();
    bool late = w->draining_since_ms != 0 &&
                now_ms - w->draining_since_ms >= w->shared->config->drain_ms;

    requests_tick(&w->exchange.request, now_ms, late);
    if (w->attest != NULL)
        attest_desk_tick(w->attest, now_ms, late);
}

/* --- the log: lines leave together, a little later */

static void worker_log_cb(uv_timer_t *timer)
{
    (void)timer;
    log_flush();
}

static void worker_log_first(void *cookie)
{
    struct worker *w = cookie;

    if (!uv_is_active((uv_handle_t *)&w->log)) /* a batch that got full before its time went alone */
        uv_timer_start(&w->log, worker_log_cb, LOG_DELAY_MS, 0);
}

/* --- the thread */

static enum err worker_fail(struct worker *w, enum err e, const char *what)
{
    if (w->why->len == 0 && buf_append(w->why, view_str(what)) != ERR_NONE)
        buf_reset(w->why);
    return e;
}

static enum err worker_bind(struct worker *w)
{
    const struct config *c = w->shared->config;
    struct web_config web = {
        .loop = &w->loop,
        .host = c->listen_host,
        /* The first worker may have been given any port; the others share it. */
        .port = w->no == 0 ? (uint16_t)c->listen_port : w->shared->workers[0]->port,
        .tls = w->shared->tls,
        .quiet = true,
        .budget = w->shared->content,
        .budget_unknown = w->shared->unknown,
        .arriving = front_arriving,
        .refused = front_refused,
        .limits = {.body_max = LIMIT_BODY_BYTES,
                   .unknown_per_ip = (size_t)c->unknown_per_ip_bytes,
                   .connections_max = (unsigned)c->connections_max,
                   .connections_per_ip = (unsigned)c->connections_per_ip,
                   .request_timeout_ms = (unsigned)c->request_timeout_ms,
                   .write_stall_ms = (unsigned)c->write_stall_ms,
                   .slowest_bytes_per_s = (unsigned)c->slowest_bytes_per_s,
                   .upload_ms = (unsigned)c->upload_ms,
                   .sweep_ms = (unsigned)c->sweep_ms},
        .handler = front_handle,
        .error = front_error,
        .cookie = &w->front,
        .always = w->shared->always,
        .n_always = w->shared->n_always,
    };
    enum err e = web_start(&web, &w->web);

    if (e != ERR_NONE)
        return worker_fail(w, e, "listen_host, listen_port: this address cannot be listened on");
    w->port = web_port(w->web);
    return ERR_NONE;
}

/* What each folder works with. */
static void worker_introduce(struct worker *w)
{
    struct shared *s = w->shared;

    w->exchange.request.admit = (struct admit_context){.keyring = s->keyring,
                                                   .meter = s->meter,
                                                   .worker = w->no,
                                                   .uplink = s->uplink,
                                                   .port = w->link};
    w->exchange.request.health = s->health;
    w->exchange.request.stats = &w->stats;
    w->exchange.request.own = s->own;
    w->exchange.request.receipts = s->receipts;
    w->exchange.catalogs = s->catalogs;
    w->exchange.providers = s->providers;
    w->exchange.credentials = s->credentials;
    w->exchange.upstreams = w->upstreams;
    w->exchange.receipts = s->receipts;
    w->exchange.signer = &s->signer;
    w->exchange.shares = &s->shares;
    w->exchange.user_key = s->user_key;
    memcpy(w->exchange.region, s->config->region, sizeof w->exchange.region);
    w->exchange.in_eu = route_region_in_eu(w->exchange.region);
    memcpy(w->exchange.eu_base_url, s->config->eu_base_url, sizeof w->exchange.eu_base_url);
    w->exchange.image_tokens = s->config->image_tokens;
    w->exchange.reference_tokens = s->config->reference_tokens;
    w->exchange.output_default_tokens = (uint32_t)s->config->output_default_tokens;
    w->front = (struct front_context){
        .arrival = {s->keyring, s->uplink, w->link, &s->shares},
        .sealed = {s->facts.keys, s->sealed_seen},
        .exchange = &w->exchange,
        .models = {s->catalogs, s->health, s->providers, w->no},
        .receipts = {s->receipts, &s->signer},
        .account = {w->link, s->account_rate, &w->stats},
        .attest = w->attest,
        .status = &s->status,
        .status_page = s->status_page,
        .audit = s->audit,
        .evidence_rate = s->evidence_rate,
        .stats = &w->stats,
        .worker = w->no,
    };
}

static enum err worker_open(struct worker *w)
{
    struct shared *s = w->shared;
    enum err e;

    e = upstreams_new(&w->loop, s->providers, &w->upstreams, w->why);
    if (e != ERR_NONE)
        return worker_fail(w, e, "providers: the upstream side cannot be set up");
    e = uplink_port_new(s->uplink, &w->loop, &w->link);
    if (e != ERR_NONE)
        return worker_fail(w, e, "a worker cannot be joined to the link");
    e = attest_desk_new(s->quotes, &w->loop, &s->facts, &w->stats, &w->attest);
    if (e != ERR_NONE)
        return worker_fail(w, e, "a worker cannot be joined to the quote service");
    worker_introduce(w);
    if (uv_async_init(&w->loop, &w->wake, worker_wake_cb) != 0 ||
        uv_timer_init(&w->loop, &w->tick) != 0 || uv_timer_init(&w->loop, &w->log) != 0 ||
        uv_timer_start(&w->tick, worker_tick_cb, WORKER_TICK_MS, WORKER_TICK_MS) != 0)
        return worker_fail(w, ERR_IO, "a worker's loop cannot be set up");
    w->wake.data = w->tick.data = w;
    return worker_bind(w);
}

static void worker_main(void *cookie)
{
    struct worker *w = cookie;
    bool running;

    w->start = worker_open(w);
    running = w->start == ERR_NONE;
    w->why = NULL;
    uv_sem_post(&w->ready); /* on failure main() ends the process; nothing is taken apart */
    if (!running)
        return;
    log_gather(worker_log_first, w);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    web_free(w->web);
    uv_run(&w->loop, UV_RUN_DEFAULT); /* until every handle is closed */
    exchange_spares_free(&w->exchange);
}

enum err worker_start(struct shared *shared, unsigned no, struct worker **out, struct buf *why)
{
    struct worker *w = calloc(1, sizeof *w);

    if (w == NULL)
        return ERR_MEMORY;
    w->no = no;
    w->shared = shared;
    w->why = why;
    secret_random(&w->exchange.request.route_seed, sizeof w->exchange.request.route_seed);
    if (uv_loop_init(&w->loop) != 0 || uv_sem_init(&w->ready, 0) != 0 ||
        uv_thread_create(&w->thread, worker_main, w) != 0) {
        free(w);
        return ERR_IO;
    }
    uv_sem_wait(&w->ready);
    if (w->start != ERR_NONE) {
        enum err e = w->start;

        uv_thread_join(&w->thread);
        return e; /* w is left: its loop holds half-open handles, and the process ends */
    }
    shared->figures[no] = (struct metrics_worker){&w->stats, w->upstreams, w->web};
    *out = w;
    return ERR_NONE;
}

uint16_t worker_port(const struct worker *w)
{
    return w->port;
}

enum err worker_listen(struct worker *w)
{
    enum err e = web_listen(w->web);

    atomic_store(&w->listens, true);
    uv_async_send(&w->wake);
    return e;
}

void worker_drain(struct worker *w)
{
    atomic_store(&w->drains, true);
    uv_async_send(&w->wake);
}

void worker_join(struct worker *w)
{
    int left;

    uv_thread_join(&w->thread);
    left = uv_loop_close(&w->loop);
    if (left != 0)
        LOG("loop_not_closed", KV("worker", (uint32_t)w->no), KV("error", (int32_t)left));
    uv_sem_destroy(&w->ready);
    free(w);
}
