/* Holds an image's files against a release manifest, and computes its measurements again. */
#include "image.h"

#include "launch.h"
#include "ovmf.h"

#include <assert.h>
#include <stdio.h>

#define ROW(symbol, class) {#symbol, CLASS_##class},
static const struct {
    const char *name;
    enum verdict_class class;
} rows[] = {IMAGE_CHECK_LIST(ROW)};
#undef ROW
_Static_assert(sizeof rows / sizeof rows[0] == IMAGE_CHECK_COUNT, "one row each");

const char *image_check_name(enum image_check c)
{
    assert((unsigned)c < IMAGE_CHECK_COUNT);
    return rows[c].name;
}

enum verdict_class image_check_class(enum image_check c)
{
    assert((unsigned)c < IMAGE_CHECK_COUNT);
    return rows[c].class;
}

void image_digest(const struct image *image, struct digest32 *out)
{
    const struct {
        const char *name;
        struct view bytes;
    } files[] = {
        {"OVMF.amdsev.fd", image->ovmf},
        {"cmdline", image->cmdline},
        {"initrd", image->initrd},
        {"vmlinuz", image->kernel},
    };
    char text[4 * (64 + 2 + 16 + 1)];
    size_t n = 0;

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct digest32 d;
        char hex[65];

        digest_sha256(files[i].bytes, &d);
        hex_encode(d.b, sizeof d.b, hex);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s  %s\n", hex, files[i].name);
        assert(n < sizeof text);
    }
    digest_sha256(view_of(text, n), out);
}

static void found(struct image_findings *f, enum image_check c, bool ok, const char *good,
                  const char *bad)
{
    f->checks[c].outcome = ok ? IMAGE_OK : IMAGE_FAILED;
    f->checks[c].detail = ok ? good : bad;
}

static bool digest_is(struct view bytes, const struct digest32 *want)
{
    struct digest32 d;

    if (want == NULL)
        return false;
    digest_sha256(bytes, &d);
    return secret_equal(d.b, want->b, sizeof d.b);
}

/* The file may end in one newline, which is not measured. */
static struct view cmdline_text(struct view file)
{
    if (file.len != 0 && file.ptr[file.len - 1] == '\n')
        file.len--;
    return file;
}

static void files_check(const struct image *i, const struct manifest *m, struct image_findings *f)
{
    const struct {
        enum image_check check;
        const char *name, *good, *bad;
        struct view bytes;
    } files[] = {
        {IMAGE_CHECK_OVMF, "ovmf", "OVMF.amdsev.fd is the manifest's",
         "OVMF.amdsev.fd is not the manifest's", i->ovmf},
        {IMAGE_CHECK_KERNEL, "kernel", "vmlinuz is the manifest's", "vmlinuz is not the manifest's",
         i->kernel},
        {IMAGE_CHECK_INITRD, "initrd", "initrd is the manifest's", "initrd is not the manifest's",
         i->initrd},
    };

    for (size_t n = 0; n < sizeof files / sizeof files[0]; n++)
        found(f, files[n].check, digest_is(files[n].bytes, manifest_digest(m, files[n].name)),
              files[n].good, files[n].bad);
    found(f, IMAGE_CHECK_CMDLINE,
          digest_is(i->cmdline, manifest_digest(m, "cmdline")) &&
              view_eq(cmdline_text(i->cmdline), m->cmdline),
          "cmdline is the manifest's", "cmdline is not the manifest's");
    image_digest(i, &f->digest);
    found(f, IMAGE_CHECK_IMAGE, secret_equal(f->digest.b, m->image.b, sizeof f->digest.b),
          "the image digest is the manifest's", "the image digest is not the manifest's");
}

/* What the guest will read as its measured configuration. */
static void initrd_check(const struct image *i, const struct manifest *m, struct newc *archive,
                         struct image_findings *f)
{
    enum err e = newc_parse(i->initrd, archive);
    struct view file;

