#include "front.h"

#include "api_key.h"
#include "azure.h"
#include "chat_dialect.h"
#include "clock.h"
#include "completions.h"
#include "embeddings_dialect.h"
#include "messages.h"
#include "endpoints.h"
#include "not_stored.h"
#include "path.h"
#include "reply.h"
#include "responses.h"
#include "samples.h"
#include "uplink.h"

#include <assert.h>
#include <stdio.h>

/* One request on its way to its handler. */
struct visit {
    const struct front_context *x;
    struct web_request *web;
    struct view path;    /* without empty segments; of an Azure client, ours that means the same */
    struct view model;   /* the deployment in an Azure client's path; empty: none */
    struct view rest;    /* of the path, where the endpoint takes one */
    struct digest32 who; /* where the endpoint needs a key */
    uint8_t plain[PATH_PLAIN_MAX], azure[PATH_PLAIN_MAX];
};

static void visit_begin(struct visit *v, const struct front_context *x, struct web_request *r)
{
    v->x = x;
    v->web = r;
    v->path = path_plain(web_path(r), v->plain);
    v->rest = VIEW_EMPTY;
    azure_path(&v->path, &v->model, v->azure);
}

static const struct dialect *dialect_here(const struct web_request *r, struct view path);

static void handle_exchange(struct visit *v)
{
    exchange_begin(v->x->exchange, v->web, &v->who, dialect_here(v->web, v->path),
                   receipt_endpoint_of(v->path));
}

static void handle_count(struct visit *v)
{
    exchange_count(v->x->exchange, v->web, &v->who, dialect_here(v->web, v->path),
                   view_starts(v->path, VIEW_LIT("/api/v1/")));
}

static void handle_models(struct visit *v)
{
    stats_status(v->x->stats, models_list(&v->x->models, v->web, v->path));
}

static void handle_embedding_models(struct visit *v)
{
    stats_status(v->x->stats, models_embeddings(&v->x->models, v->web, v->path));
}

static void handle_models_count(struct visit *v)
{
    stats_status(v->x->stats, models_count(&v->x->models, v->web));
}

static void handle_model(struct visit *v)
{
    stats_status(v->x->stats, models_one(&v->x->models, v->web, v->rest));
}

static void handle_model_wrapped(struct visit *v)
{
    stats_status(v->x->stats, models_wrapped(&v->x->models, v->web, v->rest));
}

static void handle_zdr(struct visit *v)
{
    stats_status(v->x->stats, endpoints_zdr(&v->x->models, v->web));
}

static void handle_providers(struct visit *v)
{
    stats_status(v->x->stats, endpoints_providers(&v->x->models, v->web));
}

static void handle_receipt(struct visit *v)
{
    stats_status(v->x->stats, receipt_answer(&v->x->receipts, v->web, v->rest, &v->who));
}

static void handle_signature(struct visit *v)
{
    stats_status(v->x->stats, receipt_answer_signature(&v->x->receipts, v->web, v->rest, &v->who));
}

static void handle_health(struct visit *v)
{
    stats_status(v->x->stats, status_answer(v->x->status, v->web));
}

static void handle_attestation(struct visit *v)
{
    attest_document(v->x->attest, v->web);
}

static void handle_quote(struct visit *v)
{
    attest_quote(v->x->attest, v->web);
}

static void handle_verifying_key(struct visit *v)
{
    attest_verifying_key(v->x->attest, v->web);
}

static void handle_aci(struct visit *v)
{
    attest_aci(v->x->attest, v->web);
}

static void handle_report(struct visit *v)
{
    attest_report(v->x->attest, v->web);
}

static void handle_audit_head(struct visit *v)
{
    stats_status(v->x->stats, samples_head(v->x->audit, v->web));
}

static void handle_audit_samples(struct visit *v)
{
    stats_status(v->x->stats, samples_list(v->x->audit, v->web, &v->who));
}

static void handle_account(struct visit *v)
{
    account_ask(&v->x->account, v->web, v->path);
}
static void handle_user_models(struct visit *v); /* it can refuse */

