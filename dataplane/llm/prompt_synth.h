/* (G) Synth's tool among a client's tools, and its plugin among the plugins: found by every dialect alike, and kept raw in
 * struct prompt. What they say is read by api/synth_read.c. */
#ifndef TR_DATAPLANE_LLM_PROMPT_SYNTH_H
#define TR_DATAPLANE_LLM_PROMPT_SYNTH_H

#include "prompt.h"

/* May this element of "tools" be taken for a tool of this router's own, whichever it is ("trustedrouter:...")? */
bool prompt_synth_ours(struct json_value tool);
/* Takes such a tool, the at-th element, into p->synth. ERR_UNSUPPORTED: one that this router does not have.
 * ERR_DUPLICATE: the second of them, or its type is there twice. ERR_LIMIT: too many are before it. */
must_check enum err prompt_synth_take_tool(struct prompt *p, struct json_value tool, size_t at, struct prompt_fault *fault);
/* Reads "plugins". ERR_FORMAT: no array of objects with an id. ERR_UNSUPPORTED: another plugin; ERR_DUPLICATE. */
must_check enum err prompt_synth_plugins(struct prompt *p, struct json_value v, struct prompt_fault *fault);

#endif
