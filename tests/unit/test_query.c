/* A query string decides which nonce is signed and which receipt is shown: a second spelling of a
 * value, or a parameter that one reader sees and another does not, is a way to get a signature for
 * something else. */
#include "query.c"

#include "check.h"

static void finds(void)
{
    static const struct {
        const char *query;
        enum query_found want;
        const char *value;
    } cases[] = {
        {"nonce=ab", QUERY_ONE, "ab"},
        {"x=1&nonce=ab&y", QUERY_ONE, "ab"},
        {"nonce=", QUERY_ONE, ""},
        {"nonce", QUERY_ONE, ""},
        {"nonce=a=b", QUERY_ONE, "a=b"},
        {"nonce=%61", QUERY_ONE, "%61"},
        {"", QUERY_ABSENT, NULL},
        {"&&", QUERY_ABSENT, NULL},
        {"Nonce=ab", QUERY_ABSENT, NULL},
        {"%6eonce=ab", QUERY_ABSENT, NULL},
        {"nonces=ab&anonce=x", QUERY_ABSENT, NULL},
        {"=nonce", QUERY_ABSENT, NULL},
        {"nonce=a&nonce=a", QUERY_TWICE, NULL},
        {"nonce&x&nonce=", QUERY_TWICE, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct view v = VIEW_LIT("untouched");

        CHECK_INT(query_find(view_str(cases[i].query), "nonce", &v), cases[i].want);
        if (cases[i].value != NULL)
            CHECK(view_eq(v, view_str(cases[i].value)));
    }
}

static void knows_only(void)
{
    static const char *const names[] = {"nonce", "binding"};
    static const struct {
        const char *query;
        bool want;
    } cases[] = {{"", true},          {"nonce=1", true}, {"binding=&nonce", true},
                 {"nonce=1&", true},  {"nonc=1", false}, {"nonce=1&bindin=none", false},
                 {"nonce=1&&", false}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_INT(query_only(view_str(cases[i].query), names, 2), cases[i].want);
}

static void nonces(void)
{
    static const char good[] = "00ff000000000000000000000000000000000000000000000000000000000abc";
    static const char *const bad[] = {
        "",
        "00ff000000000000000000000000000000000000000000000000000000000ab",
        "00ff000000000000000000000000000000000000000000000000000000000abc0",
        "00FF000000000000000000000000000000000000000000000000000000000abc",
        "00fg000000000000000000000000000000000000000000000000000000000abc",
        "0x00ff0000000000000000000000000000000000000000000000000000000abc",
        " 0ff000000000000000000000000000000000000000000000000000000000abc",
        "%30ff0000000000000000000000000000000000000000000000000000000abcd",
    };
    uint8_t nonce[32];

    CHECK(query_nonce(view_str(good), nonce));
    CHECK(nonce[0] == 0 && nonce[1] == 0xff && nonce[30] == 0x0a && nonce[31] == 0xbc);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!query_nonce(view_str(bad[i]), nonce));
}

static const struct check_case cases[] = {
    {"query_finds", finds}, {"query_knows_only", knows_only}, {"query_nonces", nonces}};
CHECK_MAIN(cases)
