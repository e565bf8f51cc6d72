/* Sealing keys: what a customer seals opens here and nowhere else, a damaged one opens nowhere; and another boot gets
 * our keys only when its own evidence says that it is this program, launched like this one, on a processor that is no
 * worse. Each way to be another one is a case, beside those that are the same. */
#include "check.h"

#include "clock.h"
#include "conf.h"
#include "identity.h"
#include "seal_peer.h"
#include "seal_ring.h"
#include "sim/sim.h"
#include "tls.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t made_s; /* the simulator's certificates and the identities begin with the real one */
static char dir[] = "/tmp/test_seal.XXXXXX";
static struct quote_source *source, *other_program, *other_machine;
static struct buf root;
static struct identity_keys *ours, *theirs;
static uint8_t own_report[SNP_REPORT_BYTES];

static struct identity_keys *keys_of(const char *audience, uint8_t config, uint8_t cp, bool simulated, bool unlocked)
{
    const struct identity_config c = {.audience = audience,
                                      .config_sha256 = {{config}},
                                      .cp_spki_sha256 = {{cp}},
                                      .simulated = simulated,
                                      .unlocked_memory = unlocked};
    struct identity_keys *k;

    CHECK_INT(identity_keys_new(&c, &k), ERR_NONE);
    return k;
}

static void root_read(const char *of)
{
    char path[96];
    uint8_t der[8192];
    struct buf pem;
    X509 *cert = NULL;
    size_t len = 0;

    snprintf(path, sizeof path, "%s/ark.pem", of);
    buf_init(&pem, 16384);
    buf_init(&root, 8192);
    CHECK_INT(conf_read_file(path, 16384, &pem), ERR_NONE);
    CHECK_INT(tls_cert_from_pem(buf_view(&pem), &cert), ERR_NONE);
    CHECK_INT(tls_cert_der(cert, der, sizeof der, &len), ERR_NONE);
    CHECK_INT(buf_append(&root, view_of(der, len)), ERR_NONE);
    X509_free(cert);
    buf_free(&pem);
}

static void setup(void)
{
    const struct digest48 measurement = {{7}}, another = {{8}};
    const uint8_t report_data[64] = {0};
    char one[64], two[64];
    struct quote q;
    struct buf why;

    snprintf(one, sizeof one, "%s/one", dir);
    snprintf(two, sizeof two, "%s/two", dir);
    made_s = clock_unix_ms() / 1000;
    buf_init(&why, 200);
    CHECK_INT(quote_backend.make_platform(one, &why), ERR_NONE);
    CHECK_INT(quote_backend.make_platform(two, &why), ERR_NONE);
    CHECK_INT(quote_backend.open(one, &measurement, &source, &why), ERR_NONE);
    CHECK_INT(quote_backend.open(one, &another, &other_program, &why), ERR_NONE);
    CHECK_INT(quote_backend.open(two, &measurement, &other_machine, &why), ERR_NONE);
    buf_free(&why);
    root_read(one);
    ours = keys_of("api.test", 1, 2, true, false);
    theirs = keys_of("api.test", 1, 2, true, false);
    quote_init(&q);
    CHECK_INT(quote_backend.get(source, report_data, &q), ERR_NONE);
    memcpy(own_report, q.report, sizeof own_report);
    quote_free(&q);
}

/* --- the ring */

static void seal_to(const struct identity_keys *to, const char *text, struct buf *out)
{
    const struct identity *i = identity_document(to);
    size_t n = strlen(text);

    buf_init(out, 256);
    CHECK_INT(buf_reserve(out, n + crypto_box_SEALBYTES), ERR_NONE);
    CHECK_INT(crypto_box_seal(out->ptr, (const uint8_t *)text, n, i->seal_x25519), 0);
    out->len = n + crypto_box_SEALBYTES;
}

static enum err open_with(const struct seal_ring *r, const struct identity_keys *of, struct view sealed)
{
    uint8_t id[SEAL_ID_BYTES];
    struct buf plain;
    enum err e;

    seal_id(identity_document(of)->seal_x25519, id);
    buf_init(&plain, 256);
    e = seal_ring_open(r, id, sealed, &plain);
    CHECK(e == ERR_NONE ? view_eq(buf_view(&plain), VIEW_LIT("secret")) : plain.len == 0);
    buf_free(&plain);
    return e;
}

