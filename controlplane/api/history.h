/* What the pages about single requests share. */
#ifndef TR_CONTROLPLANE_API_HISTORY_H
#define TR_CONTROLPLANE_API_HISTORY_H

#include "buf.h"
#include "err.h"

enum { HISTORY_NAMES_MAX = ERR_COUNT * 64 };

/* How requests and attempts can fail, by number from 0: an array for a statement. out: of HISTORY_NAMES_MAX; the caller
 * frees it. ERR_MEMORY. */
must_check enum err history_error_names(struct buf *out);

#endif
