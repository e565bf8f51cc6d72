/* The catalog as bytes: models, endpoints, aliases and orchestrations. Both ends judge it with the same functions, so a
 * catalog that one side can send, the other accepts. */
#include "message.h"

#include "codec.h"

#include <assert.h>
#include <stdlib.h>

enum {
    CATALOG_HEAD_BYTES = 4 + 2 + 2 + 2,
    MODEL_ID_MAX = 1 + LIMIT_MODEL_ID_BYTES,
    MODEL_MAX_BYTES = 4 + 2 * MODEL_ID_MAX + 1 + LIMIT_DESCRIPTION_BYTES + 4 + 4 + 8 + 4 + 4 + 2 + 4 +
                      4 + 1 + 4 + 4 + 1 + CATALOG_FALLBACKS * 4,
#define ONE(name, what) +1
    PRICES = 0 PRICE_CLASSES(ONE) PRICE_UNITS(ONE),
#undef ONE
    TIER_BYTES = 4 + 2 + 2 + 4 * 8,
    ENDPOINT_MAX_BYTES = 4 + 4 + 2 + 2 + MODEL_ID_MAX + 1 + LIMIT_SOURCE_BYTES + 4 + 4 + PRICES * 8 + 1 +
                         PRICE_TIERS_MAX * TIER_BYTES + 4 + 4 + 4 + 2 + 1 + 1,
    ALIAS_MAX_BYTES = MODEL_ID_MAX + 3 + 1 + CATALOG_ALIAS_MODELS * 4,
    SYNTH_MAX_BYTES = 4 + 1 + 1 + 3 * 4 + 3 * (1 + CATALOG_SYNTH_MODELS * MODEL_ID_MAX),
    CAP_ALL = CAP_TOOLS | CAP_IMAGES | CAP_JSON_SCHEMA | CAP_REASONING | CAP_EMBEDDINGS,
    MEDIUM_ALL = MEDIUM_TEXT | MEDIUM_IMAGE | MEDIUM_AUDIO | MEDIUM_VIDEO | MEDIUM_FILE,
    ALIAS_WANTS_ALL = ALIAS_NO_RETENTION | ALIAS_CONFIDENTIAL | ALIAS_EU | ALIAS_US | ALIAS_FREE,
    EFFORTS_ALL = (1 << 7) - 1, /* none, minimal, low, medium, high, xhigh, max */
    DAY_MINUTES = 24 * 60,
    ENDPOINT_RETAINS = 1, /* the last byte of an endpoint */
    ENDPOINT_OWN_ONLY = 2,
    ENDPOINT_FLAGS_ALL = ENDPOINT_RETAINS | ENDPOINT_OWN_ONLY,
    SYNTH_CODE = 1, /* the second byte of an orchestration behind its model's number */
    SYNTH_GENERIC = 2,
    SYNTH_FLAGS_ALL = SYNTH_CODE | SYNTH_GENERIC,
};
_Static_assert(CATALOG_HEAD_BYTES + LIMIT_MODELS * MODEL_MAX_BYTES + LIMIT_ENDPOINTS * ENDPOINT_MAX_BYTES +
                       LIMIT_ALIASES * ALIAS_MAX_BYTES + 2 + CATALOG_SYNTHS * SYNTH_MAX_BYTES <=
                   LIMIT_CATALOG_BYTES,
               "the largest legal catalog fits");
_Static_assert(LIMIT_MODEL_ID_BYTES <= UINT8_MAX && LIMIT_DESCRIPTION_BYTES <= UINT8_MAX &&
                   LIMIT_SOURCE_BYTES <= UINT8_MAX,
               "text length is one byte");
_Static_assert(LIMIT_MODELS <= UINT16_MAX && LIMIT_ENDPOINTS <= UINT16_MAX && LIMIT_ALIASES <= UINT16_MAX,
               "counts are two bytes");

void catalog_free(struct catalog *c)
{
    free(c->models);
    free(c->endpoints);
    free(c->aliases);
    free(c->synths);
    *c = (struct catalog){0};
}

/* --- texts, in arrays of max + 1 characters */

