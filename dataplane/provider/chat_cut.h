/* (G) The last chunk of a stream that the router ends before its provider does. */
#ifndef TR_DATAPLANE_PROVIDER_CHAT_CUT_H
#define TR_DATAPLANE_PROVIDER_CHAT_CUT_H

#include "chat_canon.h"

/* finish_reason "length" for each of n_choices that has not had one, and why, as the member
 * "x_tr_end_reason". Appends to out (no framing). */
must_check enum err chat_cut_chunk(const struct chat_canon *c, uint32_t n_choices, const char *why,
                                   struct buf *out);

#endif
