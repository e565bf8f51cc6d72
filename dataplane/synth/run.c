/* (G) The order of an orchestration: panel, judges, report. */
#include "run.h"

#include "content_view.h"
#include "money.h"
#include "run_internal.h"
#include "secret.h"

#include <assert.h>
#include <stdlib.h>

static const struct {
    enum synth_phase from, to;
} moves[] = {
    {SYNTH_IDLE, SYNTH_PANEL},
    {SYNTH_PANEL, SYNTH_JUDGING},
    {SYNTH_PANEL, SYNTH_READY},   /* without a judge */
    {SYNTH_PANEL, SYNTH_GIVEN},   /* first_*, and a selector with one answer */
    {SYNTH_PANEL, SYNTH_FAILED},  /* nobody has answered */
    {SYNTH_JUDGING, SYNTH_READY},
    {SYNTH_JUDGING, SYNTH_GIVEN}, /* the selector */
    {SYNTH_IDLE, SYNTH_STOPPED},
    {SYNTH_PANEL, SYNTH_STOPPED},
    {SYNTH_JUDGING, SYNTH_STOPPED},
    {SYNTH_READY, SYNTH_STOPPED},
    {SYNTH_GIVEN, SYNTH_STOPPED},
    {SYNTH_FAILED, SYNTH_STOPPED},
};

/* The only writer of s->phase. */
static void synth_enter(struct synth *s, enum synth_phase phase)
{
    bool legal = false;

    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++)
        legal = legal || (moves[i].from == s->phase && moves[i].to == phase);
    assert(legal);
    s->phase = phase;
}

/* --- small things that the files share */

struct view synth_name(const struct synth *s, enum part_role role, uint8_t place)
{
    const struct synth_list *l = role == PART_PANEL ? &s->task.plan->panel : &s->task.plan->judges;

    assert(role != PART_FINAL && place < l->n);
    return l->id[place];
}

struct part_line *synth_line(const struct synth *s, enum part_role role, uint8_t place)
{
    struct parts *p = s->task.whole->parts;

    for (size_t i = 0; i < p->n; i++)
        if (p->line[i].role == role && p->line[i].place == place)
            return &p->line[i];
    return NULL;
}

uint64_t synth_texts(const struct prompt_list *l)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < l->n_items; i++)
        bytes += l->item[i].text.bytes.len;
    return bytes;
}

void synth_tell(struct synth *s, enum synth_event_kind kind, const struct member *m, struct view text,
                const struct part_line *line)
{
    struct synth_event e = {.kind = kind, .text = text, .line = line};

    if (s->task.event == NULL || !s->task.plan->events || s->phase == SYNTH_STOPPED ||
        (kind == SYNTH_PART_TEXT && !s->task.plan->event_text))
        return;
    if (m != NULL) {
        e.role = m->role;
        e.place = m->place;
        e.model = synth_name(s, m->role, m->place);
    }
    s->task.event(s->task.cookie, &e);
}

/* --- a struct's life */

enum err synth_new(const struct synth_task *task, struct synth **out)
{
    struct synth *s;

    assert(task->whole != NULL && task->whole->parts != NULL && task->plan->panel.n > 0);
    assert(task->plan->panel.n <= SYNTH_LIST_MAX && task->plan->judges.n <= SYNTH_LIST_MAX);
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return ERR_MEMORY;
    s->task = *task;
    secret_random(&s->seed, sizeof s->seed);
    *out = s;
    return ERR_NONE;
}

static void synth_drop_plan(struct synth *s)
{
    for (size_t i = 0; i < SYNTH_LIST_MAX; i++) {
        member_free(s->panel[i]);
        member_free(s->judge[i]);
        s->panel[i] = s->judge[i] = NULL;
    }
}

void synth_free(struct synth *s)
{
    if (s == NULL)
        return;
    assert(!s->stepping);
    deadline_end(s);
    synth_drop_plan(s);
    words_verdict_free(&s->verdict);
    explicit_bzero(s, sizeof *s);
    free(s);
}

/* --- the reservation */

uint64_t synth_prompt_bound(const struct synth_plan *plan)
{
    return words_prompt_bound(plan);
}

