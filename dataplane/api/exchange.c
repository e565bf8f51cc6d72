/* (G) An exchange's beginning and end: the client's request into what core/request.c works with, and the
 * struct's recycling. */
#include "exchange.h"

#include "azure.h"
#include "bill.h"
#include "budget.h"
#include "chat_request.h"
#include "clock.h"
#include "content_view.h"
#include "exchange_internal.h"
#include "exchange_synth.h"
#include "reply.h"
#include "route_metadata.h"
#include "want.h"

#include <assert.h>
#include <sodium.h>

/* --- structs, wiped and reused */

static void exchange_destroy(struct request *r)
{
    struct exchange *x = exchange_of(r);
    struct exchange_context *context = x->context;

    assert(x->web == NULL);
    exchange_close(x);
    exchange_synth_free(x);
    exchange_forget_prompt(x);
    attempt_free(&x->attempt);
    content_free(x->refusal);
    content_free(x->whole);
    sse_out_free(&x->out);
    explicit_bzero(x, sizeof *x);
    if (context->n_spare == EXCHANGE_SPARES_MAX) {
        free(x);
        return;
    }
    x->next_spare = context->spare;
    context->spare = x;
    context->n_spare++;
}

void exchange_spares_free(struct exchange_context *context)
{
    struct exchange *next;

    for (struct exchange *x = context->spare; x != NULL; x = next) {
        next = x->next_spare;
        free(x);
    }
    context->spare = NULL;
    context->n_spare = 0;
}

#define EXCHANGE_OPS                                                                               \
    .attempt = exchange_attempt, .cancel = exchange_cancel, .account = exchange_account,           \
    .commit = exchange_commit, .hold = exchange_hold, .keep_alive = exchange_keep_alive,           \
    .complete = exchange_complete, .fail = exchange_fail, .left = exchange_left,                   \
    .destroy = exchange_destroy
static const struct request_ops exchange_ops = {EXCHANGE_OPS};
static const struct request_ops exchange_synth_ops = {
    EXCHANGE_OPS,
    .plan = exchange_synth_plan,
    .prepare = exchange_synth_prepare,
    .stop = exchange_synth_stop,
    .accepts = exchange_synth_accepts,
    .rescue = exchange_synth_rescue,
};
#undef EXCHANGE_OPS

static struct exchange *exchange_alloc(struct exchange_context *context)
{
    struct exchange *x = context->spare;

    if (x == NULL)
        return calloc(1, sizeof *x);
    context->spare = x->next_spare;
    context->n_spare--;
    x->next_spare = NULL;
    return x;
}

static struct exchange *exchange_new(struct exchange_context *context, struct web_request *web,
                                     const struct digest32 *who, const struct dialect *dialect,
                                     bool openrouter)
{
    struct exchange *x = exchange_alloc(context);

    if (x == NULL)
        return NULL;
    x->context = context;
    x->web = web;
    x->dialect = dialect;
    x->metadata = route_metadata_wanted(web);
    x->budget = share_of(context->shares, who);
    x->request.ops = &exchange_ops;
    x->request.context = &context->request;
    x->request.id = id_new();
    x->request.key_digest = *who;
    x->request.received_us = clock_mono_us();
    x->request.received_unix_ms = clock_unix_ms();
    x->request.n_choices = 1;
    web_peer(web, x->request.rules.client);
    x->request.rules.in_eu = context->in_eu;
    x->answer.openrouter = openrouter;
    sse_out_init(&x->out, x->budget);
    return x;
}

void exchange_forget_prompt(struct exchange *x)
{
    x->answer.prompt = NULL;
    budget_give(x->budget, x->prompt_bytes);
    x->prompt_bytes = 0;
    prompt_list_free(&x->prompt.list);
    chat_request_free(x->prompt.chat);
    explicit_bzero(&x->prompt, sizeof x->prompt);
    content_free(x->body);
    x->body = NULL;
}

