/* What this boot is and can prove, made and checked before anything listens: the sources of
 * reports, the release it is a part of, its keys and their documents, the quote service. */
#ifndef TR_DATAPLANE_BOOT_H
#define TR_DATAPLANE_BOOT_H

#include "config.h"
#include "err.h"
#include "identity.h"
#include "keyset.h"
#include "provenance.h"
#include "providers.h"
#include "quote.h"
#include "quotes.h"

struct boot {
    /* Two sources, so that neither a flood of strangers nor a device that hangs on one of them
     * stands between the link and the evidence that inference depends on. */
    struct quote_source *link_source, *public_source;
    struct identity_keys *keys;
    struct keyset *keyset;
    bool memory_locked;      /* by process_harden(); set before boot_prepare() */
    uint8_t report[SNP_REPORT_BYTES]; /* one of our own: says what this launch is */
    struct buf root;                  /* that vouches for it, DER; empty: AMD's */
    struct provenance provenance;
    struct quotes *quotes;
};

/* ERR_ATTESTATION, ERR_CONFIG, ERR_AUTH, ...: the program must not serve; why gets one sentence.
 * boot_free() afterwards in every case. Starts a thread. */
must_check enum err boot_prepare(struct boot *b, const struct config *c,
                                 const struct providers *providers, struct buf *why);
void boot_free(struct boot *b); /* every port of the quote service is freed by now */

/* What stands for a launch measurement in the simulator: this very program and the measured
 * configuration, so that a rebuild or an edited providers.conf is a different measurement. */
must_check enum err boot_simulated_measurement(const struct providers *p, struct digest48 *out);

#endif
