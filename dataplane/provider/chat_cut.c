/* (G) Chunks of our own: for a finish reason, for the end of a stream at the edge, for usage. */
#include "chat_cut.h"

#include "chat_parts.h"
#include "content_view.h"
#include "secret.h"

#include <assert.h>

void chat_put_head(const struct chat_canon *c, struct patch *p)
{
    patch_put(p, VIEW_LIT("{\"id\":"));
    patch_put_string(p, view_str(c->id));
    patch_put(p, VIEW_LIT(",\"object\":\"chat.completion.chunk\",\"created\":"));
    patch_put_u64(p, c->created);
    patch_put(p, VIEW_LIT(",\"model\":"));
    patch_put_string(p, c->model);
    if (c->provider_name.len != 0) {
        patch_put(p, VIEW_LIT(",\"provider\":"));
        patch_put_string(p, c->provider_name);
    }
    patch_put(p, VIEW_LIT(",\"choices\":["));
}

static void put_choice(struct patch *p, uint32_t index, struct view reason, bool *first)
{
    patch_put(p, *first ? VIEW_LIT("{\"index\":") : VIEW_LIT(",{\"index\":"));
    patch_put_u64(p, index);
    patch_put(p, VIEW_LIT(",\"delta\":{},\"finish_reason\":"));
    patch_put(p, reason);
    patch_put(p, VIEW_LIT("}"));
    *first = false;
}

/* A class that most answers do not have. */
static void put_some(struct patch *p, struct view name, uint32_t tokens)
{
    if (tokens == 0)
        return;
    patch_put(p, name);
    patch_put_u64(p, tokens);
}

void chat_put_figures(struct patch *p, const struct token_usage *u)
{
    patch_put(p, VIEW_LIT("\"prompt_tokens\":"));
    patch_put_u64(p, u->prompt);
    patch_put(p, VIEW_LIT(",\"completion_tokens\":"));
    patch_put_u64(p, u->completion);
    patch_put(p, VIEW_LIT(",\"total_tokens\":"));
    patch_put_u64(p, (uint64_t)u->prompt + u->completion);
    patch_put(p, VIEW_LIT(",\"prompt_tokens_details\":{\"cached_tokens\":"));
    patch_put_u64(p, u->cached_read);
    put_some(p, VIEW_LIT(",\"cache_write_tokens\":"), u->cache_write);
    put_some(p, VIEW_LIT(",\"audio_tokens\":"), u->audio_input);
    put_some(p, VIEW_LIT(",\"image_tokens\":"), u->image_input);
    patch_put(p, VIEW_LIT("},\"completion_tokens_details\":{\"reasoning_tokens\":"));
    patch_put_u64(p, u->reasoning);
    put_some(p, VIEW_LIT(",\"audio_tokens\":"), u->audio_output);
    put_some(p, VIEW_LIT(",\"image_tokens\":"), u->image_output);
    patch_put(p, VIEW_LIT("}"));
}

static void put_usage(struct patch *p, const struct token_usage *u)
{
    patch_put(p, VIEW_LIT(",\"usage\":{"));
    chat_put_figures(p, u);
    patch_put(p, VIEW_LIT("}"));
}

enum err chat_canon_closing(const struct chat_canon *c, struct buf *out)
{
    struct patch p = {.out = out};
    size_t start = out->len;

    chat_put_head(c, &p);
    patch_put(&p, VIEW_LIT("]"));
    put_usage(&p, &c->usage);
    patch_put(&p, VIEW_LIT("}"));
    return patch_over(&p, start);
}

static uint32_t choices_count(const uint32_t set[static 4])
{
    uint32_t n = 0;

    for (int i = 0; i < 4; i++)
        n += (uint32_t)__builtin_popcount(set[i]);
    return n;
}

bool chat_canon_finished(const struct chat_canon *c)
{
    uint32_t n = choices_count(c->finishes_seen);

    return n != 0 && n == choices_count(c->roles_seen);
}

enum err chat_canon_end(struct chat_canon *c, struct buf *out)
{
    struct patch p = {.out = out};
    size_t start = out->len;
    bool first = true;

    assert(!chat_canon_finished(c));
    if (choices_count(c->finishes_seen) != 0 || c->strange || chat_calls_open(c))
        return ERR_PROVIDER_TRUNCATED;
    chat_put_head(c, &p);
    for (uint32_t i = 0; i < CHAT_CHOICES_MAX; i++) {
        enum chat_called called = chat_called_by(c, i);
        enum usage_finish f = called == CALLED_NOTHING ? FINISH_STOP : FINISH_TOOL_CALLS;

        if (!chat_bit(c->roles_seen, i))
            continue;
        put_choice(&p, i, chat_finish_word(f, called), &first);
        if (i == 0)
            c->finish = f;
    }
    patch_put(&p, VIEW_LIT("]}"));
    return patch_over(&p, start);
}

enum err chat_cut_chunk(const struct chat_canon *c, uint32_t n_choices, const char *why,
                        struct buf *out)
{
    struct patch p = {.out = out};
    size_t start = out->len;
    bool first = true;

    assert(n_choices <= CHAT_CHOICES_MAX);
    chat_put_head(c, &p);
    for (uint32_t i = 0; i < n_choices; i++) {
        if (!chat_bit(c->finishes_seen, i))
            put_choice(&p, i, VIEW_LIT("\"length\""), &first);
    }
    patch_put(&p, VIEW_LIT("],\"x_tr_end_reason\":"));
    patch_put_string(&p, view_str(why));
    patch_put(&p, VIEW_LIT("}"));
    return patch_over(&p, start);
}
