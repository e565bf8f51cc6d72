/* tr-verify release: a release manifest, its signature, and whether a measurement is in it. */
#include "clock.h"
#include "command.h"
#include "manifest.h"
#include "minisign.h"

#include <stdio.h>

static void manifest_print(const struct manifest *m, struct view text)
{
    struct digest32 d;
    char hex[97];

    digest_sha256(text, &d);
    hex_encode(d.b, sizeof d.b, hex);
    printf("release %.*s, security version %llu, sha256 %s\nsource %.*s at %.*s\n",
           (int)m->version.len, (const char *)m->version.ptr, (unsigned long long)m->svn, hex,
           (int)m->repo.len, (const char *)m->repo.ptr, (int)m->commit.len,
           (const char *)m->commit.ptr);
    if (m->simulated)
        puts("SIMULATED: its measurements prove nothing");
    for (size_t i = 0; i < m->n_measurements; i++) {
        const struct manifest_measurement *one = &m->measurements[i];

        hex_encode(one->measurement, sizeof one->measurement, hex);
        printf("measurement %s  %.*s, %llu vCPUs\n", hex, (int)one->cpu.len,
               (const char *)one->cpu.ptr, (unsigned long long)one->vcpus);
    }
}

static enum exit_code verdict(enum err e)
{
    if (e == ERR_AUTH) {
        puts("reject: not signed by this key");
        return EXIT_REJECT;
    }
    complain("this is no signature in minisign's form");
    return EXIT_MALFORMED;
}

static enum exit_code signature_check(const char *path, const char *signature_path,
                                      const char *key_text, struct view text)
{
    struct buf key_file, signature;
    struct minisign_key key;
    char beside[4096];
    enum exit_code code = EXIT_USAGE;
    enum err e = minisign_key_parse(view_str(key_text), &key);

    buf_init(&signature, MINISIGN_SIGNATURE_MAX);
    buf_init(&key_file, MINISIGN_KEY_MAX);
    if (e != ERR_NONE) { /* not the key itself: a file with it */
        if (!file_load(key_text, MINISIGN_KEY_MAX, &key_file))
            goto done;
        e = minisign_key_parse(buf_view(&key_file), &key);
    }
    if (e != ERR_NONE) {
        complain("%s is no minisign key", key_text);
        goto done;
    }
    if (signature_path == NULL) {
        if ((size_t)snprintf(beside, sizeof beside, "%s.minisig", path) >= sizeof beside)
            goto done;
        signature_path = beside;
    }
    if (!file_load(signature_path, MINISIGN_SIGNATURE_MAX, &signature))
        goto done;
    e = minisign_check(text, buf_view(&signature), &key, NULL);
    code = e == ERR_NONE ? EXIT_ACCEPT : verdict(e);
done:
    buf_free(&key_file);
    buf_free(&signature);
    return code;
}

static enum exit_code content_check(struct view text, const char *measurement)
{
    static struct manifest m;
    uint8_t bytes[48];
    uint64_t now_s = clock_unix_ms() / 1000;
    enum err e = manifest_parse(text, &m);

    if (e != ERR_NONE) {
        complain("this is no release manifest in canonical JSON (%s)", err_name(e));
        return e == ERR_VERSION ? EXIT_UNSUPPORTED : EXIT_MALFORMED;
    }
    if (measurement != NULL && hex_decode(view_str(measurement), bytes, sizeof bytes) != ERR_NONE) {
        complain("--measurement needs 96 hex digits");
        return EXIT_USAGE;
    }
    if (now_s < m.not_before_s || now_s >= m.not_after_s) {
        printf("reject: this release is %s\n",
               now_s < m.not_before_s ? "not valid yet" : "expired");
        return EXIT_REJECT;
    }
    if (measurement != NULL && !manifest_has(&m, bytes)) {
        puts("reject: this measurement is not of this release");
        return EXIT_REJECT;
    }
    fputs("accept: ", stdout);
    manifest_print(&m, text);
    return EXIT_ACCEPT;
}

static enum exit_code release_run(int argc, char **argv)
{
    const char *file, *key = NULL, *signature = NULL, *measurement = NULL;
    const struct option_value options[] = {
        {"--key", &key, NULL},
        {"--signature", &signature, NULL},
        {"--measurement", &measurement, NULL},
    };
    struct buf text;
    enum exit_code code;

    if (argc < 2 || argv[1][0] == '-') {
        complain("release needs a FILE");
        return EXIT_USAGE;
    }
    file = argv[1];
    argv[1] = argv[0];
    if (!options_parse(argc - 1, argv + 1, options, sizeof options / sizeof options[0]))
        return EXIT_USAGE;
    if (key == NULL) {
        complain("release needs --key KEY: a minisign public key, or a file with it");
        return EXIT_USAGE;
    }
    if (!file_load(file, MANIFEST_MAX, &text))
        return EXIT_USAGE;
    code = signature_check(file, signature, key, buf_view(&text));
    if (code == EXIT_ACCEPT)
        code = content_check(buf_view(&text), measurement);
    buf_free(&text);
    return code;
}

const struct command command_release = {
    "release",
    "FILE --key KEY [--signature FILE] [--measurement HEX]",
    release_run,
};
