/* REPORT_DATA of the report that NEAR- and Phala-style verifiers ask for
 * (GET /v1/attestation/report). Their layout ends with the client's nonce; its first half names the
 * keys (Ed25519 for receipts, SHA-256 of the TLS SPKI), and begins with a purpose of its own so that
 * it can be no other format's:
 *   SHA-256("tr-near-report/v1\0" || receipt key[32] || TLS SPKI SHA-256[32]) || nonce[32] */
#ifndef TR_ATTESTATION_NEAR_H
#define TR_ATTESTATION_NEAR_H

#include "secret.h"

#include <stdint.h>

/* nonce: 32 bytes, or NULL: zeros. */
void near_report_data(const uint8_t signing_key[static 32], const struct digest32 *tls_spki,
                      const uint8_t *nonce, uint8_t out[static 64]);

#endif
