#include "fleet.h"

#include "log.h"

#include <assert.h>
#include <stdlib.h>

enum { LOOK_MS = 3000 }; /* a notification says so at once; this is for one that was missed, and for what time brings */

struct fleet {
    struct fleet_config config;
    struct peers_fleet hooks;
    struct peers *peers; /* NULL before fleet_watch() and after fleet_stop() */
    uv_timer_t *timer;   /* freed by its close callback; NULL when it does not run */
    bool asking, again, ticking;
};

static void unanswered_cb(void *cookie, enum err e, const struct db_result *r)
{
    (void)cookie; /* the pool has logged it */
    (void)e;
    (void)r;
}

/* Of one boot in the order in which it came. */
static uint32_t lane(const struct id *boot)
{
    uint32_t hash;

    memcpy(&hash, boot->b + sizeof boot->b - sizeof hash, sizeof hash);
    return db_lane(hash);
}

/* --- what data planes say */

/* Which of the database's keys it sets aside; those of the configuration are in its /metrics. */
static void aside(const struct fleet *f, const struct id *boot, const struct msg_state *m)
{
    static const char *const troubles[KEY_TROUBLES] = {"unauthorized", "unpaid", "forbidden", "rate_limited"};
    struct id ids[STATE_KEYS_MAX];
    const char *why[STATE_KEYS_MAX];
    struct buf keys, reasons;
    size_t n = 0;
    enum err e;

    for (size_t i = 0; i < m->n; i++)
        if (operator_keys_id(f->config.keys, m->keys[i].provider_no, m->keys[i].index, &ids[n]))
            why[n++] = troubles[m->keys[i].trouble];
    buf_init(&keys, 4096);
    buf_init(&reasons, 4096);
    e = db_array_begin(&keys, DB_ELEMENT_ID, n);
    if (e == ERR_NONE)
        e = db_array_begin(&reasons, DB_ELEMENT_TEXT, n);
    for (size_t i = 0; e == ERR_NONE && i < n; i++) {
        e = db_array_put(&keys, view_of(ids[i].b, sizeof ids[i].b));
        if (e == ERR_NONE)
            e = db_array_put(&reasons, view_str(why[i]));
    }
    if (e == ERR_NONE) {
        const struct db_param p[] = {db_id(boot), db_bytes(buf_view(&keys)), db_bytes(buf_view(&reasons))};

        db_query(f->config.db, STMT_PROVIDER_KEYS_ASIDE, p, 3, lane(boot), unanswered_cb, NULL);
    }
    buf_free(&keys);
    buf_free(&reasons);
}

static void said(void *cookie, const struct id *boot, const struct msg_state *m)
{
    const struct fleet *f = cookie;
    const struct db_param p[] = {db_id(boot), db_i64(m->catalog_version), db_bool(m->draining), db_bytes(m->region)};

    db_query(f->config.db, STMT_BOOT_SAID, p, 4, lane(boot), unanswered_cb, NULL);
    aside(f, boot, m);
}

static void happened(void *cookie, const struct id *boot, const char *event, const char *detail,
                     const struct digest32 *policy)
{
    const struct fleet *f = cookie;
    const struct db_param p[] = {db_id(boot), db_bytes(view_str(event)), db_bytes(view_str(detail)),
                                 db_bytes(view_of(policy->b, sizeof policy->b))};

    db_query(f->config.db, STMT_BOOT_HAPPENED, p, 4, lane(boot), unanswered_cb, NULL);
}

/* --- what operators want */

static void orders_ask(struct fleet *f);

static void orders_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct fleet *f = cookie;

    f->asking = false;
    for (size_t i = 0; e == ERR_NONE && f->peers != NULL && i < db_rows(r); i++) {
        struct id boot = db_get_id(r, i, 0);

        peers_order(f->peers, &boot, (unsigned)db_get_i64(r, i, 1));
    }
    if (f->again && f->peers != NULL)
        orders_ask(f);
}

static void orders_ask(struct fleet *f)
{
    f->again = f->asking;
    if (f->asking)
        return;
    f->asking = true;
    db_query(f->config.db, STMT_BOOT_ORDERS, NULL, 0, 0, orders_cb, f);
}

static void changed(void *cookie)
{
    struct fleet *f = cookie;

    if (f->peers == NULL)
        return;
    orders_ask(f);
    rules_sync(f->config.rules);
    operator_keys_look(f->config.keys);
}

static void tick_done_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct fleet *f = cookie;

    (void)e;
    (void)r;
    f->ticking = false;
}

static void timer_cb(uv_timer_t *t)
{
    struct fleet *f = t->data;

    if (!db_ready(f->config.db))
        return;
    changed(f);
    if (f->ticking)
        return;
    f->ticking = true;
    db_query(f->config.db, STMT_FLEET_TICK, NULL, 0, 0, tick_done_cb, f);
}

/* --- life */

enum err fleet_new(const struct fleet_config *c, struct fleet **out)
{
    struct fleet *f = calloc(1, sizeof *f);

    if (f == NULL)
        return ERR_MEMORY;
    f->config = *c;
    f->hooks = (struct peers_fleet){said, happened, changed, f};
    *out = f;
    return ERR_NONE;
}

const struct peers_fleet *fleet_hooks(const struct fleet *f)
{
    return &f->hooks;
}

void fleet_watch(struct fleet *f, struct peers *peers)
{
    f->peers = peers;
    f->timer = calloc(1, sizeof *f->timer);
    assert(f->timer != NULL);
    if (uv_timer_init(db_loop(f->config.db), f->timer) != 0) {
        free(f->timer);
        f->timer = NULL;
        return;
    }
    f->timer->data = f;
    uv_timer_start(f->timer, timer_cb, LOOK_MS, LOOK_MS);
    changed(f);
}

static void timer_closed_cb(uv_handle_t *t)
{
    free(t);
}

void fleet_stop(struct fleet *f)
{
    f->peers = NULL;
    if (f->timer != NULL)
        uv_close((uv_handle_t *)f->timer, timer_closed_cb);
    f->timer = NULL;
}

void fleet_free(struct fleet *f)
{
    if (f == NULL)
        return;
    assert(!f->asking && !f->ticking);
    free(f);
}
