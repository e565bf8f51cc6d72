#include "roles.h"

#include <assert.h>
#include <stdint.h>

#define BIT(p) (UINT64_C(1) << PERM_##p)
_Static_assert(PERMISSIONS <= 64, "a set of permissions is one word");

static const uint64_t inference = BIT(SELF);
static const uint64_t customer = BIT(SELF) | BIT(KEYS_READ) | BIT(KEYS_WRITE) | BIT(BYOK_READ) |
                                 BIT(BYOK_WRITE) | BIT(CREDITS_READ) | BIT(CREDITS_WRITE) |
                                 BIT(USAGE_READ) | BIT(MEMBERS_READ) | BIT(MEMBERS_WRITE) |
                                 BIT(WORKSPACES_WRITE) | BIT(AUDIT_READ);
static const uint64_t operators = BIT(ACCOUNTS_READ) | BIT(ACCOUNTS_WRITE) | BIT(MONEY_WRITE) |
                                  BIT(CATALOG_READ) | BIT(CATALOG_WRITE) | BIT(FLEET_READ) |
                                  BIT(FLEET_WRITE) | BIT(LOG_WRITE) | BIT(INCIDENTS_WRITE);

static uint64_t may(enum role r)
{
    const uint64_t sets[ROLES] = {
        [ROLE_INFERENCE] = inference,
        [ROLE_MANAGEMENT] = customer,
        [ROLE_OPERATOR] = customer | operators,
    };

    assert(r < ROLES);
    return sets[r];
}

enum role role_named(struct view name)
{
    static const char *const names[ROLES] = {
        [ROLE_INFERENCE] = "inference",
        [ROLE_MANAGEMENT] = "management",
        [ROLE_OPERATOR] = "operator",
    };

    for (enum role r = ROLE_INFERENCE; r < ROLES; r++)
        if (view_eq(name, view_str(names[r])))
            return r;
    return ROLE_NOBODY;
}

bool role_may(enum role r, enum permission p)
{
    assert(p < PERMISSIONS);
    return p == PERM_PUBLIC || (may(r) & (UINT64_C(1) << p)) != 0;
}

bool permission_of_operators(enum permission p)
{
    assert(p < PERMISSIONS);
    return (operators & (UINT64_C(1) << p)) != 0;
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
        [PERM_MEMBERS_READ] = "members.read",
        [PERM_MEMBERS_WRITE] = "members.write",
        [PERM_WORKSPACES_WRITE] = "workspaces.write",
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
