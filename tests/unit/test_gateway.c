/* `tr-verify gateway` decides whether a prompt may be sent: here it meets an honest gateway, a
 * relay that holds the gateway's own TLS key but ends the connection itself (N16), and gateways
 * that lie in each other way. The same answers are judged again offline by `tr-verify bundle`. The
 * server speaks over a real socket; the evidence is the simulator's. */
#include "attestation/tools/command.c"
#include "attestation/tools/https_answer.c"
#include "attestation/tools/https.c"
#include "attestation/tools/judge.c"
#include "attestation/tools/cmd_gateway.c"

#include "check.h"
#include "conf.h"

#include "document.h"
#include "evidence.h"
#include "gateway_parts.h"
#include "quote.h"
#include "sim/sim.h"
#include "tlog_proof.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sodium.h>
#include <sys/stat.h>

static const uint64_t now_s = 1796000000;
static struct quote_source *source;
static EVP_PKEY *tls_key;
static X509 *tls_cert;

/* --- a gateway */

enum lie {
    HONEST,
    HONEST_CHUNKED,
    HONEST_BATCH,     /* one report for three nonces */
    RELAYED,          /* the right key, but the evidence is of another connection */
    OTHER_NONCE,      /* recorded evidence, with its own nonce */
    NONCE_RELABELLED, /* and this nonce written over it */
    UNBOUND,          /* the exporter's place left empty, and said so */
    OTHER_KEY,        /* the document names another TLS key */
    OTHER_AUDIENCE,
    OUTDATED,
    NOT_SIMULATED, /* the document does not admit the simulator */
    DEBUG_GUEST,
    BROKEN_DOCUMENT,
    BROKEN_IDENTITY,
    STATUS_503,
    NOT_HTTP,
    CUT_SHORT,
    LOGGED_BATCH,     /* as LOGGED_BOOT, and one report for three nonces */
    LOGGED_BOOT,      /* a log proof of exactly this boot */
    LOGGED_RELEASE,   /* of the release that has the measurement */
    LOGGED_OTHER,     /* of another boot */
    LOGGED_ELSEWHERE, /* by another log */
};

struct gateway {
    int fd;
    char url[64];
    enum lie lie;
    pthread_t thread;
};

static struct identity identity_of(enum lie lie)
{
    struct identity i = {.audience = "api.test", .not_after_s = now_s + 3600, .simulated = true};

    CHECK_INT(tls_spki_sha256(tls_key, &i.tls_spki_sha256), ERR_NONE);
    if (lie == OTHER_KEY)
        i.tls_spki_sha256.b[0] ^= 1;
    if (lie == OTHER_AUDIENCE)
        strcpy(i.audience, "api.other");
    if (lie == OUTDATED)
        i.not_after_s = now_s;
    if (lie == NOT_SIMULATED)
        i.simulated = false;
    return i;
}

/* The leaf of this request, and for a batch its way to the root over two others'. */
static void batch_fill(struct attest_document *d, const uint8_t cb[static 32], bool batch,
                       struct digest32 *root)
{
    static const uint8_t other[2][32] = {{1}, {2}};
    struct digest32 leaf, neighbour;

    d->index = 0;
    d->size = 1;
    evidence_leaf(EVIDENCE_PUBLIC, d->nonce, cb, &leaf);
    *root = leaf;
    if (!batch)
        return;
    evidence_leaf(EVIDENCE_PUBLIC, other[0], other[0], &neighbour);
    evidence_leaf(EVIDENCE_PUBLIC, other[1], other[1], &d->path.hashes[1]);
    d->path.hashes[0] = neighbour;
    d->path.n = 2;
    d->size = 3;
    tlog_node_hash(&leaf, &neighbour, root);
    tlog_node_hash(root, &d->path.hashes[1], root);
}

static void logged_fill(enum lie lie, struct attest_document *d, char statement[static 2048],
                        struct buf *proof)
{
    struct digest32 identity;
    char sha[65], measurement[97];
    uint8_t measured[48];

    if (lie == LOGGED_RELEASE) {
        release_text(0x22, true, now_s + 1, statement);
    } else {
        memset(measured, 0x22, sizeof measured);
        hex_encode(measured, 48, measurement);
        digest_sha256(d->identity, &identity);
        identity.b[0] ^= lie == LOGGED_OTHER;
        hex_encode(identity.b, 32, sha);
        snprintf(statement, 2048,
                 "{\"identity_sha256\":\"%s\",\"measurement\":\"%s\",\"purpose\":\"tr.boot.v1\"}",
                 sha, measurement);
    }
    log_prove(view_str(statement), lie == LOGGED_ELSEWHERE, proof);
    d->release_leaf = view_str(statement);
    d->release_proof = buf_view(proof);
}

