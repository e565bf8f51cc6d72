/* What a model takes of a request, where the models of one maker differ: data of the catalog, so that a new model needs a
 * row and no code. A zeroed struct takes everything that its provider's dialect knows. Source of today's rows:
 * the makers' migration guides and recorded answers. */
#ifndef TR_PROTO_GATES_H
#define TR_PROTO_GATES_H

#include <stdint.h>

/* Each bit takes something away or changes a form. X(name in catalog.conf, symbol) */
#define MODEL_GATES(X)                                                                             \
    X("no_sampling", GATE_NO_SAMPLING)                 /* temperature, top_p, logit_bias, logprobs: left out */ \
    X("one_sampling", GATE_ONE_SAMPLING)               /* temperature or top_p, not both */        \
    X("no_penalties", GATE_NO_PENALTIES)               /* left out */                              \
    X("no_system_inside", GATE_NO_SYSTEM_INSIDE)       /* system text behind the first turn */     \
    X("no_prefill", GATE_NO_PREFILL)                   /* a last message of the model's */         \
    X("no_forced_tool", GATE_NO_FORCED_TOOL)           /* tool choice is auto or none */           \
    X("no_forced_tool_thinking", GATE_NO_FORCED_TOOL_THINKING) /* the same while it thinks */      \
    X("no_schema", GATE_NO_SCHEMA)                     /* no native JSON schema, no strict tools */ \
    X("no_tools_and_format", GATE_NO_TOOLS_AND_FORMAT) /* functions or a JSON format */            \
    X("tools_and_format_auto", GATE_TOOLS_AND_FORMAT_AUTO) /* both only with tool choice auto */   \
    X("thinks_by_budget", GATE_THINKS_BY_BUDGET)       /* a number of tokens switches it on */     \
    X("thinks_adaptively", GATE_THINKS_ADAPTIVELY)     /* an effort or level, no budget */         \
    X("thinks_by_default", GATE_THINKS_BY_DEFAULT)     /* when nothing is said */                  \
    X("thinks_always", GATE_THINKS_ALWAYS)             /* cannot be switched off */                \
    X("thinks_between_tools", GATE_THINKS_BETWEEN_TOOLS) /* "off" is spelled between_tools */      \
    X("effort_or_tools", GATE_EFFORT_OR_TOOLS)  /* chat: tools or an effort, else Responses */ \
    X("streams_only", GATE_STREAMS_ONLY)               /* chat: a whole answer is refused */        \
    X("signs_calls", GATE_SIGNS_CALLS)                 /* a replayed call needs its signature */   \
    X("no_urls", GATE_NO_URLS)                         /* images as bytes only */

enum model_gate_no {
#define GATE_NO(name, symbol) symbol##_NO,
    MODEL_GATES(GATE_NO)
#undef GATE_NO
    MODEL_GATE_COUNT
};
enum model_gate {
#define GATE_BIT(name, symbol) symbol = 1 << symbol##_NO,
    MODEL_GATES(GATE_BIT)
#undef GATE_BIT
    MODEL_GATES_ALL = (1 << MODEL_GATE_COUNT) - 1
};

struct model_gates {
    uint32_t bits;                   /* enum model_gate */
    uint8_t efforts;                 /* 1 << (enum prompt_effort - 1): the words it knows, none to max; 0: any */
    uint32_t budget_min, budget_max; /* tokens of thoughts; budget_max 0: no bound of its own */
};

#endif
