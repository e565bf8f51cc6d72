/* The attested link to the control plane, on a thread of its own: connect, prove, look keys up, move
 * leases, ship usage, receive pushes, reconnect. Workers talk to it through a port each. */
#ifndef TR_DATAPLANE_LINK_UPLINK_H
#define TR_DATAPLANE_LINK_UPLINK_H

#include "err.h"
#include "keyring.h"
#include "message.h"
#include "meter.h"
#include "money.h"
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
    size_t n_providers; /* measured providers: a push that names a higher number is refused */
    /* Pushes, called on the link thread. catalog: taken by the callee. */
    void (*on_catalog)(void *cookie, struct catalog *c);
    void (*on_secret)(void *cookie, uint16_t provider_no, struct view key);
    void (*on_cert)(void *cookie, struct view leaf_der, struct view ca_der);
    /* A REFUSE has come; uplink_refusal() says so from its return on. May be NULL. */
    void (*on_refused)(void *cookie);
    /* LOG_PROOF: this boot's entry in the transparency log and its proof; may be NULL. */
    void (*on_log_proof)(void *cookie, struct view statement, struct view proof);
    void *cookie;
};

must_check enum err uplink_start(const struct uplink_config *c, struct uplink **out);
/* Ships what is left (bounded: 3 s), returns leases, says BYE, joins the thread. */
void uplink_stop(struct uplink *u);

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
    uint64_t oldest_unix_ms; /* when the oldest record of the backlog was made; 0: there is none */
};
struct uplink_counters uplink_counters(const struct uplink *u);

/* Port of a worker: call on the worker's loop thread before it runs. */
must_check enum err uplink_port_new(struct uplink *u, uv_loop_t *loop, struct uplink_port **out);
/* On the worker's loop thread, before uplink_stop(); the loop must then run once more to close the
 * port's handle. Asks still waiting are cancelled. */
void uplink_port_free(struct uplink_port *p);

/* The most one ask may want: ten times the dearest request there is (a full context of 1M tokens
 * at $75/M), so that a mistake of ours cannot lease a whole account. */
#define LEASE_ASK_MAX (1000 * NUSD_PER_USD)

/* Ask the control plane about a key (KEY_LOOKUP) or for more lease (LEASE_MORE), wanting at least
 * want_nusd available. cb fires once on the worker's loop: ERR_NONE: look in the keyring again;
 * ERR_CONTROL_PLANE: not connected or no answer within 3 s. Concurrent asks for one key are merged:
 * at most one message per key is on its way, and asks that arrive meanwhile for more lease share the
 * next one, which wants their sum. 0 <= want_nusd <= LEASE_ASK_MAX. ERR_OVERLOAD: too many asks of
 * this port are waiting. */
must_check enum err uplink_ask_key(struct uplink_port *p, const struct digest32 *digest,
                                   int64_t want_nusd, void (*cb)(void *cookie, enum err e),
                                   void *cookie, struct ask **out);
/* LEASE_OK: reserve again. LEASE_NO_CREDIT, LEASE_KEY_LIMIT: nothing could be added. LEASE_GONE: the
 * key may not be served any more; keyring_find() says why. A lease that has ended is extended
 * or replaced within the same ask. */
must_check enum err uplink_ask_lease(struct uplink_port *p, struct key *key, int64_t want_nusd,
                                     void (*cb)(void *cookie, enum err e, enum lease_status s),
                                     void *cookie, struct ask **out);
/* Same without an answer: top up in the background. */
void uplink_hint_lease(struct uplink_port *p, struct key *key, int64_t want_nusd);
/* The callback will not fire; the handle is dead. */
void ask_cancel(struct ask *a);

#endif
