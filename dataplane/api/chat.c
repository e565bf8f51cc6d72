/* (G) A chat completion's beginning and end: the client's body into what request.c works with, and
 * the struct's recycling. */
#include "chat.h"

#include "bill.h"
#include "chat_inside.h"
#include "clock.h"
#include "content_view.h"
#include "reply.h"
#include "unpack.h"
#include "want.h"

#include <assert.h>
#include <sodium.h>

/* What the decoded body of a key that is not known here may have, in bytes: so many, and so many times
 * those that came. Prompts compress to a tenth, seldom to a fiftieth. */
enum {
    CHAT_UNPACKED_UNKNOWN_MIN = 1 << 20,
    CHAT_UNPACKED_RATIO = 64,
};

/* Of an answer that could not be relayed, or not yet: what is here of it. */
static uint64_t chat_bytes_waiting(const struct chat *c)
{
    if (c->status < 200 || c->status >= 300)
        return 0;
    return c->collecting ? (c->received != NULL ? content_len(c->received) : 0) : c->in.carry.len;
}

static void chat_account(const struct request *r, struct attempt_account *out)
{
    const struct chat *c = (const struct chat *)r;
    bool forwarded = c->fetch != NULL && fetch_forwarded(c->fetch);

    *out = (struct attempt_account){
        .usage = c->canon.usage,
        .delivered_bytes = c->canon.content_bytes,
        .waiting_bytes = chat_bytes_waiting(c),
        .finish = c->canon.finish,
        .chunks = c->canon.chunks,
        .begun_us = c->begun_us == 0 && !r->stream && forwarded ? r->attempt_us : c->begun_us,
        .shown_us = c->shown_us,
        .forwarded = forwarded,
        .status = c->status,
    };
}

/* --- structs, wiped and reused */

static void chat_destroy(struct request *r)
{
    struct chat *c = chat_of(r);
    struct chat_context *x = c->context;

    assert(c->fetch == NULL && c->web == NULL);
    chat_forget_prompt(c);
    content_free(c->rendered);
    content_free(c->received);
    content_free(c->message);
    content_free(c->refusal);
    content_free(c->answer);
    sse_in_free(&c->in);
    sse_out_free(&c->out);
    explicit_bzero(c, sizeof *c);
    if (x->n_spare == CHAT_SPARES_MAX) {
        free(c);
        return;
    }
    c->next_spare = x->spare;
    x->spare = c;
    x->n_spare++;
}

void chat_spares_free(struct chat_context *x)
{
    struct chat *next;

    for (struct chat *c = x->spare; c != NULL; c = next) {
        next = c->next_spare;
        free(c);
    }
    x->spare = NULL;
    x->n_spare = 0;
}

static const struct request_ops chat_ops = {
    .attempt = chat_attempt,
    .cancel = chat_attempt_cancel,
    .account = chat_account,
    .commit = chat_commit,
    .hold = chat_attempt_hold,
    .keep_alive = chat_keep_alive,
    .complete = chat_complete,
    .fail = chat_fail,
    .left = chat_left,
    .destroy = chat_destroy,
};

static struct chat *chat_new(struct chat_context *x, struct web_request *web, const struct digest32 *who,
                             enum receipt_endpoint endpoint)
{
    struct chat *c = x->spare;

    if (c != NULL) {
        x->spare = c->next_spare;
        x->n_spare--;
        c->next_spare = NULL;
    } else {
        c = calloc(1, sizeof *c);
        if (c == NULL)
            return NULL;
    }
    c->web = web;
    c->context = x;
    c->budget = share_of(x->shares, who);
    c->request.ops = &chat_ops;
    c->request.context = &x->request;
    c->request.id = id_new();
    c->request.key_digest = *who;
    c->request.endpoint = endpoint;
    c->request.received_us = clock_mono_us();
    c->request.received_unix_ms = clock_unix_ms();
    c->request.n_choices = 1;
    sse_in_init(&c->in, LIMIT_SSE_LINE_BYTES, chat_budget(c));
    sse_out_init(&c->out, chat_budget(c));
    return c;
}

static void chat_gone_cb(void *cookie)
{
    struct chat *c = cookie;

    c->web = NULL;
    c->out.web = NULL;
    request_hold(&c->request);
    request_client_gone(&c->request);
    request_let(&c->request);
}

/* --- the client's request */

static bool media_type_ok(const struct web_request *web)
{
    struct view type;
    const uint8_t *semicolon;

    if (!web_header(web, VIEW_LIT("content-type"), &type))
        return true; /* a body that is JSON needs no label */
    semicolon = type.len != 0 ? memchr(type.ptr, ';', type.len) : NULL;
    if (semicolon != NULL)
        type.len = (size_t)(semicolon - type.ptr);
    return view_eq_nocase(view_trim(type), VIEW_LIT("application/json"));
}

static bool chat_key_is_known(const struct chat *c)
{
    struct key *key;

    if (keyring_find(c->context->request.admit.keyring, &c->request.key_digest, clock_mono_ms(),
                     &key) != ERR_NONE)
        return false;
    key_release(key);
    return true;
}

