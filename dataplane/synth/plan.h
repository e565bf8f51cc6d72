/* (G) What a request asks of Synth: who is on the panel, who judges, who writes the answer, and how. Read by
 * api/synth_read.c from the body and the catalog's row; run by synth/run.c. Views are of the client's body or of the
 * catalog, and live as long as these. */
#ifndef TR_DATAPLANE_SYNTH_PLAN_H
#define TR_DATAPLANE_SYNTH_PLAN_H

#include "message.h"
#include "view.h"

/* X(symbol, name) */
#define SYNTH_STRATEGIES(X)                                                                        \
    X(SYNTH_NON_REFUSALS, "synthesize_non_refusals")                                               \
    X(SYNTH_SYNTHESIZE, "synthesize")                                                              \
    X(SYNTH_FIRST_SUCCESS, "first_success")                                                        \
    X(SYNTH_FIRST_NON_REFUSAL, "first_non_refusal")                                                \
    X(SYNTH_SELECTOR, "selector")
#define SYNTH_STRATEGY_ENUM(symbol, name) symbol,
enum synth_strategy { SYNTH_STRATEGIES(SYNTH_STRATEGY_ENUM) SYNTH_STRATEGY_COUNT };
#undef SYNTH_STRATEGY_ENUM

enum {
    SYNTH_LIST_MAX = 8,          /* models of each role */
    SYNTH_PROMPT_MAX = 4000,     /* bytes of the caller's synthesis_prompt, unescaped */
    SYNTH_DEADLINE_MS = 60000,   /* of the panel, unless the request says otherwise */
    SYNTH_DEADLINE_MIN_MS = 1000,
    SYNTH_DEADLINE_MAX_MS = 300000,
};

struct synth_list {
    struct view id[SYNTH_LIST_MAX]; /* names of models or aliases, plain */
    uint8_t n;
    bool given; /* by the caller, not by the catalog */
};

struct synth_plan {
    const struct catalog_synth *row; /* the catalog's entry that was asked for */
    uint8_t preset; /* enum synth_preset: whose panel it is; SYNTH_PRESET_NONE: the caller's own */
    enum synth_strategy strategy;
    struct synth_list panel, judges, finals;
    uint32_t panel_tokens, judge_tokens, final_tokens; /* limits of output; none is 0 */
    struct view synthesis_prompt; /* escaped JSON text; empty: the built-in one */
    uint8_t quorum;       /* so many usable answers of the panel are enough; 0: all */
    uint32_t deadline_ms; /* then those that are there are enough, if there is one; each judge has as long */
    uint8_t wants;        /* enum alias_want: of the aliases that the client names. They hold for every call */
    bool events;          /* progress chunks, in chat streams only */
    bool event_text;      /* with the panel's texts */
};

const char *synth_strategy_name(enum synth_strategy s);
/* Is an answer of the panel given as it is? Then no final is asked. */
bool synth_strategy_gives(enum synth_strategy s);
/* NULL: none. */
const char *synth_preset_name(enum synth_preset p);

#endif
