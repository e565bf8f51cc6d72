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
    ROUTE("GET", "/catalog", CATALOG_READ, 0, "model", handle_catalog),
    ROUTE("GET", "/catalog/versions", CATALOG_READ, 0, "limit cursor", handle_catalog_versions),
    ROUTE("GET", "/catalog/versions/{n}", CATALOG_READ, 0, "", handle_catalog_version),
    ROUTE("GET", "/catalog/versions/{n}/acks", CATALOG_READ, 0, "", handle_catalog_acks),
    ROUTE("POST", "/catalog/versions/{n}/publish", CATALOG_WRITE, 0, "", handle_catalog_publish),
    ROUTE("GET", "/catalog/diff", CATALOG_READ, 0, "from to", handle_catalog_diff),
    ROUTE("POST", "/catalog/drafts", CATALOG_WRITE, R_LARGE, "", handle_catalog_draft),
    ROUTE("POST", "/catalog/rollback", CATALOG_WRITE, 0, "", handle_catalog_rollback),
    ROUTE("PATCH", "/catalog/models/{*}", CATALOG_WRITE, 0, "", handle_catalog_model),
    ROUTE("PATCH", "/catalog/endpoints/{no}", CATALOG_WRITE, 0, "", handle_catalog_endpoint),
    ROUTE("PATCH", "/catalog/aliases/{*}", CATALOG_WRITE, 0, "", handle_catalog_alias),
    ROUTE("DELETE", "/catalog/aliases/{*}", CATALOG_WRITE, 0, "", handle_catalog_alias_delete),
    ROUTE("GET", "/provider-keys", CATALOG_READ, 0, "provider", handle_provider_keys),
    ROUTE("POST", "/provider-keys", CATALOG_WRITE, 0, "", handle_provider_key_create),
    ROUTE("POST", "/provider-keys/rewrap", CATALOG_WRITE, 0, "", handle_provider_keys_rewrap),
    ROUTE("GET", "/provider-keys/{id}", CATALOG_READ, 0, "", handle_provider_key),
    ROUTE("PATCH", "/provider-keys/{id}", CATALOG_WRITE, 0, "", handle_provider_key_patch),
    ROUTE("DELETE", "/provider-keys/{id}", CATALOG_WRITE, 0, "", handle_provider_key_delete),

    /* --- attestation policy, data planes, incidents */
    ROUTE("GET", "/policy", FLEET_READ, 0, "", handle_policy),
    ROUTE("POST", "/policy", FLEET_WRITE, R_LARGE, "", handle_policy_create),
    ROUTE("GET", "/policy/versions", FLEET_READ, 0, "limit cursor", handle_policy_versions),
    ROUTE("GET", "/policy/versions/{n}", FLEET_READ, 0, "", handle_policy_version),
    ROUTE("GET", "/dataplanes", FLEET_READ, 0, "", handle_dataplanes),
    ROUTE("GET", "/dataplanes/{boot}/history", FLEET_READ, 0, "limit cursor", handle_dataplane_history),
    ROUTE("POST", "/dataplanes/{boot}/drain", FLEET_WRITE, 0, "", handle_dataplane_drain),
    ROUTE("POST", "/dataplanes/{boot}/evict", FLEET_WRITE, 0, "", handle_dataplane_evict),
    ROUTE("POST", "/dataplanes/{boot}/resume", FLEET_WRITE, 0, "", handle_dataplane_resume),
    ROUTE("GET", "/status.json", PUBLIC, 0, "", handle_status),
    ROUTE("GET", "/incidents", PUBLIC, 0, "limit cursor", handle_incidents),
    ROUTE("POST", "/incidents", INCIDENTS_WRITE, 0, "", handle_incident_create),
    ROUTE("GET", "/incidents/{id}", PUBLIC, 0, "", handle_incident),
    ROUTE("PATCH", "/incidents/{id}", INCIDENTS_WRITE, 0, "", handle_incident_patch),

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

bool route_picks(const struct route *r)
{
    return r->permission != PERM_PUBLIC && !permission_of_operators(r->permission);
}

static bool takes(const struct route *r, struct view name)
{
    struct view rest = view_str(r->query);

    while (rest.len > 0)
        if (view_eq(cut(&rest, ' '), name))
            return true;
    return route_picks(r) &&
           (view_eq(name, VIEW_LIT("account_id")) || view_eq(name, VIEW_LIT("workspace_id")));
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
