/* (G) Reads a provider's response head. What could be framed in two ways is refused: a response
 * that another reader sees differently is how connections get poisoned. */
#include "response_head.h"

#include "content_view.h"
#include "phr.h"

#include <time.h>

struct seen {
    bool length, chunked, close, keep_alive, retry_ms;
};

static bool list_has(struct view list, struct view lower)
{
    while (list.len != 0) {
        const uint8_t *comma = memchr(list.ptr, ',', list.len);
        size_t n = comma == NULL ? list.len : (size_t)(comma - list.ptr);

        if (view_eq_nocase(view_trim(view_of(list.ptr, n)), lower))
            return true;
        list = view_from(list, n + 1);
    }
    return false;
}

/* "timeout=5, max=100" -> 5 */
static bool keep_timeout(struct view value, uint64_t *seconds)
{
    while (value.len != 0) {
        const uint8_t *comma = memchr(value.ptr, ',', value.len);
        size_t n = comma == NULL ? value.len : (size_t)(comma - value.ptr);
        struct view item = view_trim(view_of(value.ptr, n));

        if (item.len > 8 && view_eq_nocase(view_of(item.ptr, 8), VIEW_LIT("timeout=")))
            return view_u64(view_from(item, 8), seconds);
        value = view_from(value, n + 1);
    }
    return false;
}

static int64_t retry_clamp(uint64_t ms)
{
    return ms > RESPONSE_RETRY_MAX_MS ? RESPONSE_RETRY_MAX_MS : (int64_t)ms;
}

/* Seconds, or an HTTP date; -1 for anything else. */
static int64_t retry_after(struct view value, uint64_t unix_ms)
{
    char text[40];
    struct tm tm = {0};
    uint64_t seconds;
    const char *end;
    time_t at;

    if (view_u64(value, &seconds))
        return retry_clamp(seconds > RESPONSE_RETRY_MAX_MS / 1000 ? RESPONSE_RETRY_MAX_MS
                                                                  : seconds * 1000);
    if (value.len >= sizeof text)
        return -1;
    memcpy(text, value.ptr, value.len);
    text[value.len] = '\0';
    end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    if (end == NULL || *end != '\0')
        return -1;
    at = timegm(&tm);
    if (at < 0 || (uint64_t)at * 1000 <= unix_ms)
        return 0;
    return retry_clamp((uint64_t)at * 1000 - unix_ms);
}

static enum err read_length(struct view value, struct seen *seen, struct response_head *out)
{
    uint64_t n;

    if (!view_u64(value, &n) || (seen->length && n != out->length))
        return ERR_PROVIDER_PROTOCOL;
    seen->length = true;
    out->length = n;
    return ERR_NONE;
}

/* We ask for identity; what some servers send all the same is decoded, or refused. */
static enum err read_coding(struct view value, struct response_head *out)
{
    if (view_eq_nocase(value, VIEW_LIT("gzip")) || view_eq_nocase(value, VIEW_LIT("x-gzip")))
        out->coding = CODING_GZIP;
    else if (view_eq_nocase(value, VIEW_LIT("deflate")))
        out->coding = CODING_DEFLATE;
    else if (value.len != 0 && !view_eq_nocase(value, VIEW_LIT("identity")))
        return ERR_PROVIDER_PROTOCOL;
    return ERR_NONE;
}

static enum err read_header(struct view name, struct view value, uint64_t unix_ms,
                            struct seen *seen, struct response_head *out)
{
    uint64_t n;

    if (view_eq_nocase(name, VIEW_LIT("content-length")))
        return read_length(value, seen, out);
    else if (view_eq_nocase(name, VIEW_LIT("transfer-encoding"))) {
        if (seen->chunked || !view_eq_nocase(value, VIEW_LIT("chunked")))
            return ERR_PROVIDER_PROTOCOL;
        seen->chunked = true;
    } else if (view_eq_nocase(name, VIEW_LIT("connection"))) {
        seen->close = seen->close || list_has(value, VIEW_LIT("close"));
        seen->keep_alive = seen->keep_alive || list_has(value, VIEW_LIT("keep-alive"));
    } else if (view_eq_nocase(name, VIEW_LIT("keep-alive"))) {
        if (keep_timeout(value, &n) && n < UINT32_MAX / 1000)
            out->keep_ms = n < 2 ? 0 : (uint32_t)(n - 1) * 1000; /* ours must end first */
    } else if (view_eq_nocase(name, VIEW_LIT("content-encoding")))
        return read_coding(value, out);
    else if (view_eq_nocase(name, VIEW_LIT("content-type")))
        out->head.type = body_type_of(value);
    else if (view_eq_nocase(name, VIEW_LIT("retry-after-ms"))) {
        if (view_u64(value, &n)) {
            out->head.retry_after_ms = retry_clamp(n);
            seen->retry_ms = true;
        }
    } else if (view_eq_nocase(name, VIEW_LIT("retry-after")) && !seen->retry_ms)
        out->head.retry_after_ms = retry_after(value, unix_ms);
    return ERR_NONE;
}

static enum err frame(int minor, const struct seen *seen, struct response_head *out)
{
    int status = out->head.status;

    if (minor != 0 && minor != 1)
        return ERR_PROVIDER_PROTOCOL;
    if (status < 100 || status > 599 || status == 101 || (seen->length && seen->chunked))
        return ERR_PROVIDER_PROTOCOL;
    out->keep = !seen->close && (minor == 1 || seen->keep_alive);
    if (status < 200 || status == 204 || status == 304)
        out->body = RESPONSE_NO_BODY;
    else if (seen->chunked)
        out->body = RESPONSE_CHUNKED;
    else if (seen->length)
        out->body = RESPONSE_LENGTH;
    else {
        out->body = RESPONSE_UNTIL_CLOSE;
        out->keep = false;
    }
    return ERR_NONE;
}

enum err response_head_parse(struct view bytes, size_t seen_bytes, uint64_t unix_ms,
                             struct response_head *out, size_t *size)
{
    struct phr_header headers[RESPONSE_HEADERS_MAX];
    size_t n = RESPONSE_HEADERS_MAX, message_len;
    const char *message;
    struct seen seen = {0};
    int minor = -1, r;
    enum err e = ERR_NONE;

    *out = (struct response_head){.head = {.type = BODY_TYPE_OTHER, .retry_after_ms = -1}, .keep_ms = UINT32_MAX};
    r = phr_parse_response((const char *)bytes.ptr, bytes.len, &minor, &out->head.status, &message,
                           &message_len, headers, &n, seen_bytes);
    if (r == -2 && bytes.len <= LIMIT_UPSTREAM_HEAD_BYTES)
        return ERR_SHORT;
    if (r < 0 || r > LIMIT_UPSTREAM_HEAD_BYTES)
        return ERR_PROVIDER_PROTOCOL;
    for (size_t i = 0; e == ERR_NONE && i < n; i++) {
        if (headers[i].name == NULL) /* a folded line: obsolete, and two readers differ over it */
            return ERR_PROVIDER_PROTOCOL;
        e = read_header(view_of(headers[i].name, headers[i].name_len),
                        view_trim(view_of(headers[i].value, headers[i].value_len)), unix_ms, &seen,
                        out);
    }
    if (e == ERR_NONE)
        e = frame(minor, &seen, out);
    *size = (size_t)r;
    return e;
}
