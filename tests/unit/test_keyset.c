/* The keyset is what every receipt and every header refers to by digest: were its spelling not
 * canonical, or a key in it not the boot's own, no independent verifier would get the same digest.
 */
#include "keyset.c"

#include "check.h"
#include "identity.h"
#include "jcs.h"

#include <stdio.h>

static struct identity_keys *boot(const char *audience)
{
    struct identity_config c = {.audience = audience, .simulated = true};
    struct identity_keys *k = NULL;

    CHECK_INT(identity_keys_new(&c, &k), ERR_NONE);
    return k;
}

static bool has(const struct keyset *k, const char *text)
{
    struct view v = keyset_text(k);

    return memmem(v.ptr, v.len, text, strlen(text)) != NULL;
}

static void lists_the_boots_keys(void)
{
    struct identity_keys *keys = boot("api.example.com");
    struct keyset *k = NULL;
    struct identity i;
    char hex[65], want[200];
    uint8_t receipt[32];
    struct digest32 d;
    struct view id;

    CHECK_INT(keyset_new(keys, &k), ERR_NONE);
    CHECK_INT(identity_decode(identity_text(keys), &i), ERR_NONE);
    identity_receipt_key(keys, receipt);
    hex_encode(receipt, 32, hex);
    id = keyset_receipt_key_id(k);
    snprintf(want, sizeof want, "\"key_id\":\"%.*s\",\"public_key\":\"%s\"", (int)id.len,
             (const char *)id.ptr, hex);
    CHECK(has(k, want));
    digest_sha256(view_of(receipt, 32), &d);
    hex_encode(d.b, 8, hex);
    CHECK(view_starts(id, VIEW_LIT("receipt-")) && memcmp(id.ptr + 8, hex, 16) == 0);
    hex_encode(i.tls_spki_sha256.b, 32, hex);
    snprintf(want, sizeof want, "{\"domain\":\"api.example.com\",\"spki_sha256\":\"%s\"}", hex);
    CHECK(has(k, want));
    snprintf(want, sizeof want, "\"not_after\":%llu,", (unsigned long long)i.not_after_s);
    CHECK(has(k, want));
    hex_encode(i.hpke_x25519, 32, hex);
    CHECK(!has(k, hex)); /* not a key for clients */
    keyset_free(k);
    identity_keys_free(keys);
}

static void is_canonical(void)
{
    struct identity_keys *keys = boot("{a}:8443/[x]'~");
    struct keyset *k = NULL;
    struct json_value root;
    struct buf jcs;
    struct digest32 d;
    char hex[65];

    CHECK_INT(keyset_new(keys, &k), ERR_NONE);
    CHECK_INT(json_check(keyset_text(k), &root, NULL), ERR_NONE);
    buf_init(&jcs, 4096);
    CHECK_INT(jcs_append(root, NULL, &jcs), ERR_NONE);
    CHECK_BYTES(jcs.ptr, jcs.len, keyset_text(k).ptr, keyset_text(k).len);
    digest_sha256(buf_view(&jcs), &d);
    CHECK(secret_equal(d.b, keyset_digest(k)->b, 32));
    hex_encode(d.b, 32, hex);
    CHECK_INT(keyset_digest_text(k).len, 71);
    CHECK(memcmp(keyset_digest_text(k).ptr, "sha256:", 7) == 0 &&
          memcmp(keyset_digest_text(k).ptr + 7, hex, 64) == 0);
    buf_free(&jcs);
    keyset_free(k);
    identity_keys_free(keys);
}

static void another_boot_is_another_keyset(void)
{
    struct identity_keys *one = boot("a"), *two = boot("a");
    struct keyset *k1 = NULL, *k2 = NULL;

    CHECK_INT(keyset_new(one, &k1), ERR_NONE);
    CHECK_INT(keyset_new(two, &k2), ERR_NONE);
    CHECK(!secret_equal(keyset_digest(k1)->b, keyset_digest(k2)->b, 32));
    CHECK(!view_eq(keyset_receipt_key_id(k1), keyset_receipt_key_id(k2)));
    keyset_free(k1);
    keyset_free(k2);
    identity_keys_free(one);
    identity_keys_free(two);
}

static const struct check_case cases[] = {
    {"keyset_lists_the_boots_keys", lists_the_boots_keys},
    {"keyset_is_canonical", is_canonical},
    {"keyset_another_boot_is_another", another_boot_is_another_keyset},
};
CHECK_MAIN(cases)
