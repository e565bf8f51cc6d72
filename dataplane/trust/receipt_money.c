/* Usage and cost in a receipt. */
#include "receipt_document_internal.h"

#include <inttypes.h>

void receipt_usage(struct text *t, const struct receipt_facts *f)
{
#define MONEY_TOKENS(no, class, price, within, receipt, ...)                                       \
    TEXT(t, "\"" receipt "\":%" PRIu32 ",", f->tokens_##class);
    USAGE_TOKENS(MONEY_TOKENS)
#undef MONEY_TOKENS
    if (f->parts == 0)
        TEXT(t, "\"requests\":%u,\"units\":%" PRIu32 ",\"unit\":\"%s\",", f->requests, f->units,
             price_unit_name(f->unit_kind));
    TEXT(t, "\"estimated\":%s,\"clamped\":%s", truth((f->flags & RECEIPT_ESTIMATED) != 0),
         truth((f->flags & RECEIPT_CLAMPED) != 0));
}

static void prices(struct text *t, const struct receipt_facts *f)
{
    TEXT(t, ",\"price_version\":%" PRIu32 ",\"tier\":%u,\"prices_pusd_per_token\":", f->price_version, f->tier);
    for (enum price_class c = 0; c < PRICE_CLASS_COUNT; c++)
        TEXT(t, "%s\"%s\":%" PRIi64, c == 0 ? "{" : ",", price_class_name(c), f->class_pusd[c]);
    TEXT(t, "},\"prices_nusd_per_unit\":");
    for (enum price_unit u = PRICE_UNIT_NONE + 1; u < PRICE_UNIT_COUNT; u++)
        TEXT(t, "%s\"%s\":%" PRIi64, u == PRICE_UNIT_NONE + 1 ? "{" : ",", price_unit_name(u),
             f->unit_nusd[u - 1]);
    TEXT(t, "},\"rounding\":\"each_class_half_up_to_nusd\"");
    if ((f->flags & RECEIPT_OWN_KEY) != 0)
        TEXT(t, ",\"own_key_fee_ppm\":%" PRIu32, f->own_fee_ppm);
    else if (f->markup_ppm != 0)
        TEXT(t, ",\"markup_ppm\":%" PRIu32, f->markup_ppm);
}

void receipt_billing(struct text *t, const struct receipt_facts *f)
{
    TEXT(t, "\"cost_nusd\":%" PRIi64, f->cost_nusd);
    if (f->parts == 0)
        prices(t, f);
    else
        TEXT(t, ",\"sum_of\":\"orchestration\"");
}
