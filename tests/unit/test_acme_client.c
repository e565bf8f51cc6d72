/* The ACME client against a scripted authority: one that is good, and the same with one answer changed in each way in
 * which a hostile or broken one could change it. */
#include "check.h"
#include "clock.h"

#include "dataplane/acme/client.c"
#include "dataplane/acme/client_chain.c"
#include "dataplane/acme/client_request.c"

#define AT "https://ca.example:14000"

/* One answer that is another than the good one. Empty: as it was. */
struct twist {
    const char *path;
    unsigned after; /* of that path, good ones before it */
    unsigned times; /* 0: for ever */
    unsigned status;
    enum acme_content content; /* ACME_CONTENT_OTHER: as it was, unless status is given */
    const char *location, *body;
    enum err err;
    uint64_t retry_after_s;
    bool no_nonce;
};

static const struct twist *twist;
static unsigned seen, requests, starts, ends, pauses;
static bool validated, finalized;
static EVP_PKEY *tls_key, *ca_key, *leaf_key;
static X509 *ca;
static const char *leaf_names;
static char authorization[256];

static void say(struct acme_answer *a, unsigned status, enum acme_content content, const char *body)
{
    a->status = status;
    a->content = content;
    CHECK_INT(buf_append(&a->body, view_str(body)), ERR_NONE);
}

static void say_certificate(struct acme_answer *a)
{
    X509 *leaf = NULL;
    char pem[4096];
    size_t n;

    CHECK_INT(tls_ca_sign(ca_key, ca, leaf_key, leaf_names, 60, &leaf), ERR_NONE);
    say(a, 200, ACME_CONTENT_PEM, "");
    CHECK_INT(tls_cert_pem(leaf, pem, sizeof pem, &n), ERR_NONE);
    CHECK_INT(buf_append(&a->body, view_of(pem, n)), ERR_NONE);
    CHECK_INT(tls_cert_pem(ca, pem, sizeof pem, &n), ERR_NONE);
    CHECK_INT(buf_append(&a->body, view_of(pem, n)), ERR_NONE);
    X509_free(leaf);
}

static void good(const char *path, struct acme_answer *a)
{
    snprintf(a->nonce, sizeof a->nonce, "nonce-%u", requests);
    if (strcmp(path, "/dir") == 0) {
        say(a, 200, ACME_CONTENT_JSON, "{\"newNonce\":\"" AT "/nonce\",\"newAccount\":\"" AT "/acct\",\"newOrder\":\"" AT "/order\"}");
    } else if (strcmp(path, "/nonce") == 0) {
        say(a, 204, ACME_CONTENT_OTHER, "");
    } else if (strcmp(path, "/acct") == 0) {
        say(a, 201, ACME_CONTENT_JSON, "{\"status\":\"valid\"}");
        strcpy(a->location, AT "/acct/1");
    } else if (strcmp(path, "/order") == 0) {
        say(a, 201, ACME_CONTENT_JSON, "{\"status\":\"pending\",\"authorizations\":[\"" AT "/authz/1\"],\"finalize\":\"" AT "/fin\"}");
        strcpy(a->location, AT "/order/1");
    } else if (strcmp(path, "/authz/1") == 0) {
        say(a, 200, ACME_CONTENT_JSON, validated ? "{\"status\":\"valid\"}" :
            "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},\"challenges\":["
            "{\"type\":\"dns-01\",\"url\":\"" AT "/no\",\"token\":\"0123456789abcdef\"},"
            "{\"type\":\"tls-alpn-01\",\"url\":\"" AT "/chall\",\"token\":\"0123456789abcdef\"}]}");
    } else if (strcmp(path, "/chall") == 0) {
        CHECK(starts == 1 && ends == 0); /* it is answered while the authority looks */
        validated = true;
        say(a, 200, ACME_CONTENT_JSON, "{\"status\":\"processing\"}");
    } else if (strcmp(path, "/order/1") == 0) {
        say(a, 200, ACME_CONTENT_JSON, finalized ? "{\"status\":\"valid\",\"certificate\":\"" AT "/cert\"}" : "{\"status\":\"ready\"}");
    } else if (strcmp(path, "/fin") == 0) {
        finalized = true;
        say(a, 200, ACME_CONTENT_JSON, "{\"status\":\"processing\"}");
    } else if (strcmp(path, "/cert") == 0) {
        say_certificate(a);
    } else {
        printf("# asked for %s\n", path);
        CHECK(!"a URL that nobody has named");
    }
}

