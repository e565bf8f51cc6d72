/* (G) The routing preferences of OpenRouter's clients: "provider", member by member, from one table. */
#include "want_internal.h"

#include "content_view.h"
#include "decimal.h"
#include "json.h"
#include "parameters.h"

#include <stddef.h>

static enum err take_bool(struct want_context *x, struct json_value v, bool *out)
{
    if (v.kind != JSON_TRUE && v.kind != JSON_FALSE && v.kind != JSON_NULL)
        return want_bad(x, "provider", "a switch inside provider must be true or false");
    if (v.kind != JSON_NULL)
        *out = v.kind == JSON_TRUE;
    return ERR_NONE;
}

static enum err take_allow_fallbacks(struct want_context *x, struct json_value v)
{
    bool allow = true;
    enum err e = take_bool(x, v, &allow);

    x->want->no_fallbacks = !allow;
    return e;
}

static enum err take_model_fallbacks(struct want_context *x, struct json_value v)
{
    return take_bool(x, v, &x->model_fallbacks);
}

/* Members of a request that a gate takes away, in silence where nothing else is asked for. */
static uint32_t want_gates(const struct prompt *p)
{
    static const struct {
        const char *name;
        uint32_t gates;
        bool chosen; /* one of those of which a model may take one only */
    } rows[] = {
        {"temperature", GATE_NO_SAMPLING, true}, {"top_p", GATE_NO_SAMPLING, true},
        {"top_k", GATE_NO_SAMPLING, false},      {"frequency_penalty", GATE_NO_PENALTIES, false},
        {"min_p", GATE_NO_SAMPLING, false},      {"presence_penalty", GATE_NO_PENALTIES, false},
        {"top_a", GATE_NO_SAMPLING, false},      {"repetition_penalty", GATE_NO_PENALTIES, false},
    };
    struct json_value root;
    struct json_member m;
    uint32_t gates = parameters_forced_tool(p) ? (uint32_t)GATE_NO_FORCED_TOOL : 0;
    unsigned chosen = 0;

    if (json_check(p->body, &root, NULL) != ERR_NONE)
        return gates;
    for (struct json_iter it = json_iter(root); json_next(&it, &m);)
        for (size_t i = 0; m.value.kind != JSON_NULL && i < sizeof rows / sizeof rows[0]; i++)
            if (json_key_is(m.key, rows[i].name)) {
                gates |= rows[i].gates;
                chosen += rows[i].chosen;
            }
    return gates | (chosen > 1 ? (uint32_t)GATE_ONE_SAMPLING : 0);
}

static enum err take_require_parameters(struct want_context *x, struct json_value v)
{
    bool require = false;
    enum err e = take_bool(x, v, &require);

    if (require) {
        x->want->capabilities = x->prompt->needs;
        x->want->gates = want_gates(x->prompt);
        x->require_parameters = true;
    }
    return e;
}

static enum err take_data_collection(struct want_context *x, struct json_value v)
{
    if (json_string_is(v, "deny"))
        want_no_retention(x->want, ROUTE_DATA_COLLECTION);
    else if (!json_string_is(v, "allow") && !json_string_is(v, "") && v.kind != JSON_NULL)
        return want_bad(x, "provider", "provider.data_collection must be \"allow\" or \"deny\"");
    return ERR_NONE;
}

static enum err take_zdr(struct want_context *x, struct json_value v)
{
    bool zdr = false;
    enum err e = take_bool(x, v, &zdr);

    if (zdr)
        want_no_retention(x->want, ROUTE_ZDR);
    return e;
}

/* TrustedRouter's floor. Our rows tell two things: whether prompts are kept, and whether the provider can read them. */
static enum err take_min_privacy(struct want_context *x, struct json_value v)
{
    static const struct {
        const char *word;
        bool no_retention, confidential;
    } words[] = {{"any", false, false},       {"", false, false},   {"no_store", true, false},
                 {"zdr", true, false},        {"confidential", true, true}, {"e2e", true, true},
                 {"e2ee", true, true},        {"max", true, true}};

