/* Checked money. The ledger's unit is the nano-USD (nUSD, 1e-9 USD, int64_t); prices are
 * pico-USD per token (pUSD, int64_t >= 0). Nothing here rounds twice or wraps. */
#ifndef TR_COMMON_MONEY_H
#define TR_COMMON_MONEY_H

#include "err.h"
#include "view.h"

#define NUSD_PER_USD INT64_C(1000000000)
#define PUSD_PER_NUSD INT64_C(1000)

/* ERR_RANGE on overflow; *out untouched then. */
must_check enum err money_add(int64_t a, int64_t b, int64_t *out);
/* tokens * price, one multiplication and one rounding half up to nano-USD. */
must_check enum err money_cost(uint64_t tokens, int64_t price_pusd, int64_t *out_nusd);

/* "12.5", "0.000000001", "1e-05": a decimal number without a sign, exactly. ERR_FORMAT; ERR_LIMIT:
 * finer than a nano-USD (9 decimals); ERR_RANGE. */
must_check enum err money_parse_usd(struct view v, int64_t *out_nusd);
/* Like money_parse_usd but to pico-USD (12 decimals): a per-token price. */
must_check enum err money_parse_price(struct view v, int64_t *out_pusd);

/* A price as people write it, dollars per million tokens, to pico-USD per token. ERR_LIMIT: more than 6 decimals. */
must_check enum err money_price_per_million(struct view v, int64_t *out_pusd);

/* Shortest exact decimal form without exponent: "0.0025", "-1.5", "0". NUL-terminated. */
enum { MONEY_TEXT_MAX = 32 };
void money_text_usd(int64_t nusd, char out[static MONEY_TEXT_MAX]);
void money_text_price(int64_t pusd, char out[static MONEY_TEXT_MAX]);

#endif
