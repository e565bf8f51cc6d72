/* Query strings decide what is signed: whatever comes, a parameter is found once or called twice,
 * its value lies inside the text, and a nonce has one spelling. */
#include "query.h"

#include "secret.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"nonce", "binding"};
    const struct view query = view_of(data, size);
    struct view v = VIEW_EMPTY;
    uint8_t nonce[32];
    char again[65];

    for (size_t i = 0; i < 2; i++) {
        if (query_find(query, names[i], &v) != QUERY_ONE)
            continue;
        require(v.len == 0 || (v.ptr >= data && v.ptr + v.len <= data + size));
        require(v.len == 0 || memchr(v.ptr, '&', v.len) == NULL);
        if (!query_nonce(v, nonce))
            continue;
        hex_encode(nonce, sizeof nonce, again);
        require(view_eq(v, view_of(again, 64)));
    }
    if (query_only(query, names, 2))
        require(query_find(query, "other", &v) == QUERY_ABSENT);
    return 0;
}
