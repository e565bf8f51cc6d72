/* An orchestration in a receipt: a line for each of its parts, and what a part's own receipt says of it. */
#ifndef TR_ATTESTATION_RECEIPT_LINES_H
#define TR_ATTESTATION_RECEIPT_LINES_H

#include "err.h"
#include "json.h"
#include "part_id.h"
#include "secret.h"

enum { RECEIPT_LINE_FINAL = 2 }; /* usage_part_role_name() */

struct receipt_line {
    uint8_t role, place;
    struct view id, model; /* the part's receipt; what it was asked for, empty: null */
    bool refused, chosen;
    bool asked; /* somebody was sent something; else the following is empty */
    struct view provider;
    int64_t endpoint_no;
    struct digest32 body;
    bool has_spki;
    struct digest32 spki;
    int64_t cost_nusd;
    struct json_value usage;
};
struct receipt_lines {
    struct receipt_line line[PART_INDEXES];
    size_t n;
};
struct receipt_part {
    struct view of; /* the whole's receipt */
    uint8_t role, place;
};

/* The event "orchestration" of the receipt `whole`. ERR_FORMAT: a line is not what docs/receipts.md says, is there twice, or
 * its id is not that part's of this whole. ERR_RANGE: a line's cost does not follow from its usage and prices. */
must_check enum err receipt_lines_read(struct json_value event, struct view whole, struct receipt_lines *out);
/* The whole's usage and billing are the lines' sums. ERR_FORMAT, ERR_RANGE. */
must_check enum err receipt_lines_sum(const struct receipt_lines *lines, struct json_value usage, struct json_value billing,
                                      int64_t *cost_nusd);
/* The line whose answer the client got; NULL: none. */
const struct receipt_line *receipt_lines_given(const struct receipt_lines *lines);
/* The event "part" of the receipt `id`. ERR_FORMAT: also when that is not the id of this part. */
must_check enum err receipt_part_read(struct json_value event, struct view id, struct receipt_part *out);

#endif
