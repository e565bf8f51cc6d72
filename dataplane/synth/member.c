/* (G) One part of an orchestration: its prompt, its route, its attempts and what they gather. */
#include "content_view.h"
#include "facts.h"
#include "own_keys.h"
#include "part_id.h"
#include "part_lines.h"
#include "prompts.h"
#include "receipts.h"
#include "reserve.h"
#include "run_internal.h"

#include <assert.h>
#include <stdlib.h>

/* --- the struct */

enum err member_new(struct synth *s, enum part_role role, uint8_t place, struct member **out)
{
    struct member *m;

    if (!budget_take(s->task.budget, sizeof *m))
        return ERR_OVERLOAD;
    m = calloc(1, sizeof *m);
    if (m == NULL) {
        budget_give(s->task.budget, sizeof *m);
        return ERR_MEMORY;
    }
    m->synth = s;
    m->role = role;
    m->place = place;
    prompt_list_init(&m->prompt.list);
    collect_init(&m->answer, s->task.budget, role == PART_PANEL ? MEMBER_ANSWER_MAX : MEMBER_VERDICT_MAX);
    *out = m;
    return ERR_NONE;
}

static void forget_prompt(struct member *m)
{
    budget_give(m->synth->task.budget, m->prompt_bytes);
    m->prompt_bytes = 0;
    prompt_list_free(&m->prompt.list);
}

void member_free(struct member *m)
{
    struct budget *budget;

    if (m == NULL)
        return;
    assert(!m->live && m->state != MEMBER_RUNNING);
    budget = m->synth->task.budget;
    forget_prompt(m);
    attempt_free(&m->attempt);
    content_free(m->message);
    collect_free(&m->answer);
    explicit_bzero(m, sizeof *m);
    free(m);
    budget_give(budget, sizeof *m);
}

void member_forget(struct member *m)
{
    collect_reset(&m->answer);
}

enum err member_charge(struct member *m)
{
    size_t bytes = prompt_list_bytes(&m->prompt.list);

    budget_give(m->synth->task.budget, m->prompt_bytes);
    m->prompt_bytes = 0;
    if (!budget_take(m->synth->task.budget, bytes)) {
        prompt_list_free(&m->prompt.list);
        return ERR_OVERLOAD;
    }
    m->prompt_bytes = bytes;
    return ERR_NONE;
}

/* --- what it is asked */

/* A judge's list has the same form whatever is judged. It is made when its turn comes; until then this one stands for it. */
static enum err judge_form(const struct synth_task *t, struct prompt_list *out)
{
    struct prompt_list nothing;

    prompt_list_init(&nothing);
    memcpy(nothing.setting, t->prompt->list.setting, sizeof nothing.setting);
    return words_judge(&nothing, t->plan, NULL, 0, 0, out);
}

/* The client's prompt, with a list of its own and one streamed answer that has a limit. */
static enum err make_prompt(struct member *m)
{
    const struct synth_task *t = &m->synth->task;
    struct prompt *p = &m->prompt;
    enum err e;

    forget_prompt(m);
    *p = *t->prompt;
    prompt_list_init(&p->list);
    e = m->role == PART_PANEL ? words_panel(&t->prompt->list, t->plan, &p->list) : judge_form(t, &p->list);
    if (e != ERR_NONE)
        return e;
    p->chat = NULL;
    p->stream = true;
    p->include_usage = true;
    p->n_choices = 1;
    p->hide_reasoning = false; /* what nobody is told is counted all the same */
    p->max_tokens = m->role == PART_PANEL ? t->plan->panel_tokens : t->plan->judge_tokens;
    if (p->list.n_tools == 0)
        p->needs &= (uint16_t)~CAP_TOOLS;
    if (p->list.format == FORMAT_UNSAID)
        p->needs &= (uint16_t)~CAP_JSON_SCHEMA;
    if (m->role == PART_JUDGE) { /* texts alone: media are not shown to it */
        p->needs = 0;
        p->has_media = p->hosted_tools = p->long_cache = false;
        p->media = (struct media){0};
        p->extra_output = 0;
        p->list.format = FORMAT_UNSAID; /* member_attempt() says more where that is understood */
    }
    return member_charge(m);
}

/* Bytes that its prompt may be longer than the client's. */
static uint64_t prompt_more(const struct member *m)
{
    return m->role == PART_PANEL ? PROMPTS_MAX : synth_prompt_bound(m->synth->task.plan);
}

static const struct request_ops member_ops;

