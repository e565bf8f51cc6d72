#include "call.h"
#include "clock.h"

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
    call_over(c);
    free(c);
}

void call_reply(struct call *c, int status, struct view json)
{
    char id[ID_TEXT_LEN + 1], retry_s[12];
    struct web_header h[6] = {
        {VIEW_LIT("content-type"), VIEW_LIT("application/json")},
        {VIEW_LIT("cache-control"), VIEW_LIT("no-store")},
        {VIEW_LIT("x-request-id"), view_of(id, ID_TEXT_LEN)},
    };
    size_t n = 3;

    id_text(&c->request, id);
    if (status == 401)
        h[n++] = (struct web_header){VIEW_LIT("www-authenticate"), VIEW_LIT("Bearer")};
    snprintf(retry_s, sizeof retry_s, "%u", (unsigned)(c->retry_ms + 999) / 1000);
    if (status == 503 || status == 429)
        h[n++] = (struct web_header){VIEW_LIT("retry-after"),
                                     c->retry_ms != 0 ? view_str(retry_s) : VIEW_LIT("1")};
    if (c->allow[0] != '\0')
        h[n++] = (struct web_header){VIEW_LIT("allow"), view_str(c->allow)};
    if (c->from != NULL)
        c->origin->respond(c, status, h, n, json);
    call_end(c, status);
}

void call_reply_public(struct call *c, struct view content_type, bool immutable, struct view body)
{
    const struct web_header h[] = {
        {VIEW_LIT("content-type"), content_type},
        {VIEW_LIT("cache-control"), immutable ? VIEW_LIT("public, max-age=31536000, immutable")
                                              : VIEW_LIT("public, max-age=1")},
        {VIEW_LIT("access-control-allow-origin"), VIEW_LIT("*")},
    };

    if (c->from != NULL)
        c->origin->respond(c, 200, h, sizeof h / sizeof h[0], body);
    call_end(c, 200);
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
