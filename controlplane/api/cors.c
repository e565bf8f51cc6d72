/* The list of origins, and the answer to a browser that asks first. */
#include "cors.h"
#include "call.h"

/* The next word; an empty one at the end. */
static struct view next_origin(struct view *list)
{
    const uint8_t *end;
    struct view word;

    *list = view_trim(*list);
    end = list->len == 0 ? NULL : memchr(list->ptr, ' ', list->len);
    word = view_of(list->ptr, end == NULL ? list->len : (size_t)(end - list->ptr));
    *list = view_from(*list, word.len);
    return word;
}

/* What browsers send: scheme, host, port, and nothing behind them. Without TLS only this very machine. */
static bool origin_valid(struct view o)
{
    struct view rest;

    if (view_starts(o, VIEW_LIT("https://")))
        rest = view_from(o, 8);
    else if (view_eq(o, VIEW_LIT("http://localhost")) || view_starts(o, VIEW_LIT("http://localhost:")))
        rest = view_from(o, 7);
    else
        return false;
    for (size_t i = 0; i < rest.len; i++)
        if (!((rest.ptr[i] >= 'a' && rest.ptr[i] <= 'z') || (rest.ptr[i] >= '0' && rest.ptr[i] <= '9') ||
              memchr(".-:[]", rest.ptr[i], 5) != NULL))
            return false;
    return rest.len > 0;
}

bool cors_origins_valid(const char *origins)
{
    struct view list = view_str(origins), one;

    while ((one = next_origin(&list)).len > 0)
        if (!origin_valid(one))
            return false;
    return true;
}

bool cors_allows(const char *origins, struct view origin)
{
    struct view list = view_str(origins), one;

    while ((one = next_origin(&list)).len > 0)
        if (view_eq(one, origin))
            return true;
    return false;
}

size_t cors_headers(struct view origin, struct web_header out[static CORS_HEADERS])
{
    const struct web_header h[CORS_HEADERS] = {
        {VIEW_LIT("access-control-allow-origin"), origin},
        {VIEW_LIT("access-control-allow-credentials"), VIEW_LIT("true")},
        {VIEW_LIT("access-control-expose-headers"),
         VIEW_LIT("etag, idempotent-replayed, retry-after, x-next-cursor, x-ratelimit-limit, "
                  "x-ratelimit-remaining, x-ratelimit-reset, x-request-id")},
        {VIEW_LIT("vary"), VIEW_LIT("origin")},
    };

    memcpy(out, h, sizeof h);
    return CORS_HEADERS;
}

bool cors_preflight(struct call *c)
{
    static const struct web_header extra[] = {
        {VIEW_LIT("access-control-allow-methods"), VIEW_LIT("GET, HEAD, POST, PUT, PATCH, DELETE")},
        {VIEW_LIT("access-control-allow-headers"),
         VIEW_LIT("authorization, content-type, idempotency-key, if-none-match, "
                  "x-trustedrouter-workspace, x-csrf-token")},
        {VIEW_LIT("access-control-max-age"), VIEW_LIT("600")},
    };
    struct view origin, method;

    if (!view_eq(c->method, VIEW_LIT("OPTIONS")) ||
        !c->origin->header(c, VIEW_LIT("origin"), &origin) ||
        !c->origin->header(c, VIEW_LIT("access-control-request-method"), &method))
        return false;
    if (cors_allows(call_origins(c), origin))
        call_reply_as(c, 204, VIEW_LIT("text/plain"), extra, 3, VIEW_EMPTY);
    else
        call_fail(c, 403, "origin_not_allowed", "Pages of this origin may not call this API.", NULL);
    return true;
}
