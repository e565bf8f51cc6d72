#include "stmt.h"

#include "usage_fields.h"

#include <assert.h>

/* The arrays of usage_ingest, one per field of a usage record: "$3::bigint[], $4::uuid[], ...". */
#define INGEST_SEQ(parameter) parameter "::bigint[]"
#define INGEST_ID(parameter) ", " parameter "::uuid[]"
#define INGEST_NUMBER(parameter) ", " parameter "::bigint[]"
#define INGEST_U8 INGEST_NUMBER
#define INGEST_U16 INGEST_NUMBER
#define INGEST_U32 INGEST_NUMBER
#define INGEST_U64 INGEST_NUMBER
#define INGEST_I64 INGEST_NUMBER
#define INGEST_MS INGEST_NUMBER
#define INGEST_ONE(no, field, type, bits, max, column, why) INGEST_##type("$" #no)
#define INGEST_ONE_TOKENS(no, class, ...) USAGE_TOKENS_AS(INGEST_ONE, no, class)
#define INGEST_COUNT(no, field, type, bits, max, column, why) INGEST_AT_##field,
#define INGEST_COUNT_TOKENS(no, class, ...) USAGE_TOKENS_AS(INGEST_COUNT, no, class)
enum { USAGE_EACH(INGEST_COUNT) INGEST_FIELDS };
#define INGEST_COUNTED(no, field, type, bits, max, column, why)                                    \
    _Static_assert(no == 3 + INGEST_AT_##field, "parameters are counted up in the list's order");
#define INGEST_COUNTED_TOKENS(no, class, ...) USAGE_TOKENS_AS(INGEST_COUNTED, no, class)
USAGE_EACH(INGEST_COUNTED)

static const struct {
    const char *name;
    size_t params;
    bool pooled;
    const char *sql;
} table[STMT_COUNT] = {
#define POOLED true
#define ALONE false
#define S(NAME, name, params, pooled, sql) [STMT_##NAME] = {#name, params, pooled, sql},
#include "stmt_list.inc"
#undef S
};

const char *stmt_name(enum stmt s)
{
    assert(s < STMT_COUNT && table[s].name != NULL);
    return table[s].name;
}

const char *stmt_sql(enum stmt s)
{
    assert(s < STMT_COUNT && table[s].sql != NULL);
    return table[s].sql;
}

size_t stmt_params(enum stmt s)
{
    assert(s < STMT_COUNT);
    return table[s].params;
}

bool stmt_pooled(enum stmt s)
{
    assert(s < STMT_COUNT);
    return table[s].pooled;
}

struct static_name stmt_log_name(enum stmt s)
{
    return (struct static_name){stmt_name(s)};
}
