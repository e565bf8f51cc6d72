/* /auth/oidc: signing in at a provider of identities. A browser goes there with a state, and comes back with it and a code.
 * What answers a browser is an address of ours, with the name of what went wrong. */
#include "caller.h"
#include "form.h"
#include "identity.h"
#include "key_text.h"
#include "name.h"
#include "query_text.h"
#include "return_to.h"
#include "session_start.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { STATE_S = 600 }; /* how long somebody may take at the provider */

/* No other site, and no other name of this one, can set a cookie of this name. */
#define STATE_COOKIE "__Host-tr_sign_in"
#define HOME "/app"
#define SETTINGS "/app/settings"

/* c->own of a call that goes there, or comes back. */
struct oidc {
    struct identity_provider *provider;
    struct identity_pass pass;
    char kept[IDENTITY_RANDOM_TEXT + 1]; /* what the browser keeps */
    char return_to[RETURN_TO_MAX + 1];
    bool posts; /* a page asked for the address; otherwise the browser is sent there */
    bool links; /* a user who has signed in adds an identity */
    struct id user, session;
    bool invited;
    struct digest32 invitation;
    char code[IDENTITY_CODE_MAX + 1], iss[256];
};

static struct oidc *oidc_new(struct call *c)
{
    struct oidc *o = calloc(1, sizeof *o);

    if (o == NULL) {
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
        return NULL;
    }
    c->own = o;
    c->own_len = sizeof *o;
    o->provider = identity_find(call_config(c)->identity, c->segment);
    if (o->provider == NULL) {
        call_fail(c, 404, "not_found", "There is no such way to sign in.", NULL);
        return NULL;
    }
    return o;
}

/* --- answers to browsers --- */

static void redirect(struct call *c, const char *where, const char *cookie)
{
    const struct web_header h[] = {{VIEW_LIT("location"), view_str(where)}, {VIEW_LIT("set-cookie"), view_str(cookie)}};

    call_reply_as(c, 302, VIEW_LIT("text/plain; charset=utf-8"), h, 2, VIEW_EMPTY);
}

static void forget_state(char out[static 160])
{
    snprintf(out, 160, STATE_COOKIE "=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax");
}

/* To the page that says what went wrong, from which the browser gets to where it was going. name: a literal. */
static void fail(struct call *c, const char *name)
{
    const struct oidc *o = c->own;
    char where[3 * RETURN_TO_MAX + 128], cookie[160];
    struct buf query;
    struct form f = {&query, ERR_NONE};

    buf_init(&query, 3 * RETURN_TO_MAX + 64);
    form_put_text(&f, "error", name);
    if (o->return_to[0] != '\0' && !o->links)
        form_put_text(&f, "return_to", o->return_to);
    snprintf(where, sizeof where, "%s?%.*s", o->links ? SETTINGS : "/login", (int)query.len, (const char *)query.ptr);
    buf_free(&query);
    forget_state(cookie);
    redirect(c, where, cookie);
}

static void fail_db(struct call *c, enum err e)
{
    const struct oidc *o = c->own;

    if (o->posts)
        call_fail_db(c, e);
    else
        fail(c, "unavailable");
}

/* --- the way there --- */

static void digest_of(const struct oidc *o, struct digest32 *out)
{
    char both[2 * IDENTITY_RANDOM_TEXT + 2];

    snprintf(both, sizeof both, "%s.%s", o->pass.state, o->kept);
    digest_sha256_2(VIEW_LIT("tr-oidc-state/v1"), view_str(both), out);
    secret_wipe(both, sizeof both);
}

