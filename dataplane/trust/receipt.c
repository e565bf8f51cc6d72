#include "receipt.h"

#include <assert.h>
#include <sodium.h>

static const char receipt_prefix[] = "rcpt-", chat_prefix[] = "gen-";

_Static_assert(sizeof receipt_prefix - 1 + ID_TEXT_LEN == RECEIPT_ID_LEN, "rcpt- and the id");
_Static_assert(sizeof chat_prefix - 1 + ID_TEXT_LEN == RECEIPT_CHAT_ID_LEN, "gen- and the id");

static const char *const paths[RECEIPT_ENDPOINTS] = {
#define RECEIPT_PATH_TEXT(name, path)                                                              \
    [RECEIPT_##name##_V1] = "/v1" path, [RECEIPT_##name##_API_V1] = "/api/v1" path,
    RECEIPT_PATHS(RECEIPT_PATH_TEXT)
#undef RECEIPT_PATH_TEXT
};

const char *receipt_path(enum receipt_endpoint e)
{
    assert(e >= 0 && e < RECEIPT_ENDPOINTS);
    return paths[e];
}

enum receipt_endpoint receipt_endpoint_of(struct view path)
{
    unsigned e = 0;

    while (e < RECEIPT_ENDPOINTS && !view_eq(path, view_str(paths[e])))
        e++;
    return (enum receipt_endpoint)e;
}

bool receipt_is_openrouter(enum receipt_endpoint e)
{
    return strncmp(receipt_path(e), "/api/", 5) == 0;
}

void receipt_id_text(const struct id *id, char out[static RECEIPT_ID_LEN + 1])
{
    memcpy(out, receipt_prefix, sizeof receipt_prefix - 1);
    id_text(id, out + sizeof receipt_prefix - 1);
}

void receipt_chat_id_text(const struct id *id, char out[static RECEIPT_CHAT_ID_LEN + 1])
{
    memcpy(out, chat_prefix, sizeof chat_prefix - 1);
    id_text(id, out + sizeof chat_prefix - 1);
}

enum err receipt_id_parse(struct view text, struct id *out)
{
    struct view skipped;

    if (view_starts(text, VIEW_LIT("rcpt-")))
        (void)view_take(&text, sizeof receipt_prefix - 1, &skipped);
    else if (view_starts(text, VIEW_LIT("gen-")))
        (void)view_take(&text, sizeof chat_prefix - 1, &skipped);
    else
        return ERR_FORMAT;
    return text.len == ID_TEXT_LEN ? id_parse(text, out) : ERR_FORMAT;
}

/* --- commitments */

static void hmac(const uint8_t *key, struct view message, const uint8_t *id, uint8_t out[static 32])
{
    crypto_auth_hmacsha256_state state;

    crypto_auth_hmacsha256_init(&state, key, 32);
    crypto_auth_hmacsha256_update(&state, message.ptr, message.len);
    crypto_auth_hmacsha256_update(&state, id, 32);
    crypto_auth_hmacsha256_final(&state, out);
    secret_wipe(&state, sizeof state);
}

void receipt_commit(const struct secret32 *boot_secret, const struct receipt_facts *f,
                    enum receipt_side side, struct receipt_commitment *out)
{
    /* with their NULs, so that no label is the beginning of another */
    static const char salt[2][24] = {"tr.salt.request.v1", "tr.salt.response.v1"};
    static const char request[] = "tr.commitment.request.v1";
    static const char response[] = "tr.commitment.response.v1";
    uint8_t id[32] = {0};

    assert(side == RECEIPT_REQUEST || (f->flags & RECEIPT_RETURNED) != 0);
    memcpy(id, f->id.b, sizeof f->id.b);
    hmac(boot_secret->b, view_of(salt[side], sizeof salt[side]), id, out->salt);
    if (side == RECEIPT_REQUEST)
        hmac(out->salt, view_of(request, sizeof request), f->received.b, out->value.b);
    else
        hmac(out->salt, view_of(response, sizeof response), f->returned.b, out->value.b);
}
