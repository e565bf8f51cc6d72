/* What a provider must not be sent as it stands inside of a chat client's messages: the role developer where
 * it is not known, and what an earlier answer said that its model thought. OpenRouter's clients send back
 * all of an answer, so an assistant message may hold "reasoning", "reasoning_content" and "reasoning_details". */
#ifndef TR_DATAPLANE_PROVIDER_CHAT_REPLAY_H
#define TR_DATAPLANE_PROVIDER_CHAT_REPLAY_H

#include "chat_request.h"

/* How many edits this member of a message may need: 0 for those that say nothing of thoughts. */
uint32_t chat_replay_count(const struct json_member *m);

/* Must messages be edited for this provider? */
bool chat_replay_needed(const struct chat_request *r, const struct provider *provider);
/* The edits for r's messages, in their order: at most r->n_developer + r->n_thoughts. Returns how many. */
size_t chat_replay_edits(const struct chat_request *r, const struct provider *provider,
                         const char *upstream_model, struct json_edit *edits);

#endif
