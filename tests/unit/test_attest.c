/* The attestation endpoints as strangers meet them: the real handlers behind the real TLS server,
 * judged by tr-verify itself, by a relay that holds the gateway's own TLS key (N16), and, for ACI,
 * by a verifier written here from its specification. Only the processor is the simulator's. */
#include "attestation/tools/command.c"
#include "common/https_answer.c"
#include "common/https.c"
#include "attestation/tools/fetch.c"
#include "attestation/tools/judge.c"
#include "attestation/tools/log_read.c"
#include "attestation/tools/image_files.c"
#include "attestation/tools/release_file.c"
#include "attestation/tools/extract.c"
#include "attestation/tools/summary.c"
#include "attestation/tools/cmd_gateway.c"

#include "check.h"
#include "gateway_parts.h"

#include "aci.h"
#include "attest.h"
#include "attest_body.h"
#include "base64.h"
#include "front.h"
#include "identity.h"
#include "json.h"
#include "keyset.h"
#include "log_proof.h"
#include "near.h"
#include "provenance.h"
#include "quote.h"
#include "rate.h"
#include "reply.h"
#include "stats.h"
#include "tls.h"
#include "web.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>

static uint64_t now_s; /* the present: the simulator dates its certificates so */

/* --- the platform: the simulator, held back or broken when a test wants it */

static struct {
    uv_mutex_t lock;
    uv_cond_t changed;
    bool held, fail;
    bool bare; /* no certificates come with a report */
    unsigned begun, made;
} platform;

static enum err platform_get(struct quote_source *s, const uint8_t report_data[static 64],
                             struct quote *out)
{
    enum err e;

    uv_mutex_lock(&platform.lock);
    platform.begun++;
    uv_cond_broadcast(&platform.changed);
    while (platform.held)
        uv_cond_wait(&platform.changed, &platform.lock);
    e = platform.fail ? ERR_IO : ERR_NONE;
    platform.made += e == ERR_NONE;
    if (e == ERR_NONE)
        e = quote_backend.get(s, report_data, out);
    if (platform.bare) {
        buf_reset(&out->vek);
        buf_reset(&out->ask);
    }
    uv_mutex_unlock(&platform.lock);
    return e;
}

static void platform_set(bool held, bool fail)
{
    uv_mutex_lock(&platform.lock);
    platform.held = held;
    platform.fail = fail;
    uv_cond_broadcast(&platform.changed);
    uv_mutex_unlock(&platform.lock);
}

static void platform_wait_begun(unsigned n)
{
    uv_mutex_lock(&platform.lock);
    while (platform.begun < n)
        uv_cond_wait(&platform.changed, &platform.lock);
    uv_mutex_unlock(&platform.lock);
}

/* --- a data plane of one worker */

static struct quote_source *source;
static struct identity_keys *keys;
static struct keyset *keyset;
static struct provenance provenance;
static struct web_header always[REPLY_ALWAYS];
static size_t n_always;
static SSL_CTX *server_tls;
static struct quotes *quotes;
static struct stats stats;
static struct attest_facts facts = {.simulated = true};
static struct front_context context = {.stats = &stats};
static struct {
    uv_loop_t loop;
    uv_thread_t thread;
    uv_sem_t ready;
    struct web_server *web;
} worker;
static uv_async_t poke;
static void (*poke_fn)(void);
static uv_sem_t poked;
static X509 *tls_cert;
static char url[64], roots[64], policy_path[64], release_path[64], log_key[256],
    at[TIME_TEXT_BYTES];
static char manifest[2048], statement[1024];
static struct release_file signed_manifest;

static void poke_cb(uv_async_t *h)
{
    (void)h;
    poke_fn();
    uv_sem_post(&poked);
}

/* Run it on the worker's thread. */
static void on_worker(void (*fn)(void))
{
    poke_fn = fn;
    uv_async_send(&poke);
    uv_sem_wait(&poked);
}

static void drained_cb(void *cookie)
{
    (void)cookie;
    attest_desk_free(context.attest);
    uv_close((uv_handle_t *)&poke, NULL);
    uv_stop(&worker.loop);
}

static void stop_worker(void)
{
    web_stop(worker.web, drained_cb, NULL);
}

static void worker_run(void *cookie)
{
    struct web_config web = {.loop = &worker.loop,
                             .host = "127.0.0.1",
                             .tls = server_tls,
                             .limits = {.body_max = 1 << 20,
                                        .connections_max = 512,
                                        .request_timeout_ms = 20000,
                                        .write_stall_ms = 20000,
                                        .sweep_ms = 50},
                             .handler = front_handle,
                             .error = front_error,
                             .cookie = &context,
                             .always = always,
                             .n_always = n_always};

    (void)cookie;
    CHECK_INT(uv_async_init(&worker.loop, &poke, poke_cb), 0);
    CHECK_INT(attest_desk_new(quotes, &worker.loop, &facts, &stats, &context.attest), ERR_NONE);
    CHECK_INT(web_start(&web, &worker.web), ERR_NONE);
    uv_sem_post(&worker.ready);
    uv_run(&worker.loop, UV_RUN_DEFAULT);
    web_free(worker.web);
    uv_run(&worker.loop, UV_RUN_DEFAULT);
}