static void random_text(char out[static IDENTITY_RANDOM_TEXT + 1])
{
    uint8_t bytes[32];

    secret_random(bytes, sizeof bytes);
    sodium_bin2base64(out, IDENTITY_RANDOM_TEXT + 1, bytes, sizeof bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    secret_wipe(bytes, sizeof bytes);
}

static void reply_url(struct call *c, const char *url)
{
    struct buf out;

    buf_init(&out, 2 * strlen(url) + 64);
    if (buf_append(&out, VIEW_LIT("{\"url\":")) == ERR_NONE && buf_append_json_string(&out, view_str(url)) == ERR_NONE &&
        buf_append_byte(&out, '}') == ERR_NONE)
        call_reply_data(c, 200, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}

static void url_cb(void *cookie, enum err e, const struct identity_answer *a)
{
    struct call *c = cookie;
    const struct oidc *o = c->own;
    char set[160];

    if (e != ERR_NONE && o->posts) {
        call_fail(c, 503, "provider_unavailable", "The provider of identities cannot be reached now.", NULL);
    } else if (e != ERR_NONE) {
        fail(c, "provider_unavailable");
    } else {
        snprintf(set, sizeof set, STATE_COOKIE "=%s; Path=/; Max-Age=%d; HttpOnly; Secure; SameSite=Lax", o->kept, STATE_S);
        if (o->posts) {
            memcpy(c->cookie, set, sizeof set);
            reply_url(c, a->url);
        } else {
            redirect(c, a->url, set);
        }
    }
    secret_wipe(set, sizeof set);
}

static void begun_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct oidc *o = c->own;
    struct view outcome;

    if (e != ERR_NONE) {
        fail_db(c, e);
        return;
    }
    outcome = db_get_text(r, 0, 0);
    if (c->from == NULL) { /* and the providers may be gone, too */
        call_fail(c, 499, "client_gone", "The client is gone.", NULL);
    } else if (view_eq(outcome, VIEW_LIT("wait")) && o->posts) {
        c->retry_ms = (uint32_t)db_get_i64(r, 0, 1);
        call_fail(c, 429, "too_many_attempts", "Too many attempts to sign in.", NULL);
    } else if (view_eq(outcome, VIEW_LIT("wait"))) {
        fail(c, "too_many_attempts");
    } else if (view_eq(outcome, VIEW_LIT("stale"))) {
        fail(c, "sign_in_again");
    } else {
        identity_begin(o->provider, &o->pass, url_cb, c);
    }
}

static void begin(struct call *c)
{
    struct oidc *o = c->own;
    char state[IDENTITY_RANDOM_TEXT + 1];
    struct digest32 digest;

    random_text(state);
    random_text(o->kept);
    identity_pass(state, o->kept, &o->pass);
    digest_of(o, &digest);
    const struct db_param p[] = {
        db_bytes(view_of(digest.b, sizeof digest.b)),
        db_bytes(c->segment),
        db_bytes(view_str(o->return_to)),
        o->links ? db_id(&c->user) : db_null(),
        o->links ? db_id(&c->session) : db_null(),
        o->invited ? db_bytes(view_of(o->invitation.b, sizeof o->invitation.b)) : db_null(),
        sign_in_address(c),
        db_i64(STATE_S * INT64_C(1000)),
    };
    db_query(call_db(c), STMT_OIDC_BEGIN, p, sizeof p / sizeof p[0], 0, begun_cb, c);
}

/* A parameter of the query, its escapes taken away, into out. false: it is too long, or holds NUL. Absent: empty. */
static bool take_query(const struct call *c, const char *name, char *out, size_t size)
{
    struct view raw;
    struct buf text;
    bool good = true;

    out[0] = '\0';
    if (!call_query(c, name, &raw))
        return true;
    buf_init(&text, size - 1);
    good = query_text(raw, &text) == ERR_NONE;
    if (good && text.len > 0)
        memcpy(out, text.ptr, text.len);
    out[good ? text.len : 0] = '\0';
    buf_free(&text);
    return good;
}

/* A browser sends the cookie wherever somebody's link leads it: a page of ours knows the session's token as well. */
static bool link_forged(const struct call *c)
{
    struct digest32 said;
    struct view v;

    if (c->origin->header(c, VIEW_LIT("authorization"), &v))
        return false;
    return !call_query(c, "csrf", &v) || hex_decode(v, said.b, sizeof said.b) != ERR_NONE ||
           !secret_equal(said.b, c->csrf.b, sizeof said.b);
}

/* The user is known who adds an identity. */
static void linked_by(struct call *c)
{
    if (id_is_zero(&c->user))
        call_fail(c, 403, "insufficient_role", "This needs a user who has signed in.", NULL);
    else if (link_forged(c))
        call_fail(c, 403, "invalid_csrf_token", "Adding an identity with a cookie needs the session's token.", "csrf");
    else
        begin(c);
}

void handle_oidc_start(struct call *c)
{
    struct oidc *o = oidc_new(c);
    struct view link;

    if (o == NULL)
        return;
    if (call_query(c, "link", &link) && !view_eq(link, VIEW_LIT("true")) && !view_eq(link, VIEW_LIT("false"))) {
        call_fail(c, 400, "invalid_parameter", "This is true or false.", "link");
        return;
    }
    o->links = call_query(c, "link", &link) && view_eq(link, VIEW_LIT("true"));
    if (!take_query(c, "return_to", o->return_to, sizeof o->return_to) ||
        (o->return_to[0] != '\0' && !return_to_valid(view_str(o->return_to)))) {
        call_fail(c, 400, "invalid_parameter", "This must be the path of a page of this service.", "return_to");
        return;
    }
    if (o->return_to[0] == '\0')
        snprintf(o->return_to, sizeof o->return_to, "%s", o->links ? SETTINGS : HOME);
    if (!o->links)
        begin(c);
    else if (!sign_in_forged(c))
        caller_find(c, linked_by);
}

/* An invitation's token is a secret: it comes in a body and not in an address. */
enum { INVITATION, RETURN_TO, INVITED_FIELDS };
static const struct field invited_fields[] = {
    [INVITATION] = {"invitation", FIELD_PLAIN, false, true, KEY_TEXT_LEN, NULL},
    [RETURN_TO] = {"return_to", FIELD_PLAIN, false, true, RETURN_TO_MAX, NULL},
};

void handle_oidc_invited(struct call *c)
{
    struct value v[INVITED_FIELDS];
    struct oidc *o;

    if (sign_in_forged(c) || !call_body(c, invited_fields, INVITED_FIELDS, v))
        return;
    o = oidc_new(c);
    if (o == NULL)
        return;
    o->posts = true;
    snprintf(o->return_to, sizeof o->return_to, "%s", HOME);
    if (v[RETURN_TO].state == VALUE_SET) {
        if (!return_to_valid(v[RETURN_TO].plain)) {
            call_fail(c, 400, "invalid_parameter", "This must be the path of a page of this service.", "return_to");
            return;
        }
        memcpy(o->return_to, v[RETURN_TO].plain.ptr, v[RETURN_TO].plain.len);
        o->return_to[v[RETURN_TO].plain.len] = '\0';
    }
    if (v[INVITATION].state == VALUE_SET) {
        if (!sign_in_token(c, KEY_INVITATION_PREFIX, v[INVITATION].plain, "There is no such invitation, or it has ended.", "invitation",
                           &o->invitation))
            return;
        o->invited = true;
    }
    begin(c);
}

/* --- the way back --- */

static const char *const outcomes[] = {
    "identity_taken", "session_ended", "email_unverified", "email_taken", "invitation", "sign_up_off", "too_many_sign_ins",
    NULL,
};

static void finished_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    const struct oidc *o = c->own;
    struct view outcome;
    char set[160];

    if (e != ERR_NONE) {
        fail_db(c, e);
        return;
    }
    outcome = db_get_text(r, 0, 0);
    for (size_t i = 0; outcomes[i] != NULL; i++)
        if (view_eq(outcome, view_str(outcomes[i]))) {
            fail(c, outcomes[i]);
            return;
        }
    forget_state(set);
    if (!o->links) /* always a new one, whatever the browser had before */
        caller_set_cookie(c, c->made.text, SESSION_S);
    redirect(c, o->return_to, set);
}

