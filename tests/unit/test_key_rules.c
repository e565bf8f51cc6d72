/* Rules of keys as both planes read them: ranges of addresses, models by name and author, words; what is accepted and,
 * beside each, what is not. */
#include "check.h"

#include "key_rules.h"
#include "message.h"

#include <arpa/inet.h>

static void address(const char *text, uint8_t out[static 16])
{
    memset(out, 0, 16);
    if (strchr(text, ':') != NULL) {
        CHECK_INT(inet_pton(AF_INET6, text, out), 1);
        return;
    }
    out[10] = out[11] = 0xff;
    CHECK_INT(inet_pton(AF_INET, text, out + 12), 1);
}

static void ranges_and_who_is_in_them(void)
{
    static const struct {
        const char *range;
        enum err e;
        const char *in, *out; /* NULL: nothing is */
    } cases[] = {
        {"192.0.2.7", ERR_NONE, "192.0.2.7", "192.0.2.8"},
        {"192.0.2.0/24", ERR_NONE, "192.0.2.255", "192.0.3.0"},
        {"192.0.2.8/29", ERR_NONE, "192.0.2.15", "192.0.2.16"},
        {"0.0.0.0/0", ERR_NONE, "255.1.2.3", "2001:db8::1"},
        {"2001:db8::1", ERR_NONE, "2001:db8::1", "2001:db8::2"},
        {"2001:db8::/33", ERR_NONE, "2001:db8:7fff::1", "2001:db8:8000::1"},
        {"::/0", ERR_NONE, "192.0.2.1", NULL},
        {"::ffff:192.0.2.0/120", ERR_NONE, "192.0.2.9", "192.0.3.9"},
        {"192.0.2.7/24", ERR_FORMAT, NULL, NULL}, /* bits behind its length: meant otherwise */
        {"2001:db8::1/64", ERR_FORMAT, NULL, NULL},
        {"192.0.2.0/33", ERR_FORMAT, NULL, NULL},
        {"2001:db8::/129", ERR_FORMAT, NULL, NULL},
        {"192.0.2.0/", ERR_FORMAT, NULL, NULL},
        {"192.0.2.0/024", ERR_FORMAT, NULL, NULL},
        {"192.0.2.0/-1", ERR_FORMAT, NULL, NULL},
        {"192.0.2", ERR_FORMAT, NULL, NULL},
        {"192.0.2.256", ERR_FORMAT, NULL, NULL},
        {"0x7f.0.0.1", ERR_FORMAT, NULL, NULL},
        {"fe80::1%eth0", ERR_FORMAT, NULL, NULL},
        {" 192.0.2.7", ERR_FORMAT, NULL, NULL},
        {"localhost", ERR_FORMAT, NULL, NULL},
        {"", ERR_FORMAT, NULL, NULL},
        {"/8", ERR_FORMAT, NULL, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct key_rules rules = {.set = KEY_RULE_RANGES, .n_ranges = 1};
        uint8_t who[16];

        CHECK_INT(ip_range_parse(view_str(cases[i].range), &rules.ranges[0]), cases[i].e);
        if (cases[i].in != NULL) {
            address(cases[i].in, who);
            CHECK(ip_range_ok(&rules.ranges[0]) && key_rules_address(&rules, who));
        }
        if (cases[i].out != NULL) {
            address(cases[i].out, who);
            CHECK(!key_rules_address(&rules, who));
            rules.set = 0; /* no such rule */
            CHECK(key_rules_address(&rules, who));
        }
    }
}

static bool allows(const char *rule, const char *model)
{
    struct key_rules rules = {.set = KEY_RULE_MODELS, .n_models = 1};

    rules.models[0] = model_rule_of(view_str(rule));
    return key_rules_model(&rules, model_rule_of(view_str(model)), model_rule_of_author(view_str(model)));
}

static void models_by_name_and_by_author(void)
{
    static const char *const good[] = {"openai/gpt-4o", "openai/*", "a/b:free", "z.ai/glm-4.6"};
    static const char *const bad[] = {"",       "gpt-4o",     "/gpt-4o",    "openai/",        "*",     "*/gpt-4o",
                                      "open*/x", "openai/gpt*", "openai/**", "openai/*mini", "a b/c", "openai/\"x"};
    struct key_rules none = {.set = KEY_RULE_MODELS}, any = {0};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK(model_rule_ok(view_str(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!model_rule_ok(view_str(bad[i])));
    CHECK(allows("openai/gpt-4o", "openai/gpt-4o"));
    CHECK(!allows("openai/gpt-4o", "openai/gpt-4o-mini"));
    CHECK(!allows("openai/gpt-4o-mini", "openai/gpt-4o"));
    CHECK(allows("openai/*", "openai/gpt-4o"));
    CHECK(!allows("openai/*", "openai-community/gpt2"));
    CHECK(!allows("openai/*", "open/ai"));
    CHECK(model_rule_of_author(VIEW_LIT("no-author")) == 0);
    CHECK(!key_rules_model(&none, 1, 2)); /* an empty list allows nothing, and no list everything */
    CHECK(key_rules_model(&any, 1, 2));
}

static void providers_by_number(void)
{
    struct key_rules rules = {.set = KEY_RULE_PROVIDERS};

    CHECK(!key_rules_provider(&rules, 0));
    provider_set_add(&rules.providers, 255);
    CHECK(key_rules_provider(&rules, 255));
    CHECK(!key_rules_provider(&rules, 254));
    rules.set = 0;
    CHECK(key_rules_provider(&rules, 254));
}

static void words_of_privacy_and_region(void)
{
    static const struct {
        const char *word;
        int privacy; /* -1: none */
    } cases[] = {{"any", KEY_PRIVACY_ANY},
                 {"allow", KEY_PRIVACY_ANY},
                 {"no_store", KEY_PRIVACY_NO_RETENTION},
                 {"zdr", KEY_PRIVACY_NO_RETENTION},
                 {"deny", KEY_PRIVACY_NO_RETENTION},
                 {"confidential", KEY_PRIVACY_CONFIDENTIAL},
                 {"e2e", KEY_PRIVACY_CONFIDENTIAL},
                 {"e2ee", KEY_PRIVACY_CONFIDENTIAL},
                 {"max", KEY_PRIVACY_CONFIDENTIAL},
                 {"ZDR", -1},
                 {"", -1},
                 {"none", -1}};
    uint8_t got;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(key_privacy_parse(view_str(cases[i].word), &got), cases[i].privacy >= 0);
        if (cases[i].privacy >= 0)
            CHECK_INT(got, cases[i].privacy);
    }
    CHECK(key_region_parse(VIEW_LIT("eu"), &got) && got == KEY_REGION_EU);
    CHECK(key_region_parse(VIEW_LIT("us"), &got) && got == KEY_REGION_US);
    CHECK(!key_region_parse(VIEW_LIT("cn"), &got));
    CHECK(!key_region_parse(VIEW_EMPTY, &got));
}

static void which_keys_have_rules(void)
{
    CHECK(!key_rules_any(&(struct key_rules){0}));
    CHECK(key_rules_any(&(struct key_rules){.set = KEY_RULE_MODELS}));
    CHECK(key_rules_any(&(struct key_rules){.privacy = KEY_PRIVACY_NO_RETENTION}));
    CHECK(key_rules_any(&(struct key_rules){.region = KEY_REGION_US}));
}

static const struct check_case cases[] = {
    {"key_rules_ranges_and_who_is_in_them", ranges_and_who_is_in_them},
    {"key_rules_models_by_name_and_by_author", models_by_name_and_by_author},
    {"key_rules_providers_by_number", providers_by_number},
    {"key_rules_words_of_privacy_and_region", words_of_privacy_and_region},
    {"key_rules_which_keys_have_rules", which_keys_have_rules},
};

int main(int argc, char **argv)
{
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
