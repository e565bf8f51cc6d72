#include "verdict.h"

#include <assert.h>

#define ROW(symbol, class, refusal) {#symbol, CLASS_##class, REFUSAL_##refusal},
static const struct {
    const char *name;
    enum verdict_class class;
    enum refusal refusal;
} rows[] = {VERDICT_LIST(ROW)};
#undef ROW
_Static_assert(sizeof rows / sizeof rows[0] == VERDICT_COUNT, "one row each");

const char *verdict_name(enum verdict v)
{
    assert((unsigned)v < VERDICT_COUNT);
    return rows[v].name;
}

enum verdict_class verdict_class(enum verdict v)
{
    assert((unsigned)v < VERDICT_COUNT);
    return rows[v].class;
}

const char *verdict_class_name(enum verdict_class c)
{
    static const char *const names[] = {"accept", "reject", "unsupported", "malformed"};

    assert((unsigned)c < sizeof names / sizeof names[0]);
    return names[c];
}

enum refusal verdict_refusal(enum verdict v)
{
    assert((unsigned)v < VERDICT_COUNT);
    return rows[v].refusal;
}
