/* What a client is told when something fails: one table from a failure to status, type, code,
 * sentence and whether trying again can help. How a dialect words it is api's. */
#ifndef TR_DATAPLANE_LLM_ERRORS_H
#define TR_DATAPLANE_LLM_ERRORS_H

#include "buf.h"
#include "content.h"
#include "err.h"
#include "id.h"
#include "route_decide.h"

#include <stdbool.h>

/* ACI (its section 10) has types of its own, which its clients branch on: unauthorized, not_found,
 * upstream_verification_failed, session_not_accepted.
 * X(symbol, status, "type", "code" or NULL, retry, "sentence")
 * retry: NO says nothing (the SDKs' own rules apply), AGAIN sends retry-after. */
#define API_ERROR_LIST(X)                                                                          \
    X(API_OK, 200, "", NULL, NO, "")                                                               \
    X(API_BAD_REQUEST, 400, "invalid_request_error", NULL, NO, "The request is not valid.")        \
    X(API_BAD_JSON, 400, "invalid_request_error", "invalid_json", NO,                              \
      "The request body is not valid JSON.")                                                       \
    X(API_NO_BODY, 400, "invalid_request_error", "missing_body", NO,                               \
      "The request has no body; send a JSON object.")                                              \
    X(API_TOO_COMPLEX, 400, "invalid_request_error", "json_too_complex", NO,                       \
      "The request body is nested too deeply or has too many members.")                            \
    X(API_DUPLICATE_KEY, 400, "invalid_request_error", "duplicate_key", NO,                        \
      "A member that routing or billing reads appears twice.")                                     \
    X(API_BAD_HTTP, 400, "invalid_request_error", "bad_http_request", NO,                          \
      "The HTTP request is malformed.")                                                            \
    X(API_BAD_CODING, 400, "invalid_request_error", "invalid_content_encoding", NO,                \
      "The request body is damaged or cut off: it is not what its Content-Encoding says.")         \
    X(API_SEALED_BODY, 400, "invalid_request_error", "invalid_encrypted_body", NO,                 \
      "The encrypted body is malformed or damaged: Ehbp-Encapsulated-Key has 64 hexadecimal "      \
      "digits, and the body is made of frames, each behind its length.")                           \
    X(API_BAD_IDEMPOTENCY_KEY, 400, "invalid_request_error", "invalid_idempotency_key", NO,        \
      "An Idempotency-Key has 1 to 255 visible ASCII characters.")                                 \
    X(API_UNSUPPORTED_PARAMETER, 400, "invalid_request_error", "unsupported_parameter", NO,        \
      "A member of the request is not supported.")                                                     \
    X(API_WRONG_REGION, 400, "invalid_request_error", "wrong_region", NO,                          \
      "This model is served by data planes in the EU only, and this one is not.")                  \
    X(API_CONTEXT_LENGTH, 400, "invalid_request_error", "context_length_exceeded", NO,             \
      "The request is longer than the model's context.")                                           \
    X(API_NO_KEY, 401, "authentication_error", "missing_api_key", NO,                              \
      "No API key. Send it as 'Authorization: Bearer sk-tr-v1-...'.")                              \
    X(API_BAD_KEY, 401, "authentication_error", "invalid_api_key", NO,                             \
      "The API key is not known.")                                                                 \
    X(API_KEY_DISABLED, 401, "authentication_error", "invalid_api_key", NO,                        \
      "The API key is disabled.")                                                                  \
    X(API_KEY_EXPIRED, 401, "authentication_error", "invalid_api_key", NO,                         \
      "The API key has expired.")                                                                  \
    X(API_MANAGEMENT_KEY, 401, "authentication_error", "management_key", NO,                       \
      "This is a management key, which serves the control plane only. Inference needs a key that " \
      "begins with sk-tr-v1-.")                                                                    \
    X(API_NO_KEY_FOR_RECEIPT, 401, "unauthorized", "missing_api_key", NO,                          \
      "A receipt is for the API key of its request. Send it as 'Authorization: Bearer ...'.")      \
    X(API_NO_CREDIT, 402, "insufficient_quota", "insufficient_credits", NO,                        \
      "Not enough credit for the worst case of this request.")                                     \
    X(API_KEY_LIMIT, 402, "insufficient_quota", "key_limit_exceeded", NO,                          \
      "The key has reached its spending limit.")                                                   \
    X(API_OWN_KEY_REFUSED, 403, "permission_error", "byok_key_refused", NO,                        \
      "The provider refused your own key; your API key here is fine.")                             \
    X(API_OWN_KEY_RESEAL, 403, "permission_error", "byok_sealing_key_changed", NO,                 \
      "Your provider key was sealed to a sealing key that is gone. Seal it again.")                \
    X(API_OWN_KEY_BAD, 403, "permission_error", "byok_key_unreadable", NO,                         \
      "Your provider key does not open, or was sealed for another account or provider.")           \
    X(API_MODEL_NOT_ALLOWED, 403, "permission_error", "model_not_allowed", NO,                     \
      "The API key may not use this model: its allowed_models do not name it.")                    \
    X(API_PROVIDER_NOT_ALLOWED, 403, "permission_error", "provider_not_allowed", NO,               \
      "The API key may not use any provider of this model: its allowed_providers leave none.")     \
    X(API_IP_NOT_ALLOWED, 403, "permission_error", "ip_not_allowed", NO,                           \
      "The API key may not be used from this address: its allowed_ips do not hold it.")            \
    X(API_REGION_NOT_ALLOWED, 403, "permission_error", "region_not_allowed", NO,                   \
      "The API key may be used at data planes in its region only, and this one is not there.")     \
    X(API_NO_ROUTE, 404, "not_found_error", "unknown_path", NO, "There is nothing at this path.")  \
    X(API_NOT_STORED, 404, "not_found_error", "not_stored", NO,                                    \
      "This router stores no content.")                                                            \
    X(API_NO_MODEL, 404, "not_found_error", "model_not_found", NO,                                 \
      "The model does not exist. GET /v1/models lists those that do.")                             \
    X(API_NO_RECEIPT, 404, "not_found", "not_found", NO,                                           \
      "There is no such receipt for this key, or it is no longer kept.")                           \
    X(API_METHOD, 405, "invalid_request_error", "method_not_allowed", NO,                          \
      "This path does not take this method; see the Allow header.")                                \
    X(API_REQUEST_TIMEOUT, 408, "timeout_error", "request_timeout", AGAIN,                         \
      "The request did not arrive in time.")                                                       \
    X(API_CONFLICT, 409, "invalid_request_error", "conflict", NO,                                  \
      "The request conflicts with another one.")                                                   \
    X(API_IDEMPOTENCY_IN_FLIGHT, 409, "invalid_request_error", "idempotency_key_in_flight", AGAIN, \
      "A request with this Idempotency-Key is still running.")                                     \
    X(API_IDEMPOTENCY_USED, 409, "invalid_request_error", "idempotency_key_used", NO,              \
      "A request with this Idempotency-Key has been answered; the answer is not kept.")            \
    X(API_SEALED_TWICE, 409, "invalid_request_error", "encrypted_body_repeated", NO,               \
      "This encrypted request has been received before. Encrypt it anew to send it again.")        \
    X(API_NO_SESSION, 412, "session_not_accepted", "session_not_accepted", NO,                     \
      "There is no such verified session with a provider.")                                        \
    X(API_TOO_LARGE, 413, "invalid_request_error", "request_too_large", NO,                        \
      "The request body is over 32 MiB.")                                                          \
    X(API_MEDIA_TYPE, 415, "invalid_request_error", "unsupported_media_type", NO,                  \
      "Send the body as application/json.")                                                        \
    X(API_CONTENT_CODING, 415, "invalid_request_error", "unsupported_content_encoding", NO,        \
      "This Content-Encoding is not supported. Send the body without one, or with one of gzip, "   \
      "deflate and zstd.")                                                                         \
    X(API_UNPROCESSABLE, 422, "invalid_request_error", "unprocessable", NO,                        \
      "The provider cannot process this request.")                                                 \
    X(API_RATE, 429, "rate_limit_error", "rate_limit_exceeded", AGAIN,                             \
      "The key is over its rate limit.")                                                           \
    X(API_CREDIT_RESERVED, 429, "rate_limit_error", "credit_reserved", AGAIN,                      \
      "The credit this request needs is reserved by other requests of the account that still run.") \
    X(API_PROVIDER_RATE, 429, "rate_limit_error", "rate_limit_exceeded", AGAIN,                    \
      "Every provider of this model is rate limited.")                                             \
    X(API_EVIDENCE_RATE, 429, "rate_limit_error", "rate_limit_exceeded", AGAIN,                    \
      "Too many requests for evidence, from this address or from all.")                            \
    X(API_ACCOUNT_RATE, 429, "rate_limit_error", "rate_limit_exceeded", AGAIN,                     \
      "Too many questions about accounts, from this address or from all.")                         \
    X(API_HEADERS_TOO_LARGE, 431, "invalid_request_error", "headers_too_large", NO,                \
      "The request headers are over 64 KiB, or more than 100.")                                    \
    X(API_CLIENT_GONE, 499, "client_closed_request", "client_gone", NO, "The client went away.")   \
    X(API_INTERNAL, 500, "server_error", "internal_error", NO, "Something broke on our side.")     \
    X(API_PROVIDER_FAILED, 502, "server_error", "provider_error", AGAIN,                           \
      "No provider of this model could answer.")                                                   \
    X(API_PROVIDER_CREDENTIALS, 502, "server_error", "provider_credentials", NO,                   \
      "The operator's account at the provider was refused; your API key is fine.")                 \
    X(API_PROVIDER_LARGE, 502, "server_error", "answer_too_large", NO,                             \
      "The provider's answer is over 32 MiB, or one of its events over 4 MiB; it was billed.")     \
    X(API_ACCOUNT_LARGE, 502, "server_error", "answer_too_large", NO,                              \
      "The answer is over 4 MiB; ask for less of it, for example for one day with date=.")         \
    X(API_PROVIDER_CUT, 502, "server_error", "provider_truncated", AGAIN,                          \
      "The provider's answer ended before it was complete.")                                       \
    X(API_ATTESTATION, 503, "server_error", "attestation_unavailable", AGAIN,                      \
      "This data plane has no accepted attestation, so it serves no prompts.")                     \
    X(API_CONTROL_PLANE, 503, "server_error", "control_plane_unavailable", AGAIN,                  \
      "The key's lease has ended and the control plane cannot be reached.")                        \
    X(API_OVERLOAD, 503, "server_error", "overloaded", AGAIN, "This data plane is at capacity.")   \
    X(API_NO_PROVIDER, 503, "server_error", "no_eligible_provider", NO,                            \
      "No provider satisfies this request's routing constraints.")                                 \
    X(API_UNVERIFIED, 503, "upstream_verification_failed", "upstream_verification_failed", NO,     \
      "The request asks for an attested provider, and none is; nothing was forwarded.")            \
    X(API_PROVIDER_OVERLOAD, 503, "server_error", "provider_overloaded", AGAIN,                    \
      "Every provider of this model is overloaded.")                                               \
    X(API_NOT_READY, 503, "server_error", "not_ready", AGAIN,                                      \
      "This data plane has no catalog yet.")                                                       \
    X(API_PROVIDER_TIMEOUT, 504, "timeout_error", "provider_timeout", AGAIN,                       \
      "No provider of this model answered in time.")

