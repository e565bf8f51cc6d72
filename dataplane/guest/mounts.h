/* The file systems and kernel settings of the guest: everything is in memory, nothing is a disk. */
#ifndef TR_DATAPLANE_GUEST_MOUNTS_H
#define TR_DATAPLANE_GUEST_MOUNTS_H

#include "err.h"
#include "view.h"

#define GUEST_RUN "/run/trustedrouter" /* what tr-init writes for tr-dataplane; a tmpfs of 1 MiB */

/* /dev /proc /sys /run. ERR_IO. */
must_check enum err mounts_make(void);
/* Settings under /proc/sys; those of a part that the kernel does not have are passed over. ERR_IO. */
must_check enum err mounts_sysctls(void);
/* GUEST_RUN/name, readable by everybody, written by nobody but us. ERR_IO. */
must_check enum err mounts_write(const char *name, struct view v);
/* Nothing is written below GUEST_RUN from now on. ERR_IO. */
must_check enum err mounts_seal(void);

#endif
