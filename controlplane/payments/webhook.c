/* Signatures of webhooks. */
#include "webhook.h"
#include "secret.h"

#include <assert.h>
#include <openssl/evp.h>

struct signatures {
    struct view time; /* its digits, as they are signed */
    uint64_t time_s;
    struct digest32 v1[WEBHOOK_SIGNATURES_MAX];
    size_t n;
};

static struct view cut(struct view *rest, uint8_t separator)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->ptr, separator, rest->len);
    struct view part = view_of(rest->ptr, end == NULL ? rest->len : (size_t)(end - rest->ptr));

    *rest = view_from(*rest, part.len + 1);
    return part;
}

/* Schemes other than v1 are the service's own business ("v0" is of its test events). */
static enum err take_part(struct view name, struct view value, struct signatures *s)
{
    if (view_eq(name, VIEW_LIT("t"))) {
        if (s->time.len != 0)
            return ERR_DUPLICATE;
        s->time = value;
        return view_u64(value, &s->time_s) ? ERR_NONE : ERR_FORMAT;
    }
    if (!view_eq(name, VIEW_LIT("v1")))
        return ERR_NONE;
    if (s->n == WEBHOOK_SIGNATURES_MAX)
        return ERR_LIMIT;
    return value.len == 2 * sizeof s->v1[0].b
               ? hex_decode(value, s->v1[s->n++].b, sizeof s->v1[0].b)
               : ERR_FORMAT;
}

static enum err parse(struct view header, struct signatures *out)
{
    enum err e = header.len > WEBHOOK_HEADER_MAX ? ERR_LIMIT : ERR_NONE;

    *out = (struct signatures){0};
    while (e == ERR_NONE && header.len > 0) {
        struct view value = cut(&header, ','), name;

        value = view_trim(value);
        name = cut(&value, '=');
        e = take_part(name, value, out);
    }
    return e == ERR_NONE && out->time.len > 0 && out->n > 0 ? ERR_NONE : ERR_FORMAT;
}

static enum err sign(struct view secret, struct view time, struct view body, struct digest32 *out)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    char sha256[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", sha256, 0), OSSL_PARAM_construct_end()};
    size_t len = 0;
    bool good = ctx != NULL && EVP_MAC_init(ctx, secret.ptr, secret.len, params) == 1 &&
                EVP_MAC_update(ctx, time.ptr, time.len) == 1 &&
                EVP_MAC_update(ctx, (const uint8_t *)".", 1) == 1 &&
                (body.len == 0 || EVP_MAC_update(ctx, body.ptr, body.len) == 1) &&
                EVP_MAC_final(ctx, out->b, &len, sizeof out->b) == 1 && len == sizeof out->b;

    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
    return good ? ERR_NONE : ERR_CRYPTO;
}

enum err webhook_verify(struct view header, struct view body, const struct view *secrets, size_t n, int64_t now_s)
{
    struct signatures s;
    struct digest32 ours = {0};
    unsigned fits = 0;
    enum err e = parse(header, &s);

    for (size_t i = 0; e == ERR_NONE && i < n; i++) {
        assert(secrets[i].len > 0); /* the empty secret is everybody's */
        e = sign(secrets[i], s.time, body, &ours);
        for (size_t k = 0; e == ERR_NONE && k < s.n; k++)
            fits |= secret_equal(ours.b, s.v1[k].b, sizeof ours.b);
    }
    secret_wipe(&ours, sizeof ours);
    if (e != ERR_NONE)
        return e;
    if (fits == 0)
        return ERR_AUTH;
    if (s.time_s > INT64_MAX / 2 || now_s - (int64_t)s.time_s > WEBHOOK_TOLERANCE_S ||
        (int64_t)s.time_s - now_s > WEBHOOK_TOLERANCE_S)
        return ERR_RANGE;
    return ERR_NONE;
}