static void document_make(enum lie lie, const uint8_t nonce[static 32], const uint8_t cb[static 32],
                          struct buf *out)
{
    static const uint8_t nobody[32];
    struct identity i = identity_of(lie);
    struct attest_document d = {.binding = ATTEST_BINDING_TLS_EXPORTER};
    struct sim_knobs k = sim_knobs();
    uint8_t bound[32], report_data[64];
    char statement[2048];
    struct digest32 root;
    struct buf text, proof;
    struct quote q;

    memcpy(bound, cb, 32);
    memcpy(d.nonce, nonce, 32);
    if (lie == RELAYED)
        bound[0] ^= 1; /* the exporter of the relay's own connection to the gateway */
    if (lie == OTHER_NONCE || lie == NONCE_RELABELLED)
        d.nonce[0] ^= 1;
    if (lie == UNBOUND) {
        d.binding = ATTEST_BINDING_NONE;
        memcpy(bound, nobody, 32);
    }
    if (lie == DEBUG_GUEST)
        k.guest_policy |= SNP_POLICY_DEBUG;
    buf_init(&text, IDENTITY_MAX_BYTES);
    quote_init(&q);
    CHECK_INT(identity_encode(&i, &text), ERR_NONE);
    if (lie == BROKEN_IDENTITY)
        CHECK_INT(buf_append_byte(&text, ' '), ERR_NONE);
    d.identity = buf_view(&text);
    batch_fill(&d, bound, lie == HONEST_BATCH || lie == LOGGED_BATCH, &root);
    evidence_report_data(d.identity, &root, report_data);
    sim_set_knobs(source, &k);
    CHECK_INT(quote_backend.get(source, report_data, &q), ERR_NONE);
    d.report = view_of(q.report, sizeof q.report);
    d.vek = buf_view(&q.vek);
    d.ask = buf_view(&q.ask);
    if (lie == NONCE_RELABELLED)
        memcpy(d.nonce, nonce, 32);
    buf_init(&proof, 4096);
    if (lie >= LOGGED_BATCH)
        logged_fill(lie, &d, statement, &proof);
    CHECK_INT(attest_document_encode(&d, out), ERR_NONE);
    buf_free(&proof);
    if (lie == BROKEN_DOCUMENT)
        out->ptr[2] ^= 1;
    quote_free(&q);
    buf_free(&text);
}

static void answer_make(enum lie lie, struct view body, struct buf *out)
{
    enum err e = ERR_NONE;

    if (lie == NOT_HTTP)
        e = buf_append(out, VIEW_LIT("SSH-2.0-OpenSSH\r\n\r\n"));
    else if (lie == STATUS_503)
        e = buf_append(out, VIEW_LIT("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"));
    else if (lie == HONEST_CHUNKED)
        e = buf_appendf(out,
                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n%.7s\r\n%zx\r\n"
                        "%.*s\r\n0\r\n\r\n",
                        (const char *)body.ptr, body.len - 7, (int)(body.len - 7),
                        (const char *)body.ptr + 7);
    else
        e = buf_appendf(out, "HTTP/1.1 200 OK\r\ncontent-length: %zu\r\n\r\n%.*s", body.len,
                        (int)(lie == CUT_SHORT ? body.len - 1 : body.len), (const char *)body.ptr);
    CHECK_INT(e, ERR_NONE);
}

static void *gateway_serve(void *cookie)
{
    struct gateway *g = cookie;
    uint8_t nonce[32], cb[32];
    char request[4096] = "", *at;
    struct buf body, answer;
    SSL_CTX *ctx = NULL;
    SSL *ssl;
    int fd = accept(g->fd, NULL, NULL), n;

    buf_init(&body, ATTEST_DOCUMENT_MAX);
    buf_init(&answer, 2 * ATTEST_DOCUMENT_MAX);
    CHECK_INT(tls_server_ctx(tls_key, tls_cert, &ctx), ERR_NONE);
    ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1 && (n = SSL_read(ssl, request, sizeof request - 1)) > 0) {
        request[n] = '\0';
        at = strstr(request, "GET /attestation?nonce=");
        CHECK(at != NULL && strstr(request, "&binding=tls-exporter HTTP/1.1\r\nHost: ") != NULL);
        CHECK_INT(tls_exporter(ssl, cb), ERR_NONE);
        if (at != NULL && hex_decode(view_of(at + 23, 64), nonce, 32) == ERR_NONE) {
            document_make(g->lie, nonce, cb, &body);
            answer_make(g->lie, buf_view(&body), &answer);
            CHECK(SSL_write(ssl, answer.ptr, (int)answer.len) == (int)answer.len);
        }
    }
    SSL_shutdown(ssl);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    buf_free(&body);
    buf_free(&answer);
    return NULL;
}

