/* The console's files are read from a directory that an operator names and served to anybody. No path may reach beyond
 * what was read, and nothing odd in the directory may be read: each thing that is taken has a twin that is not. */
#include "check.h"
#include "pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static struct buf why;

static void make(const char *name, const char *text)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    CHECK(f != NULL);
    if (f == NULL)
        return;
    fputs(text, f);
    fclose(f);
}

static void folder(const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    CHECK_INT(mkdir(path, 0755), 0);
}

#define LIST                                                                                       \
    "/ index.html\n/models index.html\n/models/* index.html\n\n/verifier/ verifier/index.html everywhere\n* 404.html\n"

/* A console with all kinds of files. */
static void console_begin(void)
{
    snprintf(dir, sizeof dir, "/tmp/tr-pages-XXXXXX");
    CHECK(mkdtemp(dir) != NULL);
    folder("assets");
    folder("verifier");
    make("index.html", "index");
    make("404.html", "none");
    make("verifier/index.html", "verifier");
    make("assets/app-1.js", "a script");
    make("assets/app-1.js.gz", "gz");
    make("assets/app-1.js.br", "br");
    make("assets/old.tar.gz", "archive");
    make("models.json", "");
    make("pages.txt", LIST);
}

static void console_end(void)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", dir);
    CHECK_INT(system(command), 0);
}

static struct pages *load(void)
{
    struct pages *p = NULL;

    buf_reset(&why);
    CHECK_INT(pages_load(dir, "", "https://api.example", &p, &why), ERR_NONE);
    CHECK_INT(why.len, 0);
    return p;
}

/* The start fails, and says this. */
static void refused(const char *says)
{
    struct pages *p = NULL;
    char text[512];

    buf_reset(&why);
    CHECK_INT(pages_load(dir, "", "", &p, &why), ERR_CONFIG);
    CHECK(p == NULL);
    snprintf(text, sizeof text, "%.*s", (int)why.len, (const char *)why.ptr);
    if (strstr(text, says) == NULL || strstr(text, dir) != NULL)
        check_fail(__FILE__, __LINE__, text);
    pages_free(p);
}

static const char *body_at(const struct pages *p, const char *path)
{
    static char text[64];
    struct page page = pages_find(p, view_str(path));

    if (page.file == NULL)
        return page.moved == NULL ? "-" : page.moved;
    snprintf(text, sizeof text, "%.*s%s", (int)page.file->body[PAGE_PLAIN].len,
             (const char *)page.file->body[PAGE_PLAIN].ptr, page.everywhere ? " everywhere" : "");
    return text;
}

static void paths(void)
{
    static const struct {
        const char *path, *want;
    } cases[] = {
        {"/", "index"},
        {"", "-"},
        {"//", "-"},
        {"/index.html", "index"},
        {"index.html", "-"},
        {"/index.htm", "-"},
        {"/index.html/", "-"},
        {"/INDEX.html", "-"},
        {"/models", "index"},
        {"/modelsx", "-"},
        {"/models/", "index"},
        {"/models/a", "index"},
        {"/models/a/b:free", "index"},
        {"/models/a%2Fb", "index"},
        {"/models//a", "-"},
        {"/models/..", "-"},
        {"/models/../index.html", "-"},
        {"/models/.", "-"},
        {"/models/./a", "-"},
        {"/models/%2e%2e/a", "-"},
        {"/models/%2E%2e", "-"},
        {"/models/.%2e/a", "-"},
        {"/models/%2e", "-"},
        {"/models/...", "index"},
        {"/models/.a", "index"},
        {"/models/a\\b", "-"},
        {"/models/a b", "-"},
        {"/models/\x7f", "-"},
        {"/models/\xc3\xa9", "-"},
        {"/models.json", ""},
        {"/assets/app-1.js", "a script"},
        {"/assets/app-1.js.gz", "-"},
        {"/assets/app-1.js.br", "-"},
        {"/assets/old.tar.gz", "archive"},
        {"/assets", "-"},
        {"/assets/", "-"},
        {"/assets/../index.html", "-"},
        {"/%61ssets/app-1.js", "-"},
        {"/verifier/", "verifier everywhere"},
        {"/verifier/index.html", "verifier"},
        {"/verifier", "/verifier/"},
        {"/verifier//", "-"},
        {"/pages.txt", "-"},
        {"/404.html", "none"},
        {"/../etc/passwd", "-"},
        {"/etc/passwd", "-"},
        {"/*", "-"},
    };
    struct pages *p;

    console_begin();
    p = load();
    for (size_t i = 0; p != NULL && i < sizeof cases / sizeof cases[0]; i++)
        if (strcmp(body_at(p, cases[i].path), cases[i].want) != 0) {
            printf("# %s gives %s\n", cases[i].path, body_at(p, cases[i].path));
            check_fail(__FILE__, __LINE__, cases[i].path);
        }
    CHECK_INT(pages_count(p), 7);
    pages_free(p);
    console_end();
}

