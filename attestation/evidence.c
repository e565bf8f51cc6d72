#include "evidence.h"

#include <assert.h>
#include <stddef.h>

/* D as a template: fixed text, then a field, in the order of the sorted keys. Encoder and decoder
 * walk the same table, so only the canonical form exists. */
enum field_kind { FIELD_NAME, FIELD_HEX, FIELD_NUMBER, FIELD_BOOL };
struct field {
    struct view before; /* the text up to the field */
    enum field_kind kind;
    size_t at, size; /* in struct identity */
};
#define FIELD(text, kind, member)                                                                  \
    {                                                                                              \
        VIEW_LIT(text), kind, offsetof(struct identity, member),                                   \
            sizeof(((struct identity *)0)->member)                                                 \
    }
static const struct field fields[] = {
    FIELD("{\"audience\":\"", FIELD_NAME, audience),
    FIELD("\",\"boot\":\"", FIELD_HEX, boot),
    FIELD("\",\"config_sha256\":\"", FIELD_HEX, config_sha256),
    FIELD("\",\"cp_spki_sha256\":[\"", FIELD_HEX, cp_spki_sha256),
    FIELD("\"],\"hpke_x25519\":\"", FIELD_HEX, hpke_x25519),
    FIELD("\",\"not_after\":", FIELD_NUMBER, not_after_s),
    FIELD(",\"purpose\":\"tr.identity.v1\",\"receipt_ed25519\":\"", FIELD_HEX, receipt_ed25519),
    FIELD("\",\"role\":\"dataplane\",\"simulated\":", FIELD_BOOL, simulated),
    FIELD(",\"tls_spki_sha256\":\"", FIELD_HEX, tls_spki_sha256),
};
#define IDENTITY_END VIEW_LIT("\"}")
enum { FIELD_COUNT = sizeof fields / sizeof fields[0], NUMBER_MAX = 20, HEX_MAX = 64 };

/* Printable ASCII that JSON never escapes, so there is one way to write an audience. */
static bool name_byte_ok(uint8_t c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

/* --- encode */

static enum err field_append(const struct field *f, const struct identity *i, struct buf *out)
{
    const char *at = (const char *)i + f->at;
    char hex[HEX_MAX + 1];
    uint64_t number;
    size_t len;

    switch (f->kind) {
    case FIELD_NAME:
        len = strnlen(at, f->size);
        if (len == 0 || len == f->size)
            return ERR_FORMAT;
        for (size_t k = 0; k < len; k++)
            if (!name_byte_ok((uint8_t)at[k]))
                return ERR_FORMAT;
        return buf_append(out, view_of(at, len));
    case FIELD_HEX:
        assert(2 * f->size < sizeof hex);
        hex_encode(at, f->size, hex);
        return buf_append(out, view_of(hex, 2 * f->size));
    case FIELD_NUMBER:
        memcpy(&number, at, sizeof number);
        return buf_append_u64(out, number);
    case FIELD_BOOL:
        return buf_append(out, *(const bool *)at ? VIEW_LIT("true") : VIEW_LIT("false"));
    }
    return ERR_BUG;
}

enum err identity_encode(const struct identity *i, struct buf *out)
{
    size_t before = out->len;
    enum err e = ERR_NONE;

    for (size_t k = 0; k < FIELD_COUNT && e == ERR_NONE; k++) {
        e = buf_append(out, fields[k].before);
        if (e == ERR_NONE)
            e = field_append(&fields[k], i, out);
    }
    if (e == ERR_NONE)
        e = buf_append(out, IDENTITY_END);
    if (e == ERR_NONE && out->len - before > IDENTITY_MAX_BYTES)
        e = ERR_LIMIT;
    if (e != ERR_NONE)
        out->len = before;
    return e;
}

/* --- decode */

static bool take_literal(struct view *v, struct view literal)
{
    struct view ignored;

    return view_starts(*v, literal) && view_take(v, literal.len, &ignored);
}

static bool take_hex(struct view *v, uint8_t *out, size_t n)
{
    struct view hex;

    if (!view_take(v, 2 * n, &hex))
        return false;
    for (size_t i = 0; i < hex.len; i++)
        if (hex.ptr[i] >= 'A' && hex.ptr[i] <= 'F')
            return false;
    return hex_decode(hex, out, n) == ERR_NONE;
}

static bool take_name(struct view *v, char *out, size_t size)
{
    struct view name;
    size_t len = 0;

    while (len < v->len && name_byte_ok(v->ptr[len]))
        len++;
    if (len == 0 || len >= size || !view_take(v, len, &name))
        return false;
    memcpy(out, name.ptr, len);
    memset(out + len, 0, size - len);
    return true;
}

static bool take_number(struct view *v, uint64_t *out)
{
    struct view digits;
    size_t len = 0;

    while (len < v->len && len <= NUMBER_MAX && v->ptr[len] >= '0' && v->ptr[len] <= '9')
        len++;
    if (len == 0 || (len > 1 && v->ptr[0] == '0'))
        return false;
    return view_take(v, len, &digits) && view_u64(digits, out);
}

static bool field_take(const struct field *f, struct view *v, struct identity *i)
{
    char *at = (char *)i + f->at;
    uint64_t number;

    switch (f->kind) {
    case FIELD_NAME:
        return take_name(v, at, f->size);
    case FIELD_HEX:
        return take_hex(v, (uint8_t *)at, f->size);
    case FIELD_NUMBER:
        if (!take_number(v, &number))
            return false;
        memcpy(at, &number, sizeof number);
        return true;
    case FIELD_BOOL:
        *(bool *)at = take_literal(v, VIEW_LIT("true"));
        return *(bool *)at || take_literal(v, VIEW_LIT("false"));
    }
    return false;
}

enum err identity_decode(struct view text, struct identity *out)
{
    struct identity i = {.boot = {{0}}};

    if (text.len > IDENTITY_MAX_BYTES)
        return ERR_FORMAT;
    for (size_t k = 0; k < FIELD_COUNT; k++)
        if (!take_literal(&text, fields[k].before) || !field_take(&fields[k], &text, &i))
            return ERR_FORMAT;
    if (!take_literal(&text, IDENTITY_END) || text.len != 0)
        return ERR_FORMAT;
    *out = i;
    return ERR_NONE;
}

/* --- what binds D to a report */

void evidence_leaf(enum evidence_purpose purpose, const uint8_t nonce[static 32],
                   const uint8_t cb[static 32], struct digest32 *leaf)
{
    static const char label[13] =
        "\0tr-nonce/v1"; /* leading 0x00: an RFC 6962 leaf; final NUL too */
    uint8_t input[sizeof label + 1 + 32 + 32];

    memcpy(input, label, sizeof label);
    input[sizeof label] = (uint8_t)purpose;
    memcpy(input + sizeof label + 1, nonce, 32);
    memcpy(input + sizeof label + 33, cb, 32);
    digest_sha256(view_of(input, sizeof input), leaf);
}

void evidence_report_data(struct view identity_text, const struct digest32 *root,
                          uint8_t out[static 64])
{
    static const char label[15] = "tr-evidence/v1"; /* with its NUL */
    uint8_t input[sizeof label + 32 + 32];
    struct digest32 identity_digest;

    digest_sha256(identity_text, &identity_digest);
    memcpy(input, label, sizeof label);
    memcpy(input + sizeof label, identity_digest.b, 32);
    memcpy(input + sizeof label + 32, root->b, 32);
    digest_sha512(view_of(input, sizeof input), out);
}
