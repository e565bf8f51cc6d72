/* (G) Texts of others as JSON strings. Whatever bytes are given, what comes out is the inside of one string that every
 * reader of JSON takes: it ends where we end it. */
#ifndef TR_DATAPLANE_SYNTH_QUOTED_H
#define TR_DATAPLANE_SYNTH_QUOTED_H

#include "buf.h"
#include "err.h"
#include "view.h"

#include <stdbool.h>
#include <stdint.h>

/* One or more strings that share a maximum. */
struct quoted {
    struct buf *out;
    size_t left;      /* bytes that may still be quoted */
    bool cut;         /* something did not fit: nothing more is quoted */
    bool high;        /* the first half of a surrogate pair waits for its second one, */
    uint8_t half[6];  /* escaped as it came */
    enum err e;       /* the buffer's first error; then nothing more is written */
};

/* most: bytes between the quotes of all strings. */
void quoted_init(struct quoted *q, struct buf *out, size_t most);
/* Begins a string; pieces follow, then quoted_close(). Without the two, pieces and quoted_end() write its inside only. */
void quoted_open(struct quoted *q);
/* The next piece, escaped as events have it; a surrogate pair may come in two pieces. What is not valid there is escaped
 * once more or replaced by U+FFFD, and so are NUL, which some readers end a text at, and halves of pairs. Cut between
 * characters. */
void quoted_piece(struct quoted *q, struct view escaped);
/* No more pieces. */
void quoted_end(struct quoted *q);
void quoted_close(struct quoted *q);
/* A string of one piece. */
void quoted_string(struct quoted *q, struct view escaped);
/* Syntax of ours: not counted, never cut. */
void quoted_put(struct quoted *q, struct view text);
/* Syntax of ours that others can cause to be written many times counts. False: there is no room for it. */
bool quoted_spend(struct quoted *q, size_t bytes);

#endif
