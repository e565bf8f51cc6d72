/* What a request costs: from the provider's own figures, or estimated when it gave none. Pure. */
#ifndef TR_DATAPLANE_CORE_BILL_H
#define TR_DATAPLANE_CORE_BILL_H

#include "chat_canon.h"
#include "message.h"

/* No tokeniser in use makes fewer than this many bytes of a token on average over English text;
 * estimates use it both ways. */
enum { BILL_BYTES_PER_TOKEN = 4 };

struct bill {
    int64_t cost_nusd; /* 0 <= cost <= reserved */
    struct token_usage tokens;
    bool estimated; /* the provider was silent */
    bool clamped;   /* its figures were corrected, or cost more than was reserved */
};

/* prompt_bytes: of what may be read as prompt; delivered_bytes: text that reached us from the provider.
 * Both are used only when usage->present is false; then nothing delivered costs nothing, unless the
 * prompt is owed whatever came of it. */
void bill_make(const struct catalog_endpoint *e, const struct token_usage *usage,
               uint64_t prompt_bytes, uint64_t delivered_bytes, bool prompt_owed,
               int64_t reserved_nusd, struct bill *out);

#endif
