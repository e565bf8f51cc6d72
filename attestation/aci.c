#include "aci.h"

#include "jcs.h"

#include <sodium.h>

enum { KEYSET_MAX = 16 << 10 };

enum err aci_keyset_digest(struct view keyset, struct digest32 *out)
{
    struct json_value root;
    struct buf canonical;
    enum err e;

    if (json_check(keyset, &root, NULL) != ERR_NONE || root.kind != JSON_OBJECT)
        return ERR_FORMAT;
    buf_init(&canonical, KEYSET_MAX);
    e = jcs_append(root, NULL, &canonical);
    if (e == ERR_NONE)
        digest_sha256(buf_view(&canonical), out);
    buf_free(&canonical);
    return e;
}

/* Lower case only: one document, one spelling. */
static bool hex_exact(struct view text, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] >= 'A' && text.ptr[i] <= 'F')
            return false;
    }
    return hex_decode(text, out, n) == ERR_NONE;
}

enum err aci_keyset_receipt_key(struct view keyset, struct view key_id, uint8_t out[static 32])
{
    struct json_value root, keys, member;
    struct json_member key;
    struct view id, algo, hex;
    enum err e = ERR_NOT_FOUND;

    if (json_check(keyset, &root, NULL) != ERR_NONE ||
        json_only(root, "receipt_signing_keys", &keys) != ERR_NONE || keys.kind != JSON_ARRAY)
        return ERR_FORMAT;
    for (struct json_iter it = json_iter(keys); json_next(&it, &key);) {
        if (json_only(key.value, "key_id", &member) != ERR_NONE || !json_string_plain(member, &id))
            return ERR_FORMAT;
        if (!view_eq(id, key_id))
            continue;
        if (e == ERR_NONE)
            return ERR_DUPLICATE;
        if (json_only(key.value, "algo", &member) != ERR_NONE || !json_string_plain(member, &algo))
            return ERR_FORMAT;
        if (!view_eq(algo, VIEW_LIT("ed25519")))
            return ERR_UNSUPPORTED;
        if (json_only(key.value, "public_key", &member) != ERR_NONE ||
            !json_string_plain(member, &hex) || !hex_exact(hex, out, 32))
            return ERR_FORMAT;
        e = ERR_NONE;
    }
    return e;
}

enum err aci_statement(const struct digest32 *keyset, const uint8_t *nonce, struct buf *out)
{
    char digest_hex[65], nonce_hex[65];

    hex_encode(keyset->b, 32, digest_hex);
    if (nonce != NULL)
        hex_encode(nonce, 32, nonce_hex);
    return buf_appendf(out,
                       "{\"keyset_digest\":\"sha256:%s\",\"nonce\":%s%s%s,"
                       "\"purpose\":\"aci.report_data.v1\"}",
                       digest_hex, nonce != NULL ? "\"" : "", nonce != NULL ? nonce_hex : "null",
                       nonce != NULL ? "\"" : "");
}

enum err aci_report_data(const struct digest32 *keyset, const uint8_t *nonce,
                         uint8_t out[static 64])
{
    struct buf statement;
    struct digest32 d;
    enum err e;

    buf_init(&statement, 512);
    e = aci_statement(keyset, nonce, &statement);
    if (e == ERR_NONE) {
        digest_sha256(buf_view(&statement), &d);
        memcpy(out, d.b, 32);
        memset(out + 32, 0, 32);
    }
    buf_free(&statement);
    return e;
}

/* Append a canonical object with one more member, at its canonical place. */
static enum err member_insert(struct view canonical, struct view name, struct view text,
                              struct buf *out)
{
    size_t at = canonical.len - 1; /* before the brace, when every other name comes earlier */
    struct json_member m;
    struct json_value root;
    enum err e;

    if (json_check(canonical, &root, NULL) != ERR_NONE)
        return ERR_BUG;
    for (struct json_iter it = json_iter(root); json_next(&it, &m);) {
        size_t n = m.key.len < name.len ? m.key.len : name.len;

        int order = memcmp(m.key.ptr, name.ptr, n);

        if (order > 0 || (order == 0 && m.key.len > name.len)) {
            at = (size_t)(m.key.ptr - canonical.ptr) - 1; /* its quote */
            break;
        }
    }
    e = buf_append(out, view_of(canonical.ptr, at));
    if (e == ERR_NONE)
        e = buf_appendf(out, "%s\"%.*s\":\"%.*s\"%s", at == canonical.len - 1 ? "," : "",
                        (int)name.len, (const char *)name.ptr, (int)text.len,
                        (const char *)text.ptr, at == canonical.len - 1 ? "" : ",");
    return e == ERR_NONE ? buf_append(out, view_from(canonical, at)) : e;
}

enum err aci_receipt_sign(struct view unsigned_document, const uint8_t secret[static 64],
                          struct buf *out)
{
    uint8_t signature[64];
    char hex[129];
    struct json_value root;
    struct buf canonical;
    enum err e;

