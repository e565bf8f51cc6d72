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
};

enum err cert_table_find(struct view table, enum cert_kind kind, struct view *out)
{
    static const uint8_t end[ENTRY_BYTES];
    struct view rest = table, entry;

    if (table.len == 0)
        return ERR_NOT_FOUND;
    while (view_take(&rest, ENTRY_BYTES, &entry)) {
        uint32_t offset = snp_load32(entry.ptr + GUID_BYTES);
        uint32_t length = snp_load32(entry.ptr + GUID_BYTES + 4);

        if (memcmp(entry.ptr, end, ENTRY_BYTES) == 0)
            return ERR_NOT_FOUND;
        if (offset > table.len || length > table.len - offset)
            return ERR_FORMAT;
        if (memcmp(entry.ptr, guids[kind], GUID_BYTES) == 0) {
            *out = view_of(table.ptr + offset, length);
            return ERR_NONE;
        }
    }
    return ERR_FORMAT;
}
