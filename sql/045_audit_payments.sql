-- Automatic top-ups, refunds of payments, lines of credit and requests for credits in the audit trail (027): 040 asked for
-- audit_on() by a list of parameters that it does not have, and so left them out. When work is looked at next is not in it.
SELECT audit_on('auto_topup', '{}', '{next_at}');
SELECT audit_on('payment_refund', '{}', '{check_at,checks}');
SELECT audit_on('credit_line', '{}', '{invoice_at,moves}');
SELECT audit_on('credit_request');
