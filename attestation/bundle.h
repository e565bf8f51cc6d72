/* A recorded answer of GET /attestation with what is needed to judge it again offline:
 *   {"format":"tr-bundle/v1","at":<unix seconds>,"host":"<name>","exporter":"<64 hex>",
 *    "tls_spki_sha256":"<64 hex>","document":"<base64 of the answer's bytes>"}
 * The recorder vouches for exporter, key and time; everything else is checked. */
#ifndef TR_ATTESTATION_BUNDLE_H
#define TR_ATTESTATION_BUNDLE_H

#include "buf.h"
#include "document.h"
#include "err.h"
#include "secret.h"

enum { BUNDLE_MAX = 2 * ATTEST_DOCUMENT_MAX, BUNDLE_HOST_MAX = 255 };

struct bundle {
    uint64_t at_s;
    char host[BUNDLE_HOST_MAX + 1];
    uint8_t exporter[32];
    struct digest32 tls_spki;
    struct view document;
};
must_check enum err bundle_encode(const struct bundle *b, struct buf *out);
/* Strict, as the document. document points into store, which must be empty and outlive *out. */
must_check enum err bundle_decode(struct view text, struct buf *store, struct bundle *out);

#endif
