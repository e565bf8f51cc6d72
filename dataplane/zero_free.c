/* Zero on free, for the whole process: free() and what can free (realloc, reallocarray) are defined
 * here, in the executable, so that libh2o, OpenSSL, libuv and the C library itself use them. What
 * has been given back holds nothing; nobody has to remember to wipe a buffer some library grew.
 *
 * glibc only: __libc_malloc and __libc_free are its malloc under another name. Memory that is never
 * freed, registers and stacks are not covered. */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void __libc_free(void *p);

void free(void *p)
{
    int saved = errno; /* callers rely on free() leaving it alone */

    if (p == NULL)
        return;
    explicit_bzero(p, malloc_usable_size(p));
    __libc_free(p);
    errno = saved;
}

/* Never grows in place: that would need the allocator's lock to know. Shrinking by less than half
 * keeps the block, with its tail wiped. */
void *realloc(void *p, size_t size)
{
    size_t usable;
    void *q;

    if (p == NULL)
        return __libc_malloc(size);
    if (size == 0) {
        free(p);
        return NULL;
    }
    usable = malloc_usable_size(p);
    if (size <= usable && size > usable / 2) {
        explicit_bzero((char *)p + size, usable - size);
        return p;
    }
    q = __libc_malloc(size);
    if (q == NULL)
        return NULL;
    memcpy(q, p, usable < size ? usable : size);
    free(p);
    return q;
}

void *reallocarray(void *p, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(p, bytes);
}
