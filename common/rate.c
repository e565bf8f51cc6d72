#include "rate.h"

#include "address.h"
#include "secret.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    RATE_SETS = 1024,  /* a power of two */
    RATE_WAYS = 4,     /* addresses in a set: 4096 in all, 128 KiB */
    RATE_TOKEN = 1000, /* units of one request, so that a millisecond adds a whole number */
};

struct bucket {
    uint64_t units, filled_ms;
};
struct entry {
    uint8_t address[16];
    struct bucket bucket;
};

struct rate {
    struct rate_config config;
    pthread_mutex_t lock;
    uint8_t key[crypto_shorthash_KEYBYTES]; /* nobody can aim at one set */
    struct bucket all;
    struct entry sets[RATE_SETS][RATE_WAYS];
};

/* per_s requests a second are per_s units a millisecond. */
static void bucket_fill(struct bucket *b, uint64_t per_s, uint64_t burst, uint64_t now_ms)
{
    uint64_t full = burst * RATE_TOKEN, gone_ms = now_ms - b->filled_ms;

    if (now_ms <= b->filled_ms) /* or another thread looked at the clock later */
        return;
    b->filled_ms = now_ms;
    if (gone_ms >= full / per_s || b->units + gone_ms * per_s >= full)
        b->units = full;
    else
        b->units += gone_ms * per_s;
}

/* 0: there is a token. */
static uint32_t bucket_wait_ms(const struct bucket *b, uint64_t per_s)
{
    return b->units >= RATE_TOKEN ? 0 : (uint32_t)((RATE_TOKEN - b->units + per_s - 1) / per_s);
}

enum err rate_new(const struct rate_config *c, struct rate **out)
{
    struct rate *r = calloc(1, sizeof *r);

    assert(c->per_s <= RATE_PER_S_MAX && c->burst <= RATE_BURST_MAX);
    assert(c->address_per_s <= RATE_PER_S_MAX && c->address_burst <= RATE_BURST_MAX);
    if (r == NULL)
        return ERR_MEMORY;
    if (pthread_mutex_init(&r->lock, NULL) != 0) {
        free(r);
        return ERR_MEMORY;
    }
    r->config = *c;
    r->all.units = c->burst * RATE_TOKEN;
    secret_random(r->key, sizeof r->key);
    *out = r;
    return ERR_NONE;
}

void rate_free(struct rate *r)
{
    if (r == NULL)
        return;
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* The address's bucket, filled to now. A new address takes the place of the fullest in the set: a bucket
 * that is full again tells nothing. A flood of addresses can push one out early; the limit for all
 * bounds it. */
static struct bucket *address_bucket(struct rate *r, const uint8_t key[static 16], uint64_t now_ms)
{
    uint8_t h[crypto_shorthash_BYTES];
    struct entry *set, *least = NULL;
    uint64_t at;

    crypto_shorthash(h, key, 16, r->key);
    memcpy(&at, h, sizeof at);
    set = r->sets[at % RATE_SETS];
    for (unsigned i = 0; i < RATE_WAYS; i++) {
        bucket_fill(&set[i].bucket, r->config.address_per_s, r->config.address_burst, now_ms);
        if (memcmp(set[i].address, key, 16) == 0)
            return &set[i].bucket;
        if (least == NULL || set[i].bucket.units > least->bucket.units)
            least = &set[i];
    }
    memcpy(least->address, key, 16);
    least->bucket.units = r->config.address_burst * RATE_TOKEN;
    least->bucket.filled_ms = now_ms;
    return &least->bucket;
}

enum err rate_take(struct rate *r, const uint8_t address[static 16], uint64_t now_ms,
                   uint32_t *retry_ms)
{
    struct bucket *own = NULL;
    uint32_t wait_ms = 0;
    uint8_t key[16];

    address_site(address, key);
    pthread_mutex_lock(&r->lock);
    if (r->config.address_per_s != 0) {
        own = address_bucket(r, key, now_ms);
        wait_ms = bucket_wait_ms(own, r->config.address_per_s);
    }
    if (r->config.per_s != 0) {
        bucket_fill(&r->all, r->config.per_s, r->config.burst, now_ms);
        if (bucket_wait_ms(&r->all, r->config.per_s) > wait_ms)
            wait_ms = bucket_wait_ms(&r->all, r->config.per_s);
    }
    if (wait_ms == 0 && own != NULL)
        own->units -= RATE_TOKEN;
    if (wait_ms == 0 && r->config.per_s != 0)
        r->all.units -= RATE_TOKEN;
    pthread_mutex_unlock(&r->lock);
    *retry_ms = wait_ms;
    return wait_ms == 0 ? ERR_NONE : ERR_RATE;
}

uint32_t rate_left(struct rate *r, const uint8_t address[static 16], uint64_t now_ms)
{
    uint64_t left = 0;
    uint8_t key[16];

    address_site(address, key);
    pthread_mutex_lock(&r->lock);
    if (r->config.address_per_s != 0)
        left = address_bucket(r, key, now_ms)->units / RATE_TOKEN;
    pthread_mutex_unlock(&r->lock);
    return (uint32_t)left;
}

static void bucket_give(struct bucket *b, uint64_t burst)
{
    uint64_t full = burst * RATE_TOKEN;

    b->units = b->units + RATE_TOKEN < full ? b->units + RATE_TOKEN : full;
}

void rate_give(struct rate *r, const uint8_t address[static 16])
{
    uint8_t key[16];
    struct bucket *own;

    address_site(address, key);
    pthread_mutex_lock(&r->lock);
    if (r->config.address_per_s != 0) {
        own = address_bucket(r, key, r->all.filled_ms);
        bucket_give(own, r->config.address_burst);
    }
    if (r->config.per_s != 0)
        bucket_give(&r->all, r->config.burst);
    pthread_mutex_unlock(&r->lock);
}
