#include "catalog_store.h"

#include "catalog_names.h"
#include "secret.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { LISTING_TAG_BYTES = 16 }; /* of a SHA-256 */

/* Readers: a worker announces the pointer it is about to reference in its own slot, checks that it
 * is still current, takes the reference and clears the slot. The publisher drops its own reference
 * on an old snapshot only when no slot announces it, so nobody can reference freed memory. */
struct snapshot {
    _Atomic uint64_t refs; /* 1 is the store's own */
    struct catalog catalog;
    struct route_model *models;
    struct route_endpoint *endpoints;
    uint32_t *buckets; /* model index + 1; 0 empty; n_buckets is a power of two */
    size_t n_buckets;
    struct catalog_names *names;
    struct catalog_listing listing;
    size_t n_endpoints; /* usable ones */
    char listing_tag[2 + 2 * LISTING_TAG_BYTES + 1];
    struct snapshot *next_retired; /* publisher only */
};

struct catalog_store {
    const struct providers *providers;
    struct health *health;
    catalog_list *list; /* NULL: nobody lists */
    _Atomic(struct snapshot *) current;
    _Atomic uint64_t refused;
    _Atomic uint32_t version;
    struct snapshot *retired; /* publisher only */
    unsigned workers;
    struct {
        _Alignas(64) _Atomic(struct snapshot *) reading; /* a cache line each */
    } slots[];
};

enum err catalog_store_new(const struct providers *providers, struct health *health,
                           unsigned workers, struct catalog_store **out)
{
    size_t size = sizeof(struct catalog_store) + workers * sizeof(((struct catalog_store *)0)->slots[0]);
    struct catalog_store *s = aligned_alloc(64, (size + 63) & ~(size_t)63);

    if (s == NULL)
        return ERR_MEMORY;
    memset(s, 0, (size + 63) & ~(size_t)63);
    s->providers = providers;
    s->health = health;
    s->workers = workers;
    *out = s;
    return ERR_NONE;
}

void catalog_store_list(struct catalog_store *s, catalog_list *list)
{
    assert(atomic_load(&s->current) == NULL);
    s->list = list;
}

static void listing_empty(struct catalog_listing *l)
{
    buf_free(&l->bytes);
    free(l->model);
    free(l->endpoint);
    free(l->alias);
    l->alias = NULL;
    l->model = NULL;
    l->endpoint = NULL;
    l->list = (struct catalog_slice){0};
}

static void snapshot_destroy(struct snapshot *s)
{
    if (s == NULL)
        return;
    catalog_free(&s->catalog);
    free(s->models);
    free(s->endpoints);
    free(s->buckets);
    catalog_names_free(s->names);
    listing_empty(&s->listing);
    free(s);
}

void snapshot_release(struct snapshot *s)
{
    if (s == NULL)
        return;
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        snapshot_destroy(s);
}

void catalog_store_free(struct catalog_store *s)
{
    struct snapshot *next;

    if (s == NULL)
        return;
    for (struct snapshot *r = s->retired; r != NULL; r = next) {
        next = r->next_retired;
        snapshot_release(r);
    }
    snapshot_release(atomic_load(&s->current));
    free(s);
}

/* FNV-1a. The keys inserted are the operator's, so nobody outside can build collisions. */
static uint32_t id_hash(struct view id)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < id.len; i++)
        h = (h ^ id.ptr[i]) * 16777619u;
    return h;
}

static bool model_is(const struct catalog_model *m, struct view id)
{
    return view_eq(view_str(m->id), id);
}

static bool endpoint_usable(const struct catalog_store *store, const struct catalog_endpoint *e)
{
    return e->provider_no < store->providers->n && price_ok(&e->price);
}

/* Group the usable endpoints by model, catalog order kept inside each. Returns how many were
 * left out. */
static uint64_t snapshot_link_endpoints(const struct catalog_store *store, struct snapshot *s)
{
    size_t filled = 0;

    for (size_t m = 0; m < s->catalog.n_models; m++) {
        struct route_model *model = &s->models[m];

        model->info = &s->catalog.models[m];
        model->name = model_rule_of(view_str(model->info->id));
        model->author = model_rule_of_author(view_str(model->info->id));
        model->endpoints = &s->endpoints[filled];
        for (size_t i = 0; i < s->catalog.n_endpoints; i++) {
            const struct catalog_endpoint *e = &s->catalog.endpoints[i];

            if (e->model_no != model->info->no || !endpoint_usable(store, e))
                continue;
            s->endpoints[filled++] = (struct route_endpoint){
                .info = e,
                .provider = &store->providers->list[e->provider_no],
                .health_slot = health_slot(store->health, e->no),
            };
            model->n_endpoints++;
        }
    }
    s->n_endpoints = filled;
    return s->catalog.n_endpoints - filled;
}

