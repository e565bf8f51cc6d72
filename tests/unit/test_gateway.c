/* `tr-verify gateway` decides whether a prompt may be sent: here it meets an honest gateway, a
 * relay that holds the gateway's own TLS key but ends the connection itself (N16), and gateways
 * that lie in each other way. The same answers are judged again offline by `tr-verify bundle`. The
 * server speaks over a real socket; the evidence is the simulator's. */
#include "vectors.h" /* before the tools: what they ask is written down */

#include "attestation/tools/command.c"
#include "attestation/tools/fetch.c"
#include "attestation/tools/judge.c"
#include "attestation/tools/log_read.c"
#include "attestation/tools/image_files.c"
#include "attestation/tools/release_file.c"
#include "attestation/tools/extract.c"
#include "attestation/tools/summary.c"
#include "attestation/tools/cmd_gateway.c"
#include "https.h"
#include "tls.h"

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
#include <signal.h>
#include <sodium.h>
#include <sys/stat.h>

static uint64_t now_s; /* the present: the simulator dates its certificates so */
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
    OTHER_PROVIDERS, /* not the providers.conf of the manifest */
    OUTDATED,
    NOT_SIMULATED, /* the document does not admit the simulator */
    DEBUG_GUEST,
    BROKEN_DOCUMENT,
    BROKEN_IDENTITY,
    STATUS_503,
    NOT_HTTP,
    CUT_SHORT,
    TRICKLE,           /* a byte now and then, without an end */
    LOGGED_BATCH,      /* as LOGGED_BOOT, and one report for three nonces */
    LOGGED_BOOT,       /* a log proof of exactly this boot */
    LOGGED_RELEASE,    /* of the release that has the measurement */
    LOGGED_OTHER,      /* of another boot */
    LOGGED_ELSEWHERE,  /* by another log */
    LOGGED_UNRELEASED, /* a boot that names no release */
    LOGGED_OTHER_RELEASE,
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
    memset(i.config_sha256.b, 0x22, sizeof i.config_sha256.b); /* as release_text() */
    if (lie == OTHER_PROVIDERS)
        i.config_sha256.b[31] ^= 1;
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

/* The member `release` of a boot's statement: the leaf of the manifest that setup() wrote. */
static const char *boot_release(enum lie lie, char out[static 128])
{
    struct digest32 leaf;
    char text[2048], hex[65];

    if (lie == LOGGED_UNRELEASED)
        return "null";
    release_text(0x22, true, now_s + 1, text);
    tlog_leaf_hash(view_str(text), &leaf);
    leaf.b[0] ^= lie == LOGGED_OTHER_RELEASE;
    hex_encode(leaf.b, 32, hex);
    snprintf(out, 128, "{\"leaf\":\"%s\",\"version\":\"1\"}", hex);
    return out;
}

static void logged_fill(enum lie lie, struct attest_document *d, char statement[static 2048],
                        struct buf *proof)
{
    struct digest32 identity;
    char sha[65], measurement[97], names[128];
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
                 "{\"identity_sha256\":\"%s\",\"measurement\":\"%s\",\"purpose\":\"tr.boot.v1\","
                 "\"release\":%s}",
                 sha, measurement, boot_release(lie, names));
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

/* A byte every 20 ms until the client has gone, or 8 s have passed. */
static void trickle(SSL *ssl, struct view answer)
{
    for (size_t i = 0; i < answer.len && i < 400 && SSL_write(ssl, answer.ptr + i, 1) == 1; i++)
        usleep(20000);
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
            if (g->lie == TRICKLE)
                trickle(ssl, buf_view(&answer));
            else
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

/* A listening socket and its URL; the kernel takes connections, nobody else does. */
static char *silent_open(int *fd, char url[static 64])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;

    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(*fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(*fd, 1) == 0);
    CHECK(getsockname(*fd, (struct sockaddr *)&at, &len) == 0);
    snprintf(url, 64, "https://127.0.0.1:%u", ntohs(at.sin_port));
    return url;
}

static void gateway_start(struct gateway *g, enum lie lie)
{
    g->lie = lie;
    silent_open(&g->fd, g->url);
    CHECK(pthread_create(&g->thread, NULL, gateway_serve, g) == 0);
}

static void gateway_stop(struct gateway *g)
{
    pthread_join(g->thread, NULL);
    close(g->fd);
}

/* --- the client */

