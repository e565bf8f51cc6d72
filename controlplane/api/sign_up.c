/* /auth/signup and /invitations/accept: who is not a user yet becomes one. */
#include "key_text.h"
#include "session_start.h"

enum { EMAIL, PASSWORD, TITLE, ORGANISATION, TOKEN, SIGN_UP_FIELDS };
static const struct field sign_up_fields[] = {
    [EMAIL] = {"email", FIELD_TEXT, true, false, EMAIL_MAX, NULL},
    [PASSWORD] = {"password", FIELD_SECRET, true, false, 0, NULL},
    [TITLE] = {"name", FIELD_TEXT, false, true, 128, NULL},
    [ORGANISATION] = {"organization_name", FIELD_TEXT, false, true, 128, NULL},
    [TOKEN] = {"token", FIELD_BOOL, false, false, 0, NULL},
};

static void take_text(char *out, const struct value *v)
{
    if (v->state == VALUE_SET)
        memcpy(out, v->text, strlen(v->text) + 1);
}

static struct db_param text_or_null(const char *text)
{
    return text[0] == '\0' ? db_null() : db_bytes(view_str(text));
}

/* --- sign-up */

static void signed_up_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (view_eq(db_get_text(r, 0, 0), VIEW_LIT("taken")))
        call_fail(c, 409, "email_taken", "A user has this e-mail address.", "email");
    else
        session_reply(c, 201);
}

static void hashed_cb(void *cookie, enum err e, const char *secret)
{
    struct call *c = cookie;
    struct sign_in *s = c->own;
    struct id organisation = id_new(), account = id_new();

    if (sign_in_failed(c, e))
        return;
    session_make(c);
    s->user = id_new();
    const struct db_param p[] = {
        db_id(&s->user),
        db_bytes(view_str(s->email)),
        text_or_null(s->name),
        db_bytes(view_str(secret)),
        db_id(&organisation),
        db_bytes(s->organisation_name[0] == '\0' ? VIEW_LIT("Personal") : view_str(s->organisation_name)),
        db_id(&account),
        db_id(&c->made_id),
        db_bytes(view_of(c->made.digest, sizeof c->made.digest)),
        db_i64(SESSION_S * INT64_C(1000)),
        db_i64(SESSION_IDLE_S * INT64_C(1000)),
    };
    db_query(call_db(c), STMT_SIGN_UP, p, sizeof p / sizeof p[0], 0, signed_up_cb, c);
}

static void sign_up_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct sign_in *s = c->own;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (sign_in_throttled(c, r))
        return;
    else if (!db_is_null(r, 0, 1))
        call_fail(c, 409, "email_taken", "A user has this e-mail address.", "email");
    else
        sign_in_work(c, false, view_of(s->given, s->given_len), hashed_cb);
}

static void sign_up(struct call *c, const struct value *v)
{
    struct view email = view_str(v[EMAIL].text);
    const char *fault = email_fault(email), *param = "email";
    struct sign_in *s;

    if (fault == NULL) {
        fault = password_fault(view_of(v[PASSWORD].text, (size_t)v[PASSWORD].number), email);
        param = "password";
    }
    if (fault != NULL) {
        call_fail(c, 400, "invalid_parameter", fault, param);
        return;
    }
    s = sign_in_new(c);
    if (s == NULL)
        return;
    take_text(s->email, &v[EMAIL]);
    take_text(s->name, &v[TITLE]);
    take_text(s->organisation_name, &v[ORGANISATION]);
    memcpy(s->given, v[PASSWORD].text, s->given_len = (size_t)v[PASSWORD].number);
    s->token = v[TOKEN].number != 0;
    const struct db_param p[] = {db_bytes(view_str(s->email)), sign_in_address(c)};
    db_query(call_db(c), STMT_LOGIN_BEGIN, p, 2, 0, sign_up_cb, c);
}

void handle_sign_up(struct call *c)
{
    struct value v[SIGN_UP_FIELDS];

    if (!call_config(c)->sign_up) {
        call_fail(c, 403, "sign_up_off", "New customers are invited here.", NULL);
        return;
    }
    if (sign_in_forged(c) || !call_body(c, sign_up_fields, SIGN_UP_FIELDS, v))
        return;
    sign_up(c, v);
    secret_wipe(v, sizeof v);
}

