/* Edits that leave members out of an object, or elements out of an array, each with one comma. The members
 * are told one after the other, in order; what stays may be edited inside between two calls. */
#ifndef TR_DATAPLANE_PROVIDER_CHAT_LEAVE_H
#define TR_DATAPLANE_PROVIDER_CHAT_LEAVE_H

#include "json.h"

struct cut {
    const uint8_t *base;     /* of the document */
    struct json_edit *edits; /* room for one for each that is dropped, and those of the caller */
    size_t n;
};

/* One container; zeroed. */
struct cut_list {
    const uint8_t *lead;     /* the first of the ones left out that none precedes; NULL: none, or over */
    const uint8_t *prev_end; /* of the last one seen */
    bool kept;               /* one was */
};

/* Replace these bytes. */
void cut_put(struct cut *c, const uint8_t *from, const uint8_t *to, struct view with);
void cut_keep(struct cut *c, struct cut_list *l, const uint8_t *begin, const uint8_t *end);
void cut_drop(struct cut *c, struct cut_list *l, const uint8_t *begin, const uint8_t *end);
/* One of the two for a member of an object. */
void cut_member(struct cut *c, struct cut_list *l, const struct json_member *m, bool stays);
/* After the last one. */
void cut_end(struct cut *c, const struct cut_list *l);

static inline const uint8_t *value_end(struct json_value v)
{
    return v.text.ptr + v.text.len;
}

#endif