/* Who may ask. */
enum access {
    ACCESS_PUBLIC,   /* anybody */
    ACCESS_EVIDENCE, /* anybody, at the rate that all evidence is given out */
    ACCESS_KEY,      /* whoever sends an API key: its digest is v->who. Whether the key is known,
                      * and to whom it belongs, is the handler's question */
    ACCESS_KEY_EVIDENCE, /* as ACCESS_KEY, at the rate of evidence: any text of a key's form will do
                          */
    ACCESS_ACCOUNT,      /* whoever sends a key of either kind: the handler reads it */
    ACCESS_INFERENCE,    /* as ACCESS_KEY, and only while our own evidence is accepted */
};

static const struct endpoint {
    const char *method; /* GET includes HEAD */
    const char *path;
    bool versioned; /* stands under /v1 and /api/v1 */
    bool prefix;    /* what follows, not empty, is v->rest: an id, for example */
    enum access access;
    void (*handler)(struct visit *v);
    const struct dialect *dialect; /* NULL: none, and its errors are worded by the client's headers */
} endpoints[] = {
    {"POST", "/chat/completions", true, false, ACCESS_INFERENCE, handle_exchange, &chat_dialect},
    {"POST", "/messages", true, false, ACCESS_INFERENCE, handle_exchange, &messages_2023},
    {"POST", "/messages/count_tokens", true, false, ACCESS_INFERENCE, handle_count, &messages_2023},
    {"POST", "/completions", true, false, ACCESS_INFERENCE, handle_exchange, &completions_dialect},
    {"POST", "/embeddings", true, false, ACCESS_INFERENCE, handle_exchange, &embeddings_dialect},
    {"POST", "/responses", true, false, ACCESS_INFERENCE, handle_exchange, &responses_dialect},
    {"POST", "/responses/input_tokens", true, false, ACCESS_INFERENCE, handle_count, &responses_dialect},
    {"GET", "/aci/receipts/", true, true, ACCESS_KEY, handle_receipt, NULL},
    {"GET", "/signature/", true, true, ACCESS_KEY, handle_signature, NULL},
    {"GET", "/models", true, false, ACCESS_PUBLIC, handle_models, NULL},
    {"GET", "/models/count", true, false, ACCESS_PUBLIC, handle_models_count, NULL},
    {"GET", "/models/user", true, false, ACCESS_KEY, handle_user_models, NULL},
    {"GET", "/models/", true, true, ACCESS_PUBLIC, handle_model, NULL},
    {"GET", "/key", true, false, ACCESS_ACCOUNT, handle_account, NULL},
    {"GET", "/keys", true, false, ACCESS_ACCOUNT, handle_account, NULL},
    {"POST", "/keys", true, false, ACCESS_ACCOUNT, handle_account, NULL},
    {"GET", "/keys/", true, true, ACCESS_ACCOUNT, handle_account, NULL},
    {"PATCH", "/keys/", true, true, ACCESS_ACCOUNT, handle_account, NULL},
    {"DELETE", "/keys/", true, true, ACCESS_ACCOUNT, handle_account, NULL},
    {"GET", "/credits", true, false, ACCESS_ACCOUNT, handle_account, NULL},
    {"GET", "/activity", true, false, ACCESS_ACCOUNT, handle_account, NULL},
    {"GET", "/generation", true, false, ACCESS_ACCOUNT, handle_account, NULL},
    {"GET", "/generation/content", true, false, ACCESS_ACCOUNT, handle_account, NULL},
    {"GET", "/model/", true, true, ACCESS_PUBLIC, handle_model_wrapped, NULL},
    {"GET", "/embeddings/models", true, false, ACCESS_PUBLIC, handle_embedding_models, NULL},
    {"GET", "/endpoints/zdr", true, false, ACCESS_PUBLIC, handle_zdr, NULL},
    {"GET", "/providers", true, false, ACCESS_PUBLIC, handle_providers, NULL},
    {"GET", "/health", false, false, ACCESS_PUBLIC, handle_health, NULL},
    {"GET", "/attestation", false, false, ACCESS_EVIDENCE, handle_attestation, NULL},
    {"POST", "/attestation/quote", false, false, ACCESS_EVIDENCE, handle_quote, NULL},
    {"GET", "/attestation/audit/head", false, false, ACCESS_EVIDENCE, handle_audit_head, NULL},
    {"GET", "/audit/samples", true, false, ACCESS_KEY_EVIDENCE, handle_audit_samples, NULL},
    {"GET", "/attestation/verifying-key", false, false, ACCESS_EVIDENCE, handle_verifying_key, NULL},
    {"GET", "/aci/attestation", true, false, ACCESS_EVIDENCE, handle_aci, NULL},
    {"GET", "/attestation/report", true, false, ACCESS_EVIDENCE, handle_report, NULL},
};
enum { ENDPOINTS = sizeof endpoints / sizeof endpoints[0] };

