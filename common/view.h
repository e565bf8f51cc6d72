/* Borrowed bytes: a pointer and a length, never owned, never NUL-terminated. */
#ifndef TR_COMMON_VIEW_H
#define TR_COMMON_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct view {
    const uint8_t *ptr; /* may be NULL only when len is 0 */
    size_t len;         /* bytes */
};

#define VIEW_LIT(lit) ((struct view){(const uint8_t *)("" lit ""), sizeof(lit) - 1})
#define VIEW_EMPTY ((struct view){NULL, 0})

static inline struct view view_of(const void *ptr, size_t len)
{
    return (struct view){(const uint8_t *)ptr, len};
}

/* For C strings at the edges (main, config, SQL). */
static inline struct view view_str(const char *s)
{
    return view_of(s, strlen(s));
}

static inline bool view_eq(struct view a, struct view b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool view_starts(struct view v, struct view prefix)
{
    return v.len >= prefix.len && (prefix.len == 0 || memcmp(v.ptr, prefix.ptr, prefix.len) == 0);
}

/* Take n bytes from the front of v. False, and nothing changes, when v holds fewer. */
static inline bool view_take(struct view *v, size_t n, struct view *out)
{
    if (n > v->len)
        return false;
    *out = (struct view){v->ptr, n};
    if (n != 0) { /* NULL + 0 is undefined in C */
        v->ptr += n;
        v->len -= n;
    }
    return true;
}

/* The part of v from offset `from` (clamped) on. */
static inline struct view view_from(struct view v, size_t from)
{
    if (from > v.len)
        from = v.len;
    return from == 0 ? v : view_of(v.ptr + from, v.len - from);
}

/* ASCII case-insensitive comparison; `lower` must already be lower case. */
bool view_eq_nocase(struct view v, struct view lower);

/* Trim spaces and tabs on both ends. */
struct view view_trim(struct view v);

/* Decimal digits only, no sign, no leading '+'; false on anything else or overflow. */
bool view_u64(struct view v, uint64_t *out);

#endif