static enum err snapshot_build(const struct catalog_store *store, struct catalog *c,
                               struct snapshot **out, uint64_t *refused)
{
    struct snapshot *s = calloc(1, sizeof *s);

    if (s == NULL) {
        catalog_free(c);
        return ERR_MEMORY;
    }
    s->catalog = *c;
    *c = (struct catalog){0};
    c = &s->catalog;
    atomic_init(&s->refs, 1);
    for (s->n_buckets = 16; s->n_buckets < 2 * c->n_models; s->n_buckets *= 2)
        ;
    s->models = calloc(c->n_models + 1, sizeof *s->models);
    s->endpoints = calloc(c->n_endpoints + 1, sizeof *s->endpoints);
    s->buckets = calloc(s->n_buckets, sizeof *s->buckets);
    if (s->models == NULL || s->endpoints == NULL || s->buckets == NULL ||
        catalog_names_new(c, &s->names) != ERR_NONE) {
        snapshot_destroy(s);
        return ERR_MEMORY;
    }
    *refused = snapshot_link_endpoints(store, s);
    for (size_t i = 0; i < c->n_models; i++) {
        size_t b = id_hash(view_str(c->models[i].id)) & (s->n_buckets - 1);

        while (s->buckets[b] != 0)
            b = (b + 1) & (s->n_buckets - 1);
        s->buckets[b] = (uint32_t)i + 1;
    }
    *out = s;
    return ERR_NONE;
}

static struct view listing_view(const struct catalog_listing *l, struct catalog_slice part)
{
    assert(part.at <= l->bytes.len && part.len <= l->bytes.len - part.at);
    return part.len == 0 ? VIEW_EMPTY : view_of(l->bytes.ptr + part.at, part.len);
}

static void snapshot_list(const struct catalog_store *store, struct snapshot *s)
{
    struct catalog_listing *l = &s->listing;
    struct digest32 digest;
    char hex[2 * sizeof digest.b + 1];

    buf_init(&l->bytes, CATALOG_LISTING_MAX);
    if (store->list == NULL)
        return;
    l->model = calloc(s->catalog.n_models + 1, sizeof *l->model);
    l->endpoint = calloc(s->n_endpoints + 1, sizeof *l->endpoint);
    l->alias = calloc(s->catalog.n_aliases + 1, sizeof *l->alias);
    if (l->model == NULL || l->endpoint == NULL || l->alias == NULL || store->list(s, l) != ERR_NONE)
        listing_empty(l);
    digest_sha256(snapshot_listing(s), &digest);
    hex_encode(digest.b, sizeof digest.b, hex);
    snprintf(s->listing_tag, sizeof s->listing_tag, "\"%.*s\"", 2 * LISTING_TAG_BYTES, hex);
}

static bool store_reading(const struct catalog_store *store, const struct snapshot *s)
{
    for (unsigned i = 0; i < store->workers; i++)
        if (atomic_load(&store->slots[i].reading) == s)
            return true;
    return false;
}

enum err catalog_store_publish(struct catalog_store *store, struct catalog *c)
{
    struct snapshot *fresh, *old, **link;
    uint64_t refused = 0;
    enum err e;

    e = snapshot_build(store, c, &fresh, &refused);
    if (e != ERR_NONE)
        return e;
    snapshot_list(store, fresh);
    atomic_fetch_add(&store->refused, refused);
    atomic_store(&store->version, fresh->catalog.version);
    old = atomic_exchange(&store->current, fresh);
    if (old != NULL) {
        old->next_retired = store->retired;
        store->retired = old;
    }
    /* At most one snapshot per worker can be announced, so this list stays short. */
    for (link = &store->retired; *link != NULL;) {
        struct snapshot *r = *link;

        if (store_reading(store, r)) {
            link = &r->next_retired;
            continue;
        }
        *link = r->next_retired;
        snapshot_release(r);
    }
    return ERR_NONE;
}

uint64_t catalog_store_refused(const struct catalog_store *s)
{
    return atomic_load(&s->refused);
}

uint32_t catalog_store_version(const struct catalog_store *s)
{
    return atomic_load(&s->version);
}

struct snapshot *catalog_acquire(struct catalog_store *store, unsigned worker)
{
    struct snapshot *s;

