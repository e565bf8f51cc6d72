/* The usage record: everything a data plane tells the control plane about one request. Fixed width,
 * integers and 16-byte ids only, so that nothing textual can cross. PROTOCOL.md prints the byte
 * table and how many bits each field can carry (the leak budget); usage_budget() computes it. */
#ifndef TR_PROTO_USAGE_H
#define TR_PROTO_USAGE_H

#include "err.h"
#include "id.h"
#include "usage_fields.h"
#include "view.h"

enum usage_flag {
    USAGE_STREAM = 1 << 0,
    USAGE_BYOK = 1 << 1,
    USAGE_ESTIMATED = 1 << 2,   /* the provider was silent; tokens are our estimate */
    USAGE_CLAMPED = 1 << 3,     /* the provider's figure was absurd or above the reservation */
    USAGE_CLIENT_GONE = 1 << 4, /* cancelled by the client; delivered tokens billed */
    USAGE_FALLBACK = 1 << 5,    /* not the first candidate */
};

enum usage_finish {
    FINISH_NONE,
    FINISH_STOP,
    FINISH_LENGTH,
    FINISH_TOOL_CALLS,
    FINISH_CONTENT_FILTER,
    FINISH_ERROR,
    FINISH_COUNT
};
const char *usage_finish_name(enum usage_finish f); /* "stop", ... ; "" for FINISH_NONE */

/* Why a candidate stands where it stands in a route. */
enum route_reason {
    ROUTE_REASON_NONE,
    ROUTE_REASON_ONLY_ONE, /* nothing else was eligible */
    ROUTE_REASON_BALANCE,  /* drawn by inverse square price */
    ROUTE_REASON_ORDER,    /* the client's provider.order */
    ROUTE_REASON_PRICE,    /* sorted by price */
    ROUTE_REASON_LATENCY,  /* sorted by time to first byte */
    ROUTE_REASON_UNHEALTHY,/* last resort: its breaker is open or half open */
    ROUTE_REASON_THROUGHPUT, /* sorted by tokens a second */
    ROUTE_REASON_EXACTO,     /* sorted by the share of failures */
    ROUTE_REASON_COUNT
};
const char *route_reason_name(enum route_reason r); /* "none", "only_one", ... */

/* Types of fields in memory. On the wire they have the same width, big-endian. */
#define USAGE_C_SEQ uint64_t
#define USAGE_C_ID struct id
#define USAGE_C_U8 uint8_t
#define USAGE_C_U16 uint16_t
#define USAGE_C_U32 uint32_t
#define USAGE_C_U64 uint64_t
#define USAGE_C_I64 int64_t
#define USAGE_C_MS uint64_t

/* The fields of usage_fields.h; on the wire USAGE_WIRE_BYTES in this order. seq counts from 1 per boot,
 * without gaps. first_model_no is the model that was asked for, when a fallback answered. user_hash is 0
 * when the client named no end user. own_cost is what a
 * request on a customer's own provider key (flag BYOK) would have cost, in units of USAGE_OWN_COST_NUSD; what it did
 * cost is cost_nusd. error_class, finish and route_reason are an enum err, usage_finish and
 * route_reason; flags are of enum usage_flag. */
enum { USAGE_OWN_COST_NUSD = 100 };
#define USAGE_MEMBER(no, field, type, bits, max, column, why) USAGE_C_##type field;
#define USAGE_MEMBER_TOKENS(no, class, ...) USAGE_TOKENS_AS(USAGE_MEMBER, no, class)
struct usage_record {
    USAGE_EACH(USAGE_MEMBER)
};

enum { USAGE_WIRE_BYTES = 192 };

/* An integer above its field's greatest value is written as that value, so that no record can make
 * the other end close the link. cost_nusd >= 0 and only known flags, asserted. */
