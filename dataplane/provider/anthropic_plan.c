/* (G) What a model's gates leave of how much a request wants it to think, and of which tool it must call. */
#include "anthropic_body.h"
#include "content_view.h"
#include "effort.h"

#include <assert.h>

static uint32_t limit_of(const struct prompt *p, const struct destination *d, uint32_t max_output)
{
    uint32_t most = destination_max_output(d), limit = max_output != 0 ? max_output : p->max_tokens;

    if (limit == 0)
        return most != 0 ? most : ANTHROPIC_OUTPUT_MAX;
    return most != 0 && limit > most ? most : limit; /* it cannot write more, and refuses to be told so */
}

/* --- effort */

/* The word that the model knows, of those that the API has. EFFORT_UNSAID: it knows none of them. */
static enum prompt_effort known_effort(const struct destination *d, enum prompt_effort want)
{
    unsigned api = ~(1u << (EFFORT_NONE - 1) | 1u << (EFFORT_MINIMAL - 1)), efforts = d->model->gates.efforts;

    if (efforts != 0 && (efforts & api) == 0)
        return EFFORT_UNSAID;
    return effort_known(efforts & api, want < EFFORT_LOW ? EFFORT_LOW : want);
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
        plan->effort = known_effort(d, EFFORT_LOW); /* the least there is */
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

/* An effort of a client's that speaks Messages says how much the model writes, and does not make it think. */
static bool wants_thoughts(const struct prompt_list *l)
{
    bool by_effort = l->effort > EFFORT_NONE && l->output_effort == EFFORT_UNSAID;

    return by_effort || l->reasoning_tokens != 0 || l->thinks || l->between_tools;
}

static bool is_by_budget(const struct destination *d)
{
    return anthropic_gated(d, GATE_THINKS_BY_BUDGET) && !anthropic_gated(d, GATE_THINKS_ADAPTIVELY);
}

static void plan_thinking(const struct prompt_list *l, const struct destination *d, struct anthropic_plan *plan)
{
    if (l->effort == EFFORT_NONE) {
        plan_none(d, plan);
    } else if (l->between_tools && anthropic_gated(d, GATE_THINKS_BETWEEN_TOOLS)) {
        plan->thinking = THINKING_BETWEEN;
    } else if (wants_thoughts(l) && is_by_budget(d)) {
        if (!loop_lost_thoughts(l, d))
            plan_budget(l, &d->model->gates, plan);
    } else if (wants_thoughts(l)) {
        plan->thinking = THINKING_ADAPTIVE;
        if (l->reasoning_tokens != 0)
            plan->effort = known_effort(d, effort_of_tokens(l->reasoning_tokens));
        else if (l->effort != EFFORT_UNSAID)
            plan->effort = known_effort(d, l->effort);
    }
}

/* The client's own word, also where the model does not think. Most models that think by a budget refuse it: their gates
 * name the words that the others know. Beside between_tools the API takes no more than high. */
static void plan_output_effort(const struct prompt_list *l, const struct destination *d, struct anthropic_plan *plan)
{
    enum prompt_effort effort = l->output_effort;

    if (effort == EFFORT_UNSAID || (is_by_budget(d) && d->model->gates.efforts == 0))
        return;
    if (plan->thinking == THINKING_BETWEEN && effort > EFFORT_HIGH)
        effort = EFFORT_HIGH;
    plan->effort = known_effort(d, effort);
}

struct anthropic_plan anthropic_plan(const struct prompt *p, const struct destination *d, uint32_t max_output)
{
    struct anthropic_plan plan = {.max_tokens = limit_of(p, d, max_output), .choice = p->list.choice};
    bool forced = plan.choice == CHOICE_REQUIRED || plan.choice == CHOICE_TOOL;

    if ((d->model->capabilities & CAP_REASONING) != 0) { /* others are told nothing of it */
        plan_thinking(&p->list, d, &plan);
        plan_output_effort(&p->list, d, &plan);
    }
    if (forced && (anthropic_gated(d, GATE_NO_FORCED_TOOL) ||
                   (anthropic_gated(d, GATE_NO_FORCED_TOOL_THINKING) && plan.thinking == THINKING_BUDGET))) {
        plan.only_chosen = plan.choice == CHOICE_TOOL;
        plan.choice = CHOICE_AUTO;
    }
    plan.sampling = !anthropic_gated(d, GATE_NO_SAMPLING) && !anthropic_thinks(&plan);
    return plan;
}
