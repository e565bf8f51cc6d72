/* Browsers take "\" for "/", leave out tabs and line ends, and read "//host" as another host. */
#include "return_to.h"

#include <string.h>

/* "%2f" and "%5c" in any case. */
static bool escaped_slash(struct view v)
{
    return v.len >= 3 && v.ptr[0] == '%' &&
           ((v.ptr[1] == '2' && (v.ptr[2] | 0x20) == 'f') || (v.ptr[1] == '5' && (v.ptr[2] | 0x20) == 'c'));
}

bool return_to_valid(struct view path)
{
    const uint8_t *query = path.len == 0 ? NULL : memchr(path.ptr, '?', path.len);
    size_t end = query == NULL ? path.len : (size_t)(query - path.ptr);

    if (path.len == 0 || path.len > RETURN_TO_MAX || path.ptr[0] != '/')
        return false;
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] <= ' ' || path.ptr[i] > '~' || path.ptr[i] == '\\' || path.ptr[i] == '"')
            return false;
    for (size_t i = 0; i < end; i++)
        if (escaped_slash(view_from(path, i)) || (path.ptr[i] == '/' && i + 1 < end && path.ptr[i + 1] == '/'))
            return false;
    return !view_starts(path, VIEW_LIT("/v1/")) && !view_starts(path, VIEW_LIT("/api/"));
}
