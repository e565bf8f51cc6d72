#include "receipt_events.h"

#include "bounds.h"
#include "json.h"
#include "price.h"

#include <sodium.h>

struct parts {
    struct json_value platform, upstream, outcome, usage, billing, commitment;
};

static bool text_of(struct json_value v, const char *name, struct view *out)
{
    struct json_value m;

    return json_only(v, name, &m) == ERR_NONE && json_string_plain(m, out);
}

static bool hex_of(struct json_value v, const char *name, uint8_t *out, size_t n)
{
    struct view text;

    return text_of(v, name, &text) && hex_decode(text, out, n) == ERR_NONE;
}

static bool count_of(struct json_value v, const char *name, int64_t *out)
{
    struct json_value m;

    return json_only(v, name, &m) == ERR_NONE && json_i64(m, out) == ERR_NONE && *out >= 0;
}

static bool truth_of(struct json_value v, const char *name, bool *out)
{
    struct json_value m;

    if (json_only(v, name, &m) != ERR_NONE || (m.kind != JSON_TRUE && m.kind != JSON_FALSE))
        return false;
    *out = m.kind == JSON_TRUE;
    return true;
}

/* Each of our events at most once; an event that is not there stays JSON_NULL. ACI's own
 * upstream.verified may stand for each attempt: the last is of the one that answered. */
static enum err parts_find(struct view document, struct parts *p)
{
    struct {
        const char *type;
        struct json_value *value;
    } kinds[] = {{"platform", &p->platform}, {"upstream.verified", &p->upstream},
                 {"outcome", &p->outcome},   {"usage", &p->usage},
                 {"billing", &p->billing},   {"commitment", &p->commitment}};
    struct json_value root, log, type;
    struct json_member event;

    if (json_check(document, &root, NULL) != ERR_NONE ||
        json_only(root, "event_log", &log) != ERR_NONE || log.kind != JSON_ARRAY)
        return ERR_FORMAT;
    for (struct json_iter it = json_iter(log); json_next(&it, &event);) {
        if (json_only(event.value, "type", &type) != ERR_NONE)
            return ERR_FORMAT;
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
            if (!json_string_is(type, kinds[i].type))
                continue;
            if (kinds[i].value->kind != JSON_NULL && kinds[i].value != &p->upstream)
                return ERR_FORMAT;
            *kinds[i].value = event.value;
        }
    }
    return ERR_NONE;
}

/* --- the bill */

/* Receipts of before a class was there do not name it: it was counted in the class that it is within. */
enum { TOKENS_LATER = 32 /* fields of usage_fields.h from this number on */ };
enum { FIRST_CLASSES = 1 << PRICE_CLASS_prompt | 1 << PRICE_CLASS_completion | 1 << PRICE_CLASS_cached |
                       1 << PRICE_CLASS_cache_write };

/* A member that may be missing: *out keeps its value then. */
static bool count_if(struct json_value v, const char *name, int64_t *out)
{
    struct json_value m;
    enum err e = json_only(v, name, &m);

    return e == ERR_NOT_FOUND || (e == ERR_NONE && json_i64(m, out) == ERR_NONE && *out >= 0);
}

static bool prices_read(struct json_value tokens, struct price_rates *out)
{
    for (enum price_class c = 0; c < PRICE_CLASS_COUNT; c++) {
        bool old = (FIRST_CLASSES >> c & 1) != 0;

        out->class_pusd[c] = old ? 0 : out->class_pusd[price_class_follow(c)];
        if (!(old ? count_of : count_if)(tokens, price_class_name(c), &out->class_pusd[c]))
            return false;
    }
    return true;
}

static bool units_read(struct json_value billing, struct json_value usage, struct price_rates *rates,
                       struct price_units *out, int64_t *requests)
{
    struct json_value prices, unit;
    enum err e = json_only(billing, "prices_nusd_per_unit", &prices);
    int64_t n = 0;

    if (e == ERR_NOT_FOUND)
        return true;
    if (e != ERR_NONE || !count_of(usage, "requests", requests) || *requests > 1 || !count_of(usage, "units", &n) ||
        n > UINT32_MAX || json_only(usage, "unit", &unit) != ERR_NONE)
        return false;
    out->n = (uint32_t)n;
    out->kind = PRICE_UNIT_COUNT;
    for (enum price_unit u = PRICE_UNIT_NONE; u < PRICE_UNIT_COUNT; u++) {
        if (json_string_is(unit, price_unit_name(u)))
            out->kind = (uint8_t)u;
        if (u != PRICE_UNIT_NONE && !count_of(prices, price_unit_name(u), &rates->unit_nusd[u]))
            return false;
    }
    return out->kind != PRICE_UNIT_COUNT;
}

