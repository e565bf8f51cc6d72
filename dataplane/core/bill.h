/* What a request costs: from the provider's own figures, or estimated when it gave none. Pure. */
#ifndef TR_DATAPLANE_CORE_BILL_H
#define TR_DATAPLANE_CORE_BILL_H

#include "message.h"
#include "tokens.h"

enum {
    /* Tokens have so many bytes on average over English text: for estimates. */
    BILL_BYTES_PER_TOKEN = 4,
    /* No text has longer tokens than this on average: a completion that would need them was counted
     * before it was complete, or not at all. */
    BILL_BYTES_PER_TOKEN_MAX = 64,
};

struct bill {
    int64_t cost_nusd; /* 0 <= cost <= reserved */
    struct token_usage tokens;
    struct price_units units;
    uint8_t requests;         /* 1: a request's price was due */
    struct price_rates rates; /* what it was computed with */
    bool estimated; /* a figure was missing, or could not be true */
    bool clamped;   /* its figures were corrected, or cost more than was reserved */
};

/* What is known of the answer. */
struct bill_evidence {
    struct token_usage usage; /* the provider's figures, if present */
    bool complete;            /* they are of the whole answer; else they may be of its beginning */
    uint32_t prompt, output;  /* estimates in tokens; output: of what was made, seen or not */
    uint64_t delivered_bytes; /* text that reached us from the provider */
    bool prompt_owed;         /* the prompt is paid for even if there is no output */
    struct price_units units; /* what the call is priced by beside tokens */
    bool units_guessed;       /* the provider did not say how many */
    bool no_tokens;           /* units have a price, and tokens have none */
    uint64_t received_ms;     /* unix; decides which prices hold */
    uint64_t limit;           /* output tokens that were asked for at most; 0: none */
};

/* Estimates stand in, figure by figure, for what the provider did not say or what cannot be true: no
 * tokens for a prompt, or too few for what was delivered. Without any figure, no output costs nothing,
 * unless the prompt is owed. Of an answer that is not complete the larger of figure and estimate counts.
 * Output past the limit is not charged. The price of a request is due unless nothing is. */
void bill_make(const struct catalog_endpoint *e, const struct bill_evidence *evidence,
               int64_t reserved_nusd, struct bill *out);

/* Lower figures that cannot be, as price_believe(). True: one was lowered. */
bool bill_believe(struct token_usage *t);

#endif
