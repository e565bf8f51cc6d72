/* A report through the ioctls of /dev/sev-guest (linux/sev-guest.h), for kernels without
 * configfs-tsm.
 */
#ifndef TR_ATTESTATION_SEV_GUEST_H
#define TR_ATTESTATION_SEV_GUEST_H

#include "quote.h"

/* What the last call said: for the operator's log, numbers of AMD's and the host's own tables. */
struct sev_guest_trouble {
    uint32_t firmware; /* firmware error, or the status in its answer; 0: none */
    uint32_t host;     /* the hypervisor's: 1 buffer too small, 2 busy; 0: none */
    int32_t os;        /* errno; 0: none */
};

/* out->vek and out->ask stay empty when the host gives no certificates. ERR_UNSUPPORTED: no such
 * device, or it does nothing any more (the driver has thrown its key away after a failure; only a
 * reboot brings it back). ERR_OVERLOAD: the host throttles, and went on for SEV_GUEST_BUSY_MS.
 * ERR_ATTESTATION: the firmware refuses, or the report is not whole or not for report_data. ERR_IO.
 * Waits between tries: for a process that has nothing else to do. */
enum { SEV_GUEST_BUSY_MS = 20000 };
must_check enum err sev_guest_report(const uint8_t report_data[static 64], struct quote *out,
                                     struct sev_guest_trouble *trouble);

#endif
