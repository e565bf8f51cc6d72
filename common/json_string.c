#include "json_string.h"
#include "json.h"
#include "secret.h"
#include "utf8.h"

#include <assert.h>
#include <stdatomic.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* --- the plain part of a string, three times --- */

/* The first byte of [p, end) that needs a look: a quote, a backslash, a control character, or the
 * lead of a multi-byte character. `end` when there is none. */
typedef const uint8_t *plain_fn(const uint8_t *p, const uint8_t *end);

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static const uint8_t *plain_scalar(const uint8_t *p, const uint8_t *end)
{
    while (p < end && is_plain(*p))
        p++;
    return p;
}

#if defined(__x86_64__)
/* As signed bytes, everything from 0x80 up is negative, so one comparison with 0x20 finds control
 * characters and multi-byte leads together. */
static const uint8_t *plain_sse2(const uint8_t *p, const uint8_t *end)
{
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(0x20);

    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
        unsigned mask;

        hit = _mm_or_si128(hit, _mm_cmplt_epi8(v, space));
        mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask != 0)
            return p + __builtin_ctz(mask);
    }
    return plain_scalar(p, end);
}

__attribute__((target("avx2"))) static const uint8_t *plain_avx2(const uint8_t *p,
                                                                 const uint8_t *end)
{
    const __m256i quote = _mm256_set1_epi8('"'), slash = _mm256_set1_epi8('\\');
    const __m256i space = _mm256_set1_epi8(0x20);

    for (; end - p >= 32; p += 32) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
        __m256i hit = _mm256_or_si256(_mm256_cmpeq_epi8(v, quote), _mm256_cmpeq_epi8(v, slash));
        unsigned mask;

        hit = _mm256_or_si256(hit, _mm256_cmpgt_epi8(space, v));
        mask = (unsigned)_mm256_movemask_epi8(hit);
        if (mask != 0)
            return p + __builtin_ctz(mask);
    }
    return plain_sse2(p, end);
}
#endif

static plain_fn plain_choose;
/* Starts at the function that replaces it by the best one: no start-up call, no branch later. */
static plain_fn *_Atomic plain = plain_choose;

static const uint8_t *plain_choose(const uint8_t *p, const uint8_t *end)
{
    plain_fn *best = plain_scalar;

#if defined(__x86_64__)
    best = __builtin_cpu_supports("avx2") ? plain_avx2 : plain_sse2;
#endif
    atomic_store_explicit(&plain, best, memory_order_relaxed);
    return best(p, end);
}

bool json_use(const char *implementation)
{
    plain_fn *f = NULL;

    if (strcmp(implementation, "scalar") == 0)
        f = plain_scalar;
#if defined(__x86_64__)
    if (strcmp(implementation, "sse2") == 0)
        f = plain_sse2;
    if (strcmp(implementation, "avx2") == 0 && __builtin_cpu_supports("avx2"))
        f = plain_avx2;
#endif
    if (f != NULL)
        atomic_store_explicit(&plain, f, memory_order_relaxed);
    return f != NULL;
}

/* --- the whole string --- */

/* The value of a hex digit, or 16. */
static unsigned hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10u : 16u;
}

