/* (G) What is said to the models of an orchestration, and what their answers mean. The built-in prompts stand in
 * synth/prompts.c, so that the measurement covers them. */
#ifndef TR_DATAPLANE_SYNTH_WORDS_H
#define TR_DATAPLANE_SYNTH_WORDS_H

#include "collect.h"
#include "plan.h"
#include "prompt.h"

enum {
    /* Bytes of one answer that are quoted, and of a judge's verdict: eight for each token that it may have, within these.
     * The rest is cut, and that is said. */
    WORDS_QUOTE_MAX = 32 << 10,
    WORDS_VERDICT_MAX = 16 << 10,
    WORDS_LEAST = 2 << 10,
    WORDS_DOCUMENT_MAX = 64 << 20, /* bytes of what a judge is shown: a client's body and the answers are less */
};

/* Bytes that what a judge or the final reads may be longer than the client's request. */
uint64_t words_prompt_bound(const struct synth_plan *plan);

/* An answer of the panel, as the judge and the final see it: as data, under a letter that says nothing of its model. */
struct words_answer {
    const struct collect *answer;
    uint8_t place; /* in the panel */
    bool refused;
};

/* What a judge found. Views lie in `text`. */
struct words_verdict {
    struct content *text; /* the JSON object, as it will be shown to the final; freed by words_verdict_free() */
    uint8_t refused;      /* bit per place of the panel: the judge finds that it refuses */
    int selected;         /* place; -1: none (only the selector's judge chooses) */
};

/* A part's list is a copy of the client's that borrows its bytes, changed. `out` is initialised by the call and freed by
 * prompt_list_free(); the client's list stays as it is. ERR_MEMORY, ERR_LIMIT. */
must_check enum err words_panel(const struct prompt_list *client, const struct synth_plan *plan, struct prompt_list *out);
/* seed: the order in which the answers are shown. */
must_check enum err words_judge(const struct prompt_list *client, const struct synth_plan *plan,
                                const struct words_answer *answers, size_t n, uint64_t seed, struct prompt_list *out);
/* Appended to the client's own list; verdict NULL: no judge could be had. */
must_check enum err words_final(struct prompt_list *list, const struct synth_plan *plan,
                                const struct words_answer *answers, size_t n, uint64_t seed,
                                const struct words_verdict *verdict);
/* Reads a judge's answer, which was shown n answers in the order of seed. ERR_FORMAT: it is no verdict (then another judge
 * is asked). *out is then as after words_verdict_free(). */
must_check enum err words_verdict(const struct collect *judge, const struct synth_plan *plan,
                                  const struct words_answer *answers, size_t n, uint64_t seed, struct budget *budget,
                                  struct words_verdict *out);
void words_verdict_free(struct words_verdict *v);

/* Does the answer refuse instead of answering? (refusal.c) */
bool refusal_is(const struct collect *answer);

#endif
