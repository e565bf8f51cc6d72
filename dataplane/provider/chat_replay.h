/* What a provider must not be sent as it stands inside of a chat client's messages: the role developer where
 * it is not known, what an earlier answer said that its model thought, and marks for a cache. OpenRouter's
 * clients send back all of an answer, so an assistant message may hold "reasoning", "reasoning_content" and
 * "reasoning_details", and they mark what is to be cached ("cache_control"), whatever the model. Of the tools, this
 * router's own is never sent to a provider. */
#ifndef TR_DATAPLANE_PROVIDER_CHAT_REPLAY_H
#define TR_DATAPLANE_PROVIDER_CHAT_REPLAY_H

#include "chat_request.h"

/* How many edits this member of a message may need: 0 for those that say nothing of thoughts. */
uint32_t chat_replay_count(const struct json_member *m);

/* Does it take marks for its cache ("cache_control")? Others cache by themselves, and refuse the member. */
bool chat_replay_takes_marks(const struct provider *provider);

/* Must messages, or tools, be edited for this provider? */
bool chat_replay_in_messages(const struct chat_request *r, const struct provider *provider);
bool chat_replay_in_tools(const struct chat_request *r, const struct provider *provider);
/* The edits of either, in their order, at most so many. Returns how many. */
size_t chat_replay_most(const struct chat_request *r);
size_t chat_replay_messages(const struct chat_request *r, const struct provider *provider,
                            const char *upstream_model, struct json_edit *edits);
size_t chat_replay_tools(const struct chat_request *r, const struct provider *provider, struct json_edit *edits);

#endif
