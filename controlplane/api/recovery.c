/* /auth/recover and /auth/recovery-codes: an account whose password is lost, or that never had one. */
#include "recovery.h"
#include "caller.h"
#include "key_text.h"
#include "session_start.h"

#include <stdlib.h>

/* c->own of these calls: what signing in remembers, and the codes that are shown when they are kept. */
struct recovery {
    struct sign_in sign_in; /* first: c->own is looked at as this */
    struct digest32 proof;  /* of the token or the code */
    char codes[RECOVERY_CODES][RECOVERY_CODE_TEXT + 1];
};

static struct recovery *recovery_new(struct call *c)
{
    struct recovery *r = calloc(1, sizeof *r);

    if (r == NULL) {
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
        return NULL;
    }
    c->own = r;
    c->own_len = sizeof *r;
    return r;
}

/* --- a message --- */

enum { RECOVER_EMAIL, RECOVER_FIELDS };
static const struct field recover_fields[] = {
    [RECOVER_EMAIL] = {"email", FIELD_TEXT, true, false, EMAIL_MAX, NULL},
};

/* The answer leaves before anybody looks whether the address is a user's. */
static void asked_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    const struct api_config *config = call_config(c);
    const struct recovery *own = c->own;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
    } else if (!sign_in_throttled(c, r)) {
        if (c->from != NULL)
            recovery_mail_start(config->mailer, call_pool(c), config->console_origin, config->console_name, own->sign_in.email);
        call_reply_data(c, 202, VIEW_LIT("{\"accepted\":true}"));
    }
}

void handle_recover(struct call *c)
{
    struct value v[RECOVER_FIELDS];
    struct recovery *r;
    const char *fault;

    if (call_config(c)->mailer == NULL) {
        call_fail(c, 403, "recovery_mail_off", "No messages are sent here: use a recovery code, or ask the operator.", NULL);
        return;
    }
    if (sign_in_forged(c) || !call_body(c, recover_fields, RECOVER_FIELDS, v))
        return;
    fault = email_fault(view_str(v[RECOVER_EMAIL].text));
    if (fault != NULL) {
        call_fail(c, 400, "invalid_parameter", fault, "email");
        return;
    }
    r = recovery_new(c);
    if (r == NULL)
        return;
    memcpy(r->sign_in.email, v[RECOVER_EMAIL].text, strlen(v[RECOVER_EMAIL].text) + 1);
    const struct db_param p[] = {sign_in_address(c)};
    db_query(call_db(c), STMT_RECOVERY_ASK, p, 1, 0, asked_cb, c);
}

/* --- another password, for a token or a code --- */

static const char no_link[] = "There is no such link, or it has ended.";

static void used_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    const struct api_config *config = call_config(c);
    struct recovery *own = c->own;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
    } else if (db_is_null(r, 0, 0)) {
        if (own->sign_in.email[0] == '\0')
            call_fail(c, 404, "not_found", no_link, "token");
        else
            call_fail(c, 401, "invalid_code", "The e-mail address or the code is wrong.", NULL);
    } else {
        own->sign_in.user = db_get_id(r, 0, 0);
        if (config->mailer != NULL)
            recovery_notice_start(config->mailer, call_pool(c), config->console_origin, config->console_name, &own->sign_in.user);
        session_reply(c, 200);
    }
}

static void hashed_cb(void *cookie, enum err e, const char *secret)
{
    struct call *c = cookie;
    struct recovery *own = c->own;

    if (sign_in_failed(c, e))
        return;
    session_make(c);
    const struct db_param p[] = {
        db_bytes(view_str(own->sign_in.email)),
        db_bytes(view_of(own->proof.b, sizeof own->proof.b)),
        db_bytes(view_str(secret)),
        db_id(&c->made_id),
        db_bytes(view_of(c->made.digest, sizeof c->made.digest)),
        db_i64(SESSION_S * INT64_C(1000)),
        db_i64(SESSION_IDLE_S * INT64_C(1000)),
        sign_in_address(c),
    };
    if (own->sign_in.email[0] == '\0')
        db_query(call_db(c), STMT_RECOVERY_TOKEN_USE, p + 1, 6, 0, used_cb, c);
    else
        db_query(call_db(c), STMT_RECOVERY_CODE_USE, p, 8, 0, used_cb, c);
}

