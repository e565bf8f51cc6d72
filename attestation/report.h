/* The SNP attestation report: 1184 bytes as the firmware wrote them (facts: AMD 56860, table of
 * ATTESTATION_REPORT), little-endian, read in place. The bytes that are hashed are the bytes that
 * came; nothing is re-encoded. */
#ifndef TR_ATTESTATION_REPORT_H
#define TR_ATTESTATION_REPORT_H

#include "err.h"
#include "view.h"

enum {
    SNP_REPORT_BYTES = 1184,
    SNP_SIGNED_BYTES = 0x2a0, /* what the signature covers */
    SNP_COMPONENT_BYTES = 72, /* R and S, little-endian, 48 significant bytes each */
    SNP_SCALAR_BYTES = 48,
};

/* Where each field begins; the field ends where the next begins. */
enum snp_offset {
    SNP_AT_VERSION = 0x000,
    SNP_AT_GUEST_SVN = 0x004,
    SNP_AT_POLICY = 0x008,
    SNP_AT_FAMILY_ID = 0x010,
    SNP_AT_IMAGE_ID = 0x020,
    SNP_AT_VMPL = 0x030,
    SNP_AT_SIGNATURE_ALGO = 0x034,
    SNP_AT_CURRENT_TCB = 0x038,
    SNP_AT_PLATFORM_INFO = 0x040,
    SNP_AT_KEY_INFO = 0x048,
    SNP_AT_RESERVED_04C = 0x04c,
    SNP_AT_REPORT_DATA = 0x050,
    SNP_AT_MEASUREMENT = 0x090,
    SNP_AT_HOST_DATA = 0x0c0,
    SNP_AT_ID_KEY_DIGEST = 0x0e0,
    SNP_AT_AUTHOR_KEY_DIGEST = 0x110,
    SNP_AT_REPORT_ID = 0x140,
    SNP_AT_REPORT_ID_MA = 0x160,
    SNP_AT_REPORTED_TCB = 0x180,
    SNP_AT_CPUID_FAMILY = 0x188, /* version 3 and later */
    SNP_AT_CPUID_MODEL = 0x189,
    SNP_AT_CPUID_STEPPING = 0x18a,
    SNP_AT_RESERVED_18B = 0x18b,
    SNP_AT_CHIP_ID = 0x1a0,
    SNP_AT_COMMITTED_TCB = 0x1e0,
    SNP_AT_CURRENT_FIRMWARE = 0x1e8, /* build, minor, major */
    SNP_AT_RESERVED_1EB = 0x1eb,
    SNP_AT_COMMITTED_FIRMWARE = 0x1ec,
    SNP_AT_RESERVED_1EF = 0x1ef,
    SNP_AT_LAUNCH_TCB = 0x1f0,
    SNP_AT_LAUNCH_MITIGATIONS = 0x1f8, /* version 5 */
    SNP_AT_CURRENT_MITIGATIONS = 0x200,
    SNP_AT_RESERVED_208 = 0x208,
    SNP_AT_R = 0x2a0,
    SNP_AT_S = 0x2e8,
    SNP_AT_RESERVED_330 = 0x330,
};

enum snp_product { SNP_PRODUCT_UNKNOWN, SNP_MILAN, SNP_GENOA, SNP_TURIN, SNP_PRODUCT_COUNT };
/* "Milan", "Genoa", "Turin"; "unknown" otherwise. */
const char *snp_product_name(enum snp_product p);
enum snp_product snp_product_of_cpuid(uint8_t family, uint8_t model);

/* Security versions of the firmware parts. fmc exists on Turin only and is 0 elsewhere. */
enum snp_part { SNP_FMC, SNP_BOOTLOADER, SNP_TEE, SNP_SNP, SNP_MICROCODE, SNP_PART_COUNT };
struct snp_tcb {
    uint8_t part[SNP_PART_COUNT];
};
/* *out is filled in any case. False when a byte that is reserved in this product's layout is set.
 */
