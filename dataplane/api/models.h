/* GET /v1/models and /v1/models/{author}/{slug}: the catalog in the shape that OpenAI's and
 * OpenRouter's clients both read. */
#ifndef TR_DATAPLANE_API_MODELS_H
#define TR_DATAPLANE_API_MODELS_H

#include "catalog_store.h"
#include "web.h"

struct models_context {
    struct catalog_store *catalogs;
    unsigned worker; /* whose thread asks */
};

/* What models_list() answers, made once for each catalog: a catalog_list. ERR_LIMIT, ERR_MEMORY. */
must_check enum err models_render(const struct snapshot *s, struct buf *out);
/* Both answer and return the HTTP status. id: the rest of the path, "/" possibly as "%2F".
 * The list has an entity tag: 304 when If-None-Match names it. */
int models_list(const struct models_context *x, struct web_request *r);
int models_one(const struct models_context *x, struct web_request *r, struct view id);

#endif
