/* Usage into the ledger: a batch of records becomes parallel arrays for usage_ingest (sql/013). */
#include "ledger.h"
#include "ledger_state.h"

#include <assert.h>
#include <stddef.h>

/* How a field of struct usage_record becomes a bigint. Its kind is told by its size and sign. */
enum field_kind { FIELD_ID, FIELD_U8, FIELD_U16, FIELD_U32, FIELD_I64, FIELD_BITS64, FIELD_MS };

#define FIELD(name, kind)                                                                          \
    {                                                                                              \
        offsetof(struct usage_record, name), kind                                                  \
    }
/* In the order of usage_ingest's parameters after the first. */
static const struct {
    size_t offset;
    enum field_kind kind;
} fields[] = {
    FIELD(seq, FIELD_I64),
    FIELD(request, FIELD_ID),
    FIELD(key, FIELD_ID),
    FIELD(account, FIELD_ID),
    FIELD(lease, FIELD_ID),
    FIELD(received_ms, FIELD_MS),
    FIELD(user_hash, FIELD_BITS64),
    FIELD(cost_nusd, FIELD_I64),
    FIELD(model_no, FIELD_U32),
    FIELD(endpoint_no, FIELD_U32),
    FIELD(first_model_no, FIELD_U32),
    FIELD(price_version, FIELD_U32),
    FIELD(catalog_version, FIELD_U32),
    FIELD(route_us, FIELD_U32),
    FIELD(first_byte_us, FIELD_U32),
    FIELD(total_ms, FIELD_U32),
    FIELD(tokens_prompt, FIELD_U32),
    FIELD(tokens_completion, FIELD_U32),
    FIELD(tokens_cached_read, FIELD_U32),
    FIELD(tokens_cache_write, FIELD_U32),
    FIELD(tokens_reasoning, FIELD_U32),
    FIELD(http_status, FIELD_U16),
    FIELD(flags, FIELD_U16),
    FIELD(region_no, FIELD_U16),
    FIELD(error_class, FIELD_U8),
    FIELD(finish, FIELD_U8),
    FIELD(route_reason, FIELD_U8),
    FIELD(attempt, FIELD_U8),
    FIELD(attempts, FIELD_U8),
};
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
    case FIELD_I64:
    case FIELD_BITS64:
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
    struct db_param p[2 + FIELDS] = {db_id(boot)};
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
        p[1 + f] = db_bytes(buf_view(&arrays[f]));
    }
    p[1 + FIELDS] = db_bool(aside);
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
