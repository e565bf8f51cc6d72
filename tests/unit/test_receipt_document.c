/* The signed text that a client keeps: an independent reader of ACI must find every member where
 * the specification puts it, nothing of it may be changed without being noticed, and the key's
 * owner must be the only one to get it. */
#include "receipt_answer.c"

#include "aci.h"
#include "check.h"
#include "clock.h"
#include "identity.h"
#include "json.h"
#include "keyset.h"
#include "part_id.h"
#include "receipt_events.h"
#include "usage.h"

#include <sodium.h>
#include <stdio.h>

#include "vectors.h" /* the last: it gives names of the verifier another meaning */

/* --- a fake client, and a worker with everything that signing needs */

struct web_request {
    int status;
    char headers[4096], body[1 << 17];
    size_t body_len;
    const char *query;
};

bool web_header(const struct web_request *r, struct view name, struct view *out)
{
    (void)r, (void)name, (void)out;
    return false;
}

struct view web_path(const struct web_request *r)
{
    (void)r;
    return VIEW_LIT("/v1/aci/receipts/x");
}

struct view web_query(const struct web_request *r)
{
    return r->query == NULL ? VIEW_EMPTY : view_str(r->query);
}

void web_respond(struct web_request *r, int status, const struct web_header *h, size_t n,
                 struct view body)
{
    size_t at = 0;

    r->status = status;
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(r->headers + at, sizeof r->headers - at, "%.*s: %.*s\n",
                               (int)h[i].name.len, (const char *)h[i].name.ptr, (int)h[i].value.len,
                               (const char *)h[i].value.ptr);
    CHECK(body.len < sizeof r->body);
    memcpy(r->body, body.ptr, body.len);
    r->body_len = body.len;
    r->body[body.len] = '\0';
}
void web_respond_taking(struct web_request *r, int status, const struct web_header *h, size_t n,
                        struct buf *body)
{
    web_respond(r, status, h, n, buf_view(body));
    buf_free(body);
}

static struct providers providers = {
    .n = 2,
    .list = {{.no = 0, .id = "demo-a", .host = "a.example", .port = 443, .tls = true},
             {.no = 1, .id = "demo-b", .host = "127.0.0.1", .port = 8080}}};
static struct identity_keys *keys;
static struct keyset *keyset;
static struct receipt_signer signer;
static struct receipt_context context = {.signer = &signer};
static uint8_t public[32];

static void setup(void)
{
    struct identity_config config = {.audience = "test.example"};

    CHECK_INT(identity_keys_new(&config, &keys), ERR_NONE);
    CHECK_INT(keyset_new(keys, &keyset), ERR_NONE);
    CHECK_INT(receipts_new(1, 64, &context.receipts), ERR_NONE);
    identity_receipt_key(keys, public);
    signer = (struct receipt_signer){.keys = keys,
                                            .keyset = keyset,
                                            .providers = &providers,
                                            .receipts = context.receipts,
                                            .salt = receipts_salt_secret(context.receipts)};
    memset(signer.measurement, 0xab, sizeof signer.measurement);
    memset(providers.digest.b, 0x88, sizeof providers.digest.b);
}

static void teardown(void)
{
    receipts_free(context.receipts);
    keyset_free(keyset);
    identity_keys_free(keys);
}

/* An answer with everything in it. */
static struct receipt_facts full(void)
{
    struct receipt_facts f = {
        .served_unix_ms = 1750000000999,
        .received_bytes = 100,
        .returned_bytes = 200,
        .route_seed = 0xfedcba9876543210,
        .cost_nusd = 9, /* 4 * 1 + 4 * 0.1 + 1 * 1.25 + 2 * 2, each rounded */
        .class_pusd = {1000, 2000, 100, 1250, 1250, 2000, 1000, 2000, 1000, 2000},
        .requests = 1,
        .catalog_version = 7,
        .price_version = 3,
        .tokens_prompt = 9,
        .tokens_completion = 2,
        .tokens_cached_read = 4,
        .tokens_cache_write = 1,
        .tokens_reasoning = 1,
        .flags = RECEIPT_ADMITTED | RECEIPT_FORWARDED | RECEIPT_RETURNED | RECEIPT_STREAM |
                 RECEIPT_COMPLETE | RECEIPT_KEYED,
        .status = 200,
        .endpoint = RECEIPT_CHAT_V1,
        .finish = FINISH_STOP,
        .n_candidates = 2,
        .candidate =
            {{.endpoint_no = 11,
              .provider_no = 1,
              .reason = ROUTE_REASON_BALANCE,
              .tried = 1,
              .result = ERR_PROVIDER_STATUS},
             {.endpoint_no = 12, .provider_no = 0, .reason = ROUTE_REASON_UNHEALTHY, .tried = 1}},
        .answered = 1,
        .inputs = {1, 2, 3},
        .inputs_len = 3,
        .model = "demo/echo",
        .upstream_model = "up-echo",
    };

