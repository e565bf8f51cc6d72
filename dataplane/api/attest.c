#include "attest.h"

#include "aci.h"
#include "attest_body.h"
#include "clock.h"
#include "evidence.h"
#include "identity.h"
#include "json.h"
#include "keyset.h"
#include "near.h"
#include "query.h"
#include "reply.h"
#include "stats.h"

#include <assert.h>
#include <stdlib.h>

enum { QUESTION_BODY_MAX = 1024, QUESTION_MEMBERS = 2 };

enum attest_format { ATTEST_DOCUMENT, ATTEST_ACI, ATTEST_REPORT, ATTEST_FORMATS };
typedef enum err attest_body_fn(const struct attest_facts *s, const struct attest_question *q,
                                const struct quote_answer *a, struct buf *out);
static attest_body_fn *const bodies[ATTEST_FORMATS] = {
    [ATTEST_DOCUMENT] = attest_body_document,
    [ATTEST_ACI] = attest_body_aci,
    [ATTEST_REPORT] = attest_body_report,
};

/* One request that waits for its report. */
struct attest {
    struct attest_desk *desk;
    struct web_request *web;
    struct quote_ask *ask; /* NULL: not asked yet, or answered */
    enum attest_format format;
    struct attest_question question;
};

struct attest_desk {
    struct quotes_port *port;
    const struct attest_facts *facts;
    struct stats *stats;
    struct {
        bool has;
        uint64_t made_ms;
        struct quote quote;
    } kept[ATTEST_FORMATS]; /* reports without a nonce */
};

/* --- the desk --- */

enum err attest_desk_new(struct quotes *q, uv_loop_t *loop, const struct attest_facts *facts,
                         struct stats *stats, struct attest_desk **out)
{
    struct attest_desk *d = calloc(1, sizeof *d);
    enum err e;

    if (d == NULL)
        return ERR_MEMORY;
    e = quotes_port_new(q, loop, &d->port);
    if (e != ERR_NONE) {
        free(d);
        return e;
    }
    for (int f = 0; f < ATTEST_FORMATS; f++)
        quote_init(&d->kept[f].quote);
    d->facts = facts;
    d->stats = stats;
    *out = d;
    return ERR_NONE;
}

void attest_desk_free(struct attest_desk *d)
{
    if (d == NULL)
        return;
    quotes_port_free(d->port);
    for (int f = 0; f < ATTEST_FORMATS; f++)
        quote_free(&d->kept[f].quote);
    free(d);
}

void attest_desk_tick(struct attest_desk *d, uint64_t now_ms, bool all)
{
    quotes_port_tick(d->port, now_ms, all);
}

static void desk_keep(struct attest_desk *d, enum attest_format f, const struct quote *q)
{
    struct quote *kept = &d->kept[f].quote;

    memcpy(kept->report, q->report, sizeof kept->report);
    buf_reset(&kept->vek);
    buf_reset(&kept->ask);
    d->kept[f].has = buf_append(&kept->vek, buf_view(&q->vek)) == ERR_NONE &&
                     buf_append(&kept->ask, buf_view(&q->ask)) == ERR_NONE;
    d->kept[f].made_ms = clock_mono_ms();
}

static const struct quote *desk_kept(const struct attest_desk *d, enum attest_format f)
{
    return d->kept[f].has && clock_mono_ms() - d->kept[f].made_ms < ATTEST_KEEP_MS
               ? &d->kept[f].quote
               : NULL;
}

/* --- answers --- */

static void refuse(struct attest_desk *d, struct web_request *r, const struct api_failure *f)
{
    struct id id = id_new();
    struct reply p;

    reply_init(&p, &id);
    reply_add(&p, VIEW_LIT("cache-control"), VIEW_LIT("no-store"));
    stats_status(d->stats, errors_row(f->error)->status);
    reply_failure(&p, r, f);
}

static void refuse_input(struct attest_desk *d, struct web_request *r, const char *param,
                         const char *message)
{
    const struct api_failure f = {.error = API_BAD_REQUEST, .param = param, .message = message};

    refuse(d, r, &f);
}

static void refuse_error(struct attest_desk *d, struct web_request *r, enum err e)
{
    struct api_failure f = {.error = errors_of(e)};

    if (e != ERR_OVERLOAD && e != ERR_MEMORY) {
        f.error = API_ATTESTATION;
        f.message = "The platform gives no attestation report now.";
    }
    refuse(d, r, &f);
}