static void put_text(struct writer *w, const char *text, size_t max)
{
    struct view v = view_of(text, strnlen(text, max + 1));

    writer_require(w, catalog_text_ok(v, max), ERR_FORMAT);
    put_blob8(w, v, 0, max);
}

static void put_id(struct writer *w, const char *text)
{
    struct view v = view_of(text, strnlen(text, LIMIT_MODEL_ID_BYTES + 1));

    writer_require(w, catalog_id_ok(v), ERR_FORMAT);
    put_blob8(w, v, 1, LIMIT_MODEL_ID_BYTES);
}

/* *out is zeroed: the copied text is NUL-terminated. */
static void take_text(struct reader *r, char *out, size_t max)
{
    struct view v = take_blob8(r, 0, max);

    reader_require(r, catalog_text_ok(v, max), ERR_FORMAT);
    if (r->e == ERR_NONE && v.len != 0)
        memcpy(out, v.ptr, v.len);
}

static void take_id(struct reader *r, char *out)
{
    struct view v = take_blob8(r, 1, LIMIT_MODEL_ID_BYTES);

    reader_require(r, catalog_id_ok(v), ERR_FORMAT);
    if (r->e == ERR_NONE)
        memcpy(out, v.ptr, v.len);
}

/* --- one model */

static bool model_ok(const struct catalog_model *m)
{
    return (m->capabilities & ~CAP_ALL) == 0 && (m->inputs & ~MEDIUM_ALL) == 0 &&
           (m->outputs & ~MEDIUM_ALL) == 0 && (m->gates.bits & ~(uint32_t)MODEL_GATES_ALL) == 0 &&
           (m->gates.efforts & ~EFFORTS_ALL) == 0 &&
           (m->gates.budget_max == 0 || m->gates.budget_min <= m->gates.budget_max);
}

static void put_model(struct writer *w, const struct catalog_model *m)
{
    put_u32(w, m->no);
    put_id(w, m->id);
    put_text(w, m->name, LIMIT_MODEL_ID_BYTES);
    put_text(w, m->description, LIMIT_DESCRIPTION_BYTES);
    put_u32(w, m->context_length);
    put_u32(w, m->max_output);
    put_u64(w, m->created);
    put_u32(w, m->knowledge_day);
    put_u32(w, m->facts_day);
    put_u16(w, m->capabilities);
    put_u8_below(w, m->kind, KIND_COUNT);
    put_u8(w, m->inputs);
    put_u8(w, m->outputs);
    put_u8_below(w, m->open_weights, KNOWN_YES + 1);
    put_u32(w, m->gates.bits);
    put_u8(w, m->gates.efforts);
    put_u32(w, m->gates.budget_min);
    put_u32(w, m->gates.budget_max);
    put_u8_below(w, m->n_fallbacks, CATALOG_FALLBACKS + 1);
    for (size_t i = 0; i < m->n_fallbacks; i++)
        put_u32(w, m->fallback[i]);
    writer_require(w, model_ok(m), ERR_RANGE);
}

static void take_model(struct reader *r, struct catalog_model *m)
{
    m->no = take_u32(r);
    take_id(r, m->id);
    take_text(r, m->name, LIMIT_MODEL_ID_BYTES);
    take_text(r, m->description, LIMIT_DESCRIPTION_BYTES);
    m->context_length = take_u32(r);
    m->max_output = take_u32(r);
    m->created = take_u64(r);
    m->knowledge_day = take_u32(r);
    m->facts_day = take_u32(r);
    m->capabilities = take_u16(r);
    m->kind = take_u8_below(r, KIND_COUNT);
    m->inputs = take_u8(r);
    m->outputs = take_u8(r);
    m->open_weights = take_u8_below(r, KNOWN_YES + 1);
    m->gates.bits = take_u32(r);
    m->gates.efforts = take_u8(r);
    m->gates.budget_min = take_u32(r);
    m->gates.budget_max = take_u32(r);
    m->n_fallbacks = take_u8_below(r, CATALOG_FALLBACKS + 1);
    for (size_t i = 0; i < m->n_fallbacks; i++)
        m->fallback[i] = take_u32(r);
    reader_require(r, model_ok(m), ERR_RANGE);
}

