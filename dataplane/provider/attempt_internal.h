/* (G) What the files of an attempt share. Private to attempt*.c. */
#ifndef TR_DATAPLANE_PROVIDER_ATTEMPT_INTERNAL_H
#define TR_DATAPLANE_PROVIDER_ATTEMPT_INTERNAL_H

#include "attempt.h"

enum {
    ATTEMPT_TYPE_MAX = 128, /* "multipart/form-data" with the longest boundary */
    ATTEMPT_PATH_MAX = 512, /* with an upstream model of 128 characters, all escaped */
    ATTEMPT_ERROR_BODY_MAX = 64 << 10, /* of a provider's error; the rest is not read for */
    ATTEMPT_BEYOND_GROWTH = 8, /* times a text that is not in the body: escaped twice, with its object around it */
    ATTEMPT_WHOLE_SLACK = 4 << 10, /* what a whole answer usually grows by when it is made canonical */
};

static inline bool attempt_status_good(const struct attempt *a)
{
    return a->status >= 200 && a->status < 300;
}

/* The client gets the provider's bytes, of whatever type they are. */
static inline bool attempt_is_call(const struct attempt *a)
{
    return a->kind >= PROMPT_IMAGES;
}

/* attempt.c */
void attempt_report(struct attempt *a, const struct attempt_result *x);
/* The attempt failed in the middle of its bytes: hang up, then say so. */
void attempt_break(struct attempt *a, struct attempt_result x);
struct attempt_result attempt_error(struct attempt *a, enum err e, const struct chat_error *error);

/* attempt_stream.c */
/* Bytes of a stream: all events that are ready. */
void attempt_events(struct attempt *a, struct view bytes);
/* One event. The attempt may be over, and another one begun, when this returns. */
void attempt_event(struct attempt *a, const struct sse_event *event);
/* The provider has said all it will say. */
void attempt_stream_complete(struct attempt *a);
/* The bytes are over, in whatever way. */
void attempt_stream_over(struct attempt *a, enum err e);

/* attempt_whole.c */
/* From now on the body is collected whole. */
void attempt_collect_begin(struct attempt *a);
void attempt_collect(struct attempt *a, struct view bytes);
/* A collected body is over: as HTTP says it must, or by a failure (over). */
void attempt_collected(struct attempt *a, enum err over);

/* attempt_pace.c */
/* Has every choice that began its finish reason? Then nothing but figures can be missing. */
bool attempt_finished(const struct attempt *a);
/* Events have been read: tell the fetch how long the rest may take. */
void attempt_pace(struct attempt *a);
/* The same for bytes of a whole answer, which have been added to a->received: behind its object there is
 * nothing to wait for, and behind a collected stream's finish reason its figures at most. */
void attempt_pace_whole(struct attempt *a, struct view bytes);

extern const struct fetch_events attempt_fetch_events; /* attempt.c: what its fetch tells */

/* --- attempt_keys.c: the operator's keys, one after the other */

/* Sends the request with the key whose turn it is. As fetch_start(). */
must_check enum err attempt_send(struct attempt *a);
/* The provider refuses with this status what the key, or its account, may do: the key is set aside. */
void attempt_key_refused(struct attempt *a, int status);
/* Is there a key that could be tried after this response? Then the request is kept. */
bool attempt_may_repeat(const struct attempt *a);
/* An error response with this status is complete: the request is sent again, with the next key. False: the error is
 * the outcome. */
bool attempt_repeat(struct attempt *a, int status);

#endif
