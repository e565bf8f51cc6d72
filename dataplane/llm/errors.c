/* The table of failures, and which of them an error of ours or a provider's status is. */
#include "errors.h"

#include <assert.h>

#define API_ERROR_ROW(symbol, status_, type_, code_, retry_, message_)                             \
    [symbol] = {status_, type_, code_, RETRY_##retry_, message_},
static const struct api_error_row rows[API_ERROR_COUNT] = {API_ERROR_LIST(API_ERROR_ROW)};
#undef API_ERROR_ROW

const struct api_error_row *errors_row(enum api_error a)
{
    assert(a >= API_OK && a < API_ERROR_COUNT);
    return &rows[a];
}

enum api_error errors_of(enum err e)
{
    static const struct {
        enum err e;
        enum api_error a;
    } map[] = {
        {ERR_NONE, API_OK},
        {ERR_FORMAT, API_BAD_REQUEST},
        {ERR_SHORT, API_BAD_JSON},
        {ERR_LIMIT, API_TOO_COMPLEX},
        {ERR_DUPLICATE, API_DUPLICATE_KEY},
        {ERR_RANGE, API_BAD_REQUEST},
        {ERR_UNSUPPORTED, API_UNSUPPORTED_PARAMETER},
        {ERR_AUTH, API_BAD_KEY},
        {ERR_CREDIT, API_NO_CREDIT},
        {ERR_KEY_LIMIT, API_KEY_LIMIT},
        {ERR_FORBIDDEN, API_KEY_DISABLED},
        {ERR_KEY_EXPIRED, API_KEY_EXPIRED},
        {ERR_NOT_FOUND, API_NO_MODEL},
        {ERR_CONFLICT, API_CONFLICT},
        {ERR_RATE, API_RATE},
        {ERR_LENT, API_CREDIT_RESERVED},
        {ERR_CLIENT_GONE, API_CLIENT_GONE},
        {ERR_CLIENT_SLOW, API_CLIENT_GONE},
        {ERR_DNS, API_PROVIDER_FAILED},
        {ERR_CONNECT, API_PROVIDER_FAILED},
        {ERR_CONNECT_TIMEOUT, API_PROVIDER_TIMEOUT},
        {ERR_TLS, API_PROVIDER_FAILED},
        {ERR_TLS_TIMEOUT, API_PROVIDER_TIMEOUT},
        {ERR_FIRST_BYTE_TIMEOUT, API_PROVIDER_TIMEOUT},
        {ERR_IDLE_TIMEOUT, API_PROVIDER_TIMEOUT},
        {ERR_TOTAL_TIMEOUT, API_PROVIDER_TIMEOUT},
        {ERR_PROVIDER_STATUS, API_PROVIDER_FAILED},
        {ERR_PROVIDER_BODY, API_PROVIDER_FAILED},
        {ERR_PROVIDER_PROTOCOL, API_PROVIDER_FAILED},
        {ERR_PROVIDER_TRUNCATED, API_PROVIDER_CUT},
        {ERR_STALE, API_PROVIDER_FAILED},
        {ERR_PROVIDER_LARGE, API_PROVIDER_LARGE},
        {ERR_ATTESTATION, API_ATTESTATION},
        {ERR_CONTROL_PLANE, API_CONTROL_PLANE},
        {ERR_OVERLOAD, API_OVERLOAD},
    };

    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++)
        if (map[i].e == e)
            return map[i].a;
    return API_INTERNAL; /* bug, memory, io, crypto...: ours */
}

enum api_error errors_of_provider_status(int status)
{
    switch (status) {
    case 400:
        return API_BAD_REQUEST;
    case 413:
        return API_TOO_LARGE;
    case 422:
        return API_UNPROCESSABLE;
    case 401:
    case 402:
    case 403: /* the operator's account, never the client's key */
        return API_PROVIDER_CREDENTIALS;
    case 408:
    case 504:
    case 524:
        return API_PROVIDER_TIMEOUT;
    case 429:
        return API_PROVIDER_RATE;
    case 503:
    case 529:
        return API_PROVIDER_OVERLOAD;
    default:
        return API_PROVIDER_FAILED;
    }
}
