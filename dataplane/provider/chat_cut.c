/* (G) The chunk that ends a stream at the edge. */
#include "chat_cut.h"

#include "content_view.h"

#include <assert.h>

static bool finished(const struct chat_canon *c, uint32_t choice)
{
    return (c->finishes_seen[choice / 32] >> (choice % 32) & 1) != 0;
}

static enum err put_choices(const struct chat_canon *c, uint32_t n_choices, struct buf *out)
{
    bool first = true;
    enum err e = ERR_NONE;

    for (uint32_t i = 0; i < n_choices && e == ERR_NONE; i++) {
        if (finished(c, i))
            continue;
        e = buf_appendf(out, "%s{\"index\":%u,\"delta\":{},\"finish_reason\":\"length\"}",
                        first ? "" : ",", (unsigned)i);
        first = false;
    }
    return e;
}

enum err chat_cut_chunk(const struct chat_canon *c, uint32_t n_choices, const char *why,
                        struct buf *out)
{
    enum err e;

    assert(n_choices <= CHAT_CHOICES_MAX);
    e = buf_append(out, VIEW_LIT("{\"id\":"));
    if (e == ERR_NONE)
        e = buf_append_json_string(out, view_str(c->id));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"object\":\"chat.completion.chunk\",\"created\":"));
    if (e == ERR_NONE)
        e = buf_append_u64(out, c->created);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"model\":"));
    if (e == ERR_NONE)
        e = buf_append_json_string(out, c->model);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"choices\":["));
    if (e == ERR_NONE)
        e = put_choices(c, n_choices, out);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("],\"x_tr_end_reason\":"));
    if (e == ERR_NONE)
        e = buf_append_json_string(out, view_str(why));
    if (e == ERR_NONE)
        e = buf_append_byte(out, '}');
    return e;
}