static void answer(struct attest_desk *d, struct web_request *r, struct view body)
{
    struct id id = id_new();
    struct reply p;

    reply_init(&p, &id);
    reply_add(&p, VIEW_LIT("cache-control"), VIEW_LIT("no-store"));
    stats_status(d->stats, 200);
    reply_json(&p, r, 200, body);
}

static void answer_with(struct attest_desk *d, struct web_request *r, enum attest_format format,
                        const struct attest_question *q, const struct quote_answer *a)
{
    struct buf body;
    enum err e;

    buf_init(&body, ATTEST_DOCUMENT_MAX);
    e = bodies[format](d->facts, q, a, &body);
    if (e == ERR_NONE) {
        answer(d, r, buf_view(&body));
    } else if (e == ERR_FORMAT && a->quote->vek.len == 0) { /* the format cannot do without */
        struct api_failure f = {.error = API_ATTESTATION};

        f.message = "The platform hands over no certificate for its reports; "
                    "/v1/aci/attestation has the report alone.";
        refuse(d, r, &f);
    } else {
        refuse_error(d, r, e);
    }
    buf_free(&body);
}

/* --- one request --- */

static void attest_gone_cb(void *cookie)
{
    struct attest *t = cookie;

    quote_ask_cancel(t->ask);
    stats_status(t->desk->stats, 499);
    free(t);
}

static void attest_quote_cb(void *cookie, enum err e, const struct quote_answer *a)
{
    struct attest *t = cookie;

    t->ask = NULL;
    if (e != ERR_NONE) {
        refuse_error(t->desk, t->web, e);
    } else {
        if (!t->question.has_nonce)
            desk_keep(t->desk, t->format, a->quote);
        answer_with(t->desk, t->web, t->format, &t->question, a);
    }
    free(t);
}

/* What the report must be over. The exporter is taken now: the connection is this request's. */
static enum err attest_ask(struct attest *t)
{
    struct quotes_port *port = t->desk->port;
    const struct attest_facts *s = t->desk->facts;
    const uint8_t *nonce = t->question.has_nonce ? t->question.nonce : NULL;
    uint8_t wanted[64], exporter[32] = {0}, signing_key[32];
    struct digest32 leaf, spki;
    enum err e;

    switch (t->format) {
    case ATTEST_DOCUMENT:
        if (t->question.binding == ATTEST_BINDING_TLS_EXPORTER && !web_exporter(t->web, exporter))
            return ERR_TLS;
        evidence_leaf(EVIDENCE_PUBLIC, t->question.nonce, exporter, &leaf);
        return quotes_ask_leaf(port, &leaf, attest_quote_cb, t, &t->ask);
    case ATTEST_ACI:
        e = aci_report_data(keyset_digest(s->keyset), nonce, wanted);
        if (e != ERR_NONE)
            return e;
        break;
    case ATTEST_REPORT:
        identity_receipt_key(s->keys, signing_key);
        identity_tls_spki(s->keys, &spki);
        near_report_data(signing_key, &spki, nonce, wanted);
        break;
    case ATTEST_FORMATS:
        return ERR_BUG;
    }
    return quotes_ask_exact(port, wanted, attest_quote_cb, t, &t->ask);
}

static void attest_begin(struct attest_desk *d, struct web_request *r, enum attest_format format,
                         const struct attest_question *q)
{
    const struct quote *kept = q->has_nonce ? NULL : desk_kept(d, format);
    struct attest *t;
    enum err e = ERR_MEMORY;

    assert(q->has_nonce || format != ATTEST_DOCUMENT);
    if (kept != NULL) {
        const struct quote_answer a = {.quote = kept, .size = 1};

        answer_with(d, r, format, q, &a);
        return;
    }
    t = calloc(1, sizeof *t);
    if (t != NULL) {
        t->desk = d;
        t->web = r;
        t->format = format;
        t->question = *q;
        e = attest_ask(t);
    }
    if (e == ERR_NONE) {
        web_set_gone(r, attest_gone_cb, t);
    } else {
        free(t);
        refuse_error(d, r, e);
    }
}

/* --- reading questions --- */

static const char nonce_wanted[] = "The nonce must be exactly 64 lowercase hexadecimal digits.";
static const char binding_wanted[] = "The binding must be tls-exporter or none.";

