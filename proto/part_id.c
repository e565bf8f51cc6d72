/* Ids of parts: the whole's time and a digest. */
#include "part_id.h"

#include <assert.h>
#include <sodium.h>

enum { PART_ID_TIME_BYTES = 6 };

void part_id(const struct id *whole, unsigned index, struct id *out)
{
    static const char label[] = "tr.part.v1"; /* with its NUL */
    uint8_t text[sizeof label + sizeof whole->b + 1], digest[32];

    assert(index < PART_INDEXES);
    memcpy(text, label, sizeof label);
    memcpy(text + sizeof label, whole->b, sizeof whole->b);
    text[sizeof text - 1] = (uint8_t)index;
    crypto_hash_sha256(digest, text, sizeof text);
    memcpy(out->b, whole->b, PART_ID_TIME_BYTES);
    memcpy(out->b + PART_ID_TIME_BYTES, digest, sizeof out->b - PART_ID_TIME_BYTES);
}
