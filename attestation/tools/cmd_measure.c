/* tr-verify measure: the launch digest of published files, so that nobody has to believe ours. */
#include "command.h"
#include "launch.h"

#include <stdio.h>
#include <stdlib.h>

enum { KERNEL_MAX = 256 << 20, INITRD_MAX = 1 << 30 };

struct arguments {
    const char *ovmf, *ovmf_hash, *kernel, *initrd, *append, *vcpus, *vcpu_type, *features, *vmm;
};

static bool number_parse(const char *option, const char *text, int base, uint64_t max, uint64_t *out)
{
    char *end;
    unsigned long long v = strtoull(text, &end, base);

    if (end == text || *end != '\0' || text[0] == '-' || v > max) {
        complain("%s: %s is no number up to %llu", option, text, (unsigned long long)max);
        return false;
    }
    *out = v;
    return true;
}

static bool arguments_check(const struct arguments *a)
{
    if (a->ovmf == NULL)
        complain("measure needs --ovmf FILE");
    else if (a->vcpus == NULL || a->vcpu_type == NULL)
        complain("measure needs --vcpus N and --vcpu-type TYPE: the digest depends on both");
    else if (a->kernel == NULL && (a->initrd != NULL || a->append != NULL))
        complain("--initrd and --append are only measured together with --kernel");
    else
        return true;
    return false;
}

/* SHA-256 of a file; of nothing when there is none. */
static bool hash_file(const char *path, size_t max, struct digest32 *out)
{
    struct buf b;
    bool ok = true;

    buf_init(&b, 0);
    if (path != NULL)
        ok = file_load(path, max, &b);
    if (ok)
        digest_sha256(buf_view(&b), out);
    buf_free(&b);
    return ok;
}

static bool launch_fill(const struct arguments *a, struct launch *l, struct digest48 *ovmf_digest)
{
    uint64_t n;

    if (!number_parse("--vcpus", a->vcpus, 10, LAUNCH_VCPUS_MAX, &n))
        return false;
    l->vcpus = (unsigned)n;
    l->guest_features = 1;
    if (a->features != NULL &&
        !number_parse("--guest-features", a->features, 16, UINT64_MAX, &l->guest_features))
        return false;
    if (launch_vcpu_signature(a->vcpu_type, &l->vcpu_signature) != ERR_NONE) {
        complain("--vcpu-type: %s is not a processor model that QEMU names", a->vcpu_type);
        return false;
    }
    if (a->vmm != NULL && launch_vmm_parse(a->vmm, &l->vmm) != ERR_NONE) {
        complain("--vmm: %s is none of QEMU, ec2, gce", a->vmm);
        return false;
    }
    if (a->ovmf_hash != NULL) {
        if (hex_decode(view_str(a->ovmf_hash), ovmf_digest->b, 48) != ERR_NONE) {
            complain("--ovmf-hash: 96 hex digits are needed");
            return false;
        }
        l->ovmf_digest = ovmf_digest;
    }
    l->direct_boot = a->kernel != NULL;
    l->append = a->append != NULL ? view_str(a->append) : VIEW_EMPTY;
    return hash_file(a->kernel, KERNEL_MAX, &l->kernel) &&
           hash_file(a->initrd, INITRD_MAX, &l->initrd);
}

static enum exit_code digest_print(const struct launch *l)
{
    struct digest48 d;
    char hex[97];
    enum err e = launch_digest(l, NULL, NULL, &d);

    if (e == ERR_UNSUPPORTED) {
        complain("this OVMF image does not verify a kernel: its hash would not be measured");
        return EXIT_UNSUPPORTED;
    }
    if (e != ERR_NONE) {
        complain("--vcpus is 1 to %d, --append at most %d bytes", LAUNCH_VCPUS_MAX,
                 LAUNCH_APPEND_MAX);
        return EXIT_USAGE;
    }
    hex_encode(d.b, 48, hex);
    puts(hex);
    return EXIT_ACCEPT;
}

static enum exit_code measure_run(int argc, char **argv)
{
    struct arguments a = {0};
    const struct option_value options[] = {
        {"--ovmf", &a.ovmf, NULL},           {"--ovmf-hash", &a.ovmf_hash, NULL},
        {"--kernel", &a.kernel, NULL},       {"--initrd", &a.initrd, NULL},
        {"--append", &a.append, NULL},       {"--vcpus", &a.vcpus, NULL},
        {"--vcpu-type", &a.vcpu_type, NULL}, {"--guest-features", &a.features, NULL},
        {"--vmm", &a.vmm, NULL},
    };
    struct launch l = {0};
    struct digest48 ovmf_digest;
    struct buf image;
    enum exit_code code = EXIT_USAGE;

    buf_init(&image, 0);
    if (!options_parse(argc, argv, options, sizeof options / sizeof options[0]) ||
        !arguments_check(&a) || !launch_fill(&a, &l, &ovmf_digest) ||
        !file_load(a.ovmf, OVMF_IMAGE_MAX, &image))
        goto done;
    if (ovmf_parse(buf_view(&image), &l.ovmf) != ERR_NONE) {
        complain("%s has no SEV metadata that this program knows", a.ovmf);
        code = EXIT_MALFORMED;
        goto done;
    }
    code = digest_print(&l);
done:
    buf_free(&image);
    return code;
}

const struct command command_measure = {
    "measure",
    "--ovmf FILE [--ovmf-hash HEX] [--kernel F [--initrd F] [--append S]] --vcpus N --vcpu-type T "
    "[--guest-features HEX] [--vmm QEMU|ec2|gce]",
    measure_run,
};
