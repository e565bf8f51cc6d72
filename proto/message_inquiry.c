/* The messages by which a data plane asks for something else than keys and leases: relayed questions of
 * clients about their accounts, and claims on idempotency keys. */
#include "message.h"

#include "codec.h"

/* --- relayed questions */

static bool relay_text_ok(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        if (v.ptr[i] <= ' ' || v.ptr[i] > '~')
            return false;
    return true;
}

static bool relay_path_ok(struct view v)
{
    return v.len > 0 && v.ptr[0] == '/' && relay_text_ok(v);
}

enum err msg_relay_ask_encode(const struct msg_relay_ask *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_RELAY_ASK);

    writer_require(&w, m->call != 0, ERR_RANGE);
    writer_require(&w, relay_path_ok(m->path) && relay_text_ok(m->query), ERR_FORMAT);
    put_u64(&w, m->call);
    put_bytes(&w, m->key_digest.b, sizeof m->key_digest.b);
    put_u8_below(&w, m->method, RELAY_METHODS);
    put_u8_below(&w, m->openrouter, 2);
    put_blob16(&w, m->path, 1, LIMIT_RELAY_PATH_BYTES);
    put_blob16(&w, m->query, 0, LIMIT_RELAY_QUERY_BYTES);
    put_blob16(&w, m->body, 0, LIMIT_RELAY_BODY_BYTES);
    return writer_end(&w);
}

enum err msg_relay_ask_decode(struct view payload, struct msg_relay_ask *out)
{
    struct reader r = reader_of(payload);

    out->call = take_u64(&r);
    reader_require(&r, out->call != 0, ERR_RANGE);
    take_bytes(&r, out->key_digest.b, sizeof out->key_digest.b);
    out->method = take_u8_below(&r, RELAY_METHODS);
    out->openrouter = take_u8_below(&r, 2);
    out->path = take_blob16(&r, 1, LIMIT_RELAY_PATH_BYTES);
    out->query = take_blob16(&r, 0, LIMIT_RELAY_QUERY_BYTES);
    out->body = take_blob16(&r, 0, LIMIT_RELAY_BODY_BYTES);
    reader_require(&r, relay_path_ok(out->path) && relay_text_ok(out->query), ERR_FORMAT);
    return reader_end(&r);
}

static bool relay_answer_ok(const struct msg_relay_answer *m)
{
    return m->call != 0 && m->status >= 200 && m->status <= 599;
}

enum err msg_relay_answer_encode(const struct msg_relay_answer *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_RELAY_ANSWER);

    writer_require(&w, relay_answer_ok(m), ERR_RANGE);
    put_u64(&w, m->call);
    put_u16(&w, m->status);
    put_u32(&w, m->retry_ms);
    put_u8_below(&w, m->last, 2);
    put_blob16(&w, m->body, 0, LIMIT_RELAY_PIECE_BYTES);
    return writer_end(&w);
}

enum err msg_relay_answer_decode(struct view payload, struct msg_relay_answer *out)
{
    struct reader r = reader_of(payload);

    out->call = take_u64(&r);
    out->status = take_u16(&r);
    out->retry_ms = take_u32(&r);
    out->last = take_u8_below(&r, 2);
    out->body = take_blob16(&r, 0, LIMIT_RELAY_PIECE_BYTES);
    reader_require(&r, relay_answer_ok(out), ERR_RANGE);
    return reader_end(&r);
}

enum err msg_relay_next_encode(const struct msg_relay_next *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_RELAY_NEXT);

    writer_require(&w, m->call != 0, ERR_RANGE);
    put_u64(&w, m->call);
    put_u8_below(&w, m->more, 2);
    return writer_end(&w);
}

enum err msg_relay_next_decode(struct view payload, struct msg_relay_next *out)
{
    struct reader r = reader_of(payload);

    out->call = take_u64(&r);
    reader_require(&r, out->call != 0, ERR_RANGE);
    out->more = take_u8_below(&r, 2);
    return reader_end(&r);
}

/* --- idempotency keys */

enum err msg_claim_encode(const struct msg_claim *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_CLAIM);

    put_bytes(&w, m->request.b, sizeof m->request.b);
    put_bytes(&w, m->account.b, sizeof m->account.b);
    put_bytes(&w, m->lease.b, sizeof m->lease.b);
    put_bytes(&w, m->key.b, sizeof m->key.b);
    return writer_end(&w);
}

enum err msg_claim_decode(struct view payload, struct msg_claim *out)
{
    struct reader r = reader_of(payload);

    take_bytes(&r, out->request.b, sizeof out->request.b);
    take_bytes(&r, out->account.b, sizeof out->account.b);
    take_bytes(&r, out->lease.b, sizeof out->lease.b);
    take_bytes(&r, out->key.b, sizeof out->key.b);
    return reader_end(&r);
}

/* Which request holds the key goes with the status, so that nobody reads the id of none. */
static bool claimed_ok(const struct msg_claimed *m)
{
    if (m->status == CLAIM_GRANTED)
        return id_eq(&m->first, &m->request);
    return id_is_zero(&m->first) == (m->status == CLAIM_NONE);
}

enum err msg_claimed_encode(const struct msg_claimed *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_CLAIMED);

    writer_require(&w, claimed_ok(m), ERR_FORMAT);
    put_bytes(&w, m->request.b, sizeof m->request.b);
    put_u8_below(&w, m->status, CLAIM_STATUS_COUNT);
    put_bytes(&w, m->first.b, sizeof m->first.b);
    return writer_end(&w);
}

enum err msg_claimed_decode(struct view payload, struct msg_claimed *out)
{
    struct reader r = reader_of(payload);

    take_bytes(&r, out->request.b, sizeof out->request.b);
    out->status = take_u8_below(&r, CLAIM_STATUS_COUNT);
    take_bytes(&r, out->first.b, sizeof out->first.b);
    reader_require(&r, claimed_ok(out), ERR_FORMAT);
    return reader_end(&r);
}

enum err msg_release_encode(const struct msg_release *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_RELEASE);

    put_bytes(&w, m->request.b, sizeof m->request.b);
    return writer_end(&w);
}

enum err msg_release_decode(struct view payload, struct msg_release *out)
{
    struct reader r = reader_of(payload);

    take_bytes(&r, out->request.b, sizeof out->request.b);
    return reader_end(&r);
}
