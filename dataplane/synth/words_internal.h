/* (G) What the files of words.h share: the letters of answers, the document that quotes them, and lists that are copies. */
#ifndef TR_DATAPLANE_SYNTH_WORDS_INTERNAL_H
#define TR_DATAPLANE_SYNTH_WORDS_INTERNAL_H

#include "prompts.h"
#include "quoted.h"
#include "words.h"

/* The letter of a place of the panel, 'A' to 'H': a random one-to-one mapping by the seed, the same whichever answers are
 * shown. They are shown in the order of their letters. */
uint8_t words_letter(uint64_t seed, uint8_t place);
/* The place behind a letter of either case; -1: it is none. */
int words_place(uint64_t seed, uint8_t letter);

/* Those of the answers that are left in (bit per place), as a JSON array. most: bytes that are quoted of each. */
must_check enum err words_put_answers(struct buf *out, const struct words_answer *answers, size_t n, uint64_t seed,
                                      uint8_t left_in, size_t most);
size_t words_quote_most(const struct synth_plan *plan);
size_t words_verdict_most(const struct synth_plan *plan);
/* What the buffer of a document is charged to. */
struct budget *words_budget(const struct words_answer *answers, size_t n);
uint8_t words_places(const struct words_answer *answers, size_t n); /* bit per place */

const struct prompts *words_prompts(const struct synth_plan *plan);

/* Appends. */
must_check enum err words_add_message(struct prompt_list *l, enum prompt_role role);
must_check enum err words_add_text(struct prompt_list *l, struct view escaped);
/* A JSON value as a text: the list keeps a copy. */
must_check enum err words_add_document(struct prompt_list *l, struct view json);

#endif
