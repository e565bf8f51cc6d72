/* (G) OpenAI's chat completions as a client's dialect (api/dialect.h). It is also what the providers' adapters
 * make, so its answers are sent as they come: the row writes no events. */
#ifndef TR_DATAPLANE_API_CHAT_DIALECT_H
#define TR_DATAPLANE_API_CHAT_DIALECT_H

#include "dialect.h"

extern const struct dialect chat_dialect;

#endif
