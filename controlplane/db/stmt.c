#include "stmt.h"

#include "usage_fields.h"

#include <assert.h>

/* A record of usage_ingest, out of two arrays: $3 has the ids of all records, four each, $4 their numbers. They are the
 * parameters 4 to 7 and all others of the list; g.o and g.i say where a record's begin. Two arrays cost the server a
 * tenth of what one for each field does. */
#define INGEST_SEQ(no) "($4::bigint[])[g.i+(" #no "-2)]"
#define INGEST_ID(no) ", ($3::uuid[])[g.o+(" #no "-3)]"
#define INGEST_NUMBER(no) ", ($4::bigint[])[g.i+(" #no "-6)]"
#define INGEST_U8(no) INGEST_NUMBER(no)
#define INGEST_U16(no) INGEST_NUMBER(no)
#define INGEST_U32(no) INGEST_NUMBER(no)
#define INGEST_U64(no) INGEST_NUMBER(no)
#define INGEST_I64(no) INGEST_NUMBER(no)
#define INGEST_MS(no) INGEST_NUMBER(no)
#define INGEST_ONE(no, field, type, bits, max, column, why) INGEST_##type(no)
#define INGEST_ONE_TOKENS(no, class, ...) USAGE_TOKENS_AS(INGEST_ONE, no, class)
#define INGEST_IS_ID_ID true
#define INGEST_IS_ID_SEQ false
#define INGEST_IS_ID_U8 false
#define INGEST_IS_ID_U16 false
#define INGEST_IS_ID_U32 false
#define INGEST_IS_ID_U64 false
#define INGEST_IS_ID_I64 false
#define INGEST_IS_ID_MS false
#define INGEST_COUNT(no, field, type, bits, max, column, why) INGEST_AT_##field,
#define INGEST_COUNT_TOKENS(no, class, ...) USAGE_TOKENS_AS(INGEST_COUNT, no, class)
enum { USAGE_EACH(INGEST_COUNT) INGEST_FIELDS };
#define INGEST_COUNTED(no, field, type, bits, max, column, why)                                    \
    _Static_assert(no == 3 + INGEST_AT_##field, "fields are counted up in the list's order");       \
    _Static_assert(INGEST_IS_ID_##type == (no >= 4 && no <= 7), "ids are the fields 4 to 7");
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