static void long_paths(void)
{
    char path[4096];
    struct pages *p;

    console_begin();
    p = load();
    memset(path, 'a', sizeof path);
    memcpy(path, "/models/", 8);
    CHECK(pages_find(p, view_of(path, 1000)).file != NULL);
    CHECK(pages_find(p, view_of(path, 1025)).file == NULL);
    CHECK(pages_find(p, view_of("/\0x", 3)).file == NULL);
    CHECK(pages_find(p, view_of("/index.html\0", 12)).file == NULL);
    pages_free(p);
    console_end();
}

static void codings(void)
{
    static const struct {
        const char *accept;
        enum page_coding want;
    } cases[] = {
        {"gzip, deflate, br, zstd", PAGE_BROTLI},
        {"gzip", PAGE_GZIP},
        {"GZIP;q=0.5", PAGE_GZIP},
        {"br;q=0, gzip", PAGE_GZIP},
        {"br;q=0.0, gzip;q=0", PAGE_PLAIN},
        {"br; q=0.1", PAGE_BROTLI},
        {"", PAGE_PLAIN},
        {"identity", PAGE_PLAIN},
        {"*", PAGE_PLAIN},
        {"brotli", PAGE_PLAIN},
        {"xbr, gzipped", PAGE_PLAIN},
        {",,;,br", PAGE_BROTLI},
    };
    struct pages *p;
    const struct page_file *script, *page;

    console_begin();
    p = load();
    script = pages_find(p, VIEW_LIT("/assets/app-1.js")).file;
    page = pages_find(p, VIEW_LIT("/")).file;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (pages_coding(script, view_str(cases[i].accept)) != cases[i].want)
            check_fail(__FILE__, __LINE__, cases[i].accept);
        CHECK_INT(pages_coding(page, view_str(cases[i].accept)), PAGE_PLAIN); /* it has no other */
    }
    CHECK(strcmp(script->etag[PAGE_GZIP], script->etag[PAGE_BROTLI]) != 0);
    CHECK_INT(strlen(script->etag[PAGE_PLAIN]), ETAG_LEN + 2);
    CHECK(script->immutable && !page->immutable);
    CHECK(strcmp(script->type, "text/javascript; charset=utf-8") == 0);
    CHECK(strcmp(page->type, "text/html; charset=utf-8") == 0);
    CHECK(strcmp(pages_find(p, VIEW_LIT("/assets/old.tar.gz")).file->type, "application/octet-stream") == 0);
    pages_free(p);
    console_end();
}

static void people(void)
{
    CHECK(pages_for_people(VIEW_LIT("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")));
    CHECK(pages_for_people(VIEW_LIT("application/json, Text/HTML;q=0.1")));
    CHECK(!pages_for_people(VIEW_LIT("*/*")));
    CHECK(!pages_for_people(VIEW_LIT("text/html;q=0")));
    CHECK(!pages_for_people(VIEW_LIT("application/json")));
    CHECK(!pages_for_people(VIEW_EMPTY));
}

