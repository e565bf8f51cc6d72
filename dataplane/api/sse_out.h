/* (G) The event stream to one client: whole events only, everything that is ready in one write, at
 * most one write in flight, nothing allocated while the stream is silent. */
#ifndef TR_DATAPLANE_API_SSE_OUT_H
#define TR_DATAPLANE_API_SSE_OUT_H

#include "buf.h"
#include "digest_stream.h"
#include "err.h"
#include "web.h"

enum {
    SSE_OUT_MAX = 64 << 20,     /* bytes waiting; backpressure keeps it far below */
    SSE_OUT_HIGH = 128 << 10,   /* above this the provider is not read any further */
    SSE_OUT_LOW = 32 << 10,     /* below this it is again */
};

struct sse_out {
    struct web_request *web; /* NULL before start and after the end */
    struct buf filling;      /* whole events that wait for their turn */
    struct buf flying;       /* borrowed by the server until sse_out_written() */
    struct digest_stream digest; /* over what was written so far */
    uint64_t bytes;              /* how much that is */
};

/* What it holds is charged to the budget. */
void sse_out_init(struct sse_out *o, struct budget *budget);
/* Wipes and frees. The stream must be over, or not have begun. */
void sse_out_free(struct sse_out *o);
/* web_stream_start() has been called: from now on flushes go out. */
void sse_out_start(struct sse_out *o, struct web_request *web);

/* An event is appended between begin and commit; abandon takes it back. */
must_check enum err sse_out_begin(struct sse_out *o, size_t *mark);
must_check enum err sse_out_commit(struct sse_out *o);
void sse_out_abandon(struct sse_out *o, size_t mark);
/* A sign of life (whole events, with their framing), unless something waits anyhow. */
must_check enum err sse_out_comment(struct sse_out *o, struct view sign);
must_check enum err sse_out_done(struct sse_out *o); /* data: [DONE] */

/* Write what waits, if a write may start. True when bytes left. */
bool sse_out_flush(struct sse_out *o);
/* The server is done with the bytes in flight. */
void sse_out_written(struct sse_out *o);
bool sse_out_over(const struct sse_out *o);  /* more than SSE_OUT_HIGH waits behind a write */
bool sse_out_under(const struct sse_out *o); /* less than SSE_OUT_LOW */
/* The digest of everything that was written, and what waits too if `waiting`; how many bytes that
 * is. Once, when nothing more will be written but by sse_out_end(). */
uint64_t sse_out_digest(struct sse_out *o, bool waiting, struct digest32 *out);
/* What waits goes out, then a clean or an unclean end. released fires once; the buffers are the
 * server's until then. */
void sse_out_end(struct sse_out *o, bool clean, void (*released)(void *cookie), void *cookie);

#endif
