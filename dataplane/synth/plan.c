/* (G) The words of a plan. */
#include "plan.h"

#include "content_view.h"

#include <assert.h>

const char *synth_strategy_name(enum synth_strategy s)
{
#define NAME(symbol, name) [symbol] = name,
    static const char *const names[SYNTH_STRATEGY_COUNT] = {SYNTH_STRATEGIES(NAME)};
#undef NAME

    assert(s < SYNTH_STRATEGY_COUNT);
    return names[s];
}

bool synth_strategy_gives(enum synth_strategy s)
{
    return s == SYNTH_FIRST_SUCCESS || s == SYNTH_FIRST_NON_REFUSAL || s == SYNTH_SELECTOR;
}

const char *synth_preset_name(enum synth_preset p)
{
    static const char *const names[SYNTH_PRESET_COUNT] = {
        [SYNTH_PRESET_QUALITY] = "quality", [SYNTH_PRESET_BUDGET] = "budget", [SYNTH_PRESET_FRONTIER] = "frontier"};

    return p < SYNTH_PRESET_COUNT ? names[p] : NULL;
}