static void log_this_boot(void)
{
    struct digest32 d;
    char sha[65], measurement[97];
    uint8_t measured[48];
    char leaf[65];
    struct note_key key;
    struct buf proof, text;

    memset(measured, 0x22, sizeof measured);
    hex_encode(measured, 48, measurement);
    digest_sha256(identity_text(keys), &d);
    hex_encode(d.b, 32, sha);
    tlog_leaf_hash(view_str(manifest), &d);
    hex_encode(d.b, 32, leaf);
    snprintf(statement, sizeof statement,
             "{\"identity_sha256\":\"%s\",\"measurement\":\"%s\",\"purpose\":\"tr.boot.v1\","
             "\"release\":{\"leaf\":\"%s\",\"version\":\"1\"}}",
             sha, measurement, leaf);
    crypto_sign_keypair(log_public[0], log_secret[0]);
    buf_init(&proof, 4096);
    buf_init(&text, 512);
    log_prove(view_str(statement), 0, &proof);
    CHECK_INT(log_proof_set(facts.log_proof, view_str(statement), buf_view(&proof)), ERR_NONE);
    CHECK_INT(note_key_make(VIEW_LIT("log.test"), log_public[0], &key), ERR_NONE);
    CHECK_INT(note_key_text(&key, &text), ERR_NONE);
    snprintf(log_key, sizeof log_key, "%.*s", (int)text.len, (const char *)text.ptr);
    buf_free(&proof);
    buf_free(&text);
}

static void make_boot(void)
{
    struct identity_config c = {.audience = "api.test", .simulated = true};
    struct digest48 measurement;
    struct buf why;

    memset(measurement.b, 0x22, sizeof measurement.b);
    memset(c.config_sha256.b, 0x22, sizeof c.config_sha256.b); /* as release_text() */
    buf_init(&why, 200);
    CHECK_INT(quote_backend.make_platform(roots, &why), ERR_NONE);
    CHECK_INT(quote_backend.open(roots, &measurement, &source, &why), ERR_NONE);
    buf_free(&why);
    clock_freeze(0, now_s * 1000);
    CHECK_INT(identity_keys_new(&c, &keys), ERR_NONE);
    clock_thaw();
    CHECK_INT(keyset_new(keys, &keyset), ERR_NONE);
    n_always = reply_always(keyset_digest_text(keyset), always);
    release_text(0x22, true, now_s + 1, manifest);
    release_keys_make();
    release_sign(manifest, 0);
    CHECK(release_file_load(release_path, NULL, release_key[0], &signed_manifest));
    CHECK_INT(provenance_make(view_str(manifest), &provenance), ERR_NONE);
    CHECK_INT(log_proof_new(&facts.log_proof), ERR_NONE);
    log_this_boot();
    CHECK_INT(tls_cert_self(identity_tls_key(keys), "127.0.0.1", 1, &tls_cert), ERR_NONE);
    CHECK_INT(tls_server_ctx(identity_tls_key(keys), tls_cert, &server_tls), ERR_NONE);
}

static void setup(void)
{
    const struct rate_config rate = {.per_s = 0};
    struct quotes_config service = {.get = platform_get, .window_ms = 1};

    snprintf(roots, sizeof roots, "%s/platform", dir);
    snprintf(policy_path, sizeof policy_path, "%s/policy.conf", dir);
    snprintf(release_path, sizeof release_path, "%s/release.json", dir);
    time_format(now_s, at);
    file_put("policy.conf", "audience = api.test\nproducts = genoa\nguest_allow = smt\n"
                            "[floor genoa]\nsnp = 27\n");
    CHECK(uv_mutex_init(&platform.lock) == 0 && uv_cond_init(&platform.changed) == 0);
    make_boot();
    service.source = source;
    service.identity = identity_text(keys);
    CHECK_INT(quotes_start(&service, &quotes), ERR_NONE);
    CHECK_INT(rate_new(&rate, &context.evidence_rate), ERR_NONE);
    facts.keys = keys;
    facts.keyset = keyset;
    facts.provenance = &provenance;
    CHECK(uv_sem_init(&poked, 0) == 0 && uv_sem_init(&worker.ready, 0) == 0);
    CHECK_INT(uv_loop_init(&worker.loop), 0);
    CHECK_INT(uv_thread_create(&worker.thread, worker_run, NULL), 0);
    uv_sem_wait(&worker.ready);
    snprintf(url, sizeof url, "https://127.0.0.1:%u", web_port(worker.web));
}

/* --- a client */

struct connection {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
    uint8_t exporter[32];
    struct digest32 spki;
};

static void connection_open(struct connection *c, const char *to)
{
    struct https_url u;
    X509 *cert;

    CHECK(https_url_parse(to, &u));
    c->fd = tcp_connect(&u, clock_mono_ms() + 20000);
    CHECK(fcntl(c->fd, F_SETFL, 0) == 0); /* it may block here */
    c->ctx = SSL_CTX_new(TLS_client_method());
    c->ssl = SSL_new(c->ctx);
    SSL_set_fd(c->ssl, c->fd);
    CHECK_INT(SSL_connect(c->ssl), 1);
    CHECK_INT(tls_exporter(c->ssl, c->exporter), ERR_NONE);
    cert = SSL_get1_peer_certificate(c->ssl);
    CHECK_INT(tls_cert_spki_sha256(cert, &c->spki), ERR_NONE);
    X509_free(cert);
}

static void connection_close(struct connection *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    close(c->fd);
}

struct reply_got {
    unsigned status;
    char head[4096];
    struct buf body;
};

static void connection_send(struct connection *c, const char *method, const char *target,
                            const char *body)
{
    char request[2048];
    int n = snprintf(request, sizeof request,
                     "%s %s HTTP/1.1\r\nHost: api.test\r\nContent-Length: %zu\r\n\r\n%s", method,
                     target, strlen(body), body);

    CHECK(SSL_write(c->ssl, request, n) == n);
}

