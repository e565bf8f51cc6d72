/* (G) The beginning of an answer as words: what refusals are recognised by, in several languages. */
#ifndef TR_DATAPLANE_SYNTH_REFUSAL_WORDS_H
#define TR_DATAPLANE_SYNTH_REFUSAL_WORDS_H

#include "view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REFUSAL_OPENING_BYTES = 2048, /* of an answer, escaped, that are looked at */
    REFUSAL_WORDS_MAX = 512,
    REFUSAL_SENTENCES = 3,        /* a refusal is said in one of the first */
};

/* Words in lower case, without accents; an apostrophe is a part of its word. Quotations and code are left out, and so is
 * what marks headings, lists and quoted paragraphs. Chinese has no spaces: a run of it is one word. */
struct refusal_words {
    uint8_t bytes[REFUSAL_OPENING_BYTES + 4]; /* the words' own; wiped by the caller */
    struct refusal_word {
        uint16_t at, len;
        uint8_t sentence; /* from 0 */
        bool comma;       /* one follows */
    } word[REFUSAL_WORDS_MAX];
    size_t n, used;
    uint8_t sentences; /* that have a word */
    bool code;         /* a block of code begins in the opening */
};

void refusal_words_read(struct refusal_words *w, struct view escaped);
struct view refusal_word(const struct refusal_words *w, size_t i);

#endif
