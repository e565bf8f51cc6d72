/* What a plan allows, as nf_tables rules: the batch that fence_load() sends. */
#ifndef TR_DATAPLANE_GUEST_FENCE_RULES_H
#define TR_DATAPLANE_GUEST_FENCE_RULES_H

#include "fence.h"
#include "nft.h"

#define FENCE_TABLE "trustedrouter"

/* The whole ruleset. b is begun by this; the caller ends and frees it. Every number of the plan is in its
 * range. */
void fence_rules(struct nft_batch *b, const struct fence_plan *plan);

#endif
