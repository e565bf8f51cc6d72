/* Writes models, endpoints and providers as JSON. */
#include "catalog_json.h"

#include "catalog_pricing.h"
#include "catalog_served.h"
#include "catalog_synth.h"
#include "catalog_words.h"
#include "health_json.h"

#include <assert.h>
#include <stdio.h>

enum { DESCRIPTION_MAX = 512 }; /* bytes; the names that do not fit are left out */

/* --- parts */

const struct catalog_endpoint *catalog_cheapest(const struct route_model *m)
{
    const struct catalog_endpoint *best = NULL;

    for (size_t i = 0; i < m->n_endpoints; i++) {
        const struct catalog_endpoint *e = m->endpoints[i].info;

        if (e->weight != 0 &&
            (best == NULL || e->price.prompt_pusd + e->price.completion_pusd <
                                 best->price.prompt_pusd + best->price.completion_pusd))
            best = e;
    }
    return best;
}

/* "name":"text", and what stands before it. */
static enum err append_text(struct buf *out, const char *before, struct view text)
{
    enum err e = buf_append(out, view_str(before));

    return e == ERR_NONE ? buf_append_json_string(out, text) : e;
}

static enum err append_parameters(struct buf *out, const struct catalog_model *m, uint16_t lacks)
{
    enum err e = buf_append(out, VIEW_LIT(",\"supported_parameters\":["));
    uint32_t set = parameters_of(m, lacks);
    const char *comma = "", *name;

    for (unsigned i = 0; e == ERR_NONE && (name = parameter_name(i)) != NULL; i++) {
        if ((set >> i & 1) == 0)
            continue;
        e = buf_appendf(out, "%s\"%s\"", comma, name);
        comma = ",";
    }
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}

/* ,"NAME":n; null for what is not known. */
static enum err append_count(struct buf *out, const char *name, uint32_t n)
{
    return n == 0 ? buf_appendf(out, ",\"%s\":null", name) : buf_appendf(out, ",\"%s\":%u", name, n);
}

/* Tokens it writes at most. Only a model for chat writes text. */
static enum err append_max_output(struct buf *out, const struct catalog_model *m, const struct catalog_endpoint *e)
{
    uint32_t own = e->max_output != 0 ? e->max_output : m->max_output;

    return append_count(out, "max_completion_tokens",
                        m->kind == KIND_CHAT && (m->capabilities & CAP_EMBEDDINGS) == 0 ? own : 0);
}

static uint32_t context_of(const struct catalog_model *m, const struct catalog_endpoint *e)
{
    return e->context_length != 0 ? e->context_length : m->context_length;
}

static enum err append_modalities(struct buf *out, const char *name, uint16_t set)
{
    enum err e = buf_appendf(out, ",\"%s\":[", name);
    const char *comma = "\"";

    for (unsigned i = 0; e == ERR_NONE && i < MODALITY_COUNT; i++) {
        if ((set >> i & 1) == 0)
            continue;
        e = buf_appendf(out, "%s%s", comma, modality_name(i));
        comma = "\",\"";
    }
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("\"]")) : e;
}

/* "text+image->text" */
static enum err append_modality(struct buf *out, uint16_t in, uint16_t written)
{
    enum err e = buf_append(out, VIEW_LIT("{\"modality\":\""));
    const char *plus = "";

    for (unsigned i = 0; e == ERR_NONE && i < 2 * MODALITY_COUNT; i++) {
        if (i == MODALITY_COUNT) {
            e = buf_append(out, VIEW_LIT("->"));
            plus = "";
        }
        if (e != ERR_NONE || ((i < MODALITY_COUNT ? in : written) >> i % MODALITY_COUNT & 1) == 0)
            continue;
        e = buf_appendf(out, "%s%s", plus, modality_name(i % MODALITY_COUNT));
        plus = "+";
    }
    return e == ERR_NONE ? buf_append_byte(out, '"') : e;
}

