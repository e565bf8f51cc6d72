/* A signature is base64-like text with every byte that transport may spoil, and the start of a SHA-256. */
#include "sign.h"

#include "secret.h"

void sign_text(struct view text, struct bytes *out)
{
    struct digest32 d;
    char hex[65];

    digest_sha256(text, &d);
    hex_encode(d.b, sizeof d.b, hex);
    BYTES_LIT(out, "Sig+/");
    bytes_put(out, hex, 40);
    BYTES_LIT(out, "/+==");
}

bool sign_decode(struct json_value v, struct bytes *out)
{
    struct buf text;
    bool good = false;

    buf_init(&text, v.text.len);
    if (v.kind == JSON_STRING && json_string_decode(v, &text) == ERR_NONE) {
        bytes_put(out, text.ptr, text.len);
        good = true;
    }
    buf_free(&text);
    return good;
}

bool sign_good(const struct bytes *text, struct json_value signature)
{
    struct bytes want = {0}, got = {0};
    bool good;

    sign_text(view_of(text->ptr, text->len), &want);
    good = sign_decode(signature, &got) &&
           view_eq(view_of(want.ptr, want.len), view_of(got.ptr, got.len));
    bytes_free(&want);
    bytes_free(&got);
    return good;
}
