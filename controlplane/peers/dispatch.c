/* What an accepted data plane may say, and the ledger calls that answer it. */
#include "peer.h"

#include "clock.h"
#include "log.h"

#include <stdlib.h>

/* --- look-ups and leases --- */

/* A look-up that was on its way while notifications may have been missed says what was true before. */
struct lookup {
    struct peer *peer;
    uint32_t epoch;
};

static enum err answer_encode(struct peer *p, uint32_t epoch, const struct msg_grant *grant,
                              const struct msg_no_key *no, struct buf *out)
{
    if (grant != NULL) {
        known_put(&p->known, &grant->key_digest, grant->version, epoch);
        return msg_grant_encode(grant, out);
    }
    return msg_no_key_encode(no, out);
}

static void grant_cb(void *cookie, enum err e, const struct msg_grant *grant,
                     const struct msg_no_key *no)
{
    struct lookup *l = cookie;
    struct peer *p = l->peer;
    uint32_t epoch = l->epoch;
    struct buf out;

    free(l);
    if (!peer_call_done(p))
        return;
    if (e != ERR_NONE) {
        LOG("lookup_failed", KV("error", log_err(e))); /* the data plane's own deadline answers */
        return;
    }
    buf_init(&out, 256);
    if (answer_encode(p, epoch, grant, no, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
}

static bool handle_key_lookup(struct peer *p, struct view payload)
{
    struct msg_key_lookup m;
    struct lookup *l;

    if (msg_key_lookup_decode(payload, &m) != ERR_NONE)
        return false;
    l = malloc(sizeof *l);
    if (l == NULL)
        return true; /* not answered: the data plane's own deadline answers */
    *l = (struct lookup){p, p->known.epoch};
    p->calls++;
    ledger_grant(p->owner->config.ledger, &p->identity.boot, &m, grant_cb, l);
    return true;
}

static void lease_cb(void *cookie, enum err e, const struct msg_lease *lease)
{
    struct peer *p = cookie;
    struct buf out;

    if (!peer_call_done(p))
        return;
    if (e != ERR_NONE) {
        LOG("lease_failed", KV("error", log_err(e)));
        return;
    }
    buf_init(&out, 128);
    if (msg_lease_encode(lease, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
}

static bool handle_lease_more(struct peer *p, struct view payload)
{
    struct msg_lease_more m;

    if (msg_lease_more_decode(payload, &m) != ERR_NONE)
        return false;
    p->calls++;
    ledger_lease_more(p->owner->config.ledger, &p->identity.boot, &m, lease_cb, p);
    return true;
}

/* --- orders: booked one at a time, in the order in which they came; but returns that do not end
 * their lease: what they give back was not spent, whatever records are on their way, and a look-up
 * that came after them may need it --- */

static void orders_step(struct peer *p);

static void order_done(struct peer *p)
{
    struct order *o = p->orders;

    p->orders = o->next;
    if (p->orders == NULL)
        p->orders_end = &p->orders;
    p->n_orders--;
    free(o);
    if (p->paused && p->n_orders <= PEER_ORDERS_MAX / 2) {
        p->paused = false;
        conn_resume(p->conn);
    }
}

/* The database is away: the same order again, a little later. */
static void order_retry(struct peer *p, enum err e)
{
    LOG("booking_failed", KV("error", log_err(e)));
    p->order_retry_ms = clock_mono_ms() + PEER_RETRY_MS;
}

static void ingest_cb(void *cookie, enum err e, uint64_t acked_seq)
{
    struct peer *p = cookie;
    struct msg_usage_ack m = {.seq = acked_seq};
    struct buf out;

    if (!peer_call_done(p))
        return;
    p->order_running = false;
    if (e != ERR_NONE) {
        order_retry(p, e);
        return;
    }
    buf_init(&out, 64);
    if (msg_usage_ack_encode(&m, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
    order_done(p);
    orders_step(p);
}

static void return_cb(void *cookie, enum err e)
{
    struct peer *p = cookie;

    if (!peer_call_done(p))
        return;
    p->order_running = false;
    if (e == ERR_DB) {
        order_retry(p, e);
        return;
    }
    if (e != ERR_NONE) /* a lease that is not theirs, or already closed: nothing to give back */
        LOG("return_refused", KV("error", log_err(e)));
    order_done(p);
    orders_step(p);
}

static void orders_step(struct peer *p)
{
    struct order *o = p->orders;

    if (o == NULL || p->order_running || p->order_retry_ms != 0 || p->state != PEER_ACCEPTED)
        return;
    p->order_running = true;
    p->calls++;
    if (o->is_return)
        ledger_lease_return(p->owner->config.ledger, &p->identity.boot, &o->ret, return_cb, p);
    else
        ledger_ingest(p->owner->config.ledger, &p->identity.boot, o->records, o->n, ingest_cb, p);
}

void peer_orders_tick(struct peer *p, uint64_t now_ms)
{
    if (p->order_retry_ms == 0 || now_ms < p->order_retry_ms)
        return;
    p->order_retry_ms = 0;
    orders_step(p);
}

void peer_orders_free(struct peer *p)
{
    while (p->orders != NULL) {
        struct order *o = p->orders;

        p->orders = o->next;
        free(o);
    }
}

static struct order *order_new(size_t n_records)
{
    struct order *o = calloc(1, sizeof *o + n_records * sizeof o->records[0]);

    if (o != NULL)
        o->n = n_records;
    return o;
}

static void order_queue(struct peer *p, struct order *o)
{
    *p->orders_end = o;
    p->orders_end = &o->next;
    if (++p->n_orders == PEER_ORDERS_MAX) {
        p->paused = true;
        conn_pause(p->conn);
    }
    orders_step(p);
}

static bool handle_usage(struct peer *p, struct view payload)
{
    struct msg_usage m;
    struct order *o;

    if (msg_usage_decode(payload, &m) != ERR_NONE || m.count == 0)
        return false;
    o = order_new(m.count);
    if (o == NULL)
        return false; /* the peer sends it again on its next connection */
    for (size_t i = 0; i < m.count; i++) {
        struct view wire;

        if (!view_take(&m.records, USAGE_WIRE_BYTES, &wire) ||
            usage_decode(wire, &o->records[i]) != ERR_NONE) {
            free(o);
            return false;
        }
    }
    order_queue(p, o);
    return true;
}

static void partial_return_cb(void *cookie, enum err e)
{
    struct peer *p = cookie;

    /* What fails here comes back when the lease ends. */
    if (peer_call_done(p) && e != ERR_NONE)
        LOG("return_refused", KV("error", log_err(e)));
}

static bool handle_lease_return(struct peer *p, struct view payload)
{
    struct msg_lease_return m;
    struct order *o;

    if (msg_lease_return_decode(payload, &m) != ERR_NONE)
        return false;
    if (!m.final) {
        p->calls++;
        ledger_lease_return(p->owner->config.ledger, &p->identity.boot, &m, partial_return_cb, p);
        return true;
    }
    o = order_new(0);
    if (o == NULL)
        return false;
    o->is_return = true;
    o->ret = m;
    order_queue(p, o);
    return true;
}

static bool handle_ping(struct peer *p, struct view payload)
{
    struct msg_ping m;
    struct buf out;

    if (msg_ping_decode(payload, &m) != ERR_NONE)
        return false;
    buf_init(&out, 64);
    if (msg_pong_encode(&m, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
    return true;
}

static bool handle_bye(struct peer *p, struct view payload)
{
    if (payload.len != 0)
        return false;
    LOG("peer_bye", KV("boot", p->identity.boot));
    return true;
}

static const struct {
    enum message_type type;
    bool (*handle)(struct peer *p, struct view payload);
} handlers[] = {
    {MSG_KEY_LOOKUP, handle_key_lookup},     {MSG_LEASE_MORE, handle_lease_more},
    {MSG_LEASE_RETURN, handle_lease_return}, {MSG_USAGE, handle_usage},
    {MSG_PING, handle_ping},                 {MSG_BYE, handle_bye},
    {MSG_KEYS, peer_keys},
};

bool peer_dispatch(struct peer *p, const struct frame *f)
{
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        if (handlers[i].type == f->type)
            return handlers[i].handle(p, f->payload);
    }
    return false;
}
