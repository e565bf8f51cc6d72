/* Reads the query string of a list of models, and judges models by it. */
#include "model_query.h"

#include "catalog_json.h"
#include "catalog_synth.h"
#include "catalog_words.h"
#include "money.h"
#include "path.h"
#include "query.h"

#include <assert.h>

enum { DAY_S = 86400 };

/* --- values */

/* One parameter on its way into the query. */
struct reading {
    struct model_query *out;
    const struct providers *providers;
    char text[MODEL_QUERY_TEXT_MAX]; /* its value, decoded */
    struct view value;
    const char *wrong;
};

static enum err wrong(struct reading *r, const char *message)
{
    r->wrong = message;
    return ERR_FORMAT;
}

static enum err unknown_here(struct reading *r, const char *message)
{
    r->wrong = message;
    return ERR_UNSUPPORTED;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* What stands between separators, in lower case. */
static enum err read_words(struct reading *r, char separator, struct model_words *out)
{
    size_t begin = 0;

    out->n = 0;
    assert(r->value.len <= sizeof out->text);
    for (size_t i = 0; i <= r->value.len; i++) {
        struct view word;

        if (i < r->value.len)
            out->text[i] = lower(r->text[i]);
        if (i < r->value.len && r->text[i] != separator)
            continue;
        word = view_trim(view_of(out->text + begin, i - begin));
        begin = i + 1;
        if (word.len == 0)
            continue;
        if (out->n == MODEL_QUERY_WORDS_MAX)
            return wrong(r, "Too many words in one parameter; there may be 16.");
        out->word[out->n++] = word;
    }
    return ERR_NONE;
}

static enum err read_find(struct reading *r)
{
    return read_words(r, ' ', &r->out->find);
}

static enum err read_authors(struct reading *r)
{
    return read_words(r, ',', &r->out->authors);
}

static enum err read_parameters(struct reading *r)
{
    struct model_words words;
    enum err e = read_words(r, ',', &words);

    for (size_t i = 0; e == ERR_NONE && i < words.n; i++) {
        unsigned k = 0;

        while (parameter_name(k) != NULL && !view_eq(words.word[i], view_str(parameter_name(k))))
            k++;
        if (parameter_name(k) == NULL)
            return wrong(r, "supported_parameters names a parameter that is not known.");
        r->out->parameters |= UINT32_C(1) << k;
    }
    return e;
}

static enum err read_modalities(struct reading *r, uint16_t *out)
{
    struct model_words words;
    enum err e = read_words(r, ',', &words);

    for (size_t i = 0; e == ERR_NONE && i < words.n; i++) {
        unsigned k = 0;

        if (view_eq(words.word[i], VIEW_LIT("all"))) {
            *out = (1u << MODALITY_COUNT) - 1;
            continue;
        }
        while (k < MODALITY_COUNT && !view_eq(words.word[i], view_str(modality_name(k))))
            k++;
        if (k == MODALITY_COUNT)
            return wrong(r, "A modality is not known. They are text, image, file, audio, video, "
                            "embeddings, rerank, speech, transcription and all.");
        *out = (uint16_t)(*out | 1u << k);
    }
    return e;
}

static enum err read_input(struct reading *r)
{
    return read_modalities(r, &r->out->input);
}

static enum err read_output(struct reading *r)
{
    return read_modalities(r, &r->out->output);
}

/* By slug or by name. */
static enum err read_providers(struct reading *r)
{
    struct model_words words, name;
    struct reading part = {.out = r->out};
    enum err e = read_words(r, ',', &words);

