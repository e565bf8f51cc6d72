/* Keys are made from the kernel's random numbers, so nothing starts before these are seeded. */
#ifndef TR_DATAPLANE_GUEST_ENTROPY_H
#define TR_DATAPLANE_GUEST_ENTROPY_H

#include "err.h"

/* Wait for them at most this many milliseconds. ERR_TOTAL_TIMEOUT: the machine has neither RDRAND nor a
 * virtio source that gave enough. */
must_check enum err entropy_wait(unsigned ms);

#endif
