/* The handlers of the route table, one file per subject. */
#ifndef TR_CONTROLPLANE_API_HANDLERS_H
#define TR_CONTROLPLANE_API_HANDLERS_H

#include "call.h"

/* sessions.c, sign_up.c: users and their sessions */
void handle_login(struct call *c);
void handle_logout(struct call *c);
void handle_session(struct call *c);
void handle_session_list(struct call *c);
void handle_session_delete(struct call *c);
void handle_session_delete_all(struct call *c);
void handle_password(struct call *c);
void handle_sign_up(struct call *c);
void handle_invitation_accept(struct call *c);
/* user.c: the user's name and recent keys */
void handle_user_patch(struct call *c);
void handle_recent_keys(struct call *c);
void handle_recent_keys_disable(struct call *c);
/* oidc.c, identities.c, recovery.c: signing in elsewhere, and when nothing else is left */
void handle_oidc_start(struct call *c);
void handle_oidc_invited(struct call *c);
void handle_oidc_callback(struct call *c);
void handle_identity_list(struct call *c);
void handle_identity_delete(struct call *c);
void handle_passkey_delete(struct call *c);
void handle_recover(struct call *c);
void handle_recover_finish(struct call *c);
void handle_recover_code(struct call *c);
void handle_recovery_codes(struct call *c);
void handle_recovery_codes_make(struct call *c);
/* wallets.c, passkeys.c: ways to sign in */
void handle_wallet_nonce(struct call *c);
void handle_wallet(struct call *c);
void handle_wallet_add(struct call *c);
void handle_passkey_options(struct call *c);
void handle_passkey(struct call *c);
void handle_passkey_add_options(struct call *c);
void handle_passkey_list(struct call *c);
void handle_passkey_add(struct call *c);
void handle_passkey_patch(struct call *c);
/* delegation.c: keys for other programs */
void handle_auth_code(struct call *c);
void handle_auth_key(struct call *c);
/* members.c */
void handle_member_list(struct call *c);
void handle_member_get(struct call *c);
void handle_member_patch(struct call *c);
void handle_member_delete(struct call *c);
void handle_member_leave(struct call *c);
void handle_invitation_list(struct call *c);
void handle_invitation_create(struct call *c);
void handle_invitation_get(struct call *c);
void handle_invitation_delete(struct call *c);
/* organisation.c */
void handle_organisation_get(struct call *c);
void handle_organisation_patch(struct call *c);
void handle_organisation_delete(struct call *c);
void handle_workspace_list(struct call *c);
void handle_workspace_create(struct call *c);
void handle_workspace_get(struct call *c);
void handle_workspace_patch(struct call *c);
void handle_workspace_delete(struct call *c);
/* accounts.c: for operators */
void handle_account_list(struct call *c);
void handle_account_get(struct call *c);
void handle_account_patch(struct call *c);
/* keys.c */
void handle_key_self(struct call *c);
void handle_key_list(struct call *c);
void handle_key_create(struct call *c);
void handle_key_get(struct call *c);
void handle_key_patch(struct call *c);
void handle_key_delete(struct call *c);
void handle_key_rotate(struct call *c);
/* byok.c */
void handle_byok_list(struct call *c);
void handle_byok_create(struct call *c);
void handle_byok_get(struct call *c);
void handle_byok_patch(struct call *c);
void handle_byok_delete(struct call *c);
/* credits.c */
void handle_credits(struct call *c);
void handle_account_create(struct call *c);
/* movements.c */
void handle_topup(struct call *c);
void handle_refund(struct call *c);
void handle_adjust(struct call *c);
void handle_promotion(struct call *c);
void handle_reverse(struct call *c);
void handle_transfer(struct call *c);
/* terms.c */
void handle_terms_list(struct call *c);
void handle_terms_set(struct call *c);
/* statements.c */
void handle_movement_list(struct call *c);
void handle_statement_list(struct call *c);
void handle_statement(struct call *c);
/* payments.c: what customers do */
void handle_payment_list(struct call *c);
void handle_invoice_list(struct call *c);
void handle_payment_get(struct call *c);
void handle_payment_checkout(struct call *c);
void handle_payment_setup(struct call *c);
void handle_auto_topup_get(struct call *c);
void handle_auto_topup_put(struct call *c);
void handle_auto_topup_delete(struct call *c);
void handle_payment_methods(struct call *c);
void handle_payment_method_delete(struct call *c);
/* payments_operator.c: refunds, lines of credit, requests for credits; webhooks */
void handle_payment_refund(struct call *c);
void handle_credit_line_get(struct call *c);
void handle_credit_line_set(struct call *c);
void handle_credit_request_create(struct call *c);
void handle_credit_request_list(struct call *c);
void handle_credit_request_queue(struct call *c);
void handle_credit_request_decide(struct call *c);
void handle_webhook_stripe(struct call *c);
/* history.c */
void handle_activity(struct call *c);
void handle_generation(struct call *c);
void handle_generation_content(struct call *c);
/* generations.c */
void handle_generation_list(struct call *c);
void handle_generation_csv(struct call *c);
/* analytics.c */
void handle_analytics(struct call *c);
void handle_activity_csv(struct call *c);
void handle_activity_live(struct call *c);
void handle_retention(struct call *c);
void handle_retention_set(struct call *c);
/* trail.c: the audit trail */
void handle_audit_list(struct call *c);
void handle_audit_export(struct call *c);
void handle_audit_verify(struct call *c);
/* health.c: for anyone */
void handle_health(struct call *c);
void handle_ready(struct call *c);
void handle_alive(struct call *c);
/* transparency.c, tiles.c: the log, for anyone */
void handle_log_list(struct call *c);
void handle_log_head(struct call *c);
void handle_log_consistency(struct call *c);
void handle_log_entry(struct call *c);
void handle_log_release(struct call *c);
void handle_checkpoint(struct call *c);
void handle_tile(struct call *c);
/* openapi.c */
void handle_openapi(struct call *c);
void handle_console(struct call *c);
void handle_security_txt(struct call *c);

