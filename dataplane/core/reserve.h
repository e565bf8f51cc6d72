/* What a request has reserved: how many output tokens of each choice, and what that can cost at
 * most. A client's limit is reserved as it is. Without one a stream begins with output_default and
 * grows while it runs (growth.h). Of a whole answer nothing can be cut at the edge: the model's
 * longest is reserved when the key can pay for it, else less. Whenever less is reserved than the
 * model may write and cannot grow, the provider is told that limit. */
#ifndef TR_DATAPLANE_CORE_RESERVE_H
#define TR_DATAPLANE_CORE_RESERVE_H

#include "request.h"

/* Without a client's limit, an answer that must be shorter than this is refused with a 402, not
 * begun. */
enum { RESERVE_LEAST_TOKENS = 256 };

/* Choose r->output. *out_nusd: what to reserve. ERR_RANGE: more than any account can hold. */
must_check enum err reserve_begin(struct request *r, int64_t *out_nusd);
/* The reservation was refused, and the key can spend available_nusd. True: r->output is now what
 * that pays for, *out_nusd what to reserve. False: the client set the limit, or nothing of use
 * would fit. */
bool reserve_less(struct request *r, int64_t available_nusd, int64_t *out_nusd);
/* What `output` tokens for each choice cost at the dearest candidate, prompt included; for a whole, of each model. */
must_check enum err reserve_cost(const struct request *r, uint64_t output, int64_t *out_nusd);
/* What the bill that is made next can be at most: of a whole neither its parts' share, nor what its earlier
 * attempts cost, nor the share of its other models. */
int64_t reserve_left(const struct request *r);
/* The largest max_tokens that nusd pays for at every candidate; 0: not even the prompt. */
uint32_t reserve_fits(const struct request *r, int64_t nusd);
/* What the longest answer of any candidate has, by the catalog. */
uint32_t reserve_most(const struct request *r);
/* Prompt tokens that r->candidate can have read at most: what its context holds where the bound is a guess. */
uint64_t reserve_prompt(const struct request *r);
/* Whether the answer may have had `completion` tokens: not more than its limit, or, without one, than the
 * model's longest answer; and of a model that hides nothing, a token for each byte delivered. */
bool reserve_believes(const struct request *r, const struct attempt_account *a, uint64_t completion);
/* The answer costs cost_nusd by the provider's figures *t, more than was reserved: the media of the prompt
 * cost more than their configured bound, or a stream without a limit had more output than could be seen
 * while it ran (hidden reasoning, tokens of a byte). Reserve the rest too, as far as the figures are
 * believed and the prompt fits the model's context, if the lease holds it. */
void reserve_cover(struct request *r, const struct token_usage *t, int64_t cost_nusd);
/* The limit to write into the request to r->candidate; 0: what the client wrote stays. */
uint32_t reserve_told(const struct request *r);

#endif
