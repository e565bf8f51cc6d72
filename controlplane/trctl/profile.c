/* The file of profiles: written in the dialect of every .conf of the project. */
#include "profile.h"

#include "conf.h"
#include "options.h"
#include "secret.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 64 << 10 };

#define FIELD(member) {#member, CONF_TEXT, offsetof(struct profile, member), sizeof((struct profile *)0)->member, 0, 0, NULL, false}
/* clang-format off */
static const struct conf_field fields[] = {
    FIELD(control_url), FIELD(base_url), FIELD(ca), FIELD(workspace), FIELD(key),
};
static const struct conf_field top[] = {
    {"current", CONF_TEXT, offsetof(struct profiles, current), sizeof((struct profiles *)0)->current, 0, 0, NULL, false},
};
/* clang-format on */

bool profile_path(char *out, size_t size)
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int n;

    if (xdg != NULL && xdg[0] == '/')
        n = snprintf(out, size, "%s/trustedrouter/config", xdg);
    else if (home != NULL && home[0] == '/')
        n = snprintf(out, size, "%s/.config/trustedrouter/config", home);
    else
        n = -1;
    if (n < 0 || (size_t)n >= size)
        complain("neither HOME nor XDG_CONFIG_HOME says where the profiles are");
    return n >= 0 && (size_t)n < size;
}

static bool name_is_good(const char *name)
{
    return name[0] != '\0' && strlen(name) < sizeof((struct profile *)0)->name &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] == '\0';
}

struct profile *profile_make(struct profiles *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->list[i].name, name) == 0)
            return &p->list[i];
    if (p->n == PROFILES_MAX || !name_is_good(name)) {
        complain("a profile's name is letters, digits, '-', '_' and '.', and there are at most %d", PROFILES_MAX);
        return NULL;
    }
    snprintf(p->list[p->n].name, sizeof p->list[p->n].name, "%s", name);
    return &p->list[p->n++];
}

static struct conf_target section(void *cookie, struct view kind, struct view name)
{
    struct profiles *p = cookie;
    struct conf_target none = {NULL, 0, NULL};
    char text[64];

    if (kind.len == 0)
        return (struct conf_target){top, sizeof top / sizeof top[0], p};
    if (!view_eq(kind, VIEW_LIT("profile")) || name.len >= sizeof text || p->n == PROFILES_MAX)
        return none;
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->list[i].name, text) == 0)
            return none;
    if (!name_is_good(text))
        return none;
    return (struct conf_target){fields, sizeof fields / sizeof fields[0], profile_make(p, text)};
}

/* The file's text; true and nothing when there is none. */
static bool text_read(const char *path, struct buf *out)
{
    struct stat s;

    if (stat(path, &s) != 0) {
        if (errno != ENOENT)
            complain("cannot read %s", path);
        return errno == ENOENT;
    }
    if ((s.st_mode & 077) != 0) {
        complain("%s has keys and may be read by others: chmod 600 it", path);
        return false;
    }
    if (conf_read_file(path, FILE_MAX, out) == ERR_NONE)
        return true;
    complain("cannot read %s", path);
    return false;
}

bool profiles_read(struct profiles *out)
{
    char path[PATH_TEXT_MAX];
    struct buf text, why;
    bool ok;

    memset(out, 0, sizeof *out);
    buf_init(&text, FILE_MAX);
    buf_init(&why, 1024);
    ok = profile_path(path, sizeof path) && text_read(path, &text);
    if (ok && conf_parse(buf_view(&text), path, section, out, &why) != ERR_NONE) {
        complain("%.*s", (int)why.len, (const char *)why.ptr);
        ok = false;
    }
    buf_free(&text);
    buf_free(&why);
    return ok;
}

void profiles_wipe(struct profiles *p)
{
    secret_wipe(p, sizeof *p);
}

struct profile *profile_find(struct profiles *p, const char *name)
{
    if (name == NULL)
        name = getenv("TRCTL_PROFILE");
    if (name == NULL)
        name = p->current;
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->list[i].name, name) == 0)
            return &p->list[i];
    if (p->n == 0)
        complain("nobody has signed in here: trctl login URL");
    else
        complain("there is no profile %s: trctl profiles lists them", name);
    return NULL;
}

/* --- writing --- */

static bool line_write(FILE *f, const char *name, const char *value)
{
    return value[0] == '\0' || fprintf(f, "%s = %s\n", name, value) > 0;
}

static bool text_write(FILE *f, const struct profiles *p)
{
    bool ok = fprintf(f, "# Of trctl. Keys are in here: nobody else may read this file.\n") > 0 &&
              line_write(f, "current", p->current);

    for (size_t i = 0; i < p->n && ok; i++) {
        const struct profile *one = &p->list[i];

        ok = fprintf(f, "\n[profile %s]\n", one->name) > 0 && line_write(f, "control_url", one->control_url) &&
             line_write(f, "base_url", one->base_url) && line_write(f, "ca", one->ca) &&
             line_write(f, "workspace", one->workspace) && line_write(f, "key", one->key);
    }
    return ok;
}

/* mkdir -p of the file's directory, for nobody else. */
static void directories_make(char *path)
{
    for (char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        (void)mkdir(path, 0700); /* what is missing then is found by opening */
        *p = '/';
    }
}

bool profiles_write(const struct profiles *p)
{
    char path[PATH_TEXT_MAX], next[PATH_TEXT_MAX + 8];
    FILE *f = NULL;
    int fd;
    bool ok = false;

    if (!profile_path(path, sizeof path))
        return false;
    directories_make(path);
    snprintf(next, sizeof next, "%s.XXXXXX", path);
    fd = mkstemp(next); /* 0600 */
    if (fd >= 0)
        f = fdopen(fd, "w");
    if (f != NULL) {
        ok = text_write(f, p) && fflush(f) == 0 && fsync(fd) == 0;
        ok = fclose(f) == 0 && ok && rename(next, path) == 0;
    } else if (fd >= 0) {
        close(fd);
    }
    if (!ok) {
        if (fd >= 0)
            unlink(next);
        complain("cannot write %s", path);
    }
    return ok;
}
