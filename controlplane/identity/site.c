/* The console's origin, taken apart. */
#include "site.h"

static bool in_host(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

static bool host_ok(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        if (!in_host(v.ptr[i]))
            return false;
    return v.len > 0 && v.len <= 253 && v.ptr[0] != '.' && v.ptr[0] != '-' && v.ptr[v.len - 1] != '.';
}

static bool port_ok(struct view v)
{
    uint64_t port;

    return view_u64(v, &port) && port > 0 && port <= 65535 && port != 443 && v.ptr[0] != '0';
}

enum err site_parse(const char *origin, struct site *out)
{
    struct view text = view_str(origin), scheme = VIEW_LIT("https://");
    const uint8_t *colon;

    if (!view_starts(text, scheme))
        return ERR_FORMAT;
    out->origin = text;
    out->domain = out->host = view_from(text, scheme.len);
    colon = out->domain.len == 0 ? NULL : memchr(out->domain.ptr, ':', out->domain.len);
    if (colon != NULL) {
        out->host.len = (size_t)(colon - out->host.ptr);
        if (!port_ok(view_from(out->domain, out->host.len + 1)))
            return ERR_FORMAT;
    }
    return host_ok(out->host) ? ERR_NONE : ERR_FORMAT;
}

/* The last label of a name is never a number (RFC 1123 2.1). */
bool site_has_name(const struct site *s)
{
    uint8_t last = s->host.len == 0 ? '0' : s->host.ptr[s->host.len - 1];

    return last < '0' || last > '9';
}
