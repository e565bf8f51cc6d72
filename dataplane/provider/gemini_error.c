/* (G) Error responses of Google's APIs: what google.rpc's details say beside status and sentence. */
#include "gemini_read.h"

#include "chat_parts.h"
#include "content_view.h"

/* "34.4s" */
static int64_t duration_ms(struct view text)
{
    uint64_t ms = 0, part = 1000;
    bool fraction = false;

    for (size_t i = 0; i < text.len && part != 0; i++) {
        uint8_t c = text.ptr[i];

        if (c == '.' && !fraction) {
            fraction = true;
        } else if (c < '0' || c > '9') {
            return c == 's' ? (int64_t)ms : 0;
        } else if (fraction) {
            part /= 10;
            ms += (uint64_t)(c - '0') * part;
        } else if (ms > UINT32_MAX) {
            return 0;
        } else {
            ms = ms * 10 + (uint64_t)(c - '0') * 1000;
        }
    }
    return (int64_t)ms;
}

static void read_details(struct json_value error, struct chat_error *out)
{
    struct json_value details, v;
    struct json_member m;
    struct json_iter it;

    if (!json_get(error, "details", &details) || details.kind != JSON_ARRAY)
        return;
    for (it = json_iter(details); json_next(&it, &m);) {
        if (json_get(m.value, "retryDelay", &v) && v.kind == JSON_STRING)
            out->retry_after_ms = duration_ms(inner(v));
        if (json_get(m.value, "reason", &v) && json_string_is(v, "API_KEY_INVALID"))
            *out = (struct chat_error){.status = 401, .retry_after_ms = out->retry_after_ms}; /* it blames the operator */
    }
}

void gemini_error(int status, struct view body, struct chat_error *error)
{
    struct json_value root, v;
    struct json_member first;
    struct json_iter it;

    chat_canon_error(status, body, error);
    if (json_check(body, &root, NULL) != ERR_NONE)
        return;
    if (root.kind == JSON_ARRAY) { /* as a stream without "alt=sse" wraps it */
        it = json_iter(root);
        root = json_next(&it, &first) ? first.value : root;
    }
    if (json_get(root, "error", &v) && v.kind == JSON_OBJECT)
        read_details(v, error);
}
