/* OpenID Connect with the authorization code: discovery, the exchange, the keys, the identity token, and, when the token has
 * no e-mail address, the userinfo endpoint. */
#include "clock.h"
#include "identity_internal.h"
#include "base64.h"
#include "secret.h"

#include <stdio.h>
#include <string.h>

#define WELL_KNOWN "/.well-known/openid-configuration"

/* --- one after the other --- */

static void next(struct identity_ask *a);

static void discovered(struct identity_ask *a, struct view body)
{
    struct issuer found;
    enum err e = issuer_read(body, a->of->source->issuer, &found);

    if (e != ERR_NONE) {
        ask_end(a, e, 200);
        return;
    }
    a->of->issuer = found;
    a->of->known = true;
    a->of->known_ms = clock_mono_ms();
    next(a);
}

static void discover(struct identity_ask *a)
{
    const char *issuer = a->of->source->issuer;
    size_t len = strlen(issuer);
    char url[256 + sizeof WELL_KNOWN];

    a->step = STEP_DISCOVER;
    snprintf(url, sizeof url, "%.*s" WELL_KNOWN, (int)(issuer[len - 1] == '/' ? len - 1 : len), issuer);
    ask_get(a, url, discovered, false);
}

/* --- the code */

static void exchanged(struct identity_ask *a, struct view body)
{
    struct json_value root, v;
    struct view token;

    if (json_check(body, &root, NULL) != ERR_NONE || json_only(root, "id_token", &v) != ERR_NONE ||
        !json_string_plain(v, &token) || buf_append(&a->token, token) != ERR_NONE) {
        ask_end(a, ERR_FORMAT, 200);
        return;
    }
    if (!ask_text(root, "access_token", a->access_token, sizeof a->access_token))
        a->access_token[0] = '\0'; /* only the userinfo endpoint wants it */
    next(a);
}

/* client_secret_basic: both are escaped before they are joined (RFC 6749 2.3.1). */
static enum err basic(struct identity_ask *a, struct buf *out)
{
    struct buf both;
    enum err e;

    buf_init(&both, 2048);
    e = form_escape(&both, view_str(a->of->source->client_id));
    if (e == ERR_NONE)
        e = buf_append_byte(&both, ':');
    if (e == ERR_NONE)
        e = form_escape(&both, view_str(a->of->secret));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("Authorization: Basic "));
    if (e == ERR_NONE)
        e = base64_append(buf_view(&both), out);
    if (e == ERR_NONE)
        e = buf_append_byte(out, '\0');
    buf_free(&both);
    return e;
}

static void exchange(struct identity_ask *a)
{
    const bool in_form = a->of->issuer.secret_in_form;
    struct buf form, authorization;
    enum err e;

    a->step = STEP_CODE;
    buf_init(&form, FORM_MAX);
    buf_init(&authorization, 4096);
    e = ask_code_form(a, in_form, &form);
    if (e == ERR_NONE && !in_form)
        e = basic(a, &authorization);
    if (e == ERR_NONE)
        ask_post(a, a->of->issuer.token, buf_view(&form), in_form ? NULL : (const char *)authorization.ptr, exchanged);
    buf_free(&form);
    buf_free(&authorization);
    if (e != ERR_NONE)
        ask_end(a, e, 0);
}

/* --- the token */

static void user_read(struct identity_ask *a, struct view body)
{
    struct json_value root;
    struct id_person more;

    if (json_check(body, &root, NULL) != ERR_NONE || id_person_read(root, &more) != ERR_NONE ||
        strcmp(more.subject, a->person.subject) != 0) { /* somebody else's: the token was exchanged for another one */
        ask_end(a, ERR_AUTH, 200);
        return;
    }
    a->person = more;
    ask_person(a);
}

static void keys_read(struct identity_ask *a, struct view body)
{
    struct jwks found;

    if (jwks_parse(body, &found) != ERR_NONE) {
        ask_end(a, ERR_FORMAT, 200);
        return;
    }
    jwks_free(&a->of->keys);
    a->of->keys = found;
    a->of->keys_ms = clock_mono_ms();
    a->keys_fetched = true;
    next(a);
}

/* A key that is not known may be new: once for each sign-in, and not all the time. */
static bool may_fetch(const struct identity_ask *a, const struct jwk *key)
{
    uint64_t age_ms = clock_mono_ms() - a->of->keys_ms;

    if (a->keys_fetched)
        return false;
    return a->of->keys_ms == 0 || age_ms > IDENTITY_FRESH_MS || (key == NULL && age_ms > IDENTITY_KEYS_AGAIN_MS);
}

static void verify(struct identity_ask *a)
{
    const struct id_claims_want want = {a->of->source->issuer, a->of->source->client_id, view_str(a->pass.nonce),
                                        (int64_t)(clock_unix_ms() / 1000)};
    const struct jwk *key;
    struct id_token t;
    enum err e = id_token_split(buf_view(&a->token), &t);

    if (e == ERR_NONE) {
        key = jwks_find(&a->of->keys, t.kid, t.alg);
        if (may_fetch(a, key)) {
            id_token_free(&t);
            a->step = STEP_KEYS;
            ask_get(a, a->of->issuer.jwks, keys_read, false);
            return;
        }
        e = key == NULL ? ERR_AUTH : id_token_verify(&t, key);
    }
    if (e == ERR_NONE)
        e = id_claims_check(buf_view(&t.claims), &want, &a->person);
    id_token_free(&t);
    if (e != ERR_NONE) {
        ask_end(a, e, 0);
    } else if (a->person.email[0] == '\0' && a->of->issuer.userinfo[0] != '\0' && a->access_token[0] != '\0') {
        a->step = STEP_USER;
        ask_get(a, a->of->issuer.userinfo, user_read, true);
    } else {
        ask_person(a);
    }
}

/* The redirect says which issuer it comes from, where issuers do: another one's code is not sent to this one. */
static bool from_issuer(const struct identity_ask *a)
{
    if (a->issuer[0] == '\0')
        return !a->of->issuer.tells_issuer;
    return strcmp(a->issuer, a->of->source->issuer) == 0;
}

static void next(struct identity_ask *a)
{
    if (a->begins)
        ask_redirect(a, a->of->issuer.authorization, "openid email profile", true);
    else if (!from_issuer(a))
        ask_end(a, ERR_AUTH, 0);
    else if (a->token.len == 0)
        exchange(a);
    else
        verify(a);
}

void oidc_start(struct identity_ask *a)
{
    if (a->of->known && clock_mono_ms() - a->of->known_ms < IDENTITY_FRESH_MS)
        next(a);
    else
        discover(a);
}
