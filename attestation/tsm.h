/* A report through configfs-tsm (Linux 6.7 and later): make an entry, write the 64 bytes, read
 * report and certificates, and know by the generation counter that nobody came between. */
#ifndef TR_ATTESTATION_TSM_H
#define TR_ATTESTATION_TSM_H

#include "quote.h"

/* The directory of entries. The kernel's is tsm_configfs; tests bring their own. attr is a name as
 * in the kernel's ABI: "inblob", "outblob", "auxblob", "generation", "provider". */
struct tsm_files {
    /* ERR_UNSUPPORTED: no provider there. ERR_DUPLICATE: somebody has an entry of this name. */
    enum err (*make)(void *cookie, const char *entry);
    enum err (*write)(void *cookie, const char *entry, const char *attr, struct view v);
    enum err (*read)(void *cookie, const char *entry, const char *attr, struct buf *out);
    void (*remove)(void *cookie, const char *entry);
    void *cookie;
};
extern const struct tsm_files tsm_configfs;

/* ERR_UNSUPPORTED: no configfs-tsm, or not one of sev_guest. ERR_ATTESTATION: the report is not for
 * report_data, or others kept interfering. ERR_IO. out->vek and out->ask stay empty when the host
 * gives no certificates. */
must_check enum err tsm_report(const struct tsm_files *files, const uint8_t report_data[static 64],
                               struct quote *out);
/* Put the certificates of a table into a quote; a malformed table counts as none. */
void quote_set_certificates(struct quote *out, struct view table);

#endif
