/* Facts, bounds of the price and JSON of models that are made of several. */
#include "catalog_synth.h"

#include "catalog_json.h"
#include "money.h"
#include "plan.h"
#include "want.h"

#include <assert.h>

/* --- members */

/* One list of a row. */
struct members {
    const char (*id)[LIMIT_MODEL_ID_BYTES + 1];
    uint8_t n;
};

static struct members panel_of(const struct catalog_synth *x)
{
    return (struct members){x->panel, x->n_panel};
}

static struct members judges_of(const struct catalog_synth *x)
{
    return (struct members){x->judges, x->n_judges};
}

static struct members finals_of(const struct catalog_synth *x)
{
    return (struct members){x->finals, x->n_finals};
}

/* The model that a member's name means now, the first of an alias' that is served. NULL: nobody serves it. */
static const struct route_model *member_model(const struct snapshot *s, const char *id)
{
    struct want_name n = want_named(s, view_str(id));

    if (n.alias == NULL)
        return n.model != NULL && catalog_cheapest(n.model) != NULL ? n.model : NULL;
    for (size_t i = 0; i < n.alias->n_models; i++) {
        const struct route_model *m = snapshot_number(s, n.alias->model[i]);

        if (m != NULL && catalog_cheapest(m) != NULL)
            return m;
    }
    return NULL;
}

typedef bool is_fn(const void *cookie, const struct route_model *member);

static bool any_is(const struct snapshot *s, struct members l, is_fn *is, const void *cookie)
{
    for (uint8_t i = 0; i < l.n; i++) {
        const struct route_model *m = member_model(s, l.id[i]);

        if (m != NULL && is(cookie, m))
            return true;
    }
    return false;
}

const struct catalog_synth *catalog_synth_lists(const struct snapshot *s, const struct catalog_synth *row)
{
    const struct catalog_synth *quality = row->generic ? snapshot_preset(s, SYNTH_PRESET_QUALITY, row->code) : NULL;

    return quality != NULL ? quality : row;
}

/* NULL: the model is an ordinary one. */
static const struct catalog_synth *lists_of(const struct snapshot *s, const struct route_model *m)
{
    const struct catalog_synth *row = snapshot_synth(s, m);

    return row == NULL ? NULL : catalog_synth_lists(s, row);
}

bool catalog_synth_some(const struct snapshot *s, const struct route_model *m, is_fn *is, const void *cookie)
{
    const struct catalog_synth *x = lists_of(s, m);

    assert(x != NULL);
    return any_is(s, panel_of(x), is, cookie) && any_is(s, finals_of(x), is, cookie);
}

static bool anyone(const void *cookie, const struct route_model *member)
{
    (void)cookie, (void)member;
    return true;
}

bool catalog_listed(const struct snapshot *s, const struct route_model *m)
{
    return snapshot_synth(s, m) == NULL ? catalog_cheapest(m) != NULL : catalog_synth_some(s, m, anyone, NULL);
}

/* --- facts */

/* The least context of those that are known. */
static void least_context(const struct snapshot *s, struct members l, uint32_t *least)
{
    for (uint8_t i = 0; i < l.n; i++) {
        const struct route_model *m = member_model(s, l.id[i]);
        uint32_t context = m == NULL ? 0 : m->info->context_length;

        if (context != 0 && (*least == 0 || context < *least))
            *least = context;
    }
}

/* Words of effort that both know; 0: any. Two that have none in common are not known to take one. */
static uint8_t common_efforts(uint8_t a, uint8_t b)
{
    return a == 0 ? b : b == 0 ? a : a & b;
}

/* What every final that is served has, and what one of them refuses. */
static void common_to(const struct snapshot *s, struct members l, struct catalog_model *out)
{
    const uint32_t thinking = GATE_THINKS_ALWAYS | GATE_THINKS_BY_DEFAULT | GATE_THINKS_BY_BUDGET;
    uint32_t thinks = thinking;
    bool first = true;

    for (uint8_t i = 0; i < l.n; i++) {
        const struct route_model *m = member_model(s, l.id[i]);
        uint8_t inputs;

        if (m == NULL)
            continue;
        inputs = m->info->inputs != 0 ? m->info->inputs
                                      : MEDIUM_TEXT | ((m->info->capabilities & CAP_IMAGES) != 0 ? MEDIUM_IMAGE : 0);
        out->capabilities = first ? m->info->capabilities : out->capabilities & m->info->capabilities;
        out->inputs = first ? inputs : out->inputs & inputs;
        out->gates.bits |= m->info->gates.bits;
        out->gates.efforts = common_efforts(out->gates.efforts, m->info->gates.efforts);
        thinks &= m->info->gates.bits;
        first = false;
    }
    out->gates.bits = (out->gates.bits & ~thinking) | thinks;
}

void catalog_facts(const struct snapshot *s, const struct route_model *m, struct catalog_model *out)
{
    const struct catalog_synth *x = lists_of(s, m);

    *out = *m->info;
    if (x == NULL)
        return;
    out->kind = KIND_CHAT;
    out->outputs = MEDIUM_TEXT;
    out->context_length = 0;
    out->gates = (struct model_gates){0};
    out->max_output = x->final_tokens;
    least_context(s, panel_of(x), &out->context_length);
    least_context(s, judges_of(x), &out->context_length);
    least_context(s, finals_of(x), &out->context_length);
    common_to(s, finals_of(x), out);
}