static bool endpoint_at(const struct endpoint *e, struct view path, struct view *rest)
{
    struct view p = view_str(e->path);

    if (e->versioned) {
        if (view_starts(path, VIEW_LIT("/v1/")))
            path = view_from(path, 3);
        else if (view_starts(path, VIEW_LIT("/api/v1/")))
            path = view_from(path, 7);
        else
            return false;
    }
    if (!view_starts(path, p))
        return false;
    *rest = view_from(path, p.len);
    return e->prefix ? rest->len != 0 : rest->len == 0;
}

static const struct dialect *dialect_here(const struct web_request *r, struct view path)
{
    struct view rest, version = VIEW_EMPTY;

    for (size_t i = 0; i < ENDPOINTS; i++) {
        const struct dialect *d = endpoints[i].dialect;

        if (d == NULL || !endpoint_at(&endpoints[i], path, &rest))
            continue;
        if (d->of_version == NULL)
            return d;
        (void)web_header(r, d->version_header, &version);
        return d->of_version(version);
    }
    return reply_dialect(r);
}

/* Whatever is wrong with a request, its client reads it in its own dialect. */
static void answer_failure(struct reply *p, struct web_request *r, const struct api_failure *f)
{
    uint8_t plain[PATH_PLAIN_MAX];
    struct view path = path_plain(web_path(r), plain);

    reply_failure_in(p, r, f, dialect_here(r, path), view_starts(path, VIEW_LIT("/api/v1/")));
}

static bool method_is(const struct endpoint *e, struct view method)
{
    return view_eq(method, view_str(e->method)) ||
           (view_eq(method, VIEW_LIT("HEAD")) && strcmp(e->method, "GET") == 0);
}

/* One more of the methods that a path takes, as the Allow header lists them. */
static void allow_method(char *methods, size_t size, const char *method)
{
    size_t len = strlen(methods);

    snprintf(methods + len, size - len, "%s%s", len == 0 ? "" : ", ",
             strcmp(method, "GET") == 0 ? "GET, HEAD" : method);
}

static void refuse_for(struct stats *stats, struct web_request *r, const struct api_failure *f,
                       const struct web_header *extra)
{
    struct id id = id_new();
    struct reply p;

    reply_init(&p, &id);
    if (extra != NULL)
        reply_add(&p, extra->name, extra->value);
    if (stats != NULL)
        stats_status(stats, errors_row(f->error)->status);
    answer_failure(&p, r, f);
}

static void refuse(struct stats *stats, struct web_request *r, enum api_error error,
                   const struct web_header *extra)
{
    struct api_failure f = {.error = error};

    refuse_for(stats, r, &f, extra);
}

static void user_models_cb(void *cookie, struct web_request *r, enum api_error error)
{
    const struct front_context *x = cookie;
    struct visit v;

    visit_begin(&v, x, r);
    if (error == API_OK)
        stats_status(x->stats, models_list(&x->models, r, v.path));
    else
        refuse(x->stats, r, error, NULL);
}

/* The models that the key may use: all of them, because no key is kept from any. But it has to be a key. */
static void handle_user_models(struct visit *v)
{
    arrival_check(&v->x->arrival, v->web, &v->who, user_models_cb, (void *)v->x);
}

/* A whole request from somebody who sent a key gets no further than here: it has a receipt too. */
static void refuse_untrusted(struct visit *v, enum standing why)
{
    const struct front_context *x = v->x;
    struct api_failure f = {.error = API_ATTESTATION};
    struct receipt_facts facts = {
        .id = id_new(),
        .owner = v->who,
        .served_unix_ms = clock_unix_ms(),
        .received_bytes = web_body(v->web).len,
        .endpoint = (uint8_t)receipt_endpoint_of(v->path),
        .error = API_ATTESTATION,
        .outcome = ERR_ATTESTATION,
    };
    struct reply p;

    snprintf(f.text, sizeof f.text, "%s Reason: %s.", errors_row(API_ATTESTATION)->message,
             standing_name(why));
    digest_sha256(web_body(v->web), &facts.received);
    reply_init(&p, &facts.id);
    if (facts.endpoint < RECEIPT_ENDPOINTS)
        reply_publish(&p, x->receipts.receipts, x->worker, &facts);
    stats_status(x->stats, errors_row(f.error)->status);
    answer_failure(&p, v->web, &f);
}

