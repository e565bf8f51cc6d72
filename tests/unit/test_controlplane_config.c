/* What an operator writes: controlplane.conf, catalog.conf, provider keys. Everything that is
 * accepted has a rejected twin whose sentence names the place, and never the value; the examples we
 * ship parse. */
#include "check.h"
#include "conf.h"
#include "controlplane/catalog_file.h"
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

#define SIGN_IN "issuer = https://a.example\nclient_id = a\nclient_secret_file = f\n"

static void test_config(void)
{
    static const struct {
        const char *text, *says; /* NULL: accepted */
    } cases[] = {
        {NEEDED, NULL},
        {NEEDED "rest_port = 65535\nlease_ms = 10000\nlease_default_usd = 0.000000001\n", NULL},
        {NEEDED "metrics_port = 9100\nmetrics_host = 127.0.0.2\n", NULL},
        {NEEDED "metrics_port = 9100\nmetrics_host = 0.0.0.0\n", "test.conf:7: metrics_host"},
        {NEEDED "metrics_port = 65536\n", "metrics_port"},
        {NEEDED "rest_port = 65536\n", "rest_port"},
        {NEEDED "lease_ms = 9999\n", "lease_ms"},
        {NEEDED "lease_default_usd = 0\n", "test.conf:6: lease_default_usd"},
        {NEEDED "lease_default_usd = -1\n", "lease_default_usd"},
        {NEEDED "reattest_ms = 600001\n", "reattest_ms"},
        {NEEDED "console_dir = /c\nconsole_dataplanes = https://a.example https://localhost:8443\n", NULL},
        {NEEDED "console_dataplanes = https://a.example;script-src\n", "console_dataplanes"},
        {NEEDED "console_dataplanes = *\n", "console_dataplanes"},
        {NEEDED "console_dataplanes = http://a.example\n", "console_dataplanes"},
        {NEEDED "security_contact = mailto:a@b.example\n", NULL},
        {NEEDED "security_contact = https://a.example/report\n", NULL},
        {NEEDED "security_contact = a@b.example\n", "security_contact"},
        {NEEDED "security_contact = mailto:a b\n", "security_contact"},
        {NEEDED "\n# console_origin = https://a\n[sign_in x]\n" SIGN_IN, "test.conf: console_origin must"},
        {NEEDED "\nconsole_origin = https://A.example\n", "test.conf:7: console_origin"},
        {NEEDED "mail_from = a@b.example\n  mail_url=smtps://a:465\n", "test.conf:7: console_origin must"}, /* which it needs */
        {NEEDED "mail_url = ftp://a\n", "test.conf:6: mail_url"},
        {NEEDED "mail_url = smtps://a:465\nmail_from = a\n", "test.conf:7: mail_from"},
        {NEEDED "mail_password_file = f\n", "test.conf:6: mail_user and"},
        {NEEDED "stripe_key_file = f\n", "test.conf:6: stripe_key_file and"},
        {NEEDED "console_origin = https://a.example\n[sign_in x]\n" SIGN_IN "[ sign_in y ]\nclient_id = a\nissuer = a.example\n"
                "client_secret_file = f\n", "test.conf:13: issuer"},
        {NEEDED "release_key = RWQ69O3a8eX4ArrAj/bPO56o6DC1oVPDSd59zmmLxwB64VEg0GuWYaLR\n", NULL},
        {NEEDED "release_key = RWQ69O3a8eX4ArrAj/bPO56o6DC1oVPDSd59zmmLxwB64VEg0GuWYaL\n", "release_key"},
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
#define MODEL2 "[model c/d]\nname = CD\ncontext_length = 100\nmax_output = 10\n"
#define TIER "tier = above 9: prompt 3\n"
#define SIXTY_FOUR "0123456789012345678901234567890123456789012345678901234567890123"
#define ENDPOINT "upstream_model = ab\nprompt = 1\ncompletion = 2\n"

#define LISTS "name = S\npanel = a/b\njudges = a/b\nfinals = a/b\n"
#define SYNTH "[synth s/s]\n" LISTS

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
        {MODEL "[endpoint a/b@nobody]\n" ENDPOINT, NULL}, /* left out: test_catalog_providers */
        {MODEL "[endpoint a/b]\n" ENDPOINT, "section"},
        {MODEL "[endpoint a/b@demo-a]\nprompt = 1\ncompletion = 2\n", "upstream_model"},
        {MODEL "[endpoint a/b@demo-a]\nupstream_model = x\nprompt = 1\n", "completion"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "weight = 65536\n", "weight"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "cached = -1\n", "cached"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "cached = 0\nweight = 0\n", NULL},
        {MODEL "kind = poetry\n", "kind"},
        {MODEL "kind = rerank\ncapabilities = embeddings\n", "embeddings"},
        {MODEL "inputs = text smell\n", "inputs"},
        {MODEL "gates = no_sampling no_such_gate\n", "gate"},
        {MODEL "efforts = low extreme\n", "efforts"},
        {MODEL "budget = 9\n", "budget"},
        {MODEL "budget = 9 8\n", "budget"},
        {MODEL "budget = 9 0\n", NULL},
        {MODEL "created = yesterday\n", "created"},
        {MODEL "created = 2025-02-29\n", "created"},
        {MODEL "knowledge = 2025\n", "knowledge"},
        {MODEL "facts = 2026-13-01\n", "facts"},
        {MODEL "open_weights = maybe\n", "open_weights"},
        {"[model a/b]\nname = AB\n", "context_length"},
        {"[model a/b]\nname = AB\ncontext_length = 9\n", NULL},
        {"[model a/b]\nname = AB\nkind = images\n", NULL},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "retires = soon\n", "retires"},
        {MODEL "description = caf\xc3\xa9\n", "ASCII"},
        {MODEL "fallbacks = a/b\n", "itself"},
        {MODEL "fallbacks = c/d\n", "fallbacks"},
        {MODEL MODEL2 "fallbacks = a/b, a/b\n", "twice"},
        {MODEL MODEL2 "fallbacks = a/b\n", NULL},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "quantization = fp5\n", "quantization"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "lacks = taste\n", "lacks"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "retains_data = perhaps\n", "retains_data"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "per_image = -1\n", "per_image"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "source = a b 2026-11-20\n", NULL},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "source = " SIXTY_FOUR "\n", "source"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "tier = above 9: prompt 3\ntier = 16:30-00:30: cached 1\n", NULL},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "tier = above 9 23:00-24:00: prompt 3\n", NULL},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "tier = prompt 3\n", "tier"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "tier = above 0: prompt 3\n", "tier"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "tier = above 9: image 3\n", "tier"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "tier = above 9:\n", "tier"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "tier = above 9: prompt 3 prompt 4\n", "tier"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "tier = 24:00-01:00: prompt 3\n", "tier"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "tier = 1:00-02:00: prompt 3\n", "tier"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT "tier = 01:00-01:00: prompt 3\n", "tier"},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT TIER TIER TIER TIER, NULL},
        {MODEL "[endpoint a/b@demo-a]\n" ENDPOINT TIER TIER TIER TIER TIER, "4 tiers"},
        {MODEL "[alias ab/latest]\nmodels = a/b\n", NULL},
        {MODEL "[alias ab/latest]\nmodels = a/b\nwants = eu no_retention\nsort = price\nlisted = on\n", NULL},
        {MODEL "[alias a/b]\nmodels = a/b\n", "name already"},
        {MODEL "[alias x]\nmodels = a/c\n", "models"},
        {MODEL "[alias x]\nmodels = ,\n", "names no model"},
        {MODEL "[alias x]\nwants = eu\n", "models"},
        {MODEL "[alias x]\nmodels = a/b\nwants = luck\n", "wants"},
        {MODEL "[alias x]\nmodels = a/b\nsort = mood\n", "sort"},
        {MODEL "[alias x]\nmodels = a/b\n[alias x]\nmodels = a/b\n", "section"},
        {MODEL SYNTH, NULL},
        {MODEL "[alias x]\nmodels = a/b\n[synth s/s]\nname = S\npanel = x a/b x\njudges = x\nfinals = x\n", NULL},
        {MODEL SYNTH "[alias x]\nmodels = s/s\n", NULL},
        {MODEL SYNTH "preset = quality\ncode = on\ngeneric = yes\npanel_tokens = 1\n", NULL},
        {MODEL SYNTH "preset = best\n", "preset"},
        {MODEL SYNTH "judge_tokens = 0\n", "judge_tokens"},
        {MODEL SYNTH "capabilities = telepathy\n", "capabilities"},
        {MODEL SYNTH SYNTH, "section"},
        {MODEL SYNTH "[model s/s]\nname = S\ncontext_length = 9\n", "section"},
        {MODEL SYNTH "preset = budget\n[synth s/t]\n" LISTS "preset = budget\n", "another section has this preset"},
        {MODEL SYNTH "preset = budget\n[synth s/t]\n" LISTS "preset = budget\ncode = on\n", NULL},
        {MODEL SYNTH "[synth s/t]\n" LISTS, NULL},
        {MODEL "[synth s/s]\nname = S\npanel = a/b\njudges = a/b\n", "finals"},
        {MODEL "[synth s/s]\nname = S\npanel = a/b\njudges = ,\nfinals = a/b\n", "judges names no model"},
        {MODEL "[synth s/s]\nname = S\npanel = a/c\njudges = a/b\nfinals = a/b\n", "panel names a model that this file"},
        {MODEL "[synth s/s]\nname = S\npanel = a/b a/b a/b a/b a/b a/b a/b a/b a/b\njudges = a/b\nfinals = a/b\n",
         "panel names more than 8"},
        {MODEL "[synth s/s]\nname = S\npanel = a/b a/b a/b a/b a/b a/b a/b a/b\njudges = a/b\nfinals = a/b\n", NULL},
        {MODEL "[synth s/s]\nname = S\npanel = s/s\njudges = a/b\nfinals = a/b\n", "panel names a model that is made"},
        {MODEL SYNTH "[synth s/t]\nname = T\npanel = a/b\njudges = s/s\nfinals = a/b\n", "judges names a model that is made"},
        {MODEL SYNTH "[alias x]\nmodels = s/s\n[synth s/t]\nname = T\npanel = a/b\njudges = a/b\nfinals = x\n",
         "finals names a model that is made"},
        {MODEL "kind = images\n[synth s/s]\n" LISTS, "does not chat"},
        {MODEL SYNTH "[alias x]\nmodels = s/s a/b\n", "and another one"},
        {MODEL SYNTH "[endpoint s/s@demo-a]\n" ENDPOINT, "has no endpoint"},
        {MODEL "fallbacks = s/s\n" SYNTH, "fallbacks names a model that is made"},
        {MODEL "kind = synth\n", "[synth ID]"},
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