void usage_encode(const struct usage_record *r, uint8_t out[static USAGE_WIRE_BYTES]);
/* ERR_FORMAT when a reserved byte is set, ERR_RANGE when a field is outside its range. */
must_check enum err usage_decode(struct view wire, struct usage_record *out);

/* A failed attempt of a request, before the one that its record names: which endpoint, how it failed, how long it took.
 * Numbers only: 20 bytes on the wire, big-endian, in this order. seq is the record's. */
struct usage_attempt {
    uint64_t seq;         /* 64 bits: counter, as the record's */
    uint32_t endpoint_no; /* 32 bits: number from the pushed catalog */
    uint32_t took_ms;     /* 32 bits: duration */
    uint16_t http_status; /* 10 bits: the provider's, 0 or up to 599 */
    uint8_t attempt;      /* 4 bits: 1 to LIMIT_CANDIDATES */
    uint8_t error_class;  /* 6 bits: one of the listed error classes */
};
enum { USAGE_ATTEMPT_WIRE_BYTES = 20 };
/* A status outside its range is written as 0. */
void usage_attempt_encode(const struct usage_attempt *a, uint8_t out[static USAGE_ATTEMPT_WIRE_BYTES]);
/* ERR_RANGE when a field is outside its range. */
must_check enum err usage_attempt_decode(struct view wire, struct usage_attempt *out);

/* What one part of an orchestration came to (dataplane/core/part.h), beside the record of the whole: numbers only,
 * USAGE_PART_WIRE_BYTES on the wire, big-endian, in this order, with each class of tokens in 4 bytes at the end and zeros
 * up to the size. seq is the record's. The costs of all parts of a record are its cost_nusd. */
enum usage_part_mark { USAGE_PART_REFUSED = 1 << 0, USAGE_PART_CHOSEN = 1 << 1 };
#define USAGE_PART_TOKENS(no, class, ...) uint32_t tokens_##class; /* 25 bits each: the provider's count */
struct usage_part {
    uint64_t seq;  /* 64 bits: counter, as the record's */
    struct id id;  /* 0 bits: computed from the whole's and role and place */
    int64_t cost_nusd;                             /* 63 bits: tokens times published prices, not negative */
    uint32_t model_no, endpoint_no, price_version; /* 96 bits: numbers from the pushed catalog, or 0 */
    uint32_t began_ms, first_byte_ms, total_ms;    /* 96 bits: durations */
    uint16_t flags;     /* 6 bits: enum usage_flag */
    uint8_t role;       /* 2 bits: enum part_role: 0 panel, 1 judge, 2 final */
    uint8_t place;      /* 3 bits: 0 to USAGE_PART_PLACES - 1 */
    uint8_t outcome;    /* 6 bits: one of the listed error classes */
    uint8_t finish;     /* 3 bits: one of the listed finish reasons */
    uint8_t attempts;   /* 4 bits: 0 to LIMIT_CANDIDATES */
    uint8_t marks;      /* 2 bits: enum usage_part_mark */
    USAGE_TOKENS(USAGE_PART_TOKENS)
};
#undef USAGE_PART_TOKENS
enum { USAGE_PART_WIRE_BYTES = 128, USAGE_PART_ROLES = 3, USAGE_PART_PLACES = 8 };
/* What is above its field's greatest value is written as that value; the names are asserted. */
void usage_part_encode(const struct usage_part *p, uint8_t out[static USAGE_PART_WIRE_BYTES]);
/* ERR_FORMAT when a reserved byte is set, ERR_RANGE when a field is outside its range. */
must_check enum err usage_part_decode(struct view wire, struct usage_part *out);
const char *usage_part_role_name(uint8_t role); /* "panel", "judge", "final" */

/* The leak budget: what each field can carry, in bits. */
struct usage_budget {
    const char *field;
    uint16_t offset, bytes;
    uint16_t bits;   /* information it can carry at most */
    const char *why; /* what bounds it */
};
const struct usage_budget *usage_budget(size_t *n);

#endif