static enum err exchange(void *cookie, const char *method, const char *url, struct view body, struct acme_answer *a)
{
    const char *path = url + strlen(AT);

    (void)cookie;
    requests++;
    CHECK(strncmp(url, AT "/", strlen(AT "/")) == 0);
    CHECK((strcmp(method, "GET") == 0) == (body.len == 0));
    CHECK(requests < 2000);
    if (twist != NULL && strcmp(twist->path, path) == 0 && ++seen > twist->after &&
        (twist->times == 0 || seen <= twist->after + twist->times)) {
        if (twist->err != ERR_NONE)
            return twist->err;
        good(path, a);
        a->retry_after_s = twist->retry_after_s;
        if (twist->no_nonce)
            a->nonce[0] = '\0';
        if (twist->status != 0) {
            a->status = twist->status;
            a->content = twist->content;
        }
        if (twist->location != NULL)
            strcpy(a->location, twist->location);
        if (twist->body != NULL) {
            buf_reset(&a->body);
            CHECK_INT(buf_append(&a->body, view_str(twist->body)), ERR_NONE);
        }
        return ERR_NONE;
    }
    good(path, a);
    return ERR_NONE;
}

static enum err challenge_start(void *cookie, enum acme_method method, const char *name, struct view v)
{
    (void)cookie;
    starts++;
    CHECK(method == ACME_TLS_ALPN_01 && strcmp(name, "a.example") == 0);
    snprintf(authorization, sizeof authorization, "%.*s", (int)v.len, (const char *)v.ptr);
    return ERR_NONE;
}

static void challenge_end(void *cookie, enum acme_method method, const char *name)
{
    (void)cookie, (void)method, (void)name;
    ends++;
}

static bool pause_cb(void *cookie, uint64_t ms)
{
    (void)cookie;
    CHECK(ms != 0 && ms <= ACME_POLL_LONGEST_MS);
    pauses++;
    return true;
}

static struct acme_client *client_make(const char *names_text, struct acme_names *names)
{
    const struct acme_client_config config = {
        .wire = {exchange, NULL}, .directory = AT "/dir", .contact = "ops@example.com", .names = names,
        .tls_key = tls_key, .tls_alpn = true, .start = challenge_start, .end = challenge_end, .pause = pause_cb};
    struct acme_client *c = NULL;

    CHECK_INT(acme_names_parse(names_text, names), ERR_NONE);
    CHECK_INT(acme_client_new(&config, &c), ERR_NONE);
    return c;
}

static enum err obtain(const struct twist *t, struct acme_failure *f)
{
    struct acme_certificate got = {.leaf = NULL};
    struct acme_names names;
    struct acme_client *c = client_make("a.example", &names);
    enum err e;

    twist = t;
    seen = requests = starts = ends = pauses = 0;
    validated = finalized = false;
    e = acme_client_obtain(c, &got, f);
    CHECK((e == ERR_NONE) == (got.leaf != NULL));
    CHECK(starts == ends);
    if (e == ERR_NONE) {
        CHECK(X509_check_private_key(got.leaf, tls_key) == 1 && sk_X509_num(got.chain) == 1 &&
              got.not_after_s > got.not_before_s);
        CHECK(strncmp(authorization, "0123456789abcdef.", 17) == 0 && strcmp(authorization + 17, c->thumbprint) == 0);
    }
    acme_certificate_free(&got);
    acme_client_free(c);
    return e;
}

#define P(name) .status = 400, .content = ACME_CONTENT_PROBLEM, .body = "{\"type\":\"urn:ietf:params:acme:error:" name "\"}"

