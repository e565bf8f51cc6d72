/* The log as JSON, and what an operator adds to it: /attestation/transparency..., /releases. */
#include "handlers.h"
#include "manifest.h"
#include "prove.h"

enum {
    LIST_MAX = 100,
    ANSWER_MAX = 256 << 10, /* bytes: a statement of 32 KiB, its proof, a head; or 100 entries */
};
#define JSON_TYPE VIEW_LIT("application/json")

static void reply(struct call *c, enum err e, struct buf *out)
{
    if (e == ERR_NONE)
        call_reply_public(c, JSON_TYPE, false, buf_view(out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(out);
}

/* The members every answer has in common: whose log, how large, its root, the signed checkpoint. */
static enum err head_append(const struct call *c, uint64_t size, struct view root, struct view note,
                            struct buf *out)
{
    const struct note_key *key = translog_key(call_log(c));
    char hex[65];
    enum err e;

    hex_encode(root.ptr, 32, hex);
    e = buf_append(out, VIEW_LIT("\"origin\":"));
    if (e == ERR_NONE)
        e = buf_append_json_string(out, view_str(key->name));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"verifier_key\":\""));
    if (e == ERR_NONE)
        e = note_key_text(key, out);
    if (e == ERR_NONE)
        e = buf_appendf(out, "\",\"tree_size\":%llu,\"root_hash\":\"%s\",\"checkpoint\":",
                        (unsigned long long)size, hex);
    return e == ERR_NONE ? buf_append_json_string(out, note) : e;
}

static enum err path_append(const struct tlog_proof *p, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("\"proof\":["));
    char hex[65];

    for (size_t i = 0; i < p->n && e == ERR_NONE; i++) {
        hex_encode(p->hashes[i].b, 32, hex);
        e = buf_appendf(out, "%s\"%s\"", i == 0 ? "" : ",", hex);
    }
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}

static bool head_here(struct call *c, enum err e, const struct db_result *r)
{
    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (db_rows(r) == 0)
        call_fail(c, 404, "log_empty", "Nothing has been logged yet.", NULL);
    else
        return true;
    return false;
}

/* --- the head, and the list --- */

static enum err head_of(const struct call *c, const struct db_result *r, struct buf *out)
{
    enum err e = buf_append_byte(out, '{');

    if (e == ERR_NONE && db_get_text(r, 0, 1).len != 32)
        e = ERR_DB;
    return e == ERR_NONE ? head_append(c, (uint64_t)db_get_i64(r, 0, 0), db_get_text(r, 0, 1),
                                       db_get_text(r, 0, 2), out)
                         : e;
}

static void head_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct buf out;

    if (!head_here(c, e, r))
        return;
    buf_init(&out, ANSWER_MAX);
    e = head_of(c, r, &out);
    if (e == ERR_NONE)
        e = buf_append_byte(&out, '}');
    reply(c, e, &out);
}

void handle_log_head(struct call *c)
{
    db_query(call_db(c), STMT_LOG_HEAD, NULL, 0, 0, head_cb, c);
}

static void list_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct buf out;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    buf_init(&out, ANSWER_MAX);
    e = buf_append(&out, buf_view(&c->body)); /* the head waits there */
    if (e == ERR_NONE)
        e = buf_append(&out, VIEW_LIT(",\"entries\":"));
    if (e == ERR_NONE)
        e = buf_append(&out, db_get_text(r, 0, 0));
    if (e == ERR_NONE)
        e = buf_append_byte(&out, '}');
    reply(c, e, &out);
}

static void list_head_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct db_param p[2] = {db_null(), db_i64(LIST_MAX)};

    if (!head_here(c, e, r))
        return;
    buf_reset(&c->body);
    e = head_of(c, r, &c->body);
    if (e != ERR_NONE) {
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
        return;
    }
    if (c->target_ok)
        p[0] = db_i64(c->amount_nusd);
    db_query(call_db(c), STMT_LOG_LIST, p, 2, 0, list_cb, c);
}

/* A number of entries from the query string; false: the call has been answered. */
static bool query_count(struct call *c, const char *name, bool *given, uint64_t *out)
{
    struct view v;

    *given = call_query(c, name, &v);
    if (!*given || (view_u64(v, out) && *out <= INT64_MAX))
        return true;
    call_fail(c, 400, "invalid_value", "This must be a number of entries.", NULL);
    return false;
}

