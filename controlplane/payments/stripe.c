/* Stripe: how requests to it are worded. Every POST has an idempotency key made from an id of ours, so that it can be
 * sent again whatever became of it (Stripe keeps keys for a day at least); what it makes carries our ids as metadata,
 * so that it can be found when the key is forgotten. */
#include "form.h"
#include "money.h"
#include "rail.h"
#include "stripe_read.h"

#include <stdio.h>

#define NUSD_PER_CENT (NUSD_PER_USD / 100)

/* --- forms --- */

static void put_cents(struct form *f, const char *name, int64_t nusd)
{
    char text[24];

    snprintf(text, sizeof text, "%lld", (long long)(nusd / NUSD_PER_CENT));
    form_put_text(f, name, text);
}

static void put_id(struct form *f, const char *name, const struct id *id)
{
    char text[ID_TEXT_LEN + 1];

    id_text(id, text);
    form_put_text(f, name, text);
}

/* under: "metadata", or where an object's metadata stand that is made along with it. */
static void put_ids(struct form *f, const char *under, const struct rail_order *o)
{
    char name[64];

    snprintf(name, sizeof name, "%s[tr_account]", under);
    put_id(f, name, &o->account);
    snprintf(name, sizeof name, "%s[tr_payment]", under);
    put_id(f, name, &o->payment);
}

/* --- requests --- */

struct wording {
    const struct rail_order *order;
    bool taxes, invoices;
};

static void word_customer(const struct wording *w, struct form *f)
{
    put_id(f, "metadata[tr_account]", &w->order->account);
}

static void word_urls(const struct wording *w, struct form *f)
{
    form_put_text(f, "customer", w->order->customer);
    form_put(f, "success_url", w->order->success_url);
    form_put(f, "cancel_url", w->order->cancel_url);
    put_ids(f, "metadata", w->order);
}

static void word_checkout(const struct wording *w, struct form *f)
{
    form_put_text(f, "mode", "payment");
    word_urls(w, f);
    form_put_text(f, "line_items[0][quantity]", "1");
    form_put_text(f, "line_items[0][price_data][currency]", "usd");
    put_cents(f, "line_items[0][price_data][unit_amount]", w->order->amount_nusd);
    form_put_text(f, "line_items[0][price_data][product_data][name]", "API credits");
    put_ids(f, "payment_intent_data[metadata]", w->order);
    if (w->order->save_method)
        form_put_text(f, "payment_intent_data[setup_future_usage]", "off_session");
    if (w->invoices) {
        form_put_text(f, "invoice_creation[enabled]", "true");
        put_ids(f, "invoice_creation[invoice_data][metadata]", w->order);
    }
    if (w->taxes) {
        form_put_text(f, "line_items[0][price_data][tax_behavior]", "exclusive");
        form_put_text(f, "automatic_tax[enabled]", "true");
        form_put_text(f, "tax_id_collection[enabled]", "true");
        form_put_text(f, "customer_update[address]", "auto");
        form_put_text(f, "customer_update[name]", "auto");
    }
}

static void word_setup(const struct wording *w, struct form *f)
{
    form_put_text(f, "mode", "setup");
    word_urls(w, f);
    form_put_text(f, "payment_method_types[0]", "card");
}

static void word_charge(const struct wording *w, struct form *f)
{
    put_cents(f, "amount", w->order->amount_nusd);
    form_put_text(f, "currency", "usd");
    form_put_text(f, "customer", w->order->customer);
    form_put_text(f, "payment_method", w->order->method);
    form_put_text(f, "off_session", "true");
    form_put_text(f, "confirm", "true");
    form_put_text(f, "description", "Automatic top-up of API credits");
    put_ids(f, "metadata", w->order);
}

static void word_refund(const struct wording *w, struct form *f)
{
    form_put_text(f, "payment_intent", w->order->object);
    put_cents(f, "amount", w->order->amount_nusd);
    put_ids(f, "metadata", w->order);
    put_id(f, "metadata[tr_refund]", &w->order->refund);
}

static void word_invoice(const struct wording *w, struct form *f)
{
    form_put_text(f, "customer", w->order->customer);
    form_put_text(f, "collection_method", "charge_automatically");
    form_put_text(f, "auto_advance", "false");
    form_put_text(f, "pending_invoice_items_behavior", "exclude");
    if (w->order->method[0] != '\0')
        form_put_text(f, "default_payment_method", w->order->method);
    if (w->taxes)
        form_put_text(f, "automatic_tax[enabled]", "true");
    put_ids(f, "metadata", w->order);
}

static void word_item(const struct wording *w, struct form *f)
{
    form_put_text(f, "customer", w->order->customer);
    form_put_text(f, "invoice", w->order->object);
    form_put_text(f, "currency", "usd");
    put_cents(f, "amount", w->order->amount_nusd);
    form_put_text(f, "description", "API usage");
    if (w->taxes)
        form_put_text(f, "tax_behavior", "exclusive");
    put_ids(f, "metadata", w->order);
}

