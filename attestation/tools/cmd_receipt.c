/* tr-verify receipt: an answer's receipt, checked offline: who signed it, and that the request and
 * the response in hand are the ones it speaks of. */
#include "aci.h"
#include "command.h"
#include "json.h"
#include "money.h"
#include "receipt_events.h"
#include "receipt_route.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BODY_MAX = 256 << 20,
    CATALOG_MAX = 16 << 20,  /* several times the largest */
    PROVIDERS_MAX = 1 << 20,
    TOLD_MAX = 64 << 10, /* of a decision's constraints in words */
};

/* What is compared with the receipt; NULL: nothing. */
struct hands {
    const char *request, *response, *catalog, *providers, *spki, *parts;
};

/* The file's bytes must hash to what the receipt says. */
static enum exit_code body_check(bool json, const char *what, const char *path, bool has,
                                 const struct digest32 *want)
{
    struct buf b;
    struct digest32 got;
    enum exit_code code = EXIT_ACCEPT;

    if (path == NULL)
        return EXIT_ACCEPT;
    if (!has)
        return refusal_print(json, EXIT_REJECT, "BODY", "the receipt has no hash of the %s", what);
    if (!file_load(path, BODY_MAX, &b))
        return EXIT_USAGE;
    digest_sha256(buf_view(&b), &got);
    if (!secret_equal(got.b, want->b, sizeof got.b))
        code = refusal_print(json, EXIT_REJECT, "BODY", "%s is not the %s of this receipt", path,
                             what);
    buf_free(&b);
    return code;
}

/* Which of the bytes in hand were compared: a signature alone says nothing about any. */
static void compared_print(const char *request, const char *response)
{
    if (request == NULL && response == NULL)
        puts("NO BYTES WERE COMPARED: neither --request nor --response was given");
    else if (request == NULL || response == NULL)
        printf("the %s in hand is this receipt's; no %s was compared\n",
               request == NULL ? "response" : "request", request == NULL ? "request" : "response");
    else
        puts("the request and the response in hand are this receipt's");
}

static void receipt_print(const struct aci_receipt *r)
{
    char hex[65];

    hex_encode(r->keyset.b, 32, hex);
    printf("accept: receipt %.*s, model %.*s, served at %lld (the signer's clock)\n"
           "signed by key %.*s of keyset sha256:%s\n",
           (int)r->receipt_id.len, (const char *)r->receipt_id.ptr, (int)r->model.len,
           (const char *)r->model.ptr, (long long)r->served_at, (int)r->key_id.len,
           (const char *)r->key_id.ptr, hex);
}

/* What a receipt of ours says beyond ACI's. */
static void events_print(const struct receipt_events *x)
{
    char hex[97], usd[MONEY_TEXT_MAX];

    if (x->has_platform) {
        hex_encode(x->measurement, sizeof x->measurement, hex);
        printf("%smeasurement %s\n", x->simulated ? "SIMULATED: this proves nothing. " : "", hex);
    }
    if (x->has_upstream)
        printf("provider%s%.*s: %s\n", x->upstream.len != 0 ? " " : "", (int)x->upstream.len,
               x->upstream.len != 0 ? (const char *)x->upstream.ptr : "",
               x->upstream_verified ? "attested, says the gateway (its session is not checked here)"
                                    : "not attested");
    if (x->has_spki) {
        hex_encode(x->spki.b, sizeof x->spki.b, hex);
        printf("key of its certificate sha256:%s\n", hex);
    }
    if (x->has_providers) {
        hex_encode(x->providers.b, sizeof x->providers.b, hex);
        printf("providers.conf sha256:%s\n", hex);
    }
    if (x->has_outcome)
        printf("status %lld, %s\n", (long long)x->status,
               x->complete ? "complete" : "cut off before its end");
    if (x->has_bill) {
        money_text_usd(x->cost_nusd, usd);
        printf("cost $%s, as usage and prices say\n", usd);
    }
}

/* --- the decision */

