#include "attest_body.h"

#include "base64.h"
#include "bounds.h"
#include "evidence.h"
#include "identity.h"
#include "keyset.h"
#include "log_proof.h"
#include "provenance.h"
#include "seal_ring.h"

/* What the link has brought: this boot's entry in the log, and its proof. Empty before that. */
struct logged {
    struct buf statement, proof;
};

static enum err logged_get(const struct attest_facts *s, struct logged *l)
{
    enum err e;

    buf_init(&l->statement, LIMIT_LOG_STATEMENT_BYTES);
    buf_init(&l->proof, LIMIT_LOG_PROOF_BYTES);
    e = log_proof_get(s->log_proof, &l->statement, &l->proof);
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

static void logged_free(struct logged *l)
{
    buf_free(&l->statement);
    buf_free(&l->proof);
}

static const char *boolean(bool b)
{
    return b ? "true" : "false";
}

static enum err base64_text(const char *before, struct view v, const char *after, struct buf *out)
{
    enum err e = buf_append(out, view_str(before));

    if (e == ERR_NONE)
        e = base64_append(v, out);
    return e == ERR_NONE ? buf_append(out, view_str(after)) : e;
}

enum err attest_body_document(const struct attest_facts *s, const struct attest_question *q,
                              const struct quote_answer *a, struct buf *out)
{
    struct attest_document d = {
        .binding = q->binding,
        .identity = identity_text(s->keys),
        .index = a->index,
        .size = a->size,
        .path = a->path,
        .report = view_of(a->quote->report, sizeof a->quote->report),
        .vek = buf_view(&a->quote->vek),
        .ask = buf_view(&a->quote->ask),
    };
    struct logged l;
    enum err e = logged_get(s, &l);

    memcpy(d.nonce, q->nonce, sizeof d.nonce);
    d.release_leaf = buf_view(&l.statement);
    d.release_proof = buf_view(&l.proof);
    if (e == ERR_NONE)
        e = attest_document_encode(&d, out);
    logged_free(&l);
    return e;
}

/* --- ACI, aci/1 --- */

static enum err certificates_append(const struct quote *q, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT(",\"cert_chain\":["));

    if (e == ERR_NONE && q->vek.len != 0)
        e = base64_text("\"", buf_view(&q->vek), "\"", out);
    if (e == ERR_NONE && q->vek.len != 0 && q->ask.len != 0)
        e = base64_text(",\"", buf_view(&q->ask), "\"", out);
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}

static enum err logged_append(const struct logged *l, struct buf *out)
{
    enum err e;

    if (l->proof.len == 0)
        return buf_append(out, VIEW_LIT(",\"tlog_statement_b64\":null,\"tlog_proof\":null"));
    e = base64_text(",\"tlog_statement_b64\":\"", buf_view(&l->statement),
                    "\",\"tlog_proof\":", out);
    return e == ERR_NONE ? buf_append_json_string(out, buf_view(&l->proof)) : e;
}

static enum err aci_evidence(const struct attest_facts *s, const struct quote *q, struct buf *out)
{
    struct logged l;
    enum err e = logged_get(s, &l);

    if (e == ERR_NONE)
        e = buf_appendf(out, "{\"format\":\"tr.aci.sev_snp.v1\",\"simulated\":%s",
                        boolean(s->simulated));
    if (e == ERR_NONE)
        e = base64_text(",\"report_b64\":\"", view_of(q->report, sizeof q->report), "\"", out);
    if (e == ERR_NONE)
        e = certificates_append(q, out);
    if (e == ERR_NONE)
        e = buf_append(out, buf_view(&s->provenance->evidence));
    if (e == ERR_NONE)
        e = logged_append(&l, out);
    logged_free(&l);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

enum err attest_body_aci(const struct attest_facts *s, const struct attest_question *q,
                         const struct quote_answer *a, struct buf *out)
{
    struct view digest = keyset_digest_text(s->keyset);
    char statement_hash[65];
    enum err e;

    (void)q; /* the nonce is in the statement, whose hash the report carries */
    hex_encode(a->quote->report + SNP_AT_REPORT_DATA, 32, statement_hash);
    e = buf_appendf(out,
                    "{\"api_version\":\"aci/1\",\"workload_keyset_digest\":\"%.*s\","
                    "\"attestation\":{\"tee_type\":\"sev_snp\",\"workload_keyset\":",
                    (int)digest.len, (const char *)digest.ptr);
    if (e == ERR_NONE)
        e = buf_append(out, keyset_text(s->keyset));
    if (e == ERR_NONE)
        e = buf_appendf(out, ",\"report_data\":\"%s\",\"source_provenance\":", statement_hash);
    if (e == ERR_NONE)
        e = buf_append(out, buf_view(&s->provenance->source));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"evidence\":"));
    if (e == ERR_NONE)
        e = aci_evidence(s, a->quote, out);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("},\"service_capabilities\":{\"supported_e2ee_versions\":[],"
                                     "\"serving\":\"aggregator\"}}"));
    return e;
}

