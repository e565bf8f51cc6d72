/* What must be booked in the order in which a data plane said it: usage batches, lost records, the ends of
 * leases, and how far everything is settled. One at a time; batches that follow each other and wait are booked as one. Returns that do not end their lease are not
 * among them: what they give back was not spent, whatever records are on their way, and a look-up that
 * came after them may need it. */
#include "peer.h"

#include "clock.h"
#include "log.h"

#include <assert.h>
#include <stdlib.h>

static void orders_step(struct peer *p);

static struct order *order_new(enum order_kind kind, size_t n_records)
{
    struct order *o = calloc(1, sizeof *o + n_records * sizeof o->records[0]);

    if (o != NULL) {
        o->kind = kind;
        o->n = n_records;
    }
    return o;
}

static void order_free(struct order *o)
{
    free(o->attempts);
    free(o->parts);
    free(o);
}

/* The first order leaves the queue. */
static struct order *order_take(struct peer *p)
{
    struct order *o = p->orders;

    p->orders = o->next;
    if (p->orders == NULL)
        p->orders_end = &p->orders;
    p->n_orders--;
    return o;
}

static void order_done(struct peer *p)
{
    order_free(order_take(p));
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

/* --- batches that wait are booked as one --- */

/* Was nothing of it refused? What was is booked alone. */
static bool order_is_fresh(const struct order *o)
{
    return o->kind == ORDER_USAGE && o->refusals == 0 && !o->aside;
}

/* `from` is booked with `all`. False: no memory, nothing has changed. */
static bool order_add(struct order *all, const struct order *from)
{
    if (from->n_attempts > 0) {
        struct usage_attempt *a = realloc(all->attempts, (all->n_attempts + from->n_attempts) * sizeof *a);

        if (a == NULL)
            return false;
        all->attempts = a;
    }
    if (from->n_parts > 0) {
        struct usage_part *x = realloc(all->parts, (all->n_parts + from->n_parts) * sizeof *x);

        if (x == NULL)
            return false;
        all->parts = x;
        memcpy(x + all->n_parts, from->parts, from->n_parts * sizeof *x);
        all->n_parts += from->n_parts;
    }
    if (from->n_attempts > 0) {
        memcpy(all->attempts + all->n_attempts, from->attempts, from->n_attempts * sizeof *all->attempts);
        all->n_attempts += from->n_attempts;
    }
    memcpy(all->records + all->n, from->records, from->n * sizeof from->records[0]);
    all->n += from->n;
    return true;
}

/* The first order and those behind it that have room beside it become one. Without memory they stay as they are. */
static void orders_join(struct peer *p)
{
    struct order *first = p->orders, *all;

    if (!order_is_fresh(first) || first->next == NULL || !order_is_fresh(first->next) ||
        first->n + first->next->n > LEDGER_BOOK_MAX)
        return;
    all = order_new(ORDER_USAGE, LEDGER_BOOK_MAX);
    if (all == NULL)
        return;
    all->n = 0;
    all->queued_ms = first->queued_ms;
    while (p->orders != NULL && order_is_fresh(p->orders) && all->n + p->orders->n <= LEDGER_BOOK_MAX &&
           all->n_attempts + p->orders->n_attempts <= LEDGER_ATTEMPTS_MAX &&
           all->n_parts + p->orders->n_parts <= LEDGER_PARTS_MAX && order_add(all, p->orders))
        order_free(order_take(p));
    if (all->n == 0) {
        order_free(all);
        return;
    }
    all->next = p->orders;
    p->orders = all;
    if (all->next == NULL)
        p->orders_end = &all->next;
    p->n_orders++;
}

/* --- what the database refuses --- */

/* `to` has all parts of `from`, too; those of other records say nothing to the database. */
static enum err order_copy_parts(struct order *to, const struct order *from)
{
    if (from->n_parts == 0)
        return ERR_NONE;
    to->parts = malloc(from->n_parts * sizeof *to->parts);
    if (to->parts == NULL)
        return ERR_MEMORY;
    memcpy(to->parts, from->parts, from->n_parts * sizeof *to->parts);
    to->n_parts = from->n_parts;
    return ERR_NONE;
}

/* The first order becomes two, each with one half of its records. */
static enum err order_split(struct peer *p)
{
    struct order *o = p->orders;
    size_t half = o->n / 2;
    struct order *rest = order_new(ORDER_USAGE, o->n - half);

    if (rest == NULL || order_copy_parts(rest, o) != ERR_NONE) {
        free(rest);
        return ERR_MEMORY;
    }
    memcpy(rest->records, o->records + half, rest->n * sizeof rest->records[0]);
    rest->refusals = --o->refusals; /* one attempt for each half */
    rest->queued_ms = o->queued_ms;
    o->n = half;
    rest->next = o->next;
    o->next = rest;
    if (rest->next == NULL)
        p->orders_end = &rest->next;
    p->n_orders++;
    return ERR_NONE;
}

/* The records cannot be booked, and a further attempt will most likely end the same. After
 * PEER_BOOK_ATTEMPTS the batch is halved until the record that is refused is alone; that one is set aside,
 * so that those beside it and behind it are booked. */
static void order_refused(struct peer *p, enum err e)
{
    struct order *o = p->orders;

    if (o->kind != ORDER_USAGE || o->aside || ++o->refusals < PEER_BOOK_ATTEMPTS) {
        order_retry(p, e);
        return;
    }
    if (o->n == 1)
        o->aside = true;
    else if (order_split(p) != ERR_NONE) {
        order_retry(p, ERR_MEMORY);
        return;
    }
    orders_step(p);
}

/* --- answers of the ledger --- */

static void say_from(struct peer *p, uint64_t seq)
{
    LOG("usage_missing", KV("boot", p->identity.boot), KV("behind_seq", seq));
    p->owner->counters.usage_gaps++;
    p->from_said = true;
    peer_usage_from(p, seq, false);
}

/* Records before the batch are missing: the database has forgotten what it once acknowledged. The boot
 * is told once to begin there again; batches that it sent before it heard that say nothing new. */
static void look_for_gap(struct peer *p, const struct order *o, uint64_t acked_seq)
{
    bool missing = o->kind == ORDER_USAGE && acked_seq + 1 < o->records[0].seq;

    if (!missing)
        p->from_said = false;
    else if (!p->from_said)
        say_from(p, acked_seq);
}

static void order_booked(struct peer *p, uint64_t acked_seq)
{
    const struct order *o = p->orders;
    struct msg_usage_ack m = {.seq = acked_seq};
    struct buf out;

    if (o->aside) {
        LOG("usage_set_aside", KV("boot", p->identity.boot), KV("seq", o->records[0].seq),
            KV("request", o->records[0].request));
        p->owner->counters.usage_set_aside++;
    }
    if (o->kind == ORDER_LOST) {
        LOG("usage_lost", KV("boot", p->identity.boot), KV("first_seq", o->lost.lo),
            KV("last_seq", o->lost.hi));
        p->owner->counters.usage_lost += o->lost.hi - o->lost.lo + 1;
    }
    buf_init(&out, 64);
    if (msg_usage_ack_encode(&m, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
    look_for_gap(p, o, acked_seq);
    order_done(p);
    orders_step(p);
}

/* A restored database does not know this boot: it proves itself again, and is written down again. */
static void boot_forgotten(struct peer *p)
{
    LOG("boot_forgotten", KV("boot", p->identity.boot));
    conn_close(p->conn, ERR_STALE);
}

static void booked_cb(void *cookie, enum err e, uint64_t acked_seq)
{
    struct peer *p = cookie;

    if (!peer_call_done(p))
        return;
    p->order_running = false;
    if (e == ERR_NONE)
        order_booked(p, acked_seq);
    else if (e == ERR_NOT_FOUND)
        boot_forgotten(p);
    else if (e == ERR_CONFLICT || e == ERR_RANGE)
        order_refused(p, e);
    else
        order_retry(p, e);
}

static void settled_cb(void *cookie, enum err e, uint64_t db_ms)
{
    struct peer *p = cookie;

    if (!peer_call_done(p))
        return;
    p->order_running = false;
    if (e == ERR_NOT_FOUND) {
        boot_forgotten(p);
        return;
    }
    if (e != ERR_NONE) {
        order_retry(p, e);
        return;
    }
    p->settle_open = false;
    p->settle_token = db_ms;
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
    struct ledger *l = p->owner->config.ledger;
    const struct id *boot = &p->identity.boot;
    struct order *o = p->orders;

    if (o == NULL && p->bye && conn_open(p->conn)) {
        conn_close(p->conn, ERR_NONE); /* it waits for that */
        return;
    }
    if (o == NULL || p->order_running || p->order_retry_ms != 0 || p->state != PEER_ACCEPTED)
        return;
    orders_join(p);
    o = p->orders;
    p->order_running = true;
    p->calls++;
    switch (o->kind) {
    case ORDER_USAGE:
        (o->aside ? ledger_set_aside : ledger_ingest_batch)(
            l, boot,
            &(struct ledger_batch){o->records, o->n, o->attempts, o->n_attempts, o->parts, o->n_parts}, booked_cb, p);
        break;
    case ORDER_LOST:
        ledger_lost(l, boot, o->lost.lo, o->lost.hi, booked_cb, p);
        break;
    case ORDER_RETURN:
        ledger_lease_return(l, boot, &o->ret, return_cb, p);
        break;
    case ORDER_SETTLED:
        ledger_settled(l, boot, &p->session, o->settled.seq, o->settled.token, settled_cb, p);
        break;
    }
}

/* --- what came over the link --- */

void orders_bye(struct peer *p)
{
    p->bye = true;
    orders_step(p);
}

static bool order_queue(struct peer *p, struct order *o)
{
    o->queued_ms = clock_mono_ms();
    *p->orders_end = o;
    p->orders_end = &o->next;
    if (++p->n_orders >= PEER_ORDERS_MAX && !p->paused) {
        p->paused = true;
        conn_pause(p->conn);
    }
    orders_step(p);
    return true;
}

/* False also without memory: the peer sends it again on its next connection. */
bool orders_usage(struct peer *p, const struct msg_usage *m)
{
    struct order *o = m->count == 0 ? NULL : order_new(ORDER_USAGE, m->count);
    struct view rest = m->records, wire;

    if (o == NULL)
        return false;
    for (size_t i = 0; i < m->count; i++) {
        if (!view_take(&rest, USAGE_WIRE_BYTES, &wire) ||
            usage_decode(wire, &o->records[i]) != ERR_NONE || o->records[i].seq > INT64_MAX) {
            free(o);
            return false;
        }
    }
    o->attempts = p->attempts;
    o->n_attempts = p->n_attempts;
    p->attempts = NULL;
    p->n_attempts = 0;
    o->parts = p->parts;
    o->n_parts = p->n_parts;
    p->parts = NULL;
    p->n_parts = 0;
    return order_queue(p, o);
}

/* They wait for their USAGE. Those of an earlier frame that it did not come for are of a batch that was sent
 * again, and say nothing new. */
bool orders_attempts(struct peer *p, const struct msg_usage_attempts *m)
{
    struct usage_attempt *a = calloc(m->count, sizeof *a);
    struct view rest = m->attempts, wire;

    if (a == NULL)
        return false;
    for (size_t i = 0; i < m->count; i++) {
        if (!view_take(&rest, USAGE_ATTEMPT_WIRE_BYTES, &wire) || usage_attempt_decode(wire, &a[i]) != ERR_NONE) {
            free(a);
            return false;
        }
    }
    free(p->attempts);
    p->attempts = a;
    p->n_attempts = m->count;
    return true;
}

/* Likewise. */
bool orders_parts(struct peer *p, const struct msg_usage_parts *m)
{
    struct usage_part *parts = calloc(m->count, sizeof *parts);
    struct view rest = m->parts, wire;

    if (parts == NULL)
        return false;
    for (size_t i = 0; i < m->count; i++) {
        if (!view_take(&rest, USAGE_PART_WIRE_BYTES, &wire) || usage_part_decode(wire, &parts[i]) != ERR_NONE) {
            free(parts);
            return false;
        }
    }
    free(p->parts);
    p->parts = parts;
    p->n_parts = m->count;
    return true;
}

bool orders_lost(struct peer *p, const struct msg_usage_lost *m)
{
    struct order *o = order_new(ORDER_LOST, 0);

    if (o == NULL)
        return false;
    o->lost = *m;
    return order_queue(p, o);
}

bool orders_return(struct peer *p, const struct msg_lease_return *m)
{
    struct order *o = order_new(ORDER_RETURN, 0);

    if (o == NULL)
        return false;
    o->ret = *m;
    return order_queue(p, o);
}

bool orders_settled(struct peer *p, const struct msg_settled *m)
{
    struct order *o;

    if (!p->settle_open || p->settle_answered || m->token != p->settle_token)
        return false; /* nobody asked that */
    o = order_new(ORDER_SETTLED, 0);
    if (o == NULL)
        return false;
    p->settle_answered = true;
    o->settled = *m;
    return order_queue(p, o);
}

/* --- time --- */

/* The token is the database's time at its last answer, so it lies before the question: what the boot
 * says to be settled was so at that time, however long anybody stood still meanwhile. */
static void settle_ask(struct peer *p, uint64_t now_ms)
{
    const struct msg_settle_ask m = {.token = p->settle_token};
    struct buf out;

    p->settle_open = true;
    p->settle_answered = false;
    p->settle_ms = now_ms;
    buf_init(&out, 64);
    if (msg_settle_ask_encode(&m, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
}

void peer_orders_tick(struct peer *p, uint64_t now_ms)
{
    if (!p->settle_open && now_ms - p->settle_ms >= PEER_SETTLE_MS)
        settle_ask(p, now_ms);
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
        order_free(o);
    }
    free(p->attempts);
    free(p->parts);
}
