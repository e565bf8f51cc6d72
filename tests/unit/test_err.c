/* Logs and tests speak of errors by name: every value needs one, and no two may share it. */
#include "check.h"
#include "err.h"

static void every_error_has_its_own_name(void)
{
    for (int i = 0; i < ERR_COUNT; i++) {
        const char *name = err_name((enum err)i);

        CHECK(name != NULL && name[0] != '\0' && strcmp(name, "unknown") != 0);
        for (const char *p = name; *p != '\0'; p++)
            CHECK((*p >= 'a' && *p <= 'z') || *p == '_');
        for (int k = 0; k < i; k++)
            CHECK(strcmp(name, err_name((enum err)k)) != 0);
    }
    CHECK(strcmp(err_name(ERR_NONE), "none") == 0);
    CHECK(strcmp(err_name(ERR_FIRST_BYTE_TIMEOUT), "first_byte_timeout") == 0);
}

static void values_outside_the_list(void)
{
    static const int outside[] = {-1, ERR_COUNT, ERR_COUNT + 1, INT32_MAX, INT32_MIN};

    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        CHECK(strcmp(err_name((enum err)outside[i]), "unknown") == 0);
}

static const struct check_case cases[] = {
    {"err_every_error_has_its_own_name", every_error_has_its_own_name},
    {"err_values_outside_the_list", values_outside_the_list},
};
CHECK_MAIN(cases)
