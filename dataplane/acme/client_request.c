/* Signed requests: nonces, problems, what answers may be. */
#include "client_internal.h"

#include "jws.h"

enum { REQUEST_MAX = 16 << 10 };

const char *acme_problem_name(enum acme_problem p)
{
#define ACME_PROBLEM_NAME(symbol, name) [ACME_PROBLEM_##symbol] = name,
    static const char *const names[ACME_PROBLEM_COUNT] = {ACME_PROBLEMS(ACME_PROBLEM_NAME)};
#undef ACME_PROBLEM_NAME

    return names[p];
}

/* --- what answers say */

enum acme_problem client_problem(struct json_value object)
{
    static const struct view urn = VIEW_LIT("urn:ietf:params:acme:error:");
    struct json_value type;
    struct view text;

    if (!json_get(object, "type", &type) || !json_string_plain(type, &text) || !view_starts(text, urn))
        return ACME_PROBLEM_OTHER;
    text = view_from(text, urn.len);
    for (int p = ACME_PROBLEM_OTHER + 1; p < ACME_PROBLEM_COUNT; p++)
        if (view_eq(text, view_str(acme_problem_name((enum acme_problem)p))))
            return (enum acme_problem)p;
    return ACME_PROBLEM_OTHER;
}

enum err client_url_of(const struct acme_client *c, struct json_value value, char out[static ACME_URL_MAX + 1])
{
    struct buf text;
    enum err e;

    buf_init(&text, ACME_URL_MAX);
    e = value.kind == JSON_STRING ? json_string_decode(value, &text) : ERR_FORMAT;
    if (e == ERR_NONE && (text.len == 0 || memchr(text.ptr, '\0', text.len) != NULL))
        e = ERR_FORMAT;
    if (e == ERR_NONE) {
        memcpy(out, text.ptr, text.len);
        out[text.len] = '\0';
        if (!acme_url_ok(c->config.directory, out))
            e = ERR_FORMAT;
    }
    buf_free(&text);
    return e;
}

enum err client_url(const struct acme_client *c, struct json_value object, const char *member,
                    char out[static ACME_URL_MAX + 1])
{
    struct json_value value;

    return json_only(object, member, &value) == ERR_NONE ? client_url_of(c, value, out) : ERR_FORMAT;
}

/* --- requests */

static enum err plain_request(struct acme_client *c, const char *method, const char *url, struct acme_answer *a)
{
    enum err e = c->config.wire.exchange(c->config.wire.cookie, method, url, VIEW_EMPTY, a);

    c->failure->status = a->status;
    c->failure->retry_after_s = a->retry_after_s;
    if (e == ERR_NONE && a->status != 200 && a->status != 204)
        e = ERR_PROVIDER_STATUS;
    return e;
}

enum err client_directory(struct acme_client *c)
{
    struct json_value root;
    struct acme_answer a;
    enum err e;

    acme_answer_init(&a);
    e = plain_request(c, "GET", c->config.directory, &a);
    if (e == ERR_NONE && (a.content != ACME_CONTENT_JSON || json_check(buf_view(&a.body), &root, NULL) != ERR_NONE))
        e = ERR_FORMAT;
    if (e == ERR_NONE)
        e = client_url(c, root, "newNonce", c->new_nonce);
    if (e == ERR_NONE)
        e = client_url(c, root, "newAccount", c->new_account);
    if (e == ERR_NONE)
        e = client_url(c, root, "newOrder", c->new_order);
    acme_answer_free(&a);
    return e;
}

/* newNonce is asked by GET, not HEAD: an answer to HEAD announces a body that does not come. */
static enum err nonce_get(struct acme_client *c)
{
    struct acme_answer a;
    enum err e = ERR_NONE;

    if (c->nonce[0] != '\0')
        return e;
    acme_answer_init(&a);
    e = plain_request(c, "GET", c->new_nonce, &a);
    if (e == ERR_NONE && a.nonce[0] == '\0')
        e = ERR_FORMAT;
    if (e == ERR_NONE)
        memcpy(c->nonce, a.nonce, sizeof c->nonce);
    acme_answer_free(&a);
    return e;
}

static enum err post_once(struct acme_client *c, const char *url, struct view payload, struct acme_answer *a)
{
    const struct jws_header h = {.kid = c->account[0] != '\0' ? c->account : NULL, .nonce = c->nonce, .url = url};
    struct buf body;
    enum err e;

    buf_init(&body, REQUEST_MAX);
    e = jws_sign(c->key, &h, payload, &body);
    c->nonce[0] = '\0'; /* used, whatever becomes of the request */
    if (e == ERR_NONE)
        e = c->config.wire.exchange(c->config.wire.cookie, "POST", url, buf_view(&body), a);
    if (e == ERR_NONE)
        memcpy(c->nonce, a->nonce, sizeof c->nonce);
    buf_free(&body);
    return e;
}

/* What the answer says, noted. */
static enum err verdict_of(struct acme_client *c, const struct acme_answer *a, enum acme_content want)
{
    struct acme_failure *f = c->failure;
    struct json_value root;

    f->status = a->status;
    f->retry_after_s = a->retry_after_s;
    f->problem = ACME_PROBLEM_NONE;
    if (a->status >= 200 && a->status < 300)
        return a->content == want ? ERR_NONE : ERR_FORMAT;
    if (a->content == ACME_CONTENT_PROBLEM)
        f->problem = json_check(buf_view(&a->body), &root, NULL) == ERR_NONE ? client_problem(root)
                                                                             : ACME_PROBLEM_OTHER;
    return ERR_PROVIDER_STATUS; /* redirects as well: nothing of ours goes where they lead */
}

enum err client_post(struct acme_client *c, const char *url, struct view payload, enum acme_content want,
                     struct acme_answer *a)
{
    enum err e = ERR_NONE;

    for (unsigned i = 0; i < ACME_NONCE_TRIES; i++) {
        acme_answer_free(a);
        acme_answer_init(a);
        e = nonce_get(c);
        if (e == ERR_NONE)
            e = post_once(c, url, payload, a);
        if (e == ERR_NONE)
            e = verdict_of(c, a, want);
        if (e != ERR_PROVIDER_STATUS || c->failure->problem != ACME_PROBLEM_BAD_NONCE)
            break;
    }
    return e;
}