static char roots[64], policy_path[64], release_path[64], bundle_path[64], at[TIME_TEXT_BYTES];

static bool bare;           /* without --release and its key */
static const char *more[8]; /* further options, up to a NULL */

/* What every question here has in common; the command's first argument is to be put in place. */
static void arguments(char *argv[static 28], const char *command)
{
    static char *const common[] = {NULL,        NULL,   "--roots", roots,   "--policy",
                                   policy_path, "--at", at,        "--json"};
    size_t n = sizeof common / sizeof common[0];

    memcpy(argv, common, sizeof common);
    argv[0] = (char *)command;
    if (!bare) {
        argv[n++] = "--release";
        argv[n++] = release_path;
        argv[n++] = "--release-key";
        argv[n++] = release_key[0];
    }
    for (size_t i = 0; more[i] != NULL; i++)
        argv[n++] = (char *)more[i];
    argv[n] = NULL;
}

static void ask_gateway(enum lie lie, struct outcome *out)
{
    struct gateway g;
    char *argv[28];

    arguments(argv, "gateway");
    gateway_start(&g, lie);
    argv[1] = g.url;
    run_command(&command_gateway, argv, out);
    gateway_stop(&g);
}

/* The verdict's code is the first in the object. */
static void expect_code(const struct outcome *out, const char *code, const char *what)
{
    char want[64];

    snprintf(want, sizeof want, "\"code\":\"%s\",", code);
    if (strstr(out->text, want) == NULL ||
        strstr(out->text, want) != strstr(out->text, "\"code\"")) {
        printf("# %s: want %s, got %.100s\n", what, want, out->text);
        check_fail(__FILE__, __LINE__, "the verdict's code");
    }
}

static void release_put(uint8_t measured, bool simulated, uint64_t not_after_s)
{
    char text[2048];

    release_text(measured, simulated, not_after_s, text);
    release_sign(text, 0);
}

static const char policy_text[] = "audience = api.test\nproducts = genoa\nguest_allow = smt\n"
                                  "[floor genoa]\nsnp = 27\n";

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
    file_put("policy.conf", policy_text);
    release_keys_make();
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
        {OTHER_PROVIDERS, "PROVIDERS", EXIT_REJECT},
        {OUTDATED, "IDENTITY_EXPIRED", EXIT_REJECT},
        {NOT_SIMULATED, "SIMULATED", EXIT_REJECT},
        {DEBUG_GUEST, "POLICY_DEBUG", EXIT_REJECT},
        {BROKEN_DOCUMENT, "DOCUMENT", EXIT_MALFORMED},
        {BROKEN_IDENTITY, "IDENTITY", EXIT_MALFORMED},
        {STATUS_503, "GATEWAY", EXIT_UNREACHABLE},
        {NOT_HTTP, "GATEWAY", EXIT_UNREACHABLE},
        {CUT_SHORT, "GATEWAY", EXIT_UNREACHABLE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct outcome out;
        char what[32];

        snprintf(what, sizeof what, "case %zu", i);
        ask_gateway(cases[i].lie, &out);
        CHECK_INT(out.code, cases[i].exit);
        expect_code(&out, cases[i].code, what);
    }
}

/* Nobody there, nobody who finishes, nobody whom the CA knows: the first two are no verdict about
 * the gateway, the third is one. */
static void unreachable(void)
{
    struct outcome out;
    char *argv[28], url[64];
    uint64_t began = clock_mono_ms();
    int silent;

    arguments(argv, "gateway");
    argv[1] = "https://127.0.0.1:1";
    run_command(&command_gateway, argv, &out);
    CHECK_INT(out.code, EXIT_UNREACHABLE);
    CHECK(strstr(out.text, "{\"verdict\":\"unreachable\",\"code\":\"GATEWAY\"") != NULL);
    more[0] = "--timeout";
    more[1] = "1";
    ask_gateway(TRICKLE, &out);
    CHECK_INT(out.code, EXIT_UNREACHABLE);
    CHECK(strstr(out.text, "total_timeout") != NULL);
    CHECK(clock_mono_ms() - began < 6000); /* the server would go on for 8 s */
    arguments(argv, "gateway");            /* somebody who listens and says nothing */
    argv[1] = silent_open(&silent, url);
    began = clock_mono_ms();
    run_command(&command_gateway, argv, &out);
    CHECK_INT(out.code, EXIT_UNREACHABLE);
    CHECK(clock_mono_ms() - began >= 1000 && clock_mono_ms() - began < 10000);
    close(silent);
    for (int i = 0; i < 3; i++) {
        static const char *const wrong[] = {"0", "601", "x"};

        more[1] = wrong[i];
        arguments(argv, "gateway");
        argv[1] = "https://127.0.0.1:1";
        run_command(&command_gateway, argv, &out);
        CHECK_INT(out.code, EXIT_USAGE);
    }
    memset(more, 0, sizeof more);
}

