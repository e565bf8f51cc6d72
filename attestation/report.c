#include "report.h"

#include <assert.h>

/* The layout adds up: each field's size is the distance to the next. */
#define SIZE(a, b, n) _Static_assert(SNP_AT_##b - SNP_AT_##a == (n), #a)
SIZE(VERSION, GUEST_SVN, 4);
SIZE(GUEST_SVN, POLICY, 4);
SIZE(POLICY, FAMILY_ID, 8);
SIZE(FAMILY_ID, IMAGE_ID, 16);
SIZE(IMAGE_ID, VMPL, 16);
SIZE(VMPL, SIGNATURE_ALGO, 4);
SIZE(SIGNATURE_ALGO, CURRENT_TCB, 4);
SIZE(CURRENT_TCB, PLATFORM_INFO, 8);
SIZE(PLATFORM_INFO, KEY_INFO, 8);
SIZE(KEY_INFO, RESERVED_04C, 4);
SIZE(RESERVED_04C, REPORT_DATA, 4);
SIZE(REPORT_DATA, MEASUREMENT, 64);
SIZE(MEASUREMENT, HOST_DATA, 48);
SIZE(HOST_DATA, ID_KEY_DIGEST, 32);
SIZE(ID_KEY_DIGEST, AUTHOR_KEY_DIGEST, 48);
SIZE(AUTHOR_KEY_DIGEST, REPORT_ID, 48);
SIZE(REPORT_ID, REPORT_ID_MA, 32);
SIZE(REPORT_ID_MA, REPORTED_TCB, 32);
SIZE(REPORTED_TCB, CPUID_FAMILY, 8);
SIZE(CPUID_FAMILY, RESERVED_18B, 3);
SIZE(RESERVED_18B, CHIP_ID, 21);
SIZE(CHIP_ID, COMMITTED_TCB, 64);
SIZE(COMMITTED_TCB, CURRENT_FIRMWARE, 8);
SIZE(CURRENT_FIRMWARE, RESERVED_1EB, 3);
SIZE(COMMITTED_FIRMWARE, RESERVED_1EF, 3);
SIZE(RESERVED_1EF, LAUNCH_TCB, 1);
SIZE(LAUNCH_TCB, LAUNCH_MITIGATIONS, 8);
SIZE(LAUNCH_MITIGATIONS, CURRENT_MITIGATIONS, 8);
SIZE(CURRENT_MITIGATIONS, RESERVED_208, 8);
SIZE(R, S, SNP_COMPONENT_BYTES);
SIZE(S, RESERVED_330, SNP_COMPONENT_BYTES);
_Static_assert((int)SNP_AT_R == (int)SNP_SIGNED_BYTES, "the signature follows what it signs");
_Static_assert(SNP_AT_RESERVED_330 + 368 == SNP_REPORT_BYTES,
               "the report ends with reserved bytes");

uint32_t snp_load32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint64_t snp_load64(const uint8_t *at)
{
    return snp_load32(at) | (uint64_t)snp_load32(at + 4) << 32;
}

static bool all_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;

    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any == 0;
}

/* --- products and TCBs */

const char *snp_product_name(enum snp_product p)
{
    static const char *const names[] = {"unknown", "Milan", "Genoa", "Turin"};
    _Static_assert(sizeof names / sizeof names[0] == SNP_PRODUCT_COUNT, "one name each");

    return (unsigned)p < SNP_PRODUCT_COUNT ? names[p] : "unknown";
}

enum snp_product snp_product_of_cpuid(uint8_t family, uint8_t model)
{
    static const struct {
        uint8_t family, model_first, model_last;
        enum snp_product product;
    } lines[] = {
        {0x19, 0x00, 0x0f, SNP_MILAN},
        {0x19, 0x10, 0x1f, SNP_GENOA},
        {0x19, 0xa0, 0xaf, SNP_GENOA}, /* Bergamo and Siena are Genoa to the key service */
        {0x1a, 0x00, 0x11, SNP_TURIN},
    };

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        if (family == lines[i].family && model >= lines[i].model_first &&
            model <= lines[i].model_last)
            return lines[i].product;
    return SNP_PRODUCT_UNKNOWN;
}

/* Which byte of a TCB_VERSION holds which part; PART_NONE is reserved. */
enum { PART_NONE = SNP_PART_COUNT };
static const uint8_t *tcb_layout(enum snp_product p)
{
    static const uint8_t zen3[8] = {SNP_BOOTLOADER, SNP_TEE,   PART_NONE, PART_NONE,
                                    PART_NONE,      PART_NONE, SNP_SNP,   SNP_MICROCODE};
    static const uint8_t zen5[8] = {SNP_FMC,   SNP_BOOTLOADER, SNP_TEE,   SNP_SNP,
                                    PART_NONE, PART_NONE,      PART_NONE, SNP_MICROCODE};

    return p == SNP_TURIN ? zen5 : zen3;
}

bool snp_tcb_parse(enum snp_product p, const uint8_t raw[static 8], struct snp_tcb *out)
{
    const uint8_t *layout = tcb_layout(p);

    bool reserved_zero = true;

    *out = (struct snp_tcb){{0}};
    for (size_t i = 0; i < 8; i++) {
        if (layout[i] != PART_NONE)
            out->part[layout[i]] = raw[i];
        else if (raw[i] != 0)
            reserved_zero = false;
    }
    return reserved_zero;
}

