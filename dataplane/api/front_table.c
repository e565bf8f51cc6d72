/* Which path and method belongs to whom, who may ask, and in which dialect. */
#include "front_internal.h"

#include "audio_dialect.h"
#include "azure.h"
#include "catalog_bytes.h"
#include "chat_dialect.h"
#include "completions.h"
#include "embeddings_dialect.h"
#include "endpoints.h"
#include "images_dialect.h"
#include "messages.h"
#include "openapi.h"
#include "rank_dialect.h"
#include "reply.h"
#include "responses.h"
#include "samples.h"

void front_visit(struct visit *v, const struct front_context *x, struct web_request *r)
{
    v->x = x;
    v->web = r;
    v->path = path_plain(web_path(r), v->plain);
    v->rest = VIEW_EMPTY;
    azure_path(&v->path, &v->model, v->azure);
}

static void handle_exchange(struct visit *v)
{
    exchange_begin(v->x->exchange, v->web, &v->who, front_dialect(v->web, v->path),
                   receipt_endpoint_of(v->path));
}

static void handle_count(struct visit *v)
{
    exchange_count(v->x->exchange, v->web, &v->who, front_dialect(v->web, v->path),
                   view_starts(v->path, VIEW_LIT("/api/v1/")));
}

static void handle_models(struct visit *v)
{
    stats_status(v->x->stats, models_list(&v->x->models, v->web, v->path));
}

static void handle_embedding_models(struct visit *v)
{
    stats_status(v->x->stats, models_embeddings(&v->x->models, v->web, v->path));
}

static void handle_models_count(struct visit *v)
{
    stats_status(v->x->stats, models_count(&v->x->models, v->web));
}

static void handle_model(struct visit *v)
{
    stats_status(v->x->stats, models_one(&v->x->models, v->web, v->rest));
}

static void handle_model_wrapped(struct visit *v)
{
    stats_status(v->x->stats, models_wrapped(&v->x->models, v->web, v->rest));
}

static void handle_zdr(struct visit *v)
{
    stats_status(v->x->stats, endpoints_zdr(&v->x->models, v->web));
}

static void handle_providers(struct visit *v)
{
    stats_status(v->x->stats, endpoints_providers(&v->x->models, v->web));
}

static void handle_status(struct visit *v)
{
    stats_status(v->x->stats, status_page_answer(v->x->status_page, &v->x->models, v->web));
}

static void handle_receipt(struct visit *v)
{
    stats_status(v->x->stats, receipt_answer(&v->x->receipts, v->web, v->rest, &v->who));
}

static void handle_signature(struct visit *v)
{
    stats_status(v->x->stats, receipt_answer_signature(&v->x->receipts, v->web, v->rest, &v->who));
}

static void handle_health(struct visit *v)
{
    stats_status(v->x->stats, status_answer(v->x->status, v->web));
}

static void handle_openapi(struct visit *v)
{
    stats_status(v->x->stats, openapi_answer(v->web));
}

static void handle_hpke_keys(struct visit *v)
{
    stats_status(v->x->stats, sealed_body_keys(&v->x->sealed, v->web));
}

static void handle_attestation(struct visit *v)
{
    attest_document(v->x->attest, v->web);
}

static void handle_catalog(struct visit *v)
{
    stats_status(v->x->stats, catalog_bytes_answer(&v->x->models, v->web));
}

static void handle_quote(struct visit *v)
{
    attest_quote(v->x->attest, v->web);
}

static void handle_verifying_key(struct visit *v)
{
    attest_verifying_key(v->x->attest, v->web);
}

static void handle_sealing_key(struct visit *v)
{
    attest_sealing_key(v->x->attest, v->web);
}

static void handle_aci(struct visit *v)
{
    attest_aci(v->x->attest, v->web);
}

static void handle_report(struct visit *v)
{
    attest_report(v->x->attest, v->web);
}

static void handle_audit_head(struct visit *v)
{
    stats_status(v->x->stats, samples_head(v->x->audit, v->web));
}

