/* The codec of the usage record and its published leak budget, both from usage_fields.h. */
#include "usage.h"

#include "codec.h"
#include "bounds.h"
#include "price.h"

#include <assert.h>
#include <stddef.h>

enum {
    USAGE_FLAGS_ALL = USAGE_STREAM | USAGE_BYOK | USAGE_ESTIMATED | USAGE_CLAMPED |
                      USAGE_CLIENT_GONE | USAGE_FALLBACK,
};
#define USAGE_UNIX_MS_MAX ((UINT64_C(1) << 48) - 1) /* year 10889 */

/* Where each field lies on the wire. */
#define USAGE_AT(no, field, type, bits, max, column, why) uint8_t field[sizeof(USAGE_C_##type)];
#define USAGE_AT_TOKENS(no, class, ...) USAGE_TOKENS_AS(USAGE_AT, no, class)
struct usage_wire {
    USAGE_EACH(USAGE_AT)
};
enum { USAGE_RESERVED_AT = sizeof(struct usage_wire) };
_Static_assert(_Alignof(struct usage_wire) == 1, "without holes");
_Static_assert(USAGE_RESERVED_AT <= (int)USAGE_WIRE_BYTES, "every field has room");
_Static_assert(ERR_COUNT <= 64, "error_class is 6 bits");
_Static_assert(PRICE_UNIT_COUNT <= 8, "unit_kind is 3 bits");
_Static_assert(FINISH_COUNT <= 8, "finish is 3 bits");
_Static_assert(USAGE_FLAGS_ALL == 63, "flags is 6 bits without holes");

