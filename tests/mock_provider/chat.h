/* OpenAI's chat completions: what its reader and its writer share. */
#ifndef TR_MOCK_CHAT_H
#define TR_MOCK_CHAT_H

#include "wire.h"

extern const char *const chat_members[];
void chat_read(struct job *j, const struct json_member *m, size_t n, struct ask *a);
const char *chat_inside(const struct json_member *m, size_t n);

#endif
