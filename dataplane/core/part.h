/* Parts: requests that run under the admission of another one, their whole. A part has its own route, attempts and bill;
 * its whole has the key, the lease, the reservation, the usage record and the client.
 *
 * The whole's content side makes its parts in ops->plan(), starts them when it is told to prepare, and is told of their
 * ends by their own ops (complete, fail, left, destroy). The whole is PREPARING meanwhile. */
#ifndef TR_DATAPLANE_CORE_PART_H
#define TR_DATAPLANE_CORE_PART_H

#include "request.h"

enum part_role { PART_PANEL, PART_JUDGE, PART_FINAL };

/* What one part, or one attempt of the whole that was charged, came to. */
struct part_line {
    struct id id;      /* a part's receipt has it */
    uint8_t role;      /* enum part_role */
    uint8_t place;     /* in its role's list, from 0 */
    uint8_t outcome;   /* enum err */
    uint8_t finish;    /* enum usage_finish */
    uint8_t attempts;
    uint16_t flags;    /* enum usage_flag, and: */
    bool refused;      /* the answer was found to be a refusal */
    bool chosen;       /* the client was given it */
    uint32_t model_no, endpoint_no, price_version; /* 0: nobody was asked */
    uint32_t began_ms, first_byte_ms, total_ms;    /* since the whole was received; since the part began */
    struct token_usage usage;
    int64_t cost_nusd;
};

enum { PARTS_MAX = 24, PARTS_FINALS_MAX = 8 }; /* 8 of the panel, 8 judges, 8 finals */

/* Of a whole; the content side allocates it, zeroed but for `model` and `given`, and sets r->parts before request_begin(). It may set
 * `refused` and `chosen` of a part's line until it reports request_given(), or until ops->rescue() returns. */
struct parts {
    const struct catalog_model *model; /* what the client named: the usage record and the receipt have it */
    bool given; /* the answer is always a part's: no final is asked, and nothing is reserved for one */
    struct part_line line[PARTS_MAX];
    uint8_t n;
    int64_t reserved_nusd; /* the parts' share of the whole's reservation */
    int64_t cost_nusd;     /* of all lines */
    struct token_usage usage; /* likewise */
    int64_t begun_nusd; /* private: of reserved_nusd, what parts were begun with */
    int64_t covered_nusd; /* private: reserved for the attempt that is billed next, beyond its model's share */
};

/* Decides the part's route under what the whole's key may use, and says what the part can cost at most. part: filled in as
 * for request_begin(), with a limit of output; what it shares with its whole is set here (context, catalog, key, own keys,
 * time and endpoint of the request), borrowed, so that a part that never begins needs no end. May be called again. False: *f
 * says why it cannot run. Nothing is pending. */
must_check bool part_plan(struct request *part, const struct request *whole, int64_t *amount_nusd, struct api_failure *f);
/* Runs a planned part; its whole is PREPARING. Its ops (attempt, cancel, account, hold, complete, fail, left, destroy; no
 * others are called) report its end, perhaps before this returns; then part->account, ->cost_nusd, ->outcome and ->answer
 * are final and its line is the last of the whole's. complete and fail end in request_closed(part), left does not. The whole
 * stays until destroy. */
void part_begin(struct request *part, struct request *whole, enum part_role role, uint8_t place);
/* Nobody needs its answer any more: it is billed by what ran, as for a client that disconnects; ops->left follows, now or
 * when the provider's figures have come or were waited for. Harmless when it is billed already, or never began. When the
 * whole itself is settled, parts that have no bill yet are billed at once, in the same way. */
void part_drop(struct request *part);

/* --- reports of the whole's content side, in PREPARING; ignored when the whole is ending */

/* Everything that must run first has run: the whole makes its own attempts. */
void request_prepared(struct request *r);
/* The answer is there without an attempt of the whole's own: complete() follows. */
void request_given(struct request *r);
/* The parts that ops->stop() found running have their bills. Harmless at other times. */
void request_idle(struct request *r);
/* Nothing came of it. */
void request_unprepared(struct request *r, enum err why, struct api_failure *f);

#endif