static void opens_here_only(void)
{
    struct seal_ring *a, *b;
    struct buf sealed, cut;

    CHECK_INT(seal_ring_new(ours, &a), ERR_NONE);
    CHECK_INT(seal_ring_new(theirs, &b), ERR_NONE);
    seal_to(ours, "secret", &sealed);
    CHECK_INT(open_with(a, ours, buf_view(&sealed)), ERR_NONE);
    CHECK_INT(open_with(b, ours, buf_view(&sealed)), ERR_NOT_FOUND); /* has no such key */
    CHECK_INT(open_with(b, theirs, buf_view(&sealed)), ERR_CRYPTO);  /* says another one */
    for (size_t n = 0; n < sealed.len; n++)
        CHECK_INT(open_with(a, ours, view_of(sealed.ptr, n)), ERR_CRYPTO);
    for (size_t n = 0; n < sealed.len; n++) {
        sealed.ptr[n] ^= 1;
        CHECK_INT(open_with(a, ours, buf_view(&sealed)), ERR_CRYPTO);
        sealed.ptr[n] ^= 1;
    }
    buf_init(&cut, 5);
    CHECK_INT(seal_ring_open(a, (uint8_t[SEAL_ID_BYTES]){0}, buf_view(&sealed), &cut), ERR_NOT_FOUND);
    buf_free(&cut);
    buf_free(&sealed);
    seal_ring_free(a);
    seal_ring_free(b);
}

static void give(const struct seal_ring *from, const struct identity_keys *to, struct seal_ring *into, enum err want, bool news)
{
    struct buf out;
    bool more;

    buf_init(&out, LIMIT_SEAL_GIVE_BYTES);
    CHECK_INT(seal_ring_give(from, identity_document(to)->hpke_x25519, &out), ERR_NONE);
    CHECK_INT(seal_ring_take(into, to, buf_view(&out), &more), want);
    CHECK(more == news);
    buf_free(&out);
}

static void given_away(void)
{
    struct seal_ring *a, *b, *c;
    struct buf sealed, to_a;
    bool more = true;

    CHECK_INT(seal_ring_new(ours, &a), ERR_NONE);
    CHECK_INT(seal_ring_new(theirs, &b), ERR_NONE);
    CHECK_INT(seal_ring_new(theirs, &c), ERR_NONE);
    seal_to(ours, "secret", &sealed);
    give(a, theirs, b, ERR_NONE, true);
    CHECK_INT(seal_ring_count(b), 2);
    give(a, theirs, b, ERR_NONE, false); /* again: nothing new */
    CHECK_INT(seal_ring_count(b), 2);
    CHECK_INT(open_with(b, ours, buf_view(&sealed)), ERR_NONE);
    seal_ring_free(a); /* its boot has ended */
    give(b, theirs, c, ERR_NONE, true);
    CHECK_INT(open_with(c, ours, buf_view(&sealed)), ERR_NONE);
    /* What was sealed to another boot, and what is cut, is not taken. */
    buf_init(&to_a, LIMIT_SEAL_GIVE_BYTES);
    CHECK_INT(seal_ring_give(b, identity_document(ours)->hpke_x25519, &to_a), ERR_NONE);
    CHECK_INT(seal_ring_take(c, theirs, buf_view(&to_a), &more), ERR_CRYPTO);
    CHECK_INT(seal_ring_take(c, ours, view_of(to_a.ptr, to_a.len - 1), &more), ERR_CRYPTO);
    CHECK(!more);
    CHECK_INT(seal_ring_count(c), 2);
    buf_free(&to_a);
    buf_free(&sealed);
    seal_ring_free(b);
    seal_ring_free(c);
}

