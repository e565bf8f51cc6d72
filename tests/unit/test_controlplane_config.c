/* What an operator writes: controlplane.conf, catalog.conf, provider keys. Everything that is
 * accepted has a rejected twin whose sentence names the place, and never the value; the examples we
 * ship parse. */
#include "check.h"
#include "conf.h"
#include "controlplane/config.h"
#include "controlplane/provider_keys.h"
#include "controlplane/state.h"
#include "tls.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct buf why;

static const char *why_text(void)
{
    static char text[512];

    snprintf(text, sizeof text, "%.*s", (int)why.len, (const char *)why.ptr);
    return text;
}

static struct providers *example_providers(void)
{
    static struct providers p;
    struct buf text;

    buf_init(&text, CONTROLPLANE_FILE_MAX);
    buf_reset(&why);
    CHECK_INT(conf_read_file("deploy/examples/providers.conf", CONTROLPLANE_FILE_MAX, &text),
              ERR_NONE);
    if (providers_parse(buf_view(&text), &p, &why) != ERR_NONE)
        check_fail(__FILE__, __LINE__, why_text());
    buf_free(&text);
    return &p;
}

#define NEEDED "database = x\nstate_dir = s\nproviders = p\ncatalog = c\nattestation = a\n"

static void test_config(void)
{
    static const struct {
        const char *text, *says; /* NULL: accepted */
    } cases[] = {
        {NEEDED, NULL},
        {NEEDED "rest_port = 65535\nlease_ms = 10000\nlease_default_usd = 0.000000001\n", NULL},
        {NEEDED "metrics_port = 9100\nmetrics_host = 127.0.0.2\n", NULL},
        {NEEDED "metrics_port = 9100\nmetrics_host = 0.0.0.0\n", "metrics_host"},
        {NEEDED "metrics_port = 65536\n", "metrics_port"},
        {NEEDED "rest_port = 65536\n", "rest_port"},
        {NEEDED "lease_ms = 9999\n", "lease_ms"},
        {NEEDED "lease_default_usd = 0\n", "lease_default_usd"},
        {NEEDED "lease_default_usd = -1\n", "lease_default_usd"},
        {NEEDED "reattest_ms = 600001\n", "reattest_ms"},
        {NEEDED "surprise = 1\n", "surprise"},
        {NEEDED "database = y\n", "database"},
        {"state_dir = s\nproviders = p\ncatalog = c\nattestation = a\n", "database"},
        {NEEDED "[provider a]\nkey_env = A\n[provider b]\nkey_env = B\n", NULL},
        {NEEDED "[provider a]\nkey_env = A\n[provider a]\nkey_env = B\n", "section"},
        {NEEDED "[provider a]\n", "key_env"},
        {NEEDED "[something a]\nkey_env = A\n", "section"},
    };
    static struct controlplane_config c;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum err e;

        buf_reset(&why);
        e = controlplane_config_parse(view_str(cases[i].text), "test.conf", &c, &why);
        CHECK_INT(e, cases[i].says == NULL ? ERR_NONE : ERR_CONFIG);
        if (cases[i].says != NULL && strstr(why_text(), cases[i].says) == NULL)
            check_fail(__FILE__, __LINE__, why_text());
    }
    CHECK_INT(controlplane_config_parse(VIEW_LIT(NEEDED), "t", &c, &why), ERR_NONE);
    CHECK_INT(c.lease_ms, 75000);
    CHECK_INT(c.lease_default_nusd, 250000000);
    CHECK(strcmp(c.sql_dir, "sql") == 0);
}

static void test_examples(void)
{
    static struct controlplane_config c;
    struct catalog_file f;
    struct providers *p = example_providers();

    buf_reset(&why);
    if (controlplane_config_load("deploy/examples/controlplane.conf", &c, &why) != ERR_NONE)
        check_fail(__FILE__, __LINE__, why_text());
    for (size_t i = 0; i < c.n_sources; i++)
        CHECK(providers_find(p, c.sources[i].id) != NULL);
    if (catalog_file_load("deploy/examples/catalog.conf", p, &f, &why) != ERR_NONE) {
        check_fail(__FILE__, __LINE__, why_text());
        return;
    }
    CHECK(f.catalog.n_models >= 8 && f.catalog.n_endpoints >= 10);
    CHECK(strcmp(f.catalog.models[0].id, "demo/echo") == 0);
    CHECK_INT(f.catalog.endpoints[0].price.prompt_pusd, 500000);
    CHECK_INT(f.catalog.endpoints[0].price.cached_pusd, 50000);
    CHECK_INT(f.catalog.endpoints[0].price.cache_write_pusd, 500000); /* not given: as prompt */
    CHECK(strcmp(f.providers[1]->id, "demo-b") == 0);
    catalog_file_free(&f);
    CHECK_INT(controlplane_config_load("/nonexistent", &c, &why), ERR_IO);
}

