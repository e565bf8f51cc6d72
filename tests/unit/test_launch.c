/* A launch digest that is wrong by one bit makes every honest data plane look forged, and one that
 * ignores an input lets a changed image pass. The expected values come from implementations that
 * are not ours: recorded ones in the shared fixtures (digests.json, traces.json, VMSA pages), and,
 * for a clone without them, four computed with sev-snp-measure over
 * tests/fixtures/snp/ovmf_small.bin and two with virtee/sev. */
#include "launch.c"

#include "check.h"
#include "conf.h"
#include "json.h"

#include <stdlib.h>

static struct buf files[16];
static size_t n_files;

static struct view file_read(const char *path)
{
    struct buf *b = &files[n_files++ % 16];

    buf_free(b);
    buf_init(b, OVMF_IMAGE_MAX);
    if (conf_read_file(path, OVMF_IMAGE_MAX, b) != ERR_NONE)
        return VIEW_EMPTY;
    return buf_view(b);
}

static struct view fixture(const char *name)
{
    char path[512];
    const char *dir = getenv("TR_FIXTURES");

    snprintf(path, sizeof path, "%s/snp/measure/%s", dir != NULL ? dir : "../shared/fixtures",
             name);
    return file_read(path);
}

static void hex48(const struct digest48 *d, char out[97])
{
    hex_encode(d->b, 48, out);
}

static struct launch launch_of(struct view image, unsigned vcpus, const char *type,
                               uint64_t features, enum launch_vmm vmm)
{
    struct launch l = {.vcpus = vcpus, .guest_features = features, .vmm = vmm};

    CHECK_INT(ovmf_parse(image, &l.ovmf), ERR_NONE);
    CHECK_INT(launch_vcpu_signature(type, &l.vcpu_signature), ERR_NONE);
    digest_sha256(VIEW_EMPTY, &l.kernel);
    digest_sha256(VIEW_EMPTY, &l.initrd);
    return l;
}

static const struct {
    const char *type;
    unsigned vcpus;
    uint64_t features;
    enum launch_vmm vmm;
    const char *kernel, *initrd, *append; /* contents; kernel NULL: no direct boot */
    const char *want;
} small[] = {
    {"EPYC-v4", 2, 1, LAUNCH_QEMU, "kernel bytes", "initrd bytes", "console=ttyS0",
     "e98f13bbb932d1f20c7cfb23f212a0282bba08823a40112c11f8867f58451d4a"
     "7f6e2de42bfc02895e69126401d3fb7d"},
    {"EPYC-Genoa", 1, 0x21, LAUNCH_QEMU, NULL, NULL, "",
     "c55b718e9ccf88ea6fd9bb870fbf15c06898a85fd912862d99e78110a08eaba0"
     "6e0713a5dfaac533382c7cc66527e178"},
    {"EPYC-Milan", 3, 1, LAUNCH_EC2, "kernel bytes", "initrd bytes", "console=ttyS0",
     "ae7c4ed137d4ab391a1d5d38f82a4cead1f89e386cbe8adb8c7affab72c1ce61"
     "6ab9062469f1bf1b8323bfecc9bca8e5"},
    {"EPYC-v4", 1, 1, LAUNCH_GCE, "kernel bytes", "", "",
     "c04d0b3c5f13a6271897012a998f8a8e4b8b976a430be816d713faeb6e20b2c8"
     "22d3677a117b3aa61b002ebd34279593"},
    /* virtee/sev 6.3.1, which alone knows this one */
    {"EPYC-v4", 1, 1, LAUNCH_KRUN, NULL, NULL, "",
     "6a02431d61ee52b809858e71807682488f86b794582c6079e39191e1a371307a"
     "8d255c369bbbfcff92d920a54514d78e"},
    {"EPYC-Milan", 3, 0x21, LAUNCH_KRUN, NULL, NULL, "",
     "f5a0c9836f00e40e70354aa94353742ce0da63ee1f692698fdd31158e1ffd261"
     "3ef1eb1fda29df1cc73cede9dac30232"},
};

static struct launch small_launch(size_t i, struct view image)
{
    struct launch l =
        launch_of(image, small[i].vcpus, small[i].type, small[i].features, small[i].vmm);

    l.append = view_str(small[i].append);
    if (small[i].kernel != NULL) {
        l.direct_boot = true;
        digest_sha256(view_str(small[i].kernel), &l.kernel);
        digest_sha256(view_str(small[i].initrd), &l.initrd);
    }
    return l;
}

static void small_image_matches_another_implementation(void)
{
    struct view image = file_read("tests/fixtures/snp/ovmf_small.bin");

    for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
        struct launch l = small_launch(i, image);
        struct digest48 d;
        char hex[97];

        CHECK_INT(launch_digest(&l, NULL, NULL, &d), ERR_NONE);
        hex48(&d, hex);
        CHECK_BYTES(hex, 96, small[i].want, 96);
    }
}

