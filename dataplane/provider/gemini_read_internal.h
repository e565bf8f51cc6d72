/* What the readers of a generateContent answer share: gemini_read.c puts chunks together, gemini_answer.c reads
 * candidates, gemini_calls.c their calls, gemini_usage.c the figures, gemini_cites.c the sources; gemini_embeddings.c reads figures too.
 * Private to these. */
#ifndef TR_DATAPLANE_PROVIDER_GEMINI_READ_INTERNAL_H
#define TR_DATAPLANE_PROVIDER_GEMINI_READ_INTERNAL_H

#include "chat_canon.h"
#include "json.h"

/* What one choice says in one event, each as it goes into the chunk: texts between quotes, lists without brackets. */
enum gemini_piece { PIECE_TEXT, PIECE_THOUGHTS, PIECE_DETAILS, PIECE_IMAGES, PIECE_AUDIO, PIECE_CALLS, PIECE_NOTES, PIECE_COUNT };
struct gemini_pieces {
    struct chat_canon *c;
    uint32_t choice;
    bool whole;
    enum err e; /* the first failure sticks */
    struct buf piece[PIECE_COUNT];
    struct json_value finish;  /* the last finishReason; text empty: none yet */
    struct json_value message; /* finishMessage */
    bool called;               /* a call stands here */
};
void gemini_pieces_put(struct gemini_pieces *x, enum gemini_piece piece, struct view text);
void gemini_pieces_put_u64(struct gemini_pieces *x, enum gemini_piece piece, uint64_t n);
#define PIECE_PUT(x, piece, literal) gemini_pieces_put(x, piece, VIEW_LIT(literal))
/* Begins the next element of a list. */
void gemini_pieces_next(struct gemini_pieces *x, enum gemini_piece piece, struct view head);

/* The text between a string's quotes; empty: it is none. */
static inline struct view gemini_text(struct json_value v)
{
    return v.kind == JSON_STRING && v.text.len >= 2 ? view_of(v.text.ptr + 1, v.text.len - 2) : VIEW_EMPTY;
}

/* --- gemini_answer.c: a candidate's parts and the reason of its end */
void gemini_candidate(struct gemini_pieces *x, struct json_value candidate);
/* A signature, of the call with this id or (empty) of the answer itself. */
void gemini_put_signature(struct gemini_pieces *x, struct view signature, struct view id);

/* --- gemini_calls.c: a functionCall, whole or in pieces, signed or not */
void gemini_call(struct gemini_pieces *x, struct json_value call, struct view signature);
/* The call that is open gets no more: its arguments are closed. */
void gemini_call_close(struct gemini_pieces *x);

/* --- gemini_usage.c: usageMetadata as chat's usage object. False, and nothing is appended: it has no counts */
bool gemini_usage(struct json_value metadata, struct buf *out, enum err *e);

/* --- gemini_cites.c: where it says to have its words from */
void gemini_citations(struct gemini_pieces *x, struct json_value candidate);

#endif
