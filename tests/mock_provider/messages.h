/* Anthropic's Messages: what its reader and its writer share. */
#ifndef TR_MOCK_MESSAGES_H
#define TR_MOCK_MESSAGES_H

#include "wire.h"

/* Anthropic's SDKs offer to leave the conversation with the server, and go on without that when they read the
 * error's details. */
#define MESSAGES_NO_THREAD "thread: this server stores no threads"

extern const char *const messages_members[];
void messages_read(struct job *j, const struct json_member *m, size_t n, struct ask *a);
const char *messages_inside(const struct json_member *m, size_t n);

#endif
