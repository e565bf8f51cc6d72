/* An image is as published when every file, the configuration inside of the initrd and every
 * recomputed measurement are the manifest's: each of them is changed here alone, in the file and in
 * the manifest. The expected measurement comes from sev-snp-measure (PyPI), as said below. */
#include "image.c"

#include "buf.h"
#include "check.h"
#include "conf.h"

#define PROVIDERS_TEXT "[provider a]\n"
#define DATAPLANE_TEXT "audience = a.test\n"
#define PROGRAM_TEXT "program\n"
#define IMAGE_SHA256 "e29a2dea3118a9b310b8079d96094e536f425a6278527b45ad3677a41c185ffe"
#define GENOA_4                                                                                    \
    "9b1c2ee2a0c601a9c1701131f6cf1d4d79431f14804760e01fd51da437fb0d5e1505d86f0d50a7a4380c595eef0f" \
    "8c54"

static struct buf ovmf_file, initrd_file;
static struct newc archive;
static struct image image;
static struct manifest manifest;

static void entry(const char *name, unsigned mode, const char *data)
{
    char head[111];

    snprintf(head, sizeof head, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 1,
             mode, 0, 0, 1, 0, (unsigned)strlen(data), 0, 0, 0, 0, (unsigned)strlen(name) + 1, 0);
    CHECK_INT(buf_append(&initrd_file, view_of(head, 110)), ERR_NONE);
    CHECK_INT(buf_append(&initrd_file, view_of(name, strlen(name) + 1)), ERR_NONE);
    while (initrd_file.len % 4 != 0)
        CHECK_INT(buf_append(&initrd_file, view_of("", 1)), ERR_NONE);
    CHECK_INT(buf_append(&initrd_file, view_str(data)), ERR_NONE);
    while (initrd_file.len % 4 != 0)
        CHECK_INT(buf_append(&initrd_file, view_of("", 1)), ERR_NONE);
}

static void digest_add(const char *name, struct view bytes)
{
    manifest.digests[manifest.n_digests].name = view_str(name);
    digest_sha256(bytes, &manifest.digests[manifest.n_digests++].sha256);
}

static void measurement_add(const char *cpu, unsigned vcpus)
{
    struct manifest_measurement *one = &manifest.measurements[manifest.n_measurements++];
    struct launch l = {.direct_boot = true, .vcpus = vcpus, .guest_features = 1};
    struct digest48 d;

    CHECK_INT(ovmf_parse(image.ovmf, &l.ovmf), ERR_NONE);
    CHECK_INT(launch_vcpu_signature(cpu, &l.vcpu_signature), ERR_NONE);
    digest_sha256(image.kernel, &l.kernel);
    digest_sha256(image.initrd, &l.initrd);
    l.append = VIEW_LIT("console=ttyS0");
    CHECK_INT(launch_digest(&l, NULL, NULL, &d), ERR_NONE);
    *one = (struct manifest_measurement){.cpu = view_str(cpu), .features = 1, .vcpus = vcpus};
    memcpy(one->measurement, d.b, 48);
}

/* An image, and the manifest that is right for it. */
static void setup(void)
{
    initrd_file.len = 0;
    entry("etc", 040755, "");
    entry("etc/trustedrouter", 040755, "");
    entry(IMAGE_DATAPLANE, 0100644, DATAPLANE_TEXT);
    entry(IMAGE_PROVIDERS, 0100644, PROVIDERS_TEXT);
    entry("usr", 040755, "");
    entry("usr/bin", 040755, "");
    entry(IMAGE_PROGRAM, 0100755, PROGRAM_TEXT);
    entry("TRAILER!!!", 0, "");
    image = (struct image){.ovmf = buf_view(&ovmf_file),
                           .cmdline = VIEW_LIT("console=ttyS0\n"),
                           .initrd = buf_view(&initrd_file),
                           .kernel = VIEW_LIT("kernel")};
    manifest = (struct manifest){.has_image = true, .cmdline = VIEW_LIT("console=ttyS0")};
    digest_add("cmdline", image.cmdline);
    digest_add("dataplane", VIEW_LIT(PROGRAM_TEXT));
    digest_add("dataplane.conf", VIEW_LIT(DATAPLANE_TEXT));
    digest_add("initrd", image.initrd);
    digest_add("kernel", image.kernel);
    digest_add("ovmf", image.ovmf);
    digest_sha256(VIEW_LIT(PROVIDERS_TEXT), &manifest.providers);
    image_digest(&image, &manifest.image);
    measurement_add("EPYC-v4", 1);
    measurement_add("EPYC-Genoa", 4);
}

