/* (G) Members that the requests of several dialects share, read strictly: each value in one meaning, and what
 * is wrong in words for the client. */
#ifndef TR_DATAPLANE_LLM_PROMPT_READ_H
#define TR_DATAPLANE_LLM_PROMPT_READ_H

#include "prompt.h"

/* Sets the message, which is static, and returns e. */
static inline enum err prompt_refuse(struct prompt_fault *fault, const char *message, enum err e)
{
    fault->message = message;
    return e;
}

/* What to say of a body in which json_object() has failed with e. */
const char *prompt_no_object(struct view body, enum err e);

/* Each fails with ERR_FORMAT for a value of the wrong kind and ERR_RANGE for one out of range; then
 * fault->message says what is expected, and *out is untouched. */

/* A model id into p->model: no control characters, not empty, at most LIMIT_MODEL_ID_BYTES. */
must_check enum err prompt_read_model(struct json_value v, struct prompt *p,
                                      struct prompt_fault *fault);
must_check enum err prompt_read_bool(struct json_value v, struct prompt_fault *fault, bool *out);
/* A whole number in any spelling. message: what is expected. */
must_check enum err prompt_read_count(struct json_value v, uint32_t min, uint32_t max,
                                      const char *message, struct prompt_fault *fault,
                                      uint32_t *out);
/* What stands between the quotes, still escaped. message: what is expected. */
must_check enum err prompt_read_text(struct json_value v, const char *message,
                                     struct prompt_fault *fault, struct view *out);
/* A value of this kind, raw. message: what is expected. */
must_check enum err prompt_read_raw(struct json_value v, enum json_kind kind, const char *message,
                                    struct prompt_fault *fault, struct view *out);
/* The words of OpenAI's reasoning effort. */
must_check enum err prompt_read_effort(struct json_value v, struct prompt_fault *fault,
                                       enum prompt_effort *out);

#endif
