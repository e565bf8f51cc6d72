/* One piece of work at the payment service: a request or two, each answer into the database before the next. Nothing is
 * kept here that the rows do not say: a job that ends early, or a process that is killed, leaves a row that is due. */
#include "payments_internal.h"
#include "clock.h"
#include "log.h"
#include "secret.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    REFERENCE_SIZE = 256,
    URL_SIZE = 2049,
    FACT_MAX = 16 << 10,
    /* The service keeps idempotency keys for 24 hours at least. Until then a request is sent again under its key and
     * answered as it was the first time; afterwards the object is looked for, because the key might be forgotten. */
    KEY_LIFE_MS = 20 * 3600 * 1000,
    LOOK_BACK_MS = 600 * 1000, /* objects of the service may carry a time before our row's: clocks differ */
};

struct job {
    struct payments *all;
    enum job_kind kind;
    struct rail_order order;
    enum rail_ask ask; /* under way */
    bool conclusive;   /* a list without the object means that there is none */
    bool old;          /* its idempotency key may be forgotten */
    int64_t draft_nusd;
    char customer[REFERENCE_SIZE], method[REFERENCE_SIZE], object[REFERENCE_SIZE];
    char success_url[URL_SIZE], cancel_url[URL_SIZE], url[URL_SIZE];
    char code[65];
    enum payments_outcome outcome;
    payments_cb *cb;
    void *cookie;
};

static struct static_name ask_name(enum rail_ask ask)
{
    static const char *const names[] = {
        [RAIL_ASK_CUSTOMER] = "customer",       [RAIL_ASK_CHECKOUT] = "checkout",
        [RAIL_ASK_SETUP] = "setup",             [RAIL_ASK_CHARGE] = "charge",
        [RAIL_ASK_REFUND] = "refund",           [RAIL_ASK_INVOICE] = "invoice",
        [RAIL_ASK_INVOICE_ITEM] = "item",       [RAIL_ASK_INVOICE_FINALIZE] = "finalize",
        [RAIL_ASK_DETACH] = "detach",           [RAIL_READ_CHECKOUT] = "read_checkout",
        [RAIL_READ_CHARGE] = "read_charge",     [RAIL_READ_INVOICE] = "read_invoice",
        [RAIL_FIND_CHARGE] = "find_charge",     [RAIL_FIND_REFUND] = "find_refund",
        [RAIL_FIND_INVOICE] = "find_invoice",
    };

    return (struct static_name){names[ask]};
}

static void job_end(struct job *j, enum payments_outcome outcome)
{
    struct payments *p = j->all;

    LOG("payment_job", KV("payment", j->order.payment), KV("last", ask_name(j->ask)),
        KV("known", outcome != PAYMENTS_UNKNOWN), KV("refused", outcome == PAYMENTS_REFUSED));
    if (j->cb != NULL)
        j->cb(j->cookie, outcome, view_str(j->code), view_str(j->url));
    secret_wipe(j, sizeof *j);
    free(j);
    p->jobs--;
    payments_drop(p);
}

/* Copies a text of the service that is plain; false: too long, or escaped. */
static bool keep(struct view raw, char *out, size_t size)
{
    if (raw.len >= size || (raw.len > 0 && memchr(raw.ptr, '\\', raw.len) != NULL))
        return false;
    if (raw.len > 0)
        memcpy(out, raw.ptr, raw.len);
    out[raw.len] = '\0';
    return true;
}

static void job_ask(struct job *j, enum rail_ask ask);

/* --- into the database --- */

static void none_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct job *j = cookie;

    (void)r;
    job_end(j, e == ERR_NONE ? PAYMENTS_REFUSED : PAYMENTS_UNKNOWN);
}

/* The service has nothing, and will have nothing. */
static void job_none(struct job *j, struct view code)
{
    char refund[ID_TEXT_LEN + 1];
    const bool of_refund = j->kind == JOB_REFUND;

    id_text(&j->order.refund, refund);
    if (!keep(code, j->code, sizeof j->code))
        j->code[0] = '\0';
    const struct db_param p[] = {db_id(&j->order.account),
                                 of_refund ? db_bytes(view_str(refund)) : db_id(&j->order.payment),
                                 db_bytes(view_str(j->code))};
    db_query(j->all->config.db, of_refund ? STMT_PAYMENT_REFUND_NONE : STMT_PAYMENT_NONE, p, 3, 0, none_cb, j);
}

static void fact_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct job *j = cookie;

    (void)r;
    if (e != ERR_NONE)
        job_end(j, PAYMENTS_UNKNOWN);
    else if (j->ask == RAIL_ASK_INVOICE || (j->ask == RAIL_FIND_INVOICE && j->draft_nusd == 0))
        job_ask(j, RAIL_ASK_INVOICE_ITEM);
    else if (j->draft_nusd > 0 && j->ask != RAIL_ASK_INVOICE_FINALIZE)
        job_ask(j, RAIL_ASK_INVOICE_FINALIZE);
    else if (j->draft_nusd == 0 && j->ask == RAIL_READ_INVOICE)
        job_ask(j, RAIL_ASK_INVOICE_ITEM);
    else
        job_end(j, j->outcome);
}

