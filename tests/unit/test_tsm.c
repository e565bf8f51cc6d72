/* configfs-tsm exists only in a confidential guest. Here its rules are played by a small model
 * (entries made by name, a generation that counts writes, a report made at the first read, a
 * provider that may be missing), so that the real client's steps, retries and refusals are seen
 * without the hardware. */
#include "check.h"

#include "cert_table.h"
#include "conf.h"
#include "tsm.h"

#include <stdlib.h>

static struct {
    unsigned made, removed, writes;
    unsigned generation;
    uint8_t inblob[64];
    const char *provider;
    enum err make, write; /* injected failures */
    unsigned taken;       /* so many names are somebody's already */
    char last[48];        /* the name asked for last */
    unsigned intruders;   /* how many exchanges somebody else writes into */
    size_t report_len;
    bool other_data; /* the report answers another request */
    struct view certs;
} model;

static enum err model_make(void *cookie, const char *entry)
{
    (void)cookie;
    CHECK(strlen(entry) > 0);
    if (model.make != ERR_NONE)
        return model.make;
    CHECK(strcmp(entry, model.last) != 0);
    snprintf(model.last, sizeof model.last, "%s", entry);
    if (model.taken > 0) {
        model.taken--;
        return ERR_DUPLICATE;
    }
    model.made++;
    return ERR_NONE;
}

static enum err model_write(void *cookie, const char *entry, const char *attr, struct view v)
{
    (void)cookie;
    (void)entry;
    CHECK(strcmp(attr, "inblob") == 0);
    CHECK_INT(v.len, 64);
    if (model.write != ERR_NONE)
        return model.write;
    memcpy(model.inblob, v.ptr, 64);
    model.generation++;
    model.writes++;
    return ERR_NONE;
}

static enum err model_read(void *cookie, const char *entry, const char *attr, struct buf *out)
{
    static uint8_t report[SNP_REPORT_BYTES + 1];

    (void)cookie;
    (void)entry;
    if (strcmp(attr, "generation") == 0)
        return buf_appendf(out, "%u\n", model.generation);
    if (strcmp(attr, "provider") == 0)
        return buf_appendf(out, "%s\n", model.provider);
    if (strcmp(attr, "auxblob") == 0)
        return buf_append(out, model.certs);
    CHECK(strcmp(attr, "outblob") == 0);
    memcpy(report + SNP_AT_REPORT_DATA, model.inblob, 64);
    report[SNP_AT_REPORT_DATA] ^= model.other_data;
    if (model.intruders > 0) {
        model.intruders--;
        model.generation++;
    }
    return buf_append(out, view_of(report, model.report_len));
}

static void model_remove(void *cookie, const char *entry)
{
    (void)cookie;
    (void)entry;
    model.removed++;
}

static const struct tsm_files files = {model_make, model_write, model_read, model_remove, NULL};

static void model_reset(void)
{
    memset(&model, 0, sizeof model);
    model.provider = "sev_guest";
    model.report_len = SNP_REPORT_BYTES;
}

static enum err ask(struct quote *q)
{
    static const uint8_t data[64] = {1, 2, 3};

    quote_init(q);
    return tsm_report(&files, data, q);
}

#define CASE(setup, want, want_writes)                                                             \
    do {                                                                                           \
        struct quote q_;                                                                           \
        model_reset();                                                                             \
        setup;                                                                                     \
        CHECK_INT(ask(&q_), want);                                                                 \
        CHECK_INT(model.writes, want_writes);                                                      \
        CHECK_INT(model.removed, model.made); /* nothing is left behind */                         \
        CHECK(q_.vek.len == 0 && q_.ask.len == 0);                                                 \
        quote_free(&q_);                                                                           \
    } while (0)

