#include "targets.h"

#include "view.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool port_take(struct view text, uint16_t *out)
{
    unsigned value = 0;

    if (text.len == 0 || text.len > 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = value * 10 + (text.ptr[i] - '0');
    }
    *out = (uint16_t)value;
    return value != 0 && value <= UINT16_MAX;
}

/* "name", "name:port", "1.2.3.4:port", "::1", "[::1]", "[::1]:port" */
static bool target_take(struct view text, uint16_t port, struct target *out)
{
    const uint8_t *first = memchr(text.ptr, ':', text.len);
    const uint8_t *last = memrchr(text.ptr, ':', text.len);
    struct view host = text, rest = VIEW_EMPTY;

    out->port = port;
    if (text.ptr[0] == '[') {
        const uint8_t *end = memchr(text.ptr, ']', text.len);

        if (end == NULL)
            return false;
        host = view_of(text.ptr + 1, (size_t)(end - text.ptr) - 1);
        rest = view_from(text, host.len + 2);
        if (rest.len != 0 && rest.ptr[0] != ':')
            return false;
    } else if (first != NULL && first == last) {
        host = view_of(text.ptr, (size_t)(first - text.ptr));
        rest = view_from(text, host.len);
    }
    if (rest.len != 0 && !port_take(view_from(rest, 1), &out->port))
        return false;
    if (host.len == 0 || host.len >= sizeof out->host)
        return false;
    memset(out->host, 0, sizeof out->host);
    memcpy(out->host, host.ptr, host.len);
    return true;
}

enum err targets_parse(const char *text, uint16_t port, struct targets *out)
{
    static const char separators[] = ", \t";

    memset(out, 0, sizeof *out);
    for (text += strspn(text, separators); *text != '\0'; text += strspn(text, separators)) {
        size_t n = strcspn(text, separators);

        if (out->n == TARGETS_MAX || !target_take(view_of(text, n), port, &out->list[out->n]))
            return ERR_CONFIG;
        out->n++;
        text += n;
    }
    return out->n != 0 ? ERR_NONE : ERR_CONFIG;
}

const struct target *targets_current(const struct targets *t)
{
    assert(t->current < t->n);
    return &t->list[t->current];
}

const struct sockaddr *targets_next(struct targets *t)
{
    const struct target *now = targets_current(t);

    if (t->addresses.n == 0 &&
        resolve_literal(now->host, now->port, &t->addresses.list[0]))
        t->addresses.n = 1;
    if (t->addresses.n == 0)
        return NULL;
    assert(t->address < t->addresses.n);
    return &t->addresses.list[t->address].any;
}

void targets_found(struct targets *t, const struct resolve_answer *answer)
{
    t->addresses = *answer;
    t->address = 0;
}

void targets_served(struct targets *t)
{
    t->addresses.n = t->address = 0;
    t->failed = 0;
}

bool targets_failed(struct targets *t)
{
    if (t->address + 1 < t->addresses.n) {
        t->address++;
        return true;
    }
    t->addresses.n = t->address = 0;
    t->current = (t->current + 1) % t->n;
    t->failed = (t->failed + 1) % t->n;
    return t->failed != 0;
}

bool targets_alternative(const struct targets *t)
{
    return t->n > 1 || t->addresses.n > 1;
}