/* What the figures cost at the prices. ERR_FORMAT; ERR_RANGE: figures that cannot be, or too much money. */
static enum err bill_compute(const struct parts *p, struct json_value prices, int64_t *out)
{
    struct price_rates rates = {0};
    struct price_usage u = {0};
    int64_t requests = 0, n;

    if (!prices_read(prices, &rates) || !units_read(p->billing, p->usage, &rates, &u.units, &requests))
        return ERR_FORMAT;
    u.requests = (uint8_t)requests;
#define TOKENS_READ(no, class, price, within, receipt, ...)                                        \
    n = 0;                                                                                         \
    if (!(no < TOKENS_LATER ? count_of : count_if)(p->usage, receipt, &n))                         \
        return ERR_FORMAT;                                                                         \
    if (n > UINT32_MAX)                                                                            \
        return ERR_RANGE;                                                                          \
    u.class = (uint32_t)n;
    USAGE_TOKENS(TOKENS_READ)
#undef TOKENS_READ
    return price_believe(&u) ? ERR_RANGE : price_cost(&rates, &u, out);
}

/* A member of millionths, which may be absent (*ppm stays). false: not a whole number of lo..hi. */
static bool ppm_if(struct json_value billing, const char *name, int64_t lo, int64_t hi, int64_t *ppm)
{
    struct json_value v;
    enum err e = json_only(billing, name, &v);

    return e == ERR_NOT_FOUND ||
           (e == ERR_NONE && json_whole(v, ppm) == ERR_NONE && *ppm >= lo && *ppm <= hi);
}

/* What of the sum is paid, rounded up: on a provider key of the customer's own the receipt names the fee, otherwise a
 * markup when there is one, both in millionths of the sum. */
static enum err bill_share(struct json_value billing, int64_t *sum)
{
    enum { WHOLE = 1000000, NONE = -1 };
    int64_t fee = NONE, markup = NONE, share;
    unsigned __int128 pays;

    if (!ppm_if(billing, "own_key_fee_ppm", 0, WHOLE, &fee) ||
        !ppm_if(billing, "markup_ppm", 1, LIMIT_MARKUP_PPM, &markup) || (fee != NONE && markup != NONE))
        return ERR_FORMAT;
    share = fee != NONE ? fee : markup != NONE ? WHOLE + markup : WHOLE;
    pays = ((unsigned __int128)(uint64_t)*sum * (uint64_t)share + WHOLE - 1) / WHOLE;
    *sum = pays > INT64_MAX ? INT64_MAX : (int64_t)pays;
    return ERR_NONE;
}

/* Never more than usage and prices say; less only where the receipt says why, or nothing at all
 * when no output was billed. */
static enum err bill_check(const struct parts *p, struct receipt_events *out)
{
    struct json_value prices;
    struct view rounding;
    int64_t sum = 0;
    bool clamped;
    enum err e;

    if (!count_of(p->billing, "cost_nusd", &out->cost_nusd) ||
        !truth_of(p->usage, "clamped", &clamped) || !text_of(p->billing, "rounding", &rounding) ||
        !view_eq(rounding, VIEW_LIT("each_class_half_up_to_nusd")) ||
        json_only(p->billing, "prices_pusd_per_token", &prices) != ERR_NONE)
        return ERR_FORMAT;
    e = bill_compute(p, prices, &sum);
    if (e == ERR_FORMAT || (e == ERR_RANGE && !clamped))
        return e;
    if (bill_share(p->billing, &sum) != ERR_NONE)
        return ERR_FORMAT;
    if (e == ERR_NONE && (out->cost_nusd > sum || (out->cost_nusd < sum && !clamped)))
        return ERR_RANGE;
    out->has_bill = true;
    return ERR_NONE;
}

/* --- commitments */

