#include "near.h"

void near_report_data(const uint8_t signing_key[static 32], const struct digest32 *tls_spki,
                      const uint8_t *nonce, uint8_t out[static 64])
{
    static const char purpose[] = "tr-near-report/v1"; /* with its NUL */
    uint8_t text[sizeof purpose + 32 + 32];
    struct digest32 keys;

    memcpy(text, purpose, sizeof purpose);
    memcpy(text + sizeof purpose, signing_key, 32);
    memcpy(text + sizeof purpose + 32, tls_spki->b, 32);
    digest_sha256(view_of(text, sizeof text), &keys);
    memcpy(out, keys.b, 32);
    if (nonce != NULL)
        memcpy(out + 32, nonce, 32);
    else
        memset(out + 32, 0, 32);
}