static void make_request(struct member *m)
{
    const struct synth_task *t = &m->synth->task;
    const struct prompt *p = &m->prompt;
    uint64_t media = media_bound(&p->media, t->image_tokens, t->reference_tokens);
    struct request *r = &m->request;

    *r = (struct request){.ops = &member_ops, .want = r->want};
    part_id(&t->whole->id, part_index(m->role, m->place), &r->id);
    r->stream = true;
    r->n_choices = 1;
    r->max_output = p->max_tokens;
    r->output_default = p->max_tokens;
    r->extra_output = p->extra_output;
    r->prompt_bound = p->has_media ? UINT64_MAX : p->prompt_bound + media + prompt_more(m);
    r->prompt_guessed = media != 0;
    r->prompt_bytes = synth_texts(&p->list);
    if (m->role == PART_PANEL) /* what is no text of the list, too */
        r->prompt_bytes += t->whole->prompt_bytes - synth_texts(&t->prompt->list);
    r->never = t->whole->never;
}

static enum err outcome_of(const struct api_failure *f)
{
    switch (errors_row(f->error)->status) {
    case 403:
        return ERR_FORBIDDEN;
    case 404:
        return ERR_NOT_FOUND;
    default:
        return f->error == API_OVERLOAD ? ERR_OVERLOAD : ERR_UNSUPPORTED;
    }
}

void member_out(struct member *m, enum err why)
{
    assert(m->state != MEMBER_RUNNING && m->state != MEMBER_OVER);
    forget_prompt(m);
    m->state = MEMBER_OUT;
    m->why = why;
    m->failure = (struct api_failure){.error = errors_of(why)};
}

bool member_plan(struct member *m, int64_t *amount_nusd)
{
    const struct synth_task *t = &m->synth->task;
    enum err e;

    assert(!m->live && m->state != MEMBER_RUNNING && m->state != MEMBER_OVER);
    m->state = MEMBER_OUT;
    e = make_prompt(m);
    if (e != ERR_NONE) {
        member_out(m, e);
        return false;
    }
    m->failure = (struct api_failure){0};
    m->request.want = (struct route_want)ROUTE_WANT_ANY;
    if (t->want(t->cookie, &m->prompt, synth_name(m->synth, m->role, m->place), &m->request.want, &m->failure)) {
        make_request(m);
        if (part_plan(&m->request, t->whole, amount_nusd, &m->failure)) {
            m->state = MEMBER_PLANNED;
            return true;
        }
    }
    m->why = outcome_of(&m->failure);
    forget_prompt(m);
    return false;
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

    m->state = MEMBER_OVER;
    forget_prompt(m);
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

void member_begin(struct member *m)
{
    struct synth *s = m->synth;
    const struct part_line *line;

    if (m->state == MEMBER_PLANNED) {
        m->state = MEMBER_RUNNING;
        m->live = true;
        synth_tell(s, SYNTH_PART_STARTED, m, VIEW_EMPTY, NULL);
        part_begin(&m->request, s->task.whole, m->role, m->place);
        return;
    }
    assert(m->state == MEMBER_OUT);
    parts_add(s->task.whole->parts,
              &(struct part_line){.id = m->request.id, .role = (uint8_t)m->role, .place = m->place,
                                  .outcome = (uint8_t)m->why});
    line = synth_line(s, m->role, m->place);
    synth_tell(s, SYNTH_PART_FAILED, m, VIEW_EMPTY, line);
}

void member_drop(struct member *m)
{
    if (m->state != MEMBER_RUNNING)
        return;
    m->dropped = true;
    attempt_no_more_keys(&m->attempt);
    part_drop(&m->request);
}

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

static void member_useful_cb(void *cookie)
{
    struct member *m = cookie;

    request_useful(&m->request);
}

static void member_delivered_cb(void *cookie)
{
    struct member *m = cookie;

    if (attempt_useful(&m->attempt))
        request_useful(&m->request);
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

/* Nobody else is asked from here on. */
static void member_commit(struct request *r)
{
    forget_prompt(member_of(r));
}

static void member_hold(struct request *r, bool hold)
{
    struct member *m = member_of(r);

    if (hold)
        attempt_pause(&m->attempt);
    else
        attempt_resume(&m->attempt);
}

/* The client hears of the whole alone. */
static void member_keep_alive(struct request *r)
{
    (void)r;
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

static const struct request_ops member_ops = {
    .attempt = member_attempt,
    .cancel = member_cancel,
    .account = member_account,
    .commit = member_commit,
    .hold = member_hold,
    .keep_alive = member_keep_alive,
    .complete = member_complete,
    .fail = member_fail,
    .left = member_left,
    .destroy = member_destroy,
};