/* --- invitations */

enum { INVITATION, ACCEPT_PASSWORD, ACCEPT_NAME, ACCEPT_TOKEN, ACCEPT_FIELDS };
static const struct field accept_fields[] = {
    [INVITATION] = {"invitation", FIELD_PLAIN, true, false, KEY_TEXT_LEN, NULL},
    [ACCEPT_PASSWORD] = {"password", FIELD_SECRET, true, false, 0, NULL},
    [ACCEPT_NAME] = {"name", FIELD_TEXT, false, true, 128, NULL},
    [ACCEPT_TOKEN] = {"token", FIELD_BOOL, false, false, 0, NULL},
};
static const char no_invitation[] = "There is no such invitation, or it has ended.";

static void accepted_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (view_eq(db_get_text(r, 0, 0), VIEW_LIT("unknown")))
        call_fail(c, 404, "not_found", no_invitation, "invitation");
    else if (view_eq(db_get_text(r, 0, 0), VIEW_LIT("changed")))
        call_fail(c, 409, "conflict", "The user or the password was changed meanwhile.", NULL);
    else
        session_reply(c, 200);
}

static void known_cb(void *cookie, enum err e, const char *secret)
{
    struct call *c = cookie;
    struct sign_in *s = c->own;
    bool fresh = !s->has_secret;

    if (sign_in_failed(c, e))
        return;
    session_make(c);
    if (fresh)
        s->user = id_new();
    const struct db_param p[] = {
        db_bytes(view_of(s->invitation.b, sizeof s->invitation.b)),
        db_bool(fresh),
        db_id(&s->user),
        text_or_null(s->name),
        db_bytes(view_str(fresh ? secret : s->secret)),
        db_id(&c->made_id),
        db_bytes(view_of(c->made.digest, sizeof c->made.digest)),
        db_i64(SESSION_S * INT64_C(1000)),
        db_i64(SESSION_IDLE_S * INT64_C(1000)),
        sign_in_address(c),
    };
    db_query(call_db(c), STMT_INVITATION_ACCEPT, p, sizeof p / sizeof p[0], 0, accepted_cb, c);
}

/* A user shows their password; who is none yet chooses one. */
static void invited_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct sign_in *s = c->own;
    struct view given = view_of(s->given, s->given_len);
    const char *fault;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    if (sign_in_throttled(c, r))
        return;
    if (db_is_null(r, 0, 1)) {
        call_fail(c, 404, "not_found", no_invitation, "invitation");
        return;
    }
    s->user = db_get_id(r, 0, 2);
    sign_in_keep(s, r, 3);
    fault = s->has_secret ? NULL : password_fault(given, db_get_text(r, 0, 1));
    if (fault != NULL)
        call_fail(c, 400, "invalid_parameter", fault, "password");
    else if (s->has_secret)
        sign_in_work(c, true, view_of(NULL, 0), known_cb);
    else
        sign_in_work(c, false, given, known_cb);
}

static void accept_invitation(struct call *c, const struct value *v)
{
    struct digest32 invitation;
    struct sign_in *s;

    if (!sign_in_token(c, KEY_INVITATION_PREFIX, v[INVITATION].plain, no_invitation, "invitation", &invitation))
        return;
    s = sign_in_new(c);
    if (s == NULL)
        return;
    s->invitation = invitation;
    take_text(s->name, &v[ACCEPT_NAME]);
    memcpy(s->given, v[ACCEPT_PASSWORD].text, s->given_len = (size_t)v[ACCEPT_PASSWORD].number);
    s->token = v[ACCEPT_TOKEN].number != 0;
    const struct db_param p[] = {db_bytes(view_of(s->invitation.b, sizeof s->invitation.b)),
                                 sign_in_address(c)};
    db_query(call_db(c), STMT_INVITATION_BEGIN, p, 2, 0, invited_cb, c);
}

void handle_invitation_accept(struct call *c)
{
    struct value v[ACCEPT_FIELDS];

    if (sign_in_forged(c) || !call_body(c, accept_fields, ACCEPT_FIELDS, v))
        return;
    accept_invitation(c, v);
    secret_wipe(v, sizeof v);
}
