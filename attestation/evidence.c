#include "evidence.h"

#include "canonical.h"

#define FIELD(text, kind, member) CANONICAL_FIELD(text, kind, identity, member)
static const struct canonical_field fields[] = {
    FIELD("{\"audience\":", CANONICAL_NAME, audience),
    FIELD(",\"boot\":", CANONICAL_HEX, boot),
    FIELD(",\"config_sha256\":", CANONICAL_HEX, config_sha256),
    FIELD(",\"cp_spki_sha256\":[", CANONICAL_HEX, cp_spki_sha256),
    FIELD("],\"hpke_x25519\":", CANONICAL_HEX, hpke_x25519),
    FIELD(",\"not_after\":", CANONICAL_NUMBER, not_after_s),
    FIELD(",\"purpose\":\"tr.identity.v1\",\"receipt_ed25519\":", CANONICAL_HEX, receipt_ed25519),
    FIELD(",\"role\":\"dataplane\",\"seal_x25519\":", CANONICAL_HEX, seal_x25519),
    FIELD(",\"simulated\":", CANONICAL_BOOL, simulated),
    FIELD(",\"tls_spki_sha256\":", CANONICAL_HEX, tls_spki_sha256),
};
/* By whether "unlocked_memory" is there. */
static const struct canonical documents[2] = {
    {fields, sizeof fields / sizeof fields[0], VIEW_LIT("}")},
    {fields, sizeof fields / sizeof fields[0], VIEW_LIT(",\"unlocked_memory\":true}")},
};

enum err identity_encode(const struct identity *i, struct buf *out)
{
    size_t before = out->len;
    enum err e = canonical_append(&documents[i->unlocked_memory], i, CANONICAL_ALL, out);

    if (e == ERR_NONE && out->len - before > IDENTITY_MAX_BYTES) {
        out->len = before;
        e = ERR_LIMIT;
    }
    return e;
}

enum err identity_decode(struct view text, struct identity *out)
{
    for (int unlocked = 0; unlocked < 2 && text.len <= IDENTITY_MAX_BYTES; unlocked++) {
        struct identity i = {.unlocked_memory = unlocked != 0};
        struct view rest = text;

        if (canonical_take(&documents[unlocked], &rest, &i) && rest.len == 0) {
            *out = i;
            return ERR_NONE;
        }
    }
    return ERR_FORMAT;
}

/* --- what binds D to a report */

bool identity_current(const struct identity *i, uint64_t now_s)
{
    return i->not_after_s > now_s &&
           i->not_after_s - now_s <= UINT64_C(86400) * (IDENTITY_VALID_DAYS + IDENTITY_CLOCK_DAYS);
}

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
