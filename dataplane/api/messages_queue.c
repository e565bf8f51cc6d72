/* (G) The blocks of an answer in the order in which its client sees them. */
#include "messages_write.h"

#include "content_view.h"

#include <assert.h>
#include <stdlib.h>

static struct messages_answer *state(const struct answer *a)
{
    return a->state;
}

static void block_init(struct messages_block *b, enum messages_block_kind kind, struct budget *budget)
{
    *b = (struct messages_block){.kind = kind};
    buf_init_charged(&b->id, MESSAGES_KEPT_MAX, budget);
    buf_init_charged(&b->name, MESSAGES_KEPT_MAX, budget);
    buf_init_charged(&b->text, MESSAGES_KEPT_MAX, budget);
    buf_init_charged(&b->hidden, MESSAGES_KEPT_MAX, budget);
    buf_init_charged(&b->element, MESSAGES_KEPT_MAX, budget);
    buf_init_charged(&b->details, MESSAGES_KEPT_MAX, budget);
}

static void block_free(struct messages_block *b)
{
    buf_free(&b->id);
    buf_free(&b->name);
    buf_free(&b->text);
    buf_free(&b->hidden);
    buf_free(&b->element);
    buf_free(&b->details);
}

static enum err add_block(struct answer *a, enum messages_block_kind kind, struct messages_block **out)
{
    struct messages_answer *m = state(a);

    if (m->n_blocks == MESSAGES_BLOCKS_MAX)
        return ERR_PROVIDER_LARGE;
    if (m->n_blocks == m->max_blocks) {
        size_t more = m->max_blocks == 0 ? 4 : m->max_blocks * 2;
        struct messages_block *grown = reallocarray(m->block, more, sizeof *grown);

        if (grown == NULL)
            return ERR_MEMORY;
        m->block = grown;
        m->max_blocks = more;
    }
    *out = &m->block[m->n_blocks++];
    block_init(*out, kind, a->budget);
    return ERR_NONE;
}

void messages_queue_free(struct messages_answer *m)
{
    for (size_t i = 0; i < m->n_blocks; i++)
        block_free(&m->block[i]);
    free(m->block);
    m->block = NULL;
    m->n_blocks = m->max_blocks = 0;
}

enum err messages_want(struct answer *a, enum messages_block_kind kind, struct messages_block **out)
{
    struct messages_answer *m = state(a);

    if (m->n_blocks != 0 && m->block[m->n_blocks - 1].kind == kind &&
        !m->block[m->n_blocks - 1].is_signed) {
        *out = &m->block[m->n_blocks - 1];
        return ERR_NONE;
    }
    return add_block(a, kind, out);
}

static bool is_complete(const struct messages_block *b)
{
    return b->kind != BLOCK_CALL || arguments_over(&b->arguments);
}

/* May what is kept of the first block be written? Arguments that are no object are wrapped at their end. */
static bool may_show(const struct messages_block *b)
{
    return b->kind == BLOCK_CALL ? b->arguments.object : b->kind != BLOCK_REDACTED;
}

/* The bytes at the end of an escaped text that are the first half of a surrogate pair: alone they are no
 * character, and the other half comes with the next piece. */
static size_t half_pair(struct view text)
{
    const uint8_t *p;
    size_t backslashes = 0;

    if (text.len < 6)
        return 0;
    p = text.ptr + text.len - 6;
    if (p[0] != '\\' || p[1] != 'u' || (p[2] | 0x20) != 'd' || memchr("89abAB", p[3], 6) == NULL)
        return 0;
    while (backslashes < text.len - 5 && p[-(ptrdiff_t)backslashes] == '\\')
        backslashes++;
    return backslashes % 2 == 1 ? 6 : 0;
}

/* All but half a pair of what is kept of the first block. */
static void show_kept(struct answer *a, struct messages_block *b, struct pen *o)
{
    size_t n = b->text.len - half_pair(buf_view(&b->text));

    if (n == 0 || !may_show(b))
        return;
    messages_delta(a, b, view_of(b->text.ptr, n), o);
    buf_consume(&b->text, n);
}

static void begin_first(struct answer *a, struct pen *o)
{
    struct messages_block *b = state(a)->block;

    if (!b->begun)
        messages_begin_block(a, b, o);
    b->begun = true;
    show_kept(a, b, o);
}

/* The first block leaves the queue. */
static void end_first(struct answer *a, struct pen *o)
{
    struct messages_answer *m = state(a);

    begin_first(a, o);
    messages_end_block(a, m->block, o);
    block_free(m->block);
    m->n_blocks--;
    m->index++;
    memmove(m->block, m->block + 1, m->n_blocks * sizeof *m->block);
}

/* Writes what can be written. */
static void advance(struct answer *a, struct pen *o)
{
    struct messages_answer *m = state(a);

    if (!a->stream)
        return;
    while (m->n_blocks > 1 && is_complete(m->block))
        end_first(a, o);
    if (m->n_blocks != 0 && m->block->kind != BLOCK_REDACTED) /* its beginning is all of it */
        begin_first(a, o);
}