/* What is said arrives where it belongs, and what is not said costs what its class costs as. */
static void test_catalog_values(void)
{
    static const char text[] = "# a comment\n" MODEL
        "kind = rerank\ninputs = text file\noutputs = text\ndescription = Sorts.\ncreated = 2024-02-01\n"
        "knowledge = 2024-02\nfacts = 2026-11-20\nopen_weights = yes\ngates = no_sampling no_urls\n"
        "efforts = none max\nbudget = 128 32768\nfallbacks = c/d\n" MODEL2
        "[endpoint a/b@demo-b]\nupstream_model = x\nprompt = 1\ncompletion = 8\ncached = 0.1\n"
        "cache_write_long = 2\naudio_output = 20\nper_request = 0.005\nper_query = 0.002\nlacks = tools\n"
        "context_length = 50\nmax_output = 5\nquantization = mxfp4\nretains_data = on\n"
        "source = some list 1.0 2026-11-20\nretires = 2026-11-20\ntier = above 200000: prompt 2 completion 12\n"
        "tier = 16:30-00:30: completion 4\n"
        "[endpoint c/d@demo-a]\nupstream_model = y\nprompt = 1\ncompletion = 2\ntier = above 9: prompt 3\n"
        "\n[alias ~ab/latest]\nmodels = c/d, a/b\nwants = eu free\nsort = throughput\nlisted = on\n";
    struct catalog_file f;
    const struct catalog_model *m;
    const struct catalog_endpoint *e;
    const struct price *p;

    buf_reset(&why);
    if (catalog_file_parse(view_str(text), "t", example_providers(), &f, &why) != ERR_NONE) {
        check_fail(__FILE__, __LINE__, why_text());
        return;
    }
    m = &f.catalog.models[0];
    CHECK(m->kind == KIND_RERANK && m->inputs == (MEDIUM_TEXT | MEDIUM_FILE) && m->outputs == MEDIUM_TEXT);
    CHECK(strcmp(m->description, "Sorts.") == 0 && m->created == 1706745600);
    CHECK(m->knowledge_day * 86400ull == 1709164800 && m->facts_day * 86400ull == 1795132800);
    CHECK(m->open_weights == KNOWN_YES && m->gates.bits == (GATE_NO_SAMPLING | GATE_NO_URLS));
    CHECK(m->gates.efforts == 65 && m->gates.budget_min == 128 && m->gates.budget_max == 32768);
    CHECK(m->n_fallbacks == 1 && m->fallback[0] == 1);
    CHECK(f.catalog.models[1].kind == KIND_CHAT && f.catalog.models[1].open_weights == KNOWN_NOT);
    e = &f.catalog.endpoints[0];
    p = &e->price;
    CHECK(p->cached_pusd == 100000 && p->cache_write_pusd == 1000000 && p->cache_write_long_pusd == 2000000);
    CHECK(p->reasoning_pusd == 8000000 && p->audio_input_pusd == 1000000 && p->audio_output_pusd == 20000000);
    CHECK(p->image_input_pusd == 1000000 && p->image_output_pusd == 8000000);
    CHECK(p->request_nusd == 5000000 && p->query_nusd == 2000000 && p->image_nusd == 0);
    CHECK_INT(p->n_tiers, 2);
    CHECK(p->tier[0].above_prompt_tokens == 200000 && p->tier[0].until_minute == 0);
    CHECK(p->tier[0].prompt_pusd == 2000000 && p->tier[0].completion_pusd == 12000000);
    CHECK(p->tier[0].cached_pusd == 100000 && p->tier[0].cache_write_pusd == 2000000); /* as prompt there */
    CHECK(p->tier[1].from_minute == 990 && p->tier[1].until_minute == 30);
    CHECK(p->tier[1].prompt_pusd == 1000000 && p->tier[1].completion_pusd == 4000000);
    CHECK(e->lacks == CAP_TOOLS && e->context_length == 50 && e->max_output == 5);
    CHECK(e->quantization == QUANTIZATION_MXFP4 && e->retains_data);
    CHECK(strcmp(e->source, "some list 1.0") == 0 && e->source_day == m->facts_day && e->retires_day == m->facts_day);
    CHECK(f.catalog.aliases[0].n_models == 2 && f.catalog.aliases[0].model[0] == 1);
    CHECK(f.catalog.aliases[0].wants == (ALIAS_EU | ALIAS_FREE) && f.catalog.aliases[0].listed);
    CHECK(f.catalog.aliases[0].sort == ALIAS_SORT_THROUGHPUT);
    CHECK(f.model_lines[0] == 2 && f.model_lines[1] == 18 && f.endpoint_lines[0] == 22 && f.alias_lines[0] == 46);
    p = &f.catalog.endpoints[1].price;
    CHECK(p->cached_pusd == 1000000 && p->tier[0].cached_pusd == 3000000); /* neither is said: as prompt */
    CHECK(p->tier[0].completion_pusd == 2000000);
    catalog_file_free(&f);
}

