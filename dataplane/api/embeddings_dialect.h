/* The dialect of embeddings: OpenAI's, with the routing members of OpenRouter's. One whole answer, no events. */
#ifndef TR_DATAPLANE_API_EMBEDDINGS_DIALECT_H
#define TR_DATAPLANE_API_EMBEDDINGS_DIALECT_H

#include "dialect.h"

extern const struct dialect embeddings_dialect;

#endif
