/* (G) A whole answer, gathered from its events, to be read, quoted, or told again to a client of any dialect. */
#ifndef TR_DATAPLANE_LLM_COLLECT_H
#define TR_DATAPLANE_LLM_COLLECT_H

#include "budget.h"
#include "content.h"
#include "event.h"

enum { COLLECT_CALLS_MAX = 128 };

/* Of choice 0. Texts are escaped, as events have them. Thoughts are not kept, only counted. */
struct collect {
    struct budget *budget; /* what is kept is charged to it, and wiped */
    struct content *text;  /* NULL: none yet */
    struct content *refusal;
    struct content *calls; /* ids, names and arguments; private */
    struct collect_call {  /* private: offsets in `calls`; collect_tell() reads them */
        uint32_t id_at, id_len, name_at, name_len;
        uint32_t first, last; /* pieces of the arguments: calls may interleave */
        bool custom;
    } *call;
    size_t n_calls;
    uint64_t reasoning_bytes;
    enum usage_finish finish;
    size_t bytes, most; /* kept so far; at most */
};

/* most: bytes of text, refusal and calls together, below 4 GiB. Nothing is allocated before the first event. */
void collect_init(struct collect *c, struct budget *budget, size_t most);
/* An event_sink's take. ERR_LIMIT beyond `most` or COLLECT_CALLS_MAX, ERR_OVERLOAD when the budget has no room, ERR_MEMORY,
 * ERR_FORMAT for arguments of no call. After a failure *c is good for collect_reset() and collect_free() only. */
enum err collect_take(struct collect *c, const struct event *e);
/* Forgets an attempt that failed; wiped. */
void collect_reset(struct collect *c);
void collect_free(struct collect *c);
struct view collect_text(const struct collect *c);    /* escaped */
struct view collect_refusal(const struct collect *c); /* escaped */
/* White space alone, or nothing. */
bool collect_blank(struct view escaped);
/* Neither text, but white space, nor refusal nor a call. */
bool collect_empty(const struct collect *c);
/* Tells it again: text, refusal, each call with its arguments, finish, in that order. The sink's first error. */
enum err collect_tell(const struct collect *c, const struct event_sink *sink);

#endif
