/* (G) The row of chat completions. */
#include "chat_dialect.h"

#include "chat_openrouter.h"
#include "chat_request.h"
#include "chat_write.h"
#include "content_view.h"
#include "error_body.h"

/* Where the members stand is kept for the renderer, which splices. */
static enum err chat_read(struct view body, struct prompt *out, struct prompt_fault *fault)
{
    struct chat_request *r = malloc(sizeof *r);

    *out = (struct prompt){0};
    *fault = (struct prompt_fault){0};
    return r != NULL ? chat_request_parse(body, r, out, fault) : ERR_MEMORY;
}

static enum err chat_fail(struct answer *a, const struct api_failure *f, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("data: "));

    (void)a;
    if (e == ERR_NONE)
        e = error_body(f, out);
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("\n\n")) : e;
}

/* OpenAI's clients read those that the provider's answer has. */
static enum err chat_figures(const struct answer *a, const struct token_usage *usage, struct buf *whole)
{
    return a->openrouter ? chat_openrouter_usage(usage, a->cost_nusd, a->own_key, whole) : ERR_NONE;
}

static enum err chat_failure(const struct api_failure *f, const struct id *request, bool openrouter,
                             struct buf *out)
{
    (void)request;
    return openrouter ? error_openrouter_body(f, out) : error_body(f, out);
}

const struct dialect chat_dialect = {
    .name = "chat",
    .synth = true,
    .by_events = &chat_written,
    .read = chat_read,
    .keep_alive = {(const uint8_t *)": keep-alive\n\n", 14},
    .fail = chat_fail,
    .figures = chat_figures,
    .failure = chat_failure,
};
