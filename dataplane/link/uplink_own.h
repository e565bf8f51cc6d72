/* What the files of the uplink share: its thread's state, and the four parts it is made of.
 * Everything here belongs to the link thread but for what says otherwise. */
#ifndef TR_DATAPLANE_LINK_UPLINK_OWN_H
#define TR_DATAPLANE_LINK_UPLINK_OWN_H

#include "bounds.h"
#include "buf.h"
#include "conn.h"
#include "inquiry.h"
#include "resolve.h"
#include "uplink.h"

#include <stdatomic.h>

enum {
    UPLINK_TICK_MS = 20,
    UPLINK_SHIP_MS = 100,        /* usage waits at most this long before it is shipped */
    UPLINK_SETTLE_MS = 1200,     /* SETTLED comes this long after SETTLE_ASK: more than KEY_ASK_EVERY_MS */
    UPLINK_PING_MS = 1000,       /* the control plane drops who says nothing for 10 s */
    UPLINK_SILENCE_MS = 5000,    /* nothing came back, not even a PONG: connect anew */
    UPLINK_HANDSHAKE_MS = 10000, /* TCP to ACCEPT */
    UPLINK_CONNECT_MS = 2000,    /* TCP and TLS, when there is another address to try */
    UPLINK_RETRY_MIN_MS = 100,   /* at most, between attempts to connect; doubles up to the next */
    UPLINK_RETRY_MAX_MS = 2000,
    UPLINK_REFUSED_MS = 1000, /* after a REFUSE: the policy will not change within less */
    UPLINK_GRACE_MS = 1000,   /* asks wait this long for a lost connection to come back */
    UPLINK_STATE_MS = 250,    /* between two looks whether STATE would be another */
    UPLINK_STOP_MS = 3000,    /* to ship what is left at the end */
    UPLINK_BATCHES_MAX = 8,   /* unacknowledged: what the control plane books as one while it commits the last */
    UPLINK_MOVES_MAX = 16,    /* leases given back or renewed per tick */
    /* Records not acknowledged, of which meter_unacked() allows as many more as are kept. */
    UPLINK_TELL_BYTES = 32 << 10, /* that wait for the link thread: 16 challenges and as many again, with room */
    SHIP_RING = LIMIT_USAGE_BACKLOG + LIMIT_USAGE_KEPT,
    SHIP_CHUNKS = 32,
    ASK_TIMEOUT_MS = 3000,
    ASK_LENT_MS = 2000,  /* a request waits this long for money that is lent; a 429 after it */
    ASK_AGAIN_MS = 150,  /* between two questions about money that is lent */
    ASK_SLOW_MS = 250,   /* no answer for so long: those behind may pass one that does not fit */
    ASK_WAITING_MAX = 8192, /* per port: more requests than one worker holds in admission */
    ASK_BUCKETS = 256,
};

enum ask_kind { ASK_KNOW, ASK_RESERVE, ASK_GROW, ASK_HINT };

/* Made by a worker, lent to the link thread, and always handed back through the port: cancelled
 * means that its callback is not called, and what was reserved goes back. */
struct ask {
    struct ask *next;
    struct uplink_port *port;
    enum ask_kind kind;
    struct digest32 digest;
    struct id lease; /* ASK_GROW: the only one that may pay */
    int64_t amount_nusd;
    uint64_t asked_ms;
    struct ask_answer answer;
    _Atomic bool cancelled; /* set by the worker */
    /* the worker's */
    uplink_ask_cb *cb;
    void *cookie;
};

struct ask_list {
    struct ask *first, **end; /* end: where the next one goes; NULL of an empty list */
};

/* RELEASE: a claim that was granted to somebody who had left. */
enum inquiry_kind { INQUIRY_RELAY, INQUIRY_CLAIM, INQUIRY_RELEASE, INQUIRY_OWN };

/* Made by a worker, lent to the link thread, and always handed back through the port, like an ask. */
struct inquiry {
    struct inquiry *next;
    struct uplink_port *port;
    enum inquiry_kind kind;
    uint64_t call;     /* of a relayed question */
    struct id request; /* of a claim; the account, of its own keys */
    struct buf frame;
    uint64_t asked_ms;
    bool sent, told; /* over this connection; over any */
    struct inquiry_answer answer;
    _Atomic bool cancelled; /* set by the worker */
    /* the worker's */
    inquiry_cb *cb;
    void *cookie;
};

struct inquiry_list {
    struct inquiry *first, **end; /* end: where the next one goes; of an empty list nothing */
};

struct uplink_port {
    struct uplink_port *next; /* in the uplink's list, under its lock */
    struct uplink *uplink;
    uv_async_t async;     /* on the worker's loop */
    unsigned waiting;     /* worker's: asks not handed back */
    struct ask_list done; /* under the lock */
    unsigned inquiries;                 /* worker's: those not handed back */
    struct inquiry_list inquiries_done; /* under the lock */
    bool closed;          /* under the lock */
};

