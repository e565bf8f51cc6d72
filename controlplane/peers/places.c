#include "places.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One pass over them per connection that comes: 48 KB that lie together, some microseconds. */
struct place {
    void *holder; /* NULL: free */
    uint64_t since; /* number of the connection: a smaller one is older */
    uint8_t site[ADDRESS_BYTES];
    enum place_stage stage;
    bool known; /* its address was */
};

struct places {
    bool (*has_spoken)(void *holder);
    uint64_t entered; /* connections ever */
    uint8_t known[PLACES_KNOWN_MAX][ADDRESS_BYTES];
    unsigned n_known; /* the latest is the first */
    struct place list[PLACES_MAX];
};

enum err places_new(bool (*has_spoken)(void *holder), struct places **out)
{
    struct places *p = calloc(1, sizeof *p);

    if (p == NULL)
        return ERR_MEMORY;
    p->has_spoken = has_spoken;
    *out = p;
    return ERR_NONE;
}

void places_free(struct places *p)
{
    free(p);
}

static unsigned known_at(const struct places *p, const uint8_t site[static ADDRESS_BYTES])
{
    unsigned i = 0;

    while (i < p->n_known && memcmp(p->known[i], site, ADDRESS_BYTES) != 0)
        i++;
    return i;
}

void places_know(struct places *p, const uint8_t address[static ADDRESS_BYTES])
{
    uint8_t site[ADDRESS_BYTES];
    unsigned at;

    address_site(address, site);
    at = known_at(p, site);
    if (at == PLACES_KNOWN_MAX)
        at--; /* the one that was longest ago is forgotten */
    else if (at == p->n_known)
        p->n_known++;
    memmove(p->known[1], p->known[0], (size_t)at * ADDRESS_BYTES);
    memcpy(p->known[0], site, ADDRESS_BYTES);
}

/* --- who gives way */

/* Those among whom one has to give way. */
struct scope {
    const uint8_t *site; /* only this address's; NULL: any */
    bool strangers;      /* only those whose address is not known */
};

static bool within(const struct scope *s, const struct place *x)
{
    return x->holder != NULL && (s->site == NULL || memcmp(x->site, s->site, ADDRESS_BYTES) == 0) &&
           (!s->strangers || !x->known);
}

static unsigned count(const struct places *p, const struct scope *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < PLACES_MAX; i++)
        n += within(s, &p->list[i]);
    return n;
}

static bool gives_way_before(const struct place *a, const struct place *b)
{
    return a->stage != b->stage ? a->stage < b->stage : a->since < b->since;
}

/* A holder whose bytes are already here is not silent: they just have not been read yet. */
static struct place *choose(struct places *p, const struct scope *s)
{
    struct place *worst;

    do {
        worst = NULL;
        for (unsigned i = 0; i < PLACES_MAX; i++)
            if (within(s, &p->list[i]) && (worst == NULL || gives_way_before(&p->list[i], worst)))
                worst = &p->list[i];
        if (worst == NULL || worst->stage != PLACE_SILENT || !p->has_spoken(worst->holder))
            return worst;
        worst->stage = PLACE_SPEAKING;
    } while (true);
}

/* Whose turn it is when a connection of this address comes; NULL: there is room. */
static struct place *crowded_out(struct places *p, const uint8_t site[static ADDRESS_BYTES],
                                 bool known)
{
    const struct scope same = {site, false}, strangers = {NULL, true}, all = {NULL, false};
    struct place *x;

    if (count(p, &same) >= PLACES_PER_ADDRESS)
        return choose(p, &same);
    if (!known && count(p, &strangers) >= PLACES_MAX - PLACES_RESERVED)
        return choose(p, &strangers);
    if (count(p, &all) < PLACES_MAX)
        return NULL;
    x = choose(p, &strangers);
    return x != NULL ? x : choose(p, &all);
}

unsigned places_enter(struct places *p, const uint8_t address[static ADDRESS_BYTES], void *holder,
                      void **victim)
{
    uint8_t site[ADDRESS_BYTES];
    struct place *out;
    unsigned i = 0;
    bool known;

    assert(holder != NULL);
    address_site(address, site);
    known = known_at(p, site) < p->n_known;
    out = crowded_out(p, site, known);
    *victim = NULL;
    if (out != NULL) {
        *victim = out->holder;
        out->holder = NULL;
    }
    while (i < PLACES_MAX && p->list[i].holder != NULL)
        i++;
    assert(i < PLACES_MAX);
    p->list[i] = (struct place){.holder = holder, .since = p->entered++, .known = known};
    memcpy(p->list[i].site, site, sizeof site);
    return i;
}

void places_advance(struct places *p, unsigned place, enum place_stage stage)
{
    assert(place < PLACES_MAX && p->list[place].holder != NULL);
    assert(stage >= p->list[place].stage);
    p->list[place].stage = stage;
}

void places_leave(struct places *p, unsigned place)
{
    assert(place < PLACES_MAX && p->list[place].holder != NULL);
    p->list[place].holder = NULL;
}
