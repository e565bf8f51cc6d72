/* Compressed response bodies: each format, cut at every byte, joined, plain under its label; cut short,
 * corrupt, and grown out of nothing. */
#include "buf.h"
#include "check.h"
#include "coding.h"

#include <stdlib.h>
#include <zlib.h>

static bool collect(void *cookie, struct view bytes)
{
    CHECK_INT(buf_append(cookie, bytes), ERR_NONE);
    return true;
}

static bool once(void *cookie, struct view bytes)
{
    (void)bytes;
    ++*(int *)cookie;
    return false;
}

/* window: as zlib numbers formats (gzip 31, zlib 15, raw -15). */
static size_t pack(struct view text, int window, uint8_t *out, size_t max)
{
    z_stream z = {0};

    CHECK_INT(deflateInit2(&z, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (z_const Bytef *)text.ptr;
    z.avail_in = (uInt)text.len;
    z.next_out = out;
    z.avail_out = (uInt)max;
    CHECK_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
    CHECK_INT(deflateEnd(&z), Z_OK);
    return max - z.avail_out;
}

/* Feed bytes in two parts. */
static enum err feed(enum coding_kind kind, struct view bytes, size_t cut, struct buf *out, bool *over)
{
    struct coding *c;
    enum err e;

    buf_init(out, 64 << 20);
    CHECK_INT(coding_new(kind, &c), ERR_NONE);
    e = coding_feed(c, view_of(bytes.ptr, cut), collect, out);
    if (e == ERR_NONE)
        e = coding_feed(c, view_from(bytes, cut), collect, out);
    *over = coding_over(c);
    coding_free(c);
    return e;
}

static const struct view text = {(const uint8_t *)"{\"choices\":[{\"message\":{\"content\":\"hello\"}}]}", 44};

static void test_formats(void)
{
    static const struct {
        enum coding_kind kind;
        int window;
    } cases[] = {{CODING_GZIP, 31}, {CODING_DEFLATE, 15}, {CODING_DEFLATE, -15}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t packed[512];
        size_t n = pack(text, cases[i].window, packed, sizeof packed);

        for (size_t cut = 0; cut <= n; cut++) {
            struct buf out;
            bool over;

            CHECK_INT(feed(cases[i].kind, view_of(packed, n), cut, &out, &over), ERR_NONE);
            CHECK_BYTES(out.ptr, out.len, text.ptr, text.len);
            CHECK(over);
            buf_free(&out);
            CHECK_INT(feed(cases[i].kind, view_of(packed, cut), cut, &out, &over), ERR_NONE);
            CHECK(cut == n || !over); /* a body cut short is none */
            buf_free(&out);
        }
    }
}

static void test_odd(void)
{
    uint8_t packed[1024];
    size_t n = pack(text, 31, packed, sizeof packed / 2), twice = n + pack(text, 31, packed + n, 512);
    struct buf out;
    bool over;
    int calls = 0;
    struct coding *c;

    for (size_t cut = 0; cut <= twice; cut++) { /* also where one ends and the other begins */
        CHECK_INT(feed(CODING_GZIP, view_of(packed, twice), cut, &out, &over), ERR_NONE);
        CHECK_INT(out.len, 2 * text.len);
        CHECK(over);
        buf_free(&out);
    }
    CHECK_INT(feed(CODING_GZIP, text, 3, &out, &over), ERR_NONE); /* a proxy decoded it and left the label */
    CHECK_BYTES(out.ptr, out.len, text.ptr, text.len);
    CHECK(over);
    buf_free(&out);
    CHECK_INT(coding_new(CODING_GZIP, &c), ERR_NONE); /* nothing more is wanted */
    CHECK_INT(coding_feed(c, view_of(packed, twice), once, &calls), ERR_NONE);
    CHECK_INT(calls, 1);
    coding_free(c);
    packed[n - 6] ^= 1; /* the checksum */
    CHECK_INT(feed(CODING_GZIP, view_of(packed, n), 5, &out, &over), ERR_PROVIDER_PROTOCOL);
    buf_free(&out);
    CHECK_INT(feed(CODING_DEFLATE, VIEW_LIT("\xff\xff\xff\xff"), 1, &out, &over), ERR_PROVIDER_PROTOCOL);
    buf_free(&out);
}

static void test_ratio(void)
{
    const size_t size = 32 << 20;
    uint8_t *zeros = calloc(1, size), *packed = malloc(1 << 20);
    size_t n = pack(view_of(zeros, size), 31, packed, 1 << 20);
    struct buf out;
    bool over;

    CHECK_INT(feed(CODING_GZIP, view_of(packed, n), 10, &out, &over), ERR_PROVIDER_PROTOCOL);
    CHECK(out.len <= n * CODING_RATIO_MAX + CODING_FREE_BYTES);
    buf_free(&out);
    n = pack(view_of(zeros, CODING_FREE_BYTES), 31, packed, 1 << 20); /* its twin is small */
    CHECK_INT(feed(CODING_GZIP, view_of(packed, n), 10, &out, &over), ERR_NONE);
    CHECK_INT(out.len, CODING_FREE_BYTES);
    buf_free(&out);
    free(zeros);
    free(packed);
}

int main(int argc, char **argv)
{
    static const struct check_case list[] = {
        {"coding_formats_cut_everywhere", test_formats},
        {"coding_odd", test_odd},
        {"coding_ratio", test_ratio},
    };

    return check_main(list, sizeof list / sizeof list[0], argc, argv);
}