static void hostile(void)
{
    static char huge[1000];
    static const struct {
        struct twist t;
        enum err err;
        enum acme_step step;
        enum acme_problem problem;
    } cases[] = {
        {{.path = "/none"}, ERR_NONE, ACME_STEP_CERTIFICATE, ACME_PROBLEM_NONE},
        {{.path = "/acct", .times = 3, P("badNonce")}, ERR_NONE, ACME_STEP_CERTIFICATE, ACME_PROBLEM_NONE},
        {{.path = "/acct", .times = 3, .no_nonce = true}, ERR_NONE, ACME_STEP_CERTIFICATE, ACME_PROBLEM_NONE},
        {{.path = "/order/1", .times = 3, .retry_after_s = 100000, .status = 200, .content = ACME_CONTENT_JSON,
          .body = "{\"status\":\"processing\"}"}, ERR_NONE, ACME_STEP_CERTIFICATE, ACME_PROBLEM_NONE},
        {{.path = "/dir", .err = ERR_AUTH}, ERR_AUTH, ACME_STEP_DIRECTORY, ACME_PROBLEM_NONE},
        {{.path = "/dir", .err = ERR_LIMIT}, ERR_LIMIT, ACME_STEP_DIRECTORY, ACME_PROBLEM_NONE},
        {{.path = "/dir", .status = 302, .location = AT "/elsewhere"}, ERR_PROVIDER_STATUS, ACME_STEP_DIRECTORY, ACME_PROBLEM_NONE},
        {{.path = "/dir", .status = 200, .content = ACME_CONTENT_OTHER}, ERR_FORMAT, ACME_STEP_DIRECTORY, ACME_PROBLEM_NONE},
        {{.path = "/dir", .body = "[]"}, ERR_FORMAT, ACME_STEP_DIRECTORY, ACME_PROBLEM_NONE},
        {{.path = "/dir", .body = "{\"newNonce\":"}, ERR_FORMAT, ACME_STEP_DIRECTORY, ACME_PROBLEM_NONE},
        {{.path = "/dir", .body = "{\"newNonce\":\"https://evil.example:14000/nonce\",\"newAccount\":\"" AT "/acct\",\"newOrder\":\"" AT "/order\"}"},
         ERR_FORMAT, ACME_STEP_DIRECTORY, ACME_PROBLEM_NONE},
        {{.path = "/dir", .body = "{\"newNonce\":\"https://ca.example:22/nonce\",\"newAccount\":\"" AT "/acct\",\"newOrder\":\"" AT "/order\"}"},
         ERR_FORMAT, ACME_STEP_DIRECTORY, ACME_PROBLEM_NONE},
        {{.path = "/dir", .body = huge}, ERR_LIMIT, ACME_STEP_DIRECTORY, ACME_PROBLEM_NONE},
        {{.path = "/nonce", .no_nonce = true}, ERR_FORMAT, ACME_STEP_ACCOUNT, ACME_PROBLEM_NONE},
        {{.path = "/acct", P("badNonce")}, ERR_PROVIDER_STATUS, ACME_STEP_ACCOUNT, ACME_PROBLEM_BAD_NONCE},
        {{.path = "/acct", P("externalAccountRequired")}, ERR_PROVIDER_STATUS, ACME_STEP_ACCOUNT, ACME_PROBLEM_EXTERNAL_ACCOUNT_REQUIRED},
        {{.path = "/acct", .location = "https://ca.example/acct/1"}, ERR_FORMAT, ACME_STEP_ACCOUNT, ACME_PROBLEM_NONE},
        {{.path = "/acct", .location = ""}, ERR_FORMAT, ACME_STEP_ACCOUNT, ACME_PROBLEM_NONE},
        {{.path = "/order", .retry_after_s = 4000, P("rateLimited")}, ERR_PROVIDER_STATUS, ACME_STEP_ORDER, ACME_PROBLEM_RATE_LIMITED},
        {{.path = "/order", P("made-up")}, ERR_PROVIDER_STATUS, ACME_STEP_ORDER, ACME_PROBLEM_OTHER},
        {{.path = "/order", .status = 500, .content = ACME_CONTENT_PROBLEM, .body = "{{"}, ERR_PROVIDER_STATUS, ACME_STEP_ORDER, ACME_PROBLEM_OTHER},
        {{.path = "/order", .status = 307, .location = "https://evil.example/"}, ERR_PROVIDER_STATUS, ACME_STEP_ORDER, ACME_PROBLEM_NONE},
        {{.path = "/order", .body = "{\"finalize\":\"" AT "/fin\",\"authorizations\":{}}"}, ERR_FORMAT, ACME_STEP_ORDER, ACME_PROBLEM_NONE},
        {{.path = "/order", .body = "{\"finalize\":\"" AT "/fin\",\"authorizations\":[1]}"}, ERR_FORMAT, ACME_STEP_ORDER, ACME_PROBLEM_NONE},
        {{.path = "/authz/1", .body = "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"b.example\"},\"challenges\":[]}"},
         ERR_FORMAT, ACME_STEP_VALIDATION, ACME_PROBLEM_NONE},
        {{.path = "/authz/1", .body = "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},\"challenges\":["
          "{\"type\":\"http-01\",\"url\":\"" AT "/chall\",\"token\":\"0123456789abcdef\"}]}"}, ERR_UNSUPPORTED, ACME_STEP_VALIDATION, ACME_PROBLEM_NONE},
        {{.path = "/authz/1", .body = "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},\"challenges\":["
          "{\"type\":\"tls-alpn-01\",\"url\":\"" AT "/chall\",\"token\":\"../../etc/passwd\"}]}"}, ERR_FORMAT, ACME_STEP_VALIDATION, ACME_PROBLEM_NONE},
        {{.path = "/authz/1", .body = "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},\"challenges\":["
          "{\"type\":\"tls-alpn-01\",\"url\":\"" AT "/chall\",\"token\":\"short\"}]}"}, ERR_FORMAT, ACME_STEP_VALIDATION, ACME_PROBLEM_NONE},
        {{.path = "/authz/1", .after = 1, .body = "{\"status\":\"invalid\",\"challenges\":[{\"error\":{\"type\":\"urn:ietf:params:acme:error:caa\"}}]}"},
         ERR_PROVIDER_BODY, ACME_STEP_VALIDATION, ACME_PROBLEM_CAA},
        {{.path = "/authz/1", .after = 1, .body = "{\"status\":\"invalid\",\"challenges\":[{\"error\":{\"type\":\"urn:ietf:params:acme:error:unauthorized\"}}]}"},
         ERR_PROVIDER_BODY, ACME_STEP_VALIDATION, ACME_PROBLEM_UNAUTHORIZED},
        {{.path = "/authz/1", .after = 1, .body = "{\"status\":\"pending\"}"}, ERR_TOTAL_TIMEOUT, ACME_STEP_VALIDATION, ACME_PROBLEM_NONE},
        {{.path = "/authz/1", .after = 1, .body = "{}"}, ERR_FORMAT, ACME_STEP_VALIDATION, ACME_PROBLEM_NONE},
        {{.path = "/order/1", .body = "{\"status\":\"invalid\",\"error\":{\"type\":\"urn:ietf:params:acme:error:caa\"}}"}, ERR_PROVIDER_BODY, ACME_STEP_FINALIZE, ACME_PROBLEM_CAA},
        {{.path = "/fin", P("badCSR")}, ERR_PROVIDER_STATUS, ACME_STEP_FINALIZE, ACME_PROBLEM_BAD_CSR},
        {{.path = "/order/1", .after = 1, .body = "{\"status\":\"valid\",\"certificate\":\"https://evil.example:14000/cert\"}"}, ERR_FORMAT, ACME_STEP_FINALIZE, ACME_PROBLEM_NONE},
        {{.path = "/cert", .body = "no PEM"}, ERR_FORMAT, ACME_STEP_CERTIFICATE, ACME_PROBLEM_NONE},
        {{.path = "/cert", .status = 200, .content = ACME_CONTENT_JSON}, ERR_FORMAT, ACME_STEP_CERTIFICATE, ACME_PROBLEM_NONE},
    };
    struct acme_failure f;

    snprintf(huge, sizeof huge, "{\"newNonce\":\"" AT "/%0600d\",\"newAccount\":\"" AT "/acct\",\"newOrder\":\"" AT "/order\"}", 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum err e = obtain(&cases[i].t, &f);

        if (e != cases[i].err || f.step != cases[i].step || f.problem != cases[i].problem) {
            printf("# case %zu (%s): %s at %s, %s\n", i, cases[i].t.path, err_name(e), acme_step_name(f.step),
                   acme_problem_name(f.problem));
            CHECK(!"as the table says");
        }
        if (cases[i].problem == ACME_PROBLEM_RATE_LIMITED)
            CHECK_INT(f.retry_after_s, 4000);
        if (cases[i].problem == ACME_PROBLEM_BAD_NONCE)
            CHECK_INT(seen, ACME_NONCE_TRIES);
    }
}

