/* (G) Anthropic's Messages as a client's dialect (api/dialect.h). Requests are read into a prompt's list,
 * answers written from events: named SSE events or one message object, with every member that the SDKs'
 * types promise. docs/messages.md says what is left out and what is refused. */
#ifndef TR_DATAPLANE_API_MESSAGES_H
#define TR_DATAPLANE_API_MESSAGES_H

#include "dialect.h"

/* 2023-06-01 and every version but the next. */
extern const struct dialect messages_2023;
/* From 2026-10-21 on: no sampling members, no documents in an assistant's message, no citations in a
 * user's text. */
extern const struct dialect messages_2026;
/* Which of them the header anthropic-version asks for; empty: the older one. */
const struct dialect *messages_of_version(struct view version);

#endif