/* Twin of the above: every input of the digest, changed alone, changes the digest. */
static void every_input_counts(void)
{
    struct view image = file_read("tests/fixtures/snp/ovmf_small.bin");
    struct launch l = small_launch(0, image), changed[9];
    struct digest48 want, got;

    CHECK_INT(launch_digest(&l, NULL, NULL, &want), ERR_NONE);
    for (size_t i = 0; i < 9; i++)
        changed[i] = l;
    changed[0].vcpus++;
    changed[1].vcpu_signature ^= 0x10;
    changed[2].guest_features ^= 0x20;
    changed[3].append = VIEW_LIT("console=ttyS1");
    changed[4].kernel.b[31] ^= 1;
    changed[5].initrd.b[0] ^= 1;
    changed[6].direct_boot = false;
    changed[7].vmm = LAUNCH_GCE;
    changed[8].ovmf.ap_reset_eip ^= 4;
    for (size_t i = 0; i < 9; i++) {
        CHECK_INT(launch_digest(&changed[i], NULL, NULL, &got), ERR_NONE);
        CHECK(memcmp(want.b, got.b, 48) != 0);
    }
    for (size_t at = 0; at < image.len; at += 509) { /* a byte of the image itself */
        ((uint8_t *)(uintptr_t)image.ptr)[at] ^= 1;
        if (ovmf_parse(image, &changed[0].ovmf) == ERR_NONE) {
            changed[0].vcpus = l.vcpus;
            CHECK_INT(launch_digest(&changed[0], NULL, NULL, &got), ERR_NONE);
            CHECK(memcmp(want.b, got.b, 48) != 0);
        }
        ((uint8_t *)(uintptr_t)image.ptr)[at] ^= 1;
    }
}

static const struct {
    const char *name, *ovmf, *append;
    unsigned vcpus;
    uint64_t features;
    enum launch_vmm vmm;
    bool kernel;
} recorded[] = {
    {"test_snp_ec2_default", "ovmf_AmdSev_suffix.bin", "", 1, 0x21, LAUNCH_EC2, true},
    {"test_snp_gce_default", "ovmf_AmdSev_suffix.bin", "", 1, 0x1, LAUNCH_GCE, true},
    {"test_snp_default", "ovmf_AmdSev_suffix.bin", "console=ttyS0 loglevel=7", 1, 0x21, LAUNCH_QEMU,
     true},
    {"test_snp_without_kernel_default", "ovmf_AmdSev_suffix.bin", "", 1, 0x21, LAUNCH_QEMU, false},
    {"test_snp_with_multiple_vcpus_default", "ovmf_AmdSev_suffix.bin", "", 4, 0x21, LAUNCH_QEMU,
     true},
    {"test_snp_with_ovmfx64_without_default", "ovmf_OvmfX64_suffix.bin", "", 1, 0x21, LAUNCH_QEMU,
     false},
};

static bool recorded_expected(struct json_value all, const char *name, struct view *out)
{
    struct json_iter it = json_iter(all);
    struct json_member m;
    struct json_value v;

    while (json_next(&it, &m)) {
        if (json_get(m.value, "name", &v) && json_string_is(v, name))
            return json_get(m.value, "expected", &v) && json_string_plain(v, out);
    }
    return false;
}

static void recorded_digests(void)
{
    struct view text = fixture("digests.json");
    struct json_value all;
    unsigned ran = 0;

    if (text.len != 0) {
        CHECK_INT(json_check(text, &all, NULL), ERR_NONE);
        for (size_t i = 0; i < sizeof recorded / sizeof recorded[0]; i++) {
            struct launch l = launch_of(fixture(recorded[i].ovmf), recorded[i].vcpus, "EPYC-v4",
                                        recorded[i].features, recorded[i].vmm);
            struct digest48 d;
            struct view want;
            char hex[97];

            l.append = view_str(recorded[i].append);
            l.direct_boot = recorded[i].kernel;
            CHECK_INT(launch_digest(&l, NULL, NULL, &d), ERR_NONE);
            CHECK(recorded_expected(all, recorded[i].name, &want));
            hex48(&d, hex);
            CHECK_BYTES(hex, 96, want.ptr, want.len);
            ran++;
        }
    }
    printf("# %u recorded digests\n", ran);
}

struct trace {
    struct json_iter steps;
    unsigned checked;
};

static void trace_step(void *cookie, const struct digest48 *after)
{
    struct trace *t = cookie;
    struct json_member step, part;
    struct json_iter parts;
    struct view want;
    char hex[97];

    CHECK(json_next(&t->steps, &step));
    parts = json_iter(step.value);
    CHECK(json_next(&parts, &part) && json_next(&parts, &part));
    CHECK(json_string_plain(part.value, &want));
    hex48(after, hex);
    CHECK_BYTES(hex, 96, want.ptr, want.len);
    t->checked++;
}

static void text_member(struct json_value v, const char *name, char *out, size_t cap)
{
    struct json_value m;
    struct view s;

    out[0] = '\0';
    if (json_get(v, name, &m) && json_string_plain(m, &s) && s.len < cap) {
        memcpy(out, s.ptr, s.len);
        out[s.len] = '\0';
    }
}

