#include "call.h"
#include "clock.h"
#include "cors.h"
#include "etag.h"
#include "idempotent.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static void call_end(struct call *c, int status)
{
    LOG("api_request", KV("request", c->request),
        KV("route", c->route == NULL ? NAME("none") : c->route->name),
        KV("status", (int32_t)status), KV("latency_ms", clock_mono_ms() - c->started_ms),
        KV("client_gone", c->from == NULL), KV("relayed", c->origin->relayed));
    buf_free(&c->body);
    secret_wipe(&c->made, sizeof c->made);
    secret_wipe(c->cookie, sizeof c->cookie);
    if (c->own != NULL)
        secret_wipe(c->own, c->own_len);
    free(c->own);
    idempotent_free(c->once);
    db_as_free(c->db);
    call_over(c);
    free(c);
}

/* --- headers of every answer */

enum { HEADERS_MAX = 24 };

/* The head of an answer, and the texts in it. */
struct head {
    struct web_header h[HEADERS_MAX];
    size_t n;
    char id[ID_TEXT_LEN + 1], retry_s[12], limit[24], left[12], reset_s[24], etag[ETAG_LEN + 3];
    struct view origin; /* the request's */
};

static void add(struct head *d, struct view name, struct view value)
{
    assert(d->n < HEADERS_MAX);
    d->h[d->n++] = (struct web_header){name, value};
}

/* How many calls the credential has left, as providers say it. */
static void add_rate(struct head *d, const struct call *c)
{
    const struct rate_config *r = call_rates(c);
    uint64_t taken = r->address_burst - c->rate_left;

    if (!c->rate_counted)
        return;
    snprintf(d->limit, sizeof d->limit, "%llu", (unsigned long long)r->address_burst);
    snprintf(d->left, sizeof d->left, "%u", (unsigned)c->rate_left);
    snprintf(d->reset_s, sizeof d->reset_s, "%llu",
             (unsigned long long)((taken + r->address_per_s - 1) / r->address_per_s));
    add(d, VIEW_LIT("x-ratelimit-limit"), view_str(d->limit));
    add(d, VIEW_LIT("x-ratelimit-remaining"), view_str(d->left));
    add(d, VIEW_LIT("x-ratelimit-reset"), view_str(d->reset_s));
}

static void add_retry(struct head *d, const struct call *c, int status)
{
    snprintf(d->retry_s, sizeof d->retry_s, "%u", (unsigned)(c->retry_ms + 999) / 1000);
    if (status == 503 || status == 429 || c->retry_ms != 0)
        add(d, VIEW_LIT("retry-after"), c->retry_ms != 0 ? view_str(d->retry_s) : VIEW_LIT("1"));
}

static void add_common(struct head *d, const struct call *c, int status, struct view content_type)
{
    id_text(&c->request, d->id);
    add(d, VIEW_LIT("content-type"), content_type);
    add(d, VIEW_LIT("cache-control"), VIEW_LIT("no-store"));
    add(d, VIEW_LIT("x-request-id"), view_of(d->id, ID_TEXT_LEN));
    if (status == 401)
        add(d, VIEW_LIT("www-authenticate"), VIEW_LIT("Bearer"));
    add_retry(d, c, status);
    if (c->allow[0] != '\0')
        add(d, VIEW_LIT("allow"), view_str(c->allow));
    if (c->cookie[0] != '\0')
        add(d, VIEW_LIT("set-cookie"), view_str(c->cookie));
    if (c->replayed)
        add(d, VIEW_LIT("idempotent-replayed"), VIEW_LIT("true"));
    add_rate(d, c);
    if (c->origin->header(c, VIEW_LIT("origin"), &d->origin) &&
        cors_allows(call_origins(c), d->origin))
        d->n += cors_headers(d->origin, d->h + d->n);
}

/* The client has this answer already, by the tag that we gave it with it (RFC 9110 13.1.2). */
static bool has_already(const struct call *c, struct view etag)
{
    struct view list;

    if (!c->origin->header(c, VIEW_LIT("if-none-match"), &list))
        return false;
    return etag_listed(list, etag);
}

static bool is_read(const struct call *c)
{
    return view_eq(c->method, VIEW_LIT("GET")) || view_eq(c->method, VIEW_LIT("HEAD"));
}

