#include "api.h"
#include "call.h"
#include "caller.h"
#include "clock.h"
#include "cors.h"
#include "feed.h"
#include "gate.h"
#include "handlers.h"
#include "idempotent.h"
#include "key_text.h"
#include "pages.h"
#include "passkey.h"
#include "password.h"
#include "site.h"
#include "status_cache.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct api {
    struct api_config config;
    struct db *db;
    struct translog *log;
    struct rules *rules;
    const struct vault *vault;
    const struct providers *providers;
    const struct control_health *health;
    struct payments *payments; /* NULL: there are none */
    struct gate *gate;
    struct passwords *passwords;
    struct rate_config caller_rate; /* of one credential */
    struct rate *callers;           /* NULL: no limit */
    char *origins;                  /* whose pages may call (cors.h) */
    uint64_t idempotency_ms;
    struct site site; /* empty: the console has no address */
    struct status_cache *status;
    struct budget *budget; /* requests and answers in memory */
    struct budget *unknown; /* requests whose sender is not known yet */
    bool arriving;          /* a large body is being asked about just now */
    int refused;            /* with this status, at once; 0: not */
    const char *refused_code, *refused_message; /* of the large body that is refused just now; NULL: none is */
    struct feed *feed;      /* live usage */
    struct web_server *web; /* NULL once it has stopped */
    unsigned calls;         /* that have not ended: some outlive their client, and the listener */
    void (*stopped)(void *cookie);
    void *cookie;
};

struct db *call_db(const struct call *c)
{
    return c->db != NULL ? c->db : c->api->db;
}

struct db *call_pool(const struct call *c)
{
    return c->api->db;
}

const char *call_origins(const struct call *c)
{
    return c->api->origins;
}

const struct rate_config *call_rates(const struct call *c)
{
    return &c->api->caller_rate;
}

const struct id *call_caller(const struct call *c)
{
    return id_is_zero(&c->user) ? &c->key : &c->user;
}

uint64_t call_idempotency_ms(const struct call *c)
{
    return c->api->idempotency_ms;
}

struct status_cache *call_status(const struct call *c)
{
    return c->api->status;
}

const struct vault *call_vault(const struct call *c)
{
    return c->api->vault;
}

struct rules *call_rules(const struct call *c)
{
    return c->api->rules;
}

const struct providers *call_providers(const struct call *c)
{
    return c->api->providers;
}

struct translog *call_log(const struct call *c)
{
    return c->api->log;
}

struct gate *call_gate(const struct call *c)
{
    return c->api->gate;
}

struct payments *call_payments(const struct call *c)
{
    return c->api->payments;
}

struct passwords *call_passwords(const struct call *c)
{
    return c->api->passwords;
}

const struct api_config *call_config(const struct call *c)
{
    return &c->api->config;
}

const struct site *call_site(const struct call *c)
{
    return c->api->site.origin.len == 0 ? NULL : &c->api->site;
}

struct feed *call_feed(const struct call *c)
{
    return c->api->feed;
}

void api_usage_told(void *cookie, const struct id *account, struct view json)
{
    struct api *a = cookie;

    feed_tell(a->feed, account, json);
}

const struct control_health *call_health(const struct call *c)
{
    return c->api->health;
}

void api_new_key(bool management, struct new_key *out)
{
    struct digest32 digest;

    key_text_new(management ? KEY_MANAGEMENT_PREFIX : KEY_PREFIX, out->text);
    digest_sha256(view_str(out->text), &digest);
    memcpy(out->digest, digest.b, sizeof digest.b);
    /* Prefix, three characters, and the last three with their NUL: 36 of 256 random bits. */
    memcpy(out->label, out->text, 12);
    memcpy(out->label + 12, "...", 3);
    memcpy(out->label + 15, out->text + KEY_TEXT_LEN - 3, 4);
}

/* --- routing --- */

/* Takes "/v1" or "/api/v1"; health and the log, whose paths others have fixed, are served without,
 * too. */
