/* /auth: signing in and out, a user's sessions and password. */
#include "caller.h"
#include "ceremony.h"

static void give_text(char *out, size_t size, const struct value *v)
{
    size_t len = strlen(v->text);

    if (v->state == VALUE_SET && len < size)
        memcpy(out, v->text, len + 1);
}

/* --- signing in */

enum { EMAIL, PASSWORD, TOKEN, LOGIN_FIELDS };
static const struct field login_fields[] = {
    [EMAIL] = {"email", FIELD_TEXT, true, false, EMAIL_MAX, NULL},
    [PASSWORD] = {"password", FIELD_SECRET, true, false, 0, NULL},
    [TOKEN] = {"token", FIELD_BOOL, false, false, 0, NULL},
};

static void logged_in_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (!db_get_bool(r, 0, 0))
        (void)sign_in_failed(c, ERR_AUTH);
    else
        session_reply(c, 200);
}

static void compared_cb(void *cookie, enum err e, const char *secret)
{
    struct call *c = cookie;
    struct sign_in *s = c->own;

    (void)secret;
    if (sign_in_failed(c, e))
        return;
    session_make(c);
    const struct db_param p[] = {db_id(&c->made_id),
                                 db_bytes(view_of(c->made.digest, sizeof c->made.digest)),
                                 db_id(&s->user),
                                 db_bytes(view_str(s->secret)),
                                 db_i64(SESSION_S * INT64_C(1000)),
                                 db_i64(SESSION_IDLE_S * INT64_C(1000)),
                                 sign_in_address(c)};
    db_query(call_db(c), STMT_LOGIN_DONE, p, 7, 0, logged_in_cb, c);
}

/* Whether anybody has this address changes nothing from here on but the outcome. */
static void login_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct sign_in *s = c->own;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
    } else if (!sign_in_throttled(c, r)) {
        s->user = db_get_id(r, 0, 1);
        sign_in_keep(s, r, 2);
        sign_in_work(c, true, view_of(NULL, 0), compared_cb);
    }
}

void handle_login(struct call *c)
{
    struct value v[LOGIN_FIELDS];
    struct sign_in *s;

    if (sign_in_forged(c) || !call_body(c, login_fields, LOGIN_FIELDS, v))
        return;
    s = sign_in_new(c);
    if (s != NULL) {
        give_text(s->email, sizeof s->email, &v[EMAIL]);
        memcpy(s->given, v[PASSWORD].text, s->given_len = (size_t)v[PASSWORD].number);
        s->token = v[TOKEN].number != 0;
        const struct db_param p[] = {db_bytes(view_str(s->email)), sign_in_address(c)};
        db_query(call_db(c), STMT_LOGIN_BEGIN, p, 2, 0, login_cb, c);
    }
    secret_wipe(v, sizeof v);
}

/* --- sessions */

static void ended_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
    } else if (db_rows(r) == 0) {
        call_fail(c, 404, "not_found", "There is no such session.", NULL);
    } else {
        if (c->count != 0)
            caller_set_cookie(c, NULL, 0);
        call_reply(c, 200, VIEW_LIT("{\"deleted\":true}"));
    }
}

/* own: the caller's is (or is among) what ends, so that the cookie goes, too. */
static void end_session(struct call *c, struct db_param which, bool own)
{
    const struct db_param p[] = {db_id(&c->user), which};

    c->count = own;
    db_query(call_db(c), STMT_SESSION_END, p, 2, 0, ended_cb, c);
}

void handle_logout(struct call *c)
{
    end_session(c, db_id(&c->session), true);
}

void handle_session_delete_all(struct call *c)
{
    end_session(c, db_null(), true);
}

void handle_session_delete(struct call *c)
{
    struct id which;

    if (call_segment_id(c, &which, "There is no such session."))
        end_session(c, db_id(&which), id_eq(&which, &c->session));
}

static void sessions_cb(void *cookie, enum err e, const struct db_result *r)
{
    call_reply_found(cookie, e, r, "There is no such user.");
}

void handle_session_list(struct call *c)
{
    const struct db_param p[] = {db_id(&c->user), db_id(&c->session)};

    db_query(call_db(c), STMT_SESSION_LIST, p, 2, 0, sessions_cb, c);
}

static enum err append_id(struct buf *out, const char *name, const struct id *id)
{
    char text[ID_TEXT_LEN + 1];

    if (id_is_zero(id))
        return buf_appendf(out, ",\"%s\":null", name);
    id_text(id, text);
    return buf_appendf(out, ",\"%s\":\"%.8s-%.4s-%.4s-%.4s-%.12s\"", name, text, text + 8, text + 12,
                       text + 16, text + 20);
}

/* What the caller's role allows, for a page that shows no button that would be refused. */
static enum err append_role(struct buf *out, const struct call *c)
{
    enum err e = buf_appendf(out, ",\"role\":\"%s\",\"permissions\":[", role_name(c->role));
    const char *comma = "";

