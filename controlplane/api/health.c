/* Health, for anyone. */
#include "handlers.h"
#include "health_text.h"

static void reply_health(struct call *c, const struct control_figures *f, bool good)
{
    struct buf out;

    buf_init(&out, 1024);
    if (health_text_json(f, &out) == ERR_NONE)
        call_reply(c, good ? 200 : 503, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}

void handle_health(struct call *c)
{
    struct control_figures f;

    control_health_read(call_health(c), &f);
    reply_health(c, &f, f.status != CONTROL_FAILING);
}

void handle_ready(struct call *c)
{
    struct control_figures f;

    control_health_read(call_health(c), &f);
    reply_health(c, &f, control_figures_ready(&f));
}

void handle_alive(struct call *c)
{
    call_reply(c, 200, VIEW_LIT("{\"status\":\"alive\"}"));
}
