/* What the files of a receipt's text share: receipt_document.c with receipt_money.c and receipt_parts.c, nobody else. */
#ifndef TR_DATAPLANE_TRUST_RECEIPT_DOCUMENT_INTERNAL_H
#define TR_DATAPLANE_TRUST_RECEIPT_DOCUMENT_INTERNAL_H

#include "receipt_document.h"

#include "receipts.h"
#include "usage.h"

#include <assert.h>

/* Appends that stop at the first error. */
struct text {
    struct buf *out;
    enum err e;
};

#define TEXT(t, ...)                                                                               \
    do {                                                                                           \
        if ((t)->e == ERR_NONE)                                                                    \
            (t)->e = buf_appendf((t)->out, __VA_ARGS__);                                           \
    } while (0)

static inline void text_quoted(struct text *t, struct view v)
{
    if (t->e == ERR_NONE)
        t->e = buf_append_json_string(t->out, v);
}

/* A name of the catalog: ASCII by its own rules (catalog_id_ok); "" is null. */
static inline void text_name(struct text *t, const char *name)
{
    struct view v = view_of(name, strnlen(name, LIMIT_MODEL_ID_BYTES));

    if (v.len == 0)
        TEXT(t, "null");
    else
        text_quoted(t, v);
}

static inline void text_digest(struct text *t, const char *member, const struct digest32 *d)
{
    char hex[65];

    hex_encode(d->b, sizeof d->b, hex);
    TEXT(t, ",\"%s\":\"sha256:%s\"", member, hex);
}

static inline const char *truth(bool b)
{
    return b ? "true" : "false";
}

static inline const struct provider *receipt_provider(const struct receipt_signer *s, const struct receipt_candidate *c)
{
    assert(c->provider_no < s->providers->n);
    return &s->providers->list[c->provider_no];
}

/* The members of usage and of billing: the cost can be computed again from the two, with one product and one rounding for
 * each class. Of an orchestration they are sums: tokens, and a cost without prices. */
void receipt_usage(struct text *t, const struct receipt_facts *f);
void receipt_billing(struct text *t, const struct receipt_facts *f);
/* The events of an orchestration: "orchestration", with a line for each part, and its sums as "usage" and "billing".
 * t->e ERR_NOT_FOUND: the facts of a part are gone. */
void receipt_orchestration(struct text *t, const struct receipt_signer *s, const struct receipt_facts *f);
/* Of a part: "part", which says whose. */
void receipt_part_of(struct text *t, const struct receipt_facts *f);

#endif