    for (size_t i = 0; e == ERR_NONE && i < words.n; i++) {
        bool known = false;

        for (size_t k = 0; k < r->providers->n; k++) {
            const struct provider *p = &r->providers->list[k];

            part.value = view_of(part.text, strlen(p->name));
            memcpy(part.text, p->name, part.value.len);
            e = read_words(&part, ',', &name);
            if (!view_eq(words.word[i], view_str(p->id)) &&
                (e != ERR_NONE || name.n != 1 || !view_eq(words.word[i], name.word[0])))
                continue;
            provider_set_add(&r->out->providers, (uint16_t)k);
            r->out->providers_set = known = true;
        }
        if (!known)
            return wrong(r, "providers names one that this router does not have; GET /v1/providers "
                            "lists them.");
    }
    return e;
}

static enum err read_zdr(struct reading *r)
{
    r->out->zdr = view_eq(r->value, VIEW_LIT("true"));
    return r->out->zdr || view_eq(r->value, VIEW_LIT("false")) ? ERR_NONE
                                                               : wrong(r, "zdr is true or false.");
}

static enum err read_region(struct reading *r)
{
    if (!view_eq(r->value, VIEW_LIT("eu")) && !view_eq(r->value, VIEW_LIT("us")))
        return wrong(r, "region is eu or us.");
    memcpy(r->out->region, r->text, r->value.len);
    return ERR_NONE;
}

/* --- figures */

static enum err read_count(struct reading *r, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t n;

    if (!view_u64(r->value, &n) || n < min || n > max)
        return wrong(r, "This parameter is a whole number; see its range in the documentation.");
    *out = n;
    return ERR_NONE;
}

static enum err read_offset(struct reading *r)
{
    return read_count(r, 0, UINT32_MAX, &r->out->offset);
}

static enum err read_limit(struct reading *r)
{
    return read_count(r, 1, MODEL_QUERY_PAGE_MAX, &r->out->limit);
}

static enum err read_context(struct reading *r)
{
    return read_count(r, 1, UINT32_MAX, &r->out->min_context);
}

static enum err read_days(struct reading *r, uint64_t *out_s)
{
    uint64_t days;
    enum err e = read_count(r, 0, UINT32_MAX, &days);

    if (e == ERR_NONE)
        *out_s = days * DAY_S;
    return e;
}

static enum err read_min_age(struct reading *r)
{
    return read_days(r, &r->out->min_age_s);
}

static enum err read_max_age(struct reading *r)
{
    enum err e = read_days(r, &r->out->max_age_s);

    if (e == ERR_NONE)
        r->out->max_age_s += DAY_S - 1; /* the whole of that day */
    return e;
}

/* Dollars per million tokens. A nano-dollar of that is a thousandth of a pico-dollar per token: rounded to
 * the inside of the range. */
static enum err read_price(struct reading *r, bool up, int64_t *out_pusd)
{
    int64_t nusd;

