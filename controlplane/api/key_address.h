/* From where a key may be used at the REST API: its allowed_ips. */
#ifndef TR_CONTROLPLANE_API_KEY_ADDRESS_H
#define TR_CONTROLPLANE_API_KEY_ADDRESS_H

#include "call.h"

/* ranges: one a line, as the database has them. Of a call that a data plane hands on the client's address is not known
 * here: a key that manages may not come that way then, while an inference key asks about itself only. c->role is set. */
bool key_address_allowed(const struct call *c, struct view ranges);

#endif
