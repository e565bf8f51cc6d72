/* (G) OpenAI's Responses as a client asks it: a request into the neutral prompt. */
#ifndef TR_DATAPLANE_API_RESPONSES_READ_H
#define TR_DATAPLANE_API_RESPONSES_READ_H

#include "prompt.h"

/* As `read` of struct dialect. Nothing is stored here, so a member that needs what was (previous_response_id,
 * conversation, prompt, background) is refused by its name; README.md says which others are honoured, left
 * out or refused. */
must_check enum err responses_read(struct view body, struct prompt *out, struct prompt_fault *fault);

#endif