static struct image_findings findings;

static enum image_check examine(void)
{
    return image_examine(&image, &manifest, &archive, &findings);
}

static void test_accepted(void)
{
    char hex[97];

    setup();
    CHECK_INT(examine(), IMAGE_CHECK_COUNT);
    for (size_t c = 0; c < IMAGE_CHECK_COUNT; c++)
        CHECK_INT(findings.checks[c].outcome, IMAGE_OK);
    CHECK(findings.recomputed[0].known && findings.recomputed[1].known);
    CHECK(memcmp(&findings.recomputed[0].measurement, &findings.recomputed[1].measurement, 48) !=
          0);
    /* sha256sum OVMF.amdsev.fd cmdline initrd vmlinuz | sha256sum, over these files */
    hex_encode(findings.digest.b, 32, hex);
    CHECK_BYTES(hex, 64, IMAGE_SHA256, 64);
    /* sev-snp-measure 0.0.13 --mode snp --vcpus 4 --vcpu-type EPYC-Genoa --ovmf ovmf_small.bin ...
     */
    hex_encode(findings.recomputed[1].measurement.b, 48, hex);
    CHECK_BYTES(hex, 96, GENOA_4, 96);
    image.cmdline = VIEW_LIT("console=ttyS0"); /* without its newline: the file is another */
    CHECK_INT(examine(), IMAGE_CHECK_CMDLINE);
    CHECK_INT(findings.checks[IMAGE_CHECK_MEASUREMENT].outcome, IMAGE_OK);
}

/* Each byte of each file, at some places. */
static void test_files_changed(void)
{
    struct {
        struct view *file;
        enum image_check want;
    } edits[] = {
        {&image.ovmf, IMAGE_CHECK_OVMF},
        {&image.kernel, IMAGE_CHECK_KERNEL},
        {&image.initrd, IMAGE_CHECK_INITRD},
        {&image.cmdline, IMAGE_CHECK_CMDLINE},
    };

    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        struct buf copy;
        size_t step;

        setup();
        buf_init(&copy, OVMF_IMAGE_MAX);
        CHECK_INT(buf_append(&copy, *edits[i].file), ERR_NONE);
        *edits[i].file = buf_view(&copy);
        CHECK_INT(examine(), IMAGE_CHECK_COUNT);
        step = copy.len < 1000 ? 1 : copy.len / 7;
        for (size_t at = 0; at < copy.len; at += step) {
            copy.ptr[at] ^= 1;
            CHECK_INT(examine(), edits[i].want);
            CHECK_INT(findings.checks[IMAGE_CHECK_IMAGE].outcome, IMAGE_FAILED);
            copy.ptr[at] ^= 1;
        }
        edits[i].file->len--;
        CHECK_INT(examine(), edits[i].want);
        edits[i].file->len = 0;
        CHECK_INT(examine(), edits[i].want);
        buf_free(&copy);
    }
}

static void digest_drop(const char *name)
{
    for (size_t i = 0; i < manifest.n_digests; i++)
        if (view_eq(manifest.digests[i].name, view_str(name)))
            manifest.digests[i].name = VIEW_LIT("other");
}

static void digest_turn(const char *name)
{
    for (size_t i = 0; i < manifest.n_digests; i++)
        if (view_eq(manifest.digests[i].name, view_str(name)))
            manifest.digests[i].sha256.b[31] ^= 1;
}

