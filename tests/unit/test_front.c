/* The front door: a path that is let through to the wrong handler, a key that is read from the
 * wrong place or a missing CORS header is invisible in every other test. */
#include "front.h"

#include "azure.h"
#include "chat_dialect.h"
#include "endpoints.h"
#include "keyset.h"
#include "messages.h"
#include "path.h"
#include "reply.h"
#include "samples.h"
#include "uplink.h"

#include "check.h"

#include <stdio.h>

struct web_request {
    struct view method, path;
    struct web_header in[4];
    size_t n_in;
    int status;
    char headers[4096], body[4096];
};

#define KEY KEY_PREFIX "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define MANAGEMENT_KEY KEY_MANAGEMENT_PREFIX "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static struct {
    unsigned chats, models, one, health, metrics, alive;
    unsigned embeddings, wrapped, count, zdr, providers;
    unsigned receipts, signatures;
    enum receipt_endpoint endpoint;
    const struct dialect *dialect;
    unsigned counts;
    unsigned document, quote, verifying_key, sealing_key, aci, report, audit_head, audit_samples, arrivals;
    struct view rest;
    struct digest32 who;
    enum standing standing;
} called;
static const struct providers providers;
static bool unknown; /* the key is one that nobody knows */
static bool limited; /* requests for evidence are refused */
static unsigned sealed; /* answers that leave sealed */
static struct identity_keys *boot;

struct view web_method(const struct web_request *r)
{
    return r->method;
}
struct view web_path(const struct web_request *r)
{
    return r->path;
}
struct view web_body(const struct web_request *r)
{
    (void)r;
    return VIEW_LIT("{\"model\":\"demo/echo\"}");
}
uint8_t *web_body_bytes(struct web_request *r)
{
    static uint8_t bytes[64];
    struct view body = web_body(r);

    memcpy(bytes, body.ptr, body.len);
    return bytes;
}
void web_body_narrow(struct web_request *r, struct view part)
{
    (void)r, (void)part;
    CHECK(false); /* nothing here is sealed to a key of anybody */
}
void web_seal_answer(struct web_request *r, struct web_seal *s)
{
    (void)r;
    s->free(s);
    sealed++;
}
bool web_header(const struct web_request *r, struct view name, struct view *out)
{
    for (size_t i = 0; i < r->n_in; i++)
        if (view_eq(r->in[i].name, name)) {
            *out = r->in[i].value;
            return true;
        }
    return false;
}
void web_respond(struct web_request *r, int status, const struct web_header *h, size_t n,
                 struct view body)
{
    size_t at = 0;

    CHECK(r->status == 0);
    r->status = status;
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(r->headers + at, sizeof r->headers - at, "%.*s: %.*s\n",
                               (int)h[i].name.len, (const char *)h[i].name.ptr, (int)h[i].value.len,
                               (const char *)h[i].value.ptr);
    snprintf(r->body, sizeof r->body, "%.*s", (int)body.len,
             body.len != 0 ? (const char *)body.ptr : "");
}
void web_respond_taking(struct web_request *r, int status, const struct web_header *h, size_t n,
                        struct buf *body)
{
    web_respond(r, status, h, n, buf_view(body));
    buf_free(body);
}
int receipt_answer(const struct receipt_context *x, struct web_request *r, struct view id,
                   const struct digest32 *who)
{
    (void)x, (void)r;
    called.receipts++;
    called.rest = id;
    called.who = *who;
    return 200;
}
int receipt_answer_signature(const struct receipt_context *x, struct web_request *r, struct view id,
                             const struct digest32 *who)
{
    (void)x, (void)r;
    called.signatures++;
    called.rest = id;
    called.who = *who;
    return 200;
}
void exchange_count(struct exchange_context *x, struct web_request *web, const struct digest32 *who,
                    const struct dialect *dialect, bool openrouter)
{
    (void)x, (void)web, (void)who;
    called.dialect = dialect;
    called.counts += openrouter ? 100 : 1;
}
void exchange_begin(struct exchange_context *x, struct web_request *web, const struct digest32 *who,
                    const struct dialect *dialect, enum receipt_endpoint endpoint)
{
    (void)x, (void)web;
    called.dialect = dialect;
    called.endpoint = endpoint;
    called.chats++;
    called.who = *who;
}
#define MODELS_STUB(name, field)                                                                   \
    int name(const struct models_context *x, struct web_request *r, struct view v)                 \
    {                                                                                              \
        (void)r;                                                                                   \
        CHECK(x->providers == &providers);                                                         \
        called.field++;                                                                            \
        called.rest = v;                                                                           \
        return 200;                                                                                \
    }
MODELS_STUB(models_list, models)
MODELS_STUB(models_embeddings, embeddings)
MODELS_STUB(models_one, one)
MODELS_STUB(models_wrapped, wrapped)
#define CATALOG_STUB(name, field)                                                                  \
    int name(const struct models_context *x, struct web_request *r)                                \
    {                                                                                              \
        (void)r;                                                                                   \
        CHECK(x->providers == &providers);                                                         \
        called.field++;                                                                            \
        return 200;                                                                                \
    }
CATALOG_STUB(models_count, count)
CATALOG_STUB(endpoints_zdr, zdr)
CATALOG_STUB(endpoints_providers, providers)
#define ATTEST_STUB(name, field)                                                                   \
    void name(struct attest_desk *x, struct web_request *r)                                        \
    {                                                                                              \
        (void)x, (void)r;                                                                          \
        called.field++;                                                                            \
    }
