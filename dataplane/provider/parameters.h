/* Which parameters a request gives, and whether a provider's request would be without one of them: what
 * provider.require_parameters is about. Parameters are those of OpenAI's and OpenRouter's chat; ids, cache keys and the
 * like are none. */
#ifndef TR_DATAPLANE_PROVIDER_PARAMETERS_H
#define TR_DATAPLANE_PROVIDER_PARAMETERS_H

#include "adapter.h"

/* Does the request ask for some amount of thinking? */
bool parameters_effort(const struct prompt *p);
/* Must the model call a tool? */
bool parameters_forced_tool(const struct prompt *p);

/* Would the request that this adapter makes for d lack a parameter that the client gives? The prompt fits there and has its
 * list, if the adapter reads one. The model's gates on sampling and forced tools, and capabilities, are looked at by routing
 * (proto/route_decide.h). */
bool parameters_lost(const struct adapter *a, const struct prompt *p, const struct destination *d);

#endif
