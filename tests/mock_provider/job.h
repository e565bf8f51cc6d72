/* One answer: what the request asked for, and the events or the body that say it. Pure text: job
 * knows nothing of sockets. The same request always gives the same bytes, but for "stamp". */
#ifndef TR_MOCK_JOB_H
#define TR_MOCK_JOB_H

#include "bytes.h"
#include "spec.h"

#include <stdbool.h>

enum { JOB_TOOLS_MAX = 16, TOKEN_BYTES = 4 };

struct job_part {
    size_t off, len; /* in payload */
};

struct job {
    struct spec spec;
    bool stream, include_usage;
    struct bytes payload; /* text, model, tool names and arguments; kept between requests */
    struct job_part model, text, error_text;
    bool told;  /* the request says in "mock" what it wants */
    bool talks; /* the text is a user's: it streams by whole words */
    bool words; /* the text is the endless list of words, text.len bytes of it */
    struct {
        struct job_part name, args;
    } tools[JOB_TOOLS_MAX];
    unsigned n_tools;
    const char *finish;
    uint32_t prompt, completion; /* tokens, the whole answer */
    /* position in the stream */
    int phase;
    size_t pos;
    unsigned tool;
    uint64_t arrived_ns; /* for stamp */
};

/* Reads a chat request; name is the listener's, default_spec what applies before "mock", number the
 * request's, for the word "counter". False when the body is no JSON object or the command is malformed:
 * the caller answers 400. */
bool job_read(struct job *j, struct view body, const char *name, const struct spec *default_spec,
              uint64_t number);
/* Append the next event. False at the end of the stream. tokens: how many it carried. */
bool job_event(struct job *j, struct bytes *out, uint32_t *tokens);
/* Append the whole answer as one JSON document. */
void job_whole(struct job *j, struct bytes *out);
/* Append an OpenAI error object for this status. */
void job_error(struct job *j, unsigned status, struct bytes *out);
void job_free(struct job *j);

#endif
