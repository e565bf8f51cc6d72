/* tr-verify image: a published image against a release manifest: each file, the configuration
 * inside of the initrd, and the launch digest for each processor model and count, computed again.
 */
#include "command.h"
#include "image_files.h"
#include "release_file.h"

#include <stdio.h>

/* The checks that are the manifest's own, before those of image.h. */
static const struct {
    const char *code, *good;
} manifest_checks[] = {
    {"SIGNATURE", "the manifest is signed by this key"},
    {"VALIDITY", "the release is valid at this time"},
    {"FILES", "the four files are there"},
};

struct judged {
    const struct release_file *release;
    const struct manifest *manifest;
    const struct image_findings *findings;
    enum image_check first; /* that does not hold, or IMAGE_CHECK_COUNT */
};

static enum exit_code exit_of(enum image_check first)
{
    if (first == IMAGE_CHECK_COUNT)
        return EXIT_ACCEPT;
    switch (image_check_class(first)) {
    case CLASS_MALFORMED:
        return EXIT_MALFORMED;
    case CLASS_UNSUPPORTED:
        return EXIT_UNSUPPORTED;
    case CLASS_ACCEPT:
    case CLASS_REJECT:
        break;
    }
    return EXIT_REJECT;
}

static const char *verdict_of(enum image_check first)
{
    return first == IMAGE_CHECK_COUNT ? "accept" : verdict_class_name(image_check_class(first));
}

/* Only when the files give a measurement, and it is the manifest's. */
static bool row_holds(const struct judged *j, size_t row)
{
    return j->findings->recomputed[row].known &&
           secret_equal(j->findings->recomputed[row].measurement.b,
                        j->manifest->measurements[row].measurement, 48);
}

/* --- for people */

static void line_print(const char *outcome, const char *code, const char *detail)
{
    printf("  %-12s %-15s %s\n", outcome, code, detail);
}

static void checks_print(const struct judged *j)
{
    static const char *const outcomes[] = {"not reached", "ok", "FAILED"};

    for (size_t i = 0; i < sizeof manifest_checks / sizeof manifest_checks[0]; i++) {
        bool asked = i != 0 || j->release->has_key;

        line_print(asked ? "ok" : "not asked", manifest_checks[i].code,
                   asked ? manifest_checks[i].good
                         : "without --key anybody can have written this manifest");
    }
    for (unsigned c = 0; c < IMAGE_CHECK_COUNT; c++)
        line_print(outcomes[j->findings->checks[c].outcome], image_check_name(c),
                   j->findings->checks[c].detail);
}

/* The manifest's texts are printable ASCII: manifest_parse() takes no other. */
static void rows_print(const struct judged *j)
{
    for (size_t i = 0; i < j->manifest->n_measurements; i++) {
        const struct manifest_measurement *one = &j->manifest->measurements[i];
        char hex[97] = "unknown";

        if (j->findings->recomputed[i].known)
            hex_encode(j->findings->recomputed[i].measurement.b, 48, hex);
        printf("measurement %s  %.*s, %llu vCPUs, features 0x%llx: %s\n", hex, (int)one->cpu.len,
               (const char *)one->cpu.ptr, (unsigned long long)one->vcpus,
               (unsigned long long)one->features,
               row_holds(j, i) ? "as in the manifest" : "NOT in the manifest");
    }
}

static void people_print(const struct judged *j)
{
    char hex[65];

    hex_encode(j->findings->digest.b, sizeof j->findings->digest.b, hex);
    printf("%s: %s\n", verdict_of(j->first),
           j->first == IMAGE_CHECK_COUNT ? "the image is the manifest's"
                                         : j->findings->checks[j->first].detail);
    printf("image %s\nrelease %.*s, security version %llu\n", hex, (int)j->manifest->version.len,
           (const char *)j->manifest->version.ptr, (unsigned long long)j->manifest->svn);
    if (j->manifest->simulated)
        puts("SIMULATED: its measurements prove nothing");
    checks_print(j);
    rows_print(j);
}

/* --- for programs */

