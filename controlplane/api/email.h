/* Which text may be the e-mail address of a user. Nothing is sent to it: it names the user, whatever the case of
 * its letters. */
#ifndef TR_CONTROLPLANE_API_EMAIL_H
#define TR_CONTROLPLANE_API_EMAIL_H

#include "view.h"

enum { EMAIL_MAX = 254 }; /* RFC 5321 */

/* NULL, or a literal sentence that says what is wrong. Visible ASCII only: two addresses that look the same are
 * the same. */
const char *email_fault(struct view email);

#endif
