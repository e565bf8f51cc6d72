/* An auditor reads providers.conf out of a published initrd. If another file than the one he reads
 * could be the one that Linux unpacks, the comparison would prove nothing: so each trick of
 * init/initramfs.c with which two readers see two files is a rejected twin of an accepted archive.
 */
#include "newc.h"

#include "buf.h"
#include "secret.h"

#include "check.h"

#include <stdlib.h>

enum { DIR = 040755, FILE_ = 0100644, LINK = 0120777, CONSOLE = 020600, FIFO = 010644 };
struct part {
    const char *name;
    unsigned mode, links;
    const char *data;
};

static void pad(struct buf *b)
{
    while (b->len % 4 != 0)
        CHECK_INT(buf_append(b, view_of("", 1)), ERR_NONE);
}

static void entry(struct buf *b, const struct part *p, unsigned size)
{
    char head[111];

    snprintf(head, sizeof head, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 1,
             p->mode, 0, 0, p->links, 0, size, 0, 0, 0, 0, (unsigned)strlen(p->name) + 1, 0);
    CHECK_INT(buf_append(b, view_of(head, 110)), ERR_NONE);
    CHECK_INT(buf_append(b, view_of(p->name, strlen(p->name) + 1)), ERR_NONE);
    pad(b);
    CHECK_INT(buf_append(b, view_str(p->data)), ERR_NONE);
    pad(b);
}

static void archive_make(struct buf *b, const struct part *parts, size_t n, bool trailer)
{
    static const struct part last = {"TRAILER!!!", 0, 1, ""};

    for (size_t i = 0; i < n; i++)
        entry(b, &parts[i], (unsigned)strlen(parts[i].data));
    if (trailer)
        entry(b, &last, 0);
}

static const struct part good[] = {
    {"etc", DIR, 2, ""},
    {"etc/trustedrouter", DIR, 2, ""},
    {"etc/trustedrouter/providers.conf", FILE_, 1, "[provider a]\n"},
    {"dev", DIR, 2, ""},
    {"dev/console", CONSOLE, 1, ""},
    {"lib", LINK, 1, "usr/lib"},
    {"init", 0100755, 1,
     "\x7f"
     "ELF"},
};
enum { N_GOOD = sizeof good / sizeof good[0] };

static void test_good(void)
{
    static struct newc n;
    struct view v;
    struct buf b;

    buf_init(&b, 1 << 20);
    archive_make(&b, good, N_GOOD, true);
    CHECK_INT(newc_parse(buf_view(&b), &n), ERR_NONE);
    CHECK_INT(n.n, N_GOOD);
    CHECK(n.entries[1].kind == NEWC_FOLDER && n.entries[4].kind == NEWC_DEVICE);
    CHECK(n.entries[5].kind == NEWC_SYMLINK && view_eq(n.entries[5].data, VIEW_LIT("usr/lib")));
    CHECK_INT(n.entries[6].mode, 0755);
    CHECK_INT(newc_file(&n, "etc/trustedrouter/providers.conf", &v), ERR_NONE);
    CHECK(view_eq(v, VIEW_LIT("[provider a]\n")));
    CHECK_INT(newc_file(&n, "etc/trustedrouter/provider.conf", &v), ERR_NOT_FOUND);
    CHECK_INT(newc_file(&n, "etc/trustedrouter", &v), ERR_NOT_FOUND);
    CHECK_INT(newc_file(&n, "lib", &v), ERR_NOT_FOUND);
    for (size_t k = 0; k < 513; k++) /* Linux passes over zeros */
        CHECK_INT(buf_append(&b, view_of("", 1)), ERR_NONE);
    CHECK_INT(newc_parse(buf_view(&b), &n), ERR_NONE);
    buf_free(&b);
}

/* Every shorter one; every byte of the headers, the padding and the trailer is looked at. */
static void test_cut(void)
{
    static struct newc n;
    struct buf b;

    buf_init(&b, 1 << 20);
    archive_make(&b, good, N_GOOD, true);
    /* the three zeros after the trailer's name are padding that nobody needs */
    for (size_t len = 0; len < b.len - 3; len++)
        CHECK_INT(newc_parse(view_of(b.ptr, len), &n), ERR_FORMAT);
    buf_free(&b);
}