static void finish(struct call *c, const struct identity_answer *a)
{
    struct oidc *o = c->own;
    struct view email = view_str(a->person->email), name = view_str(a->person->name);
    bool vouched = a->person->email_verified && email_fault(email) == NULL;
    struct id user = id_new(), organisation = id_new(), account = id_new();

    session_make(c);
    const struct db_param p[] = {
        db_bytes(view_str(a->subject)),
        db_bytes(c->segment),
        vouched ? db_bytes(email) : db_null(),
        name.len > 0 && name_fault(name) == NULL ? db_bytes(name) : db_null(),
        o->links ? db_id(&o->user) : db_null(),
        o->links ? db_id(&o->session) : db_null(),
        o->invited ? db_bytes(view_of(o->invitation.b, sizeof o->invitation.b)) : db_null(),
        db_bool(call_config(c)->sign_up),
        db_id(&user),
        db_id(&organisation),
        db_id(&account),
        db_id(&c->made_id),
        db_bytes(view_of(c->made.digest, sizeof c->made.digest)),
        db_i64(SESSION_S * INT64_C(1000)),
        db_i64(SESSION_IDLE_S * INT64_C(1000)),
    };
    db_query(call_db(c), STMT_OIDC_FINISH, p, sizeof p / sizeof p[0], 0, finished_cb, c);
}

