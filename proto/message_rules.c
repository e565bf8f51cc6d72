/* RULED, KEY_PARTS and RULES_KNOWN: what a key may be used for, told together with what it may spend. */
#include "message.h"

#include "codec.h"

static void put_rules(struct writer *w, const struct key_rules *r)
{
    put_u8_below(w, r->set, KEY_RULES_ALL + 1);
    put_u8_below(w, r->privacy, KEY_PRIVACIES);
    put_u8_below(w, r->region, KEY_REGIONS);
    writer_require(w, r->n_models <= LIMIT_RULE_MODELS && r->n_ranges <= LIMIT_RULE_RANGES, ERR_RANGE);
    writer_require(w, (r->n_models == 0 || (r->set & KEY_RULE_MODELS) != 0) &&
                          (r->n_ranges == 0 || (r->set & KEY_RULE_RANGES) != 0), ERR_RANGE);
    put_u8(w, r->n_models);
    put_u8(w, r->n_ranges);
    for (unsigned i = 0; w->e == ERR_NONE && i < r->n_models; i++)
        put_u64(w, r->models[i]);
    for (unsigned i = 0; w->e == ERR_NONE && i < r->n_ranges; i++) {
        writer_require(w, ip_range_ok(&r->ranges[i]), ERR_RANGE);
        put_bytes(w, r->ranges[i].address, sizeof r->ranges[i].address);
        put_u8(w, r->ranges[i].bits);
    }
    for (unsigned i = 0; (r->set & KEY_RULE_PROVIDERS) != 0 && i < LIMIT_PROVIDERS / 64; i++)
        put_u64(w, r->providers.word[i]);
}

static void take_rules(struct reader *r, struct key_rules *out)
{
    *out = (struct key_rules){0};
    out->set = take_u8_below(r, KEY_RULES_ALL + 1);
    out->privacy = take_u8_below(r, KEY_PRIVACIES);
    out->region = take_u8_below(r, KEY_REGIONS);
    out->n_models = take_u8_below(r, LIMIT_RULE_MODELS + 1);
    out->n_ranges = take_u8_below(r, LIMIT_RULE_RANGES + 1);
    reader_require(r, (out->n_models == 0 || (out->set & KEY_RULE_MODELS) != 0) &&
                          (out->n_ranges == 0 || (out->set & KEY_RULE_RANGES) != 0), ERR_RANGE);
    for (unsigned i = 0; i < out->n_models; i++)
        out->models[i] = take_u64(r);
    for (unsigned i = 0; i < out->n_ranges; i++) {
        take_bytes(r, out->ranges[i].address, sizeof out->ranges[i].address);
        out->ranges[i].bits = take_u8(r);
        reader_require(r, ip_range_ok(&out->ranges[i]), ERR_RANGE);
    }
    for (unsigned i = 0; (out->set & KEY_RULE_PROVIDERS) != 0 && i < LIMIT_PROVIDERS / 64; i++)
        out->providers.word[i] = take_u64(r);
}

static void put_parts(struct writer *w, uint16_t parts, uint64_t version)
{
    writer_require(w, parts >= 1 && parts <= LIMIT_KEY_PARTS, ERR_RANGE);
    put_u16(w, parts);
    put_u64(w, version);
}

static uint16_t take_parts(struct reader *r)
{
    uint16_t parts = take_u16(r);

    reader_require(r, parts >= 1 && parts <= LIMIT_KEY_PARTS, ERR_RANGE);
    return parts;
}

void put_terms(struct writer *w, const struct key_terms *t)
{
    put_parts(w, t->parts, t->parts_version);
    put_rules(w, &t->rules);
}

enum err msg_ruled_encode(const struct msg_ruled *m, struct buf *out)
{
    struct msg_grant grant = m->grant;
    struct msg_lease lease = m->lease;

    if (m->kind >= RULED_KINDS)
        return ERR_RANGE;
    grant.terms = lease.terms = &m->terms;
    return m->kind == RULED_GRANT ? msg_grant_encode(&grant, out) : msg_lease_encode(&lease, out);
}

enum err msg_ruled_decode(struct view payload, struct msg_ruled *out)
{
    struct reader r = reader_of(payload);

    out->grant = (struct msg_grant){.terms = &out->terms};
    out->lease = (struct msg_lease){.terms = &out->terms};
    out->kind = take_u8_below(&r, RULED_KINDS);
    if (out->kind == RULED_GRANT)
        take_grant(&r, &out->grant);
    else
        take_lease(&r, &out->lease);
    out->terms.parts = take_parts(&r);
    out->terms.parts_version = take_u64(&r);
    take_rules(&r, &out->terms.rules);
    return reader_end(&r);
}

enum err msg_key_parts_encode(const struct msg_key_parts *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_KEY_PARTS);

    put_bytes(&w, m->key.b, sizeof m->key.b);
    put_parts(&w, m->parts, m->version);
    return writer_end(&w);
}

enum err msg_key_parts_decode(struct view payload, struct msg_key_parts *out)
{
    struct reader r = reader_of(payload);

    take_bytes(&r, out->key.b, sizeof out->key.b);
    out->parts = take_parts(&r);
    out->version = take_u64(&r);
    return reader_end(&r);
}

enum err msg_rules_known_encode(const struct msg_rules_known *m, struct buf *out)
{
    struct writer w = writer_begin(out, MSG_RULES_KNOWN);

    put_u32(&w, m->version);
    return writer_end(&w);
}

enum err msg_rules_known_decode(struct view payload, struct msg_rules_known *out)
{
    struct reader r = reader_of(payload);

    out->version = take_u32(&r);
    return reader_end(&r);
}
