#include "judge.h"

#include "clock.h"
#include "issues.h"
#include "policy.h"
#include "time_text.h"

#include <dirent.h>
#include <openssl/pem.h>
#include <stdio.h>

enum { CERT_FILE_MAX = 64 << 10, PATH_MAX_BYTES = 4096, ROOT_FILES_MAX = 64, NAME_BYTES = 256 };

/* --- certificates in files */

/* The n-th certificate of a file's bytes as DER. False when there is none. */
static bool certificate_at(struct view file, unsigned n, struct buf *out)
{
    BIO *bio = NULL;
    X509 *x = NULL;
    unsigned char *der = NULL;
    bool ok = false;
    int len;

    if (file.len != 0 && file.ptr[0] == 0x30) /* a DER SEQUENCE; PEM is text */
        return n == 0 && buf_append(out, file) == ERR_NONE;
    if (file.len == 0)
        return false;
    bio = BIO_new_mem_buf(file.ptr, (int)file.len);
    for (unsigned i = 0; bio != NULL && i <= n; i++) {
        X509_free(x);
        x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (x == NULL)
            goto done;
    }
    len = x == NULL ? 0 : i2d_X509(x, &der);
    ok = len > 0 && buf_append(out, view_of(der, (size_t)len)) == ERR_NONE;
done:
    OPENSSL_free(der);
    X509_free(x);
    BIO_free(bio);
    return ok;
}

enum err certificate_der(struct view bytes, struct buf *out)
{
    return certificate_at(bytes, 0, out) ? ERR_NONE : buf_append(out, bytes);
}

bool certificate_load(const char *path, struct buf *out)
{
    struct buf file;
    bool ok;

    buf_init(out, CERT_FILE_MAX);
    ok = file_load(path, CERT_FILE_MAX, &file);
    if (ok && certificate_der(buf_view(&file), out) != ERR_NONE) {
        complain("%s cannot be kept in memory", path);
        ok = false;
    }
    buf_free(&file);
    return ok;
}

/* --- roots of a directory: every certificate of an ARK, ASK or ASVK in it */

struct directory {
    char names[ROOT_FILES_MAX][NAME_BYTES];
    size_t n;
};

static bool directory_list(const char *path, struct directory *out)
{
    DIR *d = opendir(path);
    struct dirent *e;

    out->n = 0;
    while (d != NULL && out->n < ROOT_FILES_MAX && (e = readdir(d)) != NULL) {
        size_t len = strlen(e->d_name);

        if (len > 4 &&
            (strcmp(e->d_name + len - 4, ".der") == 0 || strcmp(e->d_name + len - 4, ".pem") == 0))
            snprintf(out->names[out->n++], NAME_BYTES, "%s", e->d_name);
    }
    if (d == NULL) {
        complain("cannot read the directory %s", path);
        return false;
    }
    closedir(d);
    return true;
}

/* What is no ARK, ASK or ASVK of a root in the directory is passed over: other files may lie there.
 */
static void file_trust(struct attest_policy *p, struct view file)
{
    for (unsigned i = 0; i < POLICY_ROOTS_MAX * 3; i++) {
        struct buf der;
        bool ok;

        buf_init(&der, CERT_FILE_MAX);
        ok = certificate_at(file, i, &der) && attest_policy_trust(p, buf_view(&der)) != ERR_LIMIT;
        buf_free(&der);
        if (!ok)
            return;
    }
}

/* Twice: an intermediate is known only once its root is. */
static bool roots_load(struct attest_policy *p, const char *path)
{
    static struct directory d; /* 16 KB */

    if (!directory_list(path, &d))
        return false;
    attest_policy_distrust(p);
    for (size_t i = 0; i < 2 * d.n; i++) {
        char name[PATH_MAX_BYTES];
        struct buf file;
        bool ok;

        snprintf(name, sizeof name, "%s/%s", path, d.names[i % d.n]);
        ok = file_load(name, CERT_FILE_MAX, &file);
        if (ok)
            file_trust(p, buf_view(&file));
        buf_free(&file);
        if (!ok)
            return false;
    }
    if (p->n_roots == 0)
        complain("%s holds no ARK certificate", path);
    return p->n_roots != 0;
}

enum exit_code judge_prepare(const struct judge_options *o, struct attest_policy **policy,
                             uint64_t *now_s)
{
    struct view text = attest_policy_builtin();
    enum exit_code code = EXIT_USAGE;
    struct buf file, why;

    *policy = NULL;
    *now_s = clock_unix_ms() / 1000;
    buf_init(&file, POLICY_FILE_MAX);
    buf_init(&why, 512);
    if (o->at != NULL && !time_parse(o->at, now_s)) {
        complain("--at: %s is not of the form 2026-11-21T00:00:00Z", o->at);
        goto done;
    }
    if (o->policy != NULL) {
        if (!file_load(o->policy, POLICY_FILE_MAX, &file))
            goto done;
        text = buf_view(&file);
    }
    if (attest_policy_parse(text, o->policy != NULL ? "policy" : "the built-in policy", policy,
                            &why) != ERR_NONE) {
        complain("%.*s", (int)why.len, why.len != 0 ? (const char *)why.ptr : "");
        goto done;
    }
    if (o->roots == NULL || roots_load(*policy, o->roots))
        code = EXIT_ACCEPT;
done:
    buf_free(&file);
    buf_free(&why);
    return code;
}

