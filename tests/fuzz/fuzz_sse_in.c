/* However the bytes are cut, the events are the same; nothing outlives the bytes it was fed. */
#include "buf.h"
#include "sse_in.h"

#include <stdlib.h>

static void run(const uint8_t *bytes, size_t n, size_t step, struct buf *out, enum err *last)
{
    struct sse_in s;
    struct sse_event ev;
    enum err e = ERR_SHORT;

    sse_in_init(&s, 300, NULL);
    for (size_t at = 0; at < n && e == ERR_SHORT; at += step) {
        size_t len = n - at < step ? n - at : step;
        uint8_t *copy = malloc(len);

        memcpy(copy, bytes + at, len);
        sse_in_feed(&s, view_of(copy, len));
        while ((e = sse_in_next(&s, &ev)) == ERR_NONE) {
            if (buf_append_u64(out, ev.name.len) != ERR_NONE ||
                buf_append(out, ev.name) != ERR_NONE ||
                buf_append_u64(out, ev.data.len) != ERR_NONE ||
                buf_append(out, ev.data) != ERR_NONE)
                abort();
        }
        free(copy);
    }
    *last = e;
    if (e == ERR_SHORT && sse_in_end(&s, &ev) == ERR_NONE && buf_append(out, ev.data) != ERR_NONE)
        abort();
    sse_in_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole, cut;
    enum err a, b;

    if (size < 2 || size > 4096)
        return 0;
    buf_init(&whole, 1 << 20);
    buf_init(&cut, 1 << 20);
    run(data + 1, size - 1, size - 1, &whole, &a);
    run(data + 1, size - 1, (size_t)data[0] % 13 + 1, &cut, &b);
    if (a != b || !view_eq(buf_view(&whole), buf_view(&cut)))
        abort();
    buf_free(&whole);
    buf_free(&cut);
    return 0;
}
