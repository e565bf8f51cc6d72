/* A client must not learn which account the operator has at a provider; and a sentence that only looks
 * like it speaks of one must reach the client whole, because it says what to do. */
#include "chat_account.c"

#include "check.h"

static void test_mask(void)
{
    static const struct {
        const char *in, *want;
    } cases[] = {
        {"Rate limit reached for gpt-4o in organization org-AbC123xyz on tokens per min (TPM)",
         "Rate limit reached for gpt-4o in organization *** on tokens per min (TPM)"},
        {"in organization `org_01hq2` service tier", "in organization `***` service tier"},
        {"organization: 7f3a9c21, project proj_k1J2h3.", "organization: ***, project ***."},
        {"Project \"projects/123456789\" lacks it", "Project \"projects/***\" lacks it"},
        {"Account ID 123456789012", "Account ID ***"},
        {"for user-4f5e6d7c:", "for ***:"},
        {"acct_1Abcdef", "***"},
        {"Workspace wrkspc_01JwQ has no tokens", "Workspace *** has no tokens"},
        {"tenant=\\\"a1b2c3d4\\\"", "tenant=\\\"***\\\""},
        /* no ids */
        {"a user-provided tool of the organization", "a user-provided tool of the organization"},
        {"the account has 12 tokens", "the account has 12 tokens"},
        {"project plan 2", "project plan 2"},
        {"morg-1234567 is a word, and cyborg-1234567", "morg-1234567 is a word, and cyborg-1234567"},
        {"org-1", "org-1"},
        {"model gpt-4o-2024-08-06 at most 4096", "model gpt-4o-2024-08-06 at most 4096"},
        {"", ""},
        {"organization ", "organization "},
        {"org-", "org-"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;

        buf_init(&out, strlen(cases[i].in));
        CHECK_INT(chat_account_mask(view_str(cases[i].in), &out), ERR_NONE);
        CHECK_BYTES(out.ptr, out.len, cases[i].want, strlen(cases[i].want));
        buf_free(&out);
    }
}

static const struct check_case cases[] = {{"chat_account_mask", test_mask}};
CHECK_MAIN(cases)
