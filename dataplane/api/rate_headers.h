/* A key's limits per minute as response headers, in the words of a client's dialect. The figures are those of the
 * key that asks, at this data plane; nothing is said of limits that the key does not have. */
#ifndef TR_DATAPLANE_API_RATE_HEADERS_H
#define TR_DATAPLANE_API_RATE_HEADERS_H

#include "keyring.h"
#include "time_text.h"
#include "web.h"

struct rate_words;
extern const struct rate_words rate_words_openai, rate_words_anthropic;

enum {
    RATE_HEADERS_MAX = 8,    /* three for each limit, their exposure to browsers, and the rejection */
    RATE_DURATION_BYTES = TIME_TEXT_BYTES, /* "1193h2m47.295s", at most */
};

/* What the headers' values are written into: one row for requests, one for tokens. */
struct rate_header_text {
    char limit[2][12], remaining[2][12];
    char reset[2][TIME_TEXT_BYTES];
};

/* Fills in at most RATE_HEADERS_MAX; returns how many, 0 for a key without limits. unix_ms: now. text lives as long
 * as the headers are used. rejected: the answer is the 429 of one of these limits. */
size_t rate_headers(const struct key_rates *rates, const struct rate_words *words, bool rejected,
                    uint64_t unix_ms, struct rate_header_text *text, struct web_header *out);
/* As OpenAI writes them: "0s", "12ms", "1.2s", "6m0s", "1h0m0s". */
void rate_duration(uint32_t ms, char out[static RATE_DURATION_BYTES]);

#endif
