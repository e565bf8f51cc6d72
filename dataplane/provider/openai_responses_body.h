/* What the two files that write a Responses request share: openai_responses_render.c its settings and tools,
 * openai_responses_input.c its conversation. Private to these. */
#ifndef TR_DATAPLANE_PROVIDER_OPENAI_RESPONSES_BODY_H
#define TR_DATAPLANE_PROVIDER_OPENAI_RESPONSES_BODY_H

#include "openai_body.h"

/* ,"input":[...] */
void openai_responses_put_input(struct body *b);

#endif