/* Without a name in the policy the host of the URL is the audience. */
static void audience(void)
{
    struct outcome out;

    file_put("policy.conf", "products = genoa\nguest_allow = smt\n[floor genoa]\nsnp = 27\n");
    ask_gateway(HONEST, &out); /* 127.0.0.1 is not api.test */
    expect_code(&out, "AUDIENCE", "the host");
    more[0] = "--audience";
    more[1] = "API.test";
    ask_gateway(HONEST, &out);
    expect_code(&out, "ACCEPT", "--audience");
    ask_gateway(OTHER_AUDIENCE, &out);
    expect_code(&out, "AUDIENCE", "--audience of another");
    memset(more, 0, sizeof more);
    file_put("policy.conf", policy_text);
}

/* Without a program that somebody named there is no accepting. */
static void which_program(void)
{
    char named[512], hex[97];
    uint8_t measured[48];
    struct outcome out;

    bare = true;
    ask_gateway(HONEST, &out);
    CHECK_INT(out.code, EXIT_REJECT);
    expect_code(&out, "PROGRAM", "nothing is named");
    memset(measured, 0x22, sizeof measured);
    hex_encode(measured, sizeof measured, hex);
    snprintf(named, sizeof named, "%s[measurement one]\nsha384 = %s\n", policy_text, hex);
    file_put("policy.conf", named);
    ask_gateway(HONEST, &out);
    expect_code(&out, "ACCEPT", "the policy names it");
    CHECK(strstr(out.text, "{\"code\":\"RELEASE_SIG\",\"ok\":null") != NULL);
    file_put("policy.conf", policy_text);
    bare = false;
}

/* What is asked only half is an error. */
static void half_asked(void)
{
    static const char *const cases[][5] = {
        {"--release", release_path},
        {"--release-key", release_key[0]},
        {"--min-svn", "1"},
        {"--signature", release_path},
        {"--image", dir},
        {"--log", dir},
        {"--release", release_path, "--release-key", "RWno"},
        {"--release", release_path, "--release-key", release_key[0], "--min-svn"},
    };
    struct outcome out;

    bare = true;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(more, 0, sizeof more);
        memcpy(more, cases[i], sizeof cases[i]);
        if (i == 7)
            more[5] = "one";
        char *argv[28];

        arguments(argv, "gateway");
        argv[1] = "https://127.0.0.1:1";
        if (i == 6) { /* looked at only when there is something to judge */
            ask_gateway(HONEST, &out);
        } else {
            run_command(&command_gateway, argv, &out);
        }
        CHECK_INT(out.code, EXIT_USAGE);
    }
    memset(more, 0, sizeof more);
    bare = false;
}

/* The manifest decides which program it is, when the release key signed it. */
static void release(void)
{
    static const struct {
        uint8_t measured;
        bool simulated;
        uint64_t left_s; /* from now to not_after */
        int by;
        const char *min_svn, *code;
    } cases[] = {
        {0x22, true, 1, 0, NULL, "ACCEPT"},
        {0x23, true, 1, 0, NULL, "RELEASE"},
        {0x22, false, 1, 0, NULL, "RELEASE"},
        {0x22, true, 0, 0, NULL, "RELEASE"},
        {0x22, true, 1, 1, NULL, "RELEASE_SIG"},
        {0x22, true, 1, 0, "3", "ACCEPT"},
        {0x22, true, 1, 0, "4", "RELEASE_SVN"},
    };
    char text[2048], path[64];
    struct outcome out;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char what[32];

        snprintf(what, sizeof what, "release %zu", i);
        release_text(cases[i].measured, cases[i].simulated, now_s + cases[i].left_s, text);
        release_sign(text, cases[i].by);
        more[0] = cases[i].min_svn != NULL ? "--min-svn" : NULL;
        more[1] = cases[i].min_svn;
        ask_gateway(HONEST, &out);
        expect_code(&out, cases[i].code, what);
    }
    memset(more, 0, sizeof more);
    release_text(0x22, true, now_s + 1, text); /* signed, then changed */
    release_sign(text, 0);
    strstr(text, "\"svn\":3")[6] = '4';
    file_put("release.json", text);
    ask_gateway(HONEST, &out);
    expect_code(&out, "RELEASE_SIG", "changed after signing");
    release_sign("{\"purpose\":\"tr.release.v2\",\"measurements\":[]}", 0);
    ask_gateway(HONEST, &out);
    expect_code(&out, "RELEASE", "no manifest");
    release_put(0x22, true, now_s + 1);
    snprintf(path, sizeof path, "%s/release.json.minisig", dir);
    CHECK_INT(unlink(path), 0);
    ask_gateway(HONEST, &out); /* an unsigned manifest */
    CHECK_INT(out.code, EXIT_USAGE);
    release_put(0x22, true, now_s + 1);
}

