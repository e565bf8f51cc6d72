/* Splits a provider's event stream into events: any line ending, any chunking, multi-line data,
 * comments, BOM. Holds at most one event beyond what it was given (LIMIT_SSE_LINE_BYTES). */
#ifndef TR_DATAPLANE_HTTP_SSE_IN_H
#define TR_DATAPLANE_HTTP_SSE_IN_H

#include "buf.h"
#include "err.h"
#include "view.h"

struct sse_in {
    struct buf carry; /* bytes of an unfinished event; unallocated while events arrive whole */
    /* private */
    struct view feed; /* borrowed bytes not looked at yet; empty while carry is in use */
    size_t used;      /* bytes of carry that are delivered events */
    size_t line;      /* start of the line being read, from the start of the event */
    size_t scanned;   /* bytes of the event known to hold no further line end */
    size_t line_max;  /* bytes */
    uint8_t name[32]; /* the event's name while multi-line data is joined */
    bool at_start;    /* a BOM may still come */
    bool skip_lf;     /* the last byte was a CR that ended an event; its LF may follow */
};
struct sse_event {
    struct view name; /* empty when there was no "event:" line */
    struct view data; /* joined data lines; empty data events are reported with len 0 */
};
void sse_in_init(struct sse_in *s, size_t line_max, struct budget *budget);
void sse_in_free(struct sse_in *s);
/* Give it bytes (borrowed until sse_in_next() has returned ERR_SHORT). */
void sse_in_feed(struct sse_in *s, struct view bytes);
/* ERR_NONE: *out is the next event (valid until the next call). ERR_SHORT: feed more.
 * ERR_LIMIT: a line is too long; the stream is unusable. ERR_MEMORY likewise. */
must_check enum err sse_in_next(struct sse_in *s, struct sse_event *out);
/* The bytes are over: lines that no blank line ended are an event too, as sse_in_next() gives it. ERR_SHORT: there are
 * none. Whether its data is whole is for the caller to see. */
must_check enum err sse_in_end(struct sse_in *s, struct sse_event *out);

#endif