#define MODEL "[model a/b]\nname = AB\ncontext_length = 100\nmax_output = 10\n"
#define ENDPOINT "upstream_model = ab\nprompt = 1\ncompletion = 2\n"

static void test_catalog(void)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {MODEL, NULL},
        {MODEL "capabilities = tools, images reasoning json_schema\n", NULL},
        {MODEL "capabilities = telepathy\n", "capabilities"},
        {MODEL MODEL, "section"},
        {"[model ab]\nname = AB\ncontext_length = 100\nmax_output = 10\n", "section"},
        {"[model a/b]\nname = AB\ncontext_length = 100\nmax_output = 101\n", "max_output"},
        {"[model a/b]\nname = AB\ncontext_length = 0\nmax_output = 10\n", "context_length"},
        {"[model a/b]\ncontext_length = 100\nmax_output = 10\n", "name"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT, NULL},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "[endpoint a/b@demo-b]\n" ENDPOINT, NULL},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "[endpoint a/b@demo-a]\n" ENDPOINT, "section"},
        {MODEL "[endpoint a/c@demo-a]\n" ENDPOINT, "no such model"},
        {MODEL "[endpoint a/b@nobody]\n" ENDPOINT, "providers.conf"},
        {MODEL "[endpoint a/b]\n" ENDPOINT, "section"},
        {MODEL "[endpoint a/b@demo-a]\nprompt = 1\ncompletion = 2\n", "upstream_model"},
        {MODEL "[endpoint a/b@demo-a]\nupstream_model = x\nprompt = 1\n", "completion"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "weight = 65536\n", "weight"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "cached = -1\n", "cached"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "cached = 0\nweight = 0\n", NULL},
    };
    struct providers *p = example_providers();

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct catalog_file f;
        enum err e;

        buf_reset(&why);
        e = catalog_file_parse(view_str(cases[i].text), "test.conf", p, &f, &why);
        if (e == ERR_NONE)
            catalog_file_free(&f);
        if (e != (cases[i].says == NULL ? ERR_NONE : ERR_CONFIG)) {
            check_fail(__FILE__, __LINE__, cases[i].text);
            printf("# %s\n", why_text());
        }
        if (cases[i].says != NULL && strstr(why_text(), cases[i].says) == NULL)
            check_fail(__FILE__, __LINE__, why_text());
    }
}

/* --- provider keys --- */

static char dir[64];

static const char *in_dir(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");

    CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0 && chmod(path, mode) == 0);
}

