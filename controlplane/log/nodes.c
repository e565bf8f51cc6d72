#include "nodes.h"

#include <string.h>

enum { ARRAY_BYTES_MAX = 20 + NODES_MAX * 12 };

enum err nodes_want(void *cookie, unsigned level, uint64_t index, struct digest32 *out)
{
    struct nodes *n = cookie;

    if (n->n == NODES_MAX)
        return ERR_LIMIT;
    n->at[n->n].level = level;
    n->at[n->n].index = index;
    n->at[n->n++].here = false;
    memset(out, 0, sizeof *out);
    return ERR_NONE;
}

enum err nodes_have(void *cookie, unsigned level, uint64_t index, struct digest32 *out)
{
    const struct nodes *n = cookie;

    for (size_t i = 0; i < n->n; i++) {
        if (n->at[i].level == level && n->at[i].index == index && n->at[i].here) {
            *out = n->at[i].hash;
            return ERR_NONE;
        }
    }
    return ERR_NOT_FOUND;
}

void nodes_query(const struct nodes *n, struct db *db, db_cb *cb, void *cookie)
{
    struct buf levels, indexes;
    enum err e;

    buf_init(&levels, ARRAY_BYTES_MAX);
    buf_init(&indexes, ARRAY_BYTES_MAX);
    e = db_array_begin(&levels, DB_ELEMENT_I64, n->n);
    if (e == ERR_NONE)
        e = db_array_begin(&indexes, DB_ELEMENT_I64, n->n);
    for (size_t i = 0; e == ERR_NONE && i < n->n; i++) {
        e = db_array_put_i64(&levels, n->at[i].level);
        if (e == ERR_NONE)
            e = db_array_put_i64(&indexes, (int64_t)n->at[i].index);
    }
    if (e == ERR_NONE) {
        const struct db_param p[] = {db_bytes(buf_view(&levels)), db_bytes(buf_view(&indexes))};

        db_query(db, STMT_LOG_NODES, p, 2, 0, cb, cookie);
    } else {
        db_fail(db, STMT_LOG_NODES, e, cb, cookie);
    }
    buf_free(&levels);
    buf_free(&indexes);
}

static void node_come(struct nodes *n, unsigned level, uint64_t index, struct view hash)
{
    for (size_t i = 0; i < n->n; i++) {
        if (n->at[i].level != level || n->at[i].index != index || n->at[i].here)
            continue;
        memcpy(n->at[i].hash.b, hash.ptr, 32);
        n->at[i].here = true;
        n->come++;
        return;
    }
}

enum err nodes_read(struct nodes *n, const struct db_result *r)
{
    n->come = 0;
    for (size_t row = 0; row < db_rows(r); row++) {
        struct view hash = db_get_text(r, row, 2);

        if (hash.len == 32)
            node_come(n, (unsigned)db_get_i64(r, row, 0), (uint64_t)db_get_i64(r, row, 1), hash);
    }
    return n->come == n->n ? ERR_NONE : ERR_NOT_FOUND;
}