    memset(f.id.b, 0x11, sizeof f.id.b);
    memset(f.owner.b, 0x22, sizeof f.owner.b);
    memset(f.received.b, 0x33, sizeof f.received.b);
    memset(f.forwarded.b, 0x44, sizeof f.forwarded.b);
    memset(f.returned.b, 0x55, sizeof f.returned.b);
    memset(f.provider_key.b, 0x77, sizeof f.provider_key.b);
    memset(f.catalog.b, 0x66, sizeof f.catalog.b);
    return f;
}

/* What is left of it when nothing was decided, sent or returned. */
static struct receipt_facts least(void)
{
    struct receipt_facts f = {.served_unix_ms = 1,
                              .status = 499,
                              .endpoint = RECEIPT_CHAT_API_V1,
                              .outcome = ERR_CLIENT_GONE};

    f.id.b[0] = 1;
    return f;
}

/* As full as can be: nothing may fail for want of room. */
static struct receipt_facts greatest(void)
{
    struct receipt_facts f = full();

    f.received_bytes = f.returned_bytes = INT64_C(1) << 53;
    f.cost_nusd = INT64_C(1) << 53;
    for (enum price_class c = 0; c < PRICE_CLASS_COUNT; c++)
        f.class_pusd[c] = INT64_C(1) << 53;
    for (size_t u = 0; u < PRICE_UNIT_COUNT - 1; u++)
        f.unit_nusd[u] = INT64_C(1) << 53;
    f.tier = PRICE_TIERS_MAX;
    f.units = UINT32_MAX;
    f.unit_kind = PRICE_UNIT_character;
    f.tokens_prompt = f.tokens_completion = f.price_version = f.catalog_version = UINT32_MAX;
    f.n_candidates = LIMIT_CANDIDATES;
    f.inputs_len = sizeof f.inputs;
    memset(f.inputs, 0xff, sizeof f.inputs);
    f.error = API_ERROR_COUNT - 1;
    for (unsigned i = 0; i < LIMIT_CANDIDATES; i++)
        f.candidate[i] =
            (struct receipt_candidate){UINT32_MAX, i % 2, ROUTE_REASON_COUNT - 1, 1, ERR_COUNT - 1};
    memset(f.model, 'm', sizeof f.model); /* no NUL */
    memset(f.upstream_model, 'u', sizeof f.upstream_model);
    return f;
}

static void document_of(const struct receipt_facts *f, struct buf *text)
{
    buf_init(text, RECEIPT_SIGNATURE_MAX);
    CHECK_INT(receipt_document(&signer, f, text), ERR_NONE);
}

static bool says(const struct buf *text, const char *part)
{
    return memmem(text->ptr, text->len, part, strlen(part)) != NULL;
}

/* --- what it says */