bool snp_tcb_parse(enum snp_product p, const uint8_t raw[static 8], struct snp_tcb *out);
void snp_tcb_store(enum snp_product p, const struct snp_tcb *tcb, uint8_t raw[static 8]);
/* Every part at least that of `floor`: TCBs are compared part by part, never as one number. */
bool snp_tcb_covers(const struct snp_tcb *tcb, const struct snp_tcb *floor);

enum snp_guest_policy {
    SNP_POLICY_SMT = 1 << 16,
    SNP_POLICY_MUST_BE_ONE = 1 << 17,
    SNP_POLICY_MIGRATE_MA = 1 << 18,
    SNP_POLICY_DEBUG = 1 << 19,
    SNP_POLICY_SINGLE_SOCKET = 1 << 20,
    SNP_POLICY_CXL = 1 << 21,
    SNP_POLICY_AES_256_XTS = 1 << 22,
    SNP_POLICY_RAPL_DISABLED = 1 << 23,
    SNP_POLICY_CIPHERTEXT_HIDING = 1 << 24,
    SNP_POLICY_PAGE_SWAP_DISABLED = 1 << 25,
    SNP_POLICY_KNOWN_BITS = 26, /* 63:26 are reserved */
};
enum snp_platform {
    SNP_PLATFORM_SMT = 1 << 0,
    SNP_PLATFORM_TSME = 1 << 1,
    SNP_PLATFORM_ECC = 1 << 2,
    SNP_PLATFORM_RAPL_DISABLED = 1 << 3,
    SNP_PLATFORM_CIPHERTEXT_HIDING = 1 << 4,
    SNP_PLATFORM_ALIAS_CHECK = 1 << 5,
};
enum snp_key_info {
    SNP_KEY_AUTHOR = 1 << 0,
    SNP_KEY_MASK_CHIP = 1 << 1,
    SNP_KEY_SIGNING_SHIFT = 2, /* bits 4:2; 0 is VCEK */
    SNP_KEY_SIGNING_MASK = 7,
    SNP_KEY_KNOWN_BITS = 5,
};

/* The facts a verifier asks for. Pointers borrow from the raw bytes. */
struct snp_report {
    const uint8_t *raw; /* SNP_REPORT_BYTES */
    uint32_t version, guest_svn, vmpl, signature_algo, key_info;
    uint64_t policy, platform;
    uint32_t firmware_current, firmware_committed;    /* major << 16 | minor << 8 | build */
    uint8_t family, model, stepping;                  /* 0 before version 3 */
    uint64_t launch_mitigations, current_mitigations; /* 0 before version 5 */
    const uint8_t *family_id, *image_id;              /* 16 each */
    const uint8_t *report_data;                       /* 64 */
    const uint8_t *measurement;                       /* 48 */
    const uint8_t *host_data;                         /* 32 */
    const uint8_t *id_key_digest, *author_key_digest; /* 48 each */
    const uint8_t *report_id;                         /* 32 */
    const uint8_t *chip_id;                           /* 64 */
    const uint8_t *current_tcb, *reported_tcb, *committed_tcb, *launch_tcb; /* 8 each */
};

/* Loads only; what the values must be is for verify.c. ERR_FORMAT unless exactly 1184 bytes. */
must_check enum err snp_report_parse(struct view raw, struct snp_report *out);
/* R and S are at most a carry longer than 48 bytes, and nothing follows them. Numbers that are too
 * large are vek_signed()'s to refuse. */
bool snp_report_signature_shape(const struct snp_report *r);
/* Everything that must be zero in a report of its version is zero (TCBs apart: their layout
 * depends on the product). */
bool snp_report_reserved_zero(const struct snp_report *r);

uint32_t snp_load32(const uint8_t *at);
uint64_t snp_load64(const uint8_t *at);

#endif
