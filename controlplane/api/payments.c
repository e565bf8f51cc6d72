/* /payments, /invoices: what customers buy, their cards, automatic top-ups. */
#include "payments.h"
#include "handlers.h"
#include "money.h"
#include "page.h"

#include <stdlib.h>

#define CENT_NUSD (NUSD_PER_USD / 100)
#define PAYMENT_MIN_NUSD NUSD_PER_USD
/* The service takes no more at once than 999,999.99. */
#define PAYMENT_MAX_NUSD (INT64_C(100000) * NUSD_PER_USD)
#define CEILING_MAX_NUSD (INT64_C(1000000) * NUSD_PER_USD)
enum { CHECKOUT_URL_MAX = 2000 };

static const char no_payment[] = "There is no such payment.";
static const char no_service[] = "This service takes no payments: none is configured.";
static const char no_answer[] = "The payment service cannot be asked now; nothing was charged. Try again later.";

/* --- reading --- */

static void list_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    const size_t limit = (size_t)c->count, n = e == ERR_NONE ? db_rows(r) : 0;
    struct id last = {0};
    int64_t at = 0;
    struct buf out;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    buf_init(&out, 1 << 20);
    e = buf_append_byte(&out, '[');
    for (size_t i = 0; e == ERR_NONE && i < n && i < limit; i++) {
        if (i > 0)
            e = buf_append_byte(&out, ',');
        if (e == ERR_NONE)
            e = buf_append(&out, db_get_text(r, i, 0));
        at = db_get_i64(r, i, 1);
        last = db_get_id(r, i, 2);
    }
    if (e == ERR_NONE)
        e = buf_append_byte(&out, ']');
    if (e == ERR_NONE)
        call_reply_page(c, buf_view(&out), n > limit, at, &last);
    else
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
    buf_free(&out);
}

static void list(struct call *c, bool invoices)
{
    struct page page;

    if (!call_page(c, &page))
        return;
    c->count = (unsigned)page.limit;
    const struct db_param p[] = {db_id(&c->account), db_bool(invoices), page_at(&page), page_id(&page),
                                 db_i64(page.limit + 1)};
    db_query(call_db(c), STMT_PAYMENT_LIST, p, 5, 0, list_cb, c);
}

void handle_payment_list(struct call *c)
{
    list(c, false);
}

void handle_invoice_list(struct call *c)
{
    list(c, true);
}

/* One row with one JSON column, as it is. */
static void object_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (db_rows(r) == 0)
        call_fail(c, 404, "not_found", no_payment, NULL);
    else
        call_reply(c, (int)c->count, db_get_text(r, 0, 0));
}

/* The payment c->made_id, with this status. */
static void reply_payment(struct call *c, unsigned status)
{
    const struct db_param p[] = {db_id(&c->account), db_id(&c->made_id)};

    c->count = status;
    db_query(call_db(c), STMT_PAYMENT_GET, p, 2, 0, object_cb, c);
}

void handle_payment_get(struct call *c)
{
    if (id_parse(c->segment, &c->made_id) == ERR_NONE)
        reply_payment(c, 200);
    else
        call_fail(c, 404, "not_found", no_payment, NULL);
}

/* --- checkouts --- */

enum { SUCCESS, CANCEL, AMOUNT, SAVE, CHECKOUT_FIELDS, SETUP_FIELDS = AMOUNT };
static const struct field checkout_fields[] = {
    [SUCCESS] = {"success_url", FIELD_PLAIN, true, false, CHECKOUT_URL_MAX, NULL},
    [CANCEL] = {"cancel_url", FIELD_PLAIN, true, false, CHECKOUT_URL_MAX, NULL},
    [AMOUNT] = {"amount", FIELD_USD, true, false, 0, NULL},
    [SAVE] = {"save_payment_method", FIELD_BOOL, false, false, 0, NULL},
};

/* c->own while a checkout is made. The addresses are in the body, which lives as long as the call. */
struct checkout {
    struct rail_order order;
    bool setup;
};

/* NULL: dollars that can be charged. */
static const char *amount_fault(int64_t nusd, int64_t max)
{
    if (nusd % CENT_NUSD != 0)
        return "This must be whole cents.";
    return nusd < PAYMENT_MIN_NUSD || nusd > max ? "This must be at least 1 and not too large." : NULL;
}

static bool urls_allowed(struct call *c, const struct value *v)
{
    for (unsigned i = SUCCESS; i <= CANCEL; i++)
        if (!payments_origin_allowed(call_payments(c), v[i].plain)) {
            call_fail(c, 400, "invalid_parameter",
                      "This must be an address of an origin that the operator allows (payment_origins).",
                      checkout_fields[i].name);
            return false;
        }
    return true;
}

