/* Reading an HTTP/1.1 answer as it comes: strict where two readers could differ, and no byte is
 * looked at twice, so that a server that sends single bytes costs no more than another. */
#include "https.h"

enum { CHUNK_DIGITS_MAX = 7 }; /* 256 MiB: more than any body here may have */

/* A line without its CRLF from in at *used. False when it has not come whole. */
static bool line_take(struct https_answer *a, struct view in, size_t *used, struct view *out)
{
    struct view rest = view_from(in, *used);
    size_t from = a->searched < rest.len ? a->searched : rest.len;
    const uint8_t *end =
        rest.len == from ? NULL : memmem(rest.ptr + from, rest.len - from, "\r\n", 2);

    if (end == NULL) {
        a->searched = rest.len == 0 ? 0 : rest.len - 1; /* the last byte may be half of a CRLF */
        return false;
    }
    a->searched = 0;
    *out = view_of(rest.ptr, (size_t)(end - rest.ptr));
    *used += out->len + 2;
    return true;
}

static bool status_take(struct view line, unsigned *status)
{
    uint64_t n;

    if (!view_starts(line, VIEW_LIT("HTTP/1.1 ")) || line.len < 12 ||
        (line.len > 12 && line.ptr[12] != ' ') || !view_u64(view_of(line.ptr + 9, 3), &n) ||
        n < 200 || n > 599)
        return false;
    *status = (unsigned)n;
    return true;
}

static bool header_take(struct https_answer *a, struct view line)
{
    const uint8_t *colon = line.len == 0 ? NULL : memchr(line.ptr, ':', line.len);
    struct view name, value;

    if (colon == NULL)
        return false;
    name = view_of(line.ptr, (size_t)(colon - line.ptr));
    value = view_trim(view_from(line, name.len + 1));
    if (a->header != NULL)
        a->header(a->cookie, name, value);
    if (view_eq_nocase(name, VIEW_LIT("content-length"))) {
        if (a->has_length || !view_u64(value, &a->left))
            return false;
        a->has_length = true;
    }
    if (view_eq_nocase(name, VIEW_LIT("transfer-encoding"))) {
        if (a->chunked || !view_eq_nocase(value, VIEW_LIT("chunked")))
            return false;
        a->chunked = true;
    }
    return !(a->chunked && a->has_length);
}

/* "1a3": no extension (no server that has this document sends one). */
static bool chunk_size(struct view line, uint64_t *out)
{
    uint64_t n = 0;

    if (line.len == 0 || line.len > CHUNK_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < line.len; i++) {
        uint8_t c = line.ptr[i] | 0x20;

        if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
            return false;
        n = n << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *out = n;
    return true;
}

/* Status line and headers. */
static enum err head_step(struct https_answer *a, struct view in, size_t *used)
{
    size_t before = *used;
    struct view line;

    if (!line_take(a, in, used, &line))
        return a->head + (in.len - before) > HTTPS_HEAD_MAX ? ERR_LIMIT : ERR_SHORT;
    a->head += *used - before;
    if (a->head > HTTPS_HEAD_MAX)
        return ERR_LIMIT;
    if (a->part == HTTPS_STATUS_LINE) {
        a->part = HTTPS_HEADERS;
        return status_take(line, &a->status) ? ERR_NONE : ERR_FORMAT;
    }
    if (line.len != 0)
        return header_take(a, line) ? ERR_NONE : ERR_FORMAT;
    a->part = a->chunked ? HTTPS_CHUNK_SIZE : a->has_length ? HTTPS_BODY : HTTPS_UNTIL_END;
    return ERR_NONE;
}

/* As much of the `left` bytes as has come. */
static enum err data_step(struct https_answer *a, struct view in, size_t *used,
                          enum https_part then, struct buf *body)
{
    struct view data = view_from(in, *used);
    enum err e;

    if (data.len > a->left)
        data.len = (size_t)a->left;
    if (a->left > body->max - body->len)
        return ERR_LIMIT;
    e = buf_append(body, data);
    *used += data.len;
    a->left -= data.len;
    if (e != ERR_NONE || a->left != 0)
        return e != ERR_NONE ? e : ERR_SHORT;
    a->part = then;
    return ERR_NONE;
}

/* The line with a chunk's size, the empty one behind its data, the empty one at the end. */
static enum err chunk_line_step(struct https_answer *a, struct view in, size_t *used)
{
    struct view line;

    if (!line_take(a, in, used, &line))
        return in.len - *used > CHUNK_DIGITS_MAX + 1 ? ERR_FORMAT : ERR_SHORT;
    if (a->part == HTTPS_CHUNK_SIZE) {
        a->part = HTTPS_CHUNK;
        if (!chunk_size(line, &a->left))
            return ERR_FORMAT;
        if (a->left == 0)
            a->part = HTTPS_TRAILER;
        return ERR_NONE;
    }
    a->part = a->part == HTTPS_TRAILER ? HTTPS_DONE : HTTPS_CHUNK_SIZE;
    return line.len == 0 ? ERR_NONE : ERR_FORMAT;
}

static enum err end_step(struct https_answer *a, struct view in, bool ended, size_t *used,
                         struct buf *body)
{
    enum err e = buf_append(body, view_from(in, *used));

    *used = in.len;
    if (e == ERR_NONE && !ended)
        return ERR_SHORT;
    a->part = HTTPS_DONE;
    return e;
}

enum err https_answer_feed(struct https_answer *a, struct view in, bool ended, size_t *used,
                           struct buf *body)
{
    enum err e = ERR_NONE;

    *used = 0;
    while (e == ERR_NONE && a->part != HTTPS_DONE) {
        switch (a->part) {
        case HTTPS_STATUS_LINE:
        case HTTPS_HEADERS:
            e = head_step(a, in, used);
            break;
        case HTTPS_BODY:
            e = data_step(a, in, used, HTTPS_DONE, body);
            break;
        case HTTPS_CHUNK:
            e = data_step(a, in, used, HTTPS_CHUNK_END, body);
            break;
        case HTTPS_CHUNK_SIZE:
        case HTTPS_CHUNK_END:
        case HTTPS_TRAILER:
            e = chunk_line_step(a, in, used);
            break;
        case HTTPS_UNTIL_END:
            e = end_step(a, in, ended, used, body);
            break;
        case HTTPS_DONE:
            break;
        }
    }
    return e;
}
