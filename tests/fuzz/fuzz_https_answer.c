/* A gateway's answer, before anything about it is known: a body never is longer than its bound, and
 * more bytes never turn an answer that was refused into one that is taken. */
#include "attestation/tools/https_answer.c"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum err whole, part;
    unsigned status;
    struct buf body;

    buf_init(&body, 4096);
    whole = https_answer_parse(view_of(data, size), true, &status, &body);
    assert(body.len <= 4096);
    part = https_answer_parse(view_of(data, size / 2), false, &status, &body);
    assert(part != ERR_FORMAT || whole != ERR_NONE);
    buf_free(&body);
    return 0;
}
