/* (G) One request of one client, with its bytes: read in the client's dialect, asked of providers, answered
 * in the same dialect. core/request.c decides what happens when; these files do it. */
#ifndef TR_DATAPLANE_API_EXCHANGE_H
#define TR_DATAPLANE_API_EXCHANGE_H

#include "catalog_store.h"
#include "dialect.h"
#include "receipt_document.h"
#include "receipts.h"
#include "request.h"
#include "secret.h"
#include "share.h"
#include "upstream.h"
#include "web.h"

struct exchange;

/* What exchanges work with; one per worker, outlives every exchange. Its worker's thread only. */
struct exchange_context {
    struct request_context request;
    struct catalog_store *catalogs;
    const struct providers *providers;
    const struct credentials *credentials;
    struct upstreams *upstreams;
    struct receipts *receipts;
    const struct receipt_signer *signer;
    const struct shares *shares;
    const uint8_t *user_key;         /* 16 bytes: of the 64-bit hash of end-user ids */
    uint64_t image_tokens, reference_tokens; /* at most of an image, and of media by URL or id */
    uint32_t output_default_tokens;
    char region[32], eu_base_url[160]; /* want.h */
    bool in_eu;                        /* the region is */
    struct exchange *spare; /* wiped structs, ready for use */
    unsigned n_spare;
};

/* Takes over a complete request whose key has the digest `who`, and which came to `endpoint`. */
void exchange_begin(struct exchange_context *context, struct web_request *web,
                    const struct digest32 *who, const struct dialect *dialect,
                    enum receipt_endpoint endpoint);
/* The same for a request that is answered from its prompt alone (dialect->count is not NULL): its key must be
 * good for a request, but nothing is charged, and the answer has no receipt. */
void exchange_count(struct exchange_context *context, struct web_request *web,
                    const struct digest32 *who, const struct dialect *dialect, bool openrouter);
/* Frees the spare structs. */
void exchange_spares_free(struct exchange_context *context);

#endif