/* --- saying it */

static const char *const outcome_text[] = {"ok", "FAILED", "not asked", "not reached"};
static const char *const outcome_json[] = {"true", "false", "null", "null"};

static void put_hex(const char *before, const uint8_t *p, size_t n, const char *after)
{
    char hex[2 * 64 + 1];

    hex_encode(p, n, hex);
    printf("%s%s%s", before, hex, after);
}

static void put_tcb(const char *name, enum snp_product product, const uint8_t *raw,
                    const char *after)
{
    struct snp_tcb t;

    snp_tcb_parse(product, raw, &t);
    printf("\"%s\":{\"fmc\":%u,\"bootloader\":%u,\"tee\":%u,\"snp\":%u,\"microcode\":%u,", name,
           t.part[SNP_FMC], t.part[SNP_BOOTLOADER], t.part[SNP_TEE], t.part[SNP_SNP],
           t.part[SNP_MICROCODE]);
    put_hex("\"raw\":\"", raw, 8, "\"}");
    fputs(after, stdout);
}

static void put_firmware(const char *name, uint32_t f)
{
    printf("\"%s\":\"%u.%u.%u\",", name, f >> 16, f >> 8 & 0xff, f & 0xff);
}

static void json_report(const struct examination *x)
{
    const struct snp_report *r = &x->report;

    printf("\"report\":");
    if (!x->have_report) {
        printf("null");
        return;
    }
    printf("{\"version\":%u,\"product\":\"%s\",\"family\":%u,\"model\":%u,\"stepping\":%u,"
           "\"guest_svn\":%u,\"policy\":\"0x%llx\",\"vmpl\":%u,\"platform_info\":\"0x%llx\","
           "\"signing_key\":\"%s\",",
           r->version, snp_product_name(x->product), r->family, r->model, r->stepping, r->guest_svn,
           (unsigned long long)r->policy, r->vmpl, (unsigned long long)r->platform,
           x->vlek ? "vlek" : "vcek");
    put_hex("\"measurement\":\"", r->measurement, 48, "\",");
    put_hex("\"report_data\":\"", r->report_data, 64, "\",");
    put_hex("\"host_data\":\"", r->host_data, 32, "\",");
    put_hex("\"chip_id\":\"", r->chip_id, 64, "\",");
    put_hex("\"family_id\":\"", r->family_id, 16, "\",");
    put_hex("\"image_id\":\"", r->image_id, 16, "\",");
    put_hex("\"id_key_digest\":\"", r->id_key_digest, 48, "\",");
    put_hex("\"author_key_digest\":\"", r->author_key_digest, 48, "\",");
    put_hex("\"report_id\":\"", r->report_id, 32, "\",");
    put_tcb("current_tcb", x->product, r->current_tcb, ",");
    put_tcb("reported_tcb", x->product, r->reported_tcb, ",");
    put_tcb("committed_tcb", x->product, r->committed_tcb, ",");
    put_tcb("launch_tcb", x->product, r->launch_tcb, ",");
    put_firmware("firmware_current", r->firmware_current);
    put_firmware("firmware_committed", r->firmware_committed);
    printf("\"launch_mitigations\":\"0x%llx\",\"current_mitigations\":\"0x%llx\"}",
           (unsigned long long)r->launch_mitigations, (unsigned long long)r->current_mitigations);
}

static void json_issues(const struct examination *x)
{
    printf(",\"issues_as_of\":\"" ISSUES_AS_OF "\",\"issues\":[");
    for (size_t i = 0; x->have_report && i < issues_count(); i++) {
        struct issue_answer a;

        issue_judge(i, &x->report, x->product, &a);
        printf("%s{\"name\":\"%s\",\"ids\":\"%s\",\"status\":\"%s\",\"why\":\"%s\"}",
               i == 0 ? "" : ",", a.name, a.ids, issue_status_name(a.status), a.why);
    }
    printf("]");
}

