/* (G) Writes the head of our request to a provider; the only place where a provider key is text. */
#include "request_head.h"

#include "content_view.h"
#include "credentials.h"
#include "secret.h"

static void put(struct request_head *h, struct view v)
{
    if (v.len > sizeof h->bytes - h->len) {
        h->full = true;
        return;
    }
    if (v.len != 0)
        memcpy(h->bytes + h->len, v.ptr, v.len);
    h->len += v.len;
}

static void put_number(struct request_head *h, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    put(h, view_of(digits + at, sizeof digits - at));
}

static void put_host(struct request_head *h, const struct provider *p)
{
    bool v6 = strchr(p->host, ':') != NULL;

    put(h, v6 ? VIEW_LIT("[") : VIEW_EMPTY);
    put(h, view_str(p->host));
    put(h, v6 ? VIEW_LIT("]") : VIEW_EMPTY);
    if (p->port != (p->tls ? 443 : 80)) {
        put(h, VIEW_LIT(":"));
        put_number(h, p->port);
    }
}

static void put_credential(struct request_head *h, const struct fetch_request *r)
{
    static const struct view names[] = {
        [AUTH_BEARER] = {(const uint8_t *)"\r\nauthorization: Bearer ", 24},
        [AUTH_API_KEY] = {(const uint8_t *)"\r\napi-key: ", 11},
        [AUTH_X_API_KEY] = {(const uint8_t *)"\r\nx-api-key: ", 13},
        [AUTH_GOOG_API_KEY] = {(const uint8_t *)"\r\nx-goog-api-key: ", 18},
    };
    uint8_t key[CREDENTIAL_MAX];
    size_t n;

    if (r->provider->auth == AUTH_NONE)
        return;
    if (r->key.len != 0) {
        put(h, names[r->provider->auth]);
        put(h, r->key);
        return;
    }
    n = credentials_copy(r->credentials, r->provider->no, r->key_no, key);
    if (n != 0) {
        put(h, names[r->provider->auth]);
        put(h, view_of(key, n));
    }
    secret_wipe(key, n);
}

/* A name in a path, of which nothing can end it. */
static void put_encoded(struct request_head *h, struct view name)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '.' || c == '_' || c == '~';
        const uint8_t escaped[3] = {'%', (uint8_t)hex[c >> 4], (uint8_t)hex[c & 15]};

        put(h, plain ? view_of(&c, 1) : view_of(escaped, sizeof escaped));
    }
}

/* The provider's prefix, the call's own path, and the query of both. */
static void put_path(struct request_head *h, const struct fetch_request *r)
{
    static const char model[] = "{model}";
    const char *prefix = r->provider->path, *at = strstr(prefix, model);
    struct view query = view_str(r->provider->query);

    if (at != NULL) {
        put(h, view_of(prefix, (size_t)(at - prefix)));
        put_encoded(h, r->model);
        prefix = at + sizeof model - 1;
    }
    put(h, view_str(prefix));
    put(h, r->path);
    if (query.len == 0)
        return;
    put(h, memchr(r->path.ptr, '?', r->path.len) != NULL ? VIEW_LIT("&") : VIEW_LIT("?"));
    put(h, query);
}

void request_head_make(const struct fetch_request *r, struct request_head *h)
{
    h->len = 0;
    h->full = false;
    put(h, VIEW_LIT("POST "));
    put_path(h, r);
    put(h, VIEW_LIT(" HTTP/1.1\r\nhost: "));
    put_host(h, r->provider);
    put_credential(h, r);
    put(h, VIEW_LIT("\r\ncontent-type: "));
    put(h, r->content_type);
    put(h, r->headers);
    put(h, VIEW_LIT("\r\naccept: application/json, text/event-stream\r\naccept-encoding: identity"
                    "\r\nuser-agent: trustedrouter\r\ncontent-length: "));
    put_number(h, r->body.len);
    put(h, VIEW_LIT("\r\n\r\n"));
}
