#include "caller.h"
#include "clock.h"
#include "gate.h"
#include "key_address.h"
#include "key_text.h"

#include <assert.h>
#include <stdio.h>

/* No neighbouring host can set a cookie of this name, and nobody without TLS. */
#define COOKIE "__Host-tr_session"

/* By the route, because what the client sent is gone when the client is. */
static bool reads(const struct call *c)
{
    return strcmp(c->route->method, "GET") == 0;
}

/* --- what is allowed */

/* Closed and suspended accounts: keys may do nothing. Users still read, see to their sessions, and pay; they take no
 * money out. */
static bool account_stops(struct call *c, struct view state)
{
    bool closed = view_eq(state, VIEW_LIT("closed"));

    if (view_eq(state, VIEW_LIT("active")) || state.len == 0)
        return false;
    if (!id_is_zero(&c->user) &&
        (reads(c) || c->route->permission == PERM_SELF ||
         (!closed && c->route->permission == PERM_CREDITS_WRITE &&
          (c->route->flags & R_ACTIVE) == 0)))
        return false;
    if (closed)
        call_fail(c, 403, "account_closed", "The account is closed.", NULL);
    else
        call_fail(c, 403, "account_suspended", "The account is suspended.", NULL);
    return true;
}

static const char *need(const struct route *r)
{
    if ((r->flags & R_SESSION) != 0)
        return "This needs a user who has signed in.";
    return permission_of_operators(r->permission) ? "This needs an operator's key."
           : r->permission >= PERM_MEMBERS_READ && r->permission <= PERM_ORGANISATION_CLOSE
               ? "This needs a member of the organisation whose role allows it."
               : "This needs a management key.";
}

/* An operator who acts on another's account needs leave to, beside what the route asks for. */
static bool pick_allowed(const struct call *c)
{
    if (!c->picks_account)
        return true;
    return role_operates(c->role) && role_may(c->role, PERM_ACCOUNTS_READ) &&
           (reads(c) || role_may(c->role, PERM_ACCOUNTS_WRITE));
}

/* A user who belongs to no organisation. true: the call has been answered. */
static bool belongs_nowhere(struct call *c)
{
    if (c->role == ROLE_NOBODY && c->route->permission != PERM_SELF) {
        call_fail(c, 403, "no_organisation", "You belong to no organisation.", NULL);
        return true;
    }
    return false;
}

static bool missing_pick(struct call *c)
{
    if (!id_is_zero(&c->account) || (!c->picks_account && !c->picks_workspace))
        return false;
    call_fail(c, 404, "account_not_found", "There is no such account.",
              c->picks_account ? "account_id" : "workspace_id");
    return true;
}

/* The one check of permissions. account_state: of the credential's own account. */
static void decide(struct call *c, struct view account_state)
{
    bool session_lacks = (c->route->flags & R_SESSION) != 0 && id_is_zero(&c->user);

    if (belongs_nowhere(c))
        return;
    if (!role_may(c->role, c->route->permission) || session_lacks) {
        call_fail(c, 403, "insufficient_role", need(c->route), NULL);
    } else if (!pick_allowed(c)) {
        call_fail(c, 403, "insufficient_role", "Only an operator picks an account.", "account_id");
    } else if (missing_pick(c) || account_stops(c, account_state)) {
        return;
    } else if (c->from == NULL) {
        /* For a client that disconnected before anything happened, nothing is done. */
        call_fail(c, 499, "client_gone", "The client is gone.", NULL);
    } else {
        c->known(c);
    }
}

/* --- keys */

static void key_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct view state;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    if (db_rows(r) == 0) {
        call_fail(c, 401, "invalid_api_key", "The API key is not known.", NULL);
        return;
    }
    gate_key_known(call_gate(c), c->address, &c->digest);
    state = db_get_text(r, 0, 2);
    c->key = db_get_id(r, 0, 0);
    c->role = role_named(db_get_text(r, 0, 1));
    if (!db_is_null(r, 0, 4)) {
        c->account = db_get_id(r, 0, 4);
        c->organisation = db_get_id(r, 0, 5);
    }
    c->operators = db_get_bool(r, 0, 6);
    if (view_eq(state, VIEW_LIT("disabled")))
        call_fail(c, 401, "key_disabled", "The API key is disabled.", NULL);
    else if (view_eq(state, VIEW_LIT("expired")))
        call_fail(c, 401, "key_expired", "The API key has expired.", NULL);
    else if (!db_is_null(r, 0, 7) && !key_address_allowed(c, db_get_text(r, 0, 7)))
        call_fail(c, 403, "ip_not_allowed", "The API key may not be used from this address.", NULL);
    else if (c->picks_workspace && !id_eq(&c->workspace, &c->account))
        call_fail(c, 404, "account_not_found", "There is no such account.", "workspace_id");
    else
        decide(c, db_get_text(r, 0, 3));
}

/* --- sessions */

static void session_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    if (db_rows(r) == 0) {
        call_fail(c, 401, "invalid_session", "The session is not known, or it has ended.", NULL);
        return;
    }
    gate_key_known(call_gate(c), c->address, &c->digest);
    c->session = db_get_id(r, 0, 0);
    c->user = db_get_id(r, 0, 1);
    c->role = db_is_null(r, 0, 2) ? ROLE_NOBODY
                                  : role_of_member(db_get_text(r, 0, 2), db_get_bool(r, 0, 3));
    if (!db_is_null(r, 0, 5)) {
        c->account = db_get_id(r, 0, 5);
        c->organisation = db_get_id(r, 0, 6);
    }
    c->operators = db_get_bool(r, 0, 7);
    decide(c, db_is_null(r, 0, 4) ? view_of(NULL, 0) : db_get_text(r, 0, 4));
}