    if (v.kind == JSON_NULL)
        return ERR_NONE;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!json_string_is(v, words[i].word))
            continue;
        if (words[i].no_retention)
            want_no_retention(x->want, ROUTE_MIN_PRIVACY);
        x->want->confidential = x->want->confidential || words[i].confidential;
        return ERR_NONE;
    }
    return want_bad(x, "provider",
                    "provider.min_privacy must be \"any\", \"no_store\", \"zdr\" or \"confidential\"");
}

static enum err take_jurisdiction(struct want_context *x, struct json_value v)
{
    if (json_string_is(v, "eu") || json_string_is(v, "EU"))
        x->want->places |= ROUTE_LAW_EU;
    else if (json_string_is(v, "us") || json_string_is(v, "US"))
        x->want->places |= ROUTE_LAW_US;
    else if (v.kind != JSON_NULL && !json_string_is(v, ""))
        return want_bad(x, "provider", "provider.jurisdiction must be \"eu\" or \"us\"");
    return ERR_NONE;
}

static enum err take_quantizations(struct want_context *x, struct json_value v)
{
    struct json_member item;
    struct view word;
    uint8_t q;

    if (v.kind != JSON_NULL && v.kind != JSON_ARRAY)
        return want_bad(x, "provider", "provider.quantizations must be an array");
    for (struct json_iter it = json_iter(v); json_next(&it, &item);) {
        if (!json_string_plain(item.value, &word) || !route_quantization_parse(word, &q))
            return want_bad(x, "provider",
                            "provider.quantizations are of int4, int8, fp4, mxfp4, nvfp4, fp6, fp8, "
                            "mxfp8, fp16, bf16, fp32 and unknown");
        x->want->quantizations |= (uint16_t)(1u << q);
    }
    return ERR_NONE;
}

/* A number or a string that is one, as a count of 10^-decimals. */
static bool take_decimal(struct json_value v, unsigned decimals, int64_t *out)
{
    struct view text = v.text;

    return (v.kind == JSON_NUMBER || json_string_plain(v, &text)) &&
           decimal_parse(text, decimals, out) == ERR_NONE;
}

/* Of tokens in dollars per million, as is one of a pico-USD per token; of a request or an image in dollars. */
static const struct {
    const char *name;
    unsigned decimals;
    size_t limit; /* of struct route_want */
} max_prices[] = {
    {"prompt", 6, offsetof(struct route_want, max_prompt_pusd)},
    {"completion", 6, offsetof(struct route_want, max_completion_pusd)},
    {"audio", 6, offsetof(struct route_want, max_audio_pusd)},
    {"request", 9, offsetof(struct route_want, max_request_nusd)},
    {"image", 9, offsetof(struct route_want, max_image_nusd)},
};

static enum err take_max_price(struct want_context *x, struct json_value v)
{
    struct json_member m;

    if (v.kind == JSON_NULL)
        return ERR_NONE;
    if (v.kind != JSON_OBJECT)
        return want_bad(x, "provider", "provider.max_price must be an object");
    for (struct json_iter it = json_iter(v); json_next(&it, &m);) {
        size_t i = 0;
        int64_t *limit;

        while (i < sizeof max_prices / sizeof max_prices[0] && !json_key_is(m.key, max_prices[i].name))
            i++;
        if (m.value.kind == JSON_NULL)
            continue;
        if (i == sizeof max_prices / sizeof max_prices[0])
            return want_bad(x, "provider",
                            "provider.max_price takes prompt, completion, request, image and audio");
        limit = (int64_t *)((uint8_t *)x->want + max_prices[i].limit);
        if (!take_decimal(m.value, max_prices[i].decimals, limit))
            return want_bad(x, "provider",
                            "prices in provider.max_price are dollars: of prompt, completion and audio per "
                            "million tokens, like 0.5; of request and image for one");
    }
    return ERR_NONE;
}