static void test_manifest_changed(void)
{
    static const struct {
        const char *name;
        enum image_check want;
    } edits[] = {
        {"ovmf", IMAGE_CHECK_OVMF},
        {"kernel", IMAGE_CHECK_KERNEL},
        {"initrd", IMAGE_CHECK_INITRD},
        {"cmdline", IMAGE_CHECK_CMDLINE},
        {"dataplane.conf", IMAGE_CHECK_DATAPLANE_CONF},
        {"dataplane", IMAGE_CHECK_PROGRAM},
    };

    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        setup();
        digest_turn(edits[i].name);
        CHECK_INT(examine(), edits[i].want);
        setup();
        digest_drop(edits[i].name); /* nothing to compare with is a difference */
        CHECK_INT(examine(), edits[i].want);
    }
    setup();
    manifest.image.b[0] ^= 1;
    CHECK_INT(examine(), IMAGE_CHECK_IMAGE);
    setup();
    manifest.providers.b[31] ^= 1;
    CHECK_INT(examine(), IMAGE_CHECK_PROVIDERS);
    setup();
    manifest.cmdline = VIEW_LIT("console=ttyS1");
    CHECK_INT(examine(), IMAGE_CHECK_CMDLINE);
    setup();
    manifest.has_image = false;
    CHECK_INT(examine(), IMAGE_CHECK_NO_IMAGE);
    CHECK_INT(findings.checks[IMAGE_CHECK_MEASUREMENT].outcome, IMAGE_NOT_REACHED);
    CHECK(!findings.recomputed[0].known);
}

static void test_matrix(void)
{
    static const struct {
        const char *cpu;
        unsigned vcpus, features;
        enum image_check want;
    } edits[] = {
        {"EPYC-Genoa", 4, 1, IMAGE_CHECK_COUNT},
        {"EPYC-Genoa", 8, 1, IMAGE_CHECK_MEASUREMENT},
        {"EPYC-Turin", 4, 1, IMAGE_CHECK_MEASUREMENT},
        {"EPYC-Genoa", 4, 5, IMAGE_CHECK_MEASUREMENT},
        {"EPYC-Venus", 4, 1, IMAGE_CHECK_VCPU_TYPE},
        {"EPYC-Genoa", 0, 1, IMAGE_CHECK_LAUNCH},
        {"EPYC-Genoa", 513, 1, IMAGE_CHECK_LAUNCH},
    };

    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        struct manifest_measurement *one = &manifest.measurements[1];

        setup();
        one->cpu = view_str(edits[i].cpu);
        one->vcpus = edits[i].vcpus;
        one->features = edits[i].features;
        CHECK_INT(examine(), edits[i].want);
    }
    setup();
    manifest.measurements[0].measurement[47] ^= 1; /* one of several */
    CHECK_INT(examine(), IMAGE_CHECK_MEASUREMENT);
    CHECK(findings.recomputed[0].known);
}

/* The manifest vouches for the very file, but it is not what it should be. */
static void test_formats(void)
{
    setup();
    image.initrd.len -= 8;
    manifest.n_digests = 0;
    digest_add("cmdline", image.cmdline);
    digest_add("initrd", image.initrd);
    digest_add("kernel", image.kernel);
    digest_add("ovmf", image.ovmf);
    image_digest(&image, &manifest.image);
    CHECK_INT(examine(), IMAGE_CHECK_INITRD_FORMAT);
    CHECK_INT(image_check_class(IMAGE_CHECK_INITRD_FORMAT), CLASS_MALFORMED);
    CHECK_INT(findings.checks[IMAGE_CHECK_PROVIDERS].outcome, IMAGE_NOT_REACHED);
    setup();
    image.ovmf = VIEW_LIT("no firmware");
    digest_drop("ovmf");
    digest_add("ovmf", image.ovmf);
    image_digest(&image, &manifest.image);
    CHECK_INT(examine(), IMAGE_CHECK_OVMF_FORMAT);
    CHECK_INT(findings.checks[IMAGE_CHECK_MEASUREMENT].outcome, IMAGE_NOT_REACHED);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"image_accepted", test_accepted},         {"image_files_changed", test_files_changed},
        {"image_manifest", test_manifest_changed}, {"image_matrix", test_matrix},
        {"image_formats", test_formats},
    };

    buf_init(&ovmf_file, OVMF_IMAGE_MAX);
    buf_init(&initrd_file, 1 << 20);
    if (secret_init() != ERR_NONE ||
        conf_read_file("tests/fixtures/snp/ovmf_small.bin", OVMF_IMAGE_MAX, &ovmf_file) != ERR_NONE)
        return 1;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