void attest_document(struct attest_desk *d, struct web_request *r)
{
    static const char *const names[] = {"nonce", "binding"};
    struct attest_question q = {.has_nonce = true, .binding = ATTEST_BINDING_TLS_EXPORTER};
    struct view query = web_query(r), nonce, binding;
    enum query_found found;

    if (!query_only(query, names, sizeof names / sizeof names[0])) {
        refuse_input(d, r, NULL, "The parameters are nonce and binding.");
        return;
    }
    if (query_find(query, "nonce", &nonce) != QUERY_ONE || !query_nonce(nonce, q.nonce)) {
        refuse_input(d, r, "nonce", nonce_wanted);
        return;
    }
    found = query_find(query, "binding", &binding);
    if (found == QUERY_TWICE ||
        (found == QUERY_ONE && !attest_binding_parse(binding, &q.binding))) {
        refuse_input(d, r, "binding", binding_wanted);
        return;
    }
    attest_begin(d, r, ATTEST_DOCUMENT, &q);
}

/* NULL, or the member that is wrong; "" is the body itself. */
static const char *question_read(struct view body, struct attest_question *q)
{
    struct json_member m[QUESTION_MEMBERS];
    struct json_value v;
    struct view text;
    size_t n, known = 1;
    enum err e;

    if (body.len > QUESTION_BODY_MAX ||
        json_object(body, m, QUESTION_MEMBERS, &n, NULL) != ERR_NONE)
        return "";
    if (json_find(m, n, "nonce", &v) != ERR_NONE || !json_string_plain(v, &text) ||
        !query_nonce(text, q->nonce))
        return "nonce";
    e = json_find(m, n, "binding", &v);
    if (e == ERR_NONE) {
        known++;
        if (!json_string_plain(v, &text) || !attest_binding_parse(text, &q->binding))
            return "binding";
    }
    return n == known ? NULL : "";
}

void attest_quote(struct attest_desk *d, struct web_request *r)
{
    struct attest_question q = {.has_nonce = true, .binding = ATTEST_BINDING_TLS_EXPORTER};
    const char *wrong = question_read(web_body(r), &q);

    if (wrong == NULL)
        attest_begin(d, r, ATTEST_DOCUMENT, &q);
    else if (*wrong == '\0')
        refuse_input(d, r, NULL, "Send {\"nonce\":\"<64 hex>\"} and, if need be, \"binding\".");
    else
        refuse_input(d, r, wrong, strcmp(wrong, "nonce") == 0 ? nonce_wanted : binding_wanted);
}

/* A nonce in its one form, or none. False: refused. Other parameters are other people's. */
static bool optional_nonce(struct attest_desk *d, struct web_request *r, struct attest_question *q)
{
    struct view nonce;
    enum query_found found = query_find(web_query(r), "nonce", &nonce);

    if (found == QUERY_TWICE || (found == QUERY_ONE && !query_nonce(nonce, q->nonce))) {
        refuse_input(d, r, "nonce", nonce_wanted);
        return false;
    }
    q->has_nonce = found == QUERY_ONE;
    return true;
}

void attest_aci(struct attest_desk *d, struct web_request *r)
{
    struct attest_question q = {.has_nonce = false};

    if (optional_nonce(d, r, &q))
        attest_begin(d, r, ATTEST_ACI, &q);
}

void attest_report(struct attest_desk *d, struct web_request *r)
{
    struct attest_question q = {.has_nonce = false};

    if (!query_ed25519(web_query(r)))
        refuse_input(d, r, "signing_algo", "The only signing_algo is ed25519.");
    else if (optional_nonce(d, r, &q))
        attest_begin(d, r, ATTEST_REPORT, &q);
}

static void answer_key(struct attest_desk *d, struct web_request *r,
                       enum err (*make)(const struct attest_facts *s, struct buf *out))
{
    struct buf body;

    buf_init(&body, ATTEST_DOCUMENT_MAX);
    if (make(d->facts, &body) == ERR_NONE)
        answer(d, r, buf_view(&body));
    else
        refuse_error(d, r, ERR_MEMORY);
    buf_free(&body);
}

void attest_verifying_key(struct attest_desk *d, struct web_request *r)
{
    answer_key(d, r, attest_body_key);
}

void attest_sealing_key(struct attest_desk *d, struct web_request *r)
{
    answer_key(d, r, attest_body_sealing_key);
}