/* --- the published image */

static void bytes_put(const char *name, struct view v)
{
    char path[64];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "wb");
    CHECK(f != NULL && fwrite(v.ptr, 1, v.len, f) == v.len && fclose(f) == 0);
}

/* The test's directory becomes an image's too: its launch digest for EPYC-Genoa with two vCPUs, and
 * the manifest's text for it. */
static void image_make(struct digest48 *measured, char text[static 2048])
{
    static const char *const names[] = {"cmdline", "dataplane.conf", "initrd", "kernel", "ovmf"};
    char program[65];
    struct launch l = {.direct_boot = true, .vcpus = 2, .guest_features = 1};
    struct buf ovmf, initrd;
    struct view files[5];
    struct digest32 d[5], image;
    char hex[7][97];

    buf_init(&ovmf, OVMF_IMAGE_MAX);
    buf_init(&initrd, 1 << 20);
    CHECK_INT(conf_read_file("tests/fixtures/snp/ovmf_small.bin", OVMF_IMAGE_MAX, &ovmf), ERR_NONE);
    CHECK_INT(conf_read_file("tests/fuzz/corpus/newc/configured", 1 << 20, &initrd), ERR_NONE);
    files[0] = VIEW_LIT("quiet\n");
    files[1] = VIEW_LIT("audience = a.test\n");
    files[2] = buf_view(&initrd);
    files[3] = VIEW_LIT("kernel");
    files[4] = buf_view(&ovmf);
    for (size_t i = 0; i < 5; i++) {
        bytes_put(i == 4 ? "OVMF.amdsev.fd" : i == 3 ? "vmlinuz" : names[i], files[i]);
        digest_sha256(files[i], &d[i]);
        hex_encode(d[i].b, 32, hex[i]);
    }
    digest_sha256(VIEW_LIT("program\n"), &image); /* usr/bin/tr-dataplane in that initrd */
    hex_encode(image.b, 32, program);
    CHECK_INT(ovmf_parse(files[4], &l.ovmf), ERR_NONE);
    CHECK_INT(launch_vcpu_signature("EPYC-Genoa", &l.vcpu_signature), ERR_NONE);
    l.kernel = d[3];
    l.initrd = d[2];
    l.append = VIEW_LIT("quiet");
    CHECK_INT(launch_digest(&l, NULL, NULL, measured), ERR_NONE);
    hex_encode(measured->b, 48, hex[5]);
    image_digest(&(struct image){files[4], files[0], files[2], files[3]}, &image);
    hex_encode(image.b, 32, hex[6]);
    digest_sha256(VIEW_LIT("[provider a]\n"), &image);
    snprintf(text, 2048,
             "{\"catalog_sha256\":\"%s\",\"cmdline\":\"quiet\",\"digests\":{\"cmdline\":\"%s\","
             "\"dataplane\":\"%s\",\"dataplane.conf\":\"%s\",\"initrd\":\"%s\",\"kernel\":\"%s\",\"ovmf\":\"%s\"},"
             "\"image_sha256\":\"%s\",\"measurements\":[{\"cpu\":\"EPYC-Genoa\",\"features\":1,"
             "\"measurement\":\"%s\",\"vcpus\":2}],\"min_svn\":1,\"not_after\":%llu,"
             "\"not_before\":1790000000,\"policy_sha256\":\"%s\",\"previous\":null,",
             hex[0], hex[0], program, hex[1], hex[2], hex[3], hex[4], hex[6], hex[5],
             (unsigned long long)now_s + 1, hex[0]);
    hex_encode(image.b, 32, hex[1]);
    snprintf(text + strlen(text), 2048 - strlen(text),
             "\"providers_sha256\":\"%s\",\"purpose\":\"tr.release.v1\",\"sbom_sha256\":\"%s\","
             "\"simulated\":true,\"source\":{\"commit\":\"%.40s\",\"repo\":\"r\"},\"svn\":1,"
             "\"version\":\"1\"}",
             hex[1], hex[0], hex[0]);
    buf_free(&ovmf);
    buf_free(&initrd);
}

