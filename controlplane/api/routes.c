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
    ROUTE("POST", "/auth/signup", PUBLIC, 0, "", handle_sign_up),
    ROUTE("POST", "/auth/login", PUBLIC, 0, "", handle_login),
    ROUTE("POST", "/auth/logout", SELF, R_SESSION, "", handle_logout),
    ROUTE("GET", "/auth/session", SELF, R_SESSION, "", handle_session),
    ROUTE("GET", "/auth/sessions", SELF, R_SESSION, "", handle_session_list),
    ROUTE("DELETE", "/auth/sessions", SELF, R_SESSION, "", handle_session_delete_all),
    ROUTE("DELETE", "/auth/sessions/{id}", SELF, R_SESSION, "", handle_session_delete),
    ROUTE("POST", "/auth/password", SELF, R_SESSION, "", handle_password),
    ROUTE("PATCH", "/auth/user", SELF, R_SESSION, "", handle_user_patch),
    ROUTE("GET", "/auth/recent-keys", SELF, R_SESSION, "", handle_recent_keys),
    ROUTE("POST", "/auth/recent-keys/disable", SELF, R_SESSION, "", handle_recent_keys_disable),
    ROUTE("GET", "/auth/oidc/{way}", PUBLIC, R_WRITES, "return_to link csrf", handle_oidc_start),
    ROUTE("POST", "/auth/oidc/{way}", PUBLIC, 0, "", handle_oidc_invited),
    ROUTE("GET", "/auth/oidc/{way}/callback", PUBLIC, R_WRITES,
          "code state iss error error_description error_uri session_state scope authuser hd prompt", handle_oidc_callback),
    ROUTE("GET", "/auth/identities", SELF, R_SESSION, "", handle_identity_list),
    ROUTE("DELETE", "/auth/identities/{id}", SELF, R_SESSION, "", handle_identity_delete),
    ROUTE("POST", "/auth/recover", PUBLIC, 0, "", handle_recover),
    ROUTE("POST", "/auth/recover/finish", PUBLIC, 0, "", handle_recover_finish),
    ROUTE("POST", "/auth/recover/code", PUBLIC, 0, "", handle_recover_code),
    ROUTE("GET", "/auth/recovery-codes", SELF, R_SESSION, "", handle_recovery_codes),
    ROUTE("POST", "/auth/recovery-codes", SELF, R_SESSION, "", handle_recovery_codes_make),
    ROUTE("POST", "/auth/wallet/nonce", PUBLIC, 0, "", handle_wallet_nonce),
    ROUTE("POST", "/auth/wallet", PUBLIC, 0, "", handle_wallet),
    ROUTE("POST", "/auth/wallets", SELF, R_SESSION, "", handle_wallet_add),
    ROUTE("POST", "/auth/passkey/options", PUBLIC, 0, "", handle_passkey_options),
    ROUTE("POST", "/auth/passkey", PUBLIC, 0, "", handle_passkey),
    ROUTE("POST", "/auth/passkeys/options", SELF, R_SESSION, "", handle_passkey_add_options),
    ROUTE("GET", "/auth/passkeys", SELF, R_SESSION, "", handle_passkey_list),
    ROUTE("POST", "/auth/passkeys", SELF, R_SESSION, "", handle_passkey_add),
    ROUTE("PATCH", "/auth/passkeys/{id}", SELF, R_SESSION, "", handle_passkey_patch),
    ROUTE("DELETE", "/auth/passkeys/{id}", SELF, R_SESSION, "", handle_passkey_delete),
    ROUTE("POST", "/auth/keys/code", KEYS_WRITE, 0, "", handle_auth_code),
    ROUTE("POST", "/auth/keys", PUBLIC, 0, "", handle_auth_key),
    ROUTE("GET", "/organisation", WORKSPACES_READ, 0, "", handle_organisation_get),
    ROUTE("PATCH", "/organisation", WORKSPACES_WRITE, 0, "", handle_organisation_patch),
    ROUTE("DELETE", "/organisation", ORGANISATION_CLOSE, 0, "", handle_organisation_delete),
    ROUTE("POST", "/organisation/leave", SELF, R_SESSION, "", handle_member_leave),
    ROUTE("GET", "/members", MEMBERS_READ, 0, "limit cursor", handle_member_list),
    ROUTE("GET", "/members/{id}", MEMBERS_READ, 0, "", handle_member_get),
    ROUTE("PATCH", "/members/{id}", MEMBERS_WRITE, 0, "", handle_member_patch),
    ROUTE("DELETE", "/members/{id}", MEMBERS_WRITE, 0, "", handle_member_delete),
    ROUTE("POST", "/invitations/accept", PUBLIC, 0, "", handle_invitation_accept),
    ROUTE("GET", "/invitations", MEMBERS_READ, 0, "", handle_invitation_list),
    ROUTE("POST", "/invitations", MEMBERS_WRITE, 0, "", handle_invitation_create),
    ROUTE("GET", "/invitations/{id}", MEMBERS_READ, 0, "", handle_invitation_get),
    ROUTE("DELETE", "/invitations/{id}", MEMBERS_WRITE, 0, "", handle_invitation_delete),
    ROUTE("GET", "/workspaces", WORKSPACES_READ, 0, "limit offset", handle_workspace_list),
    ROUTE("POST", "/workspaces", WORKSPACES_WRITE, 0, "", handle_workspace_create),
    ROUTE("GET", "/workspaces/{id}", WORKSPACES_READ, 0, "", handle_workspace_get),
    ROUTE("PATCH", "/workspaces/{id}", WORKSPACES_WRITE, 0, "", handle_workspace_patch),
    ROUTE("DELETE", "/workspaces/{id}", WORKSPACES_WRITE, 0, "", handle_workspace_delete),
    ROUTE("GET", "/accounts", ACCOUNTS_READ, 0, "q state limit cursor", handle_account_list),
    ROUTE("POST", "/accounts", ACCOUNTS_WRITE, 0, "", handle_account_create),
    ROUTE("GET", "/accounts/{id}", ACCOUNTS_READ, 0, "", handle_account_get),
    ROUTE("PATCH", "/accounts/{id}", ACCOUNTS_WRITE, 0, "", handle_account_patch),

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
    ROUTE("GET", "/credits/transfers", CREDITS_READ, 0, "limit cursor kind", handle_movement_list),
    ROUTE("POST", "/credits/transfer", CREDITS_WRITE, R_OWN_IDEMPOTENCY | R_ACTIVE, "", handle_transfer),
    ROUTE("POST", "/credits/topup", MONEY_WRITE, R_OWN_IDEMPOTENCY, "", handle_topup),
    ROUTE("POST", "/credits/refund", MONEY_WRITE, R_OWN_IDEMPOTENCY, "", handle_refund),
    ROUTE("POST", "/credits/adjust", MONEY_WRITE, R_OWN_IDEMPOTENCY, "", handle_adjust),
    ROUTE("POST", "/credits/promotion", MONEY_WRITE, R_OWN_IDEMPOTENCY, "", handle_promotion),
    ROUTE("POST", "/credits/reverse", MONEY_WRITE, R_OWN_IDEMPOTENCY, "", handle_reverse),
    ROUTE("GET", "/credits/terms", CREDITS_READ, 0, "", handle_terms_list),
    ROUTE("POST", "/credits/terms", MONEY_WRITE, 0, "", handle_terms_set),
    ROUTE("GET", "/statements", CREDITS_READ, 0, "", handle_statement_list),
    ROUTE("GET", "/statements/{month}", CREDITS_READ, 0, "format", handle_statement),

    /* --- payments */
    ROUTE("GET", "/payments", CREDITS_READ, 0, "limit cursor", handle_payment_list),
    ROUTE("GET", "/invoices", CREDITS_READ, 0, "limit cursor", handle_invoice_list),
    ROUTE("POST", "/payments/checkout", CREDITS_WRITE, 0, "", handle_payment_checkout),
    ROUTE("POST", "/payments/setup", CREDITS_WRITE, 0, "", handle_payment_setup),
    ROUTE("GET", "/payments/auto-topup", CREDITS_READ, 0, "", handle_auto_topup_get),
    ROUTE("PUT", "/payments/auto-topup", CREDITS_WRITE, 0, "", handle_auto_topup_put),
    ROUTE("DELETE", "/payments/auto-topup", CREDITS_WRITE, 0, "", handle_auto_topup_delete),
    ROUTE("GET", "/payments/methods", CREDITS_READ, 0, "", handle_payment_methods),
    ROUTE("DELETE", "/payments/methods/{id}", CREDITS_WRITE, 0, "", handle_payment_method_delete),
    ROUTE("GET", "/payments/credit-line", CREDITS_READ, 0, "", handle_credit_line_get),
    ROUTE("PUT", "/payments/credit-line", MONEY_WRITE, 0, "", handle_credit_line_set),
    ROUTE("POST", "/payments/{id}/refund", MONEY_WRITE, 0, "", handle_payment_refund),
    ROUTE("GET", "/payments/{id}", CREDITS_READ, 0, "", handle_payment_get),
    ROUTE("POST", "/credits/migration-requests", CREDITS_WRITE, 0, "", handle_credit_request_create),
    ROUTE("GET", "/credits/migration-requests", CREDITS_READ, 0, "", handle_credit_request_list),
    ROUTE("GET", "/migration-requests", MONEY_WRITE, 0, "status", handle_credit_request_queue),
    ROUTE("POST", "/migration-requests/{id}", MONEY_WRITE, 0, "", handle_credit_request_decide),
    ROUTE("POST", "/webhooks/stripe", PUBLIC, R_OWN_RATE, "", handle_webhook_stripe),

    /* --- usage */
    ROUTE("GET", "/activity", USAGE_READ, R_RELAYED, "date api_key_hash from to", handle_activity),
    ROUTE("GET", "/activity.csv", USAGE_READ, 0, "from to cursor", handle_activity_csv),
    ROUTE("GET", "/activity/live", USAGE_READ, 0, "", handle_activity_live),
    ROUTE("GET", "/analytics", USAGE_READ, 0, "group_by from to model provider api_key_hash", handle_analytics),
    ROUTE("GET", "/retention", USAGE_READ, 0, "limit cursor", handle_retention),
    ROUTE("PATCH", "/retention", WORKSPACES_WRITE, 0, "", handle_retention_set),
    ROUTE("GET", "/generations", USAGE_READ, 0, "limit cursor model provider api_key_hash status from to", handle_generation_list),
    ROUTE("GET", "/generations.csv", USAGE_READ, 0, "cursor model provider api_key_hash status from to", handle_generation_csv),
    ROUTE("GET", "/generation", SELF, R_RELAYED, "id", handle_generation),
    ROUTE("GET", "/generation/content", SELF, R_RELAYED, "id", handle_generation_content),

    /* --- catalog, provider keys of the operator */
    ROUTE("GET", "/catalog", CATALOG_READ, 0, "model", handle_catalog),
    ROUTE("GET", "/catalog/versions", CATALOG_READ, 0, "limit cursor", handle_catalog_versions),
    ROUTE("GET", "/catalog/versions/{n}", CATALOG_READ, 0, "", handle_catalog_version),
    ROUTE("GET", "/catalog/versions/{n}/acks", CATALOG_READ, 0, "", handle_catalog_acks),
    ROUTE("POST", "/catalog/versions/{n}/publish", CATALOG_WRITE, 0, "", handle_catalog_publish),
    ROUTE("GET", "/catalog/diff", CATALOG_READ, 0, "from to", handle_catalog_diff),
    ROUTE("POST", "/catalog/drafts", CATALOG_WRITE, R_LARGE, "base", handle_catalog_draft),
    ROUTE("POST", "/catalog/rollback", CATALOG_WRITE, 0, "base", handle_catalog_rollback),
    ROUTE("PATCH", "/catalog/models/{*}", CATALOG_WRITE, 0, "base", handle_catalog_model),
    ROUTE("PATCH", "/catalog/endpoints/{no}", CATALOG_WRITE, 0, "base", handle_catalog_endpoint),
    ROUTE("PATCH", "/catalog/aliases/{*}", CATALOG_WRITE, 0, "base", handle_catalog_alias),
    ROUTE("DELETE", "/catalog/aliases/{*}", CATALOG_WRITE, 0, "base", handle_catalog_alias_delete),
    ROUTE("PATCH", "/catalog/synths/{*}", CATALOG_WRITE, 0, "base", handle_catalog_synth),
    ROUTE("DELETE", "/catalog/synths/{*}", CATALOG_WRITE, 0, "base", handle_catalog_synth_delete),
    ROUTE("GET", "/provider-keys", CATALOG_READ, 0, "provider", handle_provider_keys),
    ROUTE("POST", "/provider-keys", CATALOG_WRITE, 0, "", handle_provider_key_create),
    ROUTE("POST", "/provider-keys/rewrap", CATALOG_WRITE, 0, "", handle_provider_keys_rewrap),
    ROUTE("GET", "/provider-keys/{id}", CATALOG_READ, 0, "", handle_provider_key),
    ROUTE("PATCH", "/provider-keys/{id}", CATALOG_WRITE, 0, "", handle_provider_key_patch),
    ROUTE("DELETE", "/provider-keys/{id}", CATALOG_WRITE, 0, "", handle_provider_key_delete),

    /* --- attestation policy, data planes, incidents */
    ROUTE("GET", "/policy", FLEET_READ, 0, "", handle_policy),
    ROUTE("POST", "/policy", FLEET_WRITE, R_LARGE, "base", handle_policy_create),
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
    ROUTE("GET", "/audit", AUDIT_READ, 0, "scope from until limit cursor", handle_audit_list),
    ROUTE("GET", "/audit/export", AUDIT_READ, 0, "scope from until cursor", handle_audit_export),
    ROUTE("GET", "/audit/verify", AUDIT_READ, 0, "scope seq hash", handle_audit_verify),

    /* --- health, documents, for anyone */
    ROUTE("GET", "/health", PUBLIC, 0, "", handle_health),
    ROUTE("GET", "/readyz", PUBLIC, 0, "", handle_ready),
    ROUTE("GET", "/healthz", PUBLIC, 0, "", handle_alive),
    ROUTE("GET", "/openapi.json", PUBLIC, 0, "", handle_openapi),

    /* --- the console */
    ROUTE("GET", "/console", PUBLIC, 0, "", handle_console),
    ROUTE("GET", "/.well-known/security.txt", PUBLIC, 0, "", handle_security_txt),

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
