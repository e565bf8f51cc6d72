/* (G) Splits multipart/form-data. */
#include "multipart.h"

#include "content_view.h"

#include <string.h>

/* --- the boundary */

static bool boundary_byte(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c != '\0' && strchr("'()+_,-./:=?", c) != NULL);
}

static bool boundary_ok(struct view b)
{
    if (b.len == 0 || b.len > MULTIPART_BOUNDARY_MAX)
        return false;
    for (size_t i = 0; i < b.len; i++)
        if (!boundary_byte(b.ptr[i]))
            return false;
    return true;
}

/* Cuts at the first c; what is behind it goes to *rest. False: it is not there, and all is before it. */
static bool cut_at(struct view v, uint8_t c, struct view *before, struct view *rest)
{
    const uint8_t *at = v.len != 0 ? memchr(v.ptr, c, v.len) : NULL;

    *before = at != NULL ? view_of(v.ptr, (size_t)(at - v.ptr)) : v;
    *rest = at != NULL ? view_from(v, before->len + 1) : VIEW_EMPTY;
    return at != NULL;
}

static struct view unquoted(struct view v)
{
    return v.len >= 2 && v.ptr[0] == '"' && v.ptr[v.len - 1] == '"' ? view_of(v.ptr + 1, v.len - 2) : v;
}

enum err multipart_boundary(struct view type, struct view *out)
{
    struct view name, value, parameter, rest;
    bool found = false;

    (void)cut_at(type, ';', &name, &rest);
    if (!view_eq_nocase(view_trim(name), VIEW_LIT("multipart/form-data")))
        return ERR_UNSUPPORTED;
    while (rest.len != 0) {
        (void)cut_at(rest, ';', &parameter, &rest);
        if (!cut_at(parameter, '=', &name, &value) || !view_eq_nocase(view_trim(name), VIEW_LIT("boundary")))
            continue;
        if (found)
            return ERR_FORMAT;
        found = true;
        *out = unquoted(view_trim(value));
    }
    return found && boundary_ok(*out) ? ERR_NONE : ERR_FORMAT;
}

enum err multipart_first(struct view body, struct view *out)
{
    struct view line, rest;

    if (!view_starts(body, VIEW_LIT("--")))
        return ERR_FORMAT;
    body.len = body.len > MULTIPART_BOUNDARY_MAX + 4 ? MULTIPART_BOUNDARY_MAX + 4 : body.len;
    if (!cut_at(body, '\r', &line, &rest))
        return ERR_FORMAT;
    *out = view_from(line, 2);
    return boundary_ok(*out) ? ERR_NONE : ERR_FORMAT;
}

/* --- parts */

static const uint8_t *find(struct view in, struct view what)
{
    return memmem(in.ptr, in.len, what.ptr, what.len);
}

/* Every place where the boundary stands divides: behind a line's end, and the end of its own line. A reader that is
 * content with less would see parts that we do not. */
static bool divides_everywhere(struct view body, struct view boundary)
{
    const uint8_t *at;
    struct view rest = body;

    while ((at = find(rest, boundary)) != NULL) {
        if (at != body.ptr && (at - body.ptr < 2 || at[-2] != '\r' || at[-1] != '\n'))
            return false;
        rest = view_from(body, (size_t)(at - body.ptr) + boundary.len);
        if (!view_starts(rest, VIEW_LIT("\r\n")) && !view_starts(rest, VIEW_LIT("--")))
            return false;
    }
    return true;
}

enum err multipart_begin(struct multipart *m, struct view body, struct view boundary)
{
    struct view dashed;

    if (body.len < boundary.len + 2 || !view_starts(body, VIEW_LIT("--")) ||
        !view_starts(view_from(body, 2), boundary))
        return ERR_FORMAT;
    dashed = view_of(body.ptr, boundary.len + 2);
    if (!divides_everywhere(body, dashed))
        return ERR_FORMAT;
    *m = (struct multipart){.rest = view_from(body, dashed.len), .boundary = dashed};
    return ERR_NONE;
}

/* name="value" of a Content-Disposition. A backslash may escape or not, so there is none. */
static enum err read_parameter(struct view parameter, struct multipart_part *out)
{
    struct view name, value;
    bool quoted;

    if (!cut_at(view_trim(parameter), '=', &name, &value))
        return ERR_FORMAT;
    quoted = value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"';
    value = unquoted(value);
    if (memchr(value.ptr, '"', value.len) != NULL || memchr(value.ptr, '\\', value.len) != NULL)
        return ERR_FORMAT;
    if (view_eq_nocase(name, VIEW_LIT("name"))) {
        if (out->name.ptr != NULL || value.len == 0)
            return ERR_FORMAT;
        out->name = value;
    } else if (view_eq_nocase(name, VIEW_LIT("filename"))) {
        if (out->filename.ptr != NULL || (!quoted && value.len == 0))
            return ERR_FORMAT;
        out->filename = value;
    } else if (!view_eq_nocase(name, VIEW_LIT("filename*"))) /* the plain name says enough */
        return ERR_FORMAT;
    return ERR_NONE;
}

