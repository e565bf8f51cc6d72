/* The SNP launch digest: what MEASUREMENT must be for a given OVMF image, kernel, initrd, command
 * line and set of virtual processors, computed from the published files alone. */
#ifndef TR_ATTESTATION_LAUNCH_H
#define TR_ATTESTATION_LAUNCH_H

#include "ovmf.h"
#include "secret.h"

enum launch_vmm { LAUNCH_QEMU, LAUNCH_EC2, LAUNCH_GCE, LAUNCH_KRUN, LAUNCH_VMM_COUNT };

enum { LAUNCH_VCPUS_MAX = 512, LAUNCH_APPEND_MAX = 4096 };

struct launch {
    struct ovmf ovmf;                /* parsed image */
    const struct digest48 *ovmf_digest; /* NULL: computed from the image; else the digest after its
                                           pages, so that only the image's last pages are needed */
    bool direct_boot;                /* a kernel is given: its hashes are measured */
    struct digest32 kernel, initrd;  /* SHA-256 of the files; no initrd: of nothing */
    struct view append;              /* kernel command line without NUL */
    unsigned vcpus;
    uint32_t vcpu_signature;         /* CPUID 1 EAX; launch_vcpu_signature() */
    uint64_t guest_features;         /* SEV_FEATURES */
    enum launch_vmm vmm;
};

/* "EPYC-v4", "EPYC-Milan", ...: ERR_NOT_FOUND for an unknown type. */
must_check enum err launch_vcpu_signature(const char *type, uint32_t *out);
/* "QEMU", "ec2", "gce", "krun", any case. ERR_NOT_FOUND. */
must_check enum err launch_vmm_parse(const char *name, enum launch_vmm *out);

/* ERR_UNSUPPORTED: a kernel is given but the image cannot verify one (its hashes would not be
 * measured). ERR_RANGE: vcpus or append outside the limits. step, if not NULL, is called with the
 * digest after each section and each vCPU. */
must_check enum err launch_digest(const struct launch *l,
                                  void (*step)(void *cookie, const struct digest48 *after),
                                  void *cookie, struct digest48 *out);

/* The 4096-byte save area of one vCPU as the hypervisor builds it. eip: where it starts. */
void launch_vmsa(const struct launch *l, bool first, uint8_t page[static OVMF_PAGE_BYTES]);
/* The page that holds the hashes table at the offset of ovmf.hashes_gpa. */
void launch_hashes_page(const struct launch *l, uint8_t page[static OVMF_PAGE_BYTES]);

#endif
