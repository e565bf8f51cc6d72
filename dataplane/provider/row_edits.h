/* What a provider's row, and the model's gates, do to a finished request body at its top level: members that are left
 * out, renamed or forced, and ids of calls that the provider would refuse. It works on any dialect's body, so that a
 * switch that forbids a provider to keep prompts is in every request. */
#ifndef TR_DATAPLANE_PROVIDER_ROW_EDITS_H
#define TR_DATAPLANE_PROVIDER_ROW_EDITS_H

#include "buf.h"
#include "destination.h"
#include "err.h"

/* The most bytes that the edits make a body of so many longer. */
size_t row_edits_room(const struct destination *d, size_t body_len);
/* Edit the body that is out[start..]; one that is no JSON object stays as it is. ERR_MEMORY, ERR_OVERLOAD; ERR_LIMIT
 * when out may not hold row_edits_room() more. On failure out is undefined behind start. */
must_check enum err row_edits_apply(const struct destination *d, size_t start, struct buf *out);

/* Is the member one that this provider gets none of? */
bool row_edits_drop(const struct destination *d, struct view key);

#endif