void handle_log_list(struct call *c)
{
    uint64_t before = 0;

    if (!query_count(c, "before", &c->target_ok, &before))
        return;
    c->amount_nusd = (int64_t)before;
    db_query(call_db(c), STMT_LOG_HEAD, NULL, 0, 0, list_head_cb, c);
}

/* --- proofs --- */

static bool proof_here(struct call *c, enum err e)
{
    if (e == ERR_NOT_FOUND)
        call_fail(c, 404, "not_logged", "The log has no such entry or size.", NULL);
    else if (e != ERR_NONE)
        call_fail_db(c, e);
    else
        return true;
    return false;
}

static void entry_cb(void *cookie, enum err e, const struct proved *p)
{
    struct call *c = cookie;
    struct buf out;
    char leaf[65];

    if (!proof_here(c, e))
        return;
    buf_init(&out, ANSWER_MAX);
    hex_encode(p->leaf.b, 32, leaf);
    e = buf_appendf(&out,
                    "{\"index\":%llu,\"kind\":\"%.*s\",\"logged_at\":\"%.*s\","
                    "\"leaf_hash\":\"%s\",\"statement\":",
                    (unsigned long long)p->index, (int)p->kind.len, (const char *)p->kind.ptr,
                    (int)p->created.len, (const char *)p->created.ptr, leaf);
    if (e == ERR_NONE)
        e = buf_append(&out, p->statement); /* canonical JSON: its exact bytes are what is hashed */
    if (e == ERR_NONE)
        e = buf_append_byte(&out, ',');
    if (e == ERR_NONE)
        e = path_append(&p->path, &out);
    if (e == ERR_NONE)
        e = buf_append_byte(&out, ',');
    if (e == ERR_NONE)
        e = head_append(c, p->size, view_of(p->root.b, 32), p->note, &out);
    if (e == ERR_NONE)
        e = buf_append_byte(&out, '}');
    reply(c, e, &out);
}

void handle_log_entry(struct call *c)
{
    uint64_t index;

    if (!view_u64(c->segment, &index))
        call_fail(c, 404, "not_logged", "The log has no such entry.", NULL);
    else
        prove_inclusion(call_log(c), index, entry_cb, c);
}

static void consistency_cb(void *cookie, enum err e, const struct proved *p)
{
    struct call *c = cookie;
    struct buf out;

    if (!proof_here(c, e))
        return;
    buf_init(&out, ANSWER_MAX);
    e = buf_appendf(&out, "{\"from\":%llu,", (unsigned long long)p->index);
    if (e == ERR_NONE)
        e = path_append(&p->path, &out);
    if (e == ERR_NONE)
        e = buf_append_byte(&out, ',');
    if (e == ERR_NONE)
        e = head_append(c, p->size, view_of(p->root.b, 32), p->note, &out);
    if (e == ERR_NONE)
        e = buf_append_byte(&out, '}');
    reply(c, e, &out);
}

void handle_log_consistency(struct call *c)
{
    uint64_t from = 0;
    bool given;

    if (!query_count(c, "from", &given, &from))
        return;
    prove_consistency(call_log(c), from, consistency_cb, c);
}

/* --- a release --- */

static void release_cb(void *cookie, enum err e, uint64_t index)
{
    struct call *c = cookie;
    struct buf out;

    if (e != ERR_NONE) {
        if (e == ERR_CONFLICT)
            call_fail(c, 409, "log_rewound", "The database is not the log that was signed.", NULL);
        else
            call_fail_db(c, e);
        return;
    }
    buf_init(&out, 64);
    e = buf_appendf(&out, "{\"index\":%llu}", (unsigned long long)index);
    if (e == ERR_NONE)
        call_reply_data(c, 200, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}

/* The body is release.json, byte for byte: what is logged is what was signed. */
void handle_log_release(struct call *c)
{
    struct manifest m;
    struct digest32 subject;

    if (manifest_parse(buf_view(&c->body), &m) != ERR_NONE) {
        call_fail(c, 400, "invalid_release", "This is no release manifest in canonical JSON.",
                  NULL);
        return;
    }
    digest_sha256(buf_view(&c->body), &subject);
    translog_append(call_log(c), TRANSLOG_RELEASE, &subject, buf_view(&c->body), release_cb, c);
}