static void every_fact_is_in_it(void)
{
    static const char *const parts[] = {
        "\"api_version\":\"aci/1\"",
        "\"receipt_id\":\"rcpt-11111111111111111111111111111111\"",
        "\"chat_id\":\"gen-11111111111111111111111111111111\"",
        "\"endpoint\":\"/v1/chat/completions\"",
        "\"method\":\"POST\"",
        "\"served_at\":1750000000,",
        "\"model\":\"demo/echo\"",
        "{\"body_hash\":\"sha256:"
        "3333333333333333333333333333333333333333333333333333333333333333\","
        "\"type\":\"request.received\"}",
        "{\"body_hash\":\"sha256:"
        "4444444444444444444444444444444444444444444444444444444444444444\","
        "\"type\":\"request.forwarded\"}",
        "{\"body_hash\":\"sha256:"
        "5555555555555555555555555555555555555555555555555555555555555555\","
        "\"type\":\"response.returned\"}",
        "{\"model_id\":\"up-echo\",\"reason\":\"the provider is not attested; its TLS certificate "
        "and host name were verified\",\"required\":false,\"result\":\"failed\","
        "\"tls_spki\":\"sha256:7777777777777777777777777777777777777777777777777777777777777777\","
        "\"tls_verified\":true,\"type\":\"upstream.verified\",\"upstream_name\":\"demo-a\","
        "\"url_origin\":\"https://a.example:443\"}",
        "{\"answered\":1,\"candidates\":[{\"endpoint\":11,\"provider\":\"demo-b\",\"reason\":"
        "\"balance\",\"result\":\"provider_status\",\"tried\":true},{\"endpoint\":12,\"provider\":"
        "\"demo-a\",\"reason\":\"unhealthy\",\"result\":\"none\",\"tried\":true}],"
        "\"catalog_digest\":"
        "\"sha256:6666666666666666666666666666666666666666666666666666666666666666\","
        "\"catalog_version\":7,\"inputs\":\"AQID\",\"seed\":\"fedcba9876543210\",\"type\":\"route\"}",
        "{\"audio_input_tokens\":0,\"audio_output_tokens\":0,\"cache_write_long_tokens\":0,"
        "\"cache_write_tokens\":1,\"cached_tokens\":4,\"clamped\":false,\"completion_tokens\":2,"
        "\"estimated\":false,\"image_input_tokens\":0,\"image_output_tokens\":0,"
        "\"prompt_tokens\":9,\"reasoning_tokens\":1,\"requests\":1,\"type\":\"usage\",\"unit\":\"\",\"units\":0}",
        "{\"cost_nusd\":9,\"price_version\":3,\"prices_nusd_per_unit\":{\"character\":0,\"image\":0,\"query\":0,"
        "\"request\":0,\"second\":0},\"prices_pusd_per_token\":{\"audio_input\":1000,\"audio_output\":2000,"
        "\"cache_write\":1250,\"cache_write_long\":1250,\"cached\":100,\"completion\":2000,"
        "\"image_input\":1000,\"image_output\":2000,\"prompt\":1000,\"reasoning\":2000},"
        "\"rounding\":\"each_class_half_up_to_nusd\",\"tier\":0,\"type\":\"billing\"}",
        "{\"bytes_received\":100,\"bytes_returned\":200,\"complete\":true,\"error\":null,"
        "\"finish_reason\":\"stop\",\"result\":\"none\",\"status\":200,\"stream\":true,"
        "\"type\":\"outcome\"}",
        "\"providers_digest\":\"sha256:8888888888888888888888888888888888888888888888888888888888888888\"",
        "\"simulated\":false,\"tee_type\":\"sev_snp\",\"type\":\"platform\"}",
    };
    struct receipt_facts f = full();
    struct receipt_events events;
    struct aci_receipt r;
    struct buf text;
    uint8_t wrong[32];

    document_of(&f, &text);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        CHECK(says(&text, parts[i]));
        if (!says(&text, parts[i]))
            printf("# not there: %s\n", parts[i]);
    }
    CHECK_INT(aci_receipt_open(buf_view(&text), public, &r), ERR_NONE);
    CHECK_BYTES(r.keyset.b, 32, keyset_digest(keyset)->b, 32);
    CHECK(view_eq(r.key_id, keyset_receipt_key_id(keyset)));
    CHECK_BYTES(r.received.b, 32, f.received.b, 32);
    CHECK_BYTES(r.forwarded.b, 32, f.forwarded.b, 32);
    CHECK_BYTES(r.returned.b, 32, f.returned.b, 32);
    CHECK_INT(r.served_at, 1750000000);
    CHECK_INT(receipt_events_read(buf_view(&text), &r, &events), ERR_NONE);
    CHECK(events.has_bill && events.cost_nusd == 9 && events.has_commitment);
    CHECK_BYTES(events.measurement, 48, signer.measurement, 48);
    memcpy(wrong, public, 32);
    wrong[31] ^= 1;
    CHECK(aci_receipt_open(buf_view(&text), wrong, &r) != ERR_NONE);
    buf_free(&text);
}

static void a_refusal_says_no_more_than_it_knows(void)
{
    static const char *const never[] = {"request.forwarded", "upstream.verified",
                                        "response.returned", "\"route\"",
                                        "\"billing\"",       "\"usage\""};
    struct receipt_facts f = least();
    struct receipt_events events;
    struct aci_receipt r;
    struct buf text;

    document_of(&f, &text);
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        CHECK(!says(&text, never[i]));
    CHECK(says(&text, "\"chat_id\":null"));
    CHECK(says(&text, "\"model\":null"));
    CHECK(says(&text, "\"endpoint\":\"/api/v1/chat/completions\""));
    CHECK_INT(aci_receipt_open(buf_view(&text), public, &r), ERR_NONE);
    CHECK(r.has_received && !r.has_forwarded && !r.has_returned);
    CHECK_INT(receipt_events_read(buf_view(&text), &r, &events), ERR_NONE);
    CHECK(events.has_platform && events.has_commitment && !events.has_bill);
    buf_free(&text);
}

/* A client that asked for an attested provider finds in the receipt that this was asked, and
 * refused. */
static void a_refusal_for_want_of_attestation(void)
{
    static const enum api_error why[] = {API_UNVERIFIED, API_NO_SESSION};

    for (size_t i = 0; i < sizeof why / sizeof why[0]; i++) {
        struct receipt_facts f = least();
        struct receipt_events events;
        struct aci_receipt r;
        struct buf text;

        f.error = (uint8_t)why[i];
        document_of(&f, &text);
        CHECK(says(&text,
                   "{\"model_id\":null,\"reason\":\"no provider of this router is attested\","
                   "\"required\":true,\"result\":\"failed\",\"type\":\"upstream.verified\"}"));
        CHECK_INT(aci_receipt_open(buf_view(&text), public, &r), ERR_NONE);
        CHECK_INT(receipt_events_read(buf_view(&text), &r, &events), ERR_NONE);
        CHECK(events.has_upstream && !events.upstream_verified && !r.has_forwarded);
        buf_free(&text);
    }
}

