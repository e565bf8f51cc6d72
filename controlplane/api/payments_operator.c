/* What operators do about payments: refunds, lines of credit, requests for credits of customers who come from
 * elsewhere (which customers make here, too); and what the payment service sends by itself. */
#include "clock.h"
#include "gate.h"
#include "handlers.h"
#include "money.h"
#include "payments.h"

#include <stdlib.h>

#define CENT_NUSD (NUSD_PER_USD / 100)
#define CREDIT_MAX_NUSD (INT64_C(1000000) * NUSD_PER_USD)

static const char no_account[] = "There is no such account.";

/* --- refunds --- */

enum { REFUND_ACCOUNT, REFUND_AMOUNT, REFUND_REASON, REFUND_FORCE, REFUND_FIELDS };
static const struct field refund_fields[] = {
    [REFUND_ACCOUNT] = {"account_id", FIELD_ID, true, false, 0, NULL},
    [REFUND_AMOUNT] = {"amount", FIELD_USD, false, true, 0, NULL},
    [REFUND_REASON] = {"reason", FIELD_TEXT, false, true, 256, NULL},
    [REFUND_FORCE] = {"force", FIELD_BOOL, false, false, 0, NULL},
};

/* c->own while a refund is made. */
struct refund {
    struct id account, payment, refund;
};

static void refund_object_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE || db_rows(r) == 0)
        call_fail_db(c, e == ERR_NONE ? ERR_DB : e);
    else
        call_reply(c, (int)c->count, db_get_text(r, 0, 0));
}

/* 201: the service did it; 202: nobody knows yet, and the timer asks again. */
static void refunded_cb(void *cookie, enum payments_outcome outcome, struct view code, struct view url)
{
    struct call *c = cookie;
    const struct refund *f = c->own;

    (void)code;
    (void)url;
    if (outcome == PAYMENTS_REFUSED) {
        call_fail(c, 402, "refund_refused",
                  "The payment service refuses this refund; GET /payments/{id} shows why. The credits are back.", NULL);
        return;
    }
    const struct db_param p[] = {db_id(&f->account), db_id(&f->payment)};
    c->count = outcome == PAYMENTS_DONE ? 201 : 202;
    db_query(call_db(c), STMT_PAYMENT_GET, p, 2, 0, refund_object_cb, c);
}

static void refuse_refund(struct call *c, struct view outcome)
{
    static const struct {
        const char *outcome;
        int status;
        const char *code, *message, *param;
    } words[] = {
        {"unknown", 404, "not_found", "There is no such payment of this account.", NULL},
        {"unpaid", 409, "not_paid", "This payment is not paid.", NULL},
        {"amount", 400, "invalid_parameter", "This is more than is left of the payment, or nothing.", "amount"},
        {"spent", 409, "insufficient_credits",
         "The credits have been spent. With \"force\" they become a debt that later top-ups pay.", NULL},
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (view_eq(outcome, view_str(words[i].outcome))) {
            call_fail(c, words[i].status, words[i].code, words[i].message, words[i].param);
            return;
        }
    call_fail_db(c, ERR_DB);
}

static void refund_begun_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    const struct refund *f = c->own;
    struct view intent;
    char object[256];

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    if (!view_eq(db_get_text(r, 0, 0), VIEW_LIT("ok"))) {
        refuse_refund(c, db_get_text(r, 0, 0));
        return;
    }
    intent = db_get_text(r, 0, 2);
    if (intent.len >= sizeof object)
        intent = VIEW_EMPTY;
    if (intent.len > 0)
        memcpy(object, intent.ptr, intent.len);
    object[intent.len] = '\0';
    const struct rail_order o = {.account = f->account, .payment = f->payment, .refund = f->refund,
                                 .amount_nusd = db_get_i64(r, 0, 1), .customer = "", .method = "", .object = object};
    payments_refund(call_payments(c), &o, refunded_cb, c);
}

void handle_payment_refund(struct call *c)
{
    struct value v[REFUND_FIELDS];
    struct refund *f;
    struct id payment;

    if (call_payments(c) == NULL) {
        call_fail(c, 404, "payments_not_configured", "This service takes no payments: none is configured.", NULL);
        return;
    }
    if (id_parse(c->segment, &payment) != ERR_NONE) {
        call_fail(c, 404, "not_found", "There is no such payment of this account.", NULL);
        return;
    }
    if (!call_body(c, refund_fields, REFUND_FIELDS, v))
        return;
    if (v[REFUND_AMOUNT].state == VALUE_SET && v[REFUND_AMOUNT].number % CENT_NUSD != 0) {
        call_fail(c, 400, "invalid_parameter", "This must be whole cents.", "amount");
        return;
    }
    f = calloc(1, sizeof *f);
    if (f == NULL) {
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
        return;
    }
    *f = (struct refund){v[REFUND_ACCOUNT].id, payment, id_new()};
    c->own = f;
    c->own_len = sizeof *f;
    const struct db_param p[] = {
        db_id(&f->account),
        db_id(&f->payment),
        db_id(&f->refund),
        v[REFUND_AMOUNT].state == VALUE_SET ? db_i64(v[REFUND_AMOUNT].number) : db_null(),
        v[REFUND_REASON].state == VALUE_SET ? db_bytes(view_str(v[REFUND_REASON].text)) : db_null(),
        db_bool(v[REFUND_FORCE].number != 0),
    };
    db_query(call_db(c), STMT_PAYMENT_REFUND_BEGIN, p, 6, 0, refund_begun_cb, c);
}