#define API_ERROR_ENUM(symbol, status, type, code, retry, message) symbol,
enum api_error { API_ERROR_LIST(API_ERROR_ENUM) API_ERROR_COUNT };
#undef API_ERROR_ENUM

enum api_retry { RETRY_NO, RETRY_AGAIN };

struct api_error_row {
    int status;
    const char *type;
    const char *code; /* NULL: null */
    enum api_retry retry;
    const char *message;
};
const struct api_error_row *errors_row(enum api_error a);
/* What the client is told when admission or our own machinery ends a request with e. */
enum api_error errors_of(enum err e);
/* What the client is told when a provider answered with this status and that was final. */
enum api_error errors_of_provider_status(int status);

enum { FAILURE_PLACE_MAX = 96,
       FAILURE_MEMBER_MAX = 64, /* bytes of a member's name that are repeated; longer ones are not */
       FAILURE_TEXT_MAX = 720, RETRY_AFTER_DEFAULT_MS = 1000 };

/* One failure on its way to one client. */
struct api_failure {
    enum api_error error;
    const char *param;           /* static, or NULL */
    struct view member;          /* the client's own name of a member; wins over param; borrowed from its
                                    body; already escaped for JSON. Empty: none */
    char place[FAILURE_PLACE_MAX]; /* composed by us: what stands before param or member, "tools[0].parameters.", or
                                      all of it; "": nothing */
    const char *code;            /* static; replaces the row's code; or NULL */
    const char *message;         /* static; replaces the row's sentence; or NULL */
    char text[FAILURE_TEXT_MAX]; /* composed by us (numbers and names of the catalog); wins over message unless "" */
    /* The provider's sentence; wins over all; borrowed; already escaped for JSON. NULL: none. */
    const struct content *provider_message;
    /* Which constraint of the request removed which endpoint; NULL: it is not about that. Borrowed. */
    const struct route *removed;
    const struct route_want *removed_for;
    struct id first;     /* the request that holds the idempotency key; 0: none */
    uint32_t max_tokens; /* with has_max_tokens: what the credit would pay for */
    bool has_max_tokens;
    uint32_t retry_after_ms; /* 0: RETRY_AFTER_DEFAULT_MS where the row says so */
    bool ran;                /* a provider produced output: trying again costs twice */
};

#endif