/* Whose it is we know better than the object. */
static void job_fact(struct job *j, struct rail_fact *f)
{
    char account[ID_TEXT_LEN + 1], payment[ID_TEXT_LEN + 1], refund[ID_TEXT_LEN + 1];
    struct buf json;
    enum err e;

    id_text(&j->order.account, account);
    id_text(&j->order.payment, payment);
    id_text(&j->order.refund, refund);
    f->account = view_str(account);
    f->payment = view_str(payment);
    if (j->kind == JOB_REFUND)
        f->refund = view_str(refund);
    /* An invoice that is a draft is not asked for yet: what is in it says how far a former job came. */
    j->draft_nusd = f->what == RAIL_INVOICE && strcmp(f->state, "claimed") == 0 ? f->total_nusd : -1;
    if (f->what == RAIL_INVOICE && !keep(f->object, j->object, sizeof j->object))
        j->object[0] = '\0';
    buf_init(&json, FACT_MAX);
    e = rail_fact_json(f, &json);
    const struct db_param p[] = {db_bytes(buf_view(&json))};
    if (e == ERR_NONE)
        db_query(j->all->config.db, STMT_PAYMENT_FACT, p, 1, 0, fact_cb, j);
    buf_free(&json);
    if (e != ERR_NONE)
        job_end(j, PAYMENTS_UNKNOWN);
}

/* The customer that counts; it may be an earlier one. */
static void customer_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct job *j = cookie;

    if (e != ERR_NONE || !keep(db_get_text(r, 0, 0), j->customer, sizeof j->customer))
        job_end(j, PAYMENTS_UNKNOWN);
    else
        job_ask(j, j->kind == JOB_INVOICE ? RAIL_ASK_INVOICE
                   : j->kind == JOB_SETUP ? RAIL_ASK_SETUP
                                          : RAIL_ASK_CHECKOUT);
}

static void job_customer(struct job *j, struct view customer)
{
    const struct db_param p[] = {db_id(&j->order.account), db_id(&j->order.payment), db_bytes(customer)};

    db_query(j->all->config.db, STMT_PAYMENT_CUSTOMER_SET, p, 3, 0, customer_cb, j);
}

/* --- answers --- */

static void job_list(struct job *j, struct view body)
{
    struct rail_fact f;
    bool found, more;

    if (j->all->rail->find(body, &j->order, &f, &found, &more) != ERR_NONE)
        job_end(j, PAYMENTS_UNKNOWN);
    else if (found)
        job_fact(j, &f);
    else if (more || !j->conclusive)
        job_end(j, PAYMENTS_UNKNOWN);
    else
        job_none(j, VIEW_LIT("not_made"));
}

/* The service repeats an error that it met while it worked: what has it done? */
static void job_find(struct job *j)
{
    j->conclusive = true; /* the request has been worked on, to its end */
    if (j->kind == JOB_CHARGE)
        job_ask(j, RAIL_FIND_CHARGE);
    else if (j->kind == JOB_REFUND)
        job_ask(j, RAIL_FIND_REFUND);
    else if (j->kind == JOB_INVOICE && j->object[0] == '\0')
        job_ask(j, RAIL_FIND_INVOICE);
    else
        job_end(j, PAYMENTS_UNKNOWN);
}

static void job_object(struct job *j, struct rail_fact *f)
{
    if (j->ask == RAIL_ASK_CUSTOMER) {
        job_customer(j, f->object);
    } else if (j->ask == RAIL_ASK_INVOICE_ITEM) {
        job_ask(j, RAIL_ASK_INVOICE_FINALIZE);
    } else if (j->ask == RAIL_ASK_DETACH || f->what == RAIL_NOTHING) {
        job_end(j, PAYMENTS_DONE);
    } else {
        /* An escaped address is one that JSON writes with "\/": nothing else is escaped in one. */
        if ((j->ask == RAIL_ASK_CHECKOUT || j->ask == RAIL_ASK_SETUP) && !keep(f->url, j->url, sizeof j->url))
            j->url[0] = '\0';
        job_fact(j, f);
    }
}

static void answered_cb(void *cookie, enum err e, const struct outcall_answer *answer)
{
    struct job *j = cookie;
    const unsigned status = answer->status;
    struct rail_answer a;
    struct rail_fact f;

    if (e != ERR_NONE || status >= 300)
        LOG("payment_service", KV("request", ask_name(j->ask)), KV("reason", log_err(e)), KV("status", (uint32_t)status));
    if (e != ERR_NONE) {
        job_end(j, PAYMENTS_UNKNOWN);
        return;
    }
    if (status == 200 && j->ask >= RAIL_FIND_CHARGE) {
        job_list(j, answer->body);
        return;
    }
    j->all->rail->read(status, answer->noted, answer->body, &a, &f);
    if (a.verdict == RAIL_OBJECT) {
        job_object(j, &f);
    } else if (a.verdict == RAIL_REFUSED) {
        j->outcome = PAYMENTS_REFUSED;
        if (f.what == RAIL_NOTHING) {
            job_none(j, a.code);
            return;
        }
        if (!keep(a.code, j->code, sizeof j->code))
            j->code[0] = '\0';
        f.code = view_str(j->code);
        job_fact(j, &f);
    } else if (a.replayed_error && !j->conclusive) {
        job_find(j);
    } else {
        job_end(j, PAYMENTS_UNKNOWN);
    }
}

