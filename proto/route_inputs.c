/* Layout, big-endian: u8 version; u16 flags; u8 sort; u8 privacy_by, places; u16 quantizations, capabilities;
 * u32 gates; u64 prompt_most, received_ms; the limits of price that are set, 8 bytes each; with WISHES eight u32; models: u8 count, u8 named,
 * u32 each; providers of only and ignore: u16 count, u16 each; picks of only, ignore and order: u8 count, 3 bytes each;
 * endpoints: u16 count, then a byte each, with a figure behind it where it says so. */
#include "route_inputs.h"

#include "codec.h"

#include <assert.h>

enum {
    FLAG_ONLY = 1,
    FLAG_ORDER = 2,
    FLAG_NO_FALLBACKS = 4,
    FLAG_NO_RETENTION = 8,
    FLAG_CONFIDENTIAL = 16,
    FLAG_FREE = 32,
    FLAG_ACROSS = 64,
    FLAG_WISHES = 128,
    FLAG_MAX = 256, /* the first of five, in the order of maxima() */
    FLAGS_ALL = (FLAG_MAX << 5) - 1,

    MAXIMA = 5,

    JUDGED_STATE = 3, /* enum health_state */
    JUDGED_SLOW = 4,
    JUDGED_UNFIT = 8,
    JUDGED_FIGURE = 16, /* u32 follows */
    JUDGED_LOSSY = 32,
};

/* The prices that may be limited, in order. */
static void maxima(struct route_want *w, int64_t *out[static MAXIMA])
{
    out[0] = &w->max_prompt_pusd;
    out[1] = &w->max_completion_pusd;
    out[2] = &w->max_audio_pusd;
    out[3] = &w->max_request_nusd;
    out[4] = &w->max_image_nusd;
}

static bool has_wishes(const struct route_want *w)
{
    bool has = false;

    for (unsigned i = 0; i < ROUTE_PERCENTILES; i++)
        has = has || w->latency_us[i] != 0 || w->throughput[i] != 0;
    return has;
}

/* --- writing */

struct pen {
    uint8_t *at;
    size_t len;
    bool full;
};

static void pen_put(struct pen *p, uint64_t v, size_t bytes)
{
    if (p->full || bytes > ROUTE_INPUTS_MAX - p->len) {
        p->full = true;
        return;
    }
    store_be(p->at + p->len, v, bytes);
    p->len += bytes;
}

static void put_set(struct pen *p, const struct provider_set *s)
{
    unsigned n = 0;

    for (uint16_t i = 0; i < LIMIT_PROVIDERS; i++)
        n += provider_set_has(s, i);
    pen_put(p, n, 2);
    for (uint16_t i = 0; i < LIMIT_PROVIDERS; i++)
        if (provider_set_has(s, i))
            pen_put(p, i, 2);
}

static void put_picks(struct pen *p, const struct route_pick *list, size_t n)
{
    pen_put(p, n, 1);
    for (size_t i = 0; i < n; i++) {
        pen_put(p, list[i].provider_no, 2);
        pen_put(p, list[i].quantization, 1);
    }
}

static void put_endpoints(struct pen *p, const struct route_want *w, const struct route_judged *judged)
{
    size_t n = route_endpoints(w);

    pen_put(p, n, 2);
    for (size_t i = 0; i < n; i++) {
        const struct route_judged *j = &judged[i];
        /* Whether the request or its key keeps it from an endpoint, the decision is the same. */
        bool unfit = ((w->unfit[i / 64] | w->barred[i / 64]) >> i % 64 & 1) != 0, lossy = (w->lossy[i / 64] >> i % 64 & 1) != 0;

        pen_put(p, j->state | (j->slow ? JUDGED_SLOW : 0u) | (unfit ? JUDGED_UNFIT : 0u) |
                       (j->figure != 0 ? JUDGED_FIGURE : 0u) | (lossy ? JUDGED_LOSSY : 0u), 1);
        if (j->figure != 0)
            pen_put(p, j->figure, 4);
    }
}