enum err catalog_json_architecture(const struct catalog_model *m, struct buf *out)
{
    uint16_t in = modalities_in(m), written = modalities_out(m);
    enum err e = append_modality(out, in, written);

    if (e == ERR_NONE)
        e = append_modalities(out, "input_modalities", in);
    if (e == ERR_NONE)
        e = append_modalities(out, "output_modalities", written);
    return e == ERR_NONE
               ? buf_append(out, VIEW_LIT(",\"tokenizer\":\"Other\",\"instruct_type\":null}"))
               : e;
}

/* What the operator says of the model, and who serves it. */
enum err catalog_json_description(const struct route_model *m, struct buf *out)
{
    char text[DESCRIPTION_MAX];
    bool alone = m->info->kind == KIND_SYNTH || m->info->description[0] == '\0';
    size_t len = (size_t)snprintf(text, sizeof text, "%s%s", m->info->description, alone ? "" : ". ");
    bool served = false;

    for (size_t i = 0; i < m->n_endpoints; i++) {
        const char *name = m->endpoints[i].provider->name;
        size_t left = sizeof text - len;

        if (m->endpoints[i].info->weight == 0 || left < strlen(name) + sizeof "Served by ")
            continue;
        len += (size_t)snprintf(text + len, left, "%s%s", served ? ", " : "Served by ", name);
        served = true;
    }
    return buf_append_json_string(out, view_of(text, len));
}

static struct view model_name(const struct catalog_model *m)
{
    return view_str(m->name[0] != '\0' ? m->name : m->id);
}

/* --- models */

static enum err append_names(struct buf *out, struct view id, const struct catalog_model *m)
{
    const uint8_t *slash = id.len != 0 ? memchr(id.ptr, '/', id.len) : NULL;
    enum err e = append_text(out, "{\"id\":", id);

    if (e == ERR_NONE)
        e = append_text(out, ",\"canonical_slug\":", view_str(m->id));
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"object\":\"model\",\"created\":%llu",
                        (unsigned long long)m->created);
    if (e == ERR_NONE)
        e = append_text(out, ",\"owned_by\":",
                        slash != NULL ? view_of(id.ptr, (size_t)(slash - id.ptr)) : id);
    return e == ERR_NONE ? append_text(out, ",\"name\":", model_name(m)) : e;
}

/* Where its endpoints are. An id may hold what a path may not. */
static enum err append_details(struct buf *out, struct view id)
{
    enum err e = buf_append(out, VIEW_LIT(",\"links\":{\"details\":\"/api/v1/models/"));

    for (size_t i = 0; e == ERR_NONE && i < id.len; i++) {
        uint8_t c = id.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("/-._~:@", c) != NULL;

        e = plain ? buf_append_byte(out, c) : buf_appendf(out, "%%%02X", (unsigned)c);
    }
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("/endpoints\"}")) : e;
}

/* The day on which the last of its enabled endpoints ends; 0: one of them goes on. */
static uint32_t retires_day(const struct route_model *m)
{
    uint32_t last = 0;

    for (size_t i = 0; i < m->n_endpoints; i++) {
        const struct catalog_endpoint *e = m->endpoints[i].info;

        if (e->weight != 0 && e->retires_day == 0)
            return 0;
        if (e->weight != 0 && e->retires_day > last)
            last = e->retires_day;
    }
    return last;
}

/* What it takes of "reasoning". */
static enum err append_reasoning(struct buf *out, const struct catalog_model *m)
{
    static const char *const words[] = {"none", "minimal", "low", "medium", "high", "xhigh", "max"};
    uint32_t gates = m->gates.bits;
    const char *comma = "\"";
    enum err e;

