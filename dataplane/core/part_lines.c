/* Sums of lines. */
#include "part_lines.h"

#include "money.h"

#include <assert.h>

int64_t parts_add_money(int64_t a, int64_t b)
{
    int64_t sum;

    assert(a >= 0 && b >= 0);
    return money_add(a, b, &sum) == ERR_NONE ? sum : INT64_MAX;
}

static uint32_t add_tokens(uint32_t a, uint32_t b)
{
    return b > UINT32_MAX - a ? UINT32_MAX : a + b;
}

#define PARTS_ADD(no, class, ...) to->class = add_tokens(to->class, t->class);
static void add_usage(struct token_usage *to, const struct token_usage *t)
{
    to->present = to->present || t->present;
    to->clamped = to->clamped || t->clamped;
    USAGE_TOKENS(PARTS_ADD)
    to->prompt_nusd = parts_add_money(to->prompt_nusd, t->prompt_nusd);
    to->completion_nusd = parts_add_money(to->completion_nusd, t->completion_nusd);
}

void parts_add(struct parts *p, const struct part_line *line)
{
    assert(p->n < PARTS_MAX && line->cost_nusd >= 0);
    p->line[p->n++] = *line;
    p->cost_nusd = parts_add_money(p->cost_nusd, line->cost_nusd);
    add_usage(&p->usage, &line->usage);
}

int64_t parts_cost(const struct parts *p, enum part_role role)
{
    int64_t sum = 0;

    for (size_t i = 0; i < p->n; i++)
        if (p->line[i].role == role)
            sum = parts_add_money(sum, p->line[i].cost_nusd);
    return sum;
}

const struct part_line *parts_answer(const struct parts *p)
{
    const struct part_line *last = NULL;

    for (size_t i = 0; i < p->n; i++) {
        if (p->line[i].chosen)
            return &p->line[i];
        if (p->line[i].endpoint_no != 0)
            last = &p->line[i];
    }
    return last;
}

uint16_t parts_flags(const struct parts *p)
{
    uint16_t flags = 0;

    for (size_t i = 0; i < p->n; i++)
        flags |= p->line[i].flags;
    return flags & (USAGE_ESTIMATED | USAGE_CLAMPED | USAGE_BYOK);
}
