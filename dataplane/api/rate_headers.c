#include "rate_headers.h"

#include <inttypes.h>
#include <stdio.h>

struct rate_names {
    struct view limit, remaining, reset;
};
struct rate_words {
    struct rate_names names[2]; /* requests, tokens */
    struct view exposed;        /* to browsers: all of the names */
    bool time;                  /* a reset is a point in time, else a duration */
    struct web_header rejected; /* in the 429; no name: nothing */
};

#define OPENAI(what)                                                                               \
    {                                                                                              \
        VIEW_LIT("x-ratelimit-limit-" what), VIEW_LIT("x-ratelimit-remaining-" what),            \
            VIEW_LIT("x-ratelimit-reset-" what),                                                  \
    }
const struct rate_words rate_words_openai = {
    .names = {OPENAI("requests"), OPENAI("tokens")},
    .exposed = VIEW_LIT("x-ratelimit-limit-requests, x-ratelimit-remaining-requests, "
                         "x-ratelimit-reset-requests, x-ratelimit-limit-tokens, "
                         "x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens"),
};

/* Versions of Claude Code keep trying behind a router that leaves the status out of its 429. */
#define ANTHROPIC(what)                                                                            \
    {                                                                                              \
        VIEW_LIT("anthropic-ratelimit-" what "-limit"),                                           \
            VIEW_LIT("anthropic-ratelimit-" what "-remaining"),                                   \
            VIEW_LIT("anthropic-ratelimit-" what "-reset"),                                       \
    }
const struct rate_words rate_words_anthropic = {
    .names = {ANTHROPIC("requests"), ANTHROPIC("tokens")},
    .exposed =
        VIEW_LIT("anthropic-ratelimit-requests-limit, anthropic-ratelimit-requests-remaining, "
                  "anthropic-ratelimit-requests-reset, anthropic-ratelimit-tokens-limit, "
                  "anthropic-ratelimit-tokens-remaining, anthropic-ratelimit-tokens-reset, "
                  "anthropic-ratelimit-unified-status"),
    .time = true,
    .rejected = {VIEW_LIT("anthropic-ratelimit-unified-status"), VIEW_LIT("rejected")},
};

void rate_duration(uint32_t ms, char out[static RATE_DURATION_BYTES])
{
    uint32_t seconds = ms / 1000 % 60, fraction = ms % 1000;
    int n = 0, digits = 3;

    if (ms != 0 && ms < 1000) {
        snprintf(out, RATE_DURATION_BYTES, "%" PRIu32 "ms", ms);
        return;
    }
    for (; digits > 0 && fraction % 10 == 0; digits--)
        fraction /= 10;
    if (ms >= 3600000)
        n = snprintf(out, RATE_DURATION_BYTES, "%" PRIu32 "h", ms / 3600000);
    if (ms >= 60000)
        n += snprintf(out + n, RATE_DURATION_BYTES - (size_t)n, "%" PRIu32 "m", ms / 60000 % 60);
    if (digits == 0)
        snprintf(out + n, RATE_DURATION_BYTES - (size_t)n, "%" PRIu32 "s", seconds);
    else
        snprintf(out + n, RATE_DURATION_BYTES - (size_t)n, "%" PRIu32 ".%0*" PRIu32 "s", seconds, digits,
                 fraction);
}

/* The limit at place i. */
static size_t rate_one(const struct key_rate *rate, const struct rate_words *words, size_t i,
                       uint64_t unix_ms, struct rate_header_text *text, struct web_header *out)
{
    const struct rate_names *names = &words->names[i];

    if (rate->limit == 0)
        return 0;
    snprintf(text->limit[i], sizeof text->limit[i], "%" PRIu32, rate->limit);
    snprintf(text->remaining[i], sizeof text->remaining[i], "%" PRIu32, rate->remaining);
    if (words->time) /* not a moment too early */
        time_format((unix_ms + rate->reset_ms + 999) / 1000, text->reset[i]);
    else
        rate_duration(rate->reset_ms, text->reset[i]);
    out[0] = (struct web_header){names->limit, view_str(text->limit[i])};
    out[1] = (struct web_header){names->remaining, view_str(text->remaining[i])};
    out[2] = (struct web_header){names->reset, view_str(text->reset[i])};
    return 3;
}

size_t rate_headers(const struct key_rates *rates, const struct rate_words *words, bool rejected,
                    uint64_t unix_ms, struct rate_header_text *text, struct web_header *out)
{
    size_t n = rate_one(&rates->requests, words, 0, unix_ms, text, out);

    n += rate_one(&rates->tokens, words, 1, unix_ms, text, out + n);
    if (n == 0)
        return 0;
    /* A list header may stand twice (RFC 9110 5.3): answers of keys without limits do not carry these names. */
    out[n++] = (struct web_header){VIEW_LIT("access-control-expose-headers"), words->exposed};
    if (rejected && words->rejected.name.len != 0)
        out[n++] = words->rejected;
    return n;
}
