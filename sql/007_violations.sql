-- What must never be seen: one row per violated invariant. Empty in a sound ledger, after any fault.
-- Reads everything, so it belongs to tests and to an operator's nightly check.
CREATE VIEW ledger_violations AS
SELECT 'transfer does not sum to zero' AS invariant, t.transfer_id::text AS subject,
       coalesce(sum(p.amount_nusd), 0) AS got, 0::numeric AS want
FROM transfer t LEFT JOIN posting p USING (transfer_id)
GROUP BY t.transfer_id HAVING coalesce(sum(p.amount_nusd), 0) <> 0 OR count(p.*) < 2
UNION ALL
SELECT 'all postings do not sum to zero', 'ledger', sum(amount_nusd), 0 FROM posting
HAVING sum(amount_nusd) <> 0
UNION ALL
SELECT 'balance is not the sum of postings', a.ledger_account_id::text, a.balance_nusd,
       coalesce(p.total, 0)
FROM ledger_account a
LEFT JOIN (SELECT ledger_account_id, sum(amount_nusd) AS total FROM posting GROUP BY 1) p
    USING (ledger_account_id)
WHERE a.balance_nusd <> coalesce(p.total, 0)
UNION ALL
SELECT 'customer balance is negative', a.ledger_account_id::text, a.balance_nusd, 0
FROM ledger_account a WHERE a.owner IS NOT NULL AND a.balance_nusd < 0
UNION ALL
SELECT 'account lacks a ledger account', a.account_id::text, count(l.*), 2
FROM account a LEFT JOIN ledger_account l ON l.owner = a.account_id
GROUP BY a.account_id HAVING count(l.*) <> 2
UNION ALL
SELECT 'leased is not what open leases hold', a.owner::text, a.balance_nusd, coalesce(l.held, 0)
FROM ledger_account a
LEFT JOIN (SELECT account_id, sum(granted_nusd - spent_nusd - returned_nusd) AS held
           FROM lease WHERE state = 'open' GROUP BY 1) l ON l.account_id = a.owner
WHERE a.kind = 'leased' AND a.balance_nusd <> coalesce(l.held, 0)
UNION ALL
SELECT 'lease spent is not the sum of its usage', l.lease_id::text, l.spent_nusd, coalesce(u.spent, 0)
FROM lease l
LEFT JOIN (SELECT lease_id, sum(from_lease_nusd) AS spent FROM usage GROUP BY 1) u USING (lease_id)
WHERE l.spent_nusd <> coalesce(u.spent, 0)
UNION ALL
SELECT 'usage spends a lease that is not there', u.lease_id::text, sum(u.from_lease_nusd), 0
FROM usage u WHERE u.from_lease_nusd > 0
    AND NOT EXISTS (SELECT 1 FROM lease l WHERE l.lease_id = u.lease_id)
GROUP BY u.lease_id
UNION ALL
SELECT 'revenue is not the sum of usage', 'revenue', a.balance_nusd,
       (SELECT coalesce(sum(cost_nusd), 0) FROM usage)
FROM ledger_account a WHERE a.kind = 'revenue'
    AND a.balance_nusd <> (SELECT coalesce(sum(cost_nusd), 0) FROM usage)
UNION ALL
SELECT 'write-off is not the sum of usage', 'writeoff', -a.balance_nusd,
       (SELECT coalesce(sum(written_off_nusd), 0) FROM usage)
FROM ledger_account a WHERE a.kind = 'writeoff'
    AND -a.balance_nusd <> (SELECT coalesce(sum(written_off_nusd), 0) FROM usage)
UNION ALL
SELECT 'usage transfers of an account are not its usage', coalesce(u.account_id, t.account_id)::text,
       coalesce(t.total, 0), coalesce(u.total, 0)
FROM (SELECT account_id, sum(cost_nusd) AS total FROM usage GROUP BY 1) u
FULL JOIN (SELECT t.account_id, sum(p.amount_nusd) AS total
           FROM transfer t JOIN posting p USING (transfer_id)
           WHERE t.kind = 'usage' AND p.amount_nusd > 0 GROUP BY 1) t USING (account_id)
WHERE coalesce(u.total, 0) <> coalesce(t.total, 0)
UNION ALL
SELECT 'key total is not the sum of usage', coalesce(u.key_id, t.key_id)::text,
       coalesce(t.cost_nusd, 0), coalesce(u.cost, 0)
FROM (SELECT key_id, sum(cost_nusd) AS cost, sum(from_lease_nusd + from_available_nusd) AS billed
      FROM usage GROUP BY 1) u
FULL JOIN key_total t USING (key_id)
WHERE (coalesce(t.cost_nusd, 0), coalesce(t.billed_nusd, 0))
    IS DISTINCT FROM (coalesce(u.cost, 0), coalesce(u.billed, 0))
UNION ALL
SELECT 'usage days are not the sum of usage', coalesce(u.key_id, d.key_id)::text,
       coalesce(d.cost, 0), coalesce(u.cost, 0)
FROM (SELECT key_id, (booked_at AT TIME ZONE 'UTC')::date AS day, count(*) AS n,
             sum(cost_nusd) AS cost FROM usage GROUP BY 1, 2) u
FULL JOIN (SELECT key_id, day, sum(requests) AS n, sum(cost_nusd) AS cost FROM usage_day
           GROUP BY 1, 2) d USING (key_id, day)
WHERE (coalesce(d.cost, 0), coalesce(d.n, 0)) IS DISTINCT FROM (coalesce(u.cost, 0), coalesce(u.n, 0))
UNION ALL
SELECT 'usage names an unknown account, key or boot', u.request_id::text, 0, 0
FROM usage u
WHERE NOT EXISTS (SELECT 1 FROM api_key k WHERE k.key_id = u.key_id AND k.account_id = u.account_id)
   OR NOT EXISTS (SELECT 1 FROM boot b WHERE b.boot_id = u.boot_id)
UNION ALL
SELECT 'an acknowledged record is missing', b.boot_id::text, n.kept, b.acked_seq
FROM boot b CROSS JOIN LATERAL (
    SELECT (SELECT count(*) FROM usage u WHERE u.boot_id = b.boot_id AND u.seq <= b.acked_seq)
         + (SELECT count(*) FROM usage_rejected u WHERE u.boot_id = b.boot_id AND u.seq <= b.acked_seq)
           AS kept) n
WHERE n.kept <> b.acked_seq;
