/* Recorded provider traffic for tests: walks a directory tree of *.resp.sse, *.resp.chunks.jsonl
 * and
 * *.resp.json files. The full set ($TR_FIXTURES, else ../shared/fixtures) when it is there, else
 * the few that come with the project. */
#ifndef TR_TESTS_PROVIDER_FIXTURES_H
#define TR_TESTS_PROVIDER_FIXTURES_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static inline const char *fixtures_root(void)
{
    static char path[512];
    const char *env = getenv("TR_FIXTURES");
    struct stat st;

    snprintf(path, sizeof path, "%s/providers", env != NULL ? env : "../shared/fixtures");
    if (stat(path, &st) != 0)
        snprintf(path, sizeof path, "tests/fixtures/providers");
    return path;
}

static inline bool fixture_ends(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

static inline uint8_t *fixture_read(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    uint8_t *p = NULL;
    long n;

    if (f == NULL)
        return NULL;
    fseek(f, 0, SEEK_END);
    n = ftell(f);
    rewind(f);
    p = malloc((size_t)n + 1);
    *len = fread(p, 1, (size_t)n, f);
    p[*len] = 0;
    fclose(f);
    return p;
}

typedef void fixture_fn(const char *path, const uint8_t *bytes, size_t len);

/* Calls fn for every file below dir whose name has this ending; returns how many. */
static inline unsigned fixtures_each_in(const char *dir, const char *end, fixture_fn *fn)
{
    struct dirent **names;
    unsigned n = 0;
    int count = scandir(dir, &names, NULL, alphasort);

    for (int i = 0; i < count; i++) {
        char path[1024];
        struct stat st;

        snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && stat(path, &st) == 0) {
            if (S_ISDIR(st.st_mode))
                n += fixtures_each_in(path, end, fn);
            else if (fixture_ends(path, end)) {
                size_t len = 0;
                uint8_t *bytes = fixture_read(path, &len);

                fn(path, bytes, len);
                free(bytes);
                n++;
            }
        }
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return n;
}

typedef void payload_fn(const uint8_t *payload, size_t len);

/* The payloads of a recorded stream, one after the other: what follows "data:" in an .sse, the lines of another
 * file. */
static inline void fixture_payloads(const char *path, const uint8_t *bytes, size_t len, payload_fn *fn)
{
    bool sse = fixture_ends(path, ".sse");
    const uint8_t *end = bytes + len;

    while (bytes < end) {
        const uint8_t *newline = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t n = (size_t)((newline != NULL ? newline : end) - bytes);

        if (!sse)
            fn(bytes, n);
        else if (n >= 5 && memcmp(bytes, "data:", 5) == 0)
            fn(bytes + 5, n - 5);
        bytes += n + (newline != NULL);
    }
}

/* Recorded without framing (.chunks.jsonl), which is put around each line; returns the length. */
static inline size_t fixture_framed(const uint8_t *bytes, size_t len, char *out, size_t max)
{
    size_t n = 0;

    for (size_t at = 0; at < len;) {
        const uint8_t *nl = memchr(bytes + at, '\n', len - at);
        size_t line = nl != NULL ? (size_t)(nl - (bytes + at)) : len - at;

        if (line != 0 && n + line + 9 < max)
            n += (size_t)sprintf(out + n, "data: %.*s\n\n", (int)line, (const char *)bytes + at);
        at += line + 1;
    }
    return n;
}

static inline unsigned fixtures_each(const char *end, fixture_fn *fn)
{
    return fixtures_each_in(fixtures_root(), end, fn);
}

#endif
