/* The catalog in frames: cut by the control plane, put together again by the data plane. */
#include "message.h"

#include "codec.h"

enum { PART_BYTES = LIMIT_CATALOG_BYTES / LIMIT_CATALOG_PARTS };
_Static_assert(PART_BYTES * LIMIT_CATALOG_PARTS == LIMIT_CATALOG_BYTES, "the largest catalog has that many parts");
_Static_assert(PART_BYTES + CATALOG_PART_HEAD_BYTES <= LIMIT_FRAME_BYTES, "a part fits a frame");

static enum err put_part(struct buf *out, uint32_t version, uint16_t part, uint16_t parts, struct view bytes)
{
    struct writer w = writer_begin(out, MSG_CATALOG);

    put_u32(&w, version);
    put_u16(&w, part);
    put_u16(&w, parts);
    put_bytes(&w, bytes.ptr, bytes.len);
    return writer_end(&w);
}

enum err catalog_encode(const struct catalog *c, struct buf *out)
{
    size_t start = out->len;
    struct buf bytes;
    struct view rest;
    enum err e;

    buf_init(&bytes, LIMIT_CATALOG_BYTES);
    e = catalog_pack(c, &bytes);
    rest = buf_view(&bytes);
    for (uint16_t part = 0; e == ERR_NONE && rest.len != 0; part++) {
        size_t n = rest.len < PART_BYTES ? rest.len : PART_BYTES;

        e = put_part(out, c->version, part, (uint16_t)((bytes.len + PART_BYTES - 1) / PART_BYTES),
                     view_of(rest.ptr, n));
        rest = view_from(rest, n);
    }
    if (e != ERR_NONE)
        out->len = start;
    buf_free(&bytes);
    return e;
}

void catalog_parts_drop(struct catalog_parts *p)
{
    buf_free(&p->bytes);
    *p = (struct catalog_parts){0};
}

/* Every part but the last is full, so that one catalog has one form. */
static enum err part_append(struct catalog_parts *p, uint32_t version, uint16_t part, uint16_t parts,
                            struct view bytes)
{
    if (p->parts == 0) {
        p->version = version;
        p->parts = parts;
        buf_init(&p->bytes, LIMIT_CATALOG_BYTES);
    }
    if (parts == 0 || parts > LIMIT_CATALOG_PARTS || parts != p->parts || version != p->version ||
        part != p->next || part >= parts)
        return ERR_FORMAT;
    if (bytes.len == 0 || bytes.len > PART_BYTES || (part + 1 < parts && bytes.len != PART_BYTES))
        return ERR_FORMAT;
    p->next++;
    return buf_append(&p->bytes, bytes);
}

enum err catalog_parts_take(struct catalog_parts *p, struct view payload, struct catalog *out, bool *whole)
{
    struct reader r = reader_of(payload);
    uint32_t version = take_u32(&r);
    uint16_t part = take_u16(&r), parts = take_u16(&r);
    enum err e = r.e;

    *whole = false;
    if (e == ERR_NONE)
        e = part_append(p, version, part, parts, r.left);
    if (e == ERR_NONE && p->next < p->parts)
        return ERR_NONE;
    if (e == ERR_NONE)
        e = catalog_decode(buf_view(&p->bytes), out);
    if (e == ERR_NONE && out->version != p->version) {
        catalog_free(out);
        e = ERR_FORMAT;
    }
    *whole = e == ERR_NONE;
    catalog_parts_drop(p);
    return e;
}
