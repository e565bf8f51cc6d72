/* (G) Decoders of request bodies, driven piece by piece into one buffer. What zlib and zstd hold of a body
 * (a window of 32 KiB, or at most UNPACK_WINDOW_LOG_MAX) exists only during a call and is wiped by the
 * program's free() (zero_free.c). */
#include "unpack.h"

#include "coding.h"
#include "content_view.h"

#include <assert.h>
#include <limits.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
    UNPACK_PIECE_BYTES = 64 << 10,
    UNPACK_WINDOW_LOG_MAX = 23, /* 8 MiB: what RFC 8878 3.1.1.1.2 asks every decoder to support */
};

enum err unpack_coding(struct view content_encoding, enum unpack_coding *out)
{
    static const struct {
        struct view name;
        enum unpack_coding coding;
    } names[] = {
        {VIEW_LIT(""), UNPACK_IDENTITY}, {VIEW_LIT("identity"), UNPACK_IDENTITY},
        {VIEW_LIT("gzip"), UNPACK_GZIP}, {VIEW_LIT("x-gzip"), UNPACK_GZIP},
        {VIEW_LIT("deflate"), UNPACK_DEFLATE}, {VIEW_LIT("zstd"), UNPACK_ZSTD},
    };
    struct view name = view_trim(content_encoding);

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (view_eq_nocase(name, names[i].name)) {
            *out = names[i].coding;
            return ERR_NONE;
        }
    return ERR_UNSUPPORTED;
}

/* A decoder at work. */
struct unpacker {
    enum unpack_coding coding;
    z_stream zlib;
    ZSTD_DCtx *zstd;
};

static int zlib_window_bits(enum unpack_coding coding, struct view packed)
{
    bool wrapped = packed.len >= 2 && coding_is_zlib(packed.ptr[0], packed.ptr[1]);

    if (coding == UNPACK_GZIP)
        return MAX_WBITS + 16;
    return wrapped ? MAX_WBITS : -MAX_WBITS;
}

static enum err unpacker_begin(struct unpacker *u, struct view packed)
{
    if (u->coding != UNPACK_ZSTD)
        return inflateInit2(&u->zlib, zlib_window_bits(u->coding, packed)) == Z_OK ? ERR_NONE
                                                                                  : ERR_MEMORY;
    u->zstd = ZSTD_createDCtx();
    if (u->zstd == NULL || ZSTD_isError(ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax,
                                                              UNPACK_WINDOW_LOG_MAX)))
        return ERR_MEMORY;
    return ERR_NONE;
}

static void unpacker_end(struct unpacker *u)
{
    if (u->coding != UNPACK_ZSTD)
        (void)inflateEnd(&u->zlib);
    ZSTD_freeDCtx(u->zstd);
}

/* One piece: takes from *in, writes *made <= room bytes. *end: nothing may follow. */
static enum err zlib_step(struct unpacker *u, struct view *in, uint8_t *to, size_t room,
                          size_t *made, bool *end)
{
    z_stream *z = &u->zlib;
    int r;

    assert(in->len <= UINT_MAX && room <= UINT_MAX);
    z->next_in = (Bytef *)in->ptr; /* zlib does not write there */
    z->avail_in = (uInt)in->len;
    z->next_out = to;
    z->avail_out = (uInt)room;
    r = inflate(z, Z_NO_FLUSH);
    *in = view_from(*in, in->len - z->avail_in);
    *made = room - z->avail_out;
    *end = r == Z_STREAM_END && in->len == 0;
    if (r == Z_STREAM_END && !*end) /* a gzip file may have several members */
        return u->coding == UNPACK_GZIP && inflateReset(z) == Z_OK ? ERR_NONE : ERR_FORMAT;
    if (r == Z_MEM_ERROR)
        return ERR_MEMORY;
    return r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR ? ERR_NONE : ERR_FORMAT;
}

static enum err zstd_step(struct unpacker *u, struct view *in, uint8_t *to, size_t room,
                          size_t *made, bool *end)
{
    ZSTD_inBuffer from = {in->ptr, in->len, 0};
    ZSTD_outBuffer into = {to, room, 0};
    size_t r = ZSTD_decompressStream(u->zstd, &into, &from);

    *in = view_from(*in, from.pos);
    *made = into.pos;
    *end = r == 0 && in->len == 0; /* else another frame follows */
    if (!ZSTD_isError(r))
        return ERR_NONE;
    switch ((int)ZSTD_getErrorCode(r)) {
    case ZSTD_error_memory_allocation:
        return ERR_MEMORY;
    case ZSTD_error_frameParameter_windowTooLarge:
        return ERR_LIMIT;
    default:
        return ERR_FORMAT;
    }
}

enum err unpack(enum unpack_coding coding, struct view packed, size_t max, struct buf *out)
{
    struct unpacker u = {.coding = coding};
    size_t made = 0, before, start = out->len;
    bool end = false;
    enum err e;

    assert(coding != UNPACK_IDENTITY && max < out->max - start);
    e = unpacker_begin(&u, packed);
    while (e == ERR_NONE && !end) {
        size_t room = max + 1 - (out->len - start); /* one more, to see that there is more */

        if (room > UNPACK_PIECE_BYTES)
            room = UNPACK_PIECE_BYTES;
        e = buf_reserve(out, room);
        if (e != ERR_NONE)
            break;
        before = packed.len;
        e = coding == UNPACK_ZSTD ? zstd_step(&u, &packed, out->ptr + out->len, room, &made, &end)
                                  : zlib_step(&u, &packed, out->ptr + out->len, room, &made, &end);
        out->len += made;
        if (e == ERR_NONE && out->len - start > max)
            e = ERR_LIMIT;
        else if (e == ERR_NONE && !end && made == 0 && packed.len == before)
            e = ERR_SHORT;
    }
    unpacker_end(&u);
    return e;
}