static enum err side_check(struct json_value commitment, const char *name, struct view label,
                           const struct digest32 *body)
{
    uint8_t salt[32], value[32], own[32];
    crypto_auth_hmacsha256_state state;
    struct json_value side;

    if (json_only(commitment, name, &side) != ERR_NONE || !hex_of(side, "salt", salt, 32) ||
        !hex_of(side, "value", value, 32))
        return ERR_FORMAT;
    crypto_auth_hmacsha256_init(&state, salt, sizeof salt);
    crypto_auth_hmacsha256_update(&state, label.ptr, label.len);
    crypto_auth_hmacsha256_update(&state, body->b, sizeof body->b);
    crypto_auth_hmacsha256_final(&state, own);
    return secret_equal(own, value, sizeof own) ? ERR_NONE : ERR_AUTH;
}

static enum err commitment_check(const struct parts *p, const struct aci_receipt *r)
{
    struct view alg;
    enum err e;

    if (!text_of(p->commitment, "alg", &alg) || !view_eq(alg, VIEW_LIT("hmac-sha256")))
        return ERR_FORMAT;
    e = side_check(p->commitment, "request", VIEW_LIT("tr.commitment.request.v1\0"), &r->received);
    if (e == ERR_NONE && r->has_returned)
        e = side_check(p->commitment, "response", VIEW_LIT("tr.commitment.response.v1\0"),
                       &r->returned);
    return e;
}

/* "sha256:" and 64 digits. False: it is there and is something else. */
static bool digest_if(struct json_value v, const char *name, bool *has, struct digest32 *out)
{
    struct json_value m;
    struct view text;
    enum err e = json_only(v, name, &m);

    *has = e == ERR_NONE;
    return e == ERR_NOT_FOUND ||
           (e == ERR_NONE && json_string_plain(m, &text) && view_starts(text, VIEW_LIT("sha256:")) &&
            hex_decode(view_from(text, 7), out->b, sizeof out->b) == ERR_NONE);
}

/* Ours beside ACI's: no key of a certificate without one that was verified. Receipts that name their providers.conf
 * have the key of each that was. */
static bool keys_read(const struct parts *p, struct receipt_events *out)
{
    bool tls = false;

    if (out->has_platform && !digest_if(p->platform, "providers_digest", &out->has_providers, &out->providers))
        return false;
    if (!out->has_upstream)
        return true;
    if (!digest_if(p->upstream, "tls_spki", &out->has_spki, &out->spki))
        return false;
    if (json_only(p->upstream, "tls_verified", &(struct json_value){0}) != ERR_NOT_FOUND &&
        !truth_of(p->upstream, "tls_verified", &tls))
        return false;
    return out->has_spki ? tls : !tls || !out->has_providers;
}

/* ACI's event: a verified one names a session, a failed one perhaps the upstream. */
static bool upstream_read(struct json_value event, struct receipt_events *out)
{
    struct json_value name, result;
    enum err e;

    out->has_upstream = event.kind == JSON_OBJECT;
    if (!out->has_upstream)
        return true;
    if (json_only(event, "result", &result) != ERR_NONE)
        return false;
    out->upstream_verified = json_string_is(result, "verified");
    if (!out->upstream_verified && !json_string_is(result, "failed"))
        return false;
    e = json_only(event, "upstream_name", &name);
    return e == ERR_NOT_FOUND ||
           (e == ERR_NONE && (name.kind == JSON_NULL || json_string_plain(name, &out->upstream)));
}

enum err receipt_events_read(struct view document, const struct aci_receipt *r,
                             struct receipt_events *out)
{
    struct receipt_events x = {0};
    struct parts p = {0};
    enum err e = parts_find(document, &p);

    if (e != ERR_NONE)
        return e;
    x.has_platform = p.platform.kind == JSON_OBJECT;
    x.has_outcome = p.outcome.kind == JSON_OBJECT;
    x.has_commitment = p.commitment.kind == JSON_OBJECT;
    if ((x.has_platform && (!truth_of(p.platform, "simulated", &x.simulated) ||
                            !hex_of(p.platform, "measurement", x.measurement, 48))) ||
        !upstream_read(p.upstream, &x) || !keys_read(&p, &x) ||
        (x.has_outcome && (!count_of(p.outcome, "status", &x.status) ||
                           !truth_of(p.outcome, "complete", &x.complete))))
        return ERR_FORMAT;
    if (p.billing.kind == JSON_OBJECT)
        e = bill_check(&p, &x);
    if (e == ERR_NONE && x.has_commitment)
        e = commitment_check(&p, r);
    if (e == ERR_NONE)
        *out = x;
    return e;
}
