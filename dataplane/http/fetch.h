/* One HTTP/1.1 request to one provider and its response, on our own client (uv_tcp, OpenSSL memory
 * BIOs, picohttpparser). Never retries by itself except once on a stale pooled connection on which
 * provably nothing was received. */
#ifndef TR_DATAPLANE_HTTP_FETCH_H
#define TR_DATAPLANE_HTTP_FETCH_H

#include "body_type.h"
#include "err.h"
#include "providers.h"
#include "secret.h"
#include "view.h"

#include <stdbool.h>
#include <uv.h>

struct upstreams; /* per loop: pools, resolver, TLS contexts; not shared between threads */
struct fetch;

must_check enum err upstreams_new(uv_loop_t *loop, const struct providers *p,
                                  struct upstreams **out, struct buf *why);
void upstreams_free(struct upstreams *u); /* closes idle connections; run the loop afterwards */
struct upstream_counters {
    uint64_t connects, reuses, resumptions, stale_retries, timeouts;
    uint64_t connections, idle; /* now */
};
struct upstream_counters upstreams_counters(const struct upstreams *u);

/* The provider credential in use (operator's key), shared by all loops; wiped on replacement.
 * Thread-safe: called by the link thread, read by workers. */
struct credentials;
must_check enum err credentials_new(struct credentials **out);
void credentials_free(struct credentials *c);
/* Key `index` of `total`, at most PROVIDER_KEYS_MAX; those beyond are forgotten. An empty one takes it away. ERR_FORMAT,
 * ERR_LIMIT, ERR_RANGE: nothing has changed. */
must_check enum err credentials_set(struct credentials *c, uint16_t provider_no, unsigned index, unsigned total,
                                    struct view key);
bool credentials_present(const struct credentials *c, uint16_t provider_no);
unsigned credentials_count(const struct credentials *c, uint16_t provider_no);
/* Whose turn it is: a key that is not set aside, one after the other; when all are, the one whose refusal is the longest
 * ago. tried: a bit for each key that is no choice any more; then only keys that are not set aside are.
 * -1: none. now_ms: clock_mono_ms(). */
int credentials_pick(const struct credentials *c, uint16_t provider_no, unsigned tried, uint64_t now_ms);
/* The provider has refused this key, or the account that it is of: others are used for so long. */
void credentials_refused(const struct credentials *c, uint16_t provider_no, unsigned index, int status, uint64_t now_ms,
                         uint64_t for_ms);
/* The status with which the key was refused that is set aside now; 0: it is not. */
int credentials_aside(const struct credentials *c, uint16_t provider_no, unsigned index, uint64_t now_ms);
/* How its keys share the requests, by index (PROVIDER_KEYS_MAX of them, each at least 1); NULL: in turn. */
void credentials_weigh(struct credentials *c, uint16_t provider_no, const uint8_t *weights);
/* The operator has no key for it any more. */
void credentials_forget(struct credentials *c, uint16_t provider_no);
struct credential_counters {
    unsigned keys, aside; /* there are; of them set aside now */
    uint64_t refusals;    /* ever */
};
void credentials_counters(const struct credentials *c, uint16_t provider_no, uint64_t now_ms,
                          struct credential_counters *out);
/* Does text (the inside of a JSON string) hold a key of the provider's, or any CREDENTIAL_QUOTE_MIN bytes of it
 * that are no plain word? Such a sentence is not for clients. */
enum { CREDENTIAL_QUOTE_MIN = 8 };
bool credentials_quoted(const struct credentials *c, uint16_t provider_no, struct view text);
/* The same of this key; empty: of none. */
bool credential_quoted(struct view key, struct view text);

struct fetch_head {
    int status;
    enum body_type type;    /* by its content-type */
    int64_t retry_after_ms; /* -1: none; from retry-after-ms or retry-after */
};

struct fetch_request {
    const struct provider *provider;
    const struct credentials *credentials;
    unsigned key_no;          /* which of the stored keys */
    struct view key;          /* instead of the stored ones, borrowed until `done`; empty: those */
    struct view model;        /* what "{model}" in the prefix stands for, borrowed until `done` */
    struct view path;         /* after the provider's prefix: "/chat/completions"; may end in a query */
    struct view content_type; /* "application/json" */
    struct view headers;      /* others, each line with its CRLF in front; static */
    struct view body;         /* borrowed until `done`, fetch_cancel() or fetch_body_let() */
    bool last_candidate;      /* the first-byte deadline may be longer (300 s) */
    bool whole; /* no stream: the provider works before it answers, so there is one deadline, whole_ms
                   from when the request was sent, late with ERR_TOTAL_TIMEOUT */
};

/* Callbacks run on the loop. head: once. body: zero or more times, bytes borrowed for the call and
 * already de-chunked. done: exactly once, last; the fetch is dead then. ERR_NONE: the response
 * ended as HTTP says it must (whether the SSE stream was complete is the caller's question). */
struct fetch_events {
    void (*head)(void *cookie, const struct fetch_head *head);
    void (*body)(void *cookie, struct view bytes);
    void (*done)(void *cookie, enum err e);
};

/* Never calls back before returning. ERR_OVERLOAD when no connection can be had; ERR_CONFIG when
 * the provider wants a credential and there is none. */
must_check enum err fetch_start(struct upstreams *u, const struct fetch_request *r,
                                const struct fetch_events *events, void *cookie,
                                struct fetch **out);
/* No callback after this. Closes the connection in this loop turn. */
void fetch_cancel(struct fetch *f);
/* Backpressure: stop and resume reading; deadlines do not run while paused. What was already read
 * from the socket (64 KiB at most) is still delivered after a pause. */
void fetch_pause(struct fetch *f);
void fetch_resume(struct fetch *f);
/* A stream has brought content: so many bytes of it, whatever they were wrapped in. Each gives it FETCH_BYTE_MS more, up
 * to the provider's total_ms from now. What goes on without content ends when that is used up. */
enum { FETCH_BYTE_MS = 4000 }; /* a word in 20 s; no model that anybody waits for is slower */
void fetch_progressed(struct fetch *f, uint64_t bytes);
/* The response ends within ms, whatever else arrives; done(ERR_IDLE_TIMEOUT) otherwise. A later call counts. */
void fetch_within(struct fetch *f, uint32_t ms);
/* For a fetch whose response has begun. True: the kernel has all of the body and nobody will look at
 * it again. False: it is still borrowed; a provider may answer before it has read everything. */
bool fetch_body_let(struct fetch *f);
/* True once the kernel has all of the request. */
bool fetch_forwarded(const struct fetch *f);
/* True once any request byte may have reached the provider. */
bool fetch_sent(const struct fetch *f);
/* Of a fetch that has sent: the key of the certificate that the provider was verified by (upstream_peer_key()).
 * NULL: plain text. Valid until `done` or fetch_cancel(). */
const struct digest32 *fetch_peer_key(const struct fetch *f);

#endif
