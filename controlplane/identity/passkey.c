/* Client data and authenticator data of passkeys. */
#include "passkey.h"

#include "json.h"

#include <assert.h>
#include <fido.h>
#include <fido/eddsa.h>
#include <fido/es256.h>
#include <fido/rs256.h>
#include <stdio.h>

enum { FLAG_PRESENT = 1 << 0, FLAG_VERIFIED = 1 << 2, FLAG_SYNCED = 1 << 4, RP_HASH_BYTES = 32, FLAGS_AT = 32 };

void passkey_init(void)
{
    fido_init(FIDO_DISABLE_U2F_FALLBACK);
}

/* --- what the browser wrote */

/* A member whose value is text without escapes; there is one of this name. */
static bool text_of(struct json_value object, const char *name, struct view *out)
{
    struct json_value v;

    return json_only(object, name, &v) == ERR_NONE && json_string_plain(v, out);
}

/* A page in a frame of another site says so. */
static bool framed(struct json_value object)
{
    struct json_value v;
    enum err cross = json_only(object, "crossOrigin", &v);

    return (cross == ERR_NONE && v.kind != JSON_FALSE) || cross == ERR_DUPLICATE ||
           json_only(object, "topOrigin", &v) != ERR_NOT_FOUND;
}

enum err passkey_client_data(struct view json, enum passkey_act act, const struct site *site, struct digest32 *challenge)
{
    static const struct view acts[] = {[PASSKEY_CREATE] = VIEW_LIT("webauthn.create"), [PASSKEY_GET] = VIEW_LIT("webauthn.get")};
    struct view type, origin, text;
    struct json_value root;

    if (json.len > PASSKEY_CLIENT_DATA_MAX || json_check(json, &root, NULL) != ERR_NONE || root.kind != JSON_OBJECT ||
        !text_of(root, "type", &type) || !text_of(root, "origin", &origin) || !text_of(root, "challenge", &text) ||
        text.len != PASSKEY_CHALLENGE_TEXT)
        return ERR_FORMAT;
    if (!view_eq(type, acts[act]) || !view_eq(origin, site->origin) || framed(root))
        return ERR_AUTH;
    digest_sha256(text, challenge);
    return ERR_NONE;
}

/* --- what the authenticator wrote */

/* The site's name as a C string. */
static void host_text(const struct site *site, char out[static 254])
{
    assert(site->host.len < 254);
    memcpy(out, site->host.ptr, site->host.len);
    out[site->host.len] = '\0';
}

/* libfido2 looks at these itself when it verifies a signature; a new passkey has none. */
static bool for_site(struct view data, const struct site *site)
{
    struct digest32 host;

    digest_sha256(site->host, &host);
    return data.len > FLAGS_AT && memcmp(data.ptr, host.b, RP_HASH_BYTES) == 0 && (data.ptr[FLAGS_AT] & FLAG_PRESENT) != 0 &&
           (data.ptr[FLAGS_AT] & FLAG_VERIFIED) != 0;
}

static bool keep(const unsigned char *from, size_t len, uint8_t *to, size_t max, size_t *to_len)
{
    if (from == NULL || len == 0 || len > max)
        return false;
    memcpy(to, from, len);
    *to_len = len;
    return true;
}

static enum err take_made(fido_cred_t *cred, struct passkey *out)
{
    if (!keep(fido_cred_id_ptr(cred), fido_cred_id_len(cred), out->id, sizeof out->id, &out->id_len) ||
        !keep(fido_cred_pubkey_ptr(cred), fido_cred_pubkey_len(cred), out->key, sizeof out->key, &out->key_len))
        return ERR_FORMAT;
    out->count = fido_cred_sigcount(cred);
    out->synced = (fido_cred_flags(cred) & FLAG_SYNCED) != 0;
    return ERR_NONE;
}

/* libfido2 wants to be told the algorithm, and reads only data that has it. */
static enum err read_made(struct view data, int algorithm, struct passkey *out)
{
    fido_cred_t *cred = fido_cred_new();
    enum err e = ERR_FORMAT;

    if (cred == NULL)
        return ERR_MEMORY;
    out->algorithm = algorithm;
    if (fido_cred_set_type(cred, algorithm) == FIDO_OK && fido_cred_set_authdata_raw(cred, data.ptr, data.len) == FIDO_OK)
        e = take_made(cred, out);
    fido_cred_free(&cred);
    return e;
}