ATTEST_STUB(attest_document, document)
ATTEST_STUB(attest_quote, quote)
ATTEST_STUB(attest_verifying_key, verifying_key)
ATTEST_STUB(attest_sealing_key, sealing_key)
ATTEST_STUB(attest_aci, aci)
ATTEST_STUB(attest_report, report)
enum err rate_take(struct rate *r, const uint8_t address[static 16], uint64_t now_ms,
                   uint32_t *retry_ms)
{
    (void)r, (void)address, (void)now_ms;
    *retry_ms = limited ? 2500 : 0;
    return limited ? ERR_RATE : ERR_NONE;
}
void web_peer(const struct web_request *r, uint8_t out[static 16])
{
    (void)r;
    memset(out, 0, 16);
}
static struct view asked_path;
static unsigned accounts;

void account_ask(const struct account_context *x, struct web_request *r, struct view path)
{
    (void)x, (void)r;
    accounts++;
    asked_path = path;
}
int samples_head(struct audit *x, struct web_request *r)
{
    (void)x, (void)r;
    called.audit_head++;
    return 200;
}
int samples_list(struct audit *x, struct web_request *r, const struct digest32 *who)
{
    (void)x, (void)r;
    called.audit_samples++;
    called.who = *who;
    return 200;
}
int status_answer(const struct status_context *s, struct web_request *r)
{
    (void)s, (void)r;
    called.health++;
    return 200;
}
void status_answer_alive(struct web_request *r)
{
    (void)r;
    called.alive++;
}
void metrics_answer(const struct metrics_context *s, struct web_request *r)
{
    (void)s, (void)r;
    called.metrics++;
}
enum standing uplink_standing(const struct uplink *u)
{
    (void)u;
    return called.standing;
}

enum web_verdict arrival_of_key(const struct arrival_context *x, struct web_request *r, const struct digest32 *who,
                                bool more, int *why)
{
    (void)x, (void)r, (void)more, (void)why;
    called.who = *who;
    called.arrivals++;
    return WEB_BODY_WAIT;
}

void arrival_check(const struct arrival_context *x, struct web_request *r,
                   const struct digest32 *who,
                   void (*then)(void *cookie, struct web_request *web, enum api_error error),
                   void *cookie)
{
    (void)x;
    called.who = *who;
    called.arrivals++;
    then(cookie, r, unknown ? API_BAD_KEY : API_OK);
}

static struct stats stats;
static struct front_context context = {.stats = &stats, .models = {.providers = &providers}};
static struct metrics_context metrics;
static struct web_request web;

static void visit(const char *method, const char *path, const char *name, const char *value)
{
    memset(&called, 0, sizeof called);
    web = (struct web_request){.method = view_str(method), .path = view_str(path)};
    if (name != NULL)
        web.in[web.n_in++] = (struct web_header){view_str(name), view_str(value)};
    front_handle(&context, &web);
}

static void test_paths(void)
{
    static const struct {
        const char *method, *path;
        int status; /* 0: a handler took it */
    } cases[] = {
        {"GET", "/health", 0},
        {"HEAD", "/health", 0},
        {"GET", "/v1/models", 0},
        {"GET", "/api/v1/models", 0},
        {"GET", "/v1/models/demo/echo", 0},
        {"GET", "/v1/models/count", 0},
        {"GET", "/api/v1/model/demo/echo", 0},
        {"GET", "/v1/model/", 404},
        {"GET", "/api/v1/embeddings/models", 0},
        {"GET", "/api/v1/endpoints/zdr", 0},
        {"GET", "/v1/providers", 0},
        {"POST", "/v1/providers", 405},
        {"GET", "/openai/models", 0},
        {"GET", "/openai/v1/models/demo/echo", 0},
        {"GET", "/openai/models/demo/echo", 0},
        {"GET", "/openai/api/v1/models", 404},
        {"GET", "/openai/", 404},
        {"GET", "/openai", 404},
        {"GET", "/openai/health", 404},
        {"GET", "/api/v1/models/demo%2Fecho", 0},
        {"GET", "/attestation", 0},
        {"POST", "/attestation/quote", 0},
        {"GET", "/attestation/verifying-key", 0},
        {"GET", "/v1/aci/attestation", 0},
        {"HEAD", "/api/v1/aci/attestation", 0},
        {"GET", "/v1/attestation/report", 0},
        {"GET", "/attestation/", 0},
        {"GET", "//v1/models", 0},
        {"GET", "/v1//models", 0},
        {"GET", "/v1/models//", 0},
        {"GET", "/api///v1/models/", 0},
        {"POST", "//attestation//quote/", 0},
        {"GET", "//", 404},
        {"GET", "/v1/model/s", 0}, /* a model of this name */
        {"GET", "/v1/v1/models", 404},
        {"GET", "/v1/attestation", 404},
        {"GET", "/aci/attestation", 404},
        {"GET", "/attestation/quote", 405},
        {"POST", "/attestation", 405},
        {"GET", "/v1/attestation/verifying-key", 404},
        {"POST", "/attestation/verifying-key", 405},
        {"GET", "/attestation/audit/head", 0},
        {"GET", "/attestation/audit/head/", 0},
        {"GET", "/v1/audit/samples", 401},
        {"POST", "/v1/audit/samples", 405},
        {"GET", "/audit/samples", 404},
        {"GET", "/v1/models/", 0},
        {"GET", "/models", 404},
        {"GET", "/v1/health", 404},
        {"GET", "/v2/models", 404},
        {"GET", "/", 404},
        {"GET", "", 404},
        {"GET", "/v1/chat/completions/", 405},
        {"GET", "/v1/embeddings", 405},
        {"GET", "/metrics", 404}, /* private */
        {"GET", "/readyz", 404},
        {"GET", "/healthz", 404},
        {"POST", "/v1/assistants", 404},
        {"GET", "/v1/chat/completions", 405},
        {"DELETE", "/v1/models", 405},
        {"POST", "/health", 405},
        {"get", "/health", 405},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        visit(cases[i].method, cases[i].path, NULL, NULL);
        CHECK_INT(web.status, cases[i].status);
        CHECK_INT(called.models + called.one + called.health + called.document + called.quote +
                      called.verifying_key + called.sealing_key + called.aci + called.report + called.audit_head +
                      called.audit_samples + called.embeddings + called.wrapped + called.count +
                      called.zdr + called.providers,
                  cases[i].status == 0);
        if (web.status != cases[i].status)
            printf("# %s %s\n", cases[i].method, cases[i].path);
        if (cases[i].status == 0)
            continue;
        CHECK(strstr(web.headers, "content-type: application/json\n") != NULL);
        CHECK(strstr(web.headers, "x-request-id: ") != NULL);
        CHECK(strstr(web.headers, "\nrequest-id: ") != NULL);
        CHECK((strstr(web.headers, "allow: ") != NULL) == (cases[i].status == 405));
        CHECK(strncmp(web.body, "{\"error\":{", 10) == 0);
    }
    visit("GET", "/v1/models/demo/echo", NULL, NULL);
    CHECK(view_eq(called.rest, VIEW_LIT("demo/echo")));
    visit("GET", "/v1/models/count", NULL, NULL); /* is no model */
    CHECK_INT(called.count, 1);
    visit("GET", "/api/v1/models", NULL, NULL);
    CHECK(view_eq(called.rest, VIEW_LIT("/api/v1/models")));
    visit("GET", "/openai/models", NULL, NULL);
    CHECK(view_eq(called.rest, VIEW_LIT("/v1/models")));
}