static void handle_audit_samples(struct visit *v)
{
    stats_status(v->x->stats, samples_list(v->x->audit, v->web, &v->who));
}

static void handle_account(struct visit *v)
{
    account_ask(&v->x->account, v->web, v->path);
}

static void user_models_cb(void *cookie, struct web_request *r, enum api_error error)
{
    const struct front_context *x = cookie;
    struct visit v;

    front_visit(&v, x, r);
    if (error == API_OK)
        stats_status(x->stats, models_list(&x->models, r, v.path));
    else
        front_refuse(x->stats, r, error, NULL);
}

/* The models that the key may use: all of them, because no key is kept from any. But it has to be a key. */
static void handle_user_models(struct visit *v)
{
    arrival_check(&v->x->arrival, v->web, &v->who, user_models_cb, (void *)v->x);
}

const struct endpoint front_endpoints[] = {
    {"POST", "/chat/completions", true, false, ACCESS_INFERENCE, handle_exchange, &chat_dialect},
    {"POST", "/messages", true, false, ACCESS_INFERENCE, handle_exchange, &messages_2023},
    {"POST", "/messages/count_tokens", true, false, ACCESS_INFERENCE, handle_count, &messages_2023},
    {"POST", "/completions", true, false, ACCESS_INFERENCE, handle_exchange, &completions_dialect},
    {"POST", "/embeddings", true, false, ACCESS_INFERENCE, handle_exchange, &embeddings_dialect},
    {"POST", "/images/generations", true, false, ACCESS_INFERENCE, handle_exchange, &images_dialect},
    {"POST", "/images/edits", true, false, ACCESS_INFERENCE, handle_exchange, &image_edits_dialect},
    {"POST", "/audio/speech", true, false, ACCESS_INFERENCE, handle_exchange, &speech_dialect},
    {"POST", "/audio/transcriptions", true, false, ACCESS_INFERENCE, handle_exchange, &transcriptions_dialect},
    {"POST", "/audio/translations", true, false, ACCESS_INFERENCE, handle_exchange, &translations_dialect},
    {"POST", "/moderations", true, false, ACCESS_INFERENCE, handle_exchange, &moderations_dialect},
    {"POST", "/rerank", true, false, ACCESS_INFERENCE, handle_exchange, &rerank_dialect},
    {"POST", "/responses", true, false, ACCESS_INFERENCE, handle_exchange, &responses_dialect},
    {"POST", "/responses/input_tokens", true, false, ACCESS_INFERENCE, handle_count, &responses_dialect},
    {"GET", "/aci/receipts/", true, true, ACCESS_RECEIPT, handle_receipt, NULL},
    {"GET", "/signature/", true, true, ACCESS_RECEIPT, handle_signature, NULL},
    {"GET", "/models", true, false, ACCESS_PUBLIC, handle_models, NULL},
    {"GET", "/models/count", true, false, ACCESS_PUBLIC, handle_models_count, NULL},
    {"GET", "/models/user", true, false, ACCESS_KEY, handle_user_models, NULL},
    {"GET", "/models/", true, true, ACCESS_PUBLIC, handle_model, NULL},
    {"GET", "/key", true, false, ACCESS_ACCOUNT, handle_account, NULL},
    {"GET", "/keys", true, false, ACCESS_ACCOUNT, handle_account, NULL},
    {"POST", "/keys", true, false, ACCESS_ACCOUNT, handle_account, NULL},
    {"GET", "/keys/", true, true, ACCESS_ACCOUNT, handle_account, NULL},
    {"POST", "/keys/", true, true, ACCESS_ACCOUNT, handle_account, NULL},
    {"PATCH", "/keys/", true, true, ACCESS_ACCOUNT, handle_account, NULL},
    {"DELETE", "/keys/", true, true, ACCESS_ACCOUNT, handle_account, NULL},
    {"GET", "/byok/sealing-key", true, false, ACCESS_EVIDENCE, handle_sealing_key, NULL},
    {"GET", "/byok", true, false, ACCESS_ACCOUNT, handle_account, NULL},
    {"POST", "/byok", true, false, ACCESS_ACCOUNT, handle_account, NULL},
    {"GET", "/byok/", true, true, ACCESS_ACCOUNT, handle_account, NULL},
    {"PATCH", "/byok/", true, true, ACCESS_ACCOUNT, handle_account, NULL},
    {"DELETE", "/byok/", true, true, ACCESS_ACCOUNT, handle_account, NULL},
    {"GET", "/credits", true, false, ACCESS_ACCOUNT, handle_account, NULL},
    {"GET", "/activity", true, false, ACCESS_ACCOUNT, handle_account, NULL},
    {"GET", "/generation", true, false, ACCESS_ACCOUNT, handle_account, NULL},
    {"GET", "/generation/content", true, false, ACCESS_ACCOUNT, handle_account, NULL},
    {"GET", "/model/", true, true, ACCESS_PUBLIC, handle_model_wrapped, NULL},
    {"GET", "/embeddings/models", true, false, ACCESS_PUBLIC, handle_embedding_models, NULL},
    {"GET", "/endpoints/zdr", true, false, ACCESS_PUBLIC, handle_zdr, NULL},
    {"GET", "/providers", true, false, ACCESS_PUBLIC, handle_providers, NULL},
    {"GET", "/status", true, false, ACCESS_PUBLIC, handle_status, NULL},
    {"GET", "/health", false, false, ACCESS_PUBLIC, handle_health, NULL},
    {"GET", "/openapi.json", false, false, ACCESS_PUBLIC, handle_openapi, NULL},
    {"GET", "/.well-known/hpke-keys", false, false, ACCESS_PUBLIC, handle_hpke_keys, NULL},
    {"GET", "/attestation", false, false, ACCESS_EVIDENCE, handle_attestation, NULL},
    {"GET", "/attestation/catalog", false, false, ACCESS_EVIDENCE, handle_catalog, NULL},
    {"POST", "/attestation/quote", false, false, ACCESS_EVIDENCE, handle_quote, NULL},
    {"GET", "/attestation/audit/head", false, false, ACCESS_EVIDENCE, handle_audit_head, NULL},
    {"GET", "/audit/samples", true, false, ACCESS_KEY_EVIDENCE, handle_audit_samples, NULL},
    {"GET", "/attestation/verifying-key", false, false, ACCESS_EVIDENCE, handle_verifying_key, NULL},
    {"GET", "/aci/attestation", true, false, ACCESS_EVIDENCE, handle_aci, NULL},
    {"GET", "/attestation/report", true, false, ACCESS_EVIDENCE, handle_report, NULL},
};
const size_t front_n_endpoints = sizeof front_endpoints / sizeof front_endpoints[0];

bool front_at(const struct endpoint *e, struct view path, struct view *rest)
{
    struct view p = view_str(e->path);

    if (e->versioned) {
        if (view_starts(path, VIEW_LIT("/v1/")))
            path = view_from(path, 3);
        else if (view_starts(path, VIEW_LIT("/api/v1/")))
            path = view_from(path, 7);
        else
            return false;
    }
    if (!view_starts(path, p))
        return false;
    *rest = view_from(path, p.len);
    return e->prefix ? rest->len != 0 : rest->len == 0;
}

const struct dialect *front_dialect(const struct web_request *r, struct view path)
{
    struct view rest, version = VIEW_EMPTY;

    for (size_t i = 0; i < front_n_endpoints; i++) {
        const struct dialect *d = front_endpoints[i].dialect;

        if (d == NULL || !front_at(&front_endpoints[i], path, &rest))
            continue;
        if (d->of_version == NULL)
            return d;
        (void)web_header(r, d->version_header, &version);
        return d->of_version(version);
    }
    return reply_dialect(r);
}
