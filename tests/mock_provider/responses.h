/* OpenAI's Responses: what its reader and its writer share. */
#ifndef TR_MOCK_RESPONSES_H
#define TR_MOCK_RESPONSES_H

#include "wire.h"

/* Members of the request that the answer repeats, and what it says without them: the order of j->echo. */
struct responses_echo {
    const char *name, *otherwise;
};
extern const struct responses_echo responses_echoes[];
extern const size_t responses_n_echoes;

extern const char *const responses_members[];
void responses_read(struct job *j, const struct json_member *m, size_t n, struct ask *a);
const char *responses_inside(const struct json_member *m, size_t n);

#endif