static void asked_cb(void *cookie, enum payments_outcome outcome, struct view code, struct view url)
{
    struct call *c = cookie;

    (void)code;
    (void)url; /* it is in the database, where the answer comes from */
    if (outcome == PAYMENTS_DONE)
        reply_payment(c, 201);
    else if (outcome == PAYMENTS_REFUSED)
        call_fail(c, 402, "payment_refused", "The payment service refuses this payment; GET /payments shows why.",
                  NULL);
    else
        call_fail(c, 503, "payment_service_unavailable", no_answer, NULL);
}

static void begun_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    struct checkout *k = c->own;
    char customer[256] = "";
    struct view known;

    if (e != ERR_NONE) {
        call_fail_db(c, e);
        return;
    }
    if (!view_eq(db_get_text(r, 0, 0), VIEW_LIT("ok"))) {
        call_fail(c, 409, "too_many", "An account may have 100 checkouts of a day that are not over.", NULL);
        return;
    }
    known = db_get_text(r, 0, 1);
    if (known.len < sizeof customer) {
        if (known.len > 0)
            memcpy(customer, known.ptr, known.len);
        customer[known.len] = '\0';
    }
    k->order.customer = customer;
    payments_checkout(call_payments(c), &k->order, k->setup, asked_cb, c);
}

static void begin(struct call *c, bool setup)
{
    struct value v[CHECKOUT_FIELDS];
    struct checkout *k;
    const char *fault = NULL;

    if (call_payments(c) == NULL) {
        call_fail(c, 404, "payments_not_configured", no_service, NULL);
        return;
    }
    memset(v, 0, sizeof v);
    if (!call_body(c, checkout_fields, setup ? SETUP_FIELDS : CHECKOUT_FIELDS, v) || !urls_allowed(c, v))
        return;
    if (!setup)
        fault = amount_fault(v[AMOUNT].number, PAYMENT_MAX_NUSD);
    if (fault != NULL) {
        call_fail(c, 400, "invalid_parameter", fault, "amount");
        return;
    }
    k = calloc(1, sizeof *k);
    if (k == NULL) {
        call_fail(c, 500, "internal_error", "Out of memory.", NULL);
        return;
    }
    c->own = k;
    c->own_len = sizeof *k;
    c->made_id = id_new();
    k->setup = setup;
    k->order = (struct rail_order){
        .account = c->account,
        .payment = c->made_id,
        .amount_nusd = v[AMOUNT].number,
        .customer = "",
        .method = "",
        .object = "",
        .success_url = v[SUCCESS].plain,
        .cancel_url = v[CANCEL].plain,
        .save_method = v[SAVE].number != 0,
    };
    const struct db_param p[] = {db_id(&c->account), db_id(&c->made_id),
                                 db_bytes(setup ? VIEW_LIT("setup") : VIEW_LIT("checkout")),
                                 db_i64(k->order.amount_nusd)};
    db_query(call_db(c), STMT_PAYMENT_BEGIN, p, 4, 0, begun_cb, c);
}

void handle_payment_checkout(struct call *c)
{
    begin(c, false);
}

void handle_payment_setup(struct call *c)
{
    begin(c, true);
}

/* --- automatic top-ups --- */

enum { THRESHOLD, TOPUP, CEILING, METHOD, ENABLED, AUTO_FIELDS };
static const struct field auto_fields[] = {
    [THRESHOLD] = {"threshold", FIELD_USD, true, false, 0, NULL},
    [TOPUP] = {"amount", FIELD_USD, true, false, 0, NULL},
    [CEILING] = {"monthly_ceiling", FIELD_USD, true, false, 0, NULL},
    [METHOD] = {"payment_method", FIELD_PLAIN, false, true, 255, NULL},
    [ENABLED] = {"enabled", FIELD_BOOL, false, false, 0, NULL},
};

static void auto_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (db_rows(r) == 0)
        call_fail(c, 404, "not_found", "There are no automatic top-ups.", NULL);
    else
        call_reply(c, 200, db_get_text(r, 0, 0));
}

void handle_auto_topup_get(struct call *c)
{
    const struct db_param p[] = {db_id(&c->account)};

    db_query(call_db(c), STMT_AUTO_TOPUP_GET, p, 1, 0, auto_cb, c);
}

