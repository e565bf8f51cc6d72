/* Browsers take "\" for "/", leave out tabs and line ends, and read "//host" as another host. */
#include "return_to.h"

#include <string.h>

/* A dot, also as %2e. Its length; 0: there is none. */
static size_t dot_at(struct view v)
{
    if (v.len >= 1 && v.ptr[0] == '.')
        return 1;
    return v.len >= 3 && v.ptr[0] == '%' && v.ptr[1] == '2' && (v.ptr[2] | 0x20) == 'e' ? 3 : 0;
}

bool path_segment_walks(struct view segment)
{
    for (int dots = 0; dots < 2; dots++) {
        size_t n = dot_at(segment);

        if (n == 0)
            return false;
        segment = view_from(segment, n);
        if (segment.len == 0)
            return true;
    }
    return false;
}

/* "%2f" and "%5c" in any case. */
static bool escaped_slash(struct view v)
{
    return v.len >= 3 && v.ptr[0] == '%' &&
           ((v.ptr[1] == '2' && (v.ptr[2] | 0x20) == 'f') || (v.ptr[1] == '5' && (v.ptr[2] | 0x20) == 'c'));
}

/* A browser takes the dots away, and what is left is another path than the one that was looked at. */
static bool walks(struct view path)
{
    while (path.len > 0) {
        const uint8_t *slash = memchr(path.ptr, '/', path.len);
        struct view segment = view_of(path.ptr, slash == NULL ? path.len : (size_t)(slash - path.ptr));

        if (path_segment_walks(segment))
            return true;
        path = view_from(path, segment.len + 1);
    }
    return false;
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
    return !walks(view_of(path.ptr, end)) && !view_starts(path, VIEW_LIT("/v1/")) && !view_starts(path, VIEW_LIT("/api/"));
}
