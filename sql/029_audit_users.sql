-- Users and organisations in the audit trail (027). Sessions are not: signing in changes nothing that others see.
SELECT audit_on('organisation');
SELECT audit_on('app_user', '{name}');
SELECT audit_on('user_identity', '{subject}');
SELECT audit_on('membership');
SELECT audit_on('invitation', '{digest}'); -- of a token
-- A suspension is one entry, of the account, and not one for each of its keys.
SELECT audit_on('api_key', '{}', '{version,byok_version,account_active}');
