/* (G) Takes the names of the operator's account at a provider (organisations, projects, workspaces) out of
 * a sentence that a client is told. */
#ifndef TR_DATAPLANE_PROVIDER_CHAT_ACCOUNT_H
#define TR_DATAPLANE_PROVIDER_CHAT_ACCOUNT_H

#include "buf.h"
#include "err.h"

/* Append sentence, the inside of a JSON string, to out with every such id replaced by "***"; never longer
 * than it was. ERR_MEMORY, ERR_OVERLOAD or ERR_LIMIT of out. */
must_check enum err chat_account_mask(struct view sentence, struct buf *out);

#endif