enum { TOKEN, TOKEN_PASSWORD, FINISH_FIELDS };
static const struct field finish_fields[] = {
    [TOKEN] = {"token", FIELD_PLAIN, true, false, KEY_TEXT_LEN, NULL},
    [TOKEN_PASSWORD] = {"password", FIELD_SECRET, true, false, 0, NULL},
};

static void looked_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    const struct sign_in *s = &((const struct recovery *)c->own)->sign_in;
    struct view given = view_of(s->given, s->given_len);
    const char *fault;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    if (sign_in_throttled(c, r))
        return;
    if (db_is_null(r, 0, 1)) {
        call_fail(c, 404, "not_found", no_link, "token");
        return;
    }
    fault = password_fault(given, db_get_text(r, 0, 1));
    if (fault != NULL)
        call_fail(c, 400, "invalid_parameter", fault, "password");
    else
        sign_in_work(c, false, given, hashed_cb);
}

void handle_recover_finish(struct call *c)
{
    struct value v[FINISH_FIELDS];
    struct digest32 proof;
    struct recovery *r;

    if (sign_in_forged(c) || !call_body(c, finish_fields, FINISH_FIELDS, v))
        return;
    if (sign_in_token(c, KEY_RECOVERY_PREFIX, v[TOKEN].plain, no_link, "token", &proof) && (r = recovery_new(c)) != NULL) {
        r->proof = proof;
        memcpy(r->sign_in.given, v[TOKEN_PASSWORD].text, r->sign_in.given_len = (size_t)v[TOKEN_PASSWORD].number);
        const struct db_param p[] = {db_bytes(view_of(r->proof.b, sizeof r->proof.b)), sign_in_address(c)};
        db_query(call_db(c), STMT_RECOVERY_TOKEN_LOOK, p, 2, 0, looked_cb, c);
    }
    secret_wipe(v, sizeof v);
}

enum { CODE_EMAIL, CODE, CODE_PASSWORD, CODE_FIELDS };
static const struct field code_fields[] = {
    [CODE_EMAIL] = {"email", FIELD_TEXT, true, false, EMAIL_MAX, NULL},
    [CODE] = {"code", FIELD_PLAIN, true, false, 64, NULL},
    [CODE_PASSWORD] = {"password", FIELD_SECRET, true, false, 0, NULL},
};

/* Whether it is a user's address and code is looked at when the new password is ready to be kept: it takes as long. */
static void code_begun_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    const struct sign_in *s = &((const struct recovery *)c->own)->sign_in;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (!sign_in_throttled(c, r))
        sign_in_work(c, false, view_of(s->given, s->given_len), hashed_cb);
}

static void use_code(struct call *c, const struct value *v)
{
    struct view email = view_str(v[CODE_EMAIL].text);
    struct view password = view_of(v[CODE_PASSWORD].text, (size_t)v[CODE_PASSWORD].number);
    const char *fault = email_fault(email), *param = "email";
    struct digest32 proof;
    struct recovery *r;

    if (fault == NULL) {
        fault = password_fault(password, email);
        param = "password";
    }
    if (fault == NULL && recovery_code_digest(v[CODE].plain, &proof) != ERR_NONE) {
        fault = "A recovery code has twenty letters and digits.";
        param = "code";
    }
    if (fault != NULL) {
        call_fail(c, 400, "invalid_parameter", fault, param);
        return;
    }
    r = recovery_new(c);
    if (r == NULL)
        return;
    r->proof = proof;
    memcpy(r->sign_in.email, email.ptr, email.len + 1);
    memcpy(r->sign_in.given, password.ptr, r->sign_in.given_len = password.len);
    const struct db_param p[] = {db_bytes(view_str(r->sign_in.email)), sign_in_address(c)};
    db_query(call_db(c), STMT_RECOVERY_CODE_BEGIN, p, 2, 0, code_begun_cb, c);
}

void handle_recover_code(struct call *c)
{
    struct value v[CODE_FIELDS];

    if (sign_in_forged(c) || !call_body(c, code_fields, CODE_FIELDS, v))
        return;
    use_code(c, v);
    secret_wipe(v, sizeof v);
}

/* --- a user's codes --- */

