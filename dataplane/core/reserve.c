/* The worst case of a request, and how much of it is reserved. */
#include "reserve.h"

#include "growth.h"
#include "money.h"
#include "part_lines.h"

/* The longest answer and the longest prompt there, as the endpoint says it, or else its model. */
static uint32_t context_most(const struct candidate *c)
{
    return c->endpoint->info->context_length != 0 ? c->endpoint->info->context_length
                                                  : c->model->info->context_length;
}

static uint32_t output_most(const struct candidate *c)
{
    if (c->endpoint->info->max_output != 0)
        return c->endpoint->info->max_output;
    if (c->model->info->max_output != 0)
        return c->model->info->max_output;
    return context_most(c) != 0 ? context_most(c) : INT32_MAX; /* nothing is known: the call's own bound counts */
}

/* Prompt tokens that the model can have read, whose context may not be known. guessed: the bound says nothing. */
static uint64_t prompt_most(const struct request *r, const struct candidate *c, bool guessed)
{
    uint64_t most = (uint64_t)context_most(c) * (r->n_prompts > 1 ? r->n_prompts : 1);

    return most != 0 && (guessed || r->prompt_bound > most) ? most : r->prompt_bound;
}

/* The most that so many tokens cost there, whatever classes they are of and whichever tier holds. */
static enum err worst_at(const struct request *r, const struct candidate *c, uint64_t prompt, uint64_t output,
                         int64_t *out_nusd)
{
    const struct price_most most = {.prompt = prompt, .output = output, .never = r->never, .units = r->units};

    return price_worst(&c->endpoint->info->price, r->received_unix_ms, &most, out_nusd);
}

uint32_t reserve_most(const struct request *r)
{
    uint32_t most = 0;

    for (size_t i = 0; i < r->attempts.route.n; i++) {
        uint32_t here = output_most(&r->attempts.route.list[i]);

        if (here > most)
            most = here;
    }
    return most;
}

/* At the dearest candidate of one model, or of all (NULL); 0 without any. */
static enum err dearest_cost(const struct request *r, uint64_t output, const struct route_model *of, int64_t *out_nusd)
{
    int64_t dearest = 0, cost;
    enum err e;

    for (size_t i = 0; i < r->attempts.route.n; i++) {
        const struct candidate *c = &r->attempts.route.list[i];
        uint64_t most = output_most(c);

        if (of != NULL && c->model != of)
            continue;
        if (r->no_output || output < most)
            most = r->no_output ? 0 : output;
        most += r->extra_output; /* of a body: no sum wraps */
        e = worst_at(r, c, prompt_most(r, c, false), most * r->n_choices, &cost);
        if (e != ERR_NONE)
            return e;
        cost = own_charge(&r->attempts, &r->attempts.route.list[i], cost);
        if (cost > dearest)
            dearest = cost;
    }
    *out_nusd = dearest;
    return ERR_NONE;
}

/* A whole may be charged by each of its models, for an answer that is empty or refused: their sum. */
enum err reserve_cost(const struct request *r, uint64_t output, int64_t *out_nusd)
{
    int64_t sum = 0, cost;
    enum err e = ERR_NONE;

    if (r->parts == NULL)
        return dearest_cost(r, output, NULL, out_nusd);
    for (size_t m = 0; !r->parts->given && e == ERR_NONE && m < r->want.n_models; m++) {
        e = dearest_cost(r, output, r->want.models[m], &cost);
        if (e == ERR_NONE)
            e = money_add(sum, cost, &sum);
    }
    *out_nusd = sum;
    return e;
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

uint64_t reserve_prompt(const struct request *r)
{
    return prompt_most(r, &r->attempts.candidate, r->prompt_guessed);
}

bool reserve_believes(const struct request *r, const struct attempt_account *a, uint64_t completion)
{
    const struct catalog_model *m = r->attempts.candidate.model->info;
    const uint64_t there = output_most(&r->attempts.candidate); /* its row may say too little */
    const uint64_t longest = there > m->max_output ? there : m->max_output;
    uint64_t output = r->output < longest ? r->output : longest;
    bool limited = r->max_output != 0 || r->told;

    if (completion > ((limited ? output : longest) + r->extra_output) * r->n_choices)
        return false;
    return limited || (m->capabilities & CAP_REASONING) != 0 ||
           completion <= a->delivered_bytes + GROWTH_SLACK_TOKENS;
}

/* A whole's attempt cannot take what is reserved for its other models: they are asked when it is no answer. */
int64_t reserve_left(const struct request *r)
{
    int64_t left, own;

    if (r->parts == NULL)
        return r->admission.amount_nusd;
    left = r->admission.amount_nusd - r->parts->reserved_nusd - parts_cost(r->parts, PART_FINAL);
    if (dearest_cost(r, r->output, r->attempts.candidate.model, &own) != ERR_NONE)
        return left;
    own = parts_add_money(own, r->parts->covered_nusd);
    return own < left ? own : left;
}

/* Out of the lease; a part's is its whole's. */
static void reserve_more(struct request *r, int64_t more_nusd)
{
    struct request *payer = r->whole != NULL ? r->whole : r;

    if (!admit_cover(&payer->admission, more_nusd))
        return;
    if (r->parts != NULL)
        r->parts->covered_nusd += more_nusd;
    if (r->whole == NULL)
        return;
    r->admission.amount_nusd += more_nusd;
    payer->parts->reserved_nusd += more_nusd;
    payer->parts->begun_nusd += more_nusd;
}

void reserve_cover(struct request *r, const struct token_usage *t, int64_t cost_nusd)
{
    const struct candidate *c = &r->attempts.candidate;
    uint64_t output = r->output < output_most(c) ? r->output : output_most(c);
    int64_t most;

    output = r->no_output ? 0 : (output + r->extra_output) * r->n_choices;
    if (t->completion > output && reserve_believes(r, &r->account, t->completion))
        output = t->completion;
    if (worst_at(r, c, prompt_most(r, c, r->prompt_guessed), output, &most) != ERR_NONE)
        return;
    most = own_charge(&r->attempts, &r->attempts.candidate, most);
    if (cost_nusd > most)
        cost_nusd = most;
    /* When the lease does not hold it, the bill is what is reserved. */
    if (cost_nusd > reserve_left(r))
        reserve_more(r, cost_nusd - reserve_left(r));
}

uint32_t reserve_told(const struct request *r)
{
    return r->told && r->output < output_most(&r->attempts.candidate) ? r->output : 0;
}
