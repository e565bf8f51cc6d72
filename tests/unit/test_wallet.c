/* A wallet's message is read by its grammar and nothing else, is for this site, and was signed by the address in it: each
 * accepted form with refused twins. The digests and signatures are of another implementation (ethers 6.17.0). */
#include "../../controlplane/identity/keccak.c"
#include "../../controlplane/identity/site.c"
#include "../../controlplane/identity/wallet.c"
#include "../../controlplane/identity/wallet_message.c"

#include "check.h"

#include <stdlib.h>

#define ADDRESS "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F"
#define HEAD "console.example.com wants you to sign in with your Ethereum account:\n" ADDRESS "\n\n"
#define BODY                                                                                                           \
    "URI: https://console.example.com/login\nVersion: 1\nChain ID: 1\nNonce: Ab12345678\nIssued At: 2026-11-30T12:00:00.000Z"
#define WHOLE HEAD "Sign in to TrustedRouter.\n\n" BODY "\nExpiration Time: 2026-11-30T12:10:00Z"
#define NOON UINT64_C(1796040000) /* 2026-11-30T12:00:00Z */

static const char signature_hex[] = "fefb5d6805b44542f1dd7a69e51598baba2ff7605742b9d3639b7989a5de63af"
                                    "16b426e05533faa1de1c5b4bfed466f4f60a6b496c01952d12f8ff24cc9e84e41b";
static struct site site;

static void begin(void)
{
    CHECK_INT(secret_init(), ERR_NONE);
    CHECK_INT(site_parse("https://console.example.com", &site), ERR_NONE);
}

static void check_digest(struct view v, const char *want)
{
    uint8_t digest[KECCAK_BYTES];
    char hex[2 * KECCAK_BYTES + 1];

    for (size_t cut = 0; cut <= v.len; cut += v.len / 3 + 1) {
        keccak256(view_of(v.ptr, cut), view_from(v, cut), digest);
        hex_encode(digest, sizeof digest, hex);
        CHECK_BYTES(hex, strlen(hex), want, strlen(want));
    }
}

