/* (G) What the chat files share: one chat completion with its bytes. */
#ifndef TR_DATAPLANE_API_CHAT_INSIDE_H
#define TR_DATAPLANE_API_CHAT_INSIDE_H

#include "chat.h"
#include "chat_canon.h"
#include "chat_request.h"
#include "fetch.h"
#include "sse_in.h"
#include "sse_out.h"

enum {
    CHAT_SPARES_MAX = 256,            /* per worker; beyond that they are freed */
    CHAT_ERROR_BODY_MAX = 64 << 10,   /* of a provider's error; the rest is not read for */
    CHAT_CONTENT_TYPE_MAX = 64,
    CHAT_WHOLE_SLACK = 4 << 10, /* what a whole answer usually grows by when it is made canonical */
};

struct chat {
    struct request request; /* first: the ops table gets this back by a cast */
    struct chat_context *context;
    struct web_request *web;/* NULL once the client's end is over */

    /* What the client asked; only until the answer begins. */
    struct content *body;
    struct chat_request *asked; /* its views lie in body; 1.7 KB that an idle stream can spare */
    bool include_usage;

    /* The pending attempt. */
    struct fetch *fetch;
    struct content *rendered; /* what is sent; borrowed by fetch */
    struct content *received; /* an answer that is collected whole: JSON, or an error */
    struct content *message;  /* the provider's sentence about an error, until the client has it */
    struct content *refusal;  /* the first one that blames the request; outlives its attempt */
    int status;
    int64_t retry_after_ms;
    bool collecting; /* into received; otherwise events */
    bool shaped;     /* the first bytes have shown which of the two it is */
    bool over;       /* the outcome was reported */
    bool paused;
    bool held;       /* not read until the rest is paid for */
    uint64_t begun_us, shown_us; /* as struct attempt_account */
    uint64_t progress_bytes;     /* of content, that the stream's time was extended for */
    uint64_t finish_bytes;       /* of content, when the figures began to be awaited */
    bool awaiting, figures;      /* they are; and have come */
    struct chat_object {         /* of a whole answer that is arriving, as far as it has been looked at */
        uint32_t depth;          /* open objects and arrays; 0: it has not begun, or is over */
        bool over, foreign;      /* foreign: it is no object */
        bool quoted, escaped;    /* inside a string; behind a backslash */
    } object;
    struct chat_lines { /* of an event stream that is collected */
        size_t begin, looked_at; /* where the first line stands that is not complete, and how far it was looked at */
        bool finished;           /* a complete line has a finish reason */
    } lines;
    struct digest32 sent; /* of rendered */
    struct sse_in in;
    struct chat_canon canon;

    /* The answer. */
    struct content *answer; /* whole */
    struct sse_out out;     /* or as a stream */

    struct chat *next_spare;
    struct budget *budget; /* the share of the key's account */
};

static inline struct chat *chat_of(struct request *r)
{
    return (struct chat *)r;
}
_Static_assert(offsetof(struct chat, request) == 0, "chat_of() casts");

/* What a chat holds of its client's and its provider's words is charged here. */
static inline struct budget *chat_budget(const struct chat *c)
{
    return c->budget;
}

/* chat_attempt.c */
enum err chat_attempt(struct request *r, bool last_candidate);
void chat_attempt_cancel(struct request *r);
/* If the pending attempt has sent its request, the receipt will say so. */
void chat_note_sent(struct chat *c);
/* Reads on if the client has caught up and the rest is paid for. */
void chat_attempt_resume(struct chat *c);
void chat_attempt_hold(struct request *r, bool hold);

/* chat_end.c */
/* Has every choice that began its finish reason? Then nothing but figures can be missing. */
bool chat_finished(const struct chat *c);
/* Events have been read: tell the fetch how long the rest may take. */
void chat_pace(struct chat *c);
/* The same for bytes of a whole answer, which have been added to c->received: behind its object there is nothing to
 * wait for, and behind a collected stream's finish reason its figures at most. */
void chat_pace_whole(struct chat *c, struct view bytes);

/* chat_answer.c */
void chat_commit(struct request *r);
void chat_keep_alive(struct request *r);
void chat_complete(struct request *r);
void chat_fail(struct request *r, const struct api_failure *f);
/* The prompt has done its work; what is being sent stays until the provider has it. */
void chat_forget_prompt(struct chat *c);
/* The client left: what it was sent until then has a receipt too. */
void chat_left(struct request *r);
/* Sends what is ready. */
void chat_flush(struct chat *c);

#endif
