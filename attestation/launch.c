#include "launch.h"

#include <assert.h>
#include <strings.h>

/* PAGE_INFO of the SNP firmware ABI: what the digest is chained over, 0x70 bytes per page. */
enum page_type {
    PAGE_NORMAL = 1,
    PAGE_VMSA = 2,
    PAGE_ZERO = 3,
    PAGE_UNMEASURED = 4,
    PAGE_SECRETS = 5,
    PAGE_CPUID = 6,
};
enum { PAGE_INFO_BYTES = 0x70, PAGE_TYPE_AT = 0x62, PAGE_GPA_AT = 0x68 };
static const uint64_t vmsa_gpa = UINT64_C(0xFFFFFFFFF000);

static void put_le(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

/* LD := SHA-384(LD || contents || 0x0070 || type || ... || gpa); contents is zero but for pages
 * whose bytes are measured. */
static void ld_extend(struct digest48 *ld, enum page_type type, uint64_t gpa, const uint8_t *page)
{
    uint8_t info[PAGE_INFO_BYTES] = {0};

    memcpy(info, ld->b, 48);
    if (page != NULL) {
        struct digest48 contents;

        digest_sha384(view_of(page, OVMF_PAGE_BYTES), &contents);
        memcpy(info + 48, contents.b, 48);
    }
    put_le(info + 0x60, PAGE_INFO_BYTES, 2);
    info[PAGE_TYPE_AT] = (uint8_t)type;
    put_le(info + PAGE_GPA_AT, gpa, 8);
    digest_sha384(view_of(info, sizeof info), ld);
}

static void ld_extend_range(struct digest48 *ld, enum page_type type, uint64_t gpa, uint64_t size)
{
    for (uint64_t at = 0; at < size; at += OVMF_PAGE_BYTES)
        ld_extend(ld, type, gpa + at, NULL);
}

/* --- kernel hashes: GUID, u16 length, then {GUID, u16 50, SHA-256} for cmdline, initrd, kernel ---
 */

enum { HASHES_BYTES = 168, HASH_ENTRY_BYTES = 50 };
static const uint8_t guid_hashes[16] = {0x06, 0xd6, 0x38, 0x94, 0x22, 0x4f, 0xc9, 0x4c,
                                        0xb4, 0x79, 0xa7, 0x93, 0xd4, 0x11, 0xfd, 0x21};
static const uint8_t guid_entries[3][16] = {
    {0xd8, 0x2d, 0xd0, 0x97, 0x20, 0xbd, 0x94, 0x4c, 0xaa, 0x78, 0xe7, 0x71, 0x4d, 0x36, 0xab,
     0x2a}, /* command line */
    {0x31, 0xf7, 0xba, 0x44, 0x2f, 0x3a, 0xd7, 0x4b, 0x9a, 0xf1, 0x41, 0xe2, 0x91, 0x69, 0x78,
     0x1d}, /* initrd */
    {0x37, 0x94, 0xe7, 0x4d, 0xd2, 0xab, 0x7f, 0x42, 0xb8, 0x35, 0xd5, 0xb1, 0x72, 0xd2, 0x04,
     0x5b}, /* kernel */
};

void launch_hashes_page(const struct launch *l, uint8_t page[static OVMF_PAGE_BYTES])
{
    struct digest32 hashes[3];
    uint8_t *p = page + (l->ovmf.hashes_gpa % OVMF_PAGE_BYTES);

    assert(l->ovmf.hashes_gpa % OVMF_PAGE_BYTES <= OVMF_PAGE_BYTES - HASHES_BYTES);
    memset(page, 0, OVMF_PAGE_BYTES);
    /* The command line is measured with its terminating NUL. */
    digest_sha256_2(l->append, view_of("", 1), &hashes[0]);
    hashes[1] = l->initrd;
    hashes[2] = l->kernel;
    memcpy(p, guid_hashes, 16);
    put_le(p + 16, HASHES_BYTES, 2);
    p += 18;
    for (size_t i = 0; i < 3; i++, p += HASH_ENTRY_BYTES) {
        memcpy(p, guid_entries[i], 16);
        put_le(p + 16, HASH_ENTRY_BYTES, 2);
        memcpy(p + 18, hashes[i].b, 32);
    }
}

/* --- virtual processors --- */

static const struct {
    const char *type;
    uint8_t family, model, stepping;
} vcpu_types[] = {
    {"EPYC", 23, 1, 2},           {"EPYC-v1", 23, 1, 2},        {"EPYC-v2", 23, 1, 2},
    {"EPYC-IBPB", 23, 1, 2},      {"EPYC-v3", 23, 1, 2},        {"EPYC-v4", 23, 1, 2},
    {"EPYC-v5", 23, 1, 2},        {"EPYC-Rome", 23, 49, 0},     {"EPYC-Rome-v1", 23, 49, 0},
    {"EPYC-Rome-v2", 23, 49, 0},  {"EPYC-Rome-v3", 23, 49, 0},  {"EPYC-Rome-v4", 23, 49, 0},
    {"EPYC-Rome-v5", 23, 49, 0},  {"EPYC-Milan", 25, 1, 1},     {"EPYC-Milan-v1", 25, 1, 1},
    {"EPYC-Milan-v2", 25, 1, 1},  {"EPYC-Milan-v3", 25, 1, 1},  {"EPYC-Genoa", 25, 17, 0},
    {"EPYC-Genoa-v1", 25, 17, 0}, {"EPYC-Genoa-v2", 25, 17, 0}, {"EPYC-Turin", 26, 0, 0},
    {"EPYC-Turin-v1", 26, 0, 0},
};

enum err launch_vcpu_signature(const char *type, uint32_t *out)
{
    for (size_t i = 0; i < sizeof vcpu_types / sizeof vcpu_types[0]; i++) {
        if (strcasecmp(type, vcpu_types[i].type) == 0) {
            uint32_t model = vcpu_types[i].model;

            /* CPUID 1 EAX: families above 15 go into the extended family field. */
            *out = (uint32_t)(vcpu_types[i].family - 15) << 20 | (model >> 4) << 16 | 0xf << 8 |
                   (model & 15) << 4 | vcpu_types[i].stepping;
            return ERR_NONE;
        }
    }
    return ERR_NOT_FOUND;
}

/* What differs between hypervisors in the initial register state. */
static const struct {
    const char *name;
    uint16_t cs_attr_first, cs_attr_other, ss_attr, tr_attr;
    bool rdx_is_signature;
    uint64_t rdx, g_pat;
    uint32_t mxcsr;
    uint16_t fcw;
} vmm_state[LAUNCH_VMM_COUNT] = {
    [LAUNCH_QEMU] = {"QEMU", 0x9b, 0x9b, 0x93, 0x8b, true, 0, UINT64_C(0x0007040600070406), 0x1f80,
                     0x37f},
    [LAUNCH_EC2] = {"ec2", 0x9a, 0x9b, 0x92, 0x83, false, 0x600, UINT64_C(0x0007040600070406), 0,
                    0},
    [LAUNCH_GCE] = {"gce", 0x9b, 0x9b, 0x93, 0x8b, false, 0x600, 0x00070106, 0, 0},
    [LAUNCH_KRUN] = {"krun", 0x9a, 0x9a, 0x92, 0x83, false, 0, UINT64_C(0x0007040600070406), 0, 0},
};

enum err launch_vmm_parse(const char *name, enum launch_vmm *out)
{
    for (size_t i = 0; i < LAUNCH_VMM_COUNT; i++) {
        if (strcasecmp(name, vmm_state[i].name) == 0) {
            *out = (enum launch_vmm)i;
            return ERR_NONE;
        }
    }
    return ERR_NOT_FOUND;
}

static void put_segment(uint8_t *p, uint16_t selector, uint16_t attr, uint32_t limit, uint64_t base)
{
    put_le(p, selector, 2);
    put_le(p + 2, attr, 2);
    put_le(p + 4, limit, 4);
    put_le(p + 8, base, 8);
}

void launch_vmsa(const struct launch *l, bool first, uint8_t page[static OVMF_PAGE_BYTES])
{
    static const uint16_t data_segments[] = {0x00, 0x30, 0x40, 0x50}; /* es, ds, fs, gs */
    uint32_t eip = first ? 0xfffffff0 : l->ovmf.ap_reset_eip;
    uint16_t cs_attr = first ? vmm_state[l->vmm].cs_attr_first : vmm_state[l->vmm].cs_attr_other;

    memset(page, 0, OVMF_PAGE_BYTES);
    for (size_t i = 0; i < sizeof data_segments / sizeof data_segments[0]; i++)
        put_segment(page + data_segments[i], 0, 0x93, 0xffff, 0);
    put_segment(page + 0x10, 0xf000, cs_attr, 0xffff, eip & 0xffff0000);
    put_segment(page + 0x20, 0, vmm_state[l->vmm].ss_attr, 0xffff, 0);
    put_segment(page + 0x60, 0, 0, 0xffff, 0);                         /* gdtr */
    put_segment(page + 0x70, 0, 0x82, 0xffff, 0);                      /* ldtr */
    put_segment(page + 0x80, 0, 0, 0xffff, 0);                         /* idtr */
    put_segment(page + 0x90, 0, vmm_state[l->vmm].tr_attr, 0xffff, 0); /* tr */
    put_le(page + 0xd0, 0x1000, 8);                                    /* efer: SVME */
    put_le(page + 0x148, 0x40, 8);                                     /* cr4: MCE */
    put_le(page + 0x158, 0x10, 8);                                     /* cr0: ET */
    put_le(page + 0x160, 0x400, 8);                                    /* dr7 */
    put_le(page + 0x168, 0xffff0ff0, 8);                               /* dr6 */
    put_le(page + 0x170, 2, 8);                                        /* rflags */
    put_le(page + 0x178, eip & 0xffff, 8);                             /* rip */
    put_le(page + 0x268, vmm_state[l->vmm].g_pat, 8);
    put_le(page + 0x310,
           vmm_state[l->vmm].rdx_is_signature ? l->vcpu_signature : vmm_state[l->vmm].rdx, 8);
    put_le(page + 0x3b0, l->guest_features, 8);
    put_le(page + 0x3e8, 1, 8); /* xcr0 */
    put_le(page + 0x408, vmm_state[l->vmm].mxcsr, 4);
    put_le(page + 0x410, vmm_state[l->vmm].fcw, 2);
}

/* --- the chain --- */

static void section_extend(const struct launch *l, const struct ovmf_section *s,
                           struct digest48 *ld)
{
    uint8_t page[OVMF_PAGE_BYTES];

    switch (s->type) {
    case OVMF_SEC_MEM:
        ld_extend_range(ld, l->vmm == LAUNCH_GCE ? PAGE_UNMEASURED : PAGE_ZERO, s->gpa, s->size);
        break;
    case OVMF_SVSM_CAA:
        ld_extend_range(ld, PAGE_ZERO, s->gpa, s->size);
        break;
    case OVMF_SECRETS:
        ld_extend(ld, PAGE_SECRETS, s->gpa, NULL);
        break;
    case OVMF_CPUID:
        if (l->vmm != LAUNCH_EC2) /* ec2 measures it after all other sections */
            ld_extend(ld, PAGE_CPUID, s->gpa, NULL);
        break;
    case OVMF_KERNEL_HASHES:
        if (l->direct_boot) {
            launch_hashes_page(l, page);
            ld_extend(ld, PAGE_NORMAL, s->gpa, page);
        } else {
            ld_extend_range(ld, PAGE_ZERO, s->gpa, s->size);
        }
        break;
    default:
        assert(!"ovmf_parse lets no other section type through");
    }
}

static bool has_section(const struct ovmf *o, uint32_t type)
{
    for (size_t i = 0; i < o->n_sections; i++) {
        if (o->sections[i].type == type)
            return true;
    }
    return false;
}

static enum err launch_check(const struct launch *l)
{
    if (l->vcpus == 0 || l->vcpus > LAUNCH_VCPUS_MAX || l->append.len > LAUNCH_APPEND_MAX)
        return ERR_RANGE;
    if (!l->direct_boot)
        return ERR_NONE;
    if (!l->ovmf.has_hashes || !has_section(&l->ovmf, OVMF_KERNEL_HASHES))
        return ERR_UNSUPPORTED;
    if (l->ovmf.hashes_gpa % OVMF_PAGE_BYTES > OVMF_PAGE_BYTES - HASHES_BYTES)
        return ERR_FORMAT;
    return ERR_NONE;
}

enum err launch_digest(const struct launch *l,
                       void (*step)(void *cookie, const struct digest48 *after), void *cookie,
                       struct digest48 *out)
{
    struct digest48 ld = {{0}};
    uint8_t page[OVMF_PAGE_BYTES];
    enum err e;

    if ((e = launch_check(l)) != ERR_NONE)
        return e;
    if (l->ovmf_digest != NULL) {
        ld = *l->ovmf_digest;
    } else {
        for (size_t at = 0; at < l->ovmf.image.len; at += OVMF_PAGE_BYTES)
            ld_extend(&ld, PAGE_NORMAL, l->ovmf.gpa + at, l->ovmf.image.ptr + at);
    }
    if (step != NULL)
        step(cookie, &ld);
    for (size_t i = 0; i < l->ovmf.n_sections; i++) {
        section_extend(l, &l->ovmf.sections[i], &ld);
        if (step != NULL)
            step(cookie, &ld);
    }
    for (size_t i = 0; i < l->ovmf.n_sections && l->vmm == LAUNCH_EC2; i++) {
        if (l->ovmf.sections[i].type == OVMF_CPUID)
            ld_extend(&ld, PAGE_CPUID, l->ovmf.sections[i].gpa, NULL);
    }
    for (unsigned i = 0; i < l->vcpus; i++) {
        launch_vmsa(l, i == 0, page);
        ld_extend(&ld, PAGE_VMSA, vmsa_gpa, page);
        if (step != NULL)
            step(cookie, &ld);
    }
    *out = ld;
    return ERR_NONE;
}
