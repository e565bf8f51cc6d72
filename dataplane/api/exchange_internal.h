/* (G) What the files of an exchange share. Private to exchange*.c. */
#ifndef TR_DATAPLANE_API_EXCHANGE_INTERNAL_H
#define TR_DATAPLANE_API_EXCHANGE_INTERNAL_H

#include "attempt.h"
#include "exchange.h"
#include "sse_out.h"
#include "want.h"

enum {
    EXCHANGE_SPARES_MAX = 256, /* per worker; beyond that they are freed */
    EXCHANGE_COUNT_MAX = 256,  /* bytes of an answer that is made of a prompt alone: a number */
};

struct exchange {
    struct request request; /* first: the ops table gets this back by a cast */
    struct exchange_context *context;
    struct web_request *web; /* NULL once the client's end is over */
    const struct dialect *dialect;
    struct budget *budget; /* the share of the key's account: what is held of others' words */

    /* What the client asked; a stream's only until its answer begins. */
    struct content *body;
    struct prompt prompt; /* its views lie in body */
    size_t prompt_bytes;  /* taken from the budget for its list */

    struct attempt attempt;
    struct content *refusal; /* the first provider's sentence that blames the request */
    struct want_notes notes;
    bool metadata;           /* the client wants to be told of the route: route_metadata.h */
    bool held;               /* the attempt is not read until the rest is paid for */

    /* The answer. */
    struct answer answer;  /* of a dialect that is translated: of the pending attempt */
    bool opened;           /* by the dialect */
    bool begun;            /* its first events have been written */
    bool tells_store;      /* the client wanted it to be kept: the head says that it is not */
    struct content *whole; /* its body, when it is no stream */
    struct sse_out out;    /* or as a stream */
    size_t mark;           /* where in it the chunk begins that is being written */

    struct exchange_synth *synth; /* several models make the answer; NULL: one does. exchange_synth.h */

    struct exchange *next_spare;
};

static inline struct exchange *exchange_of(struct request *r)
{
    return (struct exchange *)r;
}
_Static_assert(offsetof(struct exchange, request) == 0, "exchange_of() casts");

/* Clients of the dialect that the adapters make are sent canonical bytes as they are. */
static inline bool exchange_is_raw(const struct exchange *x)
{
    return x->dialect->event == NULL;
}

/* exchange_body.c */
/* The body as the client wrote it, before it took a content coding, into x->body. On failure *f says what
 * to answer. */
must_check enum err exchange_read_body(struct exchange *x, struct view body, struct api_failure *f);

/* exchange.c */
/* What want_read() is told beside the body. */
struct want_given exchange_given(const struct exchange *x);
/* What the readers have made of the body is paid for as the body is: what has come since the last call. */
must_check enum err exchange_charge_prompt(struct exchange *x, struct api_failure *f);

/* exchange_attempt.c */
enum err exchange_attempt(struct request *r, bool last_candidate);
void exchange_cancel(struct request *r);
void exchange_account(const struct request *r, struct attempt_account *out);
void exchange_hold(struct request *r, bool hold);
/* If the attempt has sent its request, the receipt will say so. */
void exchange_note_sent(struct exchange *x);
/* Reads on if the client has caught up and the rest is paid for. */
void exchange_resume(struct exchange *x);

/* exchange_words.c */
/* Why we ended a stream, for the client; "" when we did not. */
const char *exchange_cut_name(enum request_cut cut);
/* What the answer is called, whoever makes it. */
void exchange_name(struct exchange *x);
/* A new attempt's answer: what the one before has written is forgotten. ERR_MEMORY. */
must_check enum err exchange_open(struct exchange *x);
/* The same of an answer that is no attempt's; provider: the name of who wrote it, or empty. */
must_check enum err exchange_open_as(struct exchange *x, struct view provider);
void exchange_close(struct exchange *x);
/* One event, in the client's dialect. */
must_check enum err exchange_event(struct exchange *x, const struct event *e);
/* A stream's first events, unless they are written. */
must_check enum err exchange_words_begin(struct exchange *x);
/* Takes back what was appended to a buffer; wiped. */
void exchange_take_back(struct buf *b, size_t mark);
/* Room for a whole answer's body, before the bill is made: without it the request fails like another. */
must_check enum err exchange_words_room(struct exchange *x);
/* The body, with what the bill says, into x->whole. */
must_check enum err exchange_words_whole(struct exchange *x);
/* A stream's last events: it is complete, or cut by us. */
must_check enum err exchange_words_end(struct exchange *x);
/* A stream's last event: it has failed. */
must_check enum err exchange_words_fail(struct exchange *x, const struct api_failure *f);

/* exchange_raw.c: the same of a client that is sent canonical bytes */
must_check enum err exchange_raw_end(struct exchange *x);
must_check enum err exchange_raw_fail(struct exchange *x, const struct api_failure *f);
struct buf *exchange_raw_whole(struct exchange *x);

/* exchange_answer.c */
void exchange_commit(struct request *r);
void exchange_keep_alive(struct request *r);
void exchange_complete(struct request *r);
void exchange_fail(struct request *r, const struct api_failure *f);
/* The client left: what it was sent until then has a receipt too. */
void exchange_left(struct request *r);
/* The prompt has done its work; what is being sent stays until the provider has it. */
void exchange_forget_prompt(struct exchange *x);
/* Sends what is ready. */
void exchange_flush(struct exchange *x);

#endif
