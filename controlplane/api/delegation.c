/* /auth/keys/code, /auth/keys: a key that another program fetches after its user has agreed (OAuth PKCE, as OpenRouter has
 * it). The page /auth asks the user; the program gets a code, and for the code a key. */
#include "base64.h"
#include "callback.h"
#include "handlers.h"
#include "key_text.h"

enum {
    CODE_S = 600,
    CHALLENGE_MIN = 43, /* RFC 7636 4.2 */
    CHALLENGE_MAX = 128,
    HASHED_TEXT = 43, /* a SHA-256 in base64url */
};

static const char *const methods[] = {"S256", "plain", NULL};
static const char *const resets[] = {"daily", "weekly", "monthly", NULL};
enum { S256, PLAIN };

/* --- the user agrees */

enum { CALLBACK, CHALLENGE, METHOD, LIMIT, RESET, EXPIRES, LABEL, WORKSPACE, CODE_FIELDS };
static const struct field code_fields[CODE_FIELDS] = {
    [CALLBACK] = {"callback_url", FIELD_PLAIN, true, false, CALLBACK_MAX, NULL},
    [CHALLENGE] = {"code_challenge", FIELD_PLAIN, false, true, CHALLENGE_MAX, NULL},
    [METHOD] = {"code_challenge_method", FIELD_NAME, false, true, 0, methods},
    [LIMIT] = {"limit", FIELD_USD, false, true, 0, NULL},
    [RESET] = {"usage_limit_type", FIELD_NAME, false, true, 0, resets},
    [EXPIRES] = {"expires_at", FIELD_FUTURE, false, true, 0, NULL},
    [LABEL] = {"key_label", FIELD_TEXT, false, true, 100, NULL},
    [WORKSPACE] = {"workspace_id", FIELD_ID, false, true, 0, NULL},
};

static bool unreserved(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        if (!((v.ptr[i] >= 'a' && v.ptr[i] <= 'z') || (v.ptr[i] >= 'A' && v.ptr[i] <= 'Z') ||
              (v.ptr[i] >= '0' && v.ptr[i] <= '9') || memchr("-._~", v.ptr[i], 4) != NULL))
            return false;
    return true;
}

/* A challenge whose method is not said is one of S256: a program that means the other one says so. */
static unsigned method_of(const struct value *v)
{
    return v[METHOD].state == VALUE_SET ? (unsigned)v[METHOD].number : S256;
}

static const char *challenge_fault(const struct value *v)
{
    struct view text = v[CHALLENGE].plain;

    if (v[CHALLENGE].state != VALUE_SET)
        return v[METHOD].state == VALUE_SET ? "There is no challenge for this method." : NULL;
    if (!unreserved(text) || text.len < CHALLENGE_MIN)
        return "This must be 43 to 128 letters, digits and -._~ (RFC 7636).";
    return method_of(v) == S256 && text.len != HASHED_TEXT ? "A challenge by S256 has 43 characters." : NULL;
}

/* true: it is not taken, and the call has been answered. */
static bool refuse_code(struct call *c, const struct value *v, struct view *host)
{
    const char *fault = callback_fault(v[CALLBACK].plain, host), *param = "callback_url";

    if (fault == NULL) {
        fault = challenge_fault(v);
        param = "code_challenge";
    }
    if (fault != NULL) {
        call_fail(c, 400, "invalid_parameter", fault, param);
        return true;
    }
    if (v[WORKSPACE].state == VALUE_SET && !id_eq(&v[WORKSPACE].id, &c->account)) {
        call_fail(c, 403, "insufficient_role", "This is not your account.", "workspace_id");
        return true;
    }
    return false;
}

static void code_made_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct view at;
    struct buf out;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    if (db_is_null(r, 0, 0)) {
        call_fail(c, 409, "too_many_codes", "A hundred codes are waiting: each ends after ten minutes.", NULL);
        return;
    }
    at = db_get_text(r, 0, 0);
    buf_init(&out, 512);
    /* Programs are not registered here: a number stands for the callback's host. */
    e = buf_appendf(&out, "{\"id\":\"%s\",\"app_id\":%u,\"created_at\":\"%.*s\"}", c->made.text, c->count, (int)at.len,
                    (const char *)at.ptr);
    if (e == ERR_NONE)
        call_reply_data(c, 200, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}

static unsigned number_of(struct view host)
{
    struct digest32 digest;

    digest_sha256(host, &digest);
    return (digest.b[0] & 0x7fu) << 24 | (unsigned)digest.b[1] << 16 | (unsigned)digest.b[2] << 8 | digest.b[3];
}

static struct db_param number_or_null(const struct value *v)
{
    return v->state == VALUE_SET ? db_i64(v->number) : db_null();
}

