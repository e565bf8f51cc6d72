/* Writes models, endpoints and providers as JSON. */
#include "catalog_json.h"

#include "catalog_words.h"
#include "health_json.h"
#include "money.h"

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

/* Dollars per token, as strings. */
static enum err append_pricing(struct buf *out, const struct catalog_endpoint *e)
{
    const struct {
        const char *before;
        int64_t pusd;
    } prices[] = {
        {"{\"prompt\":\"", e->price.prompt_pusd},
        {"\",\"completion\":\"", e->price.completion_pusd},
        {"\",\"request\":\"", 0},
        {"\",\"image\":\"", 0},
        {"\",\"input_cache_read\":\"", e->price.cached_pusd},
        {"\",\"input_cache_write\":\"", e->price.cache_write_pusd},
    };
    enum err err = buf_append(out, VIEW_LIT(",\"pricing\":"));
    char text[MONEY_TEXT_MAX];

    for (size_t i = 0; err == ERR_NONE && i < sizeof prices / sizeof prices[0]; i++) {
        money_text_price(prices[i].pusd, text);
        err = buf_append(out, view_str(prices[i].before));
        if (err == ERR_NONE)
            err = buf_append(out, view_str(text));
    }
    return err == ERR_NONE ? buf_append(out, VIEW_LIT("\"}")) : err;
}

static enum err append_parameters(struct buf *out, const struct catalog_model *m)
{
    enum err e = buf_append(out, VIEW_LIT(",\"supported_parameters\":["));
    uint32_t set = parameters_of(m);
    const char *comma = "", *name;

    for (unsigned i = 0; e == ERR_NONE && (name = parameter_name(i)) != NULL; i++) {
        if ((set >> i & 1) == 0)
            continue;
        e = buf_appendf(out, "%s\"%s\"", comma, name);
        comma = ",";
    }
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}

/* A model of embeddings writes no text. */
static enum err append_max_output(struct buf *out, const struct catalog_model *m)
{
    return (m->capabilities & CAP_EMBEDDINGS) != 0 ? buf_append(out, VIEW_LIT("null"))
                                                   : buf_append_u64(out, m->max_output);
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

enum err catalog_json_description(const struct route_model *m, struct buf *out)
{
    char text[DESCRIPTION_MAX];
    size_t len = 0;

    for (size_t i = 0; i < m->n_endpoints; i++) {
        const char *name = m->endpoints[i].provider->name;
        size_t left = sizeof text - len;

        if (m->endpoints[i].info->weight == 0 || left < strlen(name) + sizeof "Served by ")
            continue;
        len += (size_t)snprintf(text + len, left, "%s%s", len == 0 ? "Served by " : ", ", name);
    }
    return buf_append_json_string(out, view_of(text, len));
}

static struct view model_name(const struct catalog_model *m)
{
    return view_str(m->name[0] != '\0' ? m->name : m->id);
}

/* --- models */

static enum err append_names(struct buf *out, const struct catalog_model *m)
{
    struct view id = view_str(m->id);
    const uint8_t *slash = id.len != 0 ? memchr(id.ptr, '/', id.len) : NULL;
    enum err e = append_text(out, "{\"id\":", id);

    if (e == ERR_NONE)
        e = append_text(out, ",\"canonical_slug\":", id);
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
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("/endpoints\"}}")) : e;
}

static enum err append_model(struct buf *out, const struct route_model *m,
                             const struct catalog_endpoint *price)
{
    const struct catalog_model *i = m->info;
    enum err e = append_names(out, i);

    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"description\":"));
    if (e == ERR_NONE)
        e = catalog_json_description(m, out);
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"context_length\":%u,\"architecture\":", i->context_length);
    if (e == ERR_NONE)
        e = catalog_json_architecture(i, out);
    if (e == ERR_NONE)
        e = append_pricing(out, price);
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"top_provider\":{\"context_length\":%u,\"max_completion_tokens\":",
                        i->context_length);
    if (e == ERR_NONE)
        e = append_max_output(out, i);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"is_moderated\":false},\"per_request_limits\":null"));
    if (e == ERR_NONE)
        e = append_parameters(out, i);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"default_parameters\":null,\"supported_voices\":null,"
                                     "\"knowledge_cutoff\":null,\"expiration_date\":null,"
                                     "\"hugging_face_id\":null"));
    return e == ERR_NONE ? append_details(out, view_str(i->id)) : e;
}

static enum err append_models(const struct snapshot *s, struct catalog_listing *out)
{
    enum err e = buf_append(&out->bytes, VIEW_LIT("{\"object\":\"list\",\"data\":["));
    size_t n = 0;

    for (size_t i = 0; e == ERR_NONE && i < snapshot_models(s); i++) {
        const struct route_model *m = snapshot_model(s, i);
        const struct catalog_endpoint *price = catalog_cheapest(m);
        size_t at;

        if (price == NULL)
            continue; /* nobody serves it now */
        if (n++ != 0)
            e = buf_append_byte(&out->bytes, ',');
        at = out->bytes.len;
        if (e == ERR_NONE)
            e = append_model(&out->bytes, m, price);
        out->model[i] = (struct catalog_slice){(uint32_t)at, (uint32_t)(out->bytes.len - at)};
    }
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

static enum err append_endpoint_support(struct buf *out, const struct catalog_model *m,
                                        const struct catalog_endpoint *e)
{
    const char *tools = (m->capabilities & CAP_TOOLS) != 0 ? "true" : "false";
    enum err err = buf_appendf(out, ",\"context_length\":%u,\"max_completion_tokens\":", m->context_length);

    if (err == ERR_NONE)
        err = append_max_output(out, m);
    if (err == ERR_NONE)
        err = buf_appendf(out,
                          ",\"max_prompt_tokens\":null,\"quantization\":null,"
                          "\"supports_implicit_caching\":%s",
                          e->price.cached_pusd < e->price.prompt_pusd ? "true" : "false");
    return err == ERR_NONE ? buf_appendf(out,
                                         ",\"supports_tool_choice\":{\"auto\":%s,\"function\":%s,"
                                         "\"none\":%s,\"required\":%s}",
                                         tools, tools, tools, tools)
                           : err;
}

static enum err append_endpoint(struct buf *out, const struct route_model *m,
                                const struct route_endpoint *e)
{
    const struct catalog_endpoint *i = e->info;
    enum err err = append_endpoint_names(out, m, e);

    if (err == ERR_NONE)
        err = append_pricing(out, i);
    if (err == ERR_NONE)
        err = append_parameters(out, m->info);
    return err == ERR_NONE ? append_endpoint_support(out, m->info, i) : err;
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
    enum err e = append_models(s, out);

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

enum err catalog_json_provider(const struct provider *p, struct buf *out)
{
    char country[3];
    bool known = country_of(p->jurisdiction, country);
    enum err e = append_text(out, "{\"name\":", view_str(p->name));

    if (e == ERR_NONE)
        e = append_text(out, ",\"slug\":", view_str(p->id));
    return e == ERR_NONE
               ? buf_appendf(out,
                             ",\"privacy_policy_url\":null,\"terms_of_service_url\":null,"
                             "\"status_page_url\":null,\"headquarters\":%s%s%s,\"datacenters\":null}",
                             known ? "\"" : "", known ? country : "null", known ? "\"" : "")
               : e;
}