static void json_identity(const struct identity *i)
{
    char boot[ID_TEXT_LEN + 1];

    id_text(&i->boot, boot);
    printf(",\"identity\":{\"audience\":");
    json_string_print(i->audience);
    printf(",\"boot\":\"%s\",\"simulated\":%s,\"unlocked_memory\":%s,\"not_after\":%llu,", boot,
           i->simulated ? "true" : "false", i->unlocked_memory ? "true" : "false",
           (unsigned long long)i->not_after_s);
    put_hex("\"config_sha256\":\"", i->config_sha256.b, 32, "\",");
    put_hex("\"cp_spki_sha256\":\"", i->cp_spki_sha256.b, 32, "\",");
    put_hex("\"hpke_x25519\":\"", i->hpke_x25519, 32, "\",");
    put_hex("\"receipt_ed25519\":\"", i->receipt_ed25519, 32, "\",");
    put_hex("\"seal_x25519\":\"", i->seal_x25519, 32, "\",");
    put_hex("\"tls_spki_sha256\":\"", i->tls_spki_sha256.b, 32, "\"}");
}

static void json_print(const struct judge_options *o, const struct attest_policy *p, uint64_t now_s,
                       const struct examination *x, const struct identity *identity)
{
    char at[TIME_TEXT_BYTES];

    time_format(now_s, at);
    printf("{\"verdict\":\"%s\",\"code\":\"%s\",\"simulated\":%s,\"at\":\"%s\",\"checks\":[",
           verdict_class_name(verdict_class(x->verdict)), verdict_name(x->verdict),
           x->simulated ? "true" : "false", at);
    for (size_t i = 0; i < x->n; i++) {
        printf("%s{\"code\":\"%s\",\"ok\":%s,\"detail\":", i == 0 ? "" : ",",
               verdict_name(x->findings[i].code), outcome_json[x->findings[i].outcome]);
        json_string_print(x->findings[i].detail[0] != '\0' ? x->findings[i].detail
                                                           : outcome_text[x->findings[i].outcome]);
        printf("}");
    }
    printf("],");
    json_report(x);
    printf(",\"policy\":{\"version\":");
    json_string_print(p->version);
    put_hex(",\"sha256\":\"", p->digest.b, 32, "\"}");
    if (identity != NULL)
        json_identity(identity);
    if (o->explain)
        json_issues(x);
    puts("}");
}

static void explain_print(const struct examination *x)
{
    printf("\nKnown issues, as of " ISSUES_AS_OF ":\n");
    for (size_t i = 0; x->have_report && i < issues_count(); i++) {
        struct issue_answer a;

        issue_judge(i, &x->report, x->product, &a);
        printf("  %-8s %s (%s): %s\n", issue_status_name(a.status), a.name, a.ids, a.why);
    }
}

/* What failed; with --explain everything. What nobody asked is named either way: an accepted report
 * without a measurement says little. */
static void findings_print(const struct judge_options *o, const struct examination *x)
{
    const char *before = "  not asked   ";

    for (size_t i = 0; i < x->n; i++) {
        const struct finding *f = &x->findings[i];

        if (f->outcome == FINDING_FAILED || (o->explain && f->outcome != FINDING_NOT_ASKED))
            printf("  %-11s %s%s%s\n", outcome_text[f->outcome], verdict_name(f->code),
                   f->detail[0] != '\0' ? ": " : "", f->detail);
    }
    for (size_t i = 0; i < x->n; i++) {
        if (x->findings[i].outcome != FINDING_NOT_ASKED)
            continue;
        printf("%s%s", before, verdict_name(x->findings[i].code));
        before = ", ";
    }
    if (*before == ',')
        putchar('\n');
}

static void text_print(const struct judge_options *o, const struct attest_policy *p,
                       const struct examination *x, const char *extra)
{
    printf("%s%s%s%s\n", verdict_class_name(verdict_class(x->verdict)),
           x->verdict == VERDICT_ACCEPT ? "" : ": ",
           x->verdict == VERDICT_ACCEPT ? "" : verdict_name(x->verdict),
           x->simulated ? " (SIMULATED: no processor vouches for this)" : "");
    findings_print(o, x);
    if (x->have_report) {
        printf("  processor   %s\n", snp_product_name(x->product));
        put_hex("  measurement ", x->report.measurement, 48, "\n");
        put_hex("  chip        ", x->report.chip_id, x->product == SNP_TURIN ? 8 : 64, "\n");
    }
    printf("  policy      %s", p->version[0] != '\0' ? p->version : "(unnamed)");
    put_hex(", sha256 ", p->digest.b, 32, "\n");
    if (o->explain)
        explain_print(x);
    if (extra != NULL)
        fputs(extra, stdout);
}

enum exit_code judge_print(const struct judge_options *o, const struct attest_policy *p,
                           uint64_t now_s, const struct examination *x,
                           const struct identity *identity, const char *extra)
{
    static const enum exit_code codes[] = {[CLASS_ACCEPT] = EXIT_ACCEPT,
                                           [CLASS_REJECT] = EXIT_REJECT,
                                           [CLASS_UNSUPPORTED] = EXIT_UNSUPPORTED,
                                           [CLASS_MALFORMED] = EXIT_MALFORMED};

    if (o->json)
        json_print(o, p, now_s, x, identity);
    else
        text_print(o, p, x, extra);
    return codes[verdict_class(x->verdict)];
}
