/* Account, order, validation, certificate: the steps of RFC 8555 section 7. */
#include "client.h"

#include "base64.h"
#include "client_internal.h"
#include "csr.h"
#include "jws.h"
#include "tls.h"

#include <stdlib.h>

enum { PAYLOAD_MAX = 8192, CSR_MAX = 6144, TOKEN_MIN = 16 };

const char *acme_step_name(enum acme_step s)
{
    static const char *const names[ACME_STEP_COUNT] = {
        [ACME_STEP_DIRECTORY] = "directory",   [ACME_STEP_ACCOUNT] = "account",
        [ACME_STEP_ORDER] = "order",           [ACME_STEP_VALIDATION] = "validation",
        [ACME_STEP_FINALIZE] = "finalize",     [ACME_STEP_CERTIFICATE] = "certificate",
    };

    return names[s];
}

enum err acme_client_new(const struct acme_client_config *config, struct acme_client **out)
{
    struct acme_client *c = calloc(1, sizeof *c);
    struct buf thumb;
    enum err e;

    if (c == NULL)
        return ERR_MEMORY;
    c->config = *config;
    buf_init(&thumb, 64);
    e = tls_key_new(&c->key);
    if (e == ERR_NONE)
        e = jws_thumbprint(c->key, &thumb);
    if (e == ERR_NONE) {
        memcpy(c->thumbprint, thumb.ptr, thumb.len);
        *out = c;
    } else {
        acme_client_free(c);
    }
    buf_free(&thumb);
    return e;
}

void acme_client_free(struct acme_client *c)
{
    if (c == NULL)
        return;
    EVP_PKEY_free(c->key);
    free(c);
}

/* A JSON answer. */
static enum err post_json(struct acme_client *c, const char *url, struct view payload, struct acme_answer *a,
                          struct json_value *root)
{
    enum err e = client_post(c, url, payload, ACME_CONTENT_JSON, a);

    if (e == ERR_NONE && (json_check(buf_view(&a->body), root, NULL) != ERR_NONE || root->kind != JSON_OBJECT))
        e = ERR_FORMAT;
    return e;
}

/* --- account */

static enum err account_make(struct acme_client *c)
{
    struct json_value root;
    struct acme_answer a;
    struct buf payload;
    enum err e;

    if (c->account[0] != '\0')
        return ERR_NONE;
    c->failure->step = ACME_STEP_ACCOUNT;
    acme_answer_init(&a);
    buf_init(&payload, PAYLOAD_MAX);
    e = buf_append(&payload, VIEW_LIT("{\"termsOfServiceAgreed\":true"));
    if (e == ERR_NONE && c->config.contact[0] != '\0')
        e = buf_appendf(&payload, ",\"contact\":[\"mailto:%s\"]", c->config.contact);
    if (e == ERR_NONE)
        e = buf_append_byte(&payload, '}');
    if (e == ERR_NONE)
        e = post_json(c, c->new_account, buf_view(&payload), &a, &root);
    if (e == ERR_NONE && !acme_url_ok(c->config.directory, a.location))
        e = ERR_FORMAT;
    if (e == ERR_NONE)
        memcpy(c->account, a.location, sizeof c->account);
    buf_free(&payload);
    acme_answer_free(&a);
    return e;
}

/* --- what is awaited */

/* The order's or authorization's status as the authority says it now, until it is none of `waiting`. */
static enum err poll_until(struct acme_client *c, const char *url, const char *waiting, const char *waiting_too,
                           struct acme_answer *a, struct json_value *root)
{
    for (unsigned i = 0; i < ACME_POLLS_MAX; i++) {
        struct json_value status;
        uint64_t ms;
        enum err e = post_json(c, url, VIEW_EMPTY, a, root);

        if (e != ERR_NONE)
            return e;
        if (!json_get(*root, "status", &status))
            return ERR_FORMAT;
        if (!json_string_is(status, waiting) && !json_string_is(status, waiting_too))
            return ERR_NONE;
        ms = a->retry_after_s != 0 ? a->retry_after_s * 1000 : ACME_POLL_MS;
        if (!c->config.pause(c->config.cookie, ms < ACME_POLL_LONGEST_MS ? ms : ACME_POLL_LONGEST_MS))
            return ERR_CANCELLED;
    }
    return ERR_TOTAL_TIMEOUT;
}

static bool has_status(struct json_value object, const char *status)
{
    struct json_value v;

    return json_get(object, "status", &v) && json_string_is(v, status);
}

/* What an invalid object says of itself, or of the challenge in it that failed. */
static enum err invalid(struct acme_client *c, struct json_value object)
{
    struct json_value error, list;
    struct json_member m;

    c->failure->problem = ACME_PROBLEM_OTHER;
    if (json_get(object, "error", &error) && error.kind == JSON_OBJECT) {
        c->failure->problem = client_problem(error);
    } else if (json_get(object, "challenges", &list) && list.kind == JSON_ARRAY) {
        struct json_iter it = json_iter(list);

        while (json_next(&it, &m))
            if (m.value.kind == JSON_OBJECT && json_get(m.value, "error", &error) && error.kind == JSON_OBJECT)
                c->failure->problem = client_problem(error);
    }
    return ERR_PROVIDER_BODY;
}

