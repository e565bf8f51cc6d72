/* One data plane as the control plane sees it: its connection, how far it is trusted, and the work
 * it has given us. Private to controlplane/peers. */
#ifndef TR_CONTROLPLANE_PEERS_PEER_H
#define TR_CONTROLPLANE_PEERS_PEER_H

#include "conn.h"
#include "known.h"
#include "peers.h"
#include "places.h"

enum {
    PEERS_MAX = 1024,          /* with good evidence */
    PEER_TLS_MS = 5000,        /* TCP accept to the end of the TLS handshake */
    PEER_HANDSHAKE_MS = 10000, /* TCP accept to evidence */
    PEER_SILENCE_MS = 10000,   /* an accepted peer says PING every second */
    PEER_RETRY_MS = 250,       /* before booking is tried again when the database is away */
    PEER_BOOK_ATTEMPTS = 3,    /* of a batch that the database refuses, before it is halved */
    PEER_SETTLE_MS = 1000,     /* between two questions how far a boot's records are settled */
    PEER_TICK_MS = 100,
    PEER_ORDERS_MAX = 16,      /* batches waiting to be booked; reading stops then */
    PEER_CERT_MINUTES = 24 * 60,
    PEER_HEAR_MS = 500,        /* for RULES_KNOWN, before the catalog goes without */
};

enum peer_state {
    PEER_HANDSHAKE,  /* TLS; nothing was said */
    PEER_CHALLENGED, /* CHALLENGE sent, only EVIDENCE is legal */
    PEER_REGISTERING,/* evidence is good; the boot is being written down, nothing is legal */
    PEER_ACCEPTED,   /* everything is legal; a further CHALLENGE may be open */
    PEER_GONE,       /* closed; kept until the calls it made have come back */
};

enum order_kind { ORDER_USAGE, ORDER_LOST, ORDER_RETURN, ORDER_SETTLED };

/* Work whose order matters, one at a time (orders.c). */
struct order {
    struct order *next;
    enum order_kind kind;
    uint64_t queued_ms;
    union {
        struct msg_usage_lost lost;
        struct msg_lease_return ret;
        struct msg_settled settled;
    };
    /* ORDER_USAGE */
    unsigned refusals; /* of the database, so far */
    bool aside;        /* to be kept in usage_aside instead of booked */
    size_t n;
    struct usage_attempt *attempts; /* failed ones of these records' requests; nearly always NULL */
    size_t n_attempts;
    struct usage_part *parts; /* of those that are orchestrations; NULL: none */
    size_t n_parts;
    struct usage_record records[];
};

struct peer {
    struct peers *owner;
    struct peer *next; /* in owner's list */
    struct conn *conn; /* NULL once closed */
    enum peer_state state;
    uint8_t address[ADDRESS_BYTES];
    unsigned place; /* among those without a proof; PLACE_NONE once it needs none */
    bool proven;    /* its evidence was good: one of owner's n_proven */
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
    bool bye; /* nothing follows */
    unsigned n_orders;
    bool order_running;
    uint64_t order_retry_ms; /* 0: nothing to retry */
    struct usage_attempt *attempts; /* of the USAGE that comes next */
    size_t n_attempts;
    struct usage_part *parts; /* likewise */
    size_t n_parts;
    bool from_said;          /* the boot was told that records are missing, and has not sent them yet */

    uint64_t acked_seq; /* when the boot was written down */
    bool tells;         /* has sent STATE over this connection: knows ORDERS, and endpoints for own keys only */
    uint64_t said_ms;   /* when its last STATE was written; 0: none was */
    struct buf said;    /* the latest, which waits until a second after that; empty: none does */
    bool drain;         /* it was told to end */
    bool linked;        /* written down as connected here */
    bool obeys;         /* it has said RULES_KNOWN: it may hold keys that have rules */
    bool heard;         /* it has said RULES_KNOWN, or had the time to: it is told the catalog */
    bool reads;         /* and with it that it reads orchestrations in the catalog; it knows what `tells` knows, too */
    bool lapse;         /* its leases were settled without it */

    /* SETTLE_ASK: open until its answer is in the database. settle_token: the database's clock, unix
     * milliseconds, at its last answer; 0: there was none. */
    bool settle_open, settle_answered;
    uint64_t settle_token, settle_ms;

    struct relay *relays; /* questions of its clients that are not answered whole */
    unsigned n_relays;
    struct relay_rate {
        uint64_t units, filled_ms;
    } relay_rate;