static void word_finalize(const struct wording *w, struct form *f)
{
    (void)w;
    form_put_text(f, "auto_advance", "true");
}

/* path: %s stands for the object. key: what goes before the id; NULL: a reading. */
static const struct {
    const char *path, *key;
    void (*word)(const struct wording *w, struct form *f);
    bool by_account, by_refund; /* whose id the key has; the payment's otherwise */
} requests[] = {
    [RAIL_ASK_CUSTOMER] = {"/v1/customers", "tr-customer-", word_customer, true, false},
    [RAIL_ASK_CHECKOUT] = {"/v1/checkout/sessions", "tr-checkout-", word_checkout, false, false},
    [RAIL_ASK_SETUP] = {"/v1/checkout/sessions", "tr-setup-", word_setup, false, false},
    [RAIL_ASK_CHARGE] = {"/v1/payment_intents", "tr-charge-", word_charge, false, false},
    [RAIL_ASK_REFUND] = {"/v1/refunds", "tr-refund-", word_refund, false, true},
    [RAIL_ASK_INVOICE] = {"/v1/invoices", "tr-invoice-", word_invoice, false, false},
    [RAIL_ASK_INVOICE_ITEM] = {"/v1/invoiceitems", "tr-item-", word_item, false, false},
    [RAIL_ASK_INVOICE_FINALIZE] = {"/v1/invoices/%s/finalize", "tr-finalize-", word_finalize, false, false},
    [RAIL_ASK_DETACH] = {"/v1/payment_methods/%s/detach", "", NULL, false, false}, /* twice is harmless */
    [RAIL_READ_CHECKOUT] = {"/v1/checkout/sessions/%s", NULL, NULL, false, false},
    [RAIL_READ_CHARGE] = {"/v1/payment_intents/%s", NULL, NULL, false, false},
    [RAIL_READ_INVOICE] = {"/v1/invoices/%s", NULL, NULL, false, false},
    [RAIL_FIND_CHARGE] = {"/v1/payment_intents?limit=100&customer=%s&created[gte]=%lld", NULL, NULL, false, false},
    [RAIL_FIND_REFUND] = {"/v1/refunds?limit=100&payment_intent=%s", NULL, NULL, false, false},
    [RAIL_FIND_INVOICE] = {"/v1/invoices?limit=100&customer=%s&created[gte]=%lld", NULL, NULL, false, false},
};

/* An id of the service goes into a path as it is, so it must be one. */
static bool is_reference(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

    return n > 0 && text[n] == '\0';
}

static enum err word_path(enum rail_ask ask, const struct rail_order *o, struct rail_request *out)
{
    const char *object = ask == RAIL_FIND_CHARGE || ask == RAIL_FIND_INVOICE ? o->customer : o->object;
    const char *path = requests[ask].path, *hole = strchr(path, '%');
    int n;

    if (hole == NULL)
        n = snprintf(out->path, sizeof out->path, "%s", path);
    else if (!is_reference(object))
        return ERR_FORMAT;
    else if (strchr(hole + 1, '%') == NULL)
        n = snprintf(out->path, sizeof out->path, "%.*s%s%s", (int)(hole - path), path, object, hole + 2);
    else
        n = snprintf(out->path, sizeof out->path, "%.*s%s&created[gte]=%lld", (int)(hole - path), path, object,
                     (long long)o->since_s);
    return n < (int)sizeof out->path ? ERR_NONE : ERR_LIMIT;
}

static enum err word(enum rail_ask ask, const struct rail_order *o, bool taxes, bool invoices, struct rail_request *out)
{
    const struct wording w = {o, taxes, invoices};
    struct form f = {&out->form, word_path(ask, o, out)};
    char id[ID_TEXT_LEN + 1];

    out->post = requests[ask].key != NULL;
    out->key[0] = '\0';
    if (out->post && requests[ask].key[0] != '\0') {
        id_text(requests[ask].by_account ? &o->account : requests[ask].by_refund ? &o->refund : &o->payment, id);
        snprintf(out->key, sizeof out->key, "%s%s", requests[ask].key, id);
    }
    if (f.e == ERR_NONE && requests[ask].word != NULL)
        requests[ask].word(&w, &f);
    if (f.e == ERR_NONE && out->post)
        f.e = buf_reserve(&out->form, 1);
    if (f.e == ERR_NONE && out->post)
        out->form.ptr[out->form.len] = '\0'; /* for libcurl, beside the length */
    return f.e;
}

const struct rail rail_stripe = {
    .name = "stripe",
    .version = "Stripe-Version: 2024-06-20",
    .replayed = "idempotent-replayed: true",
    .word = word,
    .read = stripe_read_answer,
    .find = stripe_read_list,
    .event = stripe_read_event,
};