static void keccak_vectors(void)
{
    static const struct {
        size_t n; /* letters a */
        const char *digest;
    } rows[] = {
        {0, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"},
        {1, "3ac225168df54212a25c1c01fd35bebfea408fdac2e31ddd6f80a4bbf9a5f1cb"},
        {134, "e5de5653994e2fa6729d329b65b5f332dee942a7ea54515e173824c232a4ff91"},
        {135, "34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446"},
        {136, "a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e"},
        {137, "d869f639c7046b4929fc92a4d988a8b22c55fbadb802c0c66ebcd484f1915f39"},
        {271, "132f47effd6c8b1b299efa53fe68aece77ec8ae4eb2e294f668eec94f76001e1"},
        {272, "cf7fcd4f705ee749930d19ca84561a9bf62516bd90a471545fa2f49fdc7e63c8"},
        {1000, "b6a4ac1f51884d71f30fa397a5e155de3099e11fc0edef5d08b646e621e19de9"},
    };
    uint8_t letters[1000];

    begin();
    memset(letters, 'a', sizeof letters);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_digest(view_of(letters, rows[i].n), rows[i].digest);
    check_digest(VIEW_LIT("abc"), "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"); /* Keccak's authors */
}

static void addresses(void)
{
    /* The examples of EIP-55. */
    static const char *const good[] = {
        "0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77", "0x27b1fdb04752bbc536007a920d24acb045561c26",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    };
    static const char *const bad[] = {
        "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",  "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed",  "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed0", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg", "",
    };
    uint8_t address[WALLET_ADDRESS_BYTES];

    begin();
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK_INT(wallet_address_parse(view_str(good[i]), address), ERR_NONE);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_INT(wallet_address_parse(view_str(bad[i]), address), ERR_FORMAT);
}

static void grammar(void)
{
    static const char *const good[] = {
        WHOLE,
        "https://" WHOLE,
        HEAD "\n" BODY, /* no statement */
        HEAD "Sign in to TrustedRouter.\n\n" BODY,
        WHOLE "\nNot Before: 2026-11-30T12:00:00+01:00\nRequest ID: a%20b@c:d\nResources:\n- ipfs://x\n- https://e.example/?a#b",
        WHOLE "\nResources:",
        WHOLE "\nRequest ID: ",
    };
    static const char *const bad[] = {
        "",
        WHOLE "\n",
        WHOLE " ",
        WHOLE "\nRequest ID: a b",
        WHOLE "\nResources:\n- no uri",
        WHOLE "\nResources:\n-ipfs://x",
        WHOLE "\nResources: ipfs://x",
        WHOLE "\nRequest ID: x\nNot Before: 2026-11-30T12:00:00Z", /* not in that order */
        WHOLE "\nExpiration Time: 2026-11-30T12:10:00Z",           /* twice */
        " " WHOLE,
        "://" WHOLE,
        "1x://" WHOLE,
        "two words" HEAD "\n" BODY,
        HEAD BODY,
        HEAD "one\ntwo\n\n" BODY,
        HEAD "\"quoted\"\n\n" BODY,
        HEAD "\n" BODY "Z",
        "console.example.com wants you to sign in with your Ethereum account:\n0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f\n\n\n" BODY,
        "console.example.com wants you to sign in with your Solana account:\n" ADDRESS "\n\n\n" BODY,
    };
    struct wallet_message m;

    begin();
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK_INT(wallet_message_parse(view_str(good[i]), &m), ERR_NONE);
        CHECK(view_eq(m.domain, VIEW_LIT("console.example.com")));
        CHECK_INT(m.chain_id, 1);
        CHECK(view_eq(m.nonce, VIEW_LIT("Ab12345678")));
        CHECK_INT(m.issued_s, NOON);
    }
    CHECK_INT(wallet_message_parse(view_str(good[4]), &m), ERR_NONE);
    CHECK_INT(m.not_before_s, NOON - 3600);
    CHECK_INT(m.resources, 2);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (wallet_message_parse(view_str(bad[i]), &m) != ERR_FORMAT)
            check_fail(__FILE__, __LINE__, bad[i]);
}

/* One line of the message in another way. */
static void lines(void)
{
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"Version: 1", "Version: 2"},
        {"Version: 1", "Version: 01"},
        {"Version: 1", "version: 1"},
        {"Chain ID: 1", "Chain ID: "},
        {"Chain ID: 1", "Chain ID: 0x1"},
        {"Chain ID: 1", "Chain ID: 99999999999999999999"},
        {"Nonce: Ab12345678", "Nonce: Ab12345"},
        {"Nonce: Ab12345678", "Nonce: Ab1234567-"},
        {"Nonce: Ab12345678\n", ""},
        {"12:00:00.000Z", "12:00:00.000"},
        {"12:00:00.000Z", "24:00:00Z"},
        {"2026-11-30T12:00:00.000Z", "2026-11-30"},
        {"2026-11-30T12:00:00.000Z", "2026-02-30T12:00:00Z"},
        {"2026-11-30T12:00:00.000Z", "now"},
        {"12:10:00Z", ""},
        {"URI: https://console.example.com/login", "URI: /login"},
        {"URI: https://console.example.com/login", "URI: https://console.example.com/log in"},
        {"URI: https://console.example.com/login", "URI: "},
        {"Sign in to", "Sign in to\n"},
        {"\nURI", "\r\nURI"},
    };
    struct wallet_message m;
    char text[WALLET_MESSAGE_MAX + 8];

    begin();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *at = strstr(WHOLE, rows[i].from);

        CHECK(at != NULL);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - WHOLE), WHOLE, rows[i].to, at + strlen(rows[i].from));
        if (wallet_message_parse(view_str(text), &m) != ERR_FORMAT)
            check_fail(__FILE__, __LINE__, rows[i].to);
    }
    memset(text, 'a', sizeof text);
    CHECK_INT(wallet_message_parse(view_of(text, sizeof text), &m), ERR_FORMAT);
    for (size_t cut = 0; cut < strlen(HEAD BODY) - 1; cut++) /* no beginning of it is one */
        CHECK_INT(wallet_message_parse(view_of(HEAD BODY, cut), &m), ERR_FORMAT);
    CHECK_INT(wallet_message_parse(view_of(WHOLE "\0", strlen(WHOLE) + 1), &m), ERR_FORMAT);
}