static unsigned flags_of(const struct route_want *w, int64_t *const max[static MAXIMA])
{
    unsigned f = (w->only_set ? FLAG_ONLY : 0u) | (w->order_set ? FLAG_ORDER : 0u) |
                 (w->no_fallbacks ? FLAG_NO_FALLBACKS : 0u) |
                 (w->no_retention ? FLAG_NO_RETENTION : 0u) |
                 (w->confidential ? FLAG_CONFIDENTIAL : 0u) | (w->free_only ? FLAG_FREE : 0u) |
                 (w->across_models ? FLAG_ACROSS : 0u) | (has_wishes(w) ? FLAG_WISHES : 0u);

    for (unsigned i = 0; i < MAXIMA; i++)
        f |= *max[i] >= 0 ? (unsigned)FLAG_MAX << i : 0;
    return f;
}

size_t route_inputs_write(const struct route_want *want, const struct route_judged *judged,
                          uint8_t out[static ROUTE_INPUTS_MAX])
{
    struct route_want copy = *want;
    const struct route_want *w = &copy;
    struct pen p = {out, 0, false};
    int64_t *max[MAXIMA];

    maxima(&copy, max);
    pen_put(&p, ROUTE_INPUTS_VERSION, 1);
    pen_put(&p, flags_of(w, max), 2);
    pen_put(&p, w->sort, 1);
    pen_put(&p, w->privacy_by, 1);
    pen_put(&p, w->places, 1);
    pen_put(&p, w->quantizations, 2);
    pen_put(&p, w->capabilities, 2);
    pen_put(&p, w->gates, 4);
    pen_put(&p, w->prompt_most, 8);
    pen_put(&p, w->received_ms, 8);
    for (unsigned i = 0; i < MAXIMA; i++)
        if (*max[i] >= 0)
            pen_put(&p, (uint64_t)*max[i], 8);
    for (unsigned i = 0; has_wishes(w) && i < ROUTE_PERCENTILES; i++) {
        pen_put(&p, w->latency_us[i], 4);
        pen_put(&p, w->throughput[i], 4);
    }
    pen_put(&p, w->n_models, 1);
    pen_put(&p, w->n_named, 1);
    for (size_t i = 0; i < w->n_models; i++)
        pen_put(&p, w->models[i]->info->no, 4);
    put_set(&p, &w->only);
    put_set(&p, &w->ignore);
    put_picks(&p, w->only_pick, w->n_only_picks);
    put_picks(&p, w->ignore_pick, w->n_ignore_picks);
    put_picks(&p, w->order, w->n_order);
    put_endpoints(&p, w, judged);
    return p.full ? 0 : p.len;
}

/* --- reading */

static void take_set(struct reader *r, struct provider_set *s)
{
    unsigned n = take_u16(r);
    int last = -1;

    for (unsigned i = 0; i < n && r->e == ERR_NONE; i++) {
        uint16_t no = take_u16(r);

        reader_require(r, no < LIMIT_PROVIDERS && no > last, ERR_RANGE);
        if (r->e == ERR_NONE)
            provider_set_add(s, no);
        last = no;
    }
}

static size_t take_picks(struct reader *r, struct route_pick *list, size_t max)
{
    size_t n = take_u8(r);

    reader_require(r, n <= max, ERR_RANGE);
    for (size_t i = 0; i < n && r->e == ERR_NONE; i++) {
        list[i].provider_no = take_u16(r);
        list[i].quantization = take_u8(r);
        reader_require(r, list[i].provider_no < LIMIT_PROVIDERS &&
                              (list[i].quantization == ROUTE_ANY || list[i].quantization < QUANTIZATION_COUNT),
                       ERR_RANGE);
    }
    return n;
}

static void take_models(struct reader *r, const struct route_catalog *catalog, struct route_want *w)
{
    size_t n = take_u8(r);

    w->n_named = take_u8(r);
    reader_require(r, n <= ROUTE_MODELS_MAX && w->n_named <= n, ERR_RANGE);
    for (size_t i = 0; i < n && r->e == ERR_NONE; i++) {
        uint32_t no = take_u32(r);

        if (r->e != ERR_NONE)
            return;
        w->models[i] = catalog->model(catalog->cookie, no);
        reader_require(r, w->models[i] != NULL, ERR_NOT_FOUND);
    }
    w->n_models = r->e == ERR_NONE ? n : 0;
}

static void take_endpoints(struct reader *r, struct route_want *w,
                           struct route_judged judged[static ROUTE_ENDPOINTS_MAX])
{
    size_t n = take_u16(r);

