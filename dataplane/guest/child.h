/* The data plane as a child of tr-init: another user, no capability, no way to get one. */
#ifndef TR_DATAPLANE_GUEST_CHILD_H
#define TR_DATAPLANE_GUEST_CHILD_H

#include "err.h"

#include <sys/types.h>

enum { GUEST_USER = 1000 }; /* user and group of the data plane */

/* Start argv[0], with standard input empty and standard output and error written to *out, the reading end
 * of a pipe. Environment empty. ERR_IO. */
must_check enum err child_start(const char *const argv[], pid_t *pid, int *out);
/* The device that reports come from belongs to the data plane, when there is one. ERR_IO. */
must_check enum err child_give_device(void);

#endif
