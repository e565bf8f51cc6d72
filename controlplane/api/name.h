/* Names that people give to keys and accounts: text that shows up in lists, logs of other programs
 * and bills, and so must be visible and read by everyone in the order in which it is stored. */
#ifndef TR_CONTROLPLANE_API_NAME_H
#define TR_CONTROLPLANE_API_NAME_H

#include "view.h"

/* NULL when the name is well-formed UTF-8 with at least one visible character, and without control
 * characters, line breaks and characters that change the direction of text (bidi). Otherwise a
 * literal sentence that says which rule it breaks. An empty name has no visible character. */
const char *name_fault(struct view name);

#endif