    if ((m->capabilities & CAP_REASONING) == 0)
        return ERR_NONE;
    e = buf_appendf(out, ",\"reasoning\":{\"mandatory\":%s,\"default_enabled\":%s,\"supports_max_tokens\":%s",
                    (gates & GATE_THINKS_ALWAYS) != 0 ? "true" : "false",
                    (gates & (GATE_THINKS_ALWAYS | GATE_THINKS_BY_DEFAULT)) != 0 ? "true" : "false",
                    (gates & GATE_THINKS_BY_BUDGET) != 0 ? "true" : "false");
    if (e == ERR_NONE && m->gates.efforts == 0)
        return buf_append(out, VIEW_LIT(",\"supported_efforts\":null}"));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"supported_efforts\":["));
    for (size_t i = 0; e == ERR_NONE && i < sizeof words / sizeof words[0]; i++) {
        if ((m->gates.efforts >> i & 1) == 0)
            continue;
        e = buf_appendf(out, "%s%s", comma, words[i]);
        comma = "\",\"";
    }
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("\"]}")) : e;
}

/* What OpenRouter's schema has no place for: of which day facts and price are, and what the model is, or what it is made
 * of. */
static enum err append_ours(const struct snapshot *s, struct buf *out, const struct route_model *of,
                            const struct catalog_endpoint *price)
{
    const struct catalog_model *m = of->info;
    static const char *const kinds[] = {
        [KIND_CHAT] = "chat",     [KIND_EMBEDDINGS] = "embeddings",       [KIND_IMAGES] = "images",
        [KIND_SPEECH] = "speech", [KIND_TRANSCRIPTION] = "transcription", [KIND_MODERATION] = "moderation",
        [KIND_RERANK] = "rerank", [KIND_SYNTH] = "synth",
    };
    static const char *const known[] = {[KNOWN_NOT] = "null", [KNOWN_NO] = "false", [KNOWN_YES] = "true"};
    enum err e = buf_appendf(out, ",\"trustedrouter\":{\"kind\":\"%s\",\"open_weights\":%s", kinds[m->kind],
                             known[m->open_weights]);

    if (e == ERR_NONE)
        e = catalog_json_day("facts_date", m->facts_day, out);
    if (e == ERR_NONE)
        e = catalog_json_source(price, out);
    if (e == ERR_NONE)
        e = catalog_served_json(of, out);
    if (e == ERR_NONE && m->kind == KIND_SYNTH)
        e = buf_append(out, VIEW_LIT(",\"synth\":"));
    if (e == ERR_NONE && m->kind == KIND_SYNTH)
        e = catalog_synth_json(s, of, out);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

/* -1 is OpenRouter's word for a price that varies. */
static enum err append_pricing(const struct route_model *m, const struct catalog_endpoint *price, struct buf *out)
{
    return m->info->kind == KIND_SYNTH ? buf_append(out, VIEW_LIT(",\"pricing\":{\"prompt\":\"-1\",\"completion\":\"-1\"}"))
                                       : catalog_json_pricing(price, out);
}

/* The model, under the name `id`: its own, or an alias. */
static enum err append_model(const struct snapshot *s, struct buf *out, struct view id, const struct route_model *m)
{
    static const struct catalog_endpoint none; /* of the kind synth */
    const struct catalog_endpoint *price = m->info->kind == KIND_SYNTH ? &none : catalog_cheapest(m);
    struct catalog_model facts;
    const struct catalog_model *i = &facts;
    enum err e = append_names(out, id, m->info);

    assert(price != NULL);
    catalog_facts(s, m, &facts);

    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"description\":"));
    if (e == ERR_NONE)
        e = catalog_json_description(m, out);
    if (e == ERR_NONE)
        e = append_count(out, "context_length", i->context_length);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"architecture\":"));
    if (e == ERR_NONE)
        e = catalog_json_architecture(i, out);
    if (e == ERR_NONE)
        e = append_pricing(m, price, out);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"top_provider\":{\"is_moderated\":false"));
    if (e == ERR_NONE)
        e = append_count(out, "context_length", context_of(i, price));
    if (e == ERR_NONE)
        e = append_max_output(out, i, price);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("},\"per_request_limits\":null"));
    if (e == ERR_NONE)
        e = append_parameters(out, i, 0);
    if (e == ERR_NONE)
        e = append_reasoning(out, i);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"default_parameters\":null,\"supported_voices\":null,\"hugging_face_id\":null"));
    if (e == ERR_NONE)
        e = catalog_json_day("knowledge_cutoff", i->knowledge_day, out);
    if (e == ERR_NONE)
        e = catalog_json_day("expiration_date", retires_day(m), out);
    if (e == ERR_NONE)
        e = append_ours(s, out, m, price);
    return e == ERR_NONE ? append_details(out, view_str(i->id)) : e;
}

