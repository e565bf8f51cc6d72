/* What the provider saw: totals per listener, and one record per request with the tokens it would
 * put on its invoice. The tests compare the router's ledger with these. */
#ifndef TR_MOCK_COUNTERS_H
#define TR_MOCK_COUNTERS_H

#include "bytes.h"

#include <stdbool.h>

enum { NAMES_MAX = 8, RECORDS_MAX = 1 << 16, STATUSES_MAX = 600 };

enum outcome {
    OUTCOME_RUNNING,
    OUTCOME_DONE,    /* answered to the end, with usage or without */
    OUTCOME_ABORTED, /* the caller closed before the end */
    OUTCOME_FAULT,   /* went wrong as it was told to */
};

struct record {
    char id[48]; /* id= of the command, else the x-request-id header */
    char model[48]; /* as it was asked for, cut */
    uint8_t listener, outcome;
    uint16_t status;
    bool stream;
    uint64_t start_us, end_us;   /* unix microseconds */
    uint32_t prompt, completion; /* completion: tokens handed to the kernel so far */
};

struct totals {
    uint64_t requests, aborts, connections, open, bytes_in, bytes_out;
    uint64_t prompt_tokens, completion_tokens; /* of requests answered with status 200 */
    uint32_t by_status[STATUSES_MAX];
};

struct totals *counters_of(unsigned listener);
/* A number for the new record; the oldest is overwritten when there are more than RECORDS_MAX. */
uint64_t counters_begin(unsigned listener, const char *id, bool stream);
struct record *counters_record(uint64_t number);
void counters_end(uint64_t number, enum outcome o);
/* How often this id has begun since the reset, this time included. */
unsigned counters_seen(const char *id);

void counters_json(struct bytes *out, char names[][32], unsigned n);
/* Records, oldest first; only those of `id` unless it is empty. */
void counters_requests_json(struct bytes *out, char names[][32], struct view id);
void counters_reset(void);

#endif