static void person_cb(void *cookie, enum err e, const struct identity_answer *a)
{
    struct call *c = cookie;

    if (c->from == NULL) /* its segment is gone, too */
        call_fail(c, 499, "client_gone", "The client is gone.", NULL);
    else if (e == ERR_AUTH || e == ERR_RANGE || e == ERR_FORMAT || e == ERR_UNSUPPORTED)
        fail(c, "provider_refused");
    else if (e != ERR_NONE)
        fail(c, "provider_unavailable");
    else
        finish(c, a);
}

/* The state was one of ours, for this provider and this browser, and is used up. */
static void taken_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct oidc *o = c->own;
    struct view to, invitation;

    if (e != ERR_NONE) {
        fail_db(c, e);
        return;
    }
    if (db_rows(r) == 0) {
        fail(c, "state");
        return;
    }
    to = db_get_text(r, 0, 0);
    memcpy(o->return_to, to.ptr, to.len < sizeof o->return_to ? to.len : 0);
    o->links = !db_is_null(r, 0, 1);
    if (o->links) {
        o->user = db_get_id(r, 0, 1);
        o->session = db_get_id(r, 0, 2);
    }
    o->invited = !db_is_null(r, 0, 3);
    invitation = db_get_text(r, 0, 3);
    if (o->invited && invitation.len == sizeof o->invitation.b)
        memcpy(o->invitation.b, invitation.ptr, invitation.len);
    if (c->from == NULL)
        call_fail(c, 499, "client_gone", "The client is gone.", NULL);
    else if (o->code[0] == '\0')
        fail(c, "denied"); /* by the user, mostly */
    else
        identity_finish(o->provider, &o->pass, view_str(o->code), view_str(o->iss), person_cb, c);
}

void handle_oidc_callback(struct call *c)
{
    struct oidc *o = oidc_new(c);
    char state[IDENTITY_RANDOM_TEXT + 1];
    struct digest32 digest;
    struct view kept, error;

    if (o == NULL)
        return;
    if (!take_query(c, "state", state, sizeof state) || strlen(state) != IDENTITY_RANDOM_TEXT ||
        !caller_cookie_named(c, STATE_COOKIE, &kept) || kept.len != IDENTITY_RANDOM_TEXT ||
        memchr(kept.ptr, '\0', kept.len) != NULL || !take_query(c, "code", o->code, sizeof o->code) ||
        !take_query(c, "iss", o->iss, sizeof o->iss)) {
        fail(c, "state");
        return;
    }
    if (call_query(c, "error", &error))
        o->code[0] = '\0';
    memcpy(o->kept, kept.ptr, kept.len);
    identity_pass(state, o->kept, &o->pass);
    digest_of(o, &digest);
    const struct db_param p[] = {db_bytes(view_of(digest.b, sizeof digest.b)), db_bytes(c->segment)};
    db_query(call_db(c), STMT_OIDC_TAKE, p, 2, 0, taken_cb, c);
}
