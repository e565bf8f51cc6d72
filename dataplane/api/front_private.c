/* The private listener: figures and health. */
#include "front_internal.h"

#include "error_body.h"

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
            front_refuse(NULL, r, API_METHOD, &allow);
        return;
    }
    front_refuse(NULL, r, API_NO_ROUTE, NULL);
}

void front_private_error(void *cookie, struct web_request *r, int status)
{
    (void)cookie;
    front_refuse(NULL, r, error_of_http(status), NULL);
}
