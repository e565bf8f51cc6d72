/* One request's way from admission to settlement. The only place that knows the order of stages; it
 * sees numbers, never bytes. What has bytes (api/exchange*.c) does what the ops table
 * says and reports what happened. */
#ifndef TR_DATAPLANE_CORE_REQUEST_H
#define TR_DATAPLANE_CORE_REQUEST_H

#include "admit.h"
#include "attempts.h"
#include "catalog_store.h"
#include "attempt_result.h"
#include "errors.h"
#include "idempotency.h"
#include "price.h"
#include "id.h"
#include "own.h"
#include "receipt.h"
#include "key_use.h"
#include "catalog_store.h"
#include "route_decide.h"
#include "stats.h"
#include "tokens.h"
#include "usage.h"

struct request;
struct parts;

/* What requests work with; one per worker, outlives every request. Its worker's thread only. */
struct request_context {
    struct admit_context admit;
    struct health *health;
    struct stats *stats;
    struct own_store *own; /* customers' own provider keys */
    struct receipts *receipts; /* where the facts of parts and of a whole's own attempts go */
    uint64_t route_seed;      /* of the next request's draw */
    struct request *requests; /* in flight, parts included */
    struct request *tick_next; /* of these, the next that requests_tick() comes to */
};

enum request_state {
    REQUEST_READING,    /* nothing pending: the content side is filling in what was asked */
    REQUEST_ADMITTING,  /* an ask or a claim at the link may be pending; nothing is upstream */
    REQUEST_PREPARING,  /* parts of a whole are pending (part.h); of the answer nothing has left but comments */
    REQUEST_CONNECTING, /* one attempt is pending; of the answer nothing has left but comments */
    REQUEST_STREAMING,  /* one attempt is pending; the answer has begun, there is no way back */
    REQUEST_LEAVING,    /* one attempt is pending; the client has left an answer that is as good as
                           complete, and the provider's figures are awaited; or those of a whole's parts */
    REQUEST_SETTLING,   /* money has moved; the answer's last bytes or the upstream's end pend */
    REQUEST_DONE,       /* nothing pending; the struct is wiped next */
};

enum {
    REQUEST_SILENCE_MS = 10000,    /* a comment keeps a quiet stream's connection alive */
    REQUEST_HOLD_MS = 15000,       /* so long the head of the last candidate's stream is held, and so
                                      long a client that leaves is taken to leave a working provider */
    REQUEST_READ_PER_MS = 32,      /* bytes of a prompt; longer ones are waited for so much longer: some
                                      8000 tokens a second, as large models read */
};

/* Why we ended a stream before the provider did; the client reads finish_reason "length". */
enum request_cut {
    CUT_NONE,
    CUT_CREDIT, /* what was reserved is used up, and the key has no more */
    CUT_CONTROL_PLANE, /* it is used up, and nobody answers who could lend more */
    CUT_LIMIT,  /* the provider wrote past the limit it was given */
};

/* Digests of the raw bodies, and of the provider's key, for the receipt. */
struct request_digests {
    struct digest32 received, forwarded;
    struct digest32 provider_key; /* if keyed: of the certificate of who was sent `forwarded` */
    bool keyed;
    uint64_t received_bytes;
    uint8_t forwarded_to; /* 1 + the place in the route of who was sent `forwarded`; 0: nobody */
};

struct request_ops {
    /* Send the request to r->candidate. Reports nothing before it returns. On failure nothing is
     * pending. */
    enum err (*attempt)(struct request *r, bool last_candidate);
    /* End the pending attempt or its tail now; it reports nothing any more. */
    void (*cancel)(struct request *r);
    void (*account)(const struct request *r, struct attempt_account *out);
    /* Begin the answer: everything held so far may leave. */
    void (*commit)(struct request *r);
    /* Stop reading the pending attempt (hold), or go on: money for more of it is being asked for. */
    void (*hold)(struct request *r, bool hold);
    /* One SSE comment, at an event boundary, unless bytes are on their way anyhow. */
    void (*keep_alive)(struct request *r);
    /* The answer is complete, or cut (r->cut): end it cleanly. Ends with request_closed(), now or
     * later. */
    void (*complete)(struct request *r);
    /* Tell the client about f: as an error response, or when the stream has begun as its last event,
     * without [DONE]. Ends with request_closed(), now or later. */
    void (*fail)(struct request *r, const struct api_failure *f);
    /* The client is gone and the bill is made: write the receipt. */
    void (*left)(struct request *r);
    /* The following are of a whole (part.h), which has r->parts; NULL in others. */
    /* The route is decided, perhaps once more: plan the parts. *amount_nusd: what they can cost at most. False: *f. */
    bool (*plan)(struct request *r, int64_t *amount_nusd, struct api_failure *f);
    /* It is admitted: start the parts. Ends in one of the reports in part.h. */
    void (*prepare)(struct request *r);
    /* End the parts now, but for the bills of those that run: false while there are some; then request_idle() follows. */
    bool (*stop)(struct request *r);
    /* The whole's attempt is complete: is it an answer? False: it is billed, and the next model is asked. */
    bool (*accepts)(struct request *r);
    /* Every final has failed before its first byte: true when there is something else to give; then complete() follows. The
     * content side has set `chosen` in its line. */
    bool (*rescue)(struct request *r);
    /* The request is over: wipe and recycle the struct. */
    void (*destroy)(struct request *r);
};

