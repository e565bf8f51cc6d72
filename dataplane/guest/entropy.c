/* getrandom() says whether the kernel's generator is seeded. */
#include "entropy.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/random.h>

enum { LOOK_EVERY_MS = 20 };

enum err entropy_wait(unsigned ms)
{
    for (unsigned waited = 0;; waited += LOOK_EVERY_MS) {
        char byte;

        if (getrandom(&byte, 1, GRND_NONBLOCK) == 1)
            return ERR_NONE;
        if (errno != EAGAIN && errno != EINTR)
            return ERR_IO;
        if (waited >= ms)
            return ERR_TOTAL_TIMEOUT;
        (void)!poll(NULL, 0, LOOK_EVERY_MS);
    }
}
