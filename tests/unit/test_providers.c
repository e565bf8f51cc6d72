/* providers.conf decides where prompts go. Each rule has an accepted file and a rejected twin, and
 * the reason never repeats a value of the file. */
#include "check.h"

#include "providers.h"

#include <stdlib.h>

static struct providers p;

static enum err parse(const char *text, char why_out[static 256])
{
    struct buf why;
    enum err e;

    buf_init(&why, 255);
    e = providers_parse(view_str(text), &p, &why);
    snprintf(why_out, 256, "%.*s", (int)why.len, why.ptr != NULL ? (const char *)why.ptr : "");
    buf_free(&why);
    return e;
}

#define A "[provider demo-a]\nhost = 127.0.0.1\nport = 8081\ntls = off\n"

static void run_defaults_and_fields(void)
{
    char why[256];
    const struct provider *b;

    CHECK_INT(parse("# two\n" A "retains_data = no\n"
                    "[provider b]\nname = Beta Inc\nhost = api.example.com\npath = /compat/v1\n"
                    "auth = x-api-key\nquirks = max_tokens, no_store\nregion = eu-west\n"
                    "members = mock, web_search_options x_1\nhosted_tools = on\n"
                    "jurisdiction = FR\nconnect_ms = 100\ntls_ms = 200\nfirst_byte_ms = 300\n"
                    "idle_ms = 400\ntotal_ms = 500\nwhole_ms = 600\nca = /etc/ca.pem\n",
                    why),
              ERR_NONE);
    CHECK_INT(p.n, 2);
    CHECK_INT(p.list[0].no, 0);
    CHECK_INT(p.list[0].port, 8081);
    CHECK(!p.list[0].tls && !p.list[0].retains_data);
    CHECK(strcmp(p.list[0].name, "demo-a") == 0);
    CHECK(strcmp(p.list[0].path, "/v1") == 0);
    CHECK_INT(p.list[0].auth, AUTH_BEARER);
    CHECK_INT(p.list[0].first_byte_ms, 20000);
    CHECK_INT(p.list[0].whole_ms, 600000);
    b = providers_find(&p, "b");
    CHECK(b == &p.list[1]);
    CHECK(providers_find(&p, "c") == NULL);
    if (b != NULL) {
        CHECK_INT(b->no, 1);
        CHECK_INT(b->port, 443);
        CHECK(b->tls && b->retains_data);
        CHECK_INT(b->quirks, QUIRK_MAX_TOKENS | QUIRK_NO_STORE);
        CHECK_INT(b->n_members, 3);
        CHECK(strcmp(b->members[0], "mock") == 0 && strcmp(b->members[2], "x_1") == 0);
        CHECK(strcmp(b->members[1], "web_search_options") == 0);
        CHECK(b->hosted_tools && !p.list[0].hosted_tools && p.list[0].n_members == 0);
        CHECK_INT(b->auth, AUTH_X_API_KEY);
        CHECK_INT(b->total_ms, 500);
        CHECK_INT(b->whole_ms, 600);
        CHECK(strcmp(b->path, "/compat/v1") == 0 && strcmp(b->name, "Beta Inc") == 0);
        CHECK(strcmp(b->region, "eu-west") == 0 && strcmp(b->jurisdiction, "FR") == 0);
        CHECK(strcmp(b->ca, "/etc/ca.pem") == 0);
    }
}