static bool take_prefix(struct view *path, bool *openrouter)
{
    static const struct {
        struct view prefix;
        bool openrouter;
    } prefixes[] = {{VIEW_LIT("/api/v1/"), true}, {VIEW_LIT("/v1/"), false}};

    *openrouter = false;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (view_starts(*path, prefixes[i].prefix)) {
            *path = view_from(*path, prefixes[i].prefix.len - 1);
            *openrouter = prefixes[i].openrouter;
            return true;
        }
    return view_eq(*path, VIEW_LIT("/health")) || view_eq(*path, VIEW_LIT("/healthz")) ||
           view_eq(*path, VIEW_LIT("/readyz")) || view_eq(*path, VIEW_LIT("/checkpoint")) ||
           view_eq(*path, VIEW_LIT("/openapi.json")) ||
           view_eq(*path, VIEW_LIT("/.well-known/security.txt")) ||
           view_eq(*path, VIEW_LIT("/status.json")) ||
           view_starts(*path, VIEW_LIT("/tile/")) ||
           view_starts(*path, VIEW_LIT("/attestation/transparency"));
}

static bool path_matches(const char *pattern, struct view path, struct call *c)
{
    const char *brace = strchr(pattern, '{');
    struct view head, tail;

    if (brace == NULL)
        return view_eq(path, view_str(pattern));
    head = view_of(pattern, (size_t)(brace - pattern));
    if (!view_starts(path, head))
        return false;
    path = view_from(path, head.len);
    tail = view_str(strchr(brace, '}') + 1); /* "/rotate" */
    if (path.len <= tail.len || !view_eq(view_from(path, path.len - tail.len), tail))
        return false;
    path.len -= tail.len;
    if (path.len == 0 || (brace[1] != '*' && memchr(path.ptr, '/', path.len) != NULL))
        return false;
    c->segment = path;
    c->target_ok = hex_decode(path, c->target.b, sizeof c->target.b) == ERR_NONE;
    return true;
}

static bool method_is(const struct route *r, struct view method)
{
    return view_eq(method, view_str(r->method)) ||
           (view_eq(method, VIEW_LIT("HEAD")) && strcmp(r->method, "GET") == 0);
}

/* One more method of the path, once. */
static void allow_method(struct call *c, const char *method)
{
    const char *name = strcmp(method, "GET") == 0 ? "GET, HEAD" : method;
    size_t len = strlen(c->allow);

    if (strstr(c->allow, name) == NULL)
        snprintf(c->allow + len, sizeof c->allow - len, "%s%s", len == 0 ? "" : ", ", name);
}

/* The route; NULL when the path has none for this method. c->allow then lists the path's methods:
 * none of an unknown path. */
static const struct route *find_route(struct call *c)
{
    struct view path = c->path;

    if (!c->origin->relayed && !take_prefix(&path, &c->openrouter))
        return NULL;
    for (size_t i = 0; i < routes_count; i++) {
        if ((c->origin->relayed && (routes[i].flags & R_RELAYED) == 0) || !path_matches(routes[i].path, path, c))
            continue;
        if (method_is(&routes[i], c->method)) {
            c->allow[0] = '\0';
            return &routes[i];
        }
        allow_method(c, routes[i].method);
    }
    return NULL;
}

/* "user:ID", "key:ID" or "nobody". */
static void name_actor(const struct call *c, char out[static 48])
{
    const char *kind = !id_is_zero(&c->user) ? "user:" : !id_is_zero(&c->key) ? "key:" : "nobody";
    char id[ID_TEXT_LEN + 1] = "";

    if (!id_is_zero(&c->user) || !id_is_zero(&c->key))
        id_text(call_caller(c), id);
    snprintf(out, 48, "%s%s", kind, id);
}

/* What the handler writes, it writes in the caller's name. */
static void run_named(struct call *c)
{
    struct db_who who = {.request = c->request};

    if (strcmp(c->route->method, "GET") != 0 || (c->route->flags & R_WRITES) != 0) {
        name_actor(c, who.actor);
        idempotent_name(c, &who);
        c->db = db_as(c->api->db, &who);
    }
    c->route->handler(c);
}

