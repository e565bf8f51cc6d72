/* The head of a request decides where a prompt goes and with which key: the prefix with a model's name in it, the row's
 * query, and which key. */
#include "check.h"

#include "request_head.h"
#include "secret.h"

static const struct provider azure = {.no = 1, .host = "r.openai.azure.com", .port = 443, .tls = true, .auth = AUTH_API_KEY,
                                      .path = "/openai/deployments/{model}", .query = "api-version=2024-10-21"},
                             plain = {.no = 2, .host = "h", .port = 443, .tls = true, .path = "/v1"},
                             open_one = {.no = 3, .host = "h", .port = 443, .tls = true, .path = "", .auth = AUTH_NONE};

static const struct {
    const struct provider *provider;
    const char *model, *path, *want; /* the first line */
    unsigned key_no;
    const char *own, *has, *lacks; /* a line of the head, and what is not in it */
} cases_of[] = {
    {&azure, "gpt-4.1", "/chat/completions", "POST /openai/deployments/gpt-4.1/chat/completions?api-version=2024-10-21 HTTP/1.1\r\n", 0,
     "", "\r\napi-key: azure-0\r\n", "bearer"},
    {&azure, "a/b ?#%\xc3\xa9", "/x", "POST /openai/deployments/a%2Fb%20%3F%23%25%C3%A9/x?api-version=2024-10-21 HTTP/1.1\r\n", 1, "",
     "\r\napi-key: azure-1\r\n", "azure-0"},
    {&azure, "m", "/x?alt=sse", "POST /openai/deployments/m/x?alt=sse&api-version=2024-10-21 HTTP/1.1\r\n", 0, "own",
     "\r\napi-key: own\r\n", "azure-0"},
    {&plain, "m", "/chat/completions", "POST /v1/chat/completions HTTP/1.1\r\n", 0, "", "\r\nauthorization: Bearer plain-0\r\n", "{"},
    {&open_one, "m", "/x", "POST /x HTTP/1.1\r\n", 0, "", "\r\nhost: h\r\n", "uthorization"},
};

static void each_head(void)
{
    struct credentials *c = NULL;
    static struct request_head h;

    CHECK_INT(secret_init(), ERR_NONE);
    CHECK_INT(credentials_new(&c), ERR_NONE);
    CHECK_INT(credentials_set(c, 1, 0, 2, VIEW_LIT("azure-0")), ERR_NONE);
    CHECK_INT(credentials_set(c, 1, 1, 2, VIEW_LIT("azure-1")), ERR_NONE);
    CHECK_INT(credentials_set(c, 2, 0, 1, VIEW_LIT("plain-0")), ERR_NONE);
    for (size_t i = 0; i < sizeof cases_of / sizeof cases_of[0]; i++) {
        const struct fetch_request r = {.provider = cases_of[i].provider, .credentials = c, .model = view_str(cases_of[i].model),
                                        .key_no = cases_of[i].key_no, .key = view_str(cases_of[i].own),
                                        .path = view_str(cases_of[i].path), .content_type = VIEW_LIT("application/json")};

        request_head_make(&r, &h);
        CHECK(!h.full && h.len >= strlen(cases_of[i].want));
        CHECK_BYTES(h.bytes, strlen(cases_of[i].want), cases_of[i].want, strlen(cases_of[i].want));
        CHECK(memmem(h.bytes, h.len, cases_of[i].has, strlen(cases_of[i].has)) != NULL);
        CHECK(memmem(h.bytes, h.len, cases_of[i].lacks, strlen(cases_of[i].lacks)) == NULL);
    }
    credentials_free(c);
}

static const struct check_case cases[] = {
    {"request_head_where_and_with_which_key", each_head},
};
CHECK_MAIN(cases)
