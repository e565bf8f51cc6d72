/* Is a statement of the transparency log about this program? A release ("tr.release.v1") that has
 * its measurement, or the boot ("tr.boot.v1") of exactly this identity document. */
#ifndef TR_ATTESTATION_LOGGED_H
#define TR_ATTESTATION_LOGGED_H

#include "err.h"
#include "secret.h"
#include "view.h"

/* ERR_FORMAT: neither of the two; ERR_NOT_FOUND: about something else. */
must_check enum err logged_check(struct view statement, const struct digest32 *identity_sha256,
                                 const uint8_t measurement[static 48]);

/* The leaf hash of the release that the statement is, or that the boot it is about names.
 * ERR_FORMAT: neither of the two; ERR_NOT_FOUND: a boot that names no release. */
must_check enum err logged_release(struct view statement, struct digest32 *leaf);

#endif