/* The handler, unless the query says what the route does not know: a misspelt filter must not give everything. */
static void run_handler(struct call *c)
{
    struct view name;
    bool twice;

    if (!route_refuses(c->route, c->query, &name, &twice))
        idempotent_begin(c, run_named);
    else if (twice)
        call_fail_param(c, 400, "repeated_parameter", "This query parameter is there twice.", name);
    else
        call_fail_param(c, 400, "unknown_parameter", "This path does not take this query parameter.",
                        name);
}

/* One call of this credential, whose digest stands for it. false: it has made too many. */
bool call_take_rate(struct call *c)
{
    enum err e;

    if (c->api->callers == NULL)
        return true;
    e = rate_take(c->api->callers, c->digest.b, clock_mono_ms(), &c->retry_ms);
    c->rate_left = rate_left(c->api->callers, c->digest.b, clock_mono_ms());
    c->rate_counted = true;
    return e == ERR_NONE;
}

/* --- requests --- */

/* The pages that anybody may read. */
static void serve_anybody(struct call *c)
{
    if (c->route->handler != handle_health && /* which costs nothing, and must answer */
        (c->route->flags & R_OWN_RATE) == 0) {
        if (gate_page(c->api->gate, c->address, clock_mono_ms(), &c->retry_ms) != ERR_NONE) {
            call_fail(c, 429, "rate_limit_exceeded", "Too many requests for public pages.", NULL);
            return;
        }
        c->page = (c->route->flags & R_WRITES) == 0 &&
                  (view_eq(c->method, VIEW_LIT("GET")) || view_eq(c->method, VIEW_LIT("HEAD")));
        if (!c->page) /* signing in waits for a worker thread, and has bounds of its own */
            gate_page_over(c->api->gate);
    }
    run_handler(c);
}

static void api_free(struct api *a)
{
    gate_free(a->gate);
    passwords_free(a->passwords);
    rate_free(a->callers);
    free(a->origins);
    status_cache_free(a->status);
    budget_free(a->budget);
    budget_free(a->unknown);
    free(a);
}

void call_over(struct call *c)
{
    struct api *a = c->api;

    if (c->page)
        gate_page_over(a->gate);
    a->calls--;
    if (a->calls == 0 && a->web == NULL)
        api_free(a);
}

struct call *call_new(struct api *a, const struct origin *origin, void *from)
{
    struct call *c = calloc(1, sizeof *c);

    assert(c != NULL);
    a->calls++;
    c->api = a;
    c->origin = origin;
    c->from = from;
    c->started_ms = clock_mono_ms();
    c->request = id_new();
    buf_init(&c->body, CALL_BODY_MAX);
    return c;
}

static enum err call_keep_body(struct call *c, struct view body)
{
    if ((c->route->flags & R_LARGE) != 0)
        buf_init(&c->body, CALL_LARGE_MAX);
    return buf_append(&c->body, body);
}

void call_serve(struct call *c, struct view body)
{
    if (cors_preflight(c))
        return;
    c->route = find_route(c);
    if (c->route == NULL && c->allow[0] == '\0' && !c->origin->relayed && c->api->config.console != NULL &&
        pages_serve(c->api->config.console, c))
        return;
    if (c->route == NULL && c->allow[0] != '\0')
        call_fail(c, 405, "method_not_allowed",
                  "This path does not take this method; see the Allow header.", NULL);
    else if (c->route == NULL)
        call_fail(c, 404, "not_found", "There is nothing at this path.", NULL);
    else if (call_keep_body(c, body) != ERR_NONE)
        call_fail(c, 413, "body_too_large", "The body is too large.", NULL);
    else if (c->route->permission == PERM_PUBLIC)
        serve_anybody(c);
    else
        caller_find(c, run_handler);
}

/* --- over HTTPS --- */

static bool https_header(const struct call *c, struct view name, struct view *out)
{
    return web_header(c->from, name, out);
}

static void https_respond(struct call *c, int status, const struct web_header *headers, size_t n,
                          struct view body)
{
    web_respond(c->from, status, headers, n, body);
}

static const struct origin https = {false, https_header, https_respond};

static struct call *https_call(struct api *a, struct web_request *web)
{
    struct call *c = call_new(a, &https, web);

    c->method = web_method(web);
    c->path = web_path(web);
    c->query = web_query(web);
    web_peer(web, c->address);
    return c;
}

