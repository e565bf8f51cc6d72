/* A receipt whose parts contradict each other is worse than none: whoever signed it made a mistake,
 * or wants its reader to make one. Each contradiction has a case, and what is not ours is left
 * alone. */
#include "receipt_events.h"

#include "check.h"
#include "json.h"

#include <stdio.h>

static struct aci_receipt receipt;

/* Salts of 0x01.. and 0x02.., bodies' hashes of 0x33.. and 0x55..; values by Python's hmac. */
#define SALT1 "0101010101010101010101010101010101010101010101010101010101010101"
#define SALT2 "0202020202020202020202020202020202020202020202020202020202020202"
#define VALUE1 "9a9a7d5f61095fa735ea9363d9fc0e24b662916065a57ea019af7fcf96348d69"
#define VALUE2 "403cc0a7a25f7bdd117f43f10fbd78d34f4571848d341c5ede39b1c7d75c1820"

#define USAGE(prompt, cached, write, completion, clamped)                                          \
    "{\"type\":\"usage\",\"prompt_tokens\":" prompt ",\"completion_tokens\":" completion           \
    ",\"cached_tokens\":" cached ",\"cache_write_tokens\":" write ",\"reasoning_tokens\":0,"       \
    "\"estimated\":false,\"clamped\":" clamped "}"
#define BILL(cost) BILL_OF(cost, "1500", "100")
#define BILL_OF(cost, prompt, cached)                                                              \
    "{\"type\":\"billing\",\"cost_nusd\":" cost ",\"price_version\":1,\"prices_pusd_per_token\":"  \
    "{\"prompt\":" prompt ",\"completion\":2000,\"cached\":" cached ",\"cache_write\":2500},"           \
    "\"rounding\":\"each_class_half_up_to_nusd\"}"
/* As receipts are written since prices have all classes and units. */
#define USAGE_ALL(figures, requests, unit, units)                                                  \
    "{\"type\":\"usage\",\"estimated\":false,\"clamped\":false," figures ",\"requests\":" requests     \
    ",\"unit\":\"" unit "\",\"units\":" units "}"
#define FIGURES                                                                                    \
    "\"prompt_tokens\":100,\"completion_tokens\":50,\"cached_tokens\":10,\"cache_write_tokens\":20,"    \
    "\"reasoning_tokens\":30,\"cache_write_long_tokens\":5,\"audio_input_tokens\":7,"                 \
    "\"audio_output_tokens\":3,\"image_input_tokens\":0,\"image_output_tokens\":2"
#define BILL_ALL(cost, request)                                                                    \
    "{\"type\":\"billing\",\"cost_nusd\":" cost ",\"price_version\":1,\"tier\":2,"                      \
    "\"prices_pusd_per_token\":{\"prompt\":1500,\"completion\":2000,\"cached\":100,"                  \
    "\"cache_write\":2500,\"cache_write_long\":4000,\"reasoning\":2000,\"audio_input\":9000,"         \
    "\"audio_output\":8000,\"image_input\":1500,\"image_output\":30000},"                           \
    "\"prices_nusd_per_unit\":{\"request\":" request ",\"image\":40,\"second\":6,\"character\":1,"     \
    "\"query\":2},\"rounding\":\"each_class_half_up_to_nusd\"}"
#define MARKUP_BILL(cost, share)                                                                   \
    "{\"type\":\"billing\",\"cost_nusd\":" cost ",\"price_version\":1,\"prices_pusd_per_token\":"  \
    "{\"prompt\":1500,\"completion\":2000,\"cached\":100,\"cache_write\":2500},"                   \
    "\"rounding\":\"each_class_half_up_to_nusd\"," share "}"
#define OWN_BILL(cost, fee)                                                                        \
    "{\"type\":\"billing\",\"cost_nusd\":" cost ",\"price_version\":1,\"prices_pusd_per_token\":"  \
    "{\"prompt\":1500,\"completion\":2000,\"cached\":100,\"cache_write\":2500},"                   \
    "\"rounding\":\"each_class_half_up_to_nusd\",\"own_key_fee_ppm\":" fee "}"
#define COMMITMENT(salt1, value1, salt2, value2)                                                   \
    "{\"type\":\"commitment\",\"alg\":\"hmac-sha256\",\"request\":{\"salt\":\"" salt1              \
    "\",\"value\":\"" value1 "\"},\"response\":{\"salt\":\"" salt2 "\",\"value\":\"" value2 "\"}}"
#define HEX96                                                                                      \
    "abababababababababababababababababababababababab"                                             \
    "abababababababababababababababababababababababab"
