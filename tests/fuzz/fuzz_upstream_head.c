/* A response head read in two pieces means what it means in one; its framing is never in doubt. */
#include "clock.h"
#include "phr.h"
#include "response_head.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct response_head one, two;
    size_t n_one = 0, n_two = 0, cut;
    enum err a, b;

    if (size < 2)
        return 0;
    cut = (size_t)data[0] * (size - 1) / 255;
    data++;
    size--;
    a = response_head_parse(view_of(data, size), 0, 1700000000000, &one, &n_one);
    b = response_head_parse(view_of(data, cut), 0, 1700000000000, &two, &n_two);
    if (b == ERR_SHORT && cut != size)
        b = response_head_parse(view_of(data, size), cut, 1700000000000, &two, &n_two);
    else if (b == ERR_NONE && (a != ERR_NONE || n_one != n_two))
        abort();
    if (a == ERR_NONE) {
        if (n_one == 0 || n_one > size || one.head.status < 100 || one.head.status > 599)
            abort();
        if (b == ERR_NONE && (one.head.status != two.head.status ||
                              one.head.retry_after_ms != two.head.retry_after_ms))
            abort();
        if (one.body == RESPONSE_CHUNKED) {
            struct phr_chunked_decoder d = {.consume_trailer = 1};
            size_t len = size - n_one;
            char *copy = malloc(len + 1);

            memcpy(copy, data + n_one, len);
            if (phr_decode_chunked(&d, copy, &len) >= 0 && len > size)
                abort();
            free(copy);
        }
    }
    return 0;
}
