/* Reading what was validated: members, keys, strings and numbers mean to us exactly what they mean
 * to the provider that reads them after us, and no spelling of a key hides it. */
#include "check.h"
#include "json.h"

#include <stdlib.h>

#define N(table) (sizeof(table) / sizeof(table)[0])

static void members_in_order(void)
{
    static const char doc[] =
        " {\"a\" : 1,\"b\":[{\"x\":[0]}] ,\"a\":\"two\",\"\":{} , \"n\":null} ";
    static const struct {
        const char *key, *text;
        enum json_kind kind;
    } want[] = {{"a", "1", JSON_NUMBER},
                {"b", "[{\"x\":[0]}]", JSON_ARRAY},
                {"a", "\"two\"", JSON_STRING},
                {"", "{}", JSON_OBJECT},
                {"n", "null", JSON_NULL}};
    struct json_member m[5];
    struct json_value v;
    size_t n = 77, at = 77;

    CHECK_INT(json_object(view_str(doc), m, 5, &n, &at), ERR_NONE);
    CHECK_INT(n, 5);
    for (size_t i = 0; i < n; i++) {
        CHECK_BYTES(m[i].key.ptr, m[i].key.len, want[i].key, strlen(want[i].key));
        CHECK_INT(m[i].key.ptr[-1], '"');
        CHECK_BYTES(m[i].value.text.ptr, m[i].value.text.len, want[i].text, strlen(want[i].text));
        CHECK_INT(m[i].value.kind, want[i].kind);
    }
    CHECK_INT(json_find(m, n, "b", &v), ERR_NONE);
    CHECK_INT(v.kind, JSON_ARRAY);
    CHECK_INT(json_find(m, n, "a", &v), ERR_DUPLICATE);
    CHECK_INT(json_find(m, n, "x", &v), ERR_NOT_FOUND);
    n = 77;
    CHECK_INT(json_object(view_str(doc), m, 4, &n, &at), ERR_LIMIT);
    CHECK_INT(n, 77);
    CHECK_INT(json_object(VIEW_LIT("{}"), m, 0, &n, &at), ERR_NONE);
    CHECK_INT(n, 0);
    CHECK_INT(json_object(VIEW_LIT(" [1]"), m, 5, &n, &at), ERR_FORMAT);
    CHECK_INT(at, 1);
    CHECK_INT(json_object(VIEW_LIT("\"{}\""), m, 5, &n, &at), ERR_FORMAT);
    CHECK_INT(json_object(VIEW_EMPTY, m, 5, &n, &at), ERR_SHORT);
}

/* One reader sees "model", the other "m\u006fdel": they must be the same key to us. */
static void keys_have_escapes_decoded(void)
{
    static const struct {
        const char *raw, *name;
        bool same;
    } table[] = {
        {"model", "model", true},
        {"m\\u006fdel", "model", true},
        {"\\u006D\\u006f\\u0064\\u0065\\u006c", "model", true},
        {"mode\\u006C", "model", true},
        {"Model", "model", false},
        {"mode", "model", false},
        {"models", "model", false},
        {"model\\u0000", "model", false},
        {"model\\u0073", "model", false},
        {"\\u006", "l", false},
        {"a\\/b", "a/b", true},
        {"a\\nb", "a\nb", true},
        {"a\\nb", "a\\nb", false},
        {"", "", true},
        {"\\u0061", "", false},
        {"\\ud800", "\xed\xa0\x80", false},
        {"\\u00e9", "\xc3\xa9", true},
        {"\\ud83d\\ude00", "\xf0\x9f\x98\x80", true},
    };
    struct json_member m[2];
    struct json_value v;
    size_t n;

    for (size_t i = 0; i < N(table); i++)
        CHECK_INT(json_key_is(view_str(table[i].raw), table[i].name), table[i].same);
    CHECK_INT(json_object(VIEW_LIT("{\"model\":\"a\",\"m\\u006fdel\":\"b\"}"), m, 2, &n, NULL),
              ERR_NONE);
    CHECK_INT(json_find(m, n, "model", &v), ERR_DUPLICATE);
    CHECK(json_string_is(m[0].value, "a") && !json_string_is(m[0].value, "b"));
}

static struct json_value value_of(const char *text)
{
    struct json_value v = {.kind = JSON_NULL};

    CHECK_INT(json_check(view_str(text), &v, NULL), ERR_NONE);
    return v;
}

