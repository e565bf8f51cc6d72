/* Where a page of ours may be asked to lead to: another page of ours, and nothing that a browser takes for anything else. */
#ifndef TR_CONTROLPLANE_API_RETURN_TO_H
#define TR_CONTROLPLANE_API_RETURN_TO_H

#include "view.h"

#include <stdbool.h>

enum { RETURN_TO_MAX = 512 };

/* path: with its query, as it will be sent. Visible ASCII from "/" on; nowhere "//" or a backslash before the query, not
 * escaped either, no "." and ".." as segments, and nothing of the API. */
bool return_to_valid(struct view path);

/* "." or "..", in whatever spelling. */
bool path_segment_walks(struct view segment);

#endif
