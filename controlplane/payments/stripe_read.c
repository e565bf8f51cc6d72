/* Stripe's objects. Amounts are whole cents of a currency; ours is the dollar, and an object in another is marked. */
#include "stripe_read.h"
#include "json.h"
#include "money.h"

enum { CENTS_PER_USD = 100, REFERENCE_MAX = 255, TEXT_MAX = 2048 };
#define NUSD_PER_CENT (NUSD_PER_USD / CENTS_PER_USD)

/* --- members --- */

static struct view text_of(struct json_value v, size_t max)
{
    if (v.kind != JSON_STRING || v.text.len - 2 > max)
        return VIEW_EMPTY;
    return view_of(v.text.ptr + 1, v.text.len - 2);
}

static struct view text(struct json_value object, const char *name, size_t max)
{
    struct json_value v;

    return json_get(object, name, &v) ? text_of(v, max) : VIEW_EMPTY;
}

static struct json_value child(struct json_value object, const char *name)
{
    struct json_value v;

    return json_get(object, name, &v) ? v : (struct json_value){.kind = JSON_NULL};
}

static bool is(struct json_value object, const char *name, const char *value)
{
    struct json_value v;

    return json_get(object, name, &v) && json_string_is(v, value);
}

/* The id of another object, which may stand there whole. */
static struct view reference(struct json_value object, const char *name)
{
    struct json_value v = child(object, name);

    return v.kind == JSON_OBJECT ? text(v, "id", REFERENCE_MAX) : text_of(v, REFERENCE_MAX);
}

/* Cents; false: no amount that there can be. */
static bool amount(struct json_value object, const char *name, int64_t *nusd)
{
    struct json_value v = child(object, name);
    int64_t cents;

    if (json_i64(v, &cents) != ERR_NONE || cents < 0 || cents > INT64_MAX / NUSD_PER_CENT)
        return false;
    *nusd = cents * NUSD_PER_CENT;
    return true;
}

static int64_t number(struct json_value object, const char *name)
{
    int64_t n;

    return json_i64(child(object, name), &n) == ERR_NONE && n > 0 && n < 10000 ? n : 0;
}

/* An id of ours that went along as metadata. */
static struct view our_id(struct json_value object, const char *name)
{
    struct view v = text(child(object, "metadata"), name, REFERENCE_MAX);
    struct id id;

    return id_parse(v, &id) == ERR_NONE ? v : VIEW_EMPTY;
}

/* --- objects --- */

static void read_checkout(struct json_value o, struct rail_fact *f)
{
    bool setup = is(o, "mode", "setup"), paid = is(o, "payment_status", "paid");

    f->what = setup ? RAIL_SETUP : RAIL_CHECKOUT;
    if (is(o, "status", "expired"))
        f->state = "expired";
    else if (!is(o, "status", "complete"))
        f->state = "open";
    else
        f->state = setup ? "saved" : paid ? "paid" : "processing";
    f->parent = reference(o, "payment_intent");
    f->url = text(o, "url", TEXT_MAX);
    f->has_total = amount(o, "amount_total", &f->total_nusd);
    if (!amount(child(o, "total_details"), "amount_tax", &f->tax_nusd))
        f->tax_nusd = 0;
}

static void read_failure(struct json_value error, struct rail_fact *f)
{
    f->code = text(error, "decline_code", 64);
    if (f->code.len == 0)
        f->code = text(error, "code", 64);
}

static void read_intent(struct json_value o, struct rail_fact *f)
{
    struct json_value error = child(o, "last_payment_error");

    f->what = RAIL_CHARGE;
    f->method = reference(o, "payment_method");
    if (is(o, "status", "succeeded"))
        f->state = "paid";
    else if (is(o, "status", "processing"))
        f->state = "processing";
    else if (is(o, "status", "canceled") || (is(o, "status", "requires_payment_method") && error.kind == JSON_OBJECT))
        f->state = "failed";
    else
        f->state = "open";
    read_failure(error, f);
    if (is(o, "status", "canceled"))
        f->code = VIEW_LIT("canceled");
    f->has_total = amount(o, "amount_received", &f->total_nusd);
}

