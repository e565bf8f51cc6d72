/* The attested link to the control plane, on a thread of its own: connect, prove, look keys up, move
 * leases, ship usage, receive pushes, reconnect. Workers talk to it through a port each. */
#ifndef TR_DATAPLANE_LINK_UPLINK_H
#define TR_DATAPLANE_LINK_UPLINK_H

#include "err.h"
#include "keyring.h"
#include "message.h"
#include "meter.h"
#include "money.h"
#include "own_keys.h"
#include "providers.h"
#include "seal_peer.h"
#include "seal_ring.h"
#include "secret.h"
#include "standing.h"
#include "targets.h"
#include "view.h"

#include <openssl/ssl.h>
#include <uv.h>

struct uplink;
struct uplink_port; /* one per worker loop */
struct ask;

struct identity_keys; /* dataplane/trust/identity.h: the boot's keys and identity document */

struct uplink_config {
    struct targets targets;  /* control planes over one database, with one link key */
    struct digest32 cp_spki; /* pinned */
    struct view place;       /* where this data plane runs, see PLACE in PROTOCOL.md; empty: not told */
    struct identity_keys *keys;
    struct quote_source *quotes;
    struct keyring *keyring;
    struct meter *meter;
    const struct providers *providers;
    struct own_store *own;  /* customers' own provider keys */
    struct seal_ring *ring; /* what opens them; the link thread's from uplink_start() to uplink_stop() */
    struct seal_own seal;   /* what another boot's evidence is compared with before it is given the ring */
    size_t n_providers; /* measured providers: a push that names a higher number is refused */
    /* Pushes, called on the link thread. catalog: taken by the callee. */
    void (*on_catalog)(void *cookie, struct catalog *c);
    /* One of the operator's keys for a provider: index of total. */
    void (*on_secret)(void *cookie, uint16_t provider_no, uint8_t index, uint8_t total, struct view key);
    void (*on_cert)(void *cookie, struct view leaf_der, struct view ca_der);
    /* A REFUSE has come; uplink_refusal() says so from its return on. May be NULL. */
    void (*on_refused)(void *cookie);
    /* LOG_PROOF: this boot's entry in the transparency log and its proof; may be NULL. */
    void (*on_log_proof)(void *cookie, struct view statement, struct view proof);
    /* Another boot's evidence has been found good; may be NULL, and the next as well. */
    void (*on_peer)(void *cookie, const struct identity *who);
    void (*on_acme_challenge)(void *cookie, const struct msg_acme_challenge *m);
    /* What this boot says of itself (STATE), now; what its operator wants of it. Either may be NULL. */
    void (*state)(void *cookie, struct msg_state *out);
    void (*on_orders)(void *cookie, const struct msg_orders *m);
    void *cookie;
};

must_check enum err uplink_start(const struct uplink_config *c, struct uplink **out);
/* Ships what is left (bounded: 3 s), returns leases, says BYE, joins the thread. */
void uplink_stop(struct uplink *u);

/* Send a frame to the control plane. Any thread. False, and it is not sent: there is no accepted connection now,
 * or too many wait. One that is lost with its connection is not sent again. */
bool uplink_tell(struct uplink *u, struct view frame);

/* ERR_NONE: evidence is accepted and fresh (connected or not: leases decide).
 * ERR_ATTESTATION: uplink_standing() says why. Lock-free, any thread. */
enum err uplink_trust(const struct uplink *u);
enum standing uplink_standing(const struct uplink *u);
/* Connected and accepted right now. */
bool uplink_connected(const struct uplink *u);
/* Last refusal, for /health and the log: why STANDING_REFUSED. */
enum refusal uplink_refusal(const struct uplink *u);
/* What the control plane says is wrong with itself: enum trouble bits; 0 also while not connected. */
unsigned uplink_troubles(const struct uplink *u);
struct uplink_counters {
    uint64_t connects, refusals, records_sent, records_acked, backlog, unknown_provider_pushes;
    uint64_t parts_sent, parts_lost; /* of orchestrations */
    uint64_t oldest_unix_ms; /* when the oldest record of the backlog was made; 0: there is none */
};
struct uplink_counters uplink_counters(const struct uplink *u);

/* Port of a worker: call on the worker's loop thread before it runs. */
must_check enum err uplink_port_new(struct uplink *u, uv_loop_t *loop, struct uplink_port **out);
/* On the worker's loop thread, before uplink_stop(); the loop must then run once more to close the
 * port's handle. Asks still waiting are cancelled. */
void uplink_port_free(struct uplink_port *p);

/* How an ask ended. */
struct ask_answer {
    /* ERR_NONE: reserved; key is referenced, lease pays, and both are the caller's to end (key_settle(),
     * key_release()).
     * ERR_CREDIT, ERR_KEY_LIMIT: the account or the key's limit cannot pay it, whatever comes back.
     * ERR_LENT: it could, but what it needs is reserved by other requests or lent elsewhere at present.
     * ERR_RATE: retry_ms says when. ERR_AUTH, ERR_FORBIDDEN: the key may not be used.
     * ERR_CONTROL_PLANE: not connected, or no answer within 3 s. ERR_OVERLOAD. */
    enum err e;
    struct key *key;
    struct id lease;
    uint32_t retry_ms;
    int64_t most_nusd; /* with ERR_CREDIT, ERR_KEY_LIMIT: what could be reserved at most */
};
typedef void uplink_ask_cb(void *cookie, const struct ask_answer *answer);

/* Reserve amount_nusd >= 0 for a request of this key whose lease is unknown, ended or short. Requests that
 * wait for one key are served in the order in which they asked, by money that comes back as well as by
 * money that the control plane adds; at most one message per key is on its way. cb fires once on the
 * worker's loop. ERR_OVERLOAD: too many asks of this port are waiting. */
must_check enum err uplink_ask(struct uplink_port *p, const struct digest32 *digest,
                               int64_t amount_nusd, uplink_ask_cb *cb, void *cookie,
                               struct ask **out);
/* Only find out about the key: ERR_NONE (no key is given) or what keyring_find() says of it, ERR_LENT when its
 * account's credit is lent at present, ERR_CONTROL_PLANE, ERR_OVERLOAD. */
must_check enum err uplink_ask_key(struct uplink_port *p, const struct digest32 *digest,
                                   uplink_ask_cb *cb, void *cookie, struct ask **out);
/* As uplink_ask(), for a reservation that grows: from this lease of this key only, and without regard to rates. */
must_check enum err uplink_ask_more(struct uplink_port *p, struct key *key, const struct id *lease,
                                    int64_t more_nusd, uplink_ask_cb *cb, void *cookie,
                                    struct ask **out);
/* Renew and top up the lease in the background. */
void uplink_hint_lease(struct uplink_port *p, struct key *key);
/* The callback will not fire; the handle is dead. What was reserved meanwhile goes back. */
void ask_cancel(struct ask *a);

#endif