static enum exit_code replay_verdict(bool json, enum route_replay replay)
{
    switch (replay) {
    case REPLAY_SAME:
        return EXIT_ACCEPT;
    case REPLAY_NONE:
        return refusal_print(json, EXIT_REJECT, "ROUTE",
                             "the receipt has no decision: its request was refused before one");
    case REPLAY_NO_INPUTS:
        return refusal_print(json, EXIT_REJECT, "ROUTE",
                             "the receipt does not have the inputs of its decision: they were too long, or the "
                             "account has provider keys of its own");
    case REPLAY_MALFORMED:
        return refusal_print(json, EXIT_MALFORMED, "ROUTE", "the decision in the receipt cannot be read");
    case REPLAY_CATALOG:
        return refusal_print(json, EXIT_REJECT, "ROUTE", "the decision was made with another catalog");
    case REPLAY_PROVIDERS:
        return refusal_print(json, EXIT_REJECT, "ROUTE",
                             "the decision was made with another providers.conf");
    case REPLAY_DIFFERENT:
        break;
    }
    return refusal_print(json, EXIT_REJECT, "ROUTE",
                         "the recorded inputs do not give the candidates of the receipt");
}

static bool providers_load(const char *path, struct providers *out)
{
    struct buf text, why;
    enum err e;

    if (!file_load(path, PROVIDERS_MAX, &text))
        return false;
    buf_init(&why, 1024);
    e = providers_parse(buf_view(&text), out, &why);
    if (e != ERR_NONE)
        complain("%s: %.*s", path, (int)why.len, why.len == 0 ? "" : (const char *)why.ptr);
    buf_free(&why);
    buf_free(&text);
    return e == ERR_NONE;
}

static bool catalog_load(const char *path, struct catalog *out)
{
    struct buf bytes;
    enum err e;

    if (!file_load(path, CATALOG_MAX, &bytes))
        return false;
    e = catalog_decode(buf_view(&bytes), out);
    if (e != ERR_NONE)
        complain("%s: this is no catalog as a data plane gives it out (%s)", path, err_name(e));
    buf_free(&bytes);
    return e == ERR_NONE;
}

/* The decision again. told: its constraints in words. */
static enum exit_code route_check(bool json, struct view text, const struct hands *h, struct buf *told)
{
    struct providers *providers = calloc(1, sizeof *providers);
    struct catalog catalog = {0};
    enum route_replay replay;
    enum exit_code code = EXIT_USAGE;

    if (h->catalog == NULL) {
        code = EXIT_ACCEPT;
    } else if (providers != NULL && providers_load(h->providers, providers) &&
               catalog_load(h->catalog, &catalog)) {
        if (receipt_route_replay(text, &catalog, providers, told, &replay) == ERR_NONE)
            code = replay_verdict(json, replay);
        else
            complain("out of memory");
    }
    catalog_free(&catalog);
    free(providers);
    return code;
}

/* A check that was made and held, or one for which there was nothing to check. */
static const char *asked(bool made)
{
    return made ? "true" : "null";
}

static const char *asked_text(bool made)
{
    return made ? "ok" : "not asked";
}

/* --- an orchestration */

static void lines_print(const struct receipt_events *x)
{
    char usd[MONEY_TEXT_MAX];

    for (size_t i = 0; i < x->lines.n; i++) {
        const struct receipt_line *line = &x->lines.line[i];

        money_text_usd(line->cost_nusd, usd);
        printf("  %s %u: model %.*s, provider %.*s, cost $%s%s%s\n", usage_part_role_name(line->role), line->place,
               (int)line->model.len, (const char *)line->model.ptr, line->asked ? (int)line->provider.len : 4,
               line->asked ? (const char *)line->provider.ptr : "none", usd, line->refused ? ", a refusal" : "",
               line->chosen ? ", given to the client" : "");
    }
    if (x->part.of.len != 0)
        printf("A PART, not the receipt of a client's request: %s %u of %.*s\n", usage_part_role_name(x->part.role),
               x->part.place, (int)x->part.of.len, (const char *)x->part.of.ptr);
}

/* Each provider that a line names is one of the measured file. */
static enum exit_code lines_providers(bool json, const char *path, const struct receipt_events *x)
{
    struct providers *providers = calloc(1, sizeof *providers);
    enum exit_code code = providers != NULL && providers_load(path, providers) ? EXIT_ACCEPT : EXIT_USAGE;

    for (size_t i = 0; code == EXIT_ACCEPT && i < x->lines.n; i++) {
        const struct receipt_line *line = &x->lines.line[i];
        size_t k = 0;

        while (line->asked && k < providers->n && !view_eq(line->provider, view_str(providers->list[k].id)))
            k++;
        if (line->asked && k == providers->n)
            code = refusal_print(json, EXIT_REJECT, "PROVIDERS", "line %zu names a provider that is not in %s", i, path);
    }
    free(providers);
    return code;
}