static void check_print_json(const char *code, enum image_outcome outcome, const char *detail,
                             const char *before)
{
    static const char *const values[] = {"null", "true", "false"};

    printf("%s{\"code\":\"%s\",\"ok\":%s,\"detail\":", before, code, values[outcome]);
    json_string_print(detail);
    putchar('}');
}

static void rows_print_json(const struct judged *j)
{
    for (size_t i = 0; i < j->manifest->n_measurements; i++) {
        const struct manifest_measurement *one = &j->manifest->measurements[i];
        char hex[97];

        hex_encode(j->findings->recomputed[i].measurement.b, 48, hex);
        printf("%s{\"cpu\":\"%.*s\",\"features\":%llu,\"measurement\":", i == 0 ? "" : ",",
               (int)one->cpu.len, (const char *)one->cpu.ptr, (unsigned long long)one->features);
        if (j->findings->recomputed[i].known)
            json_string_print(hex);
        else
            fputs("null", stdout);
        printf(",\"ok\":%s,\"vcpus\":%llu}", row_holds(j, i) ? "true" : "false",
               (unsigned long long)one->vcpus);
    }
}

static void programs_print(const struct judged *j)
{
    char hex[65];

    printf("{\"verdict\":\"%s\",\"code\":\"%s\",\"checks\":[", verdict_of(j->first),
           j->first == IMAGE_CHECK_COUNT ? "ACCEPT" : image_check_name(j->first));
    for (size_t i = 0; i < sizeof manifest_checks / sizeof manifest_checks[0]; i++) {
        bool asked = i != 0 || j->release->has_key;

        check_print_json(manifest_checks[i].code, asked ? IMAGE_OK : IMAGE_NOT_REACHED,
                         asked ? manifest_checks[i].good : "not asked", i == 0 ? "" : ",");
    }
    for (unsigned c = 0; c < IMAGE_CHECK_COUNT; c++)
        check_print_json(image_check_name(c), j->findings->checks[c].outcome,
                         j->findings->checks[c].detail, ",");
    hex_encode(j->findings->digest.b, sizeof j->findings->digest.b, hex);
    printf("],\"image_sha256\":\"%s\",\"measurements\":[", hex);
    rows_print_json(j);
    puts("]}");
}

/* --- judging */

static enum exit_code judge(bool json, const char *dir, const struct release_file *f)
{
    static struct manifest m;
    static struct image_findings findings;
    struct judged j = {.release = f, .manifest = &m, .findings = &findings};
    struct image_files files;
    enum exit_code code = release_file_check(json, f, &m);

    if (code != EXIT_ACCEPT)
        return code;
    if (!image_files_load(dir, &files)) {
        code = refusal_print(json, EXIT_REJECT, "FILES",
                             "a file of the image is missing, cannot be read or is too large");
    } else if (image_files_examine(&files, &m, &findings, &j.first) != ERR_NONE) {
        complain("there is no memory for the initrd's entries");
        code = EXIT_INTERNAL;
    } else {
        (json ? programs_print : people_print)(&j);
        code = exit_of(j.first);
    }
    image_files_free(&files);
    return code;
}

static enum exit_code image_run(int argc, char **argv)
{
    const char *dir = NULL, *release = NULL, *key = NULL, *signature = NULL;
    bool json = false;
    const struct option_value options[] = {
        {"--json", NULL, &json},
        {"--release", &release, NULL},
        {"--key", &key, NULL},
        {"--signature", &signature, NULL},
    };
    struct release_file f;
    enum exit_code code = EXIT_USAGE;

    if (!options_parse(argc, argv, "DIR", &dir, options, sizeof options / sizeof options[0]))
        return EXIT_USAGE;
    if (release == NULL || (key == NULL && signature != NULL)) {
        complain(release == NULL
                     ? "image needs --release FILE: the manifest to hold the image against"
                     : "--signature needs --key KEY");
        return EXIT_USAGE;
    }
    if (release_file_load(release, signature, key, &f))
        code = judge(json, dir, &f);
    release_file_free(&f);
    return code;
}

const struct command command_image = {
    "image",
    "DIR --release FILE [--key KEY [--signature FILE]] [--json]",
    image_run,
};