static void call_gone_cb(void *cookie)
{
    struct call *c = cookie;

    c->from = NULL; /* the statement under way finishes and answers nobody */
}

static void handler_cb(void *cookie, struct web_request *web)
{
    struct call *c = https_call(cookie, web);

    web_set_gone(web, call_gone_cb, c);
    call_serve(c, web_body(web));
}

static void error_cb(void *cookie, struct web_request *web, int status)
{
    static const struct {
        int status;
        const char *code, *message;
    } words[] = {
        {400, "bad_request", "This is not a valid HTTP request."},
        {401, "invalid_api_key", "Send a key that is known and valid, as \"Authorization: Bearer ...\"."},
        {403, "insufficient_role", "This credential may not do this."},
        {404, "account_not_found", "There is no such account."},
        {408, "request_timeout", "The request did not arrive in time."},
        {413, "body_too_large", "The body is too large."},
        {417, "expectation_failed", "This expectation is not supported."},
        {429, "rate_limit_exceeded", "Too many requests."},
        {431, "headers_too_large", "The headers are too large."},
        {503, "overloaded", "Too many requests at once."},
    };
    struct call *c = https_call(cookie, web);
    struct view path = c->path;

    take_prefix(&path, &c->openrouter);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (words[i].status == status) {
            call_fail(c, status, words[i].code, words[i].message, NULL);
            return;
        }
    call_fail(c, status, "error", "The request cannot be served.", NULL);
}

/* --- large bodies: nobody sends one before it is known that he may */

/* The request that the head belongs to is answered as its head was. */
static void refused_cb(void *cookie, struct web_request *web, int status)
{
    struct api *a = cookie;
    const char *code = a->refused_code;
    struct call *c;
    struct view path;

    a->refused_code = NULL;
    if (code == NULL) {
        error_cb(cookie, web, status);
        return;
    }
    c = https_call(a, web);
    path = c->path;
    take_prefix(&path, &c->openrouter);
    call_fail(c, status, code, a->refused_message, NULL);
}

/* The answer to the head: 100 lets the body come, and refused_cb() words what does not. */
static void head_respond(struct call *c, int status, const struct web_header *headers, size_t n,
                         struct view body)
{
    (void)headers;
    (void)n;
    (void)body;
    c->api->refused_code = c->failed_code;
    c->api->refused_message = c->failed_message;
    if (c->api->arriving)
        c->api->refused = status;
    else
        web_body_decide(c->from, status == 100 ? WEB_BODY_ALL : WEB_BODY_REFUSED, status);
}

static const struct origin head = {false, https_header, head_respond};

static void head_known(struct call *c)
{
    call_reply(c, 100, VIEW_EMPTY);
}

/* The call of the head is one of its own: the request is judged again when it is complete. */
static enum web_verdict head_judge(struct api *a, struct web_request *web, const struct route *route, int *why)
{
    struct call *c = https_call(a, web);

    c->origin = &head;
    c->route = route;
    a->arriving = true;
    a->refused = 0;
    caller_find(c, head_known);
    a->arriving = false;
    *why = a->refused;
    if (a->refused != 0)
        return WEB_BODY_REFUSED;
    web_set_gone(web, call_gone_cb, c);
    return WEB_BODY_WAIT;
}

/* Only what a route with large bodies is sent may be large. */
static enum web_verdict arriving_cb(void *cookie, struct web_request *web, bool more, int *why)
{
    struct view path = web_path(web);
    struct api *a = cookie;
    bool openrouter;

    *why = 413;
    a->refused_code = NULL;
    if (!more)
        return WEB_BODY_SMALL;
    if (take_prefix(&path, &openrouter))
        for (size_t i = 0; i < routes_count; i++)
            if ((routes[i].flags & R_LARGE) != 0 && view_eq(web_method(web), view_str(routes[i].method)) &&
                view_eq(path, view_str(routes[i].path)))
                return head_judge(cookie, web, &routes[i], why);
    return WEB_BODY_REFUSED;
}

/* --- life --- */

