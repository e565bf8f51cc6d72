/* (G) Images, speech, transcripts, moderations and ranks as OpenAI's API (and for ranks Cohere's and Jina's) has
 * them: the request for one provider, and what is read of an answer that the client gets as it came. */
#ifndef TR_DATAPLANE_PROVIDER_OPENAI_CALL_H
#define TR_DATAPLANE_PROVIDER_OPENAI_CALL_H

#include "chat_canon.h"
#include "destination.h"
#include "prompt.h"

/* Appends "/images/generations", ... ERR_MEMORY, ERR_LIMIT of out. */
must_check enum err openai_call_path(const struct prompt *p, const struct destination *d, struct buf *out);
/* May this endpoint be sent the prompt? False: *refused is a member that its row does not allow, or that a price per
 * image does not cover. */
bool openai_call_fits(const struct prompt *p, const struct destination *d, struct view *refused);
size_t openai_call_room(const struct prompt *p);
/* The body: JSON, or the form with each part written anew, the model's name replaced, what is for the router left
 * out. max_output: 0. ERR_MEMORY, ERR_LIMIT, ERR_OVERLOAD; on failure out is undefined. */
must_check enum err openai_call_render(const struct prompt *p, const struct destination *d, uint32_t max_output,
                                       struct buf *out);
/* Its content type. */
must_check enum err openai_call_type(const struct prompt *p, struct buf *out);

/* A whole answer's bytes are appended as they came when it is what c->call says; the figures go to c->usage and
 * c->units, its type to c->type. *kind: CHAT_EMIT, or CHAT_ERROR with *error. ERR_PROVIDER_PROTOCOL: it is no such
 * answer. */
must_check enum err openai_call_whole(struct chat_canon *c, struct view body, struct buf *out,
                                      enum chat_kind *kind, struct chat_error *error);

#endif
