/* The release this data plane was given: it may serve only as a part of it. */
#ifndef TR_DATAPLANE_TRUST_OWN_RELEASE_H
#define TR_DATAPLANE_TRUST_OWN_RELEASE_H

#include "buf.h"
#include "err.h"
#include "secret.h"

#include <stdbool.h>

/* What this boot is, to be compared with the manifest. */
struct own_release_facts {
    uint8_t measurement[48]; /* from a report of our own platform, not from what we believe */
    struct digest32 providers;
    bool simulated;
    uint64_t now_s; /* unix */
};
/* path: release.json, with path.minisig beside it; key: a minisign public key as text. manifest gets
 * the manifest's bytes on success.
 * ERR_CONFIG: a file or the key cannot be used; ERR_AUTH: not signed by it; ERR_ATTESTATION:
 * signed, but not about us, or not now. why: one printable sentence. */
must_check enum err own_release_check(const char *path, const char *key,
                                      const struct own_release_facts *facts, struct buf *manifest,
                                       struct buf *why);

#endif
