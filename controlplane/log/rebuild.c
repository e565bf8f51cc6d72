/* One pass over the entries: compare, add what is missing, and grow the tree beside it. */
#include "rebuild.h"

#include "db_conn.h"
#include "log_key.h"
#include "mirror.h"
#include "statement.h"
#include "tlog.h"
#include "translog.h"

#include <assert.h>

enum {
    PORTION = 256, /* entries read from the database at once: 8 MiB at most */
    HEADS_MAX = 3, /* log.head, the database's, the mirror's */
};

/* A checkpoint that was signed: the tree has to pass through it. */
struct head {
    const char *whose;
    uint64_t size;
    struct digest32 root;
    struct buf note;
};

struct rebuild {
    const struct rebuild_config *config;
    struct buf *why;
    struct log_key key;
    struct session *session;
    struct mirror mirror;
    bool has_mirror;
    struct head heads[HEADS_MAX];
    size_t n_heads;
    struct tlog_edge tree;
    uint64_t size_before, added; /* entries of the database */
    int64_t logged_at_s;         /* of the entry before */
    struct db_result *portion;
};

static enum err say(struct rebuild *r, enum err e, const char *sentence)
{
    return buf_append(r->why, view_str(sentence)) == ERR_NONE ? e : ERR_MEMORY;
}

static enum err say_at(struct rebuild *r, enum err e, const char *what, uint64_t index,
                       const char *sentence)
{
    return buf_appendf(r->why, "%s %llu %s", what, (unsigned long long)index, sentence) == ERR_NONE
               ? e
               : ERR_MEMORY;
}

/* --- what was signed --- */

/* note is copied. */
static enum err head_add(struct rebuild *r, const char *whose, uint64_t size,
                         const struct digest32 *root, struct view note)
{
    struct head *h = &r->heads[r->n_heads++];

    assert(r->n_heads <= HEADS_MAX);
    *h = (struct head){.whose = whose, .size = size, .root = *root};
    buf_init(&h->note, TRANSLOG_NOTE_MAX);
    return buf_append(&h->note, note);
}

static enum err head_of_state(struct rebuild *r)
{
    struct digest32 root;
    uint64_t size;
    struct buf note;
    enum err e;

    buf_init(&note, TRANSLOG_NOTE_MAX);
    e = log_head_load(r->config->state_dir, &r->key, &size, &root, &note);
    if (e != ERR_NONE)
        e = say(r, e, "state_dir: log.head is not a checkpoint signed by log.key");
    else if (size != 0)
        e = head_add(r, "log.head", size, &root, buf_view(&note));
    buf_free(&note);
    return e;
}

/* A database may hold a checkpoint of another key: an auditor would not take it, so it proves
 * nothing. */
static enum err head_of_database(struct rebuild *r)
{
    struct db_result *rows = NULL;
    struct checkpoint c;
    struct view text;
    enum err e = session_query(r->session, STMT_LOG_HEAD, NULL, 0, &rows, r->why);

    if (e != ERR_NONE || db_rows(rows) == 0)
        goto done;
    if (note_open(db_get_text(rows, 0, 2), &r->key.public, &text) != ERR_NONE ||
        checkpoint_decode(text, &c) != ERR_NONE)
        e = say(r, ERR_AUTH, "the database's last checkpoint is not signed by log.key");
    else
        e = head_add(r, "the database's checkpoint", c.size, &c.root, db_get_text(rows, 0, 2));
done:
    result_free(rows);
    return e;
}

static enum err head_of_mirror(struct rebuild *r)
{
    enum err e = mirror_open(r->config->mirror, &r->key.public, &r->mirror);

    r->has_mirror = true;
    if (e == ERR_AUTH)
        return say(r, e, "the mirror's checkpoint is not signed by this log's key");
    if (e != ERR_NONE)
        return say(r, e, "the mirror has no checkpoint that can be read");
    return head_add(r, "the mirror's checkpoint", r->mirror.head.size, &r->mirror.head.root,
                    buf_view(&r->mirror.note));
}

static const struct head *largest_head(const struct rebuild *r)
{
    const struct head *best = &r->heads[0];

    assert(r->n_heads > 0);
    for (size_t i = 1; i < r->n_heads; i++)
        if (r->heads[i].size > best->size)
            best = &r->heads[i];
    return best;
}

