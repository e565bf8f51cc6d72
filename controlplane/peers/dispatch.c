/* What an accepted data plane may say, and the ledger calls that answer it. */
#include "peer.h"

#include "clock.h"
#include "log.h"

#include <stdlib.h>

/* --- look-ups and leases --- */

/* A look-up that was on its way while notifications may have been missed says what was true before. */
struct lookup {
    struct peer *peer;
    uint32_t epoch;
};

static enum err answer_encode(struct peer *p, uint32_t epoch, const struct msg_grant *grant,
                              const struct msg_no_key *no, struct buf *out)
{
    if (grant != NULL) {
        known_put(&p->known, &grant->key_digest, grant->version, epoch);
        return msg_grant_encode(grant, out);
    }
    return msg_no_key_encode(no, out);
}

static void grant_cb(void *cookie, enum err e, const struct msg_grant *grant,
                     const struct msg_no_key *no)
{
    struct lookup *l = cookie;
    struct peer *p = l->peer;
    uint32_t epoch = l->epoch;
    struct buf out;

    free(l);
    if (!peer_call_done(p))
        return;
    if (e != ERR_NONE) {
        LOG("lookup_failed", KV("error", log_err(e))); /* the data plane's own deadline answers */
        return;
    }
    buf_init(&out, 4096);
    if (answer_encode(p, epoch, grant, no, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
}

static bool handle_key_lookup(struct peer *p, struct view payload)
{
    struct msg_key_lookup m;
    struct lookup *l;

    if (msg_key_lookup_decode(payload, &m) != ERR_NONE)
        return false;
    l = malloc(sizeof *l);
    if (l == NULL)
        return true; /* not answered: the data plane's own deadline answers */
    *l = (struct lookup){p, p->known.epoch};
    m.obeys = p->obeys;
    p->calls++;
    ledger_grant(p->owner->config.ledger, &p->identity.boot, &m, grant_cb, l);
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
    buf_init(&out, 4096);
    if (msg_lease_encode(lease, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
}

static bool handle_lease_more(struct peer *p, struct view payload)
{
    struct msg_lease_more m;

    if (msg_lease_more_decode(payload, &m) != ERR_NONE)
        return false;
    m.obeys = p->obeys;
    p->calls++;
    ledger_lease_more(p->owner->config.ledger, &p->identity.boot, &m, lease_cb, p);
    return true;
}

static void partial_return_cb(void *cookie, enum err e)
{
    struct peer *p = cookie;

    /* What fails here is told again by the next LEASE_MORE. */
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

static bool handle_usage_attempts(struct peer *p, struct view payload)
{
    struct msg_usage_attempts m;

    return msg_usage_attempts_decode(payload, &m) == ERR_NONE && orders_attempts(p, &m);
}

static bool handle_usage_parts(struct peer *p, struct view payload)
{
    struct msg_usage_parts m;

    return msg_usage_parts_decode(payload, &m) == ERR_NONE && orders_parts(p, &m);
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

static void claim_cb(void *cookie, enum err e, const struct msg_claimed *answer)
{
    struct peer *p = cookie;
    struct buf out;

    if (!peer_call_done(p))
        return;
    if (e != ERR_NONE) {
        LOG("claim_failed", KV("error", log_err(e))); /* the data plane's own deadline answers */
        return;
    }
    buf_init(&out, 128);
    if (msg_claimed_encode(answer, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
}

static bool handle_claim(struct peer *p, struct view payload)
{
    struct msg_claim m;

    if (msg_claim_decode(payload, &m) != ERR_NONE)
        return false;
    p->calls++;
    ledger_claim(p->owner->config.ledger, &p->identity.boot, &m, claim_cb, p);
    return true;
}

static bool handle_release(struct peer *p, struct view payload)
{
    struct msg_release m;

    if (msg_release_decode(payload, &m) != ERR_NONE)
        return false;
    p->calls++;
    ledger_release(p->owner->config.ledger, &p->identity.boot, &m.request, claim_cb, p);
    return true;
}

/* A later version obeys what this one has. */
static bool handle_rules_known(struct peer *p, struct view payload)
{
    struct msg_rules_known m;

    if (msg_rules_known_decode(payload, &m) != ERR_NONE)
        return false;
    p->obeys = m.version >= RULES_VERSION;
    if (p->reads != (m.version >= RULES_SYNTHS) || !p->heard) {
        p->reads = m.version >= RULES_SYNTHS;
        p->heard = true;
        publish_catalog(p);
    }
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
    orders_bye(p);
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
    {MSG_BYE, handle_bye},                   {MSG_KEYS, peer_keys},
    {MSG_RELAY_ASK, relay_asked},            {MSG_RELAY_NEXT, relay_wanted},
    {MSG_CLAIM, handle_claim},               {MSG_RELEASE, handle_release},
    {MSG_OWN_ASK, sealing_own_asked},        {MSG_SEAL_GIVE, sealing_given},
    {MSG_ACME_CHALLENGE, sealing_acme_challenge}, {MSG_USAGE_ATTEMPTS, handle_usage_attempts},
    {MSG_USAGE_PARTS, handle_usage_parts},
    {MSG_RULES_KNOWN, handle_rules_known},
    {MSG_STATE, steer_said},
};

bool peer_dispatch(struct peer *p, const struct frame *f)
{
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        if (handlers[i].type == f->type)
            return handlers[i].handle(p, f->payload);
    }
    return false;
}
