/* Where a data plane gets its attestation reports: one backend per program, chosen at link time.
 * quote_snp.c (the device) is in the attestation library; sim/ is linked only by tr-dataplane-sim
 * and tests. */
#ifndef TR_ATTESTATION_QUOTE_H
#define TR_ATTESTATION_QUOTE_H

#include "buf.h"
#include "err.h"
#include "report.h"
#include "secret.h"

#include <stdbool.h>

enum { QUOTE_CERT_MAX = 4096 }; /* real certificates are 1.3-1.7 KB */

struct quote {
    uint8_t report[SNP_REPORT_BYTES];
    struct buf vek; /* DER, may be empty when the platform has none */
    struct buf ask; /* DER */
};
void quote_init(struct quote *q);
void quote_free(struct quote *q);

struct quote_source; /* one open backend */

/* The backend this program was linked with. name is "sev-snp" or "simulated". */
struct quote_backend {
    const char *name;
    bool simulated;
    /* dir: the simulator's platform directory (make_platform); ignored by the device.
     * ERR_ATTESTATION when there is no device (the caller exits non-zero). why gets one printable
     * sentence. Open and get() need files and ioctls: the device backend opens what it can here and
     * says in its own comment what the sandbox must still let through. */
    enum err (*open)(const char *dir, const struct digest48 *sim_measurement,
                     struct quote_source **out, struct buf *why);
    enum err (*get)(struct quote_source *s, const uint8_t report_data[static 64],
                    struct quote *out);
    void (*close)(struct quote_source *s);
    /* The simulator's: write a new platform (an AMD-shaped chain with its keys) to dir, which is
     * created and must hold none yet. NULL: this backend makes none. why gets one sentence. */
    enum err (*make_platform)(const char *dir, struct buf *why);
};
extern const struct quote_backend quote_backend;

#endif