static const char *fault_of(const char *text, const char *origin, enum wallet_purpose purpose, uint64_t now_s)
{
    struct wallet_message m;

    CHECK_INT(site_parse(origin, &site), ERR_NONE);
    CHECK_INT(wallet_message_parse(view_str(text), &m), ERR_NONE);
    return wallet_message_fault(&m, &site, purpose, now_s);
}

static void for_this_site(void)
{
    static const char ours[] = "https://console.example.com", why[] = "is refused";

    begin();
    CHECK(fault_of(WHOLE, ours, WALLET_SIGN_IN, NOON) == NULL);
    CHECK(fault_of("https://" WHOLE, ours, WALLET_SIGN_IN, NOON) == NULL);
    CHECK(fault_of(HEAD "Add this wallet to my TrustedRouter account. It will sign me in.\n\n" BODY, ours, WALLET_ADD, NOON) ==
          NULL);
    CHECK(fault_of("http://" WHOLE, ours, WALLET_SIGN_IN, NOON) != NULL);
    CHECK(fault_of(WHOLE, ours, WALLET_ADD, NOON) != NULL); /* says something else */
    CHECK(fault_of(HEAD "\n" BODY, ours, WALLET_SIGN_IN, NOON) != NULL);
    CHECK(fault_of(WHOLE "\nResources:\n- urn:x", ours, WALLET_SIGN_IN, NOON) != NULL);
    for (size_t i = 0; i < 4; i++) {
        static const char *const others[] = {"https://console.example.org", "https://example.com", "https://console.example.com:8444",
                                             "https://console.example.co"};

        if (fault_of(WHOLE, others[i], WALLET_SIGN_IN, NOON) == NULL)
            check_fail(__FILE__, __LINE__, why);
    }
    /* The domain is ours, the URI is not. */
    for (size_t i = 0; i < 3; i++) {
        static const char *const others[] = {"http://console.example.com/", "https://console.example.com.evil.example/",
                                             "https://console.example.com@evil.example/"};
        char text[1024];

        snprintf(text, sizeof text,
                 HEAD "Sign in to TrustedRouter.\n\nURI: %s\nVersion: 1\nChain ID: 1\nNonce: Ab12345678\nIssued At: 2026-11-30T12:00:00Z",
                 others[i]);
        if (fault_of(text, ours, WALLET_SIGN_IN, NOON) == NULL)
            check_fail(__FILE__, __LINE__, others[i]);
    }
    /* The URI is ours, the domain lacks the port. */
    CHECK(fault_of(HEAD "Sign in to TrustedRouter.\n\nURI: https://console.example.com:8444/\nVersion: 1\nChain ID: 1\n"
                        "Nonce: Ab12345678\nIssued At: 2026-11-30T12:00:00Z",
                   "https://console.example.com:8444", WALLET_SIGN_IN, NOON) != NULL);
    CHECK(fault_of(WHOLE, ours, WALLET_SIGN_IN, NOON + 599) == NULL);
    CHECK(fault_of(WHOLE, ours, WALLET_SIGN_IN, NOON + 600) != NULL); /* has expired */
    CHECK(fault_of(WHOLE, ours, WALLET_SIGN_IN, NOON - WALLET_SKEW_S) == NULL);
    CHECK(fault_of(WHOLE, ours, WALLET_SIGN_IN, NOON - WALLET_SKEW_S - 1) != NULL);
    CHECK(fault_of(WHOLE "\nNot Before: 2026-11-30T12:05:00Z", ours, WALLET_SIGN_IN, NOON + 299) != NULL);
    CHECK(fault_of(WHOLE "\nNot Before: 2026-11-30T12:05:00Z", ours, WALLET_SIGN_IN, NOON + 300) == NULL);
}