static void gateway_start(struct gateway *g, enum lie lie)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;

    g->lie = lie;
    g->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(g->fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(g->fd, 1) == 0);
    CHECK(getsockname(g->fd, (struct sockaddr *)&at, &len) == 0);
    snprintf(g->url, sizeof g->url, "https://127.0.0.1:%u", ntohs(at.sin_port));
    CHECK(pthread_create(&g->thread, NULL, gateway_serve, g) == 0);
}

static void gateway_stop(struct gateway *g)
{
    pthread_join(g->thread, NULL);
    close(g->fd);
}

/* --- the client */

static char roots[64], policy_path[64], release_path[64], bundle_path[64], at[TIME_TEXT_BYTES];

static const char *log_key; /* --log-key, or NULL */

static void ask_gateway(enum lie lie, const char *save, struct outcome *out)
{
    struct gateway g;
    char *argv[20] = {"gateway", NULL, "--roots",   roots,        "--policy", policy_path,
                      "--at",    at,   "--release", release_path, "--json"};

    if (save != NULL) {
        argv[11] = "--save";
        argv[12] = (char *)save;
    }
    if (log_key != NULL) {
        argv[11] = "--log-key";
        argv[12] = (char *)log_key;
    }
    gateway_start(&g, lie);
    argv[1] = g.url;
    run_command(&command_gateway, argv, out);
    gateway_stop(&g);
}

static void release_put(uint8_t measured, bool simulated, uint64_t not_after_s)
{
    char text[2048];

    release_text(measured, simulated, not_after_s, text);
    file_put("release.json", text);
}

static void setup(void)
{
    struct digest48 measurement;
    struct buf why;
    char platform[64];

    memset(measurement.b, 0x22, sizeof measurement.b);
    snprintf(platform, sizeof platform, "%s/platform", dir);
    snprintf(roots, sizeof roots, "%s/platform", dir);
    snprintf(policy_path, sizeof policy_path, "%s/policy.conf", dir);
    snprintf(release_path, sizeof release_path, "%s/release.json", dir);
    snprintf(bundle_path, sizeof bundle_path, "%s/bundle.json", dir);
    time_format(now_s, at);
    buf_init(&why, 200);
    CHECK_INT(quote_backend.make_platform(platform, &why), ERR_NONE);
    CHECK_INT(quote_backend.open(platform, &measurement, &source, &why), ERR_NONE);
    buf_free(&why);
    CHECK_INT(tls_key_new(&tls_key), ERR_NONE);
    CHECK_INT(tls_cert_self(tls_key, "127.0.0.1", 1, &tls_cert), ERR_NONE);
    file_put("policy.conf", "audience = api.test\nproducts = genoa\nguest_allow = smt\n"
                            "[floor genoa]\nsnp = 27\n");
    release_put(0x22, true, now_s + 1);
}

