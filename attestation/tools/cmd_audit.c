/* tr-verify audit: what a data plane's audit sampler has signed, checked offline: the chain, and
 * that an answer in hand is the one that was committed to when it was given. */
#include "audit_document.h"
#include "command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BODY_MAX = 256 << 20 };

struct audit_options {
    const char *file, *key, *earlier, *request, *response, *id;
    bool json;
};

/* What the options asked besides, for programs. */
struct answers {
    bool has_sample;    /* the bytes in hand are this one's */
    uint64_t sample;    /* its number in the chain */
    const char *picked; /* whether --request-id had to be sampled; NULL: not asked */
};

static enum exit_code reject(const struct audit_options *o, enum audit_verdict v)
{
    enum exit_code code = v == AUDIT_APART ? EXIT_UNSUPPORTED : EXIT_REJECT;

    if (o->json)
        return refusal_print(true, code, audit_verdict_code(v), "%s", audit_verdict_text(v));
    printf("reject: %s: %s\n", audit_verdict_code(v), audit_verdict_text(v));
    return code;
}

/* What holds besides: a line for people; programs see it from the verdict. */
static void note(const struct audit_options *o, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void note(const struct audit_options *o, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (!o->json)
        vprintf(fmt, ap);
    va_end(ap);
}

static enum exit_code document_load(const struct audit_options *o, const char *path,
                                    struct audit_document *d)
{
    struct buf text;
    enum exit_code code = EXIT_ACCEPT;

    if (!file_load(path, AUDIT_DOCUMENT_BYTES, &text)) {
        code = EXIT_USAGE;
    } else if (audit_document_parse(buf_view(&text), d) != ERR_NONE) {
        code = refusal_print(o->json, EXIT_MALFORMED, "DOCUMENT",
                             "%s is neither an audit head nor audit samples, byte for byte", path);
    }
    buf_free(&text);
    return code;
}

static bool body_digest(const char *path, struct digest32 *out)
{
    struct buf b;
    bool ok = file_load(path, BODY_MAX, &b);

    if (ok)
        digest_sha256(buf_view(&b), out);
    buf_free(&b);
    return ok;
}

/* --- what is asked besides */

static enum exit_code earlier_check(const struct audit_document *d, const struct audit_options *o,
                                    const uint8_t key[static 32])
{
    struct audit_document *earlier = calloc(1, sizeof *earlier);
    enum audit_verdict v;
    enum exit_code code = EXIT_INTERNAL;

    if (earlier == NULL)
        return code;
    code = document_load(o, o->earlier, earlier);
    if (code == EXIT_ACCEPT) {
        v = audit_document_follows(d, &earlier->head, key);
        if (v == AUDIT_ACCEPT)
            note(o, "continues the head remembered at %llu samples\n",
                 (unsigned long long)earlier->head.count);
        else
            code = reject(o, v);
    }
    free(earlier);
    return code;
}

static void sample_print(const struct audit_opening *o)
{
    char id[ID_TEXT_LEN + 1];

    id_text(&o->sample.request, id);
    printf("sample %llu: request %s answered with %llu%s at %llu ms (the signer's clock)\n",
           (unsigned long long)o->sample.seq, id, (unsigned long long)o->sample.status,
           o->sample.complete ? "" : " (cut off)", (unsigned long long)o->sample.answered_ms);
}

static enum exit_code id_check(const struct audit_document *d, const struct audit_options *o,
                               const struct id *id, bool found, struct answers *out)
{
    switch (audit_document_expects(d, id)) {
    case AUDIT_NOT_YET:
        out->picked = "not_yet_known";
        note(o,
             "whether this request was picked can be checked when its hour's secret is revealed\n");
        return EXIT_ACCEPT;
    case AUDIT_NOT_PICKED:
        out->picked = "no";
        note(o, "this request was not picked\n");
        return EXIT_ACCEPT;
    case AUDIT_PICKED:
        break;
    }
    if (!found && audit_document_whole(d))
        return reject(o, AUDIT_MISSING);
    out->picked = "yes";
    note(o, "this request was picked: if it was served, it is in the chain%s\n",
         found ? " and here it is" : ", though not among these samples");
    return EXIT_ACCEPT;
}

/* The answer in hand must be a sample of this document; an id alone is only looked for. */
static enum exit_code answer_check(const struct audit_document *d, const struct audit_options *o,
                                   struct answers *out)
{
    struct digest32 request, response;
    struct id id;
    bool has_body = o->request != NULL || o->response != NULL;
    size_t at;

    if (!has_body && o->id == NULL)
        return EXIT_ACCEPT;
    if (o->id != NULL && id_parse(view_str(o->id), &id) != ERR_NONE) {
        complain("--request-id wants the 32 digits of x-request-id");
        return EXIT_USAGE;
    }
    if ((o->request != NULL && !body_digest(o->request, &request)) ||
        (o->response != NULL && !body_digest(o->response, &response)))
        return EXIT_USAGE;
    at = audit_document_find(d, o->id != NULL ? &id : NULL, o->request != NULL ? &request : NULL,
                             o->response != NULL ? &response : NULL);
    if (has_body && at == d->n_samples)
        return reject(o, AUDIT_BODY);
    out->has_sample = has_body;
    if (has_body)
        out->sample = d->samples[at].sample.seq;
    if (has_body && !o->json) {
        printf("these bytes are those of ");
        sample_print(&d->samples[at]);
    }
    return o->id == NULL ? EXIT_ACCEPT : id_check(d, o, &id, at < d->n_samples, out);
}

/* --- the verdict */

static void document_print(const struct audit_document *d)
{
    const struct audit_head *h = &d->head;
    char boot[ID_TEXT_LEN + 1], hex[65];

    id_text(&h->boot, boot);
    hex_encode(h->head.b, 32, hex);
    printf("accept: %s%llu samples at %llu of a million answers, %llu missed\nboot %s, head %s\n",
           h->simulated ? "SIMULATED: " : "", (unsigned long long)h->count,
           (unsigned long long)h->rate_ppm, (unsigned long long)h->missed, boot, hex);
    if (!d->has_window)
        return;
    printf("samples %llu to %llu of it follow from one another; %zu of them are opened\n",
           (unsigned long long)d->window.from, (unsigned long long)d->window.to, d->n_samples);
    for (size_t i = 0; i < d->n_samples; i++)
        sample_print(&d->samples[i]);
}

static void document_print_json(const struct audit_document *d, const struct audit_options *o,
                                const struct answers *a)
{
    const struct audit_head *h = &d->head;
    char boot[ID_TEXT_LEN + 1], hex[65];

    id_text(&h->boot, boot);
    hex_encode(h->head.b, 32, hex);
    printf("{\"verdict\":\"accept\",\"code\":\"ACCEPT\",\"simulated\":%s,\"checks\":["
           "{\"code\":\"SIGNATURE\",\"ok\":true,\"detail\":\"ok\"},"
           "{\"code\":\"CHAIN\",\"ok\":%s,\"detail\":\"%s\"},"
           "{\"code\":\"REWOUND\",\"ok\":%s,\"detail\":\"%s\"}],",
           h->simulated ? "true" : "false", d->has_window ? "true" : "null",
           d->has_window ? "ok" : "not asked", o->earlier != NULL ? "true" : "null",
           o->earlier != NULL ? "ok" : "not asked");
    printf("\"boot\":\"%s\",\"head\":\"%s\",\"count\":%llu,\"missed\":%llu,\"rate_ppm\":%llu,",
           boot, hex, (unsigned long long)h->count, (unsigned long long)h->missed,
           (unsigned long long)h->rate_ppm);
    if (a->has_sample)
        printf("\"sample\":%llu,", (unsigned long long)a->sample);
    else
        printf("\"sample\":null,");
    if (a->picked != NULL)
        printf("\"picked\":\"%s\"}\n", a->picked);
    else
        puts("\"picked\":null}");
}

/* A sound chain of which nothing was opened, and no question that it answers: nobody's answer was
 * audited, which is no fault of the gateway's and no reason to believe it. A head is for keeping:
 * one that counts samples is good as it is. */
static bool is_empty(const struct audit_document *d, const struct answers *a)
{
    bool answered = a->picked != NULL && strcmp(a->picked, "not_yet_known") != 0;

    return !answered && (d->head.count == 0 || (d->has_window && d->n_samples == 0));
}

static enum exit_code audit_check(struct audit_document *d, const struct audit_options *o,
                                  const uint8_t key[static 32])
{
    enum exit_code code = document_load(o, o->file, d);
    struct answers answers = {.picked = NULL};
    enum audit_verdict v;

    if (code != EXIT_ACCEPT)
        return code;
    v = audit_document_check(d, key);
    if (v != AUDIT_ACCEPT)
        return reject(o, v);
    if (o->earlier != NULL)
        code = earlier_check(d, o, key);
    if (code == EXIT_ACCEPT)
        code = answer_check(d, o, &answers);
    if (code == EXIT_ACCEPT && is_empty(d, &answers))
        return refusal_print(o->json, EXIT_UNSUPPORTED, "EMPTY",
                             "EMPTY: signatures and chain hold, but no sample is opened here: no "
                             "answer was audited");
    if (code == EXIT_ACCEPT && o->json)
        document_print_json(d, o, &answers);
    else if (code == EXIT_ACCEPT)
        document_print(d);
    return code;
}

static enum exit_code audit_run(int argc, char **argv)
{
    struct audit_options o = {.file = NULL};
    const struct option_value options[] = {
        {"--key", &o.key, NULL},         {"--head", &o.earlier, NULL},
        {"--request", &o.request, NULL}, {"--response", &o.response, NULL},
        {"--request-id", &o.id, NULL},   {"--json", NULL, &o.json},
    };
    struct audit_document *d;
    uint8_t key[32];
    enum exit_code code;

    if (!options_parse(argc, argv, "FILE", &o.file, options, sizeof options / sizeof options[0]))
        return EXIT_USAGE;
    if (o.key == NULL || hex_decode(view_str(o.key), key, sizeof key) != ERR_NONE) {
        complain("audit needs --key HEX: the attested receipt key, 64 hex digits");
        return EXIT_USAGE;
    }
    d = calloc(1, sizeof *d);
    if (d == NULL)
        return EXIT_INTERNAL;
    code = audit_check(d, &o, key);
    free(d);
    return code;
}

const struct command command_audit = {
    "audit",
    "FILE --key HEX [--head FILE] [--request FILE] [--response FILE] [--request-id ID] [--json]",
    audit_run,
};
