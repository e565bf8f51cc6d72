/* /members and /invitations: who belongs to the organisation, and who is asked to. Nobody gives or takes away a role
 * that allows more than their own. */
#include "email.h"
#include "handlers.h"
#include "key_text.h"
#include "page.h"

enum {
    INVITATION_S = 7 * 86400,
    ROLE_NAMES = ROLE_VIEWER - ROLE_OWNER + 1,
};
static const char no_member[] = "There is no such member.";
static const char no_invitation[] = "There is no such invitation, or it has ended.";

/* A role of this name in the organisation acted on. */
static enum role role_here(const struct call *c, const char *name)
{
    return role_of_member(view_str(name), c->operators);
}

/* The roles that the caller may give, as an array to bind; 512 bytes are more than all of them take. */
static struct db_param grantable(const struct call *c, struct buf *out)
{
    size_t n = 0;
    enum err e;

    for (unsigned i = 0; i < ROLE_NAMES; i++)
        n += role_grants(c->role, role_here(c, role_members[i]));
    buf_init(out, 512);
    e = db_array_begin(out, DB_ELEMENT_TEXT, n);
    for (unsigned i = 0; i < ROLE_NAMES && e == ERR_NONE; i++)
        if (role_grants(c->role, role_here(c, role_members[i])))
            e = db_array_put(out, view_str(role_members[i]));
    return e == ERR_NONE ? db_bytes(buf_view(out)) : db_bytes(view_of(NULL, 0));
}

/* The outcome of a change. true: it is not ok, and the call has been answered. */
static bool refused(struct call *c, enum err e, const struct db_result *r, const char *missing)
{
    struct view outcome;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return true;
    }
    outcome = db_get_text(r, 0, 0);
    if (view_eq(outcome, VIEW_LIT("unknown")))
        call_fail(c, 404, "not_found", missing, NULL);
    else if (view_eq(outcome, VIEW_LIT("above")))
        call_fail(c, 403, "insufficient_role", "This role may do more than yours.", "role");
    else if (view_eq(outcome, VIEW_LIT("last_owner")))
        call_fail(c, 409, "last_owner", "The organisation keeps an owner: make another one first.", NULL);
    else if (view_eq(outcome, VIEW_LIT("member")))
        call_fail(c, 409, "already_member", "This user is a member.", "email");
    else if (view_eq(outcome, VIEW_LIT("limit")))
        call_fail(c, 409, "too_many_invitations", "A hundred invitations are open.", NULL);
    else
        return false;
    return true;
}

/* --- members */

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

void handle_member_list(struct call *c)
{
    struct page page;

    if (!call_page(c, &page))
        return;
    const struct db_param p[] = {db_id(&c->organisation), page_at(&page), page_id(&page),
                                 db_i64(page.limit)};
    db_query(call_db(c), STMT_MEMBER_PAGE, p, 4, 0, page_cb, c);
}

static void member_cb(void *cookie, enum err e, const struct db_result *r)
{
    call_reply_found(cookie, e, r, no_member);
}

static void get_member(struct call *c)
{
    const struct db_param p[] = {db_id(&c->organisation), db_id(&c->made_id)};

    db_query(call_db(c), STMT_MEMBER_GET, p, 2, 0, member_cb, c);
}

void handle_member_get(struct call *c)
{
    if (call_segment_id(c, &c->made_id, no_member))
        get_member(c);
}

static void member_changed_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (!refused(c, e, r, no_member))
        get_member(c);
}

/* role_members has its NULL at the end, as a field's names must. */
static const struct field role_field[] = {{"role", FIELD_NAME, true, false, 0, role_members}};

void handle_member_patch(struct call *c)
{
    struct value v[1];
    struct buf roles;

    if (!call_segment_id(c, &c->made_id, no_member) || !call_body(c, role_field, 1, v))
        return;
    const struct db_param p[] = {db_id(&c->organisation), db_id(&c->made_id),
                                 db_bytes(view_str(role_members[v[0].number])), grantable(c, &roles)};
    db_query(call_db(c), STMT_MEMBER_CHANGE, p, 4, 0, member_changed_cb, c);
    buf_free(&roles);
}

static void member_gone_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (!refused(c, e, r, no_member))
        call_reply(c, 200, VIEW_LIT("{\"deleted\":true}"));
}

