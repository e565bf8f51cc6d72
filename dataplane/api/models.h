/* The models of the catalog: GET /models with its filters, one model, their number; and in Anthropic's shape
 * for its SDKs. Public, like the catalog: no answer depends on who asks. */
#ifndef TR_DATAPLANE_API_MODELS_H
#define TR_DATAPLANE_API_MODELS_H

#include "catalog_store.h"
#include "web.h"

/* What the catalog's pages read; borrowed. */
struct models_context {
    struct catalog_store *catalogs;
    const struct health *health;
    const struct providers *providers;
    unsigned worker; /* catalog_acquire() */
};

/* All answer and return the HTTP status. */

/* base: the path of this list as its next page is to be asked for, "/v1/models". The list of everything has an
 * entity tag: 304 when If-None-Match names it. With the header anthropic-version it is Anthropic's. */
int models_list(const struct models_context *x, struct web_request *r, struct view base);
/* The models whose output is embeddings. */
int models_embeddings(const struct models_context *x, struct web_request *r, struct view base);
int models_count(const struct models_context *x, struct web_request *r);
/* id: the rest of the path, percent-encoded or not. "{id}/endpoints" is that model's endpoints. */
int models_one(const struct models_context *x, struct web_request *r, struct view id);
/* The same as {"data":...}, which is what OpenRouter's own path for one model has. */
int models_wrapped(const struct models_context *x, struct web_request *r, struct view id);

#endif