/* What a part's own receipt says is what its line says. */
static bool part_is(const struct receipt_line *line, struct view whole, const struct aci_receipt *r,
                    const struct receipt_events *x)
{
    if (!view_eq(r->receipt_id, line->id) || !view_eq(x->part.of, whole) || !view_eq(r->model, line->model) ||
        r->has_forwarded != line->asked)
        return false;
    return !line->asked ||
           (secret_equal(r->forwarded.b, line->body.b, sizeof line->body.b) && view_eq(x->upstream, line->provider) &&
            x->has_spki == line->has_spki && (!line->has_spki || secret_equal(x->spki.b, line->spki.b, sizeof line->spki.b)) &&
            x->has_bill && x->cost_nusd == line->cost_nusd);
}

static enum exit_code events_check(bool json, struct view text, const struct aci_receipt *r, struct receipt_events *out);

static enum exit_code part_check(bool json, struct view text, const uint8_t public[static 32], const struct hands *h,
                                 const struct receipt_line *line, struct view whole)
{
    struct aci_receipt r;
    struct receipt_events x;
    struct buf told;
    enum exit_code code;
    enum err e = aci_receipt_open(text, public, &r);

    if (e != ERR_NONE)
        return refusal_print(json, e == ERR_AUTH ? EXIT_REJECT : EXIT_MALFORMED, e == ERR_AUTH ? "SIGNATURE" : "DOCUMENT",
                             "the receipt of %s %u is not signed by this key, or is none", usage_part_role_name(line->role),
                             line->place);
    code = events_check(json, text, &r, &x);
    if (code == EXIT_ACCEPT && !part_is(line, whole, &r, &x))
        code = refusal_print(json, EXIT_REJECT, "PARTS", "the receipt of %s %u says something else than its line",
                             usage_part_role_name(line->role), line->place);
    buf_init(&told, TOLD_MAX);
    if (code == EXIT_ACCEPT)
        code = route_check(json, text, h, &told);
    buf_free(&told);
    return code;
}

/* The receipts of parts that are in the directory, RECEIPT_ID.json each. */
static enum exit_code parts_check(bool json, const uint8_t public[static 32], const struct hands *h, const struct aci_receipt *r,
                                  const struct receipt_events *x, size_t *found)
{
    enum exit_code code = EXIT_ACCEPT;
    char path[4096];
    struct buf text;

    *found = 0;
    for (size_t i = 0; code == EXIT_ACCEPT && h->parts != NULL && i < x->lines.n; i++) {
        const struct receipt_line *line = &x->lines.line[i];
        int n = snprintf(path, sizeof path, "%s/%.*s.json", h->parts, (int)line->id.len, (const char *)line->id.ptr);

        if (n < 0 || (size_t)n >= sizeof path || access(path, F_OK) != 0)
            continue;
        if (!file_load(path, ACI_RECEIPT_MAX, &text))
            return EXIT_USAGE;
        code = part_check(json, buf_view(&text), public, h, line, r->receipt_id);
        buf_free(&text);
        *found += code == EXIT_ACCEPT;
    }
    if (code == EXIT_ACCEPT && h->parts != NULL && *found == 0)
        code = refusal_print(json, EXIT_REJECT, "PARTS", "%s has no receipt of a part of this one", h->parts);
    return code;
}

/* What was not looked at is said, too. */
static void parts_print(const struct hands *h, const struct receipt_events *x, size_t found)
{
    if (x->lines.n == 0)
        return;
    if (found < x->lines.n)
        printf("NOT CHECKED: why %zu of its %zu parts went where they went; their own receipts say it (--parts)\n",
               h->catalog == NULL ? x->lines.n : x->lines.n - found, x->lines.n);
    if (found > 0)
        printf("%zu receipts of its parts say what its lines say%s\n", found,
               h->catalog == NULL ? "; their decisions were not made again (--catalog)" : ", and their decisions follow");
}

/* The measured providers.conf is this file. */
static enum exit_code providers_check(bool json, const char *path, const struct receipt_events *x)
{
    struct buf text;
    struct digest32 got;

    if (path == NULL)
        return EXIT_ACCEPT;
    if (!x->has_providers)
        return refusal_print(json, EXIT_REJECT, "PROVIDERS", "the receipt does not name its providers.conf");
    if (!file_load(path, PROVIDERS_MAX, &text))
        return EXIT_USAGE;
    digest_sha256(buf_view(&text), &got);
    buf_free(&text);
    if (secret_equal(got.b, x->providers.b, sizeof got.b))
        return EXIT_ACCEPT;
    return refusal_print(json, EXIT_REJECT, "PROVIDERS", "the receipt was made with another providers.conf than %s", path);
}

