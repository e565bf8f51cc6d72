/* Every message but the catalog: one encoder and one decoder each, in PROTOCOL.md's order. */
#include "message.h"

#include "codec.h"

#include <assert.h>
#include <endian.h>

enum {
    SEAL_OVERHEAD_BYTES = 48, /* crypto_box_seal: ephemeral public key 32, MAC 16 */
};

static const char *const refusal_names[] = {
    [REFUSAL_NONE] = "none",
    [REFUSAL_MALFORMED] = "malformed",
    [REFUSAL_LENGTH] = "length",
    [REFUSAL_VERSION] = "version",
    [REFUSAL_SIG_ALGO] = "sig_algo",
    [REFUSAL_SIG_FORMAT] = "sig_format",
    [REFUSAL_MBZ] = "mbz",
    [REFUSAL_KEY_KIND] = "key_kind",
    [REFUSAL_PRODUCT] = "product",
    [REFUSAL_CERT] = "cert",
    [REFUSAL_ROOT] = "root",
    [REFUSAL_TCB_CERT] = "tcb_cert",
    [REFUSAL_HWID] = "hwid",
    [REFUSAL_CHIP] = "chip",
    [REFUSAL_SIGNATURE] = "signature",
    [REFUSAL_VMPL] = "vmpl",
    [REFUSAL_DEBUG] = "debug",
    [REFUSAL_POLICY] = "policy",
    [REFUSAL_PLATFORM] = "platform",
    [REFUSAL_TCB_ORDER] = "tcb_order",
    [REFUSAL_TCB_FLOOR] = "tcb_floor",
    [REFUSAL_ID_KEY] = "id_key",
    [REFUSAL_MEASUREMENT] = "measurement",
    [REFUSAL_GUEST_SVN] = "guest_svn",
    [REFUSAL_HOST_DATA] = "host_data",
    [REFUSAL_NONCE] = "nonce",
    [REFUSAL_CHANNEL] = "channel",
    [REFUSAL_PEER_KEY] = "peer_key",
    [REFUSAL_AUDIENCE] = "audience",
    [REFUSAL_SIMULATED] = "simulated",
    [REFUSAL_EXPIRED] = "expired",
    [REFUSAL_CONFIG] = "config",
    [REFUSAL_MEMORY] = "memory",
    [REFUSAL_EVICTED] = "evicted",
};
_Static_assert(sizeof refusal_names / sizeof refusal_names[0] == REFUSAL_COUNT, "one name each");

const char *refusal_name(enum refusal r)
{
    return (unsigned)r < REFUSAL_COUNT ? refusal_names[r] : "unknown";
}

enum err frame_take(struct view *in, struct frame *out)
{
    struct view rest = *in, head, payload;
    uint64_t len;

    if (!view_take(&rest, FRAME_HEADER_BYTES, &head))
        return ERR_SHORT;
    len = load_be(head.ptr, 4);
    if (head.ptr[5] != FRAME_VERSION)
        return ERR_VERSION;
    if (head.ptr[4] < MSG_CHALLENGE || head.ptr[4] > MSG_LAST)
        return ERR_VERSION;
    if (load_be(head.ptr + 6, 2) != 0)
        return ERR_FORMAT;
    if (len > LIMIT_FRAME_BYTES)
        return ERR_LIMIT;
    if (!view_take(&rest, len, &payload))
        return ERR_SHORT;
    *in = rest;
    *out = (struct frame){(enum message_type)head.ptr[4], payload};
    return ERR_NONE;
}

/* --- attestation */

enum err msg_challenge_encode(const struct msg_challenge *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_CHALLENGE);

    put_bytes(&w, m->nonce, sizeof m->nonce);
    return writer_end(&w);
}

enum err msg_challenge_decode(struct view payload, struct msg_challenge *out)
{
    struct reader r = reader_of(payload);

    take_bytes(&r, out->nonce, sizeof out->nonce);
    return reader_end(&r);
}

/* The report's exact length is the verifier's first check, so that a wrong one has its own reason.
 */