static void the_greatest_fits(void)
{
    struct receipt_facts f = greatest();
    struct aci_receipt r;
    struct buf text;

    document_of(&f, &text);
    CHECK_INT(aci_receipt_open(buf_view(&text), public, &r), ERR_NONE);
    CHECK_INT(r.model.len, LIMIT_MODEL_ID_BYTES);
    printf("# the greatest receipt: %zu bytes\n", text.len);
    buf_free(&text);
    f.cost_nusd = (INT64_C(1) << 53) + 1; /* not every reader could tell it from its neighbour */
    buf_init(&text, RECEIPT_DOCUMENT_MAX);
    CHECK_INT(receipt_document(&signer, &f, &text), ERR_UNSUPPORTED);
    buf_free(&text);
}

/* --- that it cannot be changed */

/* Each byte to eight others, each member's value to another, each byte cut off or left out. */
static void no_mutant_is_accepted(void)
{
    struct receipt_facts f = full();
    struct aci_receipt r;
    struct buf text;
    unsigned accepted = 0, tried = 0;

    document_of(&f, &text);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t was = text.ptr[i];

        for (unsigned bit = 0; bit < 8; bit++, tried++) {
            text.ptr[i] = (uint8_t)(was ^ (1u << bit));
            accepted += aci_receipt_open(buf_view(&text), public, &r) == ERR_NONE;
        }
        text.ptr[i] = was;
        accepted += aci_receipt_open(view_of(text.ptr, i), public, &r) == ERR_NONE;
        tried++;
    }
    CHECK_INT(accepted, 0);
    printf("# %u mutants, none accepted\n", tried);
    CHECK_INT(aci_receipt_open(buf_view(&text), public, &r), ERR_NONE);
    buf_free(&text);
}

static bool among(size_t i, size_t from, size_t to)
{
    return i >= from && i < to;
}

/* How many bytes of the facts can be changed and the text stays the same; from, to: one fact that is not said. */
static unsigned silent_bytes(struct receipt_facts f, size_t from, size_t to)
{
    struct receipt_facts g;
    struct buf one, two;
    unsigned silent = 0;

    document_of(&f, &one);
    for (size_t i = 0; i < offsetof(struct receipt_facts, flags); i++) {
        if (among(i, from, to) ||
            /* whose it is, is not said; the time is told in seconds */
            among(i, offsetof(struct receipt_facts, owner), offsetof(struct receipt_facts, received)) ||
            /* of parts and wholes only */
            among(i, offsetof(struct receipt_facts, whole), offsetof(struct receipt_facts, owner)) ||
            among(i, offsetof(struct receipt_facts, parts), offsetof(struct receipt_facts, tokens_prompt)) ||
            among(i, offsetof(struct receipt_facts, served_unix_ms),
                  offsetof(struct receipt_facts, received_bytes)))
            continue;
        g = f;
        ((uint8_t *)&g)[i] ^= 1;
        buf_init(&two, RECEIPT_DOCUMENT_MAX);
        if (receipt_document(&signer, &g, &two) == ERR_NONE && one.len == two.len &&
            memcmp(one.ptr, two.ptr, one.len) == 0)
            silent++;
        buf_free(&two);
    }
    buf_free(&one);
    return silent;
}

#define FACT(f)                                                                                    \
    offsetof(struct receipt_facts, f),                                                             \
        offsetof(struct receipt_facts, f) + sizeof((struct receipt_facts *)0)->f

/* Every fact is covered: change any byte of the facts that a receipt shows, and the text differs. An account pays the fee
 * on its own key, or its markup. */
static void every_byte_of_the_facts_counts(void)
{
    struct receipt_facts f = full();

    f.flags |= RECEIPT_OWN_KEY;
    CHECK_INT(silent_bytes(f, FACT(markup_ppm)), 0);
    f.flags ^= RECEIPT_OWN_KEY;
    CHECK_INT(silent_bytes(f, FACT(own_fee_ppm)), 0);
}

/* --- orchestrations */

enum { PANEL_0 = 0, PANEL_1 = 1, JUDGE_0 = USAGE_PART_PLACES, FINAL_0 = 2 * USAGE_PART_PLACES };

static struct id whole_id(uint8_t tag)
{
    struct id id;

    memset(id.b, 0x99, sizeof id.b);
    id.b[15] = tag;
    return id;
}

/* One of its parts, as full(). */
static struct receipt_facts part_of(const struct id *whole, unsigned index)
{
    struct receipt_facts f = full();

    f.flags = RECEIPT_ADMITTED | RECEIPT_FORWARDED | RECEIPT_KEYED | RECEIPT_PART;
    f.whole = *whole;
    part_id(whole, index, &f.id);
    return f;
}

/* Four parts, of which one asked nobody. */
static struct receipt_facts orchestration(uint8_t tag)
{
    static const unsigned parts[] = {PANEL_0, PANEL_1, JUDGE_0, FINAL_0};
    struct receipt_facts f = full();

