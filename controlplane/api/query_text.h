/* What a value of a query string says: its escapes taken away. */
#ifndef TR_CONTROLPLANE_API_QUERY_TEXT_H
#define TR_CONTROLPLANE_API_QUERY_TEXT_H

#include "buf.h"

/* "%41+b" is "A b". Appends to out. ERR_FORMAT: an escape is none, or says NUL; ERR_LIMIT: out is full. */
must_check enum err query_text(struct view value, struct buf *out);

#endif
