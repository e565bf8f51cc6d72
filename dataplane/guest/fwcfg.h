/* Files that the host hands over through QEMU's firmware configuration device (fw_cfg), as Linux shows
 * them under /sys/firmware/qemu_fw_cfg. The host writes them, and may write something else each time. */
#ifndef TR_DATAPLANE_GUEST_FWCFG_H
#define TR_DATAPLANE_GUEST_FWCFG_H

#include "buf.h"
#include "err.h"

/* name: below "opt/org.trustedrouter/". The whole file, read once. ERR_NOT_FOUND: the host has given none.
 * ERR_LIMIT: more than max bytes. ERR_IO. */
must_check enum err fwcfg_read(const char *name, size_t max, struct buf *out);

#endif
