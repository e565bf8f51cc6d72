/* What a request costs: from the provider's own figures, or estimated when it gave none. Pure. */
#ifndef TR_DATAPLANE_CORE_BILL_H
#define TR_DATAPLANE_CORE_BILL_H

#include "chat_canon.h"
#include "message.h"

enum {
    /* Tokens have so many bytes on average over English text: for estimates. */
    BILL_BYTES_PER_TOKEN = 4,
    /* No text has longer tokens than this on average: a completion that would need them was counted
     * before it was complete, or not at all. */
    BILL_BYTES_PER_TOKEN_MAX = 64,
};

struct bill {
    int64_t cost_nusd; /* 0 <= cost <= reserved */
    struct token_usage tokens;
    bool estimated; /* a figure was missing, or could not be true */
    bool clamped;   /* its figures were corrected, or cost more than was reserved */
};

/* prompt_bytes: of what may be read as prompt; delivered_bytes: text that reached us from the provider.
 * They stand in, figure by figure, for what the provider did not say or what cannot be true: no tokens
 * for a prompt, or too few for what was delivered. Without any figure, nothing delivered costs nothing,
 * unless the prompt is owed whatever came of it. */
void bill_make(const struct catalog_endpoint *e, const struct token_usage *usage,
               uint64_t prompt_bytes, uint64_t delivered_bytes, bool prompt_owed,
               int64_t reserved_nusd, struct bill *out);

#endif