static void read_invoice(struct json_value o, struct rail_fact *f)
{
    f->what = RAIL_INVOICE;
    if (is(o, "status", "paid"))
        f->state = "paid";
    else if (is(o, "status", "open"))
        f->state = "open";
    else if (is(o, "status", "void") || is(o, "status", "uncollectible"))
        f->state = "failed";
    else
        f->state = "claimed"; /* a draft */
    if (f->state[0] == 'f')
        f->code = text(o, "status", 64);
    f->parent = reference(o, "payment_intent");
    f->url = text(o, "hosted_invoice_url", TEXT_MAX);
    f->pdf = text(o, "invoice_pdf", TEXT_MAX);
    f->has_total = amount(o, f->state[0] == 'c' ? "total" : "amount_paid", &f->total_nusd);
    if (!amount(o, "tax", &f->tax_nusd))
        f->tax_nusd = 0;
}

/* Only how much of it went back. */
static void read_charge(struct json_value o, struct rail_fact *f)
{
    f->has_total = amount(o, "amount_refunded", &f->total_nusd);
    f->parent = reference(o, "payment_intent");
    f->what = f->has_total && f->total_nusd > 0 ? RAIL_CHARGED_BACK : RAIL_NOTHING;
}

static void read_refund(struct json_value o, struct rail_fact *f)
{
    f->has_total = amount(o, "amount", &f->total_nusd);
    f->parent = reference(o, "payment_intent");
    f->what = f->has_total && f->total_nusd > 0 ? RAIL_REFUND : RAIL_NOTHING;
    f->refund = our_id(o, "tr_refund");
    if (is(o, "status", "succeeded"))
        f->state = "succeeded";
    else if (is(o, "status", "failed") || is(o, "status", "canceled"))
        f->state = "failed";
    else
        f->state = "pending";
    f->code = text(o, "failure_reason", 64);
}

/* An inquiry ("warning_...") takes no money; it may become a dispute. */
static void read_dispute(struct json_value o, struct rail_fact *f)
{
    f->has_total = amount(o, "amount", &f->total_nusd);
    f->parent = reference(o, "payment_intent");
    if (!f->has_total || f->total_nusd == 0 || is(o, "status", "warning_needs_response") ||
        is(o, "status", "warning_under_review") || is(o, "status", "warning_closed") || is(o, "status", "prevented"))
        return;
    f->what = RAIL_DISPUTE;
    f->state = is(o, "status", "won") ? "won" : is(o, "status", "lost") ? "lost" : "open";
    f->code = text(o, "reason", 64);
}

static void read_method(struct json_value o, struct rail_fact *f)
{
    struct json_value card = child(o, "card");

    if (card.kind != JSON_OBJECT)
        return;
    f->what = RAIL_METHOD;
    f->state = f->customer.len > 0 ? "attached" : "detached";
    f->brand = text(card, "brand", 32);
    f->last4 = text(card, "last4", 4);
    f->exp_month = number(card, "exp_month");
    f->exp_year = number(card, "exp_year");
}

static void read_object(struct json_value o, struct rail_fact *f)
{
    static const struct {
        const char *name;
        void (*read)(struct json_value o, struct rail_fact *f);
    } kinds[] = {
        {"checkout.session", read_checkout}, {"payment_intent", read_intent}, {"invoice", read_invoice},
        {"charge", read_charge},             {"refund", read_refund},         {"dispute", read_dispute},
        {"payment_method", read_method},
    };

    f->object = text(o, "id", REFERENCE_MAX);
    f->customer = reference(o, "customer");
    f->account = our_id(o, "tr_account");
    f->payment = our_id(o, "tr_payment");
    f->usd = is(o, "currency", "usd");
    for (size_t i = 0; f->object.len > 0 && i < sizeof kinds / sizeof kinds[0]; i++)
        if (is(o, "object", kinds[i].name))
            kinds[i].read(o, f);
}

