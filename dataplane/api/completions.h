/* The dialect of OpenAI's legacy text completions. */
#ifndef TR_DATAPLANE_API_COMPLETIONS_H
#define TR_DATAPLANE_API_COMPLETIONS_H

#include "dialect.h"

extern const struct dialect completions_dialect;

#endif