/* --- NEAR and Phala --- */

/* "signing_address" is their word for the key that signs answers: here Ed25519, in hex. */
static enum err signer_append(const struct attest_facts *s, const struct attest_question *q,
                              struct buf *out)
{
    uint8_t public[32];
    char hex[65], nonce[65];

    identity_receipt_key(s->keys, public);
    hex_encode(public, sizeof public, hex);
    hex_encode(q->nonce, sizeof q->nonce, nonce);
    return buf_appendf(out,
                       "\"signing_address\":\"%s\",\"signing_algo\":\"ed25519\","
                       "\"request_nonce\":%s%s%s",
                       hex, q->has_nonce ? "\"" : "", q->has_nonce ? nonce : "null",
                       q->has_nonce ? "\"" : "");
}

enum err attest_body_report(const struct attest_facts *s, const struct attest_question *q,
                            const struct quote_answer *a, struct buf *out)
{
    struct view digest = keyset_digest_text(s->keyset);
    struct digest32 spki;
    char report_data[129], spki_hex[65];
    enum err e;

    identity_tls_spki(s->keys, &spki);
    hex_encode(spki.b, sizeof spki.b, spki_hex);
    hex_encode(a->quote->report + SNP_AT_REPORT_DATA, 64, report_data);
    e = buf_append_byte(out, '{');
    if (e == ERR_NONE)
        e = signer_append(s, q, out);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"gateway_attestation\":{"));
    if (e == ERR_NONE)
        e = signer_append(s, q, out);
    if (e == ERR_NONE)
        e = buf_appendf(out,
                        ",\"tee_type\":\"sev_snp\",\"simulated\":%s,\"report_data\":\"%s\","
                        "\"tls_spki_sha256\":\"%s\",\"workload_keyset_digest\":\"%.*s\"",
                        boolean(s->simulated), report_data, spki_hex, (int)digest.len,
                        (const char *)digest.ptr);
    if (e == ERR_NONE)
        e = base64_text(",\"report_b64\":\"", view_of(a->quote->report, sizeof a->quote->report),
                        "\"", out);
    if (e == ERR_NONE)
        e = certificates_append(a->quote, out);
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("},\"model_attestations\":[]}")) : e;
}

/* --- the receipt key --- */

enum err attest_body_key(const struct attest_facts *s, struct buf *out)
{
    struct view id = keyset_receipt_key_id(s->keyset), digest = keyset_digest_text(s->keyset);
    uint8_t public[32];
    char hex[65];
    enum err e;

    identity_receipt_key(s->keys, public);
    hex_encode(public, sizeof public, hex);
    e = buf_appendf(out,
                    "{\"algo\":\"ed25519\",\"key_id\":\"%.*s\",\"public_key\":\"%s\","
                    "\"public_key_base64\":\"",
                    (int)id.len, (const char *)id.ptr, hex);
    if (e == ERR_NONE)
        e = base64_append(view_of(public, sizeof public), out);
    if (e == ERR_NONE)
        e = buf_appendf(out, "\",\"workload_keyset_digest\":\"%.*s\",\"simulated\":%s}",
                        (int)digest.len, (const char *)digest.ptr, boolean(s->simulated));
    return e;
}

/* --- the sealing key --- */

/* The owner of a provider key checks it against the identity document of GET /attestation (seal_x25519). */
enum err attest_body_sealing_key(const struct attest_facts *s, struct buf *out)
{
    const struct identity *i = identity_document(s->keys);
    char key[65], id[2 * SEAL_ID_BYTES + 1], boot[ID_TEXT_LEN + 1];
    uint8_t id_bytes[SEAL_ID_BYTES];
    enum err e;

    seal_id(i->seal_x25519, id_bytes);
    hex_encode(id_bytes, sizeof id_bytes, id);
    hex_encode(i->seal_x25519, sizeof i->seal_x25519, key);
    id_text(&i->boot, boot);
    e = buf_appendf(out,
                    "{\"id\":\"%s\",\"algorithm\":\"crypto_box_seal\",\"public_key\":\"%s\","
                    "\"public_key_base64\":\"",
                    id, key);
    if (e == ERR_NONE)
        e = base64_append(view_of(i->seal_x25519, sizeof i->seal_x25519), out);
    if (e == ERR_NONE)
        e = buf_appendf(out, "\",\"boot\":\"%s\",\"simulated\":%s}", boot, boolean(s->simulated));
    return e;
}
