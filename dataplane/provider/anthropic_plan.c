/* (G) What a model's gates leave of how much a request wants it to think, and of which tool it must call. */
#include "anthropic_body.h"
#include "content_view.h"

#include <assert.h>

static uint32_t limit_of(const struct prompt *p, const struct destination *d, uint32_t max_output)
{
    uint32_t most = destination_max_output(d), limit = max_output != 0 ? max_output : p->max_tokens;

    if (limit == 0)
        return most != 0 ? most : ANTHROPIC_OUTPUT_MAX;
    return most != 0 && limit > most ? most : limit; /* it cannot write more, and refuses to be told so */
}

/* --- effort */

static bool knows(uint8_t efforts, int effort)
{
    return (efforts >> (effort - EFFORT_NONE) & 1) != 0;
}

/* The word that the model knows: this one, else the next lower, else the next higher. EFFORT_UNSAID: none. */
static enum prompt_effort known_effort(uint8_t efforts, enum prompt_effort want)
{
    int effort = want < EFFORT_LOW ? EFFORT_LOW : (int)want;

    if (efforts == 0 || knows(efforts, effort))
        return (enum prompt_effort)effort;
    for (int lower = effort - 1; lower >= EFFORT_LOW; lower--)
        if (knows(efforts, lower))
            return (enum prompt_effort)lower;
    while (++effort <= EFFORT_MAX)
        if (knows(efforts, effort))
            return (enum prompt_effort)effort;
    return EFFORT_UNSAID;
}

/* Tokens for models that are told a number. */
static uint32_t budget_of(enum prompt_effort effort)
{
    static const uint32_t tokens[] = {[EFFORT_MINIMAL] = 1024, [EFFORT_LOW] = 1024,   [EFFORT_MEDIUM] = 2048,
                                      [EFFORT_HIGH] = 4096,    [EFFORT_XHIGH] = 8192, [EFFORT_MAX] = 16384};

    assert((int)effort > EFFORT_NONE && (size_t)effort < sizeof tokens / sizeof tokens[0]);
    return tokens[effort];
}

/* A number of the client's for a model that is told a word. */
static enum prompt_effort effort_of_tokens(uint32_t tokens)
{
    return tokens >= 8192 ? EFFORT_XHIGH : tokens >= 4096 ? EFFORT_HIGH : tokens >= 2048 ? EFFORT_MEDIUM : EFFORT_LOW;
}

/* --- thinking */

/* The API wants a budget below the limit, and no less than its least one. */
static void plan_budget(const struct prompt_list *l, const struct model_gates *g, struct anthropic_plan *plan)
{
    enum prompt_effort effort = l->effort == EFFORT_UNSAID ? EFFORT_MEDIUM : l->effort;
    uint32_t least = g->budget_min > ANTHROPIC_BUDGET_MIN ? g->budget_min : ANTHROPIC_BUDGET_MIN;

    plan->budget = l->reasoning_tokens != 0 ? l->reasoning_tokens : budget_of(effort);
    if (g->budget_max != 0 && plan->budget > g->budget_max)
        plan->budget = g->budget_max;
    if (plan->budget < least)
        plan->budget = least;
    if (plan->budget >= plan->max_tokens)
        plan->budget = plan->max_tokens - 1;
    if (plan->budget >= least)
        plan->thinking = THINKING_BUDGET;
}

static void plan_none(const struct destination *d, struct anthropic_plan *plan)
{
    if (anthropic_gated(d, GATE_THINKS_BETWEEN_TOOLS))
        plan->thinking = THINKING_BETWEEN;
    else if (anthropic_gated(d, GATE_THINKS_ALWAYS))
        plan->effort = known_effort(d->model->gates.efforts, EFFORT_LOW); /* the least there is */
    else if (anthropic_gated(d, GATE_THINKS_BY_DEFAULT))
        plan->thinking = THINKING_OFF;
}

/* The last turn of the model has called, and nothing of what it thought can be sent: with a budget the API
 * refuses to go on thinking there. */
static bool loop_lost_thoughts(const struct prompt_list *l, const struct destination *d)
{
    size_t from = l->n_items, calls = 0;

    for (size_t i = l->n_items; i-- > 0;) {
        const struct prompt_item *item = &l->item[i];

        calls += item->kind == ITEM_CALL;
        if (item->kind != ITEM_MESSAGE)
            continue;
        if (item->role == ROLE_ASSISTANT)
            from = i;
        else if (from != l->n_items)
            break; /* the run of the model's messages is over */
        else if (item->role == ROLE_USER)
            return false; /* the loop is closed */
    }
    return calls != 0 && !anthropic_has_thoughts(l->item + from, l->n_items - from, d);
}

static void plan_thinking(const struct prompt *p, const struct destination *d, struct anthropic_plan *plan)
{
    const struct prompt_list *l = &p->list;
    bool wants = l->effort > EFFORT_NONE || l->reasoning_tokens != 0 || l->thinks;
    bool by_budget = anthropic_gated(d, GATE_THINKS_BY_BUDGET) && !anthropic_gated(d, GATE_THINKS_ADAPTIVELY);

    if ((d->model->capabilities & CAP_REASONING) == 0)
        return; /* it does not think */
    if (l->effort == EFFORT_NONE) {
        plan_none(d, plan);
    } else if (wants && by_budget) {
        if (!loop_lost_thoughts(l, d))
            plan_budget(l, &d->model->gates, plan);
    } else if (wants) {
        plan->thinking = THINKING_ADAPTIVE;
        if (l->reasoning_tokens != 0)
            plan->effort = known_effort(d->model->gates.efforts, effort_of_tokens(l->reasoning_tokens));
        else if (l->effort != EFFORT_UNSAID)
            plan->effort = known_effort(d->model->gates.efforts, l->effort);
    }
}

struct anthropic_plan anthropic_plan(const struct prompt *p, const struct destination *d, uint32_t max_output)
{
    struct anthropic_plan plan = {.max_tokens = limit_of(p, d, max_output), .choice = p->list.choice};
    bool forced = plan.choice == CHOICE_REQUIRED || plan.choice == CHOICE_TOOL;

    plan_thinking(p, d, &plan);
    if (forced && (anthropic_gated(d, GATE_NO_FORCED_TOOL) ||
                   (anthropic_gated(d, GATE_NO_FORCED_TOOL_THINKING) && plan.thinking == THINKING_BUDGET))) {
        plan.only_chosen = plan.choice == CHOICE_TOOL;
        plan.choice = CHOICE_AUTO;
    }
    plan.sampling = !anthropic_gated(d, GATE_NO_SAMPLING) && !anthropic_thinks(&plan);
    return plan;
}