/* Under /api/v1 the code of an error is a number: a strict client of that dialect takes no other. */
static void test_dialects_of_errors(void)
{
    static const struct {
        const char *path, *want;
    } cases[] = {
        {"/v1/nothing", "\"code\":\"unknown_path\"}}"},
        {"/api/v1/nothing", "{\"error\":{\"code\":404,"},
        {"//api//v1/nothing", "{\"error\":{\"code\":404,"},
        {"/api/v2/nothing", "\"code\":\"unknown_path\"}}"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        visit("GET", cases[i].path, NULL, NULL);
        CHECK_INT(web.status, 404);
        CHECK(strstr(web.body, cases[i].want) != NULL);
    }
}

/* Who asks for what is kept elsewhere is told that nothing is kept here; an upload, before it has come. */
static void test_not_stored(void)
{
    static const struct {
        const char *method, *path;
        bool stored;
    } cases[] = {
        {"POST", "/v1/files", true},
        {"GET", "/v1/files/file-1/content", true},
        {"POST", "/api/v1/batches", true},
        {"DELETE", "/v1/assistants/asst_1", true},
        {"POST", "/v1/threads/t/runs", true},
        {"GET", "/v1/vector_stores", true},
        {"POST", "/v1/fine_tuning/jobs", true},
        {"POST", "/v1/uploads/u/parts", true},
        {"POST", "/v1/evals", true},
        {"POST", "/v1/conversations", true},
        {"POST", "/v1/containers", true},
        {"POST", "/v1/realtime/client_secrets", true},
        {"GET", "/v1/responses/resp_1", true},
        {"DELETE", "/v1/responses/resp_1", true},
        {"GET", "/v1/responses/resp_1/input_items", true},
        {"POST", "/v1/messages/batches", true},
        {"GET", "/v1/chat/completions/chatcmpl-1", true},
        {"GET", "/openai/files", true},
        {"GET", "/v1/filesystem", false},
        {"GET", "/files", false},
        {"GET", "/v1/file", false},
        {"GET", "/v2/files", false},
        {"POST", "/v1/messages/batch", false},
    };
    const char *code = "\"not_stored\"";
    int why;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        visit(cases[i].method, cases[i].path, NULL, NULL);
        CHECK_INT(web.status, 404);
        CHECK((strstr(web.body, code) != NULL) == cases[i].stored);
        CHECK((strstr(web.body, "stores no content") != NULL) == cases[i].stored);
        if ((strstr(web.body, code) != NULL) != cases[i].stored)
            printf("# %s\n", cases[i].path);
    }
    web = (struct web_request){.method = VIEW_LIT("POST"), .path = VIEW_LIT("/v1/files")};
    CHECK_INT(front_arriving(&context, &web, true, &why), WEB_BODY_REFUSED);
    front_refused(&context, &web, why);
    CHECK_INT(web.status, 404);
    CHECK(strstr(web.body, code) != NULL);
    web = (struct web_request){.method = VIEW_LIT("POST"), .path = VIEW_LIT("/v1/models")};
    CHECK_INT(front_arriving(&context, &web, true, &why), WEB_BODY_REFUSED);
    CHECK_INT(why, API_TOO_LARGE);
}

