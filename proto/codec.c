#include "codec.h"

#include <assert.h>

void store_be(uint8_t *at, uint64_t v, size_t bytes)
{
    assert(bytes <= 8);
    for (size_t i = bytes; i-- > 0; v >>= 8)
        at[i] = (uint8_t)v;
}

uint64_t load_be(const uint8_t *at, size_t bytes)
{
    uint64_t v = 0;

    assert(bytes <= 8);
    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | at[i];
    return v;
}

/* --- reader */

void reader_require(struct reader *r, bool ok, enum err otherwise)
{
    if (r->e == ERR_NONE && !ok)
        r->e = otherwise;
}

/* A complete frame that ends too early is malformed: more bytes will never come. */
static bool reader_take(struct reader *r, size_t n, struct view *out)
{
    if (r->e == ERR_NONE && view_take(&r->left, n, out))
        return true;
    reader_require(r, false, ERR_FORMAT);
    return false;
}

static uint64_t take_be(struct reader *r, size_t bytes)
{
    struct view v;

    return reader_take(r, bytes, &v) ? load_be(v.ptr, bytes) : 0;
}

uint8_t take_u8(struct reader *r)
{
    return (uint8_t)take_be(r, 1);
}

uint16_t take_u16(struct reader *r)
{
    return (uint16_t)take_be(r, 2);
}

uint32_t take_u32(struct reader *r)
{
    return (uint32_t)take_be(r, 4);
}

uint64_t take_u64(struct reader *r)
{
    return take_be(r, 8);
}

int64_t take_amount(struct reader *r)
{
    uint64_t v = take_be(r, 8);

    reader_require(r, v <= INT64_MAX, ERR_RANGE);
    return r->e == ERR_NONE ? (int64_t)v : 0;
}

uint8_t take_u8_below(struct reader *r, unsigned end)
{
    uint8_t v = take_u8(r);

    reader_require(r, v < end, ERR_RANGE);
    return v < end ? v : 0; /* it may be the bound of a loop */
}

void take_bytes(struct reader *r, uint8_t *out, size_t n)
{
    struct view v;

    if (reader_take(r, n, &v))
        memcpy(out, v.ptr, n);
    else
        memset(out, 0, n);
}

static struct view take_blob(struct reader *r, size_t len, size_t min, size_t max)
{
    struct view v = VIEW_EMPTY;

    reader_require(r, len >= min && len <= max, ERR_RANGE);
    if (!reader_take(r, len, &v))
        return VIEW_EMPTY;
    return v;
}

struct view take_blob16(struct reader *r, size_t min, size_t max)
{
    return take_blob(r, take_u16(r), min, max);
}

struct view take_blob8(struct reader *r, size_t min, size_t max)
{
    return take_blob(r, take_u8(r), min, max);
}

void take_zero(struct reader *r, size_t n)
{
    struct view v;
    uint8_t any = 0;

    if (!reader_take(r, n, &v))
        return;
    for (size_t i = 0; i < n; i++)
        any |= v.ptr[i];
    reader_require(r, any == 0, ERR_FORMAT);
}

enum err reader_end(const struct reader *r)
{
    if (r->e != ERR_NONE)
        return r->e;
    return r->left.len == 0 ? ERR_NONE : ERR_FORMAT;
}

/* --- writer */

void writer_require(struct writer *w, bool ok, enum err otherwise)
{
    if (w->e == ERR_NONE && !ok)
        w->e = otherwise;
}

void put_bytes(struct writer *w, const void *p, size_t n)
{
    if (w->e == ERR_NONE && n != 0)
        w->e = buf_append(w->out, view_of(p, n));
}

static void put_be(struct writer *w, uint64_t v, size_t bytes)
{
    uint8_t b[8];

    store_be(b, v, bytes);
    put_bytes(w, b, bytes);
}

struct writer writer_begin(struct buf *out, enum message_type type)
{
    struct writer w = {out, out->len, ERR_NONE};

    put_u32(&w, 0);
    put_u8(&w, (uint8_t)type);
    put_u8(&w, FRAME_VERSION);
    put_u16(&w, 0);
    return w;
}

void put_u8(struct writer *w, uint8_t v)
{
    put_be(w, v, 1);
}

void put_u16(struct writer *w, uint16_t v)
{
    put_be(w, v, 2);
}

void put_u32(struct writer *w, uint32_t v)
{
    put_be(w, v, 4);
}

void put_u64(struct writer *w, uint64_t v)
{
    put_be(w, v, 8);
}

void put_amount(struct writer *w, int64_t v)
{
    writer_require(w, v >= 0, ERR_RANGE);
    put_be(w, (uint64_t)v, 8);
}

void put_u8_below(struct writer *w, uint8_t v, unsigned end)
{
    writer_require(w, v < end, ERR_RANGE);
    put_u8(w, v);
}

void put_blob16(struct writer *w, struct view v, size_t min, size_t max)
{
    assert(max <= UINT16_MAX);
    writer_require(w, v.len >= min && v.len <= max, ERR_RANGE);
    put_u16(w, (uint16_t)v.len);
    put_bytes(w, v.ptr, v.len);
}

void put_blob8(struct writer *w, struct view v, size_t min, size_t max)
{
    assert(max <= UINT8_MAX);
    writer_require(w, v.len >= min && v.len <= max, ERR_RANGE);
    put_u8(w, (uint8_t)v.len);
    put_bytes(w, v.ptr, v.len);
}

void put_zero(struct writer *w, size_t n)
{
    while (n-- > 0)
        put_u8(w, 0);
}

enum err writer_end(struct writer *w)
{
    if (w->e == ERR_NONE) {
        size_t payload = w->out->len - w->start - FRAME_HEADER_BYTES;

        writer_require(w, payload <= LIMIT_FRAME_BYTES, ERR_LIMIT);
        store_be(w->out->ptr + w->start, payload, 4);
    }
    if (w->e != ERR_NONE)
        w->out->len = w->start;
    return w->e;
}
