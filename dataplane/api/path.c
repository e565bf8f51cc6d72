/* Leaves the empty segments out of a path. */
#include "path.h"

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
