/* catalog_lint: each thing that cannot be meant has its sentence and line, its right twin has none; and the seed catalog
 * that we ship has no error. */
#include "check.h"
#include "controlplane/catalog_lint.h"

#include "conf.h"

#include <stdlib.h>

enum { TODAY = 20787 }; /* 2026-11-30 */

static struct buf why, said;
static unsigned first_line;

static void found_cb(void *cookie, bool error, unsigned line, const char *sentence)
{
    (void)cookie;
    if (said.len == 0)
        first_line = line;
    CHECK_INT(buf_appendf(&said, "%s: %s\n", error ? "error" : "warning", sentence), ERR_NONE);
}

static struct providers *providers(void)
{
    static struct providers p;
    static const char text[] = "[provider a]\nhost = a.example\n[provider b]\nhost = b.example\n";

    CHECK_INT(providers_parse(view_str(text), &p, &why), ERR_NONE);
    return &p;
}

static struct catalog_lint lint(struct view text)
{
    struct catalog_lint l = {.found = found_cb, .today = TODAY};
    struct catalog_file f;

    buf_reset(&why);
    buf_reset(&said);
    first_line = 0;
    if (catalog_file_parse(text, "t", providers(), &f, &why) != ERR_NONE) {
        CHECK_INT(buf_append_byte(&why, 0), ERR_NONE);
        check_fail(__FILE__, __LINE__, (const char *)why.ptr);
        return l;
    }
    catalog_lint(&f, &l);
    catalog_file_free(&f);
    CHECK_INT(buf_append_byte(&said, 0), ERR_NONE);
    return l;
}

#define MODEL "[model x/y]\nname = Y\ncontext_length = 1000\nmax_output = 100\n"
#define DATED "source = s 2026-11-20\n"
#define A "[endpoint x/y@a]\nupstream_model = y\n"
#define B "[endpoint x/y@b]\nupstream_model = y\n"
#define PAID "prompt = 1\ncompletion = 2\n"

#define OFF "[model x/off]\nname = Y\ncontext_length = 1000\n"
#define SYNTH(panel) "[synth s/s]\nname = S\njudges = x/y\nfinals = x/y\npanel = " panel "\n"

