/* A running stream stays paid for: its reservation grows before it is used up, the provider is not
 * read any further while that is being asked for, and the stream is ended at the edge when the
 * money is gone or when the provider writes past the limit that it was given. */
#ifndef TR_DATAPLANE_CORE_GROWTH_H
#define TR_DATAPLANE_CORE_GROWTH_H

#include "request.h"

enum {
    /* A stream is past a limit of n tokens when either bound below is exceeded. No honest answer
     * reaches them: a token is at most 128 bytes in the vocabularies in use (a run of spaces), text
     * has 4 to 5 bytes a token, and a chunk holds a token or more. */
    GROWTH_TOKEN_BYTES_MAX = 128,
    GROWTH_TEXT_BYTES_MAX = 16, /* together with more chunks than 5/4 of the tokens */
    GROWTH_SLACK_BYTES = 256,
    GROWTH_SLACK_CHUNKS = 16,
    /* The provider's own figure may include a few tokens that it does not show. */
    GROWTH_SLACK_TOKENS = 16,
};

enum growth_next {
    GROWTH_ON,     /* covered: read on */
    GROWTH_HOLD,   /* not covered until growth_ready(): do not read on */
    GROWTH_CREDIT, /* end the stream: it has used what could be reserved */
    GROWTH_LIMIT,  /* end the stream: the provider does not keep to the limit */
};

/* What to do with the pending attempt of a stream, by what it has delivered. Sets r->watch_bytes:
 * the delivered bytes at which to ask again; also ask once a second, because hidden output takes
 * time only. */
enum growth_next growth_check(struct request *r);
/* Whether a complete answer's figures are past the limit by more than a slip. */
bool growth_overrun(const struct request *r, const struct token_usage *usage);

#endif
