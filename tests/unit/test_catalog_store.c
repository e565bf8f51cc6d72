/* The catalog store hands out snapshots while the link replaces them, and it is where a control
 * plane that names an unmeasured provider is stopped. */
#include "catalog_store.c"

#include "check.h"

#include <pthread.h>
#include <stdio.h>

static struct providers providers = {
    .n = 2,
    .list = {{.no = 0, .id = "demo-a"}, {.no = 1, .id = "demo-b"}},
};

static struct catalog make(uint32_t version, size_t models, size_t endpoints_each)
{
    struct catalog c = {.version = version, .n_models = models,
                        .n_endpoints = models * endpoints_each};

    c.models = calloc(models + 1, sizeof *c.models);
    c.endpoints = calloc(c.n_endpoints + 1, sizeof *c.endpoints);
    for (size_t m = 0; m < models; m++) {
        c.models[m].no = (uint32_t)m + 10;
        snprintf(c.models[m].id, sizeof c.models[m].id, "author/model-%zu", m);
        for (size_t e = 0; e < endpoints_each; e++)
            c.endpoints[m * endpoints_each + e] = (struct catalog_endpoint){
                .no = (uint32_t)(m * endpoints_each + e + 1),
                .model_no = (uint32_t)m + 10,
                .provider_no = (uint16_t)(e % 2),
                .weight = 1,
                .price.prompt_pusd = (int64_t)version,
            };
    }
    return c;
}

static struct catalog_store *store_of(struct health **h)
{
    struct catalog_store *s = NULL;

    CHECK_INT(health_new(h), ERR_NONE);
    CHECK_INT(catalog_store_new(&providers, *h, 2, &s), ERR_NONE);
    return s;
}

static void test_find(void)
{
    struct health *h;
    struct catalog_store *s = store_of(&h);
    struct catalog c = make(1, 300, 2);
    struct snapshot *snap;
    char id[64];

    CHECK(catalog_acquire(s, 0) == NULL);
    CHECK_INT(catalog_store_version(s), 0);
    CHECK_INT(catalog_store_publish(s, &c), ERR_NONE);
    CHECK(c.models == NULL); /* taken */
    snap = catalog_acquire(s, 0);
    for (size_t i = 0; i < 300; i++) {
        const struct route_model *m;

        snprintf(id, sizeof id, "author/model-%zu", i);
        m = snapshot_find(snap, view_str(id));
        CHECK(m != NULL && m->info->no == i + 10 && m->n_endpoints == 2);
        CHECK(m != NULL && m->endpoints[1].provider == &providers.list[1]);
    }
    CHECK(snapshot_find(snap, VIEW_LIT("author/model-300")) == NULL);
    CHECK(snapshot_find(snap, VIEW_LIT("author/model-")) == NULL);
    CHECK(snapshot_find(snap, VIEW_LIT("")) == NULL);
    CHECK_INT(catalog_store_refused(s), 0);
    snapshot_release(snap);
    catalog_store_free(s);
    health_free(h);
}

static void test_unknown_provider_is_refused(void)
{
    struct health *h;
    struct catalog_store *s = store_of(&h);
    struct catalog c = make(1, 1, 4);
    struct snapshot *snap;

    c.endpoints[0].provider_no = 2;         /* one past the measured list */
    c.endpoints[1].model_no = 999;          /* a model nobody described */
    c.endpoints[2].price.completion_pusd = -1; /* would pay the customer */
    CHECK_INT(catalog_store_publish(s, &c), ERR_NONE);
    CHECK_INT(catalog_store_refused(s), 3);
    snap = catalog_acquire(s, 1);
    CHECK_INT(snapshot_model(snap, 0)->n_endpoints, 1);
    CHECK_INT(snapshot_model(snap, 0)->endpoints[0].info->no, 4);
    snapshot_release(snap);
    catalog_store_free(s);
    health_free(h);
}

