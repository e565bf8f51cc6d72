/* tr-verify release: a release manifest, its signature, and whether a measurement is in it. */
#include "clock.h"
#include "command.h"
#include "manifest.h"
#include "release_file.h"

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

static enum exit_code verdict(bool json, enum err e)
{
    if (e == ERR_AUTH)
        return refusal_print(json, EXIT_REJECT, "SIGNATURE", "not signed by this key");
    return refusal_print(json, EXIT_MALFORMED, "SIGNATURE",
                         "this is no signature in minisign's form");
}

static enum exit_code signature_check(bool json, const struct release_file *f)
{
    enum err e = minisign_check(buf_view(&f->text), buf_view(&f->signature), &f->key, NULL);

    return e == ERR_NONE ? EXIT_ACCEPT : verdict(json, e);
}

static void manifest_print_json(struct view text, const char *measurement)
{
    printf("{\"verdict\":\"accept\",\"code\":\"ACCEPT\",\"checks\":["
           "{\"code\":\"SIGNATURE\",\"ok\":true,\"detail\":\"ok\"},"
           "{\"code\":\"VALIDITY\",\"ok\":true,\"detail\":\"ok\"},"
           "{\"code\":\"MEASUREMENT\",\"ok\":%s,\"detail\":\"%s\"}],\"release\":",
           measurement != NULL ? "true" : "null", measurement != NULL ? "ok" : "not asked");
    fwrite(text.ptr, 1, text.len, stdout);
    puts("}");
}

static enum exit_code content_check(bool json, struct view text, const char *measurement)
{
    static struct manifest m;
    uint8_t bytes[48];
    uint64_t now_s = clock_unix_ms() / 1000;
    enum err e = manifest_parse(text, &m);

    if (e != ERR_NONE)
        return refusal_print(json, e == ERR_VERSION ? EXIT_UNSUPPORTED : EXIT_MALFORMED, "DOCUMENT",
                             "this is no release manifest in canonical JSON (%s)", err_name(e));
    if (measurement != NULL && hex_decode(view_str(measurement), bytes, sizeof bytes) != ERR_NONE) {
        complain("--measurement needs 96 hex digits");
        return EXIT_USAGE;
    }
    if (now_s < m.not_before_s || now_s >= m.not_after_s)
        return refusal_print(json, EXIT_REJECT, "VALIDITY", "this release is %s",
                             now_s < m.not_before_s ? "not valid yet" : "expired");
    if (measurement != NULL && !manifest_has(&m, bytes))
        return refusal_print(json, EXIT_REJECT, "MEASUREMENT",
                             "this measurement is not of this release");
    if (json) {
        manifest_print_json(text, measurement);
        return EXIT_ACCEPT;
    }
    fputs("accept: ", stdout);
    manifest_print(&m, text);
    return EXIT_ACCEPT;
}

static enum exit_code release_run(int argc, char **argv)
{
    const char *file = NULL, *key = NULL, *signature = NULL, *measurement = NULL;
    bool json = false;
    const struct option_value options[] = {
        {"--json", NULL, &json},
        {"--key", &key, NULL},
        {"--signature", &signature, NULL},
        {"--measurement", &measurement, NULL},
    };
    struct release_file f;
    enum exit_code code = EXIT_USAGE;

    if (!options_parse(argc, argv, "FILE", &file, options, sizeof options / sizeof options[0]))
        return EXIT_USAGE;
    if (key == NULL) {
        complain("release needs --key KEY: a minisign public key, or a file with it");
        return EXIT_USAGE;
    }
    if (release_file_load(file, signature, key, &f))
        code = signature_check(json, &f);
    if (code == EXIT_ACCEPT)
        code = content_check(json, buf_view(&f.text), measurement);
    release_file_free(&f);
    return code;
}

const struct command command_release = {
    "release",
    "FILE --key KEY [--signature FILE] [--measurement HEX] [--json]",
    release_run,
};