    found(f, IMAGE_CHECK_INITRD_FORMAT, e == ERR_NONE,
          "the initrd is one archive in which each name is there once",
          e == ERR_LIMIT ? "the initrd has too many entries, or one with too long a name"
                         : "the initrd is no newc archive in which each name means one file");
    if (e != ERR_NONE)
        return;
    found(f, IMAGE_CHECK_PROVIDERS,
          newc_file(archive, IMAGE_PROVIDERS, &file) == ERR_NONE && digest_is(file, &m->providers),
          "providers.conf in the initrd is the manifest's",
          "providers.conf in the initrd is not the manifest's");
    found(f, IMAGE_CHECK_DATAPLANE_CONF,
          newc_file(archive, IMAGE_DATAPLANE, &file) == ERR_NONE &&
              digest_is(file, manifest_digest(m, "dataplane.conf")),
          "dataplane.conf in the initrd is the manifest's",
          "dataplane.conf in the initrd is not the manifest's");
    found(f, IMAGE_CHECK_PROGRAM,
          newc_file(archive, IMAGE_PROGRAM, &file) == ERR_NONE &&
              digest_is(file, manifest_digest(m, "dataplane")),
          "tr-dataplane in the initrd is the manifest's",
          "tr-dataplane in the initrd is not the manifest's");
}

/* "EPYC-v4" as a C string, for the table of processor models. */
static bool type_parse(struct view name, uint32_t *signature)
{
    char text[MANIFEST_TEXT_MAX + 1];

    assert(name.len < sizeof text);
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    return launch_vcpu_signature(text, signature) == ERR_NONE;
}

/* One row of the matrix. */
static void measurement_check(const struct launch *base, const struct manifest_measurement *want,
                              size_t row, struct image_findings *f)
{
    struct launch l = *base;
    struct digest48 *got = &f->recomputed[row].measurement;
    enum err e;

    if (!type_parse(want->cpu, &l.vcpu_signature)) {
        found(f, IMAGE_CHECK_VCPU_TYPE, false, "", "a processor model is not known here");
        return;
    }
    l.guest_features = want->features;
    l.vcpus = want->vcpus <= LAUNCH_VCPUS_MAX ? (unsigned)want->vcpus : 0; /* 0: refused */
    e = launch_digest(&l, NULL, NULL, got);
    if (e != ERR_NONE) {
        found(f, IMAGE_CHECK_LAUNCH, false, "",
              e == ERR_UNSUPPORTED ? "this firmware does not measure the kernel"
                                   : "so many virtual processors, or so long a command line, "
                                     "cannot be measured");
        return;
    }
    f->recomputed[row].known = true;
    if (!secret_equal(got->b, want->measurement, sizeof got->b))
        found(f, IMAGE_CHECK_MEASUREMENT, false, "",
              "a measurement of the manifest is not what the files give");
}

static void measurements_check(const struct image *i, const struct manifest *m,
                               struct image_findings *f)
{
    static const enum image_check of_rows[] = {IMAGE_CHECK_VCPU_TYPE, IMAGE_CHECK_LAUNCH,
                                               IMAGE_CHECK_MEASUREMENT};
    struct launch l = {.direct_boot = true, .vmm = LAUNCH_QEMU, .append = cmdline_text(i->cmdline)};
    bool ok = ovmf_parse(i->ovmf, &l.ovmf) == ERR_NONE;

    found(f, IMAGE_CHECK_OVMF_FORMAT, ok, "OVMF.amdsev.fd has SEV metadata",
          "OVMF.amdsev.fd has no SEV metadata that this program knows");
    if (!ok)
        return;
    for (size_t c = 0; c < sizeof of_rows / sizeof of_rows[0]; c++)
        found(f, of_rows[c], true, "all of the manifest's", "");
    digest_sha256(i->kernel, &l.kernel);
    digest_sha256(i->initrd, &l.initrd);
    for (size_t row = 0; row < m->n_measurements; row++)
        measurement_check(&l, &m->measurements[row], row, f);
}

enum image_check image_examine(const struct image *image, const struct manifest *m,
                               struct newc *archive, struct image_findings *out)
{
    *out = (struct image_findings){.checks = {{.detail = ""}}};
    for (size_t c = 0; c < IMAGE_CHECK_COUNT; c++)
        out->checks[c].detail = "not reached";
    found(out, IMAGE_CHECK_NO_IMAGE, m->has_image, "the manifest is of an image",
          "the measurements of a simulated release are of no image");
    files_check(image, m, out);
    initrd_check(image, m, archive, out);
    if (m->has_image)
        measurements_check(image, m, out);
    for (unsigned c = 0; c < IMAGE_CHECK_COUNT; c++) {
        if (out->checks[c].outcome == IMAGE_FAILED)
            return c;
    }
    return IMAGE_CHECK_COUNT;
}
