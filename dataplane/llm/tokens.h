/* What an answer costs in tokens, as its provider says it. */
#ifndef TR_DATAPLANE_LLM_TOKENS_H
#define TR_DATAPLANE_LLM_TOKENS_H

#include "usage_fields.h"

#include <stdbool.h>
#include <stdint.h>

/* What a response costs in tokens. A figure that is zero was not given, or was zero, or could not be
 * believed: what is known otherwise (a prompt was sent, text was delivered) decides which. */
#define TOKENS_MEMBER(no, class, ...) uint32_t class;
struct token_usage {
    bool present; /* the provider gave figures, believable or not */
    bool clamped; /* negative, absurd or inconsistent figures were corrected */
    /* One of each class (proto/usage_fields.h): prompt, completion, cached_read, ... What is within
     * another class is counted there too, whatever the provider does. */
    USAGE_TOKENS(TOKENS_MEMBER)
    int64_t prompt_nusd, completion_nusd; /* once it is billed: what each side costs of the whole */
};

/* The provider's figures as it gave them, merged over all usage objects of one response: providers
 * send the prompt's with the first chunk and the cached ones with the last, or a running total. Of
 * each figure the largest that can be believed counts. X(figure) */
#define TOKENS_FIGURES(X)                                                                          \
    X(prompt)                                                                                      \
    X(completion)                                                                                  \
    X(total)                                                                                       \
    X(cached_read)                                                                                 \
    X(cache_missed)      /* what of the prompt was not read from a cache */                        \
    X(cache_write)       /* of any duration */                                                     \
    X(cache_write_short) /* and by duration: below an hour */                                      \
    X(cache_write_long)                                                                            \
    X(reasoning)                                                                                   \
    X(audio_input)                                                                                 \
    X(audio_output)                                                                                \
    X(image_input)                                                                                 \
    X(image_output)                                                                                \
    X(input)             /* under Anthropic's names, which count the input beside its cache */     \
    X(input_read)                                                                                  \
    X(input_write)
struct usage_figures {
#define TOKENS_FIGURE(figure) uint32_t figure;
    TOKENS_FIGURES(TOKENS_FIGURE)
#undef TOKENS_FIGURE
    bool odd; /* one could not be believed: negative, absurd, or no whole number */
};

#endif
