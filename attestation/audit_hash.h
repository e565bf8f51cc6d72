/* The audit sampler's preimages, written down once for the data plane and for tr-verify.
 *
 *   commitment  HMAC-SHA256(salt, "tr.commitment.<request|response>.v1" || 0x00 || SHA-256(body))
 *   leaf        SHA-256(sample), the canonical text of audit_text.h, which says its own purpose
 *   chain       c[0]   = SHA-256("tr.audit.genesis.v1" || 0x00 || boot || receipt key || anchor)
 *               c[n+1] = SHA-256("tr.audit.link.v1" || 0x00 || c[n] || leaf[n])
 *   secrets     s[k-1] = SHA-256("tr.audit.epoch.v1" || 0x00 || s[k]); anchor = s[0];
 *               epoch e of the boot decides with s[e + 1]
 *   pick        p = first 8 bytes, big-endian, of SHA-256("tr.audit.pick.v1" || 0x00 || s[e+1] ||
 * id); an answer is sampled when floor(p * 10^6 / 2^64) < rate in parts per million
 *
 * The anchor fixes every later decision before the boot's first request, and a secret that is shown
 * afterwards is checked by hashing it back to the anchor. */
#ifndef TR_ATTESTATION_AUDIT_HASH_H
#define TR_ATTESTATION_AUDIT_HASH_H

#include "id.h"
#include "secret.h"

#include <stdbool.h>

enum {
    AUDIT_PPM = 1000000, /* a rate of one */
    AUDIT_EPOCH_MS =
        3600000,            /* an hour: what is over can be checked soon, what runs stays secret */
    AUDIT_EPOCHS = 24 * 92, /* longer than an identity is valid; 69 KiB of secrets */
};

enum audit_side { AUDIT_REQUEST, AUDIT_RESPONSE };

void audit_hash_commit(enum audit_side side, const uint8_t salt[static 32],
                       const struct digest32 *body, struct digest32 *out);
void audit_hash_genesis(const struct id *boot, const uint8_t receipt_key[static 32],
                        const struct digest32 *anchor, struct digest32 *out);
void audit_hash_link(const struct digest32 *chain, const struct digest32 *leaf,
                     struct digest32 *out);
/* s[k - 1] from s[k]. */
void audit_hash_back(const struct digest32 *secret, struct digest32 *out);
/* The epoch a request belongs to, by the time in its id. A clock that was set back before the boot
 * gives 0, the end of all epochs gives the last. */
uint64_t audit_hash_epoch(const struct id *request, uint64_t since_ms);
/* Is this request's answer a sample? */
bool audit_hash_pick(const struct digest32 *secret, const struct id *request, uint64_t rate_ppm);

#endif
