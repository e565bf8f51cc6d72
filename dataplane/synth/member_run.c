/* (G) A part that runs: what its attempts tell, what the request machine wants of it, and what comes of it. */
#include "content_view.h"
#include "facts.h"
#include "own_keys.h"
#include "receipts.h"
#include "reserve.h"
#include "run_internal.h"

#include <assert.h>

/* --- what the attempt tells */

static void note_sent(struct member *m)
{
    struct request_digests *d = &m->request.digests;

    if (!attempt_sent(&m->attempt, &d->forwarded))
        return;
    d->forwarded_to = (uint8_t)(m->request.attempts.place + 1);
    d->keyed = attempt_peer_key(&m->attempt, &d->provider_key);
}

static enum err member_event_cb(void *cookie, const struct event *e)
{
    struct member *m = cookie;

    if (e->kind == EVENT_TEXT && e->choice == 0 && m->role == PART_PANEL && !m->dropped)
        synth_tell(m->synth, SYNTH_PART_TEXT, m, e->text, NULL);
    return collect_take(&m->answer, e);
}

static void member_hold_cb(void *cookie)
{
    struct member *m = cookie;

    request_hold(&m->request);
}

static void member_let_cb(void *cookie)
{
    struct member *m = cookie;

    request_let(&m->request);
}

/* Nobody else is asked from here on. */
static void begins(struct member *m)
{
    request_useful(&m->request);
    member_forget_prompt(m);
}

static void member_useful_cb(void *cookie)
{
    begins(cookie);
}

static void member_delivered_cb(void *cookie)
{
    struct member *m = cookie;

    if (attempt_useful(&m->attempt))
        begins(m);
    if (attempt_delivered(&m->attempt) >= m->request.watch_bytes)
        request_progress(&m->request);
}

static void member_over_cb(void *cookie, const struct attempt_result *result, bool tail)
{
    struct member *m = cookie;

    note_sent(m);
    if (result->client_fault && m->message == NULL)
        m->message = attempt_take_message(&m->attempt);
    request_attempt_ended(&m->request, result, tail);
}

static void member_closed_cb(void *cookie)
{
    struct member *m = cookie;

    note_sent(m);
    request_upstream_closed(&m->request);
}

static const struct attempt_sink member_sink = {
    .event = member_event_cb,
    .hold = member_hold_cb,
    .let = member_let_cb,
    .delivered = member_delivered_cb,
    .useful = member_useful_cb,
    .over = member_over_cb,
    .closed = member_closed_cb,
};

/* --- what request.c wants */

/* Where answers by a schema are understood, a JSON object is too. */
static bool takes_json(const struct candidate *c)
{
    return (c->model->info->capabilities & (uint16_t)~c->endpoint->info->lacks & CAP_JSON_SCHEMA) != 0;
}

/* The limit to write into the request; 0: the prompt's. Providers refuse one that is over their model's longest answer. */
static uint32_t limit_at(const struct member *m, const struct destination *to)
{
    uint32_t told = reserve_told(&m->request), most = destination_max_output(to);

    return told == 0 && most != 0 && m->prompt.max_tokens > most ? most : told;
}

static enum err member_attempt(struct request *r, bool last_candidate)
{
    struct member *m = member_of(r);
    const struct synth_task *t = &m->synth->task;
    const struct candidate *c = &r->attempts.candidate;
    const struct destination to = {c->endpoint->provider, c->model->info, c->endpoint->info};
    const struct attempt_task task = {
        .upstreams = t->upstreams,
        .credentials = t->credentials,
        .budget = t->budget,
        .prompt = &m->prompt,
        .to = to,
        .own_key = c->own == 0 ? VIEW_EMPTY : own_key_text(r->own.keys, c->own - 1U),
        .max_output = limit_at(m, &to),
        .last_candidate = last_candidate,
        .id = t->id,
        .created = r->received_unix_ms / 1000,
        .model = view_str(c->model->info->id),
    };

    collect_reset(&m->answer);
    m->prompt.list.no_effort = (c->model->info->capabilities & CAP_REASONING) == 0;
    if (m->role == PART_JUDGE)
        m->prompt.list.format = takes_json(c) ? FORMAT_JSON_OBJECT : FORMAT_UNSAID;
    return attempt_begin(&m->attempt, &task, &member_sink, m);
}

static void member_cancel(struct request *r)
{
    struct member *m = member_of(r);

    attempt_cancel(&m->attempt);
    note_sent(m);
}

static void member_account(const struct request *r, struct attempt_account *out)
{
    const struct member *m = (const struct member *)r;

    attempt_account(&m->attempt, out);
}

static void member_hold(struct request *r, bool hold)
{
    struct member *m = member_of(r);

    if (hold)
        attempt_pause(&m->attempt);
    else
        attempt_resume(&m->attempt);
}

/* --- what came of it */

static void publish(struct member *m)
{
    const struct request_context *x = m->request.context;
    struct receipt_facts f;

    if (m->request.attempts.made == 0)
        return;
    facts_of_request(&m->request, &f);
    receipts_publish(x->receipts, x->admit.worker, &f);
}

/* Its bill is made and its line is there. */
static void over(struct member *m)
{
    struct synth *s = m->synth;
    struct part_line *line = synth_line(s, m->role, m->place);

    assert(line != NULL);
    m->state = MEMBER_OVER;
    member_forget_prompt(m);
    publish(m);
    if (m->complete) {
        m->empty = collect_empty(&m->answer);
        m->refused = !m->empty && refusal_is(&m->answer);
        m->order = ++s->n_complete;
        line->refused = m->refused;
    } else {
        member_forget(m);
    }
    synth_tell(s, m->complete ? SYNTH_PART_DONE : SYNTH_PART_FAILED, m, VIEW_EMPTY, line);
}

static void member_complete(struct request *r)
{
    struct member *m = member_of(r);

    m->complete = true;
    if (r->cut != CUT_NONE && m->answer.finish == FINISH_NONE) /* we have ended it */
        m->answer.finish = FINISH_LENGTH;
    over(m);
    request_closed(r);
    synth_step(m->synth);
}

static void member_fail(struct request *r, const struct api_failure *f)
{
    struct member *m = member_of(r);

    m->why = r->outcome;
    m->failure = *f;
    if (f->provider_message != NULL && f->provider_message != m->message) { /* it is the attempt's, which goes away */
        content_free(m->message);
        m->message = attempt_take_message(&m->attempt);
        m->failure.provider_message = m->message;
    }
    over(m);
    request_closed(r);
    synth_step(m->synth);
}

static void member_left(struct request *r)
{
    struct member *m = member_of(r);

    m->dropped = true;
    m->why = ERR_CANCELLED;
    over(m);
    synth_step(m->synth);
}

static void member_destroy(struct request *r)
{
    struct member *m = member_of(r);

    attempt_free(&m->attempt);
    m->live = false;
}

const struct request_ops member_ops = {
    .attempt = member_attempt,
    .cancel = member_cancel,
    .account = member_account,
    .hold = member_hold,
    .complete = member_complete,
    .fail = member_fail,
    .left = member_left,
    .destroy = member_destroy,
};