/* What is going on about one key. */
struct pending {
    struct pending *next; /* in its bucket */
    struct digest32 digest;
    enum { PENDING_IDLE, PENDING_LOOKUP, PENDING_LEASE } sent;
    struct id lease;      /* PENDING_LEASE: whose answer is awaited */
    uint64_t sent_ms;     /* of the message that is on its way */
    uint64_t again_ms;    /* not asked before */
    bool scarce;          /* the last answer had nothing to add */
    struct ask_list asks; /* waiting, in order */
};

enum uplink_state {
    UPLINK_DOWN,       /* nothing is pending; the tick connects again at retry_ms */
    UPLINK_RESOLVING,  /* resolve; the tick looks */
    UPLINK_CONNECTING, /* TCP and TLS */
    UPLINK_PROVING,    /* CHALLENGE is awaited, or EVIDENCE is sent and ACCEPT is awaited */
    UPLINK_ACCEPTED,   /* everything is legal */
    UPLINK_CLOSING,    /* closed() of the connection is awaited */
};

/* A part that has its record's number. */
struct ship_part {
    struct usage_part part;
    uint8_t of; /* so many has the record */
};

struct uplink {
    struct uplink_config config;
    struct buf state_told;   /* the last STATE over this connection; empty: none */
    uint64_t state_ms;       /* when was looked last */
    uv_loop_t loop;
    uv_thread_t thread;
    uv_async_t wake;
    uv_timer_t tick;
    struct targets targets;  /* whom to connect to */
    struct resolve *resolve; /* UPLINK_RESOLVING, else NULL */

    /* under the lock */
    uv_mutex_t lock;
    struct ask_list inbox;
    struct inquiry_list inquiry_inbox;
    struct uplink_port *ports;
    struct buf tell; /* frames of uplink_tell() */

    /* any thread */
    _Atomic bool stop;
    struct standing_facts standing;
    _Atomic bool connected;
    _Atomic int refusal; /* enum refusal */
    _Atomic unsigned troubles; /* of the control plane, as it says; 0 while not connected */
    _Atomic uint64_t connects, refusals, records_sent, records_acked, backlog,
        unknown_provider_pushes;
    _Atomic uint64_t relay_calls; /* numbers given to relayed questions */
    _Atomic uint64_t oldest_unix_ms; /* the oldest unacknowledged record was made at; 0: none */

    /* the connection */
    SSL_CTX *tls;
    struct conn *conn; /* NULL when there is none */
    enum uplink_state state;
    bool evidence_sent; /* an ACCEPT is owed */
    bool refused;       /* REFUSE came on it */
    struct buf in;      /* an unfinished frame */
    struct catalog_parts catalog; /* an unfinished catalog */
    uint8_t exporter[32];
    uint64_t opened_ms, heard_ms, pinged_ms, lost_ms, retry_ms;
    uint32_t backoff_ms;
    uint64_t ping;
    size_t told_keys, tell_keys; /* slots that KEYS has named on this connection, of those that it names */
    bool doubted; /* a clock jump was dealt with, and the next ACCEPT is awaited */
    int64_t cp_offset_ms; /* the control plane's unix time less our monotonic clock at the last ACCEPT;
                             0: there was none */

    /* the end */
    bool stopping, said_bye;
    uint64_t stop_ms;

    /* usage (ship.c): seq oldest .. acked is kept, acked+1 .. last is not acknowledged; of that up to sent
     * is on its way. top: the highest that was ever sent. told_from: the control plane has said over this
     * connection how far it is. */
    struct usage_record *records[SHIP_CHUNKS];
    uint64_t oldest_seq, acked_seq, sent_seq, last_seq, top_seq, shipped_ms;
    bool told_from;
    /* Failed attempts: those whose record has no number yet, and the last SHIP_ATTEMPTS that have one, by it. */
    struct meter_attempt *waiting;
    size_t n_waiting;
    struct usage_attempt *attempts;
    uint64_t n_attempts; /* ever numbered; the ring has the last of them */
    /* Parts of orchestrations (ship_parts.c): likewise, but none of them is dropped before its record is acknowledged. */
    struct {
        struct meter_part *waiting;
        size_t n_waiting;
        struct ship_part *ring;
        uint64_t n, acked, oldest; /* ever numbered; of these the first not acknowledged, and the first that is kept */
    } parts;
    _Atomic uint64_t parts_sent, parts_lost; /* any thread */
    struct {
        uint64_t last_seq;
    } batches[UPLINK_BATCHES_MAX]; /* on their way, oldest first */
    unsigned n_batches;
    /* SETTLE_ASK: open until it is answered, at settle_ms at the earliest; noted: settle_seq is known */
    bool settle_open, settle_noted;
    uint64_t settle_token, settle_ms, settle_seq;

    struct pending *pending[ASK_BUCKETS];

    /* inquiry.c: in the order in which they were asked */
    struct inquiry_list inquiries;
    unsigned relays_open; /* sent and not answered whole */
    struct release *releases;
    unsigned n_releases;
};

/* --- uplink.c: the thread */

