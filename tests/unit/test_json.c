/* The router and the provider behind it must read the same request: what we accept is exactly what
 * a strict parser accepts, and no spelling of a key shows us another document than it shows them.
 * The verdicts in the tables are those of python3's json (with NaN and Infinity refused); all three
 * scanners must give them. */
#include "check.h"
#include "json.h"

#include <stdlib.h>

static const char *const implementations[] = {"scalar", "sse2", "avx2"};
enum { N_IMPLEMENTATIONS = 3 };

struct vector {
    const char *text;
    size_t len;
};
#define V(lit)                                                                                     \
    {                                                                                              \
        lit, sizeof(lit) - 1                                                                       \
    }

static const struct vector valid[] = {
    V("null"),
    V("true"),
    V(" false\n"),
    V("0"),
    V("-0"),
    V("-0.0e-0"),
    V("9223372036854775808"),
    V("123456789012345678901234567890123456789012345678901234567890"),
    V("1E400"),
    V("1e+5"),
    V("0.5"),
    V("\"\""),
    V("\t\r\n []"),
    V("[[],{},\"\",[{}]]"),
    V("{}"),
    V("{ }"),
    V("{\"\":0}"),
    V("{\"a\":1,\"a\":2,\"b\":{\"a\":1,\"a\":1}}"), /* duplicates are for whoever asks for a key */
    V("{\"a\" :\t1 ,\n\"b\":[ 1 , 2 ] }"),
    V("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uFfFf\""),
    V("\"\\ud83d\\ude00\""),
    V("\"\\ud83d\""), /* lone surrogates: grammatical, though they cannot be decoded */
    V("\"\\ude00\\ud83d\""),
    V("\"\\ud83dx\""),
    V("\"\x7f\""),
    V("\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\""),
    V("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
    V("\"\xe2\x80\xa8 \xef\xbb\xbf inside\""),
    V("\"thirty-two plain characters here\""),
    V("\"more than thirty-two plain ones, then \\n an escape, \xc3\xa9 and more than thirty-two\""),
};

/* at: offset of the first byte that no valid document could have there. */
static const struct {
    struct vector v;
    enum err e;
    size_t at;
} invalid[] = {
    {V(""), ERR_SHORT, 0},
    {V(" \n"), ERR_SHORT, 2},
    {V("\xef\xbb\xbf{}"), ERR_FORMAT, 0}, /* a byte order mark */
    {V("{}{}"), ERR_FORMAT, 2},
    {V("{} x"), ERR_FORMAT, 3},
    {V("nul"), ERR_SHORT, 3},
    {V("nulL"), ERR_FORMAT, 3},
    {V("nulll"), ERR_FORMAT, 4},
    {V("True"), ERR_FORMAT, 0},
    {V("NaN"), ERR_FORMAT, 0},
    {V("Infinity"), ERR_FORMAT, 0},
    {V("-Infinity"), ERR_FORMAT, 1},
    {V("undefined"), ERR_FORMAT, 0},
    {V("'a'"), ERR_FORMAT, 0},
    {V("-"), ERR_SHORT, 1},
    {V("+1"), ERR_FORMAT, 0},
    {V("01"), ERR_FORMAT, 1},
    {V("-01"), ERR_FORMAT, 2},
    {V("1."), ERR_SHORT, 2},
    {V("[1.]"), ERR_FORMAT, 3},
    {V(".5"), ERR_FORMAT, 0},
    {V("1e"), ERR_SHORT, 2},
    {V("[1e]"), ERR_FORMAT, 3},
    {V("[1e+]"), ERR_FORMAT, 4},
    {V("0x1"), ERR_FORMAT, 1},
    {V("1_000"), ERR_FORMAT, 1},
    {V("1 2"), ERR_FORMAT, 2},
    {V("["), ERR_SHORT, 1},
    {V("]"), ERR_FORMAT, 0},
    {V("[}"), ERR_FORMAT, 1},
    {V("{]"), ERR_FORMAT, 1},
    {V("[1}"), ERR_FORMAT, 2},
    {V("{\"a\":1]"), ERR_FORMAT, 6},
    {V("[1,]"), ERR_FORMAT, 3},
    {V("[,1]"), ERR_FORMAT, 1},
    {V("[1,,2]"), ERR_FORMAT, 3},
    {V("[1 2]"), ERR_FORMAT, 3},
    {V("{\"a\":1,}"), ERR_FORMAT, 7},
    {V("{,\"a\":1}"), ERR_FORMAT, 1},
    {V("{\"a\":}"), ERR_FORMAT, 5},
    {V("{\"a\"}"), ERR_FORMAT, 4},
    {V("{\"a\" 1}"), ERR_FORMAT, 5},
    {V("{\"a\"::1}"), ERR_FORMAT, 5},
    {V("{\"a\":1 \"b\":2}"), ERR_FORMAT, 7},
    {V("{a:1}"), ERR_FORMAT, 1},
    {V("{'a':1}"), ERR_FORMAT, 1},
    {V("{1:1}"), ERR_FORMAT, 1},
    {V("{\"a\":1}}"), ERR_FORMAT, 7},
    {V("[1] // c"), ERR_FORMAT, 4},
    {V("/**/[1]"), ERR_FORMAT, 0},
    {V("[\v1]"), ERR_FORMAT, 1},
    {V("[\f1]"), ERR_FORMAT, 1},
    {V("[\xc2\xa0"
       "1]"),
     ERR_FORMAT, 1},
    {V("[1\0]"), ERR_FORMAT, 2},
    {V("\"a"), ERR_SHORT, 2},
    {V("\"a\n\""), ERR_FORMAT, 2},
    {V("\"\0\""), ERR_FORMAT, 1},
    {V("\"\x1f\""), ERR_FORMAT, 1},
    {V("\"\\\""), ERR_SHORT, 3},
    {V("\"\\"), ERR_SHORT, 2},
    {V("\"\\x41\""), ERR_FORMAT, 2},
    {V("\"\\'\""), ERR_FORMAT, 2},
    {V("\"\\U0041\""), ERR_FORMAT, 2},
    {V("\"\\u12\""), ERR_FORMAT, 5},
    {V("\"\\u12"), ERR_SHORT, 5},
    {V("\"\\u12g4\""), ERR_FORMAT, 5},
    {V("\"\\u 123\""), ERR_FORMAT, 3},
    {V("\"\x80\""), ERR_FORMAT, 1},
    {V("\"\xbf\""), ERR_FORMAT, 1},
    {V("\"\xc0\x80\""), ERR_FORMAT, 1}, /* overlong NUL */
    {V("\"\xc1\xbf\""), ERR_FORMAT, 1},
    {V("\"\xc3\""), ERR_FORMAT, 2},
    {V("\"\xc3"), ERR_SHORT, 2},
    {V("\"\xe0\x9f\xbf\""), ERR_FORMAT, 2}, /* overlong */
    {V("\"\xe4\xb8\""), ERR_FORMAT, 3},
    {V("\"\xed\xa0\x80\""), ERR_FORMAT, 2},     /* a surrogate */
    {V("\"\xf0\x8f\xbf\xbf\""), ERR_FORMAT, 2}, /* overlong */
    {V("\"\xf4\x90\x80\x80\""), ERR_FORMAT, 2}, /* beyond U+10FFFF */
    {V("\"\xf5\x80\x80\x80\""), ERR_FORMAT, 1},
    {V("\"\xff\""), ERR_FORMAT, 1},
    {V("\"\xf0\x9f\x98"), ERR_SHORT, 4},
    {V("\"thirty-two plain characters, and \x01 then\""), ERR_FORMAT, 34},
    {V("\"more than thirty-two plain ones, then a quote\"x\""), ERR_FORMAT, 47},
};
#define N(table) (sizeof(table) / sizeof(table)[0])

/* A copy of exact size on the heap, so that ASan sees any read beyond. */
static struct view exact(struct vector v, uint8_t **copy)
{
    *copy = malloc(v.len != 0 ? v.len : 1);
    memcpy(*copy, v.text, v.len);
    return view_of(*copy, v.len);
}

static void accepts_what_is_valid(void)
{
    for (size_t k = 0; k < N_IMPLEMENTATIONS; k++) {
        if (!json_use(implementations[k]))
            continue;
        for (size_t i = 0; i < N(valid); i++) {
            struct json_value root = {.kind = JSON_NULL};
            size_t at = 4711;
            uint8_t *copy;
            struct view doc = exact(valid[i], &copy), text = doc;

            CHECK_INT(json_check(doc, &root, &at), ERR_NONE);
            CHECK_INT(at, 4711);
            while (text.len != 0 && strchr(" \t\r\n", text.ptr[0]) != NULL)
                text = view_from(text, 1);
            while (text.len != 0 && strchr(" \t\r\n", text.ptr[text.len - 1]) != NULL)
                text.len--;
            CHECK(root.text.ptr == text.ptr && root.text.len == text.len);
            free(copy);
        }
    }
}

static void refuses_what_is_not(void)
{
    for (size_t k = 0; k < N_IMPLEMENTATIONS; k++) {
        if (!json_use(implementations[k]))
            continue;
        for (size_t i = 0; i < N(invalid); i++) {
            struct json_value root;
            size_t at = 4711;
            uint8_t *copy;
            struct view doc = exact(invalid[i].v, &copy);
            enum err e = json_check(doc, &root, &at);

            if (e != invalid[i].e || at != invalid[i].at)
                printf("# %s on %.*s\n", implementations[k], (int)doc.len, (const char *)doc.ptr);
            CHECK_INT(e, invalid[i].e);
            CHECK_INT(at, invalid[i].at);
            CHECK_INT(json_check(doc, &root, NULL), invalid[i].e);
            free(copy);
        }
    }
}

/* Cut anywhere, a request is short, never wrong, and never over-read. */
static void truncated_at_every_byte(void)
{
    static const struct vector doc =
        V("{\"model\":\"a\\u00e9/"
          "\xe4\xb8\xad\xf0\x9f\x98\x80\",\"t\":-12.5e-7,\"b\":[true,false,null],"
          "\"messages\":[{\"role\":\"user\",\"content\":\"a text of more than thirty-two "
          "bytes\\n\"}]}");
    struct json_member m[8];
    struct json_value root;
    size_t n, at;

    for (size_t k = 0; k < N_IMPLEMENTATIONS; k++) {
        if (!json_use(implementations[k]))
            continue;
        for (size_t len = 0; len <= doc.len; len++) {
            enum err want = len == doc.len ? ERR_NONE : ERR_SHORT;
            uint8_t *copy;
            struct view v = exact((struct vector){doc.text, len}, &copy);

            at = len;
            CHECK_INT(json_check(v, &root, &at), want);
            CHECK_INT(at, len);
            CHECK_INT(json_object(v, m, 8, &n, &at), want);
            CHECK_INT(at, len);
            free(copy);
        }
    }
}

/* The same special byte at every distance from the start: each lane of each scanner, and its tail.
 */
static void every_lane(void)
{
    static const struct {
        char byte;
        enum err e;
    } table[] = {{'"', ERR_FORMAT}, {'\\', ERR_FORMAT},       {0x1f, ERR_FORMAT},
                 {0, ERR_FORMAT},   {(char)0x80, ERR_FORMAT}, {(char)0xff, ERR_FORMAT},
                 {0x20, ERR_NONE},  {0x7f, ERR_NONE},         {'!', ERR_NONE},
                 {'[', ERR_NONE},   {']', ERR_NONE}};
    struct json_value root;
    size_t at;

    for (size_t k = 0; k < N_IMPLEMENTATIONS; k++) {
        if (!json_use(implementations[k]))
            continue;
        for (size_t len = 1; len < 100; len++) {
            for (size_t i = 0; i < len; i++) {
                for (size_t b = 0; b < N(table); b++) {
                    char text[102];

                    memset(text, 'x', sizeof text);
                    text[0] = text[len + 1] = '"';
                    text[i + 1] = table[b].byte;
                    /* A quote in last place ends the string early; an escaped quote never. */
                    if (i + 1 == len && table[b].byte == '\\') {
                        CHECK_INT(json_check(view_of(text, len + 2), &root, &at), ERR_SHORT);
                        continue;
                    }
                    CHECK_INT(json_check(view_of(text, len + 2), &root, &at), table[b].e);
                    if (table[b].e != ERR_NONE)
                        CHECK_INT(at, i + 1 + (table[b].byte == '"' || table[b].byte == '\\'));
                }
            }
        }
    }
}

static void depth(void)
{
    char text[2 * 65 * 5 + 1];
    struct json_member m[1];
    struct json_value root;
    size_t at = 0, n = 0;

    for (size_t d = 63; d <= 65; d++) {
        for (size_t i = 0; i < d; i++) {
            text[i] = '[';
            text[2 * d - 1 - i] = ']';
        }
        CHECK_INT(json_check(view_of(text, 2 * d), &root, &at), d <= 64 ? ERR_NONE : ERR_LIMIT);
        n = 0;
        for (size_t i = 0; i < d; i++, n += 5)
            memcpy(text + n, "{\"a\":", 5);
        text[n++] = '1';
        for (size_t i = 0; i < d; i++)
            text[n++] = '}';
        CHECK_INT(json_object(view_of(text, n), m, 1, &n, &at), d <= 64 ? ERR_NONE : ERR_LIMIT);
    }
    CHECK_INT(at, 64 * 5);
    memset(text, '[', sizeof text); /* deep and short: the depth is what matters first */
    CHECK_INT(json_check(view_of(text, sizeof text), &root, &at), ERR_LIMIT);
    CHECK_INT(at, 64);
}

static const struct check_case cases[] = {
    {"json_accepts_what_is_valid", accepts_what_is_valid},
    {"json_refuses_what_is_not", refuses_what_is_not},
    {"json_truncated_at_every_byte", truncated_at_every_byte},
    {"json_every_lane", every_lane},
    {"json_depth", depth},
};
CHECK_MAIN(cases)