/* The tree has just grown: it may have reached a size that was signed. */
static enum err heads_check(struct rebuild *r)
{
    struct digest32 root;

    for (size_t i = 0; i < r->n_heads; i++) {
        if (r->heads[i].size != r->tree.size)
            continue;
        tlog_root(&r->tree, &root);
        if (!secret_equal(root.b, r->heads[i].root.b, sizeof root.b))
            return buf_appendf(r->why,
                               "these %llu entries do not lead to the root of %s: "
                               "the histories fork",
                               (unsigned long long)r->tree.size, r->heads[i].whose) == ERR_NONE
                       ? ERR_CONFLICT
                       : ERR_MEMORY;
    }
    return ERR_NONE;
}

/* --- entries --- */

/* The database's statement at the tree's size. */
static enum err stored_entry(struct rebuild *r, struct view *statement)
{
    uint64_t index = r->tree.size;
    size_t row = index % PORTION;
    enum err e = ERR_NONE;

    if (row == 0) {
        const struct db_param p[] = {db_i64((int64_t)index), db_i64(PORTION)};

        result_free(r->portion);
        r->portion = NULL;
        e = session_query(r->session, STMT_REBUILD_READ, p, 2, &r->portion, r->why);
    }
    if (e != ERR_NONE)
        return e;
    if (row >= db_rows(r->portion) || (uint64_t)db_get_i64(r->portion, row, 0) != index)
        return say_at(r, ERR_CONFLICT, "entry", index,
                      "is missing in the database although later ones are there");
    *statement = db_get_text(r->portion, row, 1);
    return ERR_NONE;
}

static enum err mirrored_entry(struct rebuild *r, struct view *statement)
{
    uint64_t index = r->mirror.next;
    enum err e = mirror_next(&r->mirror, statement);

    assert(index == r->tree.size);
    return e == ERR_NONE ? e : say_at(r, e, "entry", index, "cannot be read from the mirror");
}

static enum err add_entry(struct rebuild *r, struct view statement)
{
    struct statement_facts facts;
    struct digest32 leaf;
    enum err e = statement_facts(statement, &facts);

    if (e != ERR_NONE)
        return say_at(r, e, "entry", r->tree.size, "is no statement that this program knows");
    if (facts.logged_at_s != 0)
        r->logged_at_s = (int64_t)facts.logged_at_s;
    tlog_leaf_hash(statement, &leaf);
    const struct db_param p[] = {
        db_i64((int64_t)r->tree.size),
        db_bytes(view_str(translog_kind_name(facts.kind))),
        db_bytes(view_of(facts.subject.b, 32)),
        db_bytes(statement),
        db_bytes(view_of(leaf.b, 32)),
        r->logged_at_s == 0 ? db_null() : db_i64(r->logged_at_s),
    };
    e = session_query(r->session, STMT_REBUILD_ADD, p, sizeof p / sizeof p[0], NULL, r->why);
    r->added += e == ERR_NONE;
    return e;
}

static enum err take_entry(struct rebuild *r)
{
    bool stored = r->tree.size < r->size_before;
    bool mirrored = r->has_mirror && r->tree.size < r->mirror.head.size;
    struct view mine = VIEW_EMPTY, theirs = VIEW_EMPTY;
    struct digest32 leaf;
    enum err e = stored ? stored_entry(r, &mine) : ERR_NONE;

    assert(stored || mirrored);
    if (e == ERR_NONE && mirrored)
        e = mirrored_entry(r, &theirs);
    if (e == ERR_NONE && stored && mirrored && !view_eq(mine, theirs))
        e = say_at(r, ERR_CONFLICT, "entry", r->tree.size,
                   "is another one in the mirror: the histories fork");
    if (e == ERR_NONE && !stored)
        e = add_entry(r, theirs);
    if (e != ERR_NONE)
        return e;
    tlog_leaf_hash(stored ? mine : theirs, &leaf);
    tlog_append(&r->tree, &leaf, NULL, NULL);
    return heads_check(r);
}

static enum err take_entries(struct rebuild *r)
{
    uint64_t end = r->size_before;
    enum err e = ERR_NONE;

