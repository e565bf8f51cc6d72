#include "receipt_events.h"

#include "json.h"
#include "money.h"

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

/* The sum of the classes, each rounded once. ERR_FORMAT, ERR_RANGE. */
static enum err bill_compute(struct json_value usage, struct json_value prices, int64_t *out)
{
    int64_t prompt, completion, cached, write, sum = 0, part;
    struct {
        const char *price;
        int64_t tokens;
    } class[4];

    if (!count_of(usage, "prompt_tokens", &prompt) ||
        !count_of(usage, "completion_tokens", &completion) ||
        !count_of(usage, "cached_tokens", &cached) ||
        !count_of(usage, "cache_write_tokens", &write))
        return ERR_FORMAT;
    if (cached > prompt || write > prompt - cached)
        return ERR_RANGE;
    class[0].price = "prompt", class[0].tokens = prompt - cached - write;
    class[1].price = "cached", class[1].tokens = cached;
    class[2].price = "cache_write", class[2].tokens = write;
    class[3].price = "completion", class[3].tokens = completion;
    for (size_t i = 0; i < sizeof class / sizeof class[0]; i++) {
        int64_t price;

        if (!count_of(prices, class[i].price, &price))
            return ERR_FORMAT;
        if (money_cost((uint64_t) class[i].tokens, price, &part) != ERR_NONE ||
            money_add(sum, part, &sum) != ERR_NONE)
            return ERR_RANGE;
    }
    *out = sum;
    return ERR_NONE;
}

/* On a provider key of the customer's own the receipt names the fee, in millionths of the sum, rounded up. */
static enum err bill_fee(struct json_value billing, int64_t *sum)
{
    struct json_value v;
    int64_t ppm;
    enum err e = json_only(billing, "own_key_fee_ppm", &v);

    if (e == ERR_NOT_FOUND)
        return ERR_NONE;
    if (e != ERR_NONE || json_whole(v, &ppm) != ERR_NONE || ppm < 0 || ppm > 1000000)
        return ERR_FORMAT;
    *sum = (int64_t)(((unsigned __int128)(uint64_t)*sum * (uint64_t)ppm + 999999) / 1000000);
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
    e = bill_compute(p->usage, prices, &sum);
    if (e == ERR_FORMAT || (e == ERR_RANGE && !clamped))
        return e;
    if (bill_fee(p->billing, &sum) != ERR_NONE)
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
        !upstream_read(p.upstream, &x) ||
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
