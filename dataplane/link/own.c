/* Customers' own provider keys on the link thread: the answer to OWN_ASK is opened and put into the store, and
 * the sealing keys that open it are given to, and taken from, other boots of this program. */
#include "clock.h"
#include "evidence.h"
#include "identity.h"
#include "log.h"
#include "uplink_own.h"

#include <string.h>

/* --- OWN_KEYS */

/* What cannot be used stays in the list, so that its owner can be told why. */
static enum own_key_state own_open(struct uplink *u, const struct id *account,
                                   const struct msg_own_key *m, struct own_key *out)
{
    const struct provider *p = &u->config.providers->list[m->provider_no];
    enum own_key_state state = OWN_KEY_BAD;
    struct buf plain;
    struct view key;
    enum err e;

    if (p->auth == AUTH_NONE)
        return OWN_KEY_BAD; /* it checks no key, so that any word would make its answers free */
    buf_init(&plain, LIMIT_OWN_SEALED_BYTES);
    e = seal_ring_open(u->config.ring, m->seal_id, m->sealed, &plain);
    if (e == ERR_NOT_FOUND)
        state = OWN_KEY_RESEAL;
    if (e == ERR_NONE && own_key_read(buf_view(&plain), account, view_str(p->id), &key)) {
        memcpy(out->text, key.ptr, key.len);
        out->len = (uint16_t)key.len;
        state = OWN_KEY_READY;
    }
    buf_free(&plain); /* wipes */
    return state;
}

static void own_put(struct uplink *u, struct msg_own_keys m)
{
    struct own_keys *keys;
    struct msg_own_key k;
    unsigned n = 0, ready = 0;

    if (own_keys_new(&m.account, m.count, &keys) != ERR_NONE)
        return; /* the requests that wait are told that the keys cannot be had */
    keys->version = m.version;
    keys->fee_ppm = m.fee_ppm;
    keys->markup_ppm = m.markup_ppm;
    for (unsigned i = 0; i < m.count && msg_own_key_take(&m, &k) == ERR_NONE; i++) {
        struct own_key *own = &keys->list[n];

        if (k.provider_no >= u->config.n_providers) {
            atomic_fetch_add_explicit(&u->unknown_provider_pushes, 1, memory_order_relaxed);
            continue;
        }
        own->id = k.id;
        own->provider_no = k.provider_no;
        own->flags = k.flags;
        own->state = (uint8_t)own_open(u, &m.account, &k, own);
        ready += own->state == OWN_KEY_READY;
        n++;
    }
    keys->n = n;
    LOG("own_keys", KV("account", m.account), KV("keys", (uint32_t)n), KV("ready", (uint32_t)ready));
    own_store_put(u->config.own, keys);
}

static bool own_take(struct uplink *u, enum err e, const struct msg_own_keys *m)
{
    if (e != ERR_NONE)
        return false;
    own_put(u, *m);
    inquiries_own_answered(u, &m->account);
    return true;
}

bool own_answered(struct uplink *u, struct view payload)
{
    struct msg_own_keys m;

    return own_take(u, msg_own_keys_decode(payload, &m), &m);
}

bool own_priced(struct uplink *u, struct view payload)
{
    struct msg_own_keys m;

    return own_take(u, msg_own_priced_decode(payload, &m), &m);
}

/* --- sealing keys from boot to boot */

static void seal_give(struct uplink *u, const struct identity *to)
{
    struct msg_seal_give m = {.boot = to->boot};
    struct buf sealed, out;
    enum err e;

    buf_init(&sealed, LIMIT_SEAL_GIVE_BYTES);
    buf_init(&out, LIMIT_SEAL_GIVE_BYTES + 64);
    e = seal_ring_give(u->config.ring, to->hpke_x25519, &sealed);
    m.sealed = buf_view(&sealed);
    if (e == ERR_NONE)
        e = msg_seal_give_encode(&m, &out);
    if (e == ERR_NONE)
        uplink_send(u, &out);
    LOG("sealing_keys_given", KV("boot", to->boot), KV("outcome", log_err((int)e)));
    buf_free(&sealed);
    buf_free(&out);
}

bool own_seal_asked(struct uplink *u, struct view payload)
{
    struct msg_seal_ask m;
    struct identity who;
    enum seal_verdict v;

    if (msg_seal_ask_decode(payload, &m) != ERR_NONE)
        return false;
    v = seal_peer_judge(&u->config.seal, &m, clock_unix_ms() / 1000, &who);
    if (v == SEAL_GOOD) {
        if (u->config.on_peer != NULL)
            u->config.on_peer(u->config.cookie, &who);
        seal_give(u, &who);
    } else
        LOG("sealing_keys_refused", KV("reason", ((struct static_name){seal_verdict_name(v)})));
    return true;
}

/* Keys that could not be opened before may be open now: what is held is asked for again. */
bool own_seal_given(struct uplink *u, struct view payload)
{
    struct msg_seal_give m;
    bool more;
    enum err e;

    if (msg_seal_give_decode(payload, &m) != ERR_NONE)
        return false;
    e = seal_ring_take(u->config.ring, u->config.keys, m.sealed, &more);
    LOG("sealing_keys_taken", KV("boot", m.boot), KV("outcome", log_err((int)e)),
        KV("keys", (uint64_t)seal_ring_count(u->config.ring)));
    if (more)
        own_store_clear(u->config.own);
    return true;
}

/* --- challenges of certificate authorities, from boot to boot */

bool own_acme_challenge(struct uplink *u, struct view payload)
{
    struct msg_acme_challenge m;

    if (msg_acme_challenge_decode(payload, &m) != ERR_NONE)
        return false;
    if (u->config.on_acme_challenge != NULL)
        u->config.on_acme_challenge(u->config.cookie, &m);
    return true;
}
