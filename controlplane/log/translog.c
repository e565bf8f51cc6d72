#include "translog.h"

#include "log.h"
#include "log_key.h"

#include <assert.h>
#include <stdlib.h>

enum {
    TRIES_MAX = 100, /* other instances that were faster, for one statement */
    KEPT_MAX = TLOG_LEVELS + 1,
};

static const char *const kinds[] = {
    [TRANSLOG_RELEASE] = "release", [TRANSLOG_BOOT] = "boot", [TRANSLOG_POLICY] = "policy"};

const char *translog_kind_name(enum translog_kind kind)
{
    return kinds[kind];
}

/* One statement on its way into the log. */
struct append {
    struct append *next;
    enum translog_kind kind;
    struct digest32 subject;
    struct buf statement;
    unsigned tries;
    bool appended; /* what is left is a checkpoint that covers it */
    uint64_t index;
    translog_append_cb *cb;
    void *cookie;
};

struct translog {
    struct db *db;
    char *state_dir;
    struct log_key key;
    uint64_t signed_size; /* the last checkpoint of ours; 0: none */
    struct digest32 signed_root;
    struct append *queue, **queue_end; /* the first one is under way */
    size_t queued;
    bool refuses; /* what was found last: the database is not the log that was signed */
    bool checking;
};

static void append_step(struct translog *t);

static void append_end(struct translog *t, enum err e)
{
    struct append *a = t->queue;

    t->queue = a->next;
    if (t->queue == NULL)
        t->queue_end = &t->queue;
    t->queued--;
    if (e == ERR_NONE)
        LOG("log_entry", KV("index", a->index), KV("kind", ((struct static_name){kinds[a->kind]})),
            KV("size", t->signed_size));
    else
        LOG("log_failed", KV("kind", ((struct static_name){kinds[a->kind]})),
            KV("error", log_err(e)));
    if (t->queue != NULL && e != ERR_CANCELLED)
        append_step(t);
    a->cb(a->cookie, e, a->index);
    buf_free(&a->statement);
    free(a);
    if (t->queue != NULL && e == ERR_CANCELLED) /* the database is closing: so for all */
        append_end(t, e);
}

/* --- the subtrees a leaf completes --- */

struct kept {
    size_t n;
    struct {
        unsigned level;
        uint64_t index;
    } at[KEPT_MAX];
    uint8_t hashes[KEPT_MAX * 32];
};

static void keep(void *cookie, unsigned level, uint64_t index, const struct digest32 *hash)
{
    struct kept *k = cookie;

    assert(k->n < KEPT_MAX);
    k->at[k->n].level = level;
    k->at[k->n].index = index;
    memcpy(k->hashes + 32 * k->n++, hash->b, 32);
}

static enum err kept_arrays(const struct kept *k, struct buf *levels, struct buf *indexes)
{
    enum err e = db_array_begin(levels, DB_ELEMENT_I64, k->n);

    if (e == ERR_NONE)
        e = db_array_begin(indexes, DB_ELEMENT_I64, k->n);
    for (size_t i = 0; e == ERR_NONE && i < k->n; i++) {
        e = db_array_put_i64(levels, k->at[i].level);
        if (e == ERR_NONE)
            e = db_array_put_i64(indexes, (int64_t)k->at[i].index);
    }
    return e;
}

/* --- the statement goes in --- */

static void append_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct translog *t = cookie;
    struct append *a = t->queue;

    if (e != ERR_NONE) {
        append_end(t, e);
        return;
    }
    if (view_eq(db_get_text(r, 0, 0), VIEW_LIT("moved"))) {
        if (++a->tries == TRIES_MAX) {
            append_end(t, ERR_OVERLOAD);
            return;
        }
    } else {
        a->index = (uint64_t)db_get_i64(r, 0, 1);
        a->appended = true;
    }
    append_step(t);
}

