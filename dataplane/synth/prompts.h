/* What Synth tells models in its own words. They stand in this program, so that the measurement of the image covers them,
 * and are never fetched. Texts are escaped, as a prompt's list has them. */
#ifndef TR_DATAPLANE_SYNTH_PROMPTS_H
#define TR_DATAPLANE_SYNTH_PROMPTS_H

#include "view.h"

struct prompts {
    struct view panel;                /* a member of the panel, whose answer is not shown to the client as it is */
    struct view judge, judge_after;   /* the judge: before and behind the document */
    struct view select, select_after; /* the selector's judge */
    struct view final, final_after;   /* the final; final_after is what a caller's synthesis_prompt replaces */
};

enum { PROMPTS_MAX = 4096 }; /* bytes of what one model is told, before and behind the document */

extern const struct prompts prompts_general, prompts_code;

#endif