    f.id = whole_id(tag);
    f.cost_nusd = 0;
    f.tokens_prompt = f.tokens_completion = f.tokens_cached_read = f.tokens_cache_write = f.tokens_reasoning = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct receipt_facts part = part_of(&f.id, parts[i]);

        if (parts[i] == PANEL_1) {
            part.flags = RECEIPT_ADMITTED | RECEIPT_PART;
            part.outcome = ERR_UNSUPPORTED;
            part.finish = FINISH_NONE;
        } else {
            f.cost_nusd += part.cost_nusd;
            f.tokens_prompt += part.tokens_prompt;
            f.tokens_completion += part.tokens_completion;
            f.tokens_cached_read += part.tokens_cached_read;
            f.tokens_cache_write += part.tokens_cache_write;
            f.tokens_reasoning += part.tokens_reasoning;
        }
        f.parts |= UINT32_C(1) << parts[i];
        receipts_publish(context.receipts, 0, &part);
    }
    f.refused = 1 << PANEL_0;
    f.chosen = UINT32_C(1) << FINAL_0;
    snprintf(f.model, sizeof f.model, "%s", "trustedrouter/synth");
    return f;
}

static void an_orchestration_has_a_line_for_each_part(void)
{
    static const char *const says_all[] = {
        "\"role\":\"panel\"", "\"role\":\"judge\"", "\"role\":\"final\"", "\"place\":1",
        "\"body_hash\":\"sha256:4444444444444444444444444444444444444444444444444444444444444444\"",
        "\"chosen\":false,\"endpoint\":12,\"finish_reason\":\"stop\",\"model\":\"demo/echo\"",
        "\"chosen\":true,\"endpoint\":12,\"finish_reason\":\"stop\",\"model\":\"demo/echo\"",
        "\"provider\":\"demo-a\"", "\"refused\":true",
        "\"tls_spki\":\"sha256:7777777777777777777777777777777777777777777777777777777777777777\"",
        "{\"chosen\":false,\"finish_reason\":null,\"model\":\"demo/echo\",\"place\":1,",
        "\"refused\":false,\"result\":\"unsupported\",\"role\":\"panel\"}",
        "{\"cost_nusd\":27,\"sum_of\":\"orchestration\",\"type\":\"billing\"}",
        "\"prompt_tokens\":27,", "\"model\":\"trustedrouter/synth\"",
    };
    struct receipt_facts f = orchestration(1), part = part_of(&f.id, JUDGE_0);
    struct receipt_events x;
    struct aci_receipt r;
    struct buf text;

    document_of(&f, &text);
    CHECK_INT(aci_receipt_open(buf_view(&text), public, &r), ERR_NONE);
    CHECK_INT(receipt_events_read(buf_view(&text), &r, &x), ERR_NONE);
    CHECK(x.lines.n == 4 && x.has_bill && x.cost_nusd == 27 && x.part.of.len == 0);
    CHECK(x.lines.line[0].refused && x.lines.line[0].asked && !x.lines.line[1].asked && x.lines.line[2].role == 1);
    CHECK(receipt_lines_given(&x.lines) == &x.lines.line[3]);
    for (size_t i = 0; i < sizeof says_all / sizeof says_all[0]; i++) {
        CHECK(says(&text, says_all[i]));
        if (!says(&text, says_all[i]))
            printf("# not there: %s\n", says_all[i]);
    }
    buf_free(&text);
    document_of(&part, &text);
    CHECK_INT(aci_receipt_open(buf_view(&text), public, &r), ERR_NONE);
    CHECK_INT(receipt_events_read(buf_view(&text), &r, &x), ERR_NONE);
    CHECK(x.lines.n == 0 && x.part.role == 1 && x.part.place == 0 && x.cost_nusd == 9);
    CHECK(view_eq(x.part.of, VIEW_LIT("rcpt-99999999999999999999999999999901")));
    r.receipt_id = VIEW_LIT("rcpt-99999999999999999999999999999902"); /* another's */
    CHECK_INT(receipt_events_read(buf_view(&text), &r, &x), ERR_FORMAT);
    CHECK(says(&text, "{\"of\":\"rcpt-99999999999999999999999999999901\",\"place\":0,\"role\":\"judge\",\"type\":\"part\"}"));
    CHECK(!says(&text, "orchestration"));
    buf_free(&text);
}

