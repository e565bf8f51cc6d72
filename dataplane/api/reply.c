#include "reply.h"

#include "chat_dialect.h"
#include "clock.h"
#include "content_view.h"
#include "messages.h"
#include "path.h"

#include <assert.h>
#include <stdio.h>

enum { FAILURE_BODY_MAX = 64 << 10 }; /* a provider's sentence may be long, but not that long */

size_t reply_always(struct view keyset_digest_text, struct web_header out[static REPLY_ALWAYS])
{
    const struct web_header always[REPLY_ALWAYS] = {
        {VIEW_LIT("access-control-allow-origin"), VIEW_LIT("*")},
        {VIEW_LIT("access-control-expose-headers"),
         VIEW_LIT("x-request-id, request-id, x-generation-id, x-tr-provider, x-tr-model, "
                  "x-tr-fallback-from, x-tr-fallback-to, retry-after, retry-after-ms, "
                  "x-should-retry, x-tr-max-tokens, x-tr-store, x-tr-first-generation-id, x-tr-first-receipt-id, "
                  "x-receipt-id, x-aci-version, x-aci-keyset-digest, etag, ehbp-response-nonce")},
        {VIEW_LIT("x-aci-version"), VIEW_LIT("aci/1")},
        {VIEW_LIT("x-aci-keyset-digest"), keyset_digest_text},
    };

    memcpy(out, always, sizeof always);
    return REPLY_ALWAYS;
}

void reply_init(struct reply *p, const struct id *id)
{
    p->n = 0;
    p->id = *id;
    p->facts = NULL;
    receipt_id_text(id, p->receipt_id);
    id_text(id, p->request_id);
    memcpy(p->generation_id, "gen-", 4);
    memcpy(p->generation_id + 4, p->request_id, sizeof p->request_id);
    reply_add(p, VIEW_LIT("x-request-id"), view_of(p->request_id, ID_TEXT_LEN));
    reply_add(p, VIEW_LIT("request-id"), view_of(p->request_id, ID_TEXT_LEN));
}

void reply_add(struct reply *p, struct view name, struct view value)
{
    assert(p->n < REPLY_HEADERS_MAX);
    p->headers[p->n++] = (struct web_header){name, value};
}

void reply_add_generation(struct reply *p)
{
    reply_add(p, VIEW_LIT("x-generation-id"), view_of(p->generation_id, 4 + ID_TEXT_LEN));
}

void reply_add_receipt(struct reply *p)
{
    reply_add(p, VIEW_LIT("x-receipt-id"), view_of(p->receipt_id, RECEIPT_ID_LEN));
}

void reply_add_max_tokens(struct reply *p, uint32_t tokens)
{
    snprintf(p->max_tokens, sizeof p->max_tokens, "%u", (unsigned)tokens);
    reply_add(p, VIEW_LIT("x-tr-max-tokens"), view_str(p->max_tokens));
}

void reply_add_rates(struct reply *p, const struct key_rates *rates, const struct dialect *dialect,
                     bool rejected)
{
    const struct rate_words *words =
        dialect->rates != NULL ? dialect->rates : &rate_words_openai;

    assert(p->n + RATE_HEADERS_MAX <= REPLY_HEADERS_MAX);
    p->n += rate_headers(rates, words, rejected, clock_unix_ms(), &p->rates, p->headers + p->n);
}

void reply_publish(struct reply *p, struct receipts *receipts, unsigned worker,
                   struct receipt_facts *facts)
{
    reply_add_receipt(p);
    p->receipts = receipts;
    p->worker = worker;
    p->facts = facts;
}

/* Before it is sent: a client that has the answer can ask for its receipt. */
static void reply_note_body(struct reply *p, int status, struct view body)
{
    struct receipt_facts *f = p->facts;

    if (f == NULL)
        return;
    digest_sha256(body, &f->returned);
    f->returned_bytes = body.len;
    f->status = (uint16_t)status;
    f->flags |= RECEIPT_RETURNED | RECEIPT_COMPLETE;
    receipts_publish(p->receipts, p->worker, f);
    p->facts = NULL;
}

void reply_json(struct reply *p, struct web_request *r, int status, struct view body)
{
    reply_note_body(p, status, body);
    reply_add(p, VIEW_LIT("content-type"), VIEW_LIT("application/json"));
    web_respond(r, status, p->headers, p->n, body);
}

void reply_body_taking(struct reply *p, struct web_request *r, int status, struct view type, struct buf *body)
{
    reply_note_body(p, status, buf_view(body));
    reply_add(p, VIEW_LIT("content-type"), type);
    web_respond_taking(r, status, p->headers, p->n, body);
}

void reply_json_taking(struct reply *p, struct web_request *r, int status, struct buf *body)
{
    reply_body_taking(p, r, status, VIEW_LIT("application/json"), body);
}

void reply_failure_in(struct reply *p, struct web_request *r, const struct api_failure *f,
                      const struct dialect *dialect, bool openrouter)
{
    struct buf body;
    struct web_header extra[ERROR_HEADERS_MAX];
    int status = dialect->status != NULL ? dialect->status(f) : errors_row(f->error)->status;
    size_t n = error_headers(f, &p->retry, extra);

    buf_init(&body, FAILURE_BODY_MAX);
    for (size_t i = 0; i < n; i++)
        reply_add(p, extra[i].name, extra[i].value);
    if (dialect->failure(f, &p->id, openrouter, &body) != ERR_NONE) {
        struct api_failure plain = {.error = f->error};

        buf_reset(&body); /* the sentence was too long: the row's own is not */
        if (dialect->failure(&plain, &p->id, openrouter, &body) != ERR_NONE)
            buf_reset(&body);
    }
    reply_json(p, r, status, buf_view(&body));
    buf_free(&body);
}

void reply_failure(struct reply *p, struct web_request *r, const struct api_failure *f)
{
    uint8_t plain[PATH_PLAIN_MAX];

    reply_failure_in(p, r, f, reply_dialect(r),
                     view_starts(path_plain(web_path(r), plain), VIEW_LIT("/api/v1/")));
}

const struct dialect *reply_dialect(const struct web_request *r)
{
    struct view version;

    return web_header(r, VIEW_LIT("anthropic-version"), &version) ? messages_of_version(version)
                                                                 : &chat_dialect;
}

int reply_refusal(struct web_request *r, const struct api_failure *f)
{
    struct id id = id_new();
    struct reply p;

    reply_init(&p, &id);
    reply_failure(&p, r, f);
    return errors_row(f->error)->status;
}

int reply_done(struct web_request *r, enum err e, struct buf *body)
{
    struct id id = id_new();
    struct reply p;

    if (e != ERR_NONE) {
        buf_free(body);
        return reply_refusal(r, &(struct api_failure){.error = API_INTERNAL});
    }
    reply_init(&p, &id);
    reply_json(&p, r, 200, buf_view(body)); /* a slow reader holds a copy that is charged to the budget */
    buf_free(body);
    return 200;
}
