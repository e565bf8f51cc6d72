#include "cert_table.h"

#include "report.h"

enum { ENTRY_BYTES = 24, GUID_BYTES = 16 };

static const uint8_t guids[CERT_KIND_COUNT][GUID_BYTES] = {
    /* 63da758d-e664-4564-adc5-f4b93be8accd */
    [CERT_VCEK] = {0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b,
                   0xe8, 0xac, 0xcd},
    /* 4ab7b379-bbac-4fe4-a02f-05aef327c782 */
    [CERT_ASK] = {0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3,
                  0x27, 0xc7, 0x82},
    /* a8074bc2-a25a-483e-aae6-39c045a0b8a1 */
    [CERT_VLEK] = {0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0, 0x45,
                   0xa0, 0xb8, 0xa1},
    /* 92f81bc3-5811-4d3d-97ff-d19f88dc67ea */
    [CERT_CRL] = {0x92, 0xf8, 0x1b, 0xc3, 0x58, 0x11, 0x4d, 0x3d, 0x97, 0xff, 0xd1, 0x9f, 0x88,
                  0xdc, 0x67, 0xea},
};

/* How many entries stand before the all-zero one; false when none ends the table. */
static bool head_measure(struct view table, size_t *entries)
{
    static const uint8_t end[ENTRY_BYTES];
    struct view entry;

    for (size_t n = 0; n <= CERT_TABLE_ENTRIES_MAX && view_take(&table, ENTRY_BYTES, &entry); n++)
        if (memcmp(entry.ptr, end, ENTRY_BYTES) == 0) {
            *entries = n;
            return true;
        }
    return false;
}

enum err cert_table_find(struct view table, enum cert_kind kind, struct view *out)
{
    struct view found = VIEW_EMPTY;
    size_t entries;
    bool seen = false;

    if (table.len == 0)
        return ERR_NOT_FOUND;
    if (!head_measure(table, &entries))
        return ERR_FORMAT;
    for (size_t i = 0; i < entries; i++) {
        const uint8_t *entry = table.ptr + i * ENTRY_BYTES;
        uint64_t offset = snp_load32(entry + GUID_BYTES);
        uint64_t length = snp_load32(entry + GUID_BYTES + 4);

        if (offset < (entries + 1) * ENTRY_BYTES || offset + length > table.len)
            return ERR_FORMAT;
        if (memcmp(entry, guids[kind], GUID_BYTES) != 0)
            continue;
        if (seen)
            return ERR_FORMAT;
        seen = true;
        found = view_of(table.ptr + offset, (size_t)length);
    }
    if (!seen)
        return ERR_NOT_FOUND;
    *out = found;
    return ERR_NONE;
}
