/* A receipt's decision is evidence only if nothing but its own inputs, catalog and providers give it: each of them is
 * changed here, one at a time, and each change is told apart. */
#include "receipt_route.c"

#include "check.h"

#include <stdio.h>

enum { MODELS = 3, ENDPOINTS = 7 };

static struct providers providers, others;
static struct catalog_model models[MODELS];
static struct catalog_endpoint endpoints[ENDPOINTS];
static struct catalog catalog = {
    .version = 1, .models = models, .n_models = MODELS, .endpoints = endpoints, .n_endpoints = ENDPOINTS};

/* The last endpoint names a provider that is not measured: no data plane routes to it. */
static void make(void)
{
    providers.n = 3;
    for (uint16_t i = 0; i < 3; i++) {
        providers.list[i].no = i;
        snprintf(providers.list[i].id, sizeof providers.list[i].id, "p%u", i);
    }
    providers.list[1].retains_data = true;
    others = providers;
    for (uint32_t i = 0; i < MODELS; i++) {
        models[i].no = i + 10;
        snprintf(models[i].id, sizeof models[i].id, "x/m%u", i);
    }
    for (uint32_t i = 0; i < ENDPOINTS; i++)
        endpoints[i] = (struct catalog_endpoint){.no = i + 1,
                                                 .model_no = 10 + i % MODELS,
                                                 .provider_no = (uint16_t)(i == 6 ? 9 : i % 3),
                                                 .weight = 1,
                                                 .price = {.prompt_pusd = 100 + i, .completion_pusd = 200}};
    memset(catalog.digest.b, 0x66, sizeof catalog.digest.b);
}

static void read_health(const void *cookie, uint32_t slot, struct health_view *out)
{
    (void)cookie, (void)slot;
    *out = (struct health_view){.state = HEALTH_GOOD, .first_byte_us = 1000};
}

static uint8_t inputs[ROUTE_INPUTS_MAX];
static size_t inputs_len;
static struct route route;
static struct table table; /* which route points into */

static void decide(void)
{
    static const struct route_health health = {read_health, NULL};
    struct route_judged judged[ROUTE_ENDPOINTS_MAX];
    struct route_want w = ROUTE_WANT_ANY;

    CHECK_INT(table_make(&catalog, &providers, &table), ERR_NONE);
    w.models[0] = &table.models[0];
    w.models[1] = &table.models[2];
    w.n_models = w.n_named = 2;
    w.no_retention = true;
    w.privacy_by = ROUTE_ZDR;
    route_judge(&w, &health, judged);
    route_rank(&w, judged, 77, &route);
    inputs_len = route_inputs_write(&w, judged, inputs);
    CHECK(inputs_len != 0 && route.n >= 3);
}

/* The document, with one thing changed. */
struct change {
    const char *digest; /* NULL: as it is */
    int swapped, reason, seed, cut, extra, none, twice;
    int byte; /* of the inputs; -1: none */
    bool null_inputs;
};

static enum route_replay replay_of(struct change c, const struct providers *p, struct buf *told)
{
    struct buf text, coded;
    enum route_replay out;
    uint8_t bytes[ROUTE_INPUTS_MAX];
    size_t n = route.n - (c.cut != 0);

    memcpy(bytes, inputs, inputs_len);
    if (c.byte >= 0)
        bytes[c.byte] ^= 1;
    buf_init(&coded, 2048);
    CHECK_INT(base64_append(view_of(bytes, inputs_len), &coded), ERR_NONE);
    buf_init(&text, 65536);
    CHECK_INT(buf_appendf(&text, "{\"event_log\":[{\"type\":\"usage\"}"), ERR_NONE);
    for (int times = c.none ? 0 : c.twice ? 2 : 1; times > 0; times--) {
        CHECK_INT(buf_appendf(&text, ",{\"type\":\"route\",\"catalog_digest\":\"sha256:"), ERR_NONE);
        for (int i = 0; i < 32; i++)
            CHECK_INT(buf_appendf(&text, "%s", c.digest != NULL ? c.digest : "66"), ERR_NONE);
        CHECK_INT(buf_appendf(&text, "\",\"seed\":\"%016x\",\"inputs\":%s%.*s%s,\"candidates\":[", 77 + c.seed,
                              c.null_inputs ? "null" : "\"", c.null_inputs ? 0 : (int)coded.len, (const char *)coded.ptr,
                              c.null_inputs ? "" : "\""), ERR_NONE);
        for (size_t i = 0; i < n; i++) {
            const struct candidate *x = &route.list[c.swapped && i < 2 ? 1 - i : i];

            CHECK_INT(buf_appendf(&text, "%s{\"endpoint\":%u,\"provider\":\"%s\",\"reason\":\"%s\"}", i == 0 ? "" : ",",
                                  x->endpoint->info->no, x->endpoint->provider->id,
                                  c.reason ? "price" : route_reason_name(x->reason)), ERR_NONE);
        }
        CHECK_INT(buf_appendf(&text, "%s]}", c.extra ? ",{\"endpoint\":1,\"provider\":\"p0\",\"reason\":\"balance\"}" : ""),
                  ERR_NONE);
    }
    CHECK_INT(buf_appendf(&text, "]}"), ERR_NONE);
    buf_init(told, 4096);
    CHECK_INT(receipt_route_replay(buf_view(&text), &catalog, p, told, &out), ERR_NONE);
    buf_free(&text);
    buf_free(&coded);
    return out;
}

static void test_replay(void)
{
    static const struct {
        struct change change;
        enum route_replay out;
    } cases[] = {
        {{.byte = -1}, REPLAY_SAME},
        {{.byte = -1, .none = 1}, REPLAY_NONE},
        {{.byte = -1, .null_inputs = true}, REPLAY_NO_INPUTS},
        {{.byte = -1, .digest = "67"}, REPLAY_CATALOG},
        {{.byte = -1, .digest = "6"}, REPLAY_MALFORMED},
        {{.byte = -1, .twice = 1}, REPLAY_MALFORMED},
        {{.byte = -1, .swapped = 1}, REPLAY_DIFFERENT},
        {{.byte = -1, .reason = 1}, REPLAY_DIFFERENT},
        {{.byte = -1, .cut = 1}, REPLAY_DIFFERENT},
        {{.byte = -1, .extra = 1}, REPLAY_DIFFERENT},
        {{.byte = 0}, REPLAY_MALFORMED},  /* the version */
        {{.byte = 2}, REPLAY_DIFFERENT}, /* "only": nobody may serve */
    };
    unsigned differs = 0;
    struct buf told;

    make();
    decide();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(replay_of(cases[i].change, &providers, &told), cases[i].out);
        if (cases[i].out == REPLAY_SAME)
            CHECK(memmem(told.ptr, told.len, "no retention, asked for by zdr", 30) != NULL);
        buf_free(&told);
    }
    /* another seed draws another order, of some at least */
    for (int seed = 1; seed < 20; seed++) {
        differs += replay_of((struct change){.byte = -1, .seed = seed}, &providers, &told) == REPLAY_DIFFERENT;
        buf_free(&told);
    }
    CHECK(differs > 0);
    memcpy(others.list[0].id, "zz", 3);
    CHECK_INT(replay_of((struct change){.byte = -1}, &others, &told), REPLAY_PROVIDERS);
    buf_free(&told);
    others.n = 1; /* fewer: the models have fewer endpoints */
    CHECK_INT(replay_of((struct change){.byte = -1}, &others, &told), REPLAY_PROVIDERS);
    buf_free(&told);
    table_free(&table);
}

static const struct check_case cases[] = {{"receipt_route_replay", test_replay}};
CHECK_MAIN(cases)
