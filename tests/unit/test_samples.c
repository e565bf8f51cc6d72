/* Which samples are shown is decided by the key's digest and two numbers of the query: whatever
 * else is asked is refused with the parameter's name, and nothing of an answer is given then. */
#include "samples.c"

#include "audit_document.h"
#include "check.h"
#include "identity.h"

#include <stdlib.h>

struct web_request {
    struct view query;
    int status;
    char headers[4096];
    struct buf body;
};

bool web_header(const struct web_request *r, struct view name, struct view *out)
{
    (void)r, (void)name, (void)out;
    return false;
}

struct view web_path(const struct web_request *r)
{
    (void)r;
    return VIEW_LIT("/v1/audit/samples");
}

struct view web_query(const struct web_request *r)
{
    return r->query;
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
    CHECK_INT(buf_append(&r->body, body), ERR_NONE);
}
void web_respond_taking(struct web_request *r, int status, const struct web_header *h, size_t n,
                        struct buf *body)
{
    web_respond(r, status, h, n, buf_view(body));
    buf_free(body);
}

static struct audit *audit;
static struct web_request web;
static struct audit_document doc;
static uint8_t key[32];
static const struct digest32 ann = {{1}}, eve = {{3}};

static void list(const char *query, const struct digest32 *who)
{
    buf_free(&web.body);
    web = (struct web_request){.query = view_str(query)};
    buf_init(&web.body, AUDIT_DOCUMENT_BYTES);
    CHECK_INT(samples_list(audit, &web, who), web.status);
}

static bool body_has(const char *text)
{
    return memmem(web.body.ptr, web.body.len, text, strlen(text)) != NULL;
}

static void accepted(void)
{
    CHECK_INT(web.status, 200);
    CHECK(strstr(web.headers, "cache-control: no-store\n") != NULL);
    CHECK_INT(audit_document_parse(buf_view(&web.body), &doc), ERR_NONE);
    CHECK_INT(audit_document_check(&doc, key), AUDIT_ACCEPT);
}

static void test_head(void)
{
    buf_free(&web.body);
    web = (struct web_request){.query = VIEW_EMPTY};
    buf_init(&web.body, AUDIT_DOCUMENT_BYTES);
    CHECK_INT(samples_head(audit, &web), 200);
    accepted();
    CHECK_INT(doc.head.count, 300);
    CHECK(!doc.has_window);
}

static void test_list(void)
{
    list("", &ann);
    accepted();
    CHECK_INT(doc.n_leaves, AUDIT_OPENINGS_MAX); /* all of them hers */
    list("from=290", &ann);
    accepted();
    CHECK_INT(doc.n_samples, 10);
    list("limit=7", &ann);
    accepted();
    CHECK_INT(doc.n_samples, 7);
    list("from=300&limit=1024", &ann);
    accepted();
    CHECK_INT(doc.n_samples, 0);
    list("", &eve); /* no key of ours, or one without samples: the same empty list */
    accepted();
    CHECK_INT(doc.n_samples + doc.n_leaves, 0);
    list("from=0", &eve);
    accepted();
    CHECK_INT(doc.n_leaves, SAMPLES_ENTRIES);
    CHECK_INT(doc.n_samples, 0);
}

static void test_refused(void)
{
    static const struct {
        const char *query, *param;
    } cases[] = {
        {"from=301", "\"param\":\"from\""},
        {"from=", "\"param\":\"from\""},
        {"from=-1", "\"param\":\"from\""},
        {"from=1x", "\"param\":\"from\""},
        {"from=18446744073709551616", "\"param\":\"from\""},
        {"from=1&from=1", "\"param\":\"from\""},
        {"limit=0", "\"param\":\"limit\""},
        {"limit=1025", "\"param\":\"limit\""},
        {"limit=1&limit=2", "\"param\":\"limit\""},
        {"owner=x", "\"param\":null"},
        {"from=1&x", "\"param\":null"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        list(cases[i].query, &ann);
        CHECK_INT(web.status, 400);
        CHECK(body_has(cases[i].param) && body_has("\"error\"") && !body_has("salt"));
        if (!body_has(cases[i].param))
            printf("# %s\n", cases[i].query);
    }
}

static const struct check_case cases[] = {
    {"samples_head", test_head},
    {"samples_list", test_list},
    {"samples_refused", test_refused},
};

int main(int argc, char **argv)
{
    struct identity_config c = {.audience = "localhost", .simulated = true};
    struct identity_keys *keys = NULL;
    struct secret32 salts = {{7}};
    struct audit_config a = {
        .workers = 1, .rate_ppm = AUDIT_PPM, .keep = 1000, .salts = &salts, .simulated = true};
    struct receipt_facts f = {.owner = ann, .flags = RECEIPT_ADMITTED | RECEIPT_RETURNED};

    if (secret_init() != ERR_NONE || identity_keys_new(&c, &keys) != ERR_NONE)
        return 1;
    identity_receipt_key(keys, key);
    a.keys = keys;
    if (audit_new(&a, &audit) != ERR_NONE)
        return 1;
    buf_init(&web.body, 1);
    for (unsigned n = 0; n < 300; n++) {
        f.id = id_new();
        audit_offer(audit, 0, &f);
    }
    audit_advance(audit);
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
