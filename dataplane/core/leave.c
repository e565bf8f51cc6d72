/* A client that disconnects. */
#include "leave.h"

#include "clock.h"

bool leave_waits(const struct request *r)
{
    struct attempt_account a = {0};

    if (!r->upstream || (r->state != REQUEST_STREAMING && r->state != REQUEST_CONNECTING))
        return false;
    r->ops->account(r, &a);
    if (r->stream)
        return r->state == REQUEST_STREAMING && a.finish != FINISH_NONE;
    return a.status / 100 == 2 && a.waiting_bytes != 0;
}

/* A provider that has the whole request works on it, and bills the prompt to the operator whatever
 * becomes of it: so the client pays it. If leaving early were free, long prompts could be laid into
 * a provider's cache for nothing. The prompt is free when the provider has refused, and when its
 * stream has shown no sign of life for longer than a prompt takes to read; a whole answer shows
 * none before its end. */
enum settle_bill leave_bill(const struct request *r)
{
    uint64_t patience_ms = REQUEST_HOLD_MS + r->prompt_bytes / REQUEST_READ_PER_MS;
    struct attempt_account a = {0};
    bool silent;

    if (r->state == REQUEST_STREAMING)
        return SETTLE_PROMPT;
    if (r->state != REQUEST_CONNECTING || !r->upstream)
        return SETTLE_FREE;
    r->ops->account(r, &a);
    silent = r->stream && (clock_mono_us() - r->attempts.begun_us) / 1000 >= patience_ms;
    if (!a.forwarded || (a.status == 0 ? silent : a.status / 100 != 2))
        return SETTLE_FREE;
    return SETTLE_PROMPT;
}
