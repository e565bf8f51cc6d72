/* A log that shows a boot of a program that was never released, or released afterwards, or by
 * nobody who has the release key, shows that something else ran: tr-verify log must say so. */
#include "attestation/tools/command.c"
#include "attestation/tools/released.c"

#include "check.h"
#include "gateway_parts.h"

#include <sys/stat.h>

enum { END = 1796000001 };

static char text[4][2048]; /* releases: of 0x22, 0x33, 0x22 again, 0x44 (not simulated) */

static void entry(struct released *r, uint64_t index, const char *statement)
{
    struct digest32 leaf;

    tlog_leaf_hash(view_str(statement), &leaf);
    released_entry(r, index, &leaf, view_str(statement));
}

/* A boot of the measurement that names release n (-1: none). */
static void boot(struct released *r, uint64_t index, uint8_t measured, int n, bool simulated)
{
    char statement[1024], hex[97], leaf_hex[65], names[128] = "null";
    struct digest32 leaf;
    uint8_t bytes[48];

    memset(bytes, measured, sizeof bytes);
    hex_encode(bytes, 48, hex);
    if (n >= 0) {
        tlog_leaf_hash(view_str(text[n]), &leaf);
        hex_encode(leaf.b, 32, leaf_hex);
        snprintf(names, sizeof names, "{\"leaf\":\"%s\",\"version\":\"1\"}", leaf_hex);
    }
    snprintf(statement, sizeof statement,
             "{\"measurement\":\"%s\",\"purpose\":\"tr.boot.v1\",\"release\":%s,\"simulated\":%s}",
             hex, names, simulated ? "true" : "false");
    entry(r, index, statement);
}

static void setup(void)
{
    release_keys_make();
    release_text(0x22, true, END, text[0]);
    release_text(0x33, true, END, text[1]);
    release_text(0x22, true, END + 1, text[2]);
    release_text(0x44, false, END, text[3]);
}

static void boots_and_releases(void)
{
    static const struct {
        uint8_t measured;
        int names;
        bool simulated, good;
    } cases[] = {
        {0x22, 0, true, true},   {0x33, 1, true, true},
        {0x44, 3, false, true},  {0x22, -1, true, false}, /* names none */
        {0x33, 0, true, false},                           /* a measurement of another release */
        {0x55, 0, true, false},                           /* of none */
        {0x22, 2, true, false},  /* of a release that the log does not have yet */
        {0x22, 0, false, false}, /* a simulator's release for what says it is real */
        {0x44, 3, true, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct released *r = released_new();
        struct released_answer a;

        entry(r, 0, "{\"purpose\":\"tr.policy.v1\"}");
        entry(r, 1, text[0]);
        entry(r, 2, text[1]);
        entry(r, 3, text[3]);
        boot(r, 4, cases[i].measured, cases[i].names, cases[i].simulated);
        entry(r, 5, text[2]);
        released_answer(r, &a);
        CHECK_INT(a.boots, 1);
        if ((a.unreleased == 0) != cases[i].good) {
            printf("# case %zu\n", i);
            check_fail(__FILE__, __LINE__, "released or not");
        }
        CHECK(cases[i].good || a.first_unreleased == 4);
        CHECK_INT(a.unsigned_, 0); /* nobody asked */
        released_free(r);
    }
}

/* What is not of the form that boots have is a boot of nobody knows what. */
static void boots_that_are_not(void)
{
    static const char *const cases[] = {
        "{\"purpose\":\"tr.boot.v1\"}",
        "{\"measurement\":\"22\",\"purpose\":\"tr.boot.v1\",\"release\":null,\"simulated\":true}",
        "{\"measurement\":1,\"purpose\":\"tr.boot.v1\",\"release\":{\"leaf\":\"x\"}}",
    };
    struct released *r = released_new();
    struct released_answer a;

    entry(r, 0, text[0]);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        entry(r, 1 + i, cases[i]);
    entry(r, 9, "no JSON");
    released_answer(r, &a);
    CHECK_INT(a.boots, 3);
    CHECK_INT(a.unreleased, 3);
    CHECK_INT(a.first_unreleased, 1);
    released_free(r);
}

static void signatures(void)
{
    struct minisign_key key;
    char place[64], path[256];

    CHECK_INT(minisign_key_parse(view_str(release_key[0]), &key), ERR_NONE);
    snprintf(place, sizeof place, "%s/releases", dir);
    CHECK_INT(mkdir(place, 0700), 0);
    release_sign(text[0], 0);
    snprintf(path, sizeof path, "mv %s/release.json* %s/", dir, place);
    CHECK_INT(system(path), 0);
    release_sign(text[1], 1); /* by somebody else */
    snprintf(path, sizeof path,
             "cd %s && for e in '' .minisig; do mv release.json$e %s/b.json$e; done", dir, place);
    CHECK_INT(system(path), 0);
    for (int n = 0; n < 2; n++) {
        struct released *r = released_new();
        struct released_answer a;

        CHECK(released_require(r, place, &key));
        entry(r, 0, text[n]);
        boot(r, 1, n == 0 ? 0x22 : 0x33, n, true);
        released_answer(r, &a);
        CHECK_INT(a.unreleased, 0);
        CHECK_INT(a.unsigned_, n);
        CHECK(n == 0 || a.first_unsigned == 1);
        released_free(r);
    }
    struct released *r = released_new();
    CHECK(!released_require(r, "/nonexistent", &key));
    released_free(r);
}

static void cleanup(void)
{
    char cmd[64];

    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    CHECK_INT(system(cmd), 0);
}

static const struct check_case cases[] = {
    {"released_setup", setup},
    {"released_boots_and_releases", boots_and_releases},
    {"released_boots_that_are_not", boots_that_are_not},
    {"released_signatures", signatures},
    {"released_cleanup", cleanup},
};

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE || mkdtemp(dir) == NULL)
        return 1;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
