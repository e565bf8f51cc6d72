/* What fetch.c reads out of the credentials; the rest is in fetch.h. */
#ifndef TR_DATAPLANE_HTTP_CREDENTIALS_H
#define TR_DATAPLANE_HTTP_CREDENTIALS_H

#include "fetch.h"

enum { CREDENTIAL_MAX = 512 }; /* bytes; the longest provider key in use has 200 */

/* Copy the key out (the caller wipes its copy). Returns its length, 0 when there is none. Never
 * blocks and never sees half of a replacement. */
size_t credentials_copy(const struct credentials *c, uint16_t provider_no, unsigned index,
                        uint8_t out[static CREDENTIAL_MAX]);

#endif
