#include "catalog_lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { SENTENCE_MAX = 512 };

/* What the endpoints of one model are together. */
struct model_facts {
    size_t on;     /* endpoints that are not switched off */
    bool paid, free;
};

static void __attribute__((format(printf, 4, 5))) say(struct catalog_lint *l, bool error, unsigned line,
                                                      const char *fmt, ...)
{
    char text[SENTENCE_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (error)
        l->errors++;
    else
        l->warnings++;
    l->found(l->cookie, error, line, text);
}

/* --- prices */

struct named_price {
    const char *name;
    int64_t amount;
};

static bool price_is_zero(const struct price *p)
{
#define ZERO(class, as) &&p->class##_pusd == 0
#define ZERO_UNIT(unit, what) &&p->unit##_nusd == 0
    return true PRICE_CLASSES(ZERO) PRICE_UNITS(ZERO_UNIT);
#undef ZERO
#undef ZERO_UNIT
}

static void lint_absurd(struct catalog_lint *l, unsigned line, const char *id, const struct price *p)
{
    const struct named_price classes[] = {
#define NAMED(class, as) {#class, p->class##_pusd},
        PRICE_CLASSES(NAMED)
#undef NAMED
    };
    const struct named_price units[] = {
#define NAMED(unit, what) {#unit, p->unit##_nusd},
        PRICE_UNITS(NAMED)
#undef NAMED
    };

    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (classes[i].amount > CATALOG_ABSURD_PUSD) {
            say(l, true, line, "%s: %s costs more than $1,000 per million tokens", id, classes[i].name);
            return; /* other classes may cost as this one does */
        }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (units[i].amount > CATALOG_ABSURD_NUSD)
            say(l, true, line, "%s: per_%s is more than $100", id, units[i].name);
    for (size_t i = 0; i < p->n_tiers; i++)
        if (p->tier[i].prompt_pusd > CATALOG_ABSURD_PUSD || p->tier[i].completion_pusd > CATALOG_ABSURD_PUSD)
            say(l, true, line, "%s: a tier costs more than $1,000 per million tokens", id);
}

static void lint_price(struct catalog_lint *l, unsigned line, const char *id, const struct catalog_model *m,
                       const struct price *p)
{
    bool reads = m->kind == KIND_EMBEDDINGS || m->kind == KIND_RERANK || m->kind == KIND_MODERATION ||
                 m->kind == KIND_TRANSCRIPTION;

    lint_absurd(l, line, id, p);
    if (p->cached_pusd > p->prompt_pusd)
        say(l, true, line, "%s: cached prompt tokens cost more than others", id);
    for (size_t i = 0; i < p->n_tiers; i++)
        if (p->tier[i].cached_pusd > p->tier[i].prompt_pusd)
            say(l, true, line, "%s: cached prompt tokens cost more than others in a tier", id);
    if (!reads && p->prompt_pusd > p->completion_pusd && p->image_output_pusd <= p->prompt_pusd &&
        p->audio_output_pusd <= p->prompt_pusd)
        say(l, false, line, "%s: the prompt costs more than the completion", id);
}

/* --- endpoints */

static void lint_limits(struct catalog_lint *l, unsigned line, const char *id, const struct catalog_model *m,
                        const struct catalog_endpoint *e)
{
    uint32_t context = e->context_length != 0 ? e->context_length : m->context_length;
    uint32_t output = e->max_output != 0 ? e->max_output : m->max_output;

    /* An endpoint with less context than the model writes less by itself. */
    if (e->max_output != 0 && context != 0 && output > context)
        say(l, true, line, "%s: max_output is more than context_length", id);
}

static void lint_endpoint(struct catalog_lint *l, const struct catalog_file *f, size_t i, struct model_facts *facts)
{
    const struct catalog_endpoint *e = &f->catalog.endpoints[i];
    const struct catalog_model *m = &f->catalog.models[e->model_no];
    char id[LIMIT_MODEL_ID_BYTES + 1 + sizeof f->providers[0]->id];

    snprintf(id, sizeof id, "%s@%s", m->id, f->providers[i]->id);
    lint_price(l, f->endpoint_lines[i], id, m, &e->price);
    lint_limits(l, f->endpoint_lines[i], id, m, e);
    if (e->weight == 0)
        return;
    if (e->retires_day != 0 && e->retires_day <= l->today)
        say(l, false, f->endpoint_lines[i], "%s: its provider has ended it", id);
    facts[e->model_no].on++;
    if (price_is_zero(&e->price))
        facts[e->model_no].free = true;
    else
        facts[e->model_no].paid = true;
}

static void lint_refused(struct catalog_lint *l, const struct catalog_file *f)
{
    for (size_t i = 0; i < f->n_refused; i++)
        say(l, true, f->refused[i].line, "%s@%s: its provider is not in providers.conf", f->refused[i].model,
            f->refused[i].provider);
}

/* One sentence for all of them: a catalog is old as a whole, mostly. */
static void lint_age(struct catalog_lint *l, const struct catalog *c)
{
    size_t old = 0, undated = 0;
    uint32_t oldest = 0;

    for (size_t i = 0; i < c->n_endpoints; i++) {
        uint32_t day = c->endpoints[i].source_day;

        if (c->endpoints[i].weight == 0)
            continue;
        undated += day == 0;
        if (day != 0 && l->today > day && l->today - day > CATALOG_OLD_DAYS) {
            old++;
            oldest = l->today - day > oldest ? l->today - day : oldest;
        }
    }
    if (old != 0)
        say(l, false, 0, "the prices of %zu endpoints are older than %d days, the oldest %u days", old,
            CATALOG_OLD_DAYS, oldest);
    if (undated != 0)
        say(l, false, 0, "%zu endpoints do not say of which day their prices are", undated);
}

/* --- models and aliases */

/* How many members of a list have an endpoint that is on. */
static size_t members_on(struct catalog_lint *l, const struct catalog_file *f, const struct catalog_synth *s,
                         const struct model_facts *facts, const char *field,
                         const char (*members)[LIMIT_MODEL_ID_BYTES + 1], size_t n)
{
    const struct catalog *c = &f->catalog;
    const char *id = c->models[s->model_no].id;
    size_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        size_t on = 0;

        for (size_t m = 0; m < c->n_models; m++)
            if (strcmp(c->models[m].id, members[i]) == 0)
                on += facts[m].on;
        for (size_t a = 0; a < c->n_aliases; a++)
            for (size_t k = 0; strcmp(c->aliases[a].id, members[i]) == 0 && k < c->aliases[a].n_models; k++)
                on += facts[c->aliases[a].model[k]].on;
        if (on == 0)
            say(l, false, f->model_lines[s->model_no], "%s: no endpoint of %s in %s is on", id, members[i], field);
        sum += on != 0;
    }
    return sum;
}

