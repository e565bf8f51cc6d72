/* Parts of orchestrations on their way with their records: kept until these are acknowledged, and a while longer, in the
 * order of the records' numbers. All of a record's parts leave, or none, because their costs are its cost. */
#include "log.h"
#include "uplink_own.h"

#include <assert.h>
#include <stdlib.h>

/* The meter lets no more parts exist without acknowledgement than LIMIT_PARTS_BACKLOG, and LIMIT_PARTS_KEPT more when
 * acknowledged ones wait again. */
enum { SHIP_PARTS = LIMIT_PARTS_BACKLOG + LIMIT_PARTS_KEPT };
_Static_assert(LIMIT_USAGE_BATCH * METER_PARTS_EACH <= LIMIT_USAGE_PARTS, "all parts of a batch are one frame");
_Static_assert(LIMIT_USAGE_PARTS * USAGE_PART_WIRE_BYTES + 64 <= LIMIT_FRAME_BYTES, "which has room for them");
_Static_assert((int)METER_PARTS_EACH == USAGE_PART_ROLES * USAGE_PART_PLACES, "one of each role and place");

enum err ship_parts_init(struct uplink *u)
{
    u->parts.waiting = malloc(LIMIT_PARTS_BACKLOG * sizeof *u->parts.waiting);
    u->parts.ring = malloc(SHIP_PARTS * sizeof *u->parts.ring);
    return u->parts.waiting != NULL && u->parts.ring != NULL ? ERR_NONE : ERR_MEMORY; /* ship_parts_free() frees them */
}

void ship_parts_free(struct uplink *u)
{
    free(u->parts.waiting);
    free(u->parts.ring);
}

static struct ship_part *part_at(struct uplink *u, uint64_t i)
{
    return &u->parts.ring[i % SHIP_PARTS];
}

void ship_parts_take(struct uplink *u)
{
    struct meter *m = u->config.meter;
    size_t *n = &u->parts.n_waiting;

    *n += meter_take_parts(m, u->parts.waiting + *n, LIMIT_PARTS_BACKLOG - *n);
}

/* Those of one request lie behind each other, mostly in front. */
void ship_parts_number(struct uplink *u, const struct usage_record *r)
{
    struct meter_part *waiting = u->parts.waiting;
    size_t at = 0, of;

    while (at < u->parts.n_waiting && !id_eq(&waiting[at].request, &r->request))
        at += waiting[at].of;
    if (at >= u->parts.n_waiting)
        return;
    of = waiting[at].of;
    assert(of > 0 && at + of <= u->parts.n_waiting);
    assert(u->parts.n + of - u->parts.acked <= SHIP_PARTS);
    for (size_t i = 0; i < of; i++) {
        struct ship_part *p = part_at(u, u->parts.n++);

        *p = (struct ship_part){waiting[at + i].part, (uint8_t)of};
        p->part.seq = r->seq;
    }
    if (u->parts.n > SHIP_PARTS && u->parts.oldest < u->parts.n - SHIP_PARTS)
        u->parts.oldest = u->parts.n - SHIP_PARTS; /* its place was taken */
    u->parts.n_waiting -= of;
    memmove(waiting + at, waiting + at + of, (u->parts.n_waiting - at) * sizeof *waiting);
}

/* The first from `lo` on of this number or a higher one: they are in order. */
static uint64_t parts_find(struct uplink *u, uint64_t lo, uint64_t seq)
{
    uint64_t hi = u->parts.n;

    while (lo < hi) {
        uint64_t middle = lo + (hi - lo) / 2;

        if (part_at(u, middle)->part.seq < seq)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

static uint64_t parts_from(struct uplink *u, uint64_t seq)
{
    return parts_find(u, u->parts.oldest, seq);
}

/* The oldest that is kept may be in the middle of its record's parts: then those that are left say nothing. */
static uint64_t parts_whole_from(struct uplink *u, uint64_t i)
{
    uint64_t end = i;

    while (end < u->parts.n && part_at(u, end)->part.seq == part_at(u, i)->part.seq)
        end++;
    return end == i || end - i == part_at(u, i)->of ? i : end;
}

/* Those of the records lo to hi, as one frame. */
static enum err parts_frame(struct uplink *u, uint64_t from, uint64_t to, struct buf *out)
{
    struct msg_usage_parts m = {.count = (uint16_t)(to - from)};
    uint8_t wire[USAGE_PART_WIRE_BYTES];
    struct buf rows;
    enum err e = ERR_NONE;

    buf_init(&rows, LIMIT_USAGE_PARTS * USAGE_PART_WIRE_BYTES);
    for (uint64_t i = from; e == ERR_NONE && i < to; i++) {
        usage_part_encode(&part_at(u, i)->part, wire);
        e = buf_append(&rows, view_of(wire, sizeof wire));
    }
    m.parts = buf_view(&rows);
    if (e == ERR_NONE)
        e = msg_usage_parts_encode(&m, out);
    buf_free(&rows);
    return e;
}

enum err ship_parts_batch(struct uplink *u, uint64_t lo, uint64_t hi)
{
    uint64_t from = parts_whole_from(u, parts_from(u, lo)), to = parts_from(u, hi + 1);
    struct buf out;
    enum err e;

    if (from >= to)
        return ERR_NONE;
    assert(to - from <= LIMIT_USAGE_PARTS);
    buf_init(&out, LIMIT_FRAME_BYTES);
    e = parts_frame(u, from, to, &out);
    if (e == ERR_NONE) {
        atomic_fetch_add_explicit(&u->parts_sent, to - from, memory_order_relaxed);
        uplink_send(u, &out);
    }
    buf_free(&out);
    return e;
}

void ship_parts_acked(struct uplink *u, uint64_t seq)
{
    uint64_t to = parts_from(u, seq + 1);

    assert(to >= u->parts.acked);
    meter_parts_acked(u->config.meter, to - u->parts.acked);
    u->parts.acked = to;
    if (to > LIMIT_PARTS_KEPT && u->parts.oldest < to - LIMIT_PARTS_KEPT)
        u->parts.oldest = to - LIMIT_PARTS_KEPT;
}

void ship_parts_unacked(struct uplink *u, uint64_t seq)
{
    uint64_t physical = u->parts.n < SHIP_PARTS ? 0 : u->parts.n - SHIP_PARTS;
    uint64_t from = parts_whole_from(u, parts_from(u, seq + 1)), wanted = parts_find(u, physical, seq + 1);

    if (wanted < from) {
        LOG("usage_parts_lost", KV("parts", from - wanted)); /* or more: what was overwritten is not counted */
        atomic_fetch_add_explicit(&u->parts_lost, from - wanted, memory_order_relaxed);
    }
    meter_parts_unacked(u->config.meter, u->parts.acked - from);
    u->parts.acked = from;
}
