/* How much a model shall think: the words of OpenAI's reasoning effort, and budgets in tokens as words. */
#ifndef TR_DATAPLANE_LLM_EFFORT_H
#define TR_DATAPLANE_LLM_EFFORT_H

#include "prompt.h"

/* "none" ... "max"; effort is not EFFORT_UNSAID. */
const char *effort_word(enum prompt_effort effort);
/* False, and *out is untouched, when v is none of the words. */
bool effort_read(struct json_value v, enum prompt_effort *out);
/* Where only words are known: 4096 tokens and more are high, 2048 medium, 1024 low, less minimal. */
enum prompt_effort effort_of_budget(uint32_t tokens);
/* The word to send to a model that knows only `efforts` (struct model_gates.efforts; 0: any): this one, else the next lower
 * but none, which would switch thinking off, else the next higher. effort is not EFFORT_UNSAID. */
enum prompt_effort effort_known(unsigned efforts, enum prompt_effort effort);

#endif
