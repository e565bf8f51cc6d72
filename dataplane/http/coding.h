/* Decodes a response body that a provider has compressed, although we ask for identity: gzip or deflate, as
 * it arrives. A body that is plain under such a label is handed on as it is. */
#ifndef TR_DATAPLANE_HTTP_CODING_H
#define TR_DATAPLANE_HTTP_CODING_H

#include "err.h"
#include "view.h"

enum coding_kind { CODING_IDENTITY, CODING_GZIP, CODING_DEFLATE };

/* What is decoded may be so many times as long as what was received, beyond the first MiB. Event streams
 * shrink to a 20th or 50th; a longer answer out of few bytes is made to fill our memory. */
enum { CODING_RATIO_MAX = 256, CODING_FREE_BYTES = 1 << 20 };

struct coding;
/* ERR_MEMORY. */
must_check enum err coding_new(enum coding_kind kind, struct coding **out);
void coding_free(struct coding *c); /* wipes */

/* Does a body that begins with this byte have to be gzip? Neither JSON nor an event stream can. */
static inline bool coding_is_gzip(uint8_t first)
{
    return first == 0x1f;
}

/* "deflate" is the zlib format by the letter (RFC 9110 8.4.1.2), and bare at some programs. Do these first two
 * bytes begin the zlib format? They are a checksum of themselves, which bare data hardly ever is. */
static inline bool coding_is_zlib(uint8_t first, uint8_t second)
{
    return (first & 0x0f) == 8 && (first << 8 | second) % 31 == 0;
}

/* Decode bytes (borrowed) and hand the result to piece, as often as it takes; it returns false when
 * nothing more is wanted. ERR_PROVIDER_PROTOCOL: malformed, or over CODING_RATIO_MAX. ERR_MEMORY. */
must_check enum err coding_feed(struct coding *c, struct view bytes,
                                bool (*piece)(void *cookie, struct view bytes), void *cookie);
/* Has the compressed body come to its end? A plain one always has. */
bool coding_over(const struct coding *c);

#endif
