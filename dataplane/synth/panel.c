/* (G) The panel: started together, watched until its answers are enough, and what they are worth. */
#include "content_view.h"
#include "run_internal.h"

/* --- who is there */

static bool answers(const struct member *m)
{
    return m != NULL && m->complete && !m->empty;
}

static bool answers_well(const struct member *m)
{
    return answers(m) && !m->refused;
}

struct panel_count panel_count(const struct synth *s)
{
    struct panel_count n = {0};

    for (size_t i = 0; i < SYNTH_LIST_MAX; i++) {
        const struct member *m = s->panel[i];

        n.running += m != NULL && m->state == MEMBER_RUNNING && !m->dropped;
        n.answers += answers(m);
        n.good += answers_well(m);
    }
    return n;
}

struct member *panel_first(const struct synth *s, bool good)
{
    struct member *first = NULL;

    for (size_t i = 0; i < SYNTH_LIST_MAX; i++) {
        struct member *m = s->panel[i];

        if ((good ? answers_well(m) : answers(m)) && (first == NULL || m->order < first->order))
            first = m;
    }
    return first;
}

/* Does it say more than the other, which may be NULL? What refuses says less than what does not. */
static bool better(const struct member *m, const struct member *than)
{
    if (than == NULL || m->refused != than->refused)
        return than == NULL || than->refused;
    return m->answer.bytes > than->answer.bytes;
}

struct member *panel_best(const struct synth *s)
{
    struct member *best = NULL;

    for (size_t i = 0; i < SYNTH_LIST_MAX; i++)
        if (answers(s->panel[i]) && better(s->panel[i], best))
            best = s->panel[i];
    return best;
}

/* --- while it runs */

void panel_begin(struct synth *s)
{
    for (size_t i = 0; i < SYNTH_LIST_MAX; i++)
        if (s->panel[i] != NULL && s->phase == SYNTH_PANEL)
            member_begin(s->panel[i]);
}

/* first_success and first_non_refusal end with the first answer of their kind. The others wait for all, for a quorum of
 * answers that can be used, or until the deadline has passed and there is one. */
bool panel_is_enough(struct synth *s)
{
    const struct synth_plan *plan = s->task.plan;
    const struct panel_count n = panel_count(s);
    const size_t usable = plan->strategy == SYNTH_SYNTHESIZE ? n.answers : n.good;

    if (n.running == 0)
        return true;
    if (plan->strategy == SYNTH_FIRST_SUCCESS)
        return n.answers != 0;
    if (plan->strategy == SYNTH_FIRST_NON_REFUSAL)
        return n.good != 0;
    s->cut_quorum = plan->quorum != 0 && usable >= plan->quorum;
    s->cut_late = !s->cut_quorum && s->late && usable != 0;
    return s->cut_quorum || s->cut_late;
}

void panel_drop(struct synth *s)
{
    for (size_t i = 0; i < SYNTH_LIST_MAX; i++)
        if (s->panel[i] != NULL)
            member_drop(s->panel[i]);
}

void panel_forget(struct synth *s, const struct member *but)
{
    for (size_t i = 0; i < SYNTH_LIST_MAX; i++)
        if (s->panel[i] != NULL && s->panel[i] != but && s->panel[i]->state != MEMBER_RUNNING)
            member_forget(s->panel[i]);
}

/* --- what came of it */

/* synthesize shows refusals, too: they may say why. Where all are refusals, they are what there is. */
size_t panel_evidence(const struct synth *s, struct words_answer out[static SYNTH_LIST_MAX])
{
    bool all = s->task.plan->strategy == SYNTH_SYNTHESIZE || panel_count(s).good == 0;
    size_t n = 0;

    for (size_t i = 0; i < SYNTH_LIST_MAX; i++) {
        const struct member *m = s->panel[i];

        if (all ? answers(m) : answers_well(m))
            out[n++] = (struct words_answer){.answer = &m->answer, .place = m->place, .refused = m->refused};
    }
    return n;
}

/* What helps a client most stands first, as in core/refusal.c: trouble of ours, which the others would have met too; the
 * time to wait for; what may pass by itself. A failure that blames the request counts when all do: then trying again does
 * not help. */
static const enum api_error useful[] = {API_OVERLOAD, API_PROVIDER_RATE, API_PROVIDER_OVERLOAD, API_PROVIDER_TIMEOUT,
                                        API_PROVIDER_FAILED};

static bool blames(const struct member *m)
{
    int status = errors_row(m->failure.error)->status;

    return !m->complete && status >= 400 && status < 500 && m->failure.error != API_PROVIDER_RATE;
}

static bool has_failed(const struct member *m)
{
    return m != NULL && !m->complete && !m->dropped && m->failure.error != API_OK;
}

static const struct member *telling(const struct synth *s)
{
    const struct member *first = NULL;
    bool all_blame = true;

    for (size_t i = 0; i < SYNTH_LIST_MAX; i++) {
        const struct member *m = s->panel[i];

        if (m == NULL)
            continue;
        all_blame = all_blame && has_failed(m) && blames(m);
        first = first == NULL && has_failed(m) ? m : first;
    }
    for (size_t k = 0; !all_blame && k < sizeof useful / sizeof useful[0]; k++)
        for (size_t i = 0; i < SYNTH_LIST_MAX; i++)
            if (has_failed(s->panel[i]) && s->panel[i]->failure.error == useful[k])
                return s->panel[i];
    return first;
}

enum err panel_failure(const struct synth *s, struct api_failure *f)
{
    const struct member *m = telling(s);
    bool ran = false;

    for (size_t i = 0; i < SYNTH_LIST_MAX; i++)
        ran = ran || (s->panel[i] != NULL && (s->panel[i]->complete || s->panel[i]->failure.ran));
    if (m != NULL) {
        *f = m->failure;
        f->ran = ran;
        return m->why;
    }
    *f = (struct api_failure){.error = API_PROVIDER_FAILED,
                              .message = "No model of the panel gave an answer.",
                              .ran = ran};
    return ERR_PROVIDER_TRUNCATED;
}
