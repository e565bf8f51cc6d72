/* Who may say that something was paid, and what is read from what they say: signatures with accepted and rejected
 * twins, and Stripe's objects as facts. */
#include "check.h"
#include "payments/rail.c"
#include "payments/stripe_read.c"
#include "payments/webhook.c"

#define SECRET "whsec_first"
#define OTHER "whsec_second"
#define BODY "{\"id\":\"evt_1\"}"
#define KNOWN "32a5f52f8b585db06b5960c1b30992c0575588cf6343eeb646efa5bfd9ca5a17" /* openssl dgst -sha256 -hmac key, over "1.a" */
enum { NOW = 1700000000 };

static char headers[3][WEBHOOK_HEADER_MAX + 64];

/* "t=<t>,v1=<hex of the HMAC>", made with OpenSSL's one-shot function rather than with what is tested. */
static const char *header(unsigned slot, const char *secret, const char *t, const char *body)
{
    uint8_t mac[32];
    char hex[65], signed_text[256];
    size_t len = 0;

    snprintf(signed_text, sizeof signed_text, "%s.%s", t, body);
    CHECK(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret, strlen(secret), (const uint8_t *)signed_text,
                    strlen(signed_text), mac, sizeof mac, &len) != NULL);
    hex_encode(mac, sizeof mac, hex);
    snprintf(headers[slot], sizeof headers[slot], "t=%s,v1=%s", t, hex);
    return headers[slot];
}

static enum err verify(const char *h, const char *body)
{
    const struct view secrets[] = {VIEW_LIT(SECRET), VIEW_LIT(OTHER)};

    return webhook_verify(view_str(h), view_str(body), secrets, 2, NOW);
}

static void test_accepted(void)
{
    char twice[256];

    CHECK_INT(verify(header(0, SECRET, "1700000000", BODY), BODY), ERR_NONE);
    CHECK_INT(verify(header(0, OTHER, "1700000000", BODY), BODY), ERR_NONE); /* while a secret is replaced */
    CHECK_INT(verify(header(0, SECRET, "1699999700", BODY), BODY), ERR_NONE);
    CHECK_INT(verify(header(0, SECRET, "1700000300", BODY), BODY), ERR_NONE);
    /* Several signatures, of which one is right; schemes that nobody knows. */
    snprintf(twice, sizeof twice, "%s,v1=%064d,v0=zz,x", header(0, OTHER, "1700000000", BODY), 0);
    CHECK_INT(verify(twice, BODY), ERR_NONE);
    /* What another program says. */
    const struct view key = VIEW_LIT("key");
    CHECK_INT(webhook_verify(VIEW_LIT("t=1,v1=" KNOWN), VIEW_LIT("a"), &key, 1, 1), ERR_NONE);
}

