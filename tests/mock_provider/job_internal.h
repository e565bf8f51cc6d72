/* What the job_*.c files share. */
#ifndef TR_MOCK_JOB_INTERNAL_H
#define TR_MOCK_JOB_INTERNAL_H

#include "job.h"
#include "json.h"

struct job_part job_keep(struct job *j, const void *p, size_t n);
struct view job_view(const struct job *j, struct job_part p);

/* Append the text of a message's content to the payload, cut at a length. False: there is none. */
bool job_content(struct job *j, struct json_value content);

#endif