/* --- credentials */

/* Which account is to be acted on. false: it has been answered. */
static bool take_pick(struct call *c, const char *name, struct view text, bool *set, struct id *out)
{
    if (id_parse(text, out) != ERR_NONE) {
        call_fail(c, 400, "invalid_parameter", "This must be an id.", name);
        return false;
    }
    *set = true;
    return true;
}

static bool take_picks(struct call *c)
{
    struct view v;

    if (!route_picks(c->route))
        return true;
    if (call_query(c, "account_id", &v) &&
        !take_pick(c, "account_id", v, &c->picks_account, &c->picked))
        return false;
    if (call_query(c, "workspace_id", &v) ||
        c->origin->header(c, VIEW_LIT("x-trustedrouter-workspace"), &v))
        return take_pick(c, "workspace_id", v, &c->picks_workspace, &c->workspace);
    return true;
}

static void ask_database(struct call *c, bool session)
{
    const struct db_param p[] = {db_bytes(view_of(c->digest.b, sizeof c->digest.b)),
                                 c->picks_account ? db_id(&c->picked) : db_null(),
                                 c->picks_workspace ? db_id(&c->workspace) : db_null()};

    if (session)
        db_query(call_db(c), STMT_CALLER_SESSION, p, 3, 0, session_cb, c);
    else
        db_query(call_db(c), STMT_CALLER_KEY, p, 2, 0, key_cb, c);
}

void caller_find_again(struct call *c, void (*known)(struct call *c))
{
    c->known = known;
    ask_database(c, !id_is_zero(&c->user));
}

/* Whose credential has c->digest, and is it one. */
static void look_up(struct call *c, bool session)
{
    if (!take_picks(c))
        return;
    if (gate_key(call_gate(c), c->address, &c->digest, clock_mono_ms(), &c->retry_ms) != ERR_NONE) {
        call_fail(c, 429, "rate_limit_exceeded", "Too many unknown API keys.", NULL);
        return;
    }
    if (!call_take_rate(c)) {
        call_fail(c, 429, "rate_limit_exceeded", "Too many requests with this credential.", NULL);
        return;
    }
    ask_database(c, session);
}

void caller_csrf(struct view token, struct digest32 *out)
{
    digest_sha256_2(VIEW_LIT("tr-csrf/v1"), token, out);
}

void caller_set_cookie(struct call *c, const char *token, uint64_t seconds)
{
    snprintf(c->cookie, sizeof c->cookie,
             COOKIE "=%s; Path=/; Max-Age=%llu; HttpOnly; Secure; SameSite=Strict",
             token == NULL ? "" : token, (unsigned long long)(token == NULL ? 0 : seconds));
}

bool caller_cookie(const struct call *c, struct view *out)
{
    return caller_cookie_named(c, COOKIE, out);
}

bool caller_cookie_named(const struct call *c, const char *name, struct view *out)
{
    struct view rest, wanted = view_str(name);

    if (!c->origin->header(c, VIEW_LIT("cookie"), &rest))
        return false;
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.ptr, ';', rest.len);
        struct view pair = view_trim(view_of(rest.ptr, end == NULL ? rest.len : (size_t)(end - rest.ptr)));

        rest = view_from(rest, end == NULL ? rest.len : (size_t)(end - rest.ptr) + 1);
        if (view_starts(pair, wanted) && pair.len > wanted.len && pair.ptr[wanted.len] == '=') {
            *out = view_from(pair, wanted.len + 1);
            return true;
        }
    }
    return false;
}

/* A browser sends the cookie with what another site asks for, too: a page of ours knows the token as well. */
static bool forged(const struct call *c)
{
    struct digest32 said;
    struct view v;

    if (reads(c))
        return false;
    return !c->origin->header(c, VIEW_LIT("x-csrf-token"), &v) ||
           hex_decode(v, said.b, sizeof said.b) != ERR_NONE ||
           !secret_equal(said.b, c->csrf.b, sizeof said.b);
}

static void find_session(struct call *c, struct view token, bool by_cookie)
{
    if (!key_text_has(KEY_SESSION_PREFIX, token)) {
        call_fail(c, 401, "invalid_session", "The session is not known, or it has ended.", NULL);
        return;
    }
    digest_sha256(token, &c->digest);
    caller_csrf(token, &c->csrf);
    if (by_cookie && forged(c))
        call_fail(c, 403, "invalid_csrf_token",
                  "A write with a cookie needs the session's token in x-csrf-token.", NULL);
    else
        look_up(c, true);
}

void caller_find(struct call *c, void (*known)(struct call *c))
{
    struct view v;

    c->known = known;
    if (c->origin->relayed) {
        look_up(c, false);
        return;
    }
    if (!c->origin->header(c, VIEW_LIT("authorization"), &v)) {
        if (caller_cookie(c, &v))
            find_session(c, v, true);
        else
            call_fail(c, 401, "missing_api_key", "Send your key as \"Authorization: Bearer ...\".",
                      NULL);
        return;
    }
    if (v.len < 7 || !view_eq_nocase(view_of(v.ptr, 7), VIEW_LIT("bearer "))) {
        call_fail(c, 401, "missing_api_key", "Send your key as \"Authorization: Bearer ...\".",
                  NULL);
        return;
    }
    v = view_trim(view_from(v, 7));
    if (view_starts(v, VIEW_LIT(KEY_SESSION_PREFIX))) {
        find_session(c, v, false);
    } else if (!key_text_valid(v)) {
        call_fail(c, 401, "invalid_api_key", "This is not an API key of this service.", NULL);
    } else {
        digest_sha256(v, &c->digest);
        look_up(c, false);
    }
}