/* An orchestration is on when there is somebody in each role. */
static void lint_synth(struct catalog_lint *l, const struct catalog_file *f, const struct catalog_synth *s,
                       struct model_facts *facts)
{
    size_t panel = members_on(l, f, s, facts, "panel", s->panel, s->n_panel);
    size_t judges = members_on(l, f, s, facts, "judges", s->judges, s->n_judges);
    size_t finals = members_on(l, f, s, facts, "finals", s->finals, s->n_finals);

    facts[s->model_no].on = panel != 0 && judges != 0 && finals != 0;
}

static void lint_model(struct catalog_lint *l, const struct catalog_file *f, size_t i,
                       const struct model_facts *facts)
{
    const struct catalog_model *m = &f->catalog.models[i];

    if (facts->on == 0)
        say(l, false, f->model_lines[i], m->kind == KIND_SYNTH ? "%s: nobody of one of its lists is on"
                                                               : "%s: no endpoint of it is on", m->id);
    if (facts->free && facts->paid)
        say(l, false, f->model_lines[i], "%s: one endpoint costs nothing and another does", m->id);
}

static void lint_alias(struct catalog_lint *l, const struct catalog_file *f, size_t i,
                       const struct model_facts *facts)
{
    const struct catalog_alias *a = &f->catalog.aliases[i];
    size_t on = 0;

    for (size_t k = 0; k < a->n_models; k++)
        on += facts[a->model[k]].on;
    if (on == 0)
        say(l, false, f->alias_lines[i], "%s: no endpoint of its models is on", a->id);
}

void catalog_lint(const struct catalog_file *f, struct catalog_lint *l)
{
    struct model_facts *facts = calloc(f->catalog.n_models + 1, sizeof *facts);

    if (facts == NULL) {
        say(l, true, 0, "no memory");
        return;
    }
    lint_refused(l, f);
    for (size_t i = 0; i < f->catalog.n_endpoints; i++)
        lint_endpoint(l, f, i, facts);
    for (size_t i = 0; i < f->catalog.n_synths; i++)
        lint_synth(l, f, &f->catalog.synths[i], facts);
    for (size_t i = 0; i < f->catalog.n_models; i++)
        lint_model(l, f, i, &facts[i]);
    for (size_t i = 0; i < f->catalog.n_aliases; i++)
        lint_alias(l, f, i, facts);
    lint_age(l, &f->catalog);
    free(facts);
}
