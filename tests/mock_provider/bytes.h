/* A growable byte buffer that keeps its allocation, so a warm connection allocates nothing. Test
 * data only: unlike common/buf it has no maximum and wipes nothing. Out of memory ends the program.
 */
#ifndef TR_MOCK_BYTES_H
#define TR_MOCK_BYTES_H

#include "view.h"

struct bytes {
    char *ptr;
    size_t len, cap;
};

void bytes_reserve(struct bytes *b, size_t n);
void bytes_put(struct bytes *b, const void *p, size_t n);
void bytes_str(struct bytes *b, const char *s);
void bytes_u64(struct bytes *b, uint64_t v);
void bytes_hex(struct bytes *b, uint64_t v);
void bytes_printf(struct bytes *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The inside of a JSON string: escapes quotes, backslashes and control bytes. */
void bytes_escaped(struct bytes *b, const char *p, size_t n);
void bytes_drop(struct bytes *b, size_t n); /* n bytes from the front */
void bytes_free(struct bytes *b);

#define BYTES_LIT(b, lit) bytes_put((b), "" lit "", sizeof(lit) - 1)

#endif