/* --- one endpoint */

static bool tier_ok(const struct price_tier *t)
{
    return t->from_minute < DAY_MINUTES && t->until_minute <= DAY_MINUTES;
}

static void put_price(struct writer *w, const struct price *p)
{
#define PUT(class, as) put_amount(w, p->class##_pusd);
    PRICE_CLASSES(PUT)
#undef PUT
#define PUT(unit, what) put_amount(w, p->unit##_nusd);
    PRICE_UNITS(PUT)
#undef PUT
    put_u8_below(w, p->n_tiers, PRICE_TIERS_MAX + 1);
    for (size_t i = 0; w->e == ERR_NONE && i < p->n_tiers; i++) {
        const struct price_tier *t = &p->tier[i];

        writer_require(w, tier_ok(t), ERR_RANGE);
        put_u32(w, t->above_prompt_tokens);
        put_u16(w, t->from_minute);
        put_u16(w, t->until_minute);
        put_amount(w, t->prompt_pusd);
        put_amount(w, t->completion_pusd);
        put_amount(w, t->cached_pusd);
        put_amount(w, t->cache_write_pusd);
    }
}

static void take_price(struct reader *r, struct price *p)
{
#define TAKE(class, as) p->class##_pusd = take_amount(r);
    PRICE_CLASSES(TAKE)
#undef TAKE
#define TAKE(unit, what) p->unit##_nusd = take_amount(r);
    PRICE_UNITS(TAKE)
#undef TAKE
    p->n_tiers = take_u8_below(r, PRICE_TIERS_MAX + 1);
    for (size_t i = 0; i < p->n_tiers; i++) {
        struct price_tier *t = &p->tier[i];

        t->above_prompt_tokens = take_u32(r);
        t->from_minute = take_u16(r);
        t->until_minute = take_u16(r);
        t->prompt_pusd = take_amount(r);
        t->completion_pusd = take_amount(r);
        t->cached_pusd = take_amount(r);
        t->cache_write_pusd = take_amount(r);
        reader_require(r, tier_ok(t), ERR_RANGE);
    }
}

static void put_endpoint(struct writer *w, const struct catalog_endpoint *e)
{
    writer_require(w, e->provider_no < LIMIT_PROVIDERS && (e->lacks & ~CAP_ALL) == 0, ERR_RANGE);
    put_u32(w, e->no);
    put_u32(w, e->model_no);
    put_u16(w, e->provider_no);
    put_u16(w, e->weight);
    put_id(w, e->upstream_model);
    put_text(w, e->source, LIMIT_SOURCE_BYTES);
    put_u32(w, e->source_day);
    put_u32(w, e->retires_day);
    put_price(w, &e->price);
    put_u32(w, e->price_version);
    put_u32(w, e->context_length);
    put_u32(w, e->max_output);
    put_u16(w, e->lacks);
    put_u8_below(w, e->quantization, QUANTIZATION_COUNT);
    writer_require(w, !e->own_only || e->weight == 0, ERR_RANGE);
    put_u8(w, (uint8_t)((e->retains_data ? ENDPOINT_RETAINS : 0) | (e->own_only ? ENDPOINT_OWN_ONLY : 0)));
}

static void take_endpoint(struct reader *r, struct catalog_endpoint *e)
{
    uint8_t flags;

    e->no = take_u32(r);
    e->model_no = take_u32(r);
    e->provider_no = take_u16(r);
    e->weight = take_u16(r);
    take_id(r, e->upstream_model);
    take_text(r, e->source, LIMIT_SOURCE_BYTES);
    e->source_day = take_u32(r);
    e->retires_day = take_u32(r);
    take_price(r, &e->price);
    e->price_version = take_u32(r);
    e->context_length = take_u32(r);
    e->max_output = take_u32(r);
    e->lacks = take_u16(r);
    e->quantization = take_u8_below(r, QUANTIZATION_COUNT);
    flags = take_u8_below(r, ENDPOINT_FLAGS_ALL + 1);
    e->retains_data = (flags & ENDPOINT_RETAINS) != 0;
    e->own_only = (flags & ENDPOINT_OWN_ONLY) != 0;
    reader_require(r, !e->own_only || e->weight == 0, ERR_RANGE);
    reader_require(r, e->provider_no < LIMIT_PROVIDERS && (e->lacks & ~CAP_ALL) == 0, ERR_RANGE);
}