static void run_exchange(void)
{
    CASE((void)0, ERR_NONE, 1);
    CASE(model.generation = 41, ERR_NONE, 1);
    CASE(model.intruders = 2, ERR_NONE, 3);
    CASE(model.intruders = 4, ERR_NONE, 5);
    CASE(model.intruders = 5, ERR_ATTESTATION, 5);
    CASE(model.provider = "tdx_guest", ERR_UNSUPPORTED, 0);
    CASE(model.make = ERR_UNSUPPORTED, ERR_UNSUPPORTED, 0);
    /* a process that was killed left them behind, or one of another container has our number */
    CASE(model.taken = 4, ERR_NONE, 1);
    CASE(model.taken = 5, ERR_IO, 0);
    CASE(model.write = ERR_IO, ERR_IO, 0);
    CASE(model.other_data = true, ERR_ATTESTATION, 1);
    CASE(model.report_len = SNP_REPORT_BYTES - 1, ERR_ATTESTATION, 1);
    CASE(model.report_len = SNP_REPORT_BYTES + 1, ERR_ATTESTATION, 1);
    CASE(model.certs = VIEW_LIT("garbage"), ERR_NONE, 1);
}

/* --- the certificate table */

#define GUID_VCEK "\x63\xda\x75\x8d\xe6\x64\x45\x64\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd"
#define GUID_ASK "\x4a\xb7\xb3\x79\xbb\xac\x4f\xe4\xa0\x2f\x05\xae\xf3\x27\xc7\x82"
#define ZERO24 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void run_table(void)
{
    static const struct view good =
        VIEW_LIT(GUID_ASK "\x48\0\0\0\x02\0\0\0" GUID_VCEK "\x4a\0\0\0\x03\0\0\0" ZERO24 "akvek");
    struct view v;
    struct quote q;

    CHECK_INT(cert_table_find(good, CERT_VCEK, &v), ERR_NONE);
    CHECK(view_eq(v, VIEW_LIT("vek")));
    CHECK_INT(cert_table_find(good, CERT_ASK, &v), ERR_NONE);
    CHECK(view_eq(v, VIEW_LIT("ak")));
    model_reset();
    model.certs = good;
    CHECK_INT(ask(&q), ERR_NONE);
    CHECK(view_eq(buf_view(&q.vek), VIEW_LIT("vek")) && view_eq(buf_view(&q.ask), VIEW_LIT("ak")));
    quote_free(&q);
    CHECK_INT(cert_table_find(VIEW_EMPTY, CERT_VCEK, &v), ERR_NOT_FOUND);
    CHECK_INT(cert_table_find(VIEW_LIT(ZERO24), CERT_VCEK, &v), ERR_NOT_FOUND);
    /* no end; one byte too far; an offset and a length whose sum wraps 32 bits */
    CHECK_INT(cert_table_find(view_of(good.ptr, 24), CERT_VCEK, &v), ERR_FORMAT);
    CHECK_INT(cert_table_find(view_of(good.ptr, good.len - 1), CERT_VCEK, &v), ERR_FORMAT);
    CHECK_INT(
        cert_table_find(VIEW_LIT(GUID_VCEK "\x10\0\0\0\xf8\xff\xff\xff" ZERO24), CERT_VCEK, &v),
        ERR_FORMAT);
}

/* The table of a real host, where the shared fixtures are. */
static void run_real_table(void)
{
    const char *root = getenv("TR_FIXTURES");
    char path[300];
    struct buf table, vcek;
    struct view v;

    buf_init(&table, 64 << 10);
    buf_init(&vcek, 64 << 10);
    for (int i = 0; i < 2; i++) {
        static const char *const names[] = {"genoa_v3_yaxi", "turin_v5_oak"};

        buf_reset(&table);
        buf_reset(&vcek);
        snprintf(path, sizeof path, "%s/snp/real/%s/certtable.bin",
                 root != NULL ? root : "../shared/fixtures", names[i]);
        if (conf_read_file(path, 64 << 10, &table) != ERR_NONE) {
            printf("# no shared fixtures: the real certificate tables are not read\n");
            break;
        }
        snprintf(path, sizeof path, "tests/fixtures/snp/real/%s/vcek.der", names[i]);
        CHECK_INT(conf_read_file(path, 64 << 10, &vcek), ERR_NONE);
        CHECK_INT(cert_table_find(buf_view(&table), CERT_VCEK, &v), ERR_NONE);
        CHECK(view_eq(v, buf_view(&vcek)));
    }
    buf_free(&table);
    buf_free(&vcek);
}

static const struct check_case cases[] = {
    {"tsm_exchange", run_exchange},
    {"tsm_cert_table", run_table},
    {"tsm_real_cert_table", run_real_table},
};
CHECK_MAIN(cases)