static void test_findings(void)
{
    static const struct {
        const char *text, *says; /* says NULL: nothing at all */
        unsigned line;
    } cases[] = {
        {MODEL A PAID DATED, NULL, 0},
        {MODEL A "prompt = 1000\ncompletion = 1000\n" DATED, NULL, 0},
        {MODEL A "prompt = 1\ncompletion = 1000.1\n" DATED, "error: x/y@a: completion costs more", 5},
        {MODEL A PAID "reasoning = 2000\n" DATED, "error: x/y@a: reasoning costs more", 5},
        {MODEL A PAID "tier = above 9: completion 2000\n" DATED, "error: x/y@a: a tier costs more", 5},
        {MODEL A PAID "per_request = 100.1\n" DATED, "error: x/y@a: per_request", 5},
        {MODEL A PAID "per_request = 100\n" DATED, NULL, 0},
        {MODEL A PAID "cached = 1.1\n" DATED, "error: x/y@a: cached", 5},
        {MODEL A PAID "cached = 1\n" DATED, NULL, 0},
        {MODEL A PAID "tier = above 9: prompt 1 cached 2\n" DATED, "error: x/y@a: cached", 5},
        {MODEL A "prompt = 3\ncompletion = 2\n" DATED, "warning: x/y@a: the prompt costs more", 5},
        {MODEL "kind = embeddings\n" A "prompt = 3\ncompletion = 0\n" DATED, NULL, 0},
        {MODEL "kind = rerank\n" A "prompt = 3\ncompletion = 0\n" DATED, NULL, 0},
        {MODEL "kind = images\n" A "prompt = 3\ncompletion = 0\nimage_output = 30\n" DATED, NULL, 0},
        {MODEL A "prompt = 0\ncompletion = 0\n" DATED, NULL, 0},
        {MODEL A "prompt = 0\ncompletion = 0\n" DATED B PAID DATED, "warning: x/y: one endpoint costs nothing", 1},
        {MODEL A "prompt = 0\ncompletion = 0\nper_request = 0.1\n" DATED B PAID DATED, NULL, 0},
        {MODEL A "prompt = 0\ncompletion = 0\nweight = 0\n" DATED B PAID DATED, NULL, 0},
        {MODEL A PAID DATED "max_output = 1001\n", "error: x/y@a: max_output", 5},
        {MODEL A PAID DATED "context_length = 50\nmax_output = 51\n", "error: x/y@a: max_output", 5},
        {MODEL A PAID DATED "context_length = 50\n", NULL, 0}, /* it writes less by itself */
        {MODEL A PAID DATED "retires = 2026-11-30\n", "warning: x/y@a: its provider has ended it", 5},
        {MODEL A PAID DATED "retires = 2026-12-01\n", NULL, 0},
        {MODEL, "warning: x/y: no endpoint of it is on", 1},
        {MODEL A PAID "weight = 0\n" DATED, "warning: x/y: no endpoint of it is on", 1},
        {MODEL A PAID "weight = 0\n" DATED "[alias z]\nmodels = x/y\n", "warning: z: no endpoint of its models", 0},
        {MODEL A PAID DATED "[alias z]\nmodels = x/y\n", NULL, 0},
        {MODEL A PAID DATED "[alias z]\nmodels = x/y\n" SYNTH("z"), NULL, 0},
        {MODEL A PAID DATED SYNTH("x/y") "[alias z]\nmodels = s/s\n", NULL, 0},
        {MODEL A PAID DATED OFF SYNTH("x/y x/off"), "warning: s/s: no endpoint of x/off in panel is on", 13},
        {MODEL A PAID "weight = 0\n" DATED SYNTH("x/y"), "warning: s/s: no endpoint of x/y in panel is on", 11},
        {MODEL A PAID DATED "[endpoint x/y@nobody]\n" "upstream_model = y\n" PAID, "error: x/y@nobody: its provider", 10},
        {MODEL A PAID "source = s 2026-09-01\n", NULL, 0}, /* 90 days */
        {MODEL A PAID "source = s 2026-08-31\n", "warning: the prices of 1 endpoints are older than 90 days, the oldest 91", 0},
        {MODEL A PAID "source = s 2026-08-31\n" B PAID "source = s 2026-06-01\n",
         "warning: the prices of 2 endpoints are older than 90 days, the oldest 182", 0},
        {MODEL A PAID, "warning: 1 endpoints do not say", 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct catalog_lint l = lint(view_str(cases[i].text));
        const char *text = (const char *)said.ptr;
        bool ok = cases[i].says == NULL ? l.errors + l.warnings == 0 : strstr(text, cases[i].says) != NULL;

        if (!ok) {
            check_fail(__FILE__, __LINE__, cases[i].text);
            printf("# %s\n", text);
        }
        if (cases[i].says != NULL && cases[i].line != 0)
            CHECK_INT(first_line, cases[i].line);
        if (cases[i].says != NULL)
            CHECK_INT(l.errors != 0, strncmp(cases[i].says, "error", 5) == 0);
    }
}

/* Every seed endpoint's provider is in the example providers.conf, and no price in it cannot be meant. */
static void test_seed(void)
{
    static struct providers p;
    struct catalog_lint l = {.found = found_cb, .today = TODAY};
    struct catalog_file f;
    struct buf text;
    size_t live = 0;

    buf_init(&text, 1 << 20);
    CHECK_INT(conf_read_file("deploy/examples/providers.conf", 1 << 20, &text), ERR_NONE);
    CHECK_INT(providers_parse(buf_view(&text), &p, &why), ERR_NONE);
    buf_free(&text);
    buf_reset(&said);
    buf_reset(&why);
    if (catalog_file_load("deploy/catalog/catalog.conf", &p, &f, &why) != ERR_NONE) {
        CHECK_INT(buf_append_byte(&why, 0), ERR_NONE);
        check_fail(__FILE__, __LINE__, (const char *)why.ptr);
        return;
    }
    catalog_lint(&f, &l);
    CHECK_INT(l.errors, 0);
    for (size_t i = 0; i < f.catalog.n_endpoints; i++)
        live += f.catalog.endpoints[i].weight != 0 && f.catalog.endpoints[i].source_day != 0;
    CHECK(f.catalog.n_models >= 300 && live >= 1000);
    printf("# %zu models, %zu endpoints, %zu of them on and dated, %zu warnings\n", f.catalog.n_models,
           f.catalog.n_endpoints, live, l.warnings);
    catalog_file_free(&f);
}

static const struct check_case cases[] = {
    {"catalog_lint findings", test_findings},
    {"catalog_lint seed catalog", test_seed},
};

int main(int argc, char **argv)
{
    int code;

    if (secret_init() != ERR_NONE)
        return 1;
    buf_init(&why, 1000);
    buf_init(&said, 1 << 20);
    code = check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
    buf_free(&why);
    buf_free(&said);
    return code;
}
