/* Which addresses may be asked. A file of its own, because parsers of what others publish need it and no libcurl. */
#include "outcall.h"

#include <string.h>
#include <unistd.h>

/* The part behind the scheme up to the path. */
static struct view host_of(struct view url, const char *scheme)
{
    struct view v = view_from(url, strlen(scheme));
    size_t n = 0;

    while (n < v.len && strchr("/?#", v.ptr[n]) == NULL)
        n++;
    return view_of(v.ptr, n);
}

/* secure, or plain and to this machine; its host into *host. */
static bool address_valid(struct view url, const char *secure, const char *plain, struct view *host)
{
    bool has_plain = view_starts(url, view_str(plain)) &&
                     (view_starts(host_of(url, plain), VIEW_LIT("127.0.0.1:")));

    if (url.len == 0 || url.len >= OUTCALL_URL_MAX || (!has_plain && !view_starts(url, view_str(secure))))
        return false;
    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= ' ' || url.ptr[i] > '~' || url.ptr[i] == '\\' || url.ptr[i] == '"')
            return false;
    *host = host_of(url, has_plain ? plain : secure);
    return host->len > 0 && memchr(host->ptr, '@', host->len) == NULL;
}

bool outcall_url_valid(struct view url)
{
    struct view host;

    return address_valid(url, "https://", "http://", &host);
}

bool outcall_base_valid(const char *base)
{
    struct view v = view_str(base), host;

    return v.len <= 200 && address_valid(v, "https://", "http://", &host) && host.ptr + host.len == v.ptr + v.len;
}

bool outcall_ca_readable(const char *ca)
{
    return ca == NULL || ca[0] == '\0' || access(ca, R_OK) == 0;
}

bool outcall_mail_url_valid(const char *url)
{
    struct view v = view_str(url), host;

    return (address_valid(v, "smtps://", "smtp://", &host) || address_valid(v, "smtp://", "smtp://", &host)) &&
           host.ptr + host.len == v.ptr + v.len;
}
