/* Views carry every byte from outside: taking too much must fail without moving, for any size. */
#include "check.h"
#include "view.h"

static void take_compares_with_what_is_left(void)
{
    struct view v = VIEW_LIT("abcdef"), part = VIEW_EMPTY;

    CHECK(view_take(&v, 2, &part));
    CHECK_BYTES(part.ptr, part.len, "ab", 2);
    CHECK(!view_take(&v, 5, &part));
    CHECK(!view_take(&v, SIZE_MAX, &part));
    CHECK_BYTES(part.ptr, part.len, "ab", 2);
    CHECK_BYTES(v.ptr, v.len, "cdef", 4);
    CHECK(view_take(&v, 4, &part));
    CHECK(view_take(&v, 0, &part));
    CHECK_INT(part.len, 0);
    CHECK(!view_take(&v, 1, &part));
}

static void empty_views(void)
{
    struct view v = VIEW_EMPTY, part;

    CHECK(view_take(&v, 0, &part));
    CHECK(!view_take(&v, 1, &part));
    CHECK_INT(view_from(v, 0).len, 0);
    CHECK_INT(view_from(v, 9).len, 0);
    CHECK_INT(view_trim(v).len, 0);
    CHECK(view_eq(v, VIEW_LIT("")));
    CHECK(view_starts(v, v));
    CHECK(view_eq_nocase(v, v));
    CHECK(!view_eq(v, VIEW_LIT("a")));
}

static void from_is_clamped(void)
{
    struct view v = VIEW_LIT("abc");

    CHECK(view_eq(view_from(v, 0), v));
    CHECK(view_eq(view_from(v, 2), VIEW_LIT("c")));
    CHECK_INT(view_from(v, 3).len, 0);
    CHECK_INT(view_from(v, SIZE_MAX).len, 0);
}

static void comparisons(void)
{
    CHECK(view_eq(VIEW_LIT("a\0b"), view_of("a\0b", 3)));
    CHECK(!view_eq(VIEW_LIT("a\0b"), view_of("a\0c", 3)));
    CHECK(!view_eq(VIEW_LIT("ab"), VIEW_LIT("abc")));
    CHECK(view_starts(VIEW_LIT("abc"), VIEW_LIT("ab")));
    CHECK(!view_starts(VIEW_LIT("ab"), VIEW_LIT("abc")));
    CHECK(!view_starts(VIEW_LIT("abc"), VIEW_LIT("b")));
    CHECK(view_eq_nocase(VIEW_LIT("Content-TYPE"), VIEW_LIT("content-type")));
    CHECK(!view_eq_nocase(VIEW_LIT("Content-TYPE"), VIEW_LIT("content-typf")));
    /* '@' and '`', '[' and '{' differ by the case bit alone and are no letters. */
    CHECK(!view_eq_nocase(VIEW_LIT("@"), VIEW_LIT("`")));
    CHECK(!view_eq_nocase(VIEW_LIT("["), VIEW_LIT("{")));
}

static void trim(void)
{
    static const struct {
        const char *in, *out;
    } table[] = {{"", ""},   {" ", ""},         {" \t \t", ""},
                 {"a", "a"}, {" a b\t", "a b"}, {"\na ", "\na"}};

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct view got = view_trim(view_str(table[i].in));

        CHECK_BYTES(got.ptr, got.len, table[i].out, strlen(table[i].out));
    }
}

static void u64(void)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t value;
    } table[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"18446744073709551620", false, 0},
        {"99999999999999999999", false, 0},
        {"184467440737095516150", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"0x1", false, 0},
        {"1.0", false, 0},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint64_t got = 42;

        CHECK_INT(view_u64(view_str(table[i].text), &got), table[i].ok);
        CHECK(got == (table[i].ok ? table[i].value : 42));
    }
}

static const struct check_case cases[] = {
    {"view_take_compares_with_what_is_left", take_compares_with_what_is_left},
    {"view_empty_views", empty_views},
    {"view_from_is_clamped", from_is_clamped},
    {"view_comparisons", comparisons},
    {"view_trim", trim},
    {"view_u64", u64},
};
CHECK_MAIN(cases)
