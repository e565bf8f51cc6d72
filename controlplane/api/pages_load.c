/* Reading the console's directory, once, at start. Nothing in it is followed elsewhere: a symbolic link, a device or an
 * odd name makes the start fail. */
#include "conf.h"
#include "pages_internal.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char list_name[] = "/pages.txt";

enum { LIST_BYTES_MAX = 64 << 10 };

/* path: of a file or directory below the console's root; "" is console_dir, "/evidence" console_evidence. */
static enum err refuse(struct buf *why, const char *path, const char *what)
{
    bool evidence = view_starts(view_str(path), VIEW_LIT("/evidence"));
    const char *below = evidence ? path + strlen("/evidence") : path;
    enum err e = buf_appendf(why, "%s: %s%s%s", evidence ? "console_evidence" : "console_dir", below[0] == '/' ? below + 1 : below,
                             below[0] == '\0' ? "" : ": ", what);

    return e == ERR_NONE ? ERR_CONFIG : ERR_MEMORY;
}

static const char *root_of(const char *path)
{
    return view_starts(view_str(path), VIEW_LIT("/evidence")) ? "/evidence" : "";
}

static const char neither[] = "it is neither a file nor a directory";

/* --- files */

static const struct {
    const char *suffix, *type;
    bool code;
} types[] = {
    {".html", "text/html; charset=utf-8", true},
    {".js", "text/javascript; charset=utf-8", true},
    {".mjs", "text/javascript; charset=utf-8", true},
    {".css", "text/css; charset=utf-8", false},
    {".json", "application/json", false},
    {".map", "application/json", false},
    {".svg", "image/svg+xml", false},
    {".png", "image/png", false},
    {".ico", "image/x-icon", false},
    {".woff2", "font/woff2", false},
    {".wasm", "application/wasm", false},
    {".txt", "text/plain; charset=utf-8", false},
    {".webmanifest", "application/manifest+json", false},
};

static bool ends(const char *name, const char *suffix)
{
    size_t n = strlen(name), s = strlen(suffix);

    return n > s && strcmp(name + n - s, suffix) == 0;
}

static void describe(struct page_file *f)
{
    f->type = "application/octet-stream";
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (ends(f->name, types[i].suffix)) {
            f->type = types[i].type;
            f->code = types[i].code;
        }
    f->immutable = view_starts(view_str(f->name), VIEW_LIT("/assets/"));
}

static bool name_plain(const char *name)
{
    for (const char *c = name; *c != '\0'; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
              strchr("._-", *c) != NULL))
            return false;
    return name[0] != '.';
}

static enum err read_all(int fd, size_t size, struct page_file *f, struct buf *why)
{
    uint8_t *bytes = malloc(size == 0 ? 1 : size);
    size_t n = 0;

    if (bytes == NULL)
        return ERR_MEMORY;
    f->body[PAGE_PLAIN] = view_of(bytes, size);
    while (n < size) {
        ssize_t r = read(fd, bytes + n, size - n);

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return refuse(why, f->name, "it changes, or cannot be read");
        n += (size_t)r;
    }
    return ERR_NONE;
}

static enum err load_file(struct pages *p, int dir, const char *name, const char *path, struct buf *why)
{
    struct page_file *f;
    struct stat st;
    int fd;
    enum err e;

    if (p->n_files == PAGES_FILES_MAX)
        return refuse(why, root_of(path), "it has too many files");
    fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return refuse(why, path, "it cannot be read");
    f = &p->files[p->n_files++];
    snprintf(f->name, sizeof f->name, "%s", path);
    describe(f);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        e = refuse(why, path, neither);
    else if (st.st_size > PAGES_FILE_BYTES_MAX)
        e = refuse(why, path, "it is too large");
    else if (p->bytes + (size_t)st.st_size > PAGES_BYTES_MAX)
        e = refuse(why, root_of(path), "its files are too large together");
    else
        e = read_all(fd, (size_t)st.st_size, f, why);
    p->bytes += f->body[PAGE_PLAIN].len;
    close(fd);
    return e;
}