/* One place. False: there is no memory for it, or the sum is none that an account can hold. */
static bool plan_place(struct synth *s, enum part_role role, uint8_t place, int64_t *sum_nusd, struct api_failure *f)
{
    struct member **m = role == PART_PANEL ? &s->panel[place] : &s->judge[place];
    enum err e = member_new(s, role, place, m);
    int64_t amount = 0;

    if (e != ERR_NONE) {
        *f = (struct api_failure){.error = errors_of(e)};
        return false;
    }
    if (!member_plan(*m, &amount) || money_add(*sum_nusd, amount, sum_nusd) == ERR_NONE)
        return true;
    *f = (struct api_failure){.error = API_BAD_REQUEST,
                              .message = "The request could cost more than any account can hold; ask fewer models, or for "
                                         "shorter answers."};
    return false;
}

bool synth_reserve(struct synth *s, int64_t *amount_nusd, struct api_failure *f)
{
    const struct synth_plan *plan = s->task.plan;
    bool fits = true, any = false;
    int64_t sum = 0;

    assert(s->phase == SYNTH_IDLE);
    synth_drop_plan(s);
    for (uint8_t i = 0; fits && i < plan->panel.n; i++) {
        fits = plan_place(s, PART_PANEL, i, &sum, f);
        any = any || (fits && s->panel[i]->state == MEMBER_PLANNED);
    }
    for (uint8_t i = 0; fits && any && judge_is_wanted(plan) && i < plan->judges.n; i++)
        fits = plan_place(s, PART_JUDGE, i, &sum, f);
    if (fits && any) {
        *amount_nusd = sum;
        return true;
    }
    if (fits)
        (void)panel_failure(s, f);
    return false;
}

/* --- decisions */

static void synth_give(struct synth *s, struct member *m)
{
    assert(m->complete && !m->empty);
    s->chosen = m;
    synth_line(s, PART_PANEL, m->place)->chosen = true;
    panel_forget(s, m);
    synth_enter(s, SYNTH_GIVEN);
}

/* The panel is over, and there is an answer. */
static void synth_judge(struct synth *s)
{
    enum synth_strategy strategy = s->task.plan->strategy;

    /* Nothing to compare: a judge would only cost. */
    if (panel_count(s).good < 2) {
        s->judged = JUDGED_SKIPPED;
        if (strategy == SYNTH_SELECTOR)
            synth_give(s, panel_best(s));
        else
            synth_enter(s, SYNTH_READY);
        return;
    }
    synth_enter(s, SYNTH_JUDGING);
    s->again = true;
}

static void synth_after_panel(struct synth *s)
{
    struct member *m = NULL;

    deadline_end(s);
    panel_drop(s);
    if (s->phase != SYNTH_PANEL)
        return;
    if (panel_count(s).answers == 0) {
        synth_enter(s, SYNTH_FAILED);
        return;
    }
    if (s->task.plan->strategy == SYNTH_FIRST_SUCCESS)
        m = panel_first(s, false);
    if (s->task.plan->strategy == SYNTH_FIRST_NON_REFUSAL)
        m = panel_count(s).good != 0 ? panel_first(s, true) : panel_best(s);
    if (m != NULL)
        synth_give(s, m);
    else
        synth_judge(s);
}

/* The one that the judge has chosen, if it has; a judge's choice is one that it was shown. */
static struct member *selected(const struct synth *s)
{
    return s->has_verdict && s->verdict.selected >= 0 ? s->panel[s->verdict.selected] : panel_best(s);
}

static void synth_after_judges(struct synth *s)
{
    deadline_end(s);
    s->judged = s->has_verdict ? JUDGED_USED : JUDGED_FAILED;
    if (s->task.plan->strategy == SYNTH_SELECTOR)
        synth_give(s, selected(s));
    else
        synth_enter(s, SYNTH_READY);
}

/* No judge runs: what the last one said, or the next one. */
static void synth_judges(struct synth *s)
{
    if (s->next_judge != 0 && judge_read(s)) {
        synth_after_judges(s);
        return;
    }
    deadline_begin(s); /* each has its own */
    if (judge_next(s))
        s->again = true;
    else if (s->phase == SYNTH_JUDGING)
        synth_after_judges(s);
}

