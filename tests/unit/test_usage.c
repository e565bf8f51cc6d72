/* The usage record is all that leaves a data plane about a request, so its layout and its leak
 * budget are published. This test keeps the table, the codec and PROTOCOL.md one thing: the rows
 * tile 192 bytes, the bits are those the decoder lets through, and the document has the same rows.
 */
#include "check.h"

#include "buf.h"
#include "bounds.h"
#include "price.h"
#include "usage.h"

#include <stdlib.h>

static unsigned char document[1 << 17];
static size_t document_len;

static bool document_load(void)
{
    FILE *f = fopen("proto/PROTOCOL.md", "rb");

    if (f == NULL)
        return false;
    document_len = fread(document, 1, sizeof document, f);
    fclose(f);
    return document_len > 0 && document_len < sizeof document;
}

static bool document_has(const char *row)
{
    return memmem(document, document_len, row, strlen(row)) != NULL;
}

static void run_rows_tile(void)
{
    size_t n, at = 0;
    const struct usage_budget *b = usage_budget(&n);

    for (size_t i = 0; i < n; i++) {
        CHECK_INT(b[i].offset, at);
        CHECK(b[i].bytes > 0);
        CHECK(b[i].bits <= 8 * b[i].bytes);
        at += b[i].bytes;
    }
    CHECK_INT(at, USAGE_WIRE_BYTES);
}

static void run_document_matches(void)
{
    size_t n;
    unsigned sum = 0;
    char row[256];
    const struct usage_budget *b = usage_budget(&n);

    CHECK(document_load());
    for (size_t i = 0; i < n; i++) {
        snprintf(row, sizeof row, "| %u | %u | %s | %u | %s |\n", b[i].offset, b[i].bytes,
                 b[i].field, b[i].bits, b[i].why);
        printf("# %s", row);
        CHECK(document_has(row));
        sum += b[i].bits;
    }
    snprintf(row, sizeof row, "| | 192 | sum | %u | |\n", sum);
    printf("# %s", row);
    CHECK(document_has(row));
    /* The twin: a row that is off by one bit is not there. */
    snprintf(row, sizeof row, "| | 192 | sum | %u | |\n", sum + 1);
    CHECK(!document_has(row));
}

static struct usage_record sample(void)
{
    return (struct usage_record){
        .seq = 7,
        .request = {{1, 2}},
        .key = {{3}},
        .account = {{4}},
        .lease = {{5}},
        .received_ms = 1790000000123,
        .user_hash = 0xfedcba9876543210,
        .cost_nusd = 123456789,
        .model_no = 1,
        .endpoint_no = 2,
        .first_model_no = 3,
        .price_version = 4,
        .catalog_version = 5,
        .route_us = 6,
        .first_byte_us = 7,
        .total_ms = 8,
        .tokens_prompt = 9,
        .tokens_completion = 10,
        .tokens_cached_read = 11,
        .tokens_cache_write = 12,
        .tokens_reasoning = 13,
        .http_status = 200,
        .flags = USAGE_STREAM | USAGE_FALLBACK,
        .region_no = 14,
        .error_class = ERR_CLIENT_GONE,
        .finish = FINISH_LENGTH,
        .route_reason = 15,
        .attempt = 1,
        .attempts = 2,
        .tokens_cache_write_long = 16,
        .tokens_image_output = 17,
        .units = 18,
        .unit_kind = PRICE_UNIT_second,
        .own_cost = 19,
    };
}

static void run_round_trip(void)
{
    struct usage_record r = sample(), back;
    uint8_t wire[USAGE_WIRE_BYTES], again[USAGE_WIRE_BYTES];

    usage_encode(&r, wire);
    CHECK_INT(usage_decode(view_of(wire, sizeof wire), &back), ERR_NONE);
    usage_encode(&back, again);
    CHECK(memcmp(wire, again, sizeof wire) == 0);
    CHECK_INT(back.cost_nusd, 123456789);
    CHECK_INT(back.tokens_reasoning, 13);
    CHECK_INT(back.attempts, 2);
    CHECK_INT(back.tokens_cache_write_long, 16);
    CHECK_INT(back.tokens_image_output, 17);
    CHECK_INT(back.units, 18);
    CHECK_INT(back.unit_kind, PRICE_UNIT_second);
    CHECK_INT(back.own_cost, 19);
    CHECK_INT(wire[7], 7);   /* big-endian seq */
    CHECK_INT(wire[148], 0); /* http_status 200 */
    CHECK_INT(wire[149], 200);
    CHECK_INT(usage_decode(view_of(wire, sizeof wire - 1), &back), ERR_FORMAT);
}

