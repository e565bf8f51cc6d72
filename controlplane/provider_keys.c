#include "provider_keys.h"
#include "conf.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>

struct provider_keys {
    char key[LIMIT_PROVIDERS][PROVIDER_KEY_MAX + 1]; /* NUL-terminated; empty: none */
};

static enum err complain(struct buf *why, const char *where, const char *what)
{
    return buf_appendf(why, "%s: %s", where, what) == ERR_NONE ? ERR_CONFIG : ERR_MEMORY;
}

/* The key and the environment's copy of it part here. */
static enum err take_env(const struct provider_source *s, const struct providers *providers,
                         struct provider_keys *k, struct buf *why)
{
    const struct provider *p = providers_find(providers, s->id);
    char *text = getenv(s->key_env);
    size_t n = text == NULL ? 0 : strlen(text);
    enum err e = ERR_NONE;

    if (p == NULL)
        return complain(why, s->id, "there is no such provider in providers.conf");
    if (n > PROVIDER_KEY_MAX)
        e = complain(why, s->key_env, "the key is too long");
    else if (n > 0)
        memcpy(k->key[p->no], text, n + 1);
    if (n > 0)
        sodium_memzero(text, n);
    unsetenv(s->key_env);
    return e;
}

struct key_file {
    const struct conf_field *fields;
    size_t n;
    struct provider_keys *k;
};

static struct conf_target key_section_cb(void *cookie, struct view kind, struct view name)
{
    struct key_file *f = cookie;

    (void)name;
    return kind.len == 0 ? (struct conf_target){f->fields, f->n, f->k} : (struct conf_target){0};
}

/* "ID = KEY" lines: a field for each provider. */
static enum err take_file(const char *path, const struct providers *providers,
                          struct provider_keys *k, struct buf *why)
{
    struct conf_field fields[LIMIT_PROVIDERS] = {0};
    struct key_file f = {fields, providers->n, k};
    struct stat st;
    struct buf text;
    enum err e;

    if (stat(path, &st) != 0)
        return complain(why, path, "cannot be read");
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return complain(why, path, "holds secrets and must be readable by its owner alone (0600)");
    for (size_t i = 0; i < providers->n; i++)
        fields[i] = (struct conf_field){
            .name = providers->list[i].id,
            .type = CONF_TEXT,
            .offset = (size_t)(k->key[i] - (char *)k),
            .size = sizeof k->key[i],
        };
    buf_init(&text, CONTROLPLANE_FILE_MAX);
    e = conf_read_file(path, CONTROLPLANE_FILE_MAX, &text);
    if (e == ERR_NONE)
        e = conf_parse(buf_view(&text), path, key_section_cb, &f, why);
    buf_free(&text);
    return e;
}

/* What goes into a header must be visible ASCII, or one key could bring headers of its own. */
static bool visible(const char *key)
{
    for (; *key != '\0'; key++)
        if (*key <= ' ' || *key > '~')
            return false;
    return true;
}

enum err provider_keys_load(const struct controlplane_config *c, const struct providers *providers,
                            struct provider_keys **out, struct buf *why)
{
    struct provider_keys *k = sodium_malloc(sizeof *k);
    enum err e = ERR_NONE;

    if (k == NULL)
        return ERR_MEMORY;
    memset(k, 0, sizeof *k);
    if (c->provider_keys[0] != '\0')
        e = take_file(c->provider_keys, providers, k, why);
    for (size_t i = 0; e == ERR_NONE && i < c->n_sources; i++)
        e = take_env(&c->sources[i], providers, k, why);
    for (size_t i = 0; e == ERR_NONE && i < providers->n; i++)
        if (!visible(k->key[i]))
            e = complain(why, providers->list[i].id, "its key has characters no header can carry");
    if (e != ERR_NONE) {
        sodium_free(k);
        return e;
    }
    sodium_mprotect_readonly(k);
    *out = k;
    return ERR_NONE;
}

void provider_keys_free(struct provider_keys *k)
{
    sodium_free(k); /* wipes; NULL is harmless */
}

bool provider_keys_get(const struct provider_keys *k, uint16_t provider_no, struct view *key)
{
    if (provider_no >= LIMIT_PROVIDERS || k->key[provider_no][0] == '\0')
        return false;
    *key = view_str(k->key[provider_no]);
    return true;
}

size_t provider_keys_count(const struct provider_keys *k)
{
    size_t n = 0;

    for (size_t i = 0; i < LIMIT_PROVIDERS; i++)
        n += k->key[i][0] != '\0';
    return n;
}
