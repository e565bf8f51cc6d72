/* However often a data plane says how it is, the database hears of it once a second, and of the latest. */
#include "../../controlplane/peers/steer.c"

#include "check.h"

static unsigned written;
static uint32_t version;

static void on_said(void *cookie, const struct id *boot, const struct msg_state *m)
{
    (void)cookie;
    (void)boot;
    written++;
    version = (uint32_t)m->catalog_version;
}

static void say(struct peer *p, uint32_t catalog_version)
{
    struct msg_state m = {.catalog_version = catalog_version, .region = VIEW_LIT("eu")};
    struct buf out;

    buf_init(&out, LIMIT_FRAME_BYTES);
    CHECK_INT(msg_state_encode(&m, &out), ERR_NONE);
    CHECK(steer_said(p, view_from(buf_view(&out), FRAME_HEADER_BYTES)));
    buf_free(&out);
}

static void once_a_second(void)
{
    struct peers_fleet fleet = {.said = on_said};
    struct peers owner = {.config.fleet = &fleet};
    struct peer p = {.owner = &owner, .tells = true};
    uint64_t first_ms;

    buf_init(&p.said, LIMIT_FRAME_BYTES);
    say(&p, 1);
    CHECK(written == 1 && version == 1); /* at once */
    first_ms = p.said_ms;
    for (uint32_t i = 2; i <= 5000; i++)
        say(&p, i);
    CHECK_INT(written, 1 + (p.said_ms != first_ms)); /* on a machine that stands still, a second passes */
    steer_tick(&p, p.said_ms + SAID_MS - 1);
    CHECK_INT(written, 1 + (p.said_ms != first_ms));
    steer_tick(&p, p.said_ms + SAID_MS);
    CHECK(version == 5000);
    CHECK_INT(p.said.len, 0);
    written = 0;
    steer_tick(&p, p.said_ms + 2 * SAID_MS);
    CHECK_INT(written, 0);
    p.said_ms = clock_mono_ms();
    /* What it said last is not lost with its connection: that it is ending, above all. */
    say(&p, 5001);
    steer_write(&p, p.said_ms);
    CHECK(written == 1 && version == 5001);
    buf_free(&p.said);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {{"steer_once_a_second", once_a_second}};

    return check_main(cases, 1, argc, argv);
}
