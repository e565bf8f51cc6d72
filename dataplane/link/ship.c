/* Usage on its way into the ledger: numbered when it leaves the meter, kept until the control plane
 * says that it is committed, and for a while longer, because a database that was restored has forgotten
 * what it acknowledged. Over every new connection the control plane says first how far it is
 * (USAGE_FROM), and records go on from there, again where it went back. Numbers have no gaps, and the
 * control plane books each once, so nothing is lost and nothing is booked twice. */
#include "clock.h"
#include "log.h"
#include "uplink_own.h"

#include <assert.h>
#include <stdlib.h>

_Static_assert(LIMIT_USAGE_BATCH *USAGE_WIRE_BYTES + 64 <= LIMIT_FRAME_BYTES, "a batch is a frame");

/* A ring of chunks; together 24 MB of address space, touched as far as records have been made. */
enum { SHIP_CHUNK = SHIP_RING / SHIP_CHUNKS };

/* Failed attempts are kept for as long as there is room: a few hundred KB. */
enum { SHIP_ATTEMPTS = 8192, SHIP_WAITING = 2048 };

enum err ship_init(struct uplink *u)
{
    u->oldest_seq = 1;
    if (ship_parts_init(u) != ERR_NONE)
        return ERR_MEMORY;
    u->waiting = malloc(SHIP_WAITING * sizeof *u->waiting);
    u->attempts = malloc(SHIP_ATTEMPTS * sizeof *u->attempts);
    if (u->waiting == NULL || u->attempts == NULL)
        return ERR_MEMORY; /* ship_free() frees them */
    for (unsigned i = 0; i < SHIP_CHUNKS; i++) {
        u->records[i] = malloc(SHIP_CHUNK * sizeof *u->records[i]);
        if (u->records[i] == NULL)
            return ERR_MEMORY; /* ship_free() frees the others */
    }
    return ERR_NONE;
}

void ship_free(struct uplink *u)
{
    ship_parts_free(u);
    free(u->waiting);
    free(u->attempts);
    for (unsigned i = 0; i < SHIP_CHUNKS; i++)
        free(u->records[i]);
}

static struct usage_record *record_at(struct uplink *u, uint64_t seq)
{
    uint64_t at = seq % SHIP_RING;

    return &u->records[at / SHIP_CHUNK][at % SHIP_CHUNK];
}

bool ship_empty(const struct uplink *u)
{
    return u->acked_seq == u->last_seq;
}

/* For health and metrics: how much waits, and since when. A record is made when its request ends. */
static void ship_figures(struct uplink *u)
{
    const struct usage_record *r = record_at(u, u->acked_seq + 1);

    atomic_store_explicit(&u->backlog, u->last_seq - u->acked_seq, memory_order_relaxed);
    atomic_store_explicit(&u->oldest_unix_ms, ship_empty(u) ? 0 : r->received_ms + r->total_ms,
                          memory_order_relaxed);
}

/* --- failed attempts */

/* More of them than there is room for push out what waits: their records have not come, or never will. */
static void attempts_take(struct uplink *u)
{
    if (u->n_waiting > SHIP_WAITING / 2)
        u->n_waiting = 0;
    u->n_waiting += meter_take_attempts(u->config.meter, u->waiting + u->n_waiting, SHIP_WAITING - u->n_waiting);
}

/* A record has its number: so have its request's attempts. */
static void attempts_number(struct uplink *u, const struct usage_record *r)
{
    size_t left = 0;

    for (size_t i = 0; i < u->n_waiting; i++) {
        if (!id_eq(&u->waiting[i].request, &r->request)) {
            u->waiting[left++] = u->waiting[i];
            continue;
        }
        u->attempts[u->n_attempts % SHIP_ATTEMPTS] = u->waiting[i].attempt;
        u->attempts[u->n_attempts++ % SHIP_ATTEMPTS].seq = r->seq;
    }
    u->n_waiting = left;
}

