/* A limit that never refuses protects nothing, and one that refuses the wrong person is an attack
 * by itself: both sides of each edge, to the millisecond. */
#include "rate.c"

#include "check.h"

static uint8_t address[16];

static const uint8_t *v4(unsigned host)
{
    memset(address, 0, sizeof address);
    address[10] = address[11] = 0xff;
    address[12] = 10;
    address[13] = (uint8_t)(host >> 16);
    address[14] = (uint8_t)(host >> 8);
    address[15] = (uint8_t)host;
    return address;
}

static const uint8_t *v6(uint8_t network, uint8_t host)
{
    memset(address, 0, sizeof address);
    address[0] = 0x20;
    address[7] = network;
    address[15] = host;
    return address;
}

static struct rate *made(uint64_t per_s, uint64_t burst, uint64_t address_per_s,
                         uint64_t address_burst)
{
    struct rate_config c = {per_s, burst, address_per_s, address_burst};
    struct rate *r = NULL;

    CHECK_INT(rate_new(&c, &r), ERR_NONE);
    return r;
}

static unsigned granted(struct rate *r, const uint8_t *who, uint64_t now_ms, unsigned tries)
{
    unsigned n = 0;
    uint32_t retry_ms;

    for (unsigned i = 0; i < tries; i++)
        n += rate_take(r, who, now_ms, &retry_ms) == ERR_NONE;
    return n;
}

static void burst_then_rate(void)
{
    struct rate *r = made(0, 0, 4, 3);
    uint64_t t = 1000000;
    uint32_t retry_ms;

    CHECK_INT(granted(r, v4(1), t, 10), 3);
    CHECK_INT(rate_take(r, v4(1), t, &retry_ms), ERR_RATE);
    CHECK_INT(retry_ms, 250);
    CHECK_INT(rate_take(r, v4(1), t + 249, &retry_ms), ERR_RATE);
    CHECK_INT(retry_ms, 1);
    CHECK_INT(rate_take(r, v4(1), t + 250, &retry_ms), ERR_NONE); /* refusals cost nothing */
    CHECK_INT(retry_ms, 0);
    CHECK_INT(granted(r, v4(1), t + 250, 5), 0);
    CHECK_INT(granted(r, v4(1), t + 250 + 1000, 10), 3); /* never more than the burst */
    CHECK_INT(granted(r, v4(1), t, 1), 0); /* a clock that another thread read before */
    CHECK_INT(granted(r, v4(1), UINT64_MAX, 10), 3);
    rate_free(r);
}

/* A burst that the rate fills in less than a millisecond is a limit all the same. */
static void rate_above_burst(void)
{
    struct rate *r = made(0, 0, 5000, 2);

    CHECK_INT(granted(r, v4(1), 5000, 10), 2);
    CHECK_INT(granted(r, v4(1), 5001, 10), 2);
    rate_free(r);
}

static void each_address_its_own(void)
{
    struct rate *r = made(0, 0, 1, 2);

    CHECK_INT(granted(r, v4(1), 5000, 9), 2);
    CHECK_INT(granted(r, v4(2), 5000, 9), 2);
    CHECK_INT(granted(r, v6(1, 1), 5000, 9), 2);
    CHECK_INT(granted(r, v6(1, 2), 5000, 9), 0); /* the same /64: the same customer */
    CHECK_INT(granted(r, v6(2, 1), 5000, 9), 2);
    rate_free(r);
}

static void all_together(void)
{
    struct rate *r = made(10, 5, 4, 3);
    unsigned n = 0;
    uint32_t retry_ms;

    for (unsigned host = 0; host < 100; host++)
        n += granted(r, v4(host), 5000, 9);
    CHECK_INT(n, 5);
    CHECK_INT(rate_take(r, v4(1000), 5000, &retry_ms), ERR_RATE);
    CHECK_INT(retry_ms, 100);
    /* What the limit for all refused was not taken from the address's own. */
    CHECK_INT(granted(r, v4(1000), 5400, 9), 3);
    rate_free(r);
}

static void off(void)
{
    struct rate *r = made(0, 0, 0, 0);

    CHECK_INT(granted(r, v4(1), 0, 100000), 100000);
    rate_free(r);
}

/* More addresses than places: everybody is still bounded by the limit for all, and who stays in
 * his place is not let off. */
static void more_addresses_than_places(void)
{
    struct rate *r = made(1000, 1000, 1, 1);
    unsigned n = 0;

    CHECK_INT(granted(r, v4(7), 5000, 9), 1);
    for (unsigned host = 0; host < 100000; host++)
        n += granted(r, v4(host), 5000, 1);
    CHECK_INT(n, 999);
    rate_free(r);
}

static const struct check_case cases[] = {
    {"rate_burst_then_rate", burst_then_rate},
    {"rate_above_burst", rate_above_burst},
    {"rate_each_address_its_own", each_address_its_own},
    {"rate_all_together", all_together},
    {"rate_off", off},
    {"rate_more_addresses_than_places", more_addresses_than_places},
};
CHECK_MAIN(cases)