static void append_send(struct translog *t, struct tlog_edge *edge)
{
    struct append *a = t->queue;
    struct kept kept = {.n = 0};
    struct buf levels, indexes;
    struct digest32 leaf;
    uint64_t expected = edge->size;
    enum err e;

    tlog_leaf_hash(buf_view(&a->statement), &leaf);
    tlog_append(edge, &leaf, keep, &kept);
    buf_init(&levels, 2048);
    buf_init(&indexes, 2048);
    e = kept_arrays(&kept, &levels, &indexes);
    if (e == ERR_NONE) {
        const struct db_param p[] = {
            db_i64((int64_t)expected),           db_bytes(view_str(kinds[a->kind])),
            db_bytes(view_of(a->subject.b, 32)), db_bytes(buf_view(&a->statement)),
            db_bytes(view_of(leaf.b, 32)),       db_bytes(buf_view(&levels)),
            db_bytes(buf_view(&indexes)),        db_bytes(view_of(kept.hashes, 32 * kept.n)),
        };

        db_query(t->db, STMT_LOG_APPEND, p, sizeof p / sizeof p[0], 0, append_cb, t);
    }
    buf_free(&levels);
    buf_free(&indexes);
    if (e != ERR_NONE)
        append_end(t, e);
}

/* --- the checkpoint --- */

static void sign_cb(void *cookie, enum err e, const struct db_result *r)
{
    (void)r;
    append_end(cookie, e);
}

/* Only what is committed is signed, and it is remembered before anybody can see it. */
static void sign(struct translog *t, const struct tlog_edge *edge)
{
    struct checkpoint c = {view_str(t->key.public.name), edge->size, {{0}}};
    struct buf note;
    enum err e;

    tlog_root(edge, &c.root);
    buf_init(&note, TRANSLOG_NOTE_MAX);
    e = log_key_sign(&t->key, &c, &note);
    if (e == ERR_NONE)
        e = log_head_save(t->state_dir, buf_view(&note));
    if (e == ERR_NONE) {
        const struct db_param p[] = {db_i64((int64_t)c.size), db_bytes(view_of(c.root.b, 32)),
                                     db_bytes(buf_view(&note))};

        t->signed_size = c.size;
        t->signed_root = c.root;
        db_query(t->db, STMT_LOG_SIGN, p, sizeof p / sizeof p[0], 0, sign_cb, t);
    }
    buf_free(&note);
    if (e != ERR_NONE)
        append_end(t, e);
}

/* --- what is there --- */

/* Rows of one tree: its size, and each level of its right edge. ERR_CONFLICT: the edge has holes,
 * so the tree is smaller than that. */
static enum err edge_read(const struct db_result *r, int64_t which, struct tlog_edge *edge)
{
    uint64_t held = 0;

    memset(edge, 0, sizeof *edge);
    for (size_t row = 0; row < db_rows(r); row++) {
        struct view hash = db_get_text(r, row, 3);
        int64_t level = db_get_i64(r, row, 2);

        if (db_get_i64(r, row, 0) != which)
            continue;
        edge->size = (uint64_t)db_get_i64(r, row, 1);
        if (db_is_null(r, row, 3))
            continue; /* an empty edge */
        if (hash.len != 32 || level < 0 || level >= TLOG_LEVELS)
            return ERR_CONFLICT;
        memcpy(edge->full[level].b, hash.ptr, 32);
        held |= UINT64_C(1) << level;
    }
    return held == edge->size ? ERR_NONE : ERR_CONFLICT;
}

/* The tree that was signed last must be a prefix of what the database has now. */
static bool continues(const struct translog *t, const struct tlog_edge *before,
                      const struct tlog_edge *now)
{
    struct digest32 root;

    if (t->signed_size == 0)
        return true;
    if (now->size < t->signed_size || before->size != t->signed_size)
        return false;
    tlog_root(before, &root);
    return secret_equal(root.b, t->signed_root.b, sizeof root.b);
}

/* What the database has now. ERR_CONFLICT: not a continuation of what was signed. */
static enum err edge_judge(struct translog *t, const struct db_result *r, struct tlog_edge *now)
{
    struct tlog_edge before;
    enum err e = edge_read(r, 0, now);
    bool refused = t->refuses;

    if (e == ERR_NONE)
        e = edge_read(r, 1, &before);
    if (e == ERR_NONE && !continues(t, &before, now))
        e = ERR_CONFLICT;
    t->refuses = e == ERR_CONFLICT;
    if (t->refuses && !refused)
        LOG("log_rewound", KV("signed_size", t->signed_size));
    else if (refused && !t->refuses)
        LOG("log_repaired", KV("signed_size", t->signed_size), KV("size", now->size));
    return e;
}

static void edge_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct translog *t = cookie;
    struct tlog_edge now;

    if (e == ERR_NONE)
        e = edge_judge(t, r, &now);
    if (e != ERR_NONE)
        append_end(t, e);
    else if (t->queue->appended)
        sign(t, &now);
    else
        append_send(t, &now);
}