/* Decoding costs more than receiving, so a key that nobody has vouched for yet gets less of it. */
static size_t chat_unpacked_max(const struct chat *c, size_t packed)
{
    size_t most = CHAT_UNPACKED_UNKNOWN_MIN;

    if (chat_key_is_known(c) ||
        packed > (LIMIT_BODY_BYTES - most) / CHAT_UNPACKED_RATIO)
        return LIMIT_BODY_BYTES;
    return most + packed * CHAT_UNPACKED_RATIO;
}

/* The body as the client wrote it, before it took a content coding. */
static enum err chat_copy_body(struct chat *c, struct view body, struct api_failure *f)
{
    enum unpack_coding coding = UNPACK_IDENTITY;
    struct view encoding;
    enum err e = ERR_NONE;

    if (web_header(c->web, VIEW_LIT("content-encoding"), &encoding))
        e = unpack_coding(encoding, &coding);
    if (e != ERR_NONE) {
        f->error = API_CONTENT_CODING;
        return e;
    }
    c->body = content_new(LIMIT_BODY_BYTES + 1, chat_budget(c)); /* as unpack() wants it */
    if (c->body == NULL)
        e = ERR_MEMORY;
    else if (coding == UNPACK_IDENTITY)
        e = buf_append(content_buf(c->body), body);
    else
        e = unpack(coding, body, chat_unpacked_max(c, body.len), content_buf(c->body));
    if (e == ERR_FORMAT || e == ERR_SHORT)
        f->error = API_BAD_CODING;
    else if (e == ERR_LIMIT)
        *f = (struct api_failure){.error = API_TOO_LARGE,
                                  .message = "The request body is over 32 MiB when it is decoded, or "
                                             "grows more than 64-fold with a key not yet known here."};
    else if (e != ERR_NONE)
        f->error = errors_of(e);
    return e;
}

static uint64_t chat_user_hash(const struct chat *c)
{
    uint64_t hash = 0;

    if (c->asked->user.len != 0)
        crypto_shorthash((uint8_t *)&hash, c->asked->user.ptr, c->asked->user.len,
                         c->context->user_key);
    return hash;
}

/* What the prompt can cost, and what it costs at least. */
static void chat_read_prompt(struct chat *c)
{
    const struct chat_context *x = c->context;
    const struct chat_request *asked = c->asked;
    uint64_t media =
        media_bound(&asked->media, x->image_tokens, x->reference_tokens);

    c->request.prompt_bound = asked->has_media ? UINT64_MAX : asked->prompt_bound + media;
    c->request.prompt_guessed = media != 0;
    c->request.prompt_bytes = asked->prompt_bytes + asked->media.floor * BILL_BYTES_PER_TOKEN;
}

/* Everything that can be wrong with a request before anybody is asked about the key. */
static enum err chat_read(struct chat *c, struct view body, struct api_failure *f)
{
    struct chat_context *x = c->context;
    struct request *r = &c->request;
    struct chat_fault fault = {0};
    enum err e;

    *f = (struct api_failure){0};
    if (!media_type_ok(c->web)) {
        f->error = API_MEDIA_TYPE;
        return ERR_UNSUPPORTED;
    }
    if (body.len == 0) {
        f->error = API_NO_BODY;
        return ERR_SHORT;
    }
    e = chat_copy_body(c, body, f);
    if (e != ERR_NONE)
        return e;
    c->asked = malloc(sizeof *c->asked);
    e = c->asked == NULL ? ERR_MEMORY
                         : chat_request_parse(content_bytes(c->body), c->asked, &fault);
    if (e != ERR_NONE) {
        f->error = fault.param == NULL && fault.member.len == 0 && e == ERR_FORMAT ? API_BAD_JSON : errors_of(e);
        f->param = fault.param;
        f->member = fault.member;
        f->message = fault.message;
        return e;
    }
    r->stream = c->asked->stream;
    c->include_usage = c->asked->include_usage;
    r->n_choices = c->asked->n_choices;
    r->max_output = c->asked->max_tokens;
    r->extra_output = c->asked->extra_output;
    r->output_default = x->output_default_tokens;
    chat_read_prompt(c);
    r->user_hash = chat_user_hash(c);
    r->catalog = catalog_acquire(x->catalogs, x->request.admit.worker);
    if (r->catalog == NULL) {
        f->error = API_NOT_READY;
        return ERR_CONTROL_PLANE;
    }
    return want_read(c->asked, r->catalog, x->providers, &r->want, f);
}

void chat_completions(struct chat_context *x, struct web_request *web, const struct digest32 *who,
                      enum receipt_endpoint endpoint)
{
    struct chat *c = chat_new(x, web, who, endpoint);
    struct api_failure f;
    enum err e;

    if (c == NULL) {
        struct id id = id_new();
        struct reply p;

        f = (struct api_failure){.error = API_OVERLOAD};
        reply_init(&p, &id);
        reply_failure(&p, web, &f);
        return;
    }
    web_set_gone(web, chat_gone_cb, c);
    digest_sha256(web_body(web), &c->request.digests.received);
    c->request.digests.received_bytes = web_body(web).len;
    e = chat_read(c, web_body(web), &f);
    if (e == ERR_NONE)
        request_begin(&c->request);
    else
        request_reject(&c->request, e, &f);
}
