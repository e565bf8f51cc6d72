/* However a compressed body is cut, what comes out is the same, and no more than its length allows. */
#include "buf.h"
#include "coding.h"

#include <stdlib.h>

static bool collect(void *cookie, struct view bytes)
{
    if (buf_append(cookie, bytes) != ERR_NONE)
        abort();
    return true;
}

static bool run(enum coding_kind kind, struct view bytes, size_t step, struct buf *out, bool *over)
{
    struct coding *c;
    bool ok = true;

    if (coding_new(kind, &c) != ERR_NONE)
        abort();
    for (size_t at = 0; ok && at < bytes.len; at += step) {
        size_t n = bytes.len - at < step ? bytes.len - at : step;

        ok = coding_feed(c, view_of(bytes.ptr + at, n), collect, out) == ERR_NONE;
    }
    *over = coding_over(c);
    coding_free(c);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum coding_kind kind = size != 0 && (data[0] & 1) != 0 ? CODING_GZIP : CODING_DEFLATE;
    struct buf whole, cut;
    bool a, b, a_over, b_over;

    if (size < 2 || size > 4096)
        return 0;
    buf_init(&whole, 4 << 20);
    buf_init(&cut, 4 << 20);
    a = run(kind, view_of(data + 1, size - 1), size - 1, &whole, &a_over);
    b = run(kind, view_of(data + 1, size - 1), (size_t)(data[0] >> 1) + 1, &cut, &b_over);
    if (a && (!b || a_over != b_over || !view_eq(buf_view(&whole), buf_view(&cut))))
        abort();
    if (whole.len > CODING_FREE_BYTES + 65536 + CODING_RATIO_MAX * size)
        abort();
    buf_free(&whole);
    buf_free(&cut);
    return 0;
}
