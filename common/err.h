/* Every reason a function of ours can fail, one list, grouped by who is at fault.
 * Values are stable inside one build only; names (err_name) are what logs and tests use. */
#ifndef TR_COMMON_ERR_H
#define TR_COMMON_ERR_H

#define must_check __attribute__((warn_unused_result))

/* X(symbol, "name") */
#define ERR_LIST(X)                                                                                \
    X(ERR_NONE, "none")                                                                            \
    /* bug: our own code broke a promise */                                                        \
    X(ERR_BUG, "bug")                                                                              \
    /* input: bytes from outside that do not parse */                                              \
    X(ERR_FORMAT, "format")       /* malformed */                                                  \
    X(ERR_SHORT, "short")         /* ends too early; more bytes could make it valid */             \
    X(ERR_LIMIT, "limit")         /* well formed but over a named limit */                         \
    X(ERR_DUPLICATE, "duplicate") /* a key that must be unique appears twice */                    \
    X(ERR_RANGE, "range")         /* a number outside its range; arithmetic would overflow */      \
    X(ERR_VERSION, "version")     /* unknown version or type */                                    \
    /* client: the caller of our HTTP API */                                                      \
    X(ERR_AUTH, "auth")                                                                            \
    X(ERR_CREDIT, "credit")                                                                        \
    X(ERR_KEY_LIMIT, "key_limit")                                                                  \
    X(ERR_FORBIDDEN, "forbidden") /* the API key is disabled */                                    \
    X(ERR_NOT_FOUND, "not_found")                                                                  \
    X(ERR_CONFLICT, "conflict")                                                                    \
    X(ERR_LAST_KEY, "last_key") /* it would leave an account without a key that manages it */      \
    X(ERR_RATE, "rate")                                                                            \
    X(ERR_CLIENT_GONE, "client_gone")                                                              \
    X(ERR_CLIENT_SLOW, "client_slow")                                                              \
    X(ERR_KEY_EXPIRED, "key_expired")                                                              \
    X(ERR_LENT, "lent") /* the money is there, but reserved by other requests at present */        \
    /* provider: the server that we call */                                                                \
    X(ERR_DNS, "dns")                                                                              \
    X(ERR_CONNECT, "connect")                                                                      \
    X(ERR_CONNECT_TIMEOUT, "connect_timeout")                                                      \
    X(ERR_TLS, "tls")                                                                              \
    X(ERR_TLS_TIMEOUT, "tls_timeout")                                                              \
    X(ERR_FIRST_BYTE_TIMEOUT, "first_byte_timeout")                                                \
    X(ERR_IDLE_TIMEOUT, "idle_timeout")                                                            \
    X(ERR_TOTAL_TIMEOUT, "total_timeout")                                                          \
    X(ERR_PROVIDER_STATUS, "provider_status")       /* an HTTP status that is an error */          \
    X(ERR_PROVIDER_BODY, "provider_body")           /* 200 with an error object in it */           \
    X(ERR_PROVIDER_PROTOCOL, "provider_protocol")   /* not HTTP, not JSON, not SSE */              \
    X(ERR_PROVIDER_TRUNCATED, "provider_truncated") /* ended before its end marker */              \
    X(ERR_STALE, "stale") /* a pooled connection was already dead; nothing was sent */             \
    X(ERR_PROVIDER_LARGE, "provider_large") /* an answer over a limit of ours */                   \
    /* system: this machine or our own peers */                                                    \
    X(ERR_MEMORY, "memory")                                                                        \
    X(ERR_IO, "io")                                                                                \
    X(ERR_CONFIG, "config")                                                                        \
    X(ERR_CRYPTO, "crypto")                                                                        \
    X(ERR_DB, "db")                                                                                \
    X(ERR_CANCELLED, "cancelled")                                                                  \
    X(ERR_ATTESTATION, "attestation")         /* no accepted evidence */                           \
    X(ERR_CONTROL_PLANE, "control_plane")     /* no lease and nobody to ask */                     \
    X(ERR_OVERLOAD, "overload")               /* a bounded queue of ours is full */                \
    X(ERR_UNSUPPORTED, "unsupported")

#define ERR_ENUM(symbol, name) symbol,
enum err { ERR_LIST(ERR_ENUM) ERR_COUNT };
#undef ERR_ENUM

/* A static, printable name ("first_byte_timeout"); "unknown" for a value outside the list. */
const char *err_name(enum err e);

#endif