/* catalog.c, catalog_edits.c: the operator's catalog */
void handle_catalog(struct call *c);
void handle_catalog_versions(struct call *c);
void handle_catalog_version(struct call *c);
void handle_catalog_acks(struct call *c);
void handle_catalog_diff(struct call *c);
void handle_catalog_draft(struct call *c);
void handle_catalog_publish(struct call *c);
void handle_catalog_rollback(struct call *c);
void handle_catalog_model(struct call *c);
void handle_catalog_endpoint(struct call *c);
void handle_catalog_alias(struct call *c);
void handle_catalog_alias_delete(struct call *c);
void handle_catalog_synth(struct call *c);
void handle_catalog_synth_delete(struct call *c);
/* provider_keys_api.c */
void handle_provider_keys(struct call *c);
void handle_provider_key(struct call *c);
void handle_provider_key_create(struct call *c);
void handle_provider_key_patch(struct call *c);
void handle_provider_key_delete(struct call *c);
void handle_provider_keys_rewrap(struct call *c);
/* policy.c, dataplanes.c */
void handle_policy(struct call *c);
void handle_policy_create(struct call *c);
void handle_policy_versions(struct call *c);
void handle_policy_version(struct call *c);
void handle_dataplanes(struct call *c);
void handle_dataplane_history(struct call *c);
void handle_dataplane_drain(struct call *c);
void handle_dataplane_evict(struct call *c);
void handle_dataplane_resume(struct call *c);
/* status.c, incidents.c */
void handle_status(struct call *c);
void handle_incidents(struct call *c);
void handle_incident(struct call *c);
void handle_incident_create(struct call *c);
void handle_incident_patch(struct call *c);

#endif
