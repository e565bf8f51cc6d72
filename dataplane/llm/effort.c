/* The words of reasoning effort. */
#include "effort.h"

#include <assert.h>

static const char *const words[] = {
    [EFFORT_NONE] = "none",     [EFFORT_MINIMAL] = "minimal", [EFFORT_LOW] = "low",
    [EFFORT_MEDIUM] = "medium", [EFFORT_HIGH] = "high",       [EFFORT_XHIGH] = "xhigh",
    [EFFORT_MAX] = "max",
};
enum { WORDS = sizeof words / sizeof words[0] };

const char *effort_word(enum prompt_effort effort)
{
    assert((int)effort > EFFORT_UNSAID && (int)effort < WORDS);
    return words[effort];
}

bool effort_read(struct json_value v, enum prompt_effort *out)
{
    for (int i = EFFORT_UNSAID + 1; i < WORDS; i++) {
        if (json_string_is(v, words[i])) {
            *out = (enum prompt_effort)i;
            return true;
        }
    }
    return false;
}

enum prompt_effort effort_of_budget(uint32_t tokens)
{
    return tokens >= 4096   ? EFFORT_HIGH
           : tokens >= 2048 ? EFFORT_MEDIUM
           : tokens >= 1024 ? EFFORT_LOW
                            : EFFORT_MINIMAL;
}

static bool is_among(unsigned efforts, int effort)
{
    return (efforts >> (effort - EFFORT_NONE) & 1) != 0;
}

enum prompt_effort effort_known(unsigned efforts, enum prompt_effort effort)
{
    assert((int)effort > EFFORT_UNSAID && (int)effort < WORDS);
    if (efforts == 0 || is_among(efforts, effort))
        return effort;
    for (int lower = (int)effort - 1; lower > EFFORT_NONE; lower--)
        if (is_among(efforts, lower))
            return (enum prompt_effort)lower;
    for (int higher = (int)effort + 1; higher < WORDS; higher++)
        if (is_among(efforts, higher))
            return (enum prompt_effort)higher;
    return effort; /* it knows none alone */
}
