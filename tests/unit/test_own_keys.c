/* Customers' own provider keys as a data plane holds them: the document inside of a sealed key is read strictly and is
 * of use to its account and provider only; the store hands out references, forgets at once, and wipes with the last. */
#include "check.h"

#include "own_keys.h"

#include "secret.h"
#include <stdio.h>
#include <stdlib.h>

static const struct id account = {{0x11, 0x22, 0x33}};
#define ACCOUNT "11223300000000000000000000000000"

static bool reads(const char *text, const char *provider, struct view *key)
{
    return own_key_read(view_str(text), &account, view_str(provider), key);
}

static void good_documents(void)
{
    static const char *const good[] = {
        "{\"v\":1,\"account\":\"" ACCOUNT "\",\"provider\":\"openai\",\"key\":\"sk-1\"}",
        "{\"v\":1,\"account\":\"11223300-0000-0000-0000-000000000000\",\"provider\":\"openai\",\"key\":\"sk-1\"}",
        " { \"key\" : \"sk-1\", \"provider\":\"openai\",\"v\": 1 ,\"account\":\"" ACCOUNT "\" } \n",
    };
    struct view key;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK(reads(good[i], "openai", &key));
        CHECK(view_eq(key, VIEW_LIT("sk-1")));
        CHECK(!reads(good[i], "anthropic", &key));
        for (size_t n = 0; n + 2 < strlen(good[i]); n++) /* cut */
            CHECK(!own_key_read(view_of(good[i], n), &account, VIEW_LIT("openai"), &key));
    }
}

static void bad_documents(void)
{
    static const char *const bad[] = {
        "", "{}", "[]", "null", "{\"v\":1}",
        "{\"v\":2,\"account\":\"" ACCOUNT "\",\"provider\":\"openai\",\"key\":\"sk-1\"}",
        "{\"v\":\"1\",\"account\":\"" ACCOUNT "\",\"provider\":\"openai\",\"key\":\"sk-1\"}",
        "{\"v\":1,\"account\":\"" ACCOUNT "\",\"provider\":\"openai\",\"key\":\"\"}",
        "{\"v\":1,\"account\":\"" ACCOUNT "\",\"provider\":\"openai\",\"key\":\"a b\"}",
        "{\"v\":1,\"account\":\"" ACCOUNT "\",\"provider\":\"openai\",\"key\":\"a\\r\\nx-evil: 1\"}",
        "{\"v\":1,\"account\":\"" ACCOUNT "\",\"provider\":\"openai\",\"key\":\"\\u0073k\"}",
        "{\"v\":1,\"account\":\"" ACCOUNT "\",\"provider\":\"openai\",\"key\":\"\xc3\xa4\"}",
        "{\"v\":1,\"account\":\"" ACCOUNT "\",\"provider\":\"openai\",\"key\":7}",
        "{\"v\":1,\"account\":\"21223300000000000000000000000000\",\"provider\":\"openai\",\"key\":\"sk-1\"}",
        "{\"v\":1,\"account\":\"1122\",\"provider\":\"openai\",\"key\":\"sk-1\"}",
        "{\"v\":1,\"account\":null,\"provider\":\"openai\",\"key\":\"sk-1\"}",
        "{\"v\":1,\"account\":\"" ACCOUNT "\",\"provider\":\"openai\",\"provider\":\"openai\",\"key\":\"sk-1\"}",
        "{\"v\":1,\"account\":\"" ACCOUNT "\",\"provider\":\"openai\",\"key\":\"sk-1\",\"key\":\"sk-2\"}",
        "{\"v\":1,\"account\":\"" ACCOUNT "\",\"provider\":\"openai\",\"key\":\"sk-1\",\"x\":1}",
        "{\"v\":1,\"account\":\"" ACCOUNT "\",\"provider\":\"openai\",\"key\":\"sk-1\"}}",
    };
    struct view key;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (reads(bad[i], "openai", &key))
            printf("# case %zu was read\n", i);
        CHECK(!reads(bad[i], "openai", &key));
    }
}