/* One whole answer, as it came and taken apart. */
static void answer_read(SSL *ssl, struct buf *in, unsigned *status, struct buf *body)
{
    struct https_answer a = {.part = HTTPS_STATUS_LINE};
    uint8_t part[16384];
    size_t from = 0, used;
    enum err e = ERR_SHORT;
    int n;

    while (e == ERR_SHORT && (n = SSL_read(ssl, part, sizeof part)) > 0) {
        CHECK_INT(buf_append(in, view_of(part, (size_t)n)), ERR_NONE);
        e = https_answer_feed(&a, view_from(buf_view(in), from), false, &used, body);
        from += used;
    }
    *status = a.status;
    CHECK_INT(e, ERR_NONE);
}

static void connection_read(struct connection *c, struct reply_got *out)
{
    struct buf in;

    buf_init(&in, 1 << 20);
    buf_init(&out->body, 1 << 20);
    answer_read(c->ssl, &in, &out->status, &out->body);
    snprintf(out->head, sizeof out->head, "%.*s",
             (int)(in.len > out->body.len ? in.len - out->body.len : 0), (const char *)in.ptr);
    buf_free(&in);
}

static void ask(struct connection *c, const char *method, const char *target, const char *body,
                struct reply_got *out)
{
    connection_send(c, method, target, body);
    connection_read(c, out);
}

static bool body_has(const struct reply_got *r, const char *text)
{
    return r->body.len != 0 && memmem(r->body.ptr, r->body.len, text, strlen(text)) != NULL;
}

static void nonce_make(uint8_t n, uint8_t nonce[static 32], char hex[static 65])
{
    memset(nonce, n, 32);
    hex_encode(nonce, 32, hex);
}

/* The document of a connection, judged as tr-verify would. */
static enum verdict judge(const struct reply_got *r, const struct connection *c,
                          const uint8_t nonce[static 32])
{
    struct judge_options o = {.roots = roots, .policy = policy_path};
    struct attest_policy *policy = NULL;
    struct presented_expect e = {.nonce = nonce,
                                 .exporter = c->exporter,
                                 .tls_spki = &c->spki,
                                 .release = buf_view(&signed_manifest.text),
                                 .release_signature = buf_view(&signed_manifest.signature),
                                 .release_key = &signed_manifest.key,
                                 .now_s = now_s};
    struct examination x = {.verdict = VERDICT_DOCUMENT};
    struct attest_document d;
    struct identity identity;
    struct note_key key;
    struct buf store;
    uint64_t ignored;
    bool has_identity;

    CHECK_INT(judge_prepare(&o, &policy, &ignored), EXIT_ACCEPT);
    CHECK_INT(note_key_parse(view_str(log_key), &key), ERR_NONE);
    e.log_key = &key;
    buf_init(&store, ATTEST_STORE_MAX);
    if (attest_document_decode(buf_view(&r->body), &store, &d) == ERR_NONE)
        attest_presented(&d, &e, policy, &x, &identity, &has_identity);
    attest_policy_free(policy);
    buf_free(&store);
    return x.verdict;
}

/* --- the native document */

static void run_gateway(const char *to, struct outcome *out)
{
    char *argv[] = {"gateway",   NULL,    "--roots", roots,       "--policy",
                    policy_path, "--at",  at,        "--release", release_path,
                    "--log-key", log_key, "--json",  "--release-key", release_key[0],
                    NULL};

    argv[1] = (char *)to;
    run_command(&command_gateway, argv, out);
}

static void gateway_accepts(void)
{
    struct outcome out;

    run_gateway(url, &out);
    CHECK_INT(out.code, EXIT_ACCEPT);
    CHECK(strstr(out.text, "\"code\":\"ACCEPT\",\"simulated\":true") != NULL);
    CHECK(strstr(out.text, "{\"code\":\"BINDING\",\"ok\":true") != NULL);
    CHECK(strstr(out.text, "{\"code\":\"RELEASE\",\"ok\":true") != NULL);
    CHECK(strstr(out.text, "{\"code\":\"LOG_PROOF\",\"ok\":true") != NULL);
}

/* Several requests on one connection, each with its own nonce; an answer to one is no answer to
 * another, nor of another connection. */
static void many_on_one_connection(void)
{
    struct connection c, other;
    struct reply_got r[4];
    uint8_t nonce[32];
    char hex[65], target[128];

    connection_open(&c, url);
    connection_open(&other, url);
    for (uint8_t i = 0; i < 4; i++) {
        nonce_make(i, nonce, hex);
        snprintf(target, sizeof target, "/attestation?nonce=%s%s", hex,
                 i % 2 == 0 ? "" : "&binding=tls-exporter");
        ask(&c, "GET", target, "", &r[i]);
        CHECK_INT(r[i].status, 200);
        CHECK_INT(judge(&r[i], &c, nonce), VERDICT_ACCEPT);
        CHECK_INT(judge(&r[i], &other, nonce), VERDICT_REPORT_DATA);
    }
    nonce_make(3, nonce, hex);
    CHECK_INT(judge(&r[2], &c, nonce), VERDICT_NONCE); /* the last answer, replayed */
    for (int i = 0; i < 4; i++)
        buf_free(&r[i].body);
    connection_close(&c);
    connection_close(&other);
}

/* Without the exporter it says so, and is refused by whoever asks for the stronger form. */
static void unbound_is_weaker(void)
{
    struct connection c;
    struct reply_got r;
    uint8_t nonce[32];
    char hex[65], target[128];

    connection_open(&c, url);
    nonce_make(9, nonce, hex);
    snprintf(target, sizeof target, "/attestation?nonce=%s&binding=none", hex);
    ask(&c, "GET", target, "", &r);
    CHECK_INT(r.status, 200);
    CHECK(body_has(&r, "\"binding\":\"none\""));
    CHECK_INT(judge(&r, &c, nonce), VERDICT_BINDING);
    buf_free(&r.body);
    connection_close(&c);
}

/* --- N16: a relay with the gateway's own TLS key */

