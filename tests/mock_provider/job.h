/* One answer: what the request asked for, and the events or the body that say it. Pure text: job
 * knows nothing of sockets, and of the API that a caller speaks only its row of wires (wire.h). The same
 * request always gives the same bytes, but for "stamp". */
#ifndef TR_MOCK_JOB_H
#define TR_MOCK_JOB_H

#include "bytes.h"
#include "spec.h"

#include <stdbool.h>

enum { JOB_TOOLS_MAX = 16, JOB_ECHOES_MAX = 16, TOKEN_BYTES = 4 };

struct wire;

struct job_part {
    size_t off, len; /* in payload */
};

enum job_finish { JOB_STOP, JOB_TOOL_CALLS, JOB_LENGTH };

struct job {
    const struct wire *wire; /* what the caller speaks */
    struct spec spec;
    bool stream, include_usage;
    struct bytes payload; /* text, model, tool names and arguments; kept between requests */
    struct bytes script;  /* the script that the request carries, decoded */
    struct job_part model, text, error_text;
    struct job_part thought, signature; /* signed reasoning; without a signature it is words */
    bool told;  /* the request says in "mock" what it wants */
    bool talks; /* the text is a user's: it streams by whole words */
    bool words; /* the text is the endless list of words, text.len bytes of it */
    struct {
        struct job_part name, args, space; /* space: of a Responses tool, the namespace it is in */
        bool custom;                       /* args is free text */
    } tools[JOB_TOOLS_MAX];
    unsigned n_tools;
    struct job_part echo[JOB_ECHOES_MAX]; /* JSON values that the answer repeats; the wire's own order */
    struct job_part digests; /* of what is to be embedded, 32 bytes each */
    unsigned inputs, dimensions;
    bool base64;
    unsigned format;             /* of speech and transcripts: calls.c */
    enum job_finish finish;
    uint32_t prompt, completion; /* tokens, the whole answer */
    uint64_t number;             /* of the request */
    unsigned turns;              /* of the assistant before this one: makes the ids of calls differ */
    /* position in the stream */
    int phase;
    size_t pos;
    unsigned tool;
    unsigned block;      /* content blocks or output items that are complete */
    unsigned sequence;   /* events that carry a number */
    uint64_t arrived_ns; /* for stamp */
};

/* Reads a request; name is the listener's, default_spec what applies before "mock", number the request's,
 * for the word "counter". False when the answer is a 400, whose text is then error_text: the body is no
 * JSON object, the command is malformed, or strict mode refuses a member or a turn. */
bool job_read(struct job *j, const struct wire *wire, struct view body, const char *name,
              const struct spec *default_spec, uint64_t number);
/* Append the next event. False at the end of the stream. tokens: how many it carried. */
bool job_event(struct job *j, struct bytes *out, uint32_t *tokens);
/* Append the whole answer as one JSON document. */
void job_whole(struct job *j, struct bytes *out);
/* Append the wire's error object for this status; event: as an event of a stream. */
void job_error(struct job *j, unsigned status, bool event, struct bytes *out);
void job_free(struct job *j);

#endif