    if (r->has_mirror && r->mirror.head.size > end)
        end = r->mirror.head.size;
    while (e == ERR_NONE && r->tree.size < end)
        e = take_entry(r);
    if (e == ERR_NONE && r->tree.size < largest_head(r)->size)
        e = buf_appendf(r->why, "%llu entries are here, and %s has %llu",
                        (unsigned long long)r->tree.size, largest_head(r)->whose,
                        (unsigned long long)largest_head(r)->size) == ERR_NONE
                ? ERR_CONFLICT
                : ERR_MEMORY;
    return e;
}

/* --- one transaction --- */

static enum err number(struct rebuild *r, enum stmt s, uint64_t *out)
{
    struct db_result *rows = NULL;
    enum err e = session_query(r->session, s, NULL, 0, &rows, r->why);

    if (e == ERR_NONE)
        *out = (uint64_t)db_get_i64(rows, 0, 0);
    result_free(rows);
    return e;
}

/* What the database makes of its entries must be what we made of them. */
static enum err compare_root(struct rebuild *r, const struct digest32 *root)
{
    const struct db_param p[] = {db_i64((int64_t)r->tree.size)};
    struct db_result *rows = NULL;
    enum err e = session_query(r->session, STMT_REBUILD_ROOT, p, 1, &rows, r->why);

    if (e == ERR_NONE && !view_eq(db_get_text(rows, 0, 0), view_of(root->b, sizeof root->b)))
        e = say(r, ERR_BUG, "the database's subtrees do not lead to the root of its entries");
    result_free(rows);
    return e;
}

static enum err store_heads(struct rebuild *r)
{
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < r->n_heads; i++) {
        const struct head *h = &r->heads[i];
        const struct db_param p[] = {db_i64((int64_t)h->size), db_bytes(view_of(h->root.b, 32)),
                                     db_bytes(buf_view(&h->note))};

        e = session_query(r->session, STMT_LOG_SIGN, p, 3, NULL, r->why);
    }
    return e;
}

static enum err rebuild_run(struct rebuild *r, struct rebuilt *out)
{
    uint64_t nodes;
    enum err e = session_run(r->session, "BEGIN", r->why);

    if (e == ERR_NONE)
        e = session_query(r->session, STMT_REBUILD_LOCK, NULL, 0, NULL, r->why);
    if (e == ERR_NONE)
        e = number(r, STMT_REBUILD_SIZE, &r->size_before);
    if (e == ERR_NONE)
        e = head_of_database(r);
    if (e == ERR_NONE && r->n_heads == 0)
        e = say(r, ERR_NOT_FOUND, "there is no signed checkpoint to compare the entries with");
    if (e == ERR_NONE)
        e = take_entries(r);
    if (e == ERR_NONE)
        e = number(r, STMT_REBUILD_NODES, &nodes);
    tlog_root(&r->tree, &out->root);
    if (e == ERR_NONE)
        e = compare_root(r, &out->root);
    if (e == ERR_NONE)
        e = store_heads(r);
    /* Remembered before anybody can see it, as when a checkpoint is signed. */
    if (e == ERR_NONE)
        e = log_head_save(r->config->state_dir, buf_view(&largest_head(r)->note));
    return e == ERR_NONE ? session_run(r->session, "COMMIT", r->why) : e;
}

enum err log_rebuild(const struct rebuild_config *c, struct rebuilt *out, struct buf *why)
{
    struct rebuild r = {.config = c, .why = why};
    enum err e = ERR_NOT_FOUND;

    if (log_key_exists(c->state_dir)) /* a new key would vouch for nothing */
        e = log_key_open(c->state_dir, c->origin, &r.key);
    if (e != ERR_NONE)
        return say(&r, e, "state_dir, log_origin: the log key cannot be used");
    e = head_of_state(&r);
    if (e == ERR_NONE && c->mirror != NULL)
        e = head_of_mirror(&r);
    if (e == ERR_NONE)
        e = session_open(c->database, &r.session, why);
    if (e == ERR_NONE)
        e = rebuild_run(&r, out);
    out->entries = r.tree.size;
    out->added = r.added;

    result_free(r.portion);
    if (r.session != NULL)
        session_close(r.session); /* whatever is not committed is undone */
    for (size_t i = 0; i < r.n_heads; i++)
        buf_free(&r.heads[i].note);
    if (r.has_mirror)
        mirror_close(&r.mirror);
    log_key_close(&r.key);
    return e;
}
