/* The head of a provider's response: what is believed of it, and what is refused. Private to this
 * directory. */
#ifndef TR_DATAPLANE_HTTP_RESPONSE_HEAD_H
#define TR_DATAPLANE_HTTP_RESPONSE_HEAD_H

#include "coding.h"
#include "fetch.h"

enum {
    RESPONSE_HEADERS_MAX = 200,       /* lines; OpenAI sends 30, nobody more than 60 */
    RESPONSE_RETRY_MAX_MS = 86400000, /* a day: a longer Retry-After means "go away" */
};

enum response_body { RESPONSE_NO_BODY, RESPONSE_LENGTH, RESPONSE_CHUNKED, RESPONSE_UNTIL_CLOSE };

struct response_head {
    struct fetch_head head;
    enum response_body body;
    enum coding_kind coding;
    uint64_t length;  /* RESPONSE_LENGTH */
    bool keep;        /* the connection may be used again */
    uint32_t keep_ms; /* for this long at most, as the provider says; UINT32_MAX when it does not */
};

/* Parse the head at the front of bytes. seen: how many of them an earlier call has looked at.
 * ERR_NONE: *size is its length. ERR_SHORT: more is needed. ERR_PROVIDER_PROTOCOL: not HTTP/1, or
 * framing that two readers could take differently. unix_ms: to read a Retry-After date. */
must_check enum err response_head_parse(struct view bytes, size_t seen, uint64_t unix_ms,
                                        struct response_head *out, size_t *size);

#endif