struct relay {
    int fd;
    char url[64];
    SSL_CTX *ctx;
    pthread_t thread;
};

static void *relay_serve(void *cookie)
{
    struct relay *relay = cookie;
    struct connection to;
    uint8_t part[16384];
    struct buf in, body;
    unsigned status;
    SSL *ssl = SSL_new(relay->ctx);
    int fd = accept(relay->fd, NULL, NULL), n;

    buf_init(&in, 1 << 20);
    buf_init(&body, 1 << 20);
    SSL_set_fd(ssl, fd);
    CHECK_INT(SSL_accept(ssl), 1);
    connection_open(&to, url);
    n = SSL_read(ssl, part, sizeof part);
    CHECK(n > 0 && SSL_write(to.ssl, part, n) == n);
    answer_read(to.ssl, &in, &status, &body);
    CHECK(SSL_write(ssl, in.ptr, (int)in.len) == (int)in.len);
    connection_close(&to);
    buf_free(&in);
    buf_free(&body);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
    return NULL;
}

static void relay_start(struct relay *r, EVP_PKEY *key)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    X509 *cert = NULL;

    CHECK_INT(tls_cert_self(key, "127.0.0.1", 1, &cert), ERR_NONE);
    CHECK_INT(tls_server_ctx(key, cert, &r->ctx), ERR_NONE);
    X509_free(cert);
    r->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(r->fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(r->fd, 1) == 0);
    CHECK(getsockname(r->fd, (struct sockaddr *)&a, &len) == 0);
    snprintf(r->url, sizeof r->url, "https://127.0.0.1:%u", ntohs(a.sin_port));
    CHECK_INT(pthread_create(&r->thread, NULL, relay_serve, r), 0);
}

static void relay_stop(struct relay *r)
{
    pthread_join(r->thread, NULL);
    close(r->fd);
    SSL_CTX_free(r->ctx);
}

static void relay_is_refused(void)
{
    struct connection c;
    struct outcome out;
    struct reply_got got;
    struct relay relay;
    uint8_t nonce[32];
    char hex[65], target[128];
    EVP_PKEY *other = NULL;

    /* It has the key: certificate and key are the gateway's, the exporter is not. */
    relay_start(&relay, identity_tls_key(keys));
    run_gateway(relay.url, &out);
    relay_stop(&relay);
    CHECK_INT(out.code, EXIT_REJECT);
    CHECK(strstr(out.text, "\"code\":\"REPORT_DATA\",\"simulated\"") != NULL);
    CHECK(strstr(out.text, "{\"code\":\"TLS_KEY\",\"ok\":true") != NULL);

    /* What the weaker form is worth: through the same relay it is all in order but for itself. */
    nonce_make(3, nonce, hex);
    snprintf(target, sizeof target, "/attestation?nonce=%s&binding=none", hex);
    relay_start(&relay, identity_tls_key(keys));
    connection_open(&c, relay.url);
    ask(&c, "GET", target, "", &got);
    CHECK_INT(judge(&got, &c, nonce), VERDICT_BINDING);
    buf_free(&got.body);
    connection_close(&c);
    relay_stop(&relay);

    /* A relay with a key of its own. */
    CHECK_INT(tls_key_new(&other), ERR_NONE);
    relay_start(&relay, other);
    run_gateway(relay.url, &out);
    relay_stop(&relay);
    CHECK_INT(out.code, EXIT_REJECT);
    CHECK(strstr(out.text, "{\"code\":\"TLS_KEY\",\"ok\":false") != NULL);
    EVP_PKEY_free(other);
}

/* --- what is refused, and how */

