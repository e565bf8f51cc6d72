/* (G) The row that writes chat completions from events: a stream's chunks, or a whole answer. */
#include "chat_write.h"

#include "chat_dialect.h"
#include "chat_openrouter.h"
#include "chat_write_internal.h"
#include "content_view.h"
#include "error_body.h"

#include <stdlib.h>

enum { FAILED_MAX = 64 << 10 }; /* bytes of an error object; a provider's sentence may be long */

/* --- its state */

static enum err chat_start(struct answer *a)
{
    struct chat_writing *w = calloc(1, sizeof *w);

    if (w == NULL)
        return ERR_MEMORY;
    a->state = w;
    w->functions = a->functions;
    for (size_t i = 0; i < CHAT_WRITTEN_COUNT; i++)
        buf_init_charged(&w->part[i], LIMIT_RESPONSE_BYTES, a->budget);
    return ERR_NONE;
}

static void chat_close(struct answer *a)
{
    struct chat_writing *w = a->state;

    if (w == NULL)
        return;
    for (size_t i = 0; i < CHAT_WRITTEN_COUNT; i++)
        buf_free(&w->part[i]);
    free(w);
    a->state = NULL;
}

/* --- what chunks and whole answers have in common */

static enum err over(struct pen *p, size_t mark)
{
    if (p->e != ERR_NONE)
        p->out->len = mark;
    return p->e;
}

/* Up to the list of choices. provider: OpenRouter's clients read it in each chunk. */
static void put_head(const struct answer *a, const char *object, bool provider, struct pen *p)
{
    pen_text(p, "{\"id\":\"");
    pen_text(p, a->id);
    pen_text(p, "\",\"object\":\"");
    pen_text(p, object);
    pen_text(p, "\",\"created\":");
    pen_number(p, a->created);
    pen_text(p, ",\"model\":");
    pen_string(p, a->model);
    if (a->openrouter && provider) {
        pen_text(p, ",\"provider\":");
        pen_string(p, a->provider);
    }
    pen_text(p, ",\"choices\":[");
}

static void put_finish(const struct answer *a, const char *cut, struct pen *p)
{
    const struct chat_writing *w = a->state;
    enum usage_finish f = cut[0] != '\0' || w->finish == FINISH_NONE ? FINISH_LENGTH : w->finish;

    pen_text(p, "\"finish_reason\":\"");
    pen_text(p, f == FINISH_TOOL_CALLS && w->functions ? "function_call" : usage_finish_name(f));
    pen_text(p, "\"");
}

/* What is told of how the answer was made. */
static void put_ways(const struct answer *a, struct pen *p)
{
    if (a->router.len != 0) {
        pen_text(p, ",\"trustedrouter\":");
        pen_json(p, a->router);
    }
    if (a->metadata.len != 0) {
        pen_text(p, ",\"openrouter_metadata\":");
        pen_json(p, a->metadata);
    }
}

/* Ends the object: with the figures and, for a client of OpenRouter's API, their cost. */
static void put_figures(const struct answer *a, const struct token_usage *u, struct pen *p)
{
    if (!a->openrouter) {
        pen_text(p, ",\"usage\":{");
        pen_figures(p, u);
        pen_text(p, "}}");
        return;
    }
    pen_text(p, "}");
    if (p->e == ERR_NONE)
        p->e = chat_openrouter_usage(u, a->cost_nusd, a->own_key, p->out);
}

/* --- a stream */

/* Nothing is said before there is something to say. */
static enum err chat_begin(struct answer *a, struct buf *out)
{
    (void)a, (void)out;
    return ERR_NONE;
}

void chat_written_open(struct answer *a, struct pen *p)
{
    struct chat_writing *w = a->state;

    pen_text(p, "data: ");
    put_head(a, "chat.completion.chunk", true, p);
    pen_text(p, "{\"index\":0,\"delta\":{");
    if (!w->begun)
        pen_text(p, "\"role\":\"assistant\",");
    w->begun = true;
}

/* The logprobs of a text come in front of it. */
void chat_written_shut(struct answer *a, struct pen *p)
{
    struct chat_writing *w = a->state;
    struct buf *logprobs = &w->part[CHAT_WRITTEN_LOGPROBS];

    pen_text(p, "},");
    if (logprobs->len != 0) {
        pen_text(p, "\"logprobs\":");
        pen_json(p, buf_view(logprobs));
        pen_text(p, ",");
        buf_reset(logprobs);
    }
    pen_text(p, "\"finish_reason\":null}]}\n\n");
}

static enum err chat_event(struct answer *a, const struct event *e, struct buf *out)
{
    struct chat_writing *w = a->state;
    struct pen p = {.out = out};

