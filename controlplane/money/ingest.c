/* Usage into the ledger: a batch of records becomes two arrays for usage_ingest (sql/037), its parts two more (sql/046). */
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

/* In the order of the type usage_record. The arrays have ids and numbers in this order, record after record. */
#define FIELD(no, field, type, bits, max, column, why)                                             \
    {offsetof(struct usage_record, field), FIELD_##type},
#define FIELD_TOKENS(no, class, ...) USAGE_TOKENS_AS(FIELD, no, class)
static const struct {
    size_t offset;
    enum field_kind kind;
} fields[] = {USAGE_EACH(FIELD)};
enum {
    FIELDS = sizeof fields / sizeof fields[0],
    IDS = 4, /* stmt.c says which */
    NUMBERS = FIELDS - IDS,
    IDS_MAX = 32 + LEDGER_BOOK_MAX * IDS * 20,
    NUMBERS_MAX = 32 + LEDGER_BOOK_MAX * NUMBERS * 12,
    ATTEMPT_NUMBERS = 6,
    ATTEMPTS_MAX = 32 + LEDGER_ATTEMPTS_MAX * ATTEMPT_NUMBERS * 12,
};

/* The numbers of a part, in the order of usage_parts_keep(). */
#define PART_CLASS(no, class, ...) , (int64_t)p->tokens_##class
#define PART_NUMBERS_OF(p)                                                                         \
    {(int64_t)(p)->seq, (p)->cost_nusd, (p)->model_no, (p)->endpoint_no, (p)->price_version, (p)->began_ms,              \
     (p)->first_byte_ms, (p)->total_ms, (p)->flags, (p)->role, (p)->place, (p)->outcome, (p)->finish, (p)->attempts,     \
     (p)->marks USAGE_TOKENS(PART_CLASS)}
#define PART_COUNT(no, class, ...) +1
enum {
    PART_NUMBERS = 15 USAGE_TOKENS(PART_COUNT),
    PART_IDS_MAX = 32 + LEDGER_PARTS_MAX * 20,
    PARTS_MAX = 32 + LEDGER_PARTS_MAX * PART_NUMBERS * 12,
};
#undef PART_COUNT

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

static enum err encode_record(const struct usage_record *r, struct buf *ids, struct buf *numbers)
{
    enum err e = r->seq == 0 || r->seq > INT64_MAX ? ERR_LIMIT : ERR_NONE;

    for (size_t f = 0; e == ERR_NONE && f < FIELDS; f++) {
        const uint8_t *at = (const uint8_t *)r + fields[f].offset;

        e = fields[f].kind == FIELD_ID ? db_array_put(ids, view_of(at, sizeof(struct id)))
                                       : db_array_put_i64(numbers, field_value(at, fields[f].kind));
    }
    return e;
}

static enum err encode_attempts(const struct usage_attempt *a, size_t n, struct buf *out)
{
    enum err e = db_array_begin(out, DB_ELEMENT_I64, n * ATTEMPT_NUMBERS);

    for (size_t i = 0; e == ERR_NONE && i < n; i++) {
        const int64_t numbers[ATTEMPT_NUMBERS] = {(int64_t)a[i].seq, a[i].attempt, a[i].endpoint_no,
                                                  a[i].error_class, a[i].http_status, a[i].took_ms};

        for (size_t k = 0; e == ERR_NONE && k < ATTEMPT_NUMBERS; k++)
            e = db_array_put_i64(out, numbers[k]);
    }
    return e;
}

static enum err encode_parts(const struct usage_part *parts, size_t n, struct buf *ids, struct buf *numbers)
{
    enum err e = db_array_begin(ids, DB_ELEMENT_ID, n);

    if (e == ERR_NONE)
        e = db_array_begin(numbers, DB_ELEMENT_I64, n * PART_NUMBERS);
    for (size_t i = 0; e == ERR_NONE && i < n; i++) {
        const struct usage_part *p = &parts[i];
        const int64_t number[] = PART_NUMBERS_OF(p);

        _Static_assert(sizeof number / sizeof number[0] == PART_NUMBERS, "as many as are announced");
        e = db_array_put(ids, view_of(p->id.b, sizeof p->id.b));
        for (size_t k = 0; e == ERR_NONE && k < PART_NUMBERS; k++)
            e = db_array_put_i64(numbers, number[k]);
    }
    return e;
}

static bool fits(const struct ledger_batch *b)
{
    return b->n > 0 && b->n <= LEDGER_BOOK_MAX && b->n_attempts <= LEDGER_ATTEMPTS_MAX && b->n_parts <= LEDGER_PARTS_MAX;
}

static enum err encode(const struct ledger_batch *b, struct buf *ids, struct buf *numbers, struct buf *attempts)
{
    enum err e = fits(b) ? ERR_NONE : ERR_LIMIT;

    if (e == ERR_NONE)
        e = db_array_begin(ids, DB_ELEMENT_ID, b->n * IDS);
    if (e == ERR_NONE)
        e = db_array_begin(numbers, DB_ELEMENT_I64, b->n * NUMBERS);
    for (size_t i = 0; e == ERR_NONE && i < b->n; i++)
        e = encode_record(&b->records[i], ids, numbers);
    return e == ERR_NONE ? encode_attempts(b->attempts, b->n_attempts, attempts) : e;
}

static void ingest(struct ledger *l, const struct id *boot, const struct ledger_batch *b, bool aside,
                   ledger_acked_cb *cb, void *cookie)
{
    struct number_op *op = number_begin(l, cb, cookie);
    struct buf ids, numbers, attempts, part_ids, parts;
    enum err e;

    buf_init(&ids, IDS_MAX);
    buf_init(&numbers, NUMBERS_MAX);
    buf_init(&attempts, ATTEMPTS_MAX);
    buf_init(&part_ids, PART_IDS_MAX);
    buf_init(&parts, PARTS_MAX);
    e = encode(b, &ids, &numbers, &attempts);
    if (e == ERR_NONE)
        e = encode_parts(b->parts, b->n_parts, &part_ids, &parts);
    const struct db_param p[] = {db_id(boot),
                                 db_bool(aside),
                                 db_bytes(buf_view(&ids)),
                                 db_bytes(buf_view(&numbers)),
                                 db_i64((int64_t)b->n),
                                 db_i64(NUMBERS),
                                 db_bytes(buf_view(&attempts)),
                                 db_bytes(buf_view(&part_ids)),
                                 db_bytes(buf_view(&parts)),
                                 db_i64(PART_NUMBERS)};
    if (e == ERR_NONE)
        db_query(l->config.db, STMT_USAGE_INGEST, p, sizeof p / sizeof p[0], ledger_lane(boot), number_end, op);
    else
        db_fail(l->config.db, STMT_USAGE_INGEST, e, number_end, op);
    buf_free(&ids);
    buf_free(&numbers);
    buf_free(&attempts);
    buf_free(&part_ids);
    buf_free(&parts);
}

void ledger_ingest(struct ledger *l, const struct id *boot, const struct usage_record *records, size_t n,
                   ledger_acked_cb *cb, void *cookie)
{
    ingest(l, boot, &(struct ledger_batch){.records = records, .n = n}, false, cb, cookie);
}

void ledger_ingest_batch(struct ledger *l, const struct id *boot, const struct ledger_batch *batch,
                         ledger_acked_cb *cb, void *cookie)
{
    ingest(l, boot, batch, false, cb, cookie);
}

void ledger_set_aside(struct ledger *l, const struct id *boot, const struct ledger_batch *batch, ledger_acked_cb *cb,
                      void *cookie)
{
    ingest(l, boot, batch, true, cb, cookie);
}

void ledger_lost(struct ledger *l, const struct id *boot, uint64_t lo, uint64_t hi,
                 ledger_acked_cb *cb, void *cookie)
{
    const struct db_param p[] = {db_id(boot), db_i64((int64_t)lo), db_i64((int64_t)hi)};

    assert(lo > 0 && lo <= hi && hi <= INT64_MAX);
    db_query(l->config.db, STMT_USAGE_LOST, p, 3, ledger_lane(boot), number_end,
             number_begin(l, cb, cookie));
}
