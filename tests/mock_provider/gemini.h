/* Google's generateContent: what its reader and its writer share. */
#ifndef TR_MOCK_GEMINI_H
#define TR_MOCK_GEMINI_H

#include "wire.h"

/* What a model of Google's takes for the signature of a call that another model made. */
#define GEMINI_PLACEHOLDER "skip_thought_signature_validator"

extern const char *const gemini_members[];
void gemini_read(struct job *j, const struct json_member *m, size_t n, struct ask *a);
void gemini_read_stream(struct job *j, const struct json_member *m, size_t n, struct ask *a);
const char *gemini_inside(const struct json_member *m, size_t n);

#endif
