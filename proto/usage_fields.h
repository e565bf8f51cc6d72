/* The one list of what a usage record says. From it are made: struct usage_record, its codec and its leak
 * budget (usage.c); the columns in which the control plane books it (ingest.c, stmt.c); and for each class of
 * tokens its figure in memory (llm/tokens.h), its price (price.c), its name in receipts and its counter
 * in /metrics. A new field is one line at the END, because the order is the order on the wire and in SQL's
 * type usage_record, and one migration: CONTRIBUTING.md has the steps. */
#ifndef TR_PROTO_USAGE_FIELDS_H
#define TR_PROTO_USAGE_FIELDS_H

/* F(no, field, type, bits, greatest value, column, what bounds it)
 *   no        the parameter of the statement that books it, counted up; $1 and $2 are not fields
 *   type      ID, or its width: U8 to U64, I64; MS: unix milliseconds in 64 bits; SEQ: the first of all
 *   bits      what it can carry at most, past the decoder: the leak budget
 * T(no, class, price, within, receipt's name, metric's name, what the metric counts)
 *   field tokens_CLASS, column tokens_CLASS, 25 bits, the provider's count
 *   price     of struct price (price.h), PRICE_pusd; none: not paid apart from what it is within
 *   within    an earlier class that counts these tokens too; none: no other does */
#define USAGE_FIELDS(F, T)                                                                         \
    F(3, seq, SEQ, 64, UINT64_MAX, seq, "counter, consecutive within a boot")                      \
    F(4, request, ID, 128, 0, request_id,                                                          \
      "id made here: milliseconds and random bits, never from the request")                        \
    F(5, key, ID, 128, 0, key_id, "id the control plane granted")                                  \
    F(6, account, ID, 128, 0, account_id, "id the control plane granted")                          \
    F(7, lease, ID, 128, 0, lease_id, "id the control plane granted")                              \
    F(8, received_ms, MS, 48, USAGE_UNIX_MS_MAX, received_ms, "unix milliseconds below 2^48")      \
    F(9, user_hash, U64, 64, UINT64_MAX, user_hash,                                                \
      "keyed hash of the end-user id; the key never leaves")                                       \
    F(10, cost_nusd, I64, 63, INT64_MAX, cost_nusd,                                                \
      "tokens times published prices, not negative")                                               \
    F(11, model_no, U32, 32, UINT32_MAX, model_no, "number from the pushed catalog, or 0")         \
    F(12, endpoint_no, U32, 32, UINT32_MAX, endpoint_no, "number from the pushed catalog, or 0")   \
    F(13, first_model_no, U32, 32, UINT32_MAX, first_model_no,                                     \
      "number from the pushed catalog, or 0")                                                      \
    F(14, price_version, U32, 32, UINT32_MAX, price_version, "number from the pushed catalog")     \
    F(15, catalog_version, U32, 32, UINT32_MAX, catalog_version, "number from the pushed catalog") \
    F(16, route_us, U32, 32, UINT32_MAX, route_us, "duration")                                     \
    F(17, first_byte_us, U32, 32, UINT32_MAX, first_byte_us, "duration")                           \
    F(18, total_ms, U32, 32, UINT32_MAX, total_ms, "duration")                                     \
    T(19, prompt, prompt, none, "prompt_tokens", "tokens_prompt_total", "Prompt tokens billed.")   \
    T(20, completion, completion, none, "completion_tokens", "tokens_completion_total",            \
      "Completion tokens billed.")                                                                 \
    T(21, cached_read, cached, prompt, "cached_tokens", "tokens_cached_total",                     \
      "Prompt tokens read from a cache.")                                                          \
    T(22, cache_write, cache_write, prompt, "cache_write_tokens", "tokens_cache_write_total",      \
      "Prompt tokens written to a cache.")                                                         \
    T(23, reasoning, reasoning, completion, "reasoning_tokens", "tokens_reasoning_total",          \
      "Completion tokens that are reasoning.")                                                     \
    F(24, http_status, U16, 10, 599, http_status, "what the client was answered, 0 or up to 599")  \
    F(25, flags, U16, 6, USAGE_FLAGS_ALL, flags, "six known bits")                                 \
    F(26, region_no, U16, 16, UINT16_MAX, region_no, "number of a configured region")              \
    F(27, error_class, U8, 6, ERR_COUNT - 1, error_class, "one of the listed error classes")       \
    F(28, finish, U8, 3, FINISH_COUNT - 1, finish, "one of the listed finish reasons")             \
    F(29, route_reason, U8, 8, UINT8_MAX, route_reason, "number of a routing rule")                \
    F(30, attempt, U8, 4, LIMIT_CANDIDATES, attempt, "at most 8 candidates are tried")             \
    F(31, attempts, U8, 4, LIMIT_CANDIDATES, attempts, "at most 8 candidates are tried")           \
    T(32, cache_write_long, cache_write_long, cache_write, "cache_write_long_tokens",              \
      "tokens_cache_write_long_total", "Prompt tokens written to a cache for an hour or longer.")  \
    T(33, audio_input, audio_input, prompt, "audio_input_tokens", "tokens_audio_input_total",      \
      "Prompt tokens that are audio.")                                                             \
    T(34, audio_output, audio_output, completion, "audio_output_tokens",                           \
      "tokens_audio_output_total", "Completion tokens that are audio.")                            \
    T(35, image_input, image_input, prompt, "image_input_tokens", "tokens_image_input_total",      \
      "Prompt tokens that are images.")                                                            \
    T(36, image_output, image_output, completion, "image_output_tokens",                           \
      "tokens_image_output_total", "Completion tokens that are images.")                           \
    F(37, units, U32, 32, UINT32_MAX, units, "images, seconds, characters or queries")             \
    F(38, unit_kind, U8, 3, PRICE_UNIT_COUNT - 1, unit_kind, "one of the listed units, or 0")      \
    F(39, own_cost, U32, 32, UINT32_MAX, own_cost,                                                 \
      "tokens times published prices, in 100 nano-USD, or 0")

/* Every field: F as above, and F_TOKENS, which is USAGE_TOKENS_AS(F, no, class) where classes of tokens
 * are fields like the others. */
#define USAGE_EACH(F) USAGE_FIELDS(F, F##_TOKENS)
#define USAGE_TOKENS_AS(F, no, class)                                                              \
    F(no, tokens_##class, U32, 25, LIMIT_TOKENS_ABSURD, tokens_##class,                            \
      "the provider's count, at most 2^24")
/* Only the classes of tokens: T as above. */
#define USAGE_TOKENS(T) USAGE_FIELDS(USAGE_NO_FIELD, T)
#define USAGE_NO_FIELD(no, field, type, bits, max, column, why)

#endif
