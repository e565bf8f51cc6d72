/* What the readers of a request body share: chat_request.c has the table of members, chat_prompt.c
 * those whose content is the prompt. Private to these two. */
#ifndef TR_DATAPLANE_PROVIDER_CHAT_REQUEST_INTERNAL_H
#define TR_DATAPLANE_PROVIDER_CHAT_REQUEST_INTERNAL_H

#include "chat_request.h"
#include "message.h"

/* Reads one member's value, which is not null, into *r. */
typedef enum err chat_read_fn(struct chat_request *r, struct json_value v,
                              struct prompt_fault *fault);

#define CHAT_LOOK_ALIKE                                                                            \
    "member names are exact: this one can be taken for one that the router reads, so the request "  \
    "is refused"

static inline enum err chat_refuse(struct prompt_fault *fault, const char *message, enum err e)
{
    fault->message = message;
    return e;
}

/* chat_request.c: the only member of v called name, checked against look-alikes; *out has no text when
 * it is absent. And a budget beside the limit, in tokens. */
must_check enum err chat_nested_find(struct json_value v, const char *name, struct json_value *out,
                                     struct prompt_fault *fault);
chat_read_fn chat_read_budget;

/* chat_reasoning.c */
chat_read_fn chat_read_reasoning, chat_read_include_reasoning;

/* chat_prompt.c */
chat_read_fn chat_read_messages, chat_read_tools, chat_read_response_format;
/* Cache writes for another time than five minutes may have another price: such a mark sets r->long_mark and
 * r->facts->long_cache. */
chat_read_fn chat_read_cache_control;

#endif