static void verdicts(void)
{
    static const struct {
        enum lie lie;
        const char *code;
        int exit;
    } cases[] = {
        {HONEST, "ACCEPT", EXIT_ACCEPT},
        {HONEST_CHUNKED, "ACCEPT", EXIT_ACCEPT},
        {HONEST_BATCH, "ACCEPT", EXIT_ACCEPT},
        {RELAYED, "REPORT_DATA", EXIT_REJECT},
        {OTHER_NONCE, "NONCE", EXIT_REJECT},
        {NONCE_RELABELLED, "REPORT_DATA", EXIT_REJECT},
        {UNBOUND, "BINDING", EXIT_REJECT},
        {OTHER_KEY, "TLS_KEY", EXIT_REJECT},
        {OTHER_AUDIENCE, "AUDIENCE", EXIT_REJECT},
        {OUTDATED, "IDENTITY_EXPIRED", EXIT_REJECT},
        {NOT_SIMULATED, "SIMULATED", EXIT_REJECT},
        {DEBUG_GUEST, "POLICY_DEBUG", EXIT_REJECT},
        {BROKEN_DOCUMENT, "DOCUMENT", EXIT_MALFORMED},
        {BROKEN_IDENTITY, "IDENTITY", EXIT_MALFORMED},
        {STATUS_503, "GATEWAY", EXIT_REJECT},
        {NOT_HTTP, "GATEWAY", EXIT_REJECT},
        {CUT_SHORT, "GATEWAY", EXIT_REJECT},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome out;
        char want[64];

        ask_gateway(cases[i].lie, NULL, &out);
        CHECK_INT(out.code, cases[i].exit);
        snprintf(want, sizeof want, "\"code\":\"%s\",", cases[i].code);
        if (strstr(out.text, want) != strstr(out.text, "\"code\"")) { /* the verdict's: the first */
            printf("# case %zu: want %s, got %.80s\n", i, want, out.text);
            check_fail(__FILE__, __LINE__, "the verdict's code");
        }
    }
}

/* The manifest decides which program it is. */
static void release(void)
{
    static const struct {
        uint8_t measured;
        bool simulated;
        uint64_t not_after_s;
        const char *code;
    } cases[] = {
        {0x22, true, 1796000001, "ACCEPT"},
        {0x23, true, 1796000001, "RELEASE"},
        {0x22, false, 1796000001, "RELEASE"},
        {0x22, true, 1796000000, "RELEASE"},
    };
    struct outcome out;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char want[64];

        release_put(cases[i].measured, cases[i].simulated, cases[i].not_after_s);
        ask_gateway(HONEST, NULL, &out);
        snprintf(want, sizeof want, "\"code\":\"%s\",\"simulated\"", cases[i].code);
        if (strstr(out.text, want) == NULL)
            printf("# case %zu: %.80s\n", i, out.text);
        CHECK(strstr(out.text, want) != NULL);
    }
    file_put("release.json", "{\"purpose\":\"tr.release.v2\",\"measurements\":[]}");
    ask_gateway(HONEST, NULL, &out);
    CHECK(strstr(out.text, "\"code\":\"RELEASE\",\"simulated\"") != NULL);
}

static void log_proofs(void)
{
    static const struct {
        enum lie lie;
        const char *code;
    } cases[] = {
        {LOGGED_BOOT, "ACCEPT"},     {LOGGED_RELEASE, "ACCEPT"},      {HONEST, "LOG_PROOF"},
        {LOGGED_OTHER, "LOG_PROOF"}, {LOGGED_ELSEWHERE, "LOG_PROOF"},
    };
    struct note_key key;
    char key_file[64];
    struct buf text;
    struct outcome out;

    for (size_t i = 0; i < 2; i++)
        crypto_sign_keypair(log_public[i], log_secret[i]);
    buf_init(&text, 512);
    CHECK_INT(note_key_make(VIEW_LIT("log.test"), log_public[0], &key), ERR_NONE);
    CHECK_INT(note_key_text(&key, &text), ERR_NONE);
    CHECK_INT(buf_append_byte(&text, '\0'), ERR_NONE);
    release_put(0x22, true, now_s + 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char want[64];

        log_key = (const char *)text.ptr;
        ask_gateway(cases[i].lie, NULL, &out);
        snprintf(want, sizeof want, "\"code\":\"%s\",\"simulated\"", cases[i].code);
        if (strstr(out.text, want) == NULL)
            printf("# case %zu: %.80s\n", i, out.text);
        CHECK(strstr(out.text, want) != NULL);
    }
    snprintf(key_file, sizeof key_file, "%s/log.key", dir);
    file_put("log.key", (const char *)text.ptr); /* a file with the key does as well */
    log_key = key_file;
    ask_gateway(LOGGED_BOOT, NULL, &out);
    CHECK(strstr(out.text, "\"code\":\"ACCEPT\",\"simulated\"") != NULL);
    file_put("log.key", "no key");
    ask_gateway(LOGGED_BOOT, NULL, &out);
    CHECK_INT(out.code, EXIT_USAGE);
    unlink(key_file);
    log_key = NULL; /* nobody asks: not checked, and not claimed */
    ask_gateway(LOGGED_OTHER, NULL, &out);
    CHECK(strstr(out.text, "{\"code\":\"LOG_PROOF\",\"ok\":null") != NULL);
    buf_free(&text);
}

