/* (G) Chunks of our own: for a finish reason, for the end of a stream at the edge, for usage. */
#include "chat_cut.h"

#include "chat_parts.h"
#include "content_view.h"
#include "secret.h"

#include <assert.h>

static void put_string(struct patch *p, struct view text)
{
    if (p->e == ERR_NONE)
        p->e = buf_append_json_string(p->out, text);
}

static void put_u64(struct patch *p, uint64_t n)
{
    if (p->e == ERR_NONE)
        p->e = buf_append_u64(p->out, n);
}

/* A chunk up to its list of choices. */
static void put_head(const struct chat_canon *c, struct patch *p)
{
    patch_put(p, VIEW_LIT("{\"id\":"));
    put_string(p, view_str(c->id));
    patch_put(p, VIEW_LIT(",\"object\":\"chat.completion.chunk\",\"created\":"));
    put_u64(p, c->created);
    patch_put(p, VIEW_LIT(",\"model\":"));
    put_string(p, c->model);
    patch_put(p, VIEW_LIT(",\"choices\":["));
}

static void put_choice(struct patch *p, uint32_t index, struct view reason, bool *first)
{
    patch_put(p, *first ? VIEW_LIT("{\"index\":") : VIEW_LIT(",{\"index\":"));
    put_u64(p, index);
    patch_put(p, VIEW_LIT(",\"delta\":{},\"finish_reason\":"));
    patch_put(p, reason);
    patch_put(p, VIEW_LIT("}"));
    *first = false;
}

static void put_usage(struct patch *p, const struct token_usage *u)
{
    patch_put(p, VIEW_LIT(",\"usage\":{\"prompt_tokens\":"));
    put_u64(p, u->prompt);
    patch_put(p, VIEW_LIT(",\"completion_tokens\":"));
    put_u64(p, u->completion);
    patch_put(p, VIEW_LIT(",\"total_tokens\":"));
    put_u64(p, (uint64_t)u->prompt + u->completion);
    patch_put(p, VIEW_LIT(",\"prompt_tokens_details\":{\"cached_tokens\":"));
    put_u64(p, u->cached_read);
    patch_put(p, VIEW_LIT("},\"completion_tokens_details\":{\"reasoning_tokens\":"));
    put_u64(p, u->reasoning);
    patch_put(p, VIEW_LIT("}}"));
}

/* What was written is complete, or taken back. */
static enum err put_over(struct patch *p, size_t start)
{
    if (p->e != ERR_NONE) {
        secret_wipe(p->out->ptr + start, p->out->len - start);
        p->out->len = start;
    }
    return p->e;
}

enum err chat_canon_closing(const struct chat_canon *c, struct buf *out)
{
    struct patch p = {.out = out};
    size_t start = out->len;

    put_head(c, &p);
    patch_put(&p, VIEW_LIT("]"));
    put_usage(&p, &c->usage);
    patch_put(&p, VIEW_LIT("}"));
    return put_over(&p, start);
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
    put_head(c, &p);
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
    return put_over(&p, start);
}

enum err chat_cut_chunk(const struct chat_canon *c, uint32_t n_choices, const char *why,
                        struct buf *out)
{
    struct patch p = {.out = out};
    size_t start = out->len;
    bool first = true;

    assert(n_choices <= CHAT_CHOICES_MAX);
    put_head(c, &p);
    for (uint32_t i = 0; i < n_choices; i++) {
        if (!chat_bit(c->finishes_seen, i))
            put_choice(&p, i, VIEW_LIT("\"length\""), &first);
    }
    patch_put(&p, VIEW_LIT("],\"x_tr_end_reason\":"));
    put_string(&p, view_str(why));
    patch_put(&p, VIEW_LIT("}"));
    return put_over(&p, start);
}
