/* Usage records on their way to the link: one single-producer ring per worker, drained by the link
 * thread's timer, so that metering a request costs two stores and no system call. */
#ifndef TR_DATAPLANE_KEYS_METER_H
#define TR_DATAPLANE_KEYS_METER_H

#include "err.h"
#include "usage.h"

struct meter;

must_check enum err meter_new(unsigned workers, struct meter **out);
void meter_free(struct meter *m);
/* Checked before dispatch: false when the backlog is full (then 503, nothing is served unmetered).
 * A true answer reserves one place for this request. */
bool meter_reserve(struct meter *m, unsigned worker);
void meter_unreserve(struct meter *m, unsigned worker); /* a request that ends without a record */
void meter_push(struct meter *m, unsigned worker, const struct usage_record *r); /* seq is ignored */
/* Places in use: by running requests, and by records until they are acknowledged. Any thread. */
uint64_t meter_places(const struct meter *m);
/* Link thread: take up to max records, in push order per worker. */
size_t meter_take(struct meter *m, struct usage_record *out, size_t max);

/* The failed attempts of a request, told before its record is pushed: they leave with the record's batch. They are no
 * money, so of a worker that has METER_ATTEMPTS of them waiting further ones are dropped. */
enum { METER_ATTEMPTS = 1024 };
struct meter_attempt {
    struct id request;
    struct usage_attempt attempt; /* seq is ignored */
};
void meter_attempts(struct meter *m, unsigned worker, const struct meter_attempt *a, size_t n);
/* Link thread: take up to max of them, after the records: those of each record that was taken are among them. */
size_t meter_take_attempts(struct meter *m, struct meter_attempt *out, size_t max);
/* Parts of an orchestration (core/part.h): what its record's cost consists of. An orchestration has METER_PARTS_EACH
 * places reserved before it runs, as each request has one for its record; false when so many wait for the control plane
 * that there is no room (then 503). Told once, before its record is pushed, with what became of the places; n may be 0. */
enum { METER_PARTS_EACH = 24 };
struct meter_part {
    struct id request;      /* the whole */
    uint8_t of;             /* set by meter_parts(): how many the whole has */
    struct usage_part part; /* seq is ignored */
};
bool meter_reserve_parts(struct meter *m, unsigned worker);
void meter_unreserve_parts(struct meter *m, unsigned worker); /* it ends without a record */
void meter_parts(struct meter *m, unsigned worker, const struct meter_part *p, size_t n);
/* Link thread: take up to max of them, after the records: those of each record that was taken are among them. */
size_t meter_take_parts(struct meter *m, struct meter_part *out, size_t max);
/* Link thread: the records of n parts were acknowledged, or the parts were given up; or wait again. */
void meter_parts_acked(struct meter *m, size_t n);
void meter_parts_unacked(struct meter *m, size_t n);

/* Link thread: n records were acknowledged and their places are free again. */
void meter_acked(struct meter *m, size_t n);
/* Link thread: n acknowledged records wait again, because the control plane has forgotten them. They take
 * places beyond LIMIT_USAGE_BACKLOG when that many are taken already. */
void meter_unacked(struct meter *m, size_t n);

#endif
