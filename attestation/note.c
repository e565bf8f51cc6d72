#include "note.h"

#include "base64.h"

#include <assert.h>
#include <sodium.h>

enum { ALGORITHM_ED25519 = 1, SIGNATURE_BYTES = 4 + 64 };
static const char dash[] = "\xe2\x80\x94 "; /* U+2014 and a space begin a signature line */

/* Everything before the first c goes to *out, c itself is dropped. */
static bool take_until(struct view *v, uint8_t c, struct view *out)
{
    const uint8_t *at = v->len == 0 ? NULL : memchr(v->ptr, c, v->len);
    struct view skipped;

    return at != NULL && view_take(v, (size_t)(at - v->ptr), out) && view_take(v, 1, &skipped);
}

enum err note_key_make(struct view name, const uint8_t public[static 32], struct note_key *out)
{
    static const uint8_t separator[] = {'\n', ALGORITHM_ED25519};
    uint8_t hashed[NOTE_NAME_MAX + sizeof separator + 32];
    struct digest32 d;

    if (name.len == 0 || name.len > NOTE_NAME_MAX)
        return ERR_FORMAT;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] <= ' ' || name.ptr[i] >= 0x7f || name.ptr[i] == '+')
            return ERR_FORMAT;
    }
    memset(out, 0, sizeof *out);
    memcpy(out->name, name.ptr, name.len);
    memcpy(out->public, public, 32);
    memcpy(hashed, name.ptr, name.len);
    memcpy(hashed + name.len, separator, sizeof separator);
    memcpy(hashed + name.len + sizeof separator, public, 32);
    digest_sha256(view_of(hashed, name.len + sizeof separator + 32), &d);
    memcpy(out->id, d.b, 4);
    return ERR_NONE;
}

enum err note_key_parse(struct view vkey, struct note_key *out)
{
    struct view name, id_text;
    uint8_t id[4], key[33];
    struct note_key k;
    enum err e;

    if (!take_until(&vkey, '+', &name) || !take_until(&vkey, '+', &id_text))
        return ERR_FORMAT;
    if (hex_decode(id_text, id, sizeof id) != ERR_NONE ||
        base64_exact(vkey, key, sizeof key) != ERR_NONE || key[0] != ALGORITHM_ED25519)
        return ERR_FORMAT;
    if ((e = note_key_make(name, key + 1, &k)) != ERR_NONE)
        return e;
    if (memcmp(k.id, id, sizeof id) != 0)
        return ERR_FORMAT;
    *out = k;
    return ERR_NONE;
}

enum err note_key_text(const struct note_key *k, struct buf *out)
{
    uint8_t key[33] = {ALGORITHM_ED25519};
    char id[9];
    enum err e;

    memcpy(key + 1, k->public, 32);
    hex_encode(k->id, 4, id);
    if ((e = buf_appendf(out, "%s+%s+", k->name, id)) != ERR_NONE)
        return e;
    return base64_append(view_of(key, sizeof key), out);
}

enum err note_sign(struct view text, const struct note_key *k, const uint8_t secret[static 64],
                   struct buf *out)
{
    uint8_t signature[SIGNATURE_BYTES];
    enum err e;

    if (text.len == 0 || text.ptr[text.len - 1] != '\n')
        return ERR_FORMAT;
    memcpy(signature, k->id, 4);
    if (crypto_sign_detached(signature + 4, NULL, text.ptr, text.len, secret) != 0)
        return ERR_CRYPTO;
    if ((e = buf_append(out, text)) != ERR_NONE ||
        (e = buf_appendf(out, "\n%s%s ", dash, k->name)) != ERR_NONE ||
        (e = base64_append(view_of(signature, sizeof signature), out)) != ERR_NONE)
        return e;
    return buf_append_byte(out, '\n');
}

/* One line "— name base64": true when it is a valid signature of text by k. */
static enum err signature_check(struct view line, struct view text, const struct note_key *k,
                                bool *valid)
{
    struct view prefix, name;
    uint8_t signature[SIGNATURE_BYTES];

    if (!view_take(&line, sizeof dash - 1, &prefix) ||
        !view_eq(prefix, view_of(dash, sizeof dash - 1)) || !take_until(&line, ' ', &name) ||
        name.len == 0)
        return ERR_FORMAT;
    if (!view_eq(name, view_str(k->name)))
        return ERR_NONE; /* somebody else's; other algorithms have other lengths */
    if (base64_exact(line, signature, sizeof signature) != ERR_NONE ||
        memcmp(signature, k->id, 4) != 0)
        return ERR_NONE;
    *valid = *valid ||
             crypto_sign_verify_detached(signature + 4, text.ptr, text.len, k->public) == 0;
    return ERR_NONE;
}

enum err note_open(struct view note, const struct note_key *k, struct view *text)
{
    size_t split = 0;
    struct view rest, signed_text, line;
    bool valid = false;

    if (note.len > NOTE_TEXT_MAX || note.len < 2 || note.ptr[note.len - 1] != '\n')
        return ERR_FORMAT;
    /* The signatures follow the last empty line. */
    for (size_t i = note.len - 2; i > 0 && split == 0; i--) {
        if (note.ptr[i] == '\n' && note.ptr[i - 1] == '\n')
            split = i;
    }
    if (split == 0)
        return ERR_FORMAT;
    signed_text = view_of(note.ptr, split);
    rest = view_from(note, split + 1);
    for (unsigned n = 0; rest.len != 0; n++) {
        enum err e;

        if (n == NOTE_SIGNATURES_MAX || !take_until(&rest, '\n', &line))
            return ERR_FORMAT;
        if ((e = signature_check(line, signed_text, k, &valid)) != ERR_NONE)
            return e;
    }
    if (!valid)
        return ERR_AUTH;
    *text = signed_text;
    return ERR_NONE;
}

enum err checkpoint_encode(const struct checkpoint *c, struct buf *out)
{
    enum err e;

    if (c->origin.len == 0 || memchr(c->origin.ptr, '\n', c->origin.len) != NULL)
        return ERR_FORMAT;
    if ((e = buf_append(out, c->origin)) != ERR_NONE || (e = buf_append_byte(out, '\n')) != ERR_NONE ||
        (e = buf_append_u64(out, c->size)) != ERR_NONE ||
        (e = buf_append_byte(out, '\n')) != ERR_NONE ||
        (e = base64_append(view_of(c->root.b, 32), out)) != ERR_NONE)
        return e;
    return buf_append_byte(out, '\n');
}

enum err checkpoint_decode(struct view text, struct checkpoint *out)
{
    struct view origin, size, root;
    struct checkpoint c;

    if (!take_until(&text, '\n', &origin) || !take_until(&text, '\n', &size) ||
        !take_until(&text, '\n', &root) || origin.len == 0)
        return ERR_FORMAT;
    if (size.len == 0 || (size.len > 1 && size.ptr[0] == '0') || !view_u64(size, &c.size))
        return ERR_FORMAT;
    if (base64_exact(root, c.root.b, 32) != ERR_NONE)
        return ERR_FORMAT;
    c.origin = origin;
    *out = c;
    return ERR_NONE;
}
