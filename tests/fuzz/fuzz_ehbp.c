/* Bodies that claim to be encrypted. Of bytes of anybody's nothing opens, nothing beyond them is read and nothing but them
 * is written; what a client sealed in frames that the input cuts opens to the same text, and not when the input has
 * changed a byte of it. */
#include "ehbp.h"

#include <sodium.h>
#include <stdlib.h>

enum { FRAMES_MAX = 16 };

static uint8_t pk[32], sk[32];

/* The keys of one request at both ends: the client's sends, *dh and enc are the server's. */
static void request_keys(struct hpke *client, struct secret32 *dh, uint8_t enc[static 32])
{
    uint8_t ephemeral[32];
    struct secret32 same;

    if (crypto_box_keypair(enc, ephemeral) != 0 || crypto_scalarmult(same.b, ephemeral, pk) != 0 ||
        crypto_scalarmult(dh->b, sk, enc) != 0 ||
        hpke_begin(client, &same, enc, pk, VIEW_LIT("ehbp request"), true) != ERR_NONE)
        abort();
}

/* Into memory that ends where the body does. */
static enum err open_copy(const struct secret32 *dh, const uint8_t *enc, const uint8_t *body, size_t len, uint8_t *out,
                          size_t *out_len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);
    struct view plain;
    struct ehbp e;
    enum err err;

    if (len != 0)
        memcpy(copy, body, len);
    if (ehbp_begin(&e, dh, enc, pk) != ERR_NONE)
        abort();
    err = ehbp_open(&e, copy, len, &plain);
    if (err == ERR_NONE) {
        if (plain.ptr < copy || plain.len > len || plain.ptr + plain.len > copy + len)
            abort();
        if (plain.len != 0)
            memcpy(out, plain.ptr, plain.len);
        *out_len = plain.len;
    }
    ehbp_free(&e);
    free(copy);
    return err;
}

/* data says where a text is cut into frames; the rest of it is the text. */
static size_t seal_cut(struct hpke *client, const uint8_t *data, size_t cuts, struct view text, uint8_t *out)
{
    size_t at = 0;
    struct view part;

    for (size_t i = 0; i <= cuts; i++) {
        size_t n = i == cuts ? text.len : data[i] % (text.len + 1);

        if (i < cuts && data[i] == 0) { /* a frame without bytes */
            memset(out + at, 0, EHBP_LENGTH_BYTES);
            at += EHBP_LENGTH_BYTES;
            continue;
        }
        if (!view_take(&text, n, &part) || ehbp_seal(&client->gcm, part, out + at) != ERR_NONE)
            abort();
        at += part.len + EHBP_GROWS;
    }
    return at;
}

static void round_trip(const uint8_t *data, size_t size)
{
    size_t cuts = data[0] % FRAMES_MAX, at, len, out_len = 0;
    uint8_t bit = (uint8_t)(1u << (data[1] & 7)), enc[32];
    static uint8_t sealed[8192], out[8192];
    struct secret32 dh;
    struct hpke client;
    struct view text;

    if (size < 4 + cuts)
        return;
    at = (size_t)data[2] << 8 | data[3];
    text = view_of(data + 4 + cuts, size - 4 - cuts);
    request_keys(&client, &dh, enc);
    len = seal_cut(&client, data + 4, cuts, text, sealed);
    if (open_copy(&dh, enc, sealed, len, out, &out_len) != ERR_NONE || !view_eq(view_of(out, out_len), text))
        abort();
    sealed[at % len] ^= bit;
    if (open_copy(&dh, enc, sealed, len, out, &out_len) == ERR_NONE)
        abort();
    hpke_free(&client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[8192];
    struct secret32 dh;
    struct hpke client;
    uint8_t enc[32];
    size_t len;

    if (size > 4096)
        return 0;
    if (pk[0] == 0 && pk[1] == 0 && crypto_box_keypair(pk, sk) != 0)
        abort();
    request_keys(&client, &dh, enc);
    hpke_free(&client);
    if (open_copy(&dh, enc, data, size, out, &len) == ERR_NONE)
        abort();
    if (size > 4)
        round_trip(data, size);
    return 0;
}
