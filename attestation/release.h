/* What a release's manifest, or a statement in the transparency log, says about measurements. */
#ifndef TR_ATTESTATION_RELEASE_H
#define TR_ATTESTATION_RELEASE_H

#include "err.h"
#include "secret.h"
#include "view.h"

#include <stdbool.h>

enum { RELEASE_MEASUREMENTS_MAX = 256, RELEASE_FILE_MAX = 256 << 10 };

/* A manifest ("purpose":"tr.release.v1"): is this launch digest among its measurements
 * (`"measurements":[{"measurement":"<96 hex>",...}]`)? ERR_FORMAT: no manifest; ERR_NOT_FOUND. */
must_check enum err release_check(struct view manifest, const uint8_t measurement[static 48]);
/* A logged statement: a release as above, or the boot ("tr.boot.v1") of exactly this identity
 * document with this measurement. ERR_FORMAT: neither; ERR_NOT_FOUND: of something else. */
must_check enum err statement_check(struct view statement, const struct digest32 *identity_sha256,
                                    const uint8_t measurement[static 48]);

#endif
