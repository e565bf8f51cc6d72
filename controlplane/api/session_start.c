#include "session_start.h"
#include "caller.h"
#include "cors.h"
#include "key_text.h"
#include "site.h"

#include <stdlib.h>

struct sign_in *sign_in_new(struct call *c)
{
    struct sign_in *s = calloc(1, sizeof *s);

    if (s == NULL) {
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
        return NULL;
    }
    c->own = s;
    c->own_len = sizeof *s;
    return s;
}

/* Older browsers say of a write only whose page sends it. */
static bool origin_is_ours(const struct call *c, struct view origin)
{
    const struct view scheme = VIEW_LIT("https://");
    const struct site *site = call_site(c);
    struct view host;

    if (site != NULL && view_eq(origin, site->origin))
        return true;
    return view_starts(origin, scheme) && c->origin->header(c, VIEW_LIT("host"), &host) &&
           view_eq(view_from(origin, scheme.len), host);
}

static bool of_another_origin(const struct call *c)
{
    struct view site, origin;
    bool says = c->origin->header(c, VIEW_LIT("origin"), &origin), listed = says && cors_allows(call_origins(c), origin);

    if (!c->origin->header(c, VIEW_LIT("sec-fetch-site"), &site))
        return says && !listed && !origin_is_ours(c, origin);
    if (view_eq(site, VIEW_LIT("same-site"))) /* another host beside this one */
        return !listed;
    return !view_eq(site, VIEW_LIT("same-origin")) && !view_eq(site, VIEW_LIT("none"));
}

/* Signing in sets a cookie, so that no page of another origin may do it with a form of its own. */
bool sign_in_forged(struct call *c)
{
    if (!of_another_origin(c))
        return false;
    call_fail(c, 403, "cross_site", "Another site's page may not do this.", NULL);
    return true;
}

/* An IPv4 address (mapped), or the /64 of an IPv6 address: who has one has all of it. */
struct db_param sign_in_address(const struct call *c)
{
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};

    if (call_config(c)->pages.address_per_s == 0)
        return db_null();
    return db_bytes(view_of(c->address, memcmp(c->address, mapped, sizeof mapped) == 0 ? 16 : 8));
}

bool sign_in_token(struct call *c, const char *prefix, struct view text, const char *missing, const char *param, struct digest32 *out)
{
    if (!key_text_has(prefix, text)) {
        call_fail(c, 404, "not_found", missing, param);
        return false;
    }
    digest_sha256(text, out);
    return true;
}

bool sign_in_throttled(struct call *c, const struct db_result *r)
{
    int64_t retry_ms = db_get_i64(r, 0, 0);

    if (retry_ms == 0)
        return false;
    c->retry_ms = retry_ms > INT32_MAX ? INT32_MAX : (uint32_t)retry_ms;
    call_fail(c, 429, "too_many_attempts", "Too many attempts to sign in.", NULL);
    return true;
}

void sign_in_keep(struct sign_in *s, const struct db_result *r, unsigned column)
{
    struct view secret = db_get_text(r, 0, column);

    s->has_secret = !db_is_null(r, 0, column) && secret.len < sizeof s->secret;
    if (s->has_secret)
        memcpy(s->secret, secret.ptr, secret.len);
}

void sign_in_work(struct call *c, bool compare, struct view fresh, password_cb *cb)
{
    struct sign_in *s = c->own;
    const struct password_ask ask = {compare, view_of(s->given, s->given_len),
                                     s->has_secret ? s->secret : NULL, fresh};

    if (passwords_start(call_passwords(c), &ask, cb, c) != ERR_NONE)
        call_fail(c, 503, "overloaded", "Too many users sign in at once.", NULL);
}

bool sign_in_failed(struct call *c, enum err e)
{
    if (c->from == NULL) /* and the database may be gone, too */
        call_fail(c, 499, "client_gone", "The client is gone.", NULL);
    else if (e == ERR_AUTH)
        call_fail(c, 401, "invalid_login", "The e-mail address or the password is wrong.", NULL);
    else if (e != ERR_NONE)
        call_fail(c, 503, "overloaded", "There is no memory for this now.", NULL);
    else
        return false;
    return true;
}

void session_make(struct call *c)
{
    struct digest32 digest;

    key_text_new(KEY_SESSION_PREFIX, c->made.text);
    digest_sha256(view_str(c->made.text), &digest);
    memcpy(c->made.digest, digest.b, sizeof digest.b);
    c->made_id = id_new();
}

static enum err word_session(struct call *c, struct buf *out)
{
    const struct sign_in *s = c->own;
    char session[ID_TEXT_LEN + 1], user[ID_TEXT_LEN + 1], csrf[65];
    struct digest32 token;
    enum err e;

    caller_csrf(view_str(c->made.text), &token);
    hex_encode(token.b, sizeof token.b, csrf);
    id_text(&c->made_id, session);
    id_text(&s->user, user);
    e = buf_appendf(out,
                    "{\"session_id\":\"%s\",\"user_id\":\"%s\",\"expires_in\":%d,"
                    "\"csrf_token\":\"%s\"",
                    session, user, SESSION_S, csrf);
    if (e == ERR_NONE && s->token)
        e = buf_appendf(out, ",\"token\":\"%s\"", c->made.text);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

void session_reply(struct call *c, int status)
{
    const struct sign_in *s = c->own;
    struct buf out;

    buf_init(&out, 1024);
    if (word_session(c, &out) != ERR_NONE) {
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    } else {
        if (!s->token)
            caller_set_cookie(c, c->made.text, SESSION_S);
        call_reply_data(c, status, buf_view(&out));
    }
    buf_free(&out);
}