/* The first in the ring of this number or a higher one: they are in order. */
static uint64_t attempts_from(const struct uplink *u, uint64_t seq)
{
    uint64_t lo = u->n_attempts < SHIP_ATTEMPTS ? 0 : u->n_attempts - SHIP_ATTEMPTS, hi = u->n_attempts;

    while (lo < hi) {
        uint64_t middle = lo + (hi - lo) / 2;

        if (u->attempts[middle % SHIP_ATTEMPTS].seq < seq)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

/* Those of the records lo to hi, before their batch; at most a frame of them. */
static void attempts_ship(struct uplink *u, uint64_t lo, uint64_t hi)
{
    uint8_t wire[LIMIT_USAGE_ATTEMPTS * USAGE_ATTEMPT_WIRE_BYTES];
    struct msg_usage_attempts m = {.count = 0};
    struct buf out;

    for (uint64_t i = attempts_from(u, lo); i < u->n_attempts && m.count < LIMIT_USAGE_ATTEMPTS; i++, m.count++) {
        const struct usage_attempt *a = &u->attempts[i % SHIP_ATTEMPTS];

        if (a->seq > hi)
            break;
        usage_attempt_encode(a, wire + (size_t)m.count * USAGE_ATTEMPT_WIRE_BYTES);
    }
    if (m.count == 0)
        return;
    m.attempts = view_of(wire, (size_t)m.count * USAGE_ATTEMPT_WIRE_BYTES);
    buf_init(&out, LIMIT_FRAME_BYTES);
    if (msg_usage_attempts_encode(&m, &out) == ERR_NONE)
        uplink_send(u, &out);
    buf_free(&out);
}

/* --- records */

/* The meter lets no more records exist without acknowledgement than there are places here. */
static void ship_collect(struct uplink *u)
{
    struct usage_record fresh[LIMIT_USAGE_BATCH];
    size_t n;

    do {
        uint64_t room = SHIP_RING - (u->last_seq - u->acked_seq);

        n = meter_take(u->config.meter, fresh, room < LIMIT_USAGE_BATCH ? room : LIMIT_USAGE_BATCH);
        attempts_take(u);
        ship_parts_take(u);
        for (size_t i = 0; i < n; i++) {
            fresh[i].seq = ++u->last_seq;
            *record_at(u, fresh[i].seq) = fresh[i];
            if (u->n_waiting > 0)
                attempts_number(u, &fresh[i]);
            if (u->parts.n_waiting > 0)
                ship_parts_number(u, &fresh[i]);
        }
        if (u->last_seq >= SHIP_RING && u->oldest_seq <= u->last_seq - SHIP_RING)
            u->oldest_seq = u->last_seq - SHIP_RING + 1; /* its place was taken */
        assert(u->oldest_seq <= u->acked_seq + 1);
    } while (n == LIMIT_USAGE_BATCH);
    ship_figures(u);
}

/* False: out of memory; the next tick tries again. */
static bool ship_batch(struct uplink *u)
{
    uint8_t wire[LIMIT_USAGE_BATCH * USAGE_WIRE_BYTES];
    uint64_t left = u->last_seq - u->sent_seq;
    uint16_t n = left < LIMIT_USAGE_BATCH ? (uint16_t)left : LIMIT_USAGE_BATCH;
    struct msg_usage m = {.count = n, .records = view_of(wire, (size_t)n * USAGE_WIRE_BYTES)};
    struct buf out;
    enum err e;

    for (uint16_t i = 0; i < n; i++)
        usage_encode(record_at(u, u->sent_seq + 1 + i), wire + (size_t)i * USAGE_WIRE_BYTES);
    buf_init(&out, LIMIT_FRAME_BYTES);
    e = msg_usage_encode(&m, &out);
    if (e == ERR_NONE)
        e = ship_parts_batch(u, u->sent_seq + 1, u->sent_seq + n);
    if (e == ERR_NONE) {
        attempts_ship(u, u->sent_seq + 1, u->sent_seq + n);
        u->sent_seq += n;
        u->batches[u->n_batches++].last_seq = u->sent_seq;
        if (u->sent_seq > u->top_seq)
            u->top_seq = u->sent_seq;
        atomic_fetch_add_explicit(&u->records_sent, n, memory_order_relaxed);
        uplink_send(u, &out);
    }
    buf_free(&out);
    return e == ERR_NONE;
}

/* A batch costs the database the same for one record as for a hundred, so one that is not full leaves by
 * the clock only. */
static void ship(struct uplink *u, bool partial)
{
    while (u->state == UPLINK_ACCEPTED && u->told_from && u->n_batches < UPLINK_BATCHES_MAX &&
           (u->last_seq - u->sent_seq >= LIMIT_USAGE_BATCH ||
            (partial && u->sent_seq != u->last_seq)) &&
           ship_batch(u))
        ;
}

/* --- how far everything is settled --- */

bool ship_settle_asked(struct uplink *u, uint64_t token, uint64_t now_ms)
{
    if (u->settle_open)
        return false;
    u->settle_open = true;
    u->settle_noted = false;
    u->settle_token = token;
    u->settle_ms = now_ms + UPLINK_SETTLE_MS;
    return true;
}

/* The answer waits until every running request that spends an ended lease has asked for it to go on
 * (keyring_renewals(), once a second), so that leases in use are renewed before it counts; and until
 * every record that it speaks of is on its way before it. */
static void ship_settle(struct uplink *u, uint64_t now_ms)
{
    struct msg_settled m;
    struct buf out;

    if (!u->settle_open || now_ms < u->settle_ms)
        return;
    if (!u->settle_noted) {
        u->settle_seq = u->last_seq;
        u->settle_noted = true;
    }
    if (u->sent_seq < u->settle_seq)
        return;
    u->settle_open = false;
    m = (struct msg_settled){.token = u->settle_token, .seq = u->settle_seq};
    buf_init(&out, 64);
    if (msg_settled_encode(&m, &out) == ERR_NONE)
        uplink_send(u, &out);
    buf_free(&out);
}

void ship_tick(struct uplink *u, uint64_t now_ms)
{
    bool due = u->stopping || now_ms - u->shipped_ms >= UPLINK_SHIP_MS;

    ship_collect(u);
    if (due)
        u->shipped_ms = now_ms;
    ship(u, due);
    if (u->state == UPLINK_ACCEPTED && u->told_from)
        ship_settle(u, now_ms);
}

/* --- what the control plane says --- */

void ship_accepted(struct uplink *u)
{
    u->told_from = false;
    u->settle_open = false;
    u->n_batches = 0;
}

/* Acknowledged up to seq, which is not below acked_seq. */
static void ship_advance(struct uplink *u, uint64_t seq)
{
    uint64_t n = seq - u->acked_seq;

    u->acked_seq = seq;
    ship_parts_acked(u, seq);
    if (seq >= LIMIT_USAGE_KEPT && u->oldest_seq <= seq - LIMIT_USAGE_KEPT)
        u->oldest_seq = seq - LIMIT_USAGE_KEPT + 1;
    meter_acked(u->config.meter, n);
    atomic_fetch_add_explicit(&u->records_acked, n, memory_order_relaxed);
    ship_figures(u);
}

bool ship_acked(struct uplink *u, uint64_t seq)
{
    unsigned done = 0;

    if (seq > u->top_seq)
        return false;
    if (seq > u->acked_seq) /* an older one says nothing new */
        ship_advance(u, seq);
    if (seq > u->sent_seq)
        u->sent_seq = seq; /* sent once before the control plane went back, and found there */
    while (done < u->n_batches && u->batches[done].last_seq <= seq)
        done++;
    u->n_batches -= done;
    memmove(u->batches, u->batches + done, u->n_batches * sizeof u->batches[0]);
    ship(u, u->stopping);
    return true;
}

static void say_lost(struct uplink *u, uint64_t lo, uint64_t hi)
{
    const struct msg_usage_lost m = {.lo = lo, .hi = hi};
    struct buf out;

    buf_init(&out, 64);
    if (msg_usage_lost_encode(&m, &out) == ERR_NONE)
        uplink_send(u, &out);
    buf_free(&out);
}

/* The control plane has less than it acknowledged. What is still here waits again; what is not is
 * reported as lost. Leases may be forgotten there, too, or counted from less, so every key gets a new one. */
static void ship_go_back(struct uplink *u, uint64_t seq)
{
    uint64_t from = seq + 1 < u->oldest_seq ? u->oldest_seq - 1 : seq;

    LOG("usage_rewound", KV("acked_seq", u->acked_seq), KV("to_seq", seq),
        KV("lost", from - seq));
    meter_unacked(u->config.meter, u->acked_seq - from);
    u->acked_seq = from;
    ship_parts_unacked(u, from);
    ship_figures(u);
    keyring_rewound(u->config.keyring);
    if (from != seq)
        say_lost(u, seq + 1, from);
}

bool ship_from(struct uplink *u, const struct msg_usage_from *m)
{
    if (m->seq > u->top_seq)
        return false;
    if (m->seq >= u->acked_seq)
        ship_advance(u, m->seq);
    else
        ship_go_back(u, m->seq);
    if (m->lapse)
        keyring_lapse(u->config.keyring, clock_mono_ms());
    u->sent_seq = u->acked_seq;
    u->n_batches = 0;
    u->told_from = true;
    ship(u, true);
    return true;
}