    uint64_t acme_since_ms; /* ACME_CHALLENGEs are counted from then on */
    unsigned n_acme;
    struct buf seal_ask; /* the SEAL_ASK that shows its evidence to the other data planes */

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
    struct places *places;
    unsigned n_proven;
    struct buf catalog; /* the encoded CATALOG frames; empty until loaded */
    struct buf catalog_own; /* with endpoints for own keys only, for those that know them; empty: there are none */
    struct buf catalog_all; /* with these and with orchestrations, for those that read them; empty: there are none */
    size_t relay_bytes; /* of answers to relayed questions that have not left */
    bool catalog_loading, catalog_stale, stopping;
    uint8_t troubles; /* enum trouble bits: peers_set_troubles() */
    struct peers_counters counters, told; /* told: when the log last said so, at told_ms */
    uint64_t told_ms;
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
/* USAGE_FROM: usage goes on behind seq. */
void peer_usage_from(struct peer *p, uint64_t seq, bool lapse);
/* A ledger call comes back: false when the peer has gone meanwhile (and may be freed by this). */
bool peer_call_done(struct peer *p);

/* dispatch.c: what an accepted peer may say. False: illegal, close. */
bool peer_dispatch(struct peer *p, const struct frame *f);
/* resync.c: what a peer may have missed. */
/* Ask again about every key it holds, in portions, until each is answered; the answers are sent on. */
void peer_resync(struct peer *p);
void peer_resync_tick(struct peer *p);
/* KEYS: what it holds from an earlier connection. False: malformed. */
bool peer_keys(struct peer *p, struct view payload);

/* relay.c: questions of clients that a data plane hands on. False: malformed or illegal, close. */
bool relay_asked(struct peer *p, struct view payload);
bool relay_wanted(struct peer *p, struct view payload); /* the next piece of an answer, or none */
void relay_tick(struct peer *p, uint64_t now_ms);
/* The connection has closed: nobody reads what is left. */
void relay_closed(struct peer *p);

/* sealing.c: customers' own provider keys. False: malformed. */
bool sealing_own_asked(struct peer *p, struct view payload);
bool sealing_given(struct peer *p, struct view payload);
bool sealing_acme_challenge(struct peer *p, struct view payload);
/* The evidence that it was accepted for; then that it is accepted. */
void sealing_keep(struct peer *p, const struct msg_evidence *evidence);
void sealing_accepted(struct peer *p);

/* steer.c: STATE and ORDERS. False: malformed. */
bool steer_said(struct peer *p, struct view payload);
/* Writes the STATE that waits, when it is time. */
void steer_tick(struct peer *p, uint64_t now_ms);
/* What it said last and is not written yet: before its connection ends. */
void steer_write(struct peer *p, uint64_t now_ms);
void steer_happened(const struct peer *p, const char *event, const char *detail);

/* orders.c: what is booked in its order. False: illegal, or no memory; close. */
bool orders_usage(struct peer *p, const struct msg_usage *m);
/* It ends: its connection is closed when what it has sent before is booked, above all what it gives back. */
void orders_bye(struct peer *p);
bool orders_attempts(struct peer *p, const struct msg_usage_attempts *m); /* of the next usage */
bool orders_parts(struct peer *p, const struct msg_usage_parts *m);       /* likewise */
bool orders_lost(struct peer *p, const struct msg_usage_lost *m);
bool orders_return(struct peer *p, const struct msg_lease_return *m); /* a final one */
bool orders_settled(struct peer *p, const struct msg_settled *m);
void peer_orders_tick(struct peer *p, uint64_t now_ms);
void peer_orders_free(struct peer *p);

/* peers.c: its evidence was good. False: there are PEERS_MAX such peers already. */
bool peers_prove(struct peer *p);
/* peers.c: its connection has closed; what it held is given back. */
void peers_left(struct peer *p);

/* publish.c: what every accepted peer is told. */
void publish_welcome(struct peer *p); /* certificate, secrets, catalog */
void publish_cert(struct peer *p);
void publish_secrets(struct peer *p);
void publish_catalog(struct peer *p);
void publish_health(struct peer *p);
void publish_log_proof(struct peer *p, struct view statement, struct view proof);
void publish_catalog_load(struct peers *s);
void publish_revoked(void *cookie, const struct msg_revoke *revoke);
void publish_recalled(void *cookie, const struct id *boot, const struct msg_recall *recall);
void publish_parts(void *cookie, const struct msg_key_parts *parts);
void publish_catalog_changed(void *cookie);
void publish_fleet_changed(void *cookie);
void publish_resync(void *cookie);

#endif
