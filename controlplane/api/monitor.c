/* Four pages and their listener. */
#include "monitor.h"

#include "health_text.h"
#include "web.h"

#include <stdlib.h>

enum { PAGE_MAX = 64 << 10, CONNECTIONS_MAX = 64 };

#define JSON VIEW_LIT("application/json")

struct monitor {
    const struct control_health *health;
    struct web_server *web;
    void (*stopped)(void *cookie);
    void *cookie;
};

static void respond(struct web_request *r, int status, struct view type, struct view body)
{
    const struct web_header h[] = {{VIEW_LIT("content-type"), type},
                                   {VIEW_LIT("cache-control"), VIEW_LIT("no-store")},
                                   {VIEW_LIT("allow"), VIEW_LIT("GET, HEAD")}};

    web_respond(r, status, h, status == 405 ? 3 : 2, body);
}

static void page_metrics(const struct control_figures *f, struct web_request *r)
{
    struct buf out;
    enum err e;

    buf_init(&out, PAGE_MAX);
    e = health_text_metrics(f, &out);
    respond(r, e == ERR_NONE ? 200 : 500, VIEW_LIT("text/plain; version=0.0.4"), buf_view(&out));
    buf_free(&out);
}

static void page_status(const struct control_figures *f, int status, struct web_request *r)
{
    struct buf out;

    buf_init(&out, PAGE_MAX);
    if (health_text_json(f, &out) != ERR_NONE)
        buf_reset(&out);
    respond(r, status, JSON, buf_view(&out));
    buf_free(&out);
}

static void page_health(const struct control_figures *f, struct web_request *r)
{
    page_status(f, f->status == CONTROL_FAILING ? 503 : 200, r);
}

static void page_ready(const struct control_figures *f, struct web_request *r)
{
    page_status(f, control_figures_ready(f) ? 200 : 503, r);
}

static void page_alive(const struct control_figures *f, struct web_request *r)
{
    (void)f;
    respond(r, 200, JSON, VIEW_LIT("{\"status\":\"alive\"}"));
}

static void handler_cb(void *cookie, struct web_request *r)
{
    static const struct {
        struct view path;
        void (*page)(const struct control_figures *f, struct web_request *r);
    } pages[] = {{VIEW_LIT("/metrics"), page_metrics},
                 {VIEW_LIT("/health"), page_health},
                 {VIEW_LIT("/readyz"), page_ready},
                 {VIEW_LIT("/healthz"), page_alive}};
    const struct monitor *m = cookie;
    struct view path = web_path(r), method = web_method(r);
    struct control_figures f;

    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (!view_eq(path, pages[i].path))
            continue;
        if (!view_eq(method, VIEW_LIT("GET")) && !view_eq(method, VIEW_LIT("HEAD"))) {
            respond(r, 405, JSON, VIEW_LIT("{\"error\":\"method_not_allowed\"}"));
            return;
        }
        control_health_read(m->health, &f);
        pages[i].page(&f, r);
        return;
    }
    respond(r, 404, JSON, VIEW_LIT("{\"error\":\"not_found\"}"));
}

enum err monitor_start(uv_loop_t *loop, const char *host, uint16_t port,
                       const struct control_health *health, struct monitor **out)
{
    struct monitor *m = calloc(1, sizeof *m);
    const struct web_config w = {
        .loop = loop,
        .host = host,
        .port = port,
        .limits = {.body_max = 1024,
                   .connections_max = CONNECTIONS_MAX,
                   .request_timeout_ms = 10000,
                   .write_stall_ms = 10000,
                   .sweep_ms = 1000},
        .handler = handler_cb,
        .cookie = m,
    };
    enum err e;

    if (m == NULL)
        return ERR_MEMORY;
    m->health = health;
    e = web_start(&w, &m->web);
    if (e != ERR_NONE) {
        free(m);
        return e;
    }
    *out = m;
    return ERR_NONE;
}

static void drained_cb(void *cookie)
{
    struct monitor *m = cookie;

    web_free(m->web);
    m->stopped(m->cookie);
    free(m);
}

void monitor_stop(struct monitor *m, void (*stopped)(void *cookie), void *cookie)
{
    m->stopped = stopped;
    m->cookie = cookie;
    web_stop(m->web, drained_cb, m);
}