#define PLATFORM "{\"type\":\"platform\",\"simulated\":true,\"measurement\":\"" HEX96 "\"}"
#define NAMED_PLATFORM                                                                             \
    "{\"type\":\"platform\",\"simulated\":true,\"providers_digest\":\"sha256:" SALT2                \
    "\",\"measurement\":\"" HEX96 "\"}"
#define SPKI ",\"tls_spki\":\"sha256:" SALT1 "\""
#define TLS_UPSTREAM(verified, spki)                                                               \
    "{\"type\":\"upstream.verified\",\"result\":\"failed\",\"upstream_name\":\"demo-a\","             \
    "\"tls_verified\":" verified spki "}"
#define OUTCOME "{\"type\":\"outcome\",\"status\":200,\"complete\":true}"
#define UPSTREAM                                                                                   \
    "{\"type\":\"upstream.verified\",\"result\":\"failed\",\"upstream_name\":\"demo-a\"}"
/* As in the vectors that ACI publishes: no name. */
#define SESSION                                                                                    \
    "{\"model_id\":\"demo-model\",\"required\":true,\"result\":\"verified\",\"session_id\":"       \
    "\"95ad1cb4dd25445808c2e9d116caf420b05703730b506395e8fc1ca6faeae28f\","                        \
    "\"type\":\"upstream.verified\"}"

static enum err read_events(const char *events, struct receipt_events *out)
{
    static char text[4096]; /* the views of *out point into it */
    int n = snprintf(text, sizeof text, "{\"event_log\":[%s]}", events);

    return receipt_events_read(view_of(text, (size_t)n), &receipt, out);
}

static void setup(void)
{
    receipt.has_received = receipt.has_returned = true;
    memset(receipt.received.b, 0x33, 32);
    memset(receipt.returned.b, 0x55, 32);
}

static void everything_is_read(void)
{
    struct receipt_events x;

    CHECK_INT(read_events(UPSTREAM "," OUTCOME "," USAGE("10", "3", "2", "4", "false") "," BILL(
                              "21") "," PLATFORM "," COMMITMENT(SALT1, VALUE1, SALT2, VALUE2),
                          &x),
              ERR_NONE);
    CHECK(x.has_platform && x.simulated && x.measurement[47] == 0xab);
    CHECK(x.has_outcome && x.complete && x.status == 200);
    CHECK(x.has_bill && x.cost_nusd == 21);
    CHECK(x.has_upstream && !x.upstream_verified && x.has_commitment);
    CHECK(view_eq(x.upstream, VIEW_LIT("demo-a")));
    CHECK_INT(read_events(UPSTREAM "," SESSION, &x), ERR_NONE);
    CHECK(x.has_upstream && x.upstream_verified && x.upstream.len == 0); /* the last one counts */
}

