/* (G) An exchange whose answer several models make (synth/run.h): a panel and a judge before its own attempts, which are
 * the final models'. Private to exchange*.c.
 *
 * Until the answer has something useful in it, another final may be asked, or an answer of the panel be given instead.
 * The head of a stream may have left by then, with comments and chunks that say how it goes on; so what a final says
 * before its first useful event is held, and the prompt is kept. */
#ifndef TR_DATAPLANE_API_EXCHANGE_SYNTH_H
#define TR_DATAPLANE_API_EXCHANGE_SYNTH_H

#include "exchange_internal.h"
#include "run.h"

enum {
    EXCHANGE_SYNTH_HELD_MAX = 1 << 20,       /* bytes of a final's stream before its first useful event: a refusal */
    EXCHANGE_SYNTH_METADATA_MAX = 64 << 10,  /* bytes; each of PARTS_MAX lines takes some 500 */
};

struct exchange_synth {
    struct synth_plan plan; /* its views lie in the body and the catalog */
    struct parts parts;
    struct synth *run;     /* NULL while the request is read */
    struct collect final;  /* a whole answer's: what the pending final says */
    struct buf held;       /* a stream's: that of it which is not useful */
    bool useful;           /* a stream's: something useful has been written */
    bool asked;            /* what the finals are asked has been made: */
    enum err asked_outcome;
    bool given;            /* the answer is one of the panel's */
};

/* Who wrote an answer. */
struct exchange_writer {
    const struct provider *provider;
    const struct catalog_model *model;
};

/* --- reading the request; the failures are those of exchange_read() */

/* If the request asks for several models: x->synth is made, the prompt is one that is rendered from its list, and the
 * answer is written from events. */
must_check enum err exchange_synth_read(struct exchange *x, struct api_failure *f);
/* The whole's own models are the finals, in their order. */
must_check enum err exchange_synth_want(struct exchange *x, struct api_failure *f);
/* Once the request's numbers are known. */
must_check enum err exchange_synth_new(struct exchange *x, struct api_failure *f);
void exchange_synth_free(struct exchange *x);

/* --- struct request_ops */
bool exchange_synth_plan(struct request *r, int64_t *amount_nusd, struct api_failure *f);
void exchange_synth_prepare(struct request *r);
bool exchange_synth_stop(struct request *r);
bool exchange_synth_accepts(struct request *r);
bool exchange_synth_rescue(struct request *r);

/* --- exchange_synth_answer.c */

/* Before a final's attempt: what it is asked. Made once. ERR_MEMORY, ERR_LIMIT, ERR_OVERLOAD. */
must_check enum err exchange_synth_final(struct exchange *x);
/* What the pending final has said is forgotten. */
void exchange_synth_forget(struct exchange *x);
/* An event of the answer, before its dialect takes it. */
must_check enum err exchange_synth_note(struct exchange *x, const struct event *e);
/* From here on a stream's answer is this one: what was held goes out. */
must_check enum err exchange_synth_let_go(struct exchange *x);
/* The answer is complete: one of the panel's is told as if it had just arrived. */
must_check enum err exchange_synth_tell(struct exchange *x);
/* A stream that has begun, but whose answer has not, is to end with an error. */
must_check enum err exchange_synth_failing(struct exchange *x);
/* The value of the answer's member "trustedrouter". */
must_check enum err exchange_synth_metadata(const struct exchange *x, struct buf *out);
/* False: nobody has written anything yet. */
bool exchange_writer(const struct exchange *x, struct exchange_writer *out);

/* --- exchange_synth_events.c: synth_task.event */
void exchange_synth_event(void *cookie, const struct synth_event *e);
/* A final model is asked. */
void exchange_synth_asks(struct exchange *x);

#endif
