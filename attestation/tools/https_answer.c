/* Reading an HTTP/1.1 answer: strict where two readers could differ. */
#include "https.h"

/* A line without its CRLF. False when it has not come whole. */
static bool line_take(struct view *v, struct view *out)
{
    const uint8_t *end = v->len == 0 ? NULL : memmem(v->ptr, v->len, "\r\n", 2);
    struct view crlf;

    return end != NULL && view_take(v, (size_t)(end - v->ptr), out) && view_take(v, 2, &crlf);
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

struct framing {
    bool has_length, chunked;
    uint64_t length;
};

static bool header_take(struct view line, struct framing *f)
{
    const uint8_t *colon = line.len == 0 ? NULL : memchr(line.ptr, ':', line.len);
    struct view name, value;

    if (colon == NULL)
        return false;
    name = view_of(line.ptr, (size_t)(colon - line.ptr));
    value = view_trim(view_from(line, name.len + 1));
    if (view_eq_nocase(name, VIEW_LIT("content-length"))) {
        if (f->has_length || !view_u64(value, &f->length))
            return false;
        f->has_length = true;
    }
    if (view_eq_nocase(name, VIEW_LIT("transfer-encoding"))) {
        if (f->chunked || !view_eq_nocase(value, VIEW_LIT("chunked")))
            return false;
        f->chunked = true;
    }
    return !(f->chunked && f->has_length);
}

/* "1a3": at most 7 digits, no extension (nobody who writes this document sends one). */
static bool chunk_size(struct view line, size_t *out)
{
    size_t n = 0;

    if (line.len == 0 || line.len > 7)
        return false;
    for (size_t i = 0; i < line.len; i++) {
        uint8_t c = line.ptr[i] | 0x20;

        if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
            return false;
        n = n << 4 | (size_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *out = n;
    return true;
}

static enum err chunks_take(struct view v, struct buf *body)
{
    for (;;) {
        struct view line, data, crlf;
        size_t n;
        enum err e;

        if (!line_take(&v, &line))
            return ERR_SHORT;
        if (!chunk_size(line, &n))
            return ERR_FORMAT;
        if (n == 0)
            return !line_take(&v, &line) ? ERR_SHORT : line.len == 0 ? ERR_NONE : ERR_FORMAT;
        if (!view_take(&v, n, &data) || !view_take(&v, 2, &crlf))
            return ERR_SHORT;
        if (!view_eq(crlf, VIEW_LIT("\r\n")))
            return ERR_FORMAT;
        if ((e = buf_append(body, data)) != ERR_NONE)
            return e;
    }
}

enum err https_answer_parse(struct view in, bool ended, unsigned *status, struct buf *body)
{
    struct framing f = {.length = 0};
    struct view line, rest = in;

    buf_reset(body);
    if (!line_take(&rest, &line))
        return in.len > HTTPS_HEAD_MAX ? ERR_LIMIT : ERR_SHORT;
    if (!status_take(line, status))
        return ERR_FORMAT;
    for (;;) {
        if (!line_take(&rest, &line))
            return in.len > HTTPS_HEAD_MAX ? ERR_LIMIT : ERR_SHORT;
        if (line.len == 0)
            break;
        if (!header_take(line, &f))
            return ERR_FORMAT;
    }
    if (f.chunked)
        return chunks_take(rest, body);
    if (!f.has_length)
        return ended ? buf_append(body, rest) : ERR_SHORT;
    if (f.length > body->max)
        return ERR_LIMIT;
    if (rest.len < f.length)
        return ERR_SHORT;
    return buf_append(body, view_of(rest.ptr, (size_t)f.length));
}