static void recorded_traces(void)
{
    struct view text = fixture("traces.json");
    struct json_value all, v;
    struct json_member m;
    struct json_iter it;
    unsigned ran = 0;

    if (text.len == 0 || json_check(text, &all, NULL) != ERR_NONE) {
        printf("# 0 recorded traces\n");
        return;
    }
    for (it = json_iter(all); json_next(&it, &m); ran++) {
        char ovmf[64], append[128], cpu[32], vmm[8], features[24], kernel[32];
        struct launch l = {0};
        struct digest48 d;
        struct trace t = {.checked = 0};
        int64_t vcpus = 0;

        text_member(m.value, "ovmf", ovmf, sizeof ovmf);
        text_member(m.value, "append", append, sizeof append);
        text_member(m.value, "cpu", cpu, sizeof cpu);
        text_member(m.value, "vmm", vmm, sizeof vmm);
        text_member(m.value, "guest_features", features, sizeof features);
        text_member(m.value, "kernel", kernel, sizeof kernel);
        CHECK(json_get(m.value, "vcpus", &v) && json_i64(v, &vcpus) == ERR_NONE);
        l = launch_of(fixture(ovmf), (unsigned)vcpus, cpu, strtoull(features, NULL, 16),
                      LAUNCH_QEMU);
        CHECK_INT(launch_vmm_parse(vmm, &l.vmm), ERR_NONE);
        l.append = view_str(append);
        l.direct_boot = kernel[0] != '\0';
        CHECK(json_get(m.value, "steps", &v));
        t.steps = json_iter(v);
        CHECK_INT(launch_digest(&l, l.vmm == LAUNCH_QEMU ? trace_step : NULL, &t, &d), ERR_NONE);
    }
    printf("# %u recorded traces\n", ran);
}

static void recorded_vmsa_pages(void)
{
    static const struct {
        const char *file, *type;
        bool first;
    } pages[] = {
        {"vmsa_EPYC-v4_bsp.bin", "EPYC-v4", true},
        {"vmsa_EPYC-v4_ap_80b004.bin", "EPYC-v4", false},
        {"vmsa_EPYC-Genoa_bsp.bin", "EPYC-Genoa", true},
        {"vmsa_EPYC-Genoa_ap_80b004.bin", "EPYC-Genoa", false},
    };
    unsigned ran = 0;

    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct view want = fixture(pages[i].file);
        struct launch l = {.vcpus = 1, .guest_features = 1, .vmm = LAUNCH_QEMU};
        uint8_t page[OVMF_PAGE_BYTES];

        if (want.len == 0)
            continue;
        l.ovmf.ap_reset_eip = 0x80b004;
        CHECK_INT(launch_vcpu_signature(pages[i].type, &l.vcpu_signature), ERR_NONE);
        launch_vmsa(&l, pages[i].first, page);
        CHECK(want.len == sizeof page && memcmp(page, want.ptr, sizeof page) == 0);
        ran++;
    }
    printf("# %u recorded VMSA pages\n", ran);
}

static void bad_images_and_inputs_are_refused(void)
{
    struct view image = file_read("tests/fixtures/snp/ovmf_small.bin");
    struct launch l = small_launch(0, image);
    struct digest48 d;
    struct ovmf o;
    uint32_t sig;
    enum launch_vmm vmm;

    CHECK_INT(ovmf_parse(view_of(image.ptr, image.len - 1), &o), ERR_FORMAT);
    CHECK_INT(ovmf_parse(view_of(image.ptr, 4096), &o), ERR_FORMAT); /* no footer there */
    CHECK_INT(ovmf_parse(VIEW_EMPTY, &o), ERR_FORMAT);
    CHECK_INT(launch_vcpu_signature("EPYC-Naples", &sig), ERR_NOT_FOUND);
    CHECK_INT(launch_vcpu_signature("EPYC-Milan-v3", &sig),
              ERR_NONE); /* versions share a processor */
    CHECK_INT(sig, 0xa00f11);
    CHECK_INT(launch_vcpu_signature("EPYC-Milan-v", &sig), ERR_NOT_FOUND);
    CHECK_INT(launch_vmm_parse("hyperv", &vmm), ERR_NOT_FOUND);
    l.vcpus = 0;
    CHECK_INT(launch_digest(&l, NULL, NULL, &d), ERR_RANGE);
    l.vcpus = LAUNCH_VCPUS_MAX + 1;
    CHECK_INT(launch_digest(&l, NULL, NULL, &d), ERR_RANGE);
    l.vcpus = 1;
    l.ovmf.has_hashes = false; /* a kernel that the image would not verify */
    CHECK_INT(launch_digest(&l, NULL, NULL, &d), ERR_UNSUPPORTED);
}

static const struct check_case cases[] = {
    {"launch: small image as another implementation says",
     small_image_matches_another_implementation},
    {"launch: every input counts", every_input_counts},
    {"launch: recorded digests", recorded_digests},
    {"launch: recorded traces", recorded_traces},
    {"launch: recorded VMSA pages", recorded_vmsa_pages},
    {"launch: bad images and inputs are refused", bad_images_and_inputs_are_refused},
};
CHECK_MAIN(cases)
