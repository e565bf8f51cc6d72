#include "log_key.h"

#include "file.h"

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

enum { SEED_TEXT = 64, HEAD_MAX = 4096 };

static enum err path_of(const char *dir, const char *name, char out[static PATH_MAX])
{
    return (size_t)snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX ? ERR_NONE : ERR_LIMIT;
}

static enum err seed_create(const char *path)
{
    uint8_t seed[crypto_sign_SEEDBYTES];
    char text[SEED_TEXT + 2];
    enum err e;

    secret_random(seed, sizeof seed);
    hex_encode(seed, sizeof seed, text);
    text[SEED_TEXT] = '\n';
    e = file_write(path, 0600, true, view_of(text, SEED_TEXT + 1));
    secret_wipe(seed, sizeof seed);
    secret_wipe(text, sizeof text);
    return e == ERR_CONFLICT ? ERR_NONE : e; /* another program was first: its key is the key */
}

static enum err seed_load(const char *path, uint8_t seed[static crypto_sign_SEEDBYTES])
{
    char text[SEED_TEXT + 3];
    size_t len = 0;
    enum err e = file_read(path, true, text, sizeof text, &len);

    if (e == ERR_NONE && (len != SEED_TEXT + 1 || text[SEED_TEXT] != '\n'))
        e = ERR_FORMAT;
    if (e == ERR_NONE)
        e = hex_decode(view_of(text, SEED_TEXT), seed, crypto_sign_SEEDBYTES);
    secret_wipe(text, sizeof text);
    return e;
}

enum err log_key_open(const char *dir, const char *origin, struct log_key *out)
{
    uint8_t seed[crypto_sign_SEEDBYTES], public[crypto_sign_PUBLICKEYBYTES];
    struct log_key k = {.secret = NULL};
    char path[PATH_MAX];
    enum err e = path_of(dir, "log.key", path);

    if (e != ERR_NONE)
        return e;
    e = seed_load(path, seed);
    if (e == ERR_NOT_FOUND) {
        e = seed_create(path);
        if (e == ERR_NONE)
            e = seed_load(path, seed);
    }
    if (e != ERR_NONE)
        goto done;
    k.secret = sodium_malloc(crypto_sign_SECRETKEYBYTES);
    if (k.secret == NULL) {
        e = ERR_MEMORY;
        goto done;
    }
    if (crypto_sign_seed_keypair(public, k.secret, seed) != 0 ||
        sodium_mprotect_readonly(k.secret) != 0) {
        e = ERR_CRYPTO;
        goto done;
    }
    e = note_key_make(view_str(origin), public, &k.public);
    if (e != ERR_NONE)
        goto done;
    *out = k;
    k.secret = NULL;
done:
    sodium_free(k.secret);
    secret_wipe(seed, sizeof seed);
    return e;
}

bool log_key_exists(const char *dir)
{
    char path[PATH_MAX];

    return path_of(dir, "log.key", path) == ERR_NONE && access(path, F_OK) == 0;
}

void log_key_close(struct log_key *k)
{
    sodium_free(k->secret);
    k->secret = NULL;
}

enum err log_key_sign(const struct log_key *k, const struct checkpoint *c, struct buf *note)
{
    struct buf text;
    enum err e;

    buf_init(&text, HEAD_MAX);
    e = checkpoint_encode(c, &text);
    if (e == ERR_NONE)
        e = note_sign(buf_view(&text), &k->public, k->secret, note);
    buf_free(&text);
    return e;
}

enum err log_head_load(const char *dir, const struct log_key *k, uint64_t *size,
                       struct digest32 *root, struct buf *note)
{
    char path[PATH_MAX], bytes[HEAD_MAX];
    struct checkpoint c;
    struct view text;
    size_t len = 0;
    enum err e = path_of(dir, "log.head", path);

    if (e == ERR_NONE)
        e = file_read(path, false, bytes, sizeof bytes, &len);
    if (e == ERR_NOT_FOUND) {
        *size = 0;
        return ERR_NONE;
    }
    if (e == ERR_NONE)
        e = note_open(view_of(bytes, len), &k->public, &text);
    if (e == ERR_NONE)
        e = checkpoint_decode(text, &c);
    if (e == ERR_NONE && note != NULL)
        e = buf_append(note, view_of(bytes, len));
    if (e == ERR_NONE) {
        *size = c.size;
        *root = c.root;
    }
    return e;
}

enum err log_head_save(const char *dir, struct view note)
{
    char path[PATH_MAX];
    enum err e = path_of(dir, "log.head", path);

    return e == ERR_NONE ? file_write(path, 0644, false, note) : e;
}
