/* Request bodies in a content coding come from strangers: what decodes them must read every form that
 * clients send, see damage and missing ends, and stop at its limit whatever the packed bytes promise. */
#include "unpack.c"

#include "check.h"

#include <stdlib.h>

enum { ROOM = 1 << 20 };

static uint8_t packed[ROOM];

/* Window bits as zlib has them: +16 gzip, negative bare deflate. */
static struct view zlib_pack(struct view plain, int bits, uint8_t *to)
{
    z_stream z = {0};
    struct view out;

    CHECK_INT(deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)plain.ptr;
    z.avail_in = (uInt)plain.len;
    z.next_out = to;
    z.avail_out = ROOM / 2;
    CHECK_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
    out = view_of(to, z.total_out);
    (void)deflateEnd(&z);
    return out;
}

static struct view zstd_pack(struct view plain, uint8_t *to)
{
    size_t n = ZSTD_compress(to, ROOM / 2, plain.ptr, plain.len, 3);

    CHECK(!ZSTD_isError(n));
    return view_of(to, n);
}

static struct view pack(enum unpack_coding coding, bool bare, struct view plain, uint8_t *to)
{
    if (coding == UNPACK_ZSTD)
        return zstd_pack(plain, to);
    return zlib_pack(plain, coding == UNPACK_GZIP ? 15 + 16 : bare ? -15 : 15, to);
}

static const struct {
    enum unpack_coding coding;
    bool bare;
} forms[] = {
    {UNPACK_GZIP, false}, {UNPACK_DEFLATE, false}, {UNPACK_DEFLATE, true}, {UNPACK_ZSTD, false}};
enum { FORMS = sizeof forms / sizeof forms[0] };

static enum err decode(enum unpack_coding coding, struct view bytes, size_t max, struct buf *out)
{
    buf_init(out, max + 1);
    return unpack(coding, bytes, max, out);
}