/* Azure's clients: what their paths mean here. */
static void test_azure(void)
{
    static const struct {
        const char *path, *ours, *model;
    } cases[] = {
        {"/openai/deployments/demo/echo/chat/completions", "/v1/chat/completions", "demo/echo"},
        {"/openai/deployments/demo%2Fecho/chat/completions", "/v1/chat/completions", "demo%2Fecho"},
        {"/openai/v1/deployments/m/chat/completions", "/v1/chat/completions", "m"},
        {"/v1/deployments/demo/echo/chat/completions", "/v1/chat/completions", "demo/echo"},
        {"/api/v1/deployments/demo/echo/chat/completions", "/api/v1/chat/completions", "demo/echo"},
        {"/openai/deployments/m/completions", "/v1/completions", "m"},
        {"/openai/deployments/demo/echo/embeddings", "/v1/embeddings", "demo/echo"},
        {"/openai/deployments/chat/completions", "/v1/completions", "chat"},
        {"/openai/deployments/chat/chat/completions", "/v1/chat/completions", "chat"},
        {"/openai/deployments/chat/completions/chat/completions", "/v1/chat/completions",
         "chat/completions"},
        {"/openai/v1/chat/completions", "/v1/chat/completions", ""},
        {"/openai/chat/completions", "/v1/chat/completions", ""},
        {"/openai/responses", "/v1/responses", ""},
        {"/openai/v1/models", "/v1/models", ""},
        {"/openai/models/demo/echo", "/v1/models/demo/echo", ""},
        {"/openai/v1", "/v1/v1", ""}, /* nothing, like any unknown path */
        {"/openai/deployments/m/audio/speech", "/v1/audio/speech", "m"},
        {"/openai/deployments/m/images/edits", "/v1/images/edits", "m"},
        {"/openai/deployments/m/audio/noise", "/v1/deployments/m/audio/noise", ""},
        {"/openai/deployments/m/nothing", "/v1/deployments/m/nothing", ""},
        {"/openai/deployments/completions", "/v1/deployments/completions", ""},
        {"/openai/deployments/", "/v1/deployments/", ""},
        {"/openai", "/openai", ""},
        {"/openaix/models", "/openaix/models", ""},
        {"/v1/chat/completions", "/v1/chat/completions", ""},
        {"/deployments/m/chat/completions", "/deployments/m/chat/completions", ""},
        {"", "", ""},
    };
    uint8_t out[PATH_PLAIN_MAX];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct view path = view_str(cases[i].path), model;

        azure_path(&path, &model, out);
        CHECK_BYTES(path.ptr, path.len, cases[i].ours, strlen(cases[i].ours));
        CHECK_BYTES(model.ptr, model.len, cases[i].model, strlen(cases[i].model));
    }
    visit("POST", "/openai/deployments/demo/echo/chat/completions", "api-key", KEY);
    CHECK_INT(called.chats, 1);
    CHECK_INT(called.endpoint, receipt_endpoint_of(VIEW_LIT("/v1/chat/completions")));
    visit("POST", "/openai/deployments/demo/echo/chat/completions", NULL, NULL);
    CHECK_INT(web.status, 401);
}