/* The oldest of the others' makes way; our own stays. */
static void full(void)
{
    struct identity_keys *many[LIMIT_SEAL_KEYS + 1];
    struct seal_ring *r, *one;
    struct buf sealed;

    CHECK_INT(seal_ring_new(ours, &r), ERR_NONE);
    for (size_t i = 0; i <= LIMIT_SEAL_KEYS; i++) {
        many[i] = keys_of("api.test", 1, 2, true, false);
        CHECK_INT(seal_ring_new(many[i], &one), ERR_NONE);
        give(one, ours, r, ERR_NONE, true); /* also when one makes way for it */
        seal_ring_free(one);
    }
    CHECK_INT(seal_ring_count(r), LIMIT_SEAL_KEYS);
    for (size_t i = 0; i <= LIMIT_SEAL_KEYS; i++) {
        seal_to(many[i], "secret", &sealed);
        CHECK_INT(open_with(r, many[i], buf_view(&sealed)), i < 2 ? ERR_NOT_FOUND : ERR_NONE);
        buf_free(&sealed);
    }
    seal_to(ours, "secret", &sealed);
    CHECK_INT(open_with(r, ours, buf_view(&sealed)), ERR_NONE);
    /* A boot that has just begun has room for all of them but one: the oldest, never the giver's own. */
    CHECK_INT(seal_ring_new(theirs, &one), ERR_NONE);
    give(r, theirs, one, ERR_NONE, true);
    CHECK_INT(seal_ring_count(one), LIMIT_SEAL_KEYS);
    CHECK_INT(open_with(one, ours, buf_view(&sealed)), ERR_NONE);
    buf_free(&sealed);
    for (size_t i = 2; i <= LIMIT_SEAL_KEYS; i++) {
        seal_to(many[i], "secret", &sealed);
        CHECK_INT(open_with(one, many[i], buf_view(&sealed)), i == 2 ? ERR_NOT_FOUND : ERR_NONE);
        buf_free(&sealed);
    }
    for (size_t i = 0; i <= LIMIT_SEAL_KEYS; i++)
        identity_keys_free(many[i]);
    seal_ring_free(one);
    seal_ring_free(r);
}

/* --- to whom */

/* The evidence of k from this source, then what the case does to it. */
struct told {
    struct quote q;
    struct msg_seal_ask ask;
    struct buf identity;
};

static void tell(struct told *t, struct quote_source *s, const struct identity_keys *k)
{
    uint8_t report_data[64];

    quote_init(&t->q);
    buf_init(&t->identity, IDENTITY_MAX_BYTES);
    CHECK_INT(buf_append(&t->identity, identity_text(k)), ERR_NONE);
    t->ask = (struct msg_seal_ask){.leaf = {{9}}};
    evidence_report_data(identity_text(k), &t->ask.leaf, report_data);
    CHECK_INT(quote_backend.get(s, report_data, &t->q), ERR_NONE);
    t->ask.evidence = (struct msg_evidence){.identity = buf_view(&t->identity),
                                            .report = view_of(t->q.report, sizeof t->q.report),
                                            .vek = buf_view(&t->q.vek),
                                            .ask = buf_view(&t->q.ask)};
}

static void told_free(struct told *t)
{
    quote_free(&t->q);
    buf_free(&t->identity);
}

static enum seal_verdict judge_at(const struct told *t, uint64_t now_s)
{
    const struct seal_own own = {identity_document(ours), own_report, buf_view(&root)};
    struct identity who;

    return seal_peer_judge(&own, &t->ask, now_s, &who);
}

static enum seal_verdict judged(struct quote_source *s, const struct identity_keys *k)
{
    enum seal_verdict v;
    struct told t;

    tell(&t, s, k);
    v = judge_at(&t, made_s);
    told_free(&t);
    return v;
}

static void same_program(void)
{
    CHECK_INT(judged(source, theirs), SEAL_GOOD);
    CHECK_INT(judged(source, ours), SEAL_GOOD);
}

/* Part by part: one that is older than ours is enough. */
static void firmware(void)
{
    struct sim_knobs k = sim_knobs();

    for (int part = SNP_BOOTLOADER; part < SNP_PART_COUNT; part++)
        for (int newer = -1; newer <= 1; newer++) {
            struct snp_tcb tcb = k.reported;

            if (tcb.part[part] == 0 && newer < 0)
                continue; /* nothing is older */
            tcb.part[part] = (uint8_t)(tcb.part[part] + newer);
            snp_tcb_store(SNP_GENOA, &tcb, own_report + SNP_AT_REPORTED_TCB);
            CHECK_INT(judged(source, theirs), newer > 0 ? SEAL_TCB : SEAL_GOOD);
        }
    snp_tcb_store(SNP_GENOA, &k.reported, own_report + SNP_AT_REPORTED_TCB);
}