static enum err append_models(const struct snapshot *s, struct catalog_listing *out, size_t *n)
{
    enum err e = buf_append(&out->bytes, VIEW_LIT("{\"object\":\"list\",\"data\":["));

    for (size_t i = 0; e == ERR_NONE && i < snapshot_models(s); i++) {
        const struct route_model *m = snapshot_model(s, i);
        size_t at;

        if (!catalog_listed(s, m))
            continue; /* nobody serves it now */
        if ((*n)++ != 0)
            e = buf_append_byte(&out->bytes, ',');
        at = out->bytes.len;
        if (e == ERR_NONE)
            e = append_model(s, &out->bytes, view_str(m->info->id), m);
        if (e == ERR_NONE)
            e = buf_append_byte(&out->bytes, '}');
        out->model[i] = (struct catalog_slice){(uint32_t)at, (uint32_t)(out->bytes.len - at)};
    }
    return e;
}

/* --- aliases */

/* The first of its models that is listed; NULL: none. */
static const struct route_model *alias_target(const struct snapshot *s, const struct catalog_alias *a)
{
    for (size_t k = 0; k < a->n_models; k++)
        for (size_t i = 0; i < snapshot_models(s); i++)
            if (snapshot_model(s, i)->info->no == a->model[k] && catalog_listed(s, snapshot_model(s, i)))
                return snapshot_model(s, i);
    return NULL;
}

/* A name that stands for models is listed as the first of them, which "alias_target" names. */
static enum err append_alias(const struct snapshot *s, struct buf *out, const struct catalog_alias *a,
                             const struct route_model *m)
{
    enum err e = append_model(s, out, view_str(a->id), m);

    if (e == ERR_NONE)
        e = append_text(out, ",\"alias_target\":{\"slug\":", view_str(m->info->id));
    if (e == ERR_NONE)
        e = append_text(out, ",\"name\":", model_name(m->info));
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("}}")) : e;
}

static enum err append_aliases(const struct snapshot *s, struct catalog_listing *out, size_t *n)
{
    const struct catalog *c = snapshot_catalog(s);
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < c->n_aliases; i++) {
        const struct route_model *m = c->aliases[i].listed ? alias_target(s, &c->aliases[i]) : NULL;
        size_t at;

        if (m == NULL)
            continue;
        if ((*n)++ != 0)
            e = buf_append_byte(&out->bytes, ',');
        at = out->bytes.len;
        if (e == ERR_NONE)
            e = append_alias(s, &out->bytes, &c->aliases[i], m);
        out->alias[i] = (struct catalog_alias_slice){m, {(uint32_t)at, (uint32_t)(out->bytes.len - at)}};
    }
    return e;
}

static enum err append_list(const struct snapshot *s, struct catalog_listing *out)
{
    size_t n = 0;
    enum err e = append_models(s, out, &n);

    if (e == ERR_NONE)
        e = append_aliases(s, out, &n);
    if (e == ERR_NONE)
        e = buf_appendf(&out->bytes, "],\"links\":{\"next\":null},\"total_count\":%zu}", n);
    out->list = (struct catalog_slice){0, (uint32_t)out->bytes.len};
    return e;
}

/* --- endpoints */