static void questions(void)
{
#define N "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
    static const struct {
        const char *method, *target, *body;
        unsigned status;
        const char *has;
    } cases[] = {
        {"GET", "/attestation?nonce=" N, "", 200, "\"binding\":\"tls-exporter\""},
        {"GET", "/attestation?binding=none&nonce=" N, "", 200, "\"binding\":\"none\""},
        {"GET", "/attestation", "", 400, "\"param\":\"nonce\""},
        {"GET", "/attestation?nonce=", "", 400, "\"param\":\"nonce\""},
        {"GET", "/attestation?nonce=" N "0", "", 400, "\"param\":\"nonce\""},
        {"GET", "/attestation?nonce=A" N, "", 400, "\"param\":\"nonce\""},
        {"GET", "/attestation?nonce=" N "&nonce=" N, "", 400, "\"param\":\"nonce\""},
        {"GET", "/attestation?nonce=" N "&binding=", "", 400, "\"param\":\"binding\""},
        {"GET", "/attestation?nonce=" N "&binding=tls", "", 400, "\"param\":\"binding\""},
        {"GET", "/attestation?nonce=" N "&binding=none&binding=none", "", 400, "\"binding\""},
        {"GET", "/attestation?nonce=" N "&bindin=none", "", 400, "invalid_request_error"},
        {"POST", "/attestation/quote", "{\"nonce\":\"" N "\"}", 200, "\"nonce\":\"" N "\""},
        {"POST", "/attestation/quote", "{\"nonce\":\"" N "\",\"binding\":\"none\"}", 200,
         "\"binding\":\"none\""},
        {"POST", "/attestation/quote", "", 400, "invalid_request_error"},
        {"POST", "/attestation/quote", "[]", 400, "invalid_request_error"},
        {"POST", "/attestation/quote", "{}", 400, "\"param\":\"nonce\""},
        {"POST", "/attestation/quote", "{\"nonce\":1}", 400, "\"param\":\"nonce\""},
        {"POST", "/attestation/quote", "{\"nonce\":\"" N "\",\"nonce\":\"" N "\"}", 400,
         "\"param\":\"nonce\""},
        {"POST", "/attestation/quote", "{\"nonce\":\"\\u0030" N "\"}", 400, "\"param\":\"nonce\""},
        {"POST", "/attestation/quote", "{\"nonce\":\"" N "\",\"binding\":1}", 400,
         "\"param\":\"binding\""},
        {"POST", "/attestation/quote", "{\"nonce\":\"" N "\",\"x\":1}", 400, "Send {"},
        {"POST", "/attestation/quote", "{\"nonce\":\"" N "\",\"binding\":\"none\",\"x\":1}", 400,
         "Send {"},
        {"POST", "/attestation/quote", "{\"nonce\":\"" N "\"}x", 400, "Send {"},
        {"GET", "/v1/aci/attestation?nonce=" N, "", 200, "\"api_version\":\"aci/1\""},
        {"GET", "/v1/aci/attestation", "", 200, "\"tee_type\":\"sev_snp\""},
        {"GET", "/v1/aci/attestation?other=1", "", 200, "\"tee_type\":\"sev_snp\""},
        {"GET", "/v1/aci/attestation?nonce=", "", 400, "\"type\":\"invalid_request_error\""},
        {"GET", "/v1/aci/attestation?nonce=null", "", 400, "\"param\":\"nonce\""},
        {"GET", "/v1/aci/attestation?nonce=" N "&nonce=" N, "", 400, "\"param\":\"nonce\""},
        {"GET", "/v1/aci/attestation?nonce=A" N, "", 400, "\"param\":\"nonce\""},
        {"GET", "/v1/attestation/report?nonce=" N "&signing_algo=ed25519&model=x", "", 200,
         "\"request_nonce\":\"" N "\""},
        {"GET", "/v1/attestation/report", "", 200, "\"request_nonce\":null"},
        {"GET", "/v1/attestation/report?signing_algo=ecdsa", "", 400, "\"param\":\"signing_algo\""},
        {"GET", "/v1/attestation/report?nonce=0", "", 400, "\"param\":\"nonce\""},
        {"GET", "/attestation/verifying-key", "", 200, "\"algo\":\"ed25519\""},
    };
    struct connection c;
    struct reply_got r;

    connection_open(&c, url);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(&c, cases[i].method, cases[i].target, cases[i].body, &r);
        if (r.status != cases[i].status || !body_has(&r, cases[i].has))
            printf("# %s %s %s: %u %.*s\n", cases[i].method, cases[i].target, cases[i].body,
                   r.status, (int)(r.body.len < 200 ? r.body.len : 200), (const char *)r.body.ptr);
        CHECK(r.status == cases[i].status && body_has(&r, cases[i].has));
        CHECK(strstr(r.head, "\r\ncache-control: no-store\r\n") != NULL);
        CHECK(strstr(r.head, "\r\nx-aci-version: aci/1\r\n") != NULL);
        CHECK(strstr(r.head, "\r\nx-aci-keyset-digest: sha256:") != NULL);
        buf_free(&r.body);
    }
    connection_close(&c);
}

/* No report, no answer: 503 with the code, and a full queue says so; all is well afterwards. */
static void no_report(void)
{
    static const char *const targets[] = {"/attestation?nonce=" N, "/v1/aci/attestation?nonce=" N,
                                          "/v1/attestation/report?nonce=" N};
    struct connection c;
    struct reply_got r;

    connection_open(&c, url);
    for (size_t i = 0; i < 3; i++) {
        platform_set(false, true);
        ask(&c, "GET", targets[i], "", &r);
        CHECK_INT(r.status, 503);
        CHECK(body_has(&r, "\"code\":\"attestation_unavailable\""));
        CHECK(strstr(r.head, "\r\nretry-after: ") != NULL);
        buf_free(&r.body);
        platform_set(false, false);
        ask(&c, "GET", targets[i], "", &r);
        CHECK_INT(r.status, 200);
        buf_free(&r.body);
    }
    connection_close(&c);
}

/* A host that hands over no certificates: the report is shown where the format allows it alone. */
static void no_certificates(void)
{
    struct connection c;
    struct reply_got r;

    connection_open(&c, url);
    platform.bare = true; /* nobody asks now */
    ask(&c, "GET", "/attestation?nonce=" N, "", &r);
    CHECK(r.status == 503 && body_has(&r, "\"code\":\"attestation_unavailable\"") &&
          body_has(&r, "no certificate"));
    buf_free(&r.body);
    ask(&c, "GET", "/v1/aci/attestation?nonce=" N, "", &r);
    CHECK(r.status == 200 && body_has(&r, "\"cert_chain\":[],"));
    buf_free(&r.body);
    platform.bare = false;
    connection_close(&c);
}

static void full_queue(void)
{
    enum { MORE = 4 };
    static struct connection all[QUOTES_EXACT_MAX + 1 + MORE];
    unsigned n = QUOTES_EXACT_MAX + 1 + MORE, begun = platform.begun, refused = 0, answered = 0;
    struct reply_got r;

    platform_set(true, false);
    for (unsigned i = 0; i < n; i++) {
        connection_open(&all[i], url);
        connection_send(&all[i], "GET", "/v1/aci/attestation?nonce=" N, "");
        if (i == 0)
            platform_wait_begun(begun + 1);
    }
    for (unsigned i = n; i-- > 0;) { /* the last ones first: they are refused while it is held */
        connection_read(&all[i], &r);
        refused += r.status == 503 && body_has(&r, "\"code\":\"overloaded\"") &&
                   strstr(r.head, "\r\nretry-after: ") != NULL;
        answered += r.status == 200;
        buf_free(&r.body);
        if (refused == MORE)
            platform_set(false, false);
    }
    CHECK_INT(refused, MORE);
    CHECK_INT(answered, n - MORE);
    for (unsigned i = 0; i < n; i++)
        connection_close(&all[i]);
}

