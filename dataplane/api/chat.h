/* (G) POST /v1/chat/completions: the client's request into numbers, the provider's answer into
 * canonical bytes. core/request.c decides what happens when; these files do it. */
#ifndef TR_DATAPLANE_API_CHAT_H
#define TR_DATAPLANE_API_CHAT_H

#include "catalog_store.h"
#include "receipt_document.h"
#include "receipts.h"
#include "request.h"
#include "secret.h"
#include "share.h"
#include "upstream.h"
#include "web.h"

struct chat;

/* What chats work with; one per worker, outlives every chat. Its worker's thread only. */
struct chat_context {
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
    struct chat *spare; /* wiped structs, ready for use */
    unsigned n_spare;
};

/* Takes over a complete request whose key has the digest `who`. */
void chat_completions(struct chat_context *x, struct web_request *web, const struct digest32 *who,
                      enum receipt_endpoint endpoint);
/* Frees the spare structs. */
void chat_spares_free(struct chat_context *x);

#endif
