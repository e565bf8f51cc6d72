/* Who may do what, written out: every role with every permission, and who may give which role. The table here is
 * independent of the sets in roles.c, so that a wrong set is seen. */
#include "../../controlplane/api/roles.c"

#include "check.h"

/* One column per role, in the order of enum role: nobody, inference, management, operator; owner, admin, developer,
 * billing, viewer; the same five of the operator's organisation. x: may. */
static const struct {
    enum permission permission;
    const char *may;
} matrix[] = {
    /*                           nimo oadbv oadbv */
    {PERM_PUBLIC, /*          */ "xxxx xxxxx xxxxx"},
    {PERM_SELF, /*            */ "xxxx xxxxx xxxxx"},
    {PERM_KEYS_READ, /*       */ "--xx xxx-x xxx-x"},
    {PERM_KEYS_WRITE, /*      */ "--xx xxx-- xxx--"},
    {PERM_BYOK_READ, /*       */ "--xx xxx-x xxx-x"},
    {PERM_BYOK_WRITE, /*      */ "--xx xxx-- xxx--"},
    {PERM_CREDITS_READ, /*    */ "--xx xxxxx xxxxx"},
    {PERM_CREDITS_WRITE, /*   */ "--xx xx-x- xx-x-"},
    {PERM_USAGE_READ, /*      */ "--xx xxxxx xxxxx"},
    {PERM_WORKSPACES_READ, /* */ "--xx xxxxx xxxxx"},
    {PERM_MEMBERS_READ, /*    */ "---x xx--x xx--x"},
    {PERM_MEMBERS_WRITE, /*   */ "---x xx--- xx---"},
    {PERM_WORKSPACES_WRITE, /**/ "---x xx--- xx---"},
    {PERM_ORGANISATION_CLOSE, /**/ "---x x---- x----"},
    {PERM_AUDIT_READ, /*      */ "--xx xx--x xx--x"},
    {PERM_ACCOUNTS_READ, /*   */ "---x ----- xx-xx"},
    {PERM_ACCOUNTS_WRITE, /*  */ "---x ----- xx---"},
    {PERM_MONEY_WRITE, /*     */ "---x ----- xx-x-"},
    {PERM_CATALOG_READ, /*    */ "---x ----- xxx-x"},
    {PERM_CATALOG_WRITE, /*   */ "---x ----- xxx--"},
    {PERM_FLEET_READ, /*      */ "---x ----- xxx-x"},
    {PERM_FLEET_WRITE, /*     */ "---x ----- xxx--"},
    {PERM_LOG_WRITE, /*       */ "---x ----- xx---"},
    {PERM_INCIDENTS_WRITE, /* */ "---x ----- xx---"},
};
_Static_assert(sizeof matrix / sizeof matrix[0] == PERMISSIONS, "every permission has a row");

/* The n-th mark of a row, spaces aside. */
static char mark(const char *row, unsigned n)
{
    while (*row == ' ' || n > 0)
        n -= *row++ != ' ';
    return *row;
}

static void every_role_every_permission(void)
{
    unsigned cells = 0;

    for (size_t i = 0; i < sizeof matrix / sizeof matrix[0]; i++) {
        CHECK_INT(matrix[i].permission, i);
        for (enum role r = ROLE_NOBODY; r < ROLES; r++, cells++)
            if (role_may(r, matrix[i].permission) != (mark(matrix[i].may, r) == 'x')) {
                printf("# %s, %s\n", role_name(r), permission_name(matrix[i].permission));
                CHECK(false);
            }
    }
    CHECK_INT(cells, PERMISSIONS * ROLES);
}

/* Nobody gives a role above their own. */
static void who_gives_what(void)
{
    static const struct {
        enum role own, given;
        bool may;
    } cases[] = {
        {ROLE_OWNER, ROLE_OWNER, true},
        {ROLE_OWNER, ROLE_VIEWER, true},
        {ROLE_ADMIN, ROLE_OWNER, false},
        {ROLE_ADMIN, ROLE_ADMIN, true},
        {ROLE_ADMIN, ROLE_BILLING, true},
        {ROLE_DEVELOPER, ROLE_DEVELOPER, true},
        {ROLE_DEVELOPER, ROLE_BILLING, false},
        {ROLE_DEVELOPER, ROLE_INFERENCE, true},
        {ROLE_DEVELOPER, ROLE_MANAGEMENT, false},
        {ROLE_ADMIN, ROLE_MANAGEMENT, true},
        {ROLE_MANAGEMENT, ROLE_MANAGEMENT, true},
        {ROLE_MANAGEMENT, ROLE_OPERATOR, false},
        {ROLE_OWNER, ROLE_OPERATOR, false},
        {ROLE_OWNER, ROLE_OPERATOR_VIEWER, false},
        {ROLE_OPERATOR, ROLE_OPERATOR, true},
        {ROLE_OPERATOR, ROLE_OPERATOR_OWNER, true},
        {ROLE_OPERATOR_ADMIN, ROLE_OPERATOR, false}, /* which may close organisations */
        {ROLE_OPERATOR_DEVELOPER, ROLE_OPERATOR, false},
        {ROLE_OPERATOR_BILLING, ROLE_OPERATOR_DEVELOPER, false},
        {ROLE_OPERATOR_OWNER, ROLE_OPERATOR, true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (role_grants(cases[i].own, cases[i].given) != cases[i].may) {
            printf("# %s gives %s\n", role_name(cases[i].own), role_name(cases[i].given));
            CHECK(false);
        }
}

static void names(void)
{
    CHECK_INT(role_named(VIEW_LIT("inference")), ROLE_INFERENCE);
    CHECK_INT(role_named(VIEW_LIT("operator")), ROLE_OPERATOR);
    CHECK_INT(role_named(VIEW_LIT("owner")), ROLE_NOBODY); /* a member's, not a key's */
    CHECK_INT(role_named(VIEW_LIT("")), ROLE_NOBODY);
    CHECK_INT(role_of_member(VIEW_LIT("owner"), false), ROLE_OWNER);
    CHECK_INT(role_of_member(VIEW_LIT("viewer"), false), ROLE_VIEWER);
    CHECK_INT(role_of_member(VIEW_LIT("owner"), true), ROLE_OPERATOR_OWNER);
    CHECK_INT(role_of_member(VIEW_LIT("viewer"), true), ROLE_OPERATOR_VIEWER);
    CHECK_INT(role_of_member(VIEW_LIT("operator"), true), ROLE_NOBODY);
    for (enum permission p = PERM_PUBLIC; p < PERMISSIONS; p++)
        CHECK(permission_name(p) != NULL && permission_name(p)[0] != '\0');
    CHECK(role_operates(ROLE_OPERATOR_VIEWER) && !role_operates(ROLE_OWNER));
}

static const struct check_case cases[] = {
    {"every role with every permission", every_role_every_permission},
    {"nobody gives a role above their own", who_gives_what},
    {"names of roles and permissions", names},
};
CHECK_MAIN(cases)
