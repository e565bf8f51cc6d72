/* What the files that write chat completions from events share. Private to chat_write*.c. */
#ifndef TR_DATAPLANE_API_CHAT_WRITE_INTERNAL_H
#define TR_DATAPLANE_API_CHAT_WRITE_INTERNAL_H

#include "dialect.h"
#include "pen.h"

/* What is kept of a whole answer, each as it will stand in it. */
enum chat_written_part {
    CHAT_WRITTEN_TEXT, /* escaped, as the next two */
    CHAT_WRITTEN_REFUSAL,
    CHAT_WRITTEN_REASONING,
    CHAT_WRITTEN_DETAILS, /* elements with commas between them, as the next three; the last call is open */
    CHAT_WRITTEN_ANNOTATIONS,
    CHAT_WRITTEN_IMAGES,
    CHAT_WRITTEN_CALLS,
    CHAT_WRITTEN_AUDIO,    /* one JSON value, as the next */
    CHAT_WRITTEN_LOGPROBS, /* of a stream: of the text that comes next */
    CHAT_WRITTEN_COUNT
};

struct chat_writing {
    bool begun;     /* a stream: the first delta, which has the role, is written */
    bool functions; /* the client asked in the way of old: of calls it reads one, "function_call" */
    bool custom;    /* the last call is */
    uint32_t calls; /* so far */
    enum usage_finish finish;
    struct buf part[CHAT_WRITTEN_COUNT];
};

/* chat_write.c: a chunk around one delta, whose members stand between the two */
void chat_written_open(struct answer *a, struct pen *p);
void chat_written_shut(struct answer *a, struct pen *p);

/* chat_write_parts.c */
/* One event as a chunk. */
void chat_written_chunk(struct answer *a, const struct event *e, struct pen *p);
/* One event of a whole answer. */
must_check enum err chat_written_keep(struct chat_writing *w, const struct event *e);
/* The message that they came to. */
void chat_written_message(struct chat_writing *w, struct pen *p);

#endif
