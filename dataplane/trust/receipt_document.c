#include "receipt_document_internal.h"

#include "base64.h"
#include "errors.h"
#include "identity.h"
#include "keyset.h"

#include <assert.h>
#include <inttypes.h>

/* --- events, in the order in which they happen */

static void event_body(struct text *t, const char *type, const struct digest32 *hash)
{
    TEXT(t, ",{\"type\":\"%s\"", type);
    text_digest(t, "body_hash", hash);
    TEXT(t, "}");
}

/* Enough to decide again: the catalog, the seed of the draw, and the rest of what the decision was made of. */
static void event_route(struct text *t, const struct receipt_signer *s,
                        const struct receipt_facts *f)
{
    TEXT(t, ",{\"type\":\"route\",\"catalog_version\":%" PRIu32 ",\"seed\":\"%016" PRIx64 "\"",
         f->catalog_version, f->route_seed);
    text_digest(t, "catalog_digest", &f->catalog);
    if (f->inputs_len == 0) {
        TEXT(t, ",\"inputs\":null");
    } else {
        TEXT(t, ",\"inputs\":\"");
        if (t->e == ERR_NONE)
            t->e = base64_append(view_of(f->inputs, f->inputs_len), t->out);
        TEXT(t, "\"");
    }
    TEXT(t, ",\"answered\":%u,\"candidates\":[", f->answered);
    for (unsigned i = 0; i < f->n_candidates; i++) {
        const struct receipt_candidate *c = &f->candidate[i];

        TEXT(t, "%s{\"provider\":\"%s\",\"endpoint\":%" PRIu32 ",\"reason\":\"%s\",\"tried\":%s",
             i == 0 ? "" : ",", receipt_provider(s, c)->id, c->endpoint_no, route_reason_name((enum route_reason)c->reason),
             truth(c->tried != 0));
        if (c->tried != 0)
            TEXT(t, ",\"result\":\"%s\"", err_name((enum err)c->result));
        TEXT(t, "}");
    }
    TEXT(t, "]}");
}

/* No provider is attested here, so nothing is ever "verified" in ACI's sense; what TLS established
 * is said beside it. */
static void event_upstream(struct text *t, const struct receipt_signer *s,
                           const struct receipt_facts *f)
{
    const struct provider *p = receipt_provider(s, &f->candidate[f->answered]);
    char origin[sizeof p->host + 32];
    int n =
        snprintf(origin, sizeof origin, "%s://%s:%u", p->tls ? "https" : "http", p->host, p->port);

    assert(n > 0 && (size_t)n < sizeof origin);
    TEXT(t,
         ",{\"type\":\"upstream.verified\",\"result\":\"failed\",\"required\":false,"
         "\"upstream_name\":\"%s\",\"model_id\":",
         p->id);
    text_name(t, f->upstream_model);
    TEXT(t, ",\"url_origin\":");
    text_quoted(t, view_str(origin));
    TEXT(t, ",\"reason\":\"the provider is not attested; %s\",\"tls_verified\":%s",
         p->tls ? "its TLS certificate and host name were verified"
                : "plain text on the loopback of a simulated data plane",
         truth(p->tls));
    if ((f->flags & RECEIPT_KEYED) != 0)
        text_digest(t, "tls_spki", &f->provider_key);
    TEXT(t, "}");
}

/* The request asked for an attested provider: that is why nothing was forwarded. */
static void event_unverified(struct text *t, const struct receipt_facts *f)
{
    TEXT(t,
         ",{\"type\":\"upstream.verified\",\"result\":\"failed\",\"required\":true,\"model_id\":");
    text_name(t, f->model);
    TEXT(t, ",\"reason\":\"no provider of this router is attested\"}");
}

static void event_outcome(struct text *t, const struct receipt_facts *f)
{
    const char *code = errors_row((enum api_error)f->error)->code;
    const char *finish = usage_finish_name((enum usage_finish)f->finish);

    TEXT(t,
         ",{\"type\":\"outcome\",\"status\":%u,\"stream\":%s,\"complete\":%s,\"bytes_received\":"
         "%" PRIu64 ",\"bytes_returned\":%" PRIu64 ",\"result\":\"%s\"",
         f->status, truth((f->flags & RECEIPT_STREAM) != 0),
         truth((f->flags & RECEIPT_COMPLETE) != 0), f->received_bytes, f->returned_bytes,
         err_name((enum err)f->outcome));
    TEXT(t, code != NULL ? ",\"error\":\"%s\"" : ",\"error\":null", code);
    TEXT(t, *finish != '\0' ? ",\"finish_reason\":\"%s\"}" : ",\"finish_reason\":null}", finish);
}

static void event_money(struct text *t, const struct receipt_facts *f)
{
    TEXT(t, ",{\"type\":\"usage\",");
    receipt_usage(t, f);
    TEXT(t, "},{\"type\":\"billing\",");
    receipt_billing(t, f);
    TEXT(t, "}");
}

static void event_platform(struct text *t, const struct receipt_signer *s)
{
    char hex[97];

    hex_encode(s->measurement, sizeof s->measurement, hex);
    TEXT(t,
         ",{\"type\":\"platform\",\"tee_type\":\"sev_snp\",\"simulated\":%s,"
         "\"measurement\":\"%s\"",
         truth(s->simulated), hex);
    text_digest(t, "providers_digest", &s->providers->digest);
    TEXT(t, "}");
}