/* What a two-character escape stands for; 0 when it is none. */
static uint8_t escape_value(uint8_t c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

/* *at stands on a backslash. Surrogates need not pair up here: RFC 8259 lets a lone one pass, and
 * what nobody reads is forwarded as it came. */
static enum err scan_escape(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *p = *at + 1;
    enum err e = ERR_NONE;

    if (p < end && *p == 'u') {
        unsigned digits = 0;

        for (p++; digits < 4 && p < end && hex_value(*p) < 16; p++)
            digits++;
        if (digits < 4)
            e = ERR_FORMAT;
    } else if (p < end && escape_value(*p) != 0) {
        p++;
    } else {
        e = ERR_FORMAT;
    }
    *at = p;
    return e != ERR_NONE && p == end ? ERR_SHORT : e;
}

enum err json_string_scan(const uint8_t **at, const uint8_t *end)
{
    plain_fn *skip = atomic_load_explicit(&plain, memory_order_relaxed);
    const uint8_t *p = *at;
    enum err e = ERR_NONE;

    while (e == ERR_NONE) {
        size_t bad = 0, len;

        p = skip(p, end);
        if (p == end) {
            e = ERR_SHORT;
        } else if (*p == '"') {
            *at = p + 1;
            return ERR_NONE;
        } else if (*p == '\\') {
            e = scan_escape(&p, end);
        } else {
            /* A control character, or characters beyond ASCII, which come in runs. */
            while (p < end && *p >= 0x80 && (len = utf8_sequence(p, (size_t)(end - p), &bad)) != 0)
                p += len;
            if (p < end && (*p < 0x20 || *p >= 0x80)) {
                if (*p >= 0x80)
                    p += bad;
                e = p == end ? ERR_SHORT : ERR_FORMAT;
            }
        }
    }
    *at = p;
    return e;
}

/* --- decoding --- */

/* Four hex digits at the front of v, taken; UINT32_MAX when they are not there. */
static uint32_t take_hex4(struct view *v)
{
    struct view digits;
    uint32_t n = 0;

    if (!view_take(v, 4, &digits))
        return UINT32_MAX;
    for (size_t i = 0; i < 4; i++) {
        unsigned digit = hex_value(digits.ptr[i]);

        if (digit == 16)
            return UINT32_MAX;
        n = n << 4 | digit;
    }
    return n;
}

/* Takes one escape from the front of v and writes the bytes it stands for. Returns how many, 0 for
 * what has no UTF-8 form: a lone surrogate, or no escape at all. */
static size_t take_escape(struct view *v, uint8_t out[static 4])
{
    struct view head;
    uint32_t cp, low;

    if (!view_take(v, 2, &head) || head.ptr[0] != '\\')
        return 0;
    if (head.ptr[1] != 'u') {
        out[0] = escape_value(head.ptr[1]);
        return out[0] != 0;
    }
    cp = take_hex4(v);
    if (cp >= 0xd800 && cp <= 0xdbff) {
        if (!view_take(v, 2, &head) || head.ptr[0] != '\\' || head.ptr[1] != 'u')
            return 0;
        low = take_hex4(v);
        if (low < 0xdc00 || low > 0xdfff)
            return 0;
        cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
    }
    if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
        return 0;
    return utf8_encode(cp, out);
}

/* Takes the bytes before the first backslash. */
static struct view take_run(struct view *v)
{
    const uint8_t *slash = v->len != 0 ? memchr(v->ptr, '\\', v->len) : NULL;
    struct view run = VIEW_EMPTY;
    bool taken = view_take(v, slash != NULL ? (size_t)(slash - v->ptr) : v->len, &run);

    assert(taken);
    return run;
}

/* Whether raw, escapes decoded, is exactly want. */
static bool decodes_to(struct view raw, struct view want)
{
    uint8_t bytes[4];

    if (raw.len <= want.len) /* an escape is always longer than what it stands for */
        return view_eq(raw, want) && memchr(want.ptr, '\\', want.len) == NULL;
    while (raw.len != 0) {
        struct view part = take_run(&raw), same;

        if (!view_take(&want, part.len, &same) || !view_eq(part, same))
            return false;
        if (raw.len == 0)
            break;
        part = view_of(bytes, take_escape(&raw, bytes));
        if (part.len == 0 || !view_take(&want, part.len, &same) || !view_eq(part, same))
            return false;
    }
    return want.len == 0;
}

/* The bytes between the quotes. */
static bool inner(struct json_value v, struct view *out)
{
    if (v.kind != JSON_STRING || v.text.len < 2)
        return false;
    *out = view_of(v.text.ptr + 1, v.text.len - 2);
    return true;
}

bool json_key_is(struct view key, const char *name)
{
    return decodes_to(key, view_str(name));
}

/* Takes one character of a raw key. Returns its lower-case ASCII letter, or what Unicode folds to one
 * (long s, Kelvin sign), or the ASCII character itself; 0x80 for any other character. */
static unsigned take_folded(struct view *key)
{
    uint8_t escaped[4];
    struct view c;
    size_t len = 1;

    if (key->ptr[0] == '\\') {
        c = view_of(escaped, take_escape(key, escaped));
    } else {
        if (key->ptr[0] >= 0xc0)
            len = key->ptr[0] >= 0xf0 ? 4 : key->ptr[0] >= 0xe0 ? 3 : 2;
        if (!view_take(key, len, &c))
            c = VIEW_EMPTY;
    }
    if (view_eq(c, VIEW_LIT("\xc5\xbf")))
        return 's';
    if (view_eq(c, VIEW_LIT("\xe2\x84\xaa")))
        return 'k';
    if (c.len != 1) {
        if (c.len == 0) /* a lone surrogate, which no name of ours holds */
            *key = VIEW_EMPTY;
        return 0x80;
    }
    return c.ptr[0] >= 'A' && c.ptr[0] <= 'Z' ? c.ptr[0] + 32u : c.ptr[0];
}

bool json_key_like(struct view key, const char *name)
{
    for (; key.len != 0; name++) {
        unsigned c = take_folded(&key);

        if (c == 0) /* here a C string ends */
            return *name == '\0';
        if (c != (uint8_t)*name)
            return false;
    }
    return *name == '\0';
}

bool json_string_is(struct json_value v, const char *s)
{
    struct view raw;

    return inner(v, &raw) && decodes_to(raw, view_str(s));
}

bool json_string_plain(struct json_value v, struct view *out)
{
    struct view raw;

    if (!inner(v, &raw) || (raw.len != 0 && memchr(raw.ptr, '\\', raw.len) != NULL))
        return false;
    *out = raw;
    return true;
}

enum err json_inner_decode(struct view raw, struct buf *out)
{
    size_t before = out->len;
    enum err e = ERR_NONE;

    while (raw.len != 0 && e == ERR_NONE) {
        uint8_t bytes[4];
        size_t len;

        e = buf_append(out, take_run(&raw));
        if (e != ERR_NONE || raw.len == 0)
            break;
        len = take_escape(&raw, bytes);
        e = len != 0 ? buf_append(out, view_of(bytes, len)) : ERR_FORMAT;
        secret_wipe(bytes, sizeof bytes);
    }
    if (e != ERR_NONE && out->len > before) {
        secret_wipe(out->ptr + before, out->len - before);
        out->len = before;
    }
    return e;
}

enum err json_string_decode(struct json_value v, struct buf *out)
{
    struct view raw;

    return inner(v, &raw) ? json_inner_decode(raw, out) : ERR_FORMAT;
}