/* A provider that is not measured: its endpoint is left out, counted and known by name and line. */
static void test_catalog_synths(void)
{
    static const char text[] = MODEL "[synth s/s]\nname = S\ndescription = Made of others.\ncontext_length = 90\n"
                                     "panel = a/b ~x/latest\njudges = ~x/latest, a/b\nfinals = a/b\npreset = frontier\n"
                                     "code = on\nfinal_tokens = 7\n[alias ~x/latest]\nmodels = a/b\n";
    struct catalog_file f;
    const struct catalog_synth *y;

    buf_reset(&why);
    CHECK_INT(catalog_file_parse(view_str(text), "t", example_providers(), &f, &why), ERR_NONE);
    CHECK_INT(f.catalog.n_models, 2);
    CHECK_INT(f.catalog.n_synths, 1);
    y = &f.catalog.synths[0];
    CHECK(f.catalog.models[1].kind == KIND_SYNTH && f.catalog.models[1].context_length == 90 &&
          strcmp(f.catalog.models[1].id, "s/s") == 0 && f.model_lines[1] == 5);
    CHECK(y->model_no == 1 && y->preset == SYNTH_PRESET_FRONTIER && y->code && !y->generic);
    CHECK(y->n_panel == 2 && strcmp(y->panel[1], "~x/latest") == 0 && y->n_judges == 2 &&
          strcmp(y->judges[0], "~x/latest") == 0 && strcmp(y->judges[1], "a/b") == 0 && y->n_finals == 1);
    CHECK(y->panel_tokens == 4096 && y->judge_tokens == 4096 && y->final_tokens == 7);
    catalog_file_free(&f);
}