static enum err take_sort_word(struct want_context *x, struct json_value v)
{
    if (v.kind == JSON_NULL || json_string_is(v, ""))
        return ERR_NONE;
    for (uint8_t i = ROUTE_PRICE; i < ROUTE_SORT_COUNT; i++) {
        if (!json_string_is(v, route_sort_name((enum route_sort)i)))
            continue;
        x->want->sort = i;
        return ERR_NONE;
    }
    return want_bad(x, "provider",
                    "provider.sort must be \"price\", \"throughput\", \"latency\" or \"exacto\"");
}

static enum err take_sort(struct want_context *x, struct json_value v)
{
    struct json_value by, partition;

    if (v.kind != JSON_OBJECT)
        return take_sort_word(x, v);
    if (json_get(v, "partition", &partition) && partition.kind != JSON_NULL) {
        if (!json_string_is(partition, "model") && !json_string_is(partition, "none"))
            return want_bad(x, "provider", "provider.sort.partition must be \"model\" or \"none\"");
        x->want->across_models = json_string_is(partition, "none");
    }
    return json_get(v, "by", &by) ? take_sort_word(x, by) : ERR_NONE;
}

/* A number is what half of the answers should meet; an object names percentiles. */
static enum err take_wish(struct want_context *x, struct json_value v, unsigned decimals,
                          uint32_t out[static ROUTE_PERCENTILES])
{
    static const char *const names[ROUTE_PERCENTILES] = {"p50", "p75", "p90", "p99"};
    struct json_value one;

    for (unsigned i = 0; i < ROUTE_PERCENTILES; i++) {
        int64_t n;

        one = v;
        if (v.kind == JSON_NULL || (v.kind == JSON_OBJECT ? !json_get(v, names[i], &one) : i != 0) ||
            one.kind == JSON_NULL)
            continue;
        if (!take_decimal(one, decimals, &n))
            return want_bad(x, "provider",
                            "provider.preferred_max_latency (seconds) and preferred_min_throughput (tokens a "
                            "second) are numbers, or objects of p50, p75, p90 and p99");
        out[i] = n < 1 ? 1 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    }
    return ERR_NONE;
}

static enum err take_latency(struct want_context *x, struct json_value v)
{
    return take_wish(x, v, 6, x->want->latency_us);
}

static enum err take_throughput(struct want_context *x, struct json_value v)
{
    enum err e = take_wish(x, v, 3, x->want->throughput);

    for (unsigned i = 0; i < ROUTE_PERCENTILES; i++) /* whole tokens a second, the wish is a minimum */
        x->want->throughput[i] = x->want->throughput[i] / 1000 + (x->want->throughput[i] % 1000 != 0);
    return e;
}

static enum err take_preference(struct want_context *x, struct json_value v)
{
    (void)x;
    (void)v; /* a preference: nothing is promised by not knowing it */
    return ERR_NONE;
}

/* ACI's constraints. No provider of today proves what it runs, so none can meet them: asking for it
 * is answered with ACI's own codes, before anything is forwarded. */
static enum err take_aci_verified(struct want_context *x, struct json_value v)
{
    bool wanted = false;
    enum err e = take_bool(x, v, &wanted);

    if (e != ERR_NONE || !wanted)
        return e;
    x->failure->error = API_UNVERIFIED;
    x->failure->param = "provider";
    return ERR_UNSUPPORTED;
}

static bool session_ids(struct json_value v)
{
    struct json_iter it = json_iter(v);
    struct json_member m;
    bool ok = false;

    while (json_next(&it, &m)) {
        uint8_t id[32];
        struct view text;

        ok = json_string_plain(m.value, &text) && hex_decode(text, id, sizeof id) == ERR_NONE;
        if (!ok)
            break;
    }
    return ok;
}

static enum err take_aci_sessions(struct want_context *x, struct json_value v)
{
    if (v.kind != JSON_ARRAY || !session_ids(v))
        return want_bad(x, "provider",
                        "provider.aci_session_ids must be an array of session ids, not empty");
    x->failure->error = API_NO_SESSION;
    x->failure->param = "provider";
    return ERR_UNSUPPORTED;
}

