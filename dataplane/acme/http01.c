/* GET /.well-known/acme-challenge/TOKEN. */
#include "http01.h"

#include "clock.h"

static void answer(struct web_request *r, int status, struct view body)
{
    const struct web_header type = {VIEW_LIT("content-type"), VIEW_LIT("application/octet-stream")};

    web_respond(r, status, &type, 1, body);
}

void http01_handle(void *cookie, struct web_request *r)
{
    static const struct view prefix = VIEW_LIT("/.well-known/acme-challenge/");
    struct view path = web_path(r);
    struct buf authorization;

    buf_init(&authorization, LIMIT_ACME_AUTHORIZATION_BYTES);
    if (!view_eq(web_method(r), VIEW_LIT("GET")))
        answer(r, 405, VIEW_EMPTY);
    else if (view_starts(path, prefix) && challenges_authorization(cookie, view_from(path, prefix.len),
                                                                   clock_unix_ms(), &authorization) == ERR_NONE)
        answer(r, 200, buf_view(&authorization));
    else
        answer(r, 404, VIEW_EMPTY);
    buf_free(&authorization);
}

void http01_error(void *cookie, struct web_request *r, int status)
{
    (void)cookie;
    answer(r, status, VIEW_EMPTY);
}
