/* GET /status.json: one document for everybody, computed at most once in a few seconds however many ask. */
#include "handlers.h"

#include "clock.h"
#include "status_cache.h"

#include <assert.h>
#include <stdlib.h>

enum { FRESH_MS = 5000, DOCUMENT_MAX = 2 << 20 };

struct status_cache {
    struct buf document;
    uint64_t made_ms; /* 0: never */
    bool asking;
};

struct status_cache *status_cache_new(void)
{
    struct status_cache *s = calloc(1, sizeof *s);

    if (s != NULL)
        buf_init(&s->document, DOCUMENT_MAX);
    return s;
}

void status_cache_free(struct status_cache *s)
{
    if (s == NULL)
        return;
    buf_free(&s->document);
    free(s);
}

static void reply(struct call *c, const struct status_cache *s)
{
    call_reply_public(c, VIEW_LIT("application/json"), false, buf_view(&s->document));
}

static void status_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct status_cache *s = call_status(c);

    s->asking = false;
    if (e == ERR_NONE) {
        struct buf fresh;

        buf_init(&fresh, DOCUMENT_MAX);
        e = buf_append(&fresh, db_get_text(r, 0, 0));
        if (e == ERR_NONE) {
            buf_free(&s->document);
            s->document = fresh;
            s->made_ms = clock_mono_ms();
        } else {
            buf_free(&fresh);
        }
    }
    if (s->made_ms != 0)
        reply(c, s); /* maybe the last one, which says when it was made */
    else
        call_fail(c, 503, "status_unavailable", "The status cannot be told now.", NULL);
}

void handle_status(struct call *c)
{
    struct status_cache *s = call_status(c);
    bool fresh = s->made_ms != 0 && clock_mono_ms() - s->made_ms < FRESH_MS;

    if (fresh || (s->asking && s->made_ms != 0)) {
        reply(c, s);
    } else if (s->asking) {
        c->retry_ms = 1000;
        call_fail(c, 503, "status_unavailable", "The status is being computed; ask again in a second.", NULL);
    } else {
        s->asking = true;
        db_query(call_db(c), STMT_STATUS, NULL, 0, 0, status_cb, c);
    }
}