/* --- one name's authorization */

struct chosen {
    enum acme_method method;
    char url[ACME_URL_MAX + 1];
    char authorization[LIMIT_ACME_AUTHORIZATION_BYTES + 1];
};

/* base64url, long enough not to be guessed (RFC 8555 8.3). */
static bool token_ok(struct view v, size_t max)
{
    for (size_t i = 0; i < v.len; i++) {
        uint8_t b = v.ptr[i];

        if (!((b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || b == '-' || b == '_'))
            return false;
    }
    return v.len >= TOKEN_MIN && v.len <= max;
}

/* The authorization's challenge of this type. */
static enum err choose_type(const struct acme_client *c, struct json_value authorization, const char *type,
                            struct chosen *out)
{
    const size_t thumb = strlen(c->thumbprint);
    struct json_value list, v;
    struct json_member m;
    struct json_iter it;
    struct view token;

    if (!json_get(authorization, "challenges", &list) || list.kind != JSON_ARRAY)
        return ERR_FORMAT;
    it = json_iter(list);
    while (json_next(&it, &m)) {
        if (m.value.kind != JSON_OBJECT || !json_get(m.value, "type", &v) || !json_string_is(v, type))
            continue;
        if (json_only(m.value, "token", &v) != ERR_NONE || !json_string_plain(v, &token) ||
            !token_ok(token, LIMIT_ACME_AUTHORIZATION_BYTES - 1 - thumb))
            return ERR_FORMAT;
        memcpy(out->authorization, token.ptr, token.len);
        out->authorization[token.len] = '.';
        memcpy(out->authorization + token.len + 1, c->thumbprint, thumb + 1);
        return client_url(c, m.value, "url", out->url);
    }
    return ERR_NOT_FOUND;
}

static enum err choose(const struct acme_client *c, struct json_value authorization, struct chosen *out)
{
    enum err e = ERR_NOT_FOUND;

    if (c->config.tls_alpn) {
        out->method = ACME_TLS_ALPN_01;
        e = choose_type(c, authorization, "tls-alpn-01", out);
    }
    if (e == ERR_NOT_FOUND && c->config.http) {
        out->method = ACME_HTTP_01;
        e = choose_type(c, authorization, "http-01", out);
    }
    return e == ERR_NOT_FOUND ? ERR_UNSUPPORTED : e;
}

/* It must be for one of our names: the authority could make us answer for another. */
static const char *identifier_of(const struct acme_client *c, struct json_value authorization)
{
    struct json_value id, v;

    if (!json_get(authorization, "identifier", &id) || id.kind != JSON_OBJECT || !json_get(id, "type", &v) ||
        !json_string_is(v, "dns") || !json_get(id, "value", &v))
        return NULL;
    for (unsigned i = 0; i < c->config.names->n; i++)
        if (json_string_is(v, c->config.names->list[i]))
            return c->config.names->list[i];
    return NULL;
}

static enum err validate(struct acme_client *c, const char *url, const struct chosen *chosen, const char *name)
{
    struct json_value root;
    struct acme_answer a;
    enum err e = c->config.start(c->config.cookie, chosen->method, name, view_str(chosen->authorization));

    acme_answer_init(&a);
    if (e == ERR_NONE)
        e = post_json(c, chosen->url, VIEW_LIT("{}"), &a, &root);
    if (e == ERR_NONE)
        e = poll_until(c, url, "pending", "processing", &a, &root);
    if (e == ERR_NONE && !has_status(root, "valid"))
        e = invalid(c, root);
    c->config.end(c->config.cookie, chosen->method, name);
    acme_answer_free(&a);
    return e;
}

static enum err authorize(struct acme_client *c, const char *url)
{
    struct chosen chosen;
    struct json_value root;
    struct acme_answer a;
    const char *name = NULL;
    bool pending = false;
    enum err e;

    acme_answer_init(&a);
    e = post_json(c, url, VIEW_EMPTY, &a, &root);
    if (e == ERR_NONE && !has_status(root, "valid")) {
        pending = has_status(root, "pending");
        name = identifier_of(c, root);
        e = !pending ? invalid(c, root) : name == NULL ? ERR_FORMAT : choose(c, root, &chosen);
    }
    acme_answer_free(&a);
    return e == ERR_NONE && pending ? validate(c, url, &chosen, name) : e;
}

/* --- the order */

struct order {
    char url[ACME_URL_MAX + 1], finalize[ACME_URL_MAX + 1], certificate[ACME_URL_MAX + 1];
    char authorizations[LIMIT_ACME_CHALLENGES][ACME_URL_MAX + 1];
    unsigned n;
};

static enum err order_read(const struct acme_client *c, struct json_value root, struct order *o)
{
    struct json_value list;
    struct json_member m;
    struct json_iter it;
    enum err e = client_url(c, root, "finalize", o->finalize);

    if (e == ERR_NONE && (json_only(root, "authorizations", &list) != ERR_NONE || list.kind != JSON_ARRAY))
        e = ERR_FORMAT;
    if (e != ERR_NONE)
        return e;
    it = json_iter(list);
    while (e == ERR_NONE && json_next(&it, &m))
        e = o->n < LIMIT_ACME_CHALLENGES ? client_url_of(c, m.value, o->authorizations[o->n++]) : ERR_LIMIT;
    return e;
}

static enum err order_make(struct acme_client *c, struct order *o)
{
    struct json_value root;
    struct acme_answer a;
    struct buf payload;
    enum err e;

    c->failure->step = ACME_STEP_ORDER;
    acme_answer_init(&a);
    buf_init(&payload, PAYLOAD_MAX);
    e = buf_append(&payload, VIEW_LIT("{\"identifiers\":["));
    for (unsigned i = 0; e == ERR_NONE && i < c->config.names->n; i++)
        e = buf_appendf(&payload, "%s{\"type\":\"dns\",\"value\":\"%s\"}", i == 0 ? "" : ",",
                        c->config.names->list[i]);
    if (e == ERR_NONE)
        e = buf_append(&payload, VIEW_LIT("]}"));
    if (e == ERR_NONE)
        e = post_json(c, c->new_order, buf_view(&payload), &a, &root);
    if (e == ERR_NONE && !acme_url_ok(c->config.directory, a.location))
        e = ERR_FORMAT;
    if (e == ERR_NONE) {
        memcpy(o->url, a.location, sizeof o->url);
        e = order_read(c, root, o);
    }
    buf_free(&payload);
    acme_answer_free(&a);
    return e;
}

static enum err order_authorize(struct acme_client *c, const struct order *o)
{
    enum err e = ERR_NONE;

    c->failure->step = ACME_STEP_VALIDATION;
    for (unsigned i = 0; e == ERR_NONE && i < o->n; i++)
        e = authorize(c, o->authorizations[i]);
    return e;
}

/* {"csr":"..."} */
static enum err csr_payload(const struct acme_client *c, struct buf *out)
{
    struct buf csr;
    enum err e;

    buf_init(&csr, CSR_MAX);
    e = csr_make(c->config.tls_key, c->config.names, &csr);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("{\"csr\":\""));
    if (e == ERR_NONE)
        e = base64url_append(buf_view(&csr), out);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("\"}"));
    buf_free(&csr);
    return e;
}

