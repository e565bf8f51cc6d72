/* Which callback_url is taken. */
#include "callback.h"

#include <stdbool.h>

/* What RFC 3986 has in a URI, without the fragment's mark and the brackets of literal addresses. */
static bool plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~:/?@!$&'()*+,;=%", c) != NULL);
}

static bool in_host(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

static bool port_ok(struct view v)
{
    uint64_t port;

    return v.len <= 5 && view_u64(v, &port) && port > 0 && port <= 65535;
}

/* "host" or "host:port" */
static bool authority_ok(struct view v, struct view *host)
{
    size_t n = 0;

    while (n < v.len && in_host(v.ptr[n]))
        n++;
    *host = view_of(v.ptr, n);
    if (n == 0 || n > 253 || v.ptr[0] == '.' || v.ptr[0] == '-')
        return false;
    return n == v.len || (v.ptr[n] == ':' && port_ok(view_from(v, n + 1)));
}

static bool is_loopback(struct view host)
{
    return view_eq(host, VIEW_LIT("localhost")) || view_eq(host, VIEW_LIT("127.0.0.1"));
}

const char *callback_fault(struct view url, struct view *host)
{
    struct view rest = url;
    bool https = view_starts(url, VIEW_LIT("https://")), http = view_starts(url, VIEW_LIT("http://"));
    size_t n = 0;

    if (!https && !http)
        return "This must be an https address, or http on localhost or 127.0.0.1.";
    if (url.len > CALLBACK_MAX)
        return "This address is too long.";
    for (size_t i = 0; i < url.len; i++)
        if (!plain(url.ptr[i]))
            return "This must be an address without a fragment, spaces and quotes.";
    rest = view_from(url, https ? 8 : 7);
    while (n < rest.len && rest.ptr[n] != '/' && rest.ptr[n] != '?')
        n++;
    if (!authority_ok(view_of(rest.ptr, n), host))
        return "This must have a host, and no user name.";
    if (http && !is_loopback(*host))
        return "This must be an https address, or http on localhost or 127.0.0.1.";
    return NULL;
}
