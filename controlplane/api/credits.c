/* /credits, /credits/topup, /accounts. */
#include "handlers.h"
#include "money.h"

/* One top-up: more is a typing error, and thousands of them still fit an int64. */
#define TOPUP_MAX_NUSD (INT64_C(1000000) * NUSD_PER_USD)

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

/* --- top-up --- */

enum { AMOUNT, ACCOUNT, IDEMPOTENCY, TOPUP_FIELDS };
static const struct field topup_fields[] = {
    [AMOUNT] = {"amount", FIELD_USD, true, false, 0, NULL},
    [ACCOUNT] = {"account_id", FIELD_ID, false, true, 0, NULL},
    [IDEMPOTENCY] = {"idempotency_key", FIELD_TEXT, false, false, 255, NULL},
};

static void reply_topup(struct call *c, const struct db_result *r, bool repeated)
{
    char amount[MONEY_TEXT_MAX], available[MONEY_TEXT_MAX], account[ID_TEXT_LEN + 1];
    struct buf out;

    money_text_usd(c->amount_nusd, amount);
    money_text_usd(db_get_i64(r, 0, 2), available);
    id_text(&c->made_id, account);
    buf_init(&out, 1024);
    if (buf_appendf(&out,
                    "{\"transfer_id\":%lld,\"account_id\":\"%s\",\"amount\":%s,\"available\":%s,"
                    "\"repeated\":%s}",
                    (long long)db_get_i64(r, 0, 1), account, amount, available,
                    repeated ? "true" : "false") == ERR_NONE)
        call_reply_data(c, 200, buf_view(&out));
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}

static void topup_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct view outcome;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    outcome = db_get_text(r, 0, 0);
    if (view_eq(outcome, VIEW_LIT("unknown")))
        call_fail(c, 404, "account_not_found", "There is no such account.", "account_id");
    else if (view_eq(outcome, VIEW_LIT("conflict")))
        call_fail(c, 409, "idempotency_conflict",
                  "This idempotency key was used for another amount.", "idempotency_key");
    else
        reply_topup(c, r, view_eq(outcome, VIEW_LIT("repeated")));
}

/* From the header or from the body; if from both, the same. false: neither way acceptable. */
static bool take_idempotency(struct call *c, const struct value *v, struct view *out)
{
    struct view header;

    *out = view_str(v->text);
    if (!c->origin->header(c, VIEW_LIT("idempotency-key"), &header))
        return true;
    if (header.len == 0 || header.len > 255 || (out->len > 0 && !view_eq(*out, header)))
        return false;
    for (size_t i = 0; i < header.len; i++)
        if (header.ptr[i] <= ' ' || header.ptr[i] > '~')
            return false;
    *out = header;
    return true;
}

void handle_topup(struct call *c)
{
    struct value v[TOPUP_FIELDS];
    struct view idempotency;

    if (!call_body(c, topup_fields, TOPUP_FIELDS, v))
        return;
    if (v[AMOUNT].number <= 0 || v[AMOUNT].number > TOPUP_MAX_NUSD) {
        call_fail(c, 400, "invalid_parameter", "This must be more than 0 and at most 1000000.",
                  "amount");
        return;
    }
    if (!take_idempotency(c, &v[IDEMPOTENCY], &idempotency)) {
        call_fail(c, 400, "invalid_parameter",
                  "This must be 1 to 255 visible characters, and one key, not two.",
                  "idempotency_key");
        return;
    }
    c->amount_nusd = v[AMOUNT].number;
    c->made_id = v[ACCOUNT].state == VALUE_SET ? v[ACCOUNT].id : c->account;
    const struct db_param p[] = {db_id(&c->made_id), db_i64(c->amount_nusd),
                                 idempotency.len > 0 ? db_bytes(idempotency) : db_null()};
    db_query(call_db(c), STMT_TOPUP, p, 3, 0, topup_cb, c);
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
