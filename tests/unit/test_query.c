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

/* What people write into a form or a path. */
static void decodes(void)
{
    static const struct {
        const char *text, *query, *path; /* NULL: refused */
    } cases[] = {
        {"", "", ""},
        {"gpt-4", "gpt-4", "gpt-4"},
        {"a+b", "a b", "a+b"},
        {"a%20b%2Fc%3a", "a b/c:", "a b/c:"},
        {"%2B", "+", "+"},
        {"%C3%A9", "\xc3\xa9", "\xc3\xa9"},
        {"%", NULL, NULL},
        {"%2", NULL, NULL},
        {"%2g", NULL, NULL},
        {"% 20", NULL, NULL},
        {"%00", NULL, NULL},
        {"a%0Ab", NULL, NULL},
        {"%7f", NULL, NULL},
        {"12345678", "12345678", "12345678"},
        {"%31%32%33%34%35%36%37%38", "12345678", "12345678"},
        {"123456789", NULL, NULL}, /* longer than there is room for */
    };
    char out[8];
    size_t len;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(query_decode(view_str(cases[i].text), out, sizeof out, &len), cases[i].query != NULL);
        if (cases[i].query != NULL)
            CHECK_BYTES(out, len, cases[i].query, strlen(cases[i].query));
        CHECK_INT(path_decode(view_str(cases[i].text), out, sizeof out, &len), cases[i].path != NULL);
        if (cases[i].path != NULL)
            CHECK_BYTES(out, len, cases[i].path, strlen(cases[i].path));
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
    {"query_finds", finds}, {"query_decodes", decodes}, {"query_knows_only", knows_only}, {"query_nonces", nonces}};
CHECK_MAIN(cases)
