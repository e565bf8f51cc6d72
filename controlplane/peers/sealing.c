/* Customers' own provider keys on the link: what is stored of them, to a data plane that asks; and the sealing
 * keys of the data planes, from one to the other. What is passed on is evidence and sealed bytes: whether a data
 * plane gives its keys is its own decision. */
#include "peer.h"

#include "clock.h"
#include "evidence.h"
#include "log.h"

/* --- OWN_ASK */

static void own_cb(void *cookie, enum err e, const struct msg_own_keys *keys)
{
    struct peer *p = cookie;
    struct msg_own_keys m;
    struct buf out;

    if (!peer_call_done(p))
        return;
    if (e != ERR_NONE) {
        LOG("own_keys_failed", KV("error", log_err(e))); /* the data plane's own deadline answers */
        return;
    }
    m = *keys;
    if (m.fee_ppm == LEDGER_FEE_CONFIGURED)
        m.fee_ppm = p->owner->config.own_fee_ppm;
    buf_init(&out, LIMIT_FRAME_BYTES + FRAME_HEADER_BYTES);
    if (msg_own_keys_encode(&m, &out) == ERR_NONE)
        peer_send(p, buf_view(&out));
    buf_free(&out);
}

bool sealing_own_asked(struct peer *p, struct view payload)
{
    struct msg_own_ask m;

    if (msg_own_ask_decode(payload, &m) != ERR_NONE)
        return false;
    p->calls++;
    ledger_own_keys(p->owner->config.ledger, &m.account, p->owner->config.providers, own_cb, p);
    return true;
}

/* --- sealing keys */

void sealing_keep(struct peer *p, const struct msg_evidence *evidence)
{
    struct msg_seal_ask m = {.evidence = *evidence};

    evidence_leaf(EVIDENCE_LINK, p->nonce, p->exporter, &m.leaf);
    buf_reset(&p->seal_ask);
    if (msg_seal_ask_encode(&m, &p->seal_ask) != ERR_NONE)
        LOG("sealing_not_kept", KV("session", p->session)); /* it goes without the others' keys */
}

static bool sealing_joins(const struct peer *p)
{
    return p->state == PEER_ACCEPTED && p->seal_ask.len != 0;
}

void sealing_accepted(struct peer *p)
{
    if (!sealing_joins(p))
        return;
    for (struct peer *q = p->owner->list, *next; q != NULL; q = next) {
        next = q->next;
        if (q == p || !sealing_joins(q))
            continue;
        peer_send(q, buf_view(&p->seal_ask));
        peer_send(p, buf_view(&q->seal_ask));
    }
}

bool sealing_given(struct peer *p, struct view payload)
{
    struct msg_seal_give m, on;
    struct buf out;

    if (msg_seal_give_decode(payload, &m) != ERR_NONE)
        return false;
    on = (struct msg_seal_give){p->identity.boot, m.sealed};
    buf_init(&out, LIMIT_SEAL_GIVE_BYTES + 64);
    if (msg_seal_give_encode(&on, &out) == ERR_NONE)
        for (struct peer *q = p->owner->list, *next; q != NULL; q = next) {
            next = q->next;
            if (q->state == PEER_ACCEPTED && id_eq(&q->identity.boot, &m.boot))
                peer_send(q, buf_view(&out));
        }
    buf_free(&out);
    return true;
}

/* --- challenges of certificate authorities */

enum { ACME_WINDOW_MS = 60000, ACME_PER_WINDOW = 120 }; /* 16 open ones, made, told again and withdrawn */

static bool acme_allowed(struct peer *p)
{
    uint64_t now_ms = clock_mono_ms();

    if (p->n_acme == 0 || now_ms - p->acme_since_ms >= ACME_WINDOW_MS) {
        p->acme_since_ms = now_ms;
        p->n_acme = 0;
    }
    return ++p->n_acme <= ACME_PER_WINDOW;
}

/* Another release would not take it, and an older one does not know the message. */
static bool same_program(const struct peer *p, const struct peer *q)
{
    return memcmp(p->measurement, q->measurement, sizeof p->measurement) == 0;
}

/* The same bytes to all others: the signature in them is judged there. */
bool sealing_acme_challenge(struct peer *p, struct view payload)
{
    struct msg_acme_challenge m;
    struct buf out;

    if (msg_acme_challenge_decode(payload, &m) != ERR_NONE || !id_eq(&m.boot, &p->identity.boot))
        return false;
    if (!acme_allowed(p)) {
        LOG("acme_challenge_dropped", KV("boot", p->identity.boot));
        return true;
    }
    buf_init(&out, LIMIT_FRAME_BYTES + FRAME_HEADER_BYTES);
    if (msg_acme_challenge_encode(&m, &out) == ERR_NONE)
        for (struct peer *q = p->owner->list, *next; q != NULL; q = next) {
            next = q->next;
            if (q != p && sealing_joins(q) && same_program(p, q))
                peer_send(q, buf_view(&out));
        }
    buf_free(&out);
    return true;
}