static void lists(void)
{
    static const struct {
        const char *list, *says; /* NULL: taken */
    } cases[] = {
        {LIST, NULL},
        {"", NULL},
        {"/ index.html", NULL},
        {"/a/*   index.html\t\n", NULL},
        {"/ missing.html\n", "not there"},
        {"/ ../index.html\n", "not there"},
        {"/ /index.html\n", "not there"},
        {"/\n", "PATTERN FILE"},
        {"/ index.html nowhere\n", "PATTERN FILE"},
        {"/ index.html everywhere again\n", "PATTERN FILE"},
        {"models index.html\n", "pattern"},
        {"/models* index.html\n", "pattern"},
        {"/*/a index.html\n", "pattern"},
        {"/a/** index.html\n", "pattern"},
    };

    console_begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make("pages.txt", cases[i].list);
        if (cases[i].says == NULL)
            pages_free(load());
        else
            refused(cases[i].says);
    }
    console_end();
}

static void too_many_lines(void)
{
    static char list[(PAGES_PATTERNS_MAX + 1) * 16];
    size_t n = 0;

    console_begin();
    for (int i = 0; i < PAGES_PATTERNS_MAX; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "/%d index.html\n", i);
    make("pages.txt", list);
    pages_free(load());
    snprintf(list + n, sizeof list - n, "/z index.html\n");
    make("pages.txt", list);
    refused("too many lines");
    console_end();
}

static void path_in(const char *name, char out[static 256])
{
    snprintf(out, 256, "%s/%s", dir, name);
}

/* The list of what was built: a directory that was copied in part would serve pages that stay white. */
static void whole_or_not(void)
{
    static const char *const lines[] = {"+ assets/built.js\n", "+ assets/built.js x\n", "+ assets/built.js 5 5\n", "+\n"};
    char path[256];

    make("assets/built.js", "built");
    make("assets/built.js.br", "br");
    make("pages.txt", "+ assets/built.js 5\n" LIST "+ assets/built.js.br 2\n+ models.json 0\n");
    pages_free(load());
    make("assets/built.js", "bui");
    refused("console_dir: pages.txt:1: its file is not there in this size");
    make("assets/built.js", "built");
    make("assets/built.js.br", "");
    refused("copied in part");
    path_in("assets/built.js.br", path);
    unlink(path);
    refused("copied in part");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        make("pages.txt", lines[i]);
        refused("console_dir: pages.txt:1: it is not + FILE BYTES");
    }
    path_in("assets/built.js", path);
    unlink(path);
    make("pages.txt", LIST);
}

static void odd_directories(void)
{
    char path[256];

    console_begin();
    path_in("assets/link.js", path);
    CHECK_INT(symlink("/etc/passwd", path), 0);
    refused("console_dir: assets/link.js: it is neither a file nor a directory");
    unlink(path);
    CHECK_INT(symlink("app-1.js", path), 0); /* also within the directory */
    refused("neither a file nor a directory");
    unlink(path);
    path_in("out", path);
    CHECK_INT(symlink("/etc", path), 0);
    refused("neither a file nor a directory");
    unlink(path);
    CHECK_INT(mkfifo(path, 0600), 0);
    refused("neither a file nor a directory");
    unlink(path);
    make(".hidden", "");
    refused("begin with no dot");
    path_in(".hidden", path);
    unlink(path);
    make("with space.js", "");
    refused("letters, digits");
    path_in("with space.js", path);
    unlink(path);
    pages_free(load());
    whole_or_not();
    path_in("pages.txt", path);
    unlink(path);
    refused("no pages.txt");
    console_end();
    refused("cannot be read");
}

