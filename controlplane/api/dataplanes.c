/* /dataplanes: which are connected, what became of them, and to end or shut out one. */
#include "handlers.h"

#include "operator.h"

static void list_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else
        call_reply_data(c, 200, db_get_text(r, 0, 0));
}

void handle_dataplanes(struct call *c)
{
    db_query(call_db(c), STMT_BOOT_LIST, NULL, 0, 0, list_cb, c);
}

/* The boot in the path. False: the call has been answered. */
static bool take_boot(struct call *c)
{
    if (id_parse(c->segment, &c->made_id) == ERR_NONE)
        return true;
    call_fail(c, 404, "not_found", "There is no such data plane.", NULL);
    return false;
}

static void history_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (!db_get_bool(r, 0, 1))
        call_fail(c, 404, "not_found", "There is no such data plane.", NULL);
    else
        call_reply(c, 200, db_get_text(r, 0, 0));
}

void handle_dataplane_history(struct call *c)
{
    struct db_param p[3];

    if (!take_boot(c) || !operator_page(c, &p[1], &p[2]))
        return;
    p[0] = db_id(&c->made_id);
    db_query(call_db(c), STMT_BOOT_HISTORY, p, 3, 0, history_cb, c);
}

/* --- orders */

static void ordered_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    const struct db_param p[] = {db_id(&c->made_id)};

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (!db_get_bool(r, 0, 0))
        call_fail(c, 404, "not_found", "There is no such data plane.", NULL);
    else
        db_query(call_db(c), STMT_BOOT_GET, p, 1, 0, operator_object_cb, c);
}

/* reason: needed to shut one out. */
static void order(struct call *c, struct view what, bool needs_reason)
{
    const struct field fields[] = {{"reason", FIELD_TEXT, needs_reason, false, OPERATOR_NOTE_MAX, NULL}};
    struct value v[1] = {{.state = VALUE_ABSENT}};
    char author[OPERATOR_AUTHOR_MAX];

    if (!take_boot(c) || (!(operator_body_empty(c) && !needs_reason) && !call_body(c, fields, 1, v)))
        return;
    const struct db_param p[] = {db_id(&c->made_id), db_bytes(what), db_bytes(view_str(v[0].text)),
                                 db_bytes(operator_author(c, author))};
    db_query(call_db(c), STMT_BOOT_ORDER, p, 4, 0, ordered_cb, c);
}

void handle_dataplane_drain(struct call *c)
{
    order(c, VIEW_LIT("drain"), false);
}

void handle_dataplane_evict(struct call *c)
{
    order(c, VIEW_LIT("evict"), true);
}

void handle_dataplane_resume(struct call *c)
{
    order(c, VIEW_LIT("resume"), false);
}
