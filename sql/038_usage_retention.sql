-- What goes, and when. Usage records are kept for account.retention_days (1 to 730, 90 unless it is changed), counted in
-- whole UTC days: a partition that no account needs is dropped, and of the others the records of accounts that keep
-- less are deleted. What was removed is written down (retention_run of an account, retention_sweep of tables without
-- accounts), and what it added up to stays in usage_removed, so that the ledger's invariants hold without it.
-- docs/operations.md has the table of all retentions.

-- Sums of removed records. removed_to: none of a later day (UTC) was removed.
CREATE TABLE usage_removed (
    account_id       uuid NOT NULL REFERENCES account,
    key_id           uuid NOT NULL,
    records          bigint NOT NULL,
    cost_nusd        bigint NOT NULL,
    billed_nusd      bigint NOT NULL,
    written_off_nusd bigint NOT NULL,
    removed_to       date NOT NULL,
    PRIMARY KEY (account_id, key_id)
);
-- How many acknowledged records of a boot are no longer in any table.
ALTER TABLE boot ADD removed_records bigint NOT NULL DEFAULT 0 CHECK (removed_records >= 0);
-- Of days that are no longer in usage_day.
ALTER TABLE key_total ADD own_removed_nusd bigint NOT NULL DEFAULT 0 CHECK (own_removed_nusd >= 0);

CREATE TABLE retention_run (
    account_id uuid NOT NULL REFERENCES account,
    run_id     bigint GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL,
    what       text NOT NULL CHECK (what IN ('records', 'attempts')),
    how        text NOT NULL CHECK (how IN ('partition', 'purge')),
    removed_to date NOT NULL,
    rows       bigint NOT NULL,
    PRIMARY KEY (account_id, run_id)
);
CREATE INDEX retention_run_by_age ON retention_run (at);
CREATE TABLE retention_sweep (
    sweep_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL,
    what     text NOT NULL,
    rows     bigint NOT NULL
);
CREATE INDEX retention_sweep_by_age ON retention_sweep (at);