/* --- one alias */

static void put_alias(struct writer *w, const struct catalog_alias *a)
{
    writer_require(w, a->n_models != 0 && (a->wants & ~ALIAS_WANTS_ALL) == 0, ERR_RANGE);
    put_id(w, a->id);
    put_u8(w, a->wants);
    put_u8_below(w, a->sort, ALIAS_SORT_COUNT);
    put_u8(w, a->listed);
    put_u8_below(w, a->n_models, CATALOG_ALIAS_MODELS + 1);
    for (size_t i = 0; i < a->n_models; i++)
        put_u32(w, a->model[i]);
}

static void take_alias(struct reader *r, struct catalog_alias *a)
{
    take_id(r, a->id);
    a->wants = take_u8(r);
    a->sort = take_u8_below(r, ALIAS_SORT_COUNT);
    a->listed = take_u8_below(r, 2) != 0;
    a->n_models = take_u8_below(r, CATALOG_ALIAS_MODELS + 1);
    for (size_t i = 0; i < a->n_models; i++)
        a->model[i] = take_u32(r);
    reader_require(r, a->n_models != 0 && (a->wants & ~ALIAS_WANTS_ALL) == 0, ERR_RANGE);
}

/* --- one orchestration */

static bool synth_ok(const struct catalog_synth *s)
{
    return s->panel_tokens != 0 && s->judge_tokens != 0 && s->final_tokens != 0 && s->n_panel != 0 &&
           s->n_judges != 0 && s->n_finals != 0;
}

static void put_names(struct writer *w, const char (*names)[LIMIT_MODEL_ID_BYTES + 1], uint8_t n)
{
    put_u8_below(w, n, CATALOG_SYNTH_MODELS + 1);
    for (size_t i = 0; w->e == ERR_NONE && i < n; i++)
        put_id(w, names[i]);
}

static uint8_t take_names(struct reader *r, char (*names)[LIMIT_MODEL_ID_BYTES + 1])
{
    uint8_t n = take_u8_below(r, CATALOG_SYNTH_MODELS + 1);

    for (size_t i = 0; i < n; i++)
        take_id(r, names[i]);
    return n;
}

static void put_synth(struct writer *w, const struct catalog_synth *s)
{
    put_u32(w, s->model_no);
    put_u8_below(w, s->preset, SYNTH_PRESET_COUNT);
    put_u8(w, (uint8_t)((s->code ? SYNTH_CODE : 0) | (s->generic ? SYNTH_GENERIC : 0)));
    put_u32(w, s->panel_tokens);
    put_u32(w, s->judge_tokens);
    put_u32(w, s->final_tokens);
    put_names(w, s->panel, s->n_panel);
    put_names(w, s->judges, s->n_judges);
    put_names(w, s->finals, s->n_finals);
    writer_require(w, synth_ok(s), ERR_RANGE);
}

static void take_synth(struct reader *r, struct catalog_synth *s)
{
    uint8_t flags;

    s->model_no = take_u32(r);
    s->preset = take_u8_below(r, SYNTH_PRESET_COUNT);
    flags = take_u8_below(r, SYNTH_FLAGS_ALL + 1);
    s->code = (flags & SYNTH_CODE) != 0;
    s->generic = (flags & SYNTH_GENERIC) != 0;
    s->panel_tokens = take_u32(r);
    s->judge_tokens = take_u32(r);
    s->final_tokens = take_u32(r);
    s->n_panel = take_names(r, s->panel);
    s->n_judges = take_names(r, s->judges);
    s->n_finals = take_names(r, s->finals);
    reader_require(r, synth_ok(s), ERR_RANGE);
}

