/* The link's bytes come from the other plane. Whatever arrives: no crash, and an accepted payload
 * encodes back to the same bytes, so that no two payloads mean the same. */
#include "message.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(struct frame f, struct buf *out)
{
    assert(view_eq(view_from(buf_view(out), FRAME_HEADER_BYTES), f.payload));
    buf_reset(out);
}

#define TRY(m)                                                                                     \
    do {                                                                                           \
        struct msg_##m m_;                                                                         \
        if (msg_##m##_decode(f.payload, &m_) == ERR_NONE) {                                        \
            enum err e_ = msg_##m##_encode(&m_, out);                                              \
            assert(e_ == ERR_NONE);                                                                \
            check_same(f, out);                                                                    \
        }                                                                                          \
    } while (0);

static void try_records(struct frame f)
{
    struct msg_usage m;
    struct usage_record r;
    uint8_t again[USAGE_WIRE_BYTES];

    if (msg_usage_decode(f.payload, &m) != ERR_NONE)
        return;
    for (size_t i = 0; i < m.count; i++) {
        struct view wire = view_of(m.records.ptr + i * USAGE_WIRE_BYTES, USAGE_WIRE_BYTES);

        if (usage_decode(wire, &r) != ERR_NONE)
            continue;
        usage_encode(&r, again);
        assert(memcmp(again, wire.ptr, sizeof again) == 0);
    }
}

static void try_parts(struct frame f)
{
    struct msg_usage_parts m;
    struct usage_part p;
    uint8_t again[USAGE_PART_WIRE_BYTES];

    if (msg_usage_parts_decode(f.payload, &m) != ERR_NONE)
        return;
    for (size_t i = 0; i < m.count; i++) {
        struct view wire = view_of(m.parts.ptr + i * USAGE_PART_WIRE_BYTES, USAGE_PART_WIRE_BYTES);

        if (usage_part_decode(wire, &p) != ERR_NONE)
            continue;
        usage_part_encode(&p, again);
        assert(memcmp(again, wire.ptr, sizeof again) == 0);
    }
}

/* Every decoder sees every payload, whatever type the frame names. */
static void try_all(struct frame f, struct catalog_parts *parts, struct buf *out)
{
    struct catalog c;
    bool whole;

    MESSAGE_CODECS(TRY)
    try_records(f);
    try_parts(f);
    if (catalog_decode(f.payload, &c) == ERR_NONE) { /* the bytes of all parts */
        enum err e = catalog_pack(&c, out);

        assert(e == ERR_NONE && view_eq(buf_view(out), f.payload));
        buf_reset(out);
        catalog_free(&c);
    }
    if (catalog_parts_take(parts, f.payload, &c, &whole) == ERR_NONE && whole)
        catalog_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    struct view in = view_of(data, size);
    struct frame f;
    struct catalog_parts parts = {0};
    struct buf out;

    if (!started && secret_init() != ERR_NONE)
        abort();
    started = true;
    buf_init(&out, 4 << 20);
    while (frame_take(&in, &f) == ERR_NONE)
        try_all(f, &parts, &out);
    f = (struct frame){MSG_PING, view_of(data, size)};
    try_all(f, &parts, &out);
    catalog_parts_drop(&parts);
    buf_free(&out);
    return 0;
}
