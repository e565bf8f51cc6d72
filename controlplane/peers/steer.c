/* What data planes say of themselves, and what operators want of them. */
#include "peer.h"

#include "log.h"

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

bool steer_said(struct peer *p, struct view payload)
{
    const struct peers_fleet *fleet = p->owner->config.fleet;
    struct msg_state m;

    if (msg_state_decode(payload, &m) != ERR_NONE)
        return false;
    if (!p->tells) {
        p->tells = true;
        orders_send(p);
        if (p->owner->catalog_own.len != 0) /* it got one without the endpoints that it may not have known */
            publish_catalog(p);
    }
    if (fleet != NULL)
        fleet->said(fleet->cookie, &p->identity.boot, &m);
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