void call_reply_as(struct call *c, int status, struct view content_type,
                   const struct web_header *extra, size_t n, struct view body)
{
    struct head d = {.n = 0};
    bool page = false; /* for people, with a policy of its own */

    assert(n <= CALL_EXTRA_MAX);
    if (c->from != NULL) {
        add_common(&d, c, status, content_type);
        for (size_t i = 0; i < n; i++) {
            add(&d, extra[i].name, extra[i].value);
            page |= view_eq(extra[i].name, VIEW_LIT("content-security-policy"));
        }
        if (!page)
            add(&d, VIEW_LIT("content-security-policy"),
                VIEW_LIT("default-src 'none'; frame-ancestors 'none'; base-uri 'none'"));
        if (status == 200 && is_read(c)) {
            etag_text(body, d.etag);
            add(&d, VIEW_LIT("etag"), view_str(d.etag));
            if (has_already(c, view_str(d.etag)))
                status = 304;
        }
        c->origin->respond(c, status, d.h, d.n, status == 304 ? VIEW_EMPTY : body);
    }
    call_end(c, status);
}

struct web_request *call_stream(struct call *c, struct view content_type, void (*gone)(void *cookie),
                                void (*writable)(void *cookie), void *cookie)
{
    struct head d = {.n = 0};
    struct web_request *web = c->from;

    assert(!c->origin->relayed && web != NULL);
    add_common(&d, c, 200, content_type);
    web_set_gone(web, gone, cookie);
    web_stream_start(web, 200, d.h, d.n, writable, cookie);
    call_end(c, 200);
    return web;
}

void call_reply(struct call *c, int status, struct view json)
{
    if (c->once == NULL || !idempotent_keep(c, status, json))
        call_reply_as(c, status, VIEW_LIT("application/json"), NULL, 0, json);
}

void call_reply_public(struct call *c, struct view content_type, bool immutable, struct view body)
{
    char etag[ETAG_LEN + 3];
    const struct web_header h[] = {
        {VIEW_LIT("content-type"), content_type},
        {VIEW_LIT("cache-control"), immutable ? VIEW_LIT("public, max-age=31536000, immutable")
                                              : VIEW_LIT("public, max-age=1")},
        {VIEW_LIT("access-control-allow-origin"), VIEW_LIT("*")},
        {VIEW_LIT("etag"), view_of(etag, ETAG_LEN + 2)},
    };
    int status = 200;

    etag_text(body, etag);
    if (c->from != NULL) {
        if (has_already(c, view_of(etag, ETAG_LEN + 2)))
            status = 304;
        c->origin->respond(c, status, h, sizeof h / sizeof h[0], status == 304 ? VIEW_EMPTY : body);
    }
    call_end(c, status);
}

void call_reply_lent(struct call *c, int status, const struct web_header *headers, size_t n, const char *etag,
                     struct view body)
{
    struct head d = {.n = 0};

    assert(!c->origin->relayed && n + 2 <= HEADERS_MAX);
    if (c->from != NULL) {
        for (size_t i = 0; i < n; i++)
            add(&d, headers[i].name, headers[i].value);
        id_text(&c->request, d.id);
        add(&d, VIEW_LIT("x-request-id"), view_of(d.id, ID_TEXT_LEN));
        if (etag != NULL) {
            add(&d, VIEW_LIT("etag"), view_str(etag));
            if (has_already(c, view_str(etag)))
                status = 304;
        }
        web_respond_lending(c->from, status, d.h, d.n, status == 304 ? VIEW_EMPTY : body);
    }
    call_end(c, status);
}

void call_reply_data(struct call *c, int status, struct view json)
{
    struct buf out;
    enum err e;

    buf_init(&out, json.len + 16);
    e = buf_append(&out, VIEW_LIT("{\"data\":"));
    if (e == ERR_NONE)
        e = buf_append(&out, json);
    if (e == ERR_NONE)
        e = buf_append_byte(&out, '}');
    if (e == ERR_NONE)
        call_reply(c, status, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}

void call_reply_found(struct call *c, enum err e, const struct db_result *r, const char *missing)
{
    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (db_rows(r) == 0 || db_is_null(r, 0, 0))
        call_fail(c, 404, "not_found", missing, NULL);
    else
        call_reply_data(c, 200, db_get_text(r, 0, 0));
}

static const char *type_of(int status)
{
    static const struct {
        int status;
        const char *type;
    } types[] = {
        {401, "authentication_error"}, {403, "permission_error"}, {404, "not_found_error"},
        {409, "conflict_error"},       {429, "rate_limit_error"},
    };

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].status == status)
            return types[i].type;
    return status >= 500 ? "server_error" : "invalid_request_error";
}

/* OpenAI: code is a name. OpenRouter: code is the status, whose SDK refuses a name there, and the
 * name is in metadata. param: a JSON value. */