static void source_open(const struct digest48 *measurement)
{
    char platform[64];
    struct buf why;

    buf_init(&why, 200);
    snprintf(platform, sizeof platform, "%s/platform", dir);
    quote_backend.close(source);
    source = NULL;
    CHECK_INT(quote_backend.open(platform, measurement, &source, &why), ERR_NONE);
    buf_free(&why);
}

/* The report's measurement is what the published files give; and not when one of them is another. */
static void image(void)
{
    struct digest48 measured, before;
    char text[2048];
    struct outcome out;

    image_make(&measured, text);
    source_open(&measured);
    release_sign(text, 0);
    ask_gateway(HONEST, &out);
    CHECK(strstr(out.text, "{\"code\":\"IMAGE\",\"ok\":null") != NULL); /* not asked */
    more[0] = "--image";
    more[1] = dir;
    ask_gateway(HONEST, &out);
    CHECK(strstr(out.text, "{\"code\":\"IMAGE\",\"ok\":true") != NULL);
    bytes_put("vmlinuz", VIEW_LIT("kernem"));
    ask_gateway(HONEST, &out);
    CHECK(strstr(out.text, "{\"code\":\"IMAGE\",\"ok\":false") != NULL);
    bytes_put("vmlinuz", VIEW_LIT("kernel"));
    memset(before.b, 0x22, sizeof before.b); /* another program runs */
    source_open(&before);
    ask_gateway(HONEST, &out);
    CHECK_INT(out.code, EXIT_REJECT);
    CHECK(strstr(out.text, "{\"code\":\"IMAGE\",\"ok\":false,\"detail\":\"the report's") != NULL);
    release_put(0x22, true, now_s + 1); /* a release that is of no image */
    ask_gateway(HONEST, &out);
    expect_code(&out, "IMAGE", "of no image");
    memset(more, 0, sizeof more);
}

static char log_key[512];

static void log_key_make(void)
{
    struct note_key key;
    struct buf text;

    for (size_t i = 0; i < 2; i++)
        crypto_sign_keypair(log_public[i], log_secret[i]);
    buf_init(&text, 512);
    CHECK_INT(note_key_make(VIEW_LIT("log.test"), log_public[0], &key), ERR_NONE);
    CHECK_INT(note_key_text(&key, &text), ERR_NONE);
    snprintf(log_key, sizeof log_key, "%.*s", (int)text.len, (const char *)text.ptr);
    buf_free(&text);
}

static void log_proofs(void)
{
    static const struct {
        enum lie lie;
        const char *code;
    } cases[] = {
        {LOGGED_BOOT, "ACCEPT"},
        {LOGGED_RELEASE, "ACCEPT"},
        {HONEST, "LOG_PROOF"},
        {LOGGED_OTHER, "LOG_PROOF"},
        {LOGGED_ELSEWHERE, "LOG_PROOF"},
        {LOGGED_UNRELEASED, "RELEASE_LEAF"},
        {LOGGED_OTHER_RELEASE, "RELEASE_LEAF"},
    };
    char key_file[64];
    struct outcome out;

    log_key_make();
    more[0] = "--log-key";
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char what[32];

        snprintf(what, sizeof what, "log proof %zu", i);
        more[1] = log_key;
        ask_gateway(cases[i].lie, &out);
        expect_code(&out, cases[i].code, what);
    }
    snprintf(key_file, sizeof key_file, "%s/log.key", dir);
    file_put("log.key", log_key); /* a file with the key does as well */
    more[1] = key_file;
    ask_gateway(LOGGED_BOOT, &out);
    expect_code(&out, "ACCEPT", "a key in a file");
    file_put("log.key", "no key");
    ask_gateway(LOGGED_BOOT, &out);
    CHECK_INT(out.code, EXIT_USAGE);
    unlink(key_file);
    memset(more, 0, sizeof more); /* nobody asks: not checked, and not claimed */
    ask_gateway(LOGGED_OTHER, &out);
    CHECK(strstr(out.text, "{\"code\":\"LOG_PROOF\",\"ok\":null") != NULL);
}