    for (enum permission p = PERM_SELF; p < PERMISSIONS && e == ERR_NONE; p++)
        if (role_may(c->role, p)) {
            e = buf_appendf(out, "%s\"%s\"", comma, permission_name(p));
            comma = ",";
        }
    return e == ERR_NONE ? buf_append_byte(out, ']') : e;
}

static enum err word_shown(struct call *c, const struct db_result *r, struct buf *out)
{
    static const char *const parts[] = {"{\"user\":", ",\"session\":", ",\"workspaces\":"};
    char csrf[65];
    enum err e = ERR_NONE;

    for (unsigned i = 0; i < 3 && e == ERR_NONE; i++) {
        e = buf_append(out, view_str(parts[i]));
        if (e == ERR_NONE)
            e = buf_append(out, db_get_text(r, 0, i));
    }
    hex_encode(c->csrf.b, sizeof c->csrf.b, csrf);
    if (e == ERR_NONE)
        e = append_role(out, c);
    if (e == ERR_NONE)
        e = append_id(out, "organization_id", &c->organisation);
    if (e == ERR_NONE)
        e = append_id(out, "workspace_id", &c->account);
    return e == ERR_NONE ? buf_appendf(out, ",\"csrf_token\":\"%s\"}", csrf) : e;
}

static void shown_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct buf out;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    buf_init(&out, 256 << 10);
    if (db_rows(r) == 0) /* it has ended since it was looked up */
        call_fail(c, 401, "invalid_session", "The session is not known, or it has ended.", NULL);
    else if (word_shown(c, r, &out) == ERR_NONE)
        call_reply_data(c, 200, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}

void handle_session(struct call *c)
{
    const struct db_param p[] = {db_id(&c->user), db_id(&c->session)};

    db_query(call_db(c), STMT_SESSION_SHOW, p, 2, 0, shown_cb, c);
}

/* --- another password */

enum { CURRENT, NEW, PASSWORD_FIELDS };
static const struct field password_fields[] = {
    [CURRENT] = {"current_password", FIELD_SECRET, false, true, 0, NULL},
    [NEW] = {"new_password", FIELD_SECRET, true, false, 0, NULL},
};

static void changed_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (view_eq(db_get_text(r, 0, 0), VIEW_LIT("changed")))
        call_fail(c, 409, "conflict", "The password was changed meanwhile.", NULL);
    else if (!ceremony_refused(c, db_get_text(r, 0, 0)))
        call_reply_data(c, 200, VIEW_LIT("{\"changed\":true}"));
}

static void renewed_cb(void *cookie, enum err e, const char *secret)
{
    struct call *c = cookie;
    struct sign_in *s = c->own;

    if (c->from != NULL && e == ERR_AUTH) {
        call_fail(c, 403, "invalid_password", "The current password is wrong.", "current_password");
        return;
    }
    if (sign_in_failed(c, e))
        return;
    const struct db_param change[] = {db_id(&c->user), db_id(&c->session), db_bytes(view_str(s->secret)),
                                      db_bytes(view_str(secret))};
    const struct db_param add[] = {db_id(&c->user), db_id(&c->session), db_bytes(view_str(secret))};

    if (s->has_secret)
        db_query(call_db(c), STMT_PASSWORD_CHANGE, change, 4, 0, changed_cb, c);
    else
        db_query(call_db(c), STMT_PASSWORD_ADD, add, 3, 0, changed_cb, c);
}

static void password_begun_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct sign_in *s = c->own;
    struct view fresh = view_of(s->fresh, s->fresh_len);
    const char *fault;

    if (e != ERR_NONE || db_rows(r) == 0) {
        call_fail_db(c, e == ERR_NONE ? ERR_DB : e);
        return;
    }
    if (sign_in_throttled(c, r))
        return;
    fault = password_fault(fresh, db_get_text(r, 0, 2));
    if (fault != NULL) {
        call_fail(c, 400, "invalid_parameter", fault, "new_password");
        return;
    }
    sign_in_keep(s, r, 1);
    sign_in_work(c, s->has_secret, fresh, renewed_cb);
}

/* A person who finds a page open still needs the password to change it. A user who has none has signed in just now. */
void handle_password(struct call *c)
{
    struct value v[PASSWORD_FIELDS];
    struct sign_in *s;

    if (!call_body(c, password_fields, PASSWORD_FIELDS, v))
        return;
    s = sign_in_new(c);
    if (s != NULL) {
        const struct db_param p[] = {db_id(&c->user)};

        if (v[CURRENT].state == VALUE_SET)
            memcpy(s->given, v[CURRENT].text, s->given_len = (size_t)v[CURRENT].number);
        memcpy(s->fresh, v[NEW].text, s->fresh_len = (size_t)v[NEW].number);
        db_query(call_pool(c), STMT_PASSWORD_BEGIN, p, 1, 0, password_begun_cb, c);
    }
    secret_wipe(v, sizeof v);
}
