/* The catalog as workers read it: an immutable, indexed snapshot behind one atomic pointer. The
 * link thread publishes; workers take references without a lock. */
#ifndef TR_DATAPLANE_ROUTE_CATALOG_STORE_H
#define TR_DATAPLANE_ROUTE_CATALOG_STORE_H

#include "buf.h"
#include "health.h"
#include "message.h"
#include "providers.h"
#include "route_decide.h"

struct catalog_store;
struct snapshot;

/* providers and health are borrowed and outlive the store. */
must_check enum err catalog_store_new(const struct providers *providers, struct health *health,
                                      unsigned workers, struct catalog_store **out);
/* The catalog in words: JSON text that is made once, when the catalog is published, and shared by all its
 * readers, so that what a list costs does not depend on who asks for it, or how often. */
enum { CATALOG_LISTING_MAX = 16 << 20 }; /* bytes; 1024 models and 4096 endpoints of about 1 KB, three times over */
struct catalog_slice {
    uint32_t at, len; /* of the listing's bytes */
};
/* A listed alias: the model that it is listed as (NULL: it is not), and what the listing says of it. */
struct catalog_alias_slice {
    const struct route_model *target;
    struct catalog_slice text;
};
struct catalog_listing {
    struct buf bytes;
    struct catalog_slice list;      /* the list of all models, whole */
    struct catalog_slice *model;    /* each model, in catalog order; len 0: no endpoint of it is enabled */
    struct catalog_alias_slice *alias; /* each alias, in catalog order */
    struct catalog_slice *endpoint; /* each endpoint, model by model; len 0: it is not enabled */
};
/* `list` fills in *out, which comes empty; its callers share the result. Call before the first
 * publication. A listing that cannot be made (too long, no memory) is empty; the catalog serves all the
 * same. */
typedef enum err catalog_list(const struct snapshot *s, struct catalog_listing *out);
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
/* The list of all models and its entity tag ("..." with the quotes); what the listing says of one model or
 * of one endpoint, empty where it says nothing. All live as long as the reference. */
struct view snapshot_listing(const struct snapshot *s);
struct view snapshot_listing_tag(const struct snapshot *s);
struct view snapshot_model_text(const struct snapshot *s, const struct route_model *m);
struct view snapshot_endpoint_text(const struct snapshot *s, const struct route_endpoint *e);
/* The same of the i-th alias of the catalog; *target: the model that it is listed as, NULL when it is not listed. */
struct view snapshot_alias_text(const struct snapshot *s, size_t i, const struct route_model **target);
/* The place of an endpoint of this snapshot among those of all models: an index of catalog_listing. */
size_t snapshot_endpoint_index(const struct snapshot *s, const struct route_endpoint *e);
/* By exact id ("author/slug"); NULL when there is none. */
const struct route_model *snapshot_find(const struct snapshot *s, struct view id);
/* By number; NULL. */
const struct route_model *snapshot_number(const struct snapshot *s, uint32_t no);
/* The one model whose id is an author and this slug, as it stands or, when there is none, without regard to case and with
 * dashes for dots. NULL: none, or (*ambiguous) several. */
const struct route_model *snapshot_slug(const struct snapshot *s, struct view slug, bool *ambiguous);
/* NULL: there is no such alias. */
const struct catalog_alias *snapshot_alias(const struct snapshot *s, struct view id);
/* The orchestration that the model is; NULL: it is an ordinary one. */
const struct catalog_synth *snapshot_synth(const struct snapshot *s, const struct route_model *m);
/* The one that a request's preset means; NULL: this catalog has none. */
const struct catalog_synth *snapshot_preset(const struct snapshot *s, enum synth_preset preset, bool code);
/* Is the id an orchestration's or an alias of one? Then it can be no member of another. */
bool snapshot_names_synth(const struct snapshot *s, struct view id);

#endif