/* A published log with this one statement (or, empty, with none), as a directory. */
static void log_publish(const char *statement, char place[static 64])
{
    struct checkpoint c = {.origin = VIEW_LIT("log.test"), .size = *statement != '\0'};
    struct note_key key;
    struct buf text, note;
    char path[128];
    FILE *f;

    snprintf(place, 64, "%s/log", dir);
    snprintf(path, sizeof path, "mkdir -p %s/tile/entries/000.p %s/tile/0/000.p", place, place);
    CHECK_INT(system(path), 0);
    buf_init(&text, 1024);
    buf_init(&note, 2048);
    if (c.size != 0)
        tlog_leaf_hash(view_str(statement), &c.root);
    else
        digest_sha256(VIEW_EMPTY, &c.root);
    CHECK_INT(note_key_make(VIEW_LIT("log.test"), log_public[0], &key), ERR_NONE);
    CHECK_INT(checkpoint_encode(&c, &text), ERR_NONE);
    CHECK_INT(note_sign(buf_view(&text), &key, log_secret[0], &note), ERR_NONE);
    CHECK_INT(buf_append_byte(&note, '\0'), ERR_NONE);
    file_put("log/checkpoint", (const char *)note.ptr);
    snprintf(path, sizeof path, "%s/tile/entries/000.p/1", place);
    f = fopen(path, "wb");
    CHECK(f != NULL && fputc((int)(strlen(statement) >> 8), f) >= 0 &&
          fputc((int)(strlen(statement) & 0xff), f) >= 0 && fputs(statement, f) >= 0 &&
          fclose(f) == 0);
    snprintf(path, sizeof path, "%s/tile/0/000.p/1", place);
    f = fopen(path, "wb");
    CHECK(f != NULL && fwrite(c.root.b, 1, 32, f) == 32 && fclose(f) == 0);
    buf_free(&text);
    buf_free(&note);
}

/* The checkpoint that one client was shown against the log that everybody reads. */
static void public_log(void)
{
    char place[64], text[2048];
    struct outcome out;

    release_text(0x22, true, now_s + 1, text);
    more[0] = "--log-key";
    more[1] = log_key;
    more[2] = "--log";
    more[3] = place;
    log_publish(text, place);
    ask_gateway(LOGGED_RELEASE, &out);
    expect_code(&out, "ACCEPT", "one log");
    CHECK(strstr(out.text, "{\"code\":\"LOG\",\"ok\":true") != NULL);
    log_publish("{\"purpose\":\"tr.policy.v1\"}", place);
    ask_gateway(LOGGED_RELEASE, &out);
    expect_code(&out, "LOG", "another history");
    CHECK(strstr(out.text, "fork: ") != NULL);
    log_publish("", place);
    ask_gateway(LOGGED_RELEASE, &out);
    expect_code(&out, "LOG", "the entry is not public");
    CHECK(strstr(out.text, "rewind: ") != NULL);
    more[3] = "/nonexistent";
    ask_gateway(LOGGED_RELEASE, &out);
    CHECK_INT(out.code, EXIT_UNREACHABLE);
    memset(more, 0, sizeof more);
}

/* The manifest has to be an entry of it as well. */
static void manifest_in_log(void)
{
    char place[64];
    struct outcome out;
    char *argv[28], bundle[64];
    struct attest_document d;
    struct bundle b;
    struct buf text, store, parts;
    char statement[2048];

    snprintf(bundle, sizeof bundle, "%s/logged.json", dir);
    more[0] = "--log-key";
    more[1] = log_key;
    more[2] = "--save";
    more[3] = bundle;
    ask_gateway(LOGGED_BOOT, &out);
    expect_code(&out, "ACCEPT", "recorded");
    buf_init(&text, BUNDLE_MAX);
    buf_init(&store, BUNDLE_MAX);
    buf_init(&parts, ATTEST_STORE_MAX);
    CHECK_INT(conf_read_file(bundle, BUNDLE_MAX, &text), ERR_NONE);
    CHECK_INT(bundle_decode(buf_view(&text), &store, &b), ERR_NONE);
    CHECK_INT(attest_document_decode(b.document, &parts, &d), ERR_NONE);
    snprintf(statement, sizeof statement, "%.*s", (int)d.release_leaf.len,
             (const char *)d.release_leaf.ptr);
    log_publish(statement, place); /* the boot alone */
    more[2] = "--log";
    more[3] = place;
    arguments(argv, "bundle");
    argv[1] = bundle;
    run_command(&command_bundle, argv, &out);
    expect_code(&out, "LOG", "the manifest is not in the log");
    CHECK(strstr(out.text, "is no entry of the public log") != NULL);
    memset(more, 0, sizeof more);
    buf_free(&text);
    buf_free(&store);
    buf_free(&parts);
}

