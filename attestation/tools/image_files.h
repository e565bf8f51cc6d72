/* The four files of a published image, read from its directory, with what image.h finds in them. */
#ifndef TR_ATTESTATION_TOOLS_IMAGE_FILES_H
#define TR_ATTESTATION_TOOLS_IMAGE_FILES_H

#include "buf.h"
#include "image.h"

struct image_files {
    struct buf ovmf, cmdline, initrd, kernel;
};

/* DIR/{OVMF.amdsev.fd,cmdline,initrd,vmlinuz}. False after a complaint about the first file that is
 * missing, cannot be read or is too large. *out must be freed either way. */
bool image_files_load(const char *dir, struct image_files *out);
void image_files_free(struct image_files *f);
/* image_examine() over them. ERR_MEMORY. *first as it returns. */
must_check enum err image_files_examine(const struct image_files *f, const struct manifest *m,
                                        struct image_findings *out, enum image_check *first);

#endif
