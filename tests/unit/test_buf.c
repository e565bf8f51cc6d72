/* Buffers hold prompts and keys: nothing may stay in the heap when one grows, shrinks or dies, and
 * none may pass its maximum, whatever is asked of it. */
#include "buf.h"
#include "check.h"

#include <stdlib.h>

/* What buf.c gives back to the heap, as it was at that moment, and a heap that says no. */
static uint8_t freed_bytes[64];
static unsigned freed_n;
static bool watching, exhausted;

static void watched_free(void *p)
{
    if (watching)
        memcpy(freed_bytes, p, sizeof freed_bytes);
    freed_n++;
    free(p);
}

static void *watched_malloc(size_t n)
{
    return exhausted ? NULL : malloc(n);
}
#define malloc watched_malloc
#define free watched_free
#include "buf.c"
#undef free
#undef malloc

static void grows_up_to_its_maximum(void)
{
    struct buf b;

    buf_init(&b, 100);
    CHECK(b.ptr == NULL);
    for (int i = 0; i < 100; i++)
        CHECK_INT(buf_append_byte(&b, (uint8_t)i), ERR_NONE);
    CHECK_INT(buf_append_byte(&b, 0), ERR_LIMIT);
    CHECK_INT(b.len, 100);
    CHECK_INT(b.cap, 100);
    for (int i = 0; i < 100; i++)
        CHECK_INT(b.ptr[i], i);
    buf_free(&b);
    CHECK(b.ptr == NULL && b.len == 0 && b.cap == 0 && b.max == 100);
    buf_free(&b);
    CHECK_INT(buf_append(&b, VIEW_LIT("again")), ERR_NONE);
    buf_free(&b);
}

static void reserve_refuses_any_size(void)
{
    struct buf b;

    buf_init(&b, 10);
    CHECK_INT(buf_append(&b, VIEW_LIT("abc")), ERR_NONE);
    CHECK_INT(buf_reserve(&b, 7), ERR_NONE);
    CHECK_INT(buf_reserve(&b, 8), ERR_LIMIT);
    CHECK_INT(buf_reserve(&b, SIZE_MAX), ERR_LIMIT);
    CHECK_INT(buf_reserve(&b, SIZE_MAX - 2), ERR_LIMIT);
    CHECK_BYTES(b.ptr, b.len, "abc", 3);
    buf_free(&b);
    buf_init(&b, SIZE_MAX);
    CHECK_INT(buf_append(&b, VIEW_LIT("abc")), ERR_NONE);
    exhausted = true;
    CHECK_INT(buf_reserve(&b, SIZE_MAX / 2), ERR_MEMORY);
    CHECK_INT(buf_reserve(&b, SIZE_MAX - 3), ERR_MEMORY);
    exhausted = false;
    CHECK_BYTES(b.ptr, b.len, "abc", 3);
    buf_free(&b);
    buf_init(&b, 0);
    CHECK_INT(buf_append(&b, VIEW_EMPTY), ERR_NONE);
    CHECK_INT(buf_append_byte(&b, 1), ERR_LIMIT);
}

static void reset_and_consume_wipe(void)
{
    struct buf b;

    buf_init(&b, 100);
    CHECK_INT(buf_append(&b, VIEW_LIT("secretABC")), ERR_NONE);
    buf_consume(&b, 0);
    buf_consume(&b, 6);
    CHECK_BYTES(b.ptr, b.len, "ABC", 3);
    CHECK_BYTES(b.ptr + 3, 6, "\0\0\0\0\0\0", 6);
    buf_consume(&b, 3);
    CHECK_BYTES(b.ptr, 9, "\0\0\0\0\0\0\0\0\0", 9);
    CHECK_INT(buf_append(&b, VIEW_LIT("secret")), ERR_NONE);
    buf_reset(&b);
    CHECK_INT(b.len, 0);
    CHECK_BYTES(b.ptr, 6, "\0\0\0\0\0\0", 6);
    buf_free(&b);
}

