/* tr-verify measure: the launch digest of published files, so that nobody has to believe ours; and
 * the ID block over it with the digests that a report shows. */
#include "base64.h"
#include "command.h"
#include "id_block.h"
#include "launch.h"

#include <stdio.h>
#include <stdlib.h>

enum { KERNEL_MAX = 256 << 20, INITRD_MAX = 1 << 30, KEY_FILE_MAX = 64 << 10 };

struct measure_arguments {
    const char *ovmf, *ovmf_hash, *kernel, *initrd, *append, *vcpus, *vcpu_type, *features, *vmm;
    bool json;
    bool id_block; /* or any of these: */
    const char *policy, *family_id, *image_id, *guest_svn, *id_key, *author_key, *id_auth;
};

static bool number_parse(const char *option, const char *text, int base, uint64_t max,
                         uint64_t *out)
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

static bool arguments_check(const struct measure_arguments *a)
{
    if (a->ovmf == NULL)
        complain("measure needs --ovmf FILE");
    else if (a->vcpus == NULL)
        complain("measure needs --vcpus N: the digest depends on it");
    else if (a->kernel == NULL && (a->initrd != NULL || a->append != NULL))
        complain("--initrd and --append are only measured together with --kernel");
    else if (a->id_auth != NULL && (a->id_key != NULL || a->author_key != NULL))
        complain("--id-auth brings its keys: without --id-key and --author-key");
    else if (a->author_key != NULL && a->id_key == NULL)
        complain("--author-key signs an ID key: name it with --id-key");
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

static bool launch_fill(const struct measure_arguments *a, struct launch *l,
                        struct digest48 *ovmf_digest)
{
    uint64_t n;

    if (!number_parse("--vcpus", a->vcpus, 10, LAUNCH_VCPUS_MAX, &n))
        return false;
    l->vcpus = (unsigned)n;
    l->guest_features = 1;
    if (a->features != NULL &&
        !number_parse("--guest-features", a->features, 16, UINT64_MAX, &l->guest_features))
        return false;
    if (a->vmm != NULL && launch_vmm_parse(a->vmm, &l->vmm) != ERR_NONE) {
        complain("--vmm: %s is none of QEMU, ec2, gce, krun", a->vmm);
        return false;
    }
    if (a->vcpu_type == NULL && l->vmm == LAUNCH_QEMU) {
        complain("measure needs --vcpu-type TYPE: with QEMU the digest depends on it");
        return false;
    }
    if (a->vcpu_type != NULL &&
        launch_vcpu_signature(a->vcpu_type, &l->vcpu_signature) != ERR_NONE) {
        complain("--vcpu-type: %s is no processor model known here", a->vcpu_type);
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

static enum exit_code digest_make(const struct launch *l, struct digest48 *out)
{
    enum err e = launch_digest(l, NULL, NULL, out);

    if (e == ERR_NONE)
        return EXIT_ACCEPT;
    if (e == ERR_UNSUPPORTED) {
        complain("this OVMF image does not verify a kernel: its hash would not be measured");
        return EXIT_UNSUPPORTED;
    }
    complain("--vcpus is 1 to %d, --append at most %d bytes", LAUNCH_VCPUS_MAX, LAUNCH_APPEND_MAX);
    return EXIT_USAGE;
}

/* --- the ID block */

/* One value: a line "NAME VALUE" (the measurement without its name), or a member of the object. */
static void line_text(const struct measure_arguments *a, const char *name, struct view value)
{
    bool first = strcmp(name, "measurement") == 0;

    if (a->json)
        printf("%s\"%s\":\"%.*s\"", first ? "{" : ",", name, (int)value.len,
               (const char *)value.ptr);
    else
        printf("%s%s%.*s\n", first ? "" : name, first ? "" : " ", (int)value.len,
               (const char *)value.ptr);
}

static void line_hex(const struct measure_arguments *a, const char *name, const void *p, size_t n)
{
    char hex[2 * 48 + 1];

    hex_encode(p, n, hex);
    line_text(a, name, view_str(hex));
}

static bool guest_id_parse(const char *option, const char *text, uint8_t out[static 16])
{
    if (text == NULL || hex_decode(view_str(text), out, 16) == ERR_NONE)
        return true;
    complain("%s: 32 hex digits are needed", option);
    return false;
}

static bool block_fill(const struct measure_arguments *a, struct id_block *b)
{
    uint64_t svn = 0;

    b->policy = ID_BLOCK_POLICY_DEFAULT;
    if ((a->policy != NULL && !number_parse("--policy", a->policy, 16, UINT64_MAX, &b->policy)) ||
        (a->guest_svn != NULL &&
         !number_parse("--guest-svn", a->guest_svn, 10, UINT32_MAX, &svn)) ||
        !guest_id_parse("--family-id", a->family_id, b->family_id) ||
        !guest_id_parse("--image-id", a->image_id, b->image_id))
        return false;
    b->guest_svn = (uint32_t)svn;
    if (!id_block_policy_valid(b->policy)) {
        complain("--policy: bit 17 must be set and bits 26 to 63 clear, or no firmware takes it");
        return false;
    }
    return true;
}

static bool key_digest_print(const struct measure_arguments *a, const char *option,
                             const char *path, const char *name)
{
    uint8_t key[ID_KEY_BYTES];
    struct digest48 d;
    struct buf pem;
    bool ok = true;

    if (path == NULL)
        return true;
    buf_init(&pem, 0);
    ok = file_load(path, KEY_FILE_MAX, &pem);
    if (ok && id_key_from_pem(buf_view(&pem), key) != ERR_NONE) {
        complain("%s: %s is no P-384 key in PEM", option, path);
        ok = false;
    }
    if (ok) {
        id_key_digest(key, &d);
        line_hex(a, name, d.b, sizeof d.b);
    }
    buf_free(&pem);
    return ok;
}

/* The 4096 bytes, or QEMU's base64 of them. */
static enum exit_code auth_judge(const struct measure_arguments *a,
                                 const uint8_t block[static ID_BLOCK_BYTES])
{
    const char *path = a->id_auth;
    struct buf file;
    struct id_auth auth;
    uint8_t raw[ID_AUTH_BYTES];
    struct view v;
    enum err e = ERR_FORMAT;
    enum exit_code code = EXIT_USAGE;

    buf_init(&file, 0);
    if (!file_load(path, KEY_FILE_MAX, &file))
        goto done;
    v = buf_view(&file);
    if (v.len > 0 && v.len != ID_AUTH_BYTES && v.ptr[v.len - 1] == '\n')
        v.len--;
    if (v.len == ID_AUTH_BYTES)
        memcpy(raw, v.ptr, sizeof raw);
    if (v.len == ID_AUTH_BYTES || base64_exact(v, raw, sizeof raw) == ERR_NONE)
        e = id_auth_verify(view_of(raw, sizeof raw), block, &auth);
    code = e == ERR_NONE ? EXIT_ACCEPT : e == ERR_ATTESTATION ? EXIT_REJECT : EXIT_MALFORMED;
    if (e == ERR_NONE) {
        line_hex(a, "id_key_digest", auth.id_key.b, 48);
        if (auth.has_author)
            line_hex(a, "author_key_digest", auth.author_key.b, 48);
    } else if (e == ERR_ATTESTATION) {
        complain("%s does not sign this ID block, or its author did not sign its ID key", path);
    } else {
        complain("%s is no ID_AUTH of 4096 bytes, nor base64 of one", path);
    }
done:
    buf_free(&file);
    return code;
}

static enum exit_code block_print(const struct measure_arguments *a, const struct digest48 *launch)
{
    struct id_block b = {.launch = *launch};
    uint8_t block[ID_BLOCK_BYTES];
    struct digest48 d;
    struct buf text;
    enum exit_code code = EXIT_USAGE;

    buf_init(&text, 2 * ID_BLOCK_BYTES);
    if (!block_fill(a, &b))
        goto done;
    id_block_encode(&b, block);
    digest_sha384(view_of(block, sizeof block), &d);
    if (base64_append(view_of(block, sizeof block), &text) != ERR_NONE) {
        code = EXIT_INTERNAL;
        goto done;
    }
    line_text(a, "id_block", buf_view(&text));
    line_hex(a, "id_block_sha384", d.b, sizeof d.b);
    if (a->id_auth != NULL)
        code = auth_judge(a, block);
    else if (key_digest_print(a, "--id-key", a->id_key, "id_key_digest") &&
             key_digest_print(a, "--author-key", a->author_key, "author_key_digest"))
        code = EXIT_ACCEPT;
done:
    buf_free(&text);
    return code;
}

static bool block_asked(const struct measure_arguments *a)
{
    return a->id_block || a->policy != NULL || a->family_id != NULL || a->image_id != NULL ||
           a->guest_svn != NULL || a->id_key != NULL || a->author_key != NULL || a->id_auth != NULL;
}

static enum exit_code measure_run(int argc, char **argv)
{
    struct measure_arguments a = {0};
    const struct option_value options[] = {
        {"--json", NULL, &a.json},
        {"--ovmf", &a.ovmf, NULL},
        {"--ovmf-hash", &a.ovmf_hash, NULL},
        {"--kernel", &a.kernel, NULL},
        {"--initrd", &a.initrd, NULL},
        {"--append", &a.append, NULL},
        {"--vcpus", &a.vcpus, NULL},
        {"--vcpu-type", &a.vcpu_type, NULL},
        {"--guest-features", &a.features, NULL},
        {"--vmm", &a.vmm, NULL},
        {"--id-block", NULL, &a.id_block},
        {"--policy", &a.policy, NULL},
        {"--family-id", &a.family_id, NULL},
        {"--image-id", &a.image_id, NULL},
        {"--guest-svn", &a.guest_svn, NULL},
        {"--id-key", &a.id_key, NULL},
        {"--author-key", &a.author_key, NULL},
        {"--id-auth", &a.id_auth, NULL},
    };
    struct launch l = {0};
    struct digest48 ovmf_digest, digest;
    struct buf image;
    enum exit_code code = EXIT_USAGE;

    buf_init(&image, 0);
    if (!options_parse(argc, argv, NULL, NULL, options, sizeof options / sizeof options[0]) ||
        !arguments_check(&a) || !launch_fill(&a, &l, &ovmf_digest) ||
        !file_load(a.ovmf, OVMF_IMAGE_MAX, &image))
        goto done;
    if (ovmf_parse(buf_view(&image), &l.ovmf) != ERR_NONE) {
        complain("%s has no SEV metadata that this program knows", a.ovmf);
        code = EXIT_MALFORMED;
        goto done;
    }
    code = digest_make(&l, &digest);
    if (code != EXIT_ACCEPT)
        goto done;
    line_hex(&a, "measurement", digest.b, sizeof digest.b);
    if (block_asked(&a))
        code = block_print(&a, &digest);
    if (a.json)
        printf(",\"verdict\":\"%s\"}\n", code == EXIT_ACCEPT   ? "accept"
                                         : code == EXIT_REJECT ? "reject"
                                                               : "malformed");
done:
    buf_free(&image);
    return code;
}

const struct command command_measure = {
    "measure",
    "--ovmf FILE [--ovmf-hash HEX] [--kernel F [--initrd F] [--append S]] --vcpus N --vcpu-type T "
    "[--guest-features HEX] [--vmm QEMU|ec2|gce|krun] [--id-block] [--policy HEX] "
    "[--family-id HEX] [--image-id HEX] [--guest-svn N] [--id-key PEM [--author-key PEM] | "
    "--id-auth FILE] [--json]",
    measure_run,
};
