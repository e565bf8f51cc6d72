/* (G) The rows of the providers' dialects. */
#include "adapter.h"

#include "anthropic_read.h"
#include "anthropic_render.h"
#include "chat_gather.h"
#include "chat_request.h"
#include "content_view.h"
#include "gemini_embeddings.h"
#include "gemini_read.h"
#include "gemini_render.h"
#include "openai_call.h"
#include "openai_embeddings.h"
#include "openai_fill.h"
#include "openai_render.h"
#include "openai_responses.h"
#include "parameters.h"
#include "row_edits.h"

#include <assert.h>

/* --- OpenAI's chat completions, as most providers speak it */

static enum err chat_path(const struct prompt *p, const struct destination *d, struct buf *out)
{
    (void)p, (void)d;
    return buf_append(out, VIEW_LIT("/chat/completions"));
}

static bool has_tools(const struct prompt *p)
{
    return p->chat != NULL ? p->chat->member[CHAT_KEY_TOOLS].present : p->list.n_tools != 0;
}

/* What this endpoint's row and model cannot do at all, of what is in the body. */
static bool endpoint_fits(const struct prompt *p, const struct destination *d, struct view *refused)
{
    *refused = VIEW_LIT("reasoning_effort");
    if ((d->model->gates.bits & GATE_EFFORT_OR_TOOLS) != 0 && has_tools(p) && parameters_effort(p))
        return false;
    *refused = VIEW_LIT("n");
    return p->n_choices <= 1 || !row_edits_drop(d, *refused);
}

/* A chat client's own bytes are spliced, the others' requests are written from the prompt's list. */
static bool chat_fits(const struct prompt *p, const struct destination *d, struct view *refused)
{
    if (!endpoint_fits(p, d, refused))
        return false;
    if (p->chat == NULL)
        return openai_fits(p, d->provider, refused);
    return chat_request_fits(p->chat, d->provider, refused) &&
           (destination_prices_long_cache(d) || chat_request_cache_fits(p->chat, d->provider, refused));
}

/* Where thinking has neither a word nor a switch, how much of it is asked for is not said. */
static bool chat_omits(const struct prompt *p, const struct destination *d)
{
    unsigned quirks = d->provider->quirks;

    return ((quirks & QUIRK_NO_REASONING_EFFORT) != 0 && (quirks & (QUIRK_THINKING | QUIRK_ENABLE_THINKING)) == 0 &&
            parameters_effort(p)) ||
           (p->chat == NULL && openai_omits(p, d->provider));
}

static size_t chat_room(const struct prompt *p)
{
    return p->chat != NULL ? chat_request_room(p->chat)
                           : (p->body.len + prompt_list_kept(&p->list)) * OPENAI_RENDER_GROWTH + OPENAI_RENDER_SLACK;
}

static enum err chat_body(const struct prompt *p, const struct destination *d, uint32_t max_output, struct buf *out)
{
    const char *model = d->endpoint->upstream_model;

    return p->chat != NULL ? chat_request_render(p->chat, d->provider, model, max_output, out)
                           : openai_render(p, d->provider, model, max_output, out);
}

/* --- Anthropic's Messages */

static enum err messages_path(const struct prompt *p, const struct destination *d, struct buf *out)
{
    (void)p, (void)d;
    return buf_append(out, VIEW_LIT("/messages"));
}

#define LACKS(setting) (UINT32_C(1) << SETTING_##setting)
/* What neither Anthropic, nor Google, nor OpenAI's Responses has. */
#define LACKS_OPEN (LACKS(MIN_P) | LACKS(TOP_A) | LACKS(REPETITION_PENALTY) | LACKS(LOGIT_BIAS))
#define LACKS_PENALTIES (LACKS(FREQUENCY_PENALTY) | LACKS(PRESENCE_PENALTY))

