/* Standard base64 with padding (RFC 4648 4), one spelling per value: what does not come back the
 * same when encoded again is refused, so signed and hashed bytes have one text form. */
#ifndef TR_COMMON_BASE64_H
#define TR_COMMON_BASE64_H

#include "buf.h"
#include "err.h"
#include "view.h"

/* ERR_LIMIT, ERR_MEMORY of the buffer; on failure nothing is appended. */
must_check enum err base64_append(struct view v, struct buf *out);
/* Decode and append. ERR_FORMAT: not canonical, or more than BASE64_TEXT_MAX. */
enum { BASE64_TEXT_MAX = 64 << 20 }; /* characters; keeps every length an int away from wrapping */
must_check enum err base64_decode(struct view text, struct buf *out);
/* Exactly n bytes, no allocation. ERR_FORMAT; *out then undefined. */
must_check enum err base64_exact(struct view text, uint8_t *out, size_t n);

/* base64url without padding (RFC 4648 5), as JOSE writes it (RFC 7515 2). The errors of base64_append(), which wants room
 * for the padding as well. */
must_check enum err base64url_append(struct view v, struct buf *out);
/* Decode and append. ERR_FORMAT: not canonical, or padded. */
must_check enum err base64url_decode(struct view text, struct buf *out);

#endif
