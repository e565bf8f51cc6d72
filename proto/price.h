/* What an endpoint charges. Token prices are pico-USD per token (pUSD), units nano-USD per unit (nUSD), all >= 0. One
 * function computes what a request costs; reservation and bill both call it. */
#ifndef TR_PROTO_PRICE_H
#define TR_PROTO_PRICE_H

#include "err.h"
#include "usage_fields.h"

#include <stdbool.h>
#include <stdint.h>

enum { PRICE_TIERS_MAX = 4, PRICE_DAY_MINUTES = 24 * 60 };

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

enum price_class {
#define PRICE_CLASS_NO(class, as) PRICE_CLASS_##class,
    PRICE_CLASSES(PRICE_CLASS_NO)
#undef PRICE_CLASS_NO
    PRICE_CLASS_none,
    PRICE_CLASS_COUNT = PRICE_CLASS_none
};

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

/* What a call is priced by beside tokens and the request itself. */
struct price_units {
    uint32_t n;
    uint8_t kind; /* enum price_unit */
};

/* A tier replaces the base prices of these classes while its condition holds; the last that holds counts. */
struct price_tier {
    uint32_t above_prompt_tokens;      /* holds for prompts of more tokens; 0: for all */
    uint16_t from_minute, until_minute; /* of the UTC day, until is exclusive and may be smaller (over midnight);
                                           both the same: all day */
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

/* "prompt", "cache_write_long", ...; "image", "second", ..., and "" for PRICE_UNIT_NONE */
const char *price_class_name(enum price_class c);
const char *price_unit_name(enum price_unit u);
/* The class whose price c has unless said; PRICE_CLASS_none for prompt and completion. */
enum price_class price_class_follow(enum price_class c);
/* Classes of which nothing was said (their bit of `said`, 1 << enum price_class, is not set) get the price of the
 * class that they follow. */
void price_follow(struct price *p, uint32_t said);
/* No price is negative, and tiers are of times of a day. */
bool price_ok(const struct price *p);

/* What one request is charged: the prices with the tier that holds for it. */
struct price_rates {
    int64_t class_pusd[PRICE_CLASS_COUNT]; /* by enum price_class */
    int64_t unit_nusd[PRICE_UNIT_COUNT];   /* by enum price_unit */
    uint8_t tier;                          /* which holds, from 1; 0: none, the base prices */
};
/* The prices for a prompt of so many tokens that was received at unix_ms. Of the classes that a tier does not
 * name each keeps its ratio to the class that it follows, rounded up to a pico-USD. */
void price_at(const struct price *p, uint64_t prompt_tokens, uint64_t unix_ms, struct price_rates *out);
/* Of each class the dearest that may hold for a prompt of at most so many tokens; tier is 0. */
void price_dearest(const struct price *p, uint64_t prompt_most, uint64_t unix_ms, struct price_rates *out);

/* Figures of a request, as the usage record has them: tokens within a class are counted there too. */
#define PRICE_TOKENS_MEMBER(no, class, ...) uint32_t class;
struct price_usage {
    USAGE_TOKENS(PRICE_TOKENS_MEMBER)
    struct price_units units;
    uint8_t requests; /* 1: a request's price is due */
};
#undef PRICE_TOKENS_MEMBER

/* Lower figures that cannot be: more tokens within a class than it has, or more read from and written to a cache
 * than were read at all. True: one was lowered. */
bool price_believe(struct price_usage *u);
/* What it costs: one product and one rounding half up to nano-USD for each class and unit. A token is paid once:
 * at the price of the first class that it can be of, in the order of usage_fields.h. Classes read from a
 * cache or written to it are rounded by themselves; of the others one whose price is that of the class it is
 * within is counted there. Figures that cannot be are treated as price_believe() lowers them. ERR_RANGE on
 * overflow. */
must_check enum err price_cost(const struct price_rates *r, const struct price_usage *u, int64_t *out_nusd);

/* What a request may come to at most. */
struct price_most {
    uint64_t prompt, output; /* tokens */
    uint32_t never;          /* classes that it cannot have, 1 << enum price_class */
    struct price_units units;
};
/* No usage within m costs more at price_at() for unix_ms. ERR_RANGE on overflow. */
must_check enum err price_worst(const struct price *p, uint64_t unix_ms, const struct price_most *m,
                                int64_t *out_nusd);

#endif