/* "Demo A | demo/echo": OpenRouter's form. */
static enum err append_endpoint_names(struct buf *out, const struct route_model *m,
                                      const struct route_endpoint *e)
{
    const struct catalog_model *i = m->info;
    char name[sizeof e->provider->name + sizeof i->id + 4];
    enum err err;

    snprintf(name, sizeof name, "%s | %s", e->provider->name, i->id);
    err = append_text(out, "{\"name\":", view_str(name));
    if (err == ERR_NONE)
        err = append_text(out, ",\"model_id\":", view_str(i->id));
    if (err == ERR_NONE)
        err = append_text(out, ",\"model_name\":", model_name(i));
    if (err == ERR_NONE)
        err = append_text(out, ",\"provider_name\":", view_str(e->provider->name));
    return err == ERR_NONE ? append_text(out, ",\"tag\":", view_str(e->provider->id)) : err;
}

static const char *word(bool yes)
{
    return yes ? "true" : "false";
}

static const char *quantization_name(uint8_t q)
{
    static const char *const names[] = {
        [QUANTIZATION_UNKNOWN] = NULL,      [QUANTIZATION_INT4] = "int4",   [QUANTIZATION_INT8] = "int8",
        [QUANTIZATION_FP4] = "fp4",         [QUANTIZATION_MXFP4] = "mxfp4", [QUANTIZATION_NVFP4] = "nvfp4",
        [QUANTIZATION_FP6] = "fp6",         [QUANTIZATION_FP8] = "fp8",     [QUANTIZATION_MXFP8] = "mxfp8",
        [QUANTIZATION_FP16] = "fp16",       [QUANTIZATION_BF16] = "bf16",   [QUANTIZATION_FP32] = "fp32",
    };

    return q < sizeof names / sizeof names[0] ? names[q] : NULL;
}

static enum err append_endpoint_support(struct buf *out, const struct catalog_model *m,
                                        const struct route_endpoint *of)
{
    const struct catalog_endpoint *e = of->info;
    bool tools = (m->capabilities & ~e->lacks & CAP_TOOLS) != 0;
    bool forced = tools && (m->gates.bits & GATE_NO_FORCED_TOOL) == 0;
    const char *quantization = quantization_name(e->quantization);
    /* The schema has no null here: 0 is what is not known. */
    enum err err = buf_appendf(out, ",\"context_length\":%u", context_of(m, e));

    if (err == ERR_NONE)
        err = append_max_output(out, m, e);
    if (err == ERR_NONE)
        err = quantization == NULL ? buf_append(out, VIEW_LIT(",\"quantization\":null"))
                                   : buf_appendf(out, ",\"quantization\":\"%s\"", quantization);
    if (err == ERR_NONE)
        err = buf_appendf(out, ",\"max_prompt_tokens\":null,\"supports_implicit_caching\":%s",
                          word(e->price.cached_pusd < e->price.prompt_pusd));
    if (err == ERR_NONE)
        err = buf_appendf(out,
                          ",\"supports_tool_choice\":{\"auto\":%s,\"function\":%s,"
                          "\"none\":%s,\"required\":%s}",
                          word(tools), word(forced), word(tools), word(forced));
    if (err == ERR_NONE)
        err = buf_append(out, VIEW_LIT(",\"trustedrouter\":{\"kept\":"));
    if (err == ERR_NONE)
        err = buf_append(out, e->retains_data ? VIEW_LIT("true") : VIEW_LIT("null"));
    if (err == ERR_NONE)
        err = catalog_served_privacy(of, out);
    if (err == ERR_NONE)
        err = catalog_json_day("retires", e->retires_day, out);
    if (err == ERR_NONE)
        err = catalog_json_source(e, out);
    return err == ERR_NONE ? buf_append_byte(out, '}') : err;
}

static enum err append_endpoint(struct buf *out, const struct route_model *m,
                                const struct route_endpoint *e)
{
    const struct catalog_endpoint *i = e->info;
    enum err err = append_endpoint_names(out, m, e);

    if (err == ERR_NONE)
        err = catalog_json_pricing(i, out);
    if (err == ERR_NONE)
        err = append_parameters(out, m->info, i->lacks);
    return err == ERR_NONE ? append_endpoint_support(out, m->info, e) : err;
}