void handle_auth_code(struct call *c)
{
    struct value v[CODE_FIELDS];
    struct digest32 digest;
    struct view host, name;

    if (!call_body(c, code_fields, CODE_FIELDS, v) || refuse_code(c, v, &host))
        return;
    key_text_new(KEY_CODE_PREFIX, c->made.text);
    digest_sha256(view_str(c->made.text), &digest);
    c->made_id = id_new();
    c->count = number_of(host);
    name = v[LABEL].state == VALUE_SET ? view_str(v[LABEL].text) : view_of(host.ptr, host.len > CHALLENGE_MAX ? CHALLENGE_MAX : host.len);
    const struct db_param p[] = {
        db_id(&c->account),
        db_id(&c->made_id),
        db_bytes(view_of(digest.b, sizeof digest.b)),
        id_is_zero(&c->user) ? db_null() : db_id(&c->user),
        id_is_zero(&c->key) ? db_null() : db_id(&c->key),
        db_bytes(v[CALLBACK].plain),
        v[CHALLENGE].state == VALUE_SET ? db_bytes(v[CHALLENGE].plain) : db_null(),
        v[CHALLENGE].state == VALUE_SET ? db_bytes(view_str(methods[method_of(v)])) : db_null(),
        db_bytes(name),
        number_or_null(&v[LIMIT]),
        db_bytes(view_str(v[RESET].state == VALUE_SET ? resets[v[RESET].number] : "none")),
        number_or_null(&v[EXPIRES]),
        db_i64(CODE_S * INT64_C(1000)),
    };
    db_query(call_db(c), STMT_AUTH_CODE_MAKE, p, sizeof p / sizeof p[0], 0, code_made_cb, c);
}

/* --- the program fetches its key */

enum { CODE, VERIFIER, VERIFIER_METHOD, KEY_FIELDS };
static const struct field key_fields[KEY_FIELDS] = {
    [CODE] = {"code", FIELD_PLAIN, true, false, 128, NULL},
    [VERIFIER] = {"code_verifier", FIELD_PLAIN, false, true, 256, NULL},
    [VERIFIER_METHOD] = {"code_challenge_method", FIELD_NAME, false, true, 0, methods},
};

static void key_made_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct view outcome, user;
    struct buf out;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    outcome = db_get_text(r, 0, 0);
    if (view_eq(outcome, VIEW_LIT("method"))) {
        call_fail(c, 400, "invalid_parameter", "The challenge was made by another method. The code is used up.", "code_challenge_method");
    } else if (view_eq(outcome, VIEW_LIT("too_many"))) {
        call_fail(c, 409, "too_many_keys", "The account has 1,000 keys: delete those that are not used.", NULL);
    } else if (!view_eq(outcome, VIEW_LIT("ok"))) { /* which of them, a stranger is not told */
        call_fail(c, 403, "invalid_code", "The code is not known, was used, or has ended; or the verifier is not that of its challenge.",
                  NULL);
    } else {
        user = db_get_text(r, 0, 1);
        buf_init(&out, 256);
        e = buf_appendf(&out, "{\"key\":\"%s\",\"user_id\":", c->made.text);
        if (e == ERR_NONE) /* an id, without anything to escape */
            e = db_is_null(r, 0, 1) ? buf_append(&out, VIEW_LIT("null")) : buf_appendf(&out, "\"%.*s\"", (int)user.len, (const char *)user.ptr);
        if (e == ERR_NONE)
            e = buf_append_byte(&out, '}');
        if (e == ERR_NONE)
            call_reply(c, 200, buf_view(&out));
        else
            call_fail(c, 500, "internal_error", "Out of memory.", NULL);
        buf_free(&out);
    }
}

/* A verifier as S256 makes a challenge of it. */
static enum err hash(struct view verifier, struct buf *out)
{
    struct digest32 digest;

    digest_sha256(verifier, &digest);
    buf_init(out, HASHED_TEXT + 1);
    return base64url_append(view_of(digest.b, sizeof digest.b), out);
}

void handle_auth_key(struct call *c)
{
    struct value v[KEY_FIELDS];
    struct digest32 digest;
    struct buf hashed;
    bool given;

    if (!call_body(c, key_fields, KEY_FIELDS, v))
        return;
    given = v[VERIFIER].state == VALUE_SET;
    digest_sha256(v[CODE].plain, &digest);
    api_new_key(false, &c->made);
    c->made_id = id_new();
    if (hash(v[VERIFIER].plain, &hashed) != ERR_NONE) {
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    } else {
        const struct db_param p[] = {
            db_bytes(view_of(digest.b, sizeof digest.b)),
            v[VERIFIER_METHOD].state == VALUE_SET ? db_bytes(view_str(methods[v[VERIFIER_METHOD].number])) : db_null(),
            given ? db_bytes(v[VERIFIER].plain) : db_null(),
            given ? db_bytes(buf_view(&hashed)) : db_null(),
            db_id(&c->made_id),
            db_bytes(view_of(c->made.digest, sizeof c->made.digest)),
            db_bytes(view_str(c->made.label)),
        };
        db_query(call_db(c), STMT_AUTH_CODE_USE, p, sizeof p / sizeof p[0], 0, key_made_cb, c);
    }
    buf_free(&hashed);
}
