/* Which control plane is next decides whether the loss of one is an outage: an order that skips an
 * address, or that waits although another is there, is one. */
#include "targets.c"

#include "check.h"

#include <arpa/inet.h>

static void test_parse(void)
{
    static const struct {
        const char *text, *hosts[3];
        uint16_t ports[3];
    } good[] = {
        {"cp.test", {"cp.test"}, {9000}},
        {"cp.test:1", {"cp.test"}, {1}},
        {"127.0.0.1:65535", {"127.0.0.1"}, {65535}},
        {"::1", {"::1"}, {9000}},
        {"[::1]", {"::1"}, {9000}},
        {"[::1]:7", {"::1"}, {7}},
        {" a:1, b\t,c:3 ,", {"a", "b", "c"}, {1, 9000, 3}},
    };
    static const char *const bad[] = {
        "",         " , ",      "a:",    "a:0",    "a:65536", "a:1x",  "a: 1 :",
        ":1",       "[]:1",     "[::1",  "[::1]7", "a:-1",    "a:000001",
        "1,2,3,4,5,6,7,8,9",
    };
    struct targets t;
    char longest[TARGET_HOST_MAX + 1];

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        unsigned n = 0;

        CHECK_INT(targets_parse(good[i].text, 9000, &t), ERR_NONE);
        for (; n < 3 && good[i].hosts[n] != NULL; n++) {
            CHECK(strcmp(t.list[n].host, good[i].hosts[n]) == 0);
            CHECK_INT(t.list[n].port, good[i].ports[n]);
        }
        CHECK_INT(t.n, n);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_INT(targets_parse(bad[i], 9000, &t), ERR_CONFIG);
        if (check_failed_ != 0)
            printf("# in \"%s\"\n", bad[i]);
    }
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    CHECK_INT(targets_parse(longest, 1, &t), ERR_CONFIG);
    longest[TARGET_HOST_MAX - 1] = '\0';
    CHECK_INT(targets_parse(longest, 1, &t), ERR_NONE);
}

static uint16_t port_of(const struct sockaddr *a)
{
    return ntohs(((const struct sockaddr_in *)(const void *)a)->sin_port);
}

/* Every address of every control plane once, then a pause; the one that served stays. */
static void test_order(void)
{
    struct resolve_answer two = {.n = 2};
    struct targets t;

    CHECK_INT(targets_parse("127.0.0.1:1,name.test:2,127.0.0.1:3", 9, &t), ERR_NONE);
    CHECK(targets_alternative(&t));
    CHECK_INT(port_of(targets_next(&t)), 1);
    CHECK(targets_failed(&t));
    CHECK(targets_next(&t) == NULL); /* a name: looked up first */
    CHECK(strcmp(targets_current(&t)->host, "name.test") == 0);
    two.list[0].v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(21)};
    two.list[1].v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(22)};
    targets_found(&t, &two);
    CHECK_INT(port_of(targets_next(&t)), 21);
    CHECK(targets_failed(&t));
    CHECK_INT(port_of(targets_next(&t)), 22);
    CHECK(targets_failed(&t));
    CHECK_INT(port_of(targets_next(&t)), 3);
    targets_served(&t);
    CHECK_INT(port_of(targets_next(&t)), 3);
    CHECK(targets_failed(&t)); /* a new round, and it begins with who is next */
    CHECK_INT(port_of(targets_next(&t)), 1);
    CHECK(targets_failed(&t));
    CHECK(targets_next(&t) == NULL);
    CHECK(!targets_failed(&t)); /* the lookup failed, and that was the last of them */
    CHECK_INT(port_of(targets_next(&t)), 3);

    CHECK_INT(targets_parse("127.0.0.1:1", 9, &t), ERR_NONE);
    CHECK(!targets_alternative(&t));
    CHECK(!targets_failed(&t));
    CHECK_INT(port_of(targets_next(&t)), 1);
}

static const struct check_case cases[] = {
    {"targets_parse", test_parse},
    {"targets_order", test_order},
};
CHECK_MAIN(cases)
