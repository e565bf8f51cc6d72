/* What the link thread does on its ticks with inquiries and releases, by a clock that goes on at each reading, as
 * the clock of a busy machine does: nothing that has just begun is taken for old. */
#define clock_mono_ms test_mono_ms
#define uplink_send test_send
#define inquiry_hand_back test_hand_back
#include "inquiry.c"

#include "check.h"

static uint64_t time_ms = 1000000;
static unsigned sent, handed_back;
static enum err ended; /* how the last one that was handed back ended */

uint64_t test_mono_ms(void)
{
    return time_ms++;
}

void test_send(struct uplink *u, struct buf *frame)
{
    CHECK(u->state == UPLINK_ACCEPTED && frame->len != 0);
    sent++;
}

void test_hand_back(struct inquiry *q)
{
    ended = q->answer.e;
    handed_back++;
    inquiry_free(q);
}

static struct inquiry *claim_of(struct uplink *u, bool was_sent)
{
    const struct msg_claim m = {.request = {{1}}, .account = {{2}}, .lease = {{3}}, .key = {{4}}};
    struct inquiry *q = calloc(1, sizeof *q);

    CHECK(q != NULL);
    q->kind = INQUIRY_CLAIM;
    q->request = m.request;
    q->asked_ms = clock_mono_ms();
    q->sent = q->told = was_sent;
    buf_init(&q->frame, 256);
    buf_init(&q->answer.body, 1);
    CHECK_INT(msg_claim_encode(&m, &q->frame), ERR_NONE);
    inquiry_append(&u->inquiries, q);
    return q;
}

static void begin(struct uplink *u, enum uplink_state state)
{
    *u = (struct uplink){.state = state};
    sent = handed_back = 0;
}

static void claimed_none(struct uplink *u)
{
    const struct msg_claimed m = {.request = {{1}}, .status = CLAIM_NONE};
    struct buf frame;

    buf_init(&frame, 128);
    CHECK_INT(msg_claimed_encode(&m, &frame), ERR_NONE);
    CHECK(inquiries_claimed(u, view_from(buf_view(&frame), FRAME_HEADER_BYTES)));
    buf_free(&frame);
}

/* On the tick that gives a claim up its RELEASE is sent, once, and again only after RELEASE_AGAIN_MS. */
static void a_release_is_sent_once(void)
{
    struct uplink u;

    begin(&u, UPLINK_ACCEPTED);
    atomic_store(&claim_of(&u, true)->cancelled, true);
    inquiries_tick(&u);
    CHECK_INT(handed_back, 1);
    CHECK_INT(sent, 1);
    time_ms += RELEASE_AGAIN_MS / 2;
    inquiries_tick(&u);
    CHECK_INT(sent, 1);
    time_ms += RELEASE_AGAIN_MS;
    inquiries_tick(&u);
    CHECK_INT(sent, 2);
    claimed_none(&u);
    time_ms += 2 * RELEASE_AGAIN_MS;
    inquiries_tick(&u);
    CHECK_INT(sent, 2);
    CHECK(u.releases == NULL && u.n_releases == 0);
}

/* The link is lost in the middle of a tick, after a worker has asked: the claim waits for a new connection. */
static void a_link_just_lost_is_waited_for(void)
{
    struct uplink u;

    begin(&u, UPLINK_DOWN);
    claim_of(&u, false);
    u.lost_ms = time_ms;
    inquiries_tick(&u);
    CHECK_INT(handed_back, 0);
    time_ms += UPLINK_GRACE_MS;
    inquiries_tick(&u);
    CHECK_INT(handed_back, 1);
    CHECK_INT(ended, ERR_CONTROL_PLANE);
    CHECK_INT(sent, 0); /* nobody was told of it: there is nothing to release */
    CHECK(u.releases == NULL);
}

static const struct check_case cases[] = {
    {"inquiry_a_release_is_sent_once", a_release_is_sent_once},
    {"inquiry_a_link_just_lost_is_waited_for", a_link_just_lost_is_waited_for},
};

int main(int argc, char **argv)
{
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
