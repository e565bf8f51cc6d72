/* /credits, /accounts. */
#include "handlers.h"

static void credits_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else
        call_reply_data(c, 200, db_get_text(r, 0, 0));
}

void handle_credits(struct call *c)
{
    const struct db_param p[] = {db_id(&c->account)};

    db_query(call_db(c), STMT_CREDITS, p, 1, 0, credits_cb, c);
}

/* --- accounts --- */

static const struct field account_fields[] = {{"name", FIELD_TEXT, true, false, 128, NULL}};

static void account_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    char account[ID_TEXT_LEN + 1];
    struct buf out;

    if (e != ERR_NONE || db_rows(r) == 0) {
        call_fail_db(c, e == ERR_NONE ? ERR_DB : e);
        return;
    }
    id_text(&c->made_id, account);
    buf_init(&out, 1024);
    e = buf_appendf(&out, "{\"data\":{\"id\":\"%s\",\"created_at\":", account);
    if (e == ERR_NONE)
        e = buf_append_json_string(&out, db_get_text(r, 0, 0));
    if (e == ERR_NONE)
        e = buf_appendf(&out, "},\"key\":\"%s\"}", c->made.text);
    if (e == ERR_NONE)
        call_reply(c, 201, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}

/* A customer: an account and the management key with which it makes its own keys. */
void handle_account_create(struct call *c)
{
    struct value v[1];
    struct id key = id_new();

    if (!call_body(c, account_fields, 1, v))
        return;
    api_new_key(true, &c->made);
    c->made_id = id_new();
    const struct db_param p[] = {
        db_id(&c->made_id),
        db_bytes(view_str(v[0].text)),
        db_bool(false),
        db_id(&key),
        db_bytes(view_of(c->made.digest, sizeof c->made.digest)),
        db_bytes(VIEW_LIT("first management key")),
        db_bytes(view_str(c->made.label)),
        db_bytes(VIEW_LIT("management")),
    };
    db_query(call_db(c), STMT_ACCOUNT_CREATE, p, 8, 0, account_cb, c);
}
