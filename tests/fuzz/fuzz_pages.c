/* Paths and headers of anybody, and the list that the console's bundler writes: whatever they say, no crash, a file that
 * was read or none, and a coding that the file has. */
#include "controlplane/api/etag.c"
#include "controlplane/api/pages.c"
#include "controlplane/api/pages_load.c"
#include "controlplane/api/return_to.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct page_file files[3];
static struct page_pattern patterns[PAGES_PATTERNS_MAX + 1];

static struct pages console(void)
{
    static const char *const names[] = {"/assets/app-1.js", "/index.html", "/verifier/index.html"};
    struct pages p = {.files = files, .n_files = 3, .patterns = patterns};

    memset(patterns, 0, sizeof patterns);
    for (size_t i = 0; i < 3; i++) {
        snprintf(files[i].name, sizeof files[i].name, "%s", names[i]);
        describe(&files[i]);
        files[i].body[PAGE_PLAIN] = VIEW_LIT("text");
    }
    files[0].body[PAGE_BROTLI] = files[1].body[PAGE_GZIP] = VIEW_LIT("coded");
    return p;
}

/* A path that walks names no page, in whatever spelling. */
static void find(const struct pages *p, struct view path)
{
    struct page page = pages_find(p, path);

    assert(page.file == NULL || (page.file >= files && page.file < files + 3));
    assert(page.moved == NULL || page.file == NULL);
    for (size_t i = 0; i + 3 <= path.len; i++)
        assert(memcmp(path.ptr + i, "/..", 3) != 0 || (i + 3 < path.len && path.ptr[i + 3] != '/') || page.file == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pages p = console();
    struct view rest = view_of(data, size), line;
    struct buf why;

    buf_init(&why, 1024);
    if (size == 0)
        return 0;
    rest = view_from(rest, 1);
    switch (data[0] % 3) {
    case 0:
        (void)pages_for_people(rest);
        for (size_t i = 0; i < 3; i++)
            assert(files[i].body[pages_coding(&files[i], rest)].ptr != NULL);
        break;
    case 1: /* lines of pages.txt, and behind an empty one the path */
        while (rest.len > 0) {
            const uint8_t *end = memchr(rest.ptr, '\n', rest.len);

            line = view_of(rest.ptr, end == NULL ? rest.len : (size_t)(end - rest.ptr));
            rest = view_from(rest, line.len + 1);
            if (line.len == 0)
                break;
            buf_reset(&why);
            assert((take_size(&p, line, 1, &why) == ERR_NONE) == (why.len == 0));
            buf_reset(&why);
            assert((take_line(&p, line, 1, &why) == ERR_NONE) == (why.len == 0));
        }
        find(&p, rest);
        break;
    default:
        assert(take_line(&p, VIEW_LIT("/models/* index.html"), 1, &why) == ERR_NONE);
        assert(take_line(&p, VIEW_LIT("/verifier/ verifier/index.html everywhere"), 2, &why) == ERR_NONE);
        find(&p, rest);
    }
    buf_free(&why);
    return 0;
}
