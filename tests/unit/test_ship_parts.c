/* Parts of orchestrations on their way: all of a record's leave before it or none, they are kept until it is acknowledged,
 * and again after the control plane went back; and the meter's places add up whatever happens. */
#include "ship_parts.c"

#include "check.h"

enum { WORKERS = 4 }; /* whose rings together have more room than there are places */
static struct uplink u;
static struct {
    unsigned frames;
    size_t n;
    struct usage_part part[64]; /* the first of the last frame */
} sent;

void uplink_send(struct uplink *up, struct buf *frame)
{
    struct view bytes = buf_view(frame), rest, wire;
    struct msg_usage_parts m;
    struct frame f;

    CHECK(up == &u);
    CHECK_INT(frame_take(&bytes, &f), ERR_NONE);
    CHECK_INT(f.type, MSG_USAGE_PARTS);
    CHECK_INT(msg_usage_parts_decode(f.payload, &m), ERR_NONE);
    sent.frames++;
    sent.n = m.count;
    rest = m.parts;
    for (size_t i = 0; i < m.count && view_take(&rest, USAGE_PART_WIRE_BYTES, &wire); i++)
        if (i < 64)
            CHECK_INT(usage_part_decode(wire, &sent.part[i]), ERR_NONE);
}

static void begin(void)
{
    memset(&u, 0, sizeof u);
    memset(&sent, 0, sizeof sent);
    CHECK_INT(meter_new(WORKERS, &u.config.meter), ERR_NONE);
    CHECK_INT(ship_parts_init(&u), ERR_NONE);
}

static void end(void)
{
    ship_parts_free(&u);
    meter_free(u.config.meter);
}

static struct id request_of(uint64_t seq)
{
    struct id id = {{0}};

    memcpy(id.b, &seq, sizeof seq);
    return id;
}

/* A worker tells n parts of the request whose record will have this number. */
static void told(uint64_t seq, size_t n)
{
    struct meter_part p[METER_PARTS_EACH] = {0};

    for (size_t i = 0; i < n; i++)
        p[i] = (struct meter_part){.request = request_of(seq), .part = {.place = (uint8_t)(i % 8), .cost_nusd = (int64_t)seq}};
    CHECK(meter_reserve_parts(u.config.meter, 0));
    meter_parts(u.config.meter, 0, p, n);
}

static void numbered(uint64_t seq)
{
    const struct usage_record r = {.seq = seq, .request = request_of(seq)};

    ship_parts_number(&u, &r);
}

/* How many orchestrations could begin. */
static unsigned free_places(void)
{
    unsigned n[WORKERS] = {0}, all = 0;

    for (unsigned w = 0; w < WORKERS; w++)
        while (meter_reserve_parts(u.config.meter, w))
            n[w]++;
    for (unsigned w = 0; w < WORKERS; w++)
        for (all += n[w]; n[w] > 0; n[w]--)
            meter_unreserve_parts(u.config.meter, w);
    return all;
}

/* Records 1 and 3 are orchestrations, 2 is not; another one's record has not come yet. */
static void with_their_batch(void)
{
    begin();
    told(1, 2);
    told(3, 3);
    told(9, 1);
    ship_parts_take(&u);
    for (uint64_t seq = 1; seq <= 3; seq++)
        numbered(seq);
    CHECK_INT(ship_parts_batch(&u, 2, 2), ERR_NONE);
    CHECK_INT(sent.frames, 0);
    CHECK_INT(ship_parts_batch(&u, 1, 3), ERR_NONE);
    CHECK_INT(sent.n, 5);
    CHECK(sent.part[0].seq == 1 && sent.part[1].seq == 1 && sent.part[2].seq == 3 && sent.part[4].place == 2);
    CHECK_INT(sent.part[4].cost_nusd, 3);
    CHECK_INT(ship_parts_batch(&u, 3, 3), ERR_NONE);
    CHECK_INT(sent.n, 3);
    numbered(9);
    CHECK_INT(ship_parts_batch(&u, 4, 9), ERR_NONE);
    CHECK_INT(sent.n, 1);
    CHECK_INT(u.parts.n_waiting, 0);
    end();
}

/* Acknowledged, forgotten by a restored database, sent and acknowledged again. */
static void kept_for_a_restored_database(void)
{
    unsigned all;

    begin();
    all = free_places();
    for (uint64_t seq = 1; seq <= 4; seq++) {
        told(seq, METER_PARTS_EACH);
        ship_parts_take(&u);
        numbered(seq);
    }
    CHECK_INT(free_places(), all - 4);
    ship_parts_acked(&u, 3);
    ship_parts_acked(&u, 3);
    CHECK_INT(free_places(), all - 1);
    ship_parts_unacked(&u, 1);
    CHECK_INT(free_places(), all - 3);
    CHECK_INT(u.parts_lost, 0);
    CHECK_INT(ship_parts_batch(&u, 2, 4), ERR_NONE);
    CHECK_INT(sent.n, 3 * METER_PARTS_EACH);
    CHECK_INT(sent.part[0].seq, 2);
    ship_parts_acked(&u, 4);
    CHECK_INT(free_places(), all);
    end();
}

/* More than are kept: the oldest record that still has all of its parts is the first that is sent with them. */
static void what_is_gone_is_counted(void)
{
    enum { EACH = 7, RECORDS = (LIMIT_PARTS_KEPT + LIMIT_PARTS_BACKLOG) / EACH + 1000 };
    uint64_t first;

    begin();
    for (uint64_t seq = 1; seq <= RECORDS; seq++) {
        told(seq, EACH);
        ship_parts_take(&u);
        numbered(seq);
        ship_parts_acked(&u, seq);
    }
    CHECK_INT(u.parts.n - u.parts.oldest, LIMIT_PARTS_KEPT);
    first = RECORDS - LIMIT_PARTS_KEPT / EACH + 1;
    ship_parts_unacked(&u, first - 10);
    CHECK_INT(u.parts_lost, 9 * EACH);
    CHECK_INT(ship_parts_batch(&u, first - 9, first + 5), ERR_NONE);
    CHECK_INT(sent.n, 6 * EACH); /* of the record before the first some parts are left: none of them is sent */
    CHECK_INT(sent.part[0].seq, first);
    ship_parts_acked(&u, RECORDS);
    CHECK_INT(free_places(), LIMIT_PARTS_BACKLOG / METER_PARTS_EACH);
    end();
}

static const struct check_case cases[] = {
    {"ship_parts_with_their_batch", with_their_batch},
    {"ship_parts_kept_for_a_restored_database", kept_for_a_restored_database},
    {"ship_parts_what_is_gone_is_counted", what_is_gone_is_counted},
};
CHECK_MAIN(cases)
