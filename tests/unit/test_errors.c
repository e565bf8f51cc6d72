/* SDKs choose an exception class and whether to retry from what error_body.c writes; a wrong status or a
 * missing header makes them hammer, or give up, or blame the customer's key. */
#include "errors.c"
#include "error_body.c"

#include "json.h"

#include "check.h"

static void test_rows(void)
{
    static const int statuses[] = {400, 401, 402, 404, 405, 408, 409, 413, 415,
                                   422, 429, 431, 499, 500, 502, 503, 504};

    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        unsigned found = 0;

        for (int a = API_OK + 1; a < API_ERROR_COUNT; a++)
            found += errors_row((enum api_error)a)->status == statuses[i];
        CHECK(found > 0);
    }
    for (int a = API_OK + 1; a < API_ERROR_COUNT; a++) {
        const struct api_error_row *row = errors_row((enum api_error)a);

        CHECK(row->type[0] != '\0' && row->message[0] != '\0');
        /* Nobody is told to try again what cannot succeed. */
        CHECK(row->retry == RETRY_NO || row->status == 408 || row->status == 429 ||
              a == API_IDEMPOTENCY_IN_FLIGHT ||
              row->status >= 500);
        CHECK((row->status != 429 || row->retry == RETRY_AGAIN));
    }
}

