/* What the readers of a Responses answer share: openai_responses_read.c puts chunks together, openai_responses_items.c
 * reads items and their pieces. Private to these. */
#ifndef TR_DATAPLANE_PROVIDER_OPENAI_RESPONSES_READ_H
#define TR_DATAPLANE_PROVIDER_OPENAI_RESPONSES_READ_H

#include "chat_canon.h"
#include "json.h"

/* What one event says, each as it goes into the chunk: texts between quotes, lists without brackets. */
enum responses_piece {
    SAYS_TEXT,
    SAYS_REFUSAL,
    SAYS_THOUGHTS,
    SAYS_DETAILS,
    SAYS_NOTES,
    SAYS_CALLS,
    SAYS_IMAGES,
    SAYS_LOGPROBS,
    SAYS_COUNT
};
struct responses_says {
    struct chat_canon *c;
    bool whole;
    enum err e; /* the first failure sticks */
    struct buf piece[SAYS_COUNT];
};

/* The item with this place; a new one when there is none. */
struct openai_responses_item *responses_item_of(struct chat_canon *c, uint32_t output_index);

/* Pieces of an item, from the events of these names. `text` stands between quotes: the next piece, or (all) what all
 * pieces come to, of which the rest is told. */
typedef void responses_piece_fn(struct responses_says *s, struct openai_responses_item *i, uint32_t part, struct view text,
                                bool all);
responses_piece_fn responses_text, responses_refusal, responses_thought, responses_summary;
responses_piece_fn responses_arguments, responses_free_input; /* of a call, which has no parts */
void responses_note(struct responses_says *s, struct json_value annotation);
void responses_logprobs(struct responses_says *s, struct json_value list);
/* A call begins; nothing when the item is none. */
void responses_item_begin(struct responses_says *s, struct openai_responses_item *i, struct json_value item);
/* All of an item that no event has told yet. */
void responses_item_rest(struct responses_says *s, struct openai_responses_item *i, struct json_value item);

/* The text between a string's quotes; empty: it is none. */
static inline struct view responses_inner(struct json_value v)
{
    return v.kind == JSON_STRING && v.text.len >= 2 ? view_of(v.text.ptr + 1, v.text.len - 2) : VIEW_EMPTY;
}

#endif
