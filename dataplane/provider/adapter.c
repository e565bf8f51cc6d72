/* (G) The rows of the providers' dialects. */
#include "adapter.h"

#include "chat_gather.h"
#include "chat_request.h"
#include "content_view.h"
#include "openai_embeddings.h"
#include "openai_fill.h"
#include "openai_render.h"

#include <assert.h>

/* --- OpenAI's chat completions, as most providers speak it */

/* A chat client's own bytes are spliced, the others' requests are written from the prompt's list. */
static bool openai_takes(const struct prompt *p, const struct provider *provider, struct view *refused)
{
    return p->chat != NULL ? chat_request_fits(p->chat, provider, refused)
                           : openai_fits(p, provider, refused);
}

static size_t openai_room(const struct prompt *p)
{
    return p->chat != NULL ? chat_request_room(p->chat)
                           : p->body.len * OPENAI_RENDER_GROWTH + OPENAI_RENDER_SLACK;
}

static enum err openai_body(const struct prompt *p, const struct provider *provider,
                            const char *upstream_model, uint32_t max_output, struct buf *out)
{
    return p->chat != NULL ? chat_request_render(p->chat, provider, upstream_model, max_output, out)
                           : openai_render(p, provider, upstream_model, max_output, out);
}

static const struct adapter chat[DIALECT_COUNT] = {
    [DIALECT_OPENAI] =
        {
            .path = {(const uint8_t *)"/chat/completions", 17},
            .fits = openai_takes,
            .room = openai_room,
            .render = openai_body,
            .chunk = chat_canon_chunk,
            .whole = chat_gather,
            .error = chat_canon_error,
        },
};

static const struct adapter embeddings[DIALECT_COUNT] = {
    [DIALECT_OPENAI] =
        {
            .path = {(const uint8_t *)"/embeddings", 11},
            .fits = openai_embeddings_fits,
            .room = openai_embeddings_room,
            .render = openai_embeddings_render,
            .whole = openai_embeddings_whole,
            .error = chat_canon_error,
        },
};

static const struct adapter fill[DIALECT_COUNT] = {
    [DIALECT_OPENAI] =
        {
            .path = {(const uint8_t *)"/completions", 12},
            .fits = openai_fill_fits,
            .room = openai_room,
            .render = openai_fill_render,
            .chunk = openai_fill_chunk,
            .whole = openai_fill_whole,
            .error = chat_canon_error,
        },
};

const struct adapter *adapter_of(const struct provider *provider, enum prompt_kind kind)
{
    static const struct adapter *const kinds[PROMPT_KINDS] = {chat, embeddings, fill};
    const struct adapter *row;

    assert(provider->dialect < DIALECT_COUNT && kind < PROMPT_KINDS);
    row = &kinds[kind][provider->dialect];
    return row->fits != NULL ? row : NULL;
}
