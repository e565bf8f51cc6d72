/* (G) One part of an orchestration: its struct, what it is asked, its plan, its beginning. How it goes on is in
 * member_run.c. */
#include "content_view.h"
#include "part_id.h"
#include "part_lines.h"
#include "prompts.h"
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

void member_forget_prompt(struct member *m)
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
    member_forget_prompt(m);
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

    member_forget_prompt(m);
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
    member_forget_prompt(m);
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
    member_forget_prompt(m);
    return false;
}

/* --- it runs */

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