/* What comes as a certificate is ours, for our names, now, or not shown. */
static void foreign_certificates(void)
{
    struct acme_failure f;

    leaf_key = ca_key;
    CHECK_INT(obtain(NULL, &f), ERR_CRYPTO);
    leaf_key = tls_key;
    leaf_names = "b.example";
    CHECK_INT(obtain(NULL, &f), ERR_NOT_FOUND);
    leaf_names = "a.example,b.example";
    CHECK_INT(obtain(NULL, &f), ERR_NONE);
    /* One that begins in the future would be shown for years before it is valid; a clock of ours that is a little behind is none. */
    clock_freeze(clock_mono_us(), clock_unix_ms() - 7200000);
    CHECK_INT(obtain(NULL, &f), ERR_RANGE);
    clock_thaw();
    clock_freeze(clock_mono_us(), clock_unix_ms() - 1800000);
    CHECK_INT(obtain(NULL, &f), ERR_NONE);
    clock_thaw();
}

/* The authority has forgotten the account: the next try makes another. */
static void lost_account(void)
{
    static const struct twist lost = {.path = "/order", .times = 1, P("accountDoesNotExist")};
    struct acme_certificate got = {.leaf = NULL};
    struct acme_failure f;
    struct acme_names names;
    struct acme_client *c = client_make("a.example", &names);

    twist = &lost;
    seen = starts = ends = 0;
    validated = finalized = false;
    CHECK_INT(acme_client_obtain(c, &got, &f), ERR_PROVIDER_STATUS);
    CHECK_INT(f.problem, ACME_PROBLEM_ACCOUNT_DOES_NOT_EXIST);
    CHECK(c->account[0] == '\0');
    CHECK_INT(acme_client_obtain(c, &got, &f), ERR_NONE);
    acme_certificate_free(&got);
    acme_client_free(c);
}