/* What a gateway could write into a line and sign: the nth `was`, in the order of the text, becomes `is`. */
static void a_line_that_does_not_follow_is_refused(void)
{
#define HEX64(d) d d d d d d d d
#define FORWARDED HEX64("44444444")
    static const struct {
        const char *was, *is;
        unsigned nth;
        enum err e;
    } cases[] = {
        {"\"cost_nusd\":9,", "\"cost_nusd\":8,", 0, ERR_RANGE},
        {"\"cost_nusd\":9,", "\"cost_nusd\":10,", 2, ERR_RANGE},
        {"\"cost_nusd\":27,", "\"cost_nusd\":26,", 0, ERR_RANGE},
        {"\"cost_nusd\":27,", "\"cost_nusd\":28,", 0, ERR_RANGE},
        {"\"prompt_tokens\":9,", "\"prompt_tokens\":90,", 1, ERR_RANGE},
        {"\"prompt_tokens\":27,", "\"prompt_tokens\":9,", 0, ERR_RANGE},
        {"\"reasoning_tokens\":3,", "\"reasoning_tokens\":2,", 0, ERR_RANGE},
        {"\"prompt\":1000,", "\"prompt\":2000,", 0, ERR_RANGE},
        {"\"place\":0,", "\"place\":2,", 0, ERR_FORMAT},
        {"\"place\":0,", "\"place\":8,", 0, ERR_FORMAT},
        {"\"role\":\"judge\"", "\"role\":\"panel\"", 0, ERR_FORMAT},
        {"\"role\":\"judge\"", "\"role\":\"jury\"", 0, ERR_FORMAT},
        {"\"receipt_id\":\"rcpt-9", "\"receipt_id\":\"rcpt-8", 0, ERR_FORMAT},
        {"\"chosen\":false", "\"chosen\":true", 0, ERR_FORMAT},
        {"\"refused\":true", "\"refused\":1", 0, ERR_FORMAT},
        {"\"provider\":\"demo-a\"", "\"provider\":\"demo-b\"", 3, ERR_FORMAT}, /* the final: upstream.verified names demo-a */
        {FORWARDED, HEX64("55555555"), 3, ERR_FORMAT},
        {HEX64("77777777"), HEX64("66666666"), 3, ERR_FORMAT},
        {"\"sum_of\":\"orchestration\",", "", 0, ERR_FORMAT},
        {"\"lines\":[", "\"line\":[", 0, ERR_FORMAT},
        {"\"usage\":{", "\"used\":{", 0, ERR_FORMAT},
    };
    struct receipt_facts f = orchestration(6);
    struct receipt_events x;
    struct aci_receipt r;
    struct buf text, bad;

    document_of(&f, &text);
    CHECK_INT(aci_receipt_open(buf_view(&text), public, &r), ERR_NONE);
    buf_init(&bad, RECEIPT_DOCUMENT_MAX);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint8_t *at = memmem(text.ptr, text.len, cases[i].was, strlen(cases[i].was));
        size_t before;
        enum err e;

        for (unsigned k = 0; at != NULL && k < cases[i].nth; k++)
            at = memmem(at + 1, text.len - (size_t)(at + 1 - text.ptr), cases[i].was, strlen(cases[i].was));
        CHECK(at != NULL);
        if (at == NULL) {
            printf("# %zu: %s\n", i, cases[i].was);
            continue;
        }
        before = (size_t)(at - text.ptr);
        buf_reset(&bad);
        CHECK_INT(buf_append(&bad, view_of(text.ptr, before)), ERR_NONE);
        CHECK_INT(buf_append(&bad, view_str(cases[i].is)), ERR_NONE);
        CHECK_INT(buf_append(&bad, view_from(buf_view(&text), before + strlen(cases[i].was))), ERR_NONE);
        e = receipt_events_read(buf_view(&bad), &r, &x);
        CHECK_INT(e, cases[i].e);
        if (e != cases[i].e)
            printf("# %zu: %s -> %s\n", i, cases[i].was, cases[i].is);
    }
    buf_free(&bad);
    buf_free(&text);
}

/* Rather none than one that does not explain its cost. */
static void without_a_part_there_is_no_receipt(void)
{
    struct receipt_facts f = orchestration(2), other = full();
    struct buf text;

    buf_init(&text, RECEIPT_DOCUMENT_MAX);
    CHECK_INT(receipt_document(&signer, &f, &text), ERR_NONE);
    buf_reset(&text);
    f.parts |= UINT32_C(1) << (FINAL_0 + 1);
    CHECK_INT(receipt_document(&signer, &f, &text), ERR_NOT_FOUND);
    CHECK_INT(text.len, 0);
    f = orchestration(3);
    receipts_publish(context.receipts, 0, &f);
    for (unsigned i = 0; i < 62; i++) { /* of 64 places: the first parts are gone, their whole is not */
        other.id.b[0] = (uint8_t)i;
        receipts_publish(context.receipts, 0, &other);
    }
    CHECK_INT(receipts_find(context.receipts, &f.id, &f.owner, &other), ERR_NONE);
    CHECK_INT(receipt_document(&signer, &f, &text), ERR_NOT_FOUND);
    buf_free(&text);
}