    assert(worker < store->workers);
    do {
        s = atomic_load(&store->current);
        if (s == NULL)
            return NULL;
        atomic_store(&store->slots[worker].reading, s);
    } while (s != atomic_load(&store->current));
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    atomic_store_explicit(&store->slots[worker].reading, NULL, memory_order_release);
    return s;
}

const struct catalog *snapshot_catalog(const struct snapshot *s)
{
    return &s->catalog;
}

size_t snapshot_models(const struct snapshot *s)
{
    return s->catalog.n_models;
}

const struct route_model *snapshot_model(const struct snapshot *s, size_t i)
{
    assert(i < s->catalog.n_models);
    return &s->models[i];
}

struct view snapshot_listing(const struct snapshot *s)
{
    return listing_view(&s->listing, s->listing.list);
}

struct view snapshot_model_text(const struct snapshot *s, const struct route_model *m)
{
    size_t i = (size_t)(m - s->models);

    assert(i < s->catalog.n_models);
    return s->listing.model == NULL ? VIEW_EMPTY : listing_view(&s->listing, s->listing.model[i]);
}

size_t snapshot_endpoint_index(const struct snapshot *s, const struct route_endpoint *e)
{
    size_t i = (size_t)(e - s->endpoints);

    assert(i < s->n_endpoints);
    return i;
}

struct view snapshot_endpoint_text(const struct snapshot *s, const struct route_endpoint *e)
{
    size_t i = snapshot_endpoint_index(s, e);

    return s->listing.endpoint == NULL ? VIEW_EMPTY
                                       : listing_view(&s->listing, s->listing.endpoint[i]);
}

struct view snapshot_alias_text(const struct snapshot *s, size_t i, const struct route_model **target)
{
    assert(i < s->catalog.n_aliases);
    *target = s->listing.alias == NULL ? NULL : s->listing.alias[i].target;
    return *target == NULL ? VIEW_EMPTY : listing_view(&s->listing, s->listing.alias[i].text);
}

struct view snapshot_listing_tag(const struct snapshot *s)
{
    return view_str(s->listing_tag);
}

const struct route_model *snapshot_find(const struct snapshot *s, struct view id)
{
    size_t b = id_hash(id) & (s->n_buckets - 1);

    for (; s->buckets[b] != 0; b = (b + 1) & (s->n_buckets - 1))
        if (model_is(&s->catalog.models[s->buckets[b] - 1], id))
            return &s->models[s->buckets[b] - 1];
    return NULL;
}

const struct route_model *snapshot_number(const struct snapshot *s, uint32_t no)
{
    int i = catalog_names_number(s->names, no);

    return i >= 0 ? &s->models[i] : NULL;
}

const struct route_model *snapshot_slug(const struct snapshot *s, struct view slug, bool *ambiguous)
{
    int i = catalog_names_slug(s->names, slug, false);

    if (i == NAMES_NONE)
        i = catalog_names_slug(s->names, slug, true);
    *ambiguous = i == NAMES_AMBIGUOUS;
    return i >= 0 ? &s->models[i] : NULL;
}

const struct catalog_alias *snapshot_alias(const struct snapshot *s, struct view id)
{
    int i = catalog_names_alias(s->names, id);

    return i >= 0 ? &s->catalog.aliases[i] : NULL;
}

const struct catalog_synth *snapshot_synth(const struct snapshot *s, const struct route_model *m)
{
    if (m->info->kind != KIND_SYNTH)
        return NULL;
    for (size_t i = 0; i < s->catalog.n_synths; i++)
        if (s->catalog.synths[i].model_no == m->info->no)
            return &s->catalog.synths[i];
    return NULL;
}

const struct catalog_synth *snapshot_preset(const struct snapshot *s, enum synth_preset preset, bool code)
{
    assert(preset > SYNTH_PRESET_NONE && preset < SYNTH_PRESET_COUNT);
    for (size_t i = 0; i < s->catalog.n_synths; i++)
        if (s->catalog.synths[i].preset == preset && s->catalog.synths[i].code == code)
            return &s->catalog.synths[i];
    return NULL;
}

bool snapshot_names_synth(const struct snapshot *s, struct view id)
{
    const struct catalog_alias *a = snapshot_alias(s, id);
    const struct route_model *m = a == NULL ? snapshot_find(s, id) : NULL;

    for (size_t i = 0; a != NULL && i < a->n_models && (m == NULL || m->info->kind != KIND_SYNTH); i++)
        m = snapshot_number(s, a->model[i]);
    return m != NULL && m->info->kind == KIND_SYNTH;
}