static enum err order_finalize(struct acme_client *c, struct order *o)
{
    struct json_value root;
    struct acme_answer a;
    struct buf payload;
    enum err e;

    c->failure->step = ACME_STEP_FINALIZE;
    acme_answer_init(&a);
    buf_init(&payload, 2 * CSR_MAX);
    e = poll_until(c, o->url, "pending", "processing", &a, &root);
    if (e == ERR_NONE && has_status(root, "invalid"))
        e = invalid(c, root);
    if (e == ERR_NONE && !has_status(root, "ready"))
        e = ERR_FORMAT;
    if (e == ERR_NONE)
        e = csr_payload(c, &payload);
    if (e == ERR_NONE)
        e = post_json(c, o->finalize, buf_view(&payload), &a, &root);
    if (e == ERR_NONE)
        e = poll_until(c, o->url, "processing", "ready", &a, &root);
    if (e == ERR_NONE && !has_status(root, "valid"))
        e = invalid(c, root);
    if (e == ERR_NONE)
        e = client_url(c, root, "certificate", o->certificate);
    buf_free(&payload);
    acme_answer_free(&a);
    return e;
}

static enum err certificate_get(struct acme_client *c, const struct order *o, struct acme_certificate *out)
{
    struct acme_answer a;
    enum err e;

    c->failure->step = ACME_STEP_CERTIFICATE;
    acme_answer_init(&a);
    e = client_post(c, o->certificate, VIEW_EMPTY, ACME_CONTENT_PEM, &a);
    if (e == ERR_NONE)
        e = client_chain(c, buf_view(&a.body), out);
    acme_answer_free(&a);
    return e;
}

enum err acme_client_obtain(struct acme_client *c, struct acme_certificate *out, struct acme_failure *failure)
{
    struct order *o = calloc(1, sizeof *o);
    enum err e;

    *failure = (struct acme_failure){.step = ACME_STEP_DIRECTORY};
    if (o == NULL)
        return failure->err = ERR_MEMORY;
    c->failure = failure;
    e = client_directory(c);
    if (e == ERR_NONE)
        e = account_make(c);
    if (e == ERR_NONE)
        e = order_make(c, o);
    if (e == ERR_NONE)
        e = order_authorize(c, o);
    if (e == ERR_NONE)
        e = order_finalize(c, o);
    if (e == ERR_NONE)
        e = certificate_get(c, o, out);
    if (failure->problem == ACME_PROBLEM_ACCOUNT_DOES_NOT_EXIST)
        c->account[0] = '\0'; /* the authority has lost it: another one next time */
    free(o);
    return failure->err = e;
}