/* Constraints that name what this catalog cannot tell: refused unless they ask for nothing. */
static enum err take_refused(struct want_context *x, struct json_value v)
{
    struct json_member m;
    struct json_iter it;

    if (v.kind == JSON_NULL || v.kind == JSON_FALSE)
        return ERR_NONE;
    if (v.kind == JSON_ARRAY) {
        it = json_iter(v);
        if (!json_next(&it, &m))
            return ERR_NONE;
    }
    return want_unsupported(x, "provider",
                            "provider has a constraint that this router cannot honour, so the request "
                            "is refused. It honours order, only, ignore, allow_fallbacks, "
                            "require_parameters, data_collection, zdr, min_privacy, jurisdiction, "
                            "quantizations, max_price, sort and the preferred limits.");
}

static bool like_a_member(struct view key);

/* ACI refuses what it does not define under its prefix, whatever the value. A misspelled constraint is
 * refused whatever its value, too: "Allow_Fallbacks": false asks for something. */
static enum err take_unknown(struct want_context *x, struct view key, struct json_value v)
{
    if (like_a_member(key))
        return want_unsupported(x, "provider",
                                "Member names are exact: one inside provider can be taken for another.");
    return view_starts(key, VIEW_LIT("aci_"))
               ? want_bad(x, "provider", "provider has a member aci_... that aci/1 does not define")
               : take_refused(x, v);
}

static const struct {
    const char *name;
    enum err (*take)(struct want_context *x, struct json_value v);
} members[] = {
    {"order", want_order},
    {"only", want_only},
    {"ignore", want_ignore},
    {"allow_fallbacks", take_allow_fallbacks},
    {"require_parameters", take_require_parameters},
    {"data_collection", take_data_collection},
    {"zdr", take_zdr},
    {"min_privacy", take_min_privacy},
    {"jurisdiction", take_jurisdiction},
    {"quantizations", take_quantizations},
    {"model_fallbacks", take_model_fallbacks},
    {"aci_verified", take_aci_verified},
    {"aci_session_ids", take_aci_sessions},
    {"max_price", take_max_price},
    {"sort", take_sort},
    {"preferred_max_latency", take_latency},
    {"preferred_min_throughput", take_throughput},
    {"experimental", take_preference},
};
enum { MEMBERS = sizeof members / sizeof members[0] };

static bool like_a_member(struct view key)
{
    for (size_t i = 0; i < MEMBERS; i++)
        if (json_key_like(key, members[i].name))
            return true;
    return false;
}

/* Which member of provider is wrong is said by its key; ACI's errors have codes for that. */
static bool named_by_key(enum api_error error)
{
    return error == API_BAD_REQUEST || error == API_UNSUPPORTED_PARAMETER;
}

enum err want_provider(struct want_context *x)
{
    const struct json_value p = x->prompt->provider;
    struct json_member m;
    uint32_t seen = 0;
    enum err e = ERR_NONE;

    if (p.kind == JSON_NULL)
        return ERR_NONE;
    if (p.kind != JSON_OBJECT)
        return want_bad(x, "provider", "provider must be an object");
    for (struct json_iter it = json_iter(p); e == ERR_NONE && json_next(&it, &m);) {
        size_t i = 0;

        while (i < MEMBERS && !json_key_is(m.key, members[i].name))
            i++;
        if (i < MEMBERS && (seen & 1u << i) != 0) {
            x->failure->error = API_DUPLICATE_KEY;
            x->failure->param = "provider";
            x->failure->member = m.key;
            return ERR_DUPLICATE;
        }
        if (i < MEMBERS)
            seen |= 1u << i;
        e = i < MEMBERS ? members[i].take(x, m.value) : take_unknown(x, m.key, m.value);
        if (e != ERR_NONE && named_by_key(x->failure->error))
            x->failure->member = m.key;
    }
    return e;
}