/* A catalog without any ends with its aliases, as all did before there were orchestrations. */
static void put_synths(struct writer *w, const struct catalog *c)
{
    if (c->n_synths == 0)
        return;
    put_u16(w, (uint16_t)c->n_synths);
    for (size_t i = 0; i < c->n_synths; i++)
        put_synth(w, &c->synths[i]);
}

static enum err take_synths(struct reader *r, struct catalog *c)
{
    size_t n;

    if (r->e != ERR_NONE || r->left.len == 0)
        return ERR_NONE;
    n = take_u16(r);
    reader_require(r, n != 0 && n <= CATALOG_SYNTHS, ERR_LIMIT);
    if (r->e != ERR_NONE)
        return ERR_NONE;
    c->synths = calloc(n, sizeof *c->synths);
    if (c->synths == NULL)
        return ERR_MEMORY;
    for (c->n_synths = 0; c->n_synths < n && r->e == ERR_NONE; c->n_synths++)
        take_synth(r, &c->synths[c->n_synths]);
    return ERR_NONE;
}

/* --- the whole */

static bool counts_ok(const struct catalog *c)
{
    return c->n_models <= LIMIT_MODELS && c->n_endpoints <= LIMIT_ENDPOINTS &&
           c->n_aliases <= LIMIT_ALIASES && c->n_synths <= CATALOG_SYNTHS;
}

enum err catalog_pack(const struct catalog *c, struct buf *out)
{
    struct writer w = {out, out->len, ERR_NONE};
    enum err e = counts_ok(c) ? catalog_check(c) : ERR_LIMIT;

    if (e != ERR_NONE)
        return e;
    put_u32(&w, c->version);
    put_u16(&w, (uint16_t)c->n_models);
    put_u16(&w, (uint16_t)c->n_endpoints);
    put_u16(&w, (uint16_t)c->n_aliases);
    for (size_t i = 0; i < c->n_models; i++)
        put_model(&w, &c->models[i]);
    for (size_t i = 0; i < c->n_endpoints; i++)
        put_endpoint(&w, &c->endpoints[i]);
    for (size_t i = 0; i < c->n_aliases; i++)
        put_alias(&w, &c->aliases[i]);
    put_synths(&w, c);
    if (w.e != ERR_NONE)
        out->len = w.start;
    assert(out->len - w.start <= LIMIT_CATALOG_BYTES);
    return w.e;
}

enum err catalog_decode(struct view bytes, struct catalog *out)
{
    struct reader r = reader_of(bytes);
    struct catalog c = {0};
    enum err e;

    c.version = take_u32(&r);
    c.n_models = take_u16(&r);
    c.n_endpoints = take_u16(&r);
    c.n_aliases = take_u16(&r);
    reader_require(&r, counts_ok(&c), ERR_LIMIT);
    e = r.e;
    if (e != ERR_NONE)
        goto done;
    e = ERR_MEMORY;
    c.models = calloc(c.n_models + 1, sizeof *c.models);
    c.endpoints = calloc(c.n_endpoints + 1, sizeof *c.endpoints);
    c.aliases = calloc(c.n_aliases + 1, sizeof *c.aliases);
    if (c.models == NULL || c.endpoints == NULL || c.aliases == NULL)
        goto done;
    for (size_t i = 0; i < c.n_models && r.e == ERR_NONE; i++)
        take_model(&r, &c.models[i]);
    for (size_t i = 0; i < c.n_endpoints && r.e == ERR_NONE; i++)
        take_endpoint(&r, &c.endpoints[i]);
    for (size_t i = 0; i < c.n_aliases && r.e == ERR_NONE; i++)
        take_alias(&r, &c.aliases[i]);
    e = take_synths(&r, &c);
    if (e == ERR_NONE)
        e = reader_end(&r);
    if (e == ERR_NONE)
        e = catalog_check(&c);
    if (e != ERR_NONE)
        goto done;
    digest_sha256(bytes, &c.digest);
    *out = c;
    c = (struct catalog){0};
done:
    catalog_free(&c);
    return e;
}