static void headers(void)
{
    static const struct {
        const char *value;
        uint64_t s;
    } retries[] = {{"120", 120}, {"99999999999", ACME_RETRY_AFTER_MAX_S}, {"-1", 0}, {"soon", 0},
                   {"Wed, 21 Oct 2015 07:28:10 GMT", 10}, {"Wed, 21 Oct 2015 07:27:59 GMT", 0}};
    struct acme_answer a;
    char text[600];

    acme_answer_init(&a);
    for (size_t i = 0; i < sizeof retries / sizeof retries[0]; i++) {
        acme_answer_header(&a, VIEW_LIT("Retry-After"), view_str(retries[i].value), 1445412480);
        CHECK_INT(a.retry_after_s, retries[i].s);
    }
    acme_answer_header(&a, VIEW_LIT("Replay-Nonce"), VIEW_LIT("aZ-_9"), 0);
    CHECK(strcmp(a.nonce, "aZ-_9") == 0);
    acme_answer_header(&a, VIEW_LIT("replay-nonce"), VIEW_LIT("a\"b"), 0);
    CHECK(a.nonce[0] == '\0');
    memset(text, 'a', sizeof text);
    acme_answer_header(&a, VIEW_LIT("replay-nonce"), view_of(text, ACME_NONCE_MAX + 1), 0);
    CHECK(a.nonce[0] == '\0');
    acme_answer_header(&a, VIEW_LIT("location"), view_of(text, ACME_URL_MAX), 0);
    CHECK_INT(strlen(a.location), ACME_URL_MAX);
    acme_answer_header(&a, VIEW_LIT("location"), view_of(text, ACME_URL_MAX + 1), 0);
    CHECK(a.location[0] == '\0');
    acme_answer_header(&a, VIEW_LIT("content-type"), VIEW_LIT("application/JSON; charset=utf-8"), 0);
    CHECK_INT(a.content, ACME_CONTENT_JSON);
    acme_answer_header(&a, VIEW_LIT("content-type"), VIEW_LIT("text/html"), 0);
    CHECK_INT(a.content, ACME_CONTENT_OTHER);
    acme_answer_free(&a);
    CHECK(acme_url_ok(AT "/dir", AT "/x?y=1") && !acme_url_ok(AT "/dir", AT "/x y") && !acme_url_ok(AT "/dir", "http://ca.example:14000/") &&
          !acme_url_ok(AT "/dir", "https://ca.example/x") && !acme_url_ok(AT "/dir", AT "@evil.example/") && acme_url_ok("https://ca.example/d", "https://ca.example:443/x"));
}

static const struct check_case cases_[] = {
    {"acme_client_hostile", hostile}, {"acme_client_foreign_certificates", foreign_certificates},
    {"acme_client_lost_account", lost_account}, {"acme_client_headers", headers},
};

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE || tls_key_new(&tls_key) != ERR_NONE || tls_key_new(&ca_key) != ERR_NONE ||
        tls_ca_new(ca_key, "scripted authority", 2, &ca) != ERR_NONE)
        return 1;
    leaf_key = tls_key;
    leaf_names = "a.example";
    return check_main(cases_, sizeof cases_ / sizeof cases_[0], argc, argv);
}
