#include "routes.h"
#include "handlers.h"

#define ROUTE(method, path, permission, flags, query, handler)                                     \
    {                                                                                              \
        method, path, PERM_##permission, flags, query, handler,                                    \
        {                                                                                          \
#handler                                                                               \
        }                                                                                          \
    }

/* clang-format off */
const struct route routes[] = {
    /* --- who calls, accounts, members (access.inc) */
    ROUTE("POST", "/accounts", ACCOUNTS_WRITE, 0, "", handle_account_create),

    /* --- keys */
    ROUTE("GET", "/key", SELF, R_RELAYED, "", handle_key_self),
    ROUTE("GET", "/keys", KEYS_READ, R_RELAYED, "offset include_disabled", handle_key_list),
    ROUTE("POST", "/keys", KEYS_WRITE, R_RELAYED, "", handle_key_create),
    ROUTE("GET", "/keys/{hash}", KEYS_READ, R_RELAYED, "", handle_key_get),
    ROUTE("PATCH", "/keys/{hash}", KEYS_WRITE, R_RELAYED, "", handle_key_patch),
    ROUTE("DELETE", "/keys/{hash}", KEYS_WRITE, R_RELAYED, "", handle_key_delete),
    ROUTE("POST", "/keys/{hash}/rotate", KEYS_WRITE, R_RELAYED, "", handle_key_rotate),

    /* --- customers' own provider keys */
    ROUTE("GET", "/byok", BYOK_READ, R_RELAYED, "provider", handle_byok_list),
    ROUTE("POST", "/byok", BYOK_WRITE, R_RELAYED, "", handle_byok_create),
    ROUTE("GET", "/byok/{id}", BYOK_READ, R_RELAYED, "", handle_byok_get),
    ROUTE("PATCH", "/byok/{id}", BYOK_WRITE, R_RELAYED, "", handle_byok_patch),
    ROUTE("DELETE", "/byok/{id}", BYOK_WRITE, R_RELAYED, "", handle_byok_delete),

    /* --- money: balances, movements, statements */
    ROUTE("GET", "/credits", CREDITS_READ, R_RELAYED, "", handle_credits),
    ROUTE("POST", "/credits/topup", MONEY_WRITE, 0, "", handle_topup),

    /* --- payments */

    /* --- usage */
    ROUTE("GET", "/activity", USAGE_READ, R_RELAYED, "date api_key_hash", handle_activity),
    ROUTE("GET", "/generation", SELF, R_RELAYED, "id", handle_generation),
    ROUTE("GET", "/generation/content", SELF, R_RELAYED, "id", handle_generation_content),

    /* --- catalog, provider keys of the operator */

    /* --- attestation policy, data planes, incidents */

    /* --- audit trail */

    /* --- health, documents, for anyone */
    ROUTE("GET", "/health", PUBLIC, 0, "", handle_health),
    ROUTE("GET", "/readyz", PUBLIC, 0, "", handle_ready),
    ROUTE("GET", "/healthz", PUBLIC, 0, "", handle_alive),

    /* --- the transparency log */
    ROUTE("POST", "/releases", LOG_WRITE, 0, "", handle_log_release),
    ROUTE("GET", "/attestation/transparency", PUBLIC, 0, "before", handle_log_list),
    ROUTE("GET", "/attestation/transparency/head", PUBLIC, 0, "", handle_log_head),
    ROUTE("GET", "/attestation/transparency/consistency", PUBLIC, 0, "from", handle_log_consistency),
    ROUTE("GET", "/attestation/transparency/{index}", PUBLIC, 0, "", handle_log_entry),
    ROUTE("GET", "/checkpoint", PUBLIC, 0, "", handle_checkpoint),
    ROUTE("GET", "/tile/{*}", PUBLIC, 0, "", handle_tile),
};
/* clang-format on */
const size_t routes_count = sizeof routes / sizeof routes[0];

/* The part before the separator; *rest is what is behind it. */
static struct view cut(struct view *rest, uint8_t separator)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->ptr, separator, rest->len);
    struct view part = view_of(rest->ptr, end == NULL ? rest->len : (size_t)(end - rest->ptr));

    *rest = view_from(*rest, part.len + 1);
    return part;
}

static bool takes(const struct route *r, struct view name)
{
    struct view rest = view_str(r->query);

    while (rest.len > 0)
        if (view_eq(cut(&rest, ' '), name))
            return true;
    return false;
}

static bool is_in(struct view query, struct view name)
{
    while (query.len > 0) {
        struct view pair = cut(&query, '&');

        if (view_eq(cut(&pair, '='), name))
            return true;
    }
    return false;
}

bool route_refuses(const struct route *r, struct view query, struct view *name, bool *twice)
{
    while (query.len > 0) {
        struct view pair = cut(&query, '&');

        *name = cut(&pair, '=');
        *twice = is_in(query, *name);
        if (name->len > 0 && (*twice || !takes(r, *name)))
            return true;
    }
    return false;
}