enum {
    API_CONNECTIONS_MAX = 1024,
    API_MEMORY_BYTES = 64 << 20, /* requests and answers at once: a page has 256 KiB at most */
    API_UNKNOWN_BYTES = 32 << 20, /* requests at once whose sender is not known yet */
    API_UNKNOWN_PER_IP = 2 << 20, /* 32 small bodies that arrive at the same time */
};

/* Of every answer, the web server's own errors included. */
static const struct web_header always[] = {
    {VIEW_LIT("strict-transport-security"), VIEW_LIT("max-age=63072000")},
    {VIEW_LIT("x-content-type-options"), VIEW_LIT("nosniff")},
    {VIEW_LIT("x-frame-options"), VIEW_LIT("DENY")},
    {VIEW_LIT("referrer-policy"), VIEW_LIT("no-referrer")},
};

static enum err api_listen(struct api *a, const struct api_config *config)
{
    const struct web_config w = {
        .loop = config->loop,
        .host = config->host,
        .port = config->port,
        .tls = config->tls,
        .limits = {.body_max = CALL_LARGE_MAX,
                   .unknown_per_ip = API_UNKNOWN_PER_IP,
                   .connections_max = API_CONNECTIONS_MAX,
                   .connections_per_ip = 0,
                   .request_timeout_ms = 30000,
                   .write_stall_ms = 10000,
                   .sweep_ms = 500},
        .budget = a->budget,
        .budget_unknown = a->unknown,
        .always = always,
        .n_always = sizeof always / sizeof always[0],
        .handler = handler_cb,
        .error = error_cb,
        .arriving = arriving_cb,
        .refused = refused_cb,
        .cookie = a,
    };

    return web_start(&w, &a->web);
}

enum err api_start(const struct api_config *config, struct api **out)
{
    struct api *a = calloc(1, sizeof *a);
    enum err e;
    int saved;

    if (a == NULL)
        return ERR_MEMORY;
    a->config = *config;
    a->db = config->db;
    a->log = config->log;
    a->rules = config->rules;
    a->vault = config->vault;
    a->providers = config->providers;
    a->health = config->health;
    a->caller_rate = config->caller;
    a->idempotency_ms = config->idempotency_ms;
    if (config->console_origin != NULL && config->console_origin[0] != '\0' &&
        site_parse(config->console_origin, &a->site) != ERR_NONE)
        a->site = (struct site){VIEW_EMPTY, VIEW_EMPTY, VIEW_EMPTY}; /* config.c has refused it */
    passkey_init();
    a->origins = strdup(config->cors_origins == NULL ? "" : config->cors_origins);
    e = a->origins == NULL ? ERR_MEMORY : gate_new(&config->pages, &a->gate);
    if (e == ERR_NONE && a->caller_rate.address_per_s != 0)
        e = rate_new(&a->caller_rate, &a->callers);
    a->payments = config->payments;
    if (e == ERR_NONE)
        e = passwords_new(config->loop, &a->passwords);
    if (e == ERR_NONE && (a->status = status_cache_new()) == NULL)
        e = ERR_MEMORY;
    if (e == ERR_NONE)
        e = budget_new(API_MEMORY_BYTES, &a->budget);
    if (e == ERR_NONE)
        e = budget_new(API_UNKNOWN_BYTES, &a->unknown);
    if (e == ERR_NONE)
        e = feed_new(config->loop, config->db, &a->feed);
    if (e == ERR_NONE)
        e = api_listen(a, config);
    if (e != ERR_NONE) {
        saved = errno;
        feed_stop(a->feed);
        api_free(a);
        errno = saved;
        return e;
    }
    *out = a;
    return ERR_NONE;
}

uint16_t api_port(const struct api *a)
{
    return web_port(a->web);
}

static void drained_cb(void *cookie)
{
    struct api *a = cookie;

    web_free(a->web);
    a->web = NULL;
    a->calls++; /* stopped() may end the last of them */
    a->stopped(a->cookie);
    if (--a->calls == 0)
        api_free(a);
}

void api_stop(struct api *a, void (*stopped)(void *cookie), void *cookie)
{
    a->stopped = stopped;
    a->cookie = cookie;
    feed_stop(a->feed);
    a->feed = NULL;
    web_stop(a->web, drained_cb, a);
}
