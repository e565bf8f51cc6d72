/* (G) One attempt at one provider: renders the prompt for it, fetches, splits what comes into events, makes
 * them canonical and hands them to a sink, then says how it came out. Knows neither the client nor the
 * other candidates, so that several attempts may serve one request. */
#ifndef TR_DATAPLANE_PROVIDER_ATTEMPT_H
#define TR_DATAPLANE_PROVIDER_ATTEMPT_H

#include "adapter.h"
#include "attempt_result.h"
#include "event.h"
#include "fetch.h"
#include "openai_events.h"
#include "secret.h"
#include "sse_in.h"

struct attempt;

/* Where an attempt's answer and its end go. Every callback gets the cookie. */
struct attempt_sink {
    /* A client that takes canonical chunks as they are: gives the buffer that the next one is appended to;
     * then says whether it is kept or what was appended is to be taken back. Both NULL: it takes events. */
    enum err (*chunk_begin)(void *cookie, struct buf **out);
    enum err (*chunk_end)(void *cookie, bool keep);
    /* A client that takes events. An error ends the attempt. NULL: see above. */
    enum err (*event)(void *cookie, const struct event *e);

    /* Brackets around every callback of the fetch: between the two the struct attempt stays. */
    void (*hold)(void *cookie);
    void (*let)(void *cookie);
    /* Of a stream: everything of one read has been handed over. */
    void (*delivered)(void *cookie);
    /* Of a stream: over(ERR_NONE) comes next, and the answer is one. */
    void (*useful)(void *cookie);
    /* The outcome, once. tail: the connection is still being read to the response's end; closed() will
     * follow. The next attempt may begin inside of it. */
    void (*over)(void *cookie, const struct attempt_result *x, bool tail);
    void (*closed)(void *cookie);
};

/* What is asked, of whom. Borrowed: upstreams, credentials, what `to` names, model and budget until the attempt is
 * over, the rest for the call that begins it. */
struct attempt_task {
    struct upstreams *upstreams;
    const struct credentials *credentials;
    struct budget *budget; /* what the attempt holds of the provider's words is charged to it */
    const struct prompt *prompt;
    struct destination to;
    struct view own_key; /* the customer's own key there, borrowed until the attempt's end; empty: the operator's */
    uint32_t max_output; /* the limit to write into the request; 0: what the client wrote stays */
    bool last_candidate; /* the first-byte deadline may be longer */
    /* Of the canonical answer. */
    const char *id;    /* "gen-..." */
    uint64_t created;  /* unix seconds */
    struct view model; /* the catalog's id */
    /* As in struct chat_canon: of a client of OpenRouter's API, who reads it in each chunk. */
    struct view provider_name;
};

struct attempt {
    /* --- private */
    const struct attempt_sink *sink;
    void *cookie;
    unsigned serial; /* of the attempt, among those that this struct was used for */
    const struct adapter *adapter;
    bool translated; /* the body is not the client's own, spliced */
    const struct provider *provider;
    const struct credentials *credentials;
    struct view own_key;
    struct upstreams *upstreams;
    struct fetch_request request;       /* as it is sent, with one key after the other */
    uint8_t keys_tried, keys_refused;   /* a bit for each of the operator's */
    uint16_t key_status;                /* of the last refusal */
    struct budget *budget;
    bool stream;
    enum prompt_kind kind;
    uint32_t n_choices;
    struct fetch *fetch;
    struct content *rendered; /* path and body of what is sent, one behind the other; borrowed by fetch */
    size_t path_len, type_len; /* its content type stands between the two */
    struct content *received; /* an answer that is collected whole: JSON, or an error */
    struct content *message;  /* the provider's sentence about an error */
    struct content *answer;   /* a whole answer, canonical, for a client that takes it as it is */
    struct buf canonical;     /* of a client that takes events: the chunk that they are read from */
    struct openai_events events;
    int status;
    int64_t retry_after_ms;
    bool collecting; /* into received; otherwise events */
    bool shaped;     /* the first bytes have shown which of the two it is */
    bool over;       /* the outcome was reported */
    bool paused;
    uint64_t started_us, begun_us, shown_us; /* the latter two as struct attempt_account */
    uint64_t progress_bytes;     /* of content, that the stream's time was extended for */
    uint64_t finish_bytes;       /* of content, when the figures began to be awaited */
    bool awaiting, figures;      /* they are; and have come */
    struct attempt_object {      /* of a whole answer that is arriving, as far as it has been looked at */
        uint32_t depth;          /* open objects and arrays; 0: it has not begun, or is over */
        bool over, foreign;      /* foreign: it is no object */
        bool quoted, escaped;    /* inside a string; behind a backslash */
    } object;
    struct attempt_lines {       /* of an event stream that is collected */
        size_t begin, looked_at; /* where the first line stands that is not complete, and how far it was
                                    looked at */
        bool finished;           /* a complete line has a finish reason */
    } lines;
    struct digest32 sent; /* of rendered */
    bool was_sent, keyed;
    struct digest32 peer_key; /* if keyed: of the provider that it was sent to */
    struct sse_in in;
    struct chat_canon canon;
};

/* The struct is zeroed, or was used before: what an earlier attempt left is freed. Nothing is reported
 * before it returns; on failure nothing is pending. */
must_check enum err attempt_begin(struct attempt *a, const struct attempt_task *task,
                                  const struct attempt_sink *sink, void *cookie);
/* No callback after this. Closes the connection in this loop turn. Harmless when nothing is pending. */
void attempt_cancel(struct attempt *a);
/* Frees what the attempt holds. Nothing is pending. */
void attempt_free(struct attempt *a);

/* The client has left: no other key is tried for it. */
void attempt_no_more_keys(struct attempt *a);

/* Backpressure; harmless when nothing is pending. */
void attempt_pause(struct attempt *a);
void attempt_resume(struct attempt *a);

void attempt_account(const struct attempt *a, struct attempt_account *out);
/* Some content of any kind, or a finish, has been seen. */
bool attempt_useful(const struct attempt *a);
/* Bytes of content that were handed over. */
uint64_t attempt_delivered(const struct attempt *a);
/* True once any byte of the request may have reached the provider: *out is its digest. */
bool attempt_sent(const struct attempt *a, struct digest32 *out);
/* Of one that was sent over TLS: *out is SHA-256 of the key (SPKI) of the certificate that the provider was verified
 * by. */
bool attempt_peer_key(const struct attempt *a, struct digest32 *out);
/* Gives the sentence that the result refers to; NULL when there is none. */
struct content *attempt_take_message(struct attempt *a);
/* A whole answer, complete, for a client that takes it as it is. It stays the attempt's. */
struct buf *attempt_answer(struct attempt *a);
/* Its media type. */
enum body_type attempt_answer_type(const struct attempt *a);

/* Each appends one more canonical chunk (no framing) to a stream of them, or nothing on failure. */

/* We end the stream, not the provider: each choice that has no finish reason gets "length". */
must_check enum err attempt_put_cut(const struct attempt *a, const char *why, struct buf *out);
/* These figures; with their cost for a client of OpenRouter's API. */
must_check enum err attempt_put_usage(struct attempt *a, const struct token_usage *usage, int64_t cost_nusd,
                                      struct buf *out);
/* The stream has failed, for a client of OpenRouter's API. error: the value of its member "error". */
must_check enum err attempt_put_failed(const struct attempt *a, struct view error, struct buf *out);

#endif
