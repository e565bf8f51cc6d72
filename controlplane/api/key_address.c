/* A client's address against the ranges of its key. */
#include "key_address.h"

#include "key_rules.h"

bool key_address_allowed(const struct call *c, struct view ranges)
{
    struct ip_range range;

    if (c->origin->relayed)
        return c->role == ROLE_INFERENCE;
    while (ranges.len > 0) {
        const uint8_t *end = memchr(ranges.ptr, '\n', ranges.len);
        size_t n = end == NULL ? ranges.len : (size_t)(end - ranges.ptr);

        if (ip_range_parse(view_of(ranges.ptr, n), &range) == ERR_NONE && ip_range_has(&range, c->address))
            return true;
        ranges = view_from(ranges, n == ranges.len ? n : n + 1);
    }
    return false;
}
