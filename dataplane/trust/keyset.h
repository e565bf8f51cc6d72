/* The ACI keyset of this boot (aci/1): the one document that lists the keys clients may rely on,
 * sealed at start-up. Its digest is in every response, in every receipt and, through the ACI
 * statement, in a report. Never changes while the program runs, so any thread may read it. */
#ifndef TR_DATAPLANE_TRUST_KEYSET_H
#define TR_DATAPLANE_TRUST_KEYSET_H

#include "err.h"
#include "secret.h"
#include "view.h"

struct identity_keys;
struct keyset;

enum { KEYSET_KEY_ID_LEN = 8 + 16 }; /* "receipt-" and 16 hex digits of the key's SHA-256 */

/* From the boot's identity. ERR_MEMORY, ERR_FORMAT; on failure *out is untouched. */
must_check enum err keyset_new(const struct identity_keys *keys, struct keyset **out);
void keyset_free(struct keyset *k);

/* The keyset in canonical JSON (JCS): the bytes that are hashed, and that the report shows. */
struct view keyset_text(const struct keyset *k);
const struct digest32 *keyset_digest(const struct keyset *k);
/* "sha256:<64 hex>", as headers and receipts spell it. */
struct view keyset_digest_text(const struct keyset *k);
/* The name of the receipt signing key in the keyset. */
struct view keyset_receipt_key_id(const struct keyset *k);

#endif
