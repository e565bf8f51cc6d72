/* The console: static files of console_dir, kept in memory from start to stop, and the paths at which they are pages.
 * pages.txt in that directory lists the pages, "PATTERN FILE" a line: "/models index.html", "/models/" followed by an
 * asterisk for everything below, and an asterisk alone for the page that says that there is none. A third word
 * "everywhere" lets a page connect to any https address. Every other file answers at its own path. FILE.gz and FILE.br
 * are FILE in those codings. "+ FILE BYTES" is a file of the build: a directory without it, or with another size, is refused. */
#ifndef TR_CONTROLPLANE_API_PAGES_H
#define TR_CONTROLPLANE_API_PAGES_H

#include "buf.h"
#include "err.h"
#include "etag.h"
#include "view.h"

#include <stdbool.h>

struct pages;
struct call;

enum {
    PAGES_FILES_MAX = 2048,
    PAGES_FILE_BYTES_MAX = 8 << 20,   /* one file: the docs' search index is the largest, with less than 2 MiB */
    PAGES_BYTES_MAX = 64 << 20,       /* all files, which stay in memory */
    PAGES_DEPTH_MAX = 8,              /* directories below console_dir */
    PAGES_PATTERNS_MAX = 256,         /* lines of pages.txt */
    PAGES_PATH_MAX = 256,             /* bytes of a path that can be a file's */
};

enum page_coding { PAGE_PLAIN, PAGE_GZIP, PAGE_BROTLI, PAGE_CODINGS };

struct page_file {
    char name[PAGES_PATH_MAX]; /* "/assets/app-5f3a.js" */
    const char *type;
    bool immutable, code; /* its name has its digest in it; it is a page or a script */
    struct view body[PAGE_CODINGS]; /* ptr NULL: not in this coding */
    char etag[PAGE_CODINGS][ETAG_LEN + 3];
};

/* What a path stands for. */
struct page {
    const struct page_file *file; /* NULL: nothing */
    const char *moved;            /* the page has this path instead; NULL: it has not moved */
    bool everywhere, missing;     /* missing: it says that there is no such page */
};

/* Read the directory, and the one of console_evidence, whose files answer below /evidence/; empty: there is none.
 * dataplanes: origins (cors.h) to which pages may connect beside their own, borrowed for the call.
 * ERR_CONFIG, ERR_IO: why gets one sentence. */
must_check enum err pages_load(const char *dir, const char *evidence, const char *dataplanes, struct pages **out,
                               struct buf *why);
void pages_free(struct pages *p);
size_t pages_count(const struct pages *p);
size_t pages_bytes(const struct pages *p);

/* path: of a request, raw. */
struct page pages_find(const struct pages *p, struct view path);
/* The best coding that the file has and the client takes; accept: its Accept-Encoding. */
enum page_coding pages_coding(const struct page_file *file, struct view accept);
/* Does this Accept header name text/html, as browsers do when they open a page? */
bool pages_for_people(struct view accept);

/* A request that is for no path of the API. true: the call has been answered, and is gone. */
must_check bool pages_serve(const struct pages *p, struct call *c);

#endif
