/* The digests and signatures of ACI (aci/1): workload keyset, attestation statement, receipt.
 * Written down once, for the program that makes them and the one that checks them. */
#ifndef TR_ATTESTATION_ACI_H
#define TR_ATTESTATION_ACI_H

#include "buf.h"
#include "err.h"
#include "secret.h"
#include "view.h"

enum { ACI_RECEIPT_MAX = 128 << 10, ACI_EVENTS_MAX = 64 };

/* SHA-256 over the canonical form of a keyset document, whatever its spelling. ERR_FORMAT, and the
 * errors of jcs_append(). */
must_check enum err aci_keyset_digest(struct view keyset, struct digest32 *out);

/* The Ed25519 receipt key of this name in a keyset document. ERR_NOT_FOUND: none; ERR_DUPLICATE: two
 * of that name; ERR_FORMAT; ERR_UNSUPPORTED: it is for another algorithm. */
must_check enum err aci_keyset_receipt_key(struct view keyset, struct view key_id,
                                           uint8_t out[static 32]);

/* The statement's exact bytes; nonce: 32 bytes, or NULL for the unchallenged form. */
must_check enum err aci_statement(const struct digest32 *keyset, const uint8_t *nonce,
                                  struct buf *out);
/* REPORT_DATA: SHA-256 of the statement, then 32 zero bytes. */
must_check enum err aci_report_data(const struct digest32 *keyset, const uint8_t *nonce,
                                    uint8_t out[static 64]);

/* Sign an unsigned receipt document (any spelling) and append it in canonical form with its
 * signature. secret: libsodium's 64 bytes. */
must_check enum err aci_receipt_sign(struct view unsigned_document,
                                     const uint8_t secret[static 64], struct buf *out);

/* What a receipt says, borrowed from its text. */
struct aci_receipt {
    struct view receipt_id, chat_id, model, endpoint, key_id;
    struct digest32 keyset;
    int64_t served_at; /* unix seconds */
    bool has_received, has_forwarded, has_returned;
    struct digest32 received, forwarded, returned; /* SHA-256 of the raw bytes */
};
/* ERR_AUTH: not signed by this key. ERR_FORMAT: no receipt: a member is missing, twice, or of the
 * wrong kind, or its events are not in order with request.received first. */
must_check enum err aci_receipt_open(struct view document, const uint8_t public[static 32],
                                     struct aci_receipt *out);

#endif
