/* What an attempt at a provider comes to, in numbers: how it came out, and what was received. Written by
 * the provider's side, read by what decides about the next candidate and the bill. */
#ifndef TR_DATAPLANE_LLM_ATTEMPT_RESULT_H
#define TR_DATAPLANE_LLM_ATTEMPT_RESULT_H

#include "err.h"
#include "tokens.h"
#include "usage.h"

#include <stdbool.h>
#include <stdint.h>

struct content;

enum {
    ATTEMPT_END_MS = 1000,   /* grace for the provider to end its response behind the last of it */
    ATTEMPT_USAGE_MS = 5000, /* and for the figures of an answer that is complete, or that its client has
                                left */
};

/* How an attempt came out. */
struct attempt_result {
    enum err e;             /* ERR_NONE: complete, as the dialect says it must be */
    int status;             /* the provider's HTTP status, or its error object's; 0 none */
    int64_t retry_after_ms; /* -1: not said */
    bool client_fault;      /* it blames the request */
    bool context_length;
    uint8_t keys_refused; /* a bit for each of the operator's keys that the provider has refused */
    uint16_t key_status;  /* and the status with which it has, of the last of them */
    bool own_limit; /* it blames the request for what only this provider cannot do */
    bool translated; /* the body was written by us, and is not the client's own */
    bool invalid_request; /* it says by the error's type that the request is invalid, and nothing of our key */
    /* The provider's sentence for the client; NULL: none. Of the first client fault it stays until
     * the request ends, of others until the next attempt begins. */
    const struct content *message;
};

/* What was received so far, for settlement. */
struct attempt_account {
    struct token_usage usage;
    uint64_t delivered_bytes; /* text, reasoning and tool arguments in events that were relayed */
    uint64_t waiting_bytes;   /* of an unfinished event or whole answer */
    enum usage_finish finish;
    uint32_t chunks; /* events relayed */
    uint32_t units;  /* images, seconds, ... that the provider says or that were delivered; 0: not known */
    /* When output may have begun (a stream: its head; a whole answer: the request was sent), and
     * when the first of it was seen; clock_mono_us(), 0: not yet. */
    uint64_t begun_us, shown_us;
    /* Of the pending attempt: the provider has the whole request; the status of the response that
     * has begun, 0: none. */
    bool forwarded;
    int status;
};

#endif
