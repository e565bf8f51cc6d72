#include "roles.h"

#include <assert.h>
#include <stdint.h>

#define BIT(p) (UINT64_C(1) << PERM_##p)
_Static_assert(PERMISSIONS <= 64, "a set of permissions is one word");

#define READS                                                                                      \
    (BIT(SELF) | BIT(KEYS_READ) | BIT(BYOK_READ) | BIT(CREDITS_READ) | BIT(USAGE_READ) |           \
     BIT(WORKSPACES_READ))
/* all of one workspace, nothing of the organisation around it */
#define WORKSPACE (READS | BIT(KEYS_WRITE) | BIT(BYOK_WRITE) | BIT(CREDITS_WRITE) | BIT(AUDIT_READ))
#define ADMIN (WORKSPACE | BIT(MEMBERS_READ) | BIT(MEMBERS_WRITE) | BIT(WORKSPACES_WRITE))
#define OWNER (ADMIN | BIT(ORGANISATION_CLOSE))
#define DEVELOPER (READS | BIT(KEYS_WRITE) | BIT(BYOK_WRITE))
#define BILLING                                                                                    \
    (BIT(SELF) | BIT(CREDITS_READ) | BIT(CREDITS_WRITE) | BIT(USAGE_READ) | BIT(WORKSPACES_READ))
#define VIEWER (READS | BIT(MEMBERS_READ) | BIT(AUDIT_READ))
#define OPERATORS                                                                                  \
    (BIT(ACCOUNTS_READ) | BIT(ACCOUNTS_WRITE) | BIT(MONEY_WRITE) | BIT(CATALOG_READ) |             \
     BIT(CATALOG_WRITE) | BIT(FLEET_READ) | BIT(FLEET_WRITE) | BIT(LOG_WRITE) |                    \
     BIT(INCIDENTS_WRITE))

static const struct {
    const char *name;
    uint64_t may;
} table[ROLES] = {
    [ROLE_NOBODY] = {"nobody", BIT(SELF)},
    [ROLE_INFERENCE] = {"inference", BIT(SELF)},
    [ROLE_MANAGEMENT] = {"management", WORKSPACE},
    [ROLE_OPERATOR] = {"operator", OWNER | OPERATORS},
    [ROLE_OWNER] = {"owner", OWNER},
    [ROLE_ADMIN] = {"admin", ADMIN},
    [ROLE_DEVELOPER] = {"developer", DEVELOPER},
    [ROLE_BILLING] = {"billing", BILLING},
    [ROLE_VIEWER] = {"viewer", VIEWER},
    [ROLE_OPERATOR_OWNER] = {"operator.owner", OWNER | OPERATORS},
    [ROLE_OPERATOR_ADMIN] = {"operator.admin", ADMIN | OPERATORS},
    [ROLE_OPERATOR_DEVELOPER] = {"operator.developer", DEVELOPER | BIT(CATALOG_READ) | BIT(CATALOG_WRITE) |
                                                           BIT(FLEET_READ) | BIT(FLEET_WRITE)},
    [ROLE_OPERATOR_BILLING] = {"operator.billing", BILLING | BIT(ACCOUNTS_READ) | BIT(MONEY_WRITE)},
    [ROLE_OPERATOR_VIEWER] = {"operator.viewer",
                              VIEWER | BIT(ACCOUNTS_READ) | BIT(CATALOG_READ) | BIT(FLEET_READ)},
};

const char *const role_members[] = {"owner", "admin", "developer", "billing", "viewer", NULL};
_Static_assert(sizeof role_members / sizeof role_members[0] - 1 == ROLE_VIEWER - ROLE_OWNER + 1 &&
                   ROLE_OPERATOR_VIEWER - ROLE_OPERATOR_OWNER == ROLE_VIEWER - ROLE_OWNER,
               "the names are in the order of both lists");

enum role role_named(struct view name)
{
    for (enum role r = ROLE_INFERENCE; r <= ROLE_OPERATOR; r++)
        if (view_eq(name, view_str(table[r].name)))
            return r;
    return ROLE_NOBODY;
}

enum role role_of_member(struct view name, bool operators)
{
    for (unsigned i = 0; role_members[i] != NULL; i++)
        if (view_eq(name, view_str(role_members[i])))
            return (operators ? ROLE_OPERATOR_OWNER : ROLE_OWNER) + i;
    return ROLE_NOBODY;
}

bool role_may(enum role r, enum permission p)
{
    assert(r < ROLES && p < PERMISSIONS);
    return p == PERM_PUBLIC || (table[r].may & (UINT64_C(1) << p)) != 0;
}

bool role_grants(enum role own, enum role given)
{
    assert(own < ROLES && given < ROLES);
    return (table[given].may & ~table[own].may) == 0;
}

bool role_operates(enum role r)
{
    assert(r < ROLES);
    return (table[r].may & OPERATORS) != 0;
}

bool permission_of_operators(enum permission p)
{
    assert(p < PERMISSIONS);
    return (OPERATORS & (UINT64_C(1) << p)) != 0;
}

const char *role_name(enum role r)
{
    assert(r < ROLES);
    return table[r].name;
}

const char *permission_name(enum permission p)
{
    static const char *const names[PERMISSIONS] = {
        [PERM_PUBLIC] = "public",
        [PERM_SELF] = "self",
        [PERM_KEYS_READ] = "keys.read",
        [PERM_KEYS_WRITE] = "keys.write",
        [PERM_BYOK_READ] = "byok.read",
        [PERM_BYOK_WRITE] = "byok.write",
        [PERM_CREDITS_READ] = "credits.read",
        [PERM_CREDITS_WRITE] = "credits.write",
        [PERM_USAGE_READ] = "usage.read",
        [PERM_WORKSPACES_READ] = "workspaces.read",
        [PERM_MEMBERS_READ] = "members.read",
        [PERM_MEMBERS_WRITE] = "members.write",
        [PERM_WORKSPACES_WRITE] = "workspaces.write",
        [PERM_ORGANISATION_CLOSE] = "organisation.close",
        [PERM_AUDIT_READ] = "audit.read",
        [PERM_ACCOUNTS_READ] = "accounts.read",
        [PERM_ACCOUNTS_WRITE] = "accounts.write",
        [PERM_MONEY_WRITE] = "money.write",
        [PERM_CATALOG_READ] = "catalog.read",
        [PERM_CATALOG_WRITE] = "catalog.write",
        [PERM_FLEET_READ] = "fleet.read",
        [PERM_FLEET_WRITE] = "fleet.write",
        [PERM_LOG_WRITE] = "log.write",
        [PERM_INCIDENTS_WRITE] = "incidents.write",
    };

    assert(p < PERMISSIONS);
    return names[p];
}
