/* (G) The rows of the providers' dialects. */
#include "adapter.h"

#include "chat_gather.h"
#include "chat_request.h"
#include "content_view.h"
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

static const struct adapter adapters[DIALECT_COUNT] = {
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

const struct adapter *adapter_of(const struct provider *provider)
{
    assert(provider->dialect < DIALECT_COUNT);
    return &adapters[provider->dialect];
}