    reader_require(r, r->e != ERR_NONE || n == route_endpoints(w), ERR_NOT_FOUND);
    for (size_t i = 0; i < n && r->e == ERR_NONE; i++) {
        unsigned byte = take_u8(r);

        judged[i] = (struct route_judged){.state = byte & JUDGED_STATE,
                                          .slow = (byte & JUDGED_SLOW) != 0};
        if ((byte & JUDGED_UNFIT) != 0)
            w->unfit[i / 64] |= UINT64_C(1) << i % 64;
        if ((byte & JUDGED_LOSSY) != 0)
            w->lossy[i / 64] |= UINT64_C(1) << i % 64;
        if ((byte & JUDGED_FIGURE) != 0) {
            judged[i].figure = take_u32(r);
            reader_require(r, judged[i].figure != 0, ERR_FORMAT);
        }
        reader_require(r, byte < 2 * JUDGED_LOSSY, ERR_RANGE);
    }
}

static void take_limits(struct reader *r, unsigned flags, struct route_want *w)
{
    int64_t *max[MAXIMA];

    maxima(w, max);
    for (unsigned i = 0; i < MAXIMA; i++)
        *max[i] = (flags & (unsigned)FLAG_MAX << i) != 0 ? take_amount(r) : -1;
    for (unsigned i = 0; (flags & FLAG_WISHES) != 0 && i < ROUTE_PERCENTILES; i++) {
        w->latency_us[i] = take_u32(r);
        w->throughput[i] = take_u32(r);
    }
    reader_require(r, (flags & FLAG_WISHES) == 0 || has_wishes(w), ERR_FORMAT);
}

enum err route_inputs_read(struct view bytes, const struct route_catalog *catalog,
                           struct route_want *w,
                           struct route_judged judged[static ROUTE_ENDPOINTS_MAX])
{
    struct reader r = reader_of(bytes);
    unsigned flags;

    *w = (struct route_want)ROUTE_WANT_ANY;
    reader_require(&r, take_u8(&r) == ROUTE_INPUTS_VERSION, ERR_VERSION);
    flags = take_u16(&r);
    reader_require(&r, flags <= FLAGS_ALL, ERR_RANGE);
    w->only_set = (flags & FLAG_ONLY) != 0;
    w->order_set = (flags & FLAG_ORDER) != 0;
    w->no_fallbacks = (flags & FLAG_NO_FALLBACKS) != 0;
    w->no_retention = (flags & FLAG_NO_RETENTION) != 0;
    w->confidential = (flags & FLAG_CONFIDENTIAL) != 0;
    w->free_only = (flags & FLAG_FREE) != 0;
    w->across_models = (flags & FLAG_ACROSS) != 0;
    w->sort = take_u8_below(&r, ROUTE_SORT_COUNT);
    w->privacy_by = take_u8_below(&r, ROUTE_PRIVACIES);
    w->places = take_u8_below(&r, ROUTE_PLACES + 1);
    w->quantizations = take_u16(&r);
    w->capabilities = take_u16(&r);
    w->gates = take_u32(&r);
    w->prompt_most = take_u64(&r);
    w->received_ms = take_u64(&r);
    take_limits(&r, flags, w);
    take_models(&r, catalog, w);
    take_set(&r, &w->only);
    take_set(&r, &w->ignore);
    w->n_only_picks = (uint8_t)take_picks(&r, w->only_pick, ROUTE_PICKS_MAX);
    w->n_ignore_picks = (uint8_t)take_picks(&r, w->ignore_pick, ROUTE_PICKS_MAX);
    w->n_order = take_picks(&r, w->order, ROUTE_ORDER_MAX);
    take_endpoints(&r, w, judged);
    return reader_end(&r);
}

/* --- words */

static enum err tell_provider(const struct providers *p, const struct route_pick *pick,
                              struct buf *out)
{
    enum err e = buf_append_byte(out, ' ');

    if (e == ERR_NONE)
        e = pick->provider_no < p->n ? buf_append(out, view_str(p->list[pick->provider_no].id))
                                     : buf_appendf(out, "#%u", (unsigned)pick->provider_no);
    if (e == ERR_NONE && pick->quantization != ROUTE_ANY)
        e = buf_appendf(out, "/%s", route_quantizations[pick->quantization]);
    return e;
}