    if (money_parse_usd(r->value, &nusd) != ERR_NONE)
        return wrong(r, "A price is dollars per million tokens: a number that is not negative.");
    *out_pusd = nusd / 1000 + (up && nusd % 1000 != 0 ? 1 : 0);
    return ERR_NONE;
}

static enum err read_min_price(struct reading *r)
{
    return read_price(r, true, &r->out->min_prompt_pusd);
}

static enum err read_max_price(struct reading *r)
{
    return read_price(r, false, &r->out->max_prompt_pusd);
}

static enum err read_min_output_price(struct reading *r)
{
    return read_price(r, true, &r->out->min_completion_pusd);
}

static enum err read_max_output_price(struct reading *r)
{
    return read_price(r, false, &r->out->max_completion_pusd);
}

/* --- what is refused */

static enum err read_sort(struct reading *r)
{
    static const struct {
        struct view name;
        enum model_order order;
    } orders[] = {
        {VIEW_LIT("newest"), ORDER_NEWEST},
        {VIEW_LIT("pricing-low-to-high"), ORDER_CHEAPEST},
        {VIEW_LIT("pricing-high-to-low"), ORDER_DEAREST},
        {VIEW_LIT("context-high-to-low"), ORDER_CONTEXT},
        {VIEW_LIT("latency-low-to-high"), ORDER_LATENCY},
    };
    static const struct view unmeasured[] = {
        VIEW_LIT("most-popular"),
        VIEW_LIT("top-weekly"),
        VIEW_LIT("throughput-high-to-low"),
        VIEW_LIT("intelligence-high-to-low"),
        VIEW_LIT("coding-high-to-low"),
        VIEW_LIT("agentic-high-to-low"),
        VIEW_LIT("design-arena-elo-high-to-low"),
    };

    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (view_eq(r->value, orders[i].name)) {
            r->out->order = orders[i].order;
            return ERR_NONE;
        }
    for (size_t i = 0; i < sizeof unmeasured / sizeof unmeasured[0]; i++)
        if (view_eq(r->value, unmeasured[i]))
            return unknown_here(r, "This router does not measure what this order needs. sort is newest, "
                                   "pricing-low-to-high, pricing-high-to-low, context-high-to-low or "
                                   "latency-low-to-high.");
    return wrong(r, "sort is newest, pricing-low-to-high, pricing-high-to-low, context-high-to-low or "
                    "latency-low-to-high.");
}

static enum err read_not_kept(struct reading *r)
{
    return unknown_here(r, "The catalog of this router does not say this of its models, so it cannot "
                           "be filtered by it.");
}

static enum err read_feed(struct reading *r)
{
    return view_eq(r->value, VIEW_LIT("false"))
               ? ERR_NONE
               : unknown_here(r, "This router has no RSS feed; the list is JSON.");
}

/* --- the query string */

static const struct {
    const char *name;
    enum err (*read)(struct reading *r);
} filters[] = {
    {"offset", read_offset},
    {"limit", read_limit},
    {"q", read_find},
    {"sort", read_sort},
    {"supported_parameters", read_parameters},
    {"input_modalities", read_input},
    {"output_modalities", read_output},
    {"providers", read_providers},
    {"model_authors", read_authors},
    {"zdr", read_zdr},
    {"region", read_region},
    {"context", read_context},
    {"min_price", read_min_price},
    {"max_price", read_max_price},
    {"min_output_price", read_min_output_price},
    {"max_output_price", read_max_output_price},
    {"min_age_days", read_min_age},
    {"max_age_days", read_max_age},
    {"use_rss", read_feed},
    {"use_rss_chat_links", read_feed},
    {"category", read_not_kept},
    {"arch", read_not_kept},
    {"distillable", read_not_kept},
    {"min_intelligence_index", read_not_kept},
    {"max_intelligence_index", read_not_kept},
    {"min_coding_index", read_not_kept},
    {"max_coding_index", read_not_kept},
    {"min_agentic_index", read_not_kept},
    {"max_agentic_index", read_not_kept},
    {"min_tool_success_rate", read_not_kept},
    {"max_tool_success_rate", read_not_kept},
};

static enum err read_filter(struct reading *r, struct view query, size_t i)
{
    struct view raw;
    size_t len;

    switch (query_find(query, filters[i].name, &raw)) {
    case QUERY_ABSENT:
        return ERR_NONE;
    case QUERY_TWICE:
        return wrong(r, "A parameter is there twice; put several values into one, with commas.");
    case QUERY_ONE:
        break;
    }
    if (raw.len == 0)
        return ERR_NONE; /* an empty field of a form */
    if (!query_decode(raw, r->text, sizeof r->text, &len))
        return wrong(r, "A parameter is too long, or is not percent-encoded as it must be.");
    r->value = view_of(r->text, len);
    r->out->filtered = true;
    return filters[i].read(r);
}

enum err model_query_read(struct view query, const struct providers *providers,
                          struct model_query *out, struct model_query_fault *fault)
{
    struct reading r = {.out = out, .providers = providers};
    enum err e = ERR_NONE;

