#include "fetch.h"

#include "conf.h"
#include "https.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BASE_MAX = 2048 };

struct fetch {
    bool remote;
    struct https_url url;
    const char *ca;
    unsigned timeout_s;
    char base[BASE_MAX]; /* a directory, or the path of the URL; no slash at its end */
};

static enum err base_set(struct fetch *f, const char *text)
{
    size_t n = strlen(text);

    while (n > 1 && text[n - 1] == '/')
        n--;
    if (f->remote && n == 1)
        n = 0;
    if (n >= sizeof f->base)
        return ERR_LIMIT;
    for (size_t i = 0; f->remote && i < n; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return ERR_FORMAT;
    }
    memcpy(f->base, text, n);
    f->base[n] = '\0';
    return ERR_NONE;
}

/* https://host[:port] and the path behind it. */
static enum err url_set(struct fetch *f, const char *place)
{
    size_t n = 8 + strcspn(place + 8, "/");
    char origin[HTTPS_HOST_MAX + 32];

    if (n >= sizeof origin)
        return ERR_FORMAT;
    memcpy(origin, place, n);
    origin[n] = '\0';
    return https_url_parse(origin, &f->url) ? base_set(f, place + n) : ERR_FORMAT;
}

enum err fetch_open(const char *place, const char *ca, unsigned timeout_s, struct fetch **out)
{
    struct fetch *f = calloc(1, sizeof *f);
    enum err e;

    if (f == NULL)
        return ERR_MEMORY;
    f->ca = ca;
    f->timeout_s = timeout_s;
    f->remote = strncmp(place, "https://", 8) == 0;
    if (strncmp(place, "http://", 7) == 0)
        e = ERR_FORMAT;
    else
        e = f->remote ? url_set(f, place) : base_set(f, place);
    if (e == ERR_NONE)
        *out = f;
    else
        fetch_close(f);
    return e;
}

void fetch_close(struct fetch *f)
{
    free(f);
}

static enum err remote_file(struct fetch *f, const char *target, struct buf *out)
{
    struct https *h = NULL;
    unsigned status;
    struct buf body;
    enum err e = https_open(&f->url, f->ca, f->timeout_s, &h);

    if (e != ERR_NONE)
        return e == ERR_AUTH || e == ERR_CONFIG ? e : ERR_CONNECT;
    buf_init(&body, out->max - out->len);
    e = https_get(h, target, &status, &body);
    if (e != ERR_NONE)
        e = e == ERR_LIMIT ? e : ERR_CONNECT;
    else if (status == 404)
        e = ERR_NOT_FOUND;
    else
        e = status == 200 ? buf_append(out, buf_view(&body)) : ERR_PROVIDER_STATUS;
    buf_free(&body);
    https_close(h);
    return e;
}

enum err fetch_file(struct fetch *f, const char *path, struct buf *out)
{
    char full[2 * BASE_MAX];

    if ((size_t)snprintf(full, sizeof full, "%s/%s", f->base, path) >= sizeof full)
        return ERR_LIMIT;
    if (f->remote)
        return remote_file(f, full, out);
    if (access(full, F_OK) != 0)
        return ERR_NOT_FOUND;
    return conf_read_file(full, out->max - out->len, out);
}
