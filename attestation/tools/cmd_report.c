/* tr-verify report: one attestation report and its certificates against a policy, offline. */
#include "cert_table.h"
#include "judge.h"
#include "report.h"

#include <stdio.h>

enum { REPORT_FILE_MAX = 16 << 20 }; /* what is too long is still judged, as LENGTH */

struct arguments {
    const char *file, *certs, *vek, *ask, *crl, *report_data;
    struct judge_options judge;
};

/* Everything a subject's views point at. */
struct material {
    struct buf report, table, vek, ask, crl;
    uint8_t report_data[64];
    bool table_malformed;
    struct attest_subject subject;
};

static void material_free(struct material *m)
{
    buf_free(&m->report);
    buf_free(&m->table);
    buf_free(&m->vek);
    buf_free(&m->ask);
    buf_free(&m->crl);
}

/* The table's certificate, unless an option named a file; hosts have put PEM there as well. False:
 * the table is malformed. */
static bool table_certificate(struct view table, enum cert_kind kind, struct buf *store,
                              struct view *out)
{
    struct view entry;
    enum err e;

    if (out->len != 0)
        return true;
    e = cert_table_find(table, kind, &entry);
    if (e == ERR_NOT_FOUND)
        return true;
    buf_free(store);
    buf_init(store, CERT_TABLE_MAX);
    if (e == ERR_NONE)
        e = certificate_der(entry, store);
    if (e == ERR_NONE)
        *out = buf_view(store);
    return e == ERR_NONE;
}

static bool table_crl(struct view table, struct view *out)
{
    enum err e = out->len != 0 ? ERR_NONE : cert_table_find(table, CERT_CRL, out);

    return e == ERR_NONE || e == ERR_NOT_FOUND;
}

static enum exit_code table_take(const struct arguments *a, struct material *m)
{
    struct attest_subject *s = &m->subject;
    struct view table;
    uint32_t key = 0;
    bool vlek;

    if (a->certs == NULL)
        return EXIT_ACCEPT;
    if (!file_load(a->certs, CERT_TABLE_MAX, &m->table))
        return EXIT_USAGE;
    table = buf_view(&m->table);
    if (s->report.len > SNP_AT_KEY_INFO + 4)
        key = snp_load32(s->report.ptr + SNP_AT_KEY_INFO);
    vlek = (key >> SNP_KEY_SIGNING_SHIFT & SNP_KEY_SIGNING_MASK) == 1;
    if (!table_certificate(table, vlek ? CERT_VLEK : CERT_VCEK, &m->vek, &s->vek) ||
        !table_certificate(table, CERT_ASK, &m->ask, &s->ask) || !table_crl(table, &s->crl))
        m->table_malformed = true;
    return EXIT_ACCEPT;
}

static enum exit_code material_load(const struct arguments *a, struct material *m)
{
    struct attest_subject *s = &m->subject;

    if (!file_load(a->file, REPORT_FILE_MAX, &m->report))
        return EXIT_USAGE;
    s->report = buf_view(&m->report);
    if (a->vek != NULL) {
        if (!certificate_load(a->vek, &m->vek))
            return EXIT_USAGE;
        s->vek = buf_view(&m->vek);
    }
    if (a->ask != NULL) {
        if (!certificate_load(a->ask, &m->ask))
            return EXIT_USAGE;
        s->ask = buf_view(&m->ask);
    }
    if (a->crl != NULL) {
        if (!file_load(a->crl, 64 << 10, &m->crl))
            return EXIT_USAGE;
        s->crl = buf_view(&m->crl);
    }
    if (a->report_data != NULL) {
        if (hex_decode(view_str(a->report_data), m->report_data, 64) != ERR_NONE) {
            complain("--report-data: 128 hex digits are needed");
            return EXIT_USAGE;
        }
        s->report_data = m->report_data;
    }
    return table_take(a, m);
}

static enum exit_code report_run(int argc, char **argv)
{
    struct arguments a = {.file = NULL};
    const struct option_value options[] = {
        {"--certs", &a.certs, NULL},
        {"--vek", &a.vek, NULL},
        {"--ask", &a.ask, NULL},
        {"--crl", &a.crl, NULL},
        {"--report-data", &a.report_data, NULL},
        JUDGE_OPTIONS(&a.judge),
    };
    struct attest_policy *policy = NULL;
    struct material m = {.subject = {.report = VIEW_EMPTY}};
    struct examination x;
    enum exit_code code;
    uint64_t now_s;

    if (!options_parse(argc, argv, "FILE", &a.file, options, sizeof options / sizeof options[0]))
        return EXIT_USAGE;
    code = judge_prepare(&a.judge, &policy, &now_s);
    if (code == EXIT_ACCEPT)
        code = material_load(&a, &m);
    if (code == EXIT_ACCEPT) {
        attest_examine(&m.subject, policy, now_s, &x);
        if (m.table_malformed) {
            examination_add(&x, VERDICT_CERT_TABLE, FINDING_FAILED, "no certificate table");
            x.verdict = VERDICT_CERT_TABLE; /* it comes before everything else */
        }
        code = judge_print(&a.judge, policy, now_s, &x, NULL, NULL);
    }
    attest_policy_free(policy);
    material_free(&m);
    return code;
}

const struct command command_report = {
    "report",
    "FILE [--certs TABLE | --vek FILE [--ask FILE]] [--crl FILE] [--report-data HEX] " JUDGE_USAGE,
    report_run,
};

static enum exit_code policy_run(int argc, char **argv)
{
    struct view text = attest_policy_builtin();

    if (!options_parse(argc, argv, NULL, NULL, NULL, 0))
        return EXIT_USAGE;
    return fwrite(text.ptr, 1, text.len, stdout) == text.len ? EXIT_ACCEPT : EXIT_INTERNAL;
}

const struct command command_policy = {"policy", "(prints the built-in policy)", policy_run};