/* 24 lines of names and numbers as long as can be. */
static void the_greatest_orchestration_fits(void)
{
    struct receipt_facts f = greatest(), part;
    struct aci_receipt r;
    struct buf text;

    f.id = whole_id(4);
    for (unsigned i = 0; i < PART_INDEXES; i++) {
        part = greatest();
        part.flags |= RECEIPT_PART | RECEIPT_ESTIMATED | RECEIPT_CLAMPED;
        part.outcome = ERR_COUNT - 1;
        part.markup_ppm = LIMIT_MARKUP_PPM;
        part.whole = f.id;
        part_id(&f.id, i, &part.id);
        receipts_publish(context.receipts, 0, &part);
        f.parts |= UINT32_C(1) << i;
    }
    document_of(&f, &text);
    CHECK_INT(aci_receipt_open(buf_view(&text), public, &r), ERR_NONE);
    printf("# the greatest receipt of an orchestration: %zu bytes\n", text.len);
    buf_free(&text);
}

/* Which parts there were, and what is said of them, are in the text. */
static void every_byte_of_an_orchestration_counts(void)
{
    struct receipt_facts f = orchestration(5), g;
    struct buf one, two;
    unsigned silent = 0, changed = 0;

    document_of(&f, &one);
    for (unsigned bit = 0; bit < PART_INDEXES; bit++)
        for (unsigned which = 0; which < 3; which++) {
            g = f;
            *(which == 0 ? &g.parts : which == 1 ? &g.refused : &g.chosen) ^= UINT32_C(1) << bit;
            if (which != 0 && (f.parts >> bit & 1) == 0)
                continue; /* of a part that is not there nothing is said */
            changed++;
            buf_init(&two, RECEIPT_DOCUMENT_MAX);
            silent += receipt_document(&signer, &g, &two) == ERR_NONE && one.len == two.len &&
                      memcmp(one.ptr, two.ptr, one.len) == 0;
            buf_free(&two);
        }
    CHECK_INT(changed, PART_INDEXES + 8);
    CHECK_INT(silent, 0);
    buf_free(&one);
}

/* --- commitments and the older kind of signature */

static void commitments_open_with_their_salts(void)
{
    struct receipt_facts f = full();
    struct receipt_commitment c;
    struct buf text;
    char hex[65], part[256];

    document_of(&f, &text);
    for (unsigned side = 0; side < 2; side++) {
        receipt_commit(signer.salt, &f, (enum receipt_side)side, &c);
        hex_encode(c.salt, 32, hex);
        snprintf(part, sizeof part, "\"%s\":{\"salt\":\"%s\",\"value\":\"",
                 side == 0 ? "request" : "response", hex);
        hex_encode(c.value.b, 32, hex);
        strcat(part, hex);
        CHECK(says(&text, part));
    }
    hex_encode(signer.salt->b, 32, hex);
    CHECK(!says(&text, hex));
    buf_free(&text);
}

static struct view member(struct json_value object, const char *name)
{
    struct json_value v;
    struct view text = VIEW_EMPTY;

    CHECK(json_get(object, name, &v) && json_string_plain(v, &text));
    return text;
}

static void older_signatures(void)
{
    static const char want[] =
        "demo/echo:3333333333333333333333333333333333333333333333333333333333333333:"
        "5555555555555555555555555555555555555555555555555555555555555555";
    struct receipt_facts f = full();
    struct json_value root, inner;
    struct aci_receipt r;
    uint8_t signature[64], address[32];
    struct view text;
    struct buf out;

    buf_init(&out, RECEIPT_SIGNATURE_MAX);
    CHECK_INT(receipt_signature(&signer, &f, &out), ERR_NONE);
    CHECK_INT(json_check(buf_view(&out), &root, NULL), ERR_NONE);
    text = member(root, "text");
    CHECK_BYTES(text.ptr, text.len, want, sizeof want - 1);
    CHECK(view_eq(member(root, "signing_algo"), VIEW_LIT("ed25519")));
    CHECK(view_eq(member(root, "signature_kind"), VIEW_LIT("gateway")));
    CHECK_INT(hex_decode(member(root, "signature"), signature, 64), ERR_NONE);
    CHECK_INT(hex_decode(member(root, "signing_address"), address, 32), ERR_NONE);
    CHECK_BYTES(address, 32, public, 32);
    CHECK_INT(crypto_sign_verify_detached(signature, text.ptr, text.len, public), 0);
    CHECK(crypto_sign_verify_detached(signature, text.ptr, text.len - 1, public) != 0);
    CHECK(json_get(root, "receipt", &inner));
    CHECK_INT(aci_receipt_open(inner.text, public, &r), ERR_NONE);
    buf_reset(&out);
    f.model[0] = '\0';
    CHECK_INT(receipt_signature(&signer, &f, &out), ERR_NONE);
    CHECK(says(&out, "\"text\":\"3333333333"));
    buf_reset(&out);
    f = least();
    CHECK_INT(receipt_signature(&signer, &f, &out), ERR_NOT_FOUND);
    CHECK_INT(out.len, 0);
    buf_free(&out);
}

/* --- who gets it */

static void ask(const char *id, uint8_t owner,
                int (*handler)(const struct receipt_context *, struct web_request *, struct view,
                               const struct digest32 *),
                struct web_request *out)
{
    struct digest32 who;

