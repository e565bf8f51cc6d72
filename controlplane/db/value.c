/* Values to bind, in PostgreSQL's binary formats. */
#include "db.h"

#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>

static void be64(uint8_t out[static 8], int64_t v)
{
    uint64_t b = htobe64((uint64_t)v);

    memcpy(out, &b, sizeof b);
}

struct db_param db_null(void)
{
    return (struct db_param){.kind = DB_PARAM_NULL};
}

struct db_param db_i64(int64_t v)
{
    struct db_param p = {.kind = DB_PARAM_SMALL, .bytes = {NULL, 8}};

    be64(p.small, v);
    return p;
}

struct db_param db_bool(bool v)
{
    return (struct db_param){.kind = DB_PARAM_SMALL, .small = {v}, .bytes = {NULL, 1}};
}

struct db_param db_id(const struct id *id)
{
    return (struct db_param){.kind = DB_PARAM_BYTES, .bytes = view_of(id->b, sizeof id->b)};
}

struct db_param db_bytes(struct view v)
{
    return (struct db_param){.kind = DB_PARAM_BYTES, .bytes = v};
}

enum err db_array_begin(struct buf *out, enum db_element type, size_t n)
{
    static const uint32_t oids[] = {
        [DB_ELEMENT_I64] = 20, [DB_ELEMENT_ID] = 2950, [DB_ELEMENT_TEXT] = 25,
        [DB_ELEMENT_BYTES] = 17};
    /* dimensions, has-null flag, element type; then of the only dimension: size, lower bound. An
     * empty array has no dimension. */
    uint32_t head[5] = {htonl(n > 0), 0, htonl(oids[type]), htonl((uint32_t)n), htonl(1)};

    assert(n <= INT32_MAX);
    return buf_append(out, view_of(head, n > 0 ? sizeof head : 12));
}

enum err db_array_put(struct buf *out, struct view element)
{
    uint32_t len = htonl((uint32_t)element.len);
    enum err e = buf_append(out, view_of(&len, sizeof len));

    return e == ERR_NONE ? buf_append(out, element) : e;
}

enum err db_array_put_i64(struct buf *out, int64_t v)
{
    uint8_t b[8];

    be64(b, v);
    return db_array_put(out, view_of(b, sizeof b));
}
