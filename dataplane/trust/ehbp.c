/* (G) Frames of requests and answers, and the keys of an answer. */
#include "ehbp.h"

#include "content_view.h"
#include "hkdf.h"

#include <assert.h>

static uint8_t *put_u16(uint8_t *at, unsigned v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
    return at + 2;
}

void ehbp_config(const uint8_t key[static HPKE_KEY_BYTES], uint8_t out[static EHBP_CONFIG_BYTES])
{
    uint8_t *at = out;

    *at++ = 0; /* the key's number: there is one */
    at = put_u16(at, HPKE_KEM);
    memcpy(at, key, HPKE_KEY_BYTES);
    at = put_u16(at + HPKE_KEY_BYTES, 4); /* bytes of suites: one of two ids */
    at = put_u16(at, HPKE_KDF);
    at = put_u16(at, HPKE_AEAD);
    assert(at == out + EHBP_CONFIG_BYTES);
}

enum err ehbp_begin(struct ehbp *e, const struct secret32 *dh, const uint8_t enc[static HPKE_KEY_BYTES],
                    const uint8_t own[static HPKE_KEY_BYTES])
{
    memcpy(e->enc, enc, sizeof e->enc);
    return hpke_begin(&e->hpke, dh, enc, own, VIEW_LIT("ehbp request"), false);
}

void ehbp_free(struct ehbp *e)
{
    hpke_free(&e->hpke);
}

/* The next frame that has bytes. ERR_SHORT: none is left. */
static enum err next_frame(struct view *rest, struct view *frame)
{
    struct view head;
    size_t len;

    while (rest->len != 0) {
        if (!view_take(rest, EHBP_LENGTH_BYTES, &head))
            return ERR_FORMAT;
        len = (size_t)head.ptr[0] << 24 | (size_t)head.ptr[1] << 16 | (size_t)head.ptr[2] << 8 | head.ptr[3];
        if (len == 0)
            continue;
        return len >= GCM_TAG_BYTES && len <= EHBP_FRAME_MAX && view_take(rest, len, frame) ? ERR_NONE : ERR_FORMAT;
    }
    return ERR_SHORT;
}

enum err ehbp_open(struct ehbp *e, uint8_t *body, size_t len, struct view *plain)
{
    struct view rest = view_of(body, len), frame;
    uint8_t *start = NULL, *end = NULL; /* of what is open; the first frame's text stays where it is */
    enum err err;

    while ((err = next_frame(&rest, &frame)) == ERR_NONE) {
        uint8_t *at = body + (frame.ptr - body);

        if (e->hpke.gcm.next == EHBP_FRAMES_MAX)
            return ERR_FORMAT;
        if (gcm_open(&e->hpke.gcm, VIEW_EMPTY, frame, at) != ERR_NONE)
            return start == NULL ? ERR_AUTH : ERR_CRYPTO;
        if (start == NULL)
            start = end = at;
        else
            memmove(end, at, frame.len - GCM_TAG_BYTES);
        end += frame.len - GCM_TAG_BYTES;
    }
    if (err != ERR_SHORT || start == NULL)
        return err;
    *plain = view_of(start, (size_t)(end - start));
    return ERR_NONE;
}

enum err ehbp_answer(const struct ehbp *e, const uint8_t nonce[static EHBP_NONCE_BYTES], struct gcm *out)
{
    static const struct view key_label = {(const uint8_t *)"key", 3}, nonce_label = {(const uint8_t *)"nonce", 5};
    uint8_t salt[HPKE_KEY_BYTES + EHBP_NONCE_BYTES], base[GCM_NONCE_BYTES];
    struct secret32 exported, prk, key;
    enum err err;

    memcpy(salt, e->enc, sizeof e->enc);
    memcpy(salt + sizeof e->enc, nonce, EHBP_NONCE_BYTES);
    hpke_export(&e->hpke, VIEW_LIT("ehbp response"), &exported);
    hkdf_extract(view_of(salt, sizeof salt), &(struct view){exported.b, sizeof exported.b}, 1, &prk);
    hkdf_expand(&prk, &key_label, 1, key.b, sizeof key.b);
    hkdf_expand(&prk, &nonce_label, 1, base, sizeof base);
    err = gcm_begin(out, &key, base, true);
    secret_wipe(&exported, sizeof exported);
    secret_wipe(&prk, sizeof prk);
    secret_wipe(&key, sizeof key);
    secret_wipe(base, sizeof base);
    return err;
}

enum err ehbp_seal(struct gcm *g, struct view plain, uint8_t *out)
{
    size_t len = plain.len + GCM_TAG_BYTES;

    if (plain.len > EHBP_FRAME_MAX - GCM_TAG_BYTES)
        return ERR_LIMIT;
    out[0] = (uint8_t)(len >> 24);
    out[1] = (uint8_t)(len >> 16);
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
    return gcm_seal(g, VIEW_EMPTY, plain, out + EHBP_LENGTH_BYTES);
}