/* n - s, with the other v: the same key has signed the same bytes, in the form that is refused. */
static void turn_over(uint8_t signature[static WALLET_SIGNATURE_BYTES])
{
    static const uint8_t order[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
                                      0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
    int borrow = 0;

    for (int i = 31; i >= 0; i--) {
        int d = order[i] - signature[32 + i] - borrow;

        borrow = d < 0;
        signature[32 + i] = (uint8_t)(d + 256 * borrow);
    }
    signature[64] ^= 27 ^ 28;
}

static void signatures(void)
{
    uint8_t address[WALLET_ADDRESS_BYTES], good[WALLET_SIGNATURE_BYTES], s[WALLET_SIGNATURE_BYTES];

    begin();
    CHECK_INT(wallet_address_parse(VIEW_LIT(ADDRESS), address), ERR_NONE);
    CHECK_INT(hex_decode(view_str(signature_hex), good, sizeof good), ERR_NONE);
    CHECK_INT(wallet_verify(VIEW_LIT(WHOLE), good, address), ERR_NONE);
    memcpy(s, good, sizeof s);
    s[64] = 0; /* as some hardware wallets write 27 */
    CHECK_INT(wallet_verify(VIEW_LIT(WHOLE), s, address), ERR_NONE);
    for (unsigned v = 0; v < 256; v++) {
        s[64] = (uint8_t)v;
        CHECK_INT(wallet_verify(VIEW_LIT(WHOLE), s, address), v == 0 || v == 27 ? ERR_NONE : ERR_AUTH);
    }
    memcpy(s, good, sizeof s);
    turn_over(s);
    CHECK_INT(wallet_verify(VIEW_LIT(WHOLE), s, address), ERR_AUTH);
    turn_over(s);
    CHECK_INT(wallet_verify(VIEW_LIT(WHOLE), s, address), ERR_NONE);
    for (size_t bit = 0; bit < 8 * 64; bit += 3) {
        memcpy(s, good, sizeof s);
        s[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_INT(wallet_verify(VIEW_LIT(WHOLE), s, address), ERR_AUTH);
    }
    CHECK_INT(wallet_verify(VIEW_LIT(WHOLE " "), good, address), ERR_AUTH);
    address[0] ^= 1;
    CHECK_INT(wallet_verify(VIEW_LIT(WHOLE), good, address), ERR_AUTH);
    memset(s, 0, sizeof s);
    CHECK_INT(wallet_verify(VIEW_LIT(WHOLE), s, address), ERR_AUTH);
    memset(s, 0xff, 64);
    CHECK_INT(wallet_verify(VIEW_LIT(WHOLE), s, address), ERR_AUTH);
}

static void sites(void)
{
    static const char *const bad[] = {"", "https://", "http://console.example.com", "https://Console.example.com", "https://a/",
                                      "https://a:443", "https://a:0", "https://a:65536", "https://a:", "https://a:08444",
                                      "https://a:1:2", "https://a@b", "https://.a", "https://a.", "https://a b", "https://-a",
                                      "https://[::1]", "https://a?b", "https://a#b"};

    CHECK_INT(site_parse("https://localhost:8444", &site), ERR_NONE);
    CHECK(view_eq(site.origin, VIEW_LIT("https://localhost:8444")));
    CHECK(view_eq(site.domain, VIEW_LIT("localhost:8444")));
    CHECK(view_eq(site.host, VIEW_LIT("localhost")));
    CHECK(site_has_name(&site));
    CHECK_INT(site_parse("https://127.0.0.1", &site), ERR_NONE);
    CHECK(!site_has_name(&site));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (site_parse(bad[i], &site) != ERR_FORMAT)
            check_fail(__FILE__, __LINE__, bad[i]);
}

static const struct check_case cases[] = {
    {"wallet_keccak_vectors", keccak_vectors}, {"wallet_addresses", addresses},   {"wallet_grammar", grammar},
    {"wallet_lines", lines},                   {"wallet_for_this_site", for_this_site}, {"wallet_signatures", signatures},
    {"wallet_sites", sites},
};
CHECK_MAIN(cases)