struct request {
    /* --- filled in by the content side before request_begin() */
    const struct request_ops *ops;
    struct request_context *context;
    struct id id;
    struct digest32 key_digest;
    struct snapshot *catalog; /* referenced; released at the end */
    struct route_want want;
    uint64_t received_unix_ms, received_us;
    uint64_t prompt_bound; /* no provider can count more prompt tokens than this */
    bool prompt_guessed;   /* but for media, whose bound is the operator's guess */
    uint64_t prompt_bytes; /* of what may be read as prompt, for estimates */
    uint64_t user_hash;
    uint32_t max_output;   /* the client's limit in tokens of each choice; 0: none */
    uint64_t extra_output; /* tokens of each choice that may be billed as output beyond it */
    uint32_t output_default; /* tokens of each choice that a stream without one reserves at first */
    uint32_t n_choices;
    uint32_t n_prompts; /* read one by one, each up to the model's context: inputs of embeddings; 0 means 1 */
    bool no_output;     /* embeddings: only the prompt is paid for */
    uint32_t never;     /* classes of tokens that it cannot be charged, 1 << enum price_class */
    struct price_units units; /* what the call is priced by beside tokens, at most */
    uint32_t units_guess, output_guess; /* such units, and tokens of output, where the provider says none */
    bool stream;
    struct parts *parts;         /* a whole's; the content side's, else NULL */
    struct request *whole;       /* a part's; set by part_begin(), else NULL */
    bool unrouted; /* no endpoint fits it, or its parts, unless its account turns out to have a provider key of its own */
    bool local; /* answered without a provider: its key must be good for a request, nothing is charged, and
                   complete() comes as soon as it is admitted */
    enum receipt_endpoint endpoint;
    struct request_digests digests; /* forwarded: once an attempt has sent it */
    struct key_use rules;       /* client and in_eu */
    struct idempotency idempotency; /* idempotency_read(), when the client sent a key */

    /* --- for the content side to read */
    enum request_state state;
    struct attempts attempts;   /* the candidates, and the one that is asked */
    bool committed;             /* the answer's head may have left */
    uint64_t last_out_ms;       /* kept by the content side: when bytes last left */
    uint32_t output;            /* tokens of each choice that are reserved */
    bool told;                  /* we limit the provider to that many: reserve_told() */
    bool growing;               /* more is being asked for: */
    uint32_t grow_to;           /* so many tokens of each choice; 0: not asked */
    uint64_t watch_bytes;       /* call request_progress() when so many bytes are delivered */
    enum request_cut cut;

    /* --- private */
    struct request *next, *prev; /* the context's list */
    struct admission admission;
    uint64_t settled_ms, left_ms;
    bool lowered; /* the reservation was made smaller once */
    bool overran; /* the provider's figures are past the limit it was given */
    uint32_t route_us, first_byte_us;
    enum err outcome;
    enum api_error answer; /* what the client was told */
    struct attempt_account account;
    int64_t cost_nusd;
    struct price_units billed; /* of units */
    uint8_t requests;          /* 1: a request's price is in cost_nusd */
    struct price_rates rates;  /* what cost_nusd was computed with */
    uint16_t flags;        /* enum usage_flag */
    struct own own;        /* the account's own provider keys */
    int64_t own_cost_nusd; /* what the answer would have cost, when it came on one of them; else 0 */
    bool upstream;         /* an attempt or its tail is pending */
    bool streams;          /* it counts in stats.streams_open */
    bool ending;           /* its bill is being made, or was */
    bool stopped;          /* a whole's ops->stop() was called */
    bool unplanned;        /* a whole's parts could not be planned before its key was known */
    struct request *running;   /* a whole's parts that have no bill yet */
    struct request *next_part; /* a part's: the next of these */
    uint8_t role, part_place;  /* a part's */
    uint8_t lined;         /* a whole's: of attempts.made, those that its lines tell of */
    uint64_t prepare_ms;   /* when it began PREPARING */
    bool closed;           /* the client's end is over */
    unsigned held;         /* calls on the stack that still use the struct */
};

/* Takes over a request whose fields are filled in. From here on the struct may be gone whenever a
 * request_* function returns, except between request_hold() and its request_let(). */
void request_begin(struct request *r);
/* Or: it was wrong from the start. why goes to the log, f to the client. */
void request_reject(struct request *r, enum err why, struct api_failure *f);
void request_hold(struct request *r);
void request_let(struct request *r);

/* --- reports of the content side */

/* The first event worth showing has arrived: the answer begins. Harmless when it has begun. */
void request_useful(struct request *r);
/* r->watch_bytes have been delivered: is the rest still paid for, and within the limit? The attempt
 * may be over when this returns. */
void request_progress(struct request *r);
/* The attempt's outcome is known. upstream_open: its connection is still to be read to its end;
 * request_upstream_closed() will follow. */
void request_attempt_ended(struct request *r, const struct attempt_result *result,
                           bool upstream_open);
void request_upstream_closed(struct request *r);
/* The client's end is over, as complete() or fail() wanted. */
void request_closed(struct request *r);
/* The client left before the answer was complete. */
void request_client_gone(struct request *r);

/* --- the loop */

/* Once a second: each request in flight. late: draining took too long, so they are ended. */
void requests_tick(struct request_context *x, uint64_t now_ms, bool late);
void request_tick(struct request *r, uint64_t now_ms);
/* Draining took too long: tell the client and end. */
void request_abort(struct request *r);

#endif
