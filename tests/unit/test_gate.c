/* The REST listener serves operators and, beside them, anybody. Whatever anybody does, a caller with a
 * known key must not be the one who is told to wait. */
#include "gate.h"

#include "check.h"

#include <string.h>

static uint32_t retry_ms;

static const uint8_t *address(unsigned n)
{
    static uint8_t a[16] = {[10] = 0xff, [11] = 0xff, [12] = 10};

    a[14] = (uint8_t)(n >> 8);
    a[15] = (uint8_t)n;
    return a;
}

static struct digest32 key(unsigned n)
{
    struct digest32 d = {{0}};

    memcpy(d.b, &n, sizeof n);
    d.b[31] = 1;
    return d;
}

static struct gate *new_gate(uint64_t per_s, uint64_t burst, uint64_t ip_per_s, uint64_t ip_burst)
{
    const struct rate_config pages = {per_s, burst, ip_per_s, ip_burst};
    struct gate *g = NULL;

    CHECK_INT(gate_new(&pages, &g), ERR_NONE);
    return g;
}

static void pages(void)
{
    struct gate *g = new_gate(100, 10, 10, 5);

    for (int i = 0; i < 5; i++) {
        CHECK_INT(gate_page(g, address(1), 1000, &retry_ms), ERR_NONE);
        gate_page_over(g);
    }
    CHECK_INT(gate_page(g, address(1), 1000, &retry_ms), ERR_RATE);
    CHECK_INT(retry_ms, 100);
    CHECK_INT(gate_page(g, address(2), 1000, &retry_ms), ERR_NONE); /* its neighbour is not hurt */
    gate_page_over(g);
    CHECK_INT(gate_page(g, address(1), 1100, &retry_ms), ERR_NONE);
    gate_page_over(g);
    gate_free(g);
}

static void at_once(void)
{
    struct gate *g = new_gate(0, 1, 0, 1);

    for (int i = 0; i < GATE_PAGES_MAX; i++)
        CHECK_INT(gate_page(g, address(1), 1, &retry_ms), ERR_NONE);
    CHECK_INT(gate_page(g, address(2), 1, &retry_ms), ERR_RATE);
    CHECK_INT(retry_ms, GATE_BUSY_RETRY_MS);
    gate_page_over(g);
    CHECK_INT(gate_page(g, address(2), 1, &retry_ms), ERR_NONE);
    for (int i = 0; i < GATE_PAGES_MAX; i++)
        gate_page_over(g);
    gate_free(g);
}

/* Unknown keys have a rate; one that is good costs none of it, and is not refused when it is used up. */
static void keys(void)
{
    struct gate *g = new_gate(0, 1, 0, 1);
    struct digest32 good = key(1), k;

    for (unsigned i = 0; i < 3 * GATE_GUESSES_ADDRESS_BURST; i++) {
        k = key(1000 + i * 7);
        CHECK_INT(gate_key(g, address(1), &k, 1, &retry_ms), ERR_NONE);
        gate_key_known(g, address(1), &k);
    }
    CHECK_INT(gate_key(g, address(1), &good, 1, &retry_ms), ERR_NONE);
    gate_key_known(g, address(1), &good);
    gate_key_known(g, address(1), &good); /* twice at once: it comes back once */
    for (unsigned i = 0; i < GATE_GUESSES_ADDRESS_BURST; i++) {
        k = key(100000 + i);
        CHECK_INT(gate_key(g, address(1), &k, 1, &retry_ms), ERR_NONE);
    }
    k = key(5);
    CHECK_INT(gate_key(g, address(1), &k, 1, &retry_ms), ERR_RATE);
    CHECK(retry_ms > 0);
    CHECK_INT(gate_key(g, address(1), &good, 1, &retry_ms), ERR_NONE);
    CHECK_INT(gate_key(g, address(2), &k, 1, &retry_ms), ERR_NONE); /* from elsewhere */
    for (unsigned i = 0; i < 2 * GATE_GUESSES_BURST; i++) { /* from everywhere */
        k = key(200000 + i);
        (void)!gate_key(g, address(i / 100 + 3), &k, 1, &retry_ms);
    }
    CHECK_INT(gate_key(g, address(99), &k, 1, &retry_ms), ERR_RATE);
    CHECK_INT(gate_key(g, address(1), &good, 1, &retry_ms), ERR_NONE);
    gate_free(g);
}

static const struct check_case cases[] = {
    {"gate_pages", pages},
    {"gate_at_once", at_once},
    {"gate_keys", keys},
};

int main(int argc, char **argv)
{
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