/* --- requests --- */

static enum err job_send(struct job *j, const struct rail_request *q)
{
    const struct payments *p = j->all;
    char url[256 + RAIL_PATH_MAX], authorization[SECRET_TEXT_MAX + 32];
    char idempotency[sizeof "Idempotency-Key: " + RAIL_KEY_MAX];
    enum err e;

    snprintf(url, sizeof url, "%s%s", p->config.base, q->path);
    snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", p->secrets->key);
    snprintf(idempotency, sizeof idempotency, "Idempotency-Key: %s", q->key);
    const struct outcall_request r = {
        .url = url,
        .headers = {authorization, p->rail->version, q->key[0] == '\0' ? NULL : idempotency},
        .post = q->post,
        .form = buf_view(&q->form),
        .noted = p->rail->replayed,
    };
    e = outcall_start(p->outcalls, &r, answered_cb, j);
    secret_wipe(authorization, sizeof authorization);
    return e;
}

static void job_ask(struct job *j, enum rail_ask ask)
{
    struct rail_request q = {0};
    enum err e = ERR_CANCELLED;

    j->ask = ask;
    buf_init(&q.form, RAIL_FORM_MAX);
    if (!j->all->freed)
        e = j->all->rail->word(ask, &j->order, j->all->config.taxes, j->all->config.invoices, &q);
    if (e == ERR_NONE)
        e = job_send(j, &q);
    buf_free(&q.form);
    if (e != ERR_NONE)
        job_end(j, PAYMENTS_UNKNOWN);
}

/* --- what to do first --- */

static void first_checkout(struct job *j, const struct job_row *row)
{
    if (!row->claimed)
        job_ask(j, RAIL_READ_CHECKOUT);
    else if (row->age_ms > 0)
        job_none(j, VIEW_LIT("abandoned")); /* its address was shown to nobody */
    else if (j->customer[0] == '\0')
        job_ask(j, RAIL_ASK_CUSTOMER);
    else
        job_ask(j, j->kind == JOB_SETUP ? RAIL_ASK_SETUP : RAIL_ASK_CHECKOUT);
}

static void first_invoice(struct job *j, const struct job_row *row)
{
    if (j->object[0] != '\0')
        job_ask(j, row->claimed && !j->old ? RAIL_ASK_INVOICE_ITEM : RAIL_READ_INVOICE);
    else if (j->customer[0] == '\0')
        job_ask(j, RAIL_ASK_CUSTOMER);
    else
        job_ask(j, j->old ? RAIL_FIND_INVOICE : RAIL_ASK_INVOICE);
}

static void first_step(struct job *j, const struct job_row *row)
{
    switch (j->kind) {
    case JOB_CHECKOUT:
    case JOB_SETUP:
        first_checkout(j, row);
        break;
    case JOB_CHARGE:
        job_ask(j, !row->claimed ? RAIL_READ_CHARGE : j->old ? RAIL_FIND_CHARGE : RAIL_ASK_CHARGE);
        break;
    case JOB_INVOICE:
        first_invoice(j, row);
        break;
    case JOB_REFUND:
        /* Under its key the service would answer as it did at first: what became of it stands in the list. */
        job_ask(j, j->old || !row->claimed ? RAIL_FIND_REFUND : RAIL_ASK_REFUND);
        break;
    case JOB_DETACH:
        job_ask(j, RAIL_ASK_DETACH);
        break;
    }
}

static bool job_copy(struct job *j, const struct rail_order *o, const struct job_row *row, int64_t now_ms)
{
    j->order = *o;
    j->order.customer = j->customer;
    j->order.method = j->method;
    j->order.object = j->object;
    j->order.since_s = (now_ms - row->age_ms - LOOK_BACK_MS) / 1000;
    if (!keep(view_str(o->customer), j->customer, sizeof j->customer) ||
        !keep(view_str(o->method), j->method, sizeof j->method) ||
        !keep(row->object, j->object, sizeof j->object) ||
        !keep(o->success_url, j->success_url, sizeof j->success_url) ||
        !keep(o->cancel_url, j->cancel_url, sizeof j->cancel_url))
        return false;
    j->order.success_url = view_str(j->success_url);
    j->order.cancel_url = view_str(j->cancel_url);
    return true;
}

void job_start(struct payments *p, const struct rail_order *o, const struct job_row *row, payments_cb *cb, void *cookie)
{
    struct job *j = calloc(1, sizeof *j);

    assert(j != NULL);
    p->jobs++;
    payments_hold(p);
    j->all = p;
    j->kind = row->kind;
    j->old = row->age_ms > KEY_LIFE_MS;
    j->conclusive = j->old;
    j->cb = cb;
    j->cookie = cookie;
    if (job_copy(j, o, row, (int64_t)clock_unix_ms()))
        first_step(j, row);
    else
        job_end(j, PAYMENTS_UNKNOWN);
}