void put_evidence(struct writer *w, const struct msg_evidence *m)
{
    put_blob16(w, m->identity, 1, LIMIT_EVIDENCE_PART_BYTES);
    put_blob16(w, m->report, 1, LIMIT_EVIDENCE_PART_BYTES);
    put_blob16(w, m->vek, 0, LIMIT_EVIDENCE_PART_BYTES);
    put_blob16(w, m->ask, 0, LIMIT_EVIDENCE_PART_BYTES);
}

void take_evidence(struct reader *r, struct msg_evidence *out)
{
    out->identity = take_blob16(r, 1, LIMIT_EVIDENCE_PART_BYTES);
    out->report = take_blob16(r, 1, LIMIT_EVIDENCE_PART_BYTES);
    out->vek = take_blob16(r, 0, LIMIT_EVIDENCE_PART_BYTES);
    out->ask = take_blob16(r, 0, LIMIT_EVIDENCE_PART_BYTES);
}

enum err msg_evidence_encode(const struct msg_evidence *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_EVIDENCE);

    put_evidence(&w, m);
    return writer_end(&w);
}

enum err msg_evidence_decode(struct view payload, struct msg_evidence *out)
{
    struct reader r = reader_of(payload);

    take_evidence(&r, out);
    return reader_end(&r);
}

static bool reattest_ok(uint32_t ms)
{
    return ms > 0 && ms <= LIMIT_REATTEST_MS;
}

enum err msg_accept_encode(const struct msg_accept *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_ACCEPT);

    put_bytes(&w, m->session.b, sizeof m->session.b);
    writer_require(&w, reattest_ok(m->reattest_after_ms), ERR_RANGE);
    put_u32(&w, m->reattest_after_ms);
    put_u64(&w, m->unix_ms);
    return writer_end(&w);
}

enum err msg_accept_decode(struct view payload, struct msg_accept *out)
{
    struct reader r = reader_of(payload);

    take_bytes(&r, out->session.b, sizeof out->session.b);
    out->reattest_after_ms = take_u32(&r);
    reader_require(&r, reattest_ok(out->reattest_after_ms), ERR_RANGE);
    out->unix_ms = take_u64(&r);
    return reader_end(&r);
}

static bool refusal_ok(uint16_t reason)
{
    return reason > REFUSAL_NONE && reason < REFUSAL_COUNT;
}

enum err msg_refuse_encode(const struct msg_refuse *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_REFUSE);

    writer_require(&w, refusal_ok(m->reason), ERR_RANGE);
    put_u16(&w, m->reason);
    return writer_end(&w);
}

enum err msg_refuse_decode(struct view payload, struct msg_refuse *out)
{
    struct reader r = reader_of(payload);

    out->reason = take_u16(&r);
    reader_require(&r, refusal_ok(out->reason), ERR_RANGE);
    return reader_end(&r);
}

/* --- keys and leases */

enum err msg_key_lookup_encode(const struct msg_key_lookup *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_KEY_LOOKUP);

    put_bytes(&w, m->key_digest.b, sizeof m->key_digest.b);
    put_amount(&w, m->need_nusd);
    put_amount(&w, m->want_nusd);
    return writer_end(&w);
}

enum err msg_key_lookup_decode(struct view payload, struct msg_key_lookup *out)
{
    struct reader r = reader_of(payload);

    take_bytes(&r, out->key_digest.b, sizeof out->key_digest.b);
    out->need_nusd = take_amount(&r);
    out->want_nusd = take_amount(&r);
    out->obeys = false;
    return reader_end(&r);
}

static void put_grant(struct writer *w, const struct msg_grant *m)
{
    put_bytes(w, m->key_digest.b, sizeof m->key_digest.b);
    put_bytes(w, m->key.b, sizeof m->key.b);
    put_bytes(w, m->account.b, sizeof m->account.b);
    put_bytes(w, m->lease.b, sizeof m->lease.b);
    put_amount(w, m->granted_nusd);
    put_u32(w, m->lease_ms);
    put_u32(w, m->requests_per_minute);
    put_u32(w, m->tokens_per_minute);
    put_u64(w, m->expires_ms);
    put_u64(w, m->version);
    put_u64(w, m->own_version);
}

