/* (G) The judges: one after the other, until one gives a verdict. Whatever a judge does instead (it fails, refuses, says
 * nothing or no verdict), the next one is asked. */
#include "content_view.h"
#include "run_internal.h"

#include <assert.h>

bool judge_is_wanted(const struct synth_plan *plan)
{
    return plan->strategy == SYNTH_SYNTHESIZE || plan->strategy == SYNTH_NON_REFUSALS || plan->strategy == SYNTH_SELECTOR;
}

struct member *judge_running(const struct synth *s)
{
    struct member *m = s->next_judge == 0 ? NULL : s->judge[s->next_judge - 1];

    return m != NULL && m->state == MEMBER_RUNNING && !m->dropped ? m : NULL;
}

/* Its list again, with the answers. */
static enum err judge_show(struct member *m)
{
    struct synth *s = m->synth;
    struct words_answer shown[SYNTH_LIST_MAX];
    size_t n = panel_evidence(s, shown);
    enum err e;

    prompt_list_free(&m->prompt.list);
    e = words_judge(&s->task.prompt->list, s->task.plan, shown, n, s->seed, &m->prompt.list);
    if (e == ERR_NONE)
        e = member_charge(m);
    if (e == ERR_NONE)
        m->request.prompt_bytes = synth_texts(&m->prompt.list);
    return e;
}

bool judge_next(struct synth *s)
{
    while (s->next_judge < SYNTH_LIST_MAX) {
        struct member *m = s->judge[s->next_judge++];
        enum err e;

        if (m == NULL)
            continue;
        if (m->state == MEMBER_PLANNED) {
            e = judge_show(m);
            if (e != ERR_NONE)
                member_out(m, e);
        }
        member_begin(m);
        if (m->state != MEMBER_OUT)
            return true;
    }
    return false;
}

/* Places that the judge has found to be refusals. */
static void judge_flags(struct synth *s)
{
    for (uint8_t place = 0; place < SYNTH_LIST_MAX; place++) {
        struct member *m = s->panel[place];

        if (m == NULL || (s->verdict.refused >> place & 1) == 0 || !m->complete || m->empty)
            continue;
        m->refused = true;
        synth_line(s, PART_PANEL, place)->refused = true;
    }
}

bool judge_read(struct synth *s)
{
    struct member *m = s->judge[s->next_judge - 1];
    struct words_answer shown[SYNTH_LIST_MAX];
    size_t n;

    assert(s->next_judge != 0 && m != NULL && judge_running(s) == NULL && !s->has_verdict);
    if (m->complete && !m->empty && !m->refused) {
        n = panel_evidence(s, shown);
        s->has_verdict =
            words_verdict(&m->answer, s->task.plan, shown, n, s->seed, s->task.budget, &s->verdict) == ERR_NONE;
        m->unusable = !s->has_verdict;
    }
    member_forget(m);
    if (s->has_verdict)
        judge_flags(s);
    return s->has_verdict;
}
