#include "sse_out.h"

#include "content_view.h"

#include <assert.h>

void sse_out_init(struct sse_out *o, struct budget *budget)
{
    o->web = NULL;
    o->bytes = 0;
    buf_init_charged(&o->filling, SSE_OUT_MAX, budget);
    buf_init_charged(&o->flying, SSE_OUT_MAX, budget);
    digest_stream_begin(&o->digest);
}

void sse_out_free(struct sse_out *o)
{
    buf_free(&o->filling);
    buf_free(&o->flying);
    o->web = NULL;
}

void sse_out_start(struct sse_out *o, struct web_request *web)
{
    assert(o->web == NULL);
    o->web = web;
}

enum err sse_out_begin(struct sse_out *o, size_t *mark)
{
    *mark = o->filling.len;
    return buf_append(&o->filling, VIEW_LIT("data: "));
}

enum err sse_out_commit(struct sse_out *o)
{
    return buf_append(&o->filling, VIEW_LIT("\n\n"));
}

void sse_out_abandon(struct sse_out *o, size_t mark)
{
    assert(mark <= o->filling.len);
    if (mark == o->filling.len)
        return;
    explicit_bzero(o->filling.ptr + mark, o->filling.len - mark);
    o->filling.len = mark;
}

enum err sse_out_comment(struct sse_out *o, struct view sign)
{
    if (o->filling.len != 0)
        return ERR_NONE;
    return buf_append(&o->filling, sign);
}

enum err sse_out_done(struct sse_out *o)
{
    return buf_append(&o->filling, VIEW_LIT("data: [DONE]\n\n"));
}

bool sse_out_flush(struct sse_out *o)
{
    struct buf empty = o->flying;

    if (o->web == NULL || o->filling.len == 0 || web_stream_busy(o->web))
        return false;
    assert(o->flying.len == 0);
    o->flying = o->filling;
    o->filling = empty;
    web_stream_write(o->web, buf_view(&o->flying));
    /* They have left, or are the kernel's as soon as it has room: hashing holds nobody up. */
    digest_stream_add(&o->digest, buf_view(&o->flying));
    o->bytes += o->flying.len;
    return true;
}

uint64_t sse_out_digest(struct sse_out *o, bool waiting, struct digest32 *out)
{
    if (waiting) {
        digest_stream_add(&o->digest, buf_view(&o->filling));
        o->bytes += o->filling.len;
    }
    digest_stream_end(&o->digest, out);
    return o->bytes;
}

void sse_out_written(struct sse_out *o)
{
    buf_free(&o->flying);
}

bool sse_out_over(const struct sse_out *o)
{
    return o->filling.len > SSE_OUT_HIGH;
}

bool sse_out_under(const struct sse_out *o)
{
    return o->filling.len < SSE_OUT_LOW;
}

void sse_out_end(struct sse_out *o, bool clean, void (*released)(void *cookie), void *cookie)
{
    struct web_request *web = o->web;

    assert(web != NULL);
    o->web = NULL;
    if (clean)
        web_stream_end(web, buf_view(&o->filling), released, cookie);
    else
        web_stream_abort(web, buf_view(&o->filling), released, cookie);
}