/* What is asked about an account goes to one handler, with a key of either kind or none: it reads the key. */
static void test_account_paths(void)
{
    static const struct {
        const char *method, *path, *told; /* NULL: let through */
        const char *allow;
    } cases[] = {
        {"GET", "/v1/key", "/v1/key", NULL},
        {"HEAD", "/api/v1/key", "/api/v1/key", NULL},
        {"GET", "/v1/keys", "/v1/keys", NULL},
        {"POST", "//v1//keys/", "/v1/keys", NULL},
        {"GET", "/v1/keys/ab", "/v1/keys/ab", NULL},
        {"PATCH", "/v1/keys/ab", "/v1/keys/ab", NULL},
        {"DELETE", "/api/v1/keys/ab", "/api/v1/keys/ab", NULL},
        {"GET", "/v1/credits", "/v1/credits", NULL},
        {"GET", "/v1/activity", "/v1/activity", NULL},
        {"GET", "/v1/generation", "/v1/generation", NULL},
        {"GET", "/v1/generation/content", "/v1/generation/content", NULL},
        {"POST", "/v1/key", NULL, "allow: GET, HEAD, OPTIONS\n"},
        {"DELETE", "/v1/keys", NULL, "allow: GET, HEAD, POST, OPTIONS\n"},
        {"POST", "/v1/keys/ab/rotate", "/v1/keys/ab/rotate", NULL},
        {"PUT", "/v1/keys/ab", NULL, "allow: GET, HEAD, POST, PATCH, DELETE, OPTIONS\n"},
        {"POST", "/v1/credits/topup", NULL, NULL}, /* an operator's, at the control plane */
        {"POST", "/v1/accounts", NULL, NULL},
        {"GET", "/key", NULL, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        accounts = 0;
        visit(cases[i].method, cases[i].path, NULL, NULL);
        CHECK_INT(accounts, cases[i].told != NULL);
        CHECK_INT(web.status, cases[i].told != NULL ? 0 : cases[i].allow != NULL ? 405 : 404);
        if (cases[i].told != NULL)
            CHECK(view_eq(asked_path, view_str(cases[i].told)));
        else if (cases[i].allow != NULL)
            CHECK(strstr(web.headers, cases[i].allow) != NULL);
    }
}

/* A program whose base URL is wrong is told which path to use. */
static void test_wrong_paths(void)
{
    static const struct {
        const char *path, *told;
    } cases[] = {
        {"/chat/completions", "use POST /v1/chat/completions."},
        {"/v1/v1/chat/completions", "use POST /v1/chat/completions."},
        {"/x/v1/models/", "use GET /v1/models."},
        {"/v1/response", "Chat completions are at POST /v1/chat/completions"},
        {"/", "Chat completions are at POST /v1/chat/completions"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        visit("POST", cases[i].path, NULL, NULL);
        CHECK_INT(web.status, 404);
        CHECK(strstr(web.body, cases[i].told) != NULL);
    }
}


/* A body that is larger than what came with its head: only an inference request with a key of our form is
 * worth a question about the key. */
static void test_arriving(void)
{
    static const struct {
        const char *method, *path, *key;
        enum web_verdict first, more;
        int status;
        const char *code;
    } cases[] = {
        {"POST", "/v1/chat/completions", "Bearer " KEY, WEB_BODY_WAIT, WEB_BODY_WAIT, 0, NULL},
        {"POST", "/api/v1/chat/completions", "Bearer " KEY, WEB_BODY_WAIT, WEB_BODY_WAIT, 0, NULL},
        {"POST", "/v1/chat/completions", NULL, WEB_BODY_REFUSED, WEB_BODY_REFUSED, 401,
         "missing_api_key"},
        {"POST", "/v1/chat/completions", "Bearer sk-x", WEB_BODY_REFUSED, WEB_BODY_REFUSED, 401,
         "invalid_api_key"},
        {"GET", "/v1/chat/completions", "Bearer " KEY, WEB_BODY_SMALL, WEB_BODY_REFUSED, 413,
         "request_too_large"},
        {"POST", "/attestation/quote", NULL, WEB_BODY_SMALL, WEB_BODY_REFUSED, 413,
         "request_too_large"},
        {"GET", "/v1/models", "Bearer " KEY, WEB_BODY_SMALL, WEB_BODY_REFUSED, 413,
         "request_too_large"},
        {"POST", "/nowhere", "Bearer " KEY, WEB_BODY_SMALL, WEB_BODY_REFUSED, 404, "unknown_path"},
        {"POST", "/v1/files", "Bearer " KEY, WEB_BODY_SMALL, WEB_BODY_REFUSED, 404, "not_stored"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int why = 0;

        memset(&called, 0, sizeof called);
        web = (struct web_request){.method = view_str(cases[i].method),
                                   .path = view_str(cases[i].path)};
        if (cases[i].key != NULL)
            web.in[web.n_in++] = (struct web_header){VIEW_LIT("authorization"), view_str(cases[i].key)};
        CHECK_INT(front_arriving(&context, &web, false, &why), cases[i].first);
        CHECK_INT(front_arriving(&context, &web, true, &why), cases[i].more);
        CHECK_INT(web.status, 0);
        CHECK_INT(called.arrivals, cases[i].status == 0 ? 2 : 0);
        if (cases[i].status == 0)
            continue;
        front_refused(&context, &web, why);
        CHECK_INT(web.status, cases[i].status);
        CHECK(strstr(web.body, cases[i].code) != NULL);
        CHECK((strstr(web.headers, "www-authenticate: Bearer\n") != NULL) == (web.status == 401));
    }
}

static void test_keys(void)
{
    static const struct {
        const char *name, *value, *code; /* NULL: let through */
    } cases[] = {
        {"authorization", "Bearer " KEY, NULL},
        {"authorization", "bearer  " KEY " ", NULL},
        {"x-api-key", KEY, NULL},
        {NULL, NULL, "missing_api_key"},
        {"authorization", "Basic " KEY, "missing_api_key"},
        {"authorization", "Bearer ", "missing_api_key"},
        {"authorization", "Bearer", "missing_api_key"},
        {"authorization", "Bearer sk-proj-something", "invalid_api_key"},
        {"authorization", "Bearer " KEY "A", "invalid_api_key"},
        {"x-api-key", "x", "invalid_api_key"},
        {"authorization", "Bearer " MANAGEMENT_KEY, "management_key"},
        {"x-api-key", MANAGEMENT_KEY, "management_key"},
        {"authorization", "Bearer " MANAGEMENT_KEY "A", "invalid_api_key"},
        {"api-key", KEY, NULL},
        {"api-key", "x", "invalid_api_key"},
    };
    struct digest32 want;

    digest_sha256(VIEW_LIT(KEY), &want);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        visit("POST", i % 2 == 0 ? "/v1/chat/completions" : "/api/v1/chat/completions",
              cases[i].name, cases[i].value);
        CHECK_INT(called.chats, cases[i].code == NULL);
        CHECK_INT(web.status, cases[i].code == NULL ? 0 : 401);
        if (cases[i].code != NULL)
            CHECK(strstr(web.body, cases[i].code) != NULL);
        else
            CHECK(secret_equal(called.who.b, want.b, 32));
        if (cases[i].code == NULL)
            CHECK(called.dialect == &chat_dialect);
        if (cases[i].code == NULL)
            CHECK_INT(called.endpoint, i % 2 == 0 ? RECEIPT_CHAT_V1 : RECEIPT_CHAT_API_V1);
        /* a receipt that nobody could ever ask for is not promised */
        CHECK(strstr(web.headers, "x-receipt-id: ") == NULL);
    }
}

/* Which dialect a client speaks is its path's and its headers'; what is wrong, it reads in that dialect. */
static void test_dialects(void)
{
    static const char error[] = "{\"type\":\"error\",";

    visit("POST", "/v1/messages", "x-api-key", KEY);
    CHECK(called.chats == 1 && called.dialect == &messages_2023);
    CHECK_INT(called.endpoint, RECEIPT_MESSAGES_V1);
    web.in[web.n_in++] = (struct web_header){VIEW_LIT("anthropic-version"), VIEW_LIT("2026-10-21")};
    front_handle(&context, &web);
    CHECK(called.dialect == &messages_2026);
    visit("POST", "/api/v1/messages/count_tokens", "x-api-key", KEY);
    CHECK(called.counts == 100 && called.dialect == &messages_2023);
    visit("POST", "/v1/messages", NULL, NULL);
    CHECK_INT(web.status, 401);
    CHECK(strncmp(web.body, error, sizeof error - 1) == 0);
    visit("GET", "/v1/messages", NULL, NULL);
    CHECK_INT(web.status, 405);
    CHECK(strncmp(web.body, error, sizeof error - 1) == 0);
    visit("POST", "/v1/chat/completions", NULL, NULL);
    CHECK_INT(web.status, 401);
    CHECK(strncmp(web.body, "{\"error\":{\"message\"", 19) == 0);
    web = (struct web_request){.method = VIEW_LIT("POST"), .path = VIEW_LIT("/v1/messages")};
    front_refused((void *)&context, &web, API_TOO_LARGE);
    CHECK(strncmp(web.body, error, sizeof error - 1) == 0);
    web = (struct web_request){.method = VIEW_LIT("POST"), .path = VIEW_LIT("/v1/messages")};
    front_error((void *)&context, &web, 431);
    CHECK(strncmp(web.body, error, sizeof error - 1) == 0);
    memset(&called, 0, sizeof called);
    called.standing = STANDING_REFUSED; /* its receipt would have no path */
    web = (struct web_request){.method = VIEW_LIT("POST"), .path = VIEW_LIT("/v1/messages/count_tokens"),
                               .in = {{VIEW_LIT("x-api-key"), VIEW_LIT(KEY)}}, .n_in = 1};
    front_handle(&context, &web);
    CHECK_INT(web.status, 503);
    CHECK(strstr(web.headers, "x-receipt-id: ") == NULL);
}

/* The receipt of a request to "//v1/chat/completions/" says what was asked for, not how it was spelled. */
static void test_paths_with_empty_segments(void)
{
    static const char long_path[600] = "/v1/models";
    uint8_t out[PATH_PLAIN_MAX];

    visit("POST", "//v1//chat/completions/", "authorization", "Bearer " KEY);
    CHECK_INT(called.chats, 1);
    CHECK_INT(called.endpoint, receipt_endpoint_of(VIEW_LIT("/v1/chat/completions")));
    visit("POST", "/api/v1/chat//completions", "authorization", "Bearer " KEY);
    CHECK_INT(called.endpoint, receipt_endpoint_of(VIEW_LIT("/api/v1/chat/completions")));
    CHECK_INT(path_plain(view_of(long_path, sizeof long_path), out).len, sizeof long_path);
}

/* A proxy in front keeps Authorization for itself, and SDKs send the keys of other services. */
static void test_keys_beside_others(void)
{
    static const struct {
        const char *authorization, *x_api_key, *api_key, *code; /* NULL: let through as KEY */
    } cases[] = {
        {"Basic dXNlcjpwYXNz", KEY, NULL, NULL},
        {"Basic dXNlcjpwYXNz", NULL, KEY, NULL},
        {"Bearer", KEY, NULL, NULL},
        {"Bearer sk-proj-of-another-service", KEY, NULL, NULL},
        {"Bearer " KEY, "sk-ant-of-another-service", "x", NULL},
        {NULL, "sk-ant-of-another-service", KEY, NULL},
        {"Basic dXNlcjpwYXNz", "x", NULL, "invalid_api_key"},
        {"Bearer sk-proj-of-another-service", "", "", "invalid_api_key"},
        {"Basic dXNlcjpwYXNz", "", NULL, "missing_api_key"},
        {"Digest " KEY, NULL, NULL, "missing_api_key"},
        {"Bearer sk-proj-x", MANAGEMENT_KEY, NULL, "management_key"},
    };
    struct digest32 want;

    digest_sha256(VIEW_LIT(KEY), &want);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *values[] = {cases[i].authorization, cases[i].x_api_key, cases[i].api_key};
        static const char *const names[] = {"authorization", "x-api-key", "api-key"};

        memset(&called, 0, sizeof called);
        web = (struct web_request){.method = VIEW_LIT("POST"),
                                   .path = VIEW_LIT("/v1/chat/completions")};
        for (size_t k = 0; k < 3; k++)
            if (values[k] != NULL)
                web.in[web.n_in++] = (struct web_header){view_str(names[k]), view_str(values[k])};
        front_handle(&context, &web);
        CHECK_INT(called.chats, cases[i].code == NULL);
        CHECK(cases[i].code == NULL ? secret_equal(called.who.b, want.b, 32)
                                    : strstr(web.body, cases[i].code) != NULL);
    }
}

/* The user's models are for holders of a key that is known. */
static void test_user_models(void)
{
    struct digest32 want;

    digest_sha256(VIEW_LIT(KEY), &want);
    visit("GET", "/api/v1/models/user", "authorization", "Bearer " KEY);
    CHECK_INT(called.models, 1);
    CHECK_BYTES(called.who.b, 32, want.b, 32);
    CHECK(view_eq(called.rest, VIEW_LIT("/api/v1/models/user")));
    unknown = true;
    visit("GET", "/v1/models/user", "authorization", "Bearer " KEY);
    CHECK_INT(called.models, 0);
    CHECK_INT(web.status, 401);
    CHECK(strstr(web.headers, "www-authenticate: Bearer\n") != NULL);
    unknown = false;
    visit("GET", "/v1/models/user", NULL, NULL);
    CHECK_INT(called.arrivals + called.models, 0);
    CHECK_INT(web.status, 401);
    visit("GET", "/v1/models/user", "authorization", "Bearer x");
    CHECK_INT(called.arrivals + called.models, 0);
    CHECK_INT(web.status, 401);
}

/* Receipts are for whoever sends a key, accepted evidence or not. */
static void test_receipts(void)
{
    static const char *const paths[] = {"/v1/aci/receipts/rcpt-1", "/api/v1/aci/receipts/rcpt-1",
                                        "/v1/signature/rcpt-1", "/api/v1/signature/rcpt-1"};
    struct digest32 want;

    digest_sha256(VIEW_LIT(KEY), &want);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        visit("GET", paths[i], "x-api-key", KEY);
        CHECK_INT(called.receipts, i < 2);
        CHECK_INT(called.signatures, i >= 2);
        CHECK(view_eq(called.rest, VIEW_LIT("rcpt-1")));
        CHECK(secret_equal(called.who.b, want.b, 32));
        visit("GET", paths[i], NULL, NULL);
        CHECK_INT(web.status, 401);
        CHECK_INT(called.receipts + called.signatures, 0);
        CHECK(strstr(web.headers, "www-authenticate: Bearer\n") != NULL);
        CHECK(strstr(web.body, "\"type\":\"unauthorized\"") != NULL); /* ACI's word */
        /* any wrong key: as if there were no such receipt */
        visit("GET", paths[i], "authorization", "Bearer sk-nothing");
        CHECK_INT(web.status, 404);
        CHECK_INT(called.receipts + called.signatures, 0);
        CHECK(strstr(web.body, "\"type\":\"not_found\"") != NULL);
        visit("GET", paths[i], "x-api-key", MANAGEMENT_KEY);
        CHECK_INT(web.status, 401);
        CHECK_INT(called.receipts + called.signatures, 0);
        CHECK(strstr(web.body, "\"code\":\"management_key\"") != NULL);
        visit("POST", paths[i], "x-api-key", KEY);
        CHECK_INT(web.status, 405);
    }
}

