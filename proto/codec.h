/* Big-endian fields: a reader that takes from a view and a writer that appends to a buf. Both are
 * sticky: after the first failure every further call does nothing and the last one reports it, so a
 * codec is a straight list of fields with one check at its end. Private to proto/. */
#ifndef TR_PROTO_CODEC_H
#define TR_PROTO_CODEC_H

#include "buf.h"
#include "err.h"
#include "message.h"
#include "view.h"

struct reader {
    struct view left;
    enum err e; /* the first failure */
};

static inline struct reader reader_of(struct view v)
{
    return (struct reader){v, ERR_NONE};
}

/* After a failure these return 0 (or an empty view) and change nothing. */
uint8_t take_u8(struct reader *r);
uint16_t take_u16(struct reader *r);
uint32_t take_u32(struct reader *r);
uint64_t take_u64(struct reader *r);
/* A signed amount that may not be negative: ERR_RANGE when the top bit is set. */
int64_t take_amount(struct reader *r);
/* An enum or counter with a known end: ERR_RANGE, and 0, when it is not below `end`. */
uint8_t take_u8_below(struct reader *r, unsigned end);
void take_bytes(struct reader *r, uint8_t *out, size_t n);
/* u16 length and that many bytes, borrowed from the payload. ERR_RANGE outside [min, max]. */
struct view take_blob16(struct reader *r, size_t min, size_t max);
struct view take_blob8(struct reader *r, size_t min, size_t max);
/* ERR_FORMAT when n bytes are not all zero. */
void take_zero(struct reader *r, size_t n);
void reader_require(struct reader *r, bool ok, enum err otherwise);
/* The verdict: the first failure, or ERR_FORMAT when bytes are left over. */
must_check enum err reader_end(const struct reader *r);

/* One frame under construction at the end of out. */
struct writer {
    struct buf *out;
    size_t start; /* where the frame's header is */
    enum err e;
};

/* Appends the header with the length still open. */
struct writer writer_begin(struct buf *out, enum message_type type);
void put_u8(struct writer *w, uint8_t v);
void put_u16(struct writer *w, uint16_t v);
void put_u32(struct writer *w, uint32_t v);
void put_u64(struct writer *w, uint64_t v);
void put_amount(struct writer *w, int64_t v); /* ERR_RANGE when negative */
void put_u8_below(struct writer *w, uint8_t v, unsigned end);
void put_bytes(struct writer *w, const void *p, size_t n);
void put_blob16(struct writer *w, struct view v, size_t min, size_t max);
void put_blob8(struct writer *w, struct view v, size_t min, size_t max);
void put_zero(struct writer *w, size_t n);
void writer_require(struct writer *w, bool ok, enum err otherwise);
/* Fills in the length. On failure out is as long as it was before writer_begin. */
must_check enum err writer_end(struct writer *w);

/* The parts of EVIDENCE, which another message has, too. */
void put_evidence(struct writer *w, const struct msg_evidence *m);
void take_evidence(struct reader *r, struct msg_evidence *out);

/* The parts of GRANT and LEASE, which RULED has, too; and what RULED has behind them. */
void take_grant(struct reader *r, struct msg_grant *out);
void take_lease(struct reader *r, struct msg_lease *out);
void put_terms(struct writer *w, const struct key_terms *t);

/* Fixed places, for the usage record. */
void store_be(uint8_t *at, uint64_t v, size_t bytes);
uint64_t load_be(const uint8_t *at, size_t bytes);

#endif
