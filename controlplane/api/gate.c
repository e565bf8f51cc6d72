#include "gate.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct gate {
    struct rate *pages, *guesses;
    unsigned pages_running;
    struct digest32 known[GATE_KNOWN]; /* one place per key, by its digest: the latest stays */
};

enum err gate_new(const struct rate_config *pages, struct gate **out)
{
    static const struct rate_config guesses = {.per_s = GATE_GUESSES_PER_S,
                                               .burst = GATE_GUESSES_BURST,
                                               .address_per_s = GATE_GUESSES_ADDRESS_PER_S,
                                               .address_burst = GATE_GUESSES_ADDRESS_BURST};
    struct gate *g = calloc(1, sizeof *g);
    enum err e;

    if (g == NULL)
        return ERR_MEMORY;
    e = rate_new(pages, &g->pages);
    if (e == ERR_NONE)
        e = rate_new(&guesses, &g->guesses);
    if (e != ERR_NONE) {
        gate_free(g);
        return e;
    }
    *out = g;
    return ERR_NONE;
}

void gate_free(struct gate *g)
{
    if (g == NULL)
        return;
    assert(g->pages_running == 0);
    rate_free(g->pages);
    rate_free(g->guesses);
    free(g);
}

enum err gate_page(struct gate *g, const uint8_t address[static 16], uint64_t now_ms,
                   uint32_t *retry_ms)
{
    enum err e;

    *retry_ms = GATE_BUSY_RETRY_MS;
    if (g->pages_running == GATE_PAGES_MAX)
        return ERR_RATE;
    e = rate_take(g->pages, address, now_ms, retry_ms);
    g->pages_running += e == ERR_NONE;
    return e;
}

void gate_page_over(struct gate *g)
{
    assert(g->pages_running > 0);
    g->pages_running--;
}

/* A digest of a random key is as good as a random number. */
static struct digest32 *gate_place(struct gate *g, const struct digest32 *key)
{
    uint32_t at;

    memcpy(&at, key->b, sizeof at);
    return &g->known[at & (GATE_KNOWN - 1)];
}

enum err gate_key(struct gate *g, const uint8_t address[static 16], const struct digest32 *key,
                  uint64_t now_ms, uint32_t *retry_ms)
{
    if (secret_equal(gate_place(g, key)->b, key->b, sizeof key->b))
        return ERR_NONE;
    return rate_take(g->guesses, address, now_ms, retry_ms);
}

/* Its token comes back: only keys that are not good are limited. */
void gate_key_known(struct gate *g, const uint8_t address[static 16], const struct digest32 *key)
{
    struct digest32 *place = gate_place(g, key);

    if (secret_equal(place->b, key->b, sizeof key->b))
        return;
    *place = *key;
    rate_give(g->guesses, address);
}