static void test_names(void)
{
    static const struct {
        const char *text;
        enum err e;
        enum unpack_coding coding;
    } cases[] = {
        {"gzip", ERR_NONE, UNPACK_GZIP},       {"GZip ", ERR_NONE, UNPACK_GZIP},
        {"x-gzip", ERR_NONE, UNPACK_GZIP},     {"deflate", ERR_NONE, UNPACK_DEFLATE},
        {"zstd", ERR_NONE, UNPACK_ZSTD},       {"identity", ERR_NONE, UNPACK_IDENTITY},
        {"", ERR_NONE, UNPACK_IDENTITY},       {"br", ERR_UNSUPPORTED, 0},
        {"gzip, gzip", ERR_UNSUPPORTED, 0},    {"gzip2", ERR_UNSUPPORTED, 0},
        {"compress", ERR_UNSUPPORTED, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum unpack_coding coding = UNPACK_IDENTITY;

        CHECK_INT(unpack_coding(view_str(cases[i].text), &coding), cases[i].e);
        if (cases[i].e == ERR_NONE)
            CHECK_INT(coding, cases[i].coding);
    }
}

/* Short, longer than one piece, and hardly compressible. */
static void test_round_trip(void)
{
    uint8_t *big = malloc(200000);
    struct view plains[] = {VIEW_LIT("{}"), view_of(big, 200000), view_of(big, UNPACK_PIECE_BYTES)};
    struct buf out;

    for (size_t i = 0; i < 200000; i++)
        big[i] = (uint8_t)(i * i >> 7);
    for (size_t k = 0; k < FORMS; k++)
        for (size_t i = 0; i < 3; i++) {
            struct view bytes = pack(forms[k].coding, forms[k].bare, plains[i], packed);

            CHECK_INT(decode(forms[k].coding, bytes, plains[i].len, &out), ERR_NONE);
            CHECK_BYTES(out.ptr, out.len, plains[i].ptr, plains[i].len);
            buf_free(&out);
            CHECK_INT(decode(forms[k].coding, bytes, plains[i].len - 1, &out), ERR_LIMIT);
            CHECK(out.len <= plains[i].len);
            buf_free(&out);
        }
    free(big);
}

/* Several gzip members and several zstd frames are one body; a zlib stream is alone. */
static void test_several(void)
{
    for (size_t k = 0; k < FORMS; k++) {
        struct view a = pack(forms[k].coding, forms[k].bare, VIEW_LIT("{\"a\":"), packed);
        struct view b =
            pack(forms[k].coding, forms[k].bare, VIEW_LIT("1}"), packed + a.len);
        struct buf out;
        enum err e = decode(forms[k].coding, view_of(packed, a.len + b.len), 100, &out);

        CHECK_INT(e, forms[k].coding == UNPACK_DEFLATE ? ERR_FORMAT : ERR_NONE);
        if (e == ERR_NONE)
            CHECK_BYTES(out.ptr, out.len, "{\"a\":1}", 7);
        buf_free(&out);
    }
}

static void test_damaged(void)
{
    static const uint8_t text[] = "{\"model\":\"demo/echo\",\"messages\":[{\"role\":\"user\"}]}";
    struct view plain = view_of(text, sizeof text - 1);
    struct buf out;

    for (size_t k = 0; k < FORMS; k++) {
        struct view bytes = pack(forms[k].coding, forms[k].bare, plain, packed);

        for (size_t n = 1; n < bytes.len; n++) { /* cut off at every byte */
            enum err e = decode(forms[k].coding, view_of(packed, n), ROOM, &out);

            CHECK(e == ERR_SHORT || (n == 1 && e == ERR_FORMAT)); /* one byte of zlib says too little */
            buf_free(&out);
        }
        packed[bytes.len] = 'x';
        CHECK(decode(forms[k].coding, view_of(packed, bytes.len + 1), ROOM, &out) != ERR_NONE);
        buf_free(&out);
        CHECK(decode(forms[k].coding, plain, ROOM, &out) == ERR_FORMAT);
        buf_free(&out);
    }
    CHECK_INT(decode(UNPACK_GZIP, zstd_pack(plain, packed), ROOM, &out), ERR_FORMAT);
    buf_free(&out);
}

/* A small body that would be large: no more than the limit is ever held, and a budget has its say. */
static void test_bombs(void)
{
    uint8_t *zeros = calloc(1, 64 << 20);
    struct budget *budget = NULL;
    struct buf out;

    for (size_t k = 0; k < FORMS; k++) {
        struct view bytes =
            pack(forms[k].coding, forms[k].bare, view_of(zeros, 64 << 20), packed);

        CHECK(bytes.len < 100000);
        CHECK_INT(decode(forms[k].coding, bytes, ROOM, &out), ERR_LIMIT);
        CHECK(out.cap <= ROOM + 1);
        buf_free(&out);
        CHECK_INT(budget_new(1 << 20, &budget), ERR_NONE);
        buf_init_charged(&out, (64 << 20) + 1, budget);
        CHECK_INT(unpack(forms[k].coding, bytes, 64 << 20, &out), ERR_OVERLOAD);
        buf_free(&out);
        CHECK_INT(budget_used(budget), 0);
        budget_free(budget);
    }
    free(zeros);
}

/* A frame that wants a window of 128 MiB to be read. */
static void test_window(void)
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_outBuffer to = {packed, ROOM, 0};
    ZSTD_inBuffer from = {"{}", 2, 0};
    struct buf out;

    CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 27)));
    while (ZSTD_compressStream2(c, &to, &from, ZSTD_e_flush) != 0)
        continue;
    while (ZSTD_compressStream2(c, &to, &from, ZSTD_e_end) != 0)
        continue;
    CHECK_INT(decode(UNPACK_ZSTD, view_of(packed, to.pos), ROOM, &out), ERR_LIMIT);
    buf_free(&out);
    ZSTD_freeCCtx(c);
}

static const struct check_case cases[] = {
    {"unpack_names", test_names},     {"unpack_round_trip", test_round_trip},
    {"unpack_several", test_several}, {"unpack_damaged", test_damaged},
    {"unpack_bombs", test_bombs},     {"unpack_window", test_window},
};
CHECK_MAIN(cases)
