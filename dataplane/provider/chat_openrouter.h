/* (G) What a client of OpenRouter's API reads in a chat answer beside OpenAI's members (facts/wire.md 8):
 * usage with its cost, without asking, and an error inside a stream as a chunk. */
#ifndef TR_DATAPLANE_PROVIDER_CHAT_OPENROUTER_H
#define TR_DATAPLANE_PROVIDER_CHAT_OPENROUTER_H

#include "chat_canon.h"

#include <stdint.h>

/* Each appends one JSON document without framing to out, or nothing on failure (ERR_MEMORY, ERR_LIMIT). */

/* The last chunk of a stream: the first choice with its finish reason once more, and usage. */
must_check enum err chat_openrouter_closing(const struct chat_canon *c, const struct token_usage *usage,
                                            int64_t cost_nusd, struct buf *out);
/* completion is what chat_canon_whole() wrote: add usage to it. */
must_check enum err chat_openrouter_usage(const struct token_usage *usage, int64_t cost_nusd,
                                          bool own_key, struct buf *completion);
/* A stream has failed. error: the value of the chunk's member "error". */
must_check enum err chat_openrouter_failed(const struct chat_canon *c, struct view error, struct buf *out);

#endif
