/* What a caller may do. A route names one permission; a role is a set of them, written out in roles.c. */
#ifndef TR_CONTROLPLANE_API_ROLES_H
#define TR_CONTROLPLANE_API_ROLES_H

#include "view.h"

#include <stdbool.h>

enum permission {
    PERM_PUBLIC, /* no credential is looked at */
    PERM_SELF,   /* any credential: what concerns the caller alone */
    /* in the caller's account */
    PERM_KEYS_READ,
    PERM_KEYS_WRITE,
    PERM_BYOK_READ,
    PERM_BYOK_WRITE,
    PERM_CREDITS_READ,
    PERM_CREDITS_WRITE, /* buy credits, change how they are paid */
    PERM_USAGE_READ,
    PERM_MEMBERS_READ,
    PERM_MEMBERS_WRITE,
    PERM_WORKSPACES_WRITE,
    PERM_AUDIT_READ,
    /* of operators, for every account */
    PERM_ACCOUNTS_READ,
    PERM_ACCOUNTS_WRITE,
    PERM_MONEY_WRITE, /* top-ups, refunds, adjustments, promotions */
    PERM_CATALOG_READ,
    PERM_CATALOG_WRITE,
    PERM_FLEET_READ,
    PERM_FLEET_WRITE,
    PERM_LOG_WRITE, /* releases into the transparency log */
    PERM_INCIDENTS_WRITE,
    PERMISSIONS
};

/* Kinds of keys. */
enum role { ROLE_NOBODY, ROLE_INFERENCE, ROLE_MANAGEMENT, ROLE_OPERATOR, ROLES };

/* By its name in the database; ROLE_NOBODY for a name that is none. */
enum role role_named(struct view name);
bool role_may(enum role r, enum permission p);
/* Only operators have it. */
bool permission_of_operators(enum permission p);
/* "keys.read": as it is shown. */
const char *permission_name(enum permission p);

#endif
