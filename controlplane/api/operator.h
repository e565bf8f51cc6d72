/* What the handlers of operators share: pages by cursor, whole rows as answers, bodies that may be left away. */
#ifndef TR_CONTROLPLANE_API_OPERATOR_H
#define TR_CONTROLPLANE_API_OPERATOR_H

#include "call.h"

enum { OPERATOR_PAGE = 100, OPERATOR_NOTE_MAX = 256, OPERATOR_AUTHOR_MAX = 5 + ID_TEXT_LEN + 1 };

/* ?limit=1..100&cursor=: false, and the call has been answered. *cursor is NULL when there is none. */
must_check bool operator_page(struct call *c, struct db_param *cursor, struct db_param *limit);
/* The whole number in the path. False: 404, and the call has been answered. */
must_check bool operator_number(struct call *c, uint64_t *out);
/* ?base=: the version that a change was made on top of, and that has to be in force still; *out is 0 when it is not said.
 * False: the call has been answered. */
must_check bool operator_base(struct call *c, int64_t *out);
/* Who changes something, as it is kept beside the change: "key " or "user " and its id. */
struct view operator_author(const struct call *c, char out[static OPERATOR_AUTHOR_MAX]);
/* A body that may be left away. */
bool operator_body_empty(const struct call *c);

/* A db_cb: the first column of the only row is the document; {"data":...}. No row, or NULL: 404. */
void operator_object_cb(void *cookie, enum err e, const struct db_result *r);
/* The same, bare: it is {"data":[...],"next_cursor":...} already. */
void operator_list_cb(void *cookie, enum err e, const struct db_result *r);

#endif
