/* A published image against its release manifest: four files, what is inside of the initrd, and the
 * launch digests that they must give. Pure: bytes in, findings out. */
#ifndef TR_ATTESTATION_IMAGE_H
#define TR_ATTESTATION_IMAGE_H

#include "manifest.h"
#include "newc.h"
#include "verdict.h"

/* Where tr-dataplane reads them in the guest. */
#define IMAGE_PROVIDERS "etc/trustedrouter/providers.conf"
#define IMAGE_DATAPLANE "etc/trustedrouter/dataplane.conf"
#define IMAGE_PROGRAM "usr/bin/tr-dataplane"

struct image {
    struct view ovmf, cmdline, initrd, kernel; /* the files' bytes */
};

/* The image digest: SHA-256 over what `sha256sum OVMF.amdsev.fd cmdline initrd vmlinuz` prints,
 * which is, per file and in this order, 64 lower-case hex digits, two spaces, the name, a newline.
 */
void image_digest(const struct image *image, struct digest32 *out);

/* X(symbol, class): the code is the symbol; class as in verdict.h. In the order of the checks. */
#define IMAGE_CHECK_LIST(X)                                                                        \
    X(NO_IMAGE, REJECT) /* the manifest is of no image, as a simulator's may be */                     \
    X(OVMF, REJECT)     /* OVMF.amdsev.fd is not the manifest's */                                 \
    X(KERNEL, REJECT)   /* vmlinuz */                                                              \
    X(INITRD, REJECT)                                                                              \
    X(CMDLINE, REJECT)        /* the file, or the text that is measured */                         \
    X(IMAGE, REJECT)          /* the image digest */                                               \
    X(OVMF_FORMAT, MALFORMED) /* no SEV metadata */                                                \
    X(INITRD_FORMAT, MALFORMED)                                                                    \
    X(PROVIDERS, REJECT)      /* providers.conf inside of the initrd */                            \
    X(DATAPLANE_CONF, REJECT) /* dataplane.conf there */                                           \
    X(PROGRAM, REJECT)        /* tr-dataplane there */                                             \
    X(MEASUREMENT, REJECT)    /* a recomputed measurement is not the manifest's */                 \
    X(VCPU_TYPE, UNSUPPORTED) /* a processor model that this program does not know */              \
    X(LAUNCH, UNSUPPORTED)    /* this firmware does not measure a kernel, or not such a guest */

#define IMAGE_CHECK_ENUM(symbol, class) IMAGE_CHECK_##symbol,
enum image_check { IMAGE_CHECK_LIST(IMAGE_CHECK_ENUM) IMAGE_CHECK_COUNT };
#undef IMAGE_CHECK_ENUM
enum image_outcome { IMAGE_NOT_REACHED, IMAGE_OK, IMAGE_FAILED };

const char *image_check_name(enum image_check c);
enum verdict_class image_check_class(enum image_check c);

struct image_findings {
    struct {
        enum image_outcome outcome;
        const char *detail; /* static */
    } checks[IMAGE_CHECK_COUNT];
    struct digest32 digest; /* image_digest() */
    /* For each measurement of the manifest, what the files give. */
    struct {
        bool known; /* could be computed */
        struct digest48 measurement;
    } recomputed[MANIFEST_MEASUREMENTS_MAX];
};

/* Every check that can be made is made. `archive` is room for the initrd's entries.
 * IMAGE_CHECK_COUNT: all hold; else the first that does not. */
enum image_check image_examine(const struct image *image, const struct manifest *m,
                               struct newc *archive, struct image_findings *out);

#endif
