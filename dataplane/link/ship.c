/* Usage on its way into the ledger: numbered when it leaves the meter, kept until the control plane
 * says that it is committed, and sent again over every new connection until then. Numbers have no
 * gaps, and the control plane books each once, so nothing is lost and nothing is booked twice. */
#include "uplink_own.h"

#include <assert.h>
#include <stdlib.h>

_Static_assert(LIMIT_USAGE_BATCH *USAGE_WIRE_BYTES + 64 <= LIMIT_FRAME_BYTES, "a batch is a frame");

enum err ship_init(struct uplink *u)
{
    /* Address space: only what a backlog has reached is touched. */
    u->records = malloc(LIMIT_USAGE_BACKLOG * sizeof *u->records);
    return u->records != NULL ? ERR_NONE : ERR_MEMORY;
}

void ship_free(struct uplink *u)
{
    free(u->records);
}

static struct usage_record *record_at(struct uplink *u, uint64_t seq)
{
    return &u->records[(seq - u->base_seq) % LIMIT_USAGE_BACKLOG];
}

bool ship_empty(const struct uplink *u)
{
    return u->acked_seq == u->last_seq;
}

/* For whoever watches: how much waits, and since when. A record is made when its request ends. */
static void ship_figures(struct uplink *u)
{
    const struct usage_record *r = record_at(u, u->acked_seq + 1);

    atomic_store_explicit(&u->backlog, u->last_seq - u->acked_seq, memory_order_relaxed);
    atomic_store_explicit(&u->oldest_unix_ms, ship_empty(u) ? 0 : r->received_ms + r->total_ms,
                          memory_order_relaxed);
}

/* The meter lets no more records exist than there are places here. */
static void ship_collect(struct uplink *u)
{
    struct usage_record fresh[LIMIT_USAGE_BATCH];
    size_t n;

    do {
        uint64_t room = LIMIT_USAGE_BACKLOG - (u->last_seq - u->acked_seq);

        if (ship_empty(u))
            u->base_seq = u->last_seq + 1; /* begin at the front: a quiet link reuses one page */
        n = meter_take(u->config.meter, fresh, room < LIMIT_USAGE_BATCH ? room : LIMIT_USAGE_BATCH);
        for (size_t i = 0; i < n; i++) {
            fresh[i].seq = ++u->last_seq;
            *record_at(u, fresh[i].seq) = fresh[i];
        }
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
    if (e == ERR_NONE) {
        u->sent_seq += n;
        u->batches[u->n_batches++].last_seq = u->sent_seq;
        atomic_fetch_add_explicit(&u->records_sent, n, memory_order_relaxed);
        uplink_send(u, &out);
    }
    buf_free(&out);
    return e == ERR_NONE;
}

void ship_tick(struct uplink *u)
{
    ship_collect(u);
    while (u->state == UPLINK_ACCEPTED && u->n_batches < UPLINK_BATCHES_MAX &&
           u->sent_seq != u->last_seq && ship_batch(u))
        ;
}

void ship_accepted(struct uplink *u)
{
    u->sent_seq = u->acked_seq;
    u->n_batches = 0;
}

bool ship_acked(struct uplink *u, uint64_t seq)
{
    unsigned done = 0;

    if (seq > u->sent_seq)
        return false;
    if (seq > u->acked_seq) { /* an older one says nothing new */
        uint64_t n = seq - u->acked_seq;

        u->acked_seq = seq;
        meter_acked(u->config.meter, n);
        atomic_fetch_add_explicit(&u->records_acked, n, memory_order_relaxed);
    }
    while (done < u->n_batches && u->batches[done].last_seq <= seq)
        done++;
    u->n_batches -= done;
    memmove(u->batches, u->batches + done, u->n_batches * sizeof u->batches[0]);
    ship_tick(u);
    return true;
}
