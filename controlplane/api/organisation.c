/* /organisation and /workspaces: the caller's organisation and its workspaces, in OpenRouter's members. */
#include "handlers.h"
#include "page.h"

static const char no_workspace[] = "There is no such workspace.";
static const char no_organisation[] = "There is no such organisation.";

/* A key of a workspace sees that one, a member or an operator all of the organisation. */
static struct db_param only(const struct call *c)
{
    return id_is_zero(&c->user) && !role_operates(c->role) ? db_id(&c->account) : db_null();
}

/* --- the organisation */

static void organisation_cb(void *cookie, enum err e, const struct db_result *r)
{
    call_reply_found(cookie, e, r, no_organisation);
}

void handle_organisation_get(struct call *c)
{
    const struct db_param p[] = {db_id(&c->organisation)};

    db_query(call_db(c), STMT_ORGANISATION_GET, p, 1, 0, organisation_cb, c);
}

static void renamed_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (db_rows(r) == 0)
        call_fail(c, 404, "not_found", no_organisation, NULL);
    else
        handle_organisation_get(c);
}

void handle_organisation_patch(struct call *c)
{
    static const struct field fields[] = {{"name", FIELD_TEXT, true, false, 128, NULL}};
    struct value v[1];

    if (!call_body(c, fields, 1, v))
        return;
    const struct db_param p[] = {db_id(&c->organisation), db_bytes(view_str(v[0].text))};
    db_query(call_db(c), STMT_ORGANISATION_NAME, p, 2, 0, renamed_cb, c);
}

static void closed_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct view outcome;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    outcome = db_get_text(r, 0, 0);
    if (view_eq(outcome, VIEW_LIT("operator")))
        call_fail(c, 409, "operator_account", "The operator's organisation is not closed.", NULL);
    else if (view_eq(outcome, VIEW_LIT("unknown")))
        call_fail(c, 404, "not_found", no_organisation, NULL);
    else
        call_reply(c, 200, VIEW_LIT("{\"deleted\":true}"));
}

void handle_organisation_delete(struct call *c)
{
    const struct db_param p[] = {db_id(&c->organisation)};

    db_query(call_db(c), STMT_ORGANISATION_CLOSE, p, 1, 0, closed_cb, c);
}

/* --- workspaces */

static void workspaces_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else
        call_reply(c, 200, db_get_text(r, 0, 0));
}

void handle_workspace_list(struct call *c)
{
    struct page page;
    struct view v;
    uint64_t offset = 0;

    if (!call_page(c, &page))
        return;
    if (call_query(c, "offset", &v) && (!view_u64(v, &offset) || offset > INT32_MAX)) {
        call_fail(c, 400, "invalid_parameter", "This must be a whole number.", "offset");
        return;
    }
    const struct db_param p[] = {db_id(&c->organisation), only(c), db_i64(page.limit),
                                 db_i64((int64_t)offset)};
    db_query(call_db(c), STMT_WORKSPACE_LIST, p, 4, 0, workspaces_cb, c);
}

static void workspace_cb(void *cookie, enum err e, const struct db_result *r)
{
    call_reply_found(cookie, e, r, no_workspace);
}

static void get_workspace(struct call *c)
{
    const struct db_param p[] = {db_id(&c->organisation), only(c), db_id(&c->made_id)};

    db_query(call_db(c), STMT_WORKSPACE_GET, p, 3, 0, workspace_cb, c);
}

void handle_workspace_get(struct call *c)
{
    if (call_segment_id(c, &c->made_id, no_workspace))
        get_workspace(c);
}

/* true: the outcome is not ok, and the call has been answered. */
static bool refused(struct call *c, enum err e, const struct db_result *r)
{
    struct view outcome;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return true;
    }
    outcome = db_get_text(r, 0, 0);
    if (view_eq(outcome, VIEW_LIT("unknown")))
        call_fail(c, 404, "not_found", no_workspace, NULL);
    else if (view_eq(outcome, VIEW_LIT("slug")))
        call_fail(c, 409, "slug_taken", "Another workspace of the organisation has this slug.", "slug");
    else if (view_eq(outcome, VIEW_LIT("limit")))
        call_fail(c, 409, "too_many_workspaces", "An organisation has at most 100 workspaces.", NULL);
    else if (view_eq(outcome, VIEW_LIT("last")))
        call_fail(c, 409, "last_workspace", "An organisation keeps one workspace.", NULL);
    else if (view_eq(outcome, VIEW_LIT("credit")))
        call_fail(c, 409, "workspace_has_credit", "The workspace has credit: move it first.", NULL);
    else if (view_eq(outcome, VIEW_LIT("owes")))
        call_fail(c, 409, "workspace_owes", "The workspace owes: buy credits first.", NULL);
    else if (view_eq(outcome, VIEW_LIT("payment")))
        call_fail(c, 409, "payment_under_way", "A payment of the workspace is not over: wait for its end.", NULL);
    else if (view_eq(outcome, VIEW_LIT("operator")))
        call_fail(c, 409, "operator_account", "The operator's own account stays active.", NULL);
    else
        return false;
    return true;
}

