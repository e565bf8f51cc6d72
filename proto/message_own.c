/* The messages about customers' own provider keys, and about the sealing keys of the fleet that open them. */
#include "message.h"

#include "codec.h"

enum { OWN_KEY_HEAD = 16 + 2 + 1 + 8 + 2 }; /* with the length of what follows */
enum { OWN_KEY_FLAGS = OWN_KEY_ALWAYS | OWN_KEY_FALLBACK, FEE_WHOLE_PPM = 1000000 };

enum err msg_own_ask_encode(const struct msg_own_ask *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_OWN_ASK);

    put_bytes(&w, m->account.b, sizeof m->account.b);
    return writer_end(&w);
}

enum err msg_own_ask_decode(struct view payload, struct msg_own_ask *out)
{
    struct reader r = reader_of(payload);

    take_bytes(&r, out->account.b, sizeof out->account.b);
    return reader_end(&r);
}

/* --- entries */

static bool own_key_ok(const struct msg_own_key *k)
{
    return k->provider_no < LIMIT_PROVIDERS && (k->flags & ~OWN_KEY_FLAGS) == 0;
}

static void own_key_read(struct reader *r, struct msg_own_key *out)
{
    take_bytes(r, out->id.b, sizeof out->id.b);
    out->provider_no = take_u16(r);
    out->flags = take_u8_below(r, OWN_KEY_FLAGS + 1);
    take_bytes(r, out->seal_id, sizeof out->seal_id);
    out->sealed = take_blob16(r, OWN_KEY_SEALED_MIN, LIMIT_OWN_SEALED_BYTES);
    reader_require(r, own_key_ok(out), ERR_RANGE);
}

enum err msg_own_key_take(struct msg_own_keys *m, struct msg_own_key *out)
{
    struct reader r = reader_of(m->keys);

    own_key_read(&r, out);
    m->keys = r.left;
    return r.e;
}

enum err msg_own_key_put(struct buf *keys, const struct msg_own_key *k)
{
    uint8_t head[OWN_KEY_HEAD];
    enum err e;

    if (!own_key_ok(k) || k->sealed.len < OWN_KEY_SEALED_MIN || k->sealed.len > LIMIT_OWN_SEALED_BYTES)
        return ERR_RANGE;
    memcpy(head, k->id.b, 16);
    store_be(head + 16, k->provider_no, 2);
    head[18] = k->flags;
    memcpy(head + 19, k->seal_id, 8);
    store_be(head + 27, k->sealed.len, 2);
    e = buf_append(keys, view_of(head, sizeof head));
    return e == ERR_NONE ? buf_append(keys, k->sealed) : e;
}

/* As many entries as it says, and nothing behind them. */
static enum err own_keys_check(const struct msg_own_keys *m)
{
    struct msg_own_keys rest = *m;
    struct msg_own_key k;
    enum err e = m->count > LIMIT_OWN_KEYS || m->fee_ppm > FEE_WHOLE_PPM || m->markup_ppm > LIMIT_MARKUP_PPM
                     ? ERR_RANGE
                     : ERR_NONE;

    for (unsigned i = 0; i < m->count && e == ERR_NONE; i++)
        e = msg_own_key_take(&rest, &k);
    if (e == ERR_SHORT || (e == ERR_NONE && rest.keys.len != 0))
        e = ERR_FORMAT;
    return e;
}

enum err msg_own_keys_encode(const struct msg_own_keys *m, struct buf *out)
{
    struct writer w = writer_begin(out, m->markup_ppm == 0 ? MSG_OWN_KEYS : MSG_OWN_PRICED);

    writer_require(&w, own_keys_check(m) == ERR_NONE, ERR_RANGE);
    put_bytes(&w, m->account.b, sizeof m->account.b);
    put_u64(&w, m->version);
    put_u32(&w, m->fee_ppm);
    if (m->markup_ppm != 0)
        put_u32(&w, m->markup_ppm);
    put_u16(&w, m->count);
    put_bytes(&w, m->keys.ptr, m->keys.len);
    return writer_end(&w);
}

static enum err own_keys_read(struct view payload, bool priced, struct msg_own_keys *out)
{
    struct reader r = reader_of(payload);

    take_bytes(&r, out->account.b, sizeof out->account.b);
    out->version = take_u64(&r);
    out->fee_ppm = take_u32(&r);
    out->markup_ppm = priced ? take_u32(&r) : 0;
    out->count = take_u16(&r);
    out->keys = r.left;
    return r.e == ERR_NONE ? own_keys_check(out) : reader_end(&r);
}

enum err msg_own_keys_decode(struct view payload, struct msg_own_keys *out)
{
    return own_keys_read(payload, false, out);
}

enum err msg_own_priced_decode(struct view payload, struct msg_own_keys *out)
{
    enum err e = own_keys_read(payload, true, out);

    return e == ERR_NONE && out->markup_ppm == 0 ? ERR_RANGE : e; /* one way to write each */
}

/* --- sealing keys */

enum err msg_seal_ask_encode(const struct msg_seal_ask *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_SEAL_ASK);

    put_bytes(&w, m->leaf.b, sizeof m->leaf.b);
    put_evidence(&w, &m->evidence);
    return writer_end(&w);
}

enum err msg_seal_ask_decode(struct view payload, struct msg_seal_ask *out)
{
    struct reader r = reader_of(payload);

    take_bytes(&r, out->leaf.b, sizeof out->leaf.b);
    take_evidence(&r, &out->evidence);
    return reader_end(&r);
}

enum err msg_seal_give_encode(const struct msg_seal_give *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_SEAL_GIVE);

    put_bytes(&w, m->boot.b, sizeof m->boot.b);
    put_blob16(&w, m->sealed, OWN_KEY_SEALED_MIN, LIMIT_SEAL_GIVE_BYTES);
    return writer_end(&w);
}

enum err msg_seal_give_decode(struct view payload, struct msg_seal_give *out)
{
    struct reader r = reader_of(payload);

    take_bytes(&r, out->boot.b, sizeof out->boot.b);
    out->sealed = take_blob16(&r, OWN_KEY_SEALED_MIN, LIMIT_SEAL_GIVE_BYTES);
    return reader_end(&r);
}
