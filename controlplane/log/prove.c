#include "prove.h"

#include "nodes.h"

#include <assert.h>
#include <stdlib.h>

struct prove {
    struct translog *log;
    bool consistency;
    struct proved proved;
    struct nodes nodes;
    struct buf store; /* note, kind, statement, created: copied out of the first answer */
    prove_cb *cb;
    void *cookie;
};

static void prove_end(struct prove *p, enum err e)
{
    p->cb(p->cookie, e, e == ERR_NONE ? &p->proved : NULL);
    buf_free(&p->store);
    free(p);
}

static enum err path_make(struct prove *p, tlog_read_fn *read)
{
    struct proved *d = &p->proved;

    return p->consistency ? tlog_prove_consistency(d->index, d->size, read, &p->nodes, &d->path)
                          : tlog_prove_inclusion(d->size, d->index, read, &p->nodes, &d->path);
}

static void nodes_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct prove *p = cookie;

    if (e == ERR_NONE)
        e = nodes_read(&p->nodes, r);
    if (e == ERR_NONE)
        e = path_make(p, nodes_have);
    /* A subtree that a signed tree must have and the database has not: its fault, not the asker's.
     */
    prove_end(p, e == ERR_NOT_FOUND ? ERR_DB : e);
}

/* Copies end to end into the store, which was reserved at once so that nothing moves. */
static struct view keep(struct prove *p, struct view v)
{
    size_t at = p->store.len;
    enum err e = buf_append(&p->store, v);

    assert(e == ERR_NONE);
    return view_of(p->store.ptr + at, v.len);
}

static enum err head_read(struct prove *p, const struct db_result *r)
{
    struct view root, note;

    if (db_rows(r) == 0)
        return ERR_NOT_FOUND;
    root = db_get_text(r, 0, 1);
    note = db_get_text(r, 0, 2);
    if (root.len != 32)
        return ERR_DB;
    p->proved.size = (uint64_t)db_get_i64(r, 0, 0);
    memcpy(p->proved.root.b, root.ptr, 32);
    if (buf_reserve(&p->store, TRANSLOG_NOTE_MAX + TRANSLOG_STATEMENT_MAX + 128) != ERR_NONE)
        return ERR_MEMORY;
    p->proved.note = keep(p, note);
    return ERR_NONE;
}

static enum err entry_read(struct prove *p, const struct db_result *r)
{
    struct view leaf;

    if (db_is_null(r, 0, 3))
        return ERR_NOT_FOUND;
    leaf = db_get_text(r, 0, 5);
    if (leaf.len != 32)
        return ERR_DB;
    p->proved.kind = keep(p, db_get_text(r, 0, 3));
    p->proved.statement = keep(p, db_get_text(r, 0, 4));
    p->proved.created = keep(p, db_get_text(r, 0, 6));
    memcpy(p->proved.leaf.b, leaf.ptr, 32);
    return ERR_NONE;
}

static void head_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct prove *p = cookie;

    if (e == ERR_NONE)
        e = head_read(p, r);
    if (e == ERR_NONE && !p->consistency)
        e = entry_read(p, r);
    if (e == ERR_NONE && path_make(p, nodes_want) != ERR_NONE)
        e = ERR_NOT_FOUND; /* out of range: there is no such tree */
    if (e == ERR_NONE)
        nodes_query(&p->nodes, translog_db(p->log), nodes_cb, p);
    else
        prove_end(p, e);
}

static struct prove *prove_new(struct translog *t, uint64_t index, prove_cb *cb, void *cookie)
{
    struct prove *p = calloc(1, sizeof *p);

    assert(p != NULL);
    p->log = t;
    p->proved.index = index;
    p->cb = cb;
    p->cookie = cookie;
    buf_init(&p->store, TRANSLOG_NOTE_MAX + TRANSLOG_STATEMENT_MAX + 128);
    return p;
}

void prove_inclusion(struct translog *t, uint64_t index, prove_cb *cb, void *cookie)
{
    struct prove *p = prove_new(t, index, cb, cookie);
    const struct db_param at[] = {db_i64(index > INT64_MAX ? INT64_MAX : (int64_t)index)};

    db_query(translog_db(t), STMT_LOG_ENTRY, at, 1, 0, head_cb, p);
}

void prove_consistency(struct translog *t, uint64_t old_size, prove_cb *cb, void *cookie)
{
    struct prove *p = prove_new(t, old_size, cb, cookie);

    p->consistency = true;
    db_query(translog_db(t), STMT_LOG_HEAD, NULL, 0, 0, head_cb, p);
}
