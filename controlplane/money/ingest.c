/* Usage into the ledger: a batch of records becomes parallel arrays for usage_ingest (sql/019). */
#include "ledger.h"
#include "ledger_state.h"

#include <assert.h>
#include <stddef.h>

/* How a field of struct usage_record becomes a uuid or a bigint. */
enum field_kind {
    FIELD_SEQ,
    FIELD_ID,
    FIELD_U8,
    FIELD_U16,
    FIELD_U32,
    FIELD_U64,
    FIELD_I64,
    FIELD_MS
};

/* In the order of the statement's parameters after the first two. */
#define FIELD(no, field, type, bits, max, column, why)                                             \
    {offsetof(struct usage_record, field), FIELD_##type},
#define FIELD_TOKENS(no, class, ...) USAGE_TOKENS_AS(FIELD, no, class)
static const struct {
    size_t offset;
    enum field_kind kind;
} fields[] = {USAGE_EACH(FIELD)};
enum { FIELDS = sizeof fields / sizeof fields[0], ARRAY_MAX = 32 + LIMIT_USAGE_BATCH * 20 };

/* The end of the year 9999, the last that a timestamp's text form can hold. */
#define RECEIVED_MS_MAX INT64_C(253402300799000)

static int64_t field_value(const uint8_t *at, enum field_kind kind)
{
    uint64_t u64;
    uint32_t u32;
    uint16_t u16;

    switch (kind) {
    case FIELD_U8:
        return *at;
    case FIELD_U16:
        memcpy(&u16, at, sizeof u16);
        return u16;
    case FIELD_U32:
        memcpy(&u32, at, sizeof u32);
        return u32;
    case FIELD_SEQ:
    case FIELD_I64:
    case FIELD_U64: /* a hash: its bits */
        memcpy(&u64, at, sizeof u64);
        return (int64_t)u64;
    case FIELD_MS:
        memcpy(&u64, at, sizeof u64);
        return u64 > (uint64_t)RECEIVED_MS_MAX ? RECEIVED_MS_MAX : (int64_t)u64;
    case FIELD_ID:
        break;
    }
    assert(false);
    return 0;
}

static enum err encode_array(struct buf *out, const struct usage_record *records, size_t n,
                             size_t f)
{
    bool id = fields[f].kind == FIELD_ID;
    enum err e = db_array_begin(out, id ? DB_ELEMENT_ID : DB_ELEMENT_I64, n);

    for (size_t i = 0; e == ERR_NONE && i < n; i++) {
        const uint8_t *at = (const uint8_t *)&records[i] + fields[f].offset;

        e = id ? db_array_put(out, view_of(at, sizeof(struct id)))
               : db_array_put_i64(out, field_value(at, fields[f].kind));
    }
    return e;
}

static void ingest(struct ledger *l, const struct id *boot, const struct usage_record *records,
                   size_t n, bool aside, ledger_acked_cb *cb, void *cookie)
{
    struct db_param p[2 + FIELDS] = {db_id(boot), db_bool(aside)};
    struct buf arrays[FIELDS];
    struct number_op *op = number_begin(l, cb, cookie);
    enum err e = n == 0 || n > LIMIT_USAGE_BATCH ? ERR_LIMIT : ERR_NONE;

    for (size_t f = 0; f < FIELDS; f++)
        buf_init(&arrays[f], ARRAY_MAX);
    for (size_t i = 0; e == ERR_NONE && i < n; i++)
        if (records[i].seq == 0 || records[i].seq > INT64_MAX)
            e = ERR_LIMIT;
    for (size_t f = 0; e == ERR_NONE && f < FIELDS; f++) {
        e = encode_array(&arrays[f], records, n, f);
        p[2 + f] = db_bytes(buf_view(&arrays[f]));
    }
    if (e == ERR_NONE)
        db_query(l->config.db, STMT_USAGE_INGEST, p, 2 + FIELDS, ledger_lane(boot), number_end, op);
    else
        db_fail(l->config.db, STMT_USAGE_INGEST, e, number_end, op);
    for (size_t f = 0; f < FIELDS; f++)
        buf_free(&arrays[f]);
}

void ledger_ingest(struct ledger *l, const struct id *boot, const struct usage_record *records,
                   size_t n, ledger_acked_cb *cb, void *cookie)
{
    ingest(l, boot, records, n, false, cb, cookie);
}

void ledger_set_aside(struct ledger *l, const struct id *boot, const struct usage_record *records,
                      size_t n, ledger_acked_cb *cb, void *cookie)
{
    ingest(l, boot, records, n, true, cb, cookie);
}

void ledger_lost(struct ledger *l, const struct id *boot, uint64_t lo, uint64_t hi,
                 ledger_acked_cb *cb, void *cookie)
{
    const struct db_param p[] = {db_id(boot), db_i64((int64_t)lo), db_i64((int64_t)hi)};

    assert(lo > 0 && lo <= hi && hi <= INT64_MAX);
    db_query(l->config.db, STMT_USAGE_LOST, p, 3, ledger_lane(boot), number_end,
             number_begin(l, cb, cookie));
}
