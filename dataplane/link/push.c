/* What the control plane says unasked: catalog, provider keys, certificate, log proof. Each is handed to
 * whoever uses it; a prompt's way is never changed by it beyond the measured providers. */
#include "clock.h"
#include "identity.h"
#include "log.h"
#include "uplink_own.h"

bool push_catalog(struct uplink *u, struct view payload)
{
    struct catalog c;
    uint64_t strange = 0;
    bool whole;

    if (catalog_parts_take(&u->catalog, payload, &c, &whole) != ERR_NONE)
        return false;
    if (!whole)
        return true;
    /* The receiver leaves those endpoints out: a prompt goes to measured providers only. */
    for (size_t i = 0; i < c.n_endpoints; i++)
        strange += c.endpoints[i].provider_no >= u->config.n_providers;
    atomic_fetch_add_explicit(&u->unknown_provider_pushes, strange, memory_order_relaxed);
    if (strange != 0)
        LOG("catalog_unknown_providers", KV("version", c.version), KV("endpoints", strange));
    u->config.on_catalog(u->config.cookie, &c);
    return true;
}

bool push_secret(struct uplink *u, struct view payload)
{
    struct msg_secret m;
    struct buf key;

    if (msg_secret_decode(payload, &m) != ERR_NONE)
        return false;
    if (m.provider_no >= u->config.n_providers) {
        atomic_fetch_add_explicit(&u->unknown_provider_pushes, 1, memory_order_relaxed);
        return true;
    }
    buf_init(&key, LIMIT_SECRET_BYTES);
    if (identity_open_sealed(u->config.keys, m.sealed, &key) == ERR_NONE)
        u->config.on_secret(u->config.cookie, m.provider_no, m.index, m.total, buf_view(&key));
    else
        LOG("secret_unreadable", KV("provider", m.provider_no));
    buf_free(&key); /* wipes */
    return true;
}

bool push_cert(struct uplink *u, struct view payload)
{
    struct msg_cert m;

    if (msg_cert_decode(payload, &m) != ERR_NONE)
        return false;
    u->config.on_cert(u->config.cookie, m.leaf, m.ca);
    return true;
}

bool push_log_proof(struct uplink *u, struct view payload)
{
    struct msg_log_proof m;

    if (msg_log_proof_decode(payload, &m) != ERR_NONE)
        return false;
    if (u->config.on_log_proof != NULL)
        u->config.on_log_proof(u->config.cookie, m.statement, m.proof);
    return true;
}

bool push_orders(struct uplink *u, struct view payload)
{
    struct msg_orders m;

    if (msg_orders_decode(payload, &m) != ERR_NONE)
        return false;
    if (u->config.on_orders != NULL)
        u->config.on_orders(u->config.cookie, &m);
    session_state(u, clock_mono_ms()); /* now: it may end at once */
    return true;
}

bool push_health(struct uplink *u, struct view payload)
{
    struct msg_health m;
    unsigned before;

    if (msg_health_decode(payload, &m) != ERR_NONE)
        return false;
    before = atomic_exchange_explicit(&u->troubles, m.troubles, memory_order_relaxed);
    if (before != m.troubles)
        LOG("control_health", KV("troubles", (uint32_t)m.troubles));
    return true;
}