static void test_rejected(void)
{
    const struct view first = VIEW_LIT(SECRET);
    char text[WEBHOOK_HEADER_MAX + 64];
    static const char *const malformed[] = {
        "", "t=1700000000", "v1=" KNOWN, "t=,v1=" KNOWN, "t=-1,v1=" KNOWN, "t=1x,v1=" KNOWN, "t=1,v1=",
        "t=1,v1=ab", "t=1,v1=" KNOWN "00", "t=1,t=1,v1=" KNOWN, "t=99999999999999999999,v1=" KNOWN, ",,,", "=",
    };

    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
        CHECK_INT(verify(malformed[i], BODY), ERR_FORMAT);
    CHECK_INT(verify(header(0, "whsec_third", "1700000000", BODY), BODY), ERR_AUTH);
    CHECK_INT(verify(header(0, SECRET, "1700000000", BODY), BODY " "), ERR_AUTH);
    CHECK_INT(verify(header(0, SECRET, "1700000000", ""), BODY), ERR_AUTH);
    CHECK_INT(webhook_verify(view_str(header(0, OTHER, "1700000000", BODY)), VIEW_LIT(BODY), &first, 1, NOW),
              ERR_AUTH);
    /* The time is signed: another one fits nothing. */
    snprintf(text, sizeof text, "t=1700000001%s", header(0, SECRET, "1700000000", BODY) + 12);
    CHECK_INT(verify(text, BODY), ERR_AUTH);
    CHECK_INT(verify(header(0, SECRET, "1699999699", BODY), BODY), ERR_RANGE);
    CHECK_INT(verify(header(0, SECRET, "1700000301", BODY), BODY), ERR_RANGE);
    CHECK_INT(verify(header(0, SECRET, "9223372036854775807", BODY), BODY), ERR_RANGE);
    CHECK_INT(verify(header(0, SECRET, "18446744073709551615", BODY), BODY), ERR_RANGE);
    /* More signatures than anybody sends, and a header that is too long. */
    snprintf(text, sizeof text, "%s", header(0, SECRET, "1700000000", BODY));
    for (int i = 0; i < WEBHOOK_SIGNATURES_MAX; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), ",v1=%064d", 0);
    CHECK_INT(verify(text, BODY), ERR_FORMAT);
    snprintf(text, sizeof text, "%s,v0=%01000d", header(0, SECRET, "1700000000", BODY), 0);
    CHECK_INT(verify(text, BODY), ERR_FORMAT);
}

/* --- objects --- */

#define ACCOUNT "01010101010101010101010101010101"
#define PAYMENT "02020202020202020202020202020202"
#define META "\"metadata\":{\"tr_account\":\"" ACCOUNT "\",\"tr_payment\":\"" PAYMENT "\"}"
#define EVENT(type, object)                                                                                        \
    "{\"id\":\"evt_1\",\"object\":\"event\",\"type\":\"" type "\",\"data\":{\"object\":" object "}}"
#define SESSION(mode, status, paid)                                                                                \
    "{\"id\":\"cs_1\",\"object\":\"checkout.session\",\"mode\":\"" mode "\",\"status\":\"" status                  \
    "\",\"payment_status\":\"" paid "\",\"amount_total\":1190,\"currency\":\"usd\",\"total_details\":"              \
    "{\"amount_tax\":190},\"payment_intent\":\"pi_1\"," META "}"
#define INTENT(status, more)                                                                                       \
    "{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"status\":\"" status                                          \
    "\",\"amount_received\":500,\"currency\":\"usd\"," more META "}"
#define REFUND(status)                                                                                             \
    "{\"id\":\"re_1\",\"object\":\"refund\",\"amount\":300,\"payment_intent\":{\"id\":\"pi_1\"},\"status\":\"" status \
    "\"}"
#define DISPUTE(status)                                                                                            \
    "{\"id\":\"dp_1\",\"object\":\"dispute\",\"amount\":300,\"payment_intent\":\"pi_1\",\"status\":\"" status "\"}"
#define METHOD(customer)                                                                                           \
    "{\"id\":\"pm_1\",\"object\":\"payment_method\",\"customer\":" customer                                        \
    ",\"card\":{\"brand\":\"visa\",\"last4\":\"4242\",\"exp_month\":12,\"exp_year\":2030}}"

