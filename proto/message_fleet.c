/* What a data plane says of itself to its operator, and what it is told to do: STATE, ORDERS. */
#include "message.h"

#include "codec.h"

static bool region_ok(struct view v)
{
    return v.len == 0 || place_name_ok(v);
}

enum err msg_state_encode(const struct msg_state *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_STATE);

    put_u32(&w, m->catalog_version);
    put_u8(&w, m->draining);
    writer_require(&w, region_ok(m->region), ERR_FORMAT);
    put_blob8(&w, m->region, 0, LIMIT_PLACE_BYTES);
    put_u8_below(&w, m->n, STATE_KEYS_MAX + 1);
    for (size_t i = 0; w.e == ERR_NONE && i < m->n; i++) {
        writer_require(&w, m->keys[i].provider_no < LIMIT_PROVIDERS, ERR_RANGE);
        put_u16(&w, m->keys[i].provider_no);
        put_u8_below(&w, m->keys[i].index, PROVIDER_KEYS_MAX);
        put_u8_below(&w, m->keys[i].trouble, KEY_TROUBLES);
    }
    return writer_end(&w);
}

enum err msg_state_decode(struct view payload, struct msg_state *out)
{
    struct reader r = reader_of(payload);

    *out = (struct msg_state){.catalog_version = take_u32(&r)};
    out->draining = take_u8_below(&r, 2) != 0;
    out->region = take_blob8(&r, 0, LIMIT_PLACE_BYTES);
    reader_require(&r, region_ok(out->region), ERR_FORMAT);
    out->n = take_u8_below(&r, STATE_KEYS_MAX + 1);
    for (size_t i = 0; r.e == ERR_NONE && i < out->n; i++) {
        out->keys[i].provider_no = take_u16(&r);
        reader_require(&r, out->keys[i].provider_no < LIMIT_PROVIDERS, ERR_RANGE);
        out->keys[i].index = take_u8_below(&r, PROVIDER_KEYS_MAX);
        out->keys[i].trouble = take_u8_below(&r, KEY_TROUBLES);
    }
    return reader_end(&r);
}

static bool weights_ok(const struct key_weights *w)
{
    bool ok = w->provider_no < LIMIT_PROVIDERS;

    for (unsigned i = 0; i < PROVIDER_KEYS_MAX; i++)
        ok = ok && w->weight[i] >= 1 && w->weight[i] <= KEY_WEIGHT_MAX;
    return ok;
}

enum err msg_orders_encode(const struct msg_orders *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_ORDERS);

    put_u8(&w, m->drain);
    put_bytes(&w, m->keyed, sizeof m->keyed);
    writer_require(&w, m->n <= LIMIT_PROVIDERS, ERR_RANGE);
    put_u16(&w, m->n);
    for (size_t i = 0; w.e == ERR_NONE && i < m->n; i++) {
        writer_require(&w, weights_ok(&m->weights[i]), ERR_RANGE);
        put_u16(&w, m->weights[i].provider_no);
        put_bytes(&w, m->weights[i].weight, PROVIDER_KEYS_MAX);
    }
    return writer_end(&w);
}

enum err msg_orders_decode(struct view payload, struct msg_orders *out)
{
    struct reader r = reader_of(payload);

    memset(out, 0, sizeof *out);
    out->drain = take_u8_below(&r, 2) != 0;
    take_bytes(&r, out->keyed, sizeof out->keyed);
    out->n = take_u16(&r);
    reader_require(&r, out->n <= LIMIT_PROVIDERS, ERR_RANGE);
    for (size_t i = 0; r.e == ERR_NONE && i < out->n; i++) {
        out->weights[i].provider_no = take_u16(&r);
        take_bytes(&r, out->weights[i].weight, PROVIDER_KEYS_MAX);
        reader_require(&r, weights_ok(&out->weights[i]), ERR_RANGE);
    }
    return reader_end(&r);
}
