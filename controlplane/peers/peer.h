/* One data plane as the control plane sees it: its connection, how far it is trusted, and the work
 * it has given us. Private to controlplane/peers. */
#ifndef TR_CONTROLPLANE_PEERS_PEER_H
#define TR_CONTROLPLANE_PEERS_PEER_H

#include "conn.h"
#include "known.h"
#include "peers.h"

enum {
    PEER_HANDSHAKE_MS = 10000, /* TCP accept to evidence */
    PEER_SILENCE_MS = 10000,   /* an accepted peer says PING every second */
    PEER_RETRY_MS = 250,       /* before booking is tried again when the database is away */
    PEER_TICK_MS = 100,
    PEER_ORDERS_MAX = 16,      /* batches waiting to be booked; reading stops then */
    PEER_CERT_MINUTES = 24 * 60,
};

enum peer_state {
    PEER_HANDSHAKE,  /* TLS; nothing was said */
    PEER_CHALLENGED, /* CHALLENGE sent, only EVIDENCE is legal */
    PEER_REGISTERING,/* evidence is good; the boot is being written down, nothing is legal */
    PEER_ACCEPTED,   /* everything is legal; a further CHALLENGE may be open */
    PEER_GONE,       /* closed; kept until the calls it made have come back */
};

/* Work whose order matters: usage batches and the ends of leases, one at a time. */
struct order {
    struct order *next;
    bool is_return;
    struct msg_lease_return ret;
    size_t n;
    struct usage_record records[];
};

struct peer {
    struct peers *owner;
    struct peer *next; /* in owner's list */
    struct conn *conn; /* NULL once closed */
    enum peer_state state;
    unsigned calls;    /* ledger calls that will come back */
    struct buf in;     /* an unfinished frame */
    bool paused;

    uint8_t nonce[32], previous_nonce[32];
    bool challenge_open, has_previous;
    uint8_t exporter[32];
    struct digest32 tls_spki;
    EVP_PKEY *tls_key; /* of the client certificate; signed by our CA after acceptance */
    struct identity identity;
    struct digest32 identity_sha256; /* of the exact document */
    uint8_t measurement[48];
    struct digest32 policy_sha256; /* under which the last evidence was good */
    struct id session;
    uint64_t opened_ms, heard_ms, challenged_ms, accepted_ms, cert_renew_ms;

    struct order *orders, **orders_end;
    unsigned n_orders;
    bool order_running;
    uint64_t order_retry_ms; /* 0: nothing to retry */

    struct known known;
    struct ledger_key *checking; /* keys that are being asked about; NULL: none */
    size_t n_checking;
    uint32_t checking_epoch;
    uint64_t check_ms; /* not before: the last one failed */
};

struct peers {
    struct peers_config config;
    SSL_CTX *tls;
    uv_tcp_t listener;
    uv_timer_t timer;
    unsigned handles; /* open uv handles of ours */
    struct peer *list;
    struct buf catalog; /* the encoded CATALOG frame; empty until loaded */
    bool catalog_loading, catalog_stale, stopping;
    struct peers_counters counters;
    void (*stopped)(void *cookie);
    void *stopped_cookie;
};

/* peer.c: trust. */
extern const struct conn_events peer_conn_events;
void peer_tick(struct peer *p, uint64_t now_ms);
/* The owner's policy is another one. */
void peer_policy_changed(struct peer *p);
/* Say why and close. */
void peer_refuse(struct peer *p, enum refusal why);
/* Encoded frames; a peer that cannot take them is closed. */
void peer_send(struct peer *p, struct view frame);
/* A ledger call comes back: false when the peer has gone meanwhile (and may be freed by this). */
bool peer_call_done(struct peer *p);

/* dispatch.c: what an accepted peer may say. False: illegal, close. */
bool peer_dispatch(struct peer *p, const struct frame *f);
void peer_orders_tick(struct peer *p, uint64_t now_ms);
void peer_orders_free(struct peer *p);

/* resync.c: what a peer may have missed. */
/* Ask again about every key it holds, in portions, until each is answered; the answers are sent on. */
void peer_resync(struct peer *p);
void peer_resync_tick(struct peer *p);
/* KEYS: what it holds from an earlier connection. False: malformed. */
bool peer_keys(struct peer *p, struct view payload);

/* peers.c: a peer has left the list. */
void peers_check_stopped(struct peers *s);

/* publish.c: what every accepted peer is told. */
void publish_welcome(struct peer *p); /* certificate, secrets, catalog */
void publish_cert(struct peer *p);
void publish_log_proof(struct peer *p, struct view statement, struct view proof);
void publish_catalog_load(struct peers *s);
void publish_revoked(void *cookie, const struct msg_revoke *revoke);
void publish_recalled(void *cookie, const struct id *boot, const struct msg_recall *recall);
void publish_catalog_changed(void *cookie);
void publish_resync(void *cookie);

#endif