static enum err tell_providers(const char *name, const struct providers *p,
                               const struct provider_set *set, const struct route_pick *list,
                               size_t n, struct buf *out)
{
    enum err e = buf_append(out, view_str(name));

    for (uint16_t i = 0; e == ERR_NONE && set != NULL && i < LIMIT_PROVIDERS; i++)
        if (provider_set_has(set, i))
            e = tell_provider(p, &(struct route_pick){i, ROUTE_ANY}, out);
    for (size_t i = 0; e == ERR_NONE && i < n; i++)
        e = tell_provider(p, &list[i], out);
    return e == ERR_NONE ? buf_append_byte(out, '\n') : e;
}

static enum err tell_limits(struct route_want *w, struct buf *out)
{
    static const char *const names[MAXIMA] = {"prompt (pUSD per token)", "completion (pUSD per token)",
                                              "audio (pUSD per token)", "request (nUSD)", "image (nUSD)"};
    int64_t *max[MAXIMA];
    enum err e = ERR_NONE;

    maxima(w, max);
    for (unsigned i = 0; e == ERR_NONE && i < MAXIMA; i++)
        if (*max[i] >= 0)
            e = buf_appendf(out, "max_price %s: %lld\n", names[i], (long long)*max[i]);
    return e;
}

static bool any_lossy(const struct route_want *w)
{
    bool any = false;

    for (size_t i = 0; i < sizeof w->lossy / sizeof w->lossy[0]; i++)
        any = any || w->lossy[i] != 0;
    return any;
}

static enum err tell_hard(const struct route_want *w, struct buf *out)
{
    enum err e = ERR_NONE;

    if (w->no_retention)
        e = buf_appendf(out, "no retention, asked for by %s\n", route_constraint(w, ROUTE_NO_PRIVACY));
    if (e == ERR_NONE && w->confidential)
        e = buf_append(out, VIEW_LIT("confidential providers only\n"));
    if (e == ERR_NONE && w->free_only)
        e = buf_append(out, VIEW_LIT("free endpoints only\n"));
    if (e == ERR_NONE && w->places != 0)
        e = buf_appendf(out, "place:%s%s%s\n", (w->places & ROUTE_LAW_EU) != 0 ? " jurisdiction EU" : "",
                        (w->places & ROUTE_LAW_US) != 0 ? " jurisdiction US" : "",
                        (w->places & ROUTE_IN_EU) != 0 ? " region EU" : "");
    for (uint8_t q = 0; e == ERR_NONE && q < QUANTIZATION_COUNT; q++)
        if ((w->quantizations >> q & 1) != 0)
            e = buf_appendf(out, "quantization %s allowed\n", route_quantizations[q]);
    if (e == ERR_NONE && (w->capabilities != 0 || w->gates != 0 || any_lossy(w)))
        e = buf_append(out, VIEW_LIT("every parameter must be supported\n"));
    return e;
}

enum err route_inputs_tell(const struct route_want *want, const struct providers *p, struct buf *out)
{
    struct route_want w = *want;
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < w.n_models; i++)
        e = buf_appendf(out, "model %s%s\n", w.models[i]->info->id,
                        i < w.n_named ? "" : " (the catalog's fallback)");
    if (e == ERR_NONE && w.only_set)
        e = tell_providers("only", p, &w.only, w.only_pick, w.n_only_picks, out);
    if (e == ERR_NONE)
        e = tell_providers("ignore", p, &w.ignore, w.ignore_pick, w.n_ignore_picks, out);
    if (e == ERR_NONE && w.order_set)
        e = tell_providers("order", p, NULL, w.order, w.n_order, out);
    if (e == ERR_NONE && w.no_fallbacks)
        e = buf_append(out, VIEW_LIT("no fallbacks\n"));
    if (e == ERR_NONE)
        e = tell_hard(&w, out);
    if (e == ERR_NONE)
        e = tell_limits(&w, out);
    return e == ERR_NONE ? buf_appendf(out, "sort %s%s\n", route_sort_name((enum route_sort)w.sort),
                                       w.across_models ? " across models" : "")
                         : e;
}