    *out = (struct model_query){.limit = UINT64_MAX,
                                .max_prompt_pusd = INT64_MAX,
                                .max_completion_pusd = INT64_MAX,
                                .max_age_s = UINT64_MAX};
    if (query.len == 0)
        return ERR_NONE;
    for (size_t i = 0; e == ERR_NONE && i < sizeof filters / sizeof filters[0]; i++) {
        e = read_filter(&r, query, i);
        if (e != ERR_NONE)
            *fault = (struct model_query_fault){filters[i].name, r.wrong};
    }
    return e;
}

/* --- models */

/* Is word, in lower case and not empty, part of text? */
static bool holds(struct view text, struct view word)
{
    for (; text.len >= word.len; text = view_from(text, 1))
        if (lower((char)text.ptr[0]) == (char)word.ptr[0] &&
            view_eq_nocase(view_of(text.ptr, word.len), word))
            return true;
    return false;
}

static bool found(const struct model_words *find, const struct catalog_model *m)
{
    for (size_t i = 0; i < find->n; i++)
        if (!holds(view_str(m->id), find->word[i]) && !holds(view_str(m->name), find->word[i]))
            return false;
    return true;
}

static bool written_by(const struct model_words *authors, const struct catalog_model *m)
{
    const char *slash = strchr(m->id, '/');
    struct view author = view_of(m->id, slash == NULL ? strlen(m->id) : (size_t)(slash - m->id));

    for (size_t i = 0; i < authors->n; i++)
        if (view_eq_nocase(author, authors->word[i]))
            return true;
    return authors->n == 0;
}

/* One endpoint must be all of it: a provider that keeps no data and another that is asked for by name
 * are no provider that is both. */
static bool served(const struct model_query *q, const struct route_model *m)
{
    for (size_t i = 0; i < m->n_endpoints; i++) {
        const struct provider *p = m->endpoints[i].provider;
        const struct catalog_endpoint *e = m->endpoints[i].info;

        if (e->weight != 0 && (!q->zdr || (!provider_keeps(p) && !e->retains_data)) &&
            (!q->providers_set || provider_set_has(&q->providers, p->no)) &&
            (q->region[0] == '\0' || strcmp(q->region, p->region) == 0))
            return true;
    }
    return false;
}

static bool member_served(const void *cookie, const struct route_model *m)
{
    return served(cookie, m);
}

static bool served_somehow(const struct model_query *q, const struct snapshot *s, const struct route_model *m)
{
    return m->info->kind == KIND_SYNTH ? catalog_synth_some(s, m, member_served, q) : served(q, m);
}

static bool priced(const struct model_query *q, const struct snapshot *s, const struct route_model *m)
{
    struct catalog_synth_price p;

    if (m->info->kind == KIND_SYNTH)
        p = catalog_synth_price(s, m);
    else {
        const struct price *one = &catalog_cheapest(m)->price;

        p = (struct catalog_synth_price){one->prompt_pusd, one->prompt_pusd, one->completion_pusd, one->completion_pusd};
    }
    return p.least_prompt_pusd >= q->min_prompt_pusd && p.most_prompt_pusd <= q->max_prompt_pusd &&
           p.least_completion_pusd >= q->min_completion_pusd && p.most_completion_pusd <= q->max_completion_pusd;
}

bool model_query_takes(const struct model_query *q, const struct snapshot *s, const struct route_model *m,
                       uint64_t now_unix_s)
{
    struct catalog_model i;
    uint64_t age = now_unix_s > m->info->created ? now_unix_s - m->info->created : 0;

    if (!catalog_listed(s, m) || !found(&q->find, m->info) || !written_by(&q->authors, m->info))
        return false;
    catalog_facts(s, m, &i);
    return priced(q, s, m) && i.context_length >= q->min_context && age >= q->min_age_s && age <= q->max_age_s &&
           (parameters_of(&i, 0) & q->parameters) == q->parameters &&
           (q->input == 0 || (modalities_in(&i) & q->input) != 0) &&
           (q->output == 0 || (modalities_out(&i) & q->output) != 0) && served_somehow(q, s, m);
}