    if (json_check(unsigned_document, &root, NULL) != ERR_NONE || root.kind != JSON_OBJECT)
        return ERR_FORMAT;
    buf_init(&canonical, ACI_RECEIPT_MAX);
    e = jcs_append(root, "signature", &canonical);
    if (e == ERR_NONE && canonical.len <= 2)
        e = ERR_FORMAT;
    if (e == ERR_NONE &&
        crypto_sign_detached(signature, NULL, canonical.ptr, canonical.len, secret))
        e = ERR_CRYPTO;
    if (e == ERR_NONE) {
        hex_encode(signature, sizeof signature, hex);
        e = member_insert(buf_view(&canonical), VIEW_LIT("signature"), view_of(hex, 128), out);
    }
    buf_free(&canonical);
    return e;
}

/* --- reading a receipt --- */

static bool text_of(struct json_value object, const char *name, struct view *out)
{
    struct json_value v;

    return json_get(object, name, &v) && json_string_plain(v, out);
}

static bool digest_of(struct json_value object, const char *name, struct digest32 *out)
{
    static const char prefix[] = "sha256:";
    struct view text, skipped;

    return text_of(object, name, &text) && view_starts(text, VIEW_LIT("sha256:")) &&
           view_take(&text, sizeof prefix - 1, &skipped) && hex_exact(text, out->b, 32);
}

/* Each hashed event at most once; request.received comes first. */
static bool events_read(struct json_value root, struct aci_receipt *r)
{
    struct {
        const char *type;
        bool *has;
        struct digest32 *digest;
    } hashed[] = {{"request.received", &r->has_received, &r->received},
                  {"request.forwarded", &r->has_forwarded, &r->forwarded},
                  {"response.returned", &r->has_returned, &r->returned}};
    struct json_value log, type;
    struct json_member event;
    struct json_iter it;
    unsigned n = 0;

    if (!json_get(root, "event_log", &log) || log.kind != JSON_ARRAY)
        return false;
    for (it = json_iter(log); json_next(&it, &event); n++) {
        if (n == ACI_EVENTS_MAX || !json_get(event.value, "type", &type))
            return false;
        for (size_t i = 0; i < sizeof hashed / sizeof hashed[0]; i++) {
            if (!json_string_is(type, hashed[i].type))
                continue;
            /* in the order of the table, which is the order in which they happen */
            for (size_t later = i; later < sizeof hashed / sizeof hashed[0]; later++) {
                if (*hashed[later].has)
                    return false;
            }
            if (!digest_of(event.value, "body_hash", hashed[i].digest))
                return false;
            *hashed[i].has = true;
        }
        if (n == 0 && !r->has_received)
            return false;
    }
    return r->has_received;
}

static bool receipt_read(struct json_value root, struct aci_receipt *r)
{
    struct json_value v;
    struct view version;

    return text_of(root, "api_version", &version) && view_eq(version, VIEW_LIT("aci/1")) &&
           text_of(root, "receipt_id", &r->receipt_id) && text_of(root, "key_id", &r->key_id) &&
           text_of(root, "endpoint", &r->endpoint) &&
           digest_of(root, "workload_keyset_digest", &r->keyset) &&
           json_get(root, "served_at", &v) && json_i64(v, &r->served_at) == ERR_NONE &&
           (!json_get(root, "chat_id", &v) || v.kind == JSON_NULL ||
            json_string_plain(v, &r->chat_id)) &&
           (!json_get(root, "model", &v) || v.kind == JSON_NULL ||
            json_string_plain(v, &r->model)) &&
           events_read(root, r);
}

enum err aci_receipt_open(struct view document, const uint8_t public[static 32],
                          struct aci_receipt *out)
{
    struct aci_receipt r = {0};
    struct json_value root, v;
    struct view hex;
    uint8_t signature[64];
    struct buf canonical;
    enum err e;

    if (document.len > ACI_RECEIPT_MAX || json_check(document, &root, NULL) != ERR_NONE ||
        root.kind != JSON_OBJECT || !json_get(root, "signature", &v) ||
        !json_string_plain(v, &hex) || !hex_exact(hex, signature, sizeof signature))
        return ERR_FORMAT;
    buf_init(&canonical, ACI_RECEIPT_MAX);
    e = jcs_append(root, "signature", &canonical);
    if (e == ERR_NONE &&
        crypto_sign_verify_detached(signature, canonical.ptr, canonical.len, public) != 0)
        e = ERR_AUTH;
    buf_free(&canonical);
    if (e == ERR_NONE && !receipt_read(root, &r))
        e = ERR_FORMAT;
    if (e == ERR_NONE)
        *out = r;
    return e == ERR_AUTH ? e : e == ERR_NONE ? ERR_NONE : ERR_FORMAT;
}
