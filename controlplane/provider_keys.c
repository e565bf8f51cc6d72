#include "provider_keys.h"
#include "conf.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>

struct provider_keys {
    char text[LIMIT_PROVIDERS][PROVIDER_KEYS_TEXT_MAX]; /* a provider's keys, as they came; NUL-terminated; empty: none */
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
    if (n >= PROVIDER_KEYS_TEXT_MAX)
        e = complain(why, s->key_env, "its keys are too long");
    else if (n > 0)
        memcpy(k->text[p->no], text, n + 1);
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

/* "ID = KEY KEY" lines: a field for each provider. */
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
            .offset = (size_t)(k->text[i] - (char *)k),
            .size = sizeof k->text[i],
        };
    buf_init(&text, CONTROLPLANE_FILE_MAX);
    e = conf_read_file(path, CONTROLPLANE_FILE_MAX, &text);
    if (e == ERR_NONE)
        e = conf_parse(buf_view(&text), path, key_section_cb, &f, why);
    buf_free(&text);
    return e;
}

/* The next key of a text. False: there is none. */
static bool next_key(const char **text, struct view *key)
{
    const char *from = *text + strspn(*text, " ,\t");

    *key = view_of(from, strcspn(from, " ,\t"));
    *text = from + key->len;
    return key->len != 0;
}

/* What goes into a header must be visible ASCII, or one key could bring headers of its own. NULL: they are fine. */
static const char *keys_fault(const char *text)
{
    struct view key;
    size_t n = 0;

    while (next_key(&text, &key)) {
        if (++n > PROVIDER_KEYS_MAX)
            return "it has more than 8 keys";
        if (key.len > PROVIDER_KEY_MAX)
            return "a key of it is too long";
        for (size_t i = 0; i < key.len; i++)
            if (key.ptr[i] <= ' ' || key.ptr[i] > '~')
                return "its key has characters no header can carry";
    }
    return NULL;
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
    for (size_t i = 0; e == ERR_NONE && i < providers->n; i++) {
        const char *fault = keys_fault(k->text[i]);

        if (fault != NULL)
            e = complain(why, providers->list[i].id, fault);
    }
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

size_t provider_keys_of(const struct provider_keys *k, uint16_t provider_no)
{
    const char *text = provider_no < LIMIT_PROVIDERS ? k->text[provider_no] : "";
    struct view key;
    size_t n = 0;

    while (next_key(&text, &key))
        n++;
    return n;
}

bool provider_keys_get(const struct provider_keys *k, uint16_t provider_no, size_t index, struct view *key)
{
    const char *text = provider_no < LIMIT_PROVIDERS ? k->text[provider_no] : "";

    do {
        if (!next_key(&text, key))
            return false;
    } while (index-- != 0);
    return true;
}

size_t provider_keys_count(const struct provider_keys *k)
{
    size_t n = 0;

    for (size_t i = 0; i < LIMIT_PROVIDERS; i++)
        n += k->text[i][0] != '\0';
    return n;
}