static void tick_all(void)
{
    attest_desk_tick(context.attest, clock_mono_ms(), true);
}

/* Who leaves is forgotten; who still waits when the worker must stop is told. */
static void leaving(void)
{
    struct connection gone, stays;
    struct reply_got r;
    unsigned begun = platform.begun;

    platform_set(true, false);
    connection_open(&gone, url);
    connection_open(&stays, url);
    connection_send(&gone, "GET", "/attestation?nonce=" N, "");
    platform_wait_begun(begun + 1);
    connection_send(&stays, "GET", "/attestation?nonce=" N, "");
    connection_close(&gone);
    while (counter_get(&stats.by_status[499]) == 0)
        uv_sleep(5);
    on_worker(tick_all);
    connection_read(&stays, &r);
    CHECK_INT(r.status, 503);
    buf_free(&r.body);
    platform_set(false, false);
    ask(&stays, "GET", "/attestation?nonce=" N, "", &r);
    CHECK_INT(r.status, 200);
    buf_free(&r.body);
    connection_close(&stays);
}

static void report_of(const struct reply_got *r, uint8_t out[static SNP_REPORT_BYTES])
{
    const char *text = memmem(r->body.ptr, r->body.len, "\"report_b64\":\"", 14);

    CHECK(text != NULL && base64_exact(view_of(text + 14, (SNP_REPORT_BYTES + 2) / 3 * 4), out,
                                       SNP_REPORT_BYTES) == ERR_NONE);
}

/* Only what no nonce is in is shown twice, and not for long. */
static void kept_reports(void)
{
    static const char *const targets[] = {"/v1/aci/attestation", "/v1/attestation/report"};
    uint8_t one[SNP_REPORT_BYTES], two[SNP_REPORT_BYTES];
    char with_nonce[160];
    struct connection c;
    struct reply_got r;

    connection_open(&c, url);
    for (size_t i = 0; i < 2; i++) {
        for (int round = 0; round < 3; round++) {
            if (round == 2)
                clock_freeze(clock_mono_us() + ATTEST_KEEP_MS * UINT64_C(1000), clock_unix_ms());
            ask(&c, "GET", targets[i], "", &r);
            clock_thaw();
            report_of(&r, round == 0 ? one : two);
            if (round != 0)
                CHECK_INT(memcmp(one, two, sizeof one) == 0, round == 1);
            buf_free(&r.body);
        }
        snprintf(with_nonce, sizeof with_nonce, "%s?nonce=" N, targets[i]);
        for (int round = 0; round < 2; round++) {
            ask(&c, "GET", with_nonce, "", &r);
            report_of(&r, round == 0 ? one : two);
            buf_free(&r.body);
        }
        CHECK(memcmp(one, two, sizeof one) != 0);
    }
    connection_close(&c);
}

/* What the NEAR- and Phala-style report is over. */
static void report_format(void)
{
    uint8_t nonce[32], signing_key[32], want[64], report[SNP_REPORT_BYTES];
    struct digest32 spki;
    struct connection c;
    struct reply_got r;
    char hex[65];

    CHECK_INT(hex_decode(VIEW_LIT(N), nonce, 32), ERR_NONE);
    identity_receipt_key(keys, signing_key);
    identity_tls_spki(keys, &spki);
    hex_encode(signing_key, 32, hex);
    connection_open(&c, url);
    for (int with = 0; with < 2; with++) {
        ask(&c, "GET", with ? "/v1/attestation/report?nonce=" N : "/v1/attestation/report", "", &r);
        report_of(&r, report);
        near_report_data(signing_key, &spki, with ? nonce : NULL, want);
        CHECK(memcmp(report + SNP_AT_REPORT_DATA, want, 64) == 0);
        CHECK(body_has(&r, hex) && body_has(&r, "\"model_attestations\":[]"));
        buf_free(&r.body);
    }
    CHECK(secret_equal(c.spki.b, spki.b, 32));
    connection_close(&c);
}

/* --- ACI: a verifier of every member, from the specification and docs/aci-sev-snp-extension.md */

struct aci_expect {
    const uint8_t *nonce; /* or NULL */
    const struct digest32 *tls_spki;
    struct attest_policy *policy;
    const struct note_key *log_key;
    const struct provenance *trusted; /* of a manifest that was checked by its signature */
};

