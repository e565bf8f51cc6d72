/* Decimal numbers as people and JSON write them, read exactly: no amount passes through a double. */
#ifndef TR_COMMON_DECIMAL_H
#define TR_COMMON_DECIMAL_H

#include "err.h"
#include "view.h"

/* digits ["." digits] [("e" | "E") ["+" | "-"] digits], without a sign of its own, as a count of
 * 10^-decimals: "0.00001" and "1e-05" are the same number. ERR_FORMAT: not such a number.
 * ERR_LIMIT: it is finer than 10^-decimals. ERR_RANGE: it is over INT64_MAX of them. *out is set on
 * success only. */
must_check enum err decimal_parse(struct view v, unsigned decimals, int64_t *out);

#endif