void take_grant(struct reader *r, struct msg_grant *out)
{
    take_bytes(r, out->key_digest.b, sizeof out->key_digest.b);
    take_bytes(r, out->key.b, sizeof out->key.b);
    take_bytes(r, out->account.b, sizeof out->account.b);
    take_bytes(r, out->lease.b, sizeof out->lease.b);
    out->granted_nusd = take_amount(r);
    out->lease_ms = take_u32(r);
    out->requests_per_minute = take_u32(r);
    out->tokens_per_minute = take_u32(r);
    out->expires_ms = take_u64(r);
    out->version = take_u64(r);
    out->own_version = take_u64(r);
}

enum err msg_grant_encode(const struct msg_grant *m, struct buf *out)
{
    struct writer w = writer_begin(out, m->terms == NULL ? MSG_GRANT : MSG_RULED);

    if (m->terms != NULL)
        put_u8(&w, RULED_GRANT);
    put_grant(&w, m);
    if (m->terms != NULL)
        put_terms(&w, m->terms);
    return writer_end(&w);
}

enum err msg_grant_decode(struct view payload, struct msg_grant *out)
{
    struct reader r = reader_of(payload);

    out->terms = NULL;
    take_grant(&r, out);
    return reader_end(&r);
}

enum err msg_no_key_encode(const struct msg_no_key *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_NO_KEY);

    put_bytes(&w, m->key_digest.b, sizeof m->key_digest.b);
    put_u8_below(&w, m->reason, NO_KEY_CHANGED);
    put_u64(&w, m->version);
    put_amount(&w, m->most_nusd);
    return writer_end(&w);
}

enum err msg_no_key_decode(struct view payload, struct msg_no_key *out)
{
    struct reader r = reader_of(payload);

    take_bytes(&r, out->key_digest.b, sizeof out->key_digest.b);
    out->reason = take_u8_below(&r, NO_KEY_CHANGED);
    out->version = take_u64(&r);
    out->most_nusd = take_amount(&r);
    return reader_end(&r);
}

enum err msg_lease_more_encode(const struct msg_lease_more *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_LEASE_MORE);

    put_bytes(&w, m->key.b, sizeof m->key.b);
    put_bytes(&w, m->lease.b, sizeof m->lease.b);
    put_amount(&w, m->need_nusd);
    put_amount(&w, m->want_nusd);
    put_amount(&w, m->returned_nusd);
    return writer_end(&w);
}

enum err msg_lease_more_decode(struct view payload, struct msg_lease_more *out)
{
    struct reader r = reader_of(payload);

    take_bytes(&r, out->key.b, sizeof out->key.b);
    take_bytes(&r, out->lease.b, sizeof out->lease.b);
    out->need_nusd = take_amount(&r);
    out->want_nusd = take_amount(&r);
    out->returned_nusd = take_amount(&r);
    out->obeys = false;
    return reader_end(&r);
}

static void put_lease(struct writer *w, const struct msg_lease *m)
{
    put_bytes(w, m->key.b, sizeof m->key.b);
    put_bytes(w, m->lease.b, sizeof m->lease.b);
    put_amount(w, m->granted_nusd);
    put_u32(w, m->lease_ms);
    put_u8_below(w, m->status, LEASE_STATUS_COUNT);
    put_u32(w, m->requests_per_minute);
    put_u32(w, m->tokens_per_minute);
    put_u64(w, m->expires_ms);
    put_u64(w, m->version);
    put_amount(w, m->most_nusd);
    put_u64(w, m->own_version);
}

void take_lease(struct reader *r, struct msg_lease *out)
{
    take_bytes(r, out->key.b, sizeof out->key.b);
    take_bytes(r, out->lease.b, sizeof out->lease.b);
    out->granted_nusd = take_amount(r);
    out->lease_ms = take_u32(r);
    out->status = take_u8_below(r, LEASE_STATUS_COUNT);
    out->requests_per_minute = take_u32(r);
    out->tokens_per_minute = take_u32(r);
    out->expires_ms = take_u64(r);
    out->version = take_u64(r);
    out->most_nusd = take_amount(r);
    out->own_version = take_u64(r);
}

