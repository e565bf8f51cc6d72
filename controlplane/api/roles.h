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
    PERM_WORKSPACES_READ,
    /* in the caller's organisation */
    PERM_MEMBERS_READ,
    PERM_MEMBERS_WRITE,
    PERM_WORKSPACES_WRITE, /* and the organisation's name */
    PERM_ORGANISATION_CLOSE,
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

enum role {
    ROLE_NOBODY, /* also a user who belongs to no organisation: SELF only */
    /* kinds of keys */
    ROLE_INFERENCE,
    ROLE_MANAGEMENT,
    ROLE_OPERATOR,
    /* members of a customer's organisation */
    ROLE_OWNER,
    ROLE_ADMIN,
    ROLE_DEVELOPER,
    ROLE_BILLING,
    ROLE_VIEWER,
    /* members of the operator's organisation, in the same order */
    ROLE_OPERATOR_OWNER,
    ROLE_OPERATOR_ADMIN,
    ROLE_OPERATOR_DEVELOPER,
    ROLE_OPERATOR_BILLING,
    ROLE_OPERATOR_VIEWER,
    ROLES
};

/* Of a key, by its name in the database; ROLE_NOBODY for a name that is none. */
enum role role_named(struct view name);
/* Of a member of a customer's organisation or of the operator's. */
enum role role_of_member(struct view name, bool operators);
/* The names of members' roles, the highest first; ends with NULL. */
extern const char *const role_members[];
bool role_may(enum role r, enum permission p);
/* May somebody with the role `own` give the role `given`, or take it away? Only if it allows nothing that
 * their own does not. */
bool role_grants(enum role own, enum role given);
/* An operator: a key of that kind, or a member of the operator's organisation. */
bool role_operates(enum role r);
/* Only operators have it. */
bool permission_of_operators(enum permission p);
/* "keys.read": as it is shown. */
const char *permission_name(enum permission p);
/* "operator.billing": as it is shown; of a key its name in the database. */
const char *role_name(enum role r);

#endif
