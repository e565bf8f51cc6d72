/* A model that is shown what a panel answered, as Synth's judge and final are: a judge finds the first answer good and selects it, a final
 * repeats it. What it is shown is a JSON array of answers under letters, somewhere in the last user message. */
#ifndef TR_MOCK_SHOWN_H
#define TR_MOCK_SHOWN_H

#include "wire.h"

/* Appends the answer to j's payload. False, and nothing is changed: this message shows no answers. */
bool shown_play(struct job *j, const struct ask *a, struct job_part *out);

#endif