/* The members of an object, exactly these and each once. */
static bool members(struct json_value v, const char *const *names, struct json_value *out, size_t n)
{
    struct json_member m[16];
    size_t found;

    if (v.kind != JSON_OBJECT || json_object(v.text, m, 16, &found, NULL) != ERR_NONE || found != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (json_find(m, found, names[i], &out[i]) != ERR_NONE)
            return false;
    return true;
}

static bool is_text(struct json_value v, const char *before, const char *rest)
{
    char want[256];
    struct view got;

    snprintf(want, sizeof want, "%s%s", before, rest);
    return json_string_plain(v, &got) && view_eq(got, view_str(want));
}

static bool base64_of(struct json_value v, struct buf *out)
{
    struct view text;

    return json_string_plain(v, &text) && base64_decode(text, out) == ERR_NONE;
}

/* Report, chain and REPORT_DATA through the project's verifier. */
static bool aci_hardware(struct json_value report, struct json_value chain,
                         const uint8_t want[static 64], const struct aci_expect *e)
{
    struct buf parts[3];
    struct json_member m;
    struct json_iter it;
    struct examination x;
    bool ok = false;
    size_t n = 1;

    for (int i = 0; i < 3; i++)
        buf_init(&parts[i], 8192);
    if (!base64_of(report, &parts[0]) || chain.kind != JSON_ARRAY)
        goto done;
    for (it = json_iter(chain); json_next(&it, &m); n++)
        if (n == 3 || !base64_of(m.value, &parts[n]))
            goto done;
    const struct attest_subject s = {.report = buf_view(&parts[0]),
                                     .vek = buf_view(&parts[1]),
                                     .ask = buf_view(&parts[2]),
                                     .report_data = want};
    attest_examine(&s, e->policy, now_s, &x);
    ok = n == 3 && x.verdict == VERDICT_ACCEPT && x.simulated;
done:
    for (int i = 0; i < 3; i++)
        buf_free(&parts[i]);
    return ok;
}

static bool aci_log(struct json_value statement_b64, struct json_value proof,
                    const struct aci_expect *e)
{
    struct buf text, note;
    uint64_t index;
    bool ok;

    buf_init(&text, 8192);
    buf_init(&note, 32768);
    ok = base64_of(statement_b64, &text) && proof.kind == JSON_STRING &&
         json_string_decode(proof, &note) == ERR_NONE &&
         tlog_proof_check(buf_view(&note), buf_view(&text), e->log_key, &index, NULL) == ERR_NONE;
    buf_free(&text);
    buf_free(&note);
    return ok;
}

/* The members that come from the release are those of the release the verifier trusts. */
static bool aci_release(const struct json_value *got, size_t n, const struct aci_expect *e)
{
    struct buf want, have;
    bool ok;
    static const char *const names[] = {"measured_cmdline", "ovmf_digest",   "kernel_digest",
                                        "initrd_digest",    "policy_digest", "release_b64"};

    buf_init(&want, 65536);
    buf_init(&have, 65536);
    CHECK_INT(buf_append(&want, buf_view(&e->trusted->evidence)), ERR_NONE);
    for (size_t i = 0; i < n; i++) {
        CHECK_INT(buf_appendf(&have, ",\"%s\":", names[i]), ERR_NONE);
        CHECK_INT(buf_append(&have, got[i].text), ERR_NONE);
    }
    ok = view_eq(buf_view(&have), buf_view(&want));
    buf_free(&want);
    buf_free(&have);
    return ok;
}

static bool aci_accepts(struct view body, const struct aci_expect *e)
{
    static const char *const top[] = {"api_version", "workload_keyset_digest", "attestation",
                                      "service_capabilities"};
    static const char *const inner[] = {"tee_type", "workload_keyset", "report_data",
                                        "source_provenance", "evidence"};
    static const char *const parts[] = {"format",        "simulated",          "report_b64",
                                        "cert_chain",    "measured_cmdline",   "ovmf_digest",
                                        "kernel_digest", "initrd_digest",      "policy_digest",
                                        "release_b64",   "tlog_statement_b64", "tlog_proof"};
    struct json_value root, t[4], a[5], v[12], tls, spki;
    struct json_member first;
    struct json_iter it;
    struct digest32 keys_digest;
    uint8_t want[64];
    char hex[65], spki_hex[65];

    if (json_check(body, &root, NULL) != ERR_NONE || !members(root, top, t, 4) ||
        !members(t[2], inner, a, 5) || !members(a[4], parts, v, 12))
        return false;
    if (aci_keyset_digest(a[1].text, &keys_digest) != ERR_NONE ||
        aci_report_data(&keys_digest, e->nonce, want) != ERR_NONE)
        return false;
    hex_encode(keys_digest.b, 32, hex);
    hex_encode(e->tls_spki->b, 32, spki_hex);
    if (!is_text(t[0], "aci/1", "") || !is_text(t[1], "sha256:", hex) ||
        !is_text(a[0], "sev_snp", "") || !is_text(v[0], "tr.aci.sev_snp.v1", "") ||
        v[1].kind != JSON_TRUE ||
        !view_eq(t[3].text,
                 VIEW_LIT("{\"supported_e2ee_versions\":[],\"serving\":\"aggregator\"}")))
        return false;
    hex_encode(want, 32, hex);
    if (!is_text(a[2], "", hex) || !view_eq(a[3].text, buf_view(&e->trusted->source)))
        return false;
    if (!json_get(a[1], "tls_public_keys", &tls) || tls.kind != JSON_ARRAY)
        return false;
    it = json_iter(tls);
    if (!json_next(&it, &first) || !json_get(first.value, "spki_sha256", &spki) ||
        !is_text(spki, "", spki_hex))
        return false;
    return aci_release(v + 4, 6, e) && aci_log(v[10], v[11], e) &&
           aci_hardware(v[2], v[3], want, e);
}

static bool inside(const uint8_t *p, const struct buf *b, const char *from, const char *to)
{
    const uint8_t *begin = memmem(b->ptr, b->len, from, strlen(from));
    const uint8_t *end =
        begin == NULL ? NULL : memmem(begin, b->len - (size_t)(begin - b->ptr), to, strlen(to));

    return end != NULL && p >= begin + strlen(from) && p < end;
}

/* Every byte counts; of report and certificates (test_examine flips those) every 41st. */
static void aci_mutants(void)
{
    struct judge_options o = {.roots = roots, .policy = policy_path};
    struct aci_expect e = {.trusted = &provenance};
    uint8_t nonce[32];
    struct note_key key;
    struct connection c;
    struct reply_got r;
    uint64_t ignored;
    unsigned tried = 0, accepted = 0;

    CHECK_INT(hex_decode(VIEW_LIT(N), nonce, 32), ERR_NONE);
    CHECK_INT(judge_prepare(&o, &e.policy, &ignored), EXIT_ACCEPT);
    CHECK_INT(note_key_parse(view_str(log_key), &key), ERR_NONE);
    connection_open(&c, url);
    e.log_key = &key;
    e.nonce = nonce;
    e.tls_spki = &c.spki;
    ask(&c, "GET", "/v1/aci/attestation?nonce=" N, "", &r);
    CHECK(aci_accepts(buf_view(&r.body), &e));
    CHECK(strstr(r.head, (const char *)keyset_digest_text(keyset).ptr) != NULL);
    nonce[5] ^= 1;
    CHECK(!aci_accepts(buf_view(&r.body), &e)); /* N01: another nonce */
    nonce[5] ^= 1;
    c.spki.b[0] ^= 1;
    CHECK(!aci_accepts(buf_view(&r.body), &e)); /* another connection's key */
    c.spki.b[0] ^= 1;
    for (size_t i = 0; i < r.body.len; i++) {
        if (i % 41 != 0 &&
            inside(r.body.ptr + i, &r.body, "\"report_b64\":\"", "],\"measured_cmdline\""))
            continue;
        r.body.ptr[i] ^= (uint8_t)(1 << i % 8);
        if (aci_accepts(buf_view(&r.body), &e)) {
            printf("# byte %zu\n", i);
            accepted++;
        }
        r.body.ptr[i] ^= (uint8_t)(1 << i % 8);
        tried++;
    }
    CHECK_INT(accepted, 0);
    CHECK(aci_accepts(buf_view(&r.body), &e));
    printf("# %u flipped bytes\n", tried);
    buf_free(&r.body);
    ask(&c, "GET", "/v1/aci/attestation", "", &r);
    CHECK(!aci_accepts(buf_view(&r.body), &e));
    e.nonce = NULL;
    CHECK(aci_accepts(buf_view(&r.body), &e));
    buf_free(&r.body);
    connection_close(&c);
    attest_policy_free(e.policy);
}

/* The same for the document that the data plane made. */
static void document_mutants(void)
{
    struct judge_options o = {.roots = roots, .policy = policy_path};
    struct presented_expect e = {.release = buf_view(&signed_manifest.text),
                                 .release_signature = buf_view(&signed_manifest.signature),
                                 .release_key = &signed_manifest.key,
                                 .now_s = now_s};
    struct attest_policy *policy = NULL;
    uint8_t nonce[32];
    struct note_key key;
    struct connection c;
    struct reply_got r;
    uint64_t ignored;
    unsigned tried = 0, accepted = 0;

    CHECK_INT(hex_decode(VIEW_LIT(N), nonce, 32), ERR_NONE);
    CHECK_INT(judge_prepare(&o, &policy, &ignored), EXIT_ACCEPT);
    CHECK_INT(note_key_parse(view_str(log_key), &key), ERR_NONE);
    connection_open(&c, url);
    e.nonce = nonce;
    e.exporter = c.exporter;
    e.tls_spki = &c.spki;
    e.log_key = &key;
    ask(&c, "GET", "/attestation?nonce=" N, "", &r);
    CHECK_INT(judge(&r, &c, nonce), VERDICT_ACCEPT);
    for (size_t i = 0; i < r.body.len; i++) {
        struct examination x = {.verdict = VERDICT_DOCUMENT};
        struct attest_document d;
        struct identity identity;
        struct buf store;
        bool has_identity;

        if (i % 41 != 0 && inside(r.body.ptr + i, &r.body, "\"report\":\"", "\"},\"release\""))
            continue;
        r.body.ptr[i] ^= (uint8_t)(1 << i % 8);
        buf_init(&store, ATTEST_STORE_MAX);
        if (attest_document_decode(buf_view(&r.body), &store, &d) == ERR_NONE)
            attest_presented(&d, &e, policy, &x, &identity, &has_identity);
        accepted += x.verdict == VERDICT_ACCEPT;
        buf_free(&store);
        r.body.ptr[i] ^= (uint8_t)(1 << i % 8);
        tried++;
    }
    CHECK_INT(accepted, 0);
    CHECK_INT(judge(&r, &c, nonce), VERDICT_ACCEPT);
    printf("# %u flipped bytes\n", tried);
    buf_free(&r.body);
    connection_close(&c);
    attest_policy_free(policy);
}

static void cleanup(void)
{
    char cmd[64];

    on_worker(stop_worker);
    uv_thread_join(&worker.thread);
    release_file_free(&signed_manifest);
    CHECK_INT(uv_loop_close(&worker.loop), 0);
    quotes_stop(quotes);
    quote_backend.close(source);
    rate_free(context.evidence_rate);
    log_proof_free(facts.log_proof);
    provenance_free(&provenance);
    SSL_CTX_free(server_tls);
    X509_free(tls_cert);
    keyset_free(keyset);
    identity_keys_free(keys);
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    CHECK_INT(system(cmd), 0);
}

static const struct check_case cases[] = {
    {"attest_setup", setup},
    {"attest_gateway_accepts", gateway_accepts},
    {"attest_many_on_one_connection", many_on_one_connection},
    {"attest_unbound_is_weaker", unbound_is_weaker},
    {"attest_relay_is_refused", relay_is_refused},
    {"attest_questions", questions},
    {"attest_no_report", no_report},
    {"attest_no_certificates", no_certificates},
    {"attest_full_queue", full_queue},
    {"attest_leaving", leaving},
    {"attest_kept_reports", kept_reports},
    {"attest_report_format", report_format},
    {"attest_aci_mutants", aci_mutants},
    {"attest_document_mutants", document_mutants},
    {"attest_cleanup", cleanup},
};

/* h2o keeps its pool's chunks for the thread, and a worker thread ends with some. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:h2o_mem_alloc_recycle";
}

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE || mkdtemp(dir) == NULL)
        return 1;
    now_s = clock_unix_ms() / 1000;
    signal(SIGPIPE, SIG_IGN);
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
