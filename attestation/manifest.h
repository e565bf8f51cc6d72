/* The release manifest, release.json: which measurements a release may have, what went into it, and
 * how long it may run. Canonical JSON (JCS), so the file's bytes are what is hashed, signed
 * (minisign.h) and logged. A data plane that is given one refuses to serve outside of it. */
#ifndef TR_ATTESTATION_MANIFEST_H
#define TR_ATTESTATION_MANIFEST_H

#include "buf.h"
#include "err.h"
#include "secret.h"
#include "view.h"

#include <stdbool.h>

enum {
    MANIFEST_MAX = 32 << 10,         /* bytes; what a log's entry holds */
    MANIFEST_MEASUREMENTS_MAX = 192, /* that many fit into it */
    MANIFEST_DIGESTS_MAX = 16,
    MANIFEST_TEXT_MAX = 200, /* bytes of version, repo, cpu */
    MANIFEST_CMDLINE_MAX = 4096,
};

struct manifest_measurement {
    struct view cpu; /* "EPYC-v4", as tr-verify measure --vcpu-type */
    uint64_t features, vcpus;
    uint8_t measurement[48];
};
struct manifest {
    struct view version, repo, commit, cmdline; /* borrowed from the text */
    uint64_t svn;                               /* grows with every release that closes a hole */
    uint64_t min_svn; /* releases below it are withdrawn, says this one; at most svn */
    uint64_t not_before_s, not_after_s; /* unix seconds: it may run from, and before */
    bool simulated;                     /* a simulator's measurements: proves nothing */
    bool has_previous;
    struct digest32 previous;        /* SHA-256 of the release.json before this one */
    bool has_image;                  /* false only when simulated: then image and sbom are zeros */
    struct digest32 image;           /* image_digest() of the four files (image.h) */
    struct digest32 sbom;            /* of sbom.spdx.json */
    struct digest32 providers;       /* of providers.conf, which is part of the image */
    struct digest32 catalog, policy; /* of catalog.conf and of the TCB policy it was made for */
    struct {
        struct view name; /* "dataplane", "kernel", ... */
        struct digest32 sha256;
    } digests[MANIFEST_DIGESTS_MAX];
    size_t n_digests;
    struct manifest_measurement measurements[MANIFEST_MEASUREMENTS_MAX];
    size_t n_measurements;
};
/* Strict: canonical, every member once and no other. ERR_FORMAT, ERR_LIMIT; ERR_VERSION: another
 * purpose than "tr.release.v1". */
must_check enum err manifest_parse(struct view text, struct manifest *out);
bool manifest_has(const struct manifest *m, const uint8_t measurement[static 48]);
/* The digest of that name; NULL: there is none. */
const struct digest32 *manifest_digest(const struct manifest *m, const char *name);

#endif
