/* What an endpoint charges. Token prices are pico-USD per token (pUSD), units nano-USD per unit (nUSD), all >= 0. One
 * function computes what a request costs; reservation and bill both call it. */
#ifndef TR_PROTO_PRICE_H
#define TR_PROTO_PRICE_H

#include <stdint.h>

enum { PRICE_TIERS_MAX = 4 };

/* Token classes by name, in the order of the wire and of SQL. X(class, the class whose price it has unless said) */
#define PRICE_CLASSES(X)                                                                           \
    X(prompt, none)                                                                                \
    X(completion, none)                                                                            \
    X(cached, prompt)             /* prompt tokens read from a cache */                            \
    X(cache_write, prompt)        /* prompt tokens written to one, for five minutes */             \
    X(cache_write_long, cache_write) /* for an hour or longer */                                   \
    X(reasoning, completion)                                                                       \
    X(audio_input, prompt)                                                                         \
    X(audio_output, completion)                                                                    \
    X(image_input, prompt)                                                                         \
    X(image_output, completion)

/* Units beside tokens. X(name, what one is) */
#define PRICE_UNITS(X)                                                                             \
    X(request, "a request")                                                                        \
    X(image, "an image made")                                                                      \
    X(second, "a second of audio")                                                                 \
    X(character, "a character of text")                                                              \
    X(query, "a ranking or search query")

enum price_unit { /* as the usage record has it: unit_kind */
    PRICE_UNIT_NONE,
#define PRICE_UNIT_NO(unit, what) PRICE_UNIT_##unit,
    PRICE_UNITS(PRICE_UNIT_NO)
#undef PRICE_UNIT_NO
    PRICE_UNIT_COUNT
};

/* A tier replaces the base prices of these classes while its condition holds; the last that holds counts. */
struct price_tier {
    uint32_t above_prompt_tokens;      /* holds for prompts of more tokens; 0: for all */
    uint16_t from_minute, until_minute; /* of the UTC day, until is exclusive and may be smaller (over midnight);
                                           both 0: all day */
    int64_t prompt_pusd, completion_pusd, cached_pusd, cache_write_pusd;
};

struct price {
#define PRICE_CLASS(class, as) int64_t class##_pusd;
    PRICE_CLASSES(PRICE_CLASS)
#undef PRICE_CLASS
#define PRICE_UNIT(unit, what) int64_t unit##_nusd;
    PRICE_UNITS(PRICE_UNIT)
#undef PRICE_UNIT
    struct price_tier tier[PRICE_TIERS_MAX];
    uint8_t n_tiers;
};

#endif