static void auto_put_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (!view_eq(db_get_text(r, 0, 0), VIEW_LIT("ok")))
        call_fail(c, 409, "no_payment_method", "No such card is stored: POST /payments/setup stores one.",
                  "payment_method");
    else
        call_reply(c, 200, db_get_text(r, 0, 1));
}

/* True: the call has been answered. */
static bool refuse_auto(struct call *c, const struct value *v)
{
    const char *fault = amount_fault(v[TOPUP].number, PAYMENT_MAX_NUSD), *param = "amount";

    if (fault == NULL && (v[THRESHOLD].number <= 0 || v[THRESHOLD].number > PAYMENT_MAX_NUSD)) {
        fault = "This must be more than 0 and not too large.";
        param = "threshold";
    }
    if (fault == NULL && (v[CEILING].number < v[TOPUP].number || v[CEILING].number > CEILING_MAX_NUSD)) {
        fault = "This must be at least the amount, and not too large.";
        param = "monthly_ceiling";
    }
    if (fault != NULL)
        call_fail(c, 400, "invalid_parameter", fault, param);
    return fault != NULL;
}

void handle_auto_topup_put(struct call *c)
{
    struct value v[AUTO_FIELDS];

    if (call_payments(c) == NULL) {
        call_fail(c, 404, "payments_not_configured", no_service, NULL);
        return;
    }
    if (!call_body(c, auto_fields, AUTO_FIELDS, v) || refuse_auto(c, v))
        return;
    const struct db_param p[] = {db_id(&c->account), db_i64(v[THRESHOLD].number), db_i64(v[TOPUP].number),
                                 db_i64(v[CEILING].number),
                                 v[METHOD].state == VALUE_SET ? db_bytes(v[METHOD].plain) : db_null(),
                                 db_bool(v[ENABLED].state != VALUE_SET || v[ENABLED].number != 0)};
    db_query(call_db(c), STMT_AUTO_TOPUP_PUT, p, 6, 0, auto_put_cb, c);
}

static void deleted_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else if (db_rows(r) == 0)
        call_fail(c, 404, "not_found", "There are no automatic top-ups.", NULL);
    else
        call_reply(c, 200, VIEW_LIT("{\"deleted\":true}"));
}

void handle_auto_topup_delete(struct call *c)
{
    const struct db_param p[] = {db_id(&c->account)};

    db_query(call_db(c), STMT_AUTO_TOPUP_DELETE, p, 1, 0, deleted_cb, c);
}

/* --- cards --- */

static void methods_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;

    if (e != ERR_NONE)
        call_fail_db(c, e);
    else
        call_reply_data(c, 200, db_get_text(r, 0, 0));
}

void handle_payment_methods(struct call *c)
{
    const struct db_param p[] = {db_id(&c->account)};

    db_query(call_db(c), STMT_PAYMENT_METHODS, p, 1, 0, methods_cb, c);
}

/* Here it is gone already. */
static void detached_cb(void *cookie, enum payments_outcome outcome, struct view code, struct view url)
{
    (void)code;
    (void)url;
    if (outcome == PAYMENTS_UNKNOWN)
        call_fail(cookie, 503, "payment_service_unavailable",
                  "The card is not charged any more, but the payment service could not be told to forget it.", NULL);
    else
        call_reply(cookie, 200, VIEW_LIT("{\"deleted\":true}"));
}

static void dropped_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct call *c = cookie;
    char method[256];

    if (e != ERR_NONE) {
        call_fail_db(c, e);
    } else if (!db_get_bool(r, 0, 0)) {
        call_fail(c, 404, "not_found", "There is no such card.", NULL);
    } else {
        struct rail_order o = {.account = c->account, .customer = "", .method = "", .object = method};

        memcpy(method, c->body.ptr, c->body.len);
        method[c->body.len] = '\0';
        payments_detach(call_payments(c), &o, detached_cb, c);
    }
}

/* The path is gone when the database has answered: the card's id waits in the body's place. */
void handle_payment_method_delete(struct call *c)
{
    const struct db_param p[] = {db_id(&c->account), db_bytes(c->segment)};

    if (call_payments(c) == NULL) {
        call_fail(c, 404, "payments_not_configured", no_service, NULL);
        return;
    }
    buf_reset(&c->body);
    if (c->segment.len > 255 || buf_append(&c->body, c->segment) != ERR_NONE)
        call_fail(c, 404, "not_found", "There is no such card.", NULL);
    else
        db_query(call_db(c), STMT_PAYMENT_METHOD_DROP, p, 2, 0, dropped_cb, c);
}