static void test_events(void)
{
    static const struct {
        const char *event;
        enum rail_what what;
        const char *state; /* NULL: none */
        int64_t total;
    } cases[] = {
        {EVENT("checkout.session.completed", SESSION("payment", "complete", "paid")), RAIL_CHECKOUT, "paid", 1190},
        {EVENT("checkout.session.completed", SESSION("payment", "complete", "unpaid")), RAIL_CHECKOUT, "processing",
         1190},
        {EVENT("checkout.session.async_payment_failed", SESSION("payment", "complete", "unpaid")), RAIL_CHECKOUT,
         "failed", 1190},
        {EVENT("checkout.session.expired", SESSION("payment", "expired", "unpaid")), RAIL_CHECKOUT, "expired", 1190},
        {EVENT("x", SESSION("payment", "open", "unpaid")), RAIL_CHECKOUT, "open", 1190},
        {EVENT("checkout.session.completed", SESSION("setup", "complete", "no_payment_required")), RAIL_SETUP, "saved",
         1190},
        {EVENT("payment_intent.succeeded", INTENT("succeeded", "")), RAIL_CHARGE, "paid", 500},
        {EVENT("payment_intent.processing", INTENT("processing", "")), RAIL_CHARGE, "processing", 500},
        {EVENT("payment_intent.created", INTENT("requires_payment_method", "")), RAIL_CHARGE, "open", 500},
        {EVENT("payment_intent.payment_failed",
               INTENT("requires_payment_method", "\"last_payment_error\":{\"code\":\"card_declined\"},")),
         RAIL_CHARGE, "failed", 500},
        {EVENT("payment_intent.canceled", INTENT("canceled", "")), RAIL_CHARGE, "failed", 500},
        {EVENT("refund.created", REFUND("pending")), RAIL_REFUND, "pending", 300},
        {EVENT("refund.updated", REFUND("succeeded")), RAIL_REFUND, "succeeded", 300},
        {EVENT("refund.failed", REFUND("failed")), RAIL_REFUND, "failed", 300},
        {EVENT("refund.updated", REFUND("canceled")), RAIL_REFUND, "failed", 300},
        {EVENT("charge.refunded", "{\"id\":\"ch_1\",\"object\":\"charge\",\"amount_refunded\":300}"),
         RAIL_CHARGED_BACK, NULL, 300},
        {EVENT("charge.succeeded", "{\"id\":\"ch_1\",\"object\":\"charge\",\"amount_refunded\":0}"), RAIL_NOTHING, NULL,
         0},
        {EVENT("charge.dispute.created", DISPUTE("needs_response")), RAIL_DISPUTE, "open", 300},
        {EVENT("charge.dispute.closed", DISPUTE("won")), RAIL_DISPUTE, "won", 300},
        {EVENT("charge.dispute.closed", DISPUTE("lost")), RAIL_DISPUTE, "lost", 300},
        {EVENT("charge.dispute.created", DISPUTE("warning_needs_response")), RAIL_NOTHING, NULL, 300},
        {EVENT("payment_method.attached", METHOD("\"cus_1\"")), RAIL_METHOD, "attached", -1},
        {EVENT("payment_method.detached", METHOD("null")), RAIL_METHOD, "detached", -1},
        {EVENT("invoice.paid",
               "{\"id\":\"in_1\",\"object\":\"invoice\",\"status\":\"paid\",\"amount_paid\":1190,\"tax\":190}"),
         RAIL_INVOICE, "paid", 1190},
        {EVENT("invoice.created", "{\"id\":\"in_1\",\"object\":\"invoice\",\"status\":\"draft\"}"), RAIL_INVOICE,
         "claimed", -1},
        {EVENT("product.created", "{\"id\":\"prod_1\",\"object\":\"product\"}"), RAIL_NOTHING, NULL, -1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rail_fact f;

        CHECK_INT(stripe_read_event(view_str(cases[i].event), &f), ERR_NONE);
        CHECK_INT(f.what, cases[i].what);
        CHECK((f.what == RAIL_NOTHING || cases[i].state == NULL) || strcmp(f.state, cases[i].state) == 0);
        CHECK_INT(f.has_total ? f.total_nusd : -INT64_C(10000000), cases[i].total * 10000000);
        CHECK(view_eq(f.event, VIEW_LIT("evt_1")));
    }
}

static void test_event_fields(void)
{
    struct rail_fact f;
    struct buf out;

    buf_init(&out, 4096);
    CHECK_INT(stripe_read_event(VIEW_LIT(EVENT("checkout.session.completed", SESSION("payment", "complete", "paid"))), &f),
              ERR_NONE);
    CHECK_INT(rail_fact_json(&f, &out), ERR_NONE);
    CHECK(view_eq(buf_view(&out),
                  VIEW_LIT("{\"what\":\"checkout\",\"usd\":true,\"state\":\"paid\",\"event\":\"evt_1\",\"object\":\"cs_1\","
                           "\"parent\":\"pi_1\",\"account\":\"" ACCOUNT "\",\"payment\":\"" PAYMENT
                           "\",\"total\":11900000000,\"tax\":1900000000}")));
    buf_free(&out);
    CHECK_INT(stripe_read_event(VIEW_LIT(EVENT("payment_intent.payment_failed",
                                               INTENT("requires_payment_method",
                                                      "\"last_payment_error\":{\"code\":\"card_declined\","
                                                      "\"decline_code\":\"lost_card\"},"))),
                                &f),
              ERR_NONE);
    CHECK(view_eq(f.code, VIEW_LIT("lost_card")));
    CHECK_INT(stripe_read_event(VIEW_LIT(EVENT("payment_intent.canceled", INTENT("canceled", ""))), &f), ERR_NONE);
    CHECK(view_eq(f.code, VIEW_LIT("canceled")));
    /* Metadata that are no ids of ours, an amount that there cannot be. */
    CHECK_INT(stripe_read_event(VIEW_LIT(EVENT("x", "{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"amount_received\":"
                                                    "922337203685477580,\"metadata\":{\"tr_account\":\"1 OR 1=1\"}}")),
                                &f),
              ERR_NONE);
    CHECK(!f.has_total && f.account.len == 0);
}

static void test_no_events(void)
{
    static const char *const bad[] = {
        "", "{}", "[]", "null", "{\"object\":\"event\"}", BODY,
        "{\"id\":\"evt_1\",\"object\":\"event\",\"data\":{\"object\":[]}}",
        "{\"id\":\"\",\"object\":\"event\",\"data\":{\"object\":{\"id\":\"a\"}}}",
        "{\"id\":\"evt_1\",\"object\":\"event\",\"data\":{\"object\":{}}}",
        "{\"id\":\"evt_1\",\"object\":\"charge\",\"data\":{\"object\":{\"id\":\"a\"}}}",
        "{\"id\":\"evt_1\",\"object\":\"event\",\"data\":{\"object\":{\"id\":\"a\"}}} x",
    };
    struct rail_fact f;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_INT(stripe_read_event(view_str(bad[i]), &f), ERR_FORMAT);
}

/* --- answers --- */

static void test_answers(void)
{
    static const struct {
        unsigned status;
        bool replayed;
        const char *body;
        enum rail_verdict verdict;
        const char *code;
        bool ask;
        enum rail_what what;
    } cases[] = {
        {200, false, INTENT("succeeded", ""), RAIL_OBJECT, "", false, RAIL_CHARGE},
        {200, false, "{\"id\":\"cus_1\",\"object\":\"customer\"}", RAIL_OBJECT, "", false, RAIL_NOTHING},
        {200, false, "{}", RAIL_UNKNOWN, "", false, RAIL_NOTHING},
        {200, false, "<html>", RAIL_UNKNOWN, "", false, RAIL_NOTHING},
        {402, false,
         "{\"error\":{\"type\":\"card_error\",\"code\":\"card_declined\",\"decline_code\":\"lost_card\",\"payment_intent\":"
         INTENT("requires_payment_method", "\"last_payment_error\":{\"code\":\"card_declined\"},") "}}",
         RAIL_REFUSED, "lost_card", false, RAIL_CHARGE},
        {402, false, "{\"error\":{\"type\":\"card_error\",\"code\":\"expired_card\"}}", RAIL_REFUSED, "expired_card",
         false, RAIL_NOTHING},
        {400, false, "{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"resource_missing\"}}", RAIL_REFUSED,
         "resource_missing", false, RAIL_NOTHING},
        {400, false, "{\"error\":{\"type\":\"idempotency_error\"}}", RAIL_UNKNOWN, "idempotency_error", true,
         RAIL_NOTHING},
        {400, false, "no json", RAIL_UNKNOWN, "", false, RAIL_NOTHING},
        {401, false, "{\"error\":{\"type\":\"invalid_request_error\"}}", RAIL_UNKNOWN, "invalid_request_error", false,
         RAIL_NOTHING},
        {409, false, "{\"error\":{\"code\":\"idempotency_key_in_use\"}}", RAIL_UNKNOWN, "idempotency_key_in_use", false,
         RAIL_NOTHING},
        {429, false, "{\"error\":{\"code\":\"rate_limit\"}}", RAIL_UNKNOWN, "rate_limit", false, RAIL_NOTHING},
        {500, false, "{\"error\":{\"type\":\"api_error\"}}", RAIL_UNKNOWN, "api_error", false, RAIL_NOTHING},
        {500, true, "{\"error\":{\"type\":\"api_error\"}}", RAIL_UNKNOWN, "api_error", true, RAIL_NOTHING},
        {0, false, "", RAIL_UNKNOWN, "", false, RAIL_NOTHING},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rail_answer a;
        struct rail_fact f;

        stripe_read_answer(cases[i].status, cases[i].replayed, view_str(cases[i].body), &a, &f);
        CHECK_INT(a.verdict, cases[i].verdict);
        CHECK(view_eq(a.code, view_str(cases[i].code)));
        CHECK_INT(a.replayed_error, cases[i].ask);
        CHECK_INT(f.what, cases[i].what);
    }
}

static void test_lists(void)
{
    struct rail_order o = {0};
    struct rail_fact f;
    bool found, more;

    memset(o.payment.b, 2, sizeof o.payment.b);
    CHECK_INT(stripe_read_list(VIEW_LIT("{\"has_more\":false,\"data\":[{\"id\":\"pi_0\",\"object\":\"payment_intent\"},"
                                        INTENT("succeeded", "") "]}"), &o, &f, &found, &more), ERR_NONE);
    CHECK(found && !more && view_eq(f.object, VIEW_LIT("pi_1")));
    o.payment.b[0] = 3;
    CHECK_INT(stripe_read_list(VIEW_LIT("{\"has_more\":true,\"data\":[" INTENT("succeeded", "") "]}"), &o, &f, &found,
                               &more), ERR_NONE);
    CHECK(!found && more);
    CHECK_INT(stripe_read_list(VIEW_LIT("{\"data\":{}}"), &o, &f, &found, &more), ERR_FORMAT);
    CHECK_INT(stripe_read_list(VIEW_LIT("{\"error\":{}}"), &o, &f, &found, &more), ERR_FORMAT);
}

/* An invoice's item is without its tax, as a checkout's is, where the service works out taxes. */
static void test_item_tax(void)
{
    const struct rail_order o = {.amount_nusd = NUSD_PER_USD, .customer = "cus_1", .method = "", .object = "in_1"};

    for (int taxes = 0; taxes < 2; taxes++) {
        struct rail_request q = {0};

        buf_init(&q.form, RAIL_FORM_MAX);
        CHECK_INT(rail_stripe.word(RAIL_ASK_INVOICE_ITEM, &o, taxes != 0, false, &q), ERR_NONE);
        CHECK((strstr((const char *)q.form.ptr, "&tax_behavior=exclusive") != NULL) == (taxes != 0));
        buf_free(&q.form);
    }
}

static const struct check_case cases[] = {
    {"stripe_item_tax", test_item_tax},
    {"webhook_accepted", test_accepted},         {"webhook_rejected", test_rejected},
    {"webhook_events", test_events},             {"webhook_event_fields", test_event_fields},
    {"webhook_no_events", test_no_events},       {"stripe_answers", test_answers},
    {"stripe_lists", test_lists},
};

CHECK_MAIN(cases)