static void longest_key(void)
{
    char text[OWN_KEY_TEXT_MAX + 200], key_text[OWN_KEY_TEXT_MAX + 2];
    struct view key;

    for (int over = 0; over < 2; over++) {
        memset(key_text, 'k', OWN_KEY_TEXT_MAX + (size_t)over);
        key_text[OWN_KEY_TEXT_MAX + over] = '\0';
        snprintf(text, sizeof text, "{\"v\":1,\"account\":\"" ACCOUNT "\",\"provider\":\"p\",\"key\":\"%s\"}", key_text);
        CHECK(reads(text, "p", &key) == (over == 0));
    }
}

/* --- the store */

static struct own_keys *make(uint8_t who, uint64_t version, const char *text)
{
    const struct id id = {{who}};
    struct own_keys *k;

    CHECK_INT(own_keys_new(&id, 1, &k), ERR_NONE);
    k->version = version;
    k->list[0].len = (uint16_t)strlen(text);
    memcpy(k->list[0].text, text, strlen(text));
    return k;
}

static void found_by_version(void)
{
    const struct id one = {{1}}, two = {{2}};
    struct own_store *s;
    struct own_keys *k;

    CHECK_INT(own_store_new(&s), ERR_NONE);
    own_store_put(s, make(1, 5, "five"));
    CHECK(own_store_find(s, &two, 1) == NULL);
    CHECK(own_store_find(s, &one, 6) == NULL); /* it has changed since */
    k = own_store_find(s, &one, 5);
    CHECK(k != NULL && view_eq(own_key_text(k, 0), VIEW_LIT("five")));
    own_store_put(s, make(1, 6, "six")); /* takes its place; who uses the former goes on */
    CHECK(view_eq(own_key_text(k, 0), VIEW_LIT("five")));
    own_keys_release(s, k);
    k = own_store_find(s, &one, 5); /* a later version answers an earlier question */
    CHECK(k != NULL && view_eq(own_key_text(k, 0), VIEW_LIT("six")));
    own_store_forget(s, &one);
    own_store_forget(s, &two); /* none */
    CHECK(own_store_find(s, &one, 1) == NULL);
    CHECK(view_eq(own_key_text(k, 0), VIEW_LIT("six")));
    own_keys_release(s, k);
    own_keys_release(s, NULL);
    own_store_put(s, make(1, 7, "seven"));
    own_store_put(s, make(2, 7, "seven"));
    own_store_clear(s);
    CHECK(own_store_find(s, &one, 1) == NULL && own_store_find(s, &two, 1) == NULL);
    own_store_free(s);
}

static void the_longest_unused_makes_way(void)
{
    struct own_store *s;
    struct own_keys *k;

    CHECK_INT(own_store_new(&s), ERR_NONE);
    for (unsigned i = 0; i < OWN_ACCOUNTS_MAX; i++) {
        k = make(0, 1, "k");
        k->account.b[0] = (uint8_t)i;
        k->account.b[1] = (uint8_t)(i >> 8);
        own_store_put(s, k);
    }
    k = own_store_find(s, &(struct id){{0}}, 1); /* the first is used again */
    own_keys_release(s, k);
    own_store_put(s, make(77, 1, "new")); /* replaces its own account, not another */
    k = make(0, 1, "new");
    k->account.b[2] = 1;
    own_store_put(s, k);
    CHECK(own_store_find(s, &(struct id){{1}}, 1) == NULL); /* made way */
    k = own_store_find(s, &(struct id){{0}}, 1);
    CHECK(k != NULL);
    own_keys_release(s, k);
    k = own_store_find(s, &(struct id){{2}}, 1);
    CHECK(k != NULL);
    own_keys_release(s, k);
    own_store_free(s);
}

static const struct check_case cases[] = {
    {"own_keys_good_documents", good_documents}, {"own_keys_bad_documents", bad_documents},
    {"own_keys_longest_key", longest_key},       {"own_keys_found_by_version", found_by_version},
    {"own_keys_the_longest_unused_makes_way", the_longest_unused_makes_way},
};

int main(int argc, char **argv)
{
    if (secret_init() != ERR_NONE)
        return 1;
    return check_main(cases, sizeof cases / sizeof cases[0], argc, argv);
}
