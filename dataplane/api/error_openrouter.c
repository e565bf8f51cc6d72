/* (G) Failures in the shape of OpenRouter's API (facts/wire.md 2.4 and 8). */
#include "error_body.h"

#include "content_view.h"

/* error_type of its ApiErrorType: the first row that fits; 0 stands for any. */
static const struct {
    int status;
    enum api_error error;
    const char *type;
} types[] = {
    {400, API_CONTEXT_LENGTH, "context_length_exceeded"},
    {400, 0, "invalid_request"},
    {401, 0, "authentication"},
    {402, 0, "payment_required"},
    {403, 0, "permission_denied"},
    {404, 0, "not_found"},
    {408, 0, "timeout"},
    {412, 0, "precondition_failed"},
    {413, 0, "payload_too_large"},
    {422, 0, "unprocessable"},
    {429, 0, "rate_limit_exceeded"},
    {500, 0, "server"},
    {502, 0, "provider_unavailable"},
    {503, API_PROVIDER_OVERLOAD, "provider_overloaded"},
    {503, API_NO_PROVIDER, "provider_unavailable"},
    {503, API_UNVERIFIED, "provider_unavailable"},
    {503, 0, "server"},
    {504, 0, "timeout"},
};

static const char *type_of(enum api_error error)
{
    int status = errors_row(error)->status;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].status == status && (types[i].error == 0 || types[i].error == error))
            return types[i].type;
    return status < 500 ? "invalid_request" : "server";
}

static enum err append_metadata(const struct api_failure *f, struct buf *out)
{
    const struct api_error_row *row = errors_row(f->error);
    enum err e = buf_append(out, VIEW_LIT("{\"error_type\":"));

    if (e == ERR_NONE)
        e = buf_append_json_string(out, view_str(type_of(f->error)));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"code\":"));
    if (e == ERR_NONE)
        e = error_append_nullable(out, f->code != NULL ? f->code : row->code);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"param\":"));
    if (e == ERR_NONE)
        e = error_append_param(f, out);
    if (e == ERR_NONE && f->has_max_tokens) {
        e = buf_append(out, VIEW_LIT(",\"max_tokens\":"));
        if (e == ERR_NONE)
            e = buf_append_u64(out, f->max_tokens);
    }
    if (e == ERR_NONE && f->removed != NULL) {
        e = buf_append(out, VIEW_LIT(",\"removed\":"));
        if (e == ERR_NONE)
            e = error_append_removed(f, out);
    }
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

enum err error_openrouter_object(const struct api_failure *f, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("{\"code\":"));

    if (e == ERR_NONE)
        e = buf_append_u64(out, (uint64_t)errors_row(f->error)->status);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"message\":"));
    if (e == ERR_NONE)
        e = error_append_sentence(f, out);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"type\":")); /* which ACI's clients branch on */
    if (e == ERR_NONE)
        e = buf_append_json_string(out, view_str(errors_row(f->error)->type));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"metadata\":"));
    if (e == ERR_NONE)
        e = append_metadata(f, out);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}

enum err error_openrouter_body(const struct api_failure *f, struct buf *out)
{
    enum err e = buf_append(out, VIEW_LIT("{\"error\":"));

    if (e == ERR_NONE)
        e = error_openrouter_object(f, out);
    return e == ERR_NONE ? buf_append_byte(out, '}') : e;
}
