/* What the files that write an answer of the dialect messages share. Private to them.
 *
 * Anthropic's stream shows one content block after the other, while a provider's calls may come at the same
 * time. The blocks of an answer stand in a queue: the first one is shown as it comes, those behind it are
 * kept until it is complete. A text or a thought is complete as soon as something else begins; a call when
 * its arguments are, or when the answer ends. A whole answer keeps all of them. */
#ifndef TR_DATAPLANE_API_MESSAGES_WRITE_H
#define TR_DATAPLANE_API_MESSAGES_WRITE_H

#include "arguments.h"
#include "buf.h"
#include "errors.h"
#include "messages.h"
#include "pen.h"

enum {
    MESSAGES_BLOCKS_MAX = 1024,                 /* in the queue at once: calls of one answer that interleave */
    MESSAGES_KEPT_MAX = LIMIT_RESPONSE_BYTES,   /* bytes of one block; a provider's answer has no more */
    MESSAGES_EXPLANATION_MAX = 64 << 10,        /* bytes of a refusal that are told in stop_details as well */
};

enum messages_block_kind { BLOCK_THINKING, BLOCK_REDACTED, BLOCK_TEXT, BLOCK_CALL };

struct messages_block {
    enum messages_block_kind kind;
    bool begun;                 /* its content_block_start is written */
    bool is_signed;             /* a thought that has its signature: nothing more belongs to it */
    uint32_t tool;              /* a call: which */
    struct arguments arguments; /* a call: where they stand */
    struct buf id, name;        /* a call */
    struct buf text;            /* escaped, not written yet */
    /* A thought: its sealed text is made of these (replay.h) */
    struct buf hidden;  /* the text, when the client does not get it */
    struct buf element; /* the object that the text belongs to, without it; empty: none */
    struct buf details; /* other elements, separated by commas */
};

struct messages_answer {
    struct messages_block *block; /* the queue */
    size_t n_blocks, max_blocks;
    uint32_t index; /* of the queue's first block in the answer */
    bool omitted;   /* the client does not want to see thoughts */
    bool by_details; /* whole: thoughts are taken from the elements, which say where each ends */
    bool called, refused;
    enum usage_finish finish;
    char sequence[64]; /* the stop sequence that came, escaped; empty: none that was told, or a longer one */
    struct buf refusal; /* escaped; its beginning when it is long */
};

/* messages_queue.c. The state must have been zeroed; *o is used by a stream alone. */
must_check enum err messages_take(struct answer *a, const struct event *e, struct pen *o);
/* The answer has ended: what is in the queue is complete. A whole answer gets the elements of "content". */
void messages_flush(struct answer *a, struct pen *o);
void messages_queue_free(struct messages_answer *m);
/* The block that an element of a thought, or a thought, belongs to. */
must_check enum err messages_want(struct answer *a, enum messages_block_kind kind,
                                  struct messages_block **out);
/* More of a block: written, or kept. */
must_check enum err messages_put(struct answer *a, struct messages_block *b, struct view text,
                                 struct pen *o);

/* messages_emit.c: the queue's first block, as events or as one element of "content" */
void messages_begin_block(const struct answer *a, const struct messages_block *b, struct pen *o);
void messages_delta(const struct answer *a, const struct messages_block *b, struct view text,
                    struct pen *o);
void messages_end_block(const struct answer *a, struct messages_block *b, struct pen *o);
void messages_whole_block(const struct answer *a, struct messages_block *b, struct pen *o);

/* messages_thought.c: one element of reasoning_details; the sealed text of a block */
must_check enum err messages_detail(struct answer *a, struct view json, struct pen *o);
void messages_seal(const struct answer *a, const struct messages_block *b, struct pen *o);

/* messages_errors.c: dialect.status, dialect.failure */
int messages_status(const struct api_failure *f);
must_check enum err messages_failure(const struct api_failure *f, const struct id *request,
                                     bool openrouter, struct buf *out);

#endif
