#include "front_internal.h"

#include "api_key.h"
#include "clock.h"
#include "reply.h"

#include <assert.h>
#include <stdio.h>


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
    front_answer_failure(&p, v->web, &f);
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
            e->access == ACCESS_RECEIPT)
            error = error == API_NO_KEY ? API_NO_KEY_FOR_RECEIPT : API_NO_RECEIPT;
        if (error != API_OK) {
            front_refuse(stats, v->web, error, error == API_NO_RECEIPT ? &no_store : NULL);
            return;
        }
    }
    if ((e->access == ACCESS_EVIDENCE || e->access == ACCESS_KEY_EVIDENCE) && !within_rate(v))
        return;
    if (e->access == ACCESS_INFERENCE) {
        enum standing standing = uplink_standing(v->x->arrival.uplink);

        if (standing != STANDING_ACCEPTED) {
            front_refuse_untrusted(v, standing);
            return;
        }
    }
    e->handler(v);
}

/* False: answered. */
static bool open_sealed(const struct front_context *x, struct web_request *r)
{
    struct api_failure f;

    switch (sealed_body_open(&x->sealed, r, &f)) {
    case SEALED_BODY_NONE:
    case SEALED_BODY_OPEN:
        return true;
    case SEALED_BODY_KEY:
        stats_status(x->stats, sealed_body_answer_key(r));
        return false;
    case SEALED_BODY_REFUSED:
        break;
    }
    front_refuse_for(x->stats, r, &f, NULL);
    return false;
}

void front_handle(void *cookie, struct web_request *r)
{
    struct visit v;
    struct view method = web_method(r);
    char methods[64] = "";
    struct web_header allow = {VIEW_LIT("allow"), VIEW_EMPTY};

    front_visit(&v, cookie, r);
    if (view_eq(method, VIEW_LIT("OPTIONS"))) {
        preflight(v.x, r);
        return;
    }
    if (!open_sealed(v.x, r))
        return;
    for (size_t i = 0; i < front_n_endpoints; i++) {
        if (!front_at(&front_endpoints[i], v.path, &v.rest))
            continue;
        if (method_is(&front_endpoints[i], method)) {
            enter(&front_endpoints[i], &v);
            return;
        }
        allow_method(methods, sizeof methods, front_endpoints[i].method);
    }
    if (methods[0] == '\0') {
        front_refuse_path(&v);
        return;
    }
    allow_method(methods, sizeof methods, "OPTIONS");
    allow.value = view_str(methods);
    front_refuse(v.x->stats, r, API_METHOD, &allow);
}

/* Only an inference request with a key of ours may be large. What is wrong with the others, the handler
 * says when their small body is complete; a missing or malformed key is told at once. */
enum web_verdict front_arriving(void *cookie, struct web_request *r, bool more, int *why)
{
    struct visit v;
    struct view method = web_method(r);
    enum api_error error;
    bool served = false;

    front_visit(&v, cookie, r);
    for (size_t i = 0; i < front_n_endpoints; i++) {
        if (!front_at(&front_endpoints[i], v.path, &v.rest))
            continue;
        served = true;
        if (front_endpoints[i].access != ACCESS_INFERENCE || !method_is(&front_endpoints[i], method))
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

    sealed_body_answer(&x->sealed, r);
    if (f.error == API_NO_ROUTE) {
        front_visit(&v, x, r);
        front_refuse_path(&v);
        return;
    }
    if (f.error == API_TOO_LARGE)
        f.message = "The body of a request to this path may have 64 KiB.";
    front_refuse_for(x->stats, r, &f, errors_row(f.error)->status == 401 ? &bearer : NULL);
}

void front_error(void *cookie, struct web_request *r, int status)
{
    const struct front_context *x = cookie;

    front_refuse(x->stats, r, error_of_http(status), NULL);
}

