/* What pages.c and pages_load.c share. */
#ifndef TR_CONTROLPLANE_API_PAGES_INTERNAL_H
#define TR_CONTROLPLANE_API_PAGES_INTERNAL_H

#include "pages.h"

struct page_pattern {
    char text[PAGES_PATH_MAX]; /* without its asterisk */
    bool below;                /* everything that begins so; otherwise exactly this */
    bool everywhere;
    const struct page_file *file;
};

struct pages {
    struct page_file *files; /* sorted by name; an array of PAGES_FILES_MAX */
    size_t n_files, bytes;
    struct page_pattern *patterns; /* as pages.txt has them: the first that fits counts */
    size_t n_patterns;
    const struct page_file *missing; /* NULL: there is no such page */
    struct buf csp, csp_everywhere;
};

const struct page_file *pages_file(const struct pages *p, struct view name);

#endif