static void bounds(void)
{
    char path[256];

    console_begin();
    make("large.js", "");
    path_in("large.js", path);
    CHECK_INT(truncate(path, PAGES_FILE_BYTES_MAX), 0);
    pages_free(load());
    CHECK_INT(truncate(path, PAGES_FILE_BYTES_MAX + 1), 0);
    refused("too large");
    unlink(path);
    for (int i = 0; i < PAGES_BYTES_MAX / PAGES_FILE_BYTES_MAX; i++) {
        char name[32];

        snprintf(name, sizeof name, "large-%d.js", i);
        make(name, "");
        path_in(name, path);
        CHECK_INT(truncate(path, PAGES_FILE_BYTES_MAX), 0);
    }
    refused("too large"); /* all together, with the others */
    console_end();
    console_begin();
    for (int i = 0; i < PAGES_FILES_MAX; i++) {
        snprintf(path, sizeof path, "f%d.txt", i);
        make(path, "");
    }
    refused("too many files");
    console_end();
    console_begin();
    path[0] = '\0';
    for (int i = 0; i < PAGES_DEPTH_MAX; i++) {
        strcat(path, i == 0 ? "d" : "/d");
        folder(path);
    }
    pages_free(load());
    strcat(path, "/d");
    folder(path);
    refused("too deep");
    console_end();
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* What signs a release lies beside it sometimes: it is not shown to everybody. */
static void evidence_is_public(const char *place, const char *path)
{
    static const char *const secrets[] = {
        "untrusted comment: minisign encrypted secret key\nRWRTY0Iy", "untrusted comment: signify secret key\nRWRC",
        "-----BEGIN PRIVATE KEY-----\nMC4", "a certificate\n-----BEGIN EC PRIVATE KEY-----\nMC4", "-----BEGIN OPENSSH PRIVATE KEY-----\n",
        "PRIVATE+KEY+control.example+01234567+AUx",
    };
    static const char *const fine[] = {"untrusted comment: signature from minisign secret key\nRUR", "untrusted comment: minisign public key 1\nRWR", ""};
    struct pages *p = NULL;

    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        write_text(path, secrets[i]);
        buf_reset(&why);
        CHECK_INT(pages_load(dir, place, "", &p, &why), ERR_CONFIG);
        CHECK(memmem(why.ptr, why.len, "private key", 11) != NULL);
    }
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        write_text(path, fine[i]);
        CHECK_INT(pages_load(dir, place, "", &p, &why), ERR_NONE);
        pages_free(p);
        p = NULL;
    }
}

/* A second directory answers below /evidence/ and nowhere else, under the same rules. */
static void evidence(void)
{
    static char place[64] = "/tmp/tr-pages-XXXXXX";
    struct pages *p = NULL;
    char path[128];

    console_begin();
    CHECK(mkdtemp(place) != NULL);
    snprintf(path, sizeof path, "%s/policy.conf", place);
    write_text(path, "a policy");
    buf_reset(&why);
    CHECK_INT(pages_load(dir, place, "", &p, &why), ERR_NONE);
    CHECK(strcmp(body_at(p, "/evidence/policy.conf"), "a policy") == 0);
    CHECK(strcmp(body_at(p, "/policy.conf"), "-") == 0);
    CHECK(strcmp(body_at(p, "/evidence/"), "-") == 0);
    CHECK(strcmp(body_at(p, "/index.html"), "index") == 0);
    pages_free(p);
    p = NULL;
    evidence_is_public(place, path);
    CHECK_INT(pages_load(dir, "/tmp/tr-pages-none", "", &p, &why), ERR_CONFIG);
    folder("evidence");
    make("evidence/policy.conf", "another");
    CHECK_INT(pages_load(dir, place, "", &p, &why), ERR_CONFIG); /* two files would have one path */
    CHECK_INT(unlink(path), 0);
    CHECK_INT(rmdir(place), 0);
    console_end();
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"pages_paths", paths},
        {"pages_long_paths", long_paths},
        {"pages_codings", codings},
        {"pages_people", people},
        {"pages_lists", lists},
        {"pages_too_many_lines", too_many_lines},
        {"pages_odd_directories", odd_directories},
        {"pages_bounds", bounds},
        {"pages_evidence", evidence},
    };

    buf_init(&why, 1024);
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
