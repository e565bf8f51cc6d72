/* Recovery codes, the message that is sent, where browsers may be led, and which addresses may be asked. */
#include "check.h"
#include "controlplane/api/return_to.c"
#include "controlplane/identity/identity.h"
#include "controlplane/identity/recovery.c"
#include "outcall.h"

static bool same(const char *a, const char *b)
{
    struct digest32 x, y;

    return recovery_code_digest(view_str(a), &x) == ERR_NONE && recovery_code_digest(view_str(b), &y) == ERR_NONE &&
           memcmp(x.b, y.b, sizeof x.b) == 0;
}

static void codes(void)
{
    char one[RECOVERY_CODE_TEXT + 1], two[RECOVERY_CODE_TEXT + 1];
    struct digest32 d;
    bool seen[128] = {false};
    size_t letters_seen = 0;

    for (int i = 0; i < 200; i++) {
        recovery_code_new(one);
        CHECK_INT(strlen(one), RECOVERY_CODE_TEXT);
        CHECK_INT(recovery_code_digest(view_str(one), &d), ERR_NONE);
        for (size_t k = 0; one[k] != '\0'; k++)
            seen[(unsigned char)one[k]] = true;
    }
    for (size_t i = 0; i < sizeof seen; i++)
        letters_seen += seen[i];
    CHECK_INT(letters_seen, 33); /* all of them, and the dash */
    recovery_code_new(two);
    CHECK(!same(one, two));
    CHECK(same("ABCDE-FGHJK-MNPQR-01289", "abcdefghjkmnpqro1289") && same("00000-00000-00000-11111", "OoOoO00000 ooooo ilILl"));
    CHECK(!same("ABCDE-FGHJK-MNPQR-01289", "ABCDE-FGHJK-MNPQR-01288"));
    static const char *const wrong[] = {"", "ABCDE", "ABCDE-FGHJK-MNPQR-0128", "ABCDE-FGHJK-MNPQR-012899", "UBCDE-FGHJK-MNPQR-01289",
                                        "ABCDE_FGHJK-MNPQR-01289", "ABCDE\tFGHJKMNPQR01289"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK_INT(recovery_code_digest(view_str(wrong[i]), &d), ERR_FORMAT);
    CHECK_INT(recovery_code_digest(view_of("ABCDEFGHJKMNPQR0128\0", 20), &d), ERR_FORMAT);
}

static void messages(void)
{
    struct buf out;
    const char *text;

    buf_init(&out, 4096);
    CHECK_INT(mail_text("noreply@a.example", "ada@b.example", "S", 1700000000, VIEW_LIT("one\n\ntwo\n"), &out), ERR_NONE);
    CHECK_INT(buf_append_byte(&out, '\0'), ERR_NONE);
    text = (const char *)out.ptr;
    CHECK(strstr(text, "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n") != NULL);
    CHECK(strstr(text, "From: noreply@a.example\r\nTo: ada@b.example\r\nSubject: S\r\n") != NULL);
    CHECK(strstr(text, "@a.example>\r\n") != NULL && strstr(text, "\r\n\r\none\r\n\r\ntwo\r\n") != NULL);
    for (const char *c = strchr(text, '\n'); c != NULL; c = strchr(c + 1, '\n'))
        CHECK(c[-1] == '\r');
    buf_free(&out);
}

static void pages_to_return_to(void)
{
    static const char *const good[] = {"/", "/app", "/app/keys?a=b&c=//d", "/models/a%2Db", "/auth?callback_url=https%3A%2F%2Fx.example%2F", "/v1",
                                       "/models/a.b", "/...", "/.a/b.", "/a?b=/../c"};
    static const char *const bad[] = {"", "app", "//evil", "/\\evil", "\\\\evil", "https://evil", "/a//b", "/%2fevil", "/%2Fevil", "/a%5Cb",
                                      "/a%5cb", "/\tevil", "/a b", "/\x7f", "/\xc3\xa4", "/v1/x", "/api/v1/x", "/\"", "javascript:x",
                                      "/..", "/a/../v1/x", "/./v1/x", "/a/%2e%2E/v1/x", "/%2e/v1/x", "/a/.%2e/v1/x", "/a/..?b"};
    char longest[RETURN_TO_MAX + 2];

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK(return_to_valid(view_str(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!return_to_valid(view_str(bad[i])));
    memset(longest, 'a', sizeof longest);
    longest[0] = '/';
    CHECK(return_to_valid(view_of(longest, RETURN_TO_MAX)) && !return_to_valid(view_of(longest, RETURN_TO_MAX + 1)));
    CHECK(!return_to_valid(view_of("/a\0b", 4)));
}

static void addresses_to_ask(void)
{
    static const struct {
        const char *url;
        bool good, base, mail;
    } table[] = {
        {"https://a.example", true, true, false},
        {"https://a.example:8443/x?y", true, false, false},
        {"https://a.example/", true, false, false},
        {"http://127.0.0.1:80", true, true, false},
        {"http://127.0.0.1", false, false, false},
        {"http://127.0.0.1.evil.example:80", false, false, false},
        {"http://127.0.0.1:80@evil.example", false, false, false},
        {"http://a.example", false, false, false},
        {"https://u@a.example", false, false, false},
        {"https://", false, false, false},
        {"https:///x", false, false, false},
        {"https://a.example\\x", false, false, false},
        {"https://a example", false, false, false},
        {"HTTPS://a.example", false, false, false},
        {"ftp://a.example", false, false, false},
        {"smtps://mail.example:465", false, false, true},
        {"smtp://mail.example:587", false, false, true},
        {"smtp://mail.example:587/x", false, false, false},
        {"smtp://u:p@mail.example", false, false, false},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        CHECK_INT(outcall_url_valid(view_str(table[i].url)), table[i].good);
        CHECK_INT(outcall_base_valid(table[i].url), table[i].base);
        CHECK_INT(outcall_mail_url_valid(table[i].url), table[i].mail);
    }
}

static void what_binds_a_code(void)
{
    struct identity_pass a, b, c;

    identity_pass("s", "k", &a);
    identity_pass("s", "k", &b);
    identity_pass("s", "l", &c);
    CHECK(strcmp(a.nonce, b.nonce) == 0 && strcmp(a.verifier, b.verifier) == 0 && strlen(a.nonce) == IDENTITY_RANDOM_TEXT);
    CHECK(strcmp(a.nonce, c.nonce) != 0 && strcmp(a.verifier, c.verifier) != 0 && strcmp(a.nonce, a.verifier) != 0);
}

static const struct check_case cases[] = {
    {"recovery_codes", codes},
    {"recovery_messages", messages},
    {"recovery_pages_to_return_to", pages_to_return_to},
    {"recovery_addresses_to_ask", addresses_to_ask},
    {"recovery_what_binds_a_code", what_binds_a_code},
};
CHECK_MAIN(cases)
