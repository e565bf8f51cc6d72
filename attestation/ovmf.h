/* The parts of an OVMF image that decide a launch digest: its footer table and SEV metadata
 * (facts: GUIDed table that ends 32 bytes before the end of the file). Parsed from untrusted bytes;
 * nothing is allocated and every offset is compared with what is left. */
#ifndef TR_ATTESTATION_OVMF_H
#define TR_ATTESTATION_OVMF_H

#include "err.h"
#include "view.h"

#include <stdbool.h>

enum {
    OVMF_PAGE_BYTES = 4096,
    OVMF_SECTIONS_MAX = 32,       /* real images have seven */
    OVMF_IMAGE_MAX = 64 << 20,    /* real images have 4 MiB */
    OVMF_SECTION_MAX = 256 << 20, /* a section's pages are measured one by one: bounds the work */
};

enum ovmf_section_type {
    OVMF_SEC_MEM = 1,
    OVMF_SECRETS = 2,
    OVMF_CPUID = 3,
    OVMF_SVSM_CAA = 4,
    OVMF_KERNEL_HASHES = 0x10,
};

struct ovmf_section {
    uint32_t gpa, size; /* bytes; page multiples */
    uint32_t type;      /* enum ovmf_section_type */
};

struct ovmf {
    struct view image;
    uint64_t gpa;          /* where the image is mapped: 4 GiB - size */
    uint32_t ap_reset_eip; /* where application processors start */
    bool has_hashes;       /* the image verifies kernel, initrd and command line */
    uint32_t hashes_gpa;   /* where the table of their hashes goes */
    struct ovmf_section sections[OVMF_SECTIONS_MAX];
    size_t n_sections;
};

/* image is borrowed and must outlive *out. ERR_FORMAT: no footer, no SEV metadata, or any offset or
 * size outside the file; ERR_LIMIT: more sections or pages than the limits above. */
must_check enum err ovmf_parse(struct view image, struct ovmf *out);

#endif
