/* The bytes of a struct content. Including this header marks a file as content-handling: the
 * Makefile compiles it behind content_guard.h, so it cannot log, print or open files. */
#ifndef TR_COMMON_CONTENT_VIEW_H
#define TR_COMMON_CONTENT_VIEW_H

#include "buf.h"
#include "content.h"

struct view content_bytes(const struct content *c);
/* The growable buffer behind it, for appending; stays owned by the content. */
struct buf *content_buf(struct content *c);

#endif
