/* What tr-init gives up itself once the data plane runs: it then waits, shows lines, renews the address and switches
 * the machine off, and can do nothing else. */
#ifndef TR_DATAPLANE_GUEST_CONFINE_H
#define TR_DATAPLANE_GUEST_CONFINE_H

#include "err.h"

/* Every capability but the two that signalling the data plane and switching off need. ERR_FORBIDDEN: we do not have
 * these two. */
must_check enum err confine_capabilities(void);
/* From now on a system call that is not in the list ends this process; when process 1 ends, the kernel panics and
 * the machine restarts at once. Programs cannot be started any more. ERR_UNSUPPORTED: the kernel has no seccomp filter. */
must_check enum err confine_calls(void);

#endif