/* A browser asks first. Whatever headers its SDK wants to send are fine: none of them means
 * anything to us but the key, and a key is never ambient here. */
static void preflight(const struct front_context *x, struct web_request *r)
{
    struct id id = id_new();
    struct reply p;
    struct view wanted;

    reply_init(&p, &id);
    reply_add(&p, VIEW_LIT("access-control-allow-methods"), VIEW_LIT("GET, HEAD, POST, PATCH, DELETE, OPTIONS"));
    if (!web_header(r, VIEW_LIT("access-control-request-headers"), &wanted) || wanted.len > 2048)
        wanted = VIEW_LIT("authorization, content-type, x-api-key");
    reply_add(&p, VIEW_LIT("access-control-allow-headers"), wanted);
    reply_add(&p, VIEW_LIT("access-control-max-age"), VIEW_LIT("86400"));
    stats_status(x->stats, 204);
    web_respond(r, 204, p.headers, p.n, VIEW_EMPTY);
}

/* False: refused. */
static bool within_rate(struct visit *v)
{
    struct api_failure f = {.error = API_EVIDENCE_RATE};
    struct id id = id_new();
    uint8_t address[16];
    struct reply p;

    web_peer(v->web, address);
    if (rate_take(v->x->evidence_rate, address, clock_mono_ms(), &f.retry_after_ms) ==
        ERR_NONE)
        return true;
    reply_init(&p, &id);
    stats_status(v->x->stats, errors_row(f.error)->status);
    answer_failure(&p, v->web, &f);
    return false;
}

static const struct web_header bearer = {VIEW_LIT("www-authenticate"), VIEW_LIT("Bearer")};

static void enter(const struct endpoint *e, struct visit *v)
{
    static const struct web_header no_store = {VIEW_LIT("cache-control"), VIEW_LIT("no-store")};
    struct stats *stats = v->x->stats;

    if (e->access != ACCESS_PUBLIC && e->access != ACCESS_EVIDENCE &&
        e->access != ACCESS_ACCOUNT) {
        enum api_error error = api_key_read(v->web, &v->who);

        if (error != API_OK && error != API_MANAGEMENT_KEY &&
            (e->handler == handle_receipt || e->handler == handle_signature))
            error = error == API_NO_KEY ? API_NO_KEY_FOR_RECEIPT : API_NO_RECEIPT;
        if (error != API_OK) {
            refuse(stats, v->web, error, error == API_NO_RECEIPT ? &no_store : NULL);
            return;
        }
    }
    if ((e->access == ACCESS_EVIDENCE || e->access == ACCESS_KEY_EVIDENCE) && !within_rate(v))
        return;
    if (e->access == ACCESS_INFERENCE) {
        enum standing standing = uplink_standing(v->x->arrival.uplink);

        if (standing != STANDING_ACCEPTED) {
            refuse_untrusted(v, standing);
            return;
        }
    }
    e->handler(v);
}

static bool path_ends(struct view path, struct view tail)
{
    return path.len >= tail.len && view_eq(view_from(path, path.len - tail.len), tail);
}

/* Nothing is served there: content that we do not keep, or a base URL without /v1, or with it twice. */
static void refuse_path(struct visit *v)
{
    struct api_failure f = {
        .error = API_NO_ROUTE,
        .message = "There is nothing at this path. Chat completions are at POST /v1/chat/completions, "
                   "the models at GET /v1/models, the providers at GET /v1/providers."};
    const char *stored = not_stored(v->path);
    const struct endpoint *meant = NULL; /* the longest that the path ends with */

    for (size_t i = 0; i < ENDPOINTS; i++)
        if (endpoints[i].versioned && !endpoints[i].prefix &&
            path_ends(v->path, view_str(endpoints[i].path)) &&
            (meant == NULL || strlen(endpoints[i].path) > strlen(meant->path)))
            meant = &endpoints[i];
    if (stored != NULL)
        f = (struct api_failure){.error = API_NOT_STORED, .message = stored};
    else if (meant != NULL)
        snprintf(f.text, sizeof f.text, "There is nothing at this path; use %s /v1%s.", meant->method,
                 meant->path);
    refuse_for(v->x->stats, v->web, &f, NULL);
}