static void test_one_more(void)
{
    static const struct {
        const char *what;
        struct part part;
        enum err want;
    } rows[] = {
        {"a plain file", {"etc/hosts", FILE_, 1, "x"}, ERR_NONE},
        {"an empty file", {"etc/empty", FILE_, 1, ""}, ERR_NONE},
        {"a name twice", {"etc/trustedrouter/providers.conf", FILE_, 1, "x"}, ERR_FORMAT},
        {"a folder twice", {"etc", DIR, 2, ""}, ERR_FORMAT},
        {"a link over a folder", {"etc", LINK, 1, "x"}, ERR_FORMAT},
        {"through a link", {"lib/x", FILE_, 1, "x"}, ERR_FORMAT},
        {"under a file", {"init/x", FILE_, 1, "x"}, ERR_FORMAT},
        {"in no folder", {"tmp/x", FILE_, 1, "x"}, ERR_FORMAT},
        {"absolute", {"/etc/x", FILE_, 1, "x"}, ERR_FORMAT},
        {"dot", {"./x", FILE_, 1, "x"}, ERR_FORMAT},
        {"dot alone", {".", DIR, 2, ""}, ERR_FORMAT},
        {"dot inside", {"etc/./x", FILE_, 1, "x"}, ERR_FORMAT},
        {"dot dot", {"etc/../x", FILE_, 1, "x"}, ERR_FORMAT},
        {"two slashes", {"etc//x", FILE_, 1, "x"}, ERR_FORMAT},
        {"a slash at the end", {"etc/", DIR, 2, ""}, ERR_FORMAT},
        {"no name", {"", FILE_, 1, "x"}, ERR_FORMAT},
        {"a control byte", {"etc/x\n", FILE_, 1, "x"}, ERR_FORMAT},
        {"not ASCII", {"etc/\xc3\xa4", FILE_, 1, "x"}, ERR_FORMAT},
        {"a hard link", {"etc/x", FILE_, 2, ""}, ERR_FORMAT},
        {"a pipe", {"etc/x", FIFO, 1, ""}, ERR_FORMAT},
        {"a folder with bytes", {"x", DIR, 2, "x"}, ERR_FORMAT},
        {"a device with bytes", {"dev/x", CONSOLE, 1, "x"}, ERR_FORMAT},
        {"three dots", {"etc/...", FILE_, 1, "x"}, ERR_NONE},
        {"a trailer that is long", {"TRAILER!!!", FILE_, 1, "x"}, ERR_FORMAT},
    };
    static struct newc n;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf b;
        enum err e;

        buf_init(&b, 1 << 20);
        archive_make(&b, good, N_GOOD, false);
        entry(&b, &rows[i].part, (unsigned)strlen(rows[i].part.data));
        archive_make(&b, NULL, 0, true);
        e = newc_parse(buf_view(&b), &n);
        if (e != rows[i].want)
            printf("# %s\n", rows[i].what);
        CHECK_INT(e, rows[i].want);
        buf_free(&b);
    }
}

/* Linux unpacks what stands behind the trailer as well. */
static void test_second_archive(void)
{
    static const struct part second[] = {{"other", FILE_, 1, "x"}};
    static struct newc n;
    struct buf b;

    buf_init(&b, 1 << 20);
    archive_make(&b, good, N_GOOD, true);
    archive_make(&b, second, 1, true);
    CHECK_INT(newc_parse(buf_view(&b), &n), ERR_FORMAT);
    buf_free(&b);
}

static void test_bytes(void)
{
    static const struct {
        size_t at;
        char to;
        enum err want;
    } edits[] = {
        {5, '2', ERR_FORMAT},                            /* 070702: with checksums */
        {0, 0x1f, ERR_FORMAT},                           /* gzip */
        {14, 'x', ERR_FORMAT},                           /* "0x": simple_strtoul() would take it */
        {14, ' ', ERR_FORMAT},  {110, '\0', ERR_FORMAT}, /* the name: ends before its length does */
        {113, 'x', ERR_FORMAT},                          /* no NUL behind it */
        {114, 'x', ERR_FORMAT},                          /* padding */
        {94, 'F', ERR_LIMIT},                            /* a name of 4 GiB */
        {54, 'F', ERR_FORMAT},                           /* so much data in a folder */
    };
    static struct newc n;
    struct buf b;

    buf_init(&b, 1 << 20);
    archive_make(&b, good, N_GOOD, true);
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        uint8_t was = b.ptr[edits[i].at];
        enum err e;

        b.ptr[edits[i].at] = (uint8_t)edits[i].to;
        e = newc_parse(buf_view(&b), &n);
        if (e != edits[i].want)
            printf("# byte %zu\n", edits[i].at);
        CHECK_INT(e, edits[i].want);
        b.ptr[edits[i].at] = was;
    }
    buf_free(&b);
}

static void test_limits(void)
{
    static struct newc n;
    char name[NEWC_NAME_MAX + 2];
    struct buf b;

    buf_init(&b, 1 << 20);
    for (unsigned i = 0; i < NEWC_ENTRIES_MAX; i++) {
        struct part p = {name, FILE_, 1, ""};

        snprintf(name, sizeof name, "f%u", i);
        entry(&b, &p, 0);
    }
    archive_make(&b, NULL, 0, true);
    CHECK_INT(newc_parse(buf_view(&b), &n), ERR_NONE);
    b.len -= 124;
    archive_make(&b, (const struct part[]){{"one", FILE_, 1, ""}}, 1, true);
    CHECK_INT(newc_parse(buf_view(&b), &n), ERR_LIMIT);
    memset(name, 'n', sizeof name);
    for (size_t len = NEWC_NAME_MAX; len <= NEWC_NAME_MAX + 1; len++) {
        b.len = 0;
        name[len] = '\0';
        archive_make(&b, (const struct part[]){{name, FILE_, 1, ""}}, 1, true);
        CHECK_INT(newc_parse(buf_view(&b), &n), len == NEWC_NAME_MAX ? ERR_NONE : ERR_LIMIT);
        name[len] = 'n';
    }
    buf_free(&b);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = {
        {"newc_good", test_good},         {"newc_cut", test_cut},
        {"newc_one_more", test_one_more}, {"newc_second_archive", test_second_archive},
        {"newc_bytes", test_bytes},       {"newc_limits", test_limits},
    };

    if (secret_init() != ERR_NONE)
        return 1;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
