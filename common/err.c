#include "err.h"

#include <stddef.h>

#define ERR_NAME(symbol, name) [symbol] = name,
static const char *const names[ERR_COUNT] = {ERR_LIST(ERR_NAME)};
#undef ERR_NAME

const char *err_name(enum err e)
{
    /* Unsigned, so that a negative value (a bug of the caller) is outside the list as well. */
    size_t i = (size_t)(unsigned)e;

    return i < ERR_COUNT ? names[i] : "unknown";
}
