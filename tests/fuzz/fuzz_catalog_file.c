/* catalog.conf comes from an operator, and a part of it from providers' lists. Whatever it says: no crash, a refusal has a
 * sentence, and what is taken can be sent to a data plane and be judged. */
#include "controlplane/catalog_file.c"
#include "controlplane/catalog_lint.c"
#include "controlplane/catalog_sections.c"
#include "controlplane/catalog_synths.c"
#undef BITS
#include "controlplane/catalog_values.c"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void found_cb(void *cookie, bool error, unsigned line, const char *sentence)
{
    (void)cookie;
    (void)error;
    (void)line;
    assert(sentence[0] != '\0');
}

/* Numbers as the database would give them: from 1. */
static void number(struct catalog *c)
{
    for (size_t i = 0; i < c->n_models; i++) {
        c->models[i].no = (uint32_t)i + 1;
        for (size_t k = 0; k < c->models[i].n_fallbacks; k++)
            c->models[i].fallback[k]++;
    }
    for (size_t i = 0; i < c->n_endpoints; i++) {
        c->endpoints[i].no = (uint32_t)i + 1;
        c->endpoints[i].model_no++;
    }
    for (size_t i = 0; i < c->n_aliases; i++)
        for (size_t k = 0; k < c->aliases[i].n_models; k++)
            c->aliases[i].model[k]++;
    for (size_t i = 0; i < c->n_synths; i++)
        c->synths[i].model_no++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct providers providers;
    struct catalog_lint lint = {.found = found_cb, .today = 20000};
    struct catalog_file f;
    struct buf why, out;
    enum err e;

    buf_init(&why, 4096);
    buf_init(&out, LIMIT_CATALOG_BYTES);
    if (providers.n == 0) {
        if (secret_init() != ERR_NONE)
            abort();
        e = providers_parse(VIEW_LIT("[provider a]\nhost = a.b\n[provider b]\nhost = b.b\n"), &providers, &why);
        assert(e == ERR_NONE);
    }
    e = catalog_file_parse(view_of(data, size), "f", &providers, &f, &why);
    assert(e == ERR_NONE || e == ERR_CONFIG);
    if (e == ERR_NONE) {
        catalog_lint(&f, &lint);
        number(&f.catalog);
        e = catalog_pack(&f.catalog, &out);
        assert(e == ERR_NONE);
        catalog_file_free(&f);
    } else {
        assert(why.len != 0);
    }
    buf_free(&why);
    buf_free(&out);
    return 0;
}