enum err msg_lease_encode(const struct msg_lease *m, struct buf *out)
{
    struct writer w = writer_begin(out, m->terms == NULL ? MSG_LEASE : MSG_RULED);

    if (m->terms != NULL)
        put_u8(&w, RULED_LEASE);
    put_lease(&w, m);
    if (m->terms != NULL)
        put_terms(&w, m->terms);
    return writer_end(&w);
}

enum err msg_lease_decode(struct view payload, struct msg_lease *out)
{
    struct reader r = reader_of(payload);

    out->terms = NULL;
    take_lease(&r, out);
    return reader_end(&r);
}

enum err msg_lease_return_encode(const struct msg_lease_return *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_LEASE_RETURN);

    put_bytes(&w, m->lease.b, sizeof m->lease.b);
    put_amount(&w, m->total_nusd);
    put_u8_below(&w, m->final, 2);
    return writer_end(&w);
}

enum err msg_lease_return_decode(struct view payload, struct msg_lease_return *out)
{
    struct reader r = reader_of(payload);

    take_bytes(&r, out->lease.b, sizeof out->lease.b);
    out->total_nusd = take_amount(&r);
    out->final = take_u8_below(&r, 2);
    return reader_end(&r);
}

/* --- pushes */

/* What a push may say of a key: about money the control plane speaks only when it is asked. */
static bool revoke_ok(uint8_t reason)
{
    return reason == NO_KEY_CHANGED || reason <= NO_KEY_EXPIRED;
}

enum err msg_revoke_encode(const struct msg_revoke *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_REVOKE);

    put_bytes(&w, m->key_digest.b, sizeof m->key_digest.b);
    writer_require(&w, revoke_ok(m->reason), ERR_RANGE);
    put_u8_below(&w, m->reason, NO_KEY_COUNT);
    put_u64(&w, m->version);
    return writer_end(&w);
}

enum err msg_revoke_decode(struct view payload, struct msg_revoke *out)
{
    struct reader r = reader_of(payload);

    take_bytes(&r, out->key_digest.b, sizeof out->key_digest.b);
    out->reason = take_u8_below(&r, NO_KEY_COUNT);
    reader_require(&r, revoke_ok(out->reason), ERR_RANGE);
    out->version = take_u64(&r);
    return reader_end(&r);
}

enum err msg_health_encode(const struct msg_health *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_HEALTH);

    put_u8_below(&w, m->troubles, TROUBLE_ALL + 1);
    return writer_end(&w);
}

enum err msg_health_decode(struct view payload, struct msg_health *out)
{
    struct reader r = reader_of(payload);

    out->troubles = take_u8_below(&r, TROUBLE_ALL + 1);
    return reader_end(&r);
}

enum err msg_recall_encode(const struct msg_recall *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_RECALL);

    put_bytes(&w, m->key.b, sizeof m->key.b);
    put_bytes(&w, m->lease.b, sizeof m->lease.b);
    put_amount(&w, m->need_nusd);
    return writer_end(&w);
}

enum err msg_recall_decode(struct view payload, struct msg_recall *out)
{
    struct reader r = reader_of(payload);

    take_bytes(&r, out->key.b, sizeof out->key.b);
    take_bytes(&r, out->lease.b, sizeof out->lease.b);
    out->need_nusd = take_amount(&r);
    return reader_end(&r);
}

static bool keys_count_ok(const struct msg_keys *m)
{
    return m->count >= 1 && m->count <= LIMIT_KEYS_FRAME;
}

enum err msg_keys_encode(const struct msg_keys *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_KEYS);

    writer_require(&w, keys_count_ok(m), ERR_RANGE);
    writer_require(&w, m->keys.len == (size_t)m->count * KEYS_WIRE_BYTES, ERR_FORMAT);
    put_u16(&w, m->count);
    put_zero(&w, 2);
    put_bytes(&w, m->keys.ptr, m->keys.len);
    return writer_end(&w);
}

