/* How a request asks to be treated: the comma-separated words of its "mock" member,
 * "tokens=20,cadence_us=5000" or "fail=429,retry_after=2". README.md lists them all. */
#ifndef TR_MOCK_SPEC_H
#define TR_MOCK_SPEC_H

#include "view.h"

#include <stdbool.h>

enum spec_fail {
    FAIL_NO,
    FAIL_STATUS,    /* fail=429: an error object under that status */
    FAIL_HTML,      /* html502: the page of somebody's load balancer */
    FAIL_TRUNCATED, /* truncjson: Content-Length promises more than comes, then FIN */
    FAIL_BAD_JSON,  /* badjson: complete, status 200, and no JSON */
    FAIL_RESET,     /* rst: RST instead of an answer */
    FAIL_CLOSE,     /* close: FIN instead of an answer */
    FAIL_STALL,     /* stall: never answers */
    FAIL_BODY,      /* body: 200 with an error object */
    FAIL_FIRST,     /* first: 200, event stream, the first event is an error */
    FAIL_BAD_TE,    /* badte: Transfer-Encoding: gzip */
    FAIL_BAD_CL,    /* badcl: Content-Length: abc */
    FAIL_BIG_HEAD,  /* bighead: 200 kB of headers */
    FAIL_GARBAGE,   /* garbage: not HTTP */
};

enum spec_frame { FRAME_CHUNKED, FRAME_LENGTH, FRAME_EOF };

enum spec_usage {
    USAGE_NORMAL,
    USAGE_MISSING, /* never sent, asked for or not */
    USAGE_NULLS,   /* "usage":null on every chunk before the last */
    USAGE_FINISH,  /* on the finish chunk instead of one of its own */
    USAGE_BARE,    /* a last chunk without "choices" */
    USAGE_ABSURD,  /* 10^18 tokens */
    USAGE_NEGATIVE,
};

/* At which event a stream goes wrong. */
enum spec_end { END_CLEAN, END_RESET, END_STALL, END_CLOSE, END_CUT, END_ERROR };

struct spec {
    char id[48];             /* a name for this request in /mock/requests */
    uint32_t times;          /* the fault hits only the first `times` requests of this id; 0: all */
    uint32_t tokens;         /* completion tokens of words, 4 bytes each, plus one; 0: not said */
    uint32_t chunk;          /* tokens per event */
    uint32_t reasoning;      /* reasoning tokens before the text */
    uint32_t prompt, cached; /* 0: counted from "messages" */
    uint32_t args;           /* bytes per piece of tool arguments */
    struct view text;        /* the answer's text instead of words; borrowed */
    struct view error_text;  /* the message of an error object; borrowed */
    uint32_t delay_us, first_us, cadence_us;
    uint32_t median_us; /* lognormal delay before the answer: median, sigma in hundredths */
    uint32_t sigma;
    enum spec_fail fail;
    uint16_t status;
    uint32_t retry_after, retry_after_ms;
    bool has_retry_after, has_retry_after_ms;
    enum spec_end end;
    uint32_t end_at; /* events sent before it */
    enum spec_frame frame;
    enum spec_usage usage;
    uint32_t line;     /* bytes of one very long content event, sent first */
    uint32_t split;    /* pause once after this many body bytes (plus one: 0 is off) */
    uint32_t step;     /* bytes per write */
    uint32_t coalesce; /* events per write */
    bool no_done, azure, stamp, text_stamp, filler, echo, no_role, crlf, comments, connection_close, drop_after;
    bool sign;    /* reasoning has a signature */
    bool strict;  /* refuse members that the real API does not know */
    bool replay;  /* sign what was thought before calls, and refuse calls that come back without it */
    bool refuse;  /* the answer ends because it is not safe (Google's API, OpenAI's chat) */
    bool floats;  /* embeddings as numbers whatever encoding is asked for */
    bool counter; /* echo the last user message behind the request's number */
    bool no_calls; /* tools are left alone */
    bool refusal; /* the text is in the member of a refusal (OpenAI's chat) */
};

void spec_init(struct spec *s);
/* Adds the words of text to s. False when one is unknown or malformed. */
bool spec_parse(struct view text, struct spec *s);

#endif