static enum err load_directory(struct pages *p, int fd, const char *path, unsigned depth, struct buf *why);

static enum err load_entry(struct pages *p, int dir, const char *name, const char *above, unsigned depth,
                           struct buf *why)
{
    char path[PAGES_PATH_MAX];
    struct stat st;
    int fd;

    if (!name_plain(name) || (size_t)snprintf(path, sizeof path, "%s/%s", above, name) >= sizeof path)
        return refuse(why, above, "names in it have letters, digits, dots, hyphens and underscores, and begin with no dot");
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return refuse(why, path, "it cannot be read");
    if (S_ISREG(st.st_mode))
        return load_file(p, dir, name, path, why);
    if (!S_ISDIR(st.st_mode))
        return refuse(why, path, neither);
    if (depth == PAGES_DEPTH_MAX)
        return refuse(why, root_of(path), "its directories are too deep");
    fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY);
    return fd < 0 ? refuse(why, path, "it cannot be read") : load_directory(p, fd, path, depth + 1, why);
}

/* Takes fd. */
static enum err load_directory(struct pages *p, int fd, const char *path, unsigned depth, struct buf *why)
{
    DIR *d = fdopendir(fd);
    const struct dirent *entry;
    enum err e = ERR_NONE;

    if (d == NULL) {
        close(fd);
        return ERR_MEMORY;
    }
    while (e == ERR_NONE && (entry = readdir(d)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            e = load_entry(p, fd, entry->d_name, path, depth, why);
    closedir(d);
    return e;
}

/* --- codings */

static int by_name(const void *a, const void *b)
{
    const struct page_file *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static struct page_file *file_named(struct pages *p, const char *name, size_t len)
{
    struct page_file key;

    assert(len < sizeof key.name);
    memcpy(key.name, name, len);
    key.name[len] = '\0';
    return bsearch(&key, p->files, p->n_files, sizeof *p->files, by_name);
}

/* A file in a coding goes to the file that it is; then it has no path of its own. */
static void gather_codings(struct pages *p)
{
    static const struct {
        const char *suffix;
        enum page_coding coding;
    } codings[] = {{".gz", PAGE_GZIP}, {".br", PAGE_BROTLI}};
    size_t kept = 0;

    for (size_t i = 0; i < p->n_files; i++)
        for (size_t k = 0; k < sizeof codings / sizeof codings[0]; k++) {
            struct page_file *f = &p->files[i], *whole;

            if (!ends(f->name, codings[k].suffix))
                continue;
            whole = file_named(p, f->name, strlen(f->name) - strlen(codings[k].suffix));
            if (whole == NULL || whole->body[PAGE_PLAIN].ptr == NULL)
                continue;
            whole->body[codings[k].coding] = f->body[PAGE_PLAIN];
            f->body[PAGE_PLAIN] = VIEW_EMPTY;
        }
    for (size_t i = 0; i < p->n_files; i++)
        if (p->files[i].body[PAGE_PLAIN].ptr != NULL)
            p->files[kept++] = p->files[i];
    p->n_files = kept;
    for (size_t i = 0; i < p->n_files; i++)
        for (size_t k = 0; k < PAGE_CODINGS; k++)
            if (p->files[i].body[k].ptr != NULL)
                etag_text(p->files[i].body[k], p->files[i].etag[k]);
}

/* --- pages.txt */

/* The next word of the line; an empty one at its end. */
static struct view next_word(struct view *line)
{
    struct view rest = view_trim(*line);
    size_t n = 0;

    while (n < rest.len && rest.ptr[n] != ' ' && rest.ptr[n] != '\t')
        n++;
    *line = view_from(rest, n);
    return view_of(rest.ptr, n);
}

static bool take_pattern(struct page_pattern *out, struct view pattern)
{
    out->below = pattern.len > 1 && pattern.ptr[pattern.len - 1] == '*';
    pattern.len -= out->below;
    if (pattern.len == 0 || pattern.len >= sizeof out->text || pattern.ptr[0] != '/' ||
        memchr(pattern.ptr, '*', pattern.len) != NULL || (out->below && pattern.ptr[pattern.len - 1] != '/'))
        return false;
    memcpy(out->text, pattern.ptr, pattern.len);
    return true;
}

static enum err refuse_line(struct buf *why, unsigned line, const char *what)
{
    char place[sizeof list_name + 16];

    snprintf(place, sizeof place, "%s:%u", list_name, line);
    return refuse(why, place, what);
}

/* "+ FILE BYTES": what the build has made. A directory that was copied in part, or while it was built, is refused. */
static enum err take_size(struct pages *p, struct view line, unsigned at, struct buf *why)
{
    struct view sign = next_word(&line), file = next_word(&line), size = next_word(&line);
    char name[PAGES_PATH_MAX];
    const struct page_file *f;
    uint64_t bytes;

    if (!view_eq(sign, VIEW_LIT("+")))
        return ERR_NONE;
    if (file.len + 2 > sizeof name || !view_u64(size, &bytes) || next_word(&line).len != 0)
        return refuse_line(why, at, "it is not + FILE BYTES");
    snprintf(name, sizeof name, "/%.*s", (int)file.len, (const char *)file.ptr);
    f = pages_file(p, view_str(name));
    return f != NULL && f->body[PAGE_PLAIN].len == bytes
               ? ERR_NONE
               : refuse_line(why, at, "its file is not there in this size: the directory was copied in part, or while it was built");
}

static enum err take_line(struct pages *p, struct view line, unsigned at, struct buf *why)
{
    struct view pattern = next_word(&line), file = next_word(&line), more = next_word(&line);
    struct page_pattern *made = &p->patterns[p->n_patterns];
    char name[PAGES_PATH_MAX];
    const struct page_file *f;

    if (pattern.len == 0 || view_eq(pattern, VIEW_LIT("+")))
        return ERR_NONE;
    if (file.len == 0 || file.len + 2 > sizeof name || next_word(&line).len != 0 ||
        (more.len != 0 && !view_eq(more, VIEW_LIT("everywhere"))))
        return refuse_line(why, at, "it is not PATTERN FILE");
    snprintf(name, sizeof name, "/%.*s", (int)file.len, (const char *)file.ptr);
    f = pages_file(p, view_str(name));
    if (f == NULL)
        return refuse_line(why, at, "its file is not there");
    if (view_eq(pattern, VIEW_LIT("*"))) {
        p->missing = f;
        return ERR_NONE;
    }
    if (p->n_patterns == PAGES_PATTERNS_MAX)
        return refuse_line(why, at, "there are too many lines");
    if (!take_pattern(made, pattern))
        return refuse_line(why, at, "a pattern is a path, or a path that ends in /*");
    made->file = f;
    made->everywhere = more.len != 0;
    p->n_patterns++;
    return ERR_NONE;
}

static enum err read_list(struct pages *p, enum err (*take)(struct pages *, struct view, unsigned, struct buf *), struct buf *why)
{
    const struct page_file *list = pages_file(p, view_str(list_name));
    struct view rest;
    enum err e = ERR_NONE;

    if (list == NULL || list->body[PAGE_PLAIN].len > LIST_BYTES_MAX)
        return refuse(why, "", "it has no pages.txt, or a large one");
    rest = list->body[PAGE_PLAIN];
    for (unsigned at = 1; e == ERR_NONE && rest.len > 0; at++) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        struct view line = view_of(rest.ptr, end == NULL ? rest.len : (size_t)(end - rest.ptr));

        rest = view_from(rest, line.len + 1);
        e = take(p, line, at, why);
    }
    return e;
}

/* --- what pages may do */

/* Scripts, styles and images of ours alone, no markup from strings, no frames; and nothing but these addresses. */
static enum err write_policy(struct buf *out, const char *connect)
{
    return buf_appendf(out,
                       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
                       "font-src 'self'; connect-src 'self'%s%s; form-action 'self'; base-uri 'none'; "
                       "frame-ancestors 'none'; require-trusted-types-for 'script'",
                       connect[0] == '\0' ? "" : " ", connect);
}

/* A directory's files under the path `at`. */
static enum err load_at(struct pages *p, const char *dir, const char *at, struct buf *why)
{
    int fd = open(dir, O_RDONLY | O_CLOEXEC | O_DIRECTORY);

    return fd < 0 ? refuse(why, at, "the directory cannot be read") : load_directory(p, fd, at, 0, why);
}

static bool holds(struct view v, struct view what)
{
    return v.len > 0 && memmem(v.ptr, v.len, what.ptr, what.len) != NULL;
}

/* PEM, the text form of a log's key, or minisign's, whose first line says it; that of a signature says "signature from". */
static bool is_private_key(struct view body)
{
    const uint8_t *end = body.len == 0 ? NULL : memchr(body.ptr, '\n', body.len);
    struct view line = view_of(body.ptr, end == NULL ? body.len : (size_t)(end - body.ptr));

    return holds(body, VIEW_LIT("PRIVATE KEY-----")) || view_starts(body, VIEW_LIT("PRIVATE+KEY+")) ||
           (holds(line, VIEW_LIT("secret key")) && !holds(line, VIEW_LIT("signature from")));
}

/* Everybody may read what is here: a key that was left beside what it signs is not served. */
static enum err refuse_private_keys(const struct pages *p, struct buf *why)
{
    for (size_t i = 0; i < p->n_files; i++)
        if (view_starts(view_str(p->files[i].name), VIEW_LIT("/evidence/")) && is_private_key(p->files[i].body[PAGE_PLAIN]))
            return refuse(why, p->files[i].name, "it is a private key");
    return ERR_NONE;
}

static enum err load(struct pages *p, const char *dir, const char *evidence, const char *dataplanes, struct buf *why)
{
    enum err e = load_at(p, dir, "", why);

    if (e == ERR_NONE && evidence[0] != '\0') {
        for (size_t i = 0; i < p->n_files; i++)
            if (view_starts(view_str(p->files[i].name), VIEW_LIT("/evidence/")))
                return refuse(why, "", "it has a directory evidence, which is console_evidence's place");
        e = load_at(p, evidence, "/evidence", why);
        if (e == ERR_NONE)
            e = refuse_private_keys(p, why);
    }
    if (e != ERR_NONE)
        return e;
    qsort(p->files, p->n_files, sizeof *p->files, by_name);
    e = read_list(p, take_size, why);
    if (e == ERR_NONE) {
        gather_codings(p);
        e = read_list(p, take_line, why);
    }
    if (e == ERR_NONE)
        e = write_policy(&p->csp, dataplanes);
    if (e == ERR_NONE)
        e = write_policy(&p->csp_everywhere, "https:");
    return e;
}

enum err pages_load(const char *dir, const char *evidence, const char *dataplanes, struct pages **out, struct buf *why)
{
    struct pages *p = calloc(1, sizeof *p);
    enum err e = ERR_MEMORY;

    if (p == NULL)
        return ERR_MEMORY;
    buf_init(&p->csp, 4096);
    buf_init(&p->csp_everywhere, 4096);
    p->files = calloc(PAGES_FILES_MAX, sizeof *p->files);
    p->patterns = calloc(PAGES_PATTERNS_MAX + 1, sizeof *p->patterns); /* and the one that is one too many */
    if (p->files != NULL && p->patterns != NULL)
        e = load(p, dir, evidence, dataplanes, why);
    if (e == ERR_NONE)
        *out = p;
    else
        pages_free(p);
    return e;
}

void pages_free(struct pages *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->n_files; i++)
        for (size_t k = 0; k < PAGE_CODINGS; k++)
            free((void *)(uintptr_t)p->files[i].body[k].ptr);
    free(p->files);
    free(p->patterns);
    buf_free(&p->csp);
    buf_free(&p->csp_everywhere);
    free(p);
}