void handle_member_delete(struct call *c)
{
    struct buf roles;

    if (!call_segment_id(c, &c->made_id, no_member))
        return;
    const struct db_param p[] = {db_id(&c->organisation), db_id(&c->made_id), grantable(c, &roles)};
    db_query(call_db(c), STMT_MEMBER_REMOVE, p, 3, 0, member_gone_cb, c);
    buf_free(&roles);
}

/* Everybody may leave, whatever their role; an operator who acts on another's account is no member of it. */
void handle_member_leave(struct call *c)
{
    const struct db_param p[] = {db_id(&c->organisation), db_id(&c->user), db_null()};

    db_query(call_db(c), STMT_MEMBER_REMOVE, p, 3, 0, member_gone_cb, c);
}

/* --- invitations */

static void invitation_cb(void *cookie, enum err e, const struct db_result *r)
{
    call_reply_found(cookie, e, r, no_invitation);
}

void handle_invitation_list(struct call *c)
{
    const struct db_param p[] = {db_id(&c->organisation)};

    db_query(call_db(c), STMT_INVITATION_LIST, p, 1, 0, invitation_cb, c);
}

void handle_invitation_get(struct call *c)
{
    struct id which;

    if (!call_segment_id(c, &which, no_invitation))
        return;
    const struct db_param p[] = {db_id(&c->organisation), db_id(&which)};
    db_query(call_db(c), STMT_INVITATION_GET, p, 2, 0, invitation_cb, c);
}

static void revoked_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (db_rows(r) == 0)
        call_fail(c, 404, "not_found", no_invitation, NULL);
    else
        call_reply(c, 200, VIEW_LIT("{\"deleted\":true}"));
}

void handle_invitation_delete(struct call *c)
{
    struct id which;

    if (!call_segment_id(c, &which, no_invitation))
        return;
    const struct db_param p[] = {db_id(&c->organisation), db_id(&which)};
    db_query(call_db(c), STMT_INVITATION_REVOKE, p, 2, 0, revoked_cb, c);
}

/* The invitation, and beside it the token, which is shown never again: the member who invites passes it on. */
static void invited_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct buf out;

    if (refused(c, e, r, no_invitation))
        return;
    buf_init(&out, 4096);
    e = buf_append(&out, VIEW_LIT("{\"data\":"));
    if (e == ERR_NONE)
        e = buf_append(&out, db_get_text(r, 0, 1));
    if (e == ERR_NONE)
        e = buf_appendf(&out, ",\"invitation\":\"%s\"}", c->made.text);
    if (e == ERR_NONE)
        call_reply(c, 201, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}

enum { EMAIL, INVITED_ROLE, INVITATION_FIELDS };
static const struct field invitation_fields[] = {
    [EMAIL] = {"email", FIELD_TEXT, true, false, EMAIL_MAX, NULL},
    [INVITED_ROLE] = {"role", FIELD_NAME, true, false, 0, role_members},
};

void handle_invitation_create(struct call *c)
{
    struct value v[INVITATION_FIELDS];
    struct digest32 digest;
    const char *fault, *role;

    if (!call_body(c, invitation_fields, INVITATION_FIELDS, v))
        return;
    fault = email_fault(view_str(v[EMAIL].text));
    role = role_members[v[INVITED_ROLE].number];
    if (fault != NULL) {
        call_fail(c, 400, "invalid_parameter", fault, "email");
        return;
    }
    if (!role_grants(c->role, role_here(c, role))) {
        call_fail(c, 403, "insufficient_role", "This role may do more than yours.", "role");
        return;
    }
    key_text_new(KEY_INVITATION_PREFIX, c->made.text);
    digest_sha256(view_str(c->made.text), &digest);
    c->made_id = id_new();
    const struct db_param p[] = {
        db_id(&c->organisation),
        db_id(&c->made_id),
        db_bytes(view_str(v[EMAIL].text)),
        db_bytes(view_str(role)),
        db_bytes(view_of(digest.b, sizeof digest.b)),
        id_is_zero(&c->user) ? db_null() : db_id(&c->user),
        db_i64(INVITATION_S * INT64_C(1000)),
    };
    db_query(call_db(c), STMT_INVITATION_CREATE, p, sizeof p / sizeof p[0], 0, invited_cb, c);
}
