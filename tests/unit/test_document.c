/* The public attestation document is written by the data plane and read by strangers: what one
 * writes the other reads back byte for byte, and no second spelling of it is taken. */
#include "document.h"

#include "check.h"

#include <stdlib.h>

#include "vectors.h" /* the last: it gives names of the verifier another meaning */

static uint8_t report[SNP_REPORT_BYTES];
static const char identity[] = "{\"audience\":\"a\"}";

static struct attest_document sample(void)
{
    struct attest_document d = {
        .binding = ATTEST_BINDING_TLS_EXPORTER,
        .identity = view_str(identity),
        .index = 2,
        .size = 3,
        .report = view_of(report, sizeof report),
        .vek = VIEW_LIT("vek"),
        .ask = VIEW_LIT("ask!"),
        .release_leaf = VIEW_LIT("{\"version\":\"1\"}"),
        .release_proof = VIEW_LIT("c2sp.org/tlog-proof@v1\nindex 0\n\nlog\n"),
    };

    for (size_t i = 0; i < sizeof report; i++)
        report[i] = (uint8_t)i;
    memset(d.nonce, 0xab, sizeof d.nonce);
    d.path.n = 1;
    memset(d.path.hashes[0].b, 0xcd, 32);
    return d;
}

static enum err decode(struct view text, struct attest_document *d, struct buf *store)
{
    buf_init(store, ATTEST_STORE_MAX);
    return attest_document_decode(text, store, d);
}

static void round_trip(void)
{
    struct attest_document d = sample(), back;
    struct buf text, again, store;

    for (int variant = 0; variant < 3; variant++) {
        if (variant == 1)
            d.release_leaf = d.release_proof = VIEW_EMPTY;
        if (variant == 2) {
            d.binding = ATTEST_BINDING_NONE;
            d.ask = VIEW_EMPTY;
            d.ark = VIEW_LIT("ark");
        }
        buf_init(&text, ATTEST_DOCUMENT_MAX);
        buf_init(&again, ATTEST_DOCUMENT_MAX);
        CHECK_INT(attest_document_encode(&d, &text), ERR_NONE);
        CHECK_INT(decode(buf_view(&text), &back, &store), ERR_NONE);
        CHECK_BYTES(back.report.ptr, back.report.len, report, sizeof report);
        CHECK_BYTES(back.identity.ptr, back.identity.len, identity, sizeof identity - 1);
        CHECK_BYTES(back.release_proof.ptr, back.release_proof.len, d.release_proof.ptr,
                    d.release_proof.len);
        CHECK_INT(back.index, 2);
        CHECK_INT(back.size, 3);
        CHECK_INT(back.binding, d.binding);
        CHECK_INT(attest_document_encode(&back, &again), ERR_NONE);
        CHECK_BYTES(again.ptr, again.len, text.ptr, text.len);
        buf_free(&text);
        buf_free(&again);
        buf_free(&store);
    }
}

static void encode_bounds(void)
{
    static uint8_t big[ATTEST_RELEASE_LEAF_MAX + 1];
    struct attest_document good = sample(), d;
    struct buf out;

    buf_init(&out, ATTEST_DOCUMENT_MAX);
    d = good;
    d.index = 3;
    CHECK_INT(attest_document_encode(&d, &out), ERR_FORMAT);
    d = good;
    d.report.len--;
    CHECK_INT(attest_document_encode(&d, &out), ERR_FORMAT);
    d = good;
    d.size = ATTEST_BATCH_MAX + 1;
    CHECK_INT(attest_document_encode(&d, &out), ERR_LIMIT);
    d = good;
    d.vek = view_of(big, ATTEST_CERT_MAX + 1);
    CHECK_INT(attest_document_encode(&d, &out), ERR_LIMIT);
    d = good;
    d.release_leaf = view_of(big, sizeof big);
    CHECK_INT(attest_document_encode(&d, &out), ERR_LIMIT);
    CHECK_INT(out.len, 0);
    buf_free(&out);
    buf_init(&out, 100);
    CHECK_INT(attest_document_encode(&good, &out), ERR_LIMIT);
    CHECK_INT(out.len, 0);
    buf_free(&out);
}