static void strings(void)
{
    static const struct {
        const char *text;
        enum err e;
        bool plain;
        const char *out;
    } table[] = {
        {"\"\"", ERR_NONE, true, ""},
        {"\"abc\"", ERR_NONE, true, "abc"},
        {"\"\xe4\xb8\xad\"", ERR_NONE, true, "\xe4\xb8\xad"},
        {"\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", ERR_NONE, false, "a\"\\/\b\f\n\r\tz"},
        {"\"\\u0041\\u00e9\\u4e2d\"", ERR_NONE, false, "A\xc3\xa9\xe4\xb8\xad"},
        {"\"\\ud83d\\ude00!\"", ERR_NONE, false, "\xf0\x9f\x98\x80!"},
        {"\"\\uDBFF\\uDFFF\"", ERR_NONE, false, "\xf4\x8f\xbf\xbf"},
        {"\"\\ud83d\"", ERR_FORMAT, false, NULL},
        {"\"\\ud83d!\"", ERR_FORMAT, false, NULL},
        {"\"\\ud83d\\n\"", ERR_FORMAT, false, NULL},
        {"\"\\ud83d\\ud83d\"", ERR_FORMAT, false, NULL},
        {"\"\\ude00\"", ERR_FORMAT, false, NULL},
        {"12", ERR_FORMAT, false, NULL},
        {"[\"a\"]", ERR_FORMAT, false, NULL},
    };
    struct view plain;
    struct buf b;

    for (size_t i = 0; i < N(table); i++) {
        struct json_value v = value_of(table[i].text);

        buf_init(&b, 40);
        CHECK_INT(buf_append(&b, VIEW_LIT("kept")), ERR_NONE);
        CHECK_INT(json_string_decode(v, &b), table[i].e);
        if (table[i].e == ERR_NONE) {
            CHECK_BYTES(b.ptr + 4, b.len - 4, table[i].out, strlen(table[i].out));
            CHECK(json_string_is(v, table[i].out));
        } else {
            CHECK_BYTES(b.ptr, b.len, "kept", 4);
        }
        CHECK_INT(json_string_plain(v, &plain), table[i].plain);
        if (table[i].plain)
            CHECK_BYTES(plain.ptr, plain.len, table[i].out, strlen(table[i].out));
        buf_free(&b);
    }
    buf_init(&b, 3); /* decoded it fits, raw it would not */
    CHECK_INT(json_string_decode(value_of("\"\\u0041\\u0042\\u0043\""), &b), ERR_NONE);
    CHECK_BYTES(b.ptr, b.len, "ABC", 3);
    CHECK_INT(json_string_decode(value_of("\"D\""), &b), ERR_LIMIT);
    CHECK_BYTES(b.ptr, b.len, "ABC", 3);
    buf_free(&b);
}

static void integers(void)
{
    static const struct {
        const char *text;
        enum err i, u;
        int64_t i64;
        uint64_t u64;
    } table[] = {
        {"0", ERR_NONE, ERR_NONE, 0, 0},
        {"-0", ERR_NONE, ERR_NONE, 0, 0},
        {"-1", ERR_NONE, ERR_RANGE, -1, 0},
        {"9223372036854775807", ERR_NONE, ERR_NONE, INT64_MAX, INT64_MAX},
        {"9223372036854775808", ERR_RANGE, ERR_NONE, 0, (uint64_t)INT64_MAX + 1},
        {"-9223372036854775808", ERR_NONE, ERR_RANGE, INT64_MIN, 0},
        {"-9223372036854775809", ERR_RANGE, ERR_RANGE, 0, 0},
        {"18446744073709551615", ERR_RANGE, ERR_NONE, 0, UINT64_MAX},
        {"18446744073709551616", ERR_RANGE, ERR_RANGE, 0, 0},
        {"1.0", ERR_FORMAT, ERR_FORMAT, 0, 0},
        {"1e3", ERR_FORMAT, ERR_FORMAT, 0, 0},
        {"\"1\"", ERR_FORMAT, ERR_FORMAT, 0, 0},
        {"true", ERR_FORMAT, ERR_FORMAT, 0, 0},
        {"null", ERR_FORMAT, ERR_FORMAT, 0, 0},
    };

    for (size_t k = 0; k < N(table); k++) {
        struct json_value v = value_of(table[k].text);
        int64_t i = 77;
        uint64_t u = 77;

        CHECK_INT(json_i64(v, &i), table[k].i);
        CHECK_INT(i, table[k].i == ERR_NONE ? table[k].i64 : 77);
        CHECK_INT(json_u64(v, &u), table[k].u);
        CHECK(u == (table[k].u == ERR_NONE ? table[k].u64 : 77));
    }
}

static void whole_numbers(void)
{
    static const struct {
        const char *text;
        enum err e;
        int64_t n;
    } table[] = {
        {"0", ERR_NONE, 0},
        {"-0.0e9", ERR_NONE, 0},
        {"0e999999999999999999999", ERR_NONE, 0},
        {"12", ERR_NONE, 12},
        {"-12.00", ERR_NONE, -12},
        {"12e0", ERR_NONE, 12},
        {"1.2E+1", ERR_NONE, 12},
        {"120000e-4", ERR_NONE, 12},
        {"0.0012e4", ERR_NONE, 12},
        {"1002.0", ERR_NONE, 1002},
        {"0.000000000000000000000000000001e30", ERR_NONE, 1},
        {"1000000000000000000000000000000e-30", ERR_NONE, 1},
        {"9223372036854775807.0", ERR_NONE, INT64_MAX},
        {"9223372036854775808", ERR_RANGE, 0},
        {"1e19", ERR_RANGE, 0},
        {"-1e400", ERR_RANGE, 0},
        {"1e99999999999999999999999", ERR_RANGE, 0},
        {"12.5", ERR_FORMAT, 0},
        {"1e-1", ERR_FORMAT, 0},
        {"12.00000000000000000000000000001", ERR_FORMAT, 0},
        {"1e-99999999999999999999999", ERR_FORMAT, 0},
        {"\"12\"", ERR_FORMAT, 0},
        {"true", ERR_FORMAT, 0},
        {"null", ERR_FORMAT, 0},
    };

    for (size_t k = 0; k < N(table); k++) {
        int64_t n = 77;

        CHECK_INT(json_whole(value_of(table[k].text), &n), table[k].e);
        CHECK_INT(n, table[k].e == ERR_NONE ? table[k].n : 77);
    }
}

