/* What a user or a model wrote: opaque outside the content-handling files.
 * Owner: the holder of the struct; content_free() wipes. Files that must see the bytes include
 * content_view.h, and the build then compiles them with stdio, syslog and file calls poisoned. */
#ifndef TR_COMMON_CONTENT_H
#define TR_COMMON_CONTENT_H

#include "budget.h"
#include "err.h"

#include <stddef.h>

struct content;

/* An empty content that may grow to max bytes, charged to the budget (buf.h). NULL when out of memory. */
struct content *content_new(size_t max, struct budget *budget);
void content_free(struct content *c);
/* Wipes and empties, keeps nothing allocated beyond a small header. */
void content_clear(struct content *c);
size_t content_len(const struct content *c);

#endif
