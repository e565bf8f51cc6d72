#include "vault.h"

#include "conf.h"
#include "secret.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = VAULT_KEYS_MAX * 80 };

struct vault {
    size_t n;
    uint8_t id[VAULT_KEYS_MAX][VAULT_ID_BYTES];
    uint8_t (*key)[crypto_aead_xchacha20poly1305_ietf_KEYBYTES]; /* VAULT_KEYS_MAX of them, from sodium_malloc */
};
_Static_assert(VAULT_OVERHEAD_BYTES ==
                   crypto_aead_xchacha20poly1305_ietf_NPUBBYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES,
               "nonce and tag");

static enum err complain(struct buf *why, const char *where, const char *what)
{
    return buf_appendf(why, "%s: %s", where, what) == ERR_NONE ? ERR_CONFIG : ERR_MEMORY;
}

/* --- where keys come from */

static enum err read_file(const char *path, struct buf *out, struct buf *why)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return complain(why, "master_key_file", "cannot be read");
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return complain(why, "master_key_file", "holds secrets and must be readable by its owner alone (0600)");
    return conf_read_file(path, TEXT_MAX, out) == ERR_NONE ? ERR_NONE
                                                         : complain(why, "master_key_file", "cannot be read, or is too long");
}

/* The program waits for the command: it is asked once, at start. */
static enum err read_command(const char *command, struct buf *out, struct buf *why)
{
    uint8_t piece[256];
    FILE *f = popen(command, "re");
    enum err e = ERR_NONE;
    size_t n;

    if (f == NULL)
        return complain(why, "master_key_command", "cannot be run");
    setvbuf(f, NULL, _IONBF, 0); /* no copy of the key stays in the library's buffer */
    while (e == ERR_NONE && (n = fread(piece, 1, sizeof piece, f)) != 0)
        e = buf_append(out, view_of(piece, n));
    secret_wipe(piece, sizeof piece);
    if (pclose(f) != 0 || e != ERR_NONE)
        return complain(why, "master_key_command", "ended with an error, or said too much");
    return ERR_NONE;
}

static void key_id(const uint8_t key[static 32], uint8_t out[static VAULT_ID_BYTES])
{
    struct digest32 d;

    digest_sha256_2(VIEW_LIT("tr-master-key-v1"), view_of(key, 32), &d);
    memcpy(out, d.b, VAULT_ID_BYTES);
}

static enum err take_lines(struct vault *v, struct view text)
{
    while (text.len != 0) {
        const uint8_t *end = memchr(text.ptr, '\n', text.len);
        struct view line = view_of(text.ptr, end == NULL ? text.len : (size_t)(end - text.ptr));

        text = view_from(text, line.len + (end != NULL));
        line = view_trim(line);
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        if (v->n == VAULT_KEYS_MAX || hex_decode(line, v->key[v->n], sizeof v->key[0]) != ERR_NONE)
            return ERR_FORMAT;
        key_id(v->key[v->n], v->id[v->n]);
        v->n++;
    }
    return v->n == 0 ? ERR_FORMAT : ERR_NONE;
}

enum err vault_new(const struct controlplane_config *c, struct vault **out, struct buf *why)
{
    struct vault *v = calloc(1, sizeof *v);
    struct buf text;
    enum err e = ERR_NONE;

    if (v == NULL)
        return ERR_MEMORY;
    buf_init(&text, TEXT_MAX);
    v->key = sodium_malloc(VAULT_KEYS_MAX * sizeof *v->key);
    if (v->key == NULL)
        e = ERR_MEMORY;
    else if (c->master_key_file[0] != '\0' && c->master_key_command[0] != '\0')
        e = complain(why, "master_key_command", "there is a master_key_file, too; one of them is enough");
    else if (c->master_key_file[0] != '\0')
        e = read_file(c->master_key_file, &text, why);
    else if (c->master_key_command[0] != '\0')
        e = read_command(c->master_key_command, &text, why);
    if (e == ERR_NONE && (c->master_key_file[0] != '\0' || c->master_key_command[0] != '\0') &&
        take_lines(v, buf_view(&text)) != ERR_NONE)
        e = complain(why, c->master_key_file[0] != '\0' ? "master_key_file" : "master_key_command",
                     "a key is a line of 64 hex digits, and there are 1 to 8");
    buf_free(&text); /* wipes */
    if (e != ERR_NONE) {
        vault_free(v);
        return e;
    }
    sodium_mprotect_readonly(v->key);
    *out = v;
    return ERR_NONE;
}

void vault_free(struct vault *v)
{
    if (v == NULL)
        return;
    sodium_free(v->key); /* wipes */
    free(v);
}

const uint8_t *vault_id(const struct vault *v)
{
    return v->n == 0 ? NULL : v->id[0];
}

/* --- sealing */

static enum err bound_bytes(const struct vault_bound *b, struct buf *out)
{
    enum err e = buf_append(out, view_of(b->key.b, sizeof b->key.b));

    return e == ERR_NONE ? buf_append(out, b->provider) : e;
}

enum err vault_seal(const struct vault *v, const struct vault_bound *bound, struct view plain, struct buf *out)
{
    uint8_t sealed[PROVIDER_KEYS_MAX * 512];
    unsigned long long len = 0;
    struct buf ad;
    enum err e = v->n == 0 ? ERR_CONFIG : ERR_NONE;

    if (plain.len > sizeof sealed - VAULT_OVERHEAD_BYTES)
        return ERR_LIMIT;
    buf_init(&ad, 64);
    if (e == ERR_NONE)
        e = bound_bytes(bound, &ad);
    if (e == ERR_NONE) {
        secret_random(sealed, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
        crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, &len, plain.ptr,
                                                   plain.len, ad.ptr, ad.len, NULL, sealed, v->key[0]);
        e = buf_append(out, view_of(sealed, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES + (size_t)len));
    }
    buf_free(&ad);
    return e;
}

enum err vault_open(const struct vault *v, struct view master_id, const struct vault_bound *bound, struct view sealed,
                    struct buf *out)
{
    const size_t nonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
    uint8_t plain[PROVIDER_KEYS_MAX * 512];
    unsigned long long len = 0;
    struct buf ad;
    size_t i = 0;
    enum err e;

    while (i < v->n && !view_eq(master_id, view_of(v->id[i], VAULT_ID_BYTES)))
        i++;
    if (i == v->n)
        return ERR_CONFIG;
    if (sealed.len < VAULT_OVERHEAD_BYTES || sealed.len > sizeof plain)
        return ERR_CRYPTO;
    buf_init(&ad, 64);
    e = bound_bytes(bound, &ad);
    if (e == ERR_NONE && crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &len, NULL, sealed.ptr + nonce, sealed.len - nonce,
                                                                   ad.ptr, ad.len, sealed.ptr, v->key[i]) != 0)
        e = ERR_CRYPTO;
    if (e == ERR_NONE)
        e = buf_append(out, view_of(plain, (size_t)len));
    secret_wipe(plain, sizeof plain);
    buf_free(&ad);
    return e;
}
