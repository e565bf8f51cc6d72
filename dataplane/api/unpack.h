/* (G) Takes the content coding off a request body (RFC 9110 8.4): gzip, deflate and zstd, because clients
 * that compress what they send use one of these. Bounded in what it makes and in what it holds. */
#ifndef TR_DATAPLANE_API_UNPACK_H
#define TR_DATAPLANE_API_UNPACK_H

#include "buf.h"
#include "err.h"

/* For Accept-Encoding. */
#define UNPACK_CODINGS "gzip, deflate, zstd"

enum unpack_coding { UNPACK_IDENTITY, UNPACK_GZIP, UNPACK_DEFLATE, UNPACK_ZSTD };

/* The one coding that a Content-Encoding names, in any letter case. ERR_UNSUPPORTED: another, or several. */
must_check enum err unpack_coding(struct view content_encoding, enum unpack_coding *out);

/* Append the decoded bytes of packed to out, at most max of them, for which out must have room and for one
 * byte more. coding is not UNPACK_IDENTITY. ERR_FORMAT: damaged, or something follows behind its end.
 * ERR_SHORT: it is cut off. ERR_LIMIT: there are more than max, or its window is over 8 MiB. ERR_OVERLOAD: out's
 * budget has no room. ERR_MEMORY. On failure out holds a part. */
must_check enum err unpack(enum unpack_coding coding, struct view packed, size_t max, struct buf *out);

#endif
