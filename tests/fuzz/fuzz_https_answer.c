/* A gateway's answer, before anything about it is known: a body never is longer than its bound, the
 * reader uses no more than it was fed, and however the bytes are cut, the answer is the same. */
#include "common/https_answer.c"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Fed in pieces of step bytes. */
static enum err fed(const uint8_t *data, size_t size, size_t step, struct https_answer *a,
                    struct buf *body)
{
    size_t have = 0, from = 0, used;
    enum err e;

    *a = (struct https_answer){.part = HTTPS_STATUS_LINE};
    do {
        have = size - have < step ? size : have + step;
        e = https_answer_feed(a, view_of(data + from, have - from), have == size, &used, body);
        assert(used <= have - from && body->len <= 4096);
        from += used;
    } while (e == ERR_SHORT && have < size);
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct https_answer whole, part;
    struct buf body, other;
    enum err e, cut;

    buf_init(&body, 4096);
    buf_init(&other, 4096);
    e = fed(data, size, size + 1, &whole, &body);
    cut = fed(data, size, size % 7 + 1, &part, &other);
    assert((e == ERR_NONE) == (cut == ERR_NONE));
    assert(e != ERR_NONE || (whole.status == part.status &&
                             view_eq(buf_view(&body), buf_view(&other))));
    buf_free(&body);
    buf_free(&other);
    return 0;
}
