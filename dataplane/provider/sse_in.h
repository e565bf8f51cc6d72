/* Splits a provider's event stream into events: any line ending, any chunking, multi-line data,
 * comments, BOM. Holds at most one line beyond what it was given (LIMIT_SSE_LINE_BYTES). */
#ifndef TR_DATAPLANE_PROVIDER_SSE_IN_H
#define TR_DATAPLANE_PROVIDER_SSE_IN_H

#include "buf.h"
#include "err.h"
#include "view.h"

struct sse_in {
    struct buf carry; /* bytes of an unfinished event; unallocated while events arrive whole */
    /* private state follows; see sse_in.c */
    struct view feed;
    size_t scanned;
    bool at_start, skip_lf;
};
struct sse_event {
    struct view name; /* empty when there was no "event:" line */
    struct view data; /* joined data lines; empty data events are reported with len 0 */
};
void sse_in_init(struct sse_in *s, size_t line_max);
void sse_in_free(struct sse_in *s);
/* Give it bytes (borrowed until sse_in_next() has returned ERR_SHORT). */
void sse_in_feed(struct sse_in *s, struct view bytes);
/* ERR_NONE: *out is the next event (valid until the next call). ERR_SHORT: feed more.
 * ERR_LIMIT: a line is too long; the stream is unusable. */
must_check enum err sse_in_next(struct sse_in *s, struct sse_event *out);
/* True when the bytes so far end inside an event: EOF here is a truncation. */
bool sse_in_partial(const struct sse_in *s);

#endif