/* Orchestrations are models without endpoints, found by id, number and preset; what they are made of is beside them. */
static void test_synths(void)
{
    struct health *h;
    struct catalog_store *s = store_of(&h);
    struct catalog c = make(1, 3, 0);
    const struct route_model *m;
    struct snapshot *snap;

    c.models[1].kind = c.models[2].kind = KIND_SYNTH;
    c.n_synths = 2;
    c.synths = calloc(2, sizeof *c.synths);
    c.synths[0] = (struct catalog_synth){.model_no = 12, .preset = SYNTH_PRESET_QUALITY, .code = true, .n_panel = 2};
    c.synths[1] = (struct catalog_synth){.model_no = 11, .preset = SYNTH_PRESET_QUALITY, .n_panel = 1};
    c.n_aliases = 2;
    c.aliases = calloc(2, sizeof *c.aliases);
    c.aliases[0] = (struct catalog_alias){.id = "made", .model = {11}, .n_models = 1};
    c.aliases[1] = (struct catalog_alias){.id = "plain", .model = {10}, .n_models = 1};
    CHECK_INT(catalog_store_publish(s, &c), ERR_NONE);
    CHECK(c.synths == NULL); /* taken */
    snap = catalog_acquire(s, 0);
    m = snapshot_find(snap, VIEW_LIT("author/model-1"));
    CHECK(m != NULL && m->n_endpoints == 0 && snapshot_synth(snap, m) != NULL && snapshot_synth(snap, m)->n_panel == 1);
    m = snapshot_number(snap, 12);
    CHECK(m != NULL && snapshot_synth(snap, m) != NULL && snapshot_synth(snap, m)->n_panel == 2);
    CHECK(snapshot_synth(snap, snapshot_find(snap, VIEW_LIT("author/model-0"))) == NULL);
    CHECK(snapshot_preset(snap, SYNTH_PRESET_QUALITY, false) == &snapshot_catalog(snap)->synths[1]);
    CHECK(snapshot_preset(snap, SYNTH_PRESET_QUALITY, true) == &snapshot_catalog(snap)->synths[0]);
    CHECK(snapshot_preset(snap, SYNTH_PRESET_BUDGET, false) == NULL);
    CHECK(snapshot_names_synth(snap, VIEW_LIT("author/model-2")) && snapshot_names_synth(snap, VIEW_LIT("made")));
    CHECK(!snapshot_names_synth(snap, VIEW_LIT("author/model-0")) && !snapshot_names_synth(snap, VIEW_LIT("plain")));
    CHECK(!snapshot_names_synth(snap, VIEW_LIT("nobody")));
    snapshot_release(snap);
    catalog_store_free(s);
    health_free(h);
}

/* A request that began under the old catalog ends under it. */
static void test_old_snapshot_lives_while_referenced(void)
{
    struct health *h;
    struct catalog_store *s = store_of(&h);
    struct catalog one = make(1, 1, 1), two = make(2, 1, 1), three = make(3, 1, 1);
    struct snapshot *old;

    CHECK_INT(catalog_store_publish(s, &one), ERR_NONE);
    old = catalog_acquire(s, 0);
    CHECK_INT(catalog_store_publish(s, &two), ERR_NONE);
    CHECK_INT(catalog_store_publish(s, &three), ERR_NONE);
    CHECK_INT(snapshot_catalog(old)->version, 1);
    CHECK_INT(snapshot_model(old, 0)->endpoints[0].info->price.prompt_pusd, 1);
    CHECK_INT(catalog_store_version(s), 3);
    CHECK(s->retired == NULL); /* nobody is just reading: the store's own reference is gone */
    snapshot_release(old);
    catalog_store_free(s);
    health_free(h);
}

static struct catalog_store *shared_store;
static _Atomic bool reading = true;
static _Atomic uint64_t mixed;

static void *reader(void *cookie)
{
    unsigned worker = cookie == NULL ? 0 : 1;

    while (atomic_load(&reading)) {
        struct snapshot *snap = catalog_acquire(shared_store, worker);
        const struct catalog *c = snapshot_catalog(snap);

        for (size_t i = 0; i < c->n_endpoints; i++)
            if (c->endpoints[i].price.prompt_pusd != (int64_t)c->version)
                atomic_fetch_add(&mixed, 1);
        snapshot_release(snap);
    }
    return NULL;
}

/* Under ASan this finds a snapshot freed under a reader. */
static void test_publish_under_readers(void)
{
    struct health *h;
    struct catalog c = make(1, 4, 4);
    pthread_t threads[2];

    shared_store = store_of(&h);
    CHECK_INT(catalog_store_publish(shared_store, &c), ERR_NONE);
    CHECK_INT(pthread_create(&threads[0], NULL, reader, NULL), 0);
    CHECK_INT(pthread_create(&threads[1], NULL, reader, &threads), 0);
    for (uint32_t v = 2; v < 3000; v++) {
        c = make(v, 4, 4);
        CHECK_INT(catalog_store_publish(shared_store, &c), ERR_NONE);
    }
    atomic_store(&reading, false);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    CHECK_INT(atomic_load(&mixed), 0);
    catalog_store_free(shared_store);
    health_free(h);
}

static const struct check_case cases[] = {
    {"catalog_find", test_find},
    {"catalog_unknown_provider_is_refused", test_unknown_provider_is_refused},
    {"catalog_synths", test_synths},
    {"catalog_old_snapshot_lives_while_referenced", test_old_snapshot_lives_while_referenced},
    {"catalog_publish_under_readers", test_publish_under_readers},
};
CHECK_MAIN(cases)
