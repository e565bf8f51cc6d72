#include "errors.h"

#include "content_view.h"
#include "unpack.h"
#include "web.h"

#include <assert.h>
#include <stdio.h>

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

enum api_error errors_of_http(int status)
{
    switch (status) {
    case 408:
        return API_REQUEST_TIMEOUT;
    case 413:
        return API_TOO_LARGE;
    case 431:
        return API_HEADERS_TOO_LARGE;
    case 503:
        return API_OVERLOAD;
    default:
        return status >= 500 ? API_INTERNAL : API_BAD_HTTP;
    }
}

enum err errors_append_nullable(struct buf *out, const char *text)
{
    return text == NULL ? buf_append(out, VIEW_LIT("null"))
                        : buf_append_json_string(out, view_str(text));
}

enum err errors_append_message(const struct api_failure *f, struct buf *out)
{
    enum err e;

    if (f->provider_message == NULL || content_len(f->provider_message) == 0)
        return buf_append_json_string(
            out, view_str(f->text[0] != '\0'    ? f->text
                          : f->message != NULL ? f->message
                                               : errors_row(f->error)->message));
    e = buf_append_byte(out, '"');
    if (e == ERR_NONE)
        e = buf_append(out, content_bytes(f->provider_message));
    if (e == ERR_NONE)
        e = buf_append_byte(out, '"');
    return e;
}

enum err errors_append_param(const struct api_failure *f, struct buf *out)
{
    enum err e;

    if (f->member.len == 0 || f->member.len > FAILURE_MEMBER_MAX)
        return errors_append_nullable(out, f->member.len == 0 ? f->param : NULL);
    e = buf_append_byte(out, '"');
    if (e == ERR_NONE)
        e = buf_append(out, f->member);
    if (e == ERR_NONE)
        e = buf_append_byte(out, '"');
    return e;
}

enum err errors_body(const struct api_failure *f, struct buf *out)
{
    const struct api_error_row *row = errors_row(f->error);
    enum err e;

    assert(f->error != API_OK);
    e = buf_append(out, VIEW_LIT("{\"error\":{\"message\":"));
    if (e == ERR_NONE)
        e = errors_append_message(f, out);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"type\":"));
    if (e == ERR_NONE)
        e = buf_append_json_string(out, view_str(row->type));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"param\":"));
    if (e == ERR_NONE)
        e = errors_append_param(f, out);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"code\":"));
    if (e == ERR_NONE)
        e = errors_append_nullable(out, f->code != NULL ? f->code : row->code);
    if (e == ERR_NONE && f->has_max_tokens) {
        e = buf_append(out, VIEW_LIT(",\"metadata\":{\"max_tokens\":"));
        if (e == ERR_NONE)
            e = buf_append_u64(out, f->max_tokens);
        if (e == ERR_NONE)
            e = buf_append_byte(out, '}');
    }
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("}}"));
    return e;
}

size_t errors_headers(const struct api_failure *f, struct error_header_text *text,
                      struct web_header *out)
{
    const struct api_error_row *row = errors_row(f->error);
    uint32_t ms = f->retry_after_ms != 0 ? f->retry_after_ms : RETRY_AFTER_DEFAULT_MS;
    size_t n = 0;

    if (f->has_max_tokens) {
        snprintf(text->tokens, sizeof text->tokens, "%u", (unsigned)f->max_tokens);
        out[n++] = (struct web_header){VIEW_LIT("x-tr-max-tokens"), view_str(text->tokens)};
    }
    if (f->ran) {
        out[n++] = (struct web_header){VIEW_LIT("x-should-retry"), VIEW_LIT("false")};
        return n;
    }
    if (row->status == 401)
        out[n++] = (struct web_header){VIEW_LIT("www-authenticate"), VIEW_LIT("Bearer")};
    if (f->error == API_CONTENT_CODING)
        out[n++] = (struct web_header){VIEW_LIT("accept-encoding"), VIEW_LIT(UNPACK_CODINGS)};
    if (row->retry == RETRY_AGAIN) {
        if (row->status == 429 || row->status == 503) {
            snprintf(text->seconds, sizeof text->seconds, "%u", (unsigned)((ms + 999) / 1000));
            snprintf(text->ms, sizeof text->ms, "%u", (unsigned)ms);
            out[n++] = (struct web_header){VIEW_LIT("retry-after"), view_str(text->seconds)};
            out[n++] = (struct web_header){VIEW_LIT("retry-after-ms"), view_str(text->ms)};
        }
        out[n++] = (struct web_header){VIEW_LIT("x-should-retry"), VIEW_LIT("true")};
    }
    return n;
}