/* --- lines of credit --- */

enum { LINE_ACCOUNT, LINE_CEILING, LINE_FIELDS };
static const struct field line_fields[] = {
    [LINE_ACCOUNT] = {"account_id", FIELD_ID, true, false, 0, NULL},
    [LINE_CEILING] = {"ceiling", FIELD_USD, true, false, 0, NULL},
};

static void line_get_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (db_rows(r) == 0)
        call_fail(c, 404, "not_found", "This account has no line of credit.", NULL);
    else
        call_reply(c, 200, db_get_text(r, 0, 0));
}

void handle_credit_line_get(struct call *c)
{
    const struct db_param p[] = {db_id(&c->account)};

    db_query(call_db(c), STMT_CREDIT_LINE_GET, p, 1, 0, line_get_cb, c);
}

static void line_set_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct view outcome = e == ERR_NONE ? db_get_text(r, 0, 0) : VIEW_EMPTY;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (view_eq(outcome, VIEW_LIT("ok")))
        call_reply(c, 200, db_get_text(r, 0, 1));
    else if (view_eq(outcome, VIEW_LIT("unknown")))
        call_fail(c, 404, "account_not_found", no_account, "account_id");
    else if (view_eq(outcome, VIEW_LIT("used")))
        call_fail(c, 409, "insufficient_credits", "More of the line is spent or lent than this would leave.", "ceiling");
    else
        call_fail(c, 409, "no_payment_method", "The account has no card that invoices could be charged to.", NULL);
}

void handle_credit_line_set(struct call *c)
{
    struct value v[LINE_FIELDS];

    if (!call_body(c, line_fields, LINE_FIELDS, v))
        return;
    if (v[LINE_CEILING].number > CREDIT_MAX_NUSD) {
        call_fail(c, 400, "invalid_parameter", "This must be at most 1000000.", "ceiling");
        return;
    }
    const struct db_param p[] = {db_id(&v[LINE_ACCOUNT].id), db_i64(v[LINE_CEILING].number)};
    db_query(call_db(c), STMT_CREDIT_LINE_SET, p, 2, 0, line_set_cb, c);
}

/* --- requests for credits --- */

enum { EVIDENCE, ASKED, REQUEST_FIELDS };
static const struct field request_fields[] = {
    [EVIDENCE] = {"evidence", FIELD_TEXT, true, false, 256, NULL},
    [ASKED] = {"amount", FIELD_USD, true, false, 0, NULL},
};

static void request_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e == ERR_CONFLICT)
        call_fail(c, 409, "request_pending", "A request of this account waits for an operator already.", NULL);
    else if (e != ERR_NONE)
        call_fail_db(c, e);
    else
        call_reply(c, 201, db_get_text(r, 0, 0));
}

void handle_credit_request_create(struct call *c)
{
    struct value v[REQUEST_FIELDS];

    if (!call_body(c, request_fields, REQUEST_FIELDS, v))
        return;
    if (v[ASKED].number <= 0 || v[ASKED].number > CREDIT_MAX_NUSD) {
        call_fail(c, 400, "invalid_parameter", "This must be more than 0 and at most 1000000.", "amount");
        return;
    }
    c->made_id = id_new();
    const struct db_param p[] = {db_id(&c->account), db_id(&c->made_id), db_bytes(view_str(v[EVIDENCE].text)),
                                 db_i64(v[ASKED].number)};
    db_query(call_db(c), STMT_CREDIT_REQUEST_CREATE, p, 4, 0, request_cb, c);
}

static void requests_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else
        call_reply_data(c, 200, db_get_text(r, 0, 0));
}

void handle_credit_request_list(struct call *c)
{
    const struct db_param p[] = {db_id(&c->account), db_null()};

    db_query(call_db(c), STMT_CREDIT_REQUEST_LIST, p, 2, 0, requests_cb, c);
}

void handle_credit_request_queue(struct call *c)
{
    struct view status;
    bool given = call_query(c, "status", &status);
    const struct db_param p[] = {db_null(), given ? db_bytes(status) : db_bytes(VIEW_LIT("pending"))};

    if (given && !view_eq(status, VIEW_LIT("pending")) && !view_eq(status, VIEW_LIT("approved")) &&
        !view_eq(status, VIEW_LIT("declined")))
        call_fail(c, 400, "invalid_parameter", "This must be pending, approved or declined.", "status");
    else
        db_query(call_db(c), STMT_CREDIT_REQUEST_LIST, p, 2, 0, requests_cb, c);
}