/* The refusal just given has a receipt, which says of which bytes. */
static void check_refusal(void)
{
    struct digest32 who, received, returned;
    const char *at = strstr(web.headers, "x-receipt-id: ");
    struct receipt_facts f;
    struct id id;

    CHECK(at != NULL);
    if (at == NULL)
        return;
    CHECK_INT(receipt_id_parse(view_of(at + 14, RECEIPT_ID_LEN), &id), ERR_NONE);
    digest_sha256(VIEW_LIT(KEY), &who);
    digest_sha256(web_body(&web), &received);
    digest_sha256(view_str(web.body), &returned);
    CHECK_INT(receipts_find(context.receipts.receipts, &id, &who, &f), ERR_NONE);
    CHECK_BYTES(f.received.b, 32, received.b, 32);
    CHECK_BYTES(f.returned.b, 32, returned.b, 32);
    CHECK_INT(f.flags, RECEIPT_RETURNED | RECEIPT_COMPLETE);
    CHECK_INT(f.status, web.status);
    CHECK_INT(f.error, API_ATTESTATION);
    who.b[0] ^= 1;
    CHECK_INT(receipts_find(context.receipts.receipts, &id, &who, &f), ERR_NOT_FOUND);
}

/* A good key and no accepted evidence: 503, and the prompt is not even looked at. */
static void test_attestation(void)
{
    memset(&called, 0, sizeof called);
    called.standing = STANDING_CLOCK_JUMPED;
    web = (struct web_request){.method = VIEW_LIT("POST"),
                               .path = VIEW_LIT("/v1/chat/completions"),
                               .in = {{VIEW_LIT("x-api-key"), VIEW_LIT(KEY)}},
                               .n_in = 1};
    front_handle(&context, &web);
    CHECK_INT(called.chats, 0);
    CHECK_INT(web.status, 503);
    CHECK(strstr(web.body, "attestation_unavailable") != NULL);
    CHECK(strstr(web.body, "clock_jumped") != NULL);
    CHECK(strstr(web.headers, "retry-after: ") != NULL);
    check_refusal();
}

