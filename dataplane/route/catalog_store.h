/* The catalog as workers read it: an immutable, indexed snapshot behind one atomic pointer. The
 * link thread publishes; workers take references without a lock. */
#ifndef TR_DATAPLANE_ROUTE_CATALOG_STORE_H
#define TR_DATAPLANE_ROUTE_CATALOG_STORE_H

#include "buf.h"
#include "health.h"
#include "message.h"
#include "providers.h"

struct catalog_store;
struct snapshot;

struct route_endpoint {
    const struct catalog_endpoint *info;
    const struct provider *provider;
    uint32_t health_slot;
};

struct route_model {
    const struct catalog_model *info;
    const struct route_endpoint *endpoints; /* those whose provider is measured */
    size_t n_endpoints;
};

/* providers and health are borrowed and outlive the store. */
must_check enum err catalog_store_new(const struct providers *providers, struct health *health,
                                      unsigned workers, struct catalog_store **out);
/* Every catalog's listing is made once, when it is published: `list` appends it, and its callers share
 * the bytes. Call before the first publication. A listing that cannot be made (too long, no memory) is
 * empty; the catalog serves all the same. */
enum { CATALOG_LISTING_MAX = 4 << 20 }; /* 1024 models of about 1 KB each, four times over */
typedef enum err catalog_list(const struct snapshot *s, struct buf *out);
void catalog_store_list(struct catalog_store *s, catalog_list *list);
/* Every reference must have been released. */
void catalog_store_free(struct catalog_store *s);

/* Link thread only. Takes the contents of *c in every case and leaves it empty. An endpoint that names a provider outside the measured
 * list, or a model the catalog does not hold, is left out and counted; the rest is served.
 * ERR_MEMORY: the old snapshot stays. */
must_check enum err catalog_store_publish(struct catalog_store *s, struct catalog *c);
/* Endpoints refused so far, over all publications. Any thread. */
uint64_t catalog_store_refused(const struct catalog_store *s);
/* 0 before the first publication. Any thread. */
uint32_t catalog_store_version(const struct catalog_store *s);

/* The current snapshot, referenced; NULL before the first publication. Each worker passes its own
 * number. End with snapshot_release(), on any thread. */
struct snapshot *catalog_acquire(struct catalog_store *s, unsigned worker);
void snapshot_release(struct snapshot *s);

const struct catalog *snapshot_catalog(const struct snapshot *s);
/* In catalog order, for listings. */
size_t snapshot_models(const struct snapshot *s);
const struct route_model *snapshot_model(const struct snapshot *s, size_t i);
/* The listing and its entity tag ("..." with the quotes); both live as long as the reference. */
struct view snapshot_listing(const struct snapshot *s);
struct view snapshot_listing_tag(const struct snapshot *s);
/* By exact id ("author/slug"); NULL when there is none. */
const struct route_model *snapshot_find(const struct snapshot *s, struct view id);

#endif
