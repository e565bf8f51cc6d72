/* Output tokens from bytes and time. */
#include "estimate.h"

#include "bill.h"
#include "clock.h"

uint32_t estimate_bytes(uint64_t bytes)
{
    uint64_t tokens = bytes / BILL_BYTES_PER_TOKEN + (bytes % BILL_BYTES_PER_TOKEN != 0);

    return tokens > LIMIT_TOKENS_ABSURD ? LIMIT_TOKENS_ABSURD : (uint32_t)tokens;
}

uint32_t estimate_hidden(const struct request *r, const struct attempt_account *a, bool complete)
{
    bool reasons = (r->attempts.candidate.model->info->capabilities & CAP_REASONING) != 0;
    uint64_t reading_ms = ESTIMATE_QUEUE_MS + r->prompt_bytes / REQUEST_READ_PER_MS;
    uint64_t until_us, ms, tokens;

    if (a->begun_us == 0 || (!reasons && (r->stream || complete)))
        return 0;
    until_us = a->shown_us != 0 ? a->shown_us : clock_mono_us();
    ms = until_us > a->begun_us ? (until_us - a->begun_us) / 1000 : 0;
    if (ms <= reading_ms)
        return 0;
    tokens = (ms - reading_ms) * r->attempts.candidate.endpoint->provider->hidden_tokens_per_s / 1000;
    return tokens > LIMIT_TOKENS_ABSURD ? LIMIT_TOKENS_ABSURD : (uint32_t)tokens;
}

uint64_t estimate_output(const struct request *r, const struct attempt_account *a)
{
    uint64_t tokens = (uint64_t)estimate_bytes(a->delivered_bytes) + estimate_hidden(r, a, false);

    return a->usage.present && a->usage.completion > tokens ? a->usage.completion : tokens;
}
