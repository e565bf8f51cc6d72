/* What job_read.c and job_write.c share. */
#ifndef TR_MOCK_JOB_INTERNAL_H
#define TR_MOCK_JOB_INTERNAL_H

#include "job.h"
#include "json.h"

struct job_part job_keep(struct job *j, const void *p, size_t n);
struct view job_view(const struct job *j, struct job_part p);

/* Append the text of the last user message to the payload, cut at a length. False: there is none. */
bool job_last_message(struct job *j, struct json_value messages);
/* Tokens of reasoning that the request asks for: "reasoning" (OpenRouter) or "reasoning_effort" (OpenAI). */
uint32_t job_reasoning(const struct json_member *m, size_t n);

#endif
