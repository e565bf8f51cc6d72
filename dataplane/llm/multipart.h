/* (G) The parts of a multipart/form-data body (RFC 7578), read strictly: what two readers could split differently is
 * refused. Nothing is copied. */
#ifndef TR_DATAPLANE_LLM_MULTIPART_H
#define TR_DATAPLANE_LLM_MULTIPART_H

#include "err.h"
#include "view.h"

#include <stdbool.h>

enum {
    MULTIPART_BOUNDARY_MAX = 70, /* RFC 2046 */
    MULTIPART_PARTS_MAX = 64,
    MULTIPART_HEAD_MAX = 4096,   /* bytes of one part's header */
};

struct multipart_part {
    struct view name;     /* without quotes */
    struct view filename; /* ptr NULL: it is no file */
    struct view type;     /* media type; empty: not said */
    struct view bytes;
};

struct multipart {
    struct view rest, boundary; /* boundary: with the two dashes in front */
    unsigned parts;
};

/* The boundary that a content-type header names. ERR_UNSUPPORTED: it is no multipart/form-data; ERR_FORMAT: it names
 * none, or one that is not allowed. */
must_check enum err multipart_boundary(struct view content_type, struct view *out);
/* The boundary that the body begins with. ERR_FORMAT: with none. */
must_check enum err multipart_first(struct view body, struct view *out);
/* Begins to read body, whose parts this boundary divides. ERR_FORMAT: it stands elsewhere in the body too. */
must_check enum err multipart_begin(struct multipart *m, struct view body, struct view boundary);
/* The next part. ERR_NOT_FOUND: that was all. ERR_FORMAT, ERR_SHORT (no end), ERR_LIMIT (too many parts, or too long
 * a header). */
must_check enum err multipart_next(struct multipart *m, struct multipart_part *out);

#endif
