#include "route.h"

#include "money.h"

enum err route_worst_case(const struct catalog_endpoint *e, uint64_t prompt_tokens,
                          uint64_t output_tokens, int64_t *out_nusd)
{
    int64_t dearest = e->price.prompt_pusd, prompt, output;
    enum err err;

    /* Each prompt token is read, read from a cache or written to one. */
    if (e->price.cache_write_pusd > dearest)
        dearest = e->price.cache_write_pusd;
    if (e->price.cached_pusd > dearest)
        dearest = e->price.cached_pusd;
    err = money_cost(prompt_tokens, dearest, &prompt);
    if (err == ERR_NONE)
        err = money_cost(output_tokens, e->price.completion_pusd, &output);
    /* Four classes are rounded one by one, each half up: two nano-USD cover the difference. */
    if (err == ERR_NONE)
        err = money_add(prompt, output, &prompt);
    if (err == ERR_NONE)
        err = money_add(prompt, 2, out_nusd);
    return err;
}
