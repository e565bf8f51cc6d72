#include "receipt_events.h"

#include "receipt_bill.h"
#include "receipt_read.h"

#include <sodium.h>

struct parts {
    struct json_value platform, upstream, outcome, usage, billing, commitment, orchestration, part;
};

/* Each of our events at most once; an event that is not there stays JSON_NULL. ACI's own
 * upstream.verified may stand for each attempt: the last is of the one that answered. */
static enum err parts_find(struct view document, struct parts *p)
{
    struct {
        const char *type;
        struct json_value *value;
    } kinds[] = {{"platform", &p->platform}, {"upstream.verified", &p->upstream},
                 {"outcome", &p->outcome},   {"usage", &p->usage},
                 {"billing", &p->billing},   {"commitment", &p->commitment},
                 {"orchestration", &p->orchestration}, {"part", &p->part}};
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

/* Lines, their sums, and that the answer's line is what was forwarded. */
static enum err whole_read(const struct parts *p, const struct aci_receipt *r, struct receipt_events *out)
{
    enum err e = receipt_lines_read(p->orchestration, r->receipt_id, &out->lines);
    const struct receipt_line *given;

    if (e == ERR_NONE)
        e = receipt_lines_sum(&out->lines, p->usage, p->billing, &out->cost_nusd);
    if (e != ERR_NONE)
        return e;
    given = receipt_lines_given(&out->lines);
    if (given == NULL || given->role != RECEIPT_LINE_FINAL)
        return ERR_NONE;
    if (!given->asked || !r->has_forwarded || !secret_equal(given->body.b, r->forwarded.b, sizeof given->body.b) ||
        !view_eq(given->provider, out->upstream) || given->has_spki != out->has_spki ||
        (given->has_spki && !secret_equal(given->spki.b, out->spki.b, sizeof given->spki.b)))
        return ERR_FORMAT;
    return ERR_NONE;
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
    if (p.orchestration.kind == JSON_OBJECT)
        e = whole_read(&p, r, &x);
    else if (p.billing.kind == JSON_OBJECT)
        e = receipt_bill_check(p.usage, p.billing, &x.cost_nusd);
    x.has_bill = e == ERR_NONE && p.billing.kind == JSON_OBJECT;
    if (e == ERR_NONE && p.part.kind == JSON_OBJECT)
        e = receipt_part_read(p.part, r->receipt_id, &x.part);
    if (e == ERR_NONE && x.has_commitment)
        e = commitment_check(&p, r);
    if (e == ERR_NONE)
        *out = x;
    return e;
}