/* Each edit of a good document is refused. */
static void edits(void)
{
    static const struct {
        const char *find, *with;
    } cases[] = {
        {"tr-attestation/v1", "tr-attestation/v2"},
        {"\"nonce\":\"ab", "\"nonce\":\"AB"},
        {"\"nonce\":\"ab", "\"nonce\":\"b"},
        {"\"binding\":\"tls-exporter\"", "\"binding\":\"tls-unique\""},
        {"\"binding\":\"tls-exporter\"", "\"binding\":null"},
        {"\"binding\":\"tls-exporter\",", ""},
        {"\"binding\":", "\"binding\":\"none\",\"binding\":"},
        {"\"binding\":", "\"b\\u0069nding\":\"none\",\"binding\":"},
        {"\"binding\":", "\"extra\":1,\"binding\":"},
        {"\"index\":2", "\"index\":3"},
        {"\"index\":2", "\"index\":-1"},
        {"\"index\":2", "\"index\":2.0"},
        {"\"index\":2", "\"index\":\"2\""},
        {"\"size\":3", "\"size\":3,\"size\":3"},
        {"\"size\":3", "\"size\":257"},
        {"\"path\":[", "\"path\":[7,"},
        {"\"path\":[\"cd", "\"path\":[\"CD"},
        {"\"path\":[", "\"path\":{"},
        {"\"vek\":\"dmVr\"", "\"vek\":\"dmVr=\""},
        {"\"vek\":\"dmVr\"", "\"vek\":\"\""},
        {"\"vek\":\"dmVr\"", "\"vek\":\"dmV\\u0072\""},
        {"\"vek\":\"dmVr\",", ""},
        {"\"ask\":\"YXNrIQ==\"", "\"ask\":\"YXNrIR==\""},
        {"\"ask\":\"YXNrIQ==\"", "\"ask\":\"YXNrIQ\""},
        {"\"ask\":", "\"asvk\":\"YXNr\",\"ask\":"},
        {"\"report\":\"", "\"report\":\"AAAA"},
        {"\"proof\":\"", "\"proof\":\"\\ud800"},
        {",\"proof\":", ",\"roof\":"},
        {"{\"format\"", "[{\"format\""},
        {"{\"format\"", "x{\"format\""},
    };
    struct attest_document d = sample(), back;
    struct buf text, store, edited;

    buf_init(&text, ATTEST_DOCUMENT_MAX);
    CHECK_INT(attest_document_encode(&d, &text), ERR_NONE);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint8_t *at = memmem(text.ptr, text.len, cases[i].find, strlen(cases[i].find));
        struct view head, rest = buf_view(&text);

        if (at == NULL || !view_take(&rest, (size_t)(at - text.ptr), &head)) {
            check_fail(__FILE__, __LINE__, cases[i].find);
            continue;
        }
        rest = view_from(rest, strlen(cases[i].find));
        buf_init(&edited, ATTEST_DOCUMENT_MAX);
        CHECK_INT(buf_append(&edited, head), ERR_NONE);
        CHECK_INT(buf_append(&edited, view_str(cases[i].with)), ERR_NONE);
        CHECK_INT(buf_append(&edited, rest), ERR_NONE);
        if (decode(buf_view(&edited), &back, &store) == ERR_NONE)
            check_fail(__FILE__, __LINE__, cases[i].with);
        buf_free(&store);
        buf_free(&edited);
    }
    for (size_t n = 0; n < text.len; n += 1 + n / 50) {
        CHECK(decode(view_of(text.ptr, n), &back, &store) != ERR_NONE);
        buf_free(&store);
    }
    CHECK_INT(buf_append_byte(&text, '}'), ERR_NONE);
    CHECK(decode(buf_view(&text), &back, &store) != ERR_NONE);
    buf_free(&store);
    buf_free(&text);
}

/* A batch of nonces under one root: each document leads to the same REPORT_DATA, and none does with
 * another's nonce, exporter or place. */
static enum err read_leaf(void *cookie, unsigned level, uint64_t index, struct digest32 *out)
{
    const struct digest32 *leaves = cookie;

    if (level == 0) {
        *out = leaves[index];
        return ERR_NONE;
    }
    tlog_node_hash(&leaves[2 * index], &leaves[2 * index + 1], out);
    return level == 1 ? ERR_NONE : ERR_BUG;
}

static void batch(void)
{
    struct attest_document d = sample();
    uint8_t cb[3][32] = {{1}, {2}, {3}}, nonces[3][32] = {{4}, {5}, {6}}, want[64], got[64];
    struct digest32 leaves[4], root;
    struct tlog_edge edge = {.size = 0};

    for (size_t i = 0; i < 3; i++) {
        evidence_leaf(EVIDENCE_PUBLIC, nonces[i], cb[i], &leaves[i]);
        tlog_append(&edge, &leaves[i], NULL, NULL);
    }
    tlog_root(&edge, &root);
    evidence_report_data(d.identity, &root, want);
    for (size_t i = 0; i < 3; i++) {
        d.size = 3;
        d.index = i;
        CHECK_INT(tlog_prove_inclusion(3, i, read_leaf, leaves, &d.path), ERR_NONE);
        memcpy(d.nonce, nonces[i], 32);
        CHECK(attest_document_report_data(&d, cb[i], got));
        CHECK_BYTES(got, 64, want, 64);
        CHECK(attest_document_report_data(&d, cb[(i + 1) % 3], got));
        CHECK(memcmp(got, want, 64) != 0);
        d.nonce[31] ^= 1;
        CHECK(attest_document_report_data(&d, cb[i], got));
        CHECK(memcmp(got, want, 64) != 0);
        d.nonce[31] ^= 1;
        d.binding = ATTEST_BINDING_NONE; /* and then the exporter is not this connection's */
        CHECK(attest_document_report_data(&d, cb[i], got));
        CHECK(memcmp(got, want, 64) != 0);
        d.binding = ATTEST_BINDING_TLS_EXPORTER;
        d.size = 5;
        CHECK(!attest_document_report_data(&d, cb[i], got) || memcmp(got, want, 64) != 0);
    }
}

static const struct check_case cases[] = {
    {"document_round_trip", round_trip},
    {"document_encode_bounds", encode_bounds},
    {"document_edits", edits},
    {"document_batch", batch},
};

int main(int argc, char **argv)
{
    return secret_init() == ERR_NONE ? check_main(cases, sizeof cases / sizeof cases[0], argc, argv)
                                     : 1;
}
