/* /credits/terms: what an account pays beside the catalog's prices, from when on. */
#include "bounds.h"
#include "handlers.h"

enum { MARKUP_MAX_BP = 100000, FEE_MAX_BP = 10000, REASON_MAX = 256 };
_Static_assert(MARKUP_MAX_BP * 100 == LIMIT_MARKUP_PPM, "the link takes every markup");

static void list_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else
        call_reply_data(c, 200, db_get_text(r, 0, 0));
}

void handle_terms_list(struct call *c)
{
    const struct db_param p[] = {db_id(&c->account)};

    db_query(call_db(c), STMT_TERMS_LIST, p, 1, 0, list_cb, c);
}

static void set_cb(void *cookie, enum err e, const struct db_result *r)
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
    else if (view_eq(outcome, VIEW_LIT("past")))
        call_fail(c, 400, "invalid_parameter", "This time has passed.", "starts_at");
    else if (view_eq(outcome, VIEW_LIT("exists")))
        call_fail(c, 409, "conflict", "Other terms of this account start then.", "starts_at");
    else
        call_reply_data(c, 200, db_get_text(r, 0, 1));
}

void handle_terms_set(struct call *c)
{
    enum { ACCOUNT, MARKUP, FEE, STARTS, REASON, FIELDS };
    static const struct field fields[FIELDS] = {
        [ACCOUNT] = {"account_id", FIELD_ID, false, true, 0, NULL},
        [MARKUP] = {"markup_bp", FIELD_COUNT, true, false, MARKUP_MAX_BP, NULL},
        [FEE] = {"byok_fee_bp", FIELD_COUNT, false, true, FEE_MAX_BP, NULL},
        [STARTS] = {"starts_at", FIELD_FUTURE, false, true, 0, NULL},
        [REASON] = {"reason", FIELD_TEXT, true, false, REASON_MAX, NULL},
    };
    struct value v[FIELDS];

    if (!call_body(c, fields, FIELDS, v))
        return;
    const struct db_param p[] = {
        db_id(v[ACCOUNT].state == VALUE_SET ? &v[ACCOUNT].id : &c->account),
        v[STARTS].state == VALUE_SET ? db_i64(v[STARTS].number) : db_null(),
        db_i64(v[MARKUP].number),
        v[FEE].state == VALUE_SET ? db_i64(v[FEE].number) : db_null(),
        db_bytes(view_str(v[REASON].text)),
    };
    db_query(call_db(c), STMT_TERMS_SET, p, FIELDS, 0, set_cb, c);
}