void messages_flush(struct answer *a, struct pen *o)
{
    struct messages_answer *m = state(a);

    while (a->stream && m->n_blocks != 0)
        end_first(a, o);
    for (size_t i = 0; i < m->n_blocks; i++) {
        if (i != 0)
            pen_text(o, ",");
        messages_whole_block(a, &m->block[i], o);
    }
}

/* --- what comes --- */

/* The piece goes on as it came when it is all that there is: most do. */
enum err messages_put(struct answer *a, struct messages_block *b, struct view text,
                      struct pen *o)
{
    struct messages_answer *m = state(a);
    enum err e;

    if (b->kind == BLOCK_CALL)
        arguments_take(&b->arguments, text);
    if (b->kind == BLOCK_THINKING && m->omitted) {
        e = buf_append(&b->hidden, text);
        goto done;
    }
    if (a->stream && b == m->block && b->begun && b->text.len == 0 && may_show(b) &&
        half_pair(text) == 0) {
        messages_delta(a, b, text, o);
        return o->e;
    }
    e = buf_append(&b->text, text);
done:
    if (e == ERR_NONE)
        advance(a, o);
    return e == ERR_NONE ? o->e : e;
}

static enum err take_text(struct answer *a, enum messages_block_kind kind, struct view text,
                          struct pen *o)
{
    struct messages_block *b;
    enum err e;

    if (text.len == 0)
        return ERR_NONE;
    e = messages_want(a, kind, &b);
    if (e == ERR_NONE)
        e = messages_put(a, b, text, o);
    return e;
}

static enum err take_refusal(struct answer *a, struct view text, struct pen *o)
{
    struct messages_answer *m = state(a);
    enum err e = ERR_NONE;

    m->refused = true;
    if (text.len <= m->refusal.max - m->refusal.len)
        e = buf_append(&m->refusal, text);
    else
        m->refusal.max = m->refusal.len; /* its beginning, without gaps */
    return e == ERR_NONE ? take_text(a, BLOCK_TEXT, text, o) : e;
}

/* Anthropic's ids have these characters alone, and its clients send them back as they came. */
static enum err append_id(struct buf *out, const struct answer *a, const struct event *e)
{
    enum err err = ERR_NONE;

    if (e->id.len == 0)
        return buf_appendf(out, "toolu_%s_%u", a->id + 4, (unsigned)e->tool);
    for (size_t i = 0; err == ERR_NONE && i < e->id.len; i++) {
        uint8_t c = e->id.ptr[i];
        bool good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                    c == '-' || c == '_';

        err = buf_append_byte(out, good ? c : '_');
    }
    return err;
}

static enum err take_call(struct answer *a, const struct event *e, struct pen *o)
{
    struct messages_block *b;
    enum err err = add_block(a, BLOCK_CALL, &b);

    if (err != ERR_NONE)
        return err;
    b->tool = e->tool;
    err = append_id(&b->id, a, e);
    if (err == ERR_NONE)
        err = buf_append(&b->name, e->name);
    if (err != ERR_NONE)
        return err;
    state(a)->called = true;
    advance(a, o);
    return o->e;
}

/* Pieces for a call that has left the queue were behind its arguments: white space. */
static enum err take_arguments(struct answer *a, const struct event *e, struct pen *o)
{
    struct messages_answer *m = state(a);

    for (size_t i = 0; e->text.len != 0 && i < m->n_blocks; i++)
        if (m->block[i].kind == BLOCK_CALL && m->block[i].tool == e->tool)
            return messages_put(a, &m->block[i], e->text, o);
    return ERR_NONE;
}

static void take_finish(struct messages_answer *m, const struct event *e)
{
    m->finish = e->finish;
    if (e->text.len == 0 || e->text.len >= sizeof m->sequence)
        return;
    memcpy(m->sequence, e->text.ptr, e->text.len);
    m->sequence[e->text.len] = '\0';
}

enum err messages_take(struct answer *a, const struct event *e, struct pen *o)
{
    if (e->choice != 0)
        return ERR_NONE; /* Anthropic's answers are one */
    switch (e->kind) {
    case EVENT_TEXT:
        return take_text(a, BLOCK_TEXT, e->text, o);
    case EVENT_REASONING:
        return state(a)->by_details ? ERR_NONE : take_text(a, BLOCK_THINKING, e->text, o);
    case EVENT_DETAIL:
        return messages_detail(a, e->json, o);
    case EVENT_REFUSAL:
        return take_refusal(a, e->text, o);
    case EVENT_TOOL_BEGIN:
        return take_call(a, e, o);
    case EVENT_TOOL_ARGS:
        return take_arguments(a, e, o);
    case EVENT_FINISH:
        take_finish(state(a), e);
        return ERR_NONE;
    case EVENT_ANNOTATION: /* Anthropic's citations need what only Anthropic has */
    case EVENT_LOGPROBS:   /* and its answers hold no such thing */
    case EVENT_IMAGE:
    case EVENT_AUDIO:
        return ERR_NONE;
    }
    return ERR_BUG;
}