/* The key of the provider's certificate is this one. */
static enum exit_code spki_check(bool json, const char *hex, const struct receipt_events *x)
{
    struct digest32 want;

    if (hex == NULL)
        return EXIT_ACCEPT;
    if (hex_decode(view_str(hex), want.b, sizeof want.b) != ERR_NONE) {
        complain("--provider-spki: 64 hex digits, SHA-256 of the certificate's SubjectPublicKeyInfo");
        return EXIT_USAGE;
    }
    if (!x->has_spki)
        return refusal_print(json, EXIT_REJECT, "PROVIDER_SPKI", "the receipt names no key of a provider's certificate");
    if (!secret_equal(want.b, x->spki.b, sizeof want.b))
        return refusal_print(json, EXIT_REJECT, "PROVIDER_SPKI", "the provider's certificate had another key");
    return EXIT_ACCEPT;
}

/* What our events say must agree with the rest. */
static enum exit_code events_check(bool json, struct view text, const struct aci_receipt *r,
                                   struct receipt_events *out)
{
    enum err e = receipt_events_read(text, r, out);

    if (e == ERR_NONE)
        return EXIT_ACCEPT;
    if (e == ERR_RANGE)
        return refusal_print(json, EXIT_REJECT, "COST",
                             "the cost, or that of a line, does not follow from usage and prices");
    if (e == ERR_AUTH)
        return refusal_print(json, EXIT_REJECT, "COMMITMENT",
                             "a commitment is not to the hashes of this receipt");
    return refusal_print(json, EXIT_MALFORMED, "DOCUMENT",
                         "an event of this receipt is not what it should be");
}

/* For programs: what was asked and held, and the document itself (which is JSON by now). */
static void receipt_print_json(struct view text, const struct hands *h, const struct receipt_events *x)
{
    const struct {
        const char *code;
        bool made;
    } checks[] = {{"REQUEST", h->request != NULL}, {"RESPONSE", h->response != NULL}, {"COST", x->has_bill},
                  {"COMMITMENT", x->has_commitment}, {"ROUTE", h->catalog != NULL},
                  {"PROVIDERS", h->providers != NULL}, {"PROVIDER_SPKI", h->spki != NULL},
                  {"LINES", x->lines.n != 0}, {"PARTS", h->parts != NULL}};

    printf("{\"verdict\":\"accept\",\"code\":\"ACCEPT\",\"simulated\":%s,\"checks\":["
           "{\"code\":\"SIGNATURE\",\"ok\":true,\"detail\":\"ok\"}",
           x->simulated ? "true" : "false");
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        printf(",{\"code\":\"%s\",\"ok\":%s,\"detail\":\"%s\"}", checks[i].code, asked(checks[i].made),
               asked_text(checks[i].made));
    fputs("],\"receipt\":", stdout);
    fwrite(text.ptr, 1, text.len, stdout);
    puts("}");
}

static void told_print(const struct hands *h, const struct buf *told)
{
    if (h->catalog == NULL)
        return;
    puts("the recorded inputs and this catalog give the receipt's candidates; the inputs were:");
    fwrite(told->ptr, 1, told->len, stdout);
}

static enum exit_code receipt_check(bool json, struct view text, const uint8_t public[static 32],
                                    const struct hands *h)
{
    struct aci_receipt r;
    struct receipt_events x;
    struct buf told;
    size_t found = 0;
    enum exit_code code;
    enum err e = aci_receipt_open(text, public, &r);

    if (e == ERR_AUTH)
        return refusal_print(json, EXIT_REJECT, "SIGNATURE", "not signed by this key");
    if (e != ERR_NONE)
        return refusal_print(json, EXIT_MALFORMED, "DOCUMENT", "this is no receipt of aci/1");
    buf_init(&told, TOLD_MAX);
    code = body_check(json, "request", h->request, r.has_received, &r.received);
    if (code == EXIT_ACCEPT)
        code = body_check(json, "response", h->response, r.has_returned, &r.returned);
    if (code == EXIT_ACCEPT)
        code = events_check(json, text, &r, &x);
    if (code == EXIT_ACCEPT && (x.has_providers || h->catalog == NULL))
        code = providers_check(json, h->providers, &x); /* an older receipt says it by its route alone */
    if (code == EXIT_ACCEPT)
        code = spki_check(json, h->spki, &x);
    if (code == EXIT_ACCEPT)
        code = route_check(json, text, h, &told);
    if (code == EXIT_ACCEPT && h->providers != NULL && x.lines.n != 0)
        code = lines_providers(json, h->providers, &x);
    if (code == EXIT_ACCEPT)
        code = parts_check(json, public, h, &r, &x, &found);
    if (code == EXIT_ACCEPT && json) {
        receipt_print_json(text, h, &x);
    } else if (code == EXIT_ACCEPT) {
        receipt_print(&r);
        compared_print(h->request, h->response);
        events_print(&x);
        lines_print(&x);
        parts_print(h, &x, found);
        told_print(h, &told);
    }
    buf_free(&told);
    return code;
}