#define USAGE_BUDGET(no, field, type, bits, max, column, why)                                      \
    {#field, offsetof(struct usage_wire, field), sizeof(USAGE_C_##type), bits, why},
#define USAGE_BUDGET_TOKENS(no, class, ...) USAGE_TOKENS_AS(USAGE_BUDGET, no, class)
static const struct usage_budget budget[] = {
    USAGE_EACH(USAGE_BUDGET){"reserved", USAGE_RESERVED_AT, USAGE_WIRE_BYTES - USAGE_RESERVED_AT,
                             0, "zero, checked"},
};

#define USAGE_FIELD(no, field, type, bits, max, column, why)                                       \
    {offsetof(struct usage_record, field), max},
#define USAGE_FIELD_TOKENS(no, class, ...) USAGE_TOKENS_AS(USAGE_FIELD, no, class)
static const struct {
    size_t at;    /* in struct usage_record */
    uint64_t max; /* greatest legal value of an integer */
} fields[] = {USAGE_EACH(USAGE_FIELD)};
enum { USAGE_FIELD_COUNT = sizeof fields / sizeof fields[0] };
_Static_assert(sizeof budget / sizeof budget[0] == USAGE_FIELD_COUNT + 1, "one row each");

const struct usage_budget *usage_budget(size_t *n)
{
    *n = sizeof budget / sizeof budget[0];
    return budget;
}

static uint64_t host_load(const uint8_t *at, size_t bytes)
{
    uint64_t v64;
    uint32_t v32;
    uint16_t v16;

    switch (bytes) {
    case 8:
        memcpy(&v64, at, 8);
        return v64;
    case 4:
        memcpy(&v32, at, 4);
        return v32;
    case 2:
        memcpy(&v16, at, 2);
        return v16;
    default:
        assert(bytes == 1);
        return *at;
    }
}

static void host_store(uint8_t *at, uint64_t v, size_t bytes)
{
    uint32_t v32 = (uint32_t)v;
    uint16_t v16 = (uint16_t)v;

    switch (bytes) {
    case 8:
        memcpy(at, &v, 8);
        return;
    case 4:
        memcpy(at, &v32, 4);
        return;
    case 2:
        memcpy(at, &v16, 2);
        return;
    default:
        assert(bytes == 1);
        *at = (uint8_t)v;
    }
}

void usage_encode(const struct usage_record *r, uint8_t out[static USAGE_WIRE_BYTES])
{
    const uint8_t *base = (const uint8_t *)r;

    assert(r->cost_nusd >= 0);
    assert((r->flags & ~USAGE_FLAGS_ALL) == 0);
    memset(out, 0, USAGE_WIRE_BYTES);
    for (size_t i = 0; i < USAGE_FIELD_COUNT; i++) {
        const struct usage_budget *b = &budget[i];

        if (b->bytes == sizeof(struct id)) {
            memcpy(out + b->offset, base + fields[i].at, b->bytes);
        } else {
            uint64_t v = host_load(base + fields[i].at, b->bytes);

            store_be(out + b->offset, v > fields[i].max ? fields[i].max : v, b->bytes);
        }
    }
}

enum err usage_decode(struct view wire, struct usage_record *out)
{
    uint8_t *base = (uint8_t *)out;
    uint8_t reserved = 0;

    if (wire.len != USAGE_WIRE_BYTES)
        return ERR_FORMAT;
    *out = (struct usage_record){0};
    for (size_t i = 0; i < USAGE_FIELD_COUNT; i++) {
        const struct usage_budget *b = &budget[i];

        if (b->bytes == sizeof(struct id)) {
            memcpy(base + fields[i].at, wire.ptr + b->offset, b->bytes);
        } else {
            uint64_t v = load_be(wire.ptr + b->offset, b->bytes);

            if (v > fields[i].max)
                return ERR_RANGE;
            host_store(base + fields[i].at, v, b->bytes);
        }
    }
    for (size_t i = USAGE_RESERVED_AT; i < USAGE_WIRE_BYTES; i++)
        reserved |= wire.ptr[i];
    if (reserved != 0)
        return ERR_FORMAT;
    if (out->seq == 0 || out->attempt > out->attempts)
        return ERR_RANGE;
    return ERR_NONE;
}

enum { HTTP_STATUS_MAX = 599 };

void usage_attempt_encode(const struct usage_attempt *a, uint8_t out[static USAGE_ATTEMPT_WIRE_BYTES])
{
    assert(a->attempt >= 1 && a->attempt <= LIMIT_CANDIDATES && a->error_class < ERR_COUNT);
    store_be(out, a->seq, 8);
    store_be(out + 8, a->endpoint_no, 4);
    store_be(out + 12, a->took_ms, 4);
    store_be(out + 16, a->http_status > HTTP_STATUS_MAX ? 0 : a->http_status, 2);
    out[18] = a->attempt;
    out[19] = a->error_class;
}

enum err usage_attempt_decode(struct view wire, struct usage_attempt *out)
{
    if (wire.len != USAGE_ATTEMPT_WIRE_BYTES)
        return ERR_FORMAT;
    *out = (struct usage_attempt){
        .seq = load_be(wire.ptr, 8),
        .endpoint_no = (uint32_t)load_be(wire.ptr + 8, 4),
        .took_ms = (uint32_t)load_be(wire.ptr + 12, 4),
        .http_status = (uint16_t)load_be(wire.ptr + 16, 2),
        .attempt = wire.ptr[18],
        .error_class = wire.ptr[19],
    };
    if (out->seq == 0 || out->seq > INT64_MAX || out->http_status > HTTP_STATUS_MAX || out->attempt == 0 ||
        out->attempt > LIMIT_CANDIDATES || out->error_class >= ERR_COUNT)
        return ERR_RANGE;
    return ERR_NONE;
}

/* --- parts of an orchestration --- */

/* Where the fixed fields lie on the wire, and what they may be at most. */
#define PART_NUMBER(field, max) {offsetof(struct usage_part, field), sizeof(((struct usage_part *)0)->field), max},
static const struct {
    size_t at;
    size_t bytes;
    uint64_t max;
} part_numbers[] = {
    /* seq and id are before them */
    PART_NUMBER(cost_nusd, INT64_MAX)
    PART_NUMBER(model_no, UINT32_MAX)
    PART_NUMBER(endpoint_no, UINT32_MAX)
    PART_NUMBER(price_version, UINT32_MAX)
    PART_NUMBER(began_ms, UINT32_MAX)
    PART_NUMBER(first_byte_ms, UINT32_MAX)
    PART_NUMBER(total_ms, UINT32_MAX)
    PART_NUMBER(flags, USAGE_FLAGS_ALL)
    PART_NUMBER(role, USAGE_PART_ROLES - 1)
    PART_NUMBER(place, USAGE_PART_PLACES - 1)
    PART_NUMBER(outcome, ERR_COUNT - 1)
    PART_NUMBER(finish, FINISH_COUNT - 1)
    PART_NUMBER(attempts, LIMIT_CANDIDATES)
    PART_NUMBER(marks, USAGE_PART_REFUSED | USAGE_PART_CHOSEN)
#define PART_TOKENS(no, class, ...) PART_NUMBER(tokens_##class, LIMIT_TOKENS_ABSURD)
    USAGE_TOKENS(PART_TOKENS)
#undef PART_TOKENS
};
enum { PART_NUMBERS = sizeof part_numbers / sizeof part_numbers[0], PART_NUMBERS_AT = 24, PART_FIXED_BYTES = 64 };
#define PART_TOKENS(no, class, ...) +4
_Static_assert(PART_FIXED_BYTES USAGE_TOKENS(PART_TOKENS) <= (int)USAGE_PART_WIRE_BYTES, "every field has room");
#undef PART_TOKENS

void usage_part_encode(const struct usage_part *p, uint8_t out[static USAGE_PART_WIRE_BYTES])
{
    size_t at = PART_NUMBERS_AT;

    assert(p->cost_nusd >= 0 && p->role < USAGE_PART_ROLES && p->place < USAGE_PART_PLACES);
    assert((p->flags & ~USAGE_FLAGS_ALL) == 0 && p->outcome < ERR_COUNT && p->finish < FINISH_COUNT);
    memset(out, 0, USAGE_PART_WIRE_BYTES);
    store_be(out, p->seq, 8);
    memcpy(out + 8, p->id.b, sizeof p->id.b);
    for (size_t i = 0; i < PART_NUMBERS; i++) {
        uint64_t v = host_load((const uint8_t *)p + part_numbers[i].at, part_numbers[i].bytes);

        store_be(out + at, v > part_numbers[i].max ? part_numbers[i].max : v, part_numbers[i].bytes);
        at += part_numbers[i].bytes;
    }
}

enum err usage_part_decode(struct view wire, struct usage_part *out)
{
    size_t at = PART_NUMBERS_AT;
    uint8_t reserved = 0;

    if (wire.len != USAGE_PART_WIRE_BYTES)
        return ERR_FORMAT;
    *out = (struct usage_part){.seq = load_be(wire.ptr, 8)};
    memcpy(out->id.b, wire.ptr + 8, sizeof out->id.b);
    for (size_t i = 0; i < PART_NUMBERS; i++) {
        uint64_t v = load_be(wire.ptr + at, part_numbers[i].bytes);

        if (v > part_numbers[i].max)
            return ERR_RANGE;
        host_store((uint8_t *)out + part_numbers[i].at, v, part_numbers[i].bytes);
        at += part_numbers[i].bytes;
    }
    for (; at < USAGE_PART_WIRE_BYTES; at++)
        reserved |= wire.ptr[at];
    if (reserved != 0)
        return ERR_FORMAT;
    return out->seq == 0 || out->seq > INT64_MAX ? ERR_RANGE : ERR_NONE;
}

const char *usage_part_role_name(uint8_t role)
{
    static const char *const names[USAGE_PART_ROLES] = {"panel", "judge", "final"};

    return role < USAGE_PART_ROLES ? names[role] : "unknown";
}

const char *usage_finish_name(enum usage_finish f)
{
    static const char *const names[] = {
        [FINISH_NONE] = "",
        [FINISH_STOP] = "stop",
        [FINISH_LENGTH] = "length",
        [FINISH_TOOL_CALLS] = "tool_calls",
        [FINISH_CONTENT_FILTER] = "content_filter",
        [FINISH_ERROR] = "error",
    };
    _Static_assert(sizeof names / sizeof names[0] == FINISH_COUNT, "one name each");

    return (unsigned)f < FINISH_COUNT ? names[f] : "unknown";
}

const char *route_reason_name(enum route_reason r)
{
    static const char *const names[] = {
        [ROUTE_REASON_NONE] = "none",           [ROUTE_REASON_ONLY_ONE] = "only_one",
        [ROUTE_REASON_BALANCE] = "balance",     [ROUTE_REASON_ORDER] = "order",
        [ROUTE_REASON_PRICE] = "price",         [ROUTE_REASON_LATENCY] = "latency",
        [ROUTE_REASON_UNHEALTHY] = "unhealthy", [ROUTE_REASON_THROUGHPUT] = "throughput",
        [ROUTE_REASON_EXACTO] = "exacto",
    };
    _Static_assert(sizeof names / sizeof names[0] == ROUTE_REASON_COUNT, "one name each");

    return (unsigned)r < ROUTE_REASON_COUNT ? names[r] : "unknown";
}