static enum err append_endpoints(const struct snapshot *s, struct catalog_listing *out)
{
    enum err err = ERR_NONE;

    for (size_t i = 0; err == ERR_NONE && i < snapshot_models(s); i++) {
        const struct route_model *m = snapshot_model(s, i);

        for (size_t k = 0; err == ERR_NONE && k < m->n_endpoints; k++) {
            const struct route_endpoint *e = &m->endpoints[k];
            size_t at = out->bytes.len;

            if (e->info->weight == 0)
                continue;
            err = append_endpoint(&out->bytes, m, e);
            out->endpoint[snapshot_endpoint_index(s, e)] =
                (struct catalog_slice){(uint32_t)at, (uint32_t)(out->bytes.len - at)};
        }
    }
    return err;
}

_Static_assert(CATALOG_LISTING_MAX < UINT32_MAX, "slices are 32 bits wide");

enum err catalog_json(const struct snapshot *s, struct catalog_listing *out)
{
    enum err e = append_list(s, out);

    return e == ERR_NONE ? append_endpoints(s, out) : e;
}

enum err catalog_json_endpoint(const struct snapshot *s, const struct route_endpoint *e,
                               const struct health_report *now, struct buf *out)
{
    struct view text = snapshot_endpoint_text(s, e);
    enum err err;

    if (text.len == 0)
        return ERR_NONE;
    err = buf_append(out, text);
    if (err == ERR_NONE)
        err = health_json_endpoint(now, out);
    return err == ERR_NONE ? buf_append_byte(out, '}') : err;
}

/* --- providers */

/* The two letters of a country in upper case; false for what is none ("eu", a state): the schema takes
 * ISO 3166 codes only, and a strict client refuses the whole list for another. */
static bool country_of(const char *jurisdiction, char out[static 3])
{
    static const char codes[] =
        "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCL"
        "CMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGU"
        "GWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMC"
        "MDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPT"
        "PWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUA"
        "UGUMUSUYUZVAVCVEVGVIVNVUWFWSYEYTZAZMZW";

    if (strlen(jurisdiction) != 2)
        return false;
    for (size_t i = 0; i < 2; i++)
        out[i] = (char)(jurisdiction[i] >= 'a' && jurisdiction[i] <= 'z' ? jurisdiction[i] - 32
                                                                         : jurisdiction[i]);
    out[2] = '\0';
    for (size_t i = 0; i + 1 < sizeof codes; i += 2)
        if (memcmp(codes + i, out, 2) == 0)
            return true;
    return false;
}

/* A region or jurisdiction of the measured row: by these words routing constraints decide. */
static enum err append_place(struct buf *out, const char *before, const char *place)
{
    return place[0] != '\0' ? append_text(out, before, view_str(place))
                            : buf_appendf(out, "%snull", before);
}

enum err catalog_json_provider(const struct provider *p, struct buf *out)
{
    char country[3];
    bool known = country_of(p->jurisdiction, country);
    enum err e = append_text(out, "{\"name\":", view_str(p->name));

    if (e == ERR_NONE)
        e = append_text(out, ",\"slug\":", view_str(p->id));
    if (e == ERR_NONE)
        e = buf_appendf(out,
                        ",\"privacy_policy_url\":null,\"terms_of_service_url\":null,"
                        "\"status_page_url\":null,\"headquarters\":%s%s%s,\"datacenters\":null",
                        known ? "\"" : "", known ? country : "null", known ? "\"" : "");
    if (e == ERR_NONE)
        e = append_place(out, ",\"trustedrouter\":{\"region\":", p->region);
    if (e == ERR_NONE)
        e = append_place(out, ",\"jurisdiction\":", p->jurisdiction);
    return e == ERR_NONE ? buf_appendf(out, ",\"retains_data\":%s,\"trains\":%s,\"confidential\":%s}}",
                                       p->retains_data ? "true" : "false",
                                       p->trains ? "true" : "false", p->confidential ? "true" : "false")
                         : e;
}