/* Accepted rows with what was read, and twins that break one rule each. */
static void run_a_row_forms_requests(void)
{
    static const char *const refused[][2] = {
        {"path = /d/{model}/{model}\n", "path"},
        {"path = /d/{modell}\n", "path"},
        {"path = /d?{model}\n", "path"},
        {"query = ?a=b\n", "query"},
        {"query = a=b c\n", "query"},
        {"drop = n n\n", "drop"},
        {"drop = N\n", "drop"},
        {"rename = seed\n", "rename"},
        {"rename = seed>\n", "rename"},
        {"rename = >seed\n", "rename"},
        {"rename = a>b c>d e>f g>h i>j\n", "rename"},
        {"force = {}\n", "force"},
        {"force = [1]\n", "force"},
        {"force = {\"x\":1\n", "force"},
        {"force = {\"x\":1,\"x\":2}\n", "force"},
        {"force = {\"max_tokens\":1}\n", "force"},
        {"force = {\"m\\u006fdel\":1}\n", "force"},
    };
    char why[256], text[256];
    const struct provider *a = &p.list[0];

    CHECK_INT(parse(A "path = /openai/deployments/{model}\nquery = api-version=2024-10-21\ndrop = n, top_p\n"
                      "rename = seed>random_seed\nforce = {\"provider\":{\"zdr\":true}}\n"
                      "quirks = short_tool_ids enable_thinking\ntrains = off\nconfidential = on\n",
                    why),
              ERR_NONE);
    CHECK(strcmp(a->path, "/openai/deployments/{model}") == 0 && strcmp(a->query, "api-version=2024-10-21") == 0);
    CHECK(a->drop.n == 2 && strcmp(a->drop.name[1], "top_p") == 0);
    CHECK(a->n_renames == 1 && strcmp(a->rename[0].from, "seed") == 0 && strcmp(a->rename[0].to, "random_seed") == 0);
    CHECK(strcmp(a->force, "{\"provider\":{\"zdr\":true}}") == 0);
    CHECK_INT(a->quirks, QUIRK_SHORT_TOOL_IDS | QUIRK_ENABLE_THINKING);
    CHECK(!a->trains && a->confidential && a->retains_data);
    CHECK_INT(parse(A, why), ERR_NONE);
    CHECK(a->trains && a->retains_data && !a->confidential); /* what nobody says is the worst of it */
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        snprintf(text, sizeof text, A "%s", refused[i][0]);
        CHECK_INT(parse(text, why), ERR_CONFIG);
        CHECK(strstr(why, refused[i][1]) != NULL);
    }
}

static void run_quirks_have_names(void)
{
    char why[256];

    CHECK_INT(parse(A "quirks = no_stream_options max_tokens reasoning_excluded no_store developer_as_system openai strict "
                      "thinking no_reasoning_effort reasoning_content\n",
                    why),
              ERR_NONE);
    CHECK_INT(p.list[0].quirks, QUIRK_NO_STREAM_OPTIONS | QUIRK_MAX_TOKENS | QUIRK_REASONING_EXCLUDED | QUIRK_NO_STORE |
                                    QUIRK_DEVELOPER_AS_SYSTEM | QUIRK_OPENAI | QUIRK_STRICT | QUIRK_THINKING |
                                    QUIRK_NO_REASONING_EFFORT | QUIRK_REASONING_CONTENT);
    CHECK_INT(parse(A "quirks = max_completion_tokens\n", why), ERR_NONE);
    CHECK_INT(p.list[0].quirks, QUIRK_MAX_COMPLETION_TOKENS);
}

static void run_digest_is_of_the_bytes(void)
{
    struct digest32 first, want;
    char why[256];

    CHECK_INT(parse(A, why), ERR_NONE);
    first = p.digest;
    digest_sha256(VIEW_LIT(A), &want);
    CHECK(memcmp(&first, &want, 32) == 0);
    CHECK_INT(parse(A "\n", why), ERR_NONE);
    CHECK(memcmp(&first, &p.digest, 32) != 0);
}

