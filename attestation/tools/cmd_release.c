/* tr-verify release: a release manifest, its signature, and whether a measurement is in it. */
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
    printf("releases below security version %llu are withdrawn (--min-svn %llu)\n",
           (unsigned long long)m->min_svn, (unsigned long long)m->min_svn);
    if (m->has_image) {
        hex_encode(m->image.b, sizeof m->image.b, hex);
        printf("image %s\n", hex);
    }
    if (m->simulated)
        puts("SIMULATED: its measurements prove nothing");
    for (size_t i = 0; i < m->n_measurements; i++) {
        const struct manifest_measurement *one = &m->measurements[i];

        hex_encode(one->measurement, sizeof one->measurement, hex);
        printf("measurement %s  %.*s, %llu vCPUs\n", hex, (int)one->cpu.len,
               (const char *)one->cpu.ptr, (unsigned long long)one->vcpus);
    }
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

static enum exit_code judge(bool json, const struct release_file *f, const char *measurement)
{
    static struct manifest m;
    struct view text = buf_view(&f->text);
    uint8_t bytes[48];
    enum exit_code code;

    if (measurement != NULL && hex_decode(view_str(measurement), bytes, sizeof bytes) != ERR_NONE) {
        complain("--measurement needs 96 hex digits");
        return EXIT_USAGE;
    }
    code = release_file_check(json, f, &m);
    if (code != EXIT_ACCEPT)
        return code;
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
        code = judge(json, &f, measurement);
    release_file_free(&f);
    return code;
}

const struct command command_release = {
    "release",
    "FILE --key KEY [--signature FILE] [--measurement HEX] [--json]",
    release_run,
};