static void synth_decide(struct synth *s)
{
    switch (s->phase) {
    case SYNTH_PANEL:
        if (panel_is_enough(s))
            synth_after_panel(s);
        break;
    case SYNTH_JUDGING:
        if (judge_running(s) == NULL)
            synth_judges(s);
        break;
    case SYNTH_IDLE:
    case SYNTH_READY:
    case SYNTH_GIVEN:
    case SYNTH_FAILED:
    case SYNTH_STOPPED:
        break;
    }
}

static bool synth_is_running(const struct synth *s)
{
    for (size_t i = 0; i < SYNTH_LIST_MAX; i++)
        if ((s->panel[i] != NULL && s->panel[i]->state == MEMBER_RUNNING) ||
            (s->judge[i] != NULL && s->judge[i]->state == MEMBER_RUNNING))
            return true;
    return false;
}

/* Each report once. It may end the whole, but for the struct: the caller of synth_step() holds the request. */
static void synth_report(struct synth *s)
{
    struct request *whole = s->task.whole;
    struct api_failure f;
    enum err why;

    if (s->told == s->phase || (s->phase == SYNTH_STOPPED && synth_is_running(s)))
        return;
    switch (s->phase) {
    case SYNTH_READY:
        s->told = s->phase;
        request_prepared(whole);
        break;
    case SYNTH_GIVEN:
        s->told = s->phase;
        request_given(whole);
        break;
    case SYNTH_FAILED:
        s->told = s->phase;
        why = panel_failure(s, &f);
        request_unprepared(whole, why, &f);
        break;
    case SYNTH_STOPPED:
        s->told = s->phase;
        request_idle(whole);
        break;
    case SYNTH_IDLE:
    case SYNTH_PANEL:
    case SYNTH_JUDGING:
        break;
    }
}

void synth_step(struct synth *s)
{
    if (s->stepping) {
        s->again = true;
        return;
    }
    s->stepping = true;
    do {
        s->again = false;
        synth_decide(s);
    } while (s->again);
    s->stepping = false;
    synth_report(s);
}

void synth_start(struct synth *s)
{
    synth_enter(s, SYNTH_PANEL);
    s->stepping = true; /* members that end at once are decided about when all have begun */
    deadline_begin(s);
    synth_tell(s, SYNTH_STARTED, NULL, VIEW_EMPTY, NULL);
    panel_begin(s);
    s->stepping = false;
    synth_step(s);
}

bool synth_stop(struct synth *s)
{
    bool stepping = s->stepping;

    if (s->phase != SYNTH_STOPPED)
        synth_enter(s, SYNTH_STOPPED);
    s->stepping = true; /* what ends now is not reported */
    deadline_end(s);
    panel_drop(s);
    if (judge_running(s) != NULL)
        member_drop(judge_running(s));
    s->stepping = stepping;
    panel_forget(s, NULL);
    if (synth_is_running(s))
        return false;
    s->told = SYNTH_STOPPED;
    return true;
}

/* --- the final, and answers */

enum err synth_final(struct synth *s, struct prompt_list *list)
{
    struct words_answer shown[SYNTH_LIST_MAX];
    size_t n = panel_evidence(s, shown);
    uint64_t before = synth_texts(list), after;
    enum err e;

    assert(s->phase == SYNTH_READY);
    e = words_final(list, s->task.plan, shown, n, s->seed, s->has_verdict ? &s->verdict : NULL);
    if (e != ERR_NONE)
        return e;
    after = synth_texts(list);
    s->task.whole->prompt_bytes += after > before ? after - before : 0;
    words_verdict_free(&s->verdict); /* whether there was one is still known */
    s->verdict = (struct words_verdict){.selected = -1};
    panel_forget(s, panel_best(s)); /* the best one is what is given when every final fails */
    return ERR_NONE;
}

bool synth_accepts(const struct synth *s, const struct collect *answer)
{
    if (collect_empty(answer))
        return false;
    return panel_count(s).good == 0 || !refusal_is(answer);
}

const struct collect *synth_answer(struct synth *s)
{
    struct member *m = s->chosen != NULL ? s->chosen : panel_best(s);

    if (m == NULL)
        return NULL;
    s->chosen = m;
    synth_line(s, PART_PANEL, m->place)->chosen = true;
    return &m->answer;
}