static void exchange_gone_cb(void *cookie)
{
    struct exchange *x = cookie;

    x->web = NULL;
    x->out.web = NULL;
    attempt_no_more_keys(&x->attempt);
    request_hold(&x->request);
    request_client_gone(&x->request);
    request_let(&x->request);
}

/* --- the client's request */

static uint64_t user_hash(const struct exchange *x)
{
    uint64_t hash = 0;

    if (x->prompt.user.len != 0)
        crypto_shorthash((uint8_t *)&hash, x->prompt.user.ptr, x->prompt.user.len,
                         x->context->user_key);
    return hash;
}

/* Classes of tokens that no answer to it can be charged. A file or a video may have images and sound. */
static uint32_t never_classes(const struct prompt *p)
{
    bool sound = p->has_media || p->kind >= PROMPT_IMAGES || p->media.bound != 0 || p->media.references != 0;

    return (p->long_cache ? 0 : 1u << PRICE_CLASS_cache_write_long) |
           (sound ? 0 : 1u << PRICE_CLASS_audio_input) |
           (sound || p->media.images != 0 ? 0 : 1u << PRICE_CLASS_image_input);
}

/* What the prompt asks for, in the numbers that admission and billing work with. */
static void exchange_facts(struct exchange *x)
{
    const struct exchange_context *context = x->context;
    const struct prompt *p = &x->prompt;
    struct request *r = &x->request;
    uint64_t media = media_bound(&p->media, context->image_tokens, context->reference_tokens);

    r->stream = p->stream;
    r->n_choices = p->n_choices;
    r->n_prompts = p->embeddings.form.n_inputs;
    r->no_output = p->kind == PROMPT_EMBEDDINGS || p->kind == PROMPT_MODERATION || p->kind == PROMPT_RERANK;
    r->units = p->call.form.units;
    r->units_guess = p->call.form.guess;
    r->output_guess = p->call.form.output_guess;
    r->max_output = p->max_tokens;
    r->extra_output = p->extra_output;
    r->output_default = context->output_default_tokens;
    r->prompt_bound = p->has_media ? UINT64_MAX : p->prompt_bound + media;
    r->prompt_guessed = media != 0;
    r->prompt_bytes = p->prompt_bytes + p->media.floor * BILL_BYTES_PER_TOKEN;
    r->user_hash = user_hash(x);
    r->never = never_classes(p);
}

enum err exchange_charge_prompt(struct exchange *x, struct api_failure *f)
{
    const size_t bytes = prompt_list_bytes(&x->prompt.list);

    assert(bytes >= x->prompt_bytes);
    if (!budget_take(x->budget, bytes - x->prompt_bytes)) {
        f->error = API_OVERLOAD;
        return ERR_OVERLOAD;
    }
    x->prompt_bytes = bytes;
    return ERR_NONE;
}

/* In an Azure client's path stands which model is asked; what its body says of one is not looked at there. */
static enum err exchange_deployment(struct exchange *x, struct api_failure *f)
{
    uint8_t plain[PATH_PLAIN_MAX], ours[PATH_PLAIN_MAX];
    struct view path = path_plain(web_path(x->web), plain), model;
    size_t len;

    azure_path(&path, &model, ours);
    if (model.len == 0)
        return ERR_NONE;
    if (!path_decode(model, x->prompt.model, sizeof x->prompt.model - 1, &len)) {
        *f = (struct api_failure){.error = API_NO_MODEL, .param = "model"};
        return ERR_NOT_FOUND;
    }
    x->prompt.model[len] = '\0';
    return ERR_NONE;
}

/* May another model answer, if the one that was asked cannot? */
static bool exchange_allows_models(const struct exchange *x)
{
    struct view value;

    return web_header(x->web, VIEW_LIT("x-tr-model-fallbacks"), &value) &&
           view_eq_nocase(view_trim(value), VIEW_LIT("allow"));
}

struct want_given exchange_given(const struct exchange *x)
{
    return (struct want_given){x->context->region, x->context->eu_base_url, x->synth == NULL && exchange_allows_models(x)};
}

static enum err exchange_want(struct exchange *x, struct api_failure *f)
{
    const struct want_given given = exchange_given(x);