/* The key that the receipt names, from the keyset that it names: public gets it. */
static enum exit_code keyset_key(bool json, const char *path, struct view receipt,
                                 uint8_t public[static 32])
{
    struct json_value root, inner;
    struct view keyset, key_id, digest_text;
    struct digest32 digest, named;
    struct buf text;
    enum exit_code code = EXIT_MALFORMED;

    if (!file_load(path, ACI_RECEIPT_MAX, &text))
        return EXIT_USAGE;
    keyset = buf_view(&text);
    if (json_check(keyset, &root, NULL) == ERR_NONE && json_get(root, "attestation", &inner) &&
        json_only(inner, "workload_keyset", &inner) == ERR_NONE)
        keyset = inner.text; /* the whole answer of /v1/aci/attestation */
    if (json_check(receipt, &root, NULL) != ERR_NONE ||
        json_only(root, "key_id", &inner) != ERR_NONE || !json_string_plain(inner, &key_id) ||
        json_only(root, "workload_keyset_digest", &inner) != ERR_NONE ||
        !json_string_plain(inner, &digest_text) || !view_starts(digest_text, VIEW_LIT("sha256:")) ||
        hex_decode(view_from(digest_text, 7), named.b, sizeof named.b) != ERR_NONE) {
        code = refusal_print(json, EXIT_MALFORMED, "DOCUMENT", "this is no receipt of aci/1");
    } else if (aci_keyset_digest(keyset, &digest) != ERR_NONE) {
        code =
            refusal_print(json, EXIT_MALFORMED, "KEYSET", "%s: this is no keyset of aci/1", path);
    } else if (!secret_equal(digest.b, named.b, sizeof digest.b)) {
        code = refusal_print(json, EXIT_REJECT, "KEYSET", "the receipt names another keyset");
    } else if (aci_keyset_receipt_key(keyset, key_id, public) != ERR_NONE) {
        code = refusal_print(json, EXIT_REJECT, "KEYSET",
                             "the keyset has no receipt key of this name");
    } else {
        code = EXIT_ACCEPT;
    }
    buf_free(&text);
    return code;
}

static enum exit_code receipt_run(int argc, char **argv)
{
    const char *file = NULL, *key = NULL, *keyset = NULL;
    struct hands h = {0};
    bool json = false;
    const struct option_value options[] = {
        {"--json", NULL, &json},       {"--key", &key, NULL},           {"--keyset", &keyset, NULL},
        {"--request", &h.request, NULL}, {"--response", &h.response, NULL},
        {"--catalog", &h.catalog, NULL}, {"--providers", &h.providers, NULL}, {"--parts", &h.parts, NULL},
        {"--provider-spki", &h.spki, NULL},
    };
    uint8_t public[32];
    struct buf text;
    enum exit_code code;

    if (!options_parse(argc, argv, "FILE", &file, options, sizeof options / sizeof options[0]))
        return EXIT_USAGE;
    if ((key == NULL) == (keyset == NULL) ||
        (key != NULL && hex_decode(view_str(key), public, sizeof public) != ERR_NONE)) {
        complain(
            "receipt needs --key HEX (the attested receipt key, 64 hex digits) or --keyset FILE");
        return EXIT_USAGE;
    }
    if (h.catalog != NULL && h.providers == NULL) {
        complain("--catalog FILE needs --providers FILE");
        return EXIT_USAGE;
    }
    if (!file_load(file, ACI_RECEIPT_MAX, &text))
        return EXIT_USAGE;
    code = keyset != NULL ? keyset_key(json, keyset, buf_view(&text), public) : EXIT_ACCEPT;
    if (code == EXIT_ACCEPT)
        code = receipt_check(json, buf_view(&text), public, &h);
    buf_free(&text);
    return code;
}

const struct command command_receipt = {
    "receipt",
    "FILE (--key HEX | --keyset FILE) [--request FILE] [--response FILE] "
    "[--providers FILE [--catalog FILE]] [--provider-spki HEX] [--parts DIR] [--json]",
    receipt_run,
};