    if (e->choice != 0)
        return ERR_NONE;
    if (e->kind == EVENT_FINISH) {
        w->finish = e->finish;
        return ERR_NONE; /* it is said at the end, with what is known then */
    }
    if (out == NULL)
        return chat_written_keep(w, e);
    if (e->kind == EVENT_LOGPROBS) {
        buf_reset(&w->part[CHAT_WRITTEN_LOGPROBS]);
        return buf_append(&w->part[CHAT_WRITTEN_LOGPROBS], e->json);
    }
    chat_written_chunk(a, e, &p);
    return p.e;
}

/* The chunk with the finish reason, and that with the figures. Clients that did not ask for figures read the first choice
 * of every chunk: they get no chunk without one, and what is told beside stands with the finish reason. */
static enum err chat_end(struct answer *a, const struct token_usage *usage, const char *cut, struct buf *out)
{
    struct pen p = {.out = out};
    size_t mark = out->len;
    bool figures = a->include_usage || a->openrouter;
    struct chat_writing *w = a->state;

    pen_text(&p, "data: ");
    put_head(a, "chat.completion.chunk", true, &p);
    pen_text(&p, w->begun ? "{\"index\":0,\"delta\":{}," : "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},");
    put_finish(a, cut, &p);
    pen_text(&p, "}]");
    if (cut[0] != '\0') {
        pen_text(&p, ",\"x_tr_end_reason\":");
        pen_string(&p, view_str(cut));
    }
    if (!figures)
        put_ways(a, &p);
    pen_text(&p, "}\n\n");
    if (figures) {
        pen_text(&p, "data: ");
        put_head(a, "chat.completion.chunk", true, &p);
        if (a->openrouter) { /* whose last chunk has the finish reason once more */
            pen_text(&p, "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},");
            put_finish(a, cut, &p);
            pen_text(&p, "}");
        }
        pen_text(&p, "]");
        put_ways(a, &p);
        put_figures(a, usage, &p);
        pen_text(&p, "\n\n");
    }
    pen_text(&p, "data: [DONE]\n\n");
    return over(&p, mark);
}

static enum err chat_fail(struct answer *a, const struct api_failure *f, struct buf *out)
{
    struct pen p = {.out = out};
    size_t mark = out->len;
    struct buf object;

    if (!a->openrouter)
        return chat_dialect.fail(a, f, out);
    buf_init(&object, FAILED_MAX);
    p.e = error_openrouter_object(f, &object);
    pen_text(&p, "data: ");
    put_head(a, "chat.completion.chunk", a->provider.len != 0, &p);
    pen_text(&p, "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":\"error\"}],\"error\":");
    pen_put(&p, buf_view(&object));
    pen_text(&p, "}\n\n");
    buf_free(&object);
    return over(&p, mark);
}

enum err chat_write_notice(const struct answer *a, struct view member, struct buf *out)
{
    struct pen p = {.out = out};
    size_t mark = out->len;

    pen_text(&p, "data: ");
    put_head(a, "chat.completion.chunk", false, &p);
    pen_text(&p, "],\"trustedrouter\":");
    pen_put(&p, member);
    pen_text(&p, "}\n\n");
    return over(&p, mark);
}

/* --- a whole answer */

static enum err chat_whole(struct answer *a, const struct token_usage *usage, struct buf *out)
{
    struct chat_writing *w = a->state;
    struct buf *logprobs = &w->part[CHAT_WRITTEN_LOGPROBS];
    struct pen p = {.out = out};
    size_t mark = out->len;

    put_head(a, "chat.completion", true, &p);
    pen_text(&p, "{\"index\":0,\"message\":");
    chat_written_message(w, &p);
    pen_text(&p, ",\"logprobs\":");
    pen_json(&p, logprobs->len != 0 ? buf_view(logprobs) : VIEW_LIT("null"));
    pen_text(&p, ",");
    put_finish(a, "", &p);
    pen_text(&p, "}],\"system_fingerprint\":null");
    put_ways(a, &p);
    put_figures(a, usage, &p);
    return over(&p, mark);
}

static enum err chat_failure(const struct api_failure *f, const struct id *request, bool openrouter, struct buf *out)
{
    return chat_dialect.failure(f, request, openrouter, out);
}

const struct dialect chat_written = {
    .name = "chat",
    .start = chat_start,
    .close = chat_close,
    .begin = chat_begin,
    .event = chat_event,
    .end = chat_end,
    .fail = chat_fail,
    .keep_alive = VIEW_LIT(": keep-alive\n\n"),
    .whole = chat_whole,
    .failure = chat_failure,
};