/* Encoded frames; what cannot be sent closes the connection. */
void uplink_send(struct uplink *u, struct buf *frame);
/* There is no connection: another one a little later. */
void uplink_retry(struct uplink *u);
/* The connection has ended. accepted: it served, so it is tried again first; else the next address is
 * tried, at once unless it was refused or all others have failed too. */
void uplink_lost(struct uplink *u, bool accepted);

/* --- session.c: trust, frames, pushes */

extern const struct conn_events session_events;
/* What closed leases had left goes back now. */
void session_give_back(struct uplink *u);
void session_tick(struct uplink *u, uint64_t now_ms);
/* Say goodbye, when everything is shipped or time is up. True once nothing is left to do. */
bool session_leave(struct uplink *u, uint64_t now_ms);

/* --- push.c: messages of the control plane that answer nothing; false: malformed */

bool push_catalog(struct uplink *u, struct view payload);
bool push_secret(struct uplink *u, struct view payload);
bool push_cert(struct uplink *u, struct view payload);
bool push_log_proof(struct uplink *u, struct view payload);
/* STATE, when it is another than the one that was told. */
void session_state(struct uplink *u, uint64_t now_ms);
bool push_orders(struct uplink *u, struct view payload);
bool push_health(struct uplink *u, struct view payload);

/* --- own.c: customers' own provider keys, and the sealing keys; false: malformed */

bool own_answered(struct uplink *u, struct view payload);
bool own_priced(struct uplink *u, struct view payload);
bool own_seal_asked(struct uplink *u, struct view payload);
bool own_seal_given(struct uplink *u, struct view payload);
bool own_acme_challenge(struct uplink *u, struct view payload);

/* --- port.c: the workers' side of asking */

void ask_append(struct ask_list *l, struct ask *a);
struct ask *ask_take(struct ask_list *l);
/* Free an ask without calling its callback; what it reserved goes back. */
void ask_drop(struct ask *a);

/* --- asks.c: keys and leases */

void asks_take(struct uplink *u); /* what workers have asked meanwhile */
void asks_tick(struct uplink *u);
void asks_accepted(struct uplink *u); /* a new connection is accepted: ask (again) */
void asks_lost(struct uplink *u);     /* what was sent will not be answered */
void asks_granted(struct uplink *u, const struct digest32 *digest, enum err e);
void asks_refused(struct uplink *u, const struct msg_no_key *n);
void asks_revoked(struct uplink *u, const struct digest32 *digest);
void asks_leased(struct uplink *u, const struct msg_lease *l);
void asks_free(struct uplink *u);

/* --- inquiry_port.c: the workers' side of inquiries */

void inquiry_append(struct inquiry_list *l, struct inquiry *q);
bool inquiry_cancelled(const struct inquiry *q);
struct inquiry *inquiry_inbox_take(struct uplink *u); /* what workers have asked meanwhile: a list */
void inquiry_hand_back(struct inquiry *q);
void inquiry_free(struct inquiry *q);
void inquiries_deliver(struct uplink_port *p); /* to the callbacks, on the worker's loop */
void inquiries_drop(struct uplink_port *p);    /* under the lock: the port is closed */

/* --- inquiry.c: relayed questions and claims */

void inquiries_take(struct uplink *u);
void inquiries_tick(struct uplink *u);
void inquiries_accepted(struct uplink *u);
void inquiries_lost(struct uplink *u);
/* False: malformed. */
bool inquiries_relay_answer(struct uplink *u, struct view payload);
bool inquiries_claimed(struct uplink *u, struct view payload);
void inquiries_own_answered(struct uplink *u, const struct id *account); /* the store has been asked for */
void inquiries_free(struct uplink *u);

/* --- ship.c: usage */

must_check enum err ship_init(struct uplink *u);
void ship_free(struct uplink *u);
void ship_accepted(struct uplink *u); /* nothing goes before USAGE_FROM */
void ship_tick(struct uplink *u, uint64_t now_ms);
/* False: more than was ever sent. */
bool ship_from(struct uplink *u, const struct msg_usage_from *m);
/* False: the last question is not answered yet. */
bool ship_settle_asked(struct uplink *u, uint64_t token, uint64_t now_ms);
/* False: an acknowledgement of something that was never sent. */
bool ship_acked(struct uplink *u, uint64_t seq);
bool ship_empty(const struct uplink *u);

/* --- ship_parts.c: parts of orchestrations, for ship.c */

must_check enum err ship_parts_init(struct uplink *u);
void ship_parts_free(struct uplink *u);
/* What the meter has, after its records were taken. */
void ship_parts_take(struct uplink *u);
/* This record has its number: so have its parts. */
void ship_parts_number(struct uplink *u, const struct usage_record *r);
/* Send those of the records lo to hi, before their batch. ERR_MEMORY: nothing was sent. */
must_check enum err ship_parts_batch(struct uplink *u, uint64_t lo, uint64_t hi);
/* Records up to seq are acknowledged; or only these any more, after a database went back. */
void ship_parts_acked(struct uplink *u, uint64_t seq);
void ship_parts_unacked(struct uplink *u, uint64_t seq);

#endif