    memset(who.b, owner, sizeof who.b);
    memset(out, 0, sizeof *out);
    CHECK_INT(handler(&context, out, view_str(id), &who), out->status);
    CHECK(strstr(out->headers, "cache-control: no-store\n") != NULL);
}

/* Whatever is wrong with a question, the answer is the same but for the ids of the answer itself.
 */
static void nobody_learns_what_exists(void)
{
    static const char mine[] = "rcpt-11111111111111111111111111111111";
    static const struct {
        const char *id;
        uint8_t owner;
        int status;
    } cases[] = {
        {"rcpt-11111111111111111111111111111111", 0x22, 200},
        {"gen-11111111111111111111111111111111", 0x22, 200},
        {"rcpt-11111111111111111111111111111111", 0x23, 404}, /* another's */
        {"gen-11111111111111111111111111111111", 0x23, 404},
        {"rcpt-11111111111111111111111111111112", 0x22, 404}, /* none */
        {"rcpt-", 0x22, 404},
        {"11111111111111111111111111111111", 0x22, 404},
        {"rcpt-11111111111111111111111111111111/", 0x22, 404},
        {"rcpt-%31", 0x22, 404},
    };
    static const struct {
        const char *query;
        int status;
    } algos[] = {{"signing_algo=ed25519", 200},
                 {"signing_algo=ecdsa", 400},
                 {"signing_algo=", 400},
                 {"signing_algo=ed25519&signing_algo=ed25519", 400}};
    static struct web_request first, r;
    struct receipt_facts f = full();
    struct aci_receipt receipt;

    receipts_publish(context.receipts, 0, &f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(cases[i].id, cases[i].owner, receipt_answer, &r);
        CHECK_INT(r.status, cases[i].status);
        if (r.status == 200) {
            CHECK_INT(aci_receipt_open(view_of(r.body, r.body_len), public, &receipt), ERR_NONE);
            CHECK(view_eq(receipt.receipt_id, view_str(mine)));
            continue;
        }
        if (first.status == 0)
            first = r;
        CHECK(strcmp(first.body, r.body) == 0);
        CHECK_INT(strlen(first.headers), strlen(r.headers));
        ask(cases[i].id, cases[i].owner, receipt_answer_signature, &r);
        CHECK_INT(r.status, 404);
        CHECK(strcmp(first.body, r.body) == 0);
    }
    ask(mine, 0x22, receipt_answer_signature, &r);
    CHECK_INT(r.status, 200);
    for (size_t i = 0; i < sizeof algos / sizeof algos[0]; i++) {
        struct digest32 who;

        memset(who.b, 0x22, sizeof who.b);
        r = (struct web_request){.query = algos[i].query};
        CHECK_INT(receipt_answer_signature(&context, &r, view_str(mine), &who), algos[i].status);
        CHECK_INT(r.status, algos[i].status);
        CHECK(strstr(r.headers, "cache-control: no-store\n") != NULL);
    }
}

/* Not asserted: what asking costs. */
static void costs(void)
{
    enum { ROUNDS = 500 };
    struct receipt_facts f = full();
    struct buf text;
    uint64_t began = clock_mono_us();

    for (unsigned i = 0; i < ROUNDS; i++) {
        document_of(&f, &text);
        if (i + 1 < ROUNDS)
            buf_free(&text);
    }
    printf("# a signed receipt of %zu bytes: %.1f us\n", text.len,
           (double)(clock_mono_us() - began) / ROUNDS);
    buf_free(&text);
}

static const struct check_case cases[] = {
    {"receipt_document_setup", setup},
    {"receipt_document_every_fact_is_in_it", every_fact_is_in_it},
    {"receipt_document_of_a_refusal", a_refusal_says_no_more_than_it_knows},
    {"receipt_document_unverified", a_refusal_for_want_of_attestation},
    {"receipt_document_the_greatest_fits", the_greatest_fits},
    {"receipt_document_no_mutant_is_accepted", no_mutant_is_accepted},
    {"receipt_document_every_byte_of_the_facts_counts", every_byte_of_the_facts_counts},
    {"receipt_document_orchestration", an_orchestration_has_a_line_for_each_part},
    {"receipt_document_orchestration_lines_follow", a_line_that_does_not_follow_is_refused},
    {"receipt_document_orchestration_without_a_part", without_a_part_there_is_no_receipt},
    {"receipt_document_orchestration_fits", the_greatest_orchestration_fits},
    {"receipt_document_orchestration_every_byte", every_byte_of_an_orchestration_counts},
    {"receipt_document_commitments", commitments_open_with_their_salts},
    {"receipt_document_older_signatures", older_signatures},
    {"receipt_document_nobody_learns_what_exists", nobody_learns_what_exists},
    {"receipt_document_costs", costs},
    {"receipt_document_teardown", teardown},
};
CHECK_MAIN(cases)
