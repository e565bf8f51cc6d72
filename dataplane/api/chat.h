/* (G) POST /v1/chat/completions: the client's request into numbers, the provider's answer into
 * canonical bytes. core/request.c decides what happens when; this room does it. */
#ifndef TR_DATAPLANE_API_CHAT_H
#define TR_DATAPLANE_API_CHAT_H

#include "receipt.h"
#include "secret.h"
#include "web.h"
#include "worker.h"

/* Takes over a complete request whose key has the digest `who`. */
void chat_completions(struct worker *w, struct web_request *web, const struct digest32 *who,
                      enum receipt_endpoint endpoint);
/* Frees the worker's spare structs. */
void chat_spares_free(struct worker *w);

#endif
