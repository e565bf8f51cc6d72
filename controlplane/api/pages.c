/* Which file of the console a path stands for, and in which coding it is sent. */
#include "pages_internal.h"
#include "return_to.h"

#include <stdlib.h>

size_t pages_count(const struct pages *p)
{
    return p->n_files;
}

size_t pages_bytes(const struct pages *p)
{
    return p->bytes;
}

/* --- finding */

static int compare_name(const void *key, const void *element)
{
    const struct view *name = key;
    const struct page_file *f = element;
    size_t len = strlen(f->name);
    int order = memcmp(name->ptr, f->name, name->len < len ? name->len : len);

    return order != 0 ? order : (name->len > len) - (name->len < len);
}

const struct page_file *pages_file(const struct pages *p, struct view name)
{
    return name.len == 0 ? NULL : bsearch(&name, p->files, p->n_files, sizeof *p->files, compare_name);
}

/* What a browser would send: visible ASCII, no backslash, no empty segment but the last, none that walks. */
static bool path_clean(struct view path)
{
    if (path.len == 0 || path.len > PAGES_PATH_MAX * 4 || path.ptr[0] != '/')
        return false;
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] <= ' ' || path.ptr[i] > '~' || path.ptr[i] == '\\')
            return false;
    path = view_from(path, 1);
    while (path.len > 0) {
        const uint8_t *slash = memchr(path.ptr, '/', path.len);
        struct view segment = view_of(path.ptr, slash == NULL ? path.len : (size_t)(slash - path.ptr));

        if (segment.len == 0 || path_segment_walks(segment))
            return false;
        path = view_from(path, segment.len + 1);
    }
    return true;
}

static const struct page_pattern *pattern_of(const struct pages *p, struct view path)
{
    for (size_t i = 0; i < p->n_patterns; i++) {
        struct view text = view_str(p->patterns[i].text);

        if (p->patterns[i].below ? view_starts(path, text) : view_eq(path, text))
            return &p->patterns[i];
    }
    return NULL;
}

/* The page that has this path with a slash behind it. */
static const char *moved_to(const struct pages *p, struct view path)
{
    for (size_t i = 0; i < p->n_patterns; i++) {
        struct view text = view_str(p->patterns[i].text);

        if (!p->patterns[i].below && text.len == path.len + 1 && text.ptr[path.len] == '/' &&
            view_starts(text, path))
            return p->patterns[i].text;
    }
    return NULL;
}

struct page pages_find(const struct pages *p, struct view path)
{
    struct page found = {.file = NULL};
    const struct page_pattern *pattern;

    if (!path_clean(path))
        return found;
    pattern = pattern_of(p, path);
    if (!view_eq(path, VIEW_LIT("/pages.txt")))
        found.file = pages_file(p, path);
    if (pattern != NULL && (found.file == NULL || !pattern->below)) {
        found.file = pattern->file;
        found.everywhere = pattern->everywhere;
    }
    if (found.file == NULL)
        found.moved = moved_to(p, path);
    return found;
}

/* --- what the client takes */

/* The next element of a list by commas, and its parameters. */
static struct view next_element(struct view *list, struct view *parameters)
{
    const uint8_t *comma = memchr(list->ptr, ',', list->len), *semicolon;
    struct view one = view_of(list->ptr, comma == NULL ? list->len : (size_t)(comma - list->ptr));

    *list = view_from(*list, one.len + 1);
    semicolon = one.len == 0 ? NULL : memchr(one.ptr, ';', one.len);
    *parameters = semicolon == NULL ? VIEW_EMPTY : view_from(one, (size_t)(semicolon - one.ptr) + 1);
    if (semicolon != NULL)
        one.len = (size_t)(semicolon - one.ptr);
    return view_trim(one);
}

/* "q=0", "q=0.0": not wanted at all (RFC 9110 12.4.2). */
static bool is_refused(struct view parameters)
{
    struct view q = view_trim(parameters);

    if (q.len < 3 || (q.ptr[0] | 0x20) != 'q' || q.ptr[1] != '=')
        return false;
    for (size_t i = 2; i < q.len; i++)
        if (q.ptr[i] != '0' && q.ptr[i] != '.')
            return false;
    return true;
}

static bool takes(struct view list, struct view name)
{
    while (list.len > 0) {
        struct view parameters, one = next_element(&list, &parameters);

        if (view_eq_nocase(one, name))
            return !is_refused(parameters);
    }
    return false;
}

enum page_coding pages_coding(const struct page_file *file, struct view accept)
{
    if (file->body[PAGE_BROTLI].ptr != NULL && takes(accept, VIEW_LIT("br")))
        return PAGE_BROTLI;
    if (file->body[PAGE_GZIP].ptr != NULL && takes(accept, VIEW_LIT("gzip")))
        return PAGE_GZIP;
    return PAGE_PLAIN;
}

bool pages_for_people(struct view accept)
{
    return takes(accept, VIEW_LIT("text/html"));
}
