/* The worst case of a request, and how much of it is reserved. */
#include "reserve.h"

#include "growth.h"

static uint32_t model_most(const struct catalog_model *m)
{
    return m->max_output != 0 ? m->max_output : m->context_length;
}

/* Prompt tokens that the model can have read. guessed: the bound says nothing. */
static uint64_t prompt_most(const struct request *r, const struct catalog_model *m, bool guessed)
{
    uint64_t most = (uint64_t)m->context_length * (r->n_prompts > 1 ? r->n_prompts : 1);

    return guessed || r->prompt_bound > most ? most : r->prompt_bound;
}

uint32_t reserve_most(const struct request *r)
{
    uint32_t most = 0;

    for (size_t i = 0; i < r->attempts.route.n; i++) {
        uint32_t here = model_most(r->attempts.route.list[i].model->info);

        if (here > most)
            most = here;
    }
    return most;
}

enum err reserve_cost(const struct request *r, uint64_t output, int64_t *out_nusd)
{
    int64_t dearest = 0, cost;
    enum err e;

    for (size_t i = 0; i < r->attempts.route.n; i++) {
        const struct catalog_model *m = r->attempts.route.list[i].model->info;
        uint64_t most = model_most(m);
        uint64_t prompt = prompt_most(r, m, false);

        if (r->no_output || output < most)
            most = r->no_output ? 0 : output;
        most += r->extra_output; /* of a body: no sum wraps */
        e = route_worst_case(r->attempts.route.list[i].endpoint->info, prompt, most * r->n_choices, &cost);
        if (e != ERR_NONE)
            return e;
        cost = own_charge(&r->attempts, &r->attempts.route.list[i], cost);
        if (cost > dearest)
            dearest = cost;
    }
    *out_nusd = dearest;
    return ERR_NONE;
}

uint32_t reserve_fits(const struct request *r, int64_t nusd)
{
    uint32_t low = 0, high = reserve_most(r) + 1; /* low fits (or is 0), high does not */
    int64_t cost;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (reserve_cost(r, middle, &cost) == ERR_NONE && cost <= nusd)
            low = middle;
        else
            high = middle;
    }
    return low;
}

enum err reserve_begin(struct request *r, int64_t *out_nusd)
{
    uint32_t most = reserve_most(r);

    if (r->max_output != 0 || r->no_output)
        r->output = r->max_output;
    else
        r->output = r->stream && r->output_default < most ? r->output_default : most;
    return reserve_cost(r, r->output, out_nusd);
}

bool reserve_less(struct request *r, int64_t available_nusd, int64_t *out_nusd)
{
    uint32_t fits;

    if (r->max_output != 0 || r->lowered || r->no_output)
        return false;
    fits = reserve_fits(r, available_nusd);
    /* More than the default only as far as most is left to the key's other requests. */
    if (fits > r->output_default)
        fits = fits / 4 > r->output_default ? fits / 4 : r->output_default;
    if (fits < RESERVE_LEAST_TOKENS || fits >= r->output)
        return false;
    r->output = fits;
    r->told = r->lowered = true;
    return reserve_cost(r, r->output, out_nusd) == ERR_NONE;
}

bool reserve_believes(const struct request *r, const struct attempt_account *a, uint64_t completion)
{
    const struct catalog_model *m = r->attempts.candidate.model->info;
    uint64_t output = r->output < model_most(m) ? r->output : model_most(m);
    bool limited = r->max_output != 0 || r->told;

    if (completion > ((limited ? output : model_most(m)) + r->extra_output) * r->n_choices)
        return false;
    return limited || (m->capabilities & CAP_REASONING) != 0 ||
           completion <= a->delivered_bytes + GROWTH_SLACK_TOKENS;
}

void reserve_cover(struct request *r, const struct token_usage *t, int64_t cost_nusd)
{
    const struct catalog_model *m = r->attempts.candidate.model->info;
    uint64_t prompt = prompt_most(r, m, r->prompt_guessed);
    uint64_t output = r->output < model_most(m) ? r->output : model_most(m);
    int64_t most;

    output = r->no_output ? 0 : (output + r->extra_output) * r->n_choices;
    if (t->completion > output && reserve_believes(r, &r->account, t->completion))
        output = t->completion;
    if (route_worst_case(r->attempts.candidate.endpoint->info, prompt, output, &most) != ERR_NONE)
        return;
    most = own_charge(&r->attempts, &r->attempts.candidate, most);
    if (cost_nusd > most)
        cost_nusd = most;
    /* When the lease does not hold it, the bill is what is reserved. */
    if (cost_nusd > r->admission.amount_nusd)
        (void)admit_cover(&r->admission, cost_nusd - r->admission.amount_nusd);
}

uint32_t reserve_told(const struct request *r)
{
    return r->told && r->output < model_most(r->attempts.candidate.model->info) ? r->output : 0;
}
