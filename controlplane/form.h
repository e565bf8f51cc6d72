/* Forms (application/x-www-form-urlencoded) and queries of addresses, as we write them. */
#ifndef TR_CONTROLPLANE_FORM_H
#define TR_CONTROLPLANE_FORM_H

#include "buf.h"

/* A form that is being filled: the first failure stays. */
struct form {
    struct buf *out;
    enum err e;
};

void form_put(struct form *f, const char *name, struct view value);
void form_put_text(struct form *f, const char *name, const char *value);
/* Letters, digits, "-", "_" and "." stand for themselves, everything else is %XX. */
must_check enum err form_escape(struct buf *out, struct view v);

#endif
