/* What data planes say of themselves, and what operators want of them. */
#include "peer.h"

#include "clock.h"
#include "log.h"

#include <assert.h>

enum { SAID_MS = 1000 }; /* between two writes of what a data plane says of itself */

void steer_happened(const struct peer *p, const char *event, const char *detail)
{
    const struct peers_fleet *fleet = p->owner->config.fleet;

    if (fleet != NULL)
        fleet->happened(fleet->cookie, &p->identity.boot, event, detail, &p->policy_sha256);
}

/* Those of a provider. False: its keys are used in turn. */
static bool weights_of(const struct peers_config *c, uint16_t no, struct key_weights *out)
{
    size_t n = c->provider_keys(c->cookie, no);
    bool differ = false;

    *out = (struct key_weights){no, {1, 1, 1, 1, 1, 1, 1, 1}};
    for (size_t i = 0; c->provider_weight != NULL && i < n && i < PROVIDER_KEYS_MAX; i++) {
        out->weight[i] = c->provider_weight(c->cookie, no, i);
        differ = differ || out->weight[i] != out->weight[0];
    }
    return differ;
}

static void orders_send(struct peer *p)
{
    const struct peers_config *c = &p->owner->config;
    struct msg_orders m = {.drain = p->drain};
    struct buf out;

    for (size_t i = 0; i < c->providers->n; i++) {
        uint16_t no = c->providers->list[i].no;

        if (c->provider_keys(c->cookie, no) != 0)
            m.keyed[no / 8] |= (uint8_t)(1U << no % 8);
        if (weights_of(c, no, &m.weights[m.n]))
            m.n++;
    }
    buf_init(&out, LIMIT_PROVIDERS * 16);
    if (msg_orders_encode(&m, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
}

static void said_write(struct peer *p, const struct msg_state *m, uint64_t now_ms)
{
    const struct peers_fleet *fleet = p->owner->config.fleet;

    p->said_ms = now_ms;
    fleet->said(fleet->cookie, &p->identity.boot, m);
}

void steer_tick(struct peer *p, uint64_t now_ms)
{
    if (now_ms - p->said_ms >= SAID_MS)
        steer_write(p, now_ms);
}

void steer_write(struct peer *p, uint64_t now_ms)
{
    struct msg_state m;
    enum err e;

    if (p->said.len == 0)
        return;
    e = msg_state_decode(buf_view(&p->said), &m);
    assert(e == ERR_NONE); /* steer_said() has decoded it */
    said_write(p, &m, now_ms);
    buf_reset(&p->said);
}

/* Only the latest of a second is written. */
static void said_keep(struct peer *p, struct view payload, const struct msg_state *m)
{
    uint64_t now_ms = clock_mono_ms();

    buf_reset(&p->said);
    if (p->said_ms == 0 || now_ms - p->said_ms >= SAID_MS)
        said_write(p, m, now_ms);
    else if (buf_append(&p->said, payload) != ERR_NONE)
        buf_reset(&p->said); /* longer than a frame it cannot be; without memory the next one will do */
}

bool steer_said(struct peer *p, struct view payload)
{
    struct msg_state m;

    if (msg_state_decode(payload, &m) != ERR_NONE)
        return false;
    if (!p->tells) {
        p->tells = true;
        orders_send(p);
        if (!p->reads && p->owner->catalog_own.len != 0) /* it got one without the endpoints that it may not have known */
            publish_catalog(p);
    }
    if (p->owner->config.fleet != NULL)
        said_keep(p, payload, &m);
    return true;
}

static void steer(struct peer *p, unsigned orders)
{
    if ((orders & PEERS_EVICT) != 0) {
        LOG("peer_evicted", KV("boot", p->identity.boot));
        peer_refuse(p, p->tells ? REFUSAL_EVICTED : REFUSAL_POLICY);
    } else if ((orders & PEERS_DRAIN) != 0 && p->tells && !p->drain) {
        LOG("peer_drained", KV("boot", p->identity.boot));
        p->drain = true;
        orders_send(p);
    }
}

void peers_order(struct peers *s, const struct id *boot, unsigned orders)
{
    for (struct peer *p = s->list, *next; p != NULL; p = next) {
        next = p->next;
        if (p->state == PEER_ACCEPTED && conn_open(p->conn) && id_eq(&p->identity.boot, boot))
            steer(p, orders);
    }
}

void peers_keys_changed(struct peers *s)
{
    for (struct peer *p = s->list, *next; p != NULL; p = next) {
        next = p->next;
        if (p->state != PEER_ACCEPTED)
            continue;
        publish_secrets(p);
        if (p->tells)
            orders_send(p);
    }
    publish_catalog_load(s);
}
