/* Providers, and one request to one of them after the other. Nothing that a provider said is logged. */
#include "identity_internal.h"
#include "log.h"
#include "secret.h"
#include "secret_line.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLBACK_PATH "/v1/auth/oidc/"

struct identity {
    struct identity_provider *providers;
    size_t n;
};

/* --- an ask --- */

static struct static_name step_name(enum identity_step s)
{
    static const char *const names[] = {
        [STEP_DISCOVER] = "discover", [STEP_CODE] = "code",     [STEP_KEYS] = "keys",
        [STEP_USER] = "user",         [STEP_EMAILS] = "emails",
    };

    return (struct static_name){names[s]};
}

void ask_end(struct identity_ask *a, enum err e, unsigned status)
{
    const struct identity_answer answer = {NULL, a->subject, &a->person};

    if (e != ERR_NONE)
        LOG("sign_in_provider", KV("step", step_name(a->step)), KV("reason", log_err((int)e)), KV("status", (uint32_t)status));
    a->cb(a->cookie, e, &answer);
    buf_free(&a->token);
    secret_wipe(a, sizeof *a);
    free(a);
}

void ask_redirect(struct identity_ask *a, const char *endpoint, const char *scope, bool nonce)
{
    char challenge[IDENTITY_RANDOM_TEXT + 1], url[LOCATION_MAX];
    struct digest32 digest;
    struct buf query;
    struct form f = {&query, ERR_NONE};
    int n;

    digest_sha256(view_str(a->pass.verifier), &digest);
    buf_init(&query, LOCATION_MAX - ENDPOINT_MAX);
    sodium_bin2base64(challenge, sizeof challenge, digest.b, sizeof digest.b, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    form_put_text(&f, "response_type", "code");
    form_put_text(&f, "client_id", a->of->source->client_id);
    form_put_text(&f, "redirect_uri", a->of->redirect);
    form_put_text(&f, "scope", scope);
    form_put_text(&f, "state", a->pass.state);
    if (nonce)
        form_put_text(&f, "nonce", a->pass.nonce);
    form_put_text(&f, "code_challenge", challenge);
    form_put_text(&f, "code_challenge_method", "S256");
    if (f.e == ERR_NONE)
        f.e = buf_append_byte(&query, '\0');
    n = f.e != ERR_NONE ? -1
                        : snprintf(url, sizeof url, "%s%c%s", endpoint, strchr(endpoint, '?') == NULL ? '?' : '&',
                                   (const char *)query.ptr);
    buf_free(&query);
    if (n < 0 || (size_t)n >= sizeof url) {
        ask_end(a, f.e == ERR_NONE ? ERR_LIMIT : f.e, 0);
        return;
    }
    const struct identity_answer answer = {url, NULL, NULL};
    a->cb(a->cookie, ERR_NONE, &answer);
    secret_wipe(a, sizeof *a);
    free(a);
}

enum err ask_code_form(struct identity_ask *a, bool secret, struct buf *out)
{
    struct form f = {out, ERR_NONE};

    form_put_text(&f, "grant_type", "authorization_code");
    form_put_text(&f, "code", a->code);
    form_put_text(&f, "redirect_uri", a->of->redirect);
    form_put_text(&f, "code_verifier", a->pass.verifier);
    if (secret) {
        form_put_text(&f, "client_id", a->of->source->client_id);
        form_put_text(&f, "client_secret", a->of->secret);
    }
    return f.e;
}

void ask_person(struct identity_ask *a)
{
    snprintf(a->subject, sizeof a->subject, "%s %s", a->of->source->issuer, a->person.subject);
    ask_end(a, ERR_NONE, 0);
}

/* --- requests --- */

struct asked {
    struct identity_ask *ask;
    ask_then *then;
};

/* A token endpoint that answers 400 or 401 refuses the code (RFC 6749 5.2). */
static void answered_cb(void *cookie, enum err e, const struct outcall_answer *answer)
{
    struct asked q = *(struct asked *)cookie;

    free(cookie);
    if (e != ERR_NONE)
        ask_end(q.ask, e, 0);
    else if (answer->status == 200)
        q.then(q.ask, answer->body);
    else
        ask_end(q.ask, q.ask->step == STEP_CODE && answer->status < 500 ? ERR_AUTH : ERR_PROVIDER_STATUS, answer->status);
}

static void ask_send(struct identity_ask *a, struct outcall_request *r, ask_then *then)
{
    struct asked *q = malloc(sizeof *q);
    enum err e = q == NULL ? ERR_MEMORY : ERR_NONE;

    r->timeout_ms = IDENTITY_TIMEOUT_MS;
    r->answer_max = IDENTITY_ANSWER_MAX;
    if (e == ERR_NONE) {
        *q = (struct asked){a, then};
        e = outcall_start(a->of->outcalls, r, answered_cb, q);
    }
    if (e != ERR_NONE) {
        free(q);
        ask_end(a, e, 0);
    }
}

void ask_get(struct identity_ask *a, const char *url, ask_then *then, bool authorized)
{
    char bearer[sizeof "Authorization: Bearer " + ACCESS_TOKEN_MAX];
    struct outcall_request r = {.url = url, .headers = {"Accept: application/json", "User-Agent: trustedrouter"}};

    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", a->access_token);
    if (authorized)
        r.headers[2] = bearer;
    ask_send(a, &r, then);
    secret_wipe(bearer, sizeof bearer);
}

void ask_post(struct identity_ask *a, const char *url, struct view form, const char *authorization, ask_then *then)
{
    struct outcall_request r = {
        .url = url,
        .headers = {"Accept: application/json", "User-Agent: trustedrouter", authorization},
        .post = true,
        .form = form,
    };

    ask_send(a, &r, then);
}

/* --- beginnings --- */

/* base64url(SHA-256(label, state, kept)). */
static void derive(const char *label, const char *state, const char *kept, char out[static IDENTITY_RANDOM_TEXT + 1])
{
    uint8_t both[2 * (IDENTITY_RANDOM_TEXT + 1)];
    struct digest32 digest;

    snprintf((char *)both, sizeof both, "%.43s.%.43s", state, kept);
    digest_sha256_2(view_str(label), view_str((const char *)both), &digest);
    sodium_bin2base64(out, IDENTITY_RANDOM_TEXT + 1, digest.b, sizeof digest.b, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    secret_wipe(both, sizeof both);
    secret_wipe(&digest, sizeof digest);
}

void identity_pass(const char *state, const char *kept, struct identity_pass *out)
{
    snprintf(out->state, sizeof out->state, "%s", state);
    derive("tr-oidc-nonce/v1", state, kept, out->nonce);
    derive("tr-oidc-pkce/v1", state, kept, out->verifier);
}

static struct identity_ask *ask_new(struct identity_provider *p, const struct identity_pass *pass, identity_cb *cb,
                                    void *cookie)
{
    struct identity_ask *a = calloc(1, sizeof *a);

    assert(a != NULL);
    a->of = p;
    a->pass = *pass;
    a->cb = cb;
    a->cookie = cookie;
    buf_init(&a->token, ID_TOKEN_MAX);
    return a;
}

static void start(struct identity_ask *a)
{
    if (a->of->source->kind == SIGN_IN_GITHUB)
        github_start(a);
    else
        oidc_start(a);
}

void identity_begin(struct identity_provider *p, const struct identity_pass *pass, identity_cb *cb, void *cookie)
{
    struct identity_ask *a = ask_new(p, pass, cb, cookie);

    a->begins = true;
    start(a);
}

void identity_finish(struct identity_provider *p, const struct identity_pass *pass, struct view code, struct view iss,
                     identity_cb *cb, void *cookie)
{
    struct identity_ask *a = ask_new(p, pass, cb, cookie);

    if (code.len == 0 || code.len > IDENTITY_CODE_MAX || iss.len >= sizeof a->issuer ||
        memchr(code.ptr, '\0', code.len) != NULL) {
        ask_end(a, ERR_FORMAT, 0);
        return;
    }
    memcpy(a->code, code.ptr, code.len);
    if (iss.len > 0)
        memcpy(a->issuer, iss.ptr, iss.len);
    start(a);
}

/* --- life --- */

struct identity_provider *identity_find(struct identity *i, struct view id)
{
    for (size_t at = 0; i != NULL && at < i->n; at++)
        if (view_eq(id, view_str(i->providers[at].source->id)))
            return &i->providers[at];
    return NULL;
}

size_t identity_count(const struct identity *i)
{
    return i == NULL ? 0 : i->n;
}

const char *identity_id(const struct identity *i, size_t at)
{
    return i->providers[at].source->id;
}

const char *identity_name(const struct identity *i, size_t at)
{
    const struct sign_in_source *s = i->providers[at].source;

    return s->name[0] == '\0' ? s->id : s->name;
}

static enum err provider_open(const struct identity_config *c, const struct sign_in_source *s, struct identity_provider *p,
                              struct buf *why)
{
    const struct outcalls_config o = {.loop = c->loop, .ca = s->ca};
    enum err e;

    p->source = s;
    if (!outcall_ca_readable(s->ca))
        return buf_appendf(why, "[sign_in %s] ca: cannot be read", s->id) == ERR_NONE ? ERR_CONFIG : ERR_MEMORY;
    snprintf(p->redirect, sizeof p->redirect, "%s" CALLBACK_PATH "%s/callback", c->origin, s->id);
    p->secret = sodium_malloc(SECRET_LINE_MAX);
    if (p->secret == NULL)
        return ERR_MEMORY;
    e = secret_line_read(s->client_secret_file, p->secret);
    if (e != ERR_NONE)
        return buf_appendf(why, "[sign_in %s] client_secret_file: not a file of mode 0600 with one line, the client's secret",
                           s->id) == ERR_NONE
                   ? ERR_CONFIG
                   : ERR_MEMORY;
    sodium_mprotect_readonly(p->secret);
    return outcalls_new(&o, &p->outcalls);
}

enum err identity_new(const struct identity_config *c, struct identity **out, struct buf *why)
{
    struct identity *i = calloc(1, sizeof *i);
    enum err e = ERR_NONE;

    if (i == NULL || (c->n > 0 && (i->providers = calloc(c->n, sizeof *i->providers)) == NULL)) {
        free(i);
        return ERR_MEMORY;
    }
    for (; i->n < c->n && e == ERR_NONE; i->n++)
        e = provider_open(c, &c->sources[i->n], &i->providers[i->n], why);
    if (e == ERR_NONE)
        *out = i;
    else
        identity_free(i);
    return e;
}

void identity_free(struct identity *i)
{
    for (size_t at = 0; i != NULL && at < i->n; at++) {
        struct identity_provider *p = &i->providers[at];

        outcalls_free(p->outcalls);
        jwks_free(&p->keys);
        sodium_free(p->secret);
    }
    if (i != NULL)
        free(i->providers);
    free(i);
}