static void growing_and_dying_wipe(void)
{
    static const uint8_t zeros[64];
    struct buf b;

    freed_n = 0;
    watching = true; /* every buffer below is at least as large as what is remembered */
    buf_init(&b, 1000);
    CHECK_INT(buf_append(&b, VIEW_LIT("secret")), ERR_NONE);
    CHECK_INT(b.cap, 64);
    b.ptr[60] = 'x'; /* beyond len: a parser may have written there */
    CHECK_INT(buf_reserve(&b, 100), ERR_NONE);
    CHECK_INT(freed_n, 1);
    CHECK_BYTES(freed_bytes, 64, zeros, 64);
    CHECK_BYTES(b.ptr, b.len, "secret", 6);
    buf_free(&b);
    CHECK_INT(freed_n, 2);
    watching = false;
    CHECK_BYTES(freed_bytes, 64, zeros, 64);
}

static void numbers(void)
{
    struct buf b;

    buf_init(&b, 200);
    CHECK_INT(buf_append_u64(&b, 0), ERR_NONE);
    CHECK_INT(buf_append_byte(&b, ' '), ERR_NONE);
    CHECK_INT(buf_append_u64(&b, UINT64_MAX), ERR_NONE);
    CHECK_INT(buf_append_byte(&b, ' '), ERR_NONE);
    CHECK_INT(buf_append_i64(&b, INT64_MIN), ERR_NONE);
    CHECK_INT(buf_append_byte(&b, ' '), ERR_NONE);
    CHECK_INT(buf_append_i64(&b, INT64_MAX), ERR_NONE);
    CHECK_INT(buf_append_i64(&b, -1), ERR_NONE);
    CHECK_INT(buf_appendf(&b, " %s-%d", "x", 5), ERR_NONE);
#define WANT "0 18446744073709551615 -9223372036854775808 9223372036854775807-1 x-5"
    CHECK_BYTES(b.ptr, b.len, WANT, sizeof WANT - 1);
    buf_free(&b);
    buf_init(&b, 6); /* five characters and vsnprintf's NUL fit, six do not */
    CHECK_INT(buf_appendf(&b, "%s", "123456"), ERR_LIMIT);
    CHECK_INT(b.len, 0);
    CHECK_INT(buf_appendf(&b, "%s", "12345"), ERR_NONE);
    CHECK_INT(b.len, 5);
    buf_free(&b);
}

static void json_strings(void)
{
    static const struct {
        const char *in;
        size_t len;
        const char *out;
    } table[] = {
        {"", 0, "\"\""},
        {"plain", 5, "\"plain\""},
        {"a\"b\\c/", 6, "\"a\\\"b\\\\c/\""},
        {"\n\r\t\b\x1f\0", 6, "\"\\n\\r\\t\\u0008\\u001f\\u0000\""},
        {"\x7f", 1, "\"\x7f\""},
        {"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80", 9, "\"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\""},
        {"a\xc3", 2, "\"a\\ufffd\""},                       /* cut short */
        {"\xc0\x80", 2, "\"\\ufffd\\ufffd\""},              /* overlong */
        {"\xed\xa0\x80z", 4, "\"\\ufffd\\ufffd\\ufffdz\""}, /* a surrogate */
    };
    struct buf b;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        size_t want = strlen(table[i].out);

        buf_init(&b, want);
        CHECK_INT(buf_append_json_string(&b, view_of(table[i].in, table[i].len)), ERR_NONE);
        CHECK_BYTES(b.ptr, b.len, table[i].out, want);
        buf_free(&b);
        buf_init(&b, want - 1); /* one byte less: refused, and nothing is left half-written */
        CHECK_INT(buf_append_json_string(&b, view_of(table[i].in, table[i].len)), ERR_LIMIT);
        CHECK_INT(b.len, 0);
        buf_free(&b);
    }
}

static const struct check_case cases[] = {
    {"buf_grows_up_to_its_maximum", grows_up_to_its_maximum},
    {"buf_reserve_refuses_any_size", reserve_refuses_any_size},
    {"buf_reset_and_consume_wipe", reset_and_consume_wipe},
    {"buf_growing_and_dying_wipe", growing_and_dying_wipe},
    {"buf_numbers", numbers},
    {"buf_json_strings", json_strings},
};
CHECK_MAIN(cases)
