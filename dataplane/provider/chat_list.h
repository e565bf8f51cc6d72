/* (G) A chat client's body as the neutral list (llm/prompt.h) that other dialects' adapters render from. A provider of
 * chat's own dialect is sent the client's bytes, so the list is made only for a candidate that reads one. */
#ifndef TR_DATAPLANE_PROVIDER_CHAT_LIST_H
#define TR_DATAPLANE_PROVIDER_CHAT_LIST_H

#include "err.h"
#include "prompt.h"

/* Fills p->list from the body that chat_request_parse() has read (p->chat is not NULL, the list is empty), and adds to
 * p->prompt_bound what a renderer may say twice. ERR_FORMAT a member of the wrong type, ERR_DUPLICATE, ERR_RANGE,
 * ERR_LIMIT too many of them, ERR_UNSUPPORTED one that has no place in the list (a file by its id, an earlier answer's
 * audio, a part of an unknown type): then *fault says what, and the list is empty. ERR_MEMORY. The views of
 * the list point into the body. */
must_check enum err chat_list_make(struct prompt *p, struct prompt_fault *fault);

#endif
