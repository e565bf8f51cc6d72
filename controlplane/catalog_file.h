/* catalog.conf: models, their endpoints and prices, aliases, orchestrations, as an operator writes them. */
#ifndef TR_CONTROLPLANE_CATALOG_FILE_H
#define TR_CONTROLPLANE_CATALOG_FILE_H

#include "message.h"
#include "providers.h"

enum { CATALOG_FILE_MAX = 8 << 20 }; /* bytes; 518 models and 1,876 endpoints are 1 MB */

/* An endpoint whose provider is not in providers.conf: left out. */
struct catalog_refused {
    char model[LIMIT_MODEL_ID_BYTES + 1], provider[32];
    unsigned line;
};

/* Arrays are given to the caller (catalog_file_free). */
struct catalog_file {
    struct catalog catalog; /* the number of a model is its index in models; no versions */
    const struct provider **providers; /* of each endpoint; borrowed from the providers given */
    unsigned *model_lines, *endpoint_lines, *alias_lines; /* where each section begins, from 1 */
    struct catalog_refused *refused;
    size_t n_refused;
};
/* ERR_CONFIG with one sentence in why, which names file, line or section, and field. */
must_check enum err catalog_file_load(const char *path, const struct providers *providers,
                                      struct catalog_file *out, struct buf *why);
must_check enum err catalog_file_parse(struct view text, const char *file_name,
                                       const struct providers *providers, struct catalog_file *out,
                                       struct buf *why);
void catalog_file_free(struct catalog_file *f);

#endif