/* The next parameter; a semicolon between quotes belongs to it. */
static struct view take_parameter(struct view *rest)
{
    size_t n = 0;
    bool quoted = false;
    struct view out;

    for (; n < rest->len && (quoted || rest->ptr[n] != ';'); n++)
        if (rest->ptr[n] == '"')
            quoted = !quoted;
    out = view_of(rest->ptr, n);
    *rest = view_from(*rest, n + 1);
    return out;
}

static enum err read_disposition(struct view value, struct multipart_part *out)
{
    struct view kind = take_parameter(&value);
    enum err e = view_eq_nocase(view_trim(kind), VIEW_LIT("form-data")) ? ERR_NONE : ERR_FORMAT;

    while (e == ERR_NONE && value.len != 0)
        e = read_parameter(take_parameter(&value), out);
    return e;
}

static bool type_ok(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        if (v.ptr[i] < ' ' || v.ptr[i] >= 0x7f)
            return false;
    return v.len != 0 && v.len <= 128;
}

/* A reader that ends a line at either byte alone would see another header behind it. */
static bool is_one_line(struct view line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.ptr[i] == '\r' || line.ptr[i] == '\n' || line.ptr[i] == '\0')
            return false;
    return true;
}

static enum err read_line(struct view line, struct multipart_part *out)
{
    struct view name, value;

    if (!is_one_line(line) || !cut_at(line, ':', &name, &value))
        return ERR_FORMAT;
    value = view_trim(value);
    if (view_eq_nocase(name, VIEW_LIT("content-disposition")))
        return out->name.ptr != NULL ? ERR_FORMAT : read_disposition(value, out);
    if (view_eq_nocase(name, VIEW_LIT("content-type"))) {
        if (out->type.len != 0 || !type_ok(value))
            return ERR_FORMAT;
        out->type = value;
    } else if (view_eq_nocase(name, VIEW_LIT("content-transfer-encoding")) &&
               !view_eq_nocase(value, VIEW_LIT("binary")) && !view_eq_nocase(value, VIEW_LIT("8bit")) &&
               !view_eq_nocase(value, VIEW_LIT("7bit")))
        return ERR_FORMAT;
    return ERR_NONE; /* another header says nothing to a reader of forms */
}

/* Lines up to the empty one. */
static enum err read_head(struct multipart *m, struct multipart_part *out)
{
    struct view window = m->rest, line;
    const uint8_t *end;
    enum err e = ERR_NONE;

    if (window.len > MULTIPART_HEAD_MAX)
        window.len = MULTIPART_HEAD_MAX;
    while (e == ERR_NONE) {
        end = find(window, VIEW_LIT("\r\n"));
        if (end == NULL)
            return window.len < MULTIPART_HEAD_MAX ? ERR_SHORT : ERR_LIMIT;
        line = view_of(window.ptr, (size_t)(end - window.ptr));
        window = view_from(window, line.len + 2);
        if (line.len == 0)
            break;
        e = read_line(line, out);
    }
    m->rest = view_from(m->rest, (size_t)(window.ptr - m->rest.ptr));
    return e == ERR_NONE && out->name.ptr == NULL ? ERR_FORMAT : e;
}

enum err multipart_next(struct multipart *m, struct multipart_part *out)
{
    const uint8_t *end;
    enum err e;

    *out = (struct multipart_part){{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    if (view_starts(m->rest, VIEW_LIT("--")))
        return ERR_NOT_FOUND; /* what is behind the end belongs to nobody */
    if (!view_starts(m->rest, VIEW_LIT("\r\n")))
        return ERR_SHORT;
    if (m->parts++ == MULTIPART_PARTS_MAX)
        return ERR_LIMIT;
    m->rest = view_from(m->rest, 2);
    e = read_head(m, out);
    if (e != ERR_NONE)
        return e;
    end = find(m->rest, m->boundary);
    if (end == NULL)
        return ERR_SHORT;
    /* The line's end in front of the boundary belongs to it. */
    if (end - m->rest.ptr < 2)
        return ERR_FORMAT;
    out->bytes = view_of(m->rest.ptr, (size_t)(end - m->rest.ptr) - 2);
    m->rest = view_from(m->rest, out->bytes.len + 2 + m->boundary.len);
    return ERR_NONE;
}
