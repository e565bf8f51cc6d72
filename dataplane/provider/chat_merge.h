/* Merges the canonical chunks of one stream into the completion that they come to: text is joined,
 * lists grow, what has an index is merged with its like, and of all else the last counts. */
#ifndef TR_DATAPLANE_PROVIDER_CHAT_MERGE_H
#define TR_DATAPLANE_PROVIDER_CHAT_MERGE_H

#include "buf.h"
#include "err.h"
#include "view.h"

enum { CHAT_MERGE_NODES_MAX = 4096 }; /* members and indexed elements: 128 choices of 30 */

struct merge_node;
struct chat_merge {
    struct merge_node *root;
    size_t nodes, max; /* max: bytes of one value */
    struct budget *budget;
};
void chat_merge_init(struct chat_merge *m, size_t max, struct budget *budget);
void chat_merge_free(struct chat_merge *m); /* wipes */
/* chunk: a canonical chunk (validated, an object). ERR_LIMIT, ERR_MEMORY, ERR_OVERLOAD. */
must_check enum err chat_merge_chunk(struct chat_merge *m, struct view chunk);
/* Append the document, with "message" for "delta"; what else a completion needs is
 * chat_canon_whole()'s business. At least one chunk must have been merged. */
must_check enum err chat_merge_write(const struct chat_merge *m, struct buf *out);

#endif