/* What a reader that ignores letter case, or reads C strings, takes for a name. */
static void keys_that_look_alike(void)
{
    static const struct {
        const char *key, *name;
        bool like;
    } table[] = {
        {"model", "model", true},
        {"MODEL", "model", true},
        {"mOd\\u0045l", "model", true},
        {"model\\u0000", "model", true},
        {"Model\\u0000x", "model", true},
        {"\xc5\xbftore", "store", true},
        {"\\u017fTORE", "store", true},
        {"max_to\xe2\x84\xaa""ens", "max_tokens", true},
        {"max_to\\u212aens", "max_tokens", true},
        {"mode", "model", false},
        {"models", "model", false},
        {"mod\\u0000el", "model", false},
        {"\\u0000model", "model", false},
        {"", "model", false},
        {"mod\xc3\xa9l", "model", false},
        {"model\\ud800", "model", false},
        {"m\xf0\x9f\x98\x80", "model", false},
        {"max-tokens", "max_tokens", false},
    };

    for (size_t k = 0; k < N(table); k++) {
        if (json_key_like(view_str(table[k].key), table[k].name) != table[k].like)
            printf("# %s\n", table[k].key);
        CHECK_INT(json_key_like(view_str(table[k].key), table[k].name), table[k].like);
    }
}

static void walking(void)
{
    struct json_value v =
        value_of("{\"l\":[1, {\"k\":[[]]} ,\"x,]\"],\"o\":{\"a\":{\"a\":2}},\"a\":3}");
    struct json_value list, got;
    struct json_member m;
    struct json_iter it;
    unsigned n = 0;

    CHECK(json_get(v, "l", &list));
    for (it = json_iter(list); json_next(&it, &m); n++) {
        static const char *const want[] = {"1", "{\"k\":[[]]}", "\"x,]\""};

        CHECK_INT(m.key.len, 0);
        CHECK_BYTES(m.value.text.ptr, m.value.text.len, want[n], strlen(want[n]));
    }
    CHECK_INT(n, 3);
    CHECK(json_get(v, "a", &got));
    CHECK_BYTES(got.text.ptr, got.text.len, "3", 1);
    CHECK(!json_get(v, "k", &got));
    CHECK(!json_get(list, "1", &got));
    CHECK(!json_get(value_of("\"a\""), "a", &got));
    it = json_iter(value_of("[ ]"));
    CHECK(!json_next(&it, &m));
    CHECK(!json_next(&it, &m));
    it = json_iter(value_of("7"));
    CHECK(!json_next(&it, &m));
    n = 0;
    for (it = json_iter(v); json_next(&it, &m); n++)
        CHECK_INT(m.key.len, 1);
    CHECK_INT(n, 3);
}

static void the_only_one(void)
{
    static const struct {
        const char *doc;
        enum err e;
    } table[] = {
        {"{\"type\":1}", ERR_NONE},
        {"{\"a\":{\"type\":0},\"typ\\u0065\":1,\"b\":2}", ERR_NONE},
        {"{\"type\":1,\"type\":1}", ERR_DUPLICATE},
        {"{\"type\":1,\"b\":2,\"\\u0074ype\":3}", ERR_DUPLICATE},
        {"{\"types\":1}", ERR_NOT_FOUND},
        {"{}", ERR_NOT_FOUND},
        {"[\"type\"]", ERR_NOT_FOUND},
        {"\"type\"", ERR_NOT_FOUND},
    };

    for (size_t i = 0; i < N(table); i++) {
        struct json_value got = {.kind = JSON_NULL};

        CHECK_INT(json_only(value_of(table[i].doc), "type", &got), table[i].e);
        CHECK_INT(got.kind, table[i].e == ERR_NONE ? JSON_NUMBER : JSON_NULL);
    }
}

static const struct check_case cases[] = {
    {"json_members_in_order", members_in_order},
    {"json_keys_have_escapes_decoded", keys_have_escapes_decoded},
    {"json_strings", strings},
    {"json_integers", integers},
    {"json_whole_numbers", whole_numbers},
    {"json_keys_that_look_alike", keys_that_look_alike},
    {"json_walking", walking},
    {"json_the_only_one", the_only_one},
};
CHECK_MAIN(cases)