static void append_step(struct translog *t)
{
    const struct db_param p[] = {db_i64((int64_t)t->signed_size)};

    db_query(t->db, STMT_LOG_EDGE, p, 1, 0, edge_cb, t);
}

/* --- looking only --- */

/* Between the question and its answer a statement may have been signed: then before is the tree of
 * an earlier size, and the answer says nothing. */
struct check {
    struct translog *log;
    uint64_t signed_size;
};

static void check_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct check *c = cookie;
    struct tlog_edge now;

    c->log->checking = false;
    if (e == ERR_NONE && c->signed_size == c->log->signed_size)
        edge_judge(c->log, r, &now); /* which remembers what it found */
    free(c);
}

void translog_check(struct translog *t)
{
    const struct db_param p[] = {db_i64((int64_t)t->signed_size)};
    struct check *c;

    if (t->queue != NULL || t->checking || (c = malloc(sizeof *c)) == NULL)
        return;
    *c = (struct check){t, t->signed_size};
    t->checking = true;
    db_query(t->db, STMT_LOG_EDGE, p, 1, 0, check_cb, c);
}

bool translog_refuses(const struct translog *t)
{
    return t->refuses;
}

uint64_t translog_signed_size(const struct translog *t)
{
    return t->signed_size;
}

/* --- for others --- */

static struct append *append_new(enum translog_kind kind, const struct digest32 *subject,
                                 struct view statement, translog_append_cb *cb, void *cookie)
{
    struct append *a = calloc(1, sizeof *a);

    if (a == NULL)
        return NULL;
    a->kind = kind;
    a->subject = *subject;
    a->cb = cb;
    a->cookie = cookie;
    buf_init(&a->statement, TRANSLOG_STATEMENT_MAX);
    if (buf_append(&a->statement, statement) == ERR_NONE)
        return a;
    free(a);
    return NULL;
}

/* What cannot be queued comes back through the database room, so never from inside. */
struct refused {
    translog_append_cb *cb;
    void *cookie;
};

static void refused_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct refused f = *(struct refused *)cookie;

    (void)r;
    free(cookie);
    f.cb(f.cookie, e, 0);
}

static void refuse(struct translog *t, enum err e, translog_append_cb *cb, void *cookie)
{
    struct refused *f = malloc(sizeof *f);

    assert(f != NULL);
    *f = (struct refused){cb, cookie};
    db_fail(t->db, STMT_LOG_APPEND, e, refused_cb, f);
}

void translog_append(struct translog *t, enum translog_kind kind, const struct digest32 *subject,
                     struct view statement, translog_append_cb *cb, void *cookie)
{
    struct append *a = NULL;
    enum err e = ERR_NONE;

    if (statement.len > TRANSLOG_STATEMENT_MAX)
        e = ERR_LIMIT;
    else if (t->queued == TRANSLOG_QUEUE_MAX)
        e = ERR_OVERLOAD;
    else if ((a = append_new(kind, subject, statement, cb, cookie)) == NULL)
        e = ERR_MEMORY;
    if (e != ERR_NONE) {
        refuse(t, e, cb, cookie);
        return;
    }
    *t->queue_end = a;
    t->queue_end = &a->next;
    if (t->queued++ == 0)
        append_step(t);
}

enum err translog_new(const struct translog_config *c, struct translog **out, struct buf *why)
{
    struct translog *t = calloc(1, sizeof *t);
    enum err e = ERR_MEMORY;

    if (t != NULL && (t->state_dir = strdup(c->state_dir)) != NULL) {
        t->db = c->db;
        t->queue_end = &t->queue;
        e = log_key_open(c->state_dir, c->origin, &t->key);
        if (e == ERR_NONE)
            e = log_head_load(c->state_dir, &t->key, &t->signed_size, &t->signed_root, NULL);
    }
    if (e == ERR_NONE) {
        *out = t;
        return ERR_NONE;
    }
    if (buf_appendf(why, "%s/log.key, log.head or log_origin cannot be used (%s)", c->state_dir,
                    err_name(e)) != ERR_NONE)
        e = ERR_MEMORY;
    translog_free(t);
    return e;
}

void translog_free(struct translog *t)
{
    if (t == NULL)
        return;
    assert(t->queue == NULL);
    log_key_close(&t->key);
    free(t->state_dir);
    free(t);
}

const struct note_key *translog_key(const struct translog *t)
{
    return &t->key.public;
}

struct db *translog_db(const struct translog *t)
{
    return t->db;
}
