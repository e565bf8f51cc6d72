/* The simulated platform: an AMD-shaped certificate chain and reports signed under it. Linked by
 * tr-dataplane-sim and by tests, never by tr-dataplane. Every common name begins with SIMULATED,
 * and a policy accepts such a chain only when it names its root and says allow_simulated. */
#ifndef TR_ATTESTATION_SIM_H
#define TR_ATTESTATION_SIM_H

#include "quote.h"
#include "report.h"

#include <openssl/evp.h>

/* What the simulated processor claims. Genoa, so that TCB parts lie where Genoa has them. */
extern const struct snp_tcb sim_tcb;
enum { SIM_FAMILY = 0x19, SIM_MODEL = 0x11, SIM_STEPPING = 0x01, SIM_CHIP_ID_BYTES = 64 };

/* Write ark.pem, ask.der, vcek.der, vcek.key (0600) and chip_id (hex) into dir, which is made when
 * absent. ERR_CONFLICT when a platform is there already; why gets one sentence. ark.pem comes last:
 * where it is, the platform is complete. */
must_check enum err sim_platform_make(const char *dir, struct buf *why);

struct sim_platform {
    EVP_PKEY *vcek_key;
    struct buf vcek, ask; /* DER */
    uint8_t chip_id[SIM_CHIP_ID_BYTES];
};
/* ERR_IO, ERR_CONFIG when files are missing or damaged. On failure *out is empty. */
must_check enum err sim_platform_load(const char *dir, struct sim_platform *out);
void sim_platform_free(struct sim_platform *p);

/* What tests change in the reports of one source; sim_knobs() gives the honest values. */
struct sim_knobs {
    uint64_t guest_policy;
    uint64_t platform;
    uint32_t vmpl, guest_svn;
    struct snp_tcb reported, committed, current, launch;
};
struct sim_knobs sim_knobs(void);
void sim_set_knobs(struct quote_source *s, const struct sim_knobs *k);

/* Build and sign one version 3 report. */
must_check enum err sim_report(const struct sim_platform *p, const struct sim_knobs *k,
                               const struct digest48 *measurement,
                               const uint8_t report_data[static 64],
                               uint8_t out[static SNP_REPORT_BYTES]);

#endif
