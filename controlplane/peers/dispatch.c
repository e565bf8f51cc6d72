/* What an accepted data plane may say, and the ledger calls that answer it. */
#include "peer.h"

#include "clock.h"
#include "log.h"

#include <stdlib.h>

static bool key_known(const struct peer *p, const struct digest32 *d)
{
    for (size_t i = 0; i < p->n_keys; i++) {
        if (memcmp(p->keys[i].b, d->b, sizeof d->b) == 0)
            return true;
    }
    return false;
}

/* Remember that this peer holds the key. When memory is out or there are too many, nothing is lost
 * but the early word after a resync: the lease's end bounds it. */
static void key_remember(struct peer *p, const struct digest32 *d)
{
    if (key_known(p, d))
        return;
    if (p->n_keys == p->keys_cap) {
        size_t cap = p->keys_cap == 0 ? 64 : 2 * p->keys_cap;
        struct digest32 *grown;

        if (cap > LIMIT_KEYS || (grown = realloc(p->keys, cap * sizeof *grown)) == NULL)
            return;
        p->keys = grown;
        p->keys_cap = cap;
    }
    p->keys[p->n_keys++] = *d;
}

static void key_forget(struct peer *p, const struct digest32 *d)
{
    for (size_t i = 0; i < p->n_keys; i++) {
        if (memcmp(p->keys[i].b, d->b, sizeof d->b) == 0) {
            p->keys[i] = p->keys[--p->n_keys];
            return;
        }
    }
}

static enum err answer_encode(struct peer *p, const struct msg_grant *grant,
                              const struct msg_no_key *no, struct buf *out)
{
    if (grant != NULL) {
        key_remember(p, &grant->key_digest);
        return msg_grant_encode(grant, out);
    }
    key_forget(p, &no->key_digest); /* what it still holds of it ends with this answer */
    return msg_no_key_encode(no, out);
}

static void grant_cb(void *cookie, enum err e, const struct msg_grant *grant,
                     const struct msg_no_key *no)
{
    struct peer *p = cookie;
    struct buf out;

    if (!peer_call_done(p))
        return;
    if (e != ERR_NONE) {
        LOG("lookup_failed", KV("error", log_err(e))); /* the data plane's own deadline answers */
        return;
    }
    buf_init(&out, 256);
    if (answer_encode(p, grant, no, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
}

static bool handle_key_lookup(struct peer *p, struct view payload)
{
    struct msg_key_lookup m;

    if (msg_key_lookup_decode(payload, &m) != ERR_NONE)
        return false;
    p->calls++;
    ledger_grant(p->owner->config.ledger, &p->identity.boot, &m, grant_cb, p);
    return true;
}

static void lease_cb(void *cookie, enum err e, const struct msg_lease *lease)
{
    struct peer *p = cookie;
    struct buf out;

    if (!peer_call_done(p))
        return;
    if (e != ERR_NONE) {
        LOG("lease_failed", KV("error", log_err(e)));
        return;
    }
    buf_init(&out, 128);
    if (msg_lease_encode(lease, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
}

static bool handle_lease_more(struct peer *p, struct view payload)
{
    struct msg_lease_more m;

    if (msg_lease_more_decode(payload, &m) != ERR_NONE)
        return false;
    p->calls++;
    ledger_lease_more(p->owner->config.ledger, &p->identity.boot, &m, lease_cb, p);
    return true;
}

static void partial_return_cb(void *cookie, enum err e)
{
    struct peer *p = cookie;

    /* What fails here comes back when the lease ends. */
    if (peer_call_done(p) && e != ERR_NONE)
        LOG("return_refused", KV("error", log_err(e)));
}

static bool handle_lease_return(struct peer *p, struct view payload)
{
    struct msg_lease_return m;

    if (msg_lease_return_decode(payload, &m) != ERR_NONE)
        return false;
    if (!m.final) {
        p->calls++;
        ledger_lease_return(p->owner->config.ledger, &p->identity.boot, &m, partial_return_cb, p);
        return true;
    }
    return orders_return(p, &m);
}

static bool handle_usage(struct peer *p, struct view payload)
{
    struct msg_usage m;

    return msg_usage_decode(payload, &m) == ERR_NONE && orders_usage(p, &m);
}

static bool handle_usage_lost(struct peer *p, struct view payload)
{
    struct msg_usage_lost m;

    return msg_usage_lost_decode(payload, &m) == ERR_NONE && orders_lost(p, &m);
}

static bool handle_settled(struct peer *p, struct view payload)
{
    struct msg_settled m;

    return msg_settled_decode(payload, &m) == ERR_NONE && orders_settled(p, &m);
}

static bool handle_place(struct peer *p, struct view payload)
{
    struct msg_place m;

    if (msg_place_decode(payload, &m) != ERR_NONE)
        return false;
    ledger_place(p->owner->config.ledger, &p->identity.boot, m.name);
    return true;
}

static bool handle_ping(struct peer *p, struct view payload)
{
    struct msg_ping m;
    struct buf out;

    if (msg_ping_decode(payload, &m) != ERR_NONE)
        return false;
    buf_init(&out, 64);
    if (msg_pong_encode(&m, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
    return true;
}

static bool handle_bye(struct peer *p, struct view payload)
{
    if (payload.len != 0)
        return false;
    LOG("peer_bye", KV("boot", p->identity.boot));
    return true;
}

static const struct {
    enum message_type type;
    bool (*handle)(struct peer *p, struct view payload);
} handlers[] = {
    {MSG_KEY_LOOKUP, handle_key_lookup},     {MSG_LEASE_MORE, handle_lease_more},
    {MSG_LEASE_RETURN, handle_lease_return}, {MSG_USAGE, handle_usage},
    {MSG_USAGE_LOST, handle_usage_lost},     {MSG_SETTLED, handle_settled},
    {MSG_PLACE, handle_place},               {MSG_PING, handle_ping},
    {MSG_BYE, handle_bye},
};

bool peer_dispatch(struct peer *p, const struct frame *f)
{
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        if (handlers[i].type == f->type)
            return handlers[i].handle(p, f->payload);
    }
    return false;
}

static void check_cb(void *cookie, enum err e, const struct msg_revoke *revoke)
{
    struct peer *p = cookie;
    struct buf out;

    if (!peer_call_done(p))
        return;
    if (e != ERR_NONE) {
        LOG("check_failed", KV("error", log_err(e))); /* the lease's end bounds it */
        return;
    }
    if (revoke == NULL)
        return;
    key_forget(p, &revoke->key_digest);
    buf_init(&out, 64);
    if (msg_revoke_encode(revoke, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
}

void peer_resync(struct peer *p)
{
    struct digest32 *keys;
    size_t n = p->n_keys;

    if (p->state != PEER_ACCEPTED || n == 0)
        return;
    keys = malloc(n * sizeof *keys); /* the answers change the list */
    if (keys == NULL) {
        conn_close(p->conn, ERR_MEMORY);
        return;
    }
    memcpy(keys, p->keys, n * sizeof *keys);
    p->calls += (unsigned)n; /* first, so that the peer outlives the loop whatever the answers do */
    for (size_t i = 0; i < n; i++)
        ledger_check(p->owner->config.ledger, &p->identity.boot, &keys[i], check_cb, p);
    free(keys);
}