enum err msg_keys_decode(struct view payload, struct msg_keys *out)
{
    struct reader r = reader_of(payload);

    out->count = take_u16(&r);
    reader_require(&r, keys_count_ok(out), ERR_RANGE);
    take_zero(&r, 2);
    reader_require(&r, r.left.len == (size_t)out->count * KEYS_WIRE_BYTES, ERR_FORMAT);
    out->keys = r.left;
    r.left = VIEW_EMPTY;
    return reader_end(&r);
}

enum err msg_keys_take(struct msg_keys *m, struct digest32 *digest, uint64_t *version)
{
    struct view entry;
    struct reader r;

    if (!view_take(&m->keys, KEYS_WIRE_BYTES, &entry))
        return ERR_SHORT;
    r = reader_of(entry);
    take_bytes(&r, digest->b, sizeof digest->b);
    *version = take_u64(&r);
    return reader_end(&r);
}

enum err msg_keys_put(struct buf *keys, const struct digest32 *digest, uint64_t version)
{
    uint64_t be = htobe64(version);
    enum err e = buf_append(keys, view_of(digest->b, sizeof digest->b));

    return e == ERR_NONE ? buf_append(keys, view_of(&be, sizeof be)) : e;
}

enum err msg_secret_encode(const struct msg_secret *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_SECRET);

    writer_require(&w, m->provider_no < LIMIT_PROVIDERS, ERR_RANGE);
    writer_require(&w, m->total <= PROVIDER_KEYS_MAX && m->index < m->total, ERR_RANGE);
    put_u16(&w, m->provider_no);
    put_u8(&w, m->index);
    put_u8(&w, m->total);
    put_blob16(&w, m->sealed, SEAL_OVERHEAD_BYTES + 1, LIMIT_SECRET_BYTES + SEAL_OVERHEAD_BYTES);
    return writer_end(&w);
}

enum err msg_secret_decode(struct view payload, struct msg_secret *out)
{
    struct reader r = reader_of(payload);

    out->provider_no = take_u16(&r);
    reader_require(&r, out->provider_no < LIMIT_PROVIDERS, ERR_RANGE);
    out->index = take_u8(&r);
    out->total = take_u8(&r);
    reader_require(&r, out->total <= PROVIDER_KEYS_MAX && out->index < out->total, ERR_RANGE);
    out->sealed =
        take_blob16(&r, SEAL_OVERHEAD_BYTES + 1, LIMIT_SECRET_BYTES + SEAL_OVERHEAD_BYTES);
    return reader_end(&r);
}

enum err msg_cert_encode(const struct msg_cert *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_CERT);

    put_blob16(&w, m->leaf, 1, LIMIT_EVIDENCE_PART_BYTES);
    put_blob16(&w, m->ca, 1, LIMIT_EVIDENCE_PART_BYTES);
    return writer_end(&w);
}

enum err msg_cert_decode(struct view payload, struct msg_cert *out)
{
    struct reader r = reader_of(payload);

    out->leaf = take_blob16(&r, 1, LIMIT_EVIDENCE_PART_BYTES);
    out->ca = take_blob16(&r, 1, LIMIT_EVIDENCE_PART_BYTES);
    return reader_end(&r);
}

enum err msg_log_proof_encode(const struct msg_log_proof *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_LOG_PROOF);

    put_blob16(&w, m->statement, 1, LIMIT_LOG_STATEMENT_BYTES);
    put_blob16(&w, m->proof, 1, LIMIT_LOG_PROOF_BYTES);
    return writer_end(&w);
}

enum err msg_log_proof_decode(struct view payload, struct msg_log_proof *out)
{
    struct reader r = reader_of(payload);

    out->statement = take_blob16(&r, 1, LIMIT_LOG_STATEMENT_BYTES);
    out->proof = take_blob16(&r, 1, LIMIT_LOG_PROOF_BYTES);
    return reader_end(&r);
}

