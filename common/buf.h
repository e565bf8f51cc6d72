/* Owned bytes: a growable buffer born with a maximum, wiped when it grows and when it dies. */
#ifndef TR_COMMON_BUF_H
#define TR_COMMON_BUF_H

#include "budget.h"
#include "err.h"
#include "view.h"

struct buf {
    uint8_t *ptr;
    size_t len; /* bytes in use */
    size_t cap; /* bytes allocated */
    size_t max; /* never grows beyond */
    struct budget *budget; /* charged with cap; NULL: not charged. Borrowed, outlives the buffer */
};

/* No allocation happens until the first append. */
void buf_init(struct buf *b, size_t max);
/* The same for what others send us: what it allocates is charged to the budget until it is freed. While it
 * grows, the old bytes and the new ones both are. */
void buf_init_charged(struct buf *b, size_t max, struct budget *budget);
/* Wipes and frees; the buffer may be used again (its maximum and its budget stay). Never fails. */
void buf_free(struct buf *b);
/* Wipes the contents and sets len to 0, keeps the allocation. */
void buf_reset(struct buf *b);

/* Room for n more bytes. ERR_LIMIT when len+n > max, ERR_OVERLOAD when the budget has no room, ERR_MEMORY;
 * on failure nothing changes. */
must_check enum err buf_reserve(struct buf *b, size_t n);
must_check enum err buf_append(struct buf *b, struct view v);
must_check enum err buf_append_u64(struct buf *b, uint64_t v); /* decimal */
must_check enum err buf_append_i64(struct buf *b, int64_t v);  /* decimal */
must_check enum err buf_append_byte(struct buf *b, uint8_t c);
/* printf-style, for text of ours only (never a user's). */
must_check enum err buf_appendf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Quoted and escaped as a JSON string, quotes included. */
must_check enum err buf_append_json_string(struct buf *b, struct view v);
/* Drop n bytes from the front (n <= len); what is dropped is wiped. */
void buf_consume(struct buf *b, size_t n);

static inline struct view buf_view(const struct buf *b)
{
    return view_of(b->ptr, b->len);
}

#endif
