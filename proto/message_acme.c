/* ACME_CHALLENGE: what one data plane wants the others of its name to answer a certificate authority with. */
#include "message.h"

#include "codec.h"

/* The characters of host names, without letter case, and of base64url with the dot between its two parts: what
 * is looked up in a table has one spelling. */
static bool name_ok(struct view v)
{
    for (size_t i = 0; i < v.len; i++) {
        uint8_t c = v.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_'))
            return false;
    }
    return true;
}

static bool authorization_ok(struct view v)
{
    size_t dots = 0;

    for (size_t i = 0; i < v.len; i++) {
        uint8_t c = v.ptr[i];

        dots += c == '.';
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
              c == '-' || c == '_'))
            return false;
    }
    return dots == 1 && v.ptr[0] != '.' && v.ptr[v.len - 1] != '.';
}

static enum err acme_challenge_check(const struct msg_acme_challenge *m)
{
    return m->lifetime_s <= LIMIT_ACME_CHALLENGE_S && name_ok(m->name) && authorization_ok(m->authorization)
               ? ERR_NONE
               : ERR_RANGE;
}

enum err msg_acme_challenge_encode(const struct msg_acme_challenge *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_ACME_CHALLENGE);

    put_bytes(&w, m->boot.b, sizeof m->boot.b);
    put_u64(&w, m->created_ms);
    put_u16(&w, m->lifetime_s);
    put_u8_below(&w, m->method, ACME_METHOD_COUNT);
    put_blob8(&w, m->name, 1, LIMIT_ACME_NAME_BYTES);
    put_blob8(&w, m->authorization, 3, LIMIT_ACME_AUTHORIZATION_BYTES);
    writer_require(&w, w.e != ERR_NONE || acme_challenge_check(m) == ERR_NONE, ERR_RANGE);
    put_bytes(&w, m->signature, sizeof m->signature);
    return writer_end(&w);
}

enum err msg_acme_challenge_decode(struct view payload, struct msg_acme_challenge *out)
{
    struct reader r = reader_of(payload);
    enum err e;

    take_bytes(&r, out->boot.b, sizeof out->boot.b);
    out->created_ms = take_u64(&r);
    out->lifetime_s = take_u16(&r);
    out->method = take_u8_below(&r, ACME_METHOD_COUNT);
    out->name = take_blob8(&r, 1, LIMIT_ACME_NAME_BYTES);
    out->authorization = take_blob8(&r, 3, LIMIT_ACME_AUTHORIZATION_BYTES);
    take_bytes(&r, out->signature, sizeof out->signature);
    e = reader_end(&r);
    return e == ERR_NONE ? acme_challenge_check(out) : e;
}

enum err msg_acme_challenge_text(const struct msg_acme_challenge *m, struct buf *out)
{
    static const char domain[] = "tr-acme-challenge/v1"; /* its NUL is signed, too */
    struct buf frame;
    enum err e;

    buf_init(&frame, LIMIT_FRAME_BYTES);
    e = msg_acme_challenge_encode(m, &frame);
    if (e == ERR_NONE)
        e = buf_append(out, view_of(domain, sizeof domain));
    if (e == ERR_NONE)
        e = buf_append(out, view_of(frame.ptr + FRAME_HEADER_BYTES,
                                    frame.len - FRAME_HEADER_BYTES - sizeof m->signature));
    buf_free(&frame);
    return e;
}