/* For every integer: the greatest value the budget's bits allow for is about what the decoder lets
 * through, and one bit more is not. An id's bytes are all free. */
static void run_bits_are_enforced(void)
{
    size_t n;
    const struct usage_budget *b = usage_budget(&n);

    for (size_t i = 0; i < n; i++) {
        struct usage_record r = sample(), back;
        uint8_t wire[USAGE_WIRE_BYTES];
        unsigned width = 8 * b[i].bytes, bits = b[i].bits;

        r.attempts = LIMIT_CANDIDATES;
        r.attempt = 0;
        usage_encode(&r, wire);
        if (b[i].bytes == 16) {
            memset(wire + b[i].offset, 0xff, 16);
            CHECK_INT(usage_decode(view_of(wire, sizeof wire), &back), ERR_NONE);
            continue;
        }
        /* one bit above the budget, alone */
        memset(wire + b[i].offset, 0, b[i].bytes);
        if (bits < width) {
            wire[b[i].offset + b[i].bytes - 1 - bits / 8] |= (uint8_t)(1u << bits % 8);
            CHECK(usage_decode(view_of(wire, sizeof wire), &back) != ERR_NONE);
        }
        /* the highest bit inside it, alone: the budget is not larger than it needs to be.
         * (attempt may not exceed attempts, and 0 attempts is below attempt 0's twin.) */
        if (bits > 0) {
            memset(wire + b[i].offset, 0, b[i].bytes);
            bits--;
            wire[b[i].offset + b[i].bytes - 1 - bits / 8] |= (uint8_t)(1u << bits % 8);
            CHECK_INT(usage_decode(view_of(wire, sizeof wire), &back), ERR_NONE);
        }
    }
}

static void run_rejects(void)
{
    struct usage_record r = sample(), back;
    uint8_t wire[USAGE_WIRE_BYTES];

    usage_encode(&r, wire);
    for (size_t i = 188; i < USAGE_WIRE_BYTES; i++) {
        wire[i] = 1;
        CHECK_INT(usage_decode(view_of(wire, sizeof wire), &back), ERR_FORMAT);
        wire[i] = 0;
    }
    CHECK_INT(usage_decode(view_of(wire, sizeof wire), &back), ERR_NONE);
    memset(wire, 0, 8); /* seq 0 */
    CHECK_INT(usage_decode(view_of(wire, sizeof wire), &back), ERR_RANGE);
    wire[7] = 1;
    wire[157] = 3; /* attempt 3 of 2 */
    CHECK_INT(usage_decode(view_of(wire, sizeof wire), &back), ERR_RANGE);
    wire[157] = 2;
    CHECK_INT(usage_decode(view_of(wire, sizeof wire), &back), ERR_NONE);
    wire[88] = 0x80; /* negative cost */
    CHECK_INT(usage_decode(view_of(wire, sizeof wire), &back), ERR_RANGE);
}

static void run_saturates(void)
{
    struct usage_record r = sample(), back;
    uint8_t wire[USAGE_WIRE_BYTES];

    r.tokens_prompt = UINT32_MAX;
    r.http_status = 999;
    r.error_class = 255;
    usage_encode(&r, wire);
    CHECK_INT(usage_decode(view_of(wire, sizeof wire), &back), ERR_NONE);
    CHECK_INT(back.tokens_prompt, LIMIT_TOKENS_ABSURD);
    CHECK_INT(back.http_status, 599);
    CHECK_INT(back.error_class, ERR_COUNT - 1);
    CHECK_INT(back.tokens_completion, 10);
}

static void run_finish_names(void)
{
    CHECK(strcmp(usage_finish_name(FINISH_NONE), "") == 0);
    CHECK(strcmp(usage_finish_name(FINISH_TOOL_CALLS), "tool_calls") == 0);
    CHECK(strcmp(usage_finish_name(FINISH_COUNT), "unknown") == 0);
}

static void run_route_reason_names(void)
{
    CHECK(strcmp(route_reason_name(ROUTE_REASON_NONE), "none") == 0);
    CHECK(strcmp(route_reason_name(ROUTE_REASON_UNHEALTHY), "unhealthy") == 0);
    CHECK(strcmp(route_reason_name(ROUTE_REASON_COUNT), "unknown") == 0);
}

