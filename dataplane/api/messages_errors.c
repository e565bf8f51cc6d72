/* (G) Errors in Anthropic's shape. */
#include "content_view.h"
#include "error_body.h"
#include "id.h"
#include "messages_write.h"

/* Anthropic's type for each status that we answer with; its clients branch on it. */
static const char *type_of(int status)
{
    switch (status) {
    case 401:
        return "authentication_error";
    case 402:
        return "billing_error";
    case 403:
        return "permission_error";
    case 404:
        return "not_found_error";
    case 408:
    case 504:
        return "timeout_error";
    case 409:
        return "conflict_error";
    case 413:
        return "request_too_large";
    case 429:
        return "rate_limit_error";
    case 503:
        return "overloaded_error";
    default:
        return status >= 500 ? "api_error" : "invalid_request_error";
    }
}

/* Its clients know 529 for what has too much to do, and wait for it longer than for another failure. */
int messages_status(const struct api_failure *f)
{
    return f->error == API_OVERLOAD || f->error == API_PROVIDER_OVERLOAD ? 529
                                                                         : errors_row(f->error)->status;
}

/* The shape has no place for the member that a sentence of ours is about: it stands in front, as in
 * Anthropic's own. */
static enum err append_sentence(const struct api_failure *f, struct buf *out)
{
    return f->message == NULL || f->text[0] != '\0' || f->provider_message != NULL ? error_append_message(f, out)
                                                                                   : error_append_sentence_about(f, out);
}

/* The SDKs offer to leave the conversation with the server; told so, they go on without that. */
static bool is_about_thread(const struct api_failure *f)
{
    return f->error == API_UNSUPPORTED_PARAMETER && f->param != NULL && strcmp(f->param, "thread") == 0;
}

enum err messages_failure(const struct api_failure *f, const struct id *request, bool openrouter,
                          struct buf *out)
{
    char text[ID_TEXT_LEN + 1]; /* as the header request-id */
    size_t mark = out->len;
    enum err e = buf_append(out, VIEW_LIT("{\"type\":\"error\",\"error\":{\"type\":\""));

    (void)openrouter; /* its clients of this dialect are Anthropic's */
    id_text(request, text);
    if (e == ERR_NONE)
        e = buf_append(out, view_str(type_of(errors_row(f->error)->status)));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("\",\"message\":"));
    if (e == ERR_NONE)
        e = append_sentence(f, out);
    if (e == ERR_NONE && is_about_thread(f))
        e = buf_append(out, VIEW_LIT(",\"details\":{\"error_code\":\"thread_unsupported_request\","
                                     "\"unsupported\":[\"thread\"]}"));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("},\"request_id\":\""));
    if (e == ERR_NONE)
        e = buf_append(out, view_str(text));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("\"}"));
    if (e != ERR_NONE)
        out->len = mark;
    return e;
}