/* One limit for all evidence, and for nothing else. */
static void test_evidence_rate(void)
{
    static const struct {
        const char *method, *path;
        bool limited;
    } cases[] = {
        {"GET", "/attestation", true},
        {"POST", "/attestation/quote", true},
        {"GET", "/attestation/verifying-key", true},
        {"GET", "/v1/aci/attestation", true},
        {"GET", "/v1/attestation/report", true},
        {"GET", "/attestation/audit/head", true},
        {"GET", "/health", false},
        {"GET", "/v1/models", false},
    };

    limited = true;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        visit(cases[i].method, cases[i].path, NULL, NULL);
        CHECK_INT(web.status, cases[i].limited ? 429 : 0);
        if (!cases[i].limited)
            continue;
        CHECK(strstr(web.body, "\"code\":\"rate_limit_exceeded\"") != NULL);
        CHECK(strstr(web.headers, "\nretry-after: 3\n") != NULL);
        CHECK(strstr(web.headers, "\nretry-after-ms: 2500\n") != NULL);
    }
    limited = false;
}

/* Samples need a key, not one that is known, and no accepted evidence of our own. */
static void test_samples(void)
{
    struct digest32 want;

    digest_sha256(VIEW_LIT(KEY), &want);
    visit("GET", "/v1/audit/samples", "authorization", "Bearer " KEY);
    CHECK_INT(called.audit_samples, 1);
    CHECK_BYTES(called.who.b, 32, want.b, 32);
    visit("GET", "/api/v1/audit/samples", "x-api-key", KEY);
    CHECK_INT(called.audit_samples, 1);
    visit("GET", "/v1/audit/samples", "authorization", "Bearer " KEY "A");
    CHECK_INT(called.audit_samples, 0);
    CHECK_INT(web.status, 401);
    /* Each looks at all samples that are kept and signs: any text of a key's form could ask for
     * that. */
    limited = true;
    visit("GET", "/v1/audit/samples", "authorization", "Bearer " KEY);
    CHECK_INT(called.audit_samples, 0);
    CHECK_INT(web.status, 429);
    visit("GET", "/v1/audit/samples", NULL, NULL);
    CHECK_INT(web.status, 401);
    visit("GET", "/v1/aci/receipts/rcpt-00", "authorization", "Bearer " KEY);
    CHECK_INT(called.receipts, 1);
    limited = false;
}

static void test_preflight(void)
{
    visit("OPTIONS", "/v1/chat/completions", "access-control-request-headers",
          "authorization,x-stainless-lang");
    CHECK_INT(web.status, 204);
    CHECK(strstr(web.headers, "access-control-allow-methods: GET, HEAD, POST, PATCH, DELETE, OPTIONS\n") != NULL);
    CHECK(strstr(web.headers, "access-control-allow-headers: authorization,x-stainless-lang\n") !=
          NULL);
    CHECK(web.body[0] == '\0');
}

