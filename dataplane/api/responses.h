/* (G) OpenAI's Responses as a client's dialect: whole answers, streams, and counted tokens. */
#ifndef TR_DATAPLANE_API_RESPONSES_H
#define TR_DATAPLANE_API_RESPONSES_H

#include "dialect.h"

extern const struct dialect responses_dialect;

/* Append the body that /responses/input_tokens answers: an estimate, since the providers' tokenisers are not
 * here. */
must_check enum err responses_input_tokens(const struct prompt *p, struct buf *out);

#endif
