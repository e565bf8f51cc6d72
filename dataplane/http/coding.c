/* (G) gzip and deflate, with zlib. What zlib allocates is wiped by free() (dataplane/zero_free.c), what
 * lies here by coding_free(). */
#include "coding.h"

#include "content_view.h"
#include "secret.h"

#include <stdlib.h>
#include <zlib.h>

enum {
    PIECE_BYTES = 16 << 10,
    WINDOW_GZIP = MAX_WBITS + 16, /* as zlib numbers the formats */
    WINDOW_ZLIB = MAX_WBITS,
    WINDOW_RAW = -MAX_WBITS,
};

struct coding {
    z_stream z;
    enum coding_kind kind;
    bool begun, plain, over;
    bool ended; /* over, and what follows is no further gzip file */
    uint64_t in, out; /* bytes so far */
    uint8_t header[2]; /* of a deflate body: its first byte, until the second one has come */
    size_t held;
    uint8_t piece[PIECE_BYTES];
};

enum err coding_new(enum coding_kind kind, struct coding **out)
{
    struct coding *c = calloc(1, sizeof *c);

    if (c == NULL)
        return ERR_MEMORY;
    c->kind = kind;
    *out = c;
    return ERR_NONE;
}

void coding_free(struct coding *c)
{
    if (c == NULL)
        return;
    if (c->begun && !c->plain)
        (void)inflateEnd(&c->z);
    secret_wipe(c, sizeof *c);
    free(c);
}

static int window_of(const struct coding *c)
{
    if (c->kind == CODING_GZIP)
        return WINDOW_GZIP;
    return coding_is_zlib(c->header[0], c->header[1]) ? WINDOW_ZLIB : WINDOW_RAW;
}

/* Find out what the body is. False: two bytes must be seen. */
static bool begin(struct coding *c, struct view bytes, enum err *e)
{
    if (c->kind == CODING_DEFLATE) {
        for (size_t i = 0; i < bytes.len && c->held + i < 2; i++)
            c->header[c->held + i] = bytes.ptr[i];
        if (c->held + bytes.len < 2) {
            c->held += bytes.len;
            return false;
        }
    }
    c->begun = true;
    c->plain = c->kind == CODING_GZIP && !coding_is_gzip(bytes.ptr[0]);
    if (!c->plain && inflateInit2(&c->z, window_of(c)) != Z_OK) {
        c->begun = false;
        *e = ERR_MEMORY;
        return false;
    }
    return true;
}

/* Decode once. *more: there is more to do without new bytes. */
static enum err step(struct coding *c, size_t *made, bool *more)
{
    int r;

    c->z.next_out = c->piece;
    c->z.avail_out = sizeof c->piece;
    r = inflate(&c->z, Z_SYNC_FLUSH);
    *made = sizeof c->piece - c->z.avail_out;
    c->out += *made;
    if (r == Z_MEM_ERROR)
        return ERR_MEMORY;
    if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
        return ERR_PROVIDER_PROTOCOL;
    if (c->out > CODING_FREE_BYTES && c->out / CODING_RATIO_MAX > c->in)
        return ERR_PROVIDER_PROTOCOL;
    c->over = r == Z_STREAM_END;
    *more = c->z.avail_in != 0 || (!c->over && c->z.avail_out == 0);
    return ERR_NONE;
}

/* Behind the end of a compressed body: gzip files may be joined; anything else means nothing, and nothing behind it. */
static bool joined(struct coding *c)
{
    c->ended = c->ended || c->kind != CODING_GZIP || !coding_is_gzip(*c->z.next_in) ||
               inflateReset(&c->z) != Z_OK;
    c->over = c->ended;
    return !c->ended;
}

static enum err decode(struct coding *c, struct view bytes,
                       bool (*piece)(void *cookie, struct view bytes), void *cookie)
{
    bool more = bytes.len != 0;
    size_t made;
    enum err e;

    c->z.next_in = (z_const Bytef *)bytes.ptr;
    c->z.avail_in = (uInt)bytes.len;
    while (more && (!c->over || joined(c))) {
        e = step(c, &made, &more);
        if (e != ERR_NONE)
            return e;
        if (made != 0 && !piece(cookie, view_of(c->piece, made)))
            return ERR_NONE;
    }
    return ERR_NONE;
}

enum err coding_feed(struct coding *c, struct view bytes,
                     bool (*piece)(void *cookie, struct view bytes), void *cookie)
{
    enum err e = ERR_NONE;
    size_t held = c->held;

    if (bytes.len == 0)
        return ERR_NONE;
    c->in += bytes.len;
    if (!c->begun && !begin(c, bytes, &e))
        return e;
    if (c->plain) {
        (void)piece(cookie, bytes);
        return ERR_NONE;
    }
    c->held = 0;
    e = held == 0 ? ERR_NONE : decode(c, view_of(c->header, held), piece, cookie);
    return e == ERR_NONE ? decode(c, bytes, piece, cookie) : e;
}

bool coding_over(const struct coding *c)
{
    return c->over || c->plain;
}
