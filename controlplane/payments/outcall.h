/* Requests to the payment service, on the loop: libcurl's multi interface over libuv. Bounded in number, time and size
 * of the answer; the server's certificate and name are verified. */
#ifndef TR_CONTROLPLANE_PAYMENTS_OUTCALL_H
#define TR_CONTROLPLANE_PAYMENTS_OUTCALL_H

#include "rail.h"

#include <uv.h>

struct outcalls;

enum {
    OUTCALLS_MAX = 32,            /* at once */
    OUTCALL_TIMEOUT_MS = 30000,   /* of one, all in all: what came later was still done at the service */
    OUTCALL_CONNECT_MS = 10000,
    OUTCALL_ANSWER_MAX = 1 << 20, /* a list of 100 objects */
};

struct outcalls_config {
    uv_loop_t *loop;
    const char *base; /* "https://api.stripe.com"; plain text to 127.0.0.1 only; borrowed */
    const char *ca;   /* a PEM file instead of the system's; empty: the system's; borrowed */
    struct view key;  /* borrowed; libcurl has copies of its own while a request runs, which it does not wipe */
};

/* ERR_CONFIG: the base is no such address. */
must_check enum err outcalls_new(const struct outcalls_config *c, struct outcalls **out);
/* Requests that run end with ERR_CANCELLED before this returns; freed when the loop has closed what it holds. */
void outcalls_free(struct outcalls *o);

/* cb fires exactly once, never before outcall_start() has returned. status: of HTTP; replayed: the service repeats an
 * answer that it gave before. body is borrowed. ERR_CONNECT, ERR_TLS, ERR_TOTAL_TIMEOUT, ERR_PROVIDER_LARGE, ERR_IO:
 * nobody knows whether the service did it. */
typedef void outcall_cb(void *cookie, enum err e, unsigned status, bool replayed, struct view body);
/* Borrows q. ERR_OVERLOAD: OUTCALLS_MAX run; ERR_MEMORY. Then cb never fires. */
must_check enum err outcall_start(struct outcalls *o, const struct rail_request *q, outcall_cb *cb, void *cookie);

/* Whether outcalls_new() takes it. */
bool outcalls_base_valid(const char *base);

#endif