static void test_catalog_providers(void)
{
    struct catalog_file f;

    buf_reset(&why);
    CHECK_INT(catalog_file_parse(VIEW_LIT(MODEL "[endpoint a/b@nobody]\n" ENDPOINT "[endpoint a/b@demo-a]\n" ENDPOINT),
                                 "t", example_providers(), &f, &why),
              ERR_NONE);
    CHECK_INT(f.catalog.n_endpoints, 1);
    CHECK(strcmp(f.providers[0]->id, "demo-a") == 0 && f.endpoint_lines[0] == 9);
    CHECK_INT(f.n_refused, 1);
    CHECK(strcmp(f.refused[0].provider, "nobody") == 0 && strcmp(f.refused[0].model, "a/b") == 0);
    CHECK_INT(f.refused[0].line, 5);
    catalog_file_free(&f);
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
        {"demo-a = secret-1, secret-2  secret-3\n", 0600, NULL, NULL},
        {"demo-a = 1 2 3 4 5 6 7 8 9\n", 0600, NULL, "more than 8"},
        {"demo-a = se\xc3\xa9" "cret\n", 0600, NULL, "demo-a"},
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
            CHECK(provider_keys_get(k, 0, 0, &v) && view_eq(v, VIEW_LIT("secret-of-a")));
            CHECK(provider_keys_get(k, 1, 0, &v) && view_eq(v, VIEW_LIT("secret-of-b")));
            CHECK(!provider_keys_get(k, 0, 1, &v) && provider_keys_of(k, 0) == 1 && provider_keys_of(k, 2) == 0);
            CHECK(!provider_keys_get(k, 2, 0, &v));
            CHECK(!provider_keys_get(k, 65535, 0, &v) && provider_keys_of(k, 65535) == 0);
            CHECK(getenv("TR_TEST_KEY") == NULL); /* gone from the environment */
        }
        if (e == ERR_NONE && strstr(cases[i].file, "secret-3") != NULL) {
            CHECK_INT(provider_keys_of(k, 0), 3);
            CHECK(provider_keys_get(k, 0, 0, &v) && view_eq(v, VIEW_LIT("secret-1")));
            CHECK(provider_keys_get(k, 0, 2, &v) && view_eq(v, VIEW_LIT("secret-3")));
            CHECK(!provider_keys_get(k, 0, 3, &v));
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
    {"catalog.conf values", test_catalog_values}, {"catalog.conf providers", test_catalog_providers},
    {"catalog.conf synths", test_catalog_synths},
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
