/* What a Responses answer keeps while it is written: its last event repeats all of it. Private to
 * responses_*.c. */
#ifndef TR_DATAPLANE_API_RESPONSES_STATE_H
#define TR_DATAPLANE_API_RESPONSES_STATE_H

#include "arguments.h"
#include "details.h"
#include "dialect.h"
#include "pen.h"

enum {
    RESPONSES_ITEMS_MAX = 1024, /* items of one answer; a model makes a few dozen calls at once */
    /* Bytes of instructions and tools that each snapshot of the answer repeats; longer ones are answered as
     * if there were none. Coding agents send 60 KB. */
    RESPONSES_ECHO_MAX = 1 << 20,
};

enum responses_kind {
    RESPONSES_MESSAGE,
    RESPONSES_REASONING,
    RESPONSES_FUNCTION,
    RESPONSES_CUSTOM,
    RESPONSES_IMAGE,
};

/* What comes in pieces. A piece that ends inside of a surrogate pair is sent without that half, which goes with
 * the next piece: alone it is no character. */
struct responses_text {
    struct buf all; /* escaped */
    size_t sent;    /* bytes of it that deltas have brought */
};

struct responses_item {
    enum responses_kind kind;
    bool over;
    bool cut;       /* it is over and not complete */
    bool wrapped;   /* a custom call that the provider made as a function's: {"input":"..."} */
    bool has_text, has_refusal; /* of a message: these parts are there */
    bool refusal_first;
    uint32_t tool;     /* of a call: its number in the events */
    unsigned n_notes;
    struct arguments arguments;
    struct responses_text text; /* the message's, the summary, the arguments; an image in base64 */
    struct responses_text refusal;
    struct buf notes;    /* of a message: its annotations, with commas. Of thoughts: the sealed text */
    struct buf logprobs; /* with commas */
    struct details details;
    struct buf about; /* of its deltas: what stands between their number and the text; empty before the first */
    struct buf call, name, space; /* of a call: its id, the tool's name and namespace, escaped */
};

struct responses_state {
    struct buf echo;  /* members of every snapshot that come from the request, a comma before each */
    struct buf names; /* JSON array of the tools whose names differ at the provider, and of the custom ones;
                         empty: none */
    bool hide;        /* the client does not want to see thoughts */
    struct responses_item *item;
    size_t n_items, max_items;
    uint64_t sequence;  /* of the next event */
    size_t kept;        /* bytes of all texts and of what stands beside them */
    struct buf logprobs; /* of text that has not come yet, with commas */
    enum usage_finish finish;
};

/* responses_echo.c: ->echo, ->names and ->hide from the prompt's body. */
must_check enum err responses_echo(struct responses_state *s, const struct prompt *p);

/* responses_items.c: items begin, get more, and are over. The pen's out is NULL when the answer is no
 * stream. */
/* "event: TYPE\ndata: {...": the caller adds members, and ends it. */
void responses_event_begin(struct responses_state *s, struct pen *p, const char *type);
void responses_event_end(struct pen *p);
/* The same of an event about an item, or about a part of a message. */
void responses_begin_about(struct answer *a, size_t at, const char *type, struct pen *p);
void responses_begin_content(struct answer *a, size_t at, bool refusal, const char *type, struct pen *p);
/* Its last member is a text: ",\"delta\":". */
void responses_end_with_text(const char *member, struct view escaped, struct pen *p);
/* A whole event with the item in it. */
void responses_item_event(struct answer *a, size_t at, const char *type, struct pen *p);
/* The next piece of the item's text: what its kind calls a delta. logprobs: of a message's text. */
void responses_delta(struct answer *a, size_t at, struct view next, struct view logprobs, struct pen *p);
/* ERR_PROVIDER_LARGE when the answer would have more than LIMIT_RESPONSE_BYTES of others' words. */
must_check enum err responses_keep(struct responses_state *s, size_t bytes);
must_check enum err responses_text_add(struct responses_state *s, struct responses_text *t,
                                       struct view piece);
/* What the next delta brings. last: nothing follows, so that half a pair at the end is no character. */
struct view responses_text_next(struct responses_text *t, bool last);
/* Tokens whose text has come, or that have none. */
must_check enum err responses_keep_logprobs(struct responses_state *s, struct responses_item *i);
/* An empty item at the end. ERR_PROVIDER_LARGE beyond RESPONSES_ITEMS_MAX. */
must_check enum err responses_item_add(struct answer *a, enum responses_kind kind,
                                       struct responses_item **out);
/* The item is over: it says so to a stream. */
must_check enum err responses_item_over(struct answer *a, size_t at, bool cut, struct pen *p);
/* Before an item begins: a text or a thought is over, and a call whose arguments are whole. Others may still
 * get more, and stay open beside it. */
must_check enum err responses_others_over(struct answer *a, struct pen *p);
/* All items are over; cut: those that were open are incomplete. */
must_check enum err responses_finish(struct answer *a, bool cut, struct pen *p);
void responses_free_items(struct responses_state *s);

/* responses_events.c */
must_check enum err responses_take(struct answer *a, const struct event *e, struct pen *p);

/* responses_item_json.c */
/* The digits of the answer's id. */
const char *responses_digits(const struct answer *a);
void responses_item_id(const struct answer *a, size_t at, struct pen *p); /* quoted */
void responses_item_json(const struct answer *a, size_t at, struct pen *p);
/* {"type":"output_text",...} or {"type":"refusal",...}, with what has come so far, or empty. */
void responses_part_json(const struct responses_item *i, bool refusal, bool empty, struct pen *p);
/* An array of the choice's logprobs in the form of Responses, without its brackets. */
void responses_logprobs_json(struct json_value tokens, struct pen *p);
/* An annotation of chat's as one of Responses'. False: it has none. */
bool responses_annotation_json(struct json_value annotation, struct pen *p);

static inline bool responses_is_call(const struct responses_item *i)
{
    return i->kind == RESPONSES_FUNCTION || i->kind == RESPONSES_CUSTOM;
}

static inline struct responses_state *responses_state(const struct answer *a)
{
    return a->state;
}

#endif