static void contradictions(void)
{
    static const struct {
        const char *events;
        enum err e;
    } cases[] = {
        {"", ERR_NONE}, /* a gateway that is not ours */
        {"{\"type\":\"request.received\"},{\"type\":\"something\",\"x\":1}", ERR_NONE},
        /* 5 * 1.5 = 7.5 -> 8; 3 * 0.1 -> 0; 2 * 2.5 = 5; 4 * 2 = 8 */
        {USAGE("10", "3", "2", "4", "false") "," BILL("21"), ERR_NONE},
        {USAGE("10", "3", "2", "4", "false") "," BILL("22"), ERR_RANGE},
        {USAGE("10", "3", "2", "4", "false") "," BILL("20"), ERR_RANGE},
        {USAGE("10", "3", "2", "4", "true") "," BILL("20"), ERR_NONE}, /* capped, and it says so */
        {USAGE("10", "3", "2", "4", "true") "," BILL("22"), ERR_RANGE},
        {USAGE("10", "3", "2", "4", "false") "," OWN_BILL("0", "0"), ERR_NONE}, /* an own provider key */
        {USAGE("10", "3", "2", "4", "false") "," OWN_BILL("21", "0"), ERR_RANGE},
        {USAGE("10", "3", "2", "4", "false") "," OWN_BILL("2", "50000"), ERR_NONE}, /* 1.05, rounded up */
        {USAGE("10", "3", "2", "4", "false") "," OWN_BILL("1", "50000"), ERR_RANGE},
        {USAGE("10", "3", "2", "4", "false") "," OWN_BILL("21", "1000000"), ERR_NONE},
        {USAGE("10", "3", "2", "4", "false") "," OWN_BILL("21", "1000001"), ERR_FORMAT},
        {USAGE("10", "3", "2", "4", "false") "," OWN_BILL("21", "-1"), ERR_FORMAT},
        {USAGE("10", "3", "2", "4", "false") "," OWN_BILL("21", "null"), ERR_FORMAT},
        {USAGE("10", "3", "2", "4", "false") "," MARKUP_BILL("24", "\"markup_ppm\":100000"), ERR_NONE}, /* 23.1 */
        {USAGE("10", "3", "2", "4", "false") "," MARKUP_BILL("23", "\"markup_ppm\":100000"), ERR_RANGE},
        {USAGE("10", "3", "2", "4", "false") "," MARKUP_BILL("22", "\"markup_ppm\":1"), ERR_NONE},
        {USAGE("10", "3", "2", "4", "false") "," MARKUP_BILL("231", "\"markup_ppm\":10000000"), ERR_NONE},
        {USAGE("10", "3", "2", "4", "false") "," MARKUP_BILL("21", "\"markup_ppm\":10000001"), ERR_FORMAT},
        {USAGE("10", "3", "2", "4", "false") "," MARKUP_BILL("21", "\"markup_ppm\":0"), ERR_FORMAT},
        {USAGE("10", "3", "2", "4", "false") "," MARKUP_BILL("21", "\"markup_ppm\":1,\"own_key_fee_ppm\":1000000"),
         ERR_FORMAT},
        {USAGE("0", "0", "0", "0", "false") "," BILL("0"), ERR_NONE},
        {USAGE("0", "0", "0", "0", "false") "," BILL("1"), ERR_RANGE},
        {USAGE("4", "3", "2", "4", "false") "," BILL("0"), ERR_RANGE},
        {USAGE("9007199254740992", "0", "0", "9007199254740992", "false") "," BILL("1"), ERR_RANGE},
        {USAGE("-1", "0", "0", "0", "false") "," BILL("0"), ERR_FORMAT},
        {USAGE("10", "3", "2", "4", "false") "," BILL("-1"), ERR_FORMAT},
        {BILL("21"), ERR_FORMAT}, /* of what? */
        {USAGE("10", "3", "2", "4", "false"), ERR_NONE},
        {USAGE("10", "3", "2", "4", "false") "," BILL("21") "," BILL("21"), ERR_FORMAT},
        /* Of before the other classes: what is cached is rounded by itself, at whatever price. 0.5 -> 1, twice */
        {USAGE("2", "1", "0", "0", "false") "," BILL_OF("2", "500", "500"), ERR_NONE},
        {USAGE("2", "1", "0", "0", "false") "," BILL_OF("1", "500", "500"), ERR_RANGE},
        /* 63 * 1.5 = 94.5 -> 95; 10 * 0.1 = 1; 15 * 2.5 = 37.5 -> 38; 5 * 4 = 20; 7 * 9 = 63; 45 * 2 = 90 with
         * what is reasoning; 3 * 8 = 24; 2 * 30 = 60; 11 for the request; 3 images at 40 */
        {USAGE_ALL(FIGURES, "1", "image", "3") "," BILL_ALL("522", "11"), ERR_NONE},
        {USAGE_ALL(FIGURES, "1", "image", "3") "," BILL_ALL("523", "11"), ERR_RANGE},
        {USAGE_ALL(FIGURES, "1", "image", "3") "," BILL_ALL("521", "11"), ERR_RANGE},
        {USAGE_ALL(FIGURES, "1", "image", "3") "," BILL_ALL("522", "12"), ERR_RANGE},
        {USAGE_ALL(FIGURES, "0", "image", "3") "," BILL_ALL("511", "11"), ERR_NONE},
        {USAGE_ALL(FIGURES, "1", "", "3") "," BILL_ALL("402", "11"), ERR_NONE},
        {USAGE_ALL(FIGURES, "1", "second", "3") "," BILL_ALL("420", "11"), ERR_NONE},
        {USAGE_ALL(FIGURES, "1", "hour", "3") "," BILL_ALL("522", "11"), ERR_FORMAT},
        {USAGE_ALL(FIGURES, "2", "image", "3") "," BILL_ALL("533", "11"), ERR_FORMAT},
        {USAGE_ALL(FIGURES ",\"audio_input_tokens\":0", "1", "image", "3") "," BILL_ALL("522", "11"), ERR_FORMAT},
        {USAGE("10", "3", "2", "4", "false") "," BILL_ALL("21", "11"), ERR_FORMAT}, /* how many requests? */
        {COMMITMENT(SALT1, VALUE1, SALT2, VALUE2), ERR_NONE},
        {COMMITMENT(SALT2, VALUE1, SALT2, VALUE2), ERR_AUTH},
        {COMMITMENT(SALT1, VALUE1, SALT1, VALUE2), ERR_AUTH},
        {COMMITMENT(SALT2, VALUE2, SALT1, VALUE1), ERR_AUTH},
        {COMMITMENT(SALT1, VALUE2, SALT2, VALUE2), ERR_AUTH},
        {COMMITMENT("00", VALUE1, SALT2, VALUE2), ERR_FORMAT},
        {"{\"type\":\"commitment\",\"alg\":\"sha256\"}", ERR_FORMAT},
        {PLATFORM "," PLATFORM, ERR_FORMAT},
        {"{\"type\":\"platform\",\"simulated\":1,\"measurement\":\"" HEX96 "\"}", ERR_FORMAT},
        {"{\"type\":\"platform\",\"simulated\":true,\"simulated\":false,\"measurement\":\"" HEX96
         "\"}",
         ERR_FORMAT}, /* another reader may believe the other */
        {"{\"type\":\"platform\",\"type\":\"x\"}", ERR_FORMAT},
        {"{\"type\":\"outcome\",\"status\":200}", ERR_FORMAT},
        {SESSION, ERR_NONE},
        {UPSTREAM "," SESSION, ERR_NONE}, /* a failed attempt before */
        {"{\"type\":\"upstream.verified\",\"result\":\"failed\",\"upstream_name\":null}", ERR_NONE},
        {"{\"type\":\"upstream.verified\",\"result\":\"failed\",\"upstream_name\":1}", ERR_FORMAT},
        {"{\"type\":\"upstream.verified\",\"result\":\"failed\",\"upstream_name\":\"a\","
         "\"upstream_name\":\"b\"}",
         ERR_FORMAT},
        {"{\"type\":\"upstream.verified\",\"result\":\"perhaps\"}", ERR_FORMAT},
        {"{\"type\":\"upstream.verified\",\"result\":\"failed\",\"result\":\"verified\"}",
         ERR_FORMAT},
        {"{\"type\":\"upstream.verified\",\"upstream_name\":\"demo-a\"}", ERR_FORMAT},
        /* the key of the provider's certificate goes with a certificate that was verified, and with providers.conf */
        {TLS_UPSTREAM("true", SPKI) "," NAMED_PLATFORM, ERR_NONE},
        {TLS_UPSTREAM("true", SPKI) "," PLATFORM, ERR_NONE},
        {TLS_UPSTREAM("false", SPKI) "," NAMED_PLATFORM, ERR_FORMAT},
        {TLS_UPSTREAM("false", "") "," NAMED_PLATFORM, ERR_NONE},
        {TLS_UPSTREAM("true", "") "," NAMED_PLATFORM, ERR_FORMAT},
        {TLS_UPSTREAM("true", "") "," PLATFORM, ERR_NONE}, /* of before keys were named */
        {TLS_UPSTREAM("1", SPKI) "," NAMED_PLATFORM, ERR_FORMAT},
        {TLS_UPSTREAM("true", SPKI SPKI) "," NAMED_PLATFORM, ERR_FORMAT},
        {TLS_UPSTREAM("true", ",\"tls_spki\":\"sha256:" SALT1 "00\""), ERR_FORMAT},
        {TLS_UPSTREAM("true", ",\"tls_spki\":\"" SALT1 "\""), ERR_FORMAT},
        {TLS_UPSTREAM("true", ",\"tls_spki\":null"), ERR_FORMAT},
        {"{\"type\":\"platform\",\"simulated\":true,\"providers_digest\":\"sha256:00\",\"measurement\":\"" HEX96 "\"}",
         ERR_FORMAT},
        {"{\"no\":\"type\"}", ERR_FORMAT},
        {"1", ERR_FORMAT},
    };
    struct receipt_events x;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum err e = read_events(cases[i].events, &x);

        CHECK_INT(e, cases[i].e);
        if (e != cases[i].e)
            printf("# %s\n", cases[i].events);
    }
}

/* Nothing was returned: there is nothing that a commitment to an answer could be to. */
static void without_an_answer(void)
{
    struct receipt_events x;

    receipt.has_returned = false;
    CHECK_INT(read_events(COMMITMENT(SALT1, VALUE1, SALT1, VALUE1), &x), ERR_NONE);
    CHECK_INT(read_events(COMMITMENT(SALT1, VALUE2, SALT2, VALUE2), &x), ERR_AUTH);
    receipt.has_returned = true;
}

static const struct check_case cases[] = {
    {"receipt_events_setup", setup},
    {"receipt_events_everything_is_read", everything_is_read},
    {"receipt_events_contradictions", contradictions},
    {"receipt_events_without_an_answer", without_an_answer},
};
CHECK_MAIN(cases)
