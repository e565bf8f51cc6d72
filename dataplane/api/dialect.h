/* (G) What a client of the API speaks: one row per dialect. The reader fills in a neutral prompt, the
 * writer turns neutral events into the dialect's answer, whole or as a stream. Nothing of a dialect is
 * known outside of its files and its row. */
#ifndef TR_DATAPLANE_API_DIALECT_H
#define TR_DATAPLANE_API_DIALECT_H

#include "buf.h"
#include "errors.h"
#include "event.h"
#include "prompt.h"
#include "tokens.h"

struct budget;
struct rate_words;

/* One answer as its client's dialect sees it. The exchange fills it in before `begin`; what follows
 * `state` is the dialect's own. */
struct answer {
    char id[48];               /* "gen-..." : each dialect puts its own prefix before the digits */
    uint64_t created;          /* unix seconds */
    struct view model;         /* the catalog's id of the model that answers; borrowed */
    struct view provider;      /* the provider's name; borrowed */
    const struct prompt *prompt; /* NULL once it is forgotten: keep what you echo */
    struct budget *budget;     /* content that is kept is charged here */
    bool stream;
    bool include_usage;
    bool openrouter;           /* it came under /api/v1: that API's extras and error codes */
    bool own_key;              /* on a provider key of the customer's own */
    bool functions;            /* a chat client that asked in the way of old: of calls it reads "function_call" */
    int64_t cost_nusd;         /* what the client pays: known to `end` and `whole` */
    struct view metadata;      /* for a member openrouter_metadata, a JSON object: known to `end` and `whole`;
                                  empty: the client does not ask for it */
    struct view router;        /* for a member trustedrouter, a JSON object: known to `end` and `whole`; empty: the
                                  answer is that of one model */
    void *state;               /* of the dialect: allocated by start, freed by close */
};

struct dialect {
    const char *name; /* "messages" */
    bool form;        /* its requests are multipart/form-data, not JSON */
    /* A dialect with versions: the header that names one, and what a client of that version speaks. Else NULL. */
    struct view version_header;
    const struct dialect *(*of_version)(struct view version);
    /* A row that takes no events (event is NULL) is one whose form the adapters make, chat and embeddings: its
     * clients are sent the canonical bytes as they are, and of what follows it has read, failure, figures and,
     * where there are streams, fail and keep_alive. */

    /* Its clients may ask for several models under one id (exchange_synth.h). Their answers are written from events:
     * by this row, or where it takes none by that one, which reads nothing. */
    bool synth;
    const struct dialect *by_events;

    /* Reads body (whole, decoded) into *out. ERR_FORMAT malformed or a member of the wrong type,
     * ERR_SHORT cut off, ERR_LIMIT, ERR_RANGE, ERR_DUPLICATE, ERR_UNSUPPORTED a member that cannot be
     * honoured. On failure *fault says what; prompt_list_free() is the caller's in both cases. */
    enum err (*read)(struct view body, struct prompt *out, struct prompt_fault *fault);

    /* How many tokens a prompt has, told without asking a provider. read_count as read, of a body that may lack
     * what only an answer needs. NULL both: the dialect has no such endpoint. */
    enum err (*read_count)(struct view body, struct prompt *out, struct prompt_fault *fault);
    enum err (*count)(const struct prompt *p, struct buf *out);

    /* Before the prompt is forgotten: allocate a->state and keep what the answer echoes. ERR_MEMORY. */
    enum err (*start)(struct answer *a);
    void (*close)(struct answer *a); /* wipes and frees a->state; a->state may be NULL */

    /* A stream: each appends whole SSE events with their framing to out, or nothing. On failure what was
     * appended is taken back and the answer fails. */
    enum err (*begin)(struct answer *a, struct buf *out);
    enum err (*event)(struct answer *a, const struct event *e, struct buf *out);
    /* After the last event. cut: why we ended the stream ("credit"), "" when the provider did. */
    enum err (*end)(struct answer *a, const struct token_usage *usage, const char *cut,
                    struct buf *out);
    /* The stream has failed: the last event. */
    enum err (*fail)(struct answer *a, const struct api_failure *f, struct buf *out);
    /* A sign of life between two events, a comment or an event. */
    struct view keep_alive;

    /* A whole answer: the events go to `event` with out NULL, which keeps what it needs in its state;
     * then this appends the body. */
    enum err (*whole)(struct answer *a, const struct token_usage *usage, struct buf *out);
    /* Of a row that takes no events: adds to a whole answer what the bill says. On failure the answer is as
     * it was. */
    enum err (*figures)(const struct answer *a, const struct token_usage *usage, struct buf *whole);
    /* The body of an error response; also of errors found before the body was read. */
    enum err (*failure)(const struct api_failure *f, const struct id *request, bool openrouter,
                        struct buf *out);
    /* Its status; NULL: that of the failure's row. */
    int (*status)(const struct api_failure *f);
    /* How the head of an answer tells a key's limits per minute; NULL: as OpenAI does. */
    const struct rate_words *rates;
};

#endif
