/* Ids are written to logs, receipts and the ledger, and keys are checked before anything is looked
 * up: both must be unique, ordered, and accept one form of text only. */
#include "check.h"
#include "clock.h"
#include "id.h"
#include "key_text.h"

#include <sodium.h>
#include <sys/wait.h>
#include <unistd.h>

static void ids_are_ordered_and_unique(void)
{
    struct id last, i;

    clock_freeze(0, UINT64_C(0x0123456789ab));
    last = id_new();
    CHECK_BYTES(last.b, 6, "\x01\x23\x45\x67\x89\xab", 6);
    CHECK_INT(last.b[6] >> 4, 7);
    CHECK_INT(last.b[8] >> 6, 2);
    for (int k = 0; k < 1000; k++) { /* across many refills of the random pool */
        i = id_new();
        CHECK(!id_eq(&i, &last));
        CHECK(!id_is_zero(&i));
        last = i;
    }
    clock_freeze(0, UINT64_C(0x0123456789ac));
    i = id_new();
    CHECK(memcmp(i.b, last.b, 16) > 0);
    clock_thaw();
    CHECK(id_is_zero(&(struct id){{0}}));
    CHECK(!id_is_zero(&(struct id){{[15] = 1}}));
}

/* Parent and child draw from a pool that was full before the fork. */
static void ids_differ_after_fork(void)
{
    struct id ours, theirs = {{0}};
    int fds[2], status = -1;
    pid_t child;

    clock_freeze(0, 1000);
    ours = id_new();
    CHECK_INT(pipe(fds), 0);
    child = fork();
    if (child == 0) {
        theirs = id_new();
        _exit(write(fds[1], theirs.b, 16) == 16 ? 0 : 1);
    }
    ours = id_new();
    CHECK_INT(read(fds[0], theirs.b, 16), 16);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(!id_eq(&ours, &theirs));
    close(fds[0]);
    close(fds[1]);
    clock_thaw();
}

static void id_texts(void)
{
    static const struct {
        const char *text;
        enum err e;
    } table[] = {
        {"0123456789abcdef0123456789abcdef", ERR_NONE},
        {"0123456789ABCDEF0123456789ABCDEF", ERR_NONE},
        {"01234567-89ab-cdef-0123-456789abcdef", ERR_NONE},
        {"01234567-89ab-cdef-0123-456789abcde", ERR_FORMAT},
        {"01234567-89ab-cdef-0123-456789abcdef0", ERR_FORMAT},
        {"0123456789abcdef0123456789abcde", ERR_FORMAT},
        {"0123456789abcdef0123456789abcdef0", ERR_FORMAT},
        {"0123456789abcdef0123456789abcdeg", ERR_FORMAT},
        {"0123456-789ab-cdef-0123-456789abcdef", ERR_FORMAT},
        {"01234567-89ab-cdef-0123-456789abcd-f", ERR_FORMAT},
        {"0123456789ab-cdef-0123-456789abcdef0", ERR_FORMAT},
        {"------------------------------------", ERR_FORMAT},
        {"", ERR_FORMAT},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct id id = {{9}};
        char text[ID_TEXT_LEN + 1];

        CHECK_INT(id_parse(view_str(table[i].text), &id), table[i].e);
        id_text(&id, text);
        if (table[i].e == ERR_NONE)
            CHECK_BYTES(text, 33, "0123456789abcdef0123456789abcdef", 33);
        else
            CHECK_BYTES(text, 33, "09000000000000000000000000000000", 33);
    }
}

static void keys(void)
{
    char a[KEY_TEXT_LEN + 1], b[KEY_TEXT_LEN + 1], bad[KEY_TEXT_LEN + 1];

    key_text_new(KEY_PREFIX, a);
    key_text_new(KEY_MANAGEMENT_PREFIX, b);
    CHECK_INT(strlen(a), KEY_TEXT_LEN);
    CHECK(strncmp(a, KEY_PREFIX, 9) == 0 && strncmp(b, KEY_MANAGEMENT_PREFIX, 9) == 0);
    CHECK(strcmp(a + 9, b + 9) != 0);
    CHECK(key_text_valid(view_str(a)) && key_text_valid(view_str(b)));
    CHECK(!key_text_valid(view_of(a, KEY_TEXT_LEN - 1)));
    CHECK(!key_text_valid(view_of(a, KEY_TEXT_LEN + 1)));
    CHECK(!key_text_valid(view_of(NULL, 0)));
    for (size_t i = 0; i < KEY_TEXT_LEN; i++) { /* no character of it may be just anything */
        memcpy(bad, a, sizeof bad);
        bad[i] = i % 2 ? '+' : '=';
        CHECK(!key_text_valid(view_str(bad)));
    }
}

static void keys_have_one_form(void)
{
    /* 43 characters carry 258 bits: the last two must be zero, or one key had four texts. */
    CHECK(key_text_valid(VIEW_LIT(KEY_PREFIX "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")));
    CHECK(key_text_valid(VIEW_LIT(KEY_PREFIX "______________________--------------------E")));
    CHECK(!key_text_valid(VIEW_LIT(KEY_PREFIX "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB")));
    CHECK(!key_text_valid(VIEW_LIT("sk-tr-v2-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")));
}

/* Every byte in every place: valid exactly when it is ASCII and libsodium decodes it. (Bytes beyond
 * ASCII libsodium takes for digits where char is signed.) */
static void keys_as_libsodium(void)
{
    char text[KEY_TEXT_LEN + 1];
    unsigned good = 0, wrong = 0;
    uint8_t key[32];
    size_t len;

    for (size_t i = 9; i < KEY_TEXT_LEN; i++) {
        memcpy(text, KEY_PREFIX "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", sizeof text);
        for (unsigned c = 0; c < 256; c++) {
            bool want;

            text[i] = (char)c;
            want = c < 0x80 &&
                   sodium_base642bin(key, sizeof key, text + 9, KEY_TEXT_LEN - 9, NULL, &len, NULL,
                                     sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
                   len == sizeof key;
            good += want;
            wrong += key_text_valid(view_of(text, KEY_TEXT_LEN)) != want;
        }
    }
    CHECK_INT(wrong, 0);
    CHECK_INT(good, 42 * 64 + 16);
}

static const struct check_case cases[] = {
    {"id_ordered_and_unique", ids_are_ordered_and_unique},
    {"id_differ_after_fork", ids_differ_after_fork},
    {"id_texts", id_texts},
    {"key_text_new_and_valid", keys},
    {"key_text_one_form", keys_have_one_form},
    {"key_text_as_libsodium", keys_as_libsodium},
};
CHECK_MAIN(cases)