/* Every byte of a document, but for report and certificates (test_examine flips those), counts. */
static void document_flips(void)
{
    uint8_t nonce[32] = {7}, cb[32] = {8};
    struct digest32 spki;
    struct note_key key;
    struct presented_expect e = {
        .nonce = nonce, .exporter = cb, .tls_spki = &spki, .log_key = &key, .now_s = now_s};
    struct attest_policy *policy = NULL;
    struct judge_options o = {.roots = roots, .policy = policy_path};
    struct buf text, store;
    const uint8_t *skip_from, *skip_to;
    uint64_t ignored;
    size_t tried = 0;

    CHECK_INT(judge_prepare(&o, &policy, &ignored), EXIT_ACCEPT);
    CHECK_INT(tls_spki_sha256(tls_key, &spki), ERR_NONE);
    CHECK_INT(note_key_make(VIEW_LIT("log.test"), log_public[0], &key), ERR_NONE);
    buf_init(&text, ATTEST_DOCUMENT_MAX);
    document_make(LOGGED_BATCH, nonce, cb, &text);
    skip_from = memmem(text.ptr, text.len, "\"report\":\"", 10);
    skip_to = memmem(text.ptr, text.len, "\"},\"release\"", 12);
    CHECK(policy != NULL && skip_from != NULL && skip_to != NULL);
    for (size_t i = 0; policy != NULL && i <= text.len; i++) {
        struct attest_document d;
        struct identity identity;
        struct examination x = {.verdict = VERDICT_DOCUMENT};
        bool has_identity;

        if (i < text.len && text.ptr + i > skip_from + 10 && text.ptr + i < skip_to)
            continue;
        if (i < text.len)
            text.ptr[i] ^= (uint8_t)(1 << i % 8);
        buf_init(&store, ATTEST_STORE_MAX);
        if (attest_document_decode(buf_view(&text), &store, &d) == ERR_NONE)
            attest_presented(&d, &e, policy, &x, &identity, &has_identity);
        if ((x.verdict == VERDICT_ACCEPT) != (i == text.len)) {
            printf("# byte %zu: %s\n", i, verdict_name(x.verdict));
            check_fail(__FILE__, __LINE__, "only the untouched document is accepted");
        }
        if (i < text.len)
            text.ptr[i] ^= (uint8_t)(1 << i % 8);
        buf_free(&store);
        tried++;
    }
    printf("# %zu flipped bytes\n", tried - 1);
    attest_policy_free(policy);
    buf_free(&text);
}

static void offline(void)
{
    char *argv[] = {"bundle",   bundle_path, "--roots", roots,
                    "--policy", policy_path, "--json",  NULL};
    char *late[] = {"bundle",    bundle_path, "--roots",    roots,    "--policy",
                    policy_path, "--at",      "2099-01-01", "--json", NULL};
    char *amd[] = {"bundle", bundle_path, NULL};
    struct bundle b;
    struct buf text, store, again;
    struct outcome out;

    ask_gateway(HONEST, bundle_path, &out);
    buf_init(&text, BUNDLE_MAX);
    CHECK_INT(conf_read_file(bundle_path, BUNDLE_MAX, &text), ERR_NONE);
    buf_init(&store, BUNDLE_MAX);
    CHECK_INT(bundle_decode(buf_view(&text), &store, &b), ERR_NONE);
    b.at_s = now_s;
    for (int variant = 0; variant < 4; variant++) {
        static const char *const want[] = {"ACCEPT", "REPORT_DATA", "TLS_KEY", "DOCUMENT"};
        char code[64];

        if (variant == 1)
            b.exporter[0] ^= 1;
        if (variant == 2) {
            b.exporter[0] ^= 1;
            b.tls_spki.b[0] ^= 1;
        }
        if (variant == 3)
            b.document.len--;
        buf_init(&again, BUNDLE_MAX);
        CHECK_INT(bundle_encode(&b, &again), ERR_NONE);
        CHECK_INT(buf_append_byte(&again, '\0'), ERR_NONE);
        file_put("bundle.json", (const char *)again.ptr);
        buf_free(&again);
        argv[1] = late[1] = amd[1] = bundle_path;
        argv[0] = late[0] = amd[0] = "bundle";
        run_command(&command_bundle, argv, &out);
        snprintf(code, sizeof code, "\"code\":\"%s\",\"simulated\"", want[variant]);
        if (strstr(out.text, code) == NULL)
            check_fail(__FILE__, __LINE__, code);
        if (variant != 0)
            continue;
        run_command(&command_bundle, late, &out);
        CHECK(strstr(out.text, "\"code\":\"CERT_EXPIRED\"") != NULL && out.code == EXIT_REJECT);
        run_command(&command_bundle, amd, &out); /* AMD's roots know no simulator */
        CHECK(strncmp(out.text, "reject: ", 8) == 0 && out.code == EXIT_REJECT);
    }
    file_put("bundle.json", "{\"format\":\"tr-bundle/v1\"}");
    argv[1] = bundle_path;
    argv[0] = "bundle";
    run_command(&command_bundle, argv, &out);
    CHECK_INT(out.code, EXIT_MALFORMED);
    buf_free(&text);
    buf_free(&store);
}

