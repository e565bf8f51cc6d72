/* What callers say of a key: the members of its object that they may give, checked, and its rules as the JSON that
 * key_create() and key_patch() of sql/031 read. */
#ifndef TR_CONTROLPLANE_API_KEY_BODY_H
#define TR_CONTROLPLANE_API_KEY_BODY_H

#include "call.h"

/* The first of them may be changed later. */
enum key_field {
    TITLE,
    DISABLED,
    LIMIT,
    RESET,
    EXPIRES,
    REQUESTS,
    TOKENS,
    BYOK,
    MODELS,
    PROVIDERS,
    ADDRESSES,
    PRIVACY,
    REGION,
    KEY_PATCH_FIELDS,
    ROLE = KEY_PATCH_FIELDS,
    WORKSPACE,
    CREATOR,
    KEY_CREATE_FIELDS
};
extern const struct field key_create_fields[KEY_CREATE_FIELDS], key_patch_fields[KEY_PATCH_FIELDS];
extern const char *const key_resets[], *const key_roles[];

/* Checks the rules among v and writes those that were given. creating: v has KEY_CREATE_FIELDS values, else
 * KEY_PATCH_FIELDS. true: *out is given to the caller. false: the call has been answered. */
must_check bool key_body_rules(struct call *c, const struct value *v, bool creating, struct buf *out);
/* outcome: of the SQL function. true: it refused, and the call has been answered. */
must_check bool key_body_refused(struct call *c, struct view outcome);

#endif
