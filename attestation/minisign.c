#include "minisign.h"

#include "base64.h"

#include <sodium.h>

enum { KEY_BYTES = 2 + 8 + 32, SIGNATURE_BYTES = 2 + 8 + 64, HASH_BYTES = 64 };
#define TRUSTED VIEW_LIT("trusted comment: ")
#define UNTRUSTED VIEW_LIT("untrusted comment: ")

/* A line without its end; the last one may lack it. "\r\n" is an end, too. */
static bool take_line(struct view *v, struct view *line)
{
    const uint8_t *end = v->len == 0 ? NULL : memchr(v->ptr, '\n', v->len);
    struct view newline;

    if (v->len == 0)
        return false;
    if (end == NULL) {
        *line = *v;
        *v = view_from(*v, v->len);
    } else if (!view_take(v, (size_t)(end - v->ptr), line) || !view_take(v, 1, &newline)) {
        return false;
    }
    if (line->len != 0 && line->ptr[line->len - 1] == '\r')
        line->len--;
    return true;
}

enum err minisign_key_parse(struct view text, struct minisign_key *out)
{
    uint8_t bytes[KEY_BYTES];
    struct view line;

    if (text.len > MINISIGN_KEY_MAX || !take_line(&text, &line))
        return ERR_FORMAT;
    if (view_starts(line, UNTRUSTED) && !take_line(&text, &line))
        return ERR_FORMAT;
    if (text.len != 0 || base64_exact(line, bytes, sizeof bytes) != ERR_NONE || bytes[0] != 'E' ||
        bytes[1] != 'd')
        return ERR_FORMAT;
    memcpy(out->id, bytes + 2, 8);
    memcpy(out->public, bytes + 10, 32);
    return ERR_NONE;
}

struct parts {
    uint8_t signature[SIGNATURE_BYTES], global[64];
    struct view comment;
};

static enum err parts_read(struct view text, struct parts *out)
{
    struct view line, prefix;

    if (text.len > MINISIGN_SIGNATURE_MAX)
        return ERR_FORMAT;
    if (!take_line(&text, &line) || !view_starts(line, UNTRUSTED))
        return ERR_FORMAT;
    if (!take_line(&text, &line) ||
        base64_exact(line, out->signature, sizeof out->signature) != ERR_NONE)
        return ERR_FORMAT;
    if (!take_line(&text, &out->comment) || !view_starts(out->comment, TRUSTED) ||
        !view_take(&out->comment, TRUSTED.len, &prefix) || out->comment.len > MINISIGN_COMMENT_MAX)
        return ERR_FORMAT;
    if (!take_line(&text, &line) || base64_exact(line, out->global, sizeof out->global) != ERR_NONE)
        return ERR_FORMAT;
    return text.len == 0 ? ERR_NONE : ERR_FORMAT;
}

static bool file_signed(struct view file, const struct parts *p, const struct minisign_key *key)
{
    uint8_t hash[HASH_BYTES];

    if (p->signature[0] != 'E')
        return false;
    if (p->signature[1] == 'D') {
        if (crypto_generichash(hash, sizeof hash, file.ptr, file.len, NULL, 0) != 0)
            return false;
        file = view_of(hash, sizeof hash);
    } else if (p->signature[1] != 'd') {
        return false;
    }
    return crypto_sign_verify_detached(p->signature + 10, file.ptr, file.len, key->public) == 0;
}

static bool comment_signed(const struct parts *p, const struct minisign_key *key)
{
    uint8_t text[64 + MINISIGN_COMMENT_MAX];

    memcpy(text, p->signature + 10, 64);
    if (p->comment.len != 0)
        memcpy(text + 64, p->comment.ptr, p->comment.len);
    return crypto_sign_verify_detached(p->global, text, 64 + p->comment.len, key->public) == 0;
}

enum err minisign_check(struct view file, struct view signature, const struct minisign_key *key,
                        struct view *comment)
{
    struct parts p;
    enum err e = parts_read(signature, &p);

    if (e != ERR_NONE)
        return e;
    if (memcmp(p.signature + 2, key->id, sizeof key->id) != 0 || !file_signed(file, &p, key) ||
        !comment_signed(&p, key))
        return ERR_AUTH;
    if (comment != NULL)
        *comment = p.comment;
    return ERR_NONE;
}
