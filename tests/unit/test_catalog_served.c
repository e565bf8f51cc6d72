/* People choose a model by who reads their prompts: the list must not promise more privacy than a request can demand. */
#include "catalog_served.c"

#include "check.h"

#include <string.h>

static const struct provider keeps = {.id = "keeps", .retains_data = true, .confidential = true},
                             trains = {.id = "trains", .trains = true}, plain = {.id = "plain"},
                             inside = {.id = "inside", .confidential = true};
static const struct catalog_endpoint on = {.weight = 1}, off, kept = {.weight = 1, .retains_data = true};

static void test_endpoint(void)
{
    static const struct {
        struct route_endpoint of;
        const char *want;
    } cases[] = {
        {{.info = &on, .provider = &plain}, ",\"privacy\":\"zdr\""},
        {{.info = &on, .provider = &inside}, ",\"privacy\":\"confidential\""},
        {{.info = &on, .provider = &keeps}, ",\"privacy\":\"any\""}, /* min_privacy demands both */
        {{.info = &on, .provider = &trains}, ",\"privacy\":\"any\""},
        {{.info = &kept, .provider = &inside}, ",\"privacy\":\"any\""}, /* of this endpoint alone */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;

        buf_init(&out, 256);
        CHECK_INT(catalog_served_privacy(&cases[i].of, &out), ERR_NONE);
        CHECK_BYTES(out.ptr, out.len, cases[i].want, strlen(cases[i].want));
        buf_free(&out);
    }
}

static void test_model(void)
{
    static const struct route_endpoint all[] = {
        {.info = &on, .provider = &keeps}, {.info = &on, .provider = &plain}, {.info = &on, .provider = &keeps},
        {.info = &on, .provider = &plain}, {.info = &off, .provider = &inside}, {.info = &on, .provider = &inside},
    };
    static const struct {
        size_t n;
        const char *want;
    } cases[] = {
        {0, ",\"privacy\":null,\"providers\":[]"},
        {1, ",\"privacy\":\"any\",\"providers\":[\"keeps\"]"},
        {4, ",\"privacy\":\"zdr\",\"providers\":[\"keeps\",\"plain\"]"},
        {5, ",\"privacy\":\"zdr\",\"providers\":[\"keeps\",\"plain\"]"}, /* what is disabled promises nothing */
        {6, ",\"privacy\":\"confidential\",\"providers\":[\"keeps\",\"plain\",\"inside\"]"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct route_model m = {.endpoints = all, .n_endpoints = cases[i].n};
        struct buf out;

        buf_init(&out, 256);
        CHECK_INT(catalog_served_json(&m, &out), ERR_NONE);
        CHECK_BYTES(out.ptr, out.len, cases[i].want, strlen(cases[i].want));
        buf_free(&out);
    }
}

static const struct check_case cases[] = {
    {"catalog_served_endpoint", test_endpoint},
    {"catalog_served_model", test_model},
};
CHECK_MAIN(cases)
