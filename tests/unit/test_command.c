/* An auditor types options in the order and the spelling that other tools taught him. What is not
 * understood must be an error: an option that is passed over is a check that was not made. */
#include "attestation/tools/command.c"

#include "check.h"

struct parsed {
    const char *file, *key;
    bool json;
};

static bool parse(const char *line, struct parsed *out)
{
    static char text[200];
    char *argv[12] = {"test"};
    int argc = 1;

    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word != NULL && argc < 11; word = strtok(NULL, " "))
        argv[argc++] = word;
    *out = (struct parsed){.file = NULL};
    const struct option_value options[] = {
        {"--key", &out->key, NULL},
        {"--json", NULL, &out->json},
    };
    return options_parse(argc, argv, "FILE", &out->file, options, 2);
}

static void accepted(void)
{
    static const struct {
        const char *line, *file, *key;
        bool json;
    } cases[] = {
        {"a", "a", NULL, false},
        {"a --key k --json", "a", "k", true},
        {"--key k --json a", "a", "k", true},
        {"--json a --key=k", "a", "k", true},
        {"--key=k=v a", "a", "k=v", false},
        {"--key= a", "a", "", false},
        {"--key - -", "-", "-", false},
        {"--key --json a", "a", "--json", false}, /* what follows is the value */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct parsed p;

        CHECK(parse(cases[i].line, &p));
        CHECK(p.file != NULL && strcmp(p.file, cases[i].file) == 0);
        CHECK((p.key == NULL) == (cases[i].key == NULL));
        CHECK(p.key == NULL || strcmp(p.key, cases[i].key) == 0);
        CHECK_INT(p.json, cases[i].json);
    }
}

static void refused(void)
{
    static const char *const cases[] = {
        "",           "--json",          "--key k",           "a --key",
        "a b",        "a --keys k",      "a --ke k",          "a -k",
        "a --json=1", "a --json --json", "a --key k --key=k", "a --jsonx",
        "a --",       "--key a",
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct parsed p;

        if (parse(cases[i], &p))
            check_fail(__FILE__, __LINE__, cases[i]);
    }
}

static const struct check_case cases[] = {
    {"command_accepted", accepted},
    {"command_refused", refused},
};
CHECK_MAIN(cases)