static enum err word_error(const struct call *c, int status, const char *code, const char *message,
                           const char *param, struct buf *out)
{
    struct buf text;
    enum err e;

    buf_init(&text, 1024);
    e = buf_append_json_string(&text, view_str(message));
    if (e == ERR_NONE)
        e = buf_append_byte(&text, '\0');
    if (e == ERR_NONE && c->openrouter)
        e = buf_appendf(out,
                        "{\"error\":{\"code\":%d,\"message\":%s,\"metadata\":{\"error_type\":\"%s\","
                        "\"param\":%s}}}",
                        status, (const char *)text.ptr, code, param);
    else if (e == ERR_NONE)
        e = buf_appendf(out,
                        "{\"error\":{\"message\":%s,\"type\":\"%s\",\"param\":%s,"
                        "\"code\":\"%s\"}}",
                        (const char *)text.ptr, type_of(status), param, code);
    buf_free(&text);
    return e;
}

/* Short visible ASCII: anything else that a client sends is not repeated to it. */
static bool may_be_said_back(struct view param)
{
    for (size_t i = 0; i < param.len; i++)
        if (param.ptr[i] <= ' ' || param.ptr[i] > '~')
            return false;
    return param.len > 0 && param.len <= 64;
}

void call_fail_param(struct call *c, int status, const char *code, const char *message,
                     struct view param)
{
    struct buf out, quoted;
    enum err e;

    c->failed_code = code;
    c->failed_message = message;
    buf_init(&quoted, 512);
    buf_init(&out, 4096);
    e = may_be_said_back(param) ? buf_append_json_string(&quoted, param)
                                : buf_append(&quoted, VIEW_LIT("null"));
    if (e == ERR_NONE)
        e = buf_append_byte(&quoted, '\0');
    if (e != ERR_NONE ||
        word_error(c, status, code, message, (const char *)quoted.ptr, &out) != ERR_NONE)
        buf_reset(&out);
    call_reply(c, status, buf_view(&out));
    buf_free(&quoted);
    buf_free(&out);
}

void call_fail(struct call *c, int status, const char *code, const char *message, const char *param)
{
    call_fail_param(c, status, code, message, param == NULL ? VIEW_EMPTY : view_str(param));
}

void call_fail_db(struct call *c, enum err e)
{
    if (e == ERR_CONFLICT)
        call_fail(c, 409, "conflict", "Something like it exists already.", NULL);
    else if (e == ERR_LAST_KEY)
        call_fail(c, 409, "last_management_key",
                  "This is the last key that manages the account: make another one first.", NULL);
    else if (e == ERR_RANGE)
        call_fail(c, 400, "out_of_range", "A value is out of its range.", NULL);
    else
        call_fail(c, 503, "database_unavailable",
                  "The database cannot be reached now; what you asked for may or may not have been "
                  "done.",
                  NULL);
}

bool call_query(const struct call *c, const char *name, struct view *out)
{
    struct view rest = c->query;

    while (rest.len > 0) {
        const uint8_t *amp = memchr(rest.ptr, '&', rest.len);
        struct view pair = view_of(rest.ptr, amp == NULL ? rest.len : (size_t)(amp - rest.ptr));
        const uint8_t *eq = pair.len == 0 ? NULL : memchr(pair.ptr, '=', pair.len);
        size_t key_len = eq == NULL ? pair.len : (size_t)(eq - pair.ptr);

        rest = view_from(rest, pair.len + 1);
        if (view_eq(view_of(pair.ptr, key_len), view_str(name))) {
            *out = view_from(pair, key_len + 1);
            return true;
        }
    }
    return false;
}

bool call_segment_id(struct call *c, struct id *out, const char *missing)
{
    if (id_parse(c->segment, out) == ERR_NONE)
        return true;
    call_fail(c, 404, "not_found", missing, NULL);
    return false;
}

void call_reply_csv(struct call *c, const char *disposition, struct view head, struct view lines, const char *cursor)
{
    struct web_header extra[2] = {{VIEW_LIT("content-disposition"), view_str(disposition)}};
    size_t n = 1;
    struct buf out;
    enum err e;

    if (cursor != NULL)
        extra[n++] = (struct web_header){VIEW_LIT("x-next-cursor"), view_str(cursor)};
    buf_init(&out, head.len + lines.len);
    e = buf_append(&out, head);
    if (e == ERR_NONE)
        e = buf_append(&out, lines);
    if (e == ERR_NONE)
        call_reply_as(c, 200, VIEW_LIT("text/csv; charset=utf-8"), extra, n, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}
