/* An auditor who recomputes ID_KEY_DIGEST must get what the firmware puts into a report, and a
 * block that differs in one bit must not pass as signed. The expected bytes come from
 * virtee/sev 6.3.1 (tests/fixtures/snp/id_block), never from ours; tests/interop/run asks
 * sev-snp-measure besides. */
#include "id_block.c"

#include "check.h"
#include "conf.h"

#define DIR "tests/fixtures/snp/id_block/"

static struct view file(const char *name)
{
    static struct buf files[8];
    static size_t n;
    struct buf *b = &files[n++ % 8];
    char path[128];

    buf_free(b);
    buf_init(b, 64 << 10);
    snprintf(path, sizeof path, DIR "%s", name);
    CHECK_INT(conf_read_file(path, 64 << 10, b), ERR_NONE);
    return buf_view(b);
}

static bool digest_is(const struct digest48 *d, const char *want)
{
    char hex[97];

    hex_encode(d->b, 48, hex);
    return strcmp(hex, want) == 0;
}

#define ID_DIGEST                                                                                  \
    "5352f79eef3c4413b31c1cfc69e5bc90e4dc3b3dffb16fa4becd2822f0cddb92"                             \
    "8b5f444691892430d1a395b681f8d363"
#define AUTHOR_DIGEST                                                                              \
    "d0da05d176f0e13efbdc6c88cedb3856d162575c1542a195534563fb2c82ebd4"                             \
    "a7f9d95d1398f7b1fd4fe75d82025f20"

static struct id_block block_of_the_fixture(void)
{
    struct id_block b = {.guest_svn = 7, .policy = 0x920000};

    memcpy(b.family_id, "trustedrouter", 13);
    memcpy(b.image_id, "dataplane-0.1", 13);
    CHECK_INT(hex_decode(view_str("c55b718e9ccf88ea6fd9bb870fbf15c06898a85fd912862d99e78110a08eaba0"
                                  "6e0713a5dfaac533382c7cc66527e178"),
                         b.launch.b, 48),
              ERR_NONE);
    return b;
}

static void block_has_the_abis_bytes(void)
{
    struct id_block b = block_of_the_fixture();
    struct view want = file("id-block.bin");
    uint8_t got[ID_BLOCK_BYTES];

    id_block_encode(&b, got);
    CHECK_BYTES(got, sizeof got, want.ptr, want.len);
}

static void policies(void)
{
    static const struct {
        uint64_t policy;
        bool valid;
    } t[] = {
        {0x30000, true},    {0x920000, true},
        {0x3920000, true},  {0x20000, true},
        {0x10000, false},   {0, false},
        {0x4020000, false}, {UINT64_C(1) << 63 | 0x20000, false},
    };

    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
        CHECK_INT(id_block_policy_valid(t[i].policy), t[i].valid);
}

static void keys(void)
{
    static const char *const bad[] = {
        "",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        /* P-256 */
        "-----BEGIN PUBLIC KEY-----\n"
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n"
        "6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n"
        "-----END PUBLIC KEY-----\n",
        /* encrypted: nobody is asked for a passphrase */
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
        "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-----END EC PRIVATE KEY-----\n",
    };
    uint8_t key[ID_KEY_BYTES];
    struct digest48 d;

    CHECK_INT(id_key_from_pem(file("id_key.pem"), key), ERR_NONE);
    CHECK_BYTES(key, sizeof key, file("id-auth.bin").ptr + AUTH_AT_ID_KEY, ID_KEY_BYTES);
    id_key_digest(key, &d);
    CHECK(digest_is(&d, ID_DIGEST));
    CHECK_INT(id_key_from_pem(file("author_key.pem"), key), ERR_NONE);
    id_key_digest(key, &d);
    CHECK(digest_is(&d, AUTHOR_DIGEST));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_INT(id_key_from_pem(view_str(bad[i]), key), ERR_FORMAT);
}

static void auth_is_judged(void)
{
    struct view block = file("id-block.bin"), auth = file("id-auth.bin");
    uint8_t other[ID_BLOCK_BYTES], changed[ID_AUTH_BYTES];
    struct id_auth a;

    CHECK_INT(id_auth_verify(auth, block.ptr, &a), ERR_NONE);
    CHECK(a.has_author && digest_is(&a.id_key, ID_DIGEST) &&
          digest_is(&a.author_key, AUTHOR_DIGEST));
    /* another launch, another policy, another SVN: one bit anywhere in the block */
    for (size_t i = 0; i < ID_BLOCK_BYTES * 8; i += 5) {
        memcpy(other, block.ptr, sizeof other);
        other[i / 8] ^= (uint8_t)(1 << i % 8);
        CHECK_INT(id_auth_verify(auth, other, &a), ERR_ATTESTATION);
    }
    /* every byte of the 4096 counts, but for the author's algorithm when there is no author */
    for (size_t i = 0; i < ID_AUTH_BYTES; i += i < AUTH_AT_END ? 7 : 61) {
        memcpy(changed, auth.ptr, sizeof changed);
        changed[i] ^= 0x10;
        CHECK(id_auth_verify(view_of(changed, sizeof changed), block.ptr, &a) != ERR_NONE);
    }
    CHECK_INT(id_auth_verify(view_of(auth.ptr, ID_AUTH_BYTES - 1), block.ptr, &a), ERR_FORMAT);
    /* without an author key only the ID key speaks */
    memcpy(changed, auth.ptr, sizeof changed);
    memset(changed + AUTH_AT_AUTHOR_KEY, 0, ID_KEY_BYTES);
    CHECK_INT(id_auth_verify(view_of(changed, sizeof changed), block.ptr, &a), ERR_NONE);
    CHECK(!a.has_author && zero(a.author_key.b, 48));
    /* an author who is no point of the curve */
    memset(changed + AUTH_AT_AUTHOR_KEY + KEY_AT_X, 0x5a, SNP_SCALAR_BYTES);
    changed[AUTH_AT_AUTHOR_KEY] = CURVE_P384;
    CHECK_INT(id_auth_verify(view_of(changed, sizeof changed), block.ptr, &a), ERR_FORMAT);
}

static const struct check_case cases[] = {
    {"id_block_bytes", block_has_the_abis_bytes},
    {"id_block_policies", policies},
    {"id_block_keys", keys},
    {"id_block_auth_is_judged", auth_is_judged},
};
CHECK_MAIN(cases)