enum { DECIDE_ACCOUNT, DECISION, GRANTED, EXPIRES, DECIDE_FIELDS };
enum { APPROVE, DECLINE };
static const char *const decisions[] = {"approve", "decline", NULL};
static const struct field decide_fields[] = {
    [DECIDE_ACCOUNT] = {"account_id", FIELD_ID, true, false, 0, NULL},
    [DECISION] = {"decision", FIELD_NAME, true, false, 0, decisions},
    [GRANTED] = {"amount", FIELD_USD, false, false, 0, NULL},
    [EXPIRES] = {"expires_at", FIELD_FUTURE, false, false, 0, NULL},
};

static void decided_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct view outcome = e == ERR_NONE ? db_get_text(r, 0, 0) : VIEW_EMPTY;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (view_eq(outcome, VIEW_LIT("ok")))
        call_reply(c, 200, db_get_text(r, 0, 1));
    else if (view_eq(outcome, VIEW_LIT("unknown")))
        call_fail(c, 404, "not_found", "There is no such request of this account.", NULL);
    else if (view_eq(outcome, VIEW_LIT("expired")))
        call_fail(c, 400, "invalid_parameter", "This time has passed.", "expires_at");
    else
        call_fail(c, 409, "already_decided", "This request has been decided otherwise.", NULL);
}

void handle_credit_request_decide(struct call *c)
{
    struct value v[DECIDE_FIELDS];
    struct id request;
    bool approve;

    if (id_parse(c->segment, &request) != ERR_NONE) {
        call_fail(c, 404, "not_found", "There is no such request of this account.", NULL);
        return;
    }
    if (!call_body(c, decide_fields, DECIDE_FIELDS, v))
        return;
    approve = v[DECISION].number == APPROVE;
    if (approve && (v[GRANTED].state != VALUE_SET || v[EXPIRES].state != VALUE_SET)) {
        call_fail(c, 400, "missing_parameter", "An approval has an amount and an end.",
                  v[GRANTED].state != VALUE_SET ? "amount" : "expires_at");
        return;
    }
    if (approve && (v[GRANTED].number <= 0 || v[GRANTED].number > CREDIT_MAX_NUSD)) {
        call_fail(c, 400, "invalid_parameter", "This must be more than 0 and at most 1000000.", "amount");
        return;
    }
    const struct db_param p[] = {db_id(&v[DECIDE_ACCOUNT].id), db_id(&request),
                                 approve ? db_i64(v[GRANTED].number) : db_null(),
                                 approve ? db_i64(v[EXPIRES].number) : db_i64(0)};
    db_query(call_db(c), STMT_CREDIT_REQUEST_DECIDE, p, 4, 0, decided_cb, c);
}

/* --- what the payment service sends --- */

static void event_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    (void)r;
    if (e != ERR_NONE)
        call_fail_db(c, e); /* it will be sent again */
    else
        call_reply(c, 200, VIEW_LIT("{\"received\":true}"));
}

static void refuse_event(struct call *c, enum err e)
{
    if (e == ERR_AUTH)
        call_fail(c, 400, "invalid_signature", "No signature fits: is this the endpoint's secret?", NULL);
    else if (e == ERR_RANGE)
        call_fail(c, 400, "signature_too_old", "The signature's time is not now.", NULL);
    else
        call_fail(c, 400, "invalid_event", "This is no signed event.", NULL);
}

void handle_webhook_stripe(struct call *c)
{
    struct payments *p = call_payments(c);
    struct view signature;
    struct buf json;
    enum err e;

    if (p == NULL) {
        call_fail(c, 404, "payments_not_configured", "This service takes no payments: none is configured.", NULL);
        return;
    }
    if (payments_event_rate(p, c->address, clock_mono_ms(), &c->retry_ms) != ERR_NONE) {
        call_fail(c, 429, "rate_limit_exceeded", "Too many events.", NULL);
        return;
    }
    if (!c->origin->header(c, VIEW_LIT("stripe-signature"), &signature)) {
        call_fail(c, 400, "missing_signature", "There is no Stripe-Signature header.", NULL);
        return;
    }
    buf_init(&json, 16 << 10);
    e = payments_event(p, signature, buf_view(&c->body), (int64_t)(clock_unix_ms() / 1000), &json);
    if (e != ERR_NONE) {
        refuse_event(c, e);
    } else if (json.len == 0) {
        call_reply(c, 200, VIEW_LIT("{\"received\":true}"));
    } else {
        const struct db_param q[] = {db_bytes(buf_view(&json))};

        db_query(call_db(c), STMT_PAYMENT_FACT, q, 1, 0, event_cb, c);
    }
    buf_free(&json);
}