static void another_launch(void)
{
    static const struct {
        const char *what;
        enum seal_verdict want;
    } names[] = {{"guest policy", SEAL_MEASUREMENT}, {"security version", SEAL_MEASUREMENT},
                 {"VMPL", SEAL_MEASUREMENT}};

    CHECK_INT(judged(other_program, theirs), SEAL_MEASUREMENT);
    CHECK_INT(judged(other_machine, theirs), SEAL_PLATFORM); /* not our root */
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct sim_knobs k = sim_knobs();

        if (i == 0)
            k.guest_policy |= SNP_POLICY_DEBUG;
        if (i == 1)
            k.guest_svn++;
        if (i == 2)
            k.vmpl = 1;
        sim_set_knobs(source, &k);
        if (judged(source, theirs) != names[i].want)
            printf("# %s\n", names[i].what);
        CHECK_INT(judged(source, theirs), names[i].want);
    }
    struct sim_knobs honest = sim_knobs();
    sim_set_knobs(source, &honest);
}

static void another_configuration(void)
{
    const struct {
        struct identity_keys *k;
        enum seal_verdict want;
    } cases[] = {
        {keys_of("api.other", 1, 2, true, false), SEAL_CONFIG}, {keys_of("api.test", 9, 2, true, false), SEAL_CONFIG},
        {keys_of("api.test", 1, 9, true, false), SEAL_CONFIG},  {keys_of("api.test", 1, 2, false, false), SEAL_PLATFORM},
        {keys_of("api.test", 1, 2, true, true), SEAL_CONFIG},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(judged(source, cases[i].k), cases[i].want);
        identity_keys_free(cases[i].k);
    }
}

static void lies(void)
{
    struct told t;

    tell(&t, source, theirs);
    CHECK_INT(judge_at(&t, made_s), SEAL_GOOD);
    CHECK_INT(judge_at(&t, identity_document(theirs)->not_after_s), SEAL_EXPIRED);
    t.ask.leaf.b[0] ^= 1;
    CHECK_INT(judge_at(&t, made_s), SEAL_PLATFORM);
    t.ask.leaf.b[0] ^= 1;
    /* Somebody else's key in the document: the report is of another document. */
    for (size_t i = 0; i < t.identity.len; i += 53) {
        t.identity.ptr[i] ^= 1;
        CHECK(judge_at(&t, made_s) != SEAL_GOOD);
        t.identity.ptr[i] ^= 1;
    }
    for (size_t i = 0; i < sizeof t.q.report; i += 29) {
        t.q.report[i] ^= 1;
        CHECK(judge_at(&t, made_s) != SEAL_GOOD || i >= SNP_AT_S + SNP_SCALAR_BYTES);
        t.q.report[i] ^= 1;
    }
    t.ask.evidence.report.len--;
    CHECK_INT(judge_at(&t, made_s), SEAL_MALFORMED);
    t.ask.evidence.report.len++;
    t.ask.evidence.vek = VIEW_EMPTY;
    CHECK_INT(judge_at(&t, made_s), SEAL_PLATFORM);
    CHECK_INT(strcmp(seal_verdict_name(SEAL_PLATFORM), "platform"), 0);
    told_free(&t);
}

static const struct check_case cases[] = {
    {"seal_opens_here_only", opens_here_only}, {"seal_given_away", given_away},
    {"seal_full", full},                       {"seal_same_program", same_program},
    {"seal_firmware", firmware},
    {"seal_another_launch", another_launch},   {"seal_another_configuration", another_configuration},
    {"seal_lies", lies},
};

int main(int argc, char **argv)
{
    int failed;

    if (secret_init() != ERR_NONE || mkdtemp(dir) == NULL)
        return 1;
    setup();
    failed = check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
    quote_backend.close(source);
    quote_backend.close(other_program);
    quote_backend.close(other_machine);
    identity_keys_free(ours);
    identity_keys_free(theirs);
    buf_free(&root);
    return failed;
}