-- What records add up to that go, of one account, day, key and boot.
CREATE FUNCTION usage_note_removed(p_gone usage_day_kept[], p_how text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage_removed AS r
    SELECT g.account_id, g.key_id, sum(g.records), sum(g.cost_nusd), sum(g.billed_nusd), sum(g.written_off_nusd),
           max(g.day)
    FROM unnest(p_gone) g GROUP BY 1, 2
    ON CONFLICT (account_id, key_id) DO UPDATE SET records = r.records + EXCLUDED.records,
        cost_nusd = r.cost_nusd + EXCLUDED.cost_nusd, billed_nusd = r.billed_nusd + EXCLUDED.billed_nusd,
        written_off_nusd = r.written_off_nusd + EXCLUDED.written_off_nusd,
        removed_to = greatest(r.removed_to, EXCLUDED.removed_to);
    UPDATE boot b SET removed_records = b.removed_records + s.records
    FROM (SELECT g.boot_id, sum(g.records) AS records FROM unnest(p_gone) g GROUP BY 1) s
    WHERE b.boot_id = s.boot_id;
    INSERT INTO retention_run (account_id, at, what, how, removed_to, rows)
    SELECT g.account_id, ledger_now(), 'records', p_how, max(g.day), sum(g.records)
    FROM unnest(p_gone) g GROUP BY 1;
    RETURN (SELECT coalesce(sum(g.records), 0) FROM unnest(p_gone) g);
END $$;

-- A partition goes, with all that is in it: the days from p_from until before p_to. Not before everything in it is
-- rolled up (NULL then). The table is locked for an instant.
CREATE FUNCTION usage_drop(p_partition text, p_from date, p_to date) RETURNS bigint LANGUAGE plpgsql
SET lock_timeout = '250ms' AS $$
DECLARE
    gone usage_day_kept[];
BEGIN
    IF EXISTS (SELECT 1 FROM usage_batch WHERE NOT rolled AND at < p_to::timestamp AT TIME ZONE 'UTC') THEN
        RETURN NULL;
    END IF;
    EXECUTE format('DROP TABLE %I', p_partition);
    WITH g AS (DELETE FROM usage_day_kept k WHERE k.day >= p_from AND k.day < p_to RETURNING k)
    SELECT array_agg(k) INTO gone FROM g;
    RETURN usage_note_removed(gone, 'partition');
END $$;

-- At most p_max records of one partition whose accounts keep less. What is not rolled up yet waits.
CREATE FUNCTION usage_purge(p_partition text, p_max bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    gone usage_day_kept[];
BEGIN
    PERFORM set_config('tr.purge', 'on', true);
    EXECUTE format($q$
        WITH due AS (
            SELECT u.account_id, u.request_id FROM account a
            JOIN %1$I u ON u.account_id = a.account_id AND u.booked_at < usage_kept_from(a.retention_days)
            WHERE NOT EXISTS (SELECT 1 FROM usage_batch b WHERE b.batch_id = u.batch_id AND NOT b.rolled)
            LIMIT $1
        ), gone AS (
            DELETE FROM %1$I u USING due d WHERE u.account_id = d.account_id AND u.request_id = d.request_id
            RETURNING u.*
        )
        SELECT array_agg(ROW(x.*)::usage_day_kept) FROM (
            SELECT account_id, (booked_at AT TIME ZONE 'UTC')::date, key_id, boot_id, count(*),
                   sum(cost_nusd)::bigint, sum(cost_nusd - written_off_nusd)::bigint, sum(written_off_nusd)::bigint
            FROM gone GROUP BY 1, 2, 3, 4) x $q$, p_partition) INTO gone USING p_max;
    PERFORM set_config('tr.purge', '', true);
    UPDATE usage_day_kept k SET records = k.records - g.records, cost_nusd = k.cost_nusd - g.cost_nusd,
        billed_nusd = k.billed_nusd - g.billed_nusd, written_off_nusd = k.written_off_nusd - g.written_off_nusd
    FROM unnest(gone) g
    WHERE k.account_id = g.account_id AND k.day = g.day AND k.key_id = g.key_id AND k.boot_id = g.boot_id;
    DELETE FROM usage_day_kept k USING unnest(gone) g
    WHERE k.account_id = g.account_id AND k.day = g.day AND k.key_id = g.key_id AND k.boot_id = g.boot_id
      AND k.records = 0;
    RETURN usage_note_removed(gone, 'purge');
END $$;

-- Tables without accounts, and those that keep as long for everybody. What was acknowledged is counted as removed.
CREATE FUNCTION usage_sweep(p_max bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
    total bigint := 0;
    now_ timestamptz := ledger_now();
BEGIN
    WITH old AS (SELECT account_id, request_id, attempt FROM usage_attempt t JOIN account a USING (account_id)
                 WHERE t.booked_at < usage_kept_from(a.retention_days) LIMIT p_max),
    gone AS (DELETE FROM usage_attempt t USING old o WHERE t.account_id = o.account_id
             AND t.request_id = o.request_id AND t.attempt = o.attempt RETURNING t.account_id, t.booked_at),
    noted AS (INSERT INTO retention_run (account_id, at, what, how, removed_to, rows)
              SELECT account_id, now_, 'attempts', 'purge', max(booked_at AT TIME ZONE 'UTC')::date, count(*) FROM gone GROUP BY 1)
    SELECT count(*) INTO n FROM gone;
    total := total + n;

    WITH old AS (SELECT batch_id FROM usage_batch WHERE rolled AND at < now_ - interval '30 days' LIMIT p_max),
    gone AS (DELETE FROM usage_batch b USING old o WHERE b.batch_id = o.batch_id RETURNING 1)
    SELECT count(*) INTO n FROM gone;
    total := total + usage_swept('usage_batch', n);

    WITH old AS (SELECT boot_id, seq FROM usage_rejected WHERE rejected_at < now_ - interval '90 days' LIMIT p_max),
    gone AS (DELETE FROM usage_rejected r USING old o WHERE r.boot_id = o.boot_id AND r.seq = o.seq
             RETURNING r.boot_id),
    noted AS (UPDATE boot b SET removed_records = b.removed_records + s.n
              FROM (SELECT boot_id, count(*) AS n FROM gone GROUP BY 1) s WHERE b.boot_id = s.boot_id)
    SELECT count(*) INTO n FROM gone;
    total := total + usage_swept('usage_rejected', n);

    WITH old AS (SELECT boot_id, seq FROM usage_aside WHERE reason = 'refused'
                 AND aside_at < now_ - interval '730 days' LIMIT p_max),
    gone AS (DELETE FROM usage_aside r USING old o WHERE r.boot_id = o.boot_id AND r.seq = o.seq
             RETURNING r.boot_id),
    noted AS (UPDATE boot b SET removed_records = b.removed_records + s.n
              FROM (SELECT boot_id, count(*) AS n FROM gone GROUP BY 1) s WHERE b.boot_id = s.boot_id)
    SELECT count(*) INTO n FROM gone;
    total := total + usage_swept('usage_aside', n);

    WITH gone AS (DELETE FROM usage_hour WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM usage_hour WHERE hour < now_ - interval '90 days' LIMIT p_max)) RETURNING 1)
    SELECT count(*) INTO n FROM gone;
    total := total + usage_swept('usage_hour', n);

    WITH gone AS (DELETE FROM usage_day_latency WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM usage_day_latency WHERE day < (now_ AT TIME ZONE 'UTC')::date - 760 LIMIT p_max)) RETURNING 1)
    SELECT count(*) INTO n FROM gone;
    total := total + usage_swept('usage_day_latency', n);

    WITH gone AS (DELETE FROM usage_day WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM usage_day WHERE day < (now_ AT TIME ZONE 'UTC')::date - 760 LIMIT p_max))
        RETURNING account_id, key_id, own_nusd),
    noted AS (UPDATE key_total t SET own_removed_nusd = t.own_removed_nusd + s.own
              FROM (SELECT account_id, key_id, sum(own_nusd)::bigint AS own FROM gone GROUP BY 1, 2) s
              WHERE t.account_id = s.account_id AND t.key_id = s.key_id)
    SELECT count(*) INTO n FROM gone;
    total := total + usage_swept('usage_day', n);

    -- Gaps go with what is known of their boot.
    WITH old AS (SELECT b.boot_id FROM boot b WHERE b.link IS NULL AND b.last_seen < now_ - interval '730 days'
                 AND (EXISTS (SELECT 1 FROM usage_gap g WHERE g.boot_id = b.boot_id)
                      OR EXISTS (SELECT 1 FROM usage_ahead a WHERE a.boot_id = b.boot_id)) LIMIT 100),
    ahead AS (DELETE FROM usage_ahead a USING old o WHERE a.boot_id = o.boot_id RETURNING a.boot_id, a.seq),
    gone AS (DELETE FROM usage_gap g USING old o WHERE g.boot_id = o.boot_id
             RETURNING g.boot_id, g.seq_hi - g.seq_lo + 1 AS n),
    noted AS (UPDATE boot b SET removed_records = b.removed_records
                  + (SELECT coalesce(sum(g.n), 0) FROM gone g WHERE g.boot_id = b.boot_id)
                  - (SELECT count(*) FROM ahead a WHERE a.boot_id = b.boot_id AND a.seq <= b.acked_seq)
              FROM old o WHERE b.boot_id = o.boot_id)
    SELECT count(*) INTO n FROM gone;
    total := total + usage_swept('usage_gap', n);

    DELETE FROM usage_watch WHERE until < now_ - interval '1 hour';
    DELETE FROM retention_run WHERE at < now_ - interval '730 days';
    DELETE FROM retention_sweep WHERE at < now_ - interval '730 days';
    RETURN total;
