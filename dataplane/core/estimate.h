/* How many tokens a provider has made so far, when it has not said so. Pure arithmetic over what
 * was received and how long the provider has been at work. */
#ifndef TR_DATAPLANE_CORE_ESTIMATE_H
#define TR_DATAPLANE_CORE_ESTIMATE_H

#include "request.h"

/* Before a provider writes it reads: so long at most on top of what the prompt's length takes. */
enum { ESTIMATE_QUEUE_MS = 1000 };

/* Tokens in so many bytes: BILL_BYTES_PER_TOKEN, rounded up, at most LIMIT_TOKENS_ABSURD. */
uint32_t estimate_bytes(uint64_t bytes);
/* Output of all choices together that nobody has seen: hidden reasoning before the first text of a
 * stream, or a whole answer that is still being made. The provider's hidden_tokens_per_s for as
 * long as it has been silent, less the time for reading the prompt; 0 where nothing can be hidden.
 * complete: the answer is here, so what a model without reasoning has made was seen. */
uint32_t estimate_hidden(const struct request *r, const struct attempt_account *a, bool complete);
/* Seen and unseen output of the running answer. */
uint64_t estimate_output(const struct request *r, const struct attempt_account *a);

#endif
