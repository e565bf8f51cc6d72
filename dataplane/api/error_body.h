/* (G) A failure as a client reads it: the body in the OpenAI error shape, and the headers it adds. */
#ifndef TR_DATAPLANE_API_ERROR_BODY_H
#define TR_DATAPLANE_API_ERROR_BODY_H

#include "buf.h"
#include "errors.h"
#include "receipt.h"
#include "web.h"

/* What the client is told when the HTTP server itself refuses with this status. */
enum api_error error_of_http(int status);

/* {"error":{"message":...,"type":...,"param":...,"code":...}}; with has_max_tokens also
 * "metadata":{"max_tokens":N}, with removed "metadata":{"removed":[...],"removed_count":N}. */
must_check enum err error_body(const struct api_failure *f, struct buf *out);

/* The same for a client of OpenRouter's API (error_openrouter.c), which wants a number for the code and the kind of
 * error by name: {"code":404,"message":...,"type":...,"metadata":{"error_type":"not_found",...}}. The object is what
 * stands under "error", in a response and in a stream. */
must_check enum err error_openrouter_object(const struct api_failure *f, struct buf *out);
must_check enum err error_openrouter_body(const struct api_failure *f, struct buf *out);

/* Parts of a body, as JSON: text or null; the sentence that the client reads; the member that it is about. */
must_check enum err error_append_nullable(struct buf *out, const char *text);
must_check enum err error_append_message(const struct api_failure *f, struct buf *out);
/* The sentence with the path of that member before it, if there is one; the next: only where the failure has a place. */
must_check enum err error_append_sentence_about(const struct api_failure *f, struct buf *out);
must_check enum err error_append_sentence(const struct api_failure *f, struct buf *out);
must_check enum err error_append_param(const struct api_failure *f, struct buf *out);
/* The same between the quotes: the path of that member; nothing when there is none. */
must_check enum err error_append_about(const struct api_failure *f, struct buf *out);
/* [{"model":...,"provider":...,"constraint":...}],"removed_count":N of f->removed. */
must_check enum err error_append_removed(const struct api_failure *f, struct buf *out);

/* The headers a failure adds: www-authenticate, or retry-after, retry-after-ms, x-should-retry,
 * x-tr-max-tokens, and the ids of the request that holds an idempotency key. text holds the values and lives
 * as long as the headers are used. Returns how many, at
 * most ERROR_HEADERS_MAX. */
enum { ERROR_HEADERS_MAX = 6 };
struct error_header_text {
    char seconds[12], ms[12], tokens[12];
    char generation[4 + ID_TEXT_LEN + 1], receipt[RECEIPT_ID_LEN + 1];
};
size_t error_headers(const struct api_failure *f, struct error_header_text *text,
                     struct web_header *out);

#endif