/* An attempt comes back as it was; each field outside its range is refused. */
static void run_attempts(void)
{
    static const struct {
        size_t at;
        uint8_t byte;
    } bad[] = {{0, 0x80}, {16, 0x02} /* 512 + 88 = 600 */, {18, 0}, {18, LIMIT_CANDIDATES + 1}, {19, ERR_COUNT}};
    const struct usage_attempt a = {.seq = 7, .endpoint_no = 8, .took_ms = 9, .http_status = 88, .attempt = 1,
                                    .error_class = ERR_CONNECT};
    uint8_t wire[USAGE_ATTEMPT_WIRE_BYTES];
    struct usage_attempt b;

    usage_attempt_encode(&a, wire);
    CHECK_INT(usage_attempt_decode(view_of(wire, sizeof wire), &b), ERR_NONE);
    CHECK(b.seq == 7 && b.endpoint_no == 8 && b.took_ms == 9 && b.http_status == 88 && b.attempt == 1 &&
          b.error_class == ERR_CONNECT);
    CHECK_INT(usage_attempt_decode(view_of(wire, sizeof wire - 1), &b), ERR_FORMAT);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        usage_attempt_encode(&a, wire);
        wire[bad[i].at] = bad[i].byte;
        CHECK_INT(usage_attempt_decode(view_of(wire, sizeof wire), &b), ERR_RANGE);
    }
}

/* A part comes back as it was; each field outside its range, and a byte behind the last, is refused. */
static void run_parts(void)
{
    static const struct {
        size_t at;
        uint8_t byte;
        enum err e;
    } bad[] = {{0, 0x80, ERR_RANGE}, {24, 0x80, ERR_RANGE}, {57, 64, ERR_RANGE}, {58, USAGE_PART_ROLES, ERR_RANGE},
               {59, USAGE_PART_PLACES, ERR_RANGE}, {60, ERR_COUNT, ERR_RANGE}, {61, FINISH_COUNT, ERR_RANGE},
               {62, LIMIT_CANDIDATES + 1, ERR_RANGE}, {63, 4, ERR_RANGE}, {64, 2, ERR_RANGE}, {100, 2, ERR_RANGE},
               {104, 1, ERR_FORMAT}, {USAGE_PART_WIRE_BYTES - 1, 1, ERR_FORMAT}};
    struct usage_part a = {.seq = 7, .id = {{1, 2, 3}}, .cost_nusd = 8, .model_no = 9, .endpoint_no = 10, .price_version = 11,
                           .began_ms = 12, .first_byte_ms = 13, .total_ms = 14, .flags = USAGE_STREAM | USAGE_FALLBACK,
                           .role = 2, .place = 7, .outcome = ERR_CONNECT, .finish = FINISH_STOP, .attempts = 3,
                           .marks = USAGE_PART_CHOSEN, .tokens_prompt = 15, .tokens_image_output = 16};
    uint8_t wire[USAGE_PART_WIRE_BYTES], again[USAGE_PART_WIRE_BYTES];
    struct usage_part b;

    usage_part_encode(&a, wire);
    CHECK_INT(wire[103], 16); /* the last class of today */
    CHECK_INT(usage_part_decode(view_of(wire, sizeof wire), &b), ERR_NONE);
    usage_part_encode(&b, again);
    CHECK(memcmp(wire, again, sizeof wire) == 0);
    CHECK(b.seq == 7 && b.cost_nusd == 8 && b.place == 7 && b.tokens_prompt == 15 && b.tokens_image_output == 16);
    CHECK_INT(usage_part_decode(view_of(wire, sizeof wire - 1), &b), ERR_FORMAT);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        usage_part_encode(&a, wire);
        wire[bad[i].at] = bad[i].byte;
        CHECK_INT(usage_part_decode(view_of(wire, sizeof wire), &b), bad[i].e);
    }
    a.tokens_prompt = UINT32_MAX; /* written as the greatest: no part makes the other end close the link */
    a.attempts = 24;
    usage_part_encode(&a, wire);
    CHECK_INT(usage_part_decode(view_of(wire, sizeof wire), &b), ERR_NONE);
    CHECK(b.tokens_prompt == LIMIT_TOKENS_ABSURD && b.attempts == LIMIT_CANDIDATES);
    CHECK(strcmp(usage_part_role_name(1), "judge") == 0 && strcmp(usage_part_role_name(3), "unknown") == 0);
}

static const struct check_case cases[] = {
    {"usage_attempts", run_attempts},
    {"usage_parts", run_parts},
    {"usage_rows_tile_192_bytes", run_rows_tile},
    {"usage_document_matches_table", run_document_matches},
    {"usage_round_trip", run_round_trip},
    {"usage_bits_are_enforced", run_bits_are_enforced},
    {"usage_rejects", run_rejects},
    {"usage_saturates", run_saturates},
    {"usage_finish_names", run_finish_names},
    {"usage_route_reason_names", run_route_reason_names},
};
CHECK_MAIN(cases)
