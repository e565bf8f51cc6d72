/* Evidence: the identity document D and the 64 bytes that bind it to a report (facts/snp.md 4.3).
 *   leaf        = SHA-256(0x00 || "tr-nonce/v1\0" || purpose || nonce[32] || cb[32])
 *   REPORT_DATA = SHA-512("tr-evidence/v1\0" || SHA-256(D) || root), batch of one: root = leaf */
#ifndef TR_ATTESTATION_EVIDENCE_H
#define TR_ATTESTATION_EVIDENCE_H

#include "buf.h"
#include "err.h"
#include "id.h"
#include "secret.h"
#include "view.h"

enum evidence_purpose { EVIDENCE_PUBLIC = 1, EVIDENCE_LINK = 2, EVIDENCE_HANDOVER = 3 };

struct identity {
    char audience[128];
    struct id boot;
    struct digest32 config_sha256;  /* measured configuration (providers.conf) */
    struct digest32 cp_spki_sha256; /* the control plane this data plane pins */
    uint8_t hpke_x25519[32];
    uint64_t not_after_s; /* unix seconds */
    uint8_t receipt_ed25519[32];
    uint8_t seal_x25519[32]; /* customers seal their own provider keys to it */
    bool simulated;
    struct digest32 tls_spki_sha256;
    bool unlocked_memory; /* it could not lock its memory: the machine may write pages to a disk */
};
enum {
    IDENTITY_MAX_BYTES = 4096,
    /* A document outlives any sensible time between two releases, but not its program for ever. */
    IDENTITY_VALID_DAYS = 90,
    IDENTITY_CLOCK_DAYS = 1, /* how far ahead the clock of an honest guest may be */
};

/* The canonical JSON of i (sorted keys, no spaces, lower-case hex): the exact bytes that are
 * hashed. "unlocked_memory" is there only when it is true, so that the document of a program whose
 * memory is locked is the one that verifiers have always read. */
must_check enum err identity_encode(const struct identity *i, struct buf *out);
/* Strict: exactly the canonical form, every key once, nothing else. ERR_FORMAT. */
must_check enum err identity_decode(struct view text, struct identity *out);

/* Not over, and not made by a guest whose host has set its clock ahead: such a document would be valid for longer
 * than any is made for. */
bool identity_current(const struct identity *i, uint64_t now_s);

void evidence_leaf(enum evidence_purpose purpose, const uint8_t nonce[static 32],
                   const uint8_t cb[static 32], struct digest32 *leaf);
void evidence_report_data(struct view identity_text, const struct digest32 *root,
                          uint8_t out[static 64]);

#endif