/* --extract: the parts, as they came. */
static void extracts(void)
{
    static const char *const names[] = {"report.bin", "report_data.bin", "vek.der", "ask.der",
                                        "identity.json"};
    char place[64], path[128];
    struct outcome out;

    snprintf(place, sizeof place, "%s/parts", dir);
    more[0] = "--extract";
    more[1] = place;
    ask_gateway(HONEST, &out);
    expect_code(&out, "ACCEPT", "extract");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct buf b;

        snprintf(path, sizeof path, "%s/%s", place, names[i]);
        buf_init(&b, 8192);
        CHECK_INT(conf_read_file(path, 8192, &b), ERR_NONE);
        CHECK(i != 0 || b.len == SNP_REPORT_BYTES);
        CHECK(i != 1 || b.len == 64);
        CHECK(b.len != 0);
        buf_free(&b);
    }
    snprintf(path, sizeof path, "%s/statement.json", place);
    CHECK(access(path, F_OK) != 0); /* none came */
    ask_gateway(HONEST, &out);      /* never over what is there */
    CHECK_INT(out.code, EXIT_INTERNAL);
    memset(more, 0, sizeof more);
}

/* For people: what the report shows and what the policy let pass, whatever that is. */
static void says_what_was_allowed(void)
{
    struct attest_policy *policy = NULL;
    struct judge_options o = {.roots = roots, .policy = policy_path};
    struct identity i = identity_of(HONEST);
    struct examination x = {.verdict = VERDICT_ACCEPT};
    struct summary_facts f = {.x = &x, .identity = &i};
    struct buf text;
    uint64_t ignored;

    CHECK_INT(judge_prepare(&o, &policy, &ignored), EXIT_ACCEPT);
    f.policy = policy;
    for (int debug = 0; debug < 2; debug++) {
        const char *said;

        x.report.policy = SNP_POLICY_SMT | (debug ? SNP_POLICY_DEBUG : 0);
        policy->guest_allow = SNP_POLICY_SMT | (debug ? SNP_POLICY_DEBUG : 0);
        policy->provisional_firmware = debug;
        policy->expires_s = debug ? 0 : now_s;
        buf_init(&text, SUMMARY_MAX);
        summary(&f, &text);
        said = (const char *)text.ptr;
        CHECK(said != NULL &&
              strstr(said, debug ? "permits: smt debug" : "permits: smt\n") != NULL);
        CHECK(said != NULL && (strstr(said, "DEBUGGABLE") != NULL) == debug);
        CHECK(said != NULL && (strstr(said, "still roll back") != NULL) == debug);
        CHECK(said != NULL && (strstr(said, "no `expires`") != NULL) == debug);
        CHECK(said != NULL && strstr(said, "not debuggable") == NULL);
        buf_free(&text);
    }
    x.verdict = VERDICT_CHIP;
    buf_init(&text, SUMMARY_MAX);
    summary(&f, &text);
    CHECK_INT(text.len, 0);
    buf_free(&text);
    attest_policy_free(policy);
}

/* Every byte of a document, but for report and certificates (test_examine flips those), counts. */
static void document_flips(void)
{
    uint8_t nonce[32] = {7}, cb[32] = {8};
    struct digest32 spki;
    struct note_key key;
    struct release_file manifest;
    struct presented_expect e = {
        .nonce = nonce, .exporter = cb, .tls_spki = &spki, .log_key = &key, .now_s = now_s};
    struct attest_policy *policy = NULL;
    struct judge_options o = {.roots = roots, .policy = policy_path};
    struct buf text, store;
    const uint8_t *skip_from, *skip_to;
    uint64_t ignored;
    size_t tried = 0;

    CHECK_INT(judge_prepare(&o, &policy, &ignored), EXIT_ACCEPT);
    CHECK(release_file_load(release_path, NULL, release_key[0], &manifest));
    e.release = buf_view(&manifest.text);
    e.release_signature = buf_view(&manifest.signature);
    e.release_key = &manifest.key;
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
    release_file_free(&manifest);
    attest_policy_free(policy);
    buf_free(&text);
}

