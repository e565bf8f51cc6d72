/* Which members of a request a provider may be sent. A provider charges for what it is asked to do,
 * so a body may hold only what is priced, what is harmless, and what the operator allowed for this
 * provider (providers.conf, members): everything else is refused by its name. README.md has the rule
 * for each class. */
#ifndef TR_DATAPLANE_PROVIDER_CHAT_MEMBERS_H
#define TR_DATAPLANE_PROVIDER_CHAT_MEMBERS_H

#include "err.h"
#include "json.h"
#include "providers.h"

#include <stdbool.h>

/* Is this raw key, in its exact spelling, one that changes neither price nor limits anywhere? */
bool chat_member_harmless(struct view key);

/* May this provider be sent the member with this raw key, which is not harmless everywhere? */
bool chat_member_allowed(const struct provider *p, struct view key);

/* The only member of a validated object called name. ERR_NOT_FOUND: absent, or v is no object.
 * ERR_DUPLICATE: it is there twice. ERR_UNSUPPORTED: another key can be taken for it, because it differs
 * in letter case only or holds a NUL behind the name; *like is that key. On failure *out is undefined. */
must_check enum err chat_nested(struct json_value v, const char *name, struct json_value *out,
                                struct view *like);

#endif
