#include "check_catalog.h"

#include "catalog_lint.h"
#include "clock.h"
#include "conf.h"
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

enum { DAY_MS = 86400 * 1000 };

static void found_cb(void *cookie, bool error, unsigned line, const char *sentence)
{
    const char *file = cookie;

    if (line == 0)
        printf("%s: %s: %s\n", file, error ? "error" : "warning", sentence);
    else
        printf("%s:%u: %s: %s\n", file, line, error ? "error" : "warning", sentence);
}

static enum err read_providers(const char *path, struct providers *out, struct buf *why)
{
    struct buf text;
    enum err e;

    buf_init(&text, CONTROLPLANE_FILE_MAX);
    e = conf_read_file(path, CONTROLPLANE_FILE_MAX, &text);
    if (e == ERR_NONE)
        e = providers_parse(buf_view(&text), out, why);
    else if (buf_appendf(why, "%s cannot be read", path) != ERR_NONE)
        e = ERR_MEMORY;
    buf_free(&text);
    return e;
}

enum err check_catalog(const char *catalog, const char *providers, struct buf *why)
{
    struct catalog_lint lint = {found_cb, (void *)(uintptr_t)catalog, (uint32_t)(clock_unix_ms() / DAY_MS), 0, 0};
    struct providers *p = calloc(1, sizeof *p);
    struct catalog_file f = {0};
    enum err e = ERR_MEMORY;

    if (p == NULL)
        goto done;
    e = read_providers(providers, p, why);
    if (e == ERR_NONE)
        e = catalog_file_load(catalog, p, &f, why);
    if (e != ERR_NONE)
        goto done;
    catalog_lint(&f, &lint);
    printf("%zu models, %zu endpoints, %zu aliases: %zu errors, %zu warnings\n", f.catalog.n_models,
           f.catalog.n_endpoints, f.catalog.n_aliases, lint.errors, lint.warnings);
    if (lint.errors == 0)
        goto done;
    e = buf_appendf(why, "%s has %zu errors", catalog, lint.errors) == ERR_NONE ? ERR_CONFIG : ERR_MEMORY;
done:
    catalog_file_free(&f);
    free(p);
    return e;
}
