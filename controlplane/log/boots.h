/* A data plane's boot in the log: written down before it is accepted, proved again whenever it is
 * accepted again. */
#ifndef TR_CONTROLPLANE_LOG_BOOTS_H
#define TR_CONTROLPLANE_LOG_BOOTS_H

#include "evidence.h"
#include "translog.h"

/* cb fires once, later. ERR_NONE: the boot is logged; statement and proof (c2sp.org/tlog-proof@v1)
 * live during the call. Otherwise what translog_append and prove_inclusion say. */
typedef void boots_cb(void *cookie, enum err e, struct view statement, struct view proof);

struct boots_entry {
    struct identity identity;
    struct digest32 identity_sha256;
    uint8_t measurement[48];
    struct digest32 policy_sha256; /* under which it is accepted */
};
void boots_log(struct translog *t, const struct boots_entry *entry, boots_cb *cb, void *cookie);

#endif
