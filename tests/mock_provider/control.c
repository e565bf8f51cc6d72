#include "control.h"

#include "models.h"

struct listener listeners[NAMES_MAX];
char listener_names[NAMES_MAX][32];
unsigned n_listeners;

static struct listener *control_listener(struct view path, struct view prefix)
{
    struct view name = view_from(path, prefix.len);

    for (unsigned i = 0; view_starts(path, prefix) && i < n_listeners; i++) {
        if (view_eq(name, view_str(listener_names[i])))
            return &listeners[i];
    }
    return NULL;
}

/* The default command of a listener: the body's words; an empty body goes back to normal. */
static bool control_set(struct listener *l, struct view body)
{
    struct view accept = VIEW_LIT("accept_us=");
    uint64_t us = 0;

    if (view_starts(body, accept)) {
        if (!view_u64(view_from(body, accept.len), &us) || us > 60000000)
            return false;
        l->accept_us = (uint32_t)us;
        return true;
    }
    l->accept_us = 0;
    l->words.len = 0;
    bytes_put(&l->words, body.ptr, body.len);
    spec_init(&l->spec);
    return spec_parse(view_of(l->words.ptr, l->words.len), &l->spec);
}

static void control_json(struct conn *c)
{
    conn_whole(c, 200, "application/json", c->event.ptr, c->event.len);
}

static void control_done(struct conn *c, bool ok)
{
    conn_whole(c, ok ? 200 : 400, "application/json", ok ? "{}\n" : "{\"error\":1}\n", ok ? 3 : 12);
}

void control_answer(struct conn *c, bool post, struct view path)
{
    struct view requests = VIEW_LIT("/mock/requests"), by_id = VIEW_LIT("/mock/requests?id=");
    struct view model = VIEW_LIT("/mock/model/");
    struct listener *l;

    c->event.len = 0;
    if (view_eq(path, VIEW_LIT("/mock/counters"))) {
        counters_json(&c->event, listener_names, n_listeners);
        control_json(c);
    } else if (view_eq(path, requests) || view_starts(path, by_id)) {
        counters_requests_json(&c->event, listener_names, view_from(path, by_id.len));
        control_json(c);
    } else if (post && view_eq(path, VIEW_LIT("/mock/reset"))) {
        counters_reset();
        models_reset();
        BYTES_LIT(&c->event, "{}\n");
        control_json(c);
    } else if ((l = control_listener(path, VIEW_LIT("/mock/last-request/"))) != NULL) {
        conn_whole(c, 200, "application/octet-stream", l->last_body.ptr, l->last_body.len);
    } else if ((l = control_listener(path, VIEW_LIT("/mock/last-headers/"))) != NULL) {
        conn_whole(c, 200, "application/octet-stream", l->last_head.ptr, l->last_head.len);
    } else if (view_starts(path, model)) {
        struct view name = view_from(path, model.len), last = models_last(name);

        if (post)
            control_done(c, models_set(name, c->body));
        else
            conn_whole(c, 200, "application/octet-stream", last.ptr, last.len);
    } else if (post && (l = control_listener(path, VIEW_LIT("/mock/set/"))) != NULL) {
        control_done(c, control_set(l, c->body));
    } else {
        conn_whole(c, 404, "text/plain", "no such command\n", 16);
    }
}
