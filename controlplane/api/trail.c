/* /audit, /audit/export, /audit/verify: who changed what (sql/027). */
#include "handlers.h"
#include "page.h"

enum { EXPORT_BYTES_MAX = 1 << 20 }; /* of one answer; at most 2000 entries */

/* Whose chain: of the workspace, of its organisation, or the operator's. */
struct chain {
    struct id account;
    struct view scope;
};

/* false: the call has been answered. */
static bool read_chain(struct call *c, struct chain *out)
{
    *out = (struct chain){c->account, VIEW_LIT("workspace")};
    if (!call_query(c, "scope", &out->scope) || view_eq(out->scope, VIEW_LIT("workspace")))
        return true;
    if (view_eq(out->scope, VIEW_LIT("organisation"))) {
        out->account = c->organisation;
        if (role_may(c->role, PERM_MEMBERS_READ))
            return true;
        call_fail(c, 403, "insufficient_role", "This is for members of the organisation.", "scope");
        return false;
    }
    if (!view_eq(out->scope, VIEW_LIT("operator"))) {
        call_fail(c, 400, "invalid_parameter", "This must be workspace, organisation or operator.",
                  "scope");
        return false;
    }
    out->account = (struct id){{0}};
    if (role_may(c->role, PERM_ACCOUNTS_READ))
        return true;
    call_fail(c, 403, "insufficient_role", "This is the operator's.", "scope");
    return false;
}

static bool read_time(struct call *c, const char *name, struct db_param *out)
{
    struct view v;
    int64_t ms;

    *out = db_null();
    if (!call_query(c, name, &v))
        return true;
    if (call_parse_time(v, &ms) != ERR_NONE) {
        call_fail(c, 400, "invalid_parameter", "This must be a time as in RFC 3339.", name);
        return false;
    }
    *out = db_i64(ms);
    return true;
}

static void list_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else
        call_reply_page(c, db_get_text(r, 0, 0), db_get_bool(r, 0, 1), db_get_i64(r, 0, 2), NULL);
}

/* Lines of JSON, each of them the bytes that its hash is of. */
static void export_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    char cursor[PAGE_CURSOR_LEN + 1];
    const struct web_header next = {VIEW_LIT("x-next-cursor"), view_of(cursor, PAGE_CURSOR_LEN)};

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    page_cursor(c, db_get_i64(r, 0, 2), NULL, cursor);
    call_reply_as(c, 200, VIEW_LIT("application/x-ndjson"), &next, db_get_bool(r, 0, 1) ? 1 : 0,
                  db_get_text(r, 0, 0));
}

static void ask(struct call *c, enum stmt s, bool export, db_cb *cb)
{
    struct chain chain;
    struct page page;
    struct db_param from, until;

    if (!read_chain(c, &chain) || !call_page(c, &page) || !read_time(c, "from", &from) ||
        !read_time(c, "until", &until))
        return;
    const struct db_param p[] = {
        db_id(&chain.account), db_bytes(chain.scope), page_at(&page), from, until,
        db_i64(export ? EXPORT_BYTES_MAX : page.limit),
    };
    db_query(call_db(c), s, p, 6, 0, cb, c);
}

void handle_audit_list(struct call *c)
{
    ask(c, STMT_AUDIT_LIST, false, list_cb);
}

void handle_audit_export(struct call *c)
{
    ask(c, STMT_AUDIT_EXPORT, true, export_cb);
}

static void verify_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else
        call_reply_data(c, 200, db_get_text(r, 0, 0));
}

/* The whole chain, and an entry that the caller noted down: its number and its hash. */
void handle_audit_verify(struct call *c)
{
    struct db_param p[] = {db_null(), db_null(), db_null(), db_null()};
    struct chain chain;
    struct digest32 hash;
    uint64_t seq = 0;
    struct view v, h;
    bool one = call_query(c, "seq", &v), other = call_query(c, "hash", &h);

    if (!read_chain(c, &chain))
        return;
    if (one != other || (one && (!view_u64(v, &seq) || seq > INT64_MAX ||
                                 hex_decode(h, hash.b, sizeof hash.b) != ERR_NONE))) {
        call_fail(c, 400, "invalid_parameter", "Send the number of an entry and its hash.", "seq");
        return;
    }
    p[0] = db_id(&chain.account);
    p[1] = db_bytes(chain.scope);
    if (one) {
        p[2] = db_i64((int64_t)seq);
        p[3] = db_bytes(view_of(hash.b, sizeof hash.b));
    }
    db_query(call_db(c), STMT_AUDIT_VERIFY, p, 4, 0, verify_cb, c);
}
