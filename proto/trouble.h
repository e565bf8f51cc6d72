/* What can be wrong with a control plane while it answers, by one name on both planes: in its own
 * health and, told over the link, in that of its data planes. */
#ifndef TR_PROTO_TROUBLE_H
#define TR_PROTO_TROUBLE_H

#include "buf.h"
#include "err.h"

#include <stdint.h>

/* Bits of one byte. */
enum trouble {
    TROUBLE_DATABASE = 1,      /* PostgreSQL is away or has been silent for some seconds */
    TROUBLE_LOG = 2,           /* the database is not the transparency log that was signed */
    TROUBLE_USAGE_WAITING = 4, /* usage that arrived could not be booked for some seconds */
    TROUBLE_SET_ASIDE = 8,     /* usage is kept that was never booked: somebody has to look at it */
    TROUBLE_LOST = 16,         /* within the last day the data planes had lost usage, too */
    TROUBLE_ALL = 31,
};

/* "database", "log_rewound", "usage_waiting", "usage_set_aside", "usage_lost"; "unknown" for what is
 * not one bit. */
const char *trouble_name(unsigned bit);
/* Append the names as JSON strings, prefix before each, with commas between them and, when *n is
 * not 0, before the first. *n counts what is in the list. */
must_check enum err trouble_append(unsigned troubles, const char *prefix, unsigned *n,
                                   struct buf *out);
/* One more name in such a list. */
must_check enum err trouble_append_name(const char *prefix, const char *name, unsigned *n,
                                        struct buf *out);

#endif