static void run_rejects(void)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "no provider"},
        {"host = x\n", "host"},
        {"[provider a]\nport = 1\n", "host"},
        {A A, "given twice"},
        {"[provider A]\nhost = x\n", "its id"},
        {"[provider]\nhost = x\n", "its id"},
        {"[provider a123456789012345678901234567890123]\nhost = x\n", "section"},
        {"[model a]\nhost = x\n", "section"},
        {"[provider a]\nhost = exa mple\n", "host"},
        {"[provider a]\nhost = SECRET/evil\n", "host"},
        {"[provider a]\nhost = user@evil\n", "host"},
        {"[provider a]\nhost = example.com\ntls = off\n", "tls"},
        {"[provider a]\nhost = 127.evil.example\ntls = off\n", "tls"},
        {"[provider a]\nhost = x\nport = 0\n", "port"},
        {"[provider a]\nhost = x\nport = 65536\n", "port"},
        {"[provider a]\nhost = x\npath = v1\n", "path"},
        {"[provider a]\nhost = x\npath = /v1/\n", "path"},
        {"[provider a]\nhost = x\npath = /v1?x=1\n", "path"},
        {"[provider a]\nhost = x\ndialect = gopher\n", "dialect"},
        {"[provider a]\nhost = x\nauth = basic\n", "auth"},
        {"[provider a]\nhost = x\nquirks = nonsense\n", "quirks"},
        {"[provider a]\nhost = x\nquirks = no_store no_store\n", "quirks"},
        {"[provider a]\nhost = x\nmembers = mock Mock\n", "members"},
        {"[provider a]\nhost = x\nmembers = a-b\n", "members"},
        {"[provider a]\nhost = x\nmembers = a b a\n", "members"},
        {"[provider a]\nhost = x\nmembers = a234567890123456789012345678901234567890x\n", "members"},
        {"[provider a]\nhost = x\nmembers = a b c d e f g h i j k l m n o p q\n", "members"},
        {"[provider a]\nhost = x\nhosted_tools = maybe\n", "hosted_tools"},
        {"[provider a]\nhost = x\nquirks = max_tokens max_completion_tokens\n", "quirks"},
        {"[provider a]\nhost = x\nname = caf\xc3\xa9\n", "name"},
        {"[provider a]\nhost = x\nregion = a b\n", "region"},
        {"[provider a]\nhost = x\nconnect_ms = 0\n", "connect_ms"},
        {"[provider a]\nhost = x\napi_key = sk-SECRET\n", "api_key"},
        {"[provider a]\nhost = x\nhost = y\n", "host"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[256];

        CHECK_INT(parse(cases[i].text, why), ERR_CONFIG);
        if (strstr(why, cases[i].why) == NULL || strstr(why, "SECRET") != NULL) {
            printf("# case %zu says: %s\n", i, why);
            check_fail(__FILE__, __LINE__, "the reason names the field, not the value");
        }
    }
}

static void run_loopback_hosts(void)
{
    static const char *const hosts[] = {"localhost", "::1", "127.0.0.1", "127.9.9.9"};
    char text[128], why[256];

    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        snprintf(text, sizeof text, "[provider a]\nhost = %s\ntls = off\n", hosts[i]);
        CHECK_INT(parse(text, why), ERR_NONE);
    }
}

static void run_too_many(void)
{
    static char text[(LIMIT_PROVIDERS + 1) * 32];
    char why[256];
    size_t n = 0;

    for (int i = 0; i < LIMIT_PROVIDERS; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "[provider p%d]\nhost=x\n", i);
    CHECK_INT(parse(text, why), ERR_NONE);
    CHECK_INT(p.n, LIMIT_PROVIDERS);
    snprintf(text + n, sizeof text - n, "[provider more]\nhost=x\n");
    CHECK_INT(parse(text, why), ERR_CONFIG);
    CHECK(strstr(why, "too many") != NULL);
}

static const struct check_case cases[] = {
    {"providers_defaults_and_fields", run_defaults_and_fields},
    {"providers_digest_is_of_the_bytes", run_digest_is_of_the_bytes},
    {"a_row_forms_requests", run_a_row_forms_requests},
        {"providers: each quirk has a name", run_quirks_have_names},
    {"providers_rejects", run_rejects},
    {"providers_loopback_hosts", run_loopback_hosts},
    {"providers_too_many", run_too_many},
};

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE)
        return 1;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
