/* What job_read.c and job_write.c share. */
#ifndef TR_MOCK_JOB_INTERNAL_H
#define TR_MOCK_JOB_INTERNAL_H

#include "job.h"

struct job_part job_keep(struct job *j, const void *p, size_t n);
struct view job_view(const struct job *j, struct job_part p);

#endif