static void left_cb(void *cookie, enum err e, const struct db_result *r)
{
    call_reply_found(cookie, e, r, "There is no such user.");
}

void handle_recovery_codes(struct call *c)
{
    const struct db_param p[] = {db_id(&c->user)};

    db_query(call_db(c), STMT_RECOVERY_CODES_LEFT, p, 1, 0, left_cb, c);
}

static enum err word_codes(const struct recovery *own, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("{\"codes\":["));

    for (size_t i = 0; i < RECOVERY_CODES && e == ERR_NONE; i++)
        e = buf_appendf(out, "%s\"%s\"", i == 0 ? "" : ",", own->codes[i]);
    return e == ERR_NONE ? buf_append(out, VIEW_LIT("]}")) : e;
}

static void set_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct buf out;

    buf_init(&out, 1024);
    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (view_eq(db_get_text(r, 0, 0), VIEW_LIT("stale")))
        call_fail(c, 403, "sign_in_again", "Sign in again first: this session is older than 15 minutes.", NULL);
    else if (!view_eq(db_get_text(r, 0, 0), VIEW_LIT("ok")))
        call_fail(c, 409, "conflict", "The password was changed meanwhile.", NULL);
    else if (word_codes(c->own, &out) == ERR_NONE)
        call_reply_data(c, 201, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}

static enum err make_codes(struct recovery *own, struct buf *out)
{
    enum err e = db_array_begin(out, DB_ELEMENT_BYTES, RECOVERY_CODES);

    for (size_t i = 0; i < RECOVERY_CODES && e == ERR_NONE; i++) {
        struct digest32 digest;

        recovery_code_new(own->codes[i]);
        e = recovery_code_digest(view_str(own->codes[i]), &digest);
        if (e == ERR_NONE)
            e = db_array_put(out, view_of(digest.b, sizeof digest.b));
    }
    return e;
}

static void set_codes(struct call *c)
{
    struct recovery *own = c->own;
    struct buf digests;

    buf_init(&digests, 1024);
    if (make_codes(own, &digests) == ERR_NONE) {
        const struct db_param p[] = {db_id(&c->user), db_id(&c->session),
                                     own->sign_in.has_secret ? db_bytes(view_str(own->sign_in.secret)) : db_null(),
                                     db_bytes(buf_view(&digests))};
        db_query(call_db(c), STMT_RECOVERY_CODES_SET, p, 4, 0, set_cb, c);
    } else {
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    }
    buf_free(&digests);
}

static void shown_password_cb(void *cookie, enum err e, const char *secret)
{
    struct call *c = cookie;

    (void)secret;
    if (c->from != NULL && e == ERR_AUTH)
        call_fail(c, 403, "invalid_password", "The current password is wrong.", "current_password");
    else if (!sign_in_failed(c, e))
        set_codes(c);
}

static void password_begun_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct sign_in *s = &((struct recovery *)c->own)->sign_in;

    if (e != ERR_NONE || db_rows(r) == 0) {
        call_fail_db(c, e == ERR_NONE ? ERR_DB : e);
    } else if (!sign_in_throttled(c, r)) {
        sign_in_keep(s, r, 1);
        if (s->has_secret)
            sign_in_work(c, true, VIEW_EMPTY, shown_password_cb);
        else
            set_codes(c);
    }
}

enum { CURRENT, CODES_FIELDS };
static const struct field codes_fields[] = {
    [CURRENT] = {"current_password", FIELD_SECRET, false, true, 0, NULL},
};

/* Codes are as good as the password, so a person who finds a page open gets none. */
void handle_recovery_codes_make(struct call *c)
{
    struct value v[CODES_FIELDS];
    struct recovery *r;

    if (!call_body(c, codes_fields, CODES_FIELDS, v))
        return;
    r = recovery_new(c);
    if (r != NULL) {
        const struct db_param p[] = {db_id(&c->user)};

        if (v[CURRENT].state == VALUE_SET)
            memcpy(r->sign_in.given, v[CURRENT].text, r->sign_in.given_len = (size_t)v[CURRENT].number);
        db_query(call_pool(c), STMT_PASSWORD_BEGIN, p, 1, 0, password_begun_cb, c);
    }
    secret_wipe(v, sizeof v);
}