static void urls(void)
{
    static const struct {
        const char *text, *host, *port;
    } good[] = {{"https://a.example", "a.example", "443"},
                {"https://a.example/", "a.example", "443"},
                {"https://127.0.0.1:8443", "127.0.0.1", "8443"},
                {"https://[::1]:65535/", "::1", "65535"}};
    static const char *const bad[] = {
        "http://a",       "https://",         "https://a:0", "https://a:65536",
        "https://a:",     "https://a/path",   "https://u@a", "https://a?x=1",
        "https://[::1",   "https://a:123456", "https://a b", "https://a\r\nx:",
        "https://::1",    "ftp://a",          "a",           "",
        "https://[::1]x", "https://a:8443x"};
    struct https_url u;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK(https_url_parse(good[i].text, &u));
        CHECK(strcmp(u.host, good[i].host) == 0 && strcmp(u.port, good[i].port) == 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (https_url_parse(bad[i], &u))
            check_fail(__FILE__, __LINE__, bad[i]);
}

static void answers(void)
{
    static const struct {
        const char *text;
        bool ended;
        enum err want;
        const char *body;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, ERR_NONE, "ok"},
        {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false, ERR_NONE, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", false, ERR_SHORT, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", true, ERR_SHORT, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", false, ERR_SHORT, NULL},
        {"HTTP/1.1 200 OK\r\n\r\nok", true, ERR_NONE, "ok"},
        {"HTTP/1.1 200 OK\r\n\r\nok", false, ERR_SHORT, NULL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
         false, ERR_NONE, "ok"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nok\r\n0\r\n\r\n", false,
         ERR_FORMAT, NULL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", false, ERR_FORMAT,
         NULL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false, ERR_FORMAT, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", false, ERR_FORMAT,
         NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok", false,
         ERR_FORMAT, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", false, ERR_FORMAT, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nok", false, ERR_LIMIT, NULL},
        {"HTTP/1.1 200 OK\r\nno colon\r\n\r\nok", false, ERR_FORMAT, NULL},
        {"HTTP/1.0 200 OK\r\n\r\n", true, ERR_FORMAT, NULL},
        {"HTTP/1.1 2000 OK\r\n\r\n", true, ERR_FORMAT, NULL},
        {"HTTP/1.1 199 OK\r\n\r\n", true, ERR_FORMAT, NULL},
        {"", false, ERR_SHORT, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned status = 0;
        struct buf body;
        enum err e;

        buf_init(&body, 1024);
        e = https_answer_parse(view_str(cases[i].text), cases[i].ended, &status, &body);
        if (e != cases[i].want)
            printf("# case %zu: %s\n", i, err_name(e));
        CHECK_INT(e, cases[i].want);
        if (cases[i].body != NULL)
            CHECK_BYTES(body.ptr, body.len, cases[i].body, strlen(cases[i].body));
        buf_free(&body);
    }
}

static void cleanup(void)
{
    char cmd[64];

    quote_backend.close(source);
    X509_free(tls_cert);
    EVP_PKEY_free(tls_key);
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    CHECK_INT(system(cmd), 0);
}

static const struct check_case cases[] = {
    {"gateway_setup", setup},
    {"gateway_verdicts", verdicts},
    {"gateway_bundle", offline},
    {"gateway_release", release},
    {"gateway_log_proofs", log_proofs},
    {"gateway_document_flips", document_flips},
    {"gateway_urls", urls},
    {"gateway_answers", answers},
    {"gateway_cleanup", cleanup},
};

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE || mkdtemp(dir) == NULL)
        return 1;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
