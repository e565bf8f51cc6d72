/* (G) OpenAI's Responses as a client's dialect: whole answers, streams, and counted tokens. */
#ifndef TR_DATAPLANE_API_RESPONSES_H
#define TR_DATAPLANE_API_RESPONSES_H

#include "dialect.h"

extern const struct dialect responses_dialect;

#endif