void front_handle(void *cookie, struct web_request *r)
{
    struct visit v;
    struct view method = web_method(r);
    char methods[64] = "";
    struct web_header allow = {VIEW_LIT("allow"), VIEW_EMPTY};

    visit_begin(&v, cookie, r);
    if (view_eq(method, VIEW_LIT("OPTIONS"))) {
        preflight(v.x, r);
        return;
    }
    for (size_t i = 0; i < ENDPOINTS; i++) {
        if (!endpoint_at(&endpoints[i], v.path, &v.rest))
            continue;
        if (method_is(&endpoints[i], method)) {
            enter(&endpoints[i], &v);
            return;
        }
        allow_method(methods, sizeof methods, endpoints[i].method);
    }
    if (methods[0] == '\0') {
        refuse_path(&v);
        return;
    }
    allow_method(methods, sizeof methods, "OPTIONS");
    allow.value = view_str(methods);
    refuse(v.x->stats, r, API_METHOD, &allow);
}

/* Only an inference request with a key of ours may be large. What is wrong with the others, the handler
 * says when their small body is complete; a missing or malformed key is told at once. */
enum web_verdict front_arriving(void *cookie, struct web_request *r, bool more, int *why)
{
    struct visit v;
    struct view method = web_method(r);
    enum api_error error;
    bool served = false;

    visit_begin(&v, cookie, r);
    for (size_t i = 0; i < ENDPOINTS; i++) {
        if (!endpoint_at(&endpoints[i], v.path, &v.rest))
            continue;
        served = true;
        if (endpoints[i].access != ACCESS_INFERENCE || !method_is(&endpoints[i], method))
            continue;
        error = api_key_read(r, &v.who);
        if (error == API_OK)
            return arrival_of_key(&v.x->arrival, r, &v.who, more, why);
        *why = (int)error;
        return WEB_BODY_REFUSED;
    }
    *why = served ? API_TOO_LARGE : API_NO_ROUTE; /* an upload, for example */
    return more ? WEB_BODY_REFUSED : WEB_BODY_SMALL;
}

void front_refused(void *cookie, struct web_request *r, int why)
{
    const struct front_context *x = cookie;
    struct api_failure f = {.error = (enum api_error)why};
    struct visit v;

    if (f.error == API_NO_ROUTE) {
        visit_begin(&v, x, r);
        refuse_path(&v);
        return;
    }
    if (f.error == API_TOO_LARGE)
        f.message = "The body of a request to this path may have 64 KiB.";
    refuse_for(x->stats, r, &f, errors_row(f.error)->status == 401 ? &bearer : NULL);
}

void front_error(void *cookie, struct web_request *r, int status)
{
    const struct front_context *x = cookie;

    refuse(x->stats, r, error_of_http(status), NULL);
}

static void handle_alive(const struct metrics_context *x, struct web_request *r)
{
    (void)x;
    status_answer_alive(r);
}

static void handle_status(const struct metrics_context *x, struct web_request *r)
{
    (void)status_answer(x->status, r);
}

void front_private_handle(void *cookie, struct web_request *r)
{
    static const struct {
        struct view path;
        void (*handler)(const struct metrics_context *x, struct web_request *r);
    } pages[] = {{VIEW_LIT("/metrics"), metrics_answer},
                 {VIEW_LIT("/health"), handle_status},
                 {VIEW_LIT("/readyz"), handle_status},
                 {VIEW_LIT("/healthz"), handle_alive}};
    static const struct web_header allow = {VIEW_LIT("allow"), VIEW_LIT("GET, HEAD")};
    struct view path = web_path(r), method = web_method(r);

    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (!view_eq(path, pages[i].path))
            continue;
        if (view_eq(method, VIEW_LIT("GET")) || view_eq(method, VIEW_LIT("HEAD")))
            pages[i].handler(cookie, r);
        else
            refuse(NULL, r, API_METHOD, &allow);
        return;
    }
    refuse(NULL, r, API_NO_ROUTE, NULL);
}

void front_private_error(void *cookie, struct web_request *r, int status)
{
    (void)cookie;
    refuse(NULL, r, error_of_http(status), NULL);
}
