/* Life, the timer that takes what is due, and webhooks. */
#include "payments.h"
#include "file.h"
#include "log.h"
#include "payments_internal.h"
#include "secret.h"
#include "webhook.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

enum {
    TICK_MS = 1000,
    DUE_MAX = 8,             /* rows taken in one tick, of each kind */
    CLAIMS_MAX = 32,         /* automatic top-ups begun in one tick */
    INVOICES_EVERY = 60,     /* ticks */
    CLEAN_EVERY = 60,
    CLEAN_MAX = 1000,
    JOBS_MAX = OUTCALLS_MAX / 2, /* of the timer: the rest is for callers who wait */
};
/* Webhooks: the service sends from few addresses, and each costs a signature at most before it is believed. */
static const struct rate_config event_rate = {200, 1000, 100, 500};
#define INVOICE_LEAST_NUSD INT64_C(500000000) /* half a dollar: the service asks for nothing smaller */

void payments_hold(struct payments *p)
{
    p->pending++;
}

void payments_drop(struct payments *p)
{
    assert(p->pending > 0);
    if (--p->pending > 0 || !p->freed)
        return;
    rate_free(p->events);
    sodium_free(p->secrets);
    free(p);
}

/* --- what is due --- */

static enum job_kind kind_named(struct view name)
{
    static const struct {
        struct view name;
        enum job_kind kind;
    } kinds[] = {
        {VIEW_LIT("setup"), JOB_SETUP}, {VIEW_LIT("auto"), JOB_CHARGE}, {VIEW_LIT("invoice"), JOB_INVOICE}};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (view_eq(name, kinds[i].name))
            return kinds[i].kind;
    return JOB_CHECKOUT;
}

/* A text column as a C string, which lives until the next statement of its caller; too long ones are none. */
static const char *text_in(const struct db_result *r, size_t row, unsigned col, char out[static 256])
{
    struct view v = db_get_text(r, row, col);

    if (v.len > 255)
        v = VIEW_EMPTY;
    if (v.len > 0)
        memcpy(out, v.ptr, v.len);
    out[v.len] = '\0';
    return out;
}

/* account, payment, kind, state, amount, customer, method, checkout, intent, invoice, age */
static void start_payment(struct payments *p, const struct db_result *r, size_t row)
{
    static const unsigned object_of[] = {
        [JOB_CHECKOUT] = 7, [JOB_SETUP] = 7, [JOB_CHARGE] = 8, [JOB_INVOICE] = 9};
    char customer[256], method[256];
    const struct rail_order o = {
        .account = db_get_id(r, row, 0),
        .payment = db_get_id(r, row, 1),
        .amount_nusd = db_get_i64(r, row, 4),
        .customer = text_in(r, row, 5, customer),
        .method = text_in(r, row, 6, method),
    };
    struct job_row j = {.kind = kind_named(db_get_text(r, row, 2)),
                        .claimed = view_eq(db_get_text(r, row, 3), VIEW_LIT("claimed")),
                        .age_ms = db_get_i64(r, row, 10)};

    j.object = db_get_text(r, row, object_of[j.kind]);
    job_start(p, &o, &j, NULL, NULL);
}

/* account, refund, payment, amount, intent, age, claimed */
static void start_refund(struct payments *p, const struct db_result *r, size_t row)
{
    struct rail_order o = {
        .account = db_get_id(r, row, 0),
        .payment = db_get_id(r, row, 2),
        .amount_nusd = db_get_i64(r, row, 3),
        .customer = "",
        .method = "",
    };
    const struct job_row j = {
        .kind = JOB_REFUND, .claimed = db_get_bool(r, row, 6), .object = db_get_text(r, row, 4),
        .age_ms = db_get_i64(r, row, 5)};

    if (id_parse(db_get_text(r, row, 1), &o.refund) == ERR_NONE)
        job_start(p, &o, &j, NULL, NULL);
}

static void log_count(struct payments *p, const struct db_result *r, size_t row)
{
    (void)p;
    if (db_get_i64(r, row, 0) > 0)
        LOG("payments_claimed", KV("count", db_get_i64(r, row, 0)));
}

static void ignore_row(struct payments *p, const struct db_result *r, size_t row)
{
    (void)p;
    (void)r;
    (void)row;
}

/* A tick, step by step; each is one statement. */
static const struct {
    enum stmt stmt;
    uint64_t every;
    bool makes_jobs;
    size_t n;
    int64_t numbers[2];
    void (*each)(struct payments *p, const struct db_result *r, size_t row);
} steps[] = {
    {STMT_AUTO_TOPUP_CLAIM, 1, false, 1, {CLAIMS_MAX, 0}, log_count},
    {STMT_INVOICE_CLAIM, INVOICES_EVERY, false, 2, {DUE_MAX, INVOICE_LEAST_NUSD}, log_count},
    {STMT_PAYMENT_DUE, 1, true, 1, {DUE_MAX, 0}, start_payment},
    {STMT_PAYMENT_REFUND_DUE, 1, true, 1, {DUE_MAX, 0}, start_refund},
    {STMT_PAYMENT_CLEAN, CLEAN_EVERY, false, 2, {0, CLEAN_MAX}, ignore_row},
};
enum { STEPS = sizeof steps / sizeof steps[0] };