static void test_provider_keys(void)
{
    static const struct {
        const char *file;
        mode_t mode;
        const char *env, *says;
    } cases[] = {
        {"demo-a = secret-of-a\n", 0600, "secret-of-b", NULL},
        {"", 0600, NULL, NULL},
        {"demo-a = secret-of-a\n", 0644, NULL, "0600"},
        {"nobody = secret\n", 0600, NULL, "nobody"},
        {"demo-a = se cret\n", 0600, NULL, "demo-a"},
        {"", 0600, "se\ncret", "demo-b"},
    };
    static struct controlplane_config c;
    struct providers *p = example_providers();

    CHECK_INT(controlplane_config_parse(
                  VIEW_LIT(NEEDED "[provider demo-b]\nkey_env = TR_TEST_KEY\n"), "t", &c, &why),
              ERR_NONE);
    snprintf(c.provider_keys, sizeof c.provider_keys, "%s", in_dir("keys"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct provider_keys *k = NULL;
        struct view v;
        enum err e;

        write_file(c.provider_keys, cases[i].file, cases[i].mode);
        if (cases[i].env != NULL)
            setenv("TR_TEST_KEY", cases[i].env, 1);
        buf_reset(&why);
        e = provider_keys_load(&c, p, &k, &why);
        CHECK_INT(e, cases[i].says == NULL ? ERR_NONE : ERR_CONFIG);
        if (cases[i].says != NULL && strstr(why_text(), cases[i].says) == NULL)
            check_fail(__FILE__, __LINE__, why_text());
        CHECK(strstr(why_text(), "secret-of") == NULL && strstr(why_text(), "cret\n") == NULL &&
              strstr(why_text(), "se cret") == NULL);
        if (i == 0 && e == ERR_NONE) {
            CHECK_INT(provider_keys_count(k), 2);
            CHECK(provider_keys_get(k, 0, &v) && view_eq(v, VIEW_LIT("secret-of-a")));
            CHECK(provider_keys_get(k, 1, &v) && view_eq(v, VIEW_LIT("secret-of-b")));
            CHECK(!provider_keys_get(k, 2, &v));
            CHECK(!provider_keys_get(k, 65535, &v));
            CHECK(getenv("TR_TEST_KEY") == NULL); /* gone from the environment */
        }
        provider_keys_free(k);
        unsetenv("TR_TEST_KEY");
    }
}

/* --- state --- */

static void test_state(void)
{
    static const char *const files[] = {"ca.key",   "ca.pem",   "link.key",
                                        "link.pem", "rest.key", "rest.pem"};
    struct state a, b;
    struct digest32 da, db;
    struct stat st;
    char sub[96], path[128];

    snprintf(sub, sizeof sub, "%s/state", dir);
    buf_reset(&why);
    CHECK_INT(state_open(sub, "localhost,127.0.0.1", &a, &why), ERR_NONE);
    CHECK(stat(sub, &st) == 0 && (st.st_mode & 0777) == 0700);
    for (size_t i = 0; i < 6; i++) {
        snprintf(path, sizeof path, "%s/%s", sub, files[i]);
        CHECK(stat(path, &st) == 0);
        if (i % 2 == 0)
            CHECK_INT(st.st_mode & 0777, 0600);
    }
    /* The same after a restart, certificates included. */
    CHECK_INT(state_open(sub, "localhost,127.0.0.1", &b, &why), ERR_NONE);
    CHECK(EVP_PKEY_eq(a.ca_key, b.ca_key) == 1 && EVP_PKEY_eq(a.link_key, b.link_key) == 1);
    CHECK(X509_cmp(a.ca, b.ca) == 0 && X509_cmp(a.link, b.link) == 0 &&
          X509_cmp(a.rest, b.rest) == 0);
    CHECK(X509_verify(a.rest, b.ca_key) == 1 && X509_verify(a.rest, b.link_key) != 1);
    state_close(&b);
    /* Another name: a new certificate for the same key, the CA stays. */
    CHECK_INT(state_open(sub, "localhost,127.0.0.1,router.test", &b, &why), ERR_NONE);
    CHECK(X509_cmp(a.ca, b.ca) == 0 && X509_cmp(a.rest, b.rest) != 0);
    CHECK(tls_cert_spki_sha256(a.rest, &da) == ERR_NONE &&
          tls_cert_spki_sha256(b.rest, &db) == ERR_NONE);
    CHECK_BYTES(da.b, 32, db.b, 32);
    state_close(&b);
    /* A key that others can read, and a certificate of another key, are refused. */
    snprintf(path, sizeof path, "%s/ca.key", sub);
    CHECK(chmod(path, 0644) == 0);
    CHECK(state_open(sub, "localhost", &b, &why) != ERR_NONE);
    CHECK(chmod(path, 0600) == 0);
    snprintf(path, sizeof path, "%s/link.key", sub);
    CHECK(unlink(path) == 0);
    buf_reset(&why);
    CHECK_INT(state_open(sub, "localhost", &b, &why), ERR_CONFIG);
    CHECK(strstr(why_text(), "link") != NULL);
    state_close(&a);
}

static const struct check_case cases[] = {
    {"controlplane.conf", test_config}, {"examples", test_examples},
    {"catalog.conf", test_catalog},     {"provider keys", test_provider_keys},
    {"state directory", test_state},
};

int main(int argc, char **argv)
{
    char command[96];
    int code;

    if (secret_init() != ERR_NONE)
        return 1;
    buf_init(&why, 1000);
    snprintf(dir, sizeof dir, "/tmp/tr-config-test.%d", (int)getpid());
    if (mkdir(dir, 0700) != 0)
        return 1;
    code = check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
    buf_free(&why);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command) != 0 ? 1 : code;
}