/* --- what comes --- */

static struct json_value document(struct view body)
{
    struct json_value root;

    return json_check(body, &root, NULL) == ERR_NONE && root.kind == JSON_OBJECT
               ? root
               : (struct json_value){.kind = JSON_NULL};
}

static void read_error(unsigned status, bool replayed, struct json_value root, struct rail_answer *a,
                       struct rail_fact *f)
{
    struct json_value error = child(root, "error"), intent = child(error, "payment_intent");
    bool ours = is(error, "type", "idempotency_error"); /* the key is of another request: one has been made */

    a->replayed_error = ours || (replayed && status >= 500);
    a->code = text(error, "decline_code", 64);
    if (a->code.len == 0)
        a->code = text(error, "code", 64);
    if (a->code.len == 0)
        a->code = text(error, "type", 64);
    /* Keys that are wrong (401, 403) are the operator's fault, not the payment's; 409 and 429 pass. */
    a->verdict = error.kind == JSON_OBJECT && !ours && (status == 400 || status == 402 || status == 404)
                     ? RAIL_REFUSED
                     : RAIL_UNKNOWN;
    if (a->verdict == RAIL_REFUSED && intent.kind == JSON_OBJECT)
        read_object(intent, f);
}

void stripe_read_answer(unsigned status, bool replayed, struct view body, struct rail_answer *a, struct rail_fact *f)
{
    struct json_value root = document(body);

    *a = (struct rail_answer){.verdict = RAIL_UNKNOWN};
    *f = (struct rail_fact){0};
    if (status != 200) {
        read_error(status, replayed, root, a, f);
        return;
    }
    read_object(root, f);
    if (f->object.len > 0)
        a->verdict = RAIL_OBJECT;
}

static bool is_ours(struct json_value o, const struct rail_order *order)
{
    struct id payment, refund;

    if (id_parse(our_id(o, "tr_payment"), &payment) != ERR_NONE || !id_eq(&payment, &order->payment))
        return false;
    return id_is_zero(&order->refund) ||
           (id_parse(our_id(o, "tr_refund"), &refund) == ERR_NONE && id_eq(&refund, &order->refund));
}

enum err stripe_read_list(struct view body, const struct rail_order *o, struct rail_fact *f, bool *found, bool *more)
{
    struct json_value data = child(document(body), "data");
    struct json_member m;

    *f = (struct rail_fact){0};
    *found = false;
    *more = child(document(body), "has_more").kind != JSON_FALSE;
    if (data.kind != JSON_ARRAY)
        return ERR_FORMAT;
    for (struct json_iter it = json_iter(data); !*found && json_next(&it, &m);)
        if (m.value.kind == JSON_OBJECT && is_ours(m.value, o)) {
            read_object(m.value, f);
            *found = true;
        }
    return ERR_NONE;
}

enum err stripe_read_event(struct view body, struct rail_fact *f)
{
    struct json_value root = document(body), data = child(root, "data"), object = child(data, "object");

    *f = (struct rail_fact){0};
    if (!is(root, "object", "event") || object.kind != JSON_OBJECT)
        return ERR_FORMAT;
    read_object(object, f);
    f->event = text(root, "id", REFERENCE_MAX);
    if (f->event.len == 0 || f->object.len == 0)
        return ERR_FORMAT;
    if (is(root, "type", "checkout.session.async_payment_failed") && f->what == RAIL_CHECKOUT)
        f->state = "failed";
    if (is(root, "type", "payment_method.detached") && f->what == RAIL_METHOD) {
        f->state = "detached";
        if (f->customer.len == 0)
            f->customer = reference(child(data, "previous_attributes"), "customer");
    }
    return ERR_NONE;
}
