/* Anthropic's Messages: what its reader and its writer share. */
#ifndef TR_MOCK_MESSAGES_H
#define TR_MOCK_MESSAGES_H

#include "wire.h"

extern const char *const messages_members[];
void messages_read(struct job *j, const struct json_member *m, size_t n, struct ask *a);
const char *messages_inside(const struct json_member *m, size_t n);

#endif