static void next_step(struct payments *p);

static void step_cb(void *cookie, enum err e, const struct db_result *r)
{
    struct payments *p = cookie;
    const unsigned step = p->step;

    for (size_t i = 0; e == ERR_NONE && !p->freed && i < db_rows(r); i++)
        steps[step].each(p, r, i);
    p->step++;
    if (e == ERR_NONE && !p->freed)
        next_step(p);
    else
        p->ticking = false;
    payments_drop(p);
}

static void next_step(struct payments *p)
{
    while (p->step < STEPS && ((p->ticks % steps[p->step].every) != 0 ||
                               (steps[p->step].makes_jobs && p->jobs + DUE_MAX > JOBS_MAX)))
        p->step++;
    if (p->step == STEPS) {
        p->ticking = false;
        return;
    }
    const bool cleans = steps[p->step].stmt == STMT_PAYMENT_CLEAN;
    const struct db_param q[] = {
        db_i64(cleans ? (int64_t)p->config.event_days : steps[p->step].numbers[0]),
        db_i64(steps[p->step].numbers[1])};

    payments_hold(p);
    db_query(p->config.db, steps[p->step].stmt, q, steps[p->step].n, 0, step_cb, p);
}

static void tick_cb(uv_timer_t *t)
{
    struct payments *p = t->data;

    if (p->ticking || !db_ready(p->config.db))
        return;
    p->ticking = true;
    p->step = 0;
    p->ticks++;
    next_step(p);
}

/* --- what callers ask for --- */

void payments_checkout(struct payments *p, const struct rail_order *o, bool setup, payments_cb *cb, void *cookie)
{
    const struct job_row row = {.kind = setup ? JOB_SETUP : JOB_CHECKOUT, .claimed = true};

    job_start(p, o, &row, cb, cookie);
}

void payments_refund(struct payments *p, const struct rail_order *o, payments_cb *cb, void *cookie)
{
    const struct job_row row = {.kind = JOB_REFUND, .claimed = true, .object = view_str(o->object)};

    job_start(p, o, &row, cb, cookie);
}

void payments_detach(struct payments *p, const struct rail_order *o, payments_cb *cb, void *cookie)
{
    const struct job_row row = {.kind = JOB_DETACH, .claimed = true, .object = view_str(o->object)};

    job_start(p, o, &row, cb, cookie);
}

enum err payments_event(struct payments *p, struct view signature, struct view body, int64_t now_s, struct buf *json)
{
    struct view secrets[SECRETS_MAX];
    struct rail_fact f;
    size_t n = 0;
    enum err e;

    while (n < SECRETS_MAX && p->secrets->webhook[n][0] != '\0') {
        secrets[n] = view_str(p->secrets->webhook[n]);
        n++;
    }
    e = webhook_verify(signature, body, secrets, n, now_s);
    if (e == ERR_NONE)
        e = p->rail->event(body, &f);
    if (e == ERR_NONE && f.what != RAIL_NOTHING)
        e = rail_fact_json(&f, json);
    return e;
}

enum err payments_event_rate(struct payments *p, const uint8_t address[static 16], uint64_t now_ms, uint32_t *retry_ms)
{
    return rate_take(p->events, address, now_ms, retry_ms);
}

/* --- where a checkout leads back to --- */

/* scheme://authority of a URL; empty: it has none. */
static struct view origin_of(struct view url)
{
    static const struct view schemes[] = {VIEW_LIT("https://"), VIEW_LIT("http://127.0.0.1"), VIEW_LIT("http://localhost")};
    size_t n = 0;

    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= ' ' || url.ptr[i] > '~' || url.ptr[i] == '\\' || url.ptr[i] == '"')
            return VIEW_EMPTY;
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (view_starts(url, schemes[i]))
            n = i == 0 ? schemes[i].len : sizeof "http://" - 1;
    if (n == 0)
        return VIEW_EMPTY;
    while (n < url.len && strchr("/?#", url.ptr[n]) == NULL)
        n++;
    return view_of(url.ptr, n);
}

/* The next of the list. */
static struct view next_origin(const char **list)
{
    struct view v = view_of(*list, strcspn(*list, " "));

    *list += v.len + strspn(*list + v.len, " ");
    return v;
}

