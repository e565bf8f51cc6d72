#include "catalog_desk.h"

#include "catalog_text.h"

#include <stdlib.h>

/* --- what is wrong with it */

/* As call_fail() words errors, and all findings beside it. */
static void reply_findings(struct call *c, const struct catalog_text *t)
{
    static const char message[] = "The catalog has errors; findings says in which lines.";
    struct buf out;
    enum err e;

    buf_init(&out, CATALOG_FINDINGS_MAX + 1024);
    if (c->openrouter)
        e = buf_appendf(&out,
                        "{\"error\":{\"code\":400,\"message\":\"%s\",\"metadata\":{\"error_type\":\"invalid_catalog\","
                        "\"param\":\"text\"}},\"findings\":",
                        message);
    else
        e = buf_appendf(&out,
                        "{\"error\":{\"message\":\"%s\",\"type\":\"invalid_request_error\",\"param\":\"text\","
                        "\"code\":\"invalid_catalog\"},\"findings\":",
                        message);
    if (e == ERR_NONE)
        e = buf_append(&out, buf_view(&t->findings));
    if (e == ERR_NONE)
        e = buf_append_byte(&out, '}');
    if (e == ERR_NONE)
        call_reply(c, 400, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}

static void fail_moved(struct call *c)
{
    call_fail(c, 409, "catalog_moved", "Another version has been published since; make this change again, on top of it.",
              "base");
}

/* --- a draft */

/* The row, and the warnings about its text. */
struct drafting {
    struct call *c;
    struct buf findings;
};

static void drafted_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct drafting *d = cookie;
    struct call *c = d->c;
    struct buf out;

    buf_init(&out, CATALOG_FINDINGS_MAX + 8192);
    if (e != ERR_NONE) {
        call_fail_db(c, e);
    } else if (db_is_null(r, 0, 0)) {
        fail_moved(c);
    } else {
        struct view object = db_get_text(r, 0, 0);

        e = buf_append(&out, VIEW_LIT("{\"data\":"));
        if (e == ERR_NONE)
            e = buf_append(&out, object);
        if (e == ERR_NONE)
            e = buf_append(&out, VIEW_LIT(",\"findings\":"));
        if (e == ERR_NONE)
            e = buf_append(&out, buf_view(&d->findings));
        if (e == ERR_NONE)
            e = buf_append_byte(&out, '}');
        if (e == ERR_NONE)
            call_reply(c, 201, buf_view(&out));
        else
            call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    }
    buf_free(&out);
    buf_free(&d->findings);
    free(d);
}

static struct db_param providers_digest(const struct call *c)
{
    const struct digest32 *d = &call_providers(c)->digest;

    return db_bytes(view_of(d->b, sizeof d->b));
}

static void draft(struct call *c, struct view text, struct catalog_text *t, const struct desk_order *order)
{
    char author[OPERATOR_AUTHOR_MAX];
    struct drafting *d = calloc(1, sizeof *d);

    if (d == NULL) {
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
        return;
    }
    *d = (struct drafting){c, t->findings};
    buf_init(&t->findings, 1);
    const struct db_param p[] = {
        db_bytes(text),
        providers_digest(c),
        db_bytes(buf_view(&t->part[CATALOG_JSON_MODELS])),
        db_bytes(buf_view(&t->part[CATALOG_JSON_ENDPOINTS])),
        db_bytes(buf_view(&t->part[CATALOG_JSON_ALIASES])),
        db_bytes(operator_author(c, author)),
        db_bytes(order->note),
        db_bytes(buf_view(&t->part[CATALOG_JSON_SYNTHS])),
        order->base != 0 ? db_i64(order->base) : db_null(),
    };
    db_query(call_db(c), STMT_CATALOG_DRAFT, p, sizeof p / sizeof p[0], 0, drafted_cb, d);
}

/* --- the next version */

static void published_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct view outcome = e == ERR_NONE ? db_get_text(r, 0, 0) : VIEW_EMPTY;
    struct buf out;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
    } else if (view_eq(outcome, VIEW_LIT("unknown"))) {
        call_fail(c, 409, "not_a_draft", "This version is no draft: it has been published already.", NULL);
    } else if (view_eq(outcome, VIEW_LIT("moved"))) {
        fail_moved(c);
    } else {
        buf_init(&out, 128);
        if (buf_appendf(&out, "{\"version\":%lld,\"changed\":%s}", (long long)db_get_i64(r, 0, 1),
                        view_eq(outcome, VIEW_LIT("same")) ? "false" : "true") == ERR_NONE)
            call_reply_data(c, 200, buf_view(&out));
        else
            call_fail(c, 500, "internal_error", "Out of memory.", NULL);
        buf_free(&out);
    }
}

static void publish(struct call *c, struct view text, const struct catalog_text *t, const struct desk_order *order)
{
    char author[OPERATOR_AUTHOR_MAX];
    const struct db_param p[] = {
        order->of_draft != 0 ? db_i64(order->of_draft) : db_null(),
        order->base != 0 ? db_i64(order->base) : db_null(),
        db_bytes(text),
        providers_digest(c),
        db_bytes(buf_view(&t->part[CATALOG_JSON_MODELS])),
        db_bytes(buf_view(&t->part[CATALOG_JSON_ENDPOINTS])),
        db_bytes(buf_view(&t->part[CATALOG_JSON_ALIASES])),
        db_bytes(order->origin),
        db_bytes(operator_author(c, author)),
        db_bytes(order->note),
        db_null(),
        db_bytes(buf_view(&t->part[CATALOG_JSON_SYNTHS])),
    };

    db_query(call_db(c), STMT_CATALOG_PUBLISH, p, sizeof p / sizeof p[0], 0, published_cb, c);
}

void desk_take(struct call *c, struct view text, const struct desk_order *order)
{
    struct catalog_text t;
    enum err e = catalog_text_read(text, call_providers(c), &t);

    if (e == ERR_CONFIG)
        reply_findings(c, &t);
    else if (e != ERR_NONE)
        call_fail(c, 400, "invalid_catalog", "The catalog is too large.", "text");
    else if (order->draft)
        draft(c, text, &t, order);
    else
        publish(c, text, &t, order);
    catalog_text_free(&t);
}
