/* Digests name keys and bind evidence: known answers, from any thread, before secret_init() too. */
#include "check.h"
#include "secret.h"

#include <pthread.h>

#define ABC_256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY_256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC_384                                                                                    \
    "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c8" \
    "25a7"
#define ABC_512                                                                                    \
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fe" \
    "ebbd454d4423643ce80e2a9ac94fa54ca49f"

static void check_hex(const void *got, size_t n, const char *want)
{
    char text[129];

    hex_encode(got, n, text);
    CHECK_BYTES(text, strlen(text), want, strlen(want));
}

/* Runs first: nobody has called secret_init() yet. */
static void digests_before_init(void)
{
    struct digest32 d32;
    struct digest48 d48;
    uint8_t d64[64];

    digest_sha256(VIEW_LIT("abc"), &d32);
    check_hex(d32.b, 32, ABC_256);
    digest_sha256(VIEW_EMPTY, &d32);
    check_hex(d32.b, 32, EMPTY_256);
    digest_sha256_2(VIEW_LIT("a"), VIEW_LIT("bc"), &d32);
    check_hex(d32.b, 32, ABC_256);
    digest_sha256_2(VIEW_LIT("abc"), VIEW_EMPTY, &d32);
    check_hex(d32.b, 32, ABC_256);
    digest_sha256_2(VIEW_EMPTY, VIEW_LIT("abc"), &d32);
    check_hex(d32.b, 32, ABC_256);
    digest_sha384(VIEW_LIT("abc"), &d48);
    check_hex(d48.b, 48, ABC_384);
    digest_sha512(VIEW_LIT("abc"), d64);
    check_hex(d64, 64, ABC_512);
    CHECK_INT(secret_init(), ERR_NONE);
    CHECK_INT(secret_init(), ERR_NONE);
}

static void *digest_thread(void *wrong)
{
    for (unsigned i = 0; i < 2000; i++) {
        struct digest32 whole, parts;
        uint8_t bytes[100];
        struct view v = view_of(bytes, i % 100), head;

        memset(bytes, (int)i, sizeof bytes);
        digest_sha256(v, &whole);
        if (!view_take(&v, v.len / 3, &head))
            break;
        digest_sha256_2(head, v, &parts);
        if (!secret_equal(whole.b, parts.b, 32))
            *(unsigned *)wrong += 1;
    }
    return NULL;
}

static void digests_in_threads(void)
{
    pthread_t threads[4];
    unsigned wrong[4] = {0};

    for (int i = 0; i < 4; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, digest_thread, &wrong[i]), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(pthread_join(threads[i], NULL), 0);
        CHECK_INT(wrong[i], 0);
    }
}

static void equal_wipe_random(void)
{
    uint8_t a[32] = {0}, b[32] = {0};

    CHECK(secret_equal(a, b, 32));
    b[31] = 1;
    CHECK(!secret_equal(a, b, 32));
    CHECK(secret_equal(a, b, 31));
    CHECK(secret_equal(a, b, 0));
    secret_random(a, 32);
    secret_random(b, 32);
    CHECK(!secret_equal(a, b, 32));
    secret_wipe(a, 32);
    memset(b, 0, 32);
    CHECK(secret_equal(a, b, 32));
    secret_wipe(NULL, 0);
}

static void hex(void)
{
    static const struct {
        const char *text;
        size_t n;
        enum err e;
    } table[] = {
        {"00ff7F", 3, ERR_NONE},
        {"", 0, ERR_NONE},
        {"00ff7", 3, ERR_FORMAT},
        {"00ff7f00", 3, ERR_FORMAT},
        {"00ff7g", 3, ERR_FORMAT},
        {"00 f7f", 3, ERR_FORMAT},
        {"00:f7f", 3, ERR_FORMAT},
        {"00ff", 3, ERR_FORMAT},
        {"00", 0, ERR_FORMAT},
        {"0x00ff", 3, ERR_FORMAT},
        {"\xff\xff"
         "0000",
         3, ERR_FORMAT},
    };
    char text[7];

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint8_t out[4] = {1, 1, 1, 1};

        CHECK_INT(hex_decode(view_str(table[i].text), out, table[i].n), table[i].e);
        CHECK_INT(out[3], 1);
        if (table[i].e == ERR_NONE && table[i].n == 3)
            CHECK_BYTES(out, 3, "\x00\xff\x7f", 3);
    }
    CHECK_INT(hex_decode(view_of("00", SIZE_MAX), (uint8_t *)text, 1), ERR_FORMAT);
    hex_encode("\x00\xff\x7f", 3, text);
    CHECK_BYTES(text, 7, "00ff7f", 7);
    hex_encode("", 0, text);
    CHECK_INT(text[0], 0);
}

static const struct check_case cases[] = {
    {"secret_digests_before_init", digests_before_init},
    {"secret_digests_in_threads", digests_in_threads},
    {"secret_equal_wipe_random", equal_wipe_random},
    {"secret_hex", hex},
};
CHECK_MAIN(cases)