static const struct adapter chat[DIALECT_COUNT] = {
    [DIALECT_OPENAI] =
        {
            .path = chat_path,
            .fits = chat_fits,
            .omits = chat_omits,
            .room = chat_room,
            .render = chat_body,
            .chunk = chat_canon_chunk,
            .whole = chat_gather,
            .error = chat_canon_error,
        },
    [DIALECT_RESPONSES] =
        {
            .list = true,
            .path = openai_responses_path,
            .fits = openai_responses_fits,
            .lacks = LACKS_OPEN | LACKS_PENALTIES | LACKS(SEED) | LACKS(TOP_K),
            .omits = openai_responses_omits,
            .room = openai_responses_room,
            .render = openai_responses_render,
            .chunk = openai_responses_chunk,
            .whole = openai_responses_whole,
            .error = chat_canon_error,
        },
    [DIALECT_GEMINI] =
        {
            .list = true,
            .path = gemini_path,
            .fits = gemini_fits,
            .lacks = LACKS_OPEN | LACKS(VERBOSITY),
            .omits = gemini_omits,
            .room = gemini_room,
            .render = gemini_render,
            .chunk = gemini_chunk,
            .whole = gemini_whole,
            .error = gemini_error,
        },
    [DIALECT_ANTHROPIC] =
        {
            .list = true,
            .headers = VIEW_LIT("\r\nanthropic-version: 2023-06-01"), /* later ones have no sampling at all */
            .path = messages_path,
            .fits = anthropic_fits,
            .lacks = LACKS_OPEN | LACKS_PENALTIES | LACKS(SEED) | LACKS(VERBOSITY),
            .omits = anthropic_omits,
            .room = anthropic_room,
            .render = anthropic_render,
            .chunk = anthropic_chunk,
            .whole = anthropic_whole,
            .error = anthropic_error,
        },
};

/* --- its embeddings */

static enum err embeddings_path(const struct prompt *p, const struct destination *d, struct buf *out)
{
    (void)p, (void)d;
    return buf_append(out, VIEW_LIT("/embeddings"));
}

static bool embeddings_fits(const struct prompt *p, const struct destination *d, struct view *refused)
{
    return openai_embeddings_fits(p, d->provider, refused);
}

static enum err embeddings_body(const struct prompt *p, const struct destination *d, uint32_t max_output,
                                struct buf *out)
{
    return openai_embeddings_render(p, d->provider, d->endpoint->upstream_model, max_output, out);
}

static const struct adapter embeddings[DIALECT_COUNT] = {
    [DIALECT_OPENAI] =
        {
            .path = embeddings_path,
            .fits = embeddings_fits,
            .room = openai_embeddings_room,
            .render = embeddings_body,
            .whole = openai_embeddings_whole,
            .error = chat_canon_error,
        },
    [DIALECT_GEMINI] =
        {
            .path = gemini_embeddings_path,
            .fits = gemini_embeddings_fits,
            .room = gemini_embeddings_room,
            .render = gemini_embeddings_render,
            .whole = gemini_embeddings_whole,
            .error = gemini_error,
        },
};

/* --- and its completions, with a suffix */

static enum err fill_path(const struct prompt *p, const struct destination *d, struct buf *out)
{
    (void)p, (void)d;
    return buf_append(out, VIEW_LIT("/completions"));
}

static bool fill_fits(const struct prompt *p, const struct destination *d, struct view *refused)
{
    return openai_fill_fits(p, d->provider, refused);
}

static enum err fill_body(const struct prompt *p, const struct destination *d, uint32_t max_output, struct buf *out)
{
    return openai_fill_render(p, d->provider, d->endpoint->upstream_model, max_output, out);
}

static const struct adapter fill[DIALECT_COUNT] = {
    [DIALECT_OPENAI] =
        {
            .path = fill_path,
            .fits = fill_fits,
            .omits = chat_omits,
            .room = chat_room,
            .render = fill_body,
            .chunk = openai_fill_chunk,
            .whole = openai_fill_whole,
            .error = chat_canon_error,
        },
};

/* --- images, speech, transcripts, moderations, ranks */

static const struct adapter call[DIALECT_COUNT] = {
    [DIALECT_OPENAI] =
        {
            .path = openai_call_path,
            .fits = openai_call_fits,
            .room = openai_call_room,
            .render = openai_call_render,
            .type = openai_call_type,
            .whole = openai_call_whole,
            .error = chat_canon_error,
        },
};

const struct adapter *adapter_of(const struct provider *provider, enum prompt_kind kind)
{
    static const struct adapter *const kinds[PROMPT_KINDS] = {
        [PROMPT_CHAT] = chat,           [PROMPT_EMBEDDINGS] = embeddings, [PROMPT_FILL] = fill,
        [PROMPT_IMAGES] = call,         [PROMPT_IMAGE_EDITS] = call,      [PROMPT_SPEECH] = call,
        [PROMPT_TRANSCRIPTION] = call,  [PROMPT_TRANSLATION] = call,      [PROMPT_MODERATION] = call,
        [PROMPT_RERANK] = call,
    };
    const struct adapter *row;

    assert(provider->dialect < DIALECT_COUNT && kind < PROMPT_KINDS);
    row = &kinds[kind][provider->dialect];
    return row->fits != NULL ? row : NULL;
}
