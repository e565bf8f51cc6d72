#include "idempotency.h"

#include <assert.h>
#include <stdio.h>

/* So that the digest is of use for nothing else. */
static const char domain[] = "tr-idempotency/v1";

enum err idempotency_read(struct view text, struct idempotency *i)
{
    uint8_t bytes[sizeof domain + IDEMPOTENCY_KEY_MAX];

    if (text.len == 0 || text.len > IDEMPOTENCY_KEY_MAX)
        return ERR_FORMAT;
    for (size_t at = 0; at < text.len; at++)
        if (text.ptr[at] <= ' ' || text.ptr[at] > '~')
            return ERR_FORMAT;
    memcpy(bytes, domain, sizeof domain); /* with its NUL */
    memcpy(bytes + sizeof domain, text.ptr, text.len);
    digest_sha256(view_of(bytes, sizeof domain + text.len), &i->key);
    secret_wipe(bytes, sizeof bytes);
    i->wanted = true;
    return ERR_NONE;
}

static void idempotency_cb(void *cookie, struct inquiry_answer *answer)
{
    struct idempotency *i = cookie;

    i->inquiry = NULL;
    i->answered = true;
    i->e = answer->e;
    i->claim = answer->claim;
    i->ready(i->cookie);
}

/* The answer of the request that came first is not kept, so the client is told which one it was. */
static void idempotency_refuse(const struct idempotency *i, struct api_failure *f)
{
    char id[ID_TEXT_LEN + 1];

    *f = (struct api_failure){.error = API_CONTROL_PLANE,
                              .message = "The control plane cannot be asked about the "
                                         "Idempotency-Key now, so the request did not run."};
    if (i->e != ERR_NONE || i->claim.status == CLAIM_NONE)
        return;
    f->error = i->claim.status == CLAIM_USED ? API_IDEMPOTENCY_USED : API_IDEMPOTENCY_IN_FLIGHT;
    f->message = NULL;
    f->first = i->claim.first;
    id_text(&f->first, id);
    snprintf(f->text, sizeof f->text,
             f->error == API_IDEMPOTENCY_USED
                 ? "A request with this Idempotency-Key has been answered or billed: gen-%s, receipt "
                   "rcpt-%s. The answer is not kept."
                 : "A request with this Idempotency-Key may still be running: gen-%s, receipt rcpt-%s.",
             id, id);
    f->ran = f->error == API_IDEMPOTENCY_USED; /* trying again is in vain */
}

enum idempotency_answer idempotency_step(struct idempotency *i, struct uplink_port *port,
                                         const struct msg_claim *claim, void (*ready)(void *cookie),
                                         void *cookie, struct api_failure *f)
{
    struct msg_claim m = *claim;

    if (!i->wanted)
        return IDEMPOTENCY_YES;
    if (!i->answered) {
        assert(i->inquiry == NULL);
        m.key = i->key;
        i->ready = ready;
        i->cookie = cookie;
        i->e = inquiry_claim(port, &m, idempotency_cb, i, &i->inquiry);
        if (i->e == ERR_NONE)
            return IDEMPOTENCY_WAIT;
    }
    if (i->e == ERR_NONE && i->claim.status == CLAIM_GRANTED)
        return IDEMPOTENCY_YES;
    idempotency_refuse(i, f);
    return IDEMPOTENCY_NO;
}

void idempotency_cancel(struct idempotency *i)
{
    if (i->inquiry != NULL)
        inquiry_cancel(i->inquiry);
    i->inquiry = NULL;
}