static void commitment_side(struct text *t, const struct receipt_signer *s,
                            const struct receipt_facts *f, enum receipt_side side)
{
    struct receipt_commitment c;
    char salt[65], value[65];

    receipt_commit(s->salt, f, side, &c);
    hex_encode(c.salt, sizeof c.salt, salt);
    hex_encode(c.value.b, sizeof c.value.b, value);
    TEXT(t, ",\"%s\":{\"salt\":\"%s\",\"value\":\"%s\"}",
         side == RECEIPT_REQUEST ? "request" : "response", salt, value);
    secret_wipe(&c, sizeof c);
    secret_wipe(salt, sizeof salt);
}

static void event_commitment(struct text *t, const struct receipt_signer *s,
                             const struct receipt_facts *f)
{
    TEXT(t, ",{\"type\":\"commitment\",\"alg\":\"hmac-sha256\"");
    commitment_side(t, s, f, RECEIPT_REQUEST);
    if ((f->flags & RECEIPT_RETURNED) != 0)
        commitment_side(t, s, f, RECEIPT_RESPONSE);
    TEXT(t, "}");
}

/* --- documents */

static void head(struct text *t, const struct receipt_signer *s, const struct receipt_facts *f)
{
    char receipt[RECEIPT_ID_LEN + 1], chat[RECEIPT_CHAT_ID_LEN + 1];

    receipt_id_text(&f->id, receipt);
    receipt_chat_id_text(&f->id, chat);
    TEXT(t, "{\"api_version\":\"aci/1\",\"receipt_id\":\"%s\",\"chat_id\":", receipt);
    TEXT(t, f->status == 200 ? "\"%s\"" : "null", chat);
    TEXT(t, ",\"model\":");
    text_name(t, f->model);
    TEXT(t, ",\"workload_keyset_digest\":");
    text_quoted(t, keyset_digest_text(s->keyset));
    TEXT(t, ",\"endpoint\":\"%s\",\"method\":\"POST\",\"served_at\":%" PRIu64 ",\"key_id\":",
         receipt_path((enum receipt_endpoint)f->endpoint), f->served_unix_ms / 1000);
    text_quoted(t, keyset_receipt_key_id(s->keyset));
}

enum err receipt_document(const struct receipt_signer *s, const struct receipt_facts *f,
                          struct buf *out)
{
    struct buf plain;
    struct text t = {.out = &plain};
    char received[65];

    buf_init(&plain, RECEIPT_DOCUMENT_MAX);
    head(&t, s, f);
    hex_encode(f->received.b, sizeof f->received.b, received);
    TEXT(&t, ",\"event_log\":[{\"type\":\"request.received\",\"body_hash\":\"sha256:%s\"}",
         received);
    if (f->n_candidates != 0)
        event_route(&t, s, f);
    if ((f->flags & RECEIPT_FORWARDED) != 0) {
        event_body(&t, "request.forwarded", &f->forwarded);
        event_upstream(&t, s, f);
    } else if (f->error == API_UNVERIFIED || f->error == API_NO_SESSION) {
        event_unverified(&t, f);
    }
    if ((f->flags & RECEIPT_RETURNED) != 0)
        event_body(&t, "response.returned", &f->returned);
    event_outcome(&t, f);
    if (f->parts != 0)
        receipt_orchestration(&t, s, f);
    else if ((f->flags & RECEIPT_FORWARDED) != 0)
        event_money(&t, f);
    if ((f->flags & RECEIPT_PART) != 0)
        receipt_part_of(&t, f);
    event_platform(&t, s);
    event_commitment(&t, s, f);
    TEXT(&t, "]}");
    if (t.e == ERR_NONE)
        t.e = identity_sign_receipt(s->keys, buf_view(&plain), out);
    buf_free(&plain);
    return t.e;
}

/* The text cannot be taken for a receipt, nor a receipt for it: no name of a model has quotes, and
 * every receipt begins with a brace and a quote. */
static void signature_text(const struct receipt_facts *f, struct text *t)
{
    char request[65], response[65];

    hex_encode(f->received.b, sizeof f->received.b, request);
    hex_encode(f->returned.b, sizeof f->returned.b, response);
    if (f->model[0] != '\0')
        TEXT(t, "%.*s:", LIMIT_MODEL_ID_BYTES, f->model);
    TEXT(t, "%s:%s", request, response);
}

enum err receipt_signature(const struct receipt_signer *s, const struct receipt_facts *f,
                           struct buf *out)
{
    uint8_t public[32], signature[64];
    char address[65], hex[129];
    struct buf signed_text;
    struct text inner = {.out = &signed_text}, t = {.out = out};

    if ((f->flags & RECEIPT_RETURNED) == 0)
        return ERR_NOT_FOUND;
    buf_init(&signed_text, 512);
    signature_text(f, &inner);
    t.e = inner.e;
    if (t.e == ERR_NONE)
        t.e = identity_sign_text(s->keys, buf_view(&signed_text), signature);
    TEXT(&t, "{\"text\":");
    text_quoted(&t, buf_view(&signed_text));
    identity_receipt_key(s->keys, public);
    hex_encode(public, sizeof public, address);
    hex_encode(signature, sizeof signature, hex);
    TEXT(&t,
         ",\"signature\":\"%s\",\"signing_address\":\"%s\",\"signing_algo\":\"ed25519\","
         "\"signature_kind\":\"gateway\",\"receipt\":",
         hex, address);
    if (t.e == ERR_NONE)
        t.e = receipt_document(s, f, out);
    TEXT(&t, "}");
    buf_free(&signed_text);
    return t.e;
}
