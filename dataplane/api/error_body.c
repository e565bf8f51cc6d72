/* (G) A failure as a client reads it: the body in the OpenAI error shape, and the headers it adds. */
#include "error_body.h"

#include "content_view.h"
#include "unpack.h"

#include <assert.h>
#include <stdio.h>

enum api_error error_of_http(int status)
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

enum err error_append_nullable(struct buf *out, const char *text)
{
    return text == NULL ? buf_append(out, VIEW_LIT("null"))
                        : buf_append_json_string(out, view_str(text));
}

enum err error_append_message(const struct api_failure *f, struct buf *out)
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

enum err error_append_about(const struct api_failure *f, struct buf *out)
{
    size_t place = strlen(f->place);
    struct view member = f->member.len == 0                    ? view_str(f->param == NULL ? "" : f->param)
                         : f->member.len <= FAILURE_MEMBER_MAX ? f->member
                                                               : VIEW_EMPTY;
    enum err e;

    if (member.len == 0 && place != 0 && f->place[place - 1] == '.')
        place--;
    e = buf_append(out, view_of(f->place, place));
    return e == ERR_NONE ? buf_append(out, member) : e;
}

enum err error_append_sentence_about(const struct api_failure *f, struct buf *out)
{
    struct buf sentence;
    size_t before;
    enum err e = buf_append_byte(out, '"');

    buf_init(&sentence, out->max);
    before = out->len;
    if (e == ERR_NONE)
        e = error_append_about(f, out);
    if (e == ERR_NONE && out->len != before)
        e = buf_append(out, VIEW_LIT(": "));
    if (e == ERR_NONE)
        e = error_append_message(f, &sentence);
    if (e == ERR_NONE)
        e = buf_append(out, view_from(buf_view(&sentence), 1));
    buf_free(&sentence);
    return e;
}

/* SDKs print the sentence alone, and "must be an integer from 1 to 8" does not say what. */
enum err error_append_sentence(const struct api_failure *f, struct buf *out)
{
    return f->place[0] == '\0' || f->provider_message != NULL ? error_append_message(f, out)
                                                              : error_append_sentence_about(f, out);
}

enum err error_append_param(const struct api_failure *f, struct buf *out)
{
    size_t mark = out->len;
    enum err e = buf_append_byte(out, '"');

    if (e == ERR_NONE)
        e = error_append_about(f, out);
    if (e == ERR_NONE && out->len == mark + 1) {
        out->len = mark;
        return buf_append(out, VIEW_LIT("null"));
    }
    return e == ERR_NONE ? buf_append_byte(out, '"') : e;
}

enum err error_append_removed(const struct api_failure *f, struct buf *out)
{
    enum err e = buf_append_byte(out, '[');

    for (size_t i = 0; e == ERR_NONE && i < f->removed->n_removed && i < ROUTE_REMOVED_MAX; i++) {
        const struct route_removed *x = &f->removed->removed[i];

        e = buf_append(out, i == 0 ? VIEW_LIT("{\"model\":") : VIEW_LIT(",{\"model\":"));
        if (e == ERR_NONE)
            e = buf_append_json_string(out, view_str(x->model->info->id));
        if (e == ERR_NONE)
            e = buf_append(out, VIEW_LIT(",\"provider\":"));
        if (e == ERR_NONE)
            e = buf_append_json_string(out, view_str(x->endpoint->provider->name));
        if (e == ERR_NONE)
            e = buf_appendf(out, ",\"constraint\":\"%s\"}",
                            route_constraint(f->removed_for, (enum route_refusal)x->why));
    }
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("],\"removed_count\":"));
    return e == ERR_NONE ? buf_append_u64(out, f->removed->n_removed) : e;
}

enum err error_body(const struct api_failure *f, struct buf *out)
{
    const struct api_error_row *row = errors_row(f->error);
    enum err e;

    assert(f->error != API_OK);
    e = buf_append(out, VIEW_LIT("{\"error\":{\"message\":"));
    if (e == ERR_NONE)
        e = error_append_sentence(f, out);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"type\":"));
    if (e == ERR_NONE)
        e = buf_append_json_string(out, view_str(row->type));
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"param\":"));
    if (e == ERR_NONE)
        e = error_append_param(f, out);
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT(",\"code\":"));
    if (e == ERR_NONE)
        e = error_append_nullable(out, f->code != NULL ? f->code : row->code);
    if (e == ERR_NONE && f->has_max_tokens) {
        e = buf_append(out, VIEW_LIT(",\"metadata\":{\"max_tokens\":"));
        if (e == ERR_NONE)
            e = buf_append_u64(out, f->max_tokens);
        if (e == ERR_NONE)
            e = buf_append_byte(out, '}');
    }
    if (e == ERR_NONE && f->removed != NULL) {
        e = buf_append(out, VIEW_LIT(",\"metadata\":{\"removed\":"));
        if (e == ERR_NONE)
            e = error_append_removed(f, out);
        if (e == ERR_NONE)
            e = buf_append_byte(out, '}');
    }
    if (e == ERR_NONE)
        e = buf_append(out, VIEW_LIT("}}"));
    return e;
}

/* Which request it was that came first. */
static size_t first_headers(const struct id *first, struct error_header_text *text,
                            struct web_header *out)
{
    memcpy(text->generation, "gen-", 4);
    id_text(first, text->generation + 4);
    receipt_id_text(first, text->receipt);
    out[0] = (struct web_header){VIEW_LIT("x-tr-first-generation-id"), view_str(text->generation)};
    out[1] = (struct web_header){VIEW_LIT("x-tr-first-receipt-id"), view_str(text->receipt)};
    return 2;
}

size_t error_headers(const struct api_failure *f, struct error_header_text *text,
                     struct web_header *out)
{
    const struct api_error_row *row = errors_row(f->error);
    uint32_t ms = f->retry_after_ms != 0 ? f->retry_after_ms : RETRY_AFTER_DEFAULT_MS;
    size_t n = 0;

    if (f->has_max_tokens) {
        snprintf(text->tokens, sizeof text->tokens, "%u", (unsigned)f->max_tokens);
        out[n++] = (struct web_header){VIEW_LIT("x-tr-max-tokens"), view_str(text->tokens)};
    }
    if (!id_is_zero(&f->first))
        n += first_headers(&f->first, text, out + n);
    if (f->ran) {
        out[n++] = (struct web_header){VIEW_LIT("x-should-retry"), VIEW_LIT("false")};
        return n;
    }
    if (row->status == 401)
        out[n++] = (struct web_header){VIEW_LIT("www-authenticate"), VIEW_LIT("Bearer")};
    if (f->error == API_CONTENT_CODING)
        out[n++] = (struct web_header){VIEW_LIT("accept-encoding"), VIEW_LIT(UNPACK_CODINGS)};
    if (row->retry == RETRY_AGAIN) {
        if (row->status == 429 || row->status == 503 || row->status == 409) {
            snprintf(text->seconds, sizeof text->seconds, "%u", (unsigned)((ms + 999) / 1000));
            snprintf(text->ms, sizeof text->ms, "%u", (unsigned)ms);
            out[n++] = (struct web_header){VIEW_LIT("retry-after"), view_str(text->seconds)};
            out[n++] = (struct web_header){VIEW_LIT("retry-after-ms"), view_str(text->ms)};
        }
        out[n++] = (struct web_header){VIEW_LIT("x-should-retry"), VIEW_LIT("true")};
    }
    return n;
}
