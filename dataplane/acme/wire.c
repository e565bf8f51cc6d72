/* Requests to the certificate authority over common/https. */
#include "wire.h"

#include "clock.h"
#include "version.h"

#include <time.h>

void acme_answer_init(struct acme_answer *a)
{
    *a = (struct acme_answer){.status = 0};
    buf_init(&a->body, ACME_BODY_MAX);
}

void acme_answer_free(struct acme_answer *a)
{
    buf_free(&a->body);
}

/* --- headers */

/* Visible ASCII that fits; else "". */
static void copy_text(struct view v, char *out, size_t max)
{
    out[0] = '\0';
    if (v.len > max)
        return;
    for (size_t i = 0; i < v.len; i++)
        if (v.ptr[i] <= ' ' || v.ptr[i] >= 0x7f)
            return;
    memcpy(out, v.ptr, v.len);
    out[v.len] = '\0';
}

/* base64url (RFC 8555 6.5.1). */
static void copy_nonce(struct view v, char *out)
{
    out[0] = '\0';
    for (size_t i = 0; i < v.len; i++) {
        uint8_t c = v.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return;
    }
    copy_text(v, out, ACME_NONCE_MAX);
}

static enum acme_content content_of(struct view v)
{
    static const struct {
        struct view type;
        enum acme_content content;
    } types[] = {{VIEW_LIT("application/json"), ACME_CONTENT_JSON},
                 {VIEW_LIT("application/problem+json"), ACME_CONTENT_PROBLEM},
                 {VIEW_LIT("application/pem-certificate-chain"), ACME_CONTENT_PEM}};
    const uint8_t *end = v.len == 0 ? NULL : memchr(v.ptr, ';', v.len);

    if (end != NULL)
        v = view_trim(view_of(v.ptr, (size_t)(end - v.ptr)));
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (view_eq_nocase(v, types[i].type))
            return types[i].content;
    return ACME_CONTENT_OTHER;
}

/* Seconds, or a date in the one form that is still made (RFC 9110 5.6.7). */
static uint64_t retry_after_of(struct view v, uint64_t now_s)
{
    char text[64];
    struct tm tm = {0};
    uint64_t s = 0;
    time_t then;

    if (!view_u64(v, &s)) {
        if (v.len >= sizeof text)
            return 0;
        memcpy(text, v.ptr, v.len);
        text[v.len] = '\0';
        if (strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) == NULL)
            return 0;
        then = timegm(&tm);
        s = then > 0 && (uint64_t)then > now_s ? (uint64_t)then - now_s : 0;
    }
    return s < ACME_RETRY_AFTER_MAX_S ? s : ACME_RETRY_AFTER_MAX_S;
}

void acme_answer_header(struct acme_answer *a, struct view name, struct view value, uint64_t now_s)
{
    if (view_eq_nocase(name, VIEW_LIT("replay-nonce")))
        copy_nonce(value, a->nonce);
    else if (view_eq_nocase(name, VIEW_LIT("location")))
        copy_text(value, a->location, ACME_URL_MAX);
    else if (view_eq_nocase(name, VIEW_LIT("retry-after")))
        a->retry_after_s = retry_after_of(value, now_s);
    else if (view_eq_nocase(name, VIEW_LIT("content-type")))
        a->content = content_of(value);
}

/* --- the exchange */

static void header_cb(void *cookie, struct view name, struct view value)
{
    acme_answer_header(cookie, name, value, clock_unix_ms() / 1000);
}

static enum err https_wire_exchange(void *cookie, const char *method, const char *url, struct view body,
                                    struct acme_answer *a)
{
    const struct acme_https *x = cookie;
    struct https_answer answer = {.part = HTTPS_STATUS_LINE, .header = header_cb, .cookie = a};
    struct https_request q = {.method = method, .agent = "tr-dataplane/" TR_VERSION, .body = body};
    struct https_url at;
    struct https *h = NULL;
    enum err e = ERR_FORMAT;

    if (https_url_split(url, &at, &q.target))
        e = https_open(&at, x->ca, ACME_EXCHANGE_S, &h);
    if (e == ERR_NONE) {
        q.content_type = body.len != 0 ? "application/jose+json" : NULL;
        q.target = *q.target == '\0' ? "/" : q.target;
        e = https_exchange(h, &q, &answer, &a->body);
        a->status = answer.status;
    }
    https_close(h);
    return e;
}

struct acme_wire acme_https_wire(struct acme_https *h)
{
    return (struct acme_wire){https_wire_exchange, h};
}

bool acme_url_ok(const char *directory, const char *url)
{
    struct https_url ours, theirs;
    const char *target;

    if (strlen(url) > ACME_URL_MAX || !https_url_split(directory, &ours, &target) ||
        !https_url_split(url, &theirs, &target))
        return false;
    for (; *target != '\0'; target++)
        if (*target <= ' ' || *target >= 0x7f || *target == '#')
            return false;
    return strcmp(ours.host, theirs.host) == 0 && strcmp(ours.port, theirs.port) == 0;
}
