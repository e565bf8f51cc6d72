/* Paths as they were meant: without empty segments, without percent-encoding. */
#include "path.h"

#include "secret.h"

#include <assert.h>

struct view path_plain(struct view path, uint8_t out[static PATH_PLAIN_MAX])
{
    size_t n = 0;

    if (path.len > PATH_PLAIN_MAX)
        return path;
    for (size_t i = 0; i < path.len; i++) {
        bool slash = path.ptr[i] == '/';

        if (!slash || n == 0 || out[n - 1] != '/')
            out[n++] = path.ptr[i];
    }
    if (n > 1 && out[n - 1] == '/')
        n--;
    assert(n <= path.len);
    return n == path.len ? path : view_of(out, n);
}

bool path_decode(struct view text, char *out, size_t max, size_t *len)
{
    struct view one;

    for (*len = 0; view_take(&text, 1, &one); (*len)++) {
        uint8_t byte = one.ptr[0];

        if (byte == '%' && (!view_take(&text, 2, &one) || hex_decode(one, &byte, 1) != ERR_NONE))
            return false;
        if (*len == max || byte < 0x20 || byte == 0x7f)
            return false;
        out[*len] = (char)byte;
    }
    return true;
}