/* Whether the key is one at all: a point on its curve, a modulus of a size that we take. */
static void *key_new(const struct passkey *p)
{
    es256_pk_t *es256;
    eddsa_pk_t *eddsa;
    rs256_pk_t *rs256;

    switch (p->algorithm) {
    case COSE_ES256:
        es256 = es256_pk_new();
        if (es256 != NULL && es256_pk_from_ptr(es256, p->key, p->key_len) != FIDO_OK)
            es256_pk_free(&es256);
        return es256;
    case COSE_EDDSA:
        eddsa = eddsa_pk_new();
        if (eddsa != NULL && eddsa_pk_from_ptr(eddsa, p->key, p->key_len) != FIDO_OK)
            eddsa_pk_free(&eddsa);
        return eddsa;
    case COSE_RS256:
        rs256 = rs256_pk_new();
        if (rs256 != NULL && rs256_pk_from_ptr(rs256, p->key, p->key_len) != FIDO_OK)
            rs256_pk_free(&rs256);
        return rs256;
    default:
        return NULL;
    }
}

static void key_free(const struct passkey *p, void *key)
{
    if (p->algorithm == COSE_ES256)
        es256_pk_free(&(es256_pk_t *){key});
    else if (p->algorithm == COSE_EDDSA)
        eddsa_pk_free(&(eddsa_pk_t *){key});
    else
        rs256_pk_free(&(rs256_pk_t *){key});
}

static enum err key_check(const struct passkey *p)
{
    void *key = key_new(p);

    if (key == NULL)
        return ERR_FORMAT;
    key_free(p, key);
    return ERR_NONE;
}

enum err passkey_made(struct view data, const struct site *site, struct passkey *out)
{
#define NUMBER(algorithm) algorithm,
    static const int algorithms[] = {PASSKEY_ALGORITHMS(NUMBER)};
#undef NUMBER
    enum err e = ERR_FORMAT;

    *out = (struct passkey){0};
    if (data.len == 0 || data.len > PASSKEY_DATA_MAX)
        return ERR_FORMAT;
    for (size_t i = 0; e == ERR_FORMAT && i < sizeof algorithms / sizeof algorithms[0]; i++)
        e = read_made(data, algorithms[i], out);
    if (e == ERR_NONE)
        e = key_check(out);
    return e == ERR_NONE && !for_site(data, site) ? ERR_AUTH : e;
}

/* Everything that is to be verified, in the order in which libfido2 wants it. */
static bool fill(fido_assert_t *given, struct view client_data, struct view data, struct view signature, const char *host)
{
    return fido_assert_set_count(given, 1) == FIDO_OK && fido_assert_set_rp(given, host) == FIDO_OK &&
           fido_assert_set_clientdata(given, client_data.ptr, client_data.len) == FIDO_OK &&
           fido_assert_set_up(given, FIDO_OPT_TRUE) == FIDO_OK && fido_assert_set_uv(given, FIDO_OPT_TRUE) == FIDO_OK &&
           fido_assert_set_authdata_raw(given, 0, data.ptr, data.len) == FIDO_OK &&
           fido_assert_set_sig(given, 0, signature.ptr, signature.len) == FIDO_OK;
}

enum err passkey_signed(const struct passkey *kept, struct view client_data, struct view data, struct view signature,
                        const struct site *site, uint32_t *count)
{
    fido_assert_t *given = NULL;
    void *key = key_new(kept);
    enum err e = ERR_FORMAT;
    char host[254];

    if (key == NULL || data.len == 0 || data.len > PASSKEY_DATA_MAX || signature.len == 0 ||
        signature.len > PASSKEY_SIGNATURE_MAX || client_data.len == 0)
        goto done;
    given = fido_assert_new();
    host_text(site, host);
    if (given == NULL) {
        e = ERR_MEMORY;
    } else if (fill(given, client_data, data, signature, host)) {
        e = fido_assert_verify(given, 0, kept->algorithm, key) == FIDO_OK ? ERR_NONE : ERR_AUTH;
        *count = fido_assert_sigcount(given, 0);
    }
done:
    fido_assert_free(&given);
    if (key != NULL)
        key_free(kept, key);
    return e;
}

bool passkey_is_synced(struct view data)
{
    return data.len > FLAGS_AT && (data.ptr[FLAGS_AT] & FLAG_SYNCED) != 0;
}