/* --- usage */

static bool usage_count_ok(const struct msg_usage *m)
{
    return m->count > 0 && m->count <= LIMIT_USAGE_BATCH;
}

enum err msg_usage_encode(const struct msg_usage *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_USAGE);

    writer_require(&w, usage_count_ok(m), ERR_RANGE);
    writer_require(&w, m->records.len == (size_t)m->count * USAGE_WIRE_BYTES, ERR_FORMAT);
    put_u16(&w, m->count);
    put_zero(&w, 2);
    put_bytes(&w, m->records.ptr, m->records.len);
    return writer_end(&w);
}

/* The records stay raw: usage_decode() judges each. */
enum err msg_usage_decode(struct view payload, struct msg_usage *out)
{
    struct reader r = reader_of(payload);

    out->count = take_u16(&r);
    reader_require(&r, usage_count_ok(out), ERR_RANGE);
    take_zero(&r, 2);
    reader_require(&r, r.left.len == (size_t)out->count * USAGE_WIRE_BYTES, ERR_FORMAT);
    out->records = r.left;
    r.left = VIEW_EMPTY;
    return reader_end(&r);
}

static bool attempts_count_ok(const struct msg_usage_attempts *m)
{
    return m->count > 0 && m->count <= LIMIT_USAGE_ATTEMPTS;
}

enum err msg_usage_attempts_encode(const struct msg_usage_attempts *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_USAGE_ATTEMPTS);

    writer_require(&w, attempts_count_ok(m), ERR_RANGE);
    writer_require(&w, m->attempts.len == (size_t)m->count * USAGE_ATTEMPT_WIRE_BYTES, ERR_FORMAT);
    put_u16(&w, m->count);
    put_zero(&w, 2);
    put_bytes(&w, m->attempts.ptr, m->attempts.len);
    return writer_end(&w);
}

enum err msg_usage_attempts_decode(struct view payload, struct msg_usage_attempts *out)
{
    struct reader r = reader_of(payload);

    out->count = take_u16(&r);
    reader_require(&r, attempts_count_ok(out), ERR_RANGE);
    take_zero(&r, 2);
    reader_require(&r, r.left.len == (size_t)out->count * USAGE_ATTEMPT_WIRE_BYTES, ERR_FORMAT);
    out->attempts = r.left;
    r.left = VIEW_EMPTY;
    return reader_end(&r);
}

static bool parts_count_ok(const struct msg_usage_parts *m)
{
    return m->count > 0 && m->count <= LIMIT_USAGE_PARTS;
}

enum err msg_usage_parts_encode(const struct msg_usage_parts *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_USAGE_PARTS);

    writer_require(&w, parts_count_ok(m), ERR_RANGE);
    writer_require(&w, m->parts.len == (size_t)m->count * USAGE_PART_WIRE_BYTES, ERR_FORMAT);
    put_u16(&w, m->count);
    put_zero(&w, 2);
    put_bytes(&w, m->parts.ptr, m->parts.len);
    return writer_end(&w);
}

enum err msg_usage_parts_decode(struct view payload, struct msg_usage_parts *out)
{
    struct reader r = reader_of(payload);

    out->count = take_u16(&r);
    reader_require(&r, parts_count_ok(out), ERR_RANGE);
    take_zero(&r, 2);
    reader_require(&r, r.left.len == (size_t)out->count * USAGE_PART_WIRE_BYTES, ERR_FORMAT);
    out->parts = r.left;
    r.left = VIEW_EMPTY;
    return reader_end(&r);
}

enum err msg_usage_ack_encode(const struct msg_usage_ack *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_USAGE_ACK);

    put_u64(&w, m->seq);
    return writer_end(&w);
}

enum err msg_usage_ack_decode(struct view payload, struct msg_usage_ack *out)
{
    struct reader r = reader_of(payload);

    out->seq = take_u64(&r);
    return reader_end(&r);
}

