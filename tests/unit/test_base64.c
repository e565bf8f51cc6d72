/* Base64 carries reports, certificates and statements whose bytes are hashed and signed: each value
 * must have one spelling, so everything but the canonical one is refused. */
#include "base64.h"

#include "check.h"

static void vectors(void)
{
    static const struct {
        const char *plain, *text;
    } cases[] = {{"", ""},
                 {"f", "Zg=="},
                 {"fo", "Zm8="},
                 {"foo", "Zm9v"},
                 {"foob", "Zm9vYg=="},
                 {"fooba", "Zm9vYmE="},
                 {"foobar", "Zm9vYmFy"},
                 {"\xfb\xff\xbf", "+/+/"}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf text, plain;

        buf_init(&text, 64);
        buf_init(&plain, 64);
        CHECK_INT(base64_append(view_str(cases[i].plain), &text), ERR_NONE);
        CHECK_BYTES(text.ptr, text.len, cases[i].text, strlen(cases[i].text));
        CHECK_INT(base64_decode(buf_view(&text), &plain), ERR_NONE);
        CHECK_BYTES(plain.ptr, plain.len, cases[i].plain, strlen(cases[i].plain));
        buf_free(&text);
        buf_free(&plain);
    }
}

static void other_spellings(void)
{
    static const char *const bad[] = {
        "Zg",   "Zg=",   "Zh==", "Zm9=",     "Z===", "====",     "Zm9v\n",
        "Zm-_", "Zm9v=", "=m9v", "Zg==Zg==", "Zm9 ", "Zm8=Zm8=", "Zm8\xc2"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct buf out;

        buf_init(&out, 64);
        if (base64_decode(view_str(bad[i]), &out) != ERR_FORMAT)
            check_fail(__FILE__, __LINE__, bad[i]);
        CHECK_INT(out.len, 0);
        buf_free(&out);
    }
}

/* Every length, every byte value, and every single-character change to a valid text that still
 * decodes must decode to something else. */
static void round_trips(void)
{
    uint8_t bytes[256];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 151 + 7);
    for (size_t n = 0; n <= 70; n++) {
        struct buf text, back;

        buf_init(&text, 400);
        buf_init(&back, 400);
        CHECK_INT(base64_append(view_of(bytes + n, n), &text), ERR_NONE);
        for (size_t at = 0; at < text.len; at++) {
            uint8_t was = text.ptr[at];

            for (int c = 0; c < 256; c++) {
                if (c == was)
                    continue;
                text.ptr[at] = (uint8_t)c;
                buf_reset(&back);
                if (base64_decode(buf_view(&text), &back) == ERR_NONE)
                    CHECK(!view_eq(buf_view(&back), view_of(bytes + n, n)));
            }
            text.ptr[at] = was;
        }
        buf_reset(&back);
        CHECK_INT(base64_decode(buf_view(&text), &back), ERR_NONE);
        CHECK_BYTES(back.ptr, back.len, bytes + n, n);
        CHECK_INT(base64_exact(buf_view(&text), back.ptr, n + 1), ERR_FORMAT);
        buf_free(&text);
        buf_free(&back);
    }
}

static void limits(void)
{
    struct buf small;

    buf_init(&small, 3);
    CHECK_INT(base64_append(VIEW_LIT("f"), &small), ERR_LIMIT);
    CHECK_INT(base64_decode(VIEW_LIT("Zm9vYg=="), &small), ERR_LIMIT);
    CHECK_INT(small.len, 0);
    CHECK_INT(base64_decode(VIEW_LIT("Zm9v"), &small), ERR_NONE);
    buf_free(&small);
}

/* What JOSE writes: other letters, no padding, one spelling. */
static void url_form(void)
{
    static const char *const wrong[] = {"_-8=", "+/8", "Zg==", "Zh", "Z", "Zm9vY", "Zm 9v", "Zm9v\n"};
    static const uint8_t all[] = {0xff, 0xef};
    struct buf out;

    buf_init(&out, 64);
    CHECK_INT(base64url_decode(VIEW_LIT("_-8"), &out), ERR_NONE);
    CHECK_BYTES(out.ptr, out.len, all, sizeof all);
    CHECK_INT(base64url_decode(VIEW_LIT(""), &out), ERR_NONE);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK_INT(base64url_decode(view_str(wrong[i]), &out), ERR_FORMAT);
    CHECK_INT(out.len, sizeof all);
    buf_free(&out);
}

static const struct check_case cases[] = {
    {"base64_vectors", vectors},
    {"base64_other_spellings", other_spellings},
    {"base64_round_trips", round_trips},
    {"base64_limits", limits},
    {"base64_url_form", url_form},
};
CHECK_MAIN(cases)