void snp_tcb_store(enum snp_product p, const struct snp_tcb *tcb, uint8_t raw[static 8])
{
    const uint8_t *layout = tcb_layout(p);

    for (size_t i = 0; i < 8; i++)
        raw[i] = layout[i] != PART_NONE ? tcb->part[layout[i]] : 0;
}

bool snp_tcb_covers(const struct snp_tcb *tcb, const struct snp_tcb *floor)
{
    for (size_t i = 0; i < SNP_PART_COUNT; i++)
        if (tcb->part[i] < floor->part[i])
            return false;
    return true;
}

/* --- the report */

static uint32_t load_firmware(const uint8_t *at)
{
    return (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

enum err snp_report_parse(struct view raw, struct snp_report *out)
{
    const uint8_t *p = raw.ptr;

    if (raw.len != SNP_REPORT_BYTES)
        return ERR_FORMAT;
    *out = (struct snp_report){
        .raw = p,
        .version = snp_load32(p + SNP_AT_VERSION),
        .guest_svn = snp_load32(p + SNP_AT_GUEST_SVN),
        .vmpl = snp_load32(p + SNP_AT_VMPL),
        .signature_algo = snp_load32(p + SNP_AT_SIGNATURE_ALGO),
        .key_info = snp_load32(p + SNP_AT_KEY_INFO),
        .policy = snp_load64(p + SNP_AT_POLICY),
        .platform = snp_load64(p + SNP_AT_PLATFORM_INFO),
        .firmware_current = load_firmware(p + SNP_AT_CURRENT_FIRMWARE),
        .firmware_committed = load_firmware(p + SNP_AT_COMMITTED_FIRMWARE),
        .family_id = p + SNP_AT_FAMILY_ID,
        .image_id = p + SNP_AT_IMAGE_ID,
        .report_data = p + SNP_AT_REPORT_DATA,
        .measurement = p + SNP_AT_MEASUREMENT,
        .host_data = p + SNP_AT_HOST_DATA,
        .id_key_digest = p + SNP_AT_ID_KEY_DIGEST,
        .author_key_digest = p + SNP_AT_AUTHOR_KEY_DIGEST,
        .chip_id = p + SNP_AT_CHIP_ID,
        .current_tcb = p + SNP_AT_CURRENT_TCB,
        .reported_tcb = p + SNP_AT_REPORTED_TCB,
        .committed_tcb = p + SNP_AT_COMMITTED_TCB,
        .launch_tcb = p + SNP_AT_LAUNCH_TCB,
        .report_id = p + SNP_AT_REPORT_ID,
    };
    if (out->version >= 3) {
        out->family = p[SNP_AT_CPUID_FAMILY];
        out->model = p[SNP_AT_CPUID_MODEL];
        out->stepping = p[SNP_AT_CPUID_STEPPING];
    }
    if (out->version >= 5) {
        out->launch_mitigations = snp_load64(p + SNP_AT_LAUNCH_MITIGATIONS);
        out->current_mitigations = snp_load64(p + SNP_AT_CURRENT_MITIGATIONS);
    }
    return ERR_NONE;
}

bool snp_report_signature_shape(const struct snp_report *r)
{
    /* r + n, the other number that means r, carries one bit into the byte above the scalar. That is
     * a number out of range, which the signature check says, and no odd formatting. */
    const size_t from = SNP_SCALAR_BYTES + 1, high = SNP_COMPONENT_BYTES - from;

    return r->raw[SNP_AT_R + SNP_SCALAR_BYTES] <= 1 && r->raw[SNP_AT_S + SNP_SCALAR_BYTES] <= 1 &&
           all_zero(r->raw + SNP_AT_R + from, high) && all_zero(r->raw + SNP_AT_S + from, high) &&
           all_zero(r->raw + SNP_AT_RESERVED_330, SNP_REPORT_BYTES - SNP_AT_RESERVED_330);
}

bool snp_report_reserved_zero(const struct snp_report *r)
{
    static const struct {
        uint16_t from, to;
        uint8_t first, last; /* versions in which the bytes are reserved */
    } ranges[] = {
        {SNP_AT_RESERVED_04C, SNP_AT_REPORT_DATA, 0, UINT8_MAX},
        {SNP_AT_CPUID_FAMILY, SNP_AT_RESERVED_18B, 0, 2},
        {SNP_AT_RESERVED_18B, SNP_AT_CHIP_ID, 0, UINT8_MAX},
        {SNP_AT_RESERVED_1EB, SNP_AT_COMMITTED_FIRMWARE, 0, UINT8_MAX},
        {SNP_AT_RESERVED_1EF, SNP_AT_LAUNCH_TCB, 0, UINT8_MAX},
        {SNP_AT_LAUNCH_MITIGATIONS, SNP_AT_RESERVED_208, 0, 4},
        {SNP_AT_RESERVED_208, SNP_AT_R, 0, UINT8_MAX},
    };

    if (r->key_info >> SNP_KEY_KNOWN_BITS != 0)
        return false;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (r->version >= ranges[i].first && r->version <= ranges[i].last &&
            !all_zero(r->raw + ranges[i].from, ranges[i].to - ranges[i].from))
            return false;
    return true;
}