static void test_of_err(void)
{
    static const struct {
        enum err e;
        int status;
    } cases[] = {
        {ERR_FORMAT, 400}, {ERR_DUPLICATE, 400}, {ERR_AUTH, 401}, {ERR_CREDIT, 402},
        {ERR_KEY_LIMIT, 402}, {ERR_FORBIDDEN, 401}, {ERR_KEY_EXPIRED, 401},
        {ERR_NOT_FOUND, 404}, {ERR_RATE, 429},
        {ERR_CLIENT_GONE, 499}, {ERR_CONNECT, 502}, {ERR_PROVIDER_TRUNCATED, 502},
        {ERR_FIRST_BYTE_TIMEOUT, 504}, {ERR_ATTESTATION, 503}, {ERR_CONTROL_PLANE, 503},
        {ERR_OVERLOAD, 503}, {ERR_MEMORY, 500}, {ERR_BUG, 500},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_INT(errors_row(errors_of(cases[i].e))->status, cases[i].status);
    /* Every error has an answer, and none of them is success. */
    for (int e = ERR_NONE + 1; e < ERR_COUNT; e++)
        CHECK(errors_of((enum err)e) != API_OK);
    CHECK_INT(errors_of(ERR_NONE), API_OK);
}

/* A customer must never be told that their own key is wrong because the operator's is. */
static void test_of_provider_status(void)
{
    for (int status = 100; status < 600; status++) {
        int ours = errors_row(errors_of_provider_status(status))->status;

        CHECK(ours >= 400 && ours != 401 && ours != 402 && ours != 403);
    }
    CHECK_INT(errors_row(errors_of_provider_status(401))->status, 502);
    CHECK_INT(errors_row(errors_of_provider_status(400))->status, 400);
    CHECK_INT(errors_row(errors_of_provider_status(429))->status, 429);
    CHECK_INT(errors_row(errors_of_provider_status(529))->status, 503);
    CHECK_INT(errors_row(error_of_http(431))->status, 431);
    CHECK_INT(errors_row(error_of_http(400))->status, 400);
    CHECK_INT(errors_row(error_of_http(417))->status, 400);
}

static void check_body(const struct api_failure *f, const char *want)
{
    struct buf out;
    struct json_value root;

    buf_init(&out, 4096);
    CHECK_INT(error_body(f, &out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, want, strlen(want));
    CHECK_INT(json_check(buf_view(&out), &root, NULL), ERR_NONE);
    buf_free(&out);
}

static void test_body(void)
{
    struct api_failure f = {.error = API_NO_MODEL, .param = "model"};
    struct content *said = content_new(100, NULL);

    check_body(&f, "{\"error\":{\"message\":\"The model does not exist. GET /v1/models lists those "
                   "that do.\",\"type\":\"not_found_error\",\"param\":\"model\",\"code\":"
                   "\"model_not_found\"}}");
    f = (struct api_failure){.error = API_BAD_REQUEST, .message = "a \"quoted\" word"};
    check_body(&f, "{\"error\":{\"message\":\"a \\\"quoted\\\" word\",\"type\":"
                   "\"invalid_request_error\",\"param\":null,\"code\":null}}");
    /* The client's own name of a member comes escaped as well; one that is too long is not repeated. */
    f.member = VIEW_LIT("Max_T\\u006fkens");
    check_body(&f, "{\"error\":{\"message\":\"a \\\"quoted\\\" word\",\"type\":"
                   "\"invalid_request_error\",\"param\":\"Max_T\\u006fkens\",\"code\":null}}");
    f.param = "model";
    f.member = VIEW_LIT("0123456789012345678901234567890123456789012345678901234567890123x");
    check_body(&f, "{\"error\":{\"message\":\"a \\\"quoted\\\" word\",\"type\":"
                   "\"invalid_request_error\",\"param\":null,\"code\":null}}");
    strcpy(f.place, "tools[0].parameters.");
    f.param = "quorum";
    f.member = VIEW_EMPTY;
    check_body(&f, "{\"error\":{\"message\":\"tools[0].parameters.quorum: a \\\"quoted\\\" word\",\"type\":"
                   "\"invalid_request_error\",\"param\":\"tools[0].parameters.quorum\",\"code\":null}}");
    f.place[0] = '\0';
    f.param = NULL;
    strcpy(f.text, "numbers of ours");
    check_body(&f, "{\"error\":{\"message\":\"numbers of ours\",\"type\":"
                   "\"invalid_request_error\",\"param\":null,\"code\":null}}");
    /* A provider's sentence comes escaped already and is not escaped twice. */
    CHECK_INT(buf_append(content_buf(said), VIEW_LIT("bad \\\"x\\\"\\n")), ERR_NONE);
    f.provider_message = said;
    check_body(&f, "{\"error\":{\"message\":\"bad \\\"x\\\"\\n\",\"type\":"
                   "\"invalid_request_error\",\"param\":null,\"code\":null}}");
    content_free(said);
}

/* Each failure has a number for its code and one of the kinds that OpenRouter's API names. */
static void test_openrouter(void)
{
    static const char *const kinds[] = {
        "context_length_exceeded", "authentication",      "permission_denied",    "payment_required",
        "rate_limit_exceeded",     "provider_overloaded", "provider_unavailable", "invalid_request",
        "not_found",               "precondition_failed", "payload_too_large",    "unprocessable",
        "server",                  "timeout",
    };
    struct buf out;

    for (int i = API_OK + 1; i < API_ERROR_COUNT; i++) {
        struct api_failure f = {.error = (enum api_error)i, .has_max_tokens = true, .max_tokens = 7};
        struct json_value root, error, code = {0}, metadata, type = {0}, tokens = {0};
        uint64_t status = 0, n = 0;
        bool known = false;

        buf_init(&out, 4096);
        CHECK_INT(error_openrouter_body(&f, &out), ERR_NONE);
        CHECK_INT(json_check(buf_view(&out), &root, NULL), ERR_NONE);
        CHECK(json_get(root, "error", &error) && json_get(error, "code", &code) &&
              json_get(error, "metadata", &metadata) && json_get(metadata, "error_type", &type) &&
              json_get(metadata, "max_tokens", &tokens));
        CHECK_INT(json_u64(code, &status), ERR_NONE);
        CHECK_INT(status, errors_row(f.error)->status);
        CHECK_INT(json_u64(tokens, &n), ERR_NONE);
        CHECK_INT(n, 7);
        for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
            known = known || json_string_is(type, kinds[k]);
        CHECK(known);
        buf_free(&out);
    }
}

static bool has(const struct web_header *h, size_t n, const char *name, const char *value)
{
    for (size_t i = 0; i < n; i++)
        if (view_eq(h[i].name, view_str(name)))
            return view_eq(h[i].value, view_str(value));
    return value == NULL;
}

static void test_headers(void)
{
    struct web_header h[ERROR_HEADERS_MAX];
    struct error_header_text text;
    struct api_failure f = {.error = API_RATE, .retry_after_ms = 1500};
    size_t n = error_headers(&f, &text, h);

    CHECK(has(h, n, "retry-after", "2")); /* rounded up: never too early */
    CHECK(has(h, n, "retry-after-ms", "1500"));
    CHECK(has(h, n, "x-should-retry", "true"));
    f.ran = true; /* a provider has run: trying again costs twice */
    n = error_headers(&f, &text, h);
    CHECK(has(h, n, "x-should-retry", "false") && has(h, n, "retry-after", NULL));
    f = (struct api_failure){.error = API_BAD_REQUEST};
    n = error_headers(&f, &text, h);
    CHECK_INT(n, 0);
    f = (struct api_failure){.error = API_KEY_DISABLED};
    n = error_headers(&f, &text, h);
    CHECK_INT(n, 1);
    CHECK(has(h, n, "www-authenticate", "Bearer"));
    f = (struct api_failure){.error = API_CONTROL_PLANE};
    n = error_headers(&f, &text, h);
    CHECK(has(h, n, "retry-after", "1"));
}

static const struct check_case cases[] = {
    {"errors_rows", test_rows},
    {"errors_of_err", test_of_err},
    {"errors_of_provider_status", test_of_provider_status},
    {"error_openrouter", test_openrouter},
    {"error_body", test_body},
    {"error_headers", test_headers},
};
CHECK_MAIN(cases)
