/* Entity tags: half of the SHA-256 of the body. */
#include "etag.h"
#include "secret.h"

void etag_text(struct view body, char out[static ETAG_LEN + 3])
{
    struct digest32 d;

    digest_sha256(body, &d);
    out[0] = '"';
    hex_encode(d.b, ETAG_LEN / 2, out + 1);
    out[ETAG_LEN + 1] = '"';
    out[ETAG_LEN + 2] = '\0';
}

bool etag_listed(struct view list, struct view etag)
{
    list = view_trim(list);
    if (view_eq(list, VIEW_LIT("*")))
        return true;
    while (list.len > 0) {
        const uint8_t *comma = memchr(list.ptr, ',', list.len);
        struct view one = view_of(list.ptr, comma == NULL ? list.len : (size_t)(comma - list.ptr));

        list = view_from(list, one.len + 1);
        one = view_trim(one);
        if (view_starts(one, VIEW_LIT("W/")))
            one = view_from(one, 2);
        if (view_eq(one, etag))
            return true;
    }
    return false;
}