static void offline(void)
{
    char *argv[28], *late[] = {"bundle",    bundle_path, "--roots",    roots,    "--policy",
                               policy_path, "--at",      "2099-01-01", "--json", NULL};
    char *amd[] = {"bundle", bundle_path, NULL};
    struct bundle b;
    struct buf text, store, again;
    struct outcome out;

    more[0] = "--save";
    more[1] = bundle_path;
    ask_gateway(HONEST, &out);
    memset(more, 0, sizeof more);
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
        arguments(argv, "bundle");
        argv[1] = late[1] = amd[1] = bundle_path;
        late[0] = amd[0] = "bundle";
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
    arguments(argv, "bundle");
    argv[1] = bundle_path;
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

/* The reader's answer to text that comes in pieces of step bytes. */
static enum err answer_fed(const char *text, size_t step, bool ended, struct buf *body)
{
    struct https_answer a = {.part = HTTPS_STATUS_LINE};
    size_t have = 0, from = 0, len = strlen(text), used;
    enum err e;

    do {
        have = len - have < step ? len : have + step;
        e = https_answer_feed(&a, view_of(text + from, have - from), ended && have == len, &used,
                              body);
        from += used;
    } while (e == ERR_SHORT && have < len);
    return e;
}

/* No byte is looked at twice: a body of single bytes in chunks of one, fed byte by byte, takes time
 * in proportion to its length. */
static void slow_server(void)
{
    enum { CHUNKS = 1 << 18 }; /* 1.5 MB: quadratic would be 10^12 steps */
    struct https_answer a = {.part = HTTPS_STATUS_LINE};
    struct buf in, body;
    size_t from = 0, used;
    enum err e = ERR_SHORT;

    buf_init(&in, 8 << 20);
    buf_init(&body, CHUNKS);
    CHECK_INT(buf_append(&in, VIEW_LIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")),
              ERR_NONE);
    for (int i = 0; i < CHUNKS; i++)
        CHECK_INT(buf_append(&in, VIEW_LIT("1\r\nx\r\n")), ERR_NONE);
    CHECK_INT(buf_append(&in, VIEW_LIT("0\r\n\r\n")), ERR_NONE);
    for (size_t have = 1; e == ERR_SHORT && have <= in.len; have++) {
        e = https_answer_feed(&a, view_of(in.ptr + from, have - from), false, &used, &body);
        from += used;
        CHECK(have - from <= 80); /* nothing is kept that was understood */
    }
    CHECK_INT(e, ERR_NONE);
    CHECK_INT(body.len, CHUNKS);
    buf_free(&in);
    buf_free(&body);
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
        for (size_t step = 1; step < 200; step += step == 1 ? 1 : 197) { /* bytes at a time */
            struct buf body;
            enum err e;

            buf_init(&body, 1024);
            e = answer_fed(cases[i].text, step, cases[i].ended, &body);
            if (e != cases[i].want)
                printf("# case %zu, %zu at a time: %s\n", i, step, err_name(e));
            CHECK_INT(e, cases[i].want);
            if (cases[i].body != NULL)
                CHECK_BYTES(body.ptr, body.len, cases[i].body, strlen(cases[i].body));
            buf_free(&body);
        }
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
    {"gateway_unreachable", unreachable},
    {"gateway_audience", audience},
    {"gateway_which_program", which_program},
    {"gateway_half_asked", half_asked},
    {"gateway_bundle", offline},
    {"gateway_release", release},
    {"gateway_image", image},
    {"gateway_log_proofs", log_proofs},
    {"gateway_public_log", public_log},
    {"gateway_manifest_in_log", manifest_in_log},
    {"gateway_extracts", extracts},
    {"gateway_says_what_was_allowed", says_what_was_allowed},
    {"gateway_slow_server", slow_server},
    {"gateway_document_flips", document_flips},
    {"gateway_urls", urls},
    {"gateway_answers", answers},
    {"gateway_cleanup", cleanup},
};

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* the server outlives a client that gives up */
    if (secret_init() != ERR_NONE || mkdtemp(dir) == NULL)
        return 1;
    now_s = clock_unix_ms() / 1000;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
