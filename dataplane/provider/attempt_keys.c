/* (G) An attempt at a provider of which the operator has several keys: one that is refused is set aside, and the same
 * request is sent with the next. A customer's own key is the only one of its request. */
#include "attempt_internal.h"

#include "clock.h"
#include "content_view.h"

enum {
    ASIDE_MS = 300000,       /* a key that is refused, or whose account has no money: people have to act */
    ASIDE_RATE_MS = 10000,   /* an account over its rate, when the provider does not say until when */
    ASIDE_RATE_MAX_MS = 60000,
};

static bool uses_keys(const struct attempt *a)
{
    return a->provider->auth != AUTH_NONE && a->own_key.len == 0 && a->credentials != NULL;
}

enum err attempt_send(struct attempt *a)
{
    int key = 0;

    if (uses_keys(a)) {
        key = credentials_pick(a->credentials, a->provider->no, a->keys_tried, clock_mono_ms());
        if (key < 0)
            return ERR_CONFIG;
        a->keys_tried |= (uint8_t)(1U << key);
    }
    a->request.key_no = (unsigned)key;
    return fetch_start(a->upstreams, &a->request, &attempt_fetch_events, a, &a->fetch);
}

static bool blames_key(int status)
{
    return status == 401 || status == 402 || status == 403 || status == 429;
}

static uint64_t aside_ms(const struct attempt *a, int status)
{
    if (status != 429)
        return ASIDE_MS;
    if (a->retry_after_ms < 0)
        return ASIDE_RATE_MS;
    return a->retry_after_ms < ASIDE_RATE_MAX_MS ? (uint64_t)a->retry_after_ms : ASIDE_RATE_MAX_MS;
}

void attempt_key_refused(struct attempt *a, int status)
{
    if (!uses_keys(a) || !blames_key(status))
        return;
    a->keys_refused |= (uint8_t)(1U << a->request.key_no);
    a->key_status = (uint16_t)status;
    credentials_refused(a->credentials, a->provider->no, a->request.key_no, status, clock_mono_ms(),
                        aside_ms(a, status));
}

void attempt_no_more_keys(struct attempt *a)
{
    a->keys_tried = UINT8_MAX;
}

bool attempt_may_repeat(const struct attempt *a)
{
    return !attempt_status_good(a) && uses_keys(a) && credentials_count(a->credentials, a->provider->no) > 1;
}

bool attempt_repeat(struct attempt *a, int status)
{
    if (!blames_key(status) || a->over || a->fetch != NULL || a->rendered == NULL || !attempt_may_repeat(a) ||
        attempt_send(a) != ERR_NONE)
        return false;
    content_free(a->received);
    content_free(a->message);
    a->received = a->message = NULL;
    a->collecting = a->shaped = false;
    a->status = 0;
    a->retry_after_ms = -1;
    return true;
}