/* --- price */

enum which { LEAST, MOST };

/* The price of one token at one endpoint, the dearest class and tier of it for MOST. */
static int64_t token_price(const struct price *p, enum which which, bool completion)
{
    int64_t pusd = completion ? p->completion_pusd : p->prompt_pusd;

    for (size_t i = 0; i < p->n_tiers; i++) {
        int64_t tier = completion ? p->tier[i].completion_pusd : p->tier[i].prompt_pusd;

        if (which == MOST ? tier > pusd : tier < pusd)
            pusd = tier;
    }
    return pusd;
}

/* At the cheapest or the dearest of its enabled endpoints. */
static int64_t model_price(const struct route_model *m, enum which which, bool completion)
{
    int64_t best = -1;

    for (size_t i = 0; i < m->n_endpoints; i++) {
        const struct catalog_endpoint *e = m->endpoints[i].info;
        int64_t pusd = e->weight == 0 ? -1 : token_price(&e->price, which, completion);

        if (pusd >= 0 && (best < 0 || (which == MOST ? pusd > best : pusd < best)))
            best = pusd;
    }
    return best < 0 ? 0 : best;
}

static int64_t plus(int64_t a, int64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

/* Of the members that are served, the sum, or the least of them. */
static int64_t list_price(const struct snapshot *s, struct members l, enum which which, bool completion, bool one)
{
    int64_t sum = 0, least = INT64_MAX;
    bool any = false;

    for (uint8_t i = 0; i < l.n; i++) {
        const struct route_model *m = member_model(s, l.id[i]);
        int64_t pusd = m == NULL ? 0 : model_price(m, which, completion);

        if (m == NULL)
            continue;
        any = true;
        sum = plus(sum, pusd);
        least = pusd < least ? pusd : least;
    }
    return !any ? 0 : one ? least : sum;
}

static int64_t all_price(const struct snapshot *s, const struct catalog_synth *x, enum which which, bool completion)
{
    bool one = which == LEAST;

    return plus(list_price(s, panel_of(x), which, completion, false),
                plus(list_price(s, judges_of(x), which, completion, one),
                     list_price(s, finals_of(x), which, completion, one)));
}

struct catalog_synth_price catalog_synth_price(const struct snapshot *s, const struct route_model *m)
{
    const struct catalog_synth *x = lists_of(s, m);

    assert(x != NULL);
    return (struct catalog_synth_price){all_price(s, x, LEAST, false), all_price(s, x, MOST, false),
                                        all_price(s, x, LEAST, true), all_price(s, x, MOST, true)};
}

/* --- JSON */

static enum err append_list(struct buf *out, const char *name, struct members l)
{
    enum err e = buf_appendf(out, ",\"%s\":[", name);

    for (uint8_t i = 0; e == ERR_NONE && i < l.n; i++) {
        if (i != 0)
            e = buf_append_byte(out, ',');
        if (e == ERR_NONE)
            e = buf_append_json_string(out, view_str(l.id[i]));
    }
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}

static enum err append_bounds(struct buf *out, const char *name, int64_t least_pusd, int64_t most_pusd)
{
    char least[MONEY_TEXT_MAX], most[MONEY_TEXT_MAX];

    money_text_price(least_pusd, least);
    money_text_price(most_pusd, most);
    return buf_appendf(out, ",\"%s\":{\"min\":\"%s\",\"max\":\"%s\"}", name, least, most);
}

static enum err append_head(struct buf *out, const struct catalog_synth *row)
{
    const char *preset = synth_preset_name((enum synth_preset)row->preset);
    enum err e = buf_append(out, VIEW_LIT("{\"preset\":"));

    if (e == ERR_NONE)
        e = preset == NULL ? buf_append(out, VIEW_LIT("null")) : buf_append_json_string(out, view_str(preset));
    return e == ERR_NONE ? buf_appendf(out, ",\"any_preset\":%s,\"code\":%s", row->generic ? "true" : "false",
                                       row->code ? "true" : "false")
                         : e;
}

enum err catalog_synth_json(const struct snapshot *s, const struct route_model *m, struct buf *out)
{
    const struct catalog_synth *x = lists_of(s, m);
    struct catalog_synth_price p = catalog_synth_price(s, m);
    enum err e = append_head(out, snapshot_synth(s, m));

    if (e == ERR_NONE)
        e = append_list(out, "panel", panel_of(x));
    if (e == ERR_NONE)
        e = append_list(out, "judges", judges_of(x));
    if (e == ERR_NONE)
        e = append_list(out, "finals", finals_of(x));
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"max_completion_tokens\":{\"panel\":%u,\"judge\":%u,\"final\":%u}", x->panel_tokens,
                        x->judge_tokens, x->final_tokens);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"pricing\":{\"varies\":true"));
    if (e == ERR_NONE)
        e = append_bounds(out, "prompt", p.least_prompt_pusd, p.most_prompt_pusd);
    if (e == ERR_NONE)
        e = append_bounds(out, "completion", p.least_completion_pusd, p.most_completion_pusd);
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("}}")) : e;
}