static bool sequence_ok(uint64_t seq)
{
    return seq <= INT64_MAX; /* a bigint at the other end */
}

enum err msg_usage_from_encode(const struct msg_usage_from *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_USAGE_FROM);

    writer_require(&w, sequence_ok(m->seq), ERR_RANGE);
    put_u64(&w, m->seq);
    put_u8_below(&w, m->lapse, 2);
    return writer_end(&w);
}

enum err msg_usage_from_decode(struct view payload, struct msg_usage_from *out)
{
    struct reader r = reader_of(payload);

    out->seq = take_u64(&r);
    reader_require(&r, sequence_ok(out->seq), ERR_RANGE);
    out->lapse = take_u8_below(&r, 2);
    return reader_end(&r);
}

static bool lost_ok(const struct msg_usage_lost *m)
{
    return m->lo > 0 && m->lo <= m->hi && sequence_ok(m->hi);
}

enum err msg_usage_lost_encode(const struct msg_usage_lost *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_USAGE_LOST);

    writer_require(&w, lost_ok(m), ERR_RANGE);
    put_u64(&w, m->lo);
    put_u64(&w, m->hi);
    return writer_end(&w);
}

enum err msg_usage_lost_decode(struct view payload, struct msg_usage_lost *out)
{
    struct reader r = reader_of(payload);

    out->lo = take_u64(&r);
    out->hi = take_u64(&r);
    reader_require(&r, lost_ok(out), ERR_RANGE);
    return reader_end(&r);
}

enum err msg_settle_ask_encode(const struct msg_settle_ask *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_SETTLE_ASK);

    put_u64(&w, m->token);
    return writer_end(&w);
}

enum err msg_settle_ask_decode(struct view payload, struct msg_settle_ask *out)
{
    struct reader r = reader_of(payload);

    out->token = take_u64(&r);
    return reader_end(&r);
}

enum err msg_settled_encode(const struct msg_settled *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_SETTLED);

    writer_require(&w, sequence_ok(m->seq), ERR_RANGE);
    put_u64(&w, m->token);
    put_u64(&w, m->seq);
    return writer_end(&w);
}

enum err msg_settled_decode(struct view payload, struct msg_settled *out)
{
    struct reader r = reader_of(payload);

    out->token = take_u64(&r);
    out->seq = take_u64(&r);
    reader_require(&r, sequence_ok(out->seq), ERR_RANGE);
    return reader_end(&r);
}

bool place_name_ok(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        if (v.ptr[i] <= ' ' || v.ptr[i] > '~')
            return false;
    return v.len > 0 && v.len <= LIMIT_PLACE_BYTES;
}

enum err msg_place_encode(const struct msg_place *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_PLACE);

    writer_require(&w, place_name_ok(m->name), ERR_FORMAT);
    put_blob16(&w, m->name, 1, LIMIT_PLACE_BYTES);
    return writer_end(&w);
}

enum err msg_place_decode(struct view payload, struct msg_place *out)
{
    struct reader r = reader_of(payload);

    out->name = take_blob16(&r, 1, LIMIT_PLACE_BYTES);
    reader_require(&r, place_name_ok(out->name), ERR_FORMAT);
    return reader_end(&r);
}

/* --- liveness */

static enum err token_encode(enum message_type type, uint64_t token, struct buf *out)
{
    struct writer w = writer_begin(out, type);

    put_u64(&w, token);
    return writer_end(&w);
}

enum err msg_ping_encode(const struct msg_ping *m, struct buf *out)
{
    return token_encode(MSG_PING, m->token, out);
}

enum err msg_pong_encode(const struct msg_ping *m, struct buf *out)
{
    return token_encode(MSG_PONG, m->token, out);
}

/* PING and PONG have one payload. */
enum err msg_ping_decode(struct view payload, struct msg_ping *out)
{
    struct reader r = reader_of(payload);

    out->token = take_u64(&r);
    return reader_end(&r);
}

enum err msg_bye_encode(struct buf *out)
{
    struct writer w = writer_begin(out, MSG_BYE);

    return writer_end(&w);
}
