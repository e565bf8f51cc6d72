/* Plays an answer step by step, whatever API it goes out by. */
#include "job.h"
#include "wire.h"

#include <assert.h>

enum phase { AZURE, BEGIN, REASONING, SIGNATURE, LINE, TEXT, CALL, ARGS, FINISH, USAGE, DONE, OVER };

enum { WORD_MAX = 64 }; /* bytes of one event of a text that people read */

static void next_phase(struct job *j)
{
    j->phase++;
    j->pos = 0;
}

/* The next `want` bytes of a text, or the rest; more, so as not to cut inside a UTF-8 sequence or, in a text
 * that people read, inside a word. */
static size_t cut(const struct job *j, struct job_part p, size_t want)
{
    size_t n = p.len - j->pos < want ? p.len - j->pos : want;
    const char *at = j->payload.ptr + p.off + j->pos;

    while (j->talks && j->pos + n < p.len && n < WORD_MAX && at[n] != ' ')
        n++;
    while (j->pos + n < p.len && ((unsigned char)at[n] & 0xc0) == 0x80)
        n++;
    return n;
}

static uint32_t tokens_of(size_t n)
{
    return (uint32_t)((n + TOKEN_BYTES - 1) / TOKEN_BYTES);
}

/* A piece of `want` bytes of all `len`, of the payload at p unless it is words. */
static struct step step_piece(struct job *j, enum step_kind kind, const struct job_part *p, size_t len,
                              size_t want)
{
    struct step s = {.kind = kind, .first = j->pos == 0};

    s.piece.from = j->pos;
    if (p != NULL) {
        s.piece.ptr = j->payload.ptr + p->off;
        s.piece.n = cut(j, *p, want);
    } else {
        s.piece.n = len - j->pos < want ? len - j->pos : want;
    }
    s.tokens = tokens_of(j->pos + s.piece.n) - tokens_of(j->pos);
    j->pos += s.piece.n;
    s.last = j->pos == len;
    return s;
}

static struct step step_reasoning(struct job *j)
{
    size_t want = (size_t)j->spec.chunk * TOKEN_BYTES;

    if (j->signature.len == 0)
        return step_piece(j, STEP_REASONING, NULL, (size_t)j->spec.reasoning * TOKEN_BYTES, want);
    return step_piece(j, STEP_REASONING, &j->thought, j->thought.len, want);
}

static struct step step_line(struct job *j)
{
    struct step s = {.kind = STEP_TEXT, .first = true, .last = j->text.len == 0};

    s.piece = (struct piece){.n = j->spec.line, .fill = 'x'};
    s.tokens = tokens_of(j->spec.line);
    return s;
}

static struct step step_text(struct job *j)
{
    struct step s = step_piece(j, STEP_TEXT, j->words ? NULL : &j->text, j->text.len,
                               (size_t)j->spec.chunk * TOKEN_BYTES);

    s.tokens = tokens_of(s.piece.n);
    if (j->spec.line != 0)
        s.first = false;
    return s;
}

static size_t reasoning_len(const struct job *j)
{
    return j->signature.len != 0 ? j->thought.len : (size_t)j->spec.reasoning * TOKEN_BYTES;
}

/* False: this phase has nothing (more) to say, and the next one has begun. */
static bool phase_step(struct job *j, struct step *s)
{
    static const enum step_kind single[] = {
        [AZURE] = STEP_AZURE, [BEGIN] = STEP_BEGIN, [SIGNATURE] = STEP_SIGNATURE, [CALL] = STEP_CALL,
        [FINISH] = STEP_FINISH, [USAGE] = STEP_USAGE, [DONE] = STEP_DONE,
    };

    switch ((enum phase)j->phase) {
    case REASONING:
        if (j->pos < reasoning_len(j)) {
            *s = step_reasoning(j);
            return true;
        }
        next_phase(j);
        return false;
    case SIGNATURE:
        next_phase(j);
        *s = (struct step){.kind = STEP_SIGNATURE};
        return j->signature.len != 0;
    case LINE:
        next_phase(j);
        if (j->spec.line == 0)
            return false;
        *s = step_line(j);
        return true;
    case TEXT:
        if (j->pos < j->text.len) {
            *s = step_text(j);
            return true;
        }
        next_phase(j);
        if (j->n_tools == 0)
            j->phase = FINISH;
        return false;
    case ARGS:
        if (j->pos < j->tools[j->tool].args.len) {
            *s = step_piece(j, STEP_ARGS, &j->tools[j->tool].args, j->tools[j->tool].args.len,
                            j->spec.args);
            return true;
        }
        next_phase(j);
        if (++j->tool < j->n_tools)
            j->phase = CALL;
        return false;
    case AZURE:
    case BEGIN:
    case CALL:
    case FINISH:
    case USAGE:
    case DONE:
        *s = (struct step){.kind = single[j->phase]};
        next_phase(j);
        return true;
    case OVER:
        break;
    }
    return false;
}

bool job_event(struct job *j, struct bytes *out, uint32_t *tokens)
{
    size_t start = out->len, from;
    struct step s;

    *tokens = 0;
    if (j->spec.comments)
        BYTES_LIT(out, ": keep-alive\n\n");
    from = out->len;
    while (j->phase != OVER) {
        if (!phase_step(j, &s))
            continue;
        j->wire->step(j, &s, out);
        if (out->len == from)
            continue; /* a step that this API does not show */
        *tokens = s.tokens;
        return true;
    }
    out->len = start;
    return false;
}

void job_whole(struct job *j, struct bytes *out)
{
    j->wire->whole(j, out);
}

void job_error(struct job *j, unsigned status, bool event, struct bytes *out)
{
    j->wire->error(j, status, event, out);
}