bool payments_origins_valid(const char *origins)
{
    while (*origins != '\0') {
        struct view v = next_origin(&origins), o = origin_of(v);

        if (v.len <= sizeof "https://" - 1 || !view_eq(v, o) || memchr(v.ptr, '@', v.len) != NULL)
            return false;
    }
    return true;
}

bool payments_origin_allowed(const struct payments *p, struct view url)
{
    struct view origin = origin_of(url);

    for (const char *list = p->config.origins; *list != '\0' && origin.len > 0;)
        if (view_eq(origin, next_origin(&list)))
            return true;
    return false;
}

/* --- life --- */

/* The lines of a file of secrets, at most n; each visible ASCII. */
static enum err read_secrets(const char *path, char (*out)[SECRET_TEXT_MAX], size_t n)
{
    char text[2 * SECRET_TEXT_MAX];
    size_t len = 0, i = 0;
    struct view rest;
    enum err e = file_read(path, true, text, sizeof text, &len);

    rest = view_of(text, len);
    while (e == ERR_NONE && rest.len > 0) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        struct view line = view_of(rest.ptr, end == NULL ? rest.len : (size_t)(end - rest.ptr));

        rest = view_from(rest, line.len + 1);
        line = view_trim(line);
        for (size_t k = 0; k < line.len; k++)
            if (line.ptr[k] <= ' ' || line.ptr[k] > '~')
                e = ERR_CONFIG;
        if (line.len == 0)
            continue;
        if (i == n || line.len >= SECRET_TEXT_MAX)
            e = ERR_CONFIG;
        else
            memcpy(out[i++], line.ptr, line.len);
    }
    secret_wipe(text, sizeof text);
    return e == ERR_NONE && i == 0 ? ERR_CONFIG : e;
}

static enum err complain(struct buf *why, enum err e, const char *sentence)
{
    return buf_append(why, view_str(sentence)) == ERR_NONE ? e : ERR_MEMORY;
}

static enum err load_secrets(const struct payments_config *c, struct payments_secrets **out, struct buf *why)
{
    struct payments_secrets *s;
    enum err e;

    if (!outcall_ca_readable(c->ca))
        return complain(why, ERR_CONFIG, "stripe_ca: cannot be read");
    s = sodium_malloc(sizeof *s);
    if (s == NULL)
        return ERR_MEMORY;
    memset(s, 0, sizeof *s);
    e = read_secrets(c->key_file, &s->key, 1);
    if (e != ERR_NONE)
        e = complain(why, e, "stripe_key_file: not a file of mode 0600 with one line, the secret key");
    else if ((e = read_secrets(c->secret_file, s->webhook, SECRETS_MAX)) != ERR_NONE)
        e = complain(why, e,
                     "stripe_webhook_secret_file: not a file of mode 0600 with one or two lines, the endpoint's secrets");
    if (e != ERR_NONE) {
        sodium_free(s);
        return e;
    }
    sodium_mprotect_readonly(s);
    *out = s;
    return ERR_NONE;
}

enum err payments_check(const struct payments_config *c, struct buf *why)
{
    struct payments_secrets *s = NULL;
    enum err e = load_secrets(c, &s, why);

    sodium_free(s);
    return e;
}

static void timer_closed_cb(uv_handle_t *h)
{
    free(h);
}

enum err payments_new(const struct payments_config *c, struct payments **out, struct buf *why)
{
    struct payments *p = calloc(1, sizeof *p);
    const struct outcalls_config o = {.loop = db_loop(c->db), .ca = c->ca};
    enum err e = p == NULL ? ERR_MEMORY : ERR_NONE;

    if (e == ERR_NONE)
        e = load_secrets(c, &p->secrets, why);
    if (e == ERR_NONE) {
        p->config = *c;
        p->rail = &rail_stripe;
        e = outcalls_new(&o, &p->outcalls);
    }
    if (e == ERR_NONE)
        e = rate_new(&event_rate, &p->events);
    if (e == ERR_NONE && (p->timer = calloc(1, sizeof *p->timer)) == NULL)
        e = ERR_MEMORY;
    if (e != ERR_NONE) {
        if (p != NULL) {
            outcalls_free(p->outcalls);
            rate_free(p->events);
            sodium_free(p->secrets);
        }
        free(p);
        return e;
    }
    uv_timer_init(o.loop, p->timer);
    p->timer->data = p;
    uv_timer_start(p->timer, tick_cb, TICK_MS, TICK_MS);
    *out = p;
    return ERR_NONE;
}

void payments_free(struct payments *p)
{
    if (p == NULL)
        return;
    uv_timer_stop(p->timer);
    uv_close((uv_handle_t *)p->timer, timer_closed_cb);
    payments_hold(p);
    p->freed = true;
    outcalls_free(p->outcalls);
    payments_drop(p);
}