END $$;
CREATE FUNCTION usage_swept(p_what text, p_rows bigint) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO retention_sweep (at, what, rows) SELECT ledger_now(), p_what, p_rows WHERE p_rows > 0;
    SELECT p_rows
$$;
CREATE INDEX usage_day_by_age ON usage_day (day);
CREATE INDEX usage_rejected_by_age ON usage_rejected (rejected_at);

-- One round: at most p_max rows of each kind, one partition dropped at most. One control plane at a time. Returns how
-- many rows went; none: there is nothing to do for an hour.
CREATE FUNCTION usage_retention(p_max bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    p record;
    n bigint := 0;
    dropped bigint;
    longest timestamptz;
    shortest timestamptz;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7310851245102805) THEN
        RETURN 0;
    END IF;
    SELECT usage_kept_from(max(retention_days)), usage_kept_from(min(retention_days)) INTO longest, shortest
    FROM account;
    FOR p IN
        SELECT x.name, (regexp_match(x.bound, $r$FROM \('([^']+)'$r$))[1]::timestamptz AS lo,
               (regexp_match(x.bound, $r$TO \('([^']+)'$r$))[1]::timestamptz AS hi
        FROM (SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
              FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
              WHERE i.inhparent = 'usage'::regclass) x ORDER BY hi
    LOOP
        CONTINUE WHEN p.lo >= shortest; -- the default partition has no bound
        IF p.hi <= longest THEN
            BEGIN
                dropped := usage_drop(p.name, coalesce((p.lo AT TIME ZONE 'UTC')::date, '-infinity'),
                                      (p.hi AT TIME ZONE 'UTC')::date);
                CONTINUE WHEN dropped IS NULL;
                RETURN n + dropped + 1;
            EXCEPTION WHEN lock_not_available THEN
                CONTINUE; -- the next round
            END;
        END IF;
        n := n + usage_purge(p.name, p_max);
        EXIT WHEN n >= p_max;
    END LOOP;
    RETURN n + usage_sweep(p_max);
END $$;

-- key_own of 023, with what is no longer in usage_day.
CREATE OR REPLACE FUNCTION key_own(p_key uuid, OUT total_nusd bigint, OUT daily_nusd bigint, OUT weekly_nusd bigint,
                        OUT monthly_nusd bigint) LANGUAGE sql STABLE AS $$
    SELECT (coalesce(sum(u.own_nusd), 0)
            + (SELECT coalesce(sum(own_removed_nusd), 0) FROM key_total WHERE key_id = p_key))::bigint,
           coalesce(sum(u.own_nusd) FILTER (WHERE u.day = n.utc::date), 0)::bigint,
           coalesce(sum(u.own_nusd) FILTER (WHERE u.day >= date_trunc('week', n.utc)::date), 0)::bigint,
           coalesce(sum(u.own_nusd) FILTER (WHERE u.day >= date_trunc('month', n.utc)::date), 0)::bigint
    FROM (SELECT ledger_now() AT TIME ZONE 'UTC' AS utc) n
    LEFT JOIN usage_day u ON u.key_id = p_key AND u.own_nusd > 0
$$;

-- What was ever booked, in sums: what is there and what was removed.
CREATE VIEW usage_ever AS
SELECT account_id, key_id, cost_nusd, from_lease_nusd + from_available_nusd AS billed_nusd, written_off_nusd FROM usage
UNION ALL
SELECT account_id, key_id, cost_nusd, billed_nusd, written_off_nusd FROM usage_removed;

-- The invariants of 034, without records whose retention is over.
CREATE VIEW ledger_violations AS
SELECT 'transfer does not sum to zero' AS invariant, t.transfer_id::text AS subject,
       coalesce(sum(p.amount_nusd), 0) AS got, 0::numeric AS want
FROM transfer t LEFT JOIN posting p USING (account_id, transfer_id)
GROUP BY t.account_id, t.transfer_id HAVING coalesce(sum(p.amount_nusd), 0) <> 0 OR count(p.*) < 2
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
FROM ledger_account a WHERE a.kind IN ('available', 'leased') AND a.balance_nusd < 0
UNION ALL
SELECT 'account lacks a ledger account', a.account_id::text, count(l.*), 9
FROM account a LEFT JOIN ledger_account l ON l.owner = a.account_id
GROUP BY a.account_id HAVING count(l.*) <> 9
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
  AND l.opened_at >= coalesce((SELECT max(r.removed_to) + 1 FROM usage_removed r WHERE r.account_id = l.account_id),
                              '-infinity'::date)
UNION ALL
SELECT 'usage spends a lease that is not there', u.lease_id::text, sum(u.from_lease_nusd), 0
FROM usage u WHERE u.from_lease_nusd > 0 AND u.booked_at >= (SELECT leases_before FROM ledger_horizon)
    AND NOT EXISTS (SELECT 1 FROM lease l WHERE l.lease_id = u.lease_id)
GROUP BY u.lease_id
UNION ALL
SELECT 'revenue is not the sum of usage', coalesce(a.owner, u.account_id)::text,
       coalesce(a.balance_nusd, 0), coalesce(u.total, 0)
FROM (SELECT owner, balance_nusd FROM ledger_account WHERE kind = 'revenue') a
FULL JOIN (SELECT account_id, sum(cost_nusd) AS total FROM usage_ever GROUP BY 1) u
    ON u.account_id = a.owner
WHERE coalesce(a.balance_nusd, 0) <> coalesce(u.total, 0)
UNION ALL
SELECT 'write-off is not the sum of usage', coalesce(a.owner, u.account_id)::text,
       -coalesce(a.balance_nusd, 0), coalesce(u.total, 0)
FROM (SELECT owner, balance_nusd FROM ledger_account WHERE kind = 'writeoff') a
FULL JOIN (SELECT account_id, sum(written_off_nusd) AS total FROM usage_ever GROUP BY 1) u
    ON u.account_id = a.owner
WHERE -coalesce(a.balance_nusd, 0) <> coalesce(u.total, 0)
UNION ALL
SELECT 'usage transfers of an account are not its usage', coalesce(u.account_id, t.account_id)::text,
       coalesce(t.total, 0), coalesce(u.total, 0)
FROM (SELECT account_id, sum(cost_nusd) AS total FROM usage_ever GROUP BY 1) u
FULL JOIN (SELECT t.account_id, sum(p.amount_nusd) AS total
           FROM transfer t JOIN posting p USING (account_id, transfer_id)
           JOIN ledger_account a ON a.owner = p.account_id AND a.ledger_account_id = p.ledger_account_id
           WHERE t.kind IN ('usage', 'fold') AND a.kind = 'revenue' GROUP BY 1) t USING (account_id)
WHERE coalesce(u.total, 0) <> coalesce(t.total, 0)
UNION ALL
SELECT 'key total is not the sum of usage', coalesce(u.key_id, t.key_id)::text,
       coalesce(t.cost_nusd, 0), coalesce(u.cost, 0)
FROM (SELECT key_id, sum(cost_nusd) AS cost, sum(billed_nusd) AS billed
      FROM usage_ever GROUP BY 1) u
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
  AND coalesce(u.day, d.day) > coalesce((SELECT max(r.removed_to) FROM usage_removed r
                                         WHERE r.key_id = coalesce(u.key_id, d.key_id)), '-infinity')
UNION ALL
SELECT 'usage names an unknown account, key or boot', u.request_id::text, 0, 0
FROM usage u
WHERE NOT EXISTS (SELECT 1 FROM api_key k WHERE k.key_id = u.key_id AND k.account_id = u.account_id)
   OR NOT EXISTS (SELECT 1 FROM boot b WHERE b.boot_id = u.boot_id)
UNION ALL
SELECT 'an acknowledged record is missing', b.boot_id::text, n.kept, b.acked_seq
FROM boot b CROSS JOIN LATERAL (
    -- A record that came although it was lost is in usage_ahead for ever: its number counts once.
    SELECT (SELECT count(*) FROM (SELECT u.seq FROM usage u WHERE u.boot_id = b.boot_id
                                  UNION ALL
                                  SELECT u.seq FROM usage_rejected u WHERE u.boot_id = b.boot_id
                                  UNION ALL
                                  SELECT u.seq FROM usage_aside u WHERE u.boot_id = b.boot_id) w
            WHERE w.seq <= b.acked_seq)
         + b.removed_records
         + (SELECT coalesce(sum(g.seq_hi - g.seq_lo + 1), 0) FROM usage_gap g
            WHERE g.boot_id = b.boot_id AND g.seq_hi <= b.acked_seq)
         - (SELECT count(*) FROM usage_ahead a WHERE a.boot_id = b.boot_id AND a.seq <= b.acked_seq) AS kept) n
WHERE n.kept <> b.acked_seq
UNION ALL
SELECT 'a record is booked and set aside', s.record ->> 'request_id', 0, 0
FROM usage_aside s JOIN usage u ON u.boot_id = s.boot_id AND u.seq = s.seq;
