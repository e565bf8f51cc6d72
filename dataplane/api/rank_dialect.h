/* The rows of moderations and of ranking documents. */
#ifndef TR_DATAPLANE_API_RANK_DIALECT_H
#define TR_DATAPLANE_API_RANK_DIALECT_H

#include "dialect.h"

extern const struct dialect moderations_dialect, rerank_dialect;

#endif
