/* Documents with exactly one spelling: canonical JSON (RFC 8785) whose members are known
 * beforehand, written down as a table of fixed text and fields. Encoder and decoder walk the same
 * table, so what is decoded is what would be encoded again, byte for byte. */
#ifndef TR_ATTESTATION_CANONICAL_H
#define TR_ATTESTATION_CANONICAL_H

#include "buf.h"
#include "err.h"
#include "view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum canonical_kind {
    CANONICAL_NAME, /* char[size], NUL-terminated printable ASCII that JSON never escapes, not empty
                     */
    CANONICAL_HEX,  /* `size` bytes as lower-case digits, at most CANONICAL_HEX_MAX bytes */
    CANONICAL_NUMBER, /* uint64_t, at most CANONICAL_NUMBER_MAX */
    CANONICAL_BOOL,
    CANONICAL_TEXT, /* no value, only the text before it */
};
enum { CANONICAL_HEX_MAX = 64 };
#define CANONICAL_NUMBER_MAX (UINT64_C(1) << 53) /* beyond, readers of JSON disagree */

struct canonical_field {
    struct view before; /* the text up to the value; names and hex bring their quotes */
    enum canonical_kind kind;
    size_t at, size; /* in the struct */
};
#define CANONICAL_FIELD(text, what, type, member)                                                  \
    {                                                                                              \
        .before = VIEW_LIT(text), .kind = (what), .at = offsetof(struct type, member),             \
        .size = sizeof(((struct type *)0)->member)                                                 \
    }

struct canonical {
    const struct canonical_field *fields;
    size_t n;
    struct view end; /* the text after the last value */
};

/* Append what the table says about *from. skip: the index of a field that is left out together with
 * its text (a signature), or CANONICAL_ALL. ERR_FORMAT: a name or a number that cannot be written;
 * ERR_LIMIT, ERR_MEMORY of the buffer. On failure out is unchanged. */
#define CANONICAL_ALL SIZE_MAX
must_check enum err canonical_append(const struct canonical *c, const void *from, size_t skip,
                                     struct buf *out);
/* Take one document from the front of v into *to. False: it is not there in this one spelling; *to
 * and *v are then undefined. */
bool canonical_take(const struct canonical *c, struct view *v, void *to);

/* The pieces, for documents with lists in them. */
bool canonical_take_literal(struct view *v, struct view literal);
bool canonical_take_hex(struct view *v, uint8_t *out, size_t n); /* without quotes */

#endif