    return want_read(&x->prompt, x->request.catalog, x->context->providers, &given, &x->request.want, &x->notes, f);
}

/* Everything that can be wrong with a request before anybody is asked about the key. */
static enum err exchange_read(struct exchange *x, struct view body, struct api_failure *f)
{
    struct exchange_context *context = x->context;
    struct prompt_fault fault = {0};
    struct view key;
    enum err e;

    *f = (struct api_failure){0};
    if (web_header(x->web, VIEW_LIT("idempotency-key"), &key) &&
        idempotency_read(key, &x->request.idempotency) != ERR_NONE) {
        f->error = API_BAD_IDEMPOTENCY_KEY;
        return ERR_FORMAT;
    }
    e = exchange_read_body(x, body, f);
    if (e != ERR_NONE)
        return e;
    e = x->request.local ? x->dialect->read_count(content_bytes(x->body), &x->prompt, &fault)
                         : x->dialect->read(content_bytes(x->body), &x->prompt, &fault);
    if (e != ERR_NONE) {
        f->error = fault.param == NULL && fault.member.len == 0 && e == ERR_FORMAT ? API_BAD_JSON
                                                                                   : errors_of(e);
        f->param = fault.param;
        f->member = fault.member;
        f->message = fault.message;
        return e;
    }
    e = exchange_charge_prompt(x, f);
    if (e == ERR_NONE)
        e = exchange_deployment(x, f);
    if (e != ERR_NONE)
        return e;
    assert(x->prompt.n_choices > 0);
    exchange_facts(x);
    x->tells_store = x->prompt.asked_store;
    x->request.catalog = catalog_acquire(context->catalogs, context->request.admit.worker);
    if (x->request.catalog == NULL) {
        f->error = API_NOT_READY;
        return ERR_CONTROL_PLANE;
    }
    e = exchange_synth_read(x, f);
    if (e == ERR_NONE)
        e = x->synth != NULL ? exchange_synth_want(x, f) : exchange_want(x, f);
    if (e == ERR_NONE)
        e = exchange_charge_prompt(x, f); /* a chat client's list, made for a candidate that reads it */
    if (e == ERR_NONE)
        exchange_facts(x);
    if (e != ERR_NONE || x->synth == NULL)
        return e;
    x->request.ops = &exchange_synth_ops;
    return exchange_synth_new(x, f);
}

static void exchange_start(struct exchange *x)
{
    struct web_request *web = x->web;
    struct api_failure f;
    enum err e;

    web_set_gone(web, exchange_gone_cb, x);
    digest_sha256(web_body(web), &x->request.digests.received);
    x->request.digests.received_bytes = web_body(web).len;
    e = exchange_read(x, web_body(web), &f);
    if (e == ERR_NONE)
        request_begin(&x->request);
    else
        request_reject(&x->request, e, &f);
}

static void no_memory(struct web_request *web, const struct dialect *dialect, bool openrouter)
{
    struct api_failure f = {.error = API_OVERLOAD};
    struct id id = id_new();
    struct reply p;

    reply_init(&p, &id);
    reply_failure_in(&p, web, &f, dialect, openrouter);
}

void exchange_begin(struct exchange_context *context, struct web_request *web,
                    const struct digest32 *who, const struct dialect *dialect,
                    enum receipt_endpoint endpoint)
{
    bool openrouter = receipt_is_openrouter(endpoint);
    struct exchange *x = exchange_new(context, web, who, dialect, openrouter);

    if (x == NULL) {
        no_memory(web, dialect, openrouter);
        return;
    }
    x->request.endpoint = endpoint;
    exchange_start(x);
}

void exchange_count(struct exchange_context *context, struct web_request *web,
                    const struct digest32 *who, const struct dialect *dialect, bool openrouter)
{
    struct exchange *x = exchange_new(context, web, who, dialect, openrouter);

    assert(dialect->count != NULL);
    if (x == NULL) {
        no_memory(web, dialect, openrouter);
        return;
    }
    x->request.local = true;
    exchange_start(x);
}
