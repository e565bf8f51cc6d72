/* A hash table with open addressing; digests are their own hashes. */
#include "known.h"

#include <assert.h>
#include <stdlib.h>

/* One key: under which version of its rules, as of which epoch. */
struct known_key {
    struct digest32 digest;
    uint64_t version;
    uint32_t epoch;
    bool used;
};

enum { KNOWN_MIN = 64 };

void known_free(struct known *k)
{
    free(k->table);
    *k = (struct known){0};
}

/* Digests are SHA-256 of keys that the database has: their first bytes are as good as a hash. */
static size_t known_home(const struct known *k, const struct digest32 *d)
{
    uint64_t w;

    memcpy(&w, d->b, sizeof w);
    return (size_t)w & (k->cap - 1);
}

/* Where it is, or the free place where it belongs. The table is never full. */
static struct known_key *known_place(const struct known *k, const struct digest32 *d)
{
    size_t at = known_home(k, d);

    while (k->table[at].used && memcmp(k->table[at].digest.b, d->b, sizeof d->b) != 0)
        at = (at + 1) & (k->cap - 1);
    return &k->table[at];
}

static struct known_key *known_find(const struct known *k, const struct digest32 *d)
{
    struct known_key *e = k->cap == 0 ? NULL : known_place(k, d);

    return e != NULL && e->used ? e : NULL;
}

static bool known_grow(struct known *k)
{
    struct known grown = {.cap = k->cap == 0 ? KNOWN_MIN : 2 * k->cap,
                          .epoch = k->epoch,
                          .stale = k->stale};

    grown.table = calloc(grown.cap, sizeof *grown.table);
    if (grown.table == NULL)
        return false;
    for (size_t i = 0; i < k->cap; i++)
        if (k->table[i].used)
            *known_place(&grown, &k->table[i].digest) = k->table[i];
    grown.n = k->n;
    free(k->table);
    *k = grown;
    return true;
}

void known_put(struct known *k, const struct digest32 *digest, uint64_t version, uint32_t epoch)
{
    struct known_key *e = known_find(k, digest);

    if (e == NULL) {
        if (k->n >= LIMIT_KEYS || (2 * (k->n + 1) > k->cap && !known_grow(k)))
            return;
        e = known_place(k, digest);
        *e = (struct known_key){.digest = *digest, .used = true};
        k->n++;
    } else if (version < e->version) {
        return;
    }
    e->version = version;
    e->epoch = epoch;
    k->stale |= epoch != k->epoch;
}

void known_heard(struct known *k, const struct digest32 *digest, uint64_t version)
{
    struct known_key *e = known_find(k, digest);

    if (e != NULL && version > e->version)
        e->version = version;
}

/* The place becomes free, and what stands behind it moves up where it would not be found any more. */
void known_forget(struct known *k, const struct digest32 *digest)
{
    struct known_key *e = known_find(k, digest);
    size_t hole, at;

    if (e == NULL)
        return;
    hole = at = (size_t)(e - k->table);
    for (;;) {
        size_t home;

        at = (at + 1) & (k->cap - 1);
        if (!k->table[at].used)
            break;
        home = known_home(k, &k->table[at].digest);
        if (((at - home) & (k->cap - 1)) >= ((at - hole) & (k->cap - 1))) {
            k->table[hole] = k->table[at];
            hole = at;
        }
    }
    k->table[hole].used = false;
    k->n--;
}

void known_resync(struct known *k)
{
    k->epoch++;
    k->stale = true;
}

size_t known_stale(struct known *k, struct ledger_key *out, size_t max)
{
    size_t n = 0;

    if (!k->stale)
        return 0;
    for (size_t i = 0; i < k->cap && n < max; i++) {
        const struct known_key *e = &k->table[k->cursor++ & (k->cap - 1)];

        if (e->used && e->epoch != k->epoch)
            out[n++] = (struct ledger_key){e->digest, e->version};
    }
    k->stale = n != 0;
    return n;
}

void known_checked(struct known *k, const struct ledger_key *keys, size_t n, uint32_t epoch)
{
    for (size_t i = 0; i < n; i++) {
        struct known_key *e = known_find(k, &keys[i].digest);

        if (e != NULL)
            e->epoch = epoch;
    }
}
