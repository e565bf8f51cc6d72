#include "ovmf.h"

/* GUIDs as they lie in memory: the first three groups little-endian. */
static const uint8_t guid_footer[16] = {0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45,
                                        0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d};
static const uint8_t guid_hash_table[16] = {0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a, 0x04, 0x4b,
                                            0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8, 0xd4, 0x54};
static const uint8_t guid_reset_block[16] = {0xde, 0x71, 0xf7, 0x00, 0x7e, 0x1a, 0xcb, 0x4f,
                                             0x89, 0x0e, 0x68, 0xc7, 0x7e, 0x2f, 0xb4, 0x4e};
static const uint8_t guid_metadata[16] = {0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98, 0x98, 0x47,
                                          0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67, 0xcc};

enum {
    FOOTER_FROM_END = 32,    /* the table's last entry ends here */
    ENTRY_HEADER_BYTES = 18, /* u16 length (header included), then the GUID */
    METADATA_HEADER_BYTES = 16,
    METADATA_ENTRY_BYTES = 12,
};

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Entries lie backwards: data, then length, then GUID. Take the last one off the end of *table. */
static bool entry_take(struct view *table, const uint8_t **guid, struct view *data)
{
    size_t len;

    if (table->len < ENTRY_HEADER_BYTES)
        return false;
    *guid = table->ptr + table->len - 16;
    len = (size_t)((*guid)[-2] | (*guid)[-1] << 8);
    if (len < ENTRY_HEADER_BYTES || len > table->len)
        return false;
    *data = view_of(table->ptr + table->len - len, len - ENTRY_HEADER_BYTES);
    table->len -= len;
    return true;
}

static enum err section_check(const struct ovmf_section *s)
{
    if (s->gpa % OVMF_PAGE_BYTES != 0 || s->size == 0 || s->size % OVMF_PAGE_BYTES != 0)
        return ERR_FORMAT;
    if (s->size > OVMF_SECTION_MAX)
        return ERR_LIMIT;
    switch (s->type) {
    case OVMF_SEC_MEM:
    case OVMF_SVSM_CAA:
        return ERR_NONE;
    case OVMF_SECRETS:
    case OVMF_CPUID:
    case OVMF_KERNEL_HASHES:
        return s->size == OVMF_PAGE_BYTES ? ERR_NONE : ERR_FORMAT;
    default: /* measured in a way we do not know */
        return ERR_FORMAT;
    }
}

/* 'ASEV', u32 size, u32 version 1, u32 count, count * {u32 gpa, u32 size, u32 type}. */
static enum err metadata_parse(struct view m, struct ovmf *o)
{
    uint32_t n;

    if (m.len < METADATA_HEADER_BYTES || memcmp(m.ptr, "ASEV", 4) != 0 || le32(m.ptr + 8) != 1)
        return ERR_FORMAT;
    n = le32(m.ptr + 12);
    if (n > OVMF_SECTIONS_MAX)
        return ERR_LIMIT;
    if (le32(m.ptr + 4) != METADATA_HEADER_BYTES + n * METADATA_ENTRY_BYTES ||
        le32(m.ptr + 4) > m.len)
        return ERR_FORMAT;
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *p = m.ptr + METADATA_HEADER_BYTES + i * METADATA_ENTRY_BYTES;
        struct ovmf_section *s = &o->sections[i];
        enum err e;

        *s = (struct ovmf_section){le32(p), le32(p + 4), le32(p + 8)};
        if ((e = section_check(s)) != ERR_NONE)
            return e;
    }
    o->n_sections = n;
    return ERR_NONE;
}

static enum err entry_apply(const uint8_t *guid, struct view data, struct ovmf *o, bool *metadata)
{
    if (memcmp(guid, guid_hash_table, 16) == 0) {
        if (data.len < 8)
            return ERR_FORMAT;
        o->hashes_gpa = le32(data.ptr);
        o->has_hashes = o->hashes_gpa != 0; /* some images carry the entry with a zero address */
    } else if (memcmp(guid, guid_reset_block, 16) == 0) {
        if (data.len != 4)
            return ERR_FORMAT;
        o->ap_reset_eip = le32(data.ptr);
    } else if (memcmp(guid, guid_metadata, 16) == 0) {
        uint32_t from_end;

        if (data.len != 4 || *metadata)
            return ERR_FORMAT;
        from_end = le32(data.ptr);
        if (from_end > o->image.len)
            return ERR_FORMAT;
        *metadata = true;
        return metadata_parse(view_from(o->image, o->image.len - from_end), o);
    }
    return ERR_NONE;
}

enum err ovmf_parse(struct view image, struct ovmf *out)
{
    struct ovmf o = {.image = image};
    struct view table, data;
    const uint8_t *guid;
    bool metadata = false;

    if (image.len > OVMF_IMAGE_MAX)
        return ERR_LIMIT;
    if (image.len == 0 || image.len % OVMF_PAGE_BYTES != 0)
        return ERR_FORMAT;
    o.gpa = UINT64_C(0x100000000) - image.len;
    table = view_of(image.ptr, image.len - FOOTER_FROM_END);
    /* The footer is itself an entry whose length covers the whole table. */
    if (!entry_take(&table, &guid, &data) || memcmp(guid, guid_footer, 16) != 0)
        return ERR_FORMAT;
    table = data;
    while (table.len != 0) {
        enum err e;

        if (!entry_take(&table, &guid, &data))
            return ERR_FORMAT;
        if ((e = entry_apply(guid, data, &o, &metadata)) != ERR_NONE)
            return e;
    }
    if (!metadata)
        return ERR_FORMAT;
    *out = o;
    return ERR_NONE;
}