static void test_private(void)
{
    static const struct {
        const char *method, *path;
        int status;
    } cases[] = {{"GET", "/metrics", 0},
                 {"GET", "/health", 0},
                 {"GET", "/readyz", 0},
                 {"GET", "/healthz", 0},
                 {"HEAD", "/readyz", 0},
                 {"POST", "/metrics", 405},
                 {"POST", "/readyz", 405},
                 {"PUT", "/healthz", 405},
                 {"GET", "/readyz/", 404},
                 {"GET", "/v1/models", 404}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(&called, 0, sizeof called);
        web = (struct web_request){.method = view_str(cases[i].method),
                                   .path = view_str(cases[i].path)};
        front_private_handle(&metrics, &web);
        CHECK_INT(web.status, cases[i].status);
        CHECK_INT(called.metrics + called.health + called.alive, cases[i].status == 0);
    }
}

static void test_server_errors(void)
{
    static const int statuses[] = {400, 408, 413, 431, 503};

    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        web = (struct web_request){.method = VIEW_EMPTY};
        front_error(&context, &web, statuses[i]);
        CHECK_INT(web.status, statuses[i]);
        CHECK(strstr(web.headers, "x-request-id: ") != NULL);
    }
}

/* What the server puts into every answer: whatever a browser is to read must be exposed. */
static void test_always(void)
{
    static const char *const want[REPLY_ALWAYS] = {
        "access-control-allow-origin: *", "access-control-expose-headers: x-request-id, ",
        "x-aci-version: aci/1", "x-aci-keyset-digest: sha256:test"};
    struct web_header always[REPLY_ALWAYS];
    char line[512], exposed[512] = "";

    CHECK_INT(reply_always(VIEW_LIT("sha256:test"), always), REPLY_ALWAYS);
    for (size_t i = 0; i < REPLY_ALWAYS; i++) {
        snprintf(line, sizeof line, "%.*s: %.*s", (int)always[i].name.len,
                 (const char *)always[i].name.ptr, (int)always[i].value.len,
                 (const char *)always[i].value.ptr);
        CHECK(strncmp(line, want[i], strlen(want[i])) == 0);
        if (i == 1)
            snprintf(exposed, sizeof exposed, "%s", line);
    }
    CHECK(strstr(exposed, "x-aci-version, x-aci-keyset-digest") != NULL);
    CHECK(strstr(exposed, "x-receipt-id") != NULL);
}

static void setup(void)
{
    const struct identity_config config = {.audience = "localhost"};

    CHECK_INT(receipts_new(1, 64, &context.receipts.receipts), ERR_NONE);
    CHECK_INT(identity_keys_new(&config, &boot), ERR_NONE);
    context.sealed.keys = boot;
}

/* A body that is announced as encrypted and is not gets no further than the front, whatever its path. */
static void test_encrypted(void)
{
    static const char key[] = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
    static const char none[] = "0000000000000000000000000000000000000000000000000000000000000000";
    static const struct {
        const char *method, *path, *value;
    } rows[] = {
        {"POST", "/v1/chat/completions", key}, /* "{\"mo" is no length of what follows */
        {"POST", "/v1/messages", "8520"},
        {"POST", "/v1/keys", none},
        {"POST", "/nowhere", ""},
    };
    int why;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        visit(rows[i].method, rows[i].path, "authorization", "Bearer " KEY);
        web.in[web.n_in++] = (struct web_header){VIEW_LIT("ehbp-encapsulated-key"), view_str(rows[i].value)};
        memset(&called, 0, sizeof called);
        web.status = accounts = sealed = 0;
        front_handle(&context, &web);
        CHECK_INT(web.status, 400);
        CHECK(strstr(web.body, "The encrypted body is malformed") != NULL);
        CHECK_INT(called.chats + accounts + sealed, 0);
    }
    /* What is told before the body has come is sealed too, if the header has a key. */
    for (unsigned i = 0; i < 2; i++) {
        web = (struct web_request){.method = VIEW_LIT("POST"), .path = VIEW_LIT("/v1/chat/completions")};
        web.in[web.n_in++] = (struct web_header){VIEW_LIT("ehbp-encapsulated-key"), view_str(i == 0 ? key : none)};
        sealed = 0;
        CHECK_INT(front_arriving(&context, &web, true, &why), WEB_BODY_REFUSED);
        front_refused(&context, &web, why);
        CHECK_INT(web.status, 401);
        CHECK_INT(sealed, i == 0);
    }
    visit("GET", "/.well-known/hpke-keys", NULL, NULL);
    CHECK_INT(web.status, 200);
    CHECK(strstr(web.headers, "content-type: application/ohttp-keys\n") != NULL);
}

static const struct check_case cases[] = {
    {"front_setup", setup},
    {"front_encrypted", test_encrypted},
    {"front_always", test_always},
    {"front_paths", test_paths},
    {"front_arriving", test_arriving},
    {"front_wrong_paths", test_wrong_paths},
    {"front_account_paths", test_account_paths},
    {"front_dialects_of_errors", test_dialects_of_errors},
    {"front_not_stored", test_not_stored},
    {"front_azure", test_azure},
    {"front_user_models", test_user_models},
    {"front_paths_with_empty_segments", test_paths_with_empty_segments},
    {"front_dialects", test_dialects},
    {"front_keys", test_keys},
    {"front_keys_beside_others", test_keys_beside_others},
    {"front_receipts", test_receipts},
    {"front_samples", test_samples},
    {"front_attestation", test_attestation},
    {"front_evidence_rate", test_evidence_rate},
    {"front_preflight", test_preflight},
    {"front_private", test_private},
    {"front_server_errors", test_server_errors},
};
CHECK_MAIN(cases)
