/* The questions, their timer, and what follows from the answers. */
#include "control_health.h"

#include "clock.h"
#include "log.h"

#include <assert.h>
#include <stdlib.h>

enum {
    TICK_MS = 500,
    PING_MS = 1000,
    SLOW_MS = 5000, /* what changes slowly: the log, what is not booked */
};

struct control_health {
    struct control_health_config config;
    const struct peers *peers; /* NULL before the link listens */
    uv_timer_t *tick;          /* freed by its close callback */
    bool asking, asking_slow;
    /* The question that has no good answer yet was first asked at: 0, none is open. */
    uint64_t silent_since_ms;
    uint64_t asked_ms, asked_slow_ms;
    struct control_booking booking;
    uint8_t troubles; /* as told last */
    bool draining;
};

/* --- questions --- */

static void ping_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct control_health *h = cookie;

    (void)r;
    h->asking = false;
    if (e == ERR_NONE)
        h->silent_since_ms = 0;
}

static void booking_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct control_health *h = cookie;
    int64_t locked_ms;

    h->asking_slow = false;
    if (e != ERR_NONE)
        return;
    locked_ms = db_get_i64(r, 0, 2);
    h->booking = (struct control_booking){
        .set_aside = (uint64_t)db_get_i64(r, 0, 0),
        .locked = (uint64_t)db_get_i64(r, 0, 1),
        .locked_ms = locked_ms > 0 ? (uint64_t)locked_ms : 0, /* its clock may be set back */
        .gaps = (uint64_t)db_get_i64(r, 0, 3),
        .lost = (uint64_t)db_get_i64(r, 0, 4),
        .lost_nusd = (uint64_t)db_get_i64(r, 0, 5),
        .lost_lately = db_get_bool(r, 0, 6),
        .violations = (uint64_t)db_get_i64(r, 0, 7),
    };
}

static void ask(struct control_health *h, uint64_t now_ms)
{
    if (!h->asking && now_ms - h->asked_ms >= PING_MS) {
        h->asking = true;
        h->asked_ms = now_ms;
        if (h->silent_since_ms == 0)
            h->silent_since_ms = now_ms;
        db_query(h->config.db, STMT_PING, NULL, 0, 0, ping_cb, h);
    }
    if (!h->asking_slow && now_ms - h->asked_slow_ms >= SLOW_MS && db_ready(h->config.db)) {
        h->asking_slow = true;
        h->asked_slow_ms = now_ms;
        db_query(h->config.db, STMT_BOOKING_STATE, NULL, 0, 0, booking_cb, h);
        translog_check(h->config.log);
    }
}

/* --- what follows --- */

static uint64_t silent_ms(const struct control_health *h, uint64_t now_ms)
{
    return h->silent_since_ms == 0 ? 0 : now_ms - h->silent_since_ms;
}

static uint8_t troubles(const struct control_health *h, const struct peers_waiting *waiting,
                        uint64_t now_ms)
{
    uint8_t t = 0;

    if (!db_ready(h->config.db) || silent_ms(h, now_ms) >= CONTROL_HEALTH_SILENT_MS)
        t |= TROUBLE_DATABASE;
    if (translog_refuses(h->config.log))
        t |= TROUBLE_LOG;
    if (waiting->oldest_ms >= CONTROL_HEALTH_LATE_MS ||
        h->booking.locked_ms >= CONTROL_HEALTH_LATE_MS)
        t |= TROUBLE_USAGE_WAITING;
    if (h->booking.set_aside > 0)
        t |= TROUBLE_SET_ASIDE;
    if (h->booking.lost_lately)
        t |= TROUBLE_LOST;
    return t;
}

void control_health_read(const struct control_health *h, struct control_figures *out)
{
    uint64_t now_ms = clock_mono_ms();

    *out = (struct control_figures){
        .draining = h->draining,
        .database_silent_ms = silent_ms(h, now_ms),
        .booking = h->booking,
        .catalog_refused = h->config.catalog_refused,
        .log_size = translog_signed_size(h->config.log),
    };
    if (h->peers != NULL) {
        out->waiting = peers_waiting(h->peers, now_ms);
        out->peers = peers_counters(h->peers);
    }
    out->troubles = troubles(h, &out->waiting, now_ms);
    if ((out->troubles & TROUBLE_DATABASE) != 0)
        out->status = CONTROL_FAILING;
    else if (out->troubles != 0 || out->booking.violations != 0)
        out->status = CONTROL_DEGRADED;
}

const char *control_status_name(enum control_status s)
{
    return s == CONTROL_OK ? "ok" : s == CONTROL_DEGRADED ? "degraded" : "failing";
}

bool control_figures_ready(const struct control_figures *f)
{
    return f->status != CONTROL_FAILING && !f->draining;
}

static void tick_cb(uv_timer_t *t)
{
    struct control_health *h = t->data;
    struct control_figures now;

    ask(h, clock_mono_ms());
    control_health_read(h, &now);
    if (now.troubles == h->troubles)
        return;
    h->troubles = now.troubles;
    LOG("control_health",
        KV("status", ((struct static_name){control_status_name(now.status)})),
        KV("troubles", now.troubles), KV("database_silent_ms", now.database_silent_ms),
        KV("batches_waiting", now.waiting.batches), KV("set_aside", now.booking.set_aside),
        KV("lost", now.booking.lost));
    h->config.changed(h->config.cookie, now.troubles);
}

/* --- life --- */

enum err control_health_start(const struct control_health_config *c, struct control_health **out)
{
    struct control_health *h = calloc(1, sizeof *h);
    uv_timer_t *tick = calloc(1, sizeof *tick);

    if (h == NULL || tick == NULL || uv_timer_init(db_loop(c->db), tick) != 0) {
        free(h);
        free(tick);
        return ERR_MEMORY;
    }
    h->config = *c;
    h->tick = tick;
    tick->data = h;
    uv_timer_start(tick, tick_cb, TICK_MS, TICK_MS);
    *out = h;
    return ERR_NONE;
}

void control_health_watch(struct control_health *h, const struct peers *peers)
{
    h->peers = peers;
    h->troubles = 0; /* they know of none: what there is already is told at the next tick */
}

void control_health_drain(struct control_health *h)
{
    h->draining = true;
}

static void tick_closed_cb(uv_handle_t *t)
{
    free(t);
}

void control_health_stop(struct control_health *h)
{
    assert(h->tick != NULL);
    uv_close((uv_handle_t *)h->tick, tick_closed_cb);
    h->tick = NULL;
    h->peers = NULL;
}

void control_health_free(struct control_health *h)
{
    if (h == NULL)
        return;
    assert(!h->asking && !h->asking_slow);
    free(h);
}
