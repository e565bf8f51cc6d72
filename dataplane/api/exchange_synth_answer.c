/* (G) The answer of an exchange that several models make: the final's, or one of the panel's. */
#include "exchange_synth.h"

#include "content_view.h"

#include <assert.h>

/* --- what a final is asked */

static enum err make_question(struct exchange *x)
{
    struct api_failure unused;
    enum err e = synth_final(x->synth->run, &x->prompt.list);

    return e == ERR_NONE ? exchange_charge_prompt(x, &unused) : e;
}

enum err exchange_synth_final(struct exchange *x)
{
    struct exchange_synth *s = x->synth;

    if (!s->asked)
        s->asked_outcome = make_question(x);
    s->asked = true;
    if (s->asked_outcome == ERR_NONE)
        exchange_synth_asks(x);
    return s->asked_outcome;
}

/* --- what it says */

void exchange_synth_forget(struct exchange *x)
{
    collect_reset(&x->synth->final);
    buf_free(&x->synth->held);
}

static bool is_useful(const struct event *e)
{
    switch (e->kind) {
    case EVENT_TEXT:
    case EVENT_REASONING:
        return !collect_blank(e->text); /* white space alone is no answer */
    case EVENT_TOOL_BEGIN:
    case EVENT_IMAGE:
    case EVENT_AUDIO:
        return true;
    case EVENT_DETAIL:
    case EVENT_REFUSAL:
    case EVENT_TOOL_ARGS:
    case EVENT_ANNOTATION:
    case EVENT_LOGPROBS:
    case EVENT_FINISH:
        break;
    }
    return false;
}

enum err exchange_synth_let_go(struct exchange *x)
{
    struct exchange_synth *s = x->synth;
    enum err e = s->useful ? ERR_NONE : buf_append(&x->out.filling, buf_view(&s->held));

    if (e != ERR_NONE)
        return e;
    buf_free(&s->held);
    s->useful = true;
    return ERR_NONE;
}

enum err exchange_synth_note(struct exchange *x, const struct event *e)
{
    if (!x->request.stream)
        return x->synth->given ? ERR_NONE : collect_take(&x->synth->final, e);
    return !x->synth->useful && is_useful(e) ? exchange_synth_let_go(x) : ERR_NONE;
}

/* --- who wrote it */

static bool chosen_writer(const struct exchange *x, struct exchange_writer *out)
{
    const struct parts *p = &x->synth->parts;
    const struct part_line *line = NULL;
    const struct route_model *m;

    for (size_t i = 0; i < p->n; i++)
        if (p->line[i].chosen)
            line = &p->line[i];
    m = line != NULL ? snapshot_number(x->request.catalog, line->model_no) : NULL;
    for (size_t i = 0; m != NULL && i < m->n_endpoints; i++)
        if (m->endpoints[i].info->no == line->endpoint_no) {
            *out = (struct exchange_writer){m->endpoints[i].provider, m->info};
            return true;
        }
    return false;
}

static bool is_given(const struct exchange *x)
{
    return x->synth != NULL && x->synth->given;
}

bool exchange_writer(const struct exchange *x, struct exchange_writer *out)
{
    const struct candidate *c = &x->request.attempts.candidate;

    if (x->synth != NULL && chosen_writer(x, out)) /* known before it is told */
        return true;
    if (is_given(x) || c->endpoint == NULL || (x->synth != NULL && x->request.stream && !x->synth->useful))
        return false;
    *out = (struct exchange_writer){c->endpoint->provider, c->model->info};
    return true;
}

/* --- an answer of the panel's */

static enum err tell_cb(void *cookie, const struct event *e)
{
    return exchange_event(cookie, e);
}

static struct view writer_name(const struct exchange *x)
{
    struct exchange_writer w;

    return exchange_writer(x, &w) ? view_str(w.provider->name) : VIEW_EMPTY;
}

enum err exchange_synth_tell(struct exchange *x)
{
    struct exchange_synth *s = x->synth;
    struct request *r = &x->request;
    const struct event_sink sink = {tell_cb, x};
    enum err e;

    s->given = s->given || r->attempts.made == 0; /* request_given() */
    if (!s->given)
        return ERR_NONE;
    assert(synth_answer(s->run) != NULL);
    e = exchange_open_as(x, writer_name(x));
    if (e == ERR_NONE)
        e = collect_tell(synth_answer(s->run), &sink);
    if (e == ERR_NONE && !r->stream)
        e = exchange_words_room(x);
    return e;
}

enum err exchange_synth_failing(struct exchange *x)
{
    enum err e;

    if (x->synth->useful)
        return ERR_NONE;
    e = exchange_open_as(x, VIEW_EMPTY);
    if (e == ERR_NONE)
        e = exchange_synth_let_go(x);
    return e == ERR_NONE ? exchange_words_begin(x) : e;
}

/* --- how it was made */

enum err exchange_synth_metadata(const struct exchange *x, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("{\"synth\":"));

    if (e == ERR_NONE)
        e = synth_metadata(x->synth->run, out);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}