enum { TITLE, SLUG, DESCRIPTION, WORKSPACE_FIELDS };
#define WORKSPACE_FIELD_LIST(required)                                                             \
    [TITLE] = {"name", FIELD_TEXT, required, false, 128, NULL},                                    \
    [SLUG] = {"slug", FIELD_PLAIN, required, false, 64, NULL},                                     \
    [DESCRIPTION] = {"description", FIELD_TEXT, false, true, 256, NULL}
static const struct field create_fields[] = {WORKSPACE_FIELD_LIST(true)};
static const struct field patch_fields[] = {WORKSPACE_FIELD_LIST(false)};

/* Lower-case letters, digits and hyphens, and none of these first. */
static bool slug_ok(struct view v)
{
    for (size_t i = 0; i < v.len; i++) {
        uint8_t ch = v.ptr[i];

        if (!(ch >= 'a' && ch <= 'z') && !(ch >= '0' && ch <= '9') && (ch != '-' || i == 0))
            return false;
    }
    return v.len > 0;
}

static bool take_workspace(struct call *c, const struct field *fields, struct value *v)
{
    if (!call_body(c, fields, WORKSPACE_FIELDS, v))
        return false;
    if (v[SLUG].state != VALUE_SET || slug_ok(v[SLUG].plain))
        return true;
    call_fail(c, 400, "invalid_parameter", "This must be lower-case letters, digits and hyphens.", "slug");
    return false;
}

static struct db_param text_or_null(const struct value *v)
{
    return v->state == VALUE_SET ? db_bytes(view_str(v->text)) : db_null();
}

static void created_object_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE || db_rows(r) == 0)
        call_fail_db(c, e == ERR_NONE ? ERR_DB : e);
    else
        call_reply_data(c, 201, db_get_text(r, 0, 0));
}

static void created_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    const struct db_param p[] = {db_id(&c->organisation), db_null(), db_id(&c->made_id)};

    if (!refused(c, e, r))
        db_query(call_db(c), STMT_WORKSPACE_GET, p, 3, 0, created_object_cb, c);
}

void handle_workspace_create(struct call *c)
{
    struct value v[WORKSPACE_FIELDS];

    if (!take_workspace(c, create_fields, v))
        return;
    c->made_id = id_new();
    const struct db_param p[] = {
        db_id(&c->made_id),      db_id(&c->organisation),
        text_or_null(&v[TITLE]), db_bytes(v[SLUG].plain),
        text_or_null(&v[DESCRIPTION]), id_is_zero(&c->user) ? db_null() : db_id(&c->user),
    };
    db_query(call_db(c), STMT_WORKSPACE_CREATE, p, 6, 0, created_cb, c);
}

static void changed_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (!refused(c, e, r))
        get_workspace(c);
}

void handle_workspace_patch(struct call *c)
{
    struct value v[WORKSPACE_FIELDS];

    if (!call_segment_id(c, &c->made_id, no_workspace) || !take_workspace(c, patch_fields, v))
        return;
    const struct db_param p[] = {
        db_id(&c->made_id),
        db_id(&c->organisation),
        text_or_null(&v[TITLE]),
        v[SLUG].state == VALUE_SET ? db_bytes(v[SLUG].plain) : db_null(),
        db_bool(v[DESCRIPTION].state != VALUE_ABSENT),
        text_or_null(&v[DESCRIPTION]),
    };
    db_query(call_db(c), STMT_WORKSPACE_CHANGE, p, 6, 0, changed_cb, c);
}

static void workspace_closed_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (!refused(c, e, r))
        call_reply(c, 200, VIEW_LIT("{\"deleted\":true}"));
}

void handle_workspace_delete(struct call *c)
{
    if (!call_segment_id(c, &c->made_id, no_workspace))
        return;
    const struct db_param p[] = {db_id(&c->made_id), db_id(&c->organisation)};
    db_query(call_db(c), STMT_WORKSPACE_CLOSE, p, 2, 0, workspace_closed_cb, c);
}
