/* /accounts for operators: every account, searched, suspended, resumed and closed. */
#include "handlers.h"
#include "page.h"
#include "query_text.h"

static const char no_account[] = "There is no such account.";
static const char *const states[] = {"active", "suspended", "closed", NULL};

enum { QUERY_MAX = 128 }; /* bytes of what is searched for */

static void page_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct id last;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    last = db_is_null(r, 0, 3) ? (struct id){{0}} : db_get_id(r, 0, 3);
    call_reply_page(c, db_get_text(r, 0, 0), db_get_bool(r, 0, 1), db_get_i64(r, 0, 2), &last);
}

/* false: the call has been answered. */
static bool take_state(struct call *c, struct db_param *out)
{
    struct view v;

    *out = db_null();
    if (!call_query(c, "state", &v))
        return true;
    for (unsigned i = 0; states[i] != NULL; i++)
        if (view_eq(v, view_str(states[i]))) {
            *out = db_bytes(view_str(states[i]));
            return true;
        }
    call_fail(c, 400, "invalid_parameter", "This is active, suspended or closed.", "state");
    return false;
}

void handle_account_list(struct call *c)
{
    struct db_param p[5] = {db_null()};
    struct page page;
    struct view v;
    struct buf q;

    if (!take_state(c, &p[1]) || !call_page(c, &page))
        return;
    p[2] = page_at(&page);
    p[3] = page_id(&page);
    p[4] = db_i64(page.limit);
    buf_init(&q, QUERY_MAX);
    if (call_query(c, "q", &v) && v.len > 0) {
        if (query_text(v, &q) != ERR_NONE) {
            call_fail(c, 400, "invalid_parameter", "This is text of at most 128 bytes.", "q");
            buf_free(&q);
            return;
        }
        p[0] = db_bytes(buf_view(&q));
    }
    db_query(call_db(c), STMT_ACCOUNT_PAGE, p, 5, 0, page_cb, c);
    buf_free(&q);
}

static void account_cb(void *cookie, enum err e, const struct db_result *r)
{
    call_reply_found(cookie, e, r, no_account);
}

static void get_account(struct call *c)
{
    const struct db_param p[] = {db_id(&c->made_id)};

    db_query(call_db(c), STMT_ACCOUNT_GET, p, 1, 0, account_cb, c);
}

void handle_account_get(struct call *c)
{
    if (call_segment_id(c, &c->made_id, no_account))
        get_account(c);
}

static void state_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct view outcome;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    outcome = db_get_text(r, 0, 0);
    if (view_eq(outcome, VIEW_LIT("unknown")))
        call_fail(c, 404, "not_found", no_account, NULL);
    else if (view_eq(outcome, VIEW_LIT("operator")))
        call_fail(c, 409, "operator_account", "The operator's own account stays active.", NULL);
    else if (view_eq(outcome, VIEW_LIT("closed")))
        call_fail(c, 409, "account_closed", "What is closed stays closed.", NULL);
    else
        get_account(c);
}

enum { STATE, REASON, ACCOUNT_FIELDS };
static const struct field account_fields[] = {
    [STATE] = {"state", FIELD_NAME, true, false, 0, states},
    [REASON] = {"reason", FIELD_TEXT, false, true, 256, NULL},
};

void handle_account_patch(struct call *c)
{
    struct value v[ACCOUNT_FIELDS];

    if (!call_segment_id(c, &c->made_id, no_account) || !call_body(c, account_fields, ACCOUNT_FIELDS, v))
        return;
    if (v[STATE].number != 0 && v[REASON].state != VALUE_SET) {
        call_fail(c, 400, "missing_parameter", "Say why.", "reason");
        return;
    }
    const struct db_param p[] = {db_id(&c->made_id), db_bytes(view_str(states[v[STATE].number])),
                                 v[REASON].state == VALUE_SET ? db_bytes(view_str(v[REASON].text))
                                                              : db_null()};
    db_query(call_db(c), STMT_ACCOUNT_STATE, p, 3, 0, state_cb, c);
}
