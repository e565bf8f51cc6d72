/* What a model thought is replayed to its maker: pieces of a stream must come together as the elements that
 * they are pieces of, signatures must not change, and what came whole must stay as it came. */
#include "check.h"
#include "details.h"

#define T "\"type\":\"reasoning.text\""
#define S "\"type\":\"reasoning.summary\""
#define C "\"type\":\"reasoning.encrypted\""

static const struct {
    const char *in[6];
    const char *want;
} want[] = {
    {{NULL}, ""},
    {{"{" T ",\"text\":\"a\",\"signature\":null,\"index\":0}"},
     "{" T ",\"text\":\"a\",\"signature\":null,\"index\":0}"},
    /* translate.md E2 */
    {{"{" T ",\"text\":\"Two tools.\",\"format\":\"anthropic-claude-v1\",\"index\":0}",
      "{" T ",\"signature\":\"c2ln\",\"format\":\"anthropic-claude-v1\",\"index\":0}"},
     "{" T ",\"format\":\"anthropic-claude-v1\",\"index\":0,\"signature\":\"c2ln\","
     "\"text\":\"Two tools.\"}"},
    /* many pieces; a null that gets a value */
    {{"{" T ",\"text\":\"a\\\"\",\"signature\":null}", "{" T ",\"text\":\"\\u00e9\"}",
      "{" T ",\"text\":\"\",\"signature\":\"s+/=\"}"},
     "{" T ",\"signature\":\"s+/=\",\"text\":\"a\\\"\\u00e9\"}"},
    /* another index or type is another element; encrypted ones never grow */
    {{"{" T ",\"text\":\"a\",\"index\":0}", "{" T ",\"text\":\"b\",\"index\":1}",
      "{" S ",\"summary\":\"c\",\"index\":1}", "{" S ",\"summary\":\"d\",\"index\":1}"},
     "{" T ",\"text\":\"a\",\"index\":0},{" T ",\"text\":\"b\",\"index\":1},{" S
     ",\"index\":1,\"summary\":\"cd\"}"},
    {{"{" C ",\"data\":\"x\",\"index\":0}", "{" C ",\"data\":\"y\",\"index\":0}"},
     "{" C ",\"data\":\"x\",\"index\":0},{" C ",\"data\":\"y\",\"index\":0}"},
    {{"{}", "{}"}, "{},{}"},
};

static void test_cases(void)
{
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        struct details d;
        struct view all;

        details_init(&d, 4096, NULL);
        CHECK(details_empty(&d));
        for (size_t k = 0; k < 6 && want[i].in[k] != NULL; k++) {
            CHECK_INT(details_add(&d, view_str(want[i].in[k])), ERR_NONE);
            CHECK(!details_empty(&d));
        }
        CHECK_INT(details_end(&d, &all), ERR_NONE);
        CHECK_BYTES(all.ptr, all.len, want[i].want, strlen(want[i].want));
        details_free(&d);
    }
}

static void test_limit(void)
{
    struct details d;

    details_init(&d, 40, NULL);
    CHECK_INT(details_add(&d, VIEW_LIT("{" T ",\"text\":\"a\"}")), ERR_NONE);
    CHECK_INT(details_add(&d, VIEW_LIT("{" T ",\"text\":\"0123456789012345678901234567890123456789\"}")),
             ERR_LIMIT);
    details_free(&d);
}

static const struct check_case cases[] = {
    {"pieces_come_together", test_cases},
    {"too_long_is_an_error", test_limit},
};
CHECK_MAIN(cases)
