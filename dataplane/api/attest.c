#include "attest.h"

#include "base64.h"
#include "identity.h"
#include "keyset.h"
#include "reply.h"
#include "worker.h"

enum { ATTEST_KEY_BODY_MAX = 1024 };

static enum err verifying_key_append(const struct shared *s, struct buf *out)
{
    uint8_t public[32];
    char hex[65];
    struct view id = keyset_receipt_key_id(s->keyset), digest = keyset_digest_text(s->keyset);
    enum err e;

    identity_receipt_key(s->keys, public);
    hex_encode(public, sizeof public, hex);
    e = buf_appendf(out,
                    "{\"algo\":\"ed25519\",\"key_id\":\"%.*s\",\"public_key\":\"%s\","
                    "\"public_key_base64\":\"",
                    (int)id.len, (const char *)id.ptr, hex);
    if (e == ERR_NONE)
        e = base64_append(view_of(public, sizeof public), out);
    if (e == ERR_NONE)
        e = buf_appendf(out, "\",\"workload_keyset_digest\":\"%.*s\",\"simulated\":%s}",
                        (int)digest.len, (const char *)digest.ptr, s->simulated ? "true" : "false");
    return e;
}

int attest_verifying_key(struct worker *w, struct web_request *r)
{
    struct id id = id_new();
    struct reply p;
    struct buf body;
    int status = 200;

    buf_init(&body, ATTEST_KEY_BODY_MAX);
    reply_init(&p, &id);
    reply_add(&p, VIEW_LIT("cache-control"), VIEW_LIT("no-store"));
    if (verifying_key_append(w->shared, &body) == ERR_NONE) {
        reply_json(&p, r, status, buf_view(&body));
    } else {
        struct api_failure f = {.error = API_INTERNAL};

        status = errors_row(f.error)->status;
        reply_failure(&p, r, &f);
    }
    buf_free(&body);
    return status;
}
