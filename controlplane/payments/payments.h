/* Payments: what customers buy, their saved cards, automatic top-ups, refunds and invoices, through one payment
 * service (rail.h). Everything that must not be forgotten is in PostgreSQL (sql/039, sql/040), and any number of control
 * planes work on it: a timer takes what is due, each row for one of them. */
#ifndef TR_CONTROLPLANE_PAYMENTS_PAYMENTS_H
#define TR_CONTROLPLANE_PAYMENTS_PAYMENTS_H

#include "db.h"
#include "rail.h"

struct payments;

struct payments_config {
    struct db *db;
    const char *base, *ca;   /* outcall.h; borrowed */
    const char *key_file;    /* the secret key: one line; readable by its owner alone */
    const char *secret_file; /* the webhooks' secrets: a line each, one or two */
    const char *origins;     /* "https://a.example https://b.example": where a checkout may lead back to; borrowed */
    bool taxes, invoices;    /* let the service compute taxes; make an invoice of every checkout */
    uint64_t event_days;     /* how long the ids of events are kept */
};

/* why: one printable sentence. */
must_check enum err payments_check(const struct payments_config *c, struct buf *why); /* the files that it needs */
must_check enum err payments_new(const struct payments_config *c, struct payments **out, struct buf *why);
/* What is under way ends as unknown: the timer of the next start, or another control plane, takes it up. */
void payments_free(struct payments *p);

/* How a request to the service ended. DONE: its state is in the database. REFUSED: so is the refusal, and code says
 * why (borrowed). UNKNOWN: the timer asks again. */
enum payments_outcome { PAYMENTS_DONE, PAYMENTS_REFUSED, PAYMENTS_UNKNOWN };
/* Exactly once, maybe before the function that was given it has returned. url: of a checkout; borrowed. */
typedef void payments_cb(void *cookie, enum payments_outcome outcome, struct view code, struct view url);

/* Their rows have been written: payment_begin() and payment_refund_begin(). The order is copied. */
void payments_checkout(struct payments *p, const struct rail_order *o, bool setup, payments_cb *cb, void *cookie);
void payments_refund(struct payments *p, const struct rail_order *o, payments_cb *cb, void *cookie);
/* order.object: the card. */
void payments_detach(struct payments *p, const struct rail_order *o, payments_cb *cb, void *cookie);

/* A webhook of this address (16 bytes) may be looked at, signed or not: ERR_NONE, or ERR_RATE and when. */
must_check enum err payments_event_rate(struct payments *p, const uint8_t address[static 16], uint64_t now_ms,
                                        uint32_t *retry_ms);
/* A webhook: ERR_NONE and the fact as JSON, nothing when it does not concern us. ERR_AUTH, ERR_RANGE (its time),
 * ERR_FORMAT. */
must_check enum err payments_event(struct payments *p, struct view signature, struct view body, int64_t now_s,
                                   struct buf *json);
/* Whether a checkout may lead back there. */
bool payments_origin_allowed(const struct payments *p, struct view url);

/* "https://a.example http://127.0.0.1:8080": only that. */
bool payments_origins_valid(const char *origins);

#endif
